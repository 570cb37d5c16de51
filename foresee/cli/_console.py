"""What the commands share on the terminal: one console, calm progress, rate and time left."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console


def console(*, stderr: bool = False) -> Console:
    """Results go to standard output, everything else to standard error."""
    from rich.console import Console

    stream: Any = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else 160  # a file or a pipe has no edge to fit
    while hasattr(stream, "rich_proxied_file"):  # ours, and rich's own while a bar is shown
        stream = stream.rich_proxied_file
    return Console(file=stream, highlight=False, width=width)


def entry(head: str, text: str) -> None:
    """Print an entry of a list. On a terminal the text wraps beside its head; elsewhere one entry stays one line."""
    if not sys.stdout.isatty():
        print(f"{head}{text}")
        return
    import shutil
    import textwrap

    columns = max(40, shutil.get_terminal_size().columns)
    indent = " " * min(len(head), columns // 3)
    print(textwrap.fill(head + text, columns, subsequent_indent=indent, break_on_hyphens=False, drop_whitespace=True))


def list_settings(config: Any, head: str = "") -> None:
    """Every setting of a configuration class with its default and meaning, those inside others indented."""
    from foresee.config import Settings

    for name, field in config.model_fields.items():
        if isinstance(field.default, Settings):
            print(f"{head}{name}: {field.description}")
            list_settings(type(field.default), f"  {head}{name}.")
            continue
        default = "(needed)" if field.is_required() else f"[{field.get_default(call_default_factory=True)!r}]"
        print(f"{head}{name} {default}: {field.description}")


def say(message: str) -> None:
    """Print a plain line on standard error."""
    print(message, file=sys.stderr, flush=True)


@contextmanager
def run_progress(title: str) -> Iterator[Callable[[Any], None]]:
    """Yield a callback for the runner's Progress: a live bar on a terminal, a plain line now and then elsewhere."""
    if sys.stderr.isatty():
        from foresee.evaluation.progress import live_bar

        with live_bar(title, console(stderr=True)) as update:
            yield update
    else:
        yield _plain(title)


@contextmanager
def judging_progress(title: str) -> Iterator[Callable[[int, int], None]]:
    """As `run_progress`, for judging alone: a callback (done, total)."""
    from foresee.runner import Progress

    with run_progress(title) as update:
        yield lambda done, total: update(Progress(done, total, 0, 0, 0))


def _plain(title: str, every: float = 10.0) -> Callable[[Any], None]:
    begun = last = time.monotonic()

    def update(state: Any) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last < every or state.done >= state.total:
            return
        last = now
        rate = (state.done - state.reused) / (now - begun)
        left = f", about {(state.total - state.done) / rate:.0f} s left" if rate > 0 else ""
        failed = f", {state.failed} failed" if state.failed else ""
        say(f"{title}: {state.done}/{state.total}, {rate:.1f}/s{left}{failed}")

    return update


@contextmanager
def download_progress(title: str) -> Iterator[Callable[[int, int | None], None]]:
    """Yield a callback (bytes so far, total or None) for downloads."""
    if not sys.stderr.isatty():
        yield lambda done, total: None
        return
    from rich.progress import DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    columns = (TextColumn("{task.description}"), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console(stderr=True), transient=True) as bars:
        task = bars.add_task(title, total=None)
        yield lambda done, total: bars.update(task, completed=done, total=total)
