"""`foresee list` and `foresee doctor`: what exists, what is usable here, what to do about the rest."""

from __future__ import annotations

from typing import Annotated

import typer


def list_plugins(
    kind: Annotated[str, typer.Argument(help="benchmarks, labels, attacks, defenses, judges, …; all if left out")] = "",
) -> None:
    """List what exists, one line each. Reads files without importing them."""
    from foresee import plugins
    from foresee.cli import _console
    from foresee.errors import unknown_name

    kinds = (*plugins.KINDS, "suites")
    if kind and kind not in kinds:
        raise unknown_name("kind", kind, kinds)
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


def doctor() -> None:
    """Report what is installed, which models, devices and data are usable, and what to do about the rest."""
    from foresee.cli import _results
    from foresee.cli._checkup import checkup
    from foresee.report.tables import TextTable

    marks = {"ok": "ok", "missing": "–", "broken": "BROKEN"}
    findings = list(checkup())
    rows = tuple((each.name, marks[each.state], each.detail, each.advice) for each in findings)
    _results.put(TextTable("This machine", ("what", "state", "found", "what to do"), rows), "table")
    raise typer.Exit(1 if any(each.state == "broken" for each in findings) else 0)
