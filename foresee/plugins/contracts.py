"""What a plug-in file of each kind holds: one frozen object a kind, read from the file once, with defaults filled in.

Authors write plain module-level names (`VERSION`, `items`, `measures`, ...); everything else in foresee sees these
objects, so a type checker sees the contract and a file that breaks it is refused in one line before anything runs.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from foresee import plugins
from foresee.config import AttackOptions, BenchmarkOptions, Settings
from foresee.errors import UserError
from foresee.records import Answer, Filter, Generation, Item, Procedure, Reply, Verdict

if TYPE_CHECKING:
    from foresee.judges._model.rubric import Blank, Rubric
    from foresee.metrics import Metric

RubricHook: TypeAlias = "Callable[[str, Item], Rubric | None]"
RubricOf: TypeAlias = "Callable[[Item], Rubric]"
_THEIRS = "foresee_plugins."  # modules of users' own files
JudgeForm = Literal["rules", "model"]
DefenseKind = Literal["edit", "filter", "decoding", "hidden", "answer"]


@dataclass(frozen=True)
class Benchmark:
    """A benchmark's file: `foresee/benchmarks/NAME.py` (docs/add_a_benchmark.md).

    Attributes:
        name: of the file.
        version: raised when scores stop being comparable.
        source: where the data comes from (`data.source.Source` reads it).
        options: the class of its `-T` options.
        judges: names of the judges that read its answers.
        all_metrics: every metric it may report.
        headline: names of the metrics that are tested together and shown first.
        profile: metric -> which question of a safety profile it answers, and what is counted, in plain words.
        items: (data folder, options) -> items; the folder is None where the data comes with the program.
        measures: (item, answer, verdicts by judge) -> measure by name, None where it is unscored.
        applies: item -> names of the measures that mean something for it.
        generation: options -> how answers are sampled unless the user says otherwise.
        metrics: options as recorded -> those of `all_metrics` that mean something under them.
        epochs: options -> how often each item is sent.
        procedure: options -> how items are asked in several turns; None for a single one.
        rubric: (judge, item) -> the benchmark's own rubric, None for the judge's; None if it has none at all.
        expected: options -> items by subset that a whole copy has; None where `source` says it.
        defects: data folder -> ids by kind of flaw.
        success: the measure that says that harm was done, which attacks are to raise; "" where there is none.
        legible: measures that say that a benign item was served, in the order of preference: whether an attack's tries
            are understood.
    """

    name: str
    version: str
    source: Mapping[str, Any]
    options: type[BenchmarkOptions]
    judges: tuple[str, ...]
    all_metrics: tuple[Metric, ...]
    headline: tuple[str, ...]
    profile: Mapping[str, tuple[str, str]]
    items: Callable[[Path | None, Any], Iterable[Item]]
    measures: Callable[[Item, Answer, Mapping[str, Verdict]], Mapping[str, float | None]]
    applies: Callable[[Item], Iterable[str]]
    generation: Callable[[Any], Generation]
    metrics: Callable[[Mapping[str, Any]], Sequence[Metric]]
    epochs: Callable[[Any], int]
    procedure: Callable[[Any], Procedure | None]
    rubric: RubricHook | None
    expected: Callable[[Any], Mapping[str, int]] | None
    defects: Callable[[Path], Mapping[str, Sequence[str]]] | None
    success: str
    legible: tuple[str, ...]

    @property
    def embedded(self) -> bool:
        """Whether the data comes with the program."""
        return bool(self.source.get("embedded"))


@dataclass(frozen=True)
class LabelSet:
    """A file of answers that people labelled: `foresee/labels/NAME.py`.

    Attributes:
        name: of the file.
        source: where the files come from.
        options: the class of its `-T` options.
        questions: how judges can be compared with the labels.
        rows: (data folder, options) -> labelled answers.
        expected: options -> rows by group that a whole copy has.
        stored_question: which of the questions the verdicts answer that its rows store of automatic judges.
        rates: model -> the share of the first question's positive word that is published, where no answer has a label.
        defects: data folder -> ids by kind of flaw.
        bar: the share that a judge must have right of every question, and read of the answers, to pass; 0 for no bar.
    """

    name: str
    source: Mapping[str, Any]
    options: type[Settings]
    questions: tuple[Any, ...]
    rows: Callable[[Path, Any], Iterable[Any]]
    expected: Callable[[Any], Mapping[str, int]]
    stored_question: str
    rates: Mapping[str, float]
    defects: Callable[[Path], Mapping[str, Sequence[str]]] | None
    bar: float

    @property
    def people(self) -> bool:
        """Whether people gave the labels; else they are what the answers were written to."""
        return bool(self.source.get("people", True))


@dataclass(frozen=True)
class JudgeFile:
    """A judge's file: `foresee/judges/NAME.py` (docs/judges.md).

    Attributes:
        name: of the file.
        version: part of the key of its verdicts.
        forms: how it can read, its default first.
        rule: (item, answer) -> verdict; None where it only asks a model.
        rubric: item -> what a judge model is asked; None where it goes by rules alone.
        rubrics: further rubrics by name.
        required: parts of the verdict without which a panel has none; None for all.
        sheet: the fields that a person fills in on the labelling page; empty where there is no page.
        asked: item -> names of the fields of `sheet` that apply to it.
        as_verdict: a person's labels -> the verdict that they come to; None where they are its parts already.
        scale: its words, for comparison with people's labels; empty where the value is no word.
        word: value of the parts -> the word of `scale`; None where the verdict is a word already.
        formulas: rubric -> how its filled-in fields make a value.
        baselines: published rules for the same question, by name.
        bounds: part of a verdict in numbers -> its least and its greatest.
        offline: the judge by rules that stands in where no judge model is named; "" for none.
    """

    name: str
    version: str
    forms: tuple[JudgeForm, ...]
    rule: Callable[[Item, Answer], Verdict] | None
    rubric: RubricOf | None
    rubrics: Mapping[str, RubricOf]
    required: tuple[str, ...] | None
    sheet: tuple[Blank, ...]
    asked: Callable[[Item], Sequence[str]]
    as_verdict: Callable[[Mapping[str, Any]], Mapping[str, float]] | None
    scale: tuple[str, ...]
    word: Callable[[Mapping[str, float]], str] | None
    formulas: Mapping[str, Callable[[Mapping[str, Any]], Any]]
    baselines: Mapping[str, Callable[[str], Any]]
    bounds: Mapping[str, tuple[float, float]]
    offline: str = ""


@dataclass(frozen=True)
class AttackFile:
    """An attack's file: `foresee/attacks/NAME.py` (docs/add_an_attack.md).

    Attributes:
        name: of the file.
        version: part of the key of answers, raised when another try comes of the same item.
        options: the class of its `-A` options.
        transform: (item, attempt, options) -> the item as it is asked in this attempt; None where it has `rewrite`.
        rewrite: async (item, rounds, attempt, ask, options) -> the same, made of what came of the rounds before, with
            `ask` to call the attacker; None where no try depends on an answer.
        languages: those of its own words; empty where it has none.
        identity: options -> what a try depends on, where the options only name a file.
        search: the class of the settings of its optimisation; None where it has none.
        optimise: (load the model, items with the answers to bring about, settings, folder, report) -> facts for the
            manifest of the folder, which `--attack FOLDER` then takes.
    """

    name: str
    version: str
    options: type[AttackOptions]
    transform: Callable[[Item, Any, Any], Item] | None
    rewrite: Callable[..., Awaitable[Item]] | None
    languages: tuple[str, ...]
    identity: Callable[[Any], Mapping[str, Any]] | None
    search: type[Settings] | None
    optimise: Callable[..., dict[str, Any]] | None


@dataclass(frozen=True)
class DefenseFile:
    """A defense's file: `foresee/defenses/NAME.py` (docs/add_a_defense.md), of exactly one kind.

    Attributes:
        name: of the file.
        version: part of the key of answers.
        options: the class of its `-S` options.
        kind: which of the next five it has.
        edit: (item, options) -> item as it is asked.
        filter: options -> a guard before and behind the model (`records.Filter`).
        decoding: options -> a strategy on the logits.
        hidden: options -> a strategy on hidden states (`models.local.hidden_states.HiddenStates`).
        answer: (item, generation, ask, options) -> the reply; with a guard it is passed as a fifth.
        guard: options -> the guard of `answer`, with `examine` and `close`; None: it needs none.
        fitted: (options, items) -> options, once a benchmark's items are known.
        languages: those of its own words; empty where it has none.
        fit: (states, settings) -> what a folder of vectors is to hold (`foresee defense fit`); None: nothing to fit.
    """

    name: str
    version: str
    options: type[Settings]
    kind: DefenseKind
    edit: Callable[[Item, Any], Item] | None
    filter: Callable[[Any], Filter] | None
    decoding: Callable[[Any], Any] | None
    hidden: Callable[[Any], Any] | None
    answer: Callable[..., Awaitable[Reply]] | None
    guard: Callable[[Any], Any] | None
    fitted: Callable[[Any, Sequence[Item]], Any] | None
    languages: tuple[str, ...]
    fit: Callable[[Any, Any], Any] | None


@dataclass(frozen=True)
class Recipe:
    """A recipe's file that builds a data set: `foresee/curation/recipes/NAME.py` (docs/curation.md).

    Attributes:
        name: of the file.
        version: raised when the same configuration gives other rows.
        config: the class of its settings, a `curation.CurationConfig`.
        build: configuration -> drafts, what is dropped, and jobs that make them.
        free: settings that may grow from one call to the next in the same folder.
        enough: (configuration, tally) -> whether to stop early.
        export: data set folder -> further files that the recipe's method reads; None if there are none.
    """

    name: str
    version: str
    config: type[Any]
    build: Callable[[Any], Iterator[Any]]
    free: tuple[str, ...]
    enough: Callable[[Any, Any], bool]
    export: Callable[[Path], list[Path]] | None


@dataclass(frozen=True)
class TrainingMethod:
    """A training method's file: `foresee/training/NAME.py` (docs/add_a_training_method.md).

    Attributes:
        name: of the file.
        config: the class of its settings, a `training.TrainingConfig`.
        trainer: (configuration, parts) -> a transformers Trainer.
        columns: what its rows need besides the prompt.
        own_replay: whether it mixes replayed rows itself.
        preview: (configuration, rows) -> lines of the dry run; None for the standard ones.
    """

    name: str
    config: type[Any]
    trainer: Callable[[Any, Any], Any]
    columns: tuple[str, ...]
    own_replay: bool
    preview: Callable[..., Any] | None


def benchmark(name: str) -> Benchmark:
    """Load a benchmark. Raises UserError: no such one, or its file lacks something that every benchmark has."""
    module = plugins.load("benchmarks", name)
    needed = ("SOURCE", "VERSION", "JUDGES", "METRICS", "Options", "items", "applies", "measures")
    _need(module, "benchmark", needed, "docs/add_a_benchmark.md")
    metrics = tuple(module.METRICS)
    return Benchmark(
        name=name,
        version=str(module.VERSION),
        source=module.SOURCE,
        options=module.Options,
        judges=tuple(module.JUDGES),
        all_metrics=metrics,
        headline=tuple(getattr(module, "HEADLINE", ())),
        profile=getattr(module, "PROFILE", {}),
        items=_each_checked(module, module.items, "items (foresee.records.Item)", lambda one: isinstance(one, Item)),
        measures=_checked(module, module.measures, "a mapping of measure to number or None", _are_measures),
        applies=_checked(module, module.applies, "names of measures", _are_names),
        generation=getattr(module, "generation", lambda options: Generation(max_tokens=512)),
        metrics=getattr(module, "metrics", lambda options: metrics),
        epochs=getattr(module, "epochs", lambda options: 1),
        procedure=getattr(module, "procedure", lambda options: None),
        rubric=getattr(module, "rubric", None),
        expected=getattr(module, "expected", None),
        defects=getattr(module, "defects", None),
        success=str(getattr(module, "SUCCESS", "attack_success")),
        legible=tuple(getattr(module, "LEGIBLE", ("benign_served", "benign_constructive"))),
    )


def without_code(name: str) -> Benchmark:
    """Stand in for a benchmark whose file is not here, for reading alone: no version, measures or metrics."""
    return Benchmark(
        name=name,
        version="",
        source={},
        options=BenchmarkOptions,
        judges=(),
        all_metrics=(),
        headline=(),
        profile={},
        items=lambda data, options: (),
        measures=lambda item, answer, verdicts: {},
        applies=lambda item: (),
        generation=lambda options: Generation(),
        metrics=lambda options: (),
        epochs=lambda options: 1,
        procedure=lambda options: None,
        rubric=None,
        expected=None,
        defects=None,
        success="",
        legible=(),
    )


def label_set(name: str) -> LabelSet:
    """Load a label set. Raises UserError: no such one, or its file lacks something that every label set has."""
    module = plugins.load("labels", name)
    _need(module, "label", ("SOURCE", "QUESTIONS", "Options", "rows"), "foresee/labels/xstest.py")
    declared: Mapping[str, int] = module.SOURCE.get("expected", {})
    return LabelSet(
        name=name,
        source=module.SOURCE,
        options=module.Options,
        questions=tuple(module.QUESTIONS),
        rows=_each_checked(module, module.rows, "labelled answers", lambda one: type(one).__name__ == "LabelledAnswer"),
        expected=getattr(module, "expected", lambda options: declared),
        stored_question=getattr(module, "STORED_QUESTION", ""),
        rates=getattr(module, "RATES", {}),
        defects=getattr(module, "defects", None),
        bar=float(getattr(module, "BAR", 0.0)),
    )


def judge_file(name: str) -> JudgeFile:
    """Load a judge. Raises UserError: no such one, or its file holds neither rules nor a rubric, or no version."""
    module = plugins.load("judges", name)
    rule, rubric = (_function(getattr(module, key, None)) for key in ("judge", "rubric"))
    if not isinstance(getattr(module, "VERSION", None), str) or (rule is None and rubric is None):
        raise UserError(
            f"judge file {module.__file__} needs VERSION = '...' and a function judge(item, answer) or rubric(item)"
        )
    sheet = tuple(getattr(module, "SHEET", ()))
    forms: tuple[tuple[JudgeForm, Any], ...] = (("rules", rule), ("model", rubric))
    return JudgeFile(
        name=name,
        version=module.VERSION,
        forms=tuple(form for form, function in forms if function is not None),
        rule=_checked(module, rule, "a Verdict", lambda found: isinstance(found, Verdict)),
        rubric=rubric,
        rubrics=getattr(module, "RUBRICS", {}),
        required=getattr(module, "REQUIRED", None),
        sheet=sheet,
        asked=getattr(module, "asked", lambda item: [blank.name for blank in sheet]),
        as_verdict=getattr(module, "as_verdict", None),
        scale=tuple(getattr(module, "SCALE", ())),
        word=getattr(module, "word", None),
        formulas=getattr(module, "FORMULAS", {}),
        baselines=getattr(module, "BASELINES", {}),
        bounds=getattr(module, "BOUNDS", {}),
        offline=getattr(module, "OFFLINE", ""),
    )


def unread(name: str, languages: Sequence[str], language: str) -> str:
    """Say why words of a plug-in mean nothing to a model that reads this language alone; "" if they may."""
    if not languages or language in languages:
        return ""
    worded = " and ".join(languages)
    return f"{name} is worded in {worded}, which this model does not read (it knows the {language}'s words)"


def attack_file(name: str) -> AttackFile:
    """Load an attack. Raises UserError: no such one, or its file lacks something that every attack has."""
    module = plugins.load("attacks", name)
    made = "rewrite" if hasattr(module, "rewrite") else "transform"
    _need(module, "attack", ("VERSION", "Options", made), "docs/add_an_attack.md")
    return AttackFile(
        name=name,
        version=str(module.VERSION),
        options=module.Options,
        transform=_checked(
            module, getattr(module, "transform", None), "an Item", lambda found: isinstance(found, Item)
        ),
        rewrite=getattr(module, "rewrite", None),
        languages=tuple(getattr(module, "LANGUAGES", ())),
        identity=getattr(module, "identity", None),
        search=getattr(module, "Search", None),
        optimise=getattr(module, "optimise", None),
    )


def defense_file(name: str) -> DefenseFile:
    """Load a defense. Raises UserError: no such one, or its file is of no kind or of several."""
    module = plugins.load("defenses", name)
    known: tuple[DefenseKind, ...] = ("edit", "filter", "decoding", "hidden", "answer")
    kinds = [kind for kind in known if hasattr(module, kind)]
    if len(kinds) != 1 or not hasattr(module, "VERSION") or not hasattr(module, "Options"):
        raise UserError(f"defense file {module.__file__} of {name} needs VERSION, Options and one of {known}")
    return DefenseFile(
        name=name,
        version=str(module.VERSION),
        options=module.Options,
        kind=kinds[0],
        edit=_checked(module, getattr(module, "edit", None), "an Item", lambda found: isinstance(found, Item)),
        filter=getattr(module, "filter", None),
        decoding=getattr(module, "decoding", None),
        hidden=getattr(module, "hidden", None),
        answer=getattr(module, "answer", None),
        guard=getattr(module, "guard", None),
        fitted=getattr(module, "fitted", None),
        languages=tuple(getattr(module, "LANGUAGES", ())),
        fit=getattr(module, "fit", None),
    )


def recipe(name: str) -> Recipe:
    """Load a recipe. Raises UserError: no such one, or its file lacks something that every recipe has."""
    module = plugins.load("curation", name)
    _need(module, "recipe", ("VERSION", "Config", "build"), "docs/curation.md")
    return Recipe(
        name=name,
        version=str(module.VERSION),
        config=module.Config,
        build=module.build,
        free=tuple(getattr(module, "FREE", ())),
        enough=getattr(module, "enough", lambda config, tally: False),
        export=getattr(module, "export", None),
    )


def training_method(name: str) -> TrainingMethod:
    """Load a method. Raises UserError: no such one, or its file lacks something that every method has."""
    module = plugins.load("training", name)
    _need(module, "training", ("Config", "trainer"), "docs/add_a_training_method.md")
    return TrainingMethod(
        name=name,
        config=module.Config,
        trainer=module.trainer,
        columns=tuple(getattr(module, "COLUMNS", ())),
        own_replay=bool(getattr(module, "OWN_REPLAY", False)),
        preview=getattr(module, "preview", None),
    )


def _need(module: ModuleType, kind: str, names: Sequence[str], example: str) -> None:
    absent = [name for name in names if not hasattr(module, name)]
    if absent:
        raise UserError(f"{kind} file {module.__file__} lacks {', '.join(absent)}; see {example}")


def _checked(module: ModuleType, function: Any, expected: str, fits: Callable[[Any], bool]) -> Any:
    """Wrap a function of a user's file: it raises UserError, naming it, when it gives something that does not fit."""
    if function is None or not module.__name__.startswith(_THEIRS):
        return function

    @functools.wraps(function)
    def call(*given: Any, **named: Any) -> Any:
        found = function(*given, **named)
        if not fits(found):
            raise _misfit(module, function, found, expected)
        return found

    return call


