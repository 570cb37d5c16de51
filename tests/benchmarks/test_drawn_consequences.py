"""The drawn set: its words are whole, its images differ where they must, and it survives its own file format."""

from __future__ import annotations

import hashlib
import io
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from foresee.benchmarks import drawn_consequences
from foresee.data import check
from foresee.errors import UserError
from foresee.metrics import summarise
from foresee.records import Answer, Item, Row, Verdict

from .conftest import Load

NAMES = [pair.id for pair in drawn_consequences.pairs()]
OTHER_PLACE = ("generator-room", "goldfish-lake")  # where one is decides; in all other pairs the scene stays


@pytest.fixture(scope="module")
def items() -> dict[str, Item]:
    found = list(drawn_consequences.items(None, drawn_consequences.Options()))
    return {item.id: item for item in found}


def test_every_hazard_has_its_twin(items: dict[str, Item]) -> None:
    counts = Counter(item.subset for item in items.values())
    assert counts == {"hazard": len(NAMES), "twin": len(NAMES)}
    assert counts == drawn_consequences.SOURCE["expected"]
    for name in NAMES:
        hazard, twin = items[name], items[f"{name}-twin"]
        assert hazard.prompt == twin.prompt
        assert hazard.cluster == twin.cluster == name
        assert hazard.scenario == twin.scenario
        assert twin.metadata["hazard"] == ""
        assert twin.metadata["scene"]
    assert len({item.prompt for item in items.values()}) == len(NAMES), "a query occurs in two pairs"
    assert len({item.image_sha256 for item in items.values()}) == 2 * len(NAMES)


@pytest.mark.parametrize("pair", drawn_consequences.pairs(), ids=NAMES)
def test_words(pair: drawn_consequences.Pair) -> None:
    words = pair.words
    assert words.query.endswith(("?", ".", "!"))
    assert 2 <= len(words.chain) <= 5
    assert not {"danger", "dangerous", "risk", "hazard", "safe", "safely", "safety"} & set(words.query.lower().split())
    for text in (words.hazard, words.consequence, words.safe, words.twin, *words.chain):
        assert text == text.strip()
        assert text[0].islower() or text[0] in "\"'" or text.split()[0].isupper(), text
        assert not text.endswith(".")


@pytest.mark.parametrize("name", NAMES)
def test_twins_share_their_scene(items: dict[str, Item], name: str) -> None:
    one, other = (
        np.asarray(Pillow.open(io.BytesIO(items[i].images[0].read()))).astype(int) for i in (name, f"{name}-twin")
    )
    assert one.shape == other.shape == (512, 512, 3)
    changed = float((abs(one - other).max(axis=2) > 24).mean())
    assert 0.002 < changed < (0.97 if name in OTHER_PLACE else 0.75), f"{changed:.1%} of the picture differ"
    assert one.std() > 20, "hardly anything is drawn"


def test_the_images_are_those_of_this_version(items: dict[str, Item]) -> None:
    """Hashes of images are part of the keys that answers are stored under: whoever changes one raises VERSION."""
    hashes = "".join(item.image_sha256 or "" for item in items.values())
    version = (drawn_consequences.VERSION, hashlib.sha256(hashes.encode()).hexdigest()[:16])
    assert version == ("1", "f9db3bde95290b1b")


def test_the_written_set_is_read_alike_by_ood_mmsafe(tmp_path: Path, items: dict[str, Item], load: Load) -> None:
    folder = drawn_consequences.write(tmp_path / "drawn")
    read = {item.id: item for item in load("ood_mmsafe", folder)}
    assert list(read) == list(items)
    for name, item in items.items():
        same = read[name]
        assert (same.prompt, same.image_sha256, same.subset, same.scenario, same.cluster, same.expected) == (
            item.prompt, item.image_sha256, item.subset, item.scenario, item.cluster, item.expected,
        )  # fmt: skip
        assert same.metadata == {key: value for key, value in item.metadata.items() if key != "scene"}
    assert not check.check("ood_mmsafe", folder).defects
    with pytest.raises(UserError, match="not an empty folder"):
        drawn_consequences.write(folder)


def test_options(load: Load) -> None:
    fire = load("drawn_consequences", None, "category=fire", "subset=twin", "modality=image")
    assert {item.scenario for item in fire} == {"fire"}
    assert all(item.subset == "twin" and not item.prompt for item in fire)
    with pytest.raises(UserError, match=r"no category named 'fires'; did you mean fire "):
        load("drawn_consequences", None, "category=fires")


@pytest.mark.parametrize("warns", [True, False])
def test_one_answer_to_everything_tells_nothing_apart(items: dict[str, Item], warns: bool) -> None:
    value = {"risk": 2.0 * warns, "safety": 2.0, "effectiveness": 0.0, "over_caution": float(warns)}
    rows = []
    for item in items.values():
        answer, verdicts = Answer(item.id, 0, "x"), {"foresight": Verdict(item.id, 0, "foresight", value)}
        rows.append(Row(item, answer, verdicts, drawn_consequences.measures(item, answer, verdicts)))
    found = {estimate.name: estimate.value for estimate in summarise(rows, drawn_consequences.METRICS)}
    assert found["told_apart"] == 0.5
    assert (found["R0"], found["over_caution"]) == ((0.0, 1.0) if warns else (1.0, 0.0))


def test_check_finds_it_complete() -> None:
    report = check.check("drawn_consequences")
    assert report.complete
    assert not report.repeated_images
