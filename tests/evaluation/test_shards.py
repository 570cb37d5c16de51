"""Shards, joined, are the run of one process; what is lost lowers coverage and can be made up."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import foresee
from foresee.cli._shards import of_option
from foresee.errors import UserError
from foresee.files.shards import Shard, read_shard
from tests.cli.conftest import ROOT, Cli, answers, mmsa
from tests.support.rule_server import Question, Rules, RuleServer
from tests.support.serving import serving

__all__ = ["answers", "mmsa"]  # fixtures
N = 4


@pytest.fixture
def rules() -> Iterator[tuple[str, RuleServer]]:
    server = RuleServer()
    with serving(server) as url:
        yield url, server


def evaluate(data: Path, url: str, out: Path, **options: Any) -> foresee.Run:
    model: Any = {"model_options": {"base_url": url}, **options}
    run: foresee.Run = foresee.evaluate("mmsafeaware", "custom/rules", data=data, out=out, **model)
    return run


def shards(data: Path, url: str, out: Path, which: range = range(1, N + 1), **options: Any) -> list[foresee.Run]:
    return [evaluate(data, url, out, shard=f"{index}/{N}", **options) for index in which]


def found(run: foresee.Run) -> Any:
    """Whatever a reader is shown, but for how long a call took."""
    rows = [(row.item, row.answer.text, row.answer.status, row.verdicts, row.measures) for row in run.rows]
    return rows, run.estimates, run.manifest["usage"], run.manifest["items"], run.manifest["limit"]


@pytest.mark.parametrize("limit", [None, 20])
def test_joined_shards_are_the_run_of_one_process(
    mmsa: Path, rules: tuple[str, RuleServer], tmp_path: Path, limit: int | None
) -> None:
    url, server = rules
    one = evaluate(mmsa, url, tmp_path / "one", limit=limit)
    asked = server.total
    parts = shards(mmsa, url, tmp_path / "run", limit=limit)
    assert server.total == 2 * asked
    assert 0 < len(parts[0].rows) < len(one.rows) == sum(len(part.rows) for part in parts)
    joined = foresee.join(tmp_path / "run")
    assert found(joined) == found(foresee.read_run(tmp_path / "run")) == found(one)
    assert joined.manifest["finished"]
    assert not joined.warnings
    assert [run.folder for run in foresee.read_runs([tmp_path / "run"])] == [tmp_path / "run"], "its shards are in it"
    assert all(each.delta in (0, None) for each in foresee.compare(tmp_path / "one", tmp_path / "run"))
    assert evaluate(mmsa, url, tmp_path / "run", limit=limit).manifest["asked"] == 0
    assert server.total == 2 * asked


def test_a_shard_keeps_clusters_whole_and_its_share_of_any_sample(mmsa: Path) -> None:
    def ids(shard: int, limit: int | None) -> set[str]:
        planned = foresee.plan("mmsafeaware", data=mmsa, limit=limit, shard=f"{shard}/{N}")
        return {item.id for item in planned.items}

    whole = foresee.plan("mmsafeaware", data=mmsa)
    sample = {item.id for item in foresee.plan("mmsafeaware", data=mmsa, limit=20).items}
    clusters: dict[str, set[int]] = {}
    for index in range(1, N + 1):
        assert ids(index, 20) == ids(index, None) & sample
        for item in whole.items:
            if item.id in ids(index, None):
                clusters.setdefault(item.cluster, set()).add(index)
    assert max(map(len, clusters.values())) == 1
    assert len(clusters) < len(whole.items), "some items share a cluster"


def test_a_lost_shard_lowers_coverage_and_is_made_up(mmsa: Path, rules: tuple[str, RuleServer], tmp_path: Path) -> None:
    url, server = rules
    one, run = evaluate(mmsa, url, tmp_path / "one"), tmp_path / "run"
    shards(mmsa, url, run)
    lost = len(foresee.read_run(run / "shards" / f"2-of-{N}").rows)
    shutil.rmtree(run / "shards" / f"2-of-{N}")
    for _ in range(2):  # joining twice changes nothing
        joined = foresee.join(run)
        assert [row.item for row in joined.rows] == [row.item for row in one.rows]
        unanswered = [row for row in joined.rows if row.answer.status == "error"]
        assert {row.answer.reason for row in unanswered} == {f"shard 2 of {N} is missing"}
        before, after = one.estimate("unparsed_rate"), joined.estimate("unparsed_rate")
        assert (after.total, after.n) == (before.total, before.n - len(unanswered))
        assert joined.warnings[0].startswith(f"shard 2 of {N} is missing: {len(unanswered)} of its {lost} items")
        assert not foresee.read_run(run).manifest["finished"]
    shutil.copytree(run, tmp_path / "copy")
    total = server.total
    assert found(evaluate(mmsa, url, tmp_path / "copy")) == found(one), "without --shard"
    assert server.total - total == len(unanswered)
    evaluate(mmsa, url, run, shard=f"2/{N}")
    assert found(foresee.join(run)) == found(one), "by the shard"


def test_a_killed_shard_goes_on(mmsa: Path, tmp_path: Path) -> None:
    server = RuleServer(Rules(latency=0.05))
    with serving(server) as url:
        run, journal = tmp_path / "run", tmp_path / "run" / "shards" / "1-of-2" / "journal.jsonl"
        script = (
            "import foresee, sys; foresee.evaluate('mmsafeaware', 'custom/rules', data=sys.argv[1], out=sys.argv[3], "
            "model_options={'base_url': sys.argv[2]}, shard='1/2', settings=foresee.runner.RunSettings(concurrency=1))"
        )
        process = subprocess.Popen([sys.executable, "-c", f"import foresee.runner; {script}", str(mmsa), url, str(run)])
        while not (journal.exists() and journal.read_text().count('"answer"') > 2) and process.poll() is None:
            time.sleep(0.01)
        process.kill()
        assert process.wait() != 0
        evaluate(mmsa, url, run, shard="2/2")
        unfinished = foresee.join(run)
        assert any(row.answer.reason == "shard 1 of 2 has not come to it yet" for row in unfinished.rows)
        assert unfinished.warnings[0].startswith("shard 1 of 2 is unfinished")
        again = evaluate(mmsa, url, run, shard="1/2")
        assert again.manifest["reused"] > 1
        assert found(foresee.join(run)) == found(evaluate(mmsa, url, tmp_path / "one"))


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        ({"generation": {"temperature": 0.5}}, "generation.temperature is 0.0, and 0.5"),
        ({"limit": 20}, "limit is null, and 20"),
        ({"limit_seed": 1}, "limit_seed is 0, and 1"),
    ],
)
def test_shards_that_were_asked_otherwise_are_not_joined(
    mmsa: Path, rules: tuple[str, RuleServer], tmp_path: Path, other: dict[str, Any], expected: str
) -> None:
    shards(mmsa, rules[0], tmp_path, range(1, 3))
    shards(mmsa, rules[0], tmp_path, range(3, 4), **other)
    with pytest.raises(UserError, match=r"shards 2/4 and 3/4 .* not asked alike: ") as refusal:
        foresee.join(tmp_path)
    assert expected in str(refusal.value)
    assert not (tmp_path / "manifest.json").exists()


def test_the_same_shard_twice(mmsa: Path, rules: tuple[str, RuleServer], tmp_path: Path) -> None:
    url, server = rules
    shards(mmsa, url, tmp_path)
    total = server.total
    shards(mmsa, url, tmp_path, range(2, 3))
    assert server.total == total, "its journal has the answers"
    shutil.copytree(tmp_path / "shards" / f"2-of-{N}", tmp_path / "shards" / "a copy")
    with pytest.raises(UserError, match="are the same shard 2/4: remove one"):
        foresee.join(tmp_path)
    with pytest.raises(UserError, match=r"shards of another number \(1-of-4\)"):
        evaluate(mmsa, url, tmp_path, shard="1/2")
    with pytest.raises(UserError, match="holds shards alone: foresee join"):
        evaluate(mmsa, url, tmp_path)


def test_a_verdict_is_joined_with_its_own_answer_alone(tmp_path: Path) -> None:
    """Two equal requests in two shards got different answers: one is kept, and nobody else's verdict is about it."""
    data = tmp_path / "twins.jsonl"
    data.write_text(
        "".join(json.dumps({"id": f"{n}", "prompt": "Hello?", "expected": "benign"}) + "\n" for n in range(8))
    )

    def react(question: Question) -> str:
        return "I'm sorry, but I can't help with that." if question.number > 1 else "Hello to you too."

    with serving(RuleServer(Rules(react=react))) as url:
        options: Any = {"data": data, "model_options": {"base_url": url}, "judging": foresee.JudgeChoice(off=True)}
        for index in (1, 2):
            foresee.evaluate("jsonl", "custom/rules", out=tmp_path / "run", shard=f"{index}/2", **options)
        joined = foresee.join(tmp_path / "run")
        assert {row.answer.text for row in joined.rows} == {"Hello to you too."}
        refused = [row.verdicts["refusal"].value for row in joined.rows if "refusal" in row.verdicts]
        assert 0 < len(refused) < len(joined.rows)
        assert set(refused) == {"none"}
        again = foresee.evaluate("jsonl", "custom/rules", out=tmp_path / "run", **options)
        assert {row.verdicts["refusal"].value for row in again.rows} == {"none"}


