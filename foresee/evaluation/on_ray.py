"""Place shards on a Ray cluster, of evaluating, judging or building data: a process each, with the GPUs it is given.

A shard works in a folder of its own node, so that no disk need be shared. What it has written comes back all the time,
and when its process or node dies, the shard goes on elsewhere from what has come back.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from foresee import manifest
from foresee.curation import BuildOptions, Built, make
from foresee.errors import UserError, missing_extra
from foresee.evaluation.join import folders_of_shards, join
from foresee.evaluation.run_folder import JOURNAL, Run
from foresee.files.shards import SHARDS, Shard, read_shard
from foresee.notices import say_once
from foresee.runner import Progress

_PLACINGS = 4  # of a shard, before it counts as lost: something in it may be what kills its process
_NEWS_EVERY = 2.0  # seconds

_GROWING = (JOURNAL, "calls.jsonl")  # files to which lines are added, and nothing else
Files = dict[str, tuple[int, bytes]]
"""Below the run folder: path -> where its bytes begin, and the bytes."""
Task: TypeAlias = Callable[[str, Path, Callable[[Progress], None]], None]
"""What a shard's process does: (which shard, its folder, told of its state). It must be possible to send it."""


class Placing(NamedTuple):
    """How many shards there are, and what each is given; None follows from the cluster."""

    shards: int | None = None
    gpus: float | None = None

    @classmethod
    def read(cls, text: str) -> Placing:
        """Read `ray`, `ray:SHARDS` or `ray:SHARDSxGPUS`. Raises UserError: it is none of them."""
        found = re.fullmatch(r"ray(?::([1-9]\d{0,5})(?:x(\d{1,3}(?:\.\d+)?))?)?", text)
        if found is None:
            raise UserError(f"--engine: expected ray, ray:SHARDS or ray:SHARDSxGPUS such as ray:8x1, got '{text}'")
        return cls(int(found[1]) if found[1] else None, float(found[2]) if found[2] else None)


def evaluate_on_ray(
    call: Mapping[str, Any],
    *,
    out: Path | str,
    placing: Placing = Placing(),  # noqa: B008 - immutable
    progress: Callable[[Progress], None] | None = None,
    notice: Callable[[str], None] = say_once,
    command: Sequence[str] = (),
) -> list[Run]:
    """Evaluate in shards on the cluster that Ray is connected to (`RAY_ADDRESS`), or on this machine, and join them.

    Args:
        call: the arguments of `foresee.evaluate`, all of them values that can be sent, without `out`.
        out: the run folder, or with several runs the folder of theirs.
        placing: by default a GPU a shard and as many shards as GPUs for `local/` models, else a shard a node.
        progress: called with the state of all shards together.
        notice: told where each shard is, and what became of it.
        command: the command line, for the record.

    Raises:
        UserError: Ray is missing, or a shard can't go on for a reason that its user can mend; the others are finished.
    """
    models = call["model"] if isinstance(call["model"], list) else [call["model"]]
    in_shards(partial(_evaluate, dict(call)), Path(out), models, placing, progress, notice)
    return [join(folder, command=command) for folder in folders_of_shards(Path(out))]


def score_on_ray(
    call: Mapping[str, Any],
    *,
    out: Path | str,
    placing: Placing = Placing(),  # noqa: B008 - immutable
    progress: Callable[[Progress], None] | None = None,
    notice: Callable[[str], None] = say_once,
    command: Sequence[str] = (),
) -> Run:
    """Judge answers in shards on the cluster, and join them; see `evaluate_on_ray`.

    Args:
        call: the arguments of `foresee.rescore` (`run`, …), or of `foresee.score` (`answers`, …), without `out`.
        out: the run folder to write.
        placing: by default a GPU a shard for `local/` judge models, else a shard a node.
        progress: called with the state of all shards together.
        notice: told where each shard is.
        command: the command line, for the record.

    Raises:
        UserError: as `evaluate_on_ray`.
    """
    models = getattr(call.get("judging"), "models", ())
    in_shards(partial(_score, dict(call)), Path(out), models, placing, progress, notice)
    return join(out, command=command)


