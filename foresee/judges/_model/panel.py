"""Several judge models, one verdict: the majority, the median for numbers; no verdict where most gave none."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Collection, Mapping, Sequence

from foresee.judges._model.rubric import Value
from foresee.records import Vote


def decide(
    votes: Sequence[Vote], *, required: Collection[str] | None = None, graded: Collection[str] = ()
) -> tuple[Value | None, str]:
    """Decide the verdict of a panel, or why there is none.

    More than half of the panel must have given a value. Words and 0/1 go by majority, numbers on a scale (`graded`
    names, and whatever is neither 0 nor 1) by the median; a tie decides nothing. Each name of a mapping is decided by
    those that gave it. A tie in a required name (None: in any) leaves no verdict; any other tied name is left out.
    """
    cast = [vote for vote in votes if vote.value is not None]
    if 2 * len(cast) <= len(votes):
        missing = "; ".join(dict.fromkeys(f"{vote.model}: {vote.reason}" for vote in votes if vote.value is None))
        return None, missing if len(votes) > 1 else votes[0].reason
    values = [vote.value for vote in cast if vote.value is not None]
    if len(values) == 1:
        return values[0], cast[0].reason
    if all(isinstance(value, Mapping) for value in values):
        return _by_name([value for value in values if isinstance(value, Mapping)], required, graded)
    plain = [value for value in values if not isinstance(value, Mapping)]
    if len(plain) != len(values):
        return None, "the judge models answer in different forms"
    found = _central(plain)
    return (None, f"the judge models disagree: {_said(plain)}") if found is None else (found, _said(plain))


def agreed(votes: Sequence[Vote]) -> bool | None:
    """Whether all that gave a value gave the same one; None where fewer than two did."""
    values = [vote.value for vote in votes if vote.value is not None]
    if len(values) < 2:
        return None
    if all(isinstance(value, Mapping) for value in values):
        shared = set.intersection(*(set(value) for value in values if isinstance(value, Mapping)))
        return all(len({value[name] for value in values if isinstance(value, Mapping)}) == 1 for name in shared)
    return all(value == values[0] for value in values)


def _by_name(
    values: Sequence[Mapping[str, float]], required: Collection[str] | None, graded: Collection[str]
) -> tuple[Value | None, str]:
    found: dict[str, float] = {}
    split: dict[str, str] = {}
    for name in dict.fromkeys(name for value in values for name in value):
        given = [value[name] for value in values if name in value]
        central = _central(given, graded=name in graded)
        if isinstance(central, int | float):
            found[name] = float(central)
        else:
            split[name] = f"{name} {_said(given)}"
    if split and (required is None or not found or set(required) & set(split)):
        return None, f"the judge models disagree: {'; '.join(split.values())}"
    return found, "; ".join(f"{name} {_said([v[name] for v in values if name in v])}" for name in found) + (
        f"; tied, left out: {', '.join(split.values())}" if split else ""
    )


def _central(values: Sequence[str | float], *, graded: bool = False) -> str | float | None:
    """Find the median of numbers; of words and of zeros and ones the majority, None for a tie."""
    if all(isinstance(value, int | float) for value in values) and (graded or not set(values) <= {0, 1}):
        return statistics.median(float(value) for value in values)
    (first, most), *others = Counter(values).most_common()
    return None if others and others[0][1] == most else first


def _said(values: Sequence[str | float]) -> str:
    return "/".join(value if isinstance(value, str) else f"{value:g}" for value in values)