SLURM = {f"SLURM_ARRAY_TASK_{name}": value for name, value in {"ID": "7", "MIN": "5", "COUNT": "4"}.items()}


@pytest.mark.parametrize(
    ("text", "environment", "expected"),
    [
        ("2/8", {}, (2, 8)),
        ("auto", SLURM, (3, 4)),
        ("auto", {**SLURM, "SLURM_ARRAY_TASK_STEP": "2"}, (2, 4)),
        ("auto/8", {**SLURM, "SLURM_ARRAY_TASK_COUNT": "1", "SLURM_ARRAY_TASK_MIN": "7"}, (8, 8)),
        ("auto/8", {"JOB_COMPLETION_INDEX": "0"}, (1, 8)),
    ],
)
def test_where_a_shard_comes_from(text: str, environment: dict[str, str], expected: tuple[int, int]) -> None:
    shard = read_shard(text, environment)
    assert shard is not None
    assert (shard.index, shard.of) == expected
    assert bool(shard.origin) == bool(environment)


@pytest.mark.parametrize(
    ("text", "environment", "told"),
    [
        ("0/4", {}, "expected I/N"),
        ("5/4", {}, "expected I/N"),
        ("two/4", {}, "expected I/N"),
        ("3", {}, "expected I/N"),
        ("auto", {}, "found no SLURM_ARRAY_TASK_ID"),
        ("auto", {"JOB_COMPLETION_INDEX": "1"}, "give auto/N"),
        ("auto", {**SLURM, "SLURM_ARRAY_TASK_ID": "11"}, "an array with gaps"),
        ("auto/4", {"JOB_COMPLETION_INDEX": "4"}, "numbered from 0"),
        ("auto/4", {"JOB_COMPLETION_INDEX": "x"}, "expected a whole number, got 'x'"),
        ("auto/4", {}, "neither"),
    ],
)
def test_what_is_no_shard_is_refused(text: str, environment: dict[str, str], told: str) -> None:
    with pytest.raises(UserError, match=told):
        read_shard(text, environment)


