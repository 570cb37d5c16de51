"""Judge files opened by name: by rules, or with the models that they ask."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from foresee.errors import UserError, unknown_name
from foresee.judges._model import guards
from foresee.judges._model.judge import GradedJudge, RubricOf
from foresee.judges._model.members import GENERATION, Grader, Member, as_member, refuse_repeated
from foresee.judges._model.rubric import Rubric
from foresee.models.named import NamedModel
from foresee.plugins import contracts
from foresee.plugins.contracts import JudgeFile, JudgeForm
from foresee.records import Answer, Generation, Item, Json, Model, Verdict


@dataclass(frozen=True)
class RuleJudge:
    """A judge that is rules alone: no model, no cost, the same verdict every time."""

    name: str
    version: str
    rule: Callable[[Item, Answer], Verdict]

    @property
    def identity(self) -> Mapping[str, Json]:
        return {"judge": self.name, "version": self.version}

    async def judge(self, item: Item, answer: Answer) -> Verdict:
        return self.rule(item, answer)

    async def close(self) -> None:
        """Nothing is open."""


def open_judge(
    name: str,
    models: Sequence[str | Model | Member] = (),
    rubric: Rubric | Callable[[Item], Rubric | None] | None = None,
    *,
    form: JudgeForm | None = None,
    variant: str = "",
    origin: Mapping[str, Json] | None = None,
) -> RuleJudge | GradedJudge:
    """Open the judge `name`, ready to read answers.

    Args:
        name: as in `foresee list judges`.
        models: the judge models: open ones, or `PROVIDER/NAME` and `guard:FORMAT=PROVIDER/NAME`, which are closed by
            the judge's own `close()`. Several decide by majority. Without any, they can be given later (`asked_by`).
        rubric: replaces the judge's own, for all items or by item; None for an item leaves it the judge's own.
        form: "rules" or "model" where the file has both; None for the model's form if there are models.
        variant: one of the file's `RUBRICS` in place of its own rubric.
        origin: what names a rubric that is given, for the journal.

    Raises:
        UserError: no such judge (nearest offered), its file does not hold what a judge needs, or there is no such form.
    """
    file = contracts.judge_file(name)
    known, version = file.forms, file.version
    wanted: JudgeForm = form or ("model" if "model" in known and (models or rubric or variant) else known[0])
    if wanted not in known:
        raise UserError(f"judge {name} has no form '{wanted}', only '{known[0]}'")
    if wanted == "rules":
        if models or rubric is not None:
            raise UserError(f"judge {name} goes by rules and asks no model; leave the judge model out")
        assert file.rule is not None
        return RuleJudge(name, version, file.rule)
    own = _own_rubric(file, variant)
    source: dict[str, Json] = {"from": variant or "own"}
    told = origin if origin is not None else source
    judge = GradedJudge(name, version, _laid_over(own, rubric), told, required=file.required)
    if not models:
        return judge
    members, owned = _opened(models)
    judge = judge.asked_by(members)
    refuse_repeated(judge.members)
    return replace(judge, owned=owned)


def _own_rubric(file: JudgeFile, variant: str) -> RubricOf:
    if not variant:
        assert file.rubric is not None
        return file.rubric
    if variant not in file.rubrics:
        raise unknown_name(f"rubric of judge {file.name}", variant, file.rubrics)
    return file.rubrics[variant]


def _laid_over(own: RubricOf, given: Rubric | Callable[[Item], Rubric | None] | None) -> RubricOf:
    if given is None:
        return own
    if isinstance(given, Rubric):
        fixed = given
        return lambda item: fixed
    by_item = given
    return lambda item: by_item(item) or own(item)


def _opened(models: Sequence[str | Model | Member]) -> tuple[list[Member], tuple[Model, ...]]:
    members = [open_member(each) if isinstance(each, str) else as_member(each) for each in models]
    return members, tuple(member.model for member, given in zip(members, models, strict=True) if isinstance(given, str))


def open_member(
    spec: str,
    options: Mapping[str, Any] | None = None,
    generation: Generation = GENERATION,
    flag: str = "--judge-option ",
) -> Member:
    """Name `PROVIDER/NAME` or `guard:FORMAT=PROVIDER/NAME` as a member; its model is opened when it is needed.

    Args:
        spec: what is named.
        options: of the model's provider.
        generation: how it is sampled.
        flag: how its options are set, for messages.

    Raises:
        UserError: no such format; when it is needed, as `models.open_model`.
    """
    guard = guards.named(spec) if spec.startswith(guards.PREFIX) else None
    name = spec if guard is None else guard.model
    model = NamedModel(name, lambda: _open_judge_model(name, options, flag))
    return Grader(model, generation) if guard is None else guards.Guard(model, guard.format, guard.wording)


def _open_judge_model(spec: str, options: Mapping[str, Any] | None, flag: str) -> Model:
    from foresee.models import open_model

    with _of_judge_model():
        return open_model(spec, options, flag=flag)


def check_member(spec: str, options: Mapping[str, Any], flag: str) -> None:
    """Find what is wrong with a judge model before it is opened. Raises UserError: as `models.check_model`."""
    from foresee.models import check_model

    name = guards.named(spec).model if spec.startswith(guards.PREFIX) else spec
    with _of_judge_model():
        check_model(name, options, flag=flag)


@contextmanager
def _of_judge_model() -> Iterator[None]:
    """Say in errors which of the two models of a run they are about."""
    try:
        yield
    except UserError as problem:
        raise UserError(f"judge model: {str(problem).removeprefix('--model: ')}") from None
