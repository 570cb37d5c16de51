"""Build the safety profile: aware, foreseeing, resistant, not over-refusing, able; models and defenses side by side.

Every figure keeps its run, so that its items, answers, verdicts and command are at hand; what has no score has no value
here either, and coverage says how much that is. A model under a defense is compared with itself under none, one with an
adapter with itself without, every other with the first; over the same items, p values adjusted by Holm over all that is
shown.

    found = profile(["runs/before", "runs/after"])
    print(found)                # as the terminal shows it; in a notebook `found` shows itself as a table
    found.frame()               # one line per measure and subject, with everything that is known of it
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from foresee.errors import UserError
from foresee.evaluation.run_folder import Run
from foresee.evaluation.screening import METRIC as SCREENED
from foresee.files.frames import frame
from foresee.metrics import Metric
from foresee.report import judging, paired, profile_figure, profile_text, provenance
from foresee.report.defense_table import headline_metrics
from foresee.report.published import Theirs, beside
from foresee.report.run_names import attackers, benchmark_file, protections, variant
from foresee.report.stored_runs import read_runs
from foresee.statistics import Difference, Estimate, holm

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure as Drawn

QUESTIONS = ("aware", "foreseeing", "resistant", "not over-refusing", "able")
OTHER = "also measured"
_NEARLY_ALL, _NEARLY_NONE = 0.95, 0.05
_ONE_SIDED = (
    ("unsafe.accuracy", "over_safe.accuracy", "calls everything unsafe", "calls everything safe"),
    ("unsafe.refused", "safe.refused", "refuses everything", "refuses nothing"),
    ("ASR", "benign_refusal", "serves everything, benign or not", "refuses everything"),
)
"""Two measures of one benchmark that are alike only where the model does the same to everything, and what that is."""


class Subject(NamedTuple):
    """A model under a defense; `baseline` is the number of the subject that it is compared with, its own for none."""

    name: str
    model: str
    defense: str
    baseline: int


class Figure(NamedTuple):
    """A measure of one subject: the run that it comes of, the estimate, and the difference to the baseline."""

    run: Run
    metric: Metric
    estimate: Estimate
    difference: Difference | None
    p_holm: float | None = None

    @property
    def clear(self) -> bool:
        """Whether the difference holds by Holm's rule over all that the profile shows."""
        return self.p_holm is not None and self.p_holm < 0.05


class Measure(NamedTuple):
    """A line of the profile; a figure is None where that subject was not asked."""

    question: str
    words: str
    benchmark: str
    attack: str
    metric: Metric
    figures: tuple[Figure | None, ...]
    theirs: Theirs | None = None
    """what others published of it, not measured here"""

    @property
    def place(self) -> str:
        """The benchmark, and the attack if there was one."""
        return self.benchmark + (f" under {self.attack}" if self.attack != "none" else "")

    @property
    def told(self) -> str:
        """The metric's name, which way is better, and its scale where that is not a share."""
        better = {True: " ↑", False: " ↓", None: ""}[self.metric.higher_is_better]
        low, high = self.metric.bounds
        return self.metric.name + better + ("" if self.metric.percent else f" {low:g} to {high:g}")


@dataclass(frozen=True, repr=False)
class Profile:
    """Subjects side by side, measure by measure.

    Attributes:
        subjects: in the order of the runs.
        measures: by question, then benchmark and attack.
        judges: who judged which benchmark, and how far each agrees with people.
        labelled: whether a user named the subjects.
    """

    subjects: tuple[Subject, ...]
    measures: tuple[Measure, ...]
    judges: tuple[str, ...]
    labelled: bool = False

    def __repr__(self) -> str:
        return profile_text.plain(self)

    def _repr_html_(self) -> str:
        return profile_text.html(self)

    def frame(self) -> pandas.DataFrame:
        """Tabulate one line per measure and subject, as `records` gives them.

        Raises:
            UserError: pandas is missing.
        """
        return frame(self.records())

    def records(self) -> Iterator[dict[str, Any]]:
        """Yield everything that is known of each figure, down to its run folder and command.

        What others published follows, with its source under `published`, and a value alone.
        """
        for measure in self.measures:
            for subject, figure in zip(self.subjects, measure.figures, strict=True):
                if figure is not None:
                    yield _record(measure, subject, figure, self.subjects[subject.baseline].name)
            for quoted in measure.theirs.quoted if measure.theirs else ():
                known = {"subject": quoted.model, "model": quoted.model, "value": quoted.value}
                yield _of(measure) | known | {"published": quoted.source}

    def plot(self) -> Drawn:
        """Draw the profile with matplotlib: what stands for each question, as on the page and in `--to figure.svg`.

        Raises:
            UserError: matplotlib is missing.
        """
        return profile_figure.plot(profile_figure.draw(self))

    def renamed(self, names: Sequence[str]) -> Profile:
        """Give the subjects other names, one each."""
        named = tuple(each._replace(name=name) for each, name in zip(self.subjects, names, strict=True))
        return replace(self, subjects=named)

    def extremes(self, place: int) -> Iterator[str]:
        """Yield what a subject does to everything alike, by benchmark."""
        held: dict[str, dict[str, float]] = {}
        for measure in self.measures:
            figure = measure.figures[place]
            if figure is not None and figure.estimate.value is not None:
                held.setdefault(measure.place, {})[measure.metric.name] = figure.estimate.value
        for told, values in held.items():
            for one, other, high, low in _ONE_SIDED:
                if one in values and other in values:
                    alike = values[one], 1 - values[other] if other != "safe.refused" else values[other]
                    if min(alike) >= _NEARLY_ALL:
                        yield f"{high} ({told})"
                    elif max(alike) <= _NEARLY_NONE:
                        yield f"{low} ({told})"


