"""Every row is looked at before the first step: bad ones are named and left out or refused, texts are only texts."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from foresee import manifest, training
from foresee.dataset_format import ROWS
from foresee.errors import UserError
from foresee.models.checkpoints.processors import load_processor
from foresee.training._common import dry_run, inspection, metrics
from foresee.training._common import rows as training_rows
from tests.training.running import DATA, settings

Spoil = Callable[[dict[str, Any], Path], None]


def copied(folder: Path, to: Path, *, row: int, spoil: Spoil, times: int = 3) -> Path:
    """The folder's rows several times over, one of which is spoilt; its line is `row` (from 1)."""
    lines = [json.loads(line) for line in (folder / ROWS).read_text().splitlines()]
    made = [{**line, "id": f"{line['id']}-{n}"} for n in range(times) for line in lines]
    (to / "images").mkdir(parents=True)
    for path in (folder / "images").iterdir():
        (to / "images" / path.name).write_bytes(path.read_bytes())
    spoil(made[row - 1], to)
    (to / ROWS).write_text("".join(json.dumps(line) + "\n" for line in made))
    return to


def new_image(values: dict[str, Any], folder: Path, image: Image.Image, *, keep: int | None = None) -> None:
    path = folder / "images" / "spoilt.png"
    image.save(path)
    if keep is not None:
        path.write_bytes(path.read_bytes()[:keep])
    values["images"] = ["images/spoilt.png"]


def cut_off(values: dict[str, Any], folder: Path) -> None:
    new_image(values, folder, Image.effect_noise((96, 96), 90).convert("RGB"), keep=3000)


def thin(values: dict[str, Any], folder: Path) -> None:
    new_image(values, folder, Image.new("RGB", (900, 3)))


def absent(values: dict[str, Any], folder: Path) -> None:
    values["images"] = ["images/nowhere.png"]


def web_page(values: dict[str, Any], folder: Path) -> None:
    (folder / "images" / "page.png").write_text("<html>not found</html>")
    values["images"] = ["images/page.png"]


@pytest.mark.parametrize("spoil", [cut_off, thin, absent, web_page])
def test_a_bad_image_is_left_out_and_named(spoil: Spoil, models: Any, folders: Any, tmp_path: Path) -> None:
    rows = training_rows.load(copied(folders["completion"], tmp_path / "data", row=21, spoil=spoil), ())
    processor = load_processor(models["qwen2_5_vl"])
    found = inspection.inspected(rows, processor, 0.05)
    assert len(found) == len(rows) - 1
    assert 21 not in found.lines
    (note,) = found.left_out
    assert note.startswith(f"{tmp_path / 'data' / ROWS}, line 21: ")
    with pytest.raises(UserError, match=r"1 of \d+ rows can't be trained on: .*line 21: .*--set bad_rows=0\.0"):
        inspection.inspected(rows, processor, 0.0)


@pytest.mark.parametrize("method", DATA)
def test_a_training_gets_past_a_bad_row(method: str, models: Any, folders: Any, tmp_path: Path) -> None:
    spoilt = copied(folders[DATA[method]], tmp_path / "data", row=11, spoil=thin)
    given = (f"data={spoilt}", "limit=40")
    config = settings(method, models, folders, tmp_path / "run", *given, kind="qwen2_5_vl")
    said: list[str] = []
    folder = training.train(method, config, report=lambda progress: said.append(progress.note))
    assert [line["step"] for line in metrics.read(folder) if "loss" in line] == [1, 2]
    data = manifest.read(folder, "training")["data"]
    assert re.search(
        r"line 11: an image of 900 x 3 pixels, which the model's processor refuses", data["rows_left_out"][0]
    )
    assert any("line 11" in note for note in said)
    assert "1 left out" in (folder / "README.md").read_text()
    assert "left out: " in dry_run.preview(method, config.model_copy(update={"out": str(tmp_path / "dry")}))
    with pytest.raises(UserError, match="line 11"):
        training.train(method, config.model_copy(update={"bad_rows": 0.0, "out": str(tmp_path / "strict")}))


SPELLED = {"qwen2_5_vl": "<|image_pad|>", "llava": "<image>"}


@pytest.mark.parametrize("kind", SPELLED)
@pytest.mark.parametrize("method", DATA)
def test_texts_that_spell_the_models_tokens_are_trained_on_as_texts(
    method: str, kind: str, models: Any, folders: Any, tmp_path: Path
) -> None:
    token = SPELLED[kind]

    def spoil(values: dict[str, Any], folder: Path) -> None:
        values["prompt"][-1]["content"] = f"what does {token} mean ? {values['prompt'][-1]['content']}"
        for name in ("completion", "chosen", "rejected"):
            for turn in values.get(name) or ():
                turn["content"] = f"\ud83d {token} {turn['content']}"

    spoilt = copied(folders[DATA[method]], tmp_path / "data", row=1, spoil=spoil, times=1)
    config = settings(method, models, folders, tmp_path / "run", f"data={spoilt}", "batch=16", "steps=1", kind=kind)
    folder = training.train(method, config)
    rewritten = manifest.read(folder, "training")["data"]["rows_rewritten"]
    assert rewritten == {f"the model's own token {token} written as plain text": 1}


@pytest.mark.parametrize(
    ("text", "images", "expected"),
    [
        ("<image>\nWhat?", 1, "What?"),
        ("What?\n<image>", 1, "What?"),
        ("<image><image>\nCompare them.", 2, "Compare them."),
        ("<image>\n<image>\nWhat?", 1, "< image>\n< image>\nWhat?"),
        ("Is <image> a token?", 1, "Is < image> a token?"),
        ("<image>\nWhat?", 0, "< image>\nWhat?"),
    ],
)
def test_the_mark_of_llavas_format(
    text: str, images: int, expected: str, models: Any, folders: Any, tmp_path: Path
) -> None:
    def spoil(values: dict[str, Any], folder: Path) -> None:
        values["prompt"][-1]["content"] = text
        values["images"] = (values["images"] * images)[:images]

    rows = training_rows.load(copied(folders["prompt"], tmp_path / "data", row=1, spoil=spoil, times=1), ())
    found = inspection.inspected(rows, load_processor(models["llava"]), 0.0)
    assert found.rows[0].request == expected
    assert sum(found.rewritten.values()) == 1
    assert found.rows[1:] == rows.rows[1:]


def test_half_a_surrogate_pair_is_replaced_when_read(folders: Any, tmp_path: Path) -> None:
    def spoil(values: dict[str, Any], folder: Path) -> None:
        values["prompt"][-1]["content"] = "bad \ud83d half"

    rows = training_rows.load(copied(folders["prompt"], tmp_path / "data", row=2, spoil=spoil, times=1), ())
    assert rows.rows[1].request == "bad \ufffd half"
