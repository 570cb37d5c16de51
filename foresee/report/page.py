"""Render the report as one self-contained HTML file: no network, nothing from data or models that could run.

What a row means is read in readings.py, sections.py holds the numbers, gallery.py the cards; the template in
`templates/` lays them out. The page's own style and script are the only ones that its content policy lets
through, by their hashes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from markupsafe import Markup

from foresee import manifest
from foresee.errors import UserError
from foresee.evaluation.run_folder import Run
from foresee.records import Json
from foresee.report import attack_table, defense_costs, failures, gallery, judging, main_table, profile_page
from foresee.report.assets import rendered
from foresee.report.comparisons import Ablation, PublishedTable, ablations, published_table
from foresee.report.defense_table import boards, escaped
from foresee.report.escaping import label, script_json
from foresee.report.gallery import Cards
from foresee.report.judging import Alone, JudgedBy
from foresee.report.main_table import Column, MetricRow
from foresee.report.outcome_breakdown import FirstToken, Split, first_token, splits
from foresee.report.profile import Profile
from foresee.report.profile import profile as profile_of
from foresee.report.provenance import Licence, command, facts, licence, without_paths
from foresee.report.published import PublishedRow, read_published
from foresee.report.scenarios import Panel, panels
from foresee.report.tables import TextTable
from foresee.report.thumbnails import BUDGET, Album, album
from foresee.report.tries import shown_attacks

_MOST_RUNS, _MOST_IN_ALL = 12, 60  # of a benchmark, as more could not be told apart; in all, for the page's size


class Tally(NamedTuple):
    """What became of a run's rows."""

    column: Column
    total: int
    answered: int
    unit: str
    troubles: tuple[str, ...]
    first_token: FirstToken | None
    warnings: tuple[str, ...]


class Judged(NamedTuple):
    """The judges of one run: how far each agrees with people, models asked, and what each of a panel found alone.

    `where` says which of the gallery's cards each metric counts; `corrected` are the run's rates by people's labels,
    where some were given; `uncorrected` says how, where none were.
    """

    column: Column
    compared: tuple[str, ...]
    judges: tuple[JudgedBy, ...]
    alone: tuple[Alone, ...]
    percents: Mapping[str, bool]
    where: Mapping[str, Mapping[str, list[str]]]
    corrected: TextTable | None = None
    uncorrected: str = ""


class Group(NamedTuple):
    """Everything that the page says of one benchmark."""

    anchor: str
    about: Licence
    columns: tuple[Column, ...]
    tallies: tuple[Tally, ...]
    headline: tuple[MetricRow, ...]
    published: PublishedTable | None
    panels: tuple[Panel, ...]
    splits: tuple[Split, ...]
    judged: tuple[Judged, ...]
    modality: tuple[Ablation, ...]


def render(
    runs: Sequence[Run],
    *,
    images: bool = True,
    public: bool = False,
    published: Sequence[PublishedRow] | None = None,
    image_bytes: int = BUDGET,
    corrections: Mapping[Path, TextTable] | None = None,
    profile: Profile | None = None,
) -> str:
    """Render the page for one run, or for several side by side.

    Args:
        runs: in the order of the columns; differences are taken to the first run of each benchmark.
        images: whether the gallery shows images.
        public: aggregates only: no prompts, answers, images or local paths.
        published: rows to compare with; None reads what we have for each benchmark.
        image_bytes: how much of the page images may take; beyond it, those of right answers go first.
        corrections: a run's folder -> its rates by people's labels, shown beside its judges.
        profile: what the page opens with; by default that of the runs.

    Raises:
        UserError: no run, or more than can stand side by side.
    """
    benchmarks = list(dict.fromkeys(run.benchmark for run in runs))
    most = max((sum(run.benchmark == name for run in runs) for name in benchmarks), default=0)
    if not 0 < most <= _MOST_RUNS or len(runs) > _MOST_IN_ALL:
        raise UserError(
            f"a report shows 1 to {_MOST_RUNS} runs of a benchmark and {_MOST_IN_ALL} in all, "
            f"got {most} and {len(runs)}; name fewer run folders"
        )
    opening = profile or profile_of(runs)
    columns = main_table.columns(runs, public=public, labels=_labels(opening))
    groups = [
        _group(i, [c for c in columns if c.run.benchmark == name], published, corrections or {}, public=public)
        for i, name in enumerate(benchmarks)
    ]
    found = None if public else gallery.cards(runs)
    shown = album(gallery.images_wanted(found.shown), budget=image_bytes) if found and images else None
    described = _cards(found, columns, shown) if found else {}
    rest = gallery.without_rest(described) if found else ""
    return rendered(
        "page.html.jinja",
        "",
        "page.js",
        title=_title(groups, columns),
        columns=columns,
        groups=groups,
        profile=_opening(opening, runs, groups, public=public),
        boards=[escaped(board, public=public) for board in boards(runs)],
        costs=[defense_costs.escaped(table, public=public) for table in defense_costs.tables(runs)],
        matrices=[attack_table.escaped(matrix, public=public) for matrix in attack_table.matrices(runs)],
        attack_header=attack_table.header,
        attack_row=attack_table.row,
        attack_curves=attack_table.curves,
        attack_behind=attack_table.behind,
        place_of=_places(runs, public=public),
        tries=[] if public else shown_attacks(runs, images=images),
        facts=facts(runs, public=public),
        commands=[(column, line) for column in columns if (line := command(column.run, public=public))],
        version=str(runs[0].manifest.get("foresee") or manifest.environment()["foresee"]),
        public=public,
        gallery=found,
        images=shown,
        cards=Markup(script_json(described)),  # noqa: S704 - script_json escapes
        rest=rest,
        image_list=Markup(script_json(gallery.images_json(shown))),  # noqa: S704 - script_json escapes
    )