def profile(
    runs: Iterable[Run | Path | str] | Run | Path | str, *, labels: Sequence[str] = (), to_first: bool = False
) -> Profile:
    """Build the profile of runs: of one model, or of any number of models, defenses and folders side by side.

    Args:
        runs: runs, run folders, or folders of them, such as those of a suite.
        labels: names for the subjects, in the order in which they come.
        to_first: compare every subject with the first, not with its own baseline.

    Raises:
        UserError: a folder that holds no run, no run at all, or another number of labels than of subjects.
    """
    listed = [runs] if isinstance(runs, Run | Path | str) else list(runs)
    found: list[Run] = []
    sources: list[str] = []
    for each in listed:
        read = [each] if isinstance(each, Run) else read_runs([Path(each)], judgings=False)
        found += read
        sources += ["" if isinstance(each, Run) else str(each)] * len(read)
    if not found:
        raise UserError("expected a run at least, got none; make some with 'foresee eval suite/world --model …'")
    attacked, told = attackers(found), [variant(run) for run in found]
    keys = _subject_keys(found, sources, told, attacked)
    order = list(dict.fromkeys(keys))
    names = _names(order)
    if labels:
        if len(labels) != len(order):
            raise UserError(f"expected {len(order)} labels, got {len(labels)}: one each for {', '.join(names)}")
        names = list(labels)
    subjects = tuple(
        Subject(name, key.model, key.defense, 0 if to_first else _baseline(order, place))
        for place, (name, key) in enumerate(zip(names, order, strict=True))
    )
    held: dict[tuple[str, str], dict[int, Run]] = {}
    for run, key, label, attack in zip(found, keys, told, attacked, strict=True):
        held.setdefault((label, attack), {}).setdefault(order.index(key), run)
    lines = [line for (label, attack), by in held.items() for line in _measures(label, attack, by, subjects)]
    lines.sort(key=lambda line: (*QUESTIONS, OTHER).index(line.question))
    return Profile(subjects, _adjusted(lines), tuple(_judges(found, told)), bool(labels))


class _Key(NamedTuple):
    model: str
    defense: str
    source: str


def _subject_keys(
    runs: Sequence[Run], sources: Sequence[str], told: Sequence[str], attacked: Sequence[str]
) -> list[_Key]:
    """Say whose each run is. Runs of one model under one defense are one subject, unless a benchmark came twice."""
    defenses = protections(runs)
    whose = [(run.model, defense) for run, defense in zip(runs, defenses, strict=True)]
    asked = Counter(zip(whose, told, attacked, strict=True))
    several = {key for (key, _, _), count in asked.items() if count > 1}
    seen: Counter[tuple[Any, ...]] = Counter()
    keys = []
    for run, key, source, label, attack in zip(runs, whose, sources, told, attacked, strict=True):
        where = ""
        if key in several:
            where = source or "run"
            seen[key, source, label, attack] += 1
            if (count := seen[key, source, label, attack]) > 1 or not source:
                where = f"{where} {count}" if not source else str(run.folder)
        keys.append(_Key(*key, where))
    return keys


def _names(order: Sequence[_Key]) -> list[str]:
    """Name each subject by what tells it from the others."""
    models = {key.model for key in order}
    names = []
    for key in order:
        defense = f"+ {key.defense}" if key.defense != "none" else ""
        alike = sum(other[:2] == key[:2] for other in order) > 1
        if alike and len(models) == 1 and len({other.defense for other in order}) == 1:
            names.append(key.source)
        else:
            names.append(" ".join(filter(None, (key.model, defense, f"({key.source})" if alike else ""))))
    return names


