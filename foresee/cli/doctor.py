"""`foresee list` and `foresee doctor`: what exists, what is usable here, what to do about the rest."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from foresee.notices import Finding


def list_plugins(
    kind: Annotated[str, typer.Argument(help="benchmarks, labels, attacks, defenses, judges, …; all if left out")] = "",
    inspect: Annotated[
        Path | None,
        typer.Option("--inspect", help="of benchmarks: write them to this .py file, for inspect list tasks"),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="write over a file that is there already")] = False,
) -> None:
    """List what exists, one line each. Reads files without importing them."""
    from foresee import plugins
    from foresee.cli import _console
    from foresee.errors import unknown_name

    kinds = (*plugins.KINDS, "suites")
    if kind and kind not in kinds:
        raise unknown_name("kind", kind, kinds)
    if inspect is not None:
        _write_tasks(inspect, kind, force=force)
        return
    for each in plugins.KINDS:
        names = plugins.names(each)
        if kind not in ("", each) or not (names or kind):
            continue
        if not kind:
            typer.echo(f"{each}:")
        width = max(map(len, names), default=0)
        for name in names:
            found = plugins.summary(each, name)
            line = found.line if found.error is None else f"BROKEN: {found.error}"
            line += f"  [your {path}, in the place of ours]" if (path := plugins.replaces(each, name)) else ""
            source = found.literals.get("SOURCE")
            companion = source.get("companion") if isinstance(source, dict) else None
            line += f"  [benign side: {'its own' if companion == name else companion}]" if companion else ""
            _console.entry(f"{'' if kind else '  '}{name:<{width}}  ", line)
    if kind in ("", "suites"):
        from foresee.evaluation import suites

        if not kind:
            typer.echo("suites:")
        width = max(map(len, suites.names()), default=0)
        for name in suites.names():
            _console.entry(f"{'' if kind else '  '}suite/{name:<{width}}  ", suites.line(name))


def _write_tasks(path: Path, kind: str, *, force: bool) -> None:
    from foresee import manifest, plugins
    from foresee.cli._console import say
    from foresee.errors import UserError
    from foresee.files.outputs import output_file
    from foresee.interop import inspect_tasks

    if kind not in ("", "benchmarks") or path.suffix != ".py":
        raise UserError(
            f"--inspect writes benchmarks to a .py file: foresee list benchmarks --inspect tasks.py, got {path}"
        )
    manifest.write_atomically(
        output_file(path, force=force, flag="--inspect"), inspect_tasks.text(plugins.names("benchmarks"))
    )
    say(f"wrote {path}; inspect list tasks {path}; inspect eval {path}@mmsafeaware --model PROVIDER/MODEL")


def doctor(
    runs: Annotated[
        list[Path] | None,
        typer.Argument(help="run folders, or folders of them, to check instead of this machine", show_default=False),
    ] = None,
) -> None:
    """Report what is usable on this machine, and what to do about the rest; of run folders, what holds in them."""
    from foresee.cli._checkup import checkup

    found = [_report("This machine", checkup())] if not runs else list(_checked(runs))
    raise typer.Exit(1 if any(found) else 0)


def _checked(runs: list[Path]) -> Iterator[bool]:
    from foresee.evaluation.folder_check import check_run
    from foresee.evaluation.run_folder import JUDGED
    from foresee.manifest import FILE
    from foresee.report.stored_runs import run_folders

    for folder in run_folders(runs, judgings=False):
        for each in (folder, *(path.parent for path in sorted(folder.glob(f"{JUDGED}/*/{FILE}")))):
            yield _report(str(each), check_run(each))


def _report(title: str, findings: Iterable[Finding]) -> bool:
    """Print findings as a table. Returns whether something is broken."""
    from foresee.cli import _results
    from foresee.report.tables import TextTable

    marks = {"ok": "ok", "missing": "–", "broken": "BROKEN"}
    held = list(findings)
    rows = tuple((each.name, marks[each.state], each.detail, each.advice) for each in held)
    _results.put(TextTable(title, ("what", "state", "found", "what to do"), rows), "table")
    return any(each.state == "broken" for each in held)
