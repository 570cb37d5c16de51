"""The demo's table: its plain words stand for metrics that exist, and it fits a terminal."""

from __future__ import annotations

import io
from types import SimpleNamespace
from typing import Any

from rich.console import Console

from foresee.cli import demo
from foresee.evaluation import jobs as batch
from foresee.report.tables import show


def test_headlines_name_metrics_of_the_suite_and_the_table_fits_a_terminal() -> None:
    jobs = batch.resolve("suite/world", {"none": {}, "constitution": {}})
    assert {job.label for job in jobs} == set(demo.HEADLINES)
    runs: list[Any] = []
    for job in jobs:
        names = [metric.name for metric in job.plan.file.all_metrics]
        estimates = [SimpleNamespace(name=name, value=1.0, low=0.981, high=1.0) for name in names]
        runs.append(
            SimpleNamespace(
                model="organism/base",
                defense=job.plan.defense.name if job.plan.defense else "none",
                estimates=estimates,
            )
        )
    table = demo.profile([batch.Finished(*pair) for pair in zip(jobs, runs, strict=True)])
    assert table.header == ("share of", "plain", "with constitution")
    assert sum(row[1] != "" for row in table.rows) == sum(len(chosen) for _, chosen in demo.HEADLINES.values())
    assert all(cell == "100 (98 - 100)" for row in table.rows if row[1] for cell in row[1:])
    screen = Console(width=80, file=io.StringIO(), record=True)
    show(table, screen)
    shown = screen.export_text()
    assert "…" not in shown
    assert all(words in shown for _, chosen in demo.HEADLINES.values() for _, words in chosen)