def write(
    path: Path,
    runs: Sequence[Run],
    *,
    images: bool = True,
    public: bool = False,
    published: Sequence[PublishedRow] | None = None,
    corrections: Mapping[Path, TextTable] | None = None,
    profile: Profile | None = None,
) -> Path:
    """Write `render`'s page; the file is replaced in one step.

    Raises:
        UserError: as `render`, or the file can't be written.
    """
    shown = render(runs, images=images, public=public, published=published, corrections=corrections, profile=profile)
    manifest.write_atomically(path, shown)
    return path


def _places(runs: Sequence[Run], *, public: bool) -> Callable[[Run | Sequence[Run] | None], str | None]:
    """Find the numbers in the gallery of one run, or of several with commas; None for all where the page has none."""
    found = {} if public else {id(run): place for place, run in enumerate(runs)}

    def place_of(behind: Run | Sequence[Run] | None) -> str | None:
        several = () if behind is None else (behind,) if isinstance(behind, Run) else behind
        return ",".join(str(found[id(run)]) for run in several if id(run) in found) or None

    return place_of


def _labels(profile: Profile) -> dict[int, str]:
    """Name each run as a user named its subject; empty where nobody did."""
    if not profile.labelled:
        return {}
    return {
        id(figure.run): subject.name
        for line in profile.measures
        for subject, figure in zip(profile.subjects, line.figures, strict=True)
        if figure is not None
    }


def _opening(
    profile: Profile, runs: Sequence[Run], groups: Sequence[Group], *, public: bool
) -> profile_page.Shown | None:
    """Lay out what the page opens with; nothing where no run's benchmark says which question it answers."""
    several = len(groups) > 1
    anchors = {str(g.about.benchmark): g.anchor if several else f"{g.anchor}-results" for g in groups}
    return profile_page.shown(profile, runs, anchors, public=public) if profile.measures else None


def _group(
    index: int,
    columns: Sequence[Column],
    published: Sequence[PublishedRow] | None,
    corrections: Mapping[Path, TextTable],
    *,
    public: bool,
) -> Group:
    benchmark = columns[0].run.benchmark
    headline = main_table.headline(columns)
    rows = read_published(benchmark) if published is None else tuple(published)
    return Group(
        anchor=f"benchmark-{index + 1}",
        about=licence(benchmark),
        columns=tuple(columns),
        tallies=tuple(_tally(column, public=public) for column in columns),
        headline=tuple(headline),
        published=published_table(columns, headline, rows),
        panels=tuple(panels(columns)),
        splits=tuple(splits([column.run.rows for column in columns])),
        judged=tuple(
            found for c in columns if (found := _judged(c, corrections, public=public)).judges or found.compared
        ),
        modality=tuple(ablations(columns)),
    )


def _judged(column: Column, corrections: Mapping[Path, TextTable], *, public: bool) -> Judged:
    """Reasons may quote what a judge model wrote of an answer, so a public page leaves them out, and paths as ever."""
    run = column.run
    percents = {metric.name: metric.percent for metric in run.metrics}
    where = {metric.name: gallery.counted(metric.where) for metric in run.metrics}
    panels = judging.panels(run)
    judges, each = judging.judged_by(run, panels), judging.alone(run, panels)
    compared = judging.compared(run, panels)
    corrected = corrections.get(run.folder)
    uncorrected = judging.uncorrected(run) if corrected is None else ""
    if public:
        uncorrected = without_paths(uncorrected)
        judges = [j._replace(reasons=(), models=tuple(map(without_paths, j.models))) for j in judges]
        each = [one._replace(model=without_paths(one.model)) for one in each]
        compared = list(map(without_paths, compared))
        if corrected is not None:
            corrected = corrected._replace(notes=tuple(map(without_paths, corrected.notes)))
    return Judged(column, tuple(compared), tuple(judges), tuple(each), percents, where, corrected, uncorrected)


def _tally(column: Column, *, public: bool) -> Tally:
    run = column.run
    found = run.outcomes
    counted = (
        (found.missing_images, "missing its image (never sent)", "missing their image (never sent)"),
        (found.errors, "call failed", "calls failed"),
        (found.refused_by_api, "refused by the API", "refused by the API"),
        (run.unfinished, "not sent yet: the run is unfinished", "not sent yet: the run is unfinished"),
    )
    token = first_token(run.rows)
    said = [*([] if public else failures.notes(run)), *run.warnings]  # reasons of failures may quote a server
    warnings = [label(w, 400) for w in said if not (token and w.startswith("first-token"))]
    if token and token.low:
        warnings.append(
            f"In {token.low:,} of {token.rows:,} answers the offered first words hold less than half of the "
            "probability: the model wants to begin otherwise. Compare with answers generated as text."
        )
    return Tally(
        column=column,
        total=found.total,
        answered=found.ok,
        unit="repeats" if found.repeated else "items",
        troubles=tuple(f"{count:,} {one if count == 1 else more}" for count, one, more in counted if count),
        first_token=token,
        warnings=tuple(warnings),
    )


def _cards(found: Cards, columns: Sequence[Column], images: Album | None) -> dict[str, Json]:
    titles = [c.name if c.tag == c.name else f"{c.tag} · {c.name}" for c in columns]
    names = [title + (f", {c.details}" if c.details else "") for title, c in zip(titles, columns, strict=True)]
    tags = [c.tag for c in columns]
    return gallery.gallery_json(found.shown, names, tags, images)


def _title(groups: Sequence[Group], columns: Sequence[Column]) -> str:
    benchmarks = ", ".join(group.about.benchmark for group in groups)
    return f"{columns[0].name} on {benchmarks}" if len(columns) == 1 else f"{benchmarks}: {len(columns)} runs"
