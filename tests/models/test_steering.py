"""Vectors in hidden states: the rules by hand, what is fitted, and that folders fit one model alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from foresee.defenses import open_defense
from foresee.defenses._shared import vectors
from foresee.defenses._shared.vectors import FitSettings, States
from foresee.defenses.hidden_detect import fit as fit_detector
from foresee.errors import UserError
from foresee.models.local import steering
from tests.cli.conftest import Cli, cli  # noqa: F401  (fixtures)
from tests.models.conftest import folders  # noqa: F401


def test_the_rules_by_hand() -> None:
    import torch

    states, origin = torch.tensor([[3.0, 4.0], [0.0, -1.0]]), torch.tensor([0.0, 0.0])
    v = torch.tensor([2.0, 0.0])
    assert steering.along(states, origin, v).tolist() == [1.5, 0.0]
    assert steering.added(states, v, 0.5).tolist() == [[4.0, 4.0], [1.0, -1.0]]
    # |h| = 5, cos = 0.6: 3 along the unit vector is taken out at strength 1; what does not lie along v stays.
    assert torch.allclose(steering.astra(states, origin, v, 1.0), torch.tensor([[0.0, 4.0], [0.0, -1.0]]))
    assert torch.allclose(steering.astra(-states, origin, v, 9.0), -states), "what points the other way stays"
    assert torch.equal(steering.astra(states, states, v, 9.0), states), "what is at the origin stays"
    cosine = steering.refusal_cosine(torch.tensor([3.0, 4.0, 0.0, 0.0]), [0, 1])
    assert float(cosine) == pytest.approx(7 / (5 * 2**0.5))
    assert steering.area(torch.tensor([[1.0, 2.0, 4.0]])).tolist() == [4.5]
    assert steering.area(torch.tensor([[3.0]])).tolist() == [3.0]


def test_a_threshold_lets_through_all_but_the_stated_share() -> None:
    import torch

    benign = torch.arange(100.0)
    for share, caught in ((0.05, 5), (0.001, 0), (0.5, 50)):
        assert int((benign >= vectors.threshold(benign, share)).sum()) == caught
    ties = torch.tensor([1.0] * 10)
    assert int((ties >= vectors.threshold(ties, 0.3)).sum()) == 0, "ties are all let through"
    assert vectors.auc(torch.tensor([2.0, 1.0]), torch.tensor([1.0, 0.0])) == 0.875


def states(count: int = 200) -> States:
    """Three layers; the second alone tells the sides apart, along the first axis."""
    import torch

    made = torch.Generator().manual_seed(3)
    drawn = torch.randn(count, 3, 8, generator=made)
    positive = torch.arange(count) % 2 == 0
    drawn[:, 1, 0] += 6.0 * positive
    head = torch.zeros(8, 40)
    head[0, :5] = 1  # five tokens are the first axis, the others lie across it
    head[1:, 5:] = 0.3 * torch.randn(7, 35, generator=made)
    return States(drawn, positive, torch.arange(count) % 4 < 2, lambda given: given @ head)


def test_the_layer_that_tells_the_sides_apart_is_found() -> None:
    found = vectors.direction(states(), FitSettings(false_alarms=0.02))
    assert found.facts["layer"] == 1
    assert found.facts["caught"] == 1.0
    assert float(found.tensors["direction"][0]) == pytest.approx(6, abs=0.5)
    assert vectors.direction(states(), FitSettings(layer=0)).facts["layer"] == 0
    with pytest.raises(UserError, match="this model has 3 decoder layers"):
        vectors.direction(states(), FitSettings(layer=3))
    with pytest.raises(UserError, match="two positive and two negative"):
        vectors.direction(states(4), FitSettings())


def test_a_detector_is_fitted_to_layers_and_tokens() -> None:
    import torch

    given = states()
    given.vectors[:, 2, 0] += 2.0 * given.positive  # the last layer knows a little, the second more
    found = fit_detector(given, FitSettings())
    assert set(found.facts["tokens"]) == set(range(5))  # type: ignore[arg-type]
    assert (found.facts["first"], found.facts["last"]) == (1, 1)
    assert isinstance(found.facts["auc"], float)
    assert found.facts["auc"] > 0.9
    assert torch.isfinite(found.tensors["figures"]).all()


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    rows = [
        {"id": f"{n}", "prompt": f"{'Break' if n % 2 else 'Bake'} the thing number {n}", "expected": side}
        for n in range(40)
        for side in ["harmful" if n % 2 else "benign"]
    ]
    path = tmp_path / "mine.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.mark.parametrize("name", ["refusal_direction", "astra", "hidden_detect"])
def test_a_defense_is_fitted_used_and_refuses_another_model(
    name: str,
    cli: Cli,  # noqa: F811
    labelled: Path,
    folders: Any,  # noqa: F811
) -> None:
    model, other = f"local/{folders('llava')}", f"local/{folders('qwen2_5_vl')}"
    done = cli("defense", "fit", name, "--model", model, "--data", labelled, "--out", "v")
    assert done.code == 0, done.err
    record = json.loads(Path("v/manifest.json").read_text())
    assert (record["kind"], record["defense"], record["counts"]) == ("vectors", name, {"positive": 20, "negative": 20})

    def evaluate(tested: str, *more: object) -> Any:
        return cli(
            "eval", "jsonl", "--data", labelled, "--no-judge", "--max-tokens", 4, "--limit", 4, "--format", "json",
            "--model", tested, "--defense", name, "-S", "vectors=v", *more,
        )  # fmt: skip

    assert evaluate(model).code == 0, "its own model"
    refused = evaluate(other)
    assert refused.code == 2
    assert "these vectors were fitted to a model with the weights" in refused.err
    Path("v/vectors.safetensors").write_bytes(b"x")
    broken = evaluate(model)
    assert broken.code == 2
    assert "is not the file that was fitted" in broken.err


def test_an_attack_makes_the_pairs(cli: Cli, labelled: Path, folders: Any) -> None:  # noqa: F811
    model = f"local/{folders('llava')}"
    done = cli("defense", "fit", "astra", "--model", model, "--data", labelled, "--attack", "encodings", "--out", "v")
    assert done.code == 0, done.err
    record = json.loads(Path("v/manifest.json").read_text())
    assert record["counts"] == {"positive": 20, "negative": 20}, "the harmful ones, attacked and plain"
    assert list(record["attack"]) == ["encodings"]


def test_strength_zero_is_plain_and_a_copy_of_the_folder_is_the_same_defense(
    cli: Cli,  # noqa: F811
    labelled: Path,
    folders: Any,  # noqa: F811
) -> None:
    import shutil

    import foresee

    model = f"local/{folders('llava')}"
    assert cli("defense", "fit", "astra", "--model", model, "--data", labelled, "--out", "v").code == 0
    for out, more in {"none": (), "zero": ("-S", "strength=0"), "much": ("-S", "strength=20")}.items():
        defended = ("--defense", "astra", "-S", "vectors=v", *more) if out != "none" else ()
        done = cli("eval", "jsonl", "--data", labelled, "--no-judge", "--max-tokens", 6, "--limit", 6, "--model", model,
                   "--out", out, *defended)  # fmt: skip
        assert done.code == 0, done.err
    texts = {out: [row.answer.text for row in foresee.read_run(Path(out)).rows] for out in ("none", "zero", "much")}
    assert texts["zero"] == texts["none"]
    assert texts["much"] != texts["none"]
    shutil.copytree("v", "w")
    one, two = (open_defense("astra", {"vectors": folder}) for folder in "vw")
    assert one is not None
    assert two is not None
    assert one.identity == two.identity


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("ecso", "--model", "MODEL", "--data", "mine.jsonl"), "ecso has nothing to fit; those that have: astra"),
        (("astra", "--model", "MODEL", "--data", "mine.jsonl", "--by", "subset"), "no item's subset is harmful"),
        (("astra", "--model", "custom/a", "-M", "base_url=http://127.0.0.1:9/v1", "--data", "mine.jsonl"),
         "shows no hidden states"),
        (("astra", "--model", "MODEL", "--data", "mine.jsonl", "--set", "false_alarms=2"), "less than 1"),
        (("nobody", "--model", "MODEL", "--data", "mine.jsonl"), "no defense named"),
    ],
)  # fmt: skip
def test_what_can_not_be_fitted_is_said(
    arguments: tuple[str, ...],
    complaint: str,
    cli: Cli,  # noqa: F811
    labelled: Path,
    folders: Any,  # noqa: F811
) -> None:
    given = [f"local/{folders('llava')}" if word == "MODEL" else word for word in arguments]
    done = cli("defense", "fit", *given, "--out", "v")
    assert done.code == 2
    assert complaint in " ".join(done.err.split())
    assert not Path("v").exists()


def test_vectors_are_asked_for() -> None:
    with pytest.raises(UserError, match="astra needs vectors of the model: foresee defense fit astra"):
        open_defense("astra")
