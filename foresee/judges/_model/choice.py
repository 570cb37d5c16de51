"""Which judge models are to judge, and how: one choice for every benchmark of a command."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from foresee import plugins
from foresee.errors import UserError, unknown_name
from foresee.judges._model import template
from foresee.judges._model.judge import GradedJudge, needs_model
from foresee.judges._model.members import GENERATION, Member, as_member, refuse_repeated
from foresee.judges._model.rubric import Rubric
from foresee.judges._registry import check_member, open_judge, open_member
from foresee.models.named import NamedModel
from foresee.plugins import contracts
from foresee.records import Generation, Item, Json, Judge, Model
from foresee.runner.async_bridge import complete

_UNPARSED = "unparsed"
RubricHook = Callable[[str, Item], Rubric | None]


@dataclass(frozen=True)
class JudgeChoice:
    """What a user said about judging.

    Attributes:
        models: `PROVIDER/NAME` each, or open models and members; several decide by majority.
        options: of the judge models; `temperature` and `max_tokens` are how they are sampled, the rest is the
            provider's. A number in front means the model at that place alone: {"2": {"base_url": …}}.
        off: store answers only; judges that go by rules read them nevertheless.
        rubrics: judge -> one of the rubrics that its file names, in place of its own and of the benchmark's.
        by_model: judges that have rules and shall ask the judge model instead; as `JUDGE:unparsed` only about the
            answers on which the rules have no verdict.
        flag: how an option of the judge models is set, up to its name, for messages.
        instead: what can be done without a judge model, to end the message that one is needed.
        stand_in: whether, where no judge model is named, the rules that a judge's file names may read in its place.
        strict: refuse a judge that was the reward of the model that it is to judge.
        templates: files with published wordings, each of which replaces the rubric of the judge that it names.
    """

    models: tuple[str | Model | Member, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    off: bool = False
    rubrics: Mapping[str, str] = field(default_factory=dict)
    by_model: tuple[str, ...] = ()
    templates: tuple[Path, ...] = ()
    flag: str = "--judge-option "
    instead: str = ""
    stand_in: bool = True
    strict: bool = False

    @classmethod
    def named(cls, models: str) -> JudgeChoice:
        """`A,B` as a choice."""
        return cls(tuple(name.strip() for name in models.split(",") if name.strip()))

    @classmethod
    def of(cls, given: JudgeChoice | str | None) -> JudgeChoice:
        """Take a choice as it is, and `A,B` as one."""
        return given if isinstance(given, JudgeChoice) else cls.named(given or "")

    def judges(self, names: Sequence[str], hook: RubricHook | None = None, origin: str = "") -> tuple[Judge, ...]:
        """Return the judges of a benchmark with their judge models (see `members` and `bound`).

        Args:
            names: its judges.
            hook: the benchmark's own rubrics.
            origin: what names these in journals.

        Raises:
            UserError: a name that does not exist, a judge that needs a model where none is given, or `bound`'s.
        """
        worded = dict(template.load(path) for path in self.templates)
        for name in (*self.rubrics, *self._asking):
            if name not in plugins.names("judges"):
                raise unknown_name("judge", name, plugins.names("judges"))
        if self.off and (self.models or self.by_model):
            raise UserError("--no-judge stores answers only, so it goes with neither --judge-model nor --by-model")
        found = [self._judge(name, hook, origin, worded.get(name)) for name in names]
        graded = [judge.name for judge in found if isinstance(judge, GradedJudge)]
        if self.off:
            return tuple(judge for judge in found if not isinstance(judge, GradedJudge))
        if graded and not self.models:
            return self._without_models(found, graded)
        return bound(found, self.members) if graded else tuple(found)

    def _without_models(self, found: Sequence[Judge], graded: Sequence[str]) -> tuple[Judge, ...]:
        """Return those that can read without a judge model: rules, and rules that stand in for one that asks.

        Raises:
            UserError: there is no such stand-in, or the user chose how a judge model is to be asked.
        """
        chosen = [name for name in graded if name in {*self.rubrics, *self._asking} or self.templates]
        offline = {name: contracts.judge_file(name).offline for name in graded}
        if chosen or not self.stand_in or not any(offline.values()):
            raise needs_model(chosen or graded, self.instead)
        names = [offline.get(judge.name, judge.name) for judge in found]
        by_rules = {judge.name: judge for judge in found}
        return tuple(by_rules[name] if name in by_rules else open_judge(name, form="rules") for name in names if name)

    def refuse_idle(self, names: Collection[str]) -> None:
        """Refuse an idle choice. Raises UserError: a template, rubric or form is for a judge that no run has."""
        chosen = {
            "--template": [template.load(path)[0] for path in self.templates],
            "--judge-rubric": list(self.rubrics),
            "--by-model": list(self._asking),
        }
        for option, judges in chosen.items():
            for name in judges:
                if name not in names:
                    contracts.judge_file(name)  # a name that no judge has is told with those that are near
                    raise UserError(f"{option} for judge {name} would not be used: the judges are {', '.join(names)}")

    def _judge(self, name: str, hook: RubricHook | None, origin: str, worded: Rubric | None) -> Judge:
        known = contracts.judge_file(name).forms
        graded = "model" in known and (known[0] == "model" or name in self._asking or worded is not None)
        if not graded:
            if name in self._asking:
                raise UserError(f"judge {name} has no form that asks a model")
            return open_judge(name, form="rules")
        judge = self._graded(name, hook, origin, worded)
        if not (self._asking.get(name) and isinstance(judge, GradedJudge)):
            return judge
        if known[0] == "model":
            raise UserError(f"--by-model {name}:{_UNPARSED}: judge {name} has no rules that could go first")
        return replace(judge, first=contracts.judge_file(name).rule)

    @property
    def _asking(self) -> Mapping[str, bool]:
        """Judge -> whether its model is asked only about what the rules can't read. Raises UserError: another word."""
        found = {}
        for each in self.by_model:
            name, colon, about = each.partition(":")
            if colon and about != _UNPARSED:
                raise UserError(
                    f"--by-model {each}: expected {name}, or {name}:{_UNPARSED} where its rules have no verdict"
                )
            found[name] = bool(colon)
        return found

    def _graded(self, name: str, hook: RubricHook | None, origin: str, worded: Rubric | None) -> Judge:
        """Make the judge by model, with the rubric that a template, the user, the benchmark or its own file gives."""
        if worded is not None and worded.wording is not None:
            told: dict[str, Json] = {"from": f"template {worded.name}", "sha256": worded.wording.sha256}
            return open_judge(name, rubric=worded, form="model", origin=told)
        variant = self.rubrics.get(name, "")
        if variant or hook is None:
            return open_judge(name, form="model", variant=variant)
        own: dict[str, Json] = {"from": origin}
        return open_judge(name, rubric=lambda item: _hooked(hook, name, item), form="model", origin=own)

    @cached_property
    def members(self) -> tuple[Member, ...]:
        """The judge models as members of a panel; those given by name are opened when they are first needed.

        Raises:
            UserError: a name or an option that can't be one.
        """
        found: list[Member] = []
        for place, each in enumerate(self.models, 1):
            sampling, options = self._options_of(place)
            if isinstance(each, str):
                found.append(open_member(each, options, sampling, self._flag_of(place)))
            else:
                found.append(as_member(each, sampling))
        return tuple(found)

    def check(self) -> None:
        """Find what is wrong with names, options and addresses before a key is needed.

        Raises:
            UserError: see `models.check_model`.
        """
        for place, each in enumerate(self.models, 1):
            if isinstance(each, str):
                check_member(each, self._options_of(place)[1], self._flag_of(place))

    def _flag_of(self, place: int) -> str:
        return self.flag + (f"{place}." if len(self.models) > 1 else "")

    def _options_of(self, place: int) -> tuple[Generation, dict[str, Any]]:
        numbered = {key: value for key, value in self.options.items() if key.isdigit()}
        for key in numbered:
            if not 1 <= int(key) <= len(self.models):
                raise UserError(f"{self.flag}{key}.…: there are {len(self.models)} judge models")
        given = {key: value for key, value in self.options.items() if key not in numbered}
        own = numbered.get(str(place), {})
        given |= own if isinstance(own, Mapping) else {}
        sampling = {key: given.pop(key) for key in ("temperature", "max_tokens") if key in given}
        for key, value in sampling.items():
            if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
                raise UserError(f"{self.flag}{key}: expected a number, got {value!r}")
        return replace(GENERATION, **sampling), given


