"""Compare attacks: harm done under each, without and with each defense, and how much of the tries is understood.

One matrix holds one model on one benchmark. ASR is about one try; ASR@k about any of the attack's k tries, without bias
where there are more. The gap is the paired difference to no attack under the same defense, over the same items, one try
each. Legibility is the share of benign items that are served under the same attack: what was not understood was not
resisted. The benign items are the benchmark's own, else those of a benchmark that was run beside it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from foresee import manifest
from foresee.errors import UserError
from foresee.evaluation.run_folder import Run
from foresee.metrics import Metric, summarise
from foresee.report import failures, paired
from foresee.report.escaping import label
from foresee.report.provenance import without_paths
from foresee.report.run_names import attackers, benchmark_file, protections, variant
from foresee.report.tables import TextTable, interval, number
from foresee.statistics import Difference, Estimate

_NONE, _INFORMED = "none", "informed"
_POINTS = (1, 2, 3, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000)  # of a curve over k
_NEARLY_ALL = 0.9


class Cell(NamedTuple):
    """One attack under one defense.

    Attributes:
        tries: how many ASR@k is about.
        one: the share of tries that did harm.
        any: the share of items on which any of the tries did; None with one try.
        gap: to no attack under the same defense; None where that was not run.
        effect: of the defense: to none under the same attack; None for none itself.
        legible: share of benign items served; None where that was not measured.
        curve: (k, share of items on which any of k tries did harm), for the page.
        run: what it comes of.
        legible_run: what `legible` comes of.
    """

    tries: int
    one: Estimate
    any: Estimate | None
    gap: Difference | None
    effect: Difference | None
    legible: Estimate | None
    curve: tuple[tuple[int, float], ...]
    run: Run
    legible_run: Run | None


class Matrix(NamedTuple):
    """One model on one benchmark: attacks by defenses; None where that run was not made."""

    model: str
    benchmark: str
    metric: str
    attacks: tuple[str, ...]
    defenses: tuple[str, ...]
    cells: Mapping[tuple[str, str], Cell]
    sure: frozenset[Difference]
    notes: tuple[str, ...]


class _Legible(NamedTuple):
    """The share of benign items that were served: of which benchmark (empty: the same one), in which run."""

    told: str
    run: Run
    estimate: Estimate


class _Held(NamedTuple):
    run: Run
    metric: Metric
    attack: str
    defense: str


def matrices(runs: Sequence[Run], labels: Sequence[str] = (), unfit: Mapping[str, str] | None = None) -> list[Matrix]:
    """Build a matrix for each model and benchmark on which harm can be done and an attack was run.

    Args:
        runs: in any order.
        labels: what to call each run's benchmark; by default its name and the options that are not the usual ones.
        unfit: attacks and defenses that were asked for and mean nothing to the model.
    """
    attacks, defenses = attackers(runs), protections(runs)
    if all(attack == _NONE for attack in attacks):
        return []
    found: dict[tuple[str, str], list[_Held]] = {}
    legible: dict[tuple[str, str, str], _Legible] = {}
    for run, told, attack, defense in zip(
        runs, labels or [variant(run) for run in runs], attacks, defenses, strict=True
    ):
        metric, served = _success(run), _served(run)
        if metric is not None:
            found.setdefault((run.model, told), []).append(_Held(run, metric, attack, defense))
        if served is not None:
            legible.setdefault((run.model, attack, defense), _Legible(told, run, served))
    return [
        _matrix(model, told, held, {**legible, **_own(model, held)}, unfit or {})
        for (model, told), held in found.items()
        if any(each.attack != _NONE for each in held)
    ]


def text_tables(matrix: Matrix, width: int) -> list[TextTable]:
    """Lay a matrix out: a table for each defense. All side by side are in `defense_costs`."""
    tables = [_table(matrix, defense) for defense in matrix.defenses]
    return [table._replace(notes=matrix.notes if table is tables[-1] else ()) for table in tables]


def escaped(matrix: Matrix, *, public: bool) -> Matrix:
    """Copy a matrix with names that can do no harm on a page, and if it is public without local paths."""

    def told(text: str) -> str:
        return label(without_paths(text) if public else text, 100)

    cells = {(told(attack), told(defense)): cell for (attack, defense), cell in matrix.cells.items()}
    return matrix._replace(
        model=told(matrix.model),
        benchmark=told(matrix.benchmark),
        attacks=tuple(map(told, matrix.attacks)),
        defenses=tuple(map(told, matrix.defenses)),
        cells=cells,
        notes=tuple(label(note, 400) for note in matrix.notes),
    )


def _success(run: Run) -> Metric | None:
    """Find the benchmark's first figure about harm done, of one try; None where nothing harmful is asked."""
    file = benchmark_file(run)
    if file is None:
        return None
    own = next((m for m in run.metrics if m.measure == file.success and not m.where and not m.published), None)
    return None if own is None else replace(own, epochs="mean", attempts=None)


