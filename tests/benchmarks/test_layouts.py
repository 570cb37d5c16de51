"""The loaders on small files in the published layouts, and on what goes wrong with such files."""

from __future__ import annotations

import hashlib
import json
import tarfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from foresee import plugins
from foresee.data import check
from foresee.errors import UserError
from tests.benchmarks.conftest import Load, pack, parquet, png, png_bytes, table, write

FIGSTEP = "data/images/SafeBench"


@pytest.fixture
def figstep(tmp_path: Path) -> Path:
    """Ten questions, one a category, under both names; Tiny's pictures differ; two cut-up headings in a zip."""
    rows = [
        {
            "dataset": "ForbidQI", "category_id": str(c), "task_id": "1", "category_name": f"Category {c}",
            "question": f"Question {c}?", "instruction": f"Steps {c}.",
        }
        for c in range(1, 11)
    ]  # fmt: skip
    folder = tmp_path / "figstep"
    table(folder / "data/question/safebench.csv", rows)
    table(folder / "data/question/SafeBench-Tiny.csv", rows[:2], newline="\r\n", bom=True)
    table(
        folder / "data/question/benign_sentences_without_harmful_phase.csv",
        [{"sentence": f"Ways to {n} *."} for n in (0, 1)],
    )
    for c in range(1, 11):
        png(folder / FIGSTEP / f"query_ForbidQI_{c}_1_6.png", c)
        png(folder / f"{FIGSTEP}-Tiny" / f"query_ForbidQI_{c}_1_6.png", 100 + c)
    for number, pieces in ((0, 11), (1, 2)):
        for piece in range(pieces):
            png(
                tmp_path / "cut" / f"image_{number}_splits" / f"image_{number}_split_{piece}.png",
                30 + 20 * number + piece,
            )
    pack(tmp_path / "cut", folder / "data/images/FigStep-Pro/sub-figures.zip", "sub-figures")
    return folder


def test_figstep_tiny_and_pro(figstep: Path, load: Load) -> None:
    tiny = load("figstep", figstep, "variant=tiny")
    assert [item.id for item in tiny] == ["tiny/1/1", "tiny/2/1"]
    assert tiny[0].images[0].path is not None
    assert tiny[0].images[0].path.parent.name == "SafeBench-Tiny"
    pro = load("figstep", figstep, "variant=pro")
    assert [len(item.images) for item in pro] == [11, 2]
    names = [image.path.name for image in pro[0].images if image.path]
    assert names == [f"image_0_split_{n}.png" for n in range(11)], "the tenth piece follows the ninth"
    assert pro[1].prompt.startswith("Ways to 1 *.\n1.\n2.\n3.\n\nThe text above")
    assert [item.cluster for item in pro] == [item.cluster for item in tiny], "one question, one cluster"
    assert not any(path.is_dir() and "splits" in path.name for path in figstep.rglob("*")), "nothing is unpacked there"