def _baseline(order: Sequence[_Key], place: int) -> int:
    """Find what a subject is compared with: itself under no defense, or without its adapter; else the first."""
    key = order[place]
    if key.defense != "none":
        for other in (_Key(key.model, "none", key.source), _Key(key.model, "none", "")):
            if other in order:
                return order.index(other)
    base = key.model.rpartition(":")[0]
    for number, one in enumerate(order):
        if base and one.model == base and one.defense == key.defense:
            return number
    return 0


def _measures(label: str, attack: str, by: Mapping[int, Run], subjects: Sequence[Subject]) -> Iterator[Measure]:
    first = next(iter(by.values()))
    differences = {
        place: paired.differences(by[subjects[place].baseline], run, run.metrics)
        for place, run in by.items()
        if subjects[place].baseline in by and subjects[place].baseline != place
    }
    known: dict[str, Metric] = {}
    for run in by.values():
        known |= {metric.name: metric for metric in run.metrics if metric.name not in known}
    for metric, question, words in _chosen(first, known):
        figures: list[Figure | None] = []
        for place in range(len(subjects)):
            run_ = by.get(place)
            estimate = next((e for e in run_.estimates if e.name == metric.name), None) if run_ else None
            if run_ is None or estimate is None:
                figures.append(None)
            else:
                figures.append(Figure(run_, metric, estimate, differences.get(place, {}).get(metric.name)))
        theirs = beside(first.benchmark, metric.name) if attack == "none" else None
        yield Measure(question, words, label, attack, metric, tuple(figures), theirs)


def _chosen(run: Run, known: Mapping[str, Metric]) -> Iterator[tuple[Metric, str, str]]:
    """Choose the measures of a benchmark, with their question and words; those under an attack are of one try or k."""
    file = benchmark_file(run)
    declared = file.profile if file is not None else {}
    if SCREENED.name in known:
        yield SCREENED, "resistant", SCREENED.doc.removeprefix("offline screen: share of ")
    order = list(declared)
    for metric in sorted(
        known.values(), key=lambda m: order.index(n) if (n := m.name.partition("@")[0]) in order else 0
    ):
        name, _, tries = metric.name.partition("@")
        if name in declared:
            question, words = declared[name]
            yield (
                metric,
                question if question in QUESTIONS else OTHER,
                words + (f", in any of {tries}" if tries else ""),
            )
    if not declared:
        for metric in headline_metrics(run):
            if metric.name != SCREENED.name:
                yield metric, OTHER, metric.doc or metric.name


def _adjusted(lines: Sequence[Measure]) -> tuple[Measure, ...]:
    """Adjust the p values by Holm over all figures."""
    tested = [
        figure.difference.p_value
        for line in lines
        for figure in line.figures
        if figure is not None and figure.difference is not None and figure.difference.p_value is not None
    ]
    adjusted = iter(holm(tested))

    def one(figure: Figure | None) -> Figure | None:
        if figure is None or figure.difference is None or figure.difference.p_value is None:
            return figure
        return figure._replace(p_holm=next(adjusted))

    return tuple(line._replace(figures=tuple(map(one, line.figures))) for line in lines)


def _judges(runs: Sequence[Run], told: Sequence[str]) -> Iterator[str]:
    lines: dict[str, dict[str, None]] = {}
    for run, label in zip(runs, told, strict=True):
        for line in judging.compared(run):
            lines.setdefault(line, {})[label] = None
    for line, labels in lines.items():
        yield f"{', '.join(labels)}: {line}"


def _of(measure: Measure) -> dict[str, Any]:
    return {
        "question": measure.question,
        "words": measure.words,
        "benchmark": measure.benchmark,
        "attack": measure.attack,
        "metric": measure.metric.name,
        "higher_is_better": measure.metric.higher_is_better,
    }


def _record(measure: Measure, subject: Subject, figure: Figure, baseline: str) -> dict[str, Any]:
    estimate, found = figure.estimate, figure.difference
    return _of(measure) | {
        "subject": subject.name,
        "model": subject.model,
        "defense": subject.defense,
        "value": estimate.value,
        "low": estimate.low,
        "high": estimate.high,
        "n": estimate.n,
        "total": estimate.total,
        "coverage": estimate.coverage if estimate.total else None,
        "clusters": estimate.clusters,
        "method": estimate.method,
        "baseline": baseline if found is not None else None,
        "difference": found.delta if found else None,
        "difference_low": found.low if found else None,
        "difference_high": found.high if found else None,
        "items_paired": found.n if found else None,
        "p": found.p_value if found else None,
        "p_holm": figure.p_holm,
        "least_shown": found.detectable if found else None,
        "judge_models": ", ".join(figure.run.manifest.get("judge_models") or ["rules"]),
        "folder": str(figure.run.folder),
        "command": provenance.command(figure.run, public=False),
        "commit": figure.run.manifest.get("commit"),
        "published": "",
    }
