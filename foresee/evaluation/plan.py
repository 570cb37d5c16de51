"""What would be asked: a benchmark resolved into items, generation, judges and defense, before a model is called.

Everything that a user may have got wrong about a benchmark comes to light here.
"""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from html import escape
from pathlib import Path
from typing import Any, TypedDict

import pydantic

from foresee import manifest
from foresee.attacks import OpenAttack, open_attack
from foresee.config import BenchmarkOptions, Settings, build, from_pairs
from foresee.data import sources
from foresee.defenses import Composed, open_defense
from foresee.errors import ModelError, UserError
from foresee.evaluation import screening
from foresee.evaluation.run_folder import slug
from foresee.evaluation.sampling import in_drawing_order as drawing_order
from foresee.evaluation.sampling import sample
from foresee.files.shards import Shard, index_of, read_shard
from foresee.files.spool import Spool
from foresee.judges import GradedJudge, JudgeChoice
from foresee.judges._model.rubric import Rubric
from foresee.plugins import contracts
from foresee.plugins.contracts import Benchmark
from foresee.records import Attack, Defense, Filter, Generation, Item, Json, Judge, Procedure, distinct
from foresee.runner.keys import digest, request_for, under_attack
from foresee.runner.rounds import streams_of

_TRIED_OUT = 5  # items on which an attack is tried before a run


@dataclass(frozen=True)
class Dialogue:
    """A benchmark that asks an item in several turns, under a defense that only edits or decodes."""

    benchmark: str
    procedure: Procedure
    inner: Defense | None

    @property
    def name(self) -> str:
        return self.inner.name if self.inner else "none"

    @property
    def identity(self) -> Mapping[str, Json]:
        own: dict[str, Json] = {"asked by": f"{self.benchmark} in several turns"}
        return {**own, **(self.inner.identity if self.inner else {})}

    def edit(self, item: Item) -> Item:
        return self.inner.edit(item) if self.inner else item

    @property
    def decoding(self) -> Any | None:
        return self.inner.decoding if self.inner else None

    @property
    def hidden(self) -> Any | None:
        return getattr(self.inner, "hidden", None)

    @property
    def filters(self) -> tuple[Filter, ...]:
        return getattr(self.inner, "filters", ())


@dataclass(frozen=True, repr=False)
class Plan:
    """A benchmark resolved: its items, how they are asked and how they are judged."""

    benchmark: str
    file: Benchmark
    options: BenchmarkOptions
    data: Path | None
    items: Sequence[Item]  # what is asked: all of them, a sample, or a shard's share of either
    whole: Sequence[Item]  # the same without a shard: what all of them ask together
    everything: Sequence[Item]  # the items of which `whole` is all or a sample
    content: str  # a hash of all that these hold; "" where they can't be hashed
    generation: Generation
    judges: tuple[Judge, ...]
    wanted: tuple[str, ...]  # judges that have something to say about some item
    judging: JudgeChoice
    attack: Attack | None
    defense: Defense | None
    procedure: Procedure | None
    epochs: int  # answers to each item: under an attack, its tries as often as the benchmark asks each item
    limit: int | None
    limit_seed: int
    shard: Shard | None = None

    def __repr__(self) -> str:
        part = self.limit is not None or self.shard is not None
        asked = f"{len(self.items):,} items" + (f" of {len(self.everything):,}" if part else "")
        judges = ", ".join(judge.name for judge in self.judges) or "none"
        return (
            f"Plan({self.benchmark}: {asked}; defense {self.defense.name if self.defense else 'none'}; judges {judges})"
        )

    def _repr_html_(self) -> str:
        told = {
            "items": f"{len(self.items):,} of {len(self.everything):,}, {self.askable:,} can be sent",
            "answers to each": self.epochs,
            "attack": self.attack.name if self.attack else "none",
            "defense": self.defense.name if self.defense else "none",
            "judges": ", ".join(judge.name for judge in self.judges) or "none",
        }
        lines = "".join(f"<tr><th>{name}</th><td>{escape(str(value))}</td></tr>" for name, value in told.items())
        return f"<table><caption>{escape(self.benchmark)}</caption><tbody>{lines}</tbody></table>"

    @property
    def protection(self) -> Defense | None:
        """The defense together with the benchmark's own way of asking, as the runner wants it."""
        if self.procedure is None:
            return self.defense
        return Dialogue(self.benchmark, self.procedure, self.defense)

    @property
    def unread(self) -> tuple[str, ...]:
        """The judges that read nothing, as --no-judge wants it."""
        read = {judge.name for judge in self.judges}
        return tuple(name for name in self.wanted if name not in read)

    @property
    def askable(self) -> int:
        """Items that can be sent (their image is there)."""
        return sum(item.missing_image is None for item in self.items)