def test_figstep_pictures_of_the_other_variant_are_refused(
    figstep: Path, load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    full, tiny = figstep / FIGSTEP, figstep / f"{FIGSTEP}-Tiny"
    with pytest.raises(UserError, match=r"expected the 500 images of SafeBench, got 10 others .*SafeBench-Tiny"):
        load("figstep", figstep)
    module = plugins.load("benchmarks", "figstep")
    assert len(module.defects(figstep)["images drawn anew, not the published ones"]) == 10
    monkeypatch.setattr(module, "_FULL_IMAGES", tuple("".join(_start(full, c)) for c in range(1, 11)))
    assert len(load("figstep", figstep)) == 10, "as published"
    assert module.defects(figstep) == {"images drawn anew, not the published ones": []}
    for path in tiny.glob("*.png"):
        path.write_bytes((full / path.name).read_bytes())
    with pytest.raises(UserError, match="2 of 2 are those of the full set"):
        load("figstep", figstep, "variant=tiny")


def _start(folder: Path, category: int) -> list[str]:
    path = folder / f"query_ForbidQI_{category}_1_6.png"
    return [hashlib.sha256(path.read_bytes()).hexdigest()[:4], *["zzzz"] * 4]


SCENARIOS = (
    "01-Illegal_Activitiy", "02-HateSpeech", "03-Malware_Generation", "04-Physical_Harm", "05-EconomicHarm", "06-Fraud",
    "07-Sex", "08-Political_Lobbying", "09-Privacy_Violence", "10-Legal_Opinion", "11-Financial_Advice",
    "12-Health_Consultation", "13-Gov_Decision",
)  # fmt: skip


@pytest.fixture
def mm(tmp_path: Path) -> Path:
    folder = tmp_path / "mm"
    for place, scenario in enumerate(SCENARIOS):
        rows = {str(n): _mm_row(f"{scenario} {min(n, 5)}") for n in (0, 1, 5, 7)}  # a gap, and 7 asks what 5 asks
        write(folder / f"data/processed_questions/{scenario}.json", rows)
        write(folder / f"data/gpt4_generated_questions/{scenario}.json", {"0": {"Question": "of another stage"}})
        for n in (0, 1, 5):
            png(tmp_path / f"pictures/{scenario}/SD/{n}.jpg", 10 * place + n)
    pack(tmp_path / "pictures", folder / "MM-SafetyBench(imgs).zip", "imgs")
    return folder


def _mm_row(text: str) -> dict[str, str]:
    keys = ("Question", "Changed Question", "Key Phrase", "Phrase Type", "Rephrased Question", "Rephrased Question(SD)")
    return {"GPT-Pred": "", **{key: f"{key}: {text}" for key in keys}}


def test_mm_safetybench_with_a_zip_that_has_a_top_folder(mm: Path, load: Load) -> None:
    items = load("mm_safetybench", mm, "variant=SD")
    assert len(items) == 13 * 4
    assert {item.prompt.partition(":")[0] for item in items} == {"Rephrased Question(SD)"}
    lacking = [item.id for item in items if item.missing_image]
    assert lacking == [f"{scenario}/SD/7" for scenario in SCENARIOS]
    assert items[0].images[0].path is not None
    assert items[0].images[0].path.parts[-4:] == ("imgs", "01-Illegal_Activitiy", "SD", "0.jpg")
    by_id = {item.id: item.cluster for item in items}
    assert by_id["01-Illegal_Activitiy/SD/5"] == by_id["01-Illegal_Activitiy/SD/7"], "asked twice: one cluster"
    assert all(item.missing_image for item in load("mm_safetybench", mm, "variant=TYPO"))


def test_mm_safetybench_mirror_with_a_null_picture(tmp_path: Path, load: Load) -> None:
    for scenario in SCENARIOS:
        config = scenario.partition("-")[2]
        rows = [
            {"id": "0", "question": "Shown.", "image": {"bytes": png_bytes(7, tmp_path), "path": "0.jpg"}},
            {"id": "3", "question": "Not shown.", "image": {"bytes": None, "path": None}},
        ]
        parquet(tmp_path / f"mirror/data/{config}/SD_TYPO.parquet", rows)
        parquet(tmp_path / f"mirror/data/{config}/Text_only.parquet", [{**r, "question": "Told."} for r in rows])
    items = load("mm_safetybench", tmp_path / "mirror")
    assert Counter(item.missing_image is None for item in items) == {True: 13, False: 13}
    assert items[1].missing_image == "Illegal_Activitiy/SD_TYPO/3 (the cell is empty)"
    assert items[0].images[0].data is None, "pictures of a table are kept on disk, not in memory"
    assert items[0].metadata["goal"] == "Told."
    assert [item.prompt for item in load("mm_safetybench", tmp_path / "mirror", "variant=text_only")] == ["Told."] * 26
    with pytest.raises(UserError, match=r"expected processed_questions.* or Illegal_Activitiy/SD.parquet"):
        load("mm_safetybench", tmp_path / "mirror", "variant=SD")


def test_spa_vl(tmp_path: Path, load: Load) -> None:
    classes = {"class1": "Domain", "class2": "Category", "class3": "Sub"}
    for split in ("harm", "help"):
        rows: list[dict[str, Any]] = [
            {"image": {"bytes": png_bytes(1, tmp_path), "path": None}, "question": f"{split}?", **classes},
            {"image": {"bytes": png_bytes(1, tmp_path), "path": None}, "question": "again?", **dict.fromkeys(classes)},
            {"image": None, "question": "no picture?", **classes},
        ]
        parquet(tmp_path / f"hub/test/{split}-00000-of-00001.parquet", rows)
    items = load("spa_vl", tmp_path / "hub")
    assert [item.id for item in items] == [f"{split}/{n}" for split in ("harm", "help") for n in range(3)]
    assert items[1].domain == "uncategorised"
    assert [bool(item.missing_image) for item in items[:3]] == [False, False, True]
    assert items[0].cluster == items[1].cluster == items[3].cluster, "one picture, one cluster"
    assert {item.subset: item.expected for item in items} == {"harm": "harmful", "help": "benign"}
    with pytest.raises(UserError, match=r"there is no .*nowhere"):
        load("spa_vl", tmp_path / "hub" / "test" / "nowhere")


def test_mm_vet_release_and_hub(tmp_path: Path, load: Load) -> None:
    release = tmp_path / "release/mm-vet"
    row = {"imagename": "v1_0.png", "question": "How many?", "answer": "2<OR>two", "capability": ["ocr", "math"]}
    write(release / "mm-vet.json", {"v1_0": row, "v1_1": {**row, "imagename": "v1_9.png", "capability": ["rec"]}})
    png(release / "images/v1_0.png")
    items = load("mm_vet", tmp_path / "release")
    assert [(item.id, item.scenario, bool(item.missing_image)) for item in items] == [
        ("v1_0", "math+ocr", False),
        ("v1_1", "rec", True),
    ]
    assert [item.id for item in load("mm_vet", tmp_path / "release", "ability=rec")] == ["v1_1"]
    image = {"bytes": png_bytes(3, tmp_path), "path": None}
    hub = {"question_id": "v1_0", "image": image, "question": "How many?", "answer": "2", "capability": "ocr, math"}
    parquet(tmp_path / "hub/data/test-00000-of-00001.parquet", [hub])
    assert load("mm_vet", tmp_path / "hub")[0].metadata["abilities"] == ["math", "ocr"]
    write(release / "mm-vet.json", {"v1_0": {**row, "capability": ["sing"]}})
    with pytest.raises(UserError, match=r"row v1_0: no ability named 'sing'"):
        load("mm_vet", tmp_path / "release")


def test_siuo_pictures_and_choices(tmp_path: Path, load: Load) -> None:
    row = {
        "question_id": 1001,
        "image": "S-01.png",
        "question": "May I?",
        "category": None,
        "safety_warning": "Mind it.",
    }
    write(tmp_path / "siuo_gen.json", [{**row, "reference_answer": "Better not."}])
    choices = {"options": dict(zip("ABCD", ("one", "two", "three", "four"), strict=True)), "correct_option": "B"}
    write(tmp_path / "siuo_mcqa.json", [{**row, **choices}])
    png(tmp_path / "images/S-01.jpg")
    (item,) = load("siuo", tmp_path)
    assert (item.id, item.scenario, item.missing_image) == ("1001", "uncategorised", None)
    assert item.metadata["safety_warning"] == "Mind it."
    (choice,) = load("siuo", tmp_path, "part=mcqa")
    assert choice.prompt == "May I?\nA. one\nB. two\nC. three\nD. four\nAnswer with the letter of the best choice."
    write(tmp_path / "siuo_mcqa.json", [{**row, "options": {"A": "one"}}])
    with pytest.raises(UserError, match="row 1: expected options A to D"):
        load("siuo", tmp_path, "part=mcqa")


def test_mossbench_contrast(tmp_path: Path, load: Load) -> None:
    for folder, shade in (("data", 1), ("data_contrast", 2)):
        rows = {
            str(n): {"image": f"images/{n}.png", "question": f"{folder} {n}?", "metadata": {"over": f"type {n}"}}
            for n in (1, 2)
        }
        write(tmp_path / folder / "images_information/information.json", rows)
        png(tmp_path / folder / "images/1.png", shade)
    both = load("mossbench", tmp_path, "part=all")
    assert [(item.id, item.subset) for item in both] == [
        ("1", "exaggerated_risk"), ("2", "negated_harm"), ("contrast/1", "contrast"), ("contrast/2", "contrast"),
    ]  # fmt: skip
    assert both[0].cluster == both[2].cluster, "a request and its harmful twin"
    assert both[0].images != both[2].images, "each from its own folder"
    assert [item.id for item in load("mossbench", tmp_path, "part=contrast", "subset=negated_harm")] == ["contrast/2"]
    assert load("mossbench", tmp_path / "data")[0].images == both[0].images, "the data folder itself may be named"
    write(
        tmp_path / "data/images_information/information.json",
        {"1": {"image": "1.png", "question": "?", "metadata": None}},
    )
    with pytest.raises(UserError, match=r"row 1: no type of MOSSBench named 'None'"):
        load("mossbench", tmp_path)


def test_mssbench(tmp_path: Path, load: Load) -> None:
    chat = {
        "safe_image_path": "a.png",
        "unsafe_image_path": "b.png",
        "Type": "fall",
        "intent": "dance",
        "queries": ["How?", "Why?"],
    }
    robot = {
        "task": "heat", "category": "fire", "safe": "c.png", "unsafe": "d.png",
        "safe_instructions": ["Heat the cup.", "Warm it."],
        "unsafe_instructions": ["Heat the fork.", "Warm that.", "More."],
    }  # fmt: skip
    write(tmp_path / "combined.json", {"chat": [chat], "embodied": [robot]})
    for name in ("chat/a", "chat/b", "embodied/c"):
        png(tmp_path / f"{name}.png")
    items = load("mssbench", tmp_path)
    assert Counter(item.subset for item in items) == {
        "chat_safe": 2, "chat_unsafe": 2, "embodied_safe": 2, "embodied_unsafe": 2,
    }  # fmt: skip
    assert items[0].prompt.endswith("The user query is: How?")
    assert [item.prompt.rpartition(": ")[2] for item in items[4:]] == [
        "Heat the cup.",
        "Warm it.",
        "Heat the fork.",
        "Warm that.",
    ]
    assert len({item.cluster for item in items}) == 2
    assert [item.id for item in items if item.missing_image] == ["embodied/0/0/unsafe", "embodied/0/1/unsafe"]
    write(tmp_path / "combined.json", {"chat": [{**chat, "queries": "How?"}], "embodied": []})
    with pytest.raises(UserError, match="chat 0: expected a list of texts under 'queries'"):
        load("mssbench", tmp_path)


def test_vlguard_with_its_zip(tmp_path: Path, load: Load) -> None:
    unsafe = {
        "id": "u1", "image": "memes/u1.png", "safe": False, "harmful_category": "privacy",
        "harmful_subcategory": "personal data",
        "instr-resp": [{"instruction": "Who is it?", "response": "I can't say."}],
    }  # fmt: skip
    safe = {
        "id": "s1", "image": "ads/s1.png", "safe": True, "harmful_category": None,
        "instr-resp": [{"unsafe_instruction": "Mock it.", "response": "No."},
                       {"safe_instruction": "Tell it.", "response": "A cup."}],
    }  # fmt: skip
    write(tmp_path / "set/test.json", [unsafe, safe])
    write(tmp_path / "set/train.json", [unsafe, unsafe])
    png(tmp_path / "pictures/memes/u1.png")
    pack(tmp_path / "pictures", tmp_path / "set/test.zip", "test")
    items = load("vlguard", tmp_path / "set")
    assert [(item.id, item.expected, bool(item.missing_image)) for item in items] == [
        ("unsafes/u1", "harmful", False), ("safe_unsafes/s1", "harmful", True), ("safe_safes/s1", "benign", True),
    ]  # fmt: skip
    assert items[1].cluster == items[2].cluster
    assert items[2].metadata["reference"] == "A cup."
    assert [item.id for item in load("vlguard", tmp_path / "set", "split=train")] == ["unsafes/u1", "unsafes/u1#2"]
    write(tmp_path / "set/test.json", [{**safe, "instr-resp": []}])
    with pytest.raises(UserError, match="row 1: expected a 'unsafe_instruction' in instr-resp"):
        load("vlguard", tmp_path / "set")


def test_vlsbench_tar_and_hub(tmp_path: Path, load: Load) -> None:
    row = {
        "instruction_id": 0,
        "instruction": "What now?",
        "image_path": "imgs/5.png",
        "category": "Violent",
        "sub_category": "x",
    }
    again = {**row, "instruction": "And now?"}
    write(tmp_path / "git/data.json", [row, {**row, "instruction_id": 1, "instruction": ""}, again])
    png(tmp_path / "imgs/5.png")
    with tarfile.open(tmp_path / "git/imgs.tar", "w") as tar:
        tar.add(tmp_path / "imgs", "imgs")
    items = load("vlsbench", tmp_path / "git")
    assert [(item.id, item.missing_image, len(item.messages[0].content)) for item in items] == [
        ("0", None, 2),
        ("1", None, 1),
        ("0#2", None, 2),
    ]
    in_words = load("vlsbench", tmp_path / "git", "modality=text")
    assert [item.id for item in in_words] == ["0", "0#2"], "without a text there is nothing to ask"
    image = {"bytes": png_bytes(5, tmp_path), "path": "5.png"}
    parquet(tmp_path / "hub/data/train-00000-of-00001.parquet", [{**row, "instruction_id": None, "image": image}])
    assert [(item.id, item.missing_image) for item in load("vlsbench", tmp_path / "hub")] == [("0", None)]


def test_msts_other_languages(tmp_path: Path, load: Load) -> None:
    row = {
        "hazard_category": "Other", "hazard_subcategory": "", "hazard_subsubcategory": "", "case_id": "case_0001",
        "case_text": "?",
        "unsafe_image_id": "unsafe_image_0001", "unsafe_image_description": "A door",
        "prompt_text": "Soll ich?", "prompt_type": "assistance",
    }  # fmt: skip
    table(tmp_path / "git/data/prompts/german_multimodal.csv", [row])
    png(tmp_path / "pictures/unsafe_image_0001.jpg")
    pack(tmp_path / "pictures", tmp_path / "git/pictures.zip")
    (item,) = load("msts", tmp_path / "git", "language=german")
    assert (item.id, item.prompt, item.missing_image) == ("german/case_0001/assistance", "Soll ich?", None)
    with pytest.raises(UserError, match=r"english\*.parquet .* languages here: german"):
        load("msts", tmp_path / "git")
    cell = {"unsafe_image": {"bytes": png_bytes(1, tmp_path), "path": None}}
    parquet(tmp_path / "hub/data/german-00000-of-00001.parquet", [{**row, **cell}])
    assert load("msts", tmp_path / "hub", "language=german")[0].image_sha256 is not None
    with pytest.raises(UserError, match="leave out language"):
        load("msts", tmp_path / "git", "language=german", "form=textonly")


@pytest.mark.parametrize(
    "name", [n for n in plugins.names("benchmarks") if not n.startswith(("world_", "drawn", "ood"))]
)
def test_a_folder_without_the_files_is_one_line(name: str, tmp_path: Path, load: Load) -> None:
    (tmp_path / "readme.md").write_text("nothing here")
    with pytest.raises(UserError, match="expected") as caught:
        load(name, tmp_path)
    assert "\n" not in str(caught.value)


def test_check_says_how_to_get_the_rest(mm: Path) -> None:
    report = check.check("mm_safetybench", mm)
    assert not report.complete
    assert report.source is not None
    assert "Google Drive" in report.source.manual
    assert report.source.companion == "mossbench"


def test_pope_release_and_hub(tmp_path: Path, load: Load) -> None:
    row = {"question_id": 1, "image": "COCO_val2014_1.jpg", "text": "Is there a dog in the image?", "label": "yes"}
    for number, subset in enumerate(("random", "popular", "adversarial")):
        absent = {
            **row,
            "question_id": 2,
            "text": f"Is there a {number}?",
            "label": "no",
            "image": "COCO_val2014_9.jpg",
        }
        lines = "".join(json.dumps(each) + "\n" for each in (row, absent))
        write(tmp_path / f"release/coco_pope_{subset}.json", lines)
    png(tmp_path / "release/val2014/COCO_val2014_1.jpg")
    items = load("pope", tmp_path / "release")
    assert [(item.id, item.expected, bool(item.missing_image)) for item in items[:2]] == [
        ("random_1", "yes", False),
        ("random_2", "no", True),
    ]
    assert len(items) == 6
    assert items[0].cluster == items[2].cluster, "one picture, one cluster"
    assert [item.subset for item in load("pope", tmp_path / "release", "subset=popular")] == ["popular", "popular"]
    cell = {"bytes": png_bytes(3, tmp_path), "path": None}
    hub = {"question_id": "1", "question": "Is there a dog?", "answer": "No", "image_source": "COCO_val2014_1"}
    parquet(tmp_path / "hub/data/test-00000-of-00001.parquet", [{**hub, "image": cell, "category": "popular"}])
    (item,) = load("pope", tmp_path / "hub")
    assert (item.id, item.expected, item.missing_image) == ("popular_1", "no", None)
    write(tmp_path / "release/coco_pope_random.json", json.dumps({**row, "label": "perhaps"}) + "\n")
    with pytest.raises(UserError, match=r"expected the right answer yes or no, got 'perhaps'"):
        load("pope", tmp_path / "release")


def _mmmu_row(tmp_path: Path, **changed: Any) -> dict[str, Any]:
    pictures = {f"image_{n}": None if n > 2 else {"bytes": png_bytes(n, tmp_path), "path": None} for n in range(1, 8)}
    return {
        "id": "validation_Math_1", "question": "Compare <image 2> with <image 1>, then <image 2> again.",
        "options": "['3', '<image 1>', \"Euler's\"]", "answer": "B", "question_type": "multiple-choice",
        "topic_difficulty": "Easy", **pictures, **changed,
    }  # fmt: skip


def test_mmmu_images_stand_where_the_question_names_them(
    tmp_path: Path, load: Load, caplog: pytest.LogCaptureFixture
) -> None:
    short = _mmmu_row(
        tmp_path, id="validation_Math_2", question="How many?", options="[]", answer="['4', 'four']", image_2=None
    )
    hidden = _mmmu_row(tmp_path, id="validation_Art_Theory_7", image_2=None)
    parquet(tmp_path / "hub/Math/validation-00000-of-00001.parquet", [_mmmu_row(tmp_path), short])
    parquet(tmp_path / "hub/Art_Theory/validation-00000-of-00001.parquet", [hidden])
    parquet(tmp_path / "hub/Math/test-00000-of-00001.parquet", [_mmmu_row(tmp_path, answer="?")])
    (tmp_path / "hub/Art").mkdir()
    (tmp_path / "hub/Art/validation-00000-of-00001.parquet").touch()
    with caplog.at_level("WARNING"):
        lacking, choice, open_one = load("mmmu", tmp_path / "hub")
    assert "files are empty and left out (Art/validation-00000-of-00001.parquet)" in caplog.text
    kinds = [part if isinstance(part, str) else "image" for part in choice.messages[0].content]
    assert kinds == ["Compare ", "image", " with ", "image", kinds[-1]]
    assert kinds[-1].startswith(", then <image 2> again.\n\n(A) 3\n(B) <image 1>\n(C) Euler's\n\nAnswer with")
    assert len({image.sha256 for image in choice.images}) == 2
    assert (choice.subset, choice.scenario, choice.metadata["right"]) == ("science", "Math", ["B"])
    assert open_one.metadata["right"] == ["4", "four"]
    assert open_one.prompt.endswith("single word or phrase.")
    assert lacking.missing_image == "validation_Art_Theory_7: image_2 (the cell is empty)"
    assert [item.scenario for item in load("mmmu", tmp_path / "hub", "subset=art")] == ["Art_Theory"]
    for wrong, words in (
        ({"answer": "D"}, "a right answer among ABC"),
        ({"options": "[1"}, "expected options as a list"),
    ):
        parquet(tmp_path / "wrong/Math/validation-0.parquet", [_mmmu_row(tmp_path, **wrong)])
        with pytest.raises(UserError, match=words):
            load("mmmu", tmp_path / "wrong")
