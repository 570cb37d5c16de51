"""Readers on damaged and made-up input: a value or one line for the user, never another error.

`make fuzz` runs 100,000 examples a reader, the tests 40. A crash of pyarrow (a segfault) ends the whole run.
"""

from __future__ import annotations

import base64
import io
import json
import os
import shutil
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image as Pillow

from foresee import manifest
from foresee.benchmarks import jsonl
from foresee.config import read_toml
from foresee.data.archives import unpack
from foresee.data.images import inspect_bytes, load_rgb, require_whole
from foresee.data.tables import read_rows
from foresee.dataset_format.rows import numbered_rows
from foresee.errors import ModelError, UserError
from foresee.evaluation.run_folder import read_items
from foresee.evaluation.study import read_study
from foresee.human_labels import saved
from foresee.judges._model import form_reader
from foresee.judges._model.guards import format_of, formats
from foresee.judges._model.guards._format import read_text
from foresee.judges._model.rubric import Blank
from foresee.models._chat import reply
from foresee.models._dialect import Dialect
from foresee.models.thinking import without_thinking
from foresee.records import Message, Request
from foresee.report.escaping import shown, visible
from foresee.runner.journal import Journal, read_records

EXAMPLES = int(os.environ.get("FORESEE_FUZZ", "40"))
fuzzed = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
NASTY = (
    b"\0",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b'"',
    b"\r",
    b"\n\n",
    b"[" * 200,
    b"9" * 400,
    b"\\ud83d",
    b"NaN",
    b"{}",
    b"-",
)
NAMES = st.sampled_from(("id", "prompt", "response", "image", "images", "expected", "epoch", "reference", "messages"))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES | st.text(max_size=6), inner, max_size=4),
    max_leaves=8,
)


@st.composite
def damaged(draw: st.DrawFn, sound: bytes) -> bytes:
    """Draw sound bytes that were cut, doubled, overwritten or added to, a few times."""
    data = sound
    for _ in range(draw(st.integers(1, 4))):
        start, length = draw(st.integers(0, len(data))), draw(st.integers(0, 40))
        piece = draw(st.sampled_from(NASTY) | st.binary(max_size=6) | st.just(data[start : start + length]))
        end = draw(st.sampled_from((start, start + len(piece), start + length, len(data))))
        data = data[:start] + piece + data[end:]
    return data


ROWS: list[dict[str, Any]] = [
    {"id": str(n), "prompt": f"hello {n}", "response": "No.", "expected": "safe"} for n in range(3)
]


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


PACKED = {kind: _packed(kind) for kind in (".zip", ".tar", ".tgz")}  # once: they hold the time


def _table(kind: str) -> bytes:
    table, buffer = pa.Table.from_pylist(ROWS), io.BytesIO()
    if kind == ".parquet":
        pq.write_table(table, buffer)
    else:
        with pa.ipc.new_stream(buffer, table.schema) as writer:
            writer.write_table(table)
    return buffer.getvalue()


LINES = "".join(json.dumps(row) + "\n" for row in ROWS).encode()
CSV = b'id,prompt,expected\n1,"hello, there",safe\n2,b,unsafe\n'
TABLES: Mapping[str, bytes] = {
    ".jsonl": LINES,
    ".json": json.dumps(ROWS).encode(),
    ".csv": CSV,
    ".parquet": _table(".parquet"),
    ".arrow": _table(".arrow"),
}
STUDY = (
    b'title = "t"\nmodels = ["organism/base"]\nbenchmarks = ["xstest"]\n'
    b'headline = ["xstest.x"]\nseeds = [1, 2]\n[[cells]]\nname = "a"\n'
)
SEALED = base64.b64encode(b'{"rows": {"1": {}}, "judge_models": []}').decode()
SAVED = json.dumps(
    {
        "kind": "foresee labels",
        "format": saved.FORMAT,
        "sheet": "s",
        "judge": "refusal",
        "run": {"benchmark": "b", "folder": "f"},
        "labels": {"1": {"refusal": "full"}},
        "sealed": SEALED,
    }
).encode()
DATA_ROW = json.dumps(
    {
        "id": "1",
        "prompt": [{"role": "user", "content": "hello"}],
        "completion": [{"role": "assistant", "content": "x"}],
    }
).encode()
ITEM = {"id": "1", "messages": [{"role": "user", "content": ["hello"]}], "metadata": {"a": 1}}
JOURNAL = (
    b'{"journal":1,"configuration":{"a":1}}\n'
    b'{"kind":"answer","key":"k","record":{"item_id":"1","epoch":0,"text":"No."}}\n'
    b'{"kind":"verdict","key":"v","record":{"item_id":"1","epoch":0,"judge":"j","value":1.0}}\n'
)