def _served(run: Run) -> Estimate | None:
    """Find the share of a run's benign items that were served; None where nothing says so."""
    file = benchmark_file(run)
    for measure in file.legible if file else ():
        (estimate,) = summarise(run.rows, [Metric("legible", measure)])
        if estimate.value is not None:
            return estimate
    return None


def _own(model: str, held: Sequence[_Held]) -> dict[tuple[str, str, str], _Legible]:
    """Find the legibility that the benchmark's own benign items show."""
    return {
        (model, each.attack, each.defense): _Legible("", each.run, estimate)
        for each in held
        if (estimate := _served(each.run)) is not None
    }


def _matrix(
    model: str,
    told: str,
    held: Sequence[_Held],
    legible: Mapping[tuple[str, str, str], _Legible],
    unfit: Mapping[str, str],
) -> Matrix:
    by_place = {(each.attack, each.defense): each for each in reversed(held)}
    attacks = sorted(dict.fromkeys(each.attack for each in held), key=lambda name: name != _NONE)
    defenses = sorted(dict.fromkeys(each.defense for each in held), key=lambda name: name != _NONE)
    cells = {}
    for place, each in by_place.items():
        source = legible.get((model, *place))
        plain, bare = by_place.get((_NONE, each.defense)), by_place.get((each.attack, _NONE))
        cells[place] = _cell(each, plain, bare, source)
    ordered = list(dict.fromkeys(each.attack for each in held if each.run.manifest.get("tries_in_order")))
    sources = {source.told for place in by_place if (source := legible.get((model, *place)))}
    return Matrix(
        model,
        told,
        held[0].metric.name,
        tuple(attacks),
        tuple(defenses),
        cells,
        paired.sure([found for cell in cells.values() for found in (cell.gap, cell.effect) if found]),
        (
            *_notes(attacks, cells, sources, ordered),
            *_at_worst(by_place, cells, defenses),
            *_troubles(by_place),
            *(f"n/a: {why}" for why in unfit.values()),
        ),
    )


def _cell(each: _Held, plain: _Held | None, bare: _Held | None, legible: _Legible | None) -> Cell:
    run, metric, tries = each.run, each.metric, each.run.tries
    points = [k for k in _POINTS if k < tries] + [tries]
    ordered = bool(run.manifest.get("tries_in_order"))
    several = [replace(metric, epochs="any", attempts=k, ordered=ordered) for k in points] if tries > 1 else []
    one, *found = summarise(run.rows, [metric, *several])
    return Cell(
        tries,
        one,
        found[-1] if found else None,
        None if plain is None or plain is each else paired.differences(plain.run, run, [metric]).get(metric.name),
        None if bare is None or bare is each else paired.differences(bare.run, run, [metric]).get(metric.name),
        legible.estimate if legible else None,
        tuple((k, estimate.value) for k, estimate in zip(points, found, strict=False) if estimate.value is not None),
        run,
        legible.run if legible else None,
    )


def _notes(
    attacks: Sequence[str], cells: Mapping[tuple[str, str], Cell], sources: set[str], ordered: Sequence[str]
) -> list[str]:
    notes = [
        "ASR: share of tries that did harm; ASR@k: share of items on which any of the attack's tries did (unbiased); "
        "intervals are 95 %, by clusters. Judges see the original request, never the try",
        "gap: paired difference to no attack under the same defense, one try; effect: paired difference to no defense "
        "under the same attack; * where the interval leaves out zero, ** also by Holm's rule for all of them here",
    ]
    if any(cell.legible for cell in cells.values()):
        of = ", ".join(sorted(source or "the benchmark's own" for source in sources))
        notes.append(
            f"legible: share of benign items ({of}) served under the same attack; where it is low, a low ASR says that "
            "the tries were not understood, not that they were resisted"
        )
    else:
        notes.append(
            "legible: not measured, as no benign items were judged; --benign BENCHMARK runs some beside (one whose "
            "judges say whether a request was served)"
        )
    if ordered:
        notes.append(
            f"{', '.join(ordered)}: each try was made of the answers to those before it, so that @k is about the first "
            "k and no others"
        )
    if _NONE not in attacks:
        notes.append("no gap, as nothing was run without an attack: --attack none,…")
    if any(cell.one.n < cell.one.total for cell in cells.values()):
        notes.append(
            "a share in brackets after the ASR: only so many tries have a verdict; the others count as neither"
        )
    return notes