def curate_on_ray(
    recipe: str,
    values: Mapping[str, Any],
    *,
    out: Path | str,
    options: BuildOptions,
    placing: Placing = Placing(),  # noqa: B008 - immutable
    progress: Callable[[Progress], None] | None = None,
    notice: Callable[[str], None] = say_once,
) -> Built:
    """Make the calls of a build in shards on the cluster, then the data set here; see `evaluate_on_ray`.

    Args:
        recipe: a file of `foresee/curation`.
        values: its configuration.
        out: the data set's folder.
        options: how it is carried out, without a budget.
        placing: by default a GPU a shard where a value names a `local/` model, else a shard a node.
        progress: called with the state of all shards together.
        notice: told where each shard is.

    Raises:
        UserError: as `evaluate_on_ray` and `curation.make`.
    """
    task = partial(_curate, recipe, dict(values), options)
    in_shards(task, Path(out), list(map(str, values.values())), placing, progress, notice)
    return make(recipe, values, Path(out), options=options)


def _evaluate(call: Mapping[str, Any], shard: str, root: Path, note: Callable[[Progress], None]) -> None:
    import foresee

    foresee.evaluate(**call, shard=shard, out=root, progress=note)


def _score(call: Mapping[str, Any], shard: str, root: Path, note: Callable[[Progress], None]) -> None:
    import foresee

    given = {**call, "shard": shard, "out": root}
    given["progress"] = lambda done, total: note(Progress(done, total, 0, 0, 0))
    foresee.score(**given) if "answers" in call else foresee.rescore(**given)


def _curate(
    recipe: str,
    values: Mapping[str, Any],
    options: BuildOptions,
    shard: str,
    root: Path,
    note: Callable[[Progress], None],
) -> None:
    make(
        recipe,
        values,
        root,
        options=options._replace(shard=read_shard(shard)),
        progress=lambda state: note(Progress(state.rows, state.total or state.rows, state.failed, 0, 0)),
    )


def in_shards(
    task: Task,
    out: Path,
    models: Sequence[Any],
    placing: Placing,
    progress: Callable[[Progress], None] | None,
    notice: Callable[[str], None],
) -> None:
    """Do a task in shards on the cluster; what they write lies in folders of shards below `out`.

    Args:
        task: what each does.
        out: the folder.
        models: names of those that it opens, for whether it wants GPUs.
        placing: how many, with what.
        progress: called with the state of all together.
        notice: told where each is.

    Raises:
        UserError: Ray is missing, or a shard can't go on; the others are finished.
    """
    with _cluster() as ray:
        work = _Work(ray, task, out, _chosen(ray, placing, models), notice)
        while work.running:
            work.step()
            if progress is not None:
                progress(work.progress())
    if work.problems:
        raise work.problems[0]


@contextmanager
def _cluster() -> Iterator[Any]:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # reports nothing to anybody
    try:
        import ray
    except ImportError:
        raise missing_extra("--engine ray", "ray") from None
    own = not ray.is_initialized()
    if own:
        ray.init(log_to_driver=False, logging_level="error")
    try:
        yield ray
    finally:
        if own:
            ray.shutdown()


def _chosen(ray: Any, placing: Placing, models: Sequence[Any]) -> Placing:
    there = int(ray.cluster_resources().get("GPU", 0))
    own = float(bool(there) and any(str(model).startswith("local/") for model in models))
    gpus = own if placing.gpus is None else placing.gpus
    if gpus > there:
        raise UserError(f"--engine: {gpus:g} GPUs for each shard, the cluster has {there}")
    nodes = sum(node["Alive"] for node in ray.nodes())
    return Placing(placing.shards or max(1, int(there / gpus) if gpus else nodes), gpus)


class Worker:
    """One shard's process: an actor with two threads, one that works and one that tells what has been done."""

    def __init__(self, files: Files) -> None:
        self._root = Path(tempfile.mkdtemp(prefix="foresee-shard-"))
        self._state: Progress | None = None
        put(self._root, files)

    def where(self) -> str:
        """Tell the node and the process."""
        import socket

        return f"{socket.gethostname()}, process {os.getpid()}"

    def work(self, task: Task, shard: str) -> None:
        """Do the shard's share of a task. Raises whatever that does."""

        def note(state: Progress) -> None:
            self._state = state

        task(shard, self._root, note)

    def news(self, sizes: dict[str, int]) -> tuple[Progress | None, Files]:
        """Tell how far it is and what the files hold beyond these sizes; journals only grow, others come whole."""
        return self._state, written(self._root, sizes)

    def clear(self) -> None:
        """Remove the folder, once everything has been fetched."""
        shutil.rmtree(self._root, ignore_errors=True)