def _hooked(hook: RubricHook, judge: str, item: Item) -> Rubric | None:
    try:
        return hook(judge, item)
    except Exception as problem:
        reason = f"{type(problem).__name__}: {problem}"
        raise UserError(
            f"{item.benchmark}: its rubric for judge {judge} failed on item '{item.id}': {reason}"
        ) from problem


def bound(judges: Sequence[Judge], members: Sequence[Member]) -> tuple[Judge, ...]:
    """Give the judges their judge models; those that none of these can be are left out (guard models read harm alone).

    Raises:
        UserError: none of the judges that ask a model can be served.
    """
    waiting = [judge for judge in judges if isinstance(judge, GradedJudge) and not judge.members]
    served = {judge.name: judge.asked_by(members) for judge in waiting if any(m.reads(judge.name) for m in members)}
    if waiting and not served:
        waiting[0].asked_by(members)  # says which kind of model is needed
    left_out = {judge.name for judge in waiting} - served.keys()
    return tuple(served.get(judge.name, judge) for judge in judges if judge.name not in left_out)


@contextmanager
def judge_models_open(judges: Iterable[Judge]) -> Iterator[None]:
    """Open the judge models that these judges ask; those that were given by name are closed afterwards.

    Raises:
        UserError: see `models.open_model`, or a panel has one model twice.
    """
    panels = [judge.members for judge in judges if isinstance(judge, GradedJudge)]
    try:
        for panel in panels:
            refuse_repeated(panel)  # knows them by their identity, so that each is open now
        yield
    finally:
        named = {id(m.model): m.model for panel in panels for m in panel if isinstance(m.model, NamedModel)}
        for model in named.values():
            complete(model.close)
