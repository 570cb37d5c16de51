"""What becomes of a finished folder: read by `datasets` and TRL, described, mixed, reviewed by a person."""

from __future__ import annotations

import json
import random
import shutil
from collections import Counter
from pathlib import Path

import pytest

from foresee import dataset_format, manifest
from foresee.curation import BuildOptions, card, make
from foresee.curation.dedup import NearDuplicates, perceptual_hash
from foresee.dataset_format import DataRow, RowWriter, Turn
from foresee.errors import UserError
from tests.curation.conftest import Cli, drawn


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Folders of the drawn world: recipe -> folder. Copied before they are changed."""
    root = tmp_path_factory.mktemp("made")
    options = BuildOptions(parquet=True)
    make("threat_vqa", {"source": "world", "examples": 3}, root / "vqa", options=options)
    make("preference_pairs", {"source": "world", "examples": 5}, root / "pairs")
    make("consequence_pairs", {"source": "world", "examples": 3}, root / "consequences")
    return {path.name: path for path in root.iterdir()}


@pytest.fixture
def own(made: dict[str, Path], tmp_path: Path) -> dict[str, Path]:
    return {name: Path(shutil.copytree(path, tmp_path / name)) for name, path in made.items()}


def test_load_dataset_opens_the_folders_as_they_are(made: dict[str, Path], tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    rows = list(dataset_format.read(made["vqa"]))
    packed = datasets.load_dataset(str(made["vqa"]), split="train", cache_dir=str(tmp_path))
    assert len(packed) == len(rows)
    assert packed[0]["images"][0].size == (96, 96)
    plain = datasets.load_dataset(str(made["consequences"]), split="train", cache_dir=str(tmp_path))
    assert plain[0]["images"][0].startswith("images/")
    assert plain[0]["facts"]["kind"] == "hazard"


def test_plain_trl_trains_on_a_folder(made: dict[str, Path], tmp_path: Path) -> None:
    trl = pytest.importorskip("trl")
    from foresee.models import checkpoints
    from foresee.organism.world import language
    from tests.support.tiny_models import build, word_tokenizer

    words = word_tokenizer("llava", language.vocabulary())
    small = {"image_size": 96, "patch_size": 32, "hidden": 32, "layers": 1, "vision_hidden": 16, "vision_layers": 1}
    model = checkpoints.load(str(build("llava", tmp_path / "model", tokenizer=words, **small)))
    rows = list(dataset_format.read(made["vqa"]))[:8]
    arguments = trl.SFTConfig(
        output_dir=str(tmp_path / "out"),
        max_steps=2,
        per_device_train_batch_size=4,
        max_length=None,
        report_to=[],
        use_cpu=True,
        save_strategy="no",
        logging_steps=1,
    )
    trainer = trl.SFTTrainer(
        model=model.model,
        args=arguments,
        train_dataset=dataset_format.to_dataset(made["vqa"], rows),
        processing_class=model.processor,
    )
    trainer.train()
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    assert len(losses) == 2
    assert all(0 < loss < 100 for loss in losses)


def test_cards_count_name_sources_and_show_examples_that_stay_text(own: dict[str, Path], cli: Cli) -> None:
    hostile = "``` \n# Not a heading <script>alert(1)</script> | a cell"
    with RowWriter.open(own["vqa"]) as writer:
        turns = (Turn(role="user", content=hostile),), (Turn(role="assistant", content="yes"),)
        writer.add(DataRow(id="x", prompt=turns[0], completion=turns[1], subset=hostile, licence="CC-BY-4.0"))
    found = cli("data", "card", own["vqa"])
    text = (own["vqa"] / "README.md").read_text(encoding="utf-8")
    assert found.out.strip().endswith("README.md")
    assert 'license: other\nlicense_name: "mixed, see below"' in text
    assert "| foresee threat\\_vqa, drawn world |" in text or "| foresee threat_vqa, drawn world |" in text
    assert "````text" in text, "a fence that the text can't end"
    assert "\\<script\\>" in text
    assert cli("data", "card", own["vqa"].parent).code == 2


def test_a_mix_keeps_its_proportions_and_comes_out_the_same(own: dict[str, Path], tmp_path: Path, cli: Cli) -> None:
    general = tmp_path / "general.jsonl"
    pairs = [{"text": f"question {n}?", "answer": f"answer {n}"} for n in range(60)]
    general.write_text("".join(json.dumps(pair) + "\n" for pair in pairs))
    for name in ("one", "two"):
        found = cli("data", "mix", own["vqa"], general, "--weights", "1,3", "--rows", 40, "--out", name, "--seed", 5)
        assert found.code == 0, found.err
    assert (tmp_path / "one" / "rows.jsonl").read_bytes() == (tmp_path / "two" / "rows.jsonl").read_bytes()
    rows = list(dataset_format.read(tmp_path / "one"))
    assert Counter(row.id.split("/")[0] for row in rows) == {"vqa": 10, "general": 30}
    assert Counter(row.id.split("/")[0] for row in rows[:8]) == {"vqa": 2, "general": 6}, "evenly spread"
    assert dataset_format.check(tmp_path / "one").images > 0
    assert manifest.read(tmp_path / "one", "data set")["taken"] == {"vqa": 10, "general": 30}
    assert cli("data", "mix", own["vqa"], general, "--weights", "1,3", "--out", "one").code == 2, "another mix"
    assert "different kinds" in cli("data", "mix", own["vqa"], own["pairs"], "--out", "three").err
    assert "ask for fewer" in cli("data", "mix", own["vqa"], general, "--rows", 900, "--out", "four").err
    assert "expected 2 numbers" in cli("data", "mix", own["vqa"], general, "--weights", "1", "--out", "five").err


def test_a_set_that_is_too_small_says_so_and_can_be_repeated(tmp_path: Path, cli: Cli) -> None:
    for name, count in (("small", 3), ("large", 20)):
        lines = [json.dumps({"text": f"{name} {n}?", "answer": f"answer {n}"}) + "\n" for n in range(count)]
        (tmp_path / f"{name}.jsonl").write_text("".join(lines))
    ask = ("data", "mix", "small.jsonl", "large.jsonl", "--weights")
    refused = cli(*ask, "1,0.2", "--out", "none")
    assert refused.code == 2
    assert "the 3 of small leave less than one row for large (it has 20)" in refused.err
    assert "--repeat" in refused.err
    done = cli(*ask, "1,2", "--out", "mixed", "--repeat")
    assert done.code == 0, done.err
    rows = list(dataset_format.read(tmp_path / "mixed"))
    assert Counter(row.id.split("/")[0] for row in rows) == {"small": 10, "large": 20}
    texts = Counter(row.prompt[0].content for row in rows)
    assert [texts[f"small {n}?"] for n in range(3)] in ([4, 3, 3], [3, 4, 3], [3, 3, 4])
    assert len({row.id for row in rows}) == 30


def test_decisions_are_applied_and_recorded(own: dict[str, Path], tmp_path: Path, cli: Cli) -> None:
    from foresee.curation.review import fingerprint

    folder = own["consequences"]
    before = list(dataset_format.read(folder))
    decisions = {
        before[0].id: {"action": "drop", "row": fingerprint(before[0]), "note": "not a hazard"},
        before[2].id: {"action": "fix", "row": fingerprint(before[2]), "text": {"request": "how do i do it ?"}},
        before[3].id: {"action": "keep", "row": fingerprint(before[3])},
    }
    path = tmp_path / "decisions.json"
    path.write_text(json.dumps({"review": 1, "data_set": "x", "decisions": decisions}))
    found = cli("curate", "review", folder, "--apply", path)
    assert "1 kept, 1 fixed, 1 dropped, 3 not decided on" in found.out
    after = {row.id: row for row in dataset_format.read(folder)}
    assert before[0].id not in after
    assert after[before[2].id].request == "how do i do it ?"
    review = manifest.read(folder)["review"]
    assert review["fixed"][before[2].id]["before"] == {"request": before[2].request}
    assert review["notes"] == {before[0].id: "not a hazard"}
    assert before[0].id in (folder / "review" / "dropped.jsonl").read_text()
    released = (folder / "release" / "rows.jsonl").read_text()
    assert before[0].id not in released
    assert "how do i do it ?" in released
    assert "1 more were dropped" in (folder / "README.md").read_text()
    assert "has changed since it was reviewed" in cli("curate", "review", folder, "--apply", path).err
    again = make("consequence_pairs", {"source": "world", "examples": 3}, folder)
    assert again.new == 0
    assert again.drops["dropped in review"] == 1
    assert manifest.read(folder)["review"]["dropped"] == [before[0].id]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "not JSON"),
        ('{"review": 9, "decisions": {}}', "review"),
        ('{"review": 1, "decisions": {"nobody": {"action": "drop", "row": "0"}}}', "belong to another data set"),
        ('{"review": 1, "decisions": {"a": {"action": "burn", "row": "0"}}}', "decisions.a.action"),
    ],
)
def test_decisions_that_do_not_fit_change_nothing(
    content: str, said: str, own: dict[str, Path], tmp_path: Path, cli: Cli
) -> None:
    before = (own["vqa"] / "rows.jsonl").read_bytes()
    (tmp_path / "d.json").write_text(content)
    found = cli("curate", "review", own["vqa"], "--apply", tmp_path / "d.json")
    assert found.code == 2
    assert said in found.err
    assert (own["vqa"] / "rows.jsonl").read_bytes() == before
    assert sorted(path.name for path in own["vqa"].iterdir() if path.name.startswith(".rows")) == []


def test_a_folder_in_use_is_left_alone(own: dict[str, Path]) -> None:
    with RowWriter.open(own["vqa"]), pytest.raises(UserError, match="in use by another process"):
        RowWriter.open(own["vqa"])


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA"])
def test_the_perceptual_hash_is_that_of_imagehash(mode: str) -> None:
    import imagehash
    from PIL import Image

    rng = random.Random(mode)
    for _ in range(25):
        size = (rng.randint(8, 300), rng.randint(8, 300))
        picture = Image.effect_mandelbrot(size, (-2, -1.2, rng.random(), 1.2), 50).convert(mode)
        noisy = Image.blend(picture.convert("L"), Image.effect_noise(size, 90), rng.random()).convert(mode)
        for each in (picture, noisy):
            assert perceptual_hash(each) == int(str(imagehash.phash(each)), 16)


def test_near_duplicates_agree_with_comparing_all(tmp_path: Path) -> None:
    import io

    from PIL import Image

    base, other = (perceptual_hash(Image.open(io.BytesIO(drawn(number, 64)))) for number in (1, 2))
    for distance in (0, 4, 12, 32):
        found = NearDuplicates(distance)
        found.add("a" * 64, base, "one")
        for bits in (0, 1, distance, distance + 1, 40):
            near = base ^ sum(1 << (bit * 37 % 64) for bit in range(bits))
            assert (found.like(near, "two") == "one") is (bits <= distance)
            assert found.like(near, "one") is None, "what belongs together is not compared"
        assert (found.like(other, "two") is not None) is ((base ^ other).bit_count() <= distance)


def test_a_card_can_be_made_for_a_folder_made_by_hand(tmp_path: Path) -> None:
    with RowWriter.open(tmp_path / "hand") as writer:
        name = writer.store(drawn(3))
        writer.add(DataRow(id="a", images=(name,), prompt=(Turn(role="user", content="what is it?"),)))
    text = card.write(tmp_path / "hand").read_text(encoding="utf-8")
    assert "1 row with 1 distinct image." in text
    program = text.split("```python\n")[1].split("```")[0]
    exec("\n".join(line for line in program.splitlines() if line.startswith(("import", "from"))))
    assert "No licence is stated for these rows." in text
    assert f"![image]({name})" in text


def test_a_former_name_is_accepted_with_a_hint() -> None:
    import foresee.curation

    with pytest.warns(DeprecationWarning, match="is now ModelCalls"):
        assert foresee.curation.Desk is foresee.curation.ModelCalls
    with pytest.raises(AttributeError):
        _ = foresee.curation.Bench
