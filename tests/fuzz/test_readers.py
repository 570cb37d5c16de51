"""Readers of files on damaged and made-up content: a value or one line for the user, never another error.

A crash of pyarrow (a segfault) ends the whole run.
"""

from __future__ import annotations

import base64
import io
import json
import random
import shutil
import tarfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image as Pillow

from foresee import manifest
from foresee.benchmarks import jsonl
from foresee.config import read_toml
from foresee.curation import review
from foresee.curation.inputs import read_items as curated_items
from foresee.data.archives import unpack
from foresee.data.images import inspect_bytes, load_rgb, require_whole
from foresee.data.tables import read_rows
from foresee.dataset_format.rows import numbered_rows
from foresee.errors import UserError
from foresee.evaluation.plan import Plan, plan
from foresee.evaluation.run_folder import read_items
from foresee.evaluation.stored_answers import read_answers
from foresee.evaluation.study import _record as cell
from foresee.evaluation.study import read_study
from foresee.human_labels import agreement, saved
from foresee.judges import JudgeChoice
from foresee.judges._model import template
from foresee.labels._sets import read_labels
from foresee.models.checkpoints.integrity import check_configuration
from foresee.runner.journal import Journal, read_records
from foresee.training._common import metrics
from tests.fuzz.conftest import Fuzz
from tests.fuzz.drawing import changed, damaged

ROWS: list[dict[str, Any]] = [
    {"id": str(n), "prompt": f"hello {n}", "response": "No.", "expected": "safe", "label": "none"} for n in range(3)
]
KEYS = (
    "id", "epoch", "answer", "weight", "value", "rows", "prompt", "response", "image", "images", "expected",
    "reference", "messages", "status", "turns", "metadata", "label", "error", "finish_reason", "p_yes", "cluster",
    "role", "content", "bytes", "path",
)  # fmt: skip


def _encoded(rows: list[dict[str, Any]], ending: str) -> bytes:
    if ending == ".jsonl":
        return "".join(json.dumps(row) + "\n" for row in rows).encode()
    if ending == ".json":
        return json.dumps(rows).encode()
    if ending == ".csv":
        lines = [list(rows[0]), *(list(row.values()) for row in rows)]
        return "".join(",".join(f'"{cell}"' for cell in line) + "\n" for line in lines).encode()
    made, buffer = pa.Table.from_pylist(rows), io.BytesIO()
    if ending == ".parquet":
        pq.write_table(made, buffer)
    else:
        with pa.ipc.new_stream(buffer, made.schema) as writer:
            writer.write_table(made)
    return buffer.getvalue()


STUDY = (
    b'title = "t"\nmodels = ["organism/base"]\nbenchmarks = ["xstest"]\n'
    b'headline = ["xstest.x"]\nseeds = [1, 2]\n[[cells]]\nname = "a"\n'
)
TEMPLATE = (
    b'judge = "harmful"\nprompt = "Q: {request} A: {answer}"\nsource = "x"\n'
    b'[[read]]\nname = "harmful"\npattern = "(safe|unsafe)"\nvalues = { safe = 0, unsafe = 1 }\n'
)
SEAL = {"id": "1", "epoch": 0, "answer": "k", "cluster": "c", "stratum": "s", "weight": 1.5, "value": "full"}
SAVED = {
    "kind": "foresee labels",
    "format": saved.FORMAT,
    "sheet": "s",
    "judge": "refusal",
    "run": {"benchmark": "b", "folder": "f"},
    "labels": {"1#0": {"refusal": "full"}},
    "sealed": {"rows": {"1#0": SEAL}, "judge_models": ["m"]},
}
DATA_ROW = {
    "id": "1",
    "prompt": [{"role": "user", "content": "hello"}],
    "completion": [{"role": "assistant", "content": "x"}],
}
ITEM = {"id": "1", "messages": [{"role": "user", "content": ["hello"]}], "metadata": {"a": 1}}
ANSWER = {"item_id": "1", "epoch": 0, "text": "No."}
VERDICT = {"item_id": "1", "epoch": 0, "judge": "j", "value": 1.0}
JOURNAL = [
    {"journal": 1, "configuration": {"a": 1}},
    {"kind": "answer", "key": "k", "record": ANSWER},
    {"kind": "verdict", "key": "v", "record": VERDICT},
]
MANIFEST = {"kind": "evaluation", "benchmark": "b", "model": "m", "configuration": {}, "usage": {"input_tokens": 1}}
AGREED = {
    "kind": agreement.KIND,
    "rows": [
        {
            "id": "1", "epoch": 0, "answer": "k", "cluster": "c", "stratum": "s", "weight": 1.0,
            "human": {"refusal": "full"}, "judge": "full", "measures": {"refused": [1.0, None]},
        }
    ],
}  # fmt: skip
DECISIONS = {"review": 1, "decisions": {"1": {"action": "keep", "row": "0" * 16}}}
CONFIG = {"model_type": "llama", "text_config": {"attn_implementation": "sdpa"}}


