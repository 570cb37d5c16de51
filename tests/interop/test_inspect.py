"""Inspect AI and our runner on the same fixture: same verdicts, same metrics; runs open as Inspect logs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import foresee
from foresee import plugins
from foresee.judges.constructive import PARTS
from foresee.report.defense_table import headline_metrics
from tests.benchmarks.conftest import png, write
from tests.cli.conftest import Cli
from tests.judges.conftest import JudgeServer, form, material_of

pytest.importorskip("inspect_ai")

# One process for all: Inspect sets up its process as it likes, runs one evaluation at a time, and imports slowly.
WORKER = """
import json, os, sys, traceback
answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
for line in sys.stdin:
    code, sys.argv, folder, environment = json.loads(line)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    try:
        names = {}
        exec(code, names)
        answer = [names["result"], ""]
    except BaseException:
        answer = [None, traceback.format_exc()]
    print(json.dumps(answer), file=answers, flush=True)
"""
Inspect = Callable[..., Any]


@contextmanager
def inspecting() -> Iterator[Inspect]:
    """A process: `inspect(code, *arguments, folder)` gives what the code calls `result`; `folder` is for the logs."""
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", WORKER], stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdin is not None
        asked, answers = process.stdin, process.stdout
        assert answers is not None

        def run(code: str, *arguments: object, **environment: str) -> Any:
            folder = Path(str(arguments[-1])).parent
            given = [code, ["", *map(str, arguments)], str(folder), {**os.environ, **environment}]
            print(json.dumps(given), file=asked, flush=True)
            result, problem = json.loads(answers.readline())
            assert not problem, problem
            return result

        yield run


@pytest.fixture(scope="module")
def inspect() -> Iterator[Inspect]:
    with inspecting() as run:
        yield run


SCRIPT = """
import sys
from inspect_ai import eval
from foresee.interop import inspect_provider
before = len(inspect_provider._OPENED)
task, model, url, data, logs = sys.argv[1:6]
(log,) = eval(task, model=model, model_base_url=url or None, task_args={"data": data, "limit_items": 12},
              log_dir=logs, log_images=False, display="none", max_tokens=6)
assert log.status == "success", log.error
found = {name: metric.value for score in log.results.scores for name, metric in score.metrics.items()}
verdicts = {str(s.id): s.scores["judged"].answer for s in log.samples}
answers = {str(s.id): s.output.completion for s in log.samples}
opened = len(inspect_provider._OPENED) - before
result = {"metrics": found, "verdicts": verdicts, "answers": answers, "task": log.eval.task, "opened": opened}
"""


@pytest.mark.slow
def test_both_engines_report_the_same(mmsa: Path, server: str, tmp_path: Path, inspect: Inspect) -> None:
    theirs = inspect(SCRIPT, "foresee/mmsafeaware", "foresee/custom/rules", server, mmsa, tmp_path / "logs")
    ours = foresee.evaluate(
        "mmsafeaware", "custom/rules", data=mmsa, out=tmp_path / "run", model_options={"base_url": server}, limit=12
    )
    assert theirs["task"] == "foresee/mmsafeaware"
    asked = [row for row in ours.rows if row.answer.status == "ok"]
    assert theirs["verdicts"] == {row.item.id: str(row.verdicts["awareness"].value) for row in asked}
    for estimate in ours.estimates:
        assert theirs["metrics"][estimate.name] == pytest.approx(estimate.value)
    headline = {metric.name for metric in headline_metrics(ours)}
    for name in headline:
        assert theirs["metrics"][f"{name} (low)"] == pytest.approx(ours.estimate(name).low)
        assert theirs["metrics"][f"{name} (high)"] == pytest.approx(ours.estimate(name).high)
    assert {name.partition(" (")[0] for name in theirs["metrics"] if "(low)" in name} == headline
    assert next(iter(theirs["metrics"])) in headline


FIRST = """
import sys
from inspect_ai import eval, list_tasks
from pathlib import Path
data, url, logs = sys.argv[1:4]
listed = [task.name for task in list_tasks(root_dir=Path.cwd())]
(log,) = eval("tasks.py@mmsafeaware", model="foresee/custom/rules", model_base_url=url, task_args={"data": data},
              log_dir=logs, display="none", limit=9)
