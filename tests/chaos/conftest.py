"""Commands made ready once, run undisturbed once, and two servers that all trials ask."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from tests.chaos.commands import COMMANDS, PUBLISHED, answer
from tests.chaos.trial import Reference, Trial, set_up
from tests.support.acting import acting
from tests.support.file_server import FileServer, serving_files
from tests.support.rule_server import Rules, RuleServer

Begin = Callable[[str, int], Trial]


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[RuleServer, str, FileServer]]:
    rules = Rules(react=answer, models=("rules", "judge", "writer"), latency=0.03)
    with acting(rules) as (server, url), serving_files() as files:
        files.seconds_per_chunk = 0.01
        yield server, url, files


@pytest.fixture(scope="module")
def begin(servers: tuple[RuleServer, str, FileServer], tmp_path_factory: pytest.TempPathFactory) -> Begin:
    """Begin a trial of a command, of this name, with a seed; nothing has been asked in it."""
    root = tmp_path_factory.mktemp("chaos")
    references: dict[str, Reference] = {}

    def started(name: str, folder: str, seed: int) -> Trial:
        server, url, files = servers
        template = root / name
        if not template.exists():
            (template / "in").mkdir(parents=True)
            COMMANDS[name].prepare(template / "in")
            for path in template.glob("in/plugins/*/*.py"):
                path.write_text(path.read_text().replace("FILES", files.url))
            for call in COMMANDS[name].before:
                trial = Trial(replace(COMMANDS[name], call=call), template, server, url, files, random.Random(0))
                assert trial.run().code == 0
        if (template / PUBLISHED).exists():
            files.files["tiny.tar.gz"] = (template / PUBLISHED).read_bytes()
        server.total, files.sent = 0, 0
        server.answered.clear()
        place = set_up(template, root / folder)
        return Trial(COMMANDS[name], place, server, url, files, random.Random(f"{seed} {name}"))

    def begin(name: str, seed: int) -> Trial:
        if name not in references:
            trial = started(name, f"{name}-undisturbed", 0)
            began = time.monotonic()
            done = trial.run()
            assert done.code == 0, done.said
            size = sum(path.stat().st_size for path in (trial.folder / "out").rglob("*") if path.is_file())
            took = time.monotonic() - began
            references[name] = Reference(trial.outcome(), trial.answered(), trial.work(), size, took)
        trial = started(name, f"{name}-{seed}", seed)
        trial.reference = references[name]
        return trial

    return begin