def _journal(path: Path) -> None:
    list(read_records(path))
    with Journal.open(path, {"a": 1}) as journal:
        journal.get("answer", "k")


def _each(read: Callable[[Path], Iterator[Any]]) -> Callable[[Path], Any]:
    return lambda path: list(read(path))


def _own(path: Path) -> None:
    list(jsonl.items(path, jsonl.Options()))


def _json(content: Any) -> bytes:
    return json.dumps(content).encode()


def _saved(content: Any) -> bytes:
    """Encode what a page saves; what it carries along unseen is in base 64."""
    if isinstance(content, dict) and "sealed" in content:
        content = {**content, "sealed": base64.b64encode(_json(content["sealed"])).decode()}
    return _json(content)


def _lines(*content: Any) -> bytes:
    return b"".join(_json(line) + b"\n" for line in content)


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    """What the stored answers belong to."""
    path = tmp_path_factory.mktemp("planned") / "d.jsonl"
    path.write_bytes(_encoded(ROWS, ".jsonl"))
    return plan("jsonl", data=path, judging=JudgeChoice(off=True))


Reader = Callable[[Path], Any]
TABLES = (".jsonl", ".json", ".csv", ".parquet", ".arrow")
READERS: Mapping[str, tuple[str, bytes, Reader]] = {
    **{f"table{ending}": (f"t{ending}", _encoded(ROWS, ending), _each(read_rows)) for ending in TABLES},
    **{f"own questions{ending}": (f"t{ending}", _encoded(ROWS, ending), _own) for ending in (".jsonl", ".csv")},
    "label set": ("l.jsonl", _encoded(ROWS, ".jsonl"), lambda path: read_labels(str(path))),
    "data set rows": ("rows.jsonl", _json(DATA_ROW), _each(numbered_rows)),
    "inputs of curation": ("t.jsonl", _encoded(ROWS, ".jsonl"), _each(curated_items)),
    "settings": ("s.toml", STUDY, read_toml),
    "study": ("s.toml", STUDY, read_study),
    "template": ("t.toml", TEMPLATE, template.load),
    "saved labels": ("l.json", _saved(SAVED), agreement.compare),
    "agreement": ("a.json", _json(AGREED), agreement.load),
    "decisions": ("d.json", _json(DECISIONS), review._read),
    "journal": ("journal.jsonl", _lines(*JOURNAL), _journal),
    "manifest": ("manifest.json", _json(MANIFEST), lambda path: manifest.read(path.parent, "evaluation")),
    "items": ("items.jsonl", _json({"item": ITEM, "keys": ["k"]}), lambda path: list(read_items(path.parent))),
    "cell of a study": ("cell.json", b'{"is": {"a": 1}, "runs": ["r"]}', lambda path: cell(path.parent)),
    "metrics of a training": (metrics.FILE, _lines({"step": 1, "loss": 0.5}), lambda path: metrics.read(path.parent)),
    "configuration of a model": ("config.json", _json(CONFIG), check_configuration),
}


def _came_of(read: Callable[[Any], Any], given: Any) -> str:
    """Say what came of reading: "read", or what the user is told; any other error is raised."""
    try:
        read(given)
    except UserError as problem:
        return str(problem)
    return "read"


@pytest.mark.parametrize("reader", READERS)
def test_what_is_damaged_below_is_sound_as_it_stands(reader: str, place: Path) -> None:
    name, sound, read = READERS[reader]
    (place / name).write_bytes(sound)
    assert _came_of(read, place / name) == "read"