result = [sorted({s.metadata["subset"] for s in log.samples}), listed]
"""


def test_inspect_lists_our_tasks_and_the_first_samples_stand_for_the_whole(
    cli: Cli, mmsa: Path, server: str, tmp_path: Path, inspect: Inspect
) -> None:
    assert cli("list", "benchmarks", "--inspect", tmp_path / "tasks.py").code == 0
    subsets, listed = inspect(FIRST, mmsa, server, tmp_path / "logs")
    assert listed == sorted(plugins.names("benchmarks"))
    assert subsets == ["attack", "over_safe", "typical"]
    assert cli("list", "judges", "--inspect", tmp_path / "x.py").code == 2


def test_a_grader_that_is_lacking_is_asked_for_in_one_line(tmp_path: Path) -> None:
    data = tmp_path / "figstep"
    write(data / "SafeBench-Tiny.csv", "category_id,task_id,category_name,question,instruction\n1,1,a,How?,Do.\n")
    png(data / "SafeBench-Tiny/query_ForbidQI_1_1_6.png")
    command = [str(Path(sys.executable).with_name("inspect")), "eval", "foresee/figstep", "--display", "plain"]
    asked = [*command, "--model", "foresee/custom/rules", "-T", f"data={data}", "-T", "variant=tiny"]
    environment = {**os.environ, "CUSTOM_BASE_URL": "http://127.0.0.1:9/v1", "COLUMNS": "200"}
    done = subprocess.run(asked, capture_output=True, text=True, cwd=tmp_path, env=environment)
    shown = done.stdout + done.stderr
    assert "--model-role grader=PROVIDER/MODEL" in shown
    assert "Traceback" not in shown


def test_inspects_markup_is_not_shown_and_openai_comes_with_the_extra(cli: Cli, mmsa: Path) -> None:
    done = cli("eval", "mmsafeaware", "--model", "inspect/openai/gpt-4o", "--data", mmsa)
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert "OPENAI_API_KEY" in done.err
    assert "[bold]" not in done.err
    assert "pip install" not in done.err


@pytest.mark.slow
def test_a_local_model_behind_inspect_is_loaded_once_and_answers_alike(
    mmsa: Path, tmp_path: Path, inspect: Inspect
) -> None:
    pytest.importorskip("torch")
    from tests.support import tiny_models as architectures

    folder = architectures.build("llava", tmp_path / "tiny")
    theirs = inspect(SCRIPT, "foresee/mmsafeaware", f"foresee/local/{folder}", "", mmsa, tmp_path / "logs")
    ours = foresee.evaluate(
        "mmsafeaware", f"local/{folder}", data=mmsa, out=tmp_path / "run", limit=12, generation={"max_tokens": 6}
    )
    assert theirs["opened"] == 1
    assert theirs["answers"] == {row.item.id: row.answer.text for row in ours.rows if row.answer.status == "ok"}


def test_an_export_opens_as_an_inspect_log(cli: Cli, mmsa: Path, server: str) -> None:
    from inspect_ai.analysis import samples_df
    from inspect_ai.log import read_eval_log

    arguments = ("--model", "custom/rules", "-M", f"base_url={server}", "--data", mmsa, "--out", "run")
    assert cli("eval", "mmsafeaware", *arguments).code == 0
    done = cli("export", "run", "--format", "eval")
    assert done.code == 0, done.err
    log = read_eval_log("run/rows.eval")
    run = foresee.read_run(Path("run"))
    assert log.status == "success"
    assert log.eval.model == "custom/rules"
    assert log.samples is not None
    assert len(log.samples) == len(run.rows)
    assert log.results is not None
    metrics = log.results.scores[0].metrics
    assert {name: m.value for name, m in metrics.items()} == {e.name: e.value for e in run.estimates}
    answers = {row.item.id: row.answer.text for row in run.rows}
    assert {str(sample.id): sample.output.completion for sample in log.samples} == answers
    frame = samples_df("run/rows.eval")
    assert len(frame) == len(run.rows)


def test_a_model_that_inspect_knows_can_be_asked(cli: Cli, mmsa: Path, server: str) -> None:
    # The provider behind Inspect is our own here, because Inspect's mock model is not usable offline.
    model = ("--model", "inspect/foresee/custom/rules", "-M", f"base_url={server}")
    done = cli("eval", "mmsafeaware", *model, "--data", mmsa, "--out", "run")
    assert done.code == 0, done.err
    run = foresee.read_run(Path("run"))
    assert run.model == "inspect/foresee/custom/rules"
    assert run.estimate("balanced_accuracy").value == 1.0


def test_an_unknown_inspect_model_is_one_line(cli: Cli, mmsa: Path) -> None:
    done = cli("eval", "mmsafeaware", "--model", "inspect/nosuch/model", "--data", mmsa)
    assert done.code == 2
    assert done.err.count("\n") == 1
    assert "nosuch" in done.err


ATTEMPTS = """
import sys
from inspect_ai import eval
url, data, logs = sys.argv[1:4]
(log,) = eval("foresee/figstep", model="foresee/custom/tested", model_base_url=url, log_dir=logs, display="none",
              task_args={"data": data, "variant": "tiny", "preset": "paper"},
              model_roles={"grader": "foresee/custom/judge"})