def _journal(path: Path) -> None:
    list(read_records(path))
    with Journal.open(path, {"a": 1}) as journal:
        journal.get("answer", "k")


def _manifest(path: Path) -> None:
    manifest.read(path.parent, "evaluation")


def _all(read: Callable[[Path], Any]) -> Callable[[Path], Any]:
    return lambda path: list(read(path))


READERS: Mapping[str, tuple[str, bytes, Callable[[Path], Any]]] = {
    **{f"table{ending}": (f"t{ending}", sound, _all(read_rows)) for ending, sound in TABLES.items()},
    "own questions": ("d.jsonl", LINES, lambda path: list(jsonl.items(path, jsonl.Options()))),
    "own questions, csv": ("d.csv", CSV, lambda path: list(jsonl.items(path, jsonl.Options()))),
    "data set rows": ("rows.jsonl", DATA_ROW, _all(numbered_rows)),
    "settings": ("s.toml", STUDY, read_toml),
    "study": ("s.toml", STUDY, read_study),
    "saved labels": ("l.json", SAVED, saved.read),
    "journal": ("journal.jsonl", JOURNAL, _journal),
    "manifest": ("manifest.json", b'{"kind": "evaluation", "benchmark": "b", "model": "m"}', _manifest),
    "items": ("items.jsonl", json.dumps({"item": ITEM, "keys": ["k"]}).encode(), lambda p: list(read_items(p.parent))),
}


@pytest.mark.parametrize("reader", READERS)
def test_what_is_damaged_below_is_sound_as_it_stands(reader: str, tmp_path: Path) -> None:
    name, sound, read = READERS[reader]
    (tmp_path / name).write_bytes(sound)
    assert _came_of(read, tmp_path / name) == "read"


def _came_of(read: Callable[[Any], Any], given: Any) -> str:
    """Say what came of reading: "read", or what the user is told; any other error is raised."""
    try:
        read(given)
    except UserError as problem:
        return str(problem)
    return "read"


@pytest.mark.parametrize("reader", READERS)
@fuzzed
@given(data=st.data())
def test_a_damaged_file_is_read_or_refused_in_one_line(reader: str, tmp_path: Path, data: st.DataObject) -> None:
    name, sound, read = READERS[reader]
    path = tmp_path / name
    path.write_bytes(data.draw(damaged(sound)))
    assert _came_of(read, path)


@pytest.mark.parametrize("reader", ["own questions", "data set rows", "table.json", "journal", "items", "manifest"])
@fuzzed
@given(values=st.dictionaries(NAMES, JSON, max_size=5))
def test_values_of_any_shape_are_read_or_refused(reader: str, tmp_path: Path, values: dict[str, Any]) -> None:
    name, _, read = READERS[reader]
    wrapped: Mapping[str, Any] = {
        "table.json": [values],
        "journal": {"kind": "answer", "key": "k", "record": values},
        "items": {"item": {**ITEM, **values}, "keys": ["k"]},
        "manifest": {"kind": "evaluation", "benchmark": "b", "model": "m", **values},
    }
    head = '{"journal":1,"configuration":{"a":1}}\n' if reader == "journal" else ""
    (tmp_path / name).write_text(head + json.dumps(wrapped.get(reader, values)) + "\n")
    assert _came_of(read, tmp_path / name)


def _drawn(kind: str) -> bytes:
    buffer = io.BytesIO()
    Pillow.linear_gradient("L").resize((12, 9)).convert("RGB").save(buffer, kind)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP", "BMP"])
@fuzzed
@given(data=st.data())
def test_a_damaged_image_is_opened_or_refused(kind: str, data: st.DataObject) -> None:
    encoded = data.draw(damaged(_drawn(kind)))
    for look in (require_whole, inspect_bytes):
        assert _came_of(look, encoded).strip()
    if _came_of(load_rgb, encoded) == "read":
        opened = load_rgb(encoded)
        assert (opened.mode, min(opened.size) > 0) == ("RGB", True)