@pytest.mark.parametrize("reader", READERS)
def test_a_damaged_file_is_read_or_refused_in_one_line(reader: str, place: Path, fuzz: Fuzz) -> None:
    name, sound, read = READERS[reader]
    path = place / name

    def check(rng: random.Random) -> None:
        path.write_bytes(damaged(rng, sound))
        assert _came_of(read, path)

    fuzz(check)


CHANGED: Mapping[str, tuple[Any, ...]] = {  # reader -> the lines of its file that are changed, one of them at a time
    **dict.fromkeys(("own questions.jsonl", "label set", "inputs of curation", "table.jsonl"), tuple(ROWS)),
    "table.json": (ROWS,),
    "data set rows": (DATA_ROW,),
    "saved labels": (SAVED,),
    "agreement": (AGREED,),
    "decisions": (DECISIONS,),
    "journal": tuple(JOURNAL),
    "manifest": (MANIFEST,),
    "items": ({"item": ITEM, "keys": ["k"]},),
    "configuration of a model": (CONFIG,),
}


@pytest.mark.parametrize("reader", CHANGED)
def test_values_of_any_shape_are_read_or_refused(reader: str, place: Path, fuzz: Fuzz) -> None:
    name, _, read = READERS[reader]
    path = place / name

    def check(rng: random.Random) -> None:
        lines = list(CHANGED[reader])
        number = rng.randrange(len(lines))
        lines[number] = changed(rng, lines[number], KEYS)
        path.write_bytes(_saved(lines[0]) if reader == "saved labels" else _lines(*lines))
        assert _came_of(read, path)

    fuzz(check)


@pytest.mark.parametrize("ending", [".jsonl", ".csv", ".parquet"])
def test_stored_answers_are_each_an_answer_or_none_of_this_item(
    ending: str, planned: Plan, place: Path, fuzz: Fuzz
) -> None:
    """Whatever a file holds: one answer an item and epoch, and a text only where the file does not say otherwise."""
    path = place / f"a{ending}"
    sound = _encoded(ROWS, ending)

    def check(rng: random.Random) -> None:
        rows = [changed(rng, row, KEYS) if rng.random() < 0.5 else row for row in ROWS]
        path.write_bytes(_lines(*rows) if ending == ".jsonl" and rng.random() < 0.7 else damaged(rng, sound))
        try:
            stored = read_answers(path, planned)
        except UserError:
            return
        for item in planned.items:
            _, answers = stored.answers(item)
            assert [(answer.item_id, answer.epoch) for answer in answers] == [
                (item.id, n) for n in range(stored.epochs)
            ]
            assert all(answer.reason for answer in answers if answer.status != "ok")

    fuzz(check)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF"])
def test_a_damaged_image_is_opened_or_refused(kind: str, fuzz: Fuzz) -> None:
    buffer = io.BytesIO()
    Pillow.linear_gradient("L").resize((12, 9)).convert("RGB").save(buffer, kind)
    sound = buffer.getvalue()

    def check(rng: random.Random) -> None:
        encoded = damaged(rng, sound)
        for look in (require_whole, inspect_bytes):
            assert _came_of(look, encoded).strip()
        if _came_of(load_rgb, encoded) == "read":
            opened = load_rgb(encoded)
            assert (opened.mode, min(opened.size) > 0) == ("RGB", True)

    fuzz(check)


def _packed(kind: str) -> bytes:
    buffer = io.BytesIO()
    if kind == ".zip":
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
            file.writestr("a/b.txt", "text" * 50)
            file.writestr("c.txt", "x")
        return buffer.getvalue()
    with tarfile.open(fileobj=buffer, mode="w:gz" if kind == ".tgz" else "w") as file:
        for name in ("a/b.txt", "c.txt"):
            info = tarfile.TarInfo(name)
            info.size = 200
            file.addfile(info, io.BytesIO(b"x" * 200))
    return buffer.getvalue()


@pytest.mark.parametrize("kind", [".zip", ".tar", ".tgz"])
def test_a_damaged_archive_writes_below_its_folder_or_is_refused(kind: str, place: Path, fuzz: Fuzz) -> None:
    sound = _packed(kind)

    def check(rng: random.Random) -> None:
        (place / "packed").write_bytes(damaged(rng, sound))
        try:
            unpack(place / "packed", place / "to")
        except UserError:
            pass
        finally:
            shutil.rmtree(place / "to", ignore_errors=True)
        assert [path.name for path in place.iterdir()] == ["packed"]

    fuzz(check)
