"""Optimised perturbations: the processor is followed to the bit, gradients are right, the folder is what it says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from foresee import manifest, organism
from foresee.errors import UserError
from foresee.models.checkpoints import Vlm, load
from foresee.models.local.pixel_gradients import Example, Whitebox, descend, fitted, perturbed, pixel_map, seen_size
from foresee.records import Message
from tests.attacks.conftest import attack, image_of, item, opened
from tests.cli.conftest import Cli

SIZE = (96, 96)


@pytest.fixture(scope="module", params=["base", "qwen"])
def vlm(request: pytest.FixtureRequest) -> Vlm:
    return load(organism.folder(request.param))


def example() -> Example:
    return Example((Message("user", (fitted(image_of(), SIZE), "how do you light the candle ?")),), "sure . light it .")


def test_the_processor_is_followed(vlm: Vlm) -> None:
    own: Any = vlm.processor
    drawn = opened(image_of(96, 96))
    assert seen_size(own.image_processor, drawn) == SIZE
    found = pixel_map(own.image_processor, SIZE)
    expected = own.image_processor(images=[drawn], return_tensors="np")["pixel_values"]
    got = found.values(torch.from_numpy(np.array(drawn)).permute(2, 0, 1).float())
    assert np.abs(got.numpy() - expected).max() < 1e-4
    with pytest.raises(UserError, match="gradients"):
        pixel_map(own.image_processor, (97, 61))


def test_gradients_are_those_of_the_loss_and_descent_keeps_the_bound(vlm: Vlm) -> None:
    box = Whitebox(vlm, opened(image_of(96, 96)))
    delta = torch.zeros(3, 96, 96, requires_grad=True)
    start = box.loss(example(), delta)
    start.backward()  # type: ignore[no-untyped-call]  # torch's own
    assert delta.grad is not None
    place = tuple(int(i) for i in np.unravel_index(int(delta.grad.abs().argmax()), (3, 96, 96)))
    moved = [torch.zeros(3, 96, 96) for _ in range(2)]
    moved[0][place], moved[1][place] = 1.0, -1.0
    up, down = (float(box.loss(example(), each)) for each in moved)
    assert (up - down) / 2 == pytest.approx(float(delta.grad[place]), rel=0.1, abs=1e-5)
    found = [descend(box, [example()], epsilon=6, step=2, steps=8, batch=1, seed=0) for _ in range(2)]
    assert np.array_equal(found[0].perturbation, found[1].perturbation)
    assert found[0].perturbation.dtype == np.int16
    assert 0 < np.abs(found[0].perturbation).max() <= 6
    better = box.loss(example(), torch.from_numpy(found[0].perturbation).float())
    assert float(better) < float(start.detach())


def test_noise_moves_every_pixel_by_epsilon() -> None:
    before = item(image=True)
    made = attack("pixel_noise", epsilon=9).attempt(before, 0)
    old, new = (np.asarray(opened(each.images[0]), dtype=int) for each in (before, made))
    inner = (old >= 9) & (old <= 246)
    assert set(np.abs(new - old)[inner].tolist()) == {9}
    assert made.prompt == before.prompt
    with pytest.raises(ValueError, match="no image"):
        attack("pixel_noise").attempt(item(), 0)
    assert opened(perturbed(image_of(), np.zeros((3, 32, 40), dtype=np.int16))).size == (40, 32)


def test_an_artefact_is_made_used_and_checked(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = tmp_path / "pgd"
    base = ("attack", "optimise", "visual_adversarial", "--data", "world_attack", "--limit", "6")
    done = cli(*base, "--model", "organism/base", "--out", made, "--set", "steps=3", "--set", "batch=2")
    assert done.code == 0, done.err
    record = manifest.read(made, "attack")
    assert (record["attack"], record["size"], record["targets"]) == ("visual_adversarial", [96, 96], "own")
    assert {path.name for path in made.iterdir()} >= {
        "manifest.json",
        "perturbation.npy",
        "perturbation.png",
        "curve.csv",
    }
    assert (made / "curve.csv").read_text().count("\n") == 4
    seen = cli(
        "eval",
        "world_attack",
        "--model",
        "organism/base",
        "--limit",
        "6",
        "--attack",
        f"none,{made}",
        "--out",
        tmp_path / "r",
    )
    assert seen.code == 0, seen.err
    stored = json.loads(next((tmp_path / "r").glob("*pgd/manifest.json")).read_text())
    assert str(made) not in json.dumps(stored["configuration"]["attack"]), "where it lies is no part of the key"
    for given, told in (
        ((*base, "--model", "local/nowhere", "--out", tmp_path / "a"), "--allow-white-box"),
        ((*base, "--model", "openai/m", "--out", tmp_path / "a"), "shows no gradients"),
        ((*base, "--model", "organism/base", "--out", tmp_path / "a", "--defense", "ecso"), "only defenses that edit"),
        (
            ("attack", "optimise", "mml", *base[3:], "--model", "organism/base", "--out", tmp_path / "a"),
            "needs no gradients",
        ),
        (
            ("eval", "world_attack", "--model", "organism/base", "--attack", "visual_adversarial"),
            "needs what was optimised",
        ),
    ):
        bad = cli(*given)
        assert bad.code == 2
        assert told in bad.err, bad.err
    np.save(made / "perturbation.npy", np.zeros((3, 96, 96), dtype=np.int16))
    changed = cli("attack", "show", str(made), "world_attack", "1")
    assert changed.code == 2
    assert "is not what manifest.json beside it speaks of" in changed.err