class PlanOptions(TypedDict, total=False):
    """The keyword arguments of `plan`."""

    data: Path | str | None
    options: Iterable[str] | Mapping[str, Any]
    limit: int | None
    limit_seed: int
    epochs: int | None
    generation: Mapping[str, Any] | None
    attack: str | Attack | None
    attack_options: Iterable[str] | Mapping[str, Any]
    defense: str | Defense | None
    defense_options: Iterable[str] | Mapping[str, Any]
    judging: JudgeChoice | str | None
    shard: Shard | str | None


def plan(
    benchmark: str,
    *,
    data: Path | str | None = None,
    options: Iterable[str] | Mapping[str, Any] = (),
    limit: int | None = None,
    limit_seed: int = 0,
    epochs: int | None = None,
    generation: Mapping[str, Any] | None = None,
    attack: str | Attack | None = None,
    attack_options: Iterable[str] | Mapping[str, Any] = (),
    defense: str | Defense | None = None,
    defense_options: Iterable[str] | Mapping[str, Any] = (),
    judging: JudgeChoice | str | None = None,
    shard: Shard | str | None = None,
) -> Plan:
    """Resolve a benchmark into what would be asked.

    Args:
        benchmark: its name, as in `foresee list benchmarks`.
        data: the folder with its published files; None looks in $FORESEE_DATA and the cache.
        options: `key=value` strings or a mapping (`-T` on the command line).
        limit: at most this many items, at random: every subset by its share, clusters whole, few within many.
        limit_seed: another seed, another sample.
        epochs: how often each item (under an attack, each try) is sent; None for the benchmark's own number, which
            is 1 for most.
        generation: settings that replace the benchmark's own (temperature, max_tokens, ...).
        attack: how items are asked otherwise: a name, as in `foresee list attacks`, or an open attack.
        attack_options: `key=value` strings or a mapping (`-A` on the command line).
        defense: what to run under: a name, as in `foresee list defenses`, `a+b` for several, or an open defense.
        defense_options: `key=value` strings or a mapping (`-S` on the command line).
        judging: the judge models, `A` or `A,B`, or a JudgeChoice; a benchmark whose judges ask a model needs it.
        shard: `I/N` for the share of one of N processes, or what else `--shard` takes; see `foresee.join`.

    Raises:
        UserError: anything that does not exist or does not fit.
    """
    part = read_shard(shard)
    file = contracts.benchmark(benchmark)
    chosen = _options(file.options, options, what=f"{benchmark} (-T)")
    folder, everything, content = _items(file, benchmark, chosen, data)
    _refuse_below_one(limit=limit, epochs=epochs)
    wanted = applying(file, everything)  # so that a limit does not change the run's configuration
    choice = screening.chosen(JudgeChoice.of(judging), everything)
    whole = sampled(everything, limit, limit_seed)
    planned = Plan(
        benchmark=benchmark,
        file=file,
        options=chosen,
        data=folder,
        items=whole if part is None else share(whole, part),
        whole=whole,
        everything=everything,
        content=content,
        generation=_generation(file.generation(chosen), generation or {}),
        judges=judges_of(file, benchmark, choice, wanted),
        wanted=wanted,
        judging=choice,
        attack=None,
        defense=None,
        procedure=file.procedure(chosen),
        epochs=epochs or file.epochs(chosen),
        limit=limit,
        limit_seed=limit_seed,
        shard=part,
    )
    return under(planned, attack, attack_options, defense, defense_options)


def under(
    planned: Plan,
    attack: str | Attack | None,
    attack_options: Iterable[str] | Mapping[str, Any],
    defense: str | Defense | None,
    defense_options: Iterable[str] | Mapping[str, Any],
) -> Plan:
    """Put a plan that has neither under an attack and a defense; its items are not read again.

    Raises:
        UserError: one of them does not exist, does not go with the benchmark, or fails on its first items.
    """
    attacked = open_attack(attack, attack_options) if isinstance(attack, str) else attack
    protected = open_defense(defense, defense_options) if isinstance(defense, str) else defense
    found = replace(
        planned,
        attack=attacked,
        defense=_fitted(protected, planned.everything),
        epochs=planned.epochs * (attacked.tries if attacked else 1),
    )
    if found.procedure and found.defense and found.defense.procedure:
        raise UserError(
            f"{planned.benchmark} asks in several turns with these options, and so does {found.defense.name}"
        )
    _try_out(found)
    return found


