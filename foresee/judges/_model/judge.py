"""A judge that asks models: one rubric, one or several judge models, one verdict.

On its own it calls its models with retries. The runner gives it calls that are journalled as well (`attached`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from foresee.errors import ModelError, UserError
from foresee.judges._model import members as members_XX
from foresee.judges._model import panel, prompt
from foresee.judges._model.members import Member
from foresee.judges._model.rubric import Rubric
from foresee.records import Answer, AskModel, Item, Json, Message, Model, Usage, Verdict, Vote
from foresee.runner.judging import JudgeCalls
from foresee.runner.retries import as_model_error

RubricOf = Callable[[Item], Rubric]


@dataclass(frozen=True)
class GradedJudge:
    """A rubric and the judge models that fill it in.

    Attributes:
        name: of the judge.
        version: of its file.
        rubric: the rubric of an item.
        origin: whose rubric that is: the judge's own, a benchmark's, or a template (for the identity).
        required: the names that each of its verdicts has; None for all. A panel's tie in one of them leaves no verdict.
        members: the panel; empty until it is known which models judge.
        first: rules that read every answer first; the models are asked where these give no verdict.
        ask: how its models are called.
        owned: models that were opened for this judge, and are closed with it.
    """

    name: str
    version: str
    rubric: RubricOf
    origin: Mapping[str, Json]
    required: tuple[str, ...] | None = None
    members: tuple[Member, ...] = ()
    first: Callable[[Item, Answer], Verdict] | None = None
    ask: AskModel = field(default_factory=JudgeCalls, repr=False, compare=False)
    owned: tuple[Model, ...] = field(default=(), repr=False)

    @property
    def identity(self) -> Mapping[str, Json]:
        models: list[Json] = [dict(member.identity) for member in self.members]
        asked: dict[str, Json] = {} if self.first is None else {"asked": "where the rules give no verdict"}
        return {"judge": self.name, "version": self.version, "rubric": dict(self.origin), "models": models, **asked}

    def asked_by(self, members: Sequence[Member]) -> GradedJudge:
        """Bind those of the members as its panel that can fill in its scale.

        Raises:
            UserError: none of them can.
        """
        able = tuple(member for member in members if member.reads(self.name))
        if not able:
            names = ", ".join(member.model.name for member in members)
            raise UserError(f"judge {self.name} needs a chat model as its judge model; {names} can't fill in its form")
        return replace(self, members=able)

    def attached(self, ask: AskModel) -> GradedJudge:
        """Have its calls made by `ask`."""
        return replace(self, ask=ask)

    def check(self, items: Iterable[Item]) -> None:
        """Check the judge models. Raises UserError: there is none, or one is to see images and takes none."""
        if not self.members:
            raise needs_model([self.name])
        items = list(items)
        for member in self.members:
            if "images" in member.model.capabilities:
                continue
            if any(item.images and member.must_see(self.rubric(item)) for item in items):
                raise UserError(
                    f"judge {self.name} is to see the image, and {member.model.name} takes none: "
                    "choose a vision-language model as its judge model"
                )

    def key_part(self, item: Item) -> str:
        """Compute what of the item's own rubric belongs into the key of a verdict."""
        return prompt.fingerprint(self.rubric(item))

    def would_send(self, item: Item, answer: Answer) -> tuple[Message, ...]:
        """List what a chat model would be sent about an answer; empty where it would not be asked."""
        rubric = self.rubric(item)
        return () if _nothing_to_read(rubric, item, answer) else members_XX.prompt(rubric, item, answer)

    async def judge(self, item: Item, answer: Answer) -> Verdict:
        """Judge an answer; `value` None with the reason, whatever failed. Raises UserError alone: no judge model."""
        verdict, _ = await self.read(item, answer)
        return verdict

    async def read(self, item: Item, answer: Answer) -> tuple[Verdict, ModelError | None]:
        """Judge an answer; add the failure behind it where a judge model could not be asked.

        Raises:
            UserError: there is no judge model, or something that concerns the whole run.
        """
        if not self.members:
            raise needs_model([self.name])
        if self.first is not None and (by_rules := self.first(item, answer)).value is not None:
            return by_rules, None
        rubric = self.rubric(item)
        blank = Verdict(item.id, answer.epoch, self.name, None, rubric=prompt.fingerprint(rubric))
        if nothing := _nothing_to_read(rubric, item, answer):
            return replace(blank, reason=nothing), None
        votes_of = (self._vote(member, rubric, item, answer) for member in self.members)
        arrived = await asyncio.gather(*votes_of, return_exceptions=True)  # one that stops the run waits for the others
        for each in arrived:
            if isinstance(each, BaseException):
                raise each
        cast = [each for each in arrived if not isinstance(each, BaseException)]
        votes = tuple(vote for vote, _ in cast)
        graded = {each.name for each in rubric.blanks if set(each.values) != {0, 1}}
        value, reason = panel.decide(votes, required=self.required, graded=graded)
        if isinstance(value, str) and value in rubric.no_verdict:
            value, reason = None, f"{value}, says the judge model: {reason}"
        failures = [failure for _, failure in cast if failure is not None]
        alone = votes[0] if len(votes) == 1 else None
        verdict = replace(
            blank,
            value=value,
            reason=reason,
            judge_model=", ".join(vote.model for vote in votes),
            raw=alone.raw if alone else "",
            usage=sum((vote.usage for vote in votes), Usage()),
            votes=() if alone else votes,
            address=alone.address if alone else "",
        )
        return verdict, failures[0] if failures else None

    async def _vote(self, member: Member, rubric: Rubric, item: Item, answer: Answer) -> tuple[Vote, ModelError | None]:
        try:
            return await member.vote(rubric, item, answer, self.ask), None
        except UserError as problem:
            if not _concerns_item(problem):
                raise
            return Vote(member.model.name, None, f"the judge failed: {problem}"), ModelError(str(problem))
        except Exception as problem:  # whatever breaks on one answer must not end the run
            failure = as_model_error(problem)
            return Vote(member.model.name, None, f"the judge failed: {failure}"), failure

    async def close(self) -> None:
        """Close the models that were opened for this judge."""
        for model in self.owned:
            await model.close()


def needs_model(names: Sequence[str], instead: str = "") -> UserError:
    """Make the error of judges that lack a model; `instead` is what else the command can do."""
    who = f"judge {names[0]} asks" if len(names) == 1 else f"judges {', '.join(names)} ask"
    return UserError(f"{who} a model: name it with --judge-model PROVIDER/NAME{instead}")


def _nothing_to_read(rubric: Rubric, item: Item, answer: Answer) -> str:
    """Why there is nothing to ask a judge model about; empty if there is."""
    if answer.status != "ok":
        return f"no answer: {answer.reason or answer.status}"
    absent = [key for key in rubric.needs if not item.metadata.get(key)]
    if absent:
        return f"the item has no {', '.join(absent)} to judge by"
    if not answer.text.strip():
        return "the answer is empty"
    return "" if prompt.read_of(answer).strip() else "the answer is thinking alone"


def _concerns_item(problem: UserError) -> bool:
    from foresee.data.images import ImageError

    return isinstance(problem, ImageError)
