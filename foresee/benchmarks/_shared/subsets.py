"""Choose the metrics of a run that asks one subset alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from foresee.metrics import Metric


def of_chosen(metrics: Sequence[Metric], options: Mapping[str, object]) -> tuple[Metric, ...]:
    """Leave out the metrics of each subset where `subset` names one: it is the whole."""
    whole = options.get("subset", "all") == "all"
    return tuple(metric for metric in metrics if whole or "subset" not in metric.where)
