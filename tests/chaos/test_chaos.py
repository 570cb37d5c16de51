"""Disturbed commands, given again, end as undisturbed ones: nothing lost, nothing asked twice, nothing invented.

A seed disturbs every command once; which disturbance it meets goes round with the seed, so that fifty seeds are some
six or more trials of every pair. `make chaos` runs them; the ordinary tests run three seeds of a command each.
"""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

import foresee
from foresee.runner.journal import read_records
from tests.chaos.commands import COMMANDS
from tests.chaos.conftest import Begin
from tests.chaos.disturbances import DISTURBANCES, that_meet
from tests.chaos.trial import Done, Trial

QUICK = ("eval", "fetch", "eval")
"""What the ordinary tests disturb: with the first seed the first, and so on."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "disturbance" not in metafunc.fixturenames:
        return
    cases = []
    for seed in range(metafunc.config.getoption("--chaos-seeds")):
        for place, (name, command) in enumerate(COMMANDS.items()):
            happen = that_meet(command)
            disturbance = happen[(seed + place) % len(happen)]
            quick = seed < len(QUICK) and QUICK[seed] == name
            marks = () if quick else (pytest.mark.slow, pytest.mark.timeout(1800))
            cases.append(pytest.param(name, disturbance, seed, marks=marks, id=f"{name}-{disturbance}-{seed}"))
    metafunc.parametrize(("name", "disturbance", "seed"), cases)


def test_a_disturbed_command_given_again_ends_as_an_undisturbed_one(
    begin: Begin, name: str, disturbance: str, seed: int
) -> None:
    trial = begin(name, seed)
    assert trial.reference
    for done in DISTURBANCES[disturbance](trial):
        assert_orderly(done)
        assert_honest(trial)
    again = trial.run()
    assert again.code == 0, again.said
    assert_orderly(again)
    assert trial.outcome() == trial.reference.outcome
    assert trial.answered() <= trial.reference.answered + trial.lost, "asked again beyond what was in flight"


def assert_orderly(done: Done) -> None:
    """One line where something went wrong, and the exit code of what a user can mend."""
    assert done.code in (0, 2, -signal.SIGKILL), done.said
    assert "Traceback" not in done.said, done.said
    assert "unexpected" not in done.said, done.said


def assert_honest(trial: Trial) -> None:
    """What was not answered is not scored."""
    for journal in (trial.folder / "out").rglob("journal.jsonl"):
        if not journal.stat().st_size:
            continue
        lines = list(read_records(journal))
        answered = {line.key for line in lines if line.kind == "answer" and line.record.get("status", "ok") == "ok"}
        judged = [line.record for line in lines if line.kind == "verdict" and line.record.get("value") is not None]
        assert all(record["answer_key"] in answered for record in judged)
        if is_whole(journal.parent):
            run = foresee.read_run(journal.parent)
            assert all(row.answer.status == "ok" or set(row.measures.values()) <= {None} for row in run.rows)


def is_whole(folder: Path) -> bool:
    """Whether a run's folder has what is read of it; one that was begun has not."""
    return all((folder / name).exists() for name in ("manifest.json", "items.jsonl"))
