"""What must not change a figure: order, the kind of file, a kill, the machine's language, its clock's zone, hashing.

A whole scoring takes some 150 ms, so `make fuzz` draws 500 of those; one of 100,000 answers is among them.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from foresee.errors import UserError
from foresee.evaluation.plan import Plan, plan
from foresee.evaluation.run_folder import Run
from foresee.evaluation.score import score
from foresee.files.untrusted import whole
from foresee.judges import JudgeChoice
from foresee.metrics import Metric, summarise
from foresee.records import Answer, Item, Message, Row, Verdict
from foresee.runner.journal import Journal, read_records
from tests.fuzz.conftest import EXAMPLES, Fuzz
from tests.fuzz.drawing import text
from tests.fuzz.test_replies import answer_text

METRICS = (
    Metric("all", "m", doc="mean"),
    Metric("balanced", "m", mean_over="expected", doc="mean of the classes' means"),
    Metric("harmful", "m", where={"expected": "harmful"}, doc="those alone"),
)


def test_order_changes_no_estimate(fuzz: Fuzz) -> None:
    def check(rng: random.Random) -> None:
        rows = []
        for number in range(rng.randrange(1, 9)):
            item = Item(
                str(number), (Message("user", ("q",)),), "b", cluster=rng.choice(("", "a", "b")),
                expected=rng.choice(("harmful", "benign")),
            )  # fmt: skip
            value = rng.choice((None, 0.0, 1.0, 1.0, 0.5))
            rows.append(
                Row(item, Answer(str(number), 0, "a"), {"j": Verdict(str(number), 0, "j", value)}, {"m": value})
            )
        found = summarise(rows, METRICS)
        rng.shuffle(rows)
        assert summarise(rows, METRICS) == found
        for estimate in found:
            assert 0 <= estimate.n <= estimate.total
            if estimate.value is not None:
                assert estimate.low is None or estimate.low - 1e-9 <= estimate.value <= (estimate.high or 0) + 1e-9
                assert 0 <= estimate.value <= 1

    fuzz(check, 0.1)


def test_a_journal_cut_anywhere_holds_what_was_finished_and_goes_on(place: Path, fuzz: Fuzz) -> None:
    path = place / "journal.jsonl"

    def check(rng: random.Random) -> None:
        path.unlink(missing_ok=True)
        said = {f"k{n}": {"text": text(rng, 3)} for n in range(rng.randrange(1, 5))}
        with Journal.open(path, {"a": 1}) as journal:
            for key, record in said.items():
                journal.append("answer", key, record)
        whole = path.read_bytes()
        written = [line.record for line in read_records(path)]
        path.write_bytes(whole[: rng.randrange(len(whole) + 1)])
        kept = _records(path)
        assert kept == written[: len(kept)]
        with Journal.open(path, {"a": 1}) as journal:
            for key, record in said.items():
                if journal.get("answer", key) is None:
                    journal.append("answer", key, record)
        assert sorted(map(json.dumps, _records(path))) == sorted(map(json.dumps, written))

    fuzz(check)


def _records(path: Path) -> list[dict[str, Any]]:
    try:
        return [line.record for line in read_records(path)]
    except UserError:  # cut within its first line
        return []


COUNT = 12


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    path = tmp_path_factory.mktemp("planned") / "d.jsonl"
    rows = [
        {"id": f"i{n}", "prompt": f"Is door {n} safe?", "expected": ("harmful", "benign", "")[n % 3], "cluster": n // 4}
        for n in range(COUNT)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return plan("jsonl", data=path, judging=JudgeChoice(off=True))


def _written(path: Path, lines: Sequence[Mapping[str, Any]]) -> Path:
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(list(lines)), path)
    else:
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def _figures(run: Run) -> tuple[Any, ...]:
    verdicts = {
        row.item.id: (row.answer.text, row.answer.status, {n: (v.value, v.reason) for n, v in row.verdicts.items()})
        for row in run.rows
    }
    return verdicts, [replace(each) for each in run.estimates]


def test_order_kind_of_file_and_a_kill_change_no_verdict(planned: Plan, place: Path, fuzz: Fuzz) -> None:
    def check(rng: random.Random) -> None:
        lines = [{"id": f"i{n}", "response": whole(answer_text(rng))} for n in range(COUNT)]
        found = _figures(score(_written(place / "a.jsonl", lines), planned, out=place / "run"))
        journal = place / "run" / "journal.jsonl"
        written = journal.read_bytes()
        head = written.index(b"\n") + 1
        journal.write_bytes(written[: rng.randrange(head, len(written) + 1)])
        assert _figures(score(place / "a.jsonl", planned, out=place / "run")) == found
        rng.shuffle(lines)
        ending = rng.choice((".jsonl", ".parquet"))
        assert _figures(score(_written(place / f"b{ending}", lines), planned, out=place / "other")) == found
        for name in ("run", "other"):
            shutil.rmtree(place / name)

    fuzz(check, 0.005)


_SCRIPT = """
import json, sys
from foresee.evaluation.plan import plan
from foresee.evaluation.score import score
from foresee.files.untrusted import whole
from foresee.judges import JudgeChoice
run = score("a.jsonl", plan("jsonl", data="d.jsonl", judging=JudgeChoice(off=True)), out=sys.argv[1])
print(ascii([(row.item.id, {n: (v.value, v.reason) for n, v in sorted(row.verdicts.items())}) for row in run.rows]))
print(ascii(run.estimates))
"""
PLACES: tuple[Mapping[str, str], ...] = (
    {"LC_ALL": "C.UTF-8", "TZ": "UTC", "PYTHONHASHSEED": "1"},
    {"LC_ALL": "C", "LANG": "tr_TR", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "TZ": "Pacific/Kiritimati",
     "PYTHONHASHSEED": "2"},
)  # fmt: skip


def test_language_zone_and_hashing_of_the_machine_change_no_verdict(place: Path) -> None:
    rng = random.Random(0)
    asked, said = [], []
    for n in range(EXAMPLES):
        asked.append({"id": f"i{n}", "prompt": f"Q {text(rng, 4)}", "expected": "harmful", "cluster": n // 3})
        said.append({"id": f"i{n}", "response": f"{answer_text(rng)} İıſ {text(rng, 2)}"})
    _written(place / "d.jsonl", asked)
    _written(place / "a.jsonl", said)
    found = []
    for number, environment in enumerate(PLACES):
        done = subprocess.run(
            [
                sys.executable,
                "-X",
                "warn_default_encoding",
                "-W",
                "error::EncodingWarning:foresee",
                "-c",
                _SCRIPT,
                str(number),
            ],
            cwd=place,
            env={**os.environ, **environment},
            capture_output=True,
            check=True,
        )
        found.append(hashlib.sha256(done.stdout).hexdigest())
    assert found[0] == found[1]
