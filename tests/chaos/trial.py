"""One trial: a copy of a command's folder, the servers that it asks, and what they were asked."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from tests.chaos.commands import ENVIRONMENT, Command
from tests.support.file_server import FileServer
from tests.support.rule_server import RuleServer

LONGEST = 1200.0  # seconds that any call may take, on a machine that others use too


class Done(NamedTuple):
    """How a call ended."""

    code: int
    said: str


class Reference(NamedTuple):
    """The command, undisturbed: what came of it, and how much was done for it."""

    outcome: Any
    answered: int
    work: int
    size: int
    seconds: float


@dataclass
class Trial:
    """A command in a folder of its own. `reference` is None while the undisturbed run is made."""

    command: Command
    folder: Path
    server: RuleServer
    url: str
    files: FileServer
    rng: random.Random
    reference: Reference | None = None
    lost: int = 0  # calls that may have been answered and not kept

    def start(self, *before: str, **environment: str) -> subprocess.Popen[str]:
        """Start the command, behind a command that takes it as its arguments."""
        more = {"OPENAI_BASE_URL": self.url, **environment}
        if (self.folder / "in/plugins").exists():
            more["FORESEE_PLUGINS"] = "in/plugins"
        return subprocess.Popen(
            [*before, sys.executable, "-m", "foresee", *self.command.call],
            cwd=self.folder,
            env={**ENVIRONMENT, **more},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *before: str, **environment: str) -> Done:
        return finish(self.start(*before, **environment))

    def work(self) -> int:
        """How much has been done so far: what was asked and sent, and what lies in the folder."""
        written = 0
        for path in (self.folder / "out").rglob("*"):
            try:
                written += path.stat().st_size if path.is_file() else 0
            except OSError:  # moved meanwhile
                continue
        return written + 100 * self.server.total + self.files.sent

    def answered(self) -> int:
        """How many questions have been answered."""
        return sum(self.server.answered.values())

    def outcome(self) -> Any:
        return self.command.outcome(self.folder / "out")


def finish(process: subprocess.Popen[str]) -> Done:
    try:
        said, _ = process.communicate(timeout=LONGEST)
    except subprocess.TimeoutExpired:
        process.kill()
        said, _ = process.communicate()
        raise AssertionError(f"no end within {LONGEST:g} s: {said[-2000:]}") from None
    return Done(process.returncode, said)


def kill_within(trial: Trial, process: subprocess.Popen[str], work: int, more: float) -> Done:
    """Kill a process once so much has been done, and a little later; it may have ended before."""
    end = time.monotonic() + LONGEST
    while process.poll() is None and trial.work() < work and time.monotonic() < end:
        time.sleep(0.003)
    time.sleep(more)
    process.kill()
    return finish(process)


def set_up(template: Path, folder: Path) -> Path:
    """Copy what a command was prepared with."""
    shutil.copytree(template, folder)
    (folder / "out").mkdir(exist_ok=True)
    return folder
