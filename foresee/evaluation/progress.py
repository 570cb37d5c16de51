"""Show how far a run has come: a bar in a terminal or a notebook."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

    from foresee.runner import Progress


@contextmanager
def progress_bar(title: str) -> Iterator[Callable[[Progress], None] | None]:
    """Yield a callback for the runner's states that moves a bar; None without a terminal or notebook."""
    from rich.console import Console

    screen = Console(stderr=True)
    if not (screen.is_terminal or screen.is_jupyter):
        yield None
        return
    with live_bar(title, screen) as update:
        yield update


@contextmanager
def live_bar(title: str, screen: Console) -> Iterator[Callable[[Any], None]]:
    """Yield a callback for the runner's states that moves a bar on this console."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[failed]}"),
    )
    with Progress(*columns, console=screen, transient=True) as bars:
        task = bars.add_task(title, total=None, rate="", failed="")
        begun = time.monotonic()

        def update(state: Any) -> None:
            fresh = state.done - state.reused
            rate = fresh / max(time.monotonic() - begun, 1e-9)
            failed = f"[yellow]{state.failed} failed[/]" if state.failed else ""
            bars.update(task, completed=state.done, total=state.total, rate=f"{rate:.1f}/s", failed=failed)

        yield update