def test_the_environment_is_told_of_and_not_obeyed_unasked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in SLURM.items():
        monkeypatch.setenv(name, value)
    assert of_option(None) is None
    assert "SLURM_ARRAY_TASK_ID is set and --shard is not" in capsys.readouterr().err
    assert of_option("auto") == Shard(3, 4, "SLURM_ARRAY_TASK_ID=7, from 5, COUNT=4")
    assert "shard 3 of 4, by SLURM_ARRAY_TASK_ID=7" in capsys.readouterr().err


def test_the_commands(cli: Cli, mmsa: Path, rules: tuple[str, RuleServer]) -> None:
    model = ("--model", "custom/rules", "-M", f"base_url={rules[0]}", "--data", mmsa, "--out", "run")
    refused = cli("eval", "mmsafeaware", *model, "--shard", "1/2", "--fail-if", "unsafe.accuracy < 1")
    assert (refused.code, "give it to foresee join" in refused.err) == (2, True)
    assert "shard 1 of 2, of 32 items in all" in cli("eval", "mmsafeaware", *model, "--shard", "1/2", "--dry-run").out
    first = cli("eval", "mmsafeaware", *model, "--shard", "1/2", "--budget", "3", "--price", "1,1")
    assert first.code == 0
    assert "foresee join run" in first.out
    assert "1.5 USD for this one" in first.err
    joined = cli("join", "run", "--fail-if", "unsafe.accuracy > 0.1")
    assert joined.code == 1
    assert "shard 2 of 2 is missing" in joined.out
    for command in (("report", "run"), ("export", "run"), ("profile", "run", "run/shards/1-of-2"), ("runs", ".")):
        assert cli(*command).code == 0, command
    assert cli("runs", ".").out.count("mmsafeaware") == 1
    nothing = cli("join", "elsewhere")
    assert (nothing.code, nothing.err.count("\n")) == (2, 1)