def _each_checked(module: ModuleType, function: Any, expected: str, fits: Callable[[Any], bool]) -> Any:
    """Wrap, as `_checked` does, a function that gives many, one by one."""
    if not module.__name__.startswith(_THEIRS):
        return function

    @functools.wraps(function)
    def call(*given: Any, **named: Any) -> Iterator[Any]:
        found = function(*given, **named)
        if not isinstance(found, Iterable):
            raise _misfit(module, function, found, expected)
        for one in found:
            if not fits(one):
                raise _misfit(module, function, one, expected)
            yield one

    return call


def _misfit(module: ModuleType, function: Any, found: object, expected: str) -> UserError:
    if inspect.iscoroutine(found):
        found.close()
        got = "a coroutine (leave out 'async')"
    else:
        got = f"{type(found).__name__} {repr(found)[:60]}" if found is not None else "None"
    name = getattr(function, "__name__", type(function).__name__)
    return UserError(f"{module.__file__}, {name}(): expected {expected}, got {got}; fix that file")


def _are_measures(found: object) -> bool:
    return isinstance(found, Mapping) and all(
        isinstance(name, str) and (value is None or isinstance(value, int | float)) for name, value in found.items()
    )


def _are_names(found: object) -> bool:
    return isinstance(found, Collection) and not isinstance(found, str) and all(isinstance(one, str) for one in found)


def _function(found: object) -> Any:
    return found if callable(found) and not inspect.iscoroutinefunction(found) else None