def _try_out(planned: Plan) -> None:
    """Find out now what can't edit anything. Raises UserError: the defense fails, or the attack on every item tried."""
    request_for(planned.whole[0], planned.protection, planned.generation)
    if planned.attack is None or streams_of(planned.attack):
        return
    problem: ModelError | None = None
    for item in planned.whole[:_TRIED_OUT]:
        try:
            under_attack(item, 0, planned.attack, planned.protection, planned.generation)
        except ModelError as failure:
            problem = failure
        else:
            return
    if problem is not None:
        raise UserError(str(problem))


def _items(
    file: Benchmark, benchmark: str, options: BenchmarkOptions, data: Path | str | None
) -> tuple[Path | None, Sequence[Item], str]:
    embedded = file.embedded
    folder = None if embedded else sources.locate(benchmark, Path(data) if data is not None else None)
    content = _Content()
    found = Spool(distinct(content.passing(replace(item, benchmark=benchmark) for item in file.items(folder, options))))
    if not found:
        raise UserError(f"{benchmark}: no item fits these options; see 'foresee data check {benchmark}'")
    return folder, found, content.hash


class _Content:
    """Hash items that pass, as they are pickled: equal ones may differ, which costs time; unlike ones never agree."""

    def __init__(self) -> None:
        self.hash = ""

    def passing(self, items: Iterable[Item]) -> Iterator[Item]:
        found, known = hashlib.sha256(), True
        for item in items:
            try:
                found.update(pickle.dumps(item, pickle.HIGHEST_PROTOCOL))
            except (pickle.PicklingError, TypeError, AttributeError, RecursionError):
                known = False
            yield item
        self.hash = found.hexdigest() if known else ""


def _refuse_below_one(**numbers: int | None) -> None:
    for name, number in numbers.items():
        if number is not None and (not isinstance(number, int) or isinstance(number, bool) or number < 1):
            raise UserError(f"--{name}: expected a whole number above 0, got {number!r}")


def _fitted(defense: Defense | None, items: Sequence[Item]) -> Defense | None:
    return defense.fitted(items) if isinstance(defense, Composed) else defense


def sampled(items: Sequence[Item], limit: int | None, seed: int = 0) -> Sequence[Item]:
    """At most `limit` items at random: of each subset its share, clusters whole, 20 of them among the 200."""
    return sample(
        items, limit, seed=seed, subset=lambda item: item.subset, cluster=lambda item: item.cluster or ("", item.id)
    )


def share(items: Sequence[Item], shard: Shard) -> Sequence[Item]:
    """Return a shard's items: clusters whole, and the same ones whichever sample they are part of."""
    return Spool(item for item in items if shard_of(item, shard.of) == shard.index)


def shard_of(item: Item, of: int) -> int:
    """Return which of so many shards an item is in, from 1."""
    return index_of(item.cluster or f"item {item.id}", of)


def in_drawing_order(items: Sequence[Item], seed: int = 0) -> tuple[Item, ...]:
    """All of the items, so that the first N stand for the whole, for programs that can only take the first N."""
    return drawing_order(
        items, seed=seed, subset=lambda item: item.subset, cluster=lambda item: item.cluster or ("", item.id)
    )


class _Sampling(Settings):
    """The bounds of `records.Generation`."""

    temperature: float = pydantic.Field(ge=0, le=10, allow_inf_nan=False)
    top_p: float = pydantic.Field(gt=0, le=1)
    max_tokens: int = pydantic.Field(ge=1)
    seed: int | None
    stop: tuple[str, ...]
    repetition_penalty: float = pydantic.Field(gt=0, le=10)


def _generation(own: Generation, given: Mapping[str, Any]) -> Generation:
    """Lay the settings given over the benchmark's own. Raises UserError: an unknown one, or out of bounds."""
    chosen = {**asdict(own), **{key: value for key, value in given.items() if value is not None}}
    return Generation(**build(_Sampling, chosen, what="generation").model_dump())


