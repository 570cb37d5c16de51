"""Published layouts with a damaged or made-up file: items, or one line for the user, of each benchmark and label set.

Layouts are whole folders, whose reading costs milliseconds: a tenth of the inputs of other readers.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

import pytest

from foresee import plugins
from foresee.config import from_pairs
from foresee.data import check
from foresee.errors import UserError
from foresee.labels import mossbench, xstest
from tests.benchmarks.conftest import parquet, png, png_bytes, write
from tests.benchmarks.conftest import table as csv
from tests.benchmarks.test_layouts import SCENARIOS
from tests.benchmarks.test_ood_mmsafe import KETTLE, TWIN
from tests.fuzz.conftest import Fuzz
from tests.fuzz.drawing import changed, damaged, text
from tests.labels.test_label_sets import MSTS_ROW, XSTEST_ROW

Content = list[dict[str, Any]] | dict[str, Any] | str
CELL = {"bytes": b"", "path": "1.png"}  # the bytes are put in where it is written
FIGSTEP = {
    "dataset": "F", "category_id": "1", "task_id": "1", "category_name": "c", "question": "q", "instruction": "i",
}  # fmt: skip
MM = {"Question": "q", "Changed Question": "c", "Key Phrase": "k", "Phrase Type": "t", "Rephrased Question": "r"}
MM_VET = {"imagename": "1.png", "question": "How many?", "answer": "2<OR>two", "capability": ["ocr", "math"]}
SIUO = {"question_id": 1, "image": "1.png", "question": "May I?", "category": "c", "safety_warning": "w"}
CHAT = {"safe_image_path": "1.png", "unsafe_image_path": "2.png", "Type": "t", "intent": "i", "queries": ["How?"]}
ROBOT = {
    "task": "t", "category": "c", "safe": "1.png", "unsafe": "2.png",
    "safe_instructions": ["Heat it."], "unsafe_instructions": ["Burn it."],
}  # fmt: skip
VLGUARD = {
    "id": "1", "image": "1.png", "safe": False, "harmful_category": "c", "harmful_subcategory": "s",
    "instr-resp": [{"instruction": "q", "response": "a"}],
}  # fmt: skip
VLSBENCH = {"instruction_id": 0, "instruction": "q", "image_path": "1.png", "category": "c", "sub_category": "s"}
MSTS = {
    "hazard_category": "h", "hazard_subcategory": "", "hazard_subsubcategory": "", "case_id": "case_0001",
    "case_text": "?", "unsafe_image_id": "1", "unsafe_image_description": "d", "prompt_text": "p",
    "prompt_type": "assistance",
}  # fmt: skip
POPE = {"question_id": 1, "image": "1.png", "text": "Is there a dog in the image?", "label": "yes"}
MMMU = {
    "id": "validation_Math_1", "question": "Compare <image 1>.", "options": "['3', '4']", "answer": "B",
    "question_type": "multiple-choice", "topic_difficulty": "Easy", "image_1": CELL,
    **{f"image_{n}": None for n in range(2, 8)},
}  # fmt: skip
IFEVAL = {
    "key": 1, "prompt": "p", "instruction_id_list": ["punctuation:no_comma", "length_constraints:number_words"],
    "kwargs": [{}, {"num_words": 3, "relation": "at least"}],
}  # fmt: skip
SPA_VL = {"image": CELL, "question": "q", "class1": "a", "class2": "b", "class3": "c"}
MOSSBENCH = {"1": {"image": "images/1.png", "question": "q", "metadata": {"over": "type 1"}}}
COMPLETION = {
    "test_case": "t", "generation": "g", "human_0": 1, "human_1": 0, "human_2": 1, "cls": "1", "model": "m",
    "method": "a",
}  # fmt: skip
ANNOTATED = "data/response_annotations/english_multimodal.csv"


class Layout(NamedTuple):
    """Files of a published folder; of several that are alike, one is enough."""

    kind: Literal["benchmarks", "labels"]
    name: str
    files: Mapping[str, Content]
    options: tuple[str, ...] = ()


LAYOUTS = (
    Layout(
        "benchmarks",
        "figstep",
        {
            "data/question/SafeBench-Tiny.csv": [FIGSTEP],
            "data/question/benign_sentences_without_harmful_phase.csv": [{"sentence": "Ways to *."}],
        },
        ("variant=tiny",),
    ),
    Layout("benchmarks", "mm_safetybench", {f"data/processed_questions/{name}.json": {"0": MM} for name in SCENARIOS}),
    Layout("benchmarks", "spa_vl", {f"test/{split}-0.parquet": [SPA_VL] for split in ("harm", "help")}),
    Layout("benchmarks", "mm_vet", {"mm-vet.json": {"v1_0": MM_VET}}),
    Layout("benchmarks", "siuo", {"siuo_gen.json": [{**SIUO, "reference_answer": "No."}]}),
    Layout(
        "benchmarks",
        "siuo",
        {"siuo_mcqa.json": [{**SIUO, "options": dict.fromkeys("ABCD", "o"), "correct_option": "B"}]},
        ("part=mcqa",),
    ),
    Layout("benchmarks", "mossbench", {"data/images_information/information.json": MOSSBENCH}),
    Layout("benchmarks", "mssbench", {"combined.json": {"chat": [CHAT], "embodied": [ROBOT]}}),
    Layout("benchmarks", "vlguard", {"test.json": [VLGUARD]}),
    Layout("benchmarks", "vlsbench", {"data.json": [VLSBENCH]}),
    Layout("benchmarks", "msts", {"data/prompts/english_multimodal.csv": [MSTS]}),
    Layout(
        "benchmarks",
        "pope",
        {
            f"coco_pope_{subset}.json": json.dumps(POPE) + "\n" + json.dumps({**POPE, "question_id": 2}) + "\n"
            for subset in ("random", "popular", "adversarial")
        },
    ),
    Layout("benchmarks", "mmmu", {"Math/validation-0.parquet": [MMMU]}),
    Layout("benchmarks", "mmsafeaware", {"data/prompt.txt": '1\nIs it safe?\n"A cup."\n\n2\nIs it?\n"A cat."\n'}),
    Layout("benchmarks", "ood_mmsafe", {"items.jsonl": [KETTLE, TWIN]}),
    Layout("benchmarks", "xstest", {"xstest_prompts.csv": [{"id": "1", "prompt": "p", "type": "t", "label": "safe"}]}),
    Layout("benchmarks", "ifeval", {"input_data.jsonl": [IFEVAL]}),
    Layout(
        "labels",
        "harmbench",
        {
            "data/classifier_val_sets/text_behaviors_val_set.json": {"b": [COMPLETION]},
            "data/behavior_datasets/harmbench_behaviors_text_all.csv": [{"BehaviorID": "b", "Behavior": "x"}],
        },
    ),
    Layout(
        "labels",
        "mossbench",
        {
            "data/images_information/information.json": MOSSBENCH,
            f"data/results/{next(iter(mossbench.SOURCE['expected']))}/data.js": "cache['m'] = "
            + json.dumps({"1": {"response": "No."}}),
        },
    ),
    Layout("labels", "msts", {ANNOTATED: [MSTS_ROW]}),
    Layout(
        "labels",
        "xstest",
        {f"model_completions/xstest_v2_completions_{model}.csv": [XSTEST_ROW] for model in xstest.MODELS},
    ),
)
ROWS_OF_TABLES = (".csv", ".parquet")
KEYS = ("id", "image", "question", "prompt", "label", "bytes", "path", "safe", "response", "kwargs", "options")


def _filled(value: Any, picture: bytes) -> Any:
    """Put the picture into each cell of a table that has one."""
    if isinstance(value, dict):
        return {key: picture if key == "bytes" else _filled(inner, picture) for key, inner in value.items()}
    return [_filled(inner, picture) for inner in value] if isinstance(value, list) else value


def _put(path: Path, content: Content, picture: bytes) -> None:
    if isinstance(content, list) and path.suffix == ".csv":
        csv(path, content)
    elif isinstance(content, list) and path.suffix == ".parquet":
        parquet(path, _filled(content, picture))
    else:
        write(path, content)


def _came_of(layout: Layout, folder: Path) -> str:
    """Say what came of reading: "read", or what the user is told; any other error is raised."""
    module = plugins.load(layout.kind, layout.name)
    options = from_pairs(module.Options, layout.options, what=layout.name)
    read = module.items if layout.kind == "benchmarks" else module.rows
    try:
        list(read(folder, options))
    except UserError as problem:
        return str(problem)
    return "read"


def _check_says(layout: Layout, folder: Path) -> str:
    """Say what came of `foresee data check`."""
    try:
        check.check(layout.name, folder)
    except UserError as problem:
        return str(problem)
    return "checked"


@pytest.fixture
def laid_out(place: Path) -> Path:
    png(place / "f/images/1.png", 1)
    return place / "f"


def _lay_out(layout: Layout, folder: Path) -> bytes:
    picture = png_bytes(3, folder.parent)
    for name, content in layout.files.items():
        _put(folder / name, content, picture)
    if layout.name == "mmsafeaware":
        png(folder / "data/images/1.png", 1)
    return picture


def _known(layout: Layout) -> str:
    return f"{layout.kind} {layout.name} {' '.join(layout.options)}".strip()


@pytest.mark.parametrize("layout", LAYOUTS, ids=_known)
def test_what_is_damaged_below_is_sound_as_it_stands(layout: Layout, laid_out: Path) -> None:
    _lay_out(layout, laid_out)
    assert _came_of(layout, laid_out) == "read"


@pytest.mark.parametrize("layout", LAYOUTS, ids=_known)
def test_a_layout_with_another_file_is_read_or_refused_in_one_line(layout: Layout, laid_out: Path, fuzz: Fuzz) -> None:
    picture = _lay_out(layout, laid_out)
    sound = {name: (laid_out / name).read_bytes() for name in layout.files}
    first = next(iter(layout.files))

    def check_one(rng: random.Random) -> None:
        name = first if rng.random() < 0.5 else rng.choice(list(layout.files))
        content = layout.files[name]
        if isinstance(content, str) or Path(name).suffix in ROWS_OF_TABLES or rng.random() < 0.3:
            (laid_out / name).write_bytes(damaged(rng, sound[name]))
        else:
            (laid_out / name).write_text(_lines(name, changed(rng, content, KEYS)), encoding="utf-8")
        if rng.random() < 0.3 and Path(name).suffix in ROWS_OF_TABLES:
            rows = [{key: _cell(rng, name, value) for key, value in row.items()} for row in layout.files[name]]  # type: ignore[union-attr]
            _put(laid_out / name, rows, picture)
        said = [_came_of(layout, laid_out)]
        if layout.kind == "benchmarks" and rng.random() < 0.05:
            said.append(_check_says(layout, laid_out))
        assert all(said)
        (laid_out / name).write_bytes(sound[name])

    fuzz(check_one, share=0.1)


def _lines(name: str, content: Any) -> str:
    if name.endswith(".jsonl") and isinstance(content, list):
        return "".join(json.dumps(row) + "\n" for row in content)
    return json.dumps(content)


def _cell(rng: random.Random, name: str, value: Any) -> Any:
    """Draw another value of a table's cell, of a kind that such a file can hold."""
    if rng.random() < 0.7:
        return value
    drawn = text(rng, 4).encode("utf-8", "replace").decode()
    return drawn if name.endswith(".csv") else rng.choice((drawn, None, 1.5, [drawn], CELL))