assert log.status == "success", log.error
found = {name: metric.value for score in log.results.scores for name, metric in score.metrics.items()}
result = [len(log.samples), found]
"""


def test_attempts_are_reduced_as_the_benchmark_says(
    judge_server: JudgeServer, tmp_path: Path, inspect: Inspect
) -> None:
    """FigStep under preset=paper: three attempts, of which one success is enough."""
    data = tmp_path / "figstep"
    write(data / "SafeBench-Tiny.csv", "category_id,task_id,category_name,question,instruction\n1,1,a,How?,Do.\n")
    png(data / "SafeBench-Tiny/query_ForbidQI_1_1_6.png")
    answers = iter(("Answer one.", "Answer two.", "Answer three."))
    judge_server.said["tested"] = lambda question: next(answers)
    judge_server.said["judge"] = lambda question: (
        form(refused=0, harmful=int("Answer two." in question.text))
        if '"convincing"' not in question.text and '"harmful"' in question.text
        else form(**dict.fromkeys(PARTS, 2), bare_refusal=0, serves_harm=0)
    )
    url = judge_server.url
    samples, found = inspect(ATTEMPTS, url, data, tmp_path / "logs", CUSTOM_BASE_URL=url)
    assert samples == 3
    assert (found["ASR"], found["ASR.mean"]) == (1.0, pytest.approx(1 / 3))


GRADED = """
import sys
from inspect_ai import eval
url, logs = sys.argv[1:3]
given = {"model": "foresee/custom/tested", "model_base_url": url, "log_dir": logs, "display": "none"}
try:
    eval("foresee/toy", **given)
    refusal = ""
except Exception as problem:
    refusal = str(problem)
(log,) = eval("foresee/toy", **given, model_roles={"grader": "foresee/custom/judge"})
assert log.status == "success", log.error
found = {name: metric.value for score in log.results.scores for name, metric in score.metrics.items()}
result = [refusal, found]
"""


def test_judges_that_ask_a_model_ask_the_role_grader(toy: str, judge_server: JudgeServer, tmp_path: Path) -> None:
    def react(question: Any) -> str:
        return form(refused=0, harmful=int("knife" in material_of(question, "request")))

    judge_server.said["judge"] = react
    url = judge_server.url
    with inspecting() as inspect:  # a new process: Inspect lists the benchmarks once
        refusal, found = inspect(GRADED, url, tmp_path / "logs", CUSTOM_BASE_URL=url)
    assert "--model-role grader=PROVIDER/MODEL" in refusal
    assert (found["asr"], found["asr (coverage)"]) == (0.5, 1.0)
    assert judge_server.asked == {"tested": 8, "judge": 8}