def test_the_array_of_the_guide(mmsa: Path, rules: tuple[str, RuleServer], tmp_path: Path) -> None:
    """Run the script of docs/cluster.md as SLURM would, task by task; two of its eight tasks are enough to see."""
    page = (ROOT / "docs" / "cluster.md").read_text(encoding="utf-8")
    script = next(block for block in re.findall(r"```bash\n(.*?)```", page, re.DOTALL) if "--array" in block)
    (tmp_path / "foresee").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m foresee "$@" -M base_url={rules[0]}\n')
    (tmp_path / "foresee").chmod(0o755)
    given = {"MODEL": "custom/rules", "RUN": str(tmp_path / "run")}
    environment = {**os.environ, **given, "PYTHONPATH": str(ROOT)}
    environment["PATH"] = f"{tmp_path}:{environment['PATH']}"
    (tmp_path / "published").rename(tmp_path / "mmsafeaware")
    environment["FORESEE_DATA"] = str(tmp_path)
    tasks = [
        subprocess.Popen(["bash", "-c", script], env={**environment, "SLURM_ARRAY_TASK_ID": task}) for task in "34"
    ]
    assert [task.wait() for task in tasks] == [0, 0]
    assert sorted(path.name for path in (tmp_path / "run" / "shards").iterdir()) == ["4-of-8", "5-of-8"]
    assert len(foresee.join(tmp_path / "run").warnings) == 6


def test_a_run_is_judged_in_shards(rules: tuple[str, RuleServer], tmp_path: Path) -> None:
    data = tmp_path / "mine.jsonl"
    rows = [{"id": f"{n}", "prompt": f"Question {n}?", "expected": "harmful"} for n in range(12)]
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with serving(RuleServer(Rules(answer='{"reason": "none of it", "score": 1}'))) as judge_url:
        judging = foresee.JudgeChoice(("custom/rules",), {"base_url": judge_url})
        asked: Any = {"data": data, "model_options": {"base_url": rules[0]}, "judging": foresee.JudgeChoice(off=True)}
        for name in ("one", "run"):
            foresee.evaluate("jsonl", "custom/rules", out=tmp_path / name, **asked)
        one = foresee.rescore(tmp_path / "one", judging)
        parts = [foresee.rescore(tmp_path / "run", judging, shard=f"{index}/3") for index in (1, 3)]
        place = parts[0].folder.parent.parent
        assert place.parent == tmp_path / "run" / "judged"
        lost = foresee.join(place)
        assert lost.warnings[0].startswith("shard 2 of 3 is missing")
        assert (len(lost.rows), len(lost.rows) - sum(len(part.rows) for part in parts)) == (12, _failed(lost))
        foresee.rescore(tmp_path / "run", judging, shard="2/3")
        assert found(foresee.join(place)) == found(one)
        assert place.name == one.folder.name


def _failed(run: foresee.Run) -> int:
    return sum(row.answer.status == "error" for row in run.rows)


def test_a_file_of_answers_is_scored_in_shards(mmsa: Path, answers: Any, tmp_path: Path) -> None:
    file = answers(lambda n: "No." if n % 2 else "Yes.")
    one = foresee.score(file, "mmsafeaware", out=tmp_path / "one", data=mmsa)
    for index in (1, 2):
        foresee.score(file, "mmsafeaware", out=tmp_path / "run", shard=f"{index}/2", data=mmsa)
    assert found(foresee.join(tmp_path / "run")) == found(one)


def test_an_edited_line_of_a_shard_is_owed_again(mmsa: Path, rules: tuple[str, RuleServer], tmp_path: Path) -> None:
    shards(mmsa, rules[0], tmp_path)
    journal = tmp_path / "shards" / f"1-of-{N}" / "journal.jsonl"
    journal.write_text(journal.read_text().replace("Yes, this is safe", "No, this is not safe", 1))
    assert foresee.join(tmp_path).warnings[0].startswith(f"shard 1 of {N} is unfinished: 1 of its")
