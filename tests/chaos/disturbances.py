"""What happens to a command: each disturbance runs it, once or several times, and says how each run ended.

All is undone when a disturbance returns, but for what the command itself has written.
"""

from __future__ import annotations

import functools
import random
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from aiohttp import web

from foresee.data.images import require_whole
from foresee.errors import UserError
from tests.chaos.commands import IN_FLIGHT, OF_AN_ITEM, PUBLISHED, Command, answer
from tests.chaos.faults import Faulty
from tests.chaos.trial import Done, Trial, finish, kill_within
from tests.support.rule_server import Question

_ON_A_SMALL_DISK = """
mkdir disk; mount -t tmpfs -o size={size} tmpfs disk && cp -a out/. disk && mount --bind disk out || exit 99
mkdir -p out/tmp; TMPDIR=$PWD/out/tmp "$@"; code=$?; rm -rf out/tmp
umount out; rm -rf out; cp -a disk out; umount disk; rmdir disk; exit $code
"""
_JUMPING = '''"""A clock that somebody sets all the time, by up to ten years either way.

`datetime` is another one for foresee alone: classes in C, pandas' among them, have the true one as their base.
"""

import builtins
import datetime
import random
import time
import types

_rng, _true, _import = random.Random({seed}), time.time, builtins.__import__
_away = 0.0


def _now():
    global _away
    if _rng.random() < 0.3:
        _away = _rng.choice((0, 1, 3600, 86400, 3e8)) * _rng.uniform(-1, 1)
    return _true() + _away


class _Jumping(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return datetime.datetime.fromtimestamp(_now(), tz)


_other = types.ModuleType("datetime")
_other.__dict__.update(datetime.__dict__, datetime=_Jumping)


def _importing(name, globals=None, *more, **named):
    whose = (globals or {{}}).get("__name__") or ""
    return _other if name == "datetime" and whose.startswith("foresee") else _import(name, globals, *more, **named)


time.time = _now
time.time_ns = lambda: int(_now() * 1e9)
builtins.__import__ = _importing
'''


def kill(trial: Trial) -> list[Done]:
    """Kill -9, up to three times, once so much of the work is done, so that a slow machine is no shelter."""
    assert trial.reference
    done, work = [], 0.0
    for _ in range(trial.rng.randint(1, 1 if trial.command.loads else 3)):
        work = trial.rng.uniform(work, trial.reference.work)
        done.append(kill_within(trial, trial.start(), int(work), trial.rng.choice((0.0, 0.02, 0.2))))
        trial.lost += 2 * IN_FLIGHT
    return done


def full_disk(trial: Trial) -> list[Done]:
    """Leave a little room where the command writes, for its temporary files too."""
    assert trial.reference
    before = sum(path.stat().st_size for path in (trial.folder / "out").rglob("*") if path.is_file())
    room = int(trial.rng.uniform(0.1, 1.0) * (trial.reference.size - before)) // 4096 + 1
    trial.lost += 2 * IN_FLIGHT
    if not _may_mount():
        blocks = trial.rng.randint(1, max(1, room * 2))  # of 512 bytes, of any one file
        return [trial.run("sh", "-c", f'ulimit -f {blocks}; exec "$@"', "sh")]
    script = _ON_A_SMALL_DISK.format(size=f"{before // 4096 * 4 + 4 * room + 64}k")
    return [trial.run("unshare", "-rm", "sh", "-c", script, "sh")]


@functools.cache
def _may_mount() -> bool:
    """Whether this machine lets a user mount a small disk of their own."""
    if shutil.which("unshare") is None:
        return False
    tried = ["unshare", "-rm", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    return subprocess.run(tried, capture_output=True, check=False).returncode == 0


def storm(trial: Trial) -> list[Done]:
    """429, 500, pages, halves, nothing, lost connections and lateness, of the server that is asked."""
    if trial.command.fetches:
        size = len(trial.files.files["tiny.tar.gz"])
        trial.files.drop_after = [trial.rng.choice((None, 0, trial.rng.randrange(size))) for _ in range(3)]
        trial.files.statuses = trial.rng.choices((200, 429, 500, 502, 503), k=3)
        done = trial.run()
        trial.files.drop_after, trial.files.statuses = [], []
        return [done]
    faulty = Faulty(random.Random(trial.rng.random()), share=trial.rng.uniform(0.1, 0.6), late=12, then=answer)
    trial.server.rules.react = faulty
    done = trial.run()
    trial.server.rules.react = answer
    return [done]


def judge_down(trial: Trial) -> list[Done]:
    """Answer the judge model's questions with 503, from some question on."""
    left = trial.rng.randrange(8)

    def react(question: Question) -> str | web.StreamResponse:
        nonlocal left
        if question.body["model"] == "judge":
            left -= 1
            if left < 0:
                return web.json_response({"error": {"message": "the judge is down"}}, status=500)
        return answer(question)

    trial.server.rules.react = react
    done = trial.run()
    trial.server.rules.react = answer
    return [done]


def damaged(trial: Trial) -> list[Done]:
    """Cut some of what the command reads: images, weights, answers, an archive on its way."""
    paths = sorted(trial.folder.glob(trial.command.inputs))
    whole = {path: path.read_bytes() for path in trial.rng.sample(paths, trial.rng.randint(1, min(4, len(paths))))}
    for path, content in whole.items():
        path.write_bytes(content[: trial.rng.randrange(len(content))])
        if path.suffix == ".png" and _shows_all(path):  # other bytes, so other questions than those of the whole file
            trial.lost += OF_AN_ITEM
    if trial.command.fetches:
        trial.files.files["tiny.tar.gz"] = (trial.folder / PUBLISHED).read_bytes()
    done = trial.run()
    for path, content in whole.items():
        path.write_bytes(content)
    if trial.command.fetches:
        trial.files.files["tiny.tar.gz"] = (trial.folder / PUBLISHED).read_bytes()
    return [done]


def _shows_all(path: Path) -> bool:
    """Whether a cut image has all its pixels; of its last bytes none says anything of them."""
    try:
        require_whole(path.read_bytes())
    except UserError:
        return False
    return True


def few_descriptors(trial: Trial) -> list[Done]:
    limit = trial.rng.randint(8, 40)
    trial.lost += 2 * IN_FLIGHT
    return [trial.run("sh", "-c", f'ulimit -n {limit}; exec "$@"', "sh")]


def jumping_clock(trial: Trial) -> list[Done]:
    folder = trial.folder / "clock"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(_JUMPING.format(seed=trial.rng.randrange(10**6)))
    root = Path(__file__).resolve().parents[2]
    return [trial.run(PYTHONPATH=f"{folder}:{root}")]


def two_processes(trial: Trial) -> list[Done]:
    """Start the same command twice, the second somewhat later."""
    assert trial.reference
    first = trial.start()
    time.sleep(trial.rng.uniform(0, 0.8) * trial.reference.seconds)
    second = trial.start()
    return [finish(second), finish(first)]


Disturbance = Callable[[Trial], list[Done]]
DISTURBANCES: dict[str, Disturbance] = {
    each.__name__: each
    for each in (kill, storm, full_disk, judge_down, damaged, few_descriptors, jumping_clock, two_processes)
}


def that_meet(command: Command) -> list[str]:
    """Name the disturbances that can happen to a command."""
    kept = {
        "storm": command.asks or command.fetches,
        "judge_down": command.judged,
        "damaged": bool(command.inputs),
    }
    return [name for name in DISTURBANCES if kept.get(name, True)]