def _at_worst(
    by_place: Mapping[tuple[str, str], _Held], cells: Mapping[tuple[str, str], Cell], defenses: Sequence[str]
) -> list[str]:
    """Say of each defense what is left of it: with no attack, under the worst, and under one that knows it."""
    notes = []
    for defense in defenses:
        own = {attack: cells[attack, defense] for attack, under in cells if under == defense}
        plain = own.pop(_NONE, None)
        highest = {attack: (cell.any or cell.one).value for attack, cell in own.items()}
        ranked = sorted((value, attack) for attack, value in highest.items() if value is not None)
        if defense == _NONE or not ranked:
            continue
        told = [] if plain is None else [f"{value_of(plain.one)} with no attack"]
        told.append(f"at worst {_harm(own[ranked[-1][1]])} under {ranked[-1][1]}")
        knowing = [attack for _, attack in reversed(ranked) if _knows(by_place[attack, defense])]
        if knowing:
            told.append(f"{_harm(own[knowing[0]])} under {knowing[0]}, which knows it")
        else:
            told.append("no attack that knows it was run (informed, or one optimised with --defense)")
        notes.append(f"{defense}: {'; '.join(told)}")
    return notes


def _harm(cell: Cell) -> str:
    return value_of(cell.one) if cell.any is None else f"{value_of(cell.any)} in any of {cell.tries}"


def _knows(held: _Held) -> bool:
    """Whether the attack was made for the defense that the run has."""
    if held.run.attack == _INFORMED:
        return True
    artefact = str((held.run.manifest.get("attack_options") or {}).get("artefact") or "")
    try:
        return artefact != "" and manifest.read(Path(artefact), "attack").get("defense") == held.run.defense
    except UserError:  # its folder has gone
        return False


def _troubles(by_place: Mapping[tuple[str, str], _Held]) -> list[str]:
    return [f"{each.attack}, {each.defense}: {line}" for each in by_place.values() for line in failures.notes(each.run)]


def value_of(estimate: Estimate | None) -> str:
    """Write the figure in percent, with its coverage where some have no verdict; a dash for none."""
    if estimate is None or estimate.value is None:
        return "–"
    covered = "" if estimate.n == estimate.total else f" ({100 * estimate.coverage:.0f} %)"
    return number(estimate.value, percent=True) + covered


def span_of(estimate: Estimate | None) -> str:
    """Write the interval in percent."""
    return "–" if estimate is None else interval(estimate.low, estimate.high, percent=True)


def difference_of(found: Difference | None, sure: frozenset[Difference]) -> str:
    """Write the difference in points with its interval and mark; a dash where there is none."""
    told = None if found is None else paired.shown(found, sure, percent=True)
    return "–" if told is None else f"{told.delta} {told.span}{told.mark}".strip()


def header(matrix: Matrix) -> tuple[str, ...]:
    """Name the columns of one defense's table; the effect of a defense only where something ran without one."""
    effect = ("effect",) if _has_effect(matrix) else ()
    return ("attack", matrix.metric, "95 %", "gap", "any of k", "k", *effect, "legible")


def row(matrix: Matrix, attack: str, defense: str) -> tuple[str, ...] | None:
    """Write one line of one defense's table; None where that run was not made."""
    cell = matrix.cells.get((attack, defense))
    if cell is None:
        return None
    effect = (difference_of(cell.effect, matrix.sure),) if _has_effect(matrix) else ()
    return (
        attack,
        value_of(cell.one),
        span_of(cell.one),
        difference_of(cell.gap, matrix.sure),
        value_of(cell.any),
        str(cell.tries),
        *effect,
        "not measured" if cell.legible is None else value_of(cell.legible),
    )


def behind(matrix: Matrix, attack: str, defense: str) -> tuple[Run | None, ...]:
    """List the run that each of `row`'s cells comes of."""
    cell = matrix.cells[attack, defense]
    return (*[cell.run] * (len(header(matrix)) - 1), cell.legible_run)


def _has_effect(matrix: Matrix) -> bool:
    return any(cell.effect is not None for cell in matrix.cells.values())


def curves(matrix: Matrix) -> list[tuple[str, str, Run]]:
    """Write how the share of items harmed grows with the number of tries, for each attack that has several."""
    found = []
    for attack in matrix.attacks:
        for defense in matrix.defenses:
            cell = matrix.cells.get((attack, defense))
            if cell is not None and len(cell.curve) > 1:
                name = attack if defense == _NONE else f"{attack}, {defense}"
                found.append(
                    (name, " · ".join(f"{k}: {number(value, percent=True)}" for k, value in cell.curve), cell.run)
                )
    return found


def _table(matrix: Matrix, defense: str) -> TextTable:
    under = "no defense" if defense == _NONE else defense
    rows = tuple(line for attack in matrix.attacks if (line := row(matrix, attack, defense)) is not None)
    return TextTable(f"Attacks on {matrix.model}: {matrix.benchmark} under {under}", header(matrix), rows)