@pytest.mark.parametrize("kind", [".zip", ".tar", ".tgz"])
@fuzzed
@given(data=st.data())
def test_a_damaged_archive_writes_below_its_folder_or_is_refused(
    kind: str, tmp_path: Path, data: st.DataObject
) -> None:
    (tmp_path / "packed").write_bytes(data.draw(damaged(PACKED[kind])))
    try:
        unpack(tmp_path / "packed", tmp_path / "to")
    except UserError:
        pass
    finally:
        shutil.rmtree(tmp_path / "to", ignore_errors=True)
    assert [path.name for path in tmp_path.iterdir()] == ["packed"]


SAID = json.dumps(
    {
        "choices": [
            {
                "index": 0,
                "finish_reason": "stop",
                "message": {"content": "No.", "refusal": None},
                "logprobs": {"content": [{"token": "No", "logprob": -0.1, "top_logprobs": []}]},
            }
        ],
        "usage": {"prompt_tokens": 3, "completion_tokens": 1},
        "model": "m",
    }
).encode()
FIELDS = st.sampled_from(
    ("choices", "message", "content", "finish_reason", "logprobs", "usage", "error", "code", "text", "token", "refusal")
)
BODY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELDS, inner, max_size=4),
    max_leaves=14,
)


@fuzzed
@given(
    body=damaged(SAID) | BODY.map(lambda value: json.dumps({"choices": [value]}).encode()) | BODY.map(json.dumps),
    status=st.sampled_from((200, 200, 200, 400, 403, 404, 422, 429, 500, 503)),
    wait=st.sampled_from(("", "1", "inf", "9" * 400, "-1", "Wed, 21 Oct 2015 07:28:00 GMT", "Wed, 99 Oct")),
    choices=st.sampled_from(((), ("Yes", "No"))),
)
def test_a_servers_reply_is_an_answer_or_a_model_error(
    body: bytes | str, status: int, wait: str, choices: tuple[str, ...]
) -> None:
    text = body if isinstance(body, str) else body.decode("utf-8", "replace")
    request = Request((Message("user", ("hello",)),), choices=choices, logprobs=True)
    try:
        found = reply(status, {"Retry-After": wait}, text, request, Dialect())
    except ModelError:
        return
    found.text.encode()
    assert min(found.usage.input_tokens, found.usage.output_tokens) >= 0
    shares = (found.choice_probabilities or {}).values()
    assert all(0 <= share <= 1 for share in shares)


FORM = (Blank("score", "", (1, 2, 3, 4, 5)),)
PIECES = st.sampled_from(
    (
        '{"score": 3}',
        "{",
        "}",
        '"score"',
        ":",
        "4",
        ",",
        '"',
        "'",
        "<think>",
        "</think>",
        "```",
        "\n",
        "score: 2",
        "[",
        "no",
    )
)


@fuzzed
@given(st.lists(PIECES | st.text(max_size=5), max_size=12).map("".join))
def test_what_a_judge_model_says_is_on_the_scale_or_unusable(text: str) -> None:
    without_thinking(text)
    try:
        score = form_reader.read(text, FORM).fields["score"]
    except form_reader.Unusable:
        return
    assert score in (1, 2, 3, 4, 5)


WORDS = st.sampled_from(
    ("safe", "unsafe", "\n", "S1", "Yes", "No", "harmful", ":", "Safety:", "{", '"rating"', "<think>")
)


@pytest.mark.parametrize("name", formats())
@fuzzed
@given(st.lists(WORDS | st.text(max_size=4), max_size=10).map(" ".join))
def test_what_a_guard_says_is_a_probability_or_no_verdict(name: str, text: str) -> None:
    form = format_of(name)
    for stage in form.stages:
        found = read_text(form, text, stage)
        assert found.harm is None or 0 <= found.harm <= 1


@fuzzed
@given(st.text(max_size=60))
def test_what_is_shown_holds_nothing_that_a_terminal_obeys(text: str) -> None:
    seen = visible(text)
    assert not [letter for letter in seen if (ord(letter) < 32 and letter not in "\n\t") or ord(letter) in (127, 155)]
    assert len(shown(text, 10).text) <= len(visible(text)) + 10