def _options(cls: type[BenchmarkOptions], given: Iterable[str] | Mapping[str, Any], *, what: str) -> BenchmarkOptions:
    if isinstance(given, str):
        given = [given]
    if isinstance(given, Mapping):
        return from_pairs(cls, (), what=what, base=given)
    return from_pairs(cls, given, what=what)


def applying(file: Benchmark, items: Iterable[Item]) -> tuple[str, ...]:
    """Choose the benchmark's judges without those whose rubric needs, for every item, what the item does not have."""
    hook = file.rubric
    if hook is None:
        return tuple(file.judges)

    def has_a_say(judge: str, item: Item) -> bool:
        rubric: Rubric | None = hook(judge, item)
        return rubric is None or all(item.metadata.get(key) for key in rubric.needs)

    silent = list(file.judges)
    for item in items:
        silent = [name for name in silent if not has_a_say(name, item)]
        if not silent:
            break
    return tuple(name for name in file.judges if name not in silent)


def judges_of(
    file: Benchmark, benchmark: str, choice: JudgeChoice, names: Sequence[str] | None = None
) -> tuple[Judge, ...]:
    """Return a benchmark's judges, or those named, with its rubrics and their judge models, which are not opened yet.

    Raises:
        UserError: a judge model is lacking.
    """
    return choice.judges(file.judges if names is None else names, file.rubric, f"benchmark {benchmark} {file.version}")


def judges_record(judges: Sequence[Judge], file: Benchmark) -> dict[str, Any]:
    """Describe the judges for a manifest; `made_by` finds their verdicts in a journal that holds those of others."""
    return {
        "judges": [dict(judge.identity) for judge in judges],
        "judge_models": judge_models(judges),
        "judges_left_out": sorted(set(file.judges) - {judge.name for judge in judges}),
        "made_by": {judge.name: judge_digest(judge) for judge in judges},
    }


def judge_digest(judge: Judge) -> str:
    """Compute what a verdict's `made_by` says of the judge."""
    return digest(judge.identity)


def judging_name(judges: Sequence[Judge]) -> str:
    """Name the folder of a judging: the judge models' names, and a hash that tells their settings apart."""
    text = slug("+".join(judge_models(judges)) or "rules").strip("_")[-60:]
    return f"{text}-{manifest.digest([dict(judge.identity) for judge in judges])[:8]}"


def judge_models(judges: Iterable[Judge]) -> list[str]:
    """List the names of the models that judge, each once."""
    found = (m.model.name for judge in judges if isinstance(judge, GradedJudge) for m in judge.members)
    return list(dict.fromkeys(found))


def configuration(planned: Plan) -> dict[str, Any]:
    """Describe what makes two runs the same run; `limit` alone may change from one call to the next.

    An attack is named where there is one, so that runs without keep the configuration that they always had.
    """
    attack = {"attack": dict(planned.attack.identity)} if planned.attack else {}
    return {
        **attack,
        "benchmark": planned.benchmark,
        "benchmark_version": planned.file.version,
        "options": planned.options.model_dump(mode="json"),
        "generation": planned.generation.settings(),
        "defense": dict(planned.protection.identity) if planned.protection else None,
        "epochs": planned.epochs,
        "judges": [dict(judge.identity) for judge in planned.judges],
        "limit": planned.limit,
    }


def _options_of(attack: Attack | None) -> dict[str, Any]:
    """Read the options with which a page makes the tries again; none where the attack came open from elsewhere."""
    return attack.options.model_dump(mode="json") if isinstance(attack, OpenAttack) else {}


def record(planned: Plan) -> dict[str, Any]:
    source = planned.file.source
    return {
        "benchmark": planned.benchmark,
        "benchmark_version": planned.file.version,
        "source": {key: source[key] for key in ("homepage", "revision", "licence", "license") if key in source},
        "data": str(planned.data.absolute()) if planned.data else None,
        "options": planned.options.model_dump(mode="json"),
        "generation": asdict(planned.generation),
        "attack": planned.attack.name if planned.attack else "none",
        "attack_options": _options_of(planned.attack),
        "tries": planned.attack.tries if planned.attack else 1,
        **({"tries_in_order": True} if streams_of(planned.attack) else {}),
        "defense": planned.defense.name if planned.defense else "none",
        **judges_record(planned.judges, planned.file),
        "judges_left_out": sorted(planned.unread),
        "epochs": planned.epochs,
        "limit": planned.limit,
        "limit_seed": planned.limit_seed,
        "seed": planned.generation.seed,
    }