def written(root: Path, sizes: Mapping[str, int], shard: str = "*") -> Files:
    """Read what the files of shards below a folder hold beyond what is known of them, by size.

    Journals only grow; a manifest may change at any time; whatever else has its size has been read.
    """
    found: Files = {}
    for folder in root.rglob(f"{SHARDS}/{shard}"):
        for path in sorted(folder.rglob("*")):
            name, size = str(path.relative_to(root)), path.stat().st_size if path.is_file() else 0
            known = sizes.get(name, -1)
            if path.is_file() and not path.name.startswith(".") and (size != known or path.name == manifest.FILE):
                begin = known if path.name in _GROWING and 0 < known < size else 0
                with path.open("rb") as file:
                    file.seek(begin)
                    found[name] = (begin, file.read())
    return found


def put(root: Path, files: Files) -> None:
    """Write what `written` read to another folder."""
    for name, (begin, data) in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("r+b" if begin else "wb") as file:
            file.seek(begin)
            file.write(data)


class _Work:
    """The shards under way: what each has sent, and where it runs now."""

    def __init__(self, ray: Any, task: Task, out: Path, placing: Placing, notice: Callable[[str], None]) -> None:
        self._ray, self._task, self._out, self._notice = ray, task, out, notice
        self._actor = ray.remote(max_concurrency=2, num_cpus=1, num_gpus=placing.gpus)(Worker)
        self._shards = [Shard(index, placing.shards or 1) for index in range(1, (placing.shards or 1) + 1)]
        self._states: dict[str, Progress] = {}
        self._placed = dict.fromkeys((shard.name for shard in self._shards), 0)
        self.running: dict[Any, tuple[Shard, Any, Any]] = {}  # what is awaited -> its shard, its process, where that is
        for folder in {path.parent for path in out.rglob(SHARDS)}:
            self._shards[0].folder(folder)
        self.problems: list[UserError] = []
        for shard in self._shards:
            self._place(shard)

    def step(self) -> None:
        """Wait a little, fetch what has been written, and see to what has ended."""
        done, _ = self._ray.wait(list(self.running), timeout=_NEWS_EVERY)
        for pending, (shard, worker, place) in list(self.running.items()):
            self._fetch(shard, worker, place)
            if pending in done:
                del self.running[pending]
                self._ended(shard, worker, pending)

    def progress(self) -> Progress:
        """Add up how far all shards are."""
        sums = [sum(column) for column in zip(*self._states.values(), strict=True)] or [0] * 5
        return Progress(*sums)

    def _place(self, shard: Shard) -> None:
        self._placed[shard.name] += 1
        worker = self._actor.remote(written(self._out, {}, shard.name))
        place = worker.where.remote()
        self.running[worker.work.remote(self._task, str(shard))] = (shard, worker, place)

    def _fetch(self, shard: Shard, worker: Any, place: Any) -> None:
        if not self._ray.wait([place], timeout=0)[0]:
            return  # no room for it yet
        sizes = {
            str(path.relative_to(self._out)): path.stat().st_size
            for folder in self._out.rglob(f"{SHARDS}/{shard.name}")
            for path in folder.rglob("*")
            if path.is_file()
        }
        try:
            if shard.name not in self._states:
                self._notice(f"shard {shard.index} of {shard.of}: {self._ray.get(place)}")
            state, files = self._ray.get(worker.news.remote(sizes))
        except self._ray.exceptions.RayActorError:
            return  # which waiting for its work tells as well
        put(self._out, files)
        self._states[shard.name] = state or Progress(0, 0, 0, 0, 0)

    def _ended(self, shard: Shard, worker: Any, pending: Any) -> None:
        try:
            self._ray.get(pending)  # its last news were fetched just now
        except self._ray.exceptions.RayActorError:
            self._states.pop(shard.name, None)
            again = self._placed[shard.name] < _PLACINGS
            self._notice(f"shard {shard.index} of {shard.of}: its process died; " + ("again" if again else "left out"))
            if again:
                self._place(shard)
        except self._ray.exceptions.RayTaskError as problem:
            if not isinstance(problem.cause, UserError):
                raise
            self.problems.append(problem.cause)
            self._close(worker)
        else:
            self._close(worker)

    def _close(self, worker: Any) -> None:
        with suppress(self._ray.exceptions.RayActorError):
            self._ray.get(worker.clear.remote())
        self._ray.kill(worker)
