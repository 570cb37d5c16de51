"""A judge model at work: it is sent the form, its reply is read, and an unusable one is shown to it once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from foresee.errors import UserError
from foresee.judges._model import form_reader, template
from foresee.judges._model import prompt as prompting
from foresee.judges._model.rubric import Rubric
from foresee.records import Answer, AskModel, Generation, Item, Json, Message, Model, Reply, Request, Usage, Vote
from foresee.runner.keys import digest

GENERATION = Generation(temperature=0.0, max_tokens=2048)  # a judge that thinks first needs room for it
VERSION = "2"  # of how judge models are asked and read; raised when verdicts stop being comparable


@runtime_checkable
class Member(Protocol):
    """One member of a panel of judge models."""

    @property
    def model(self) -> Model: ...

    @property
    def identity(self) -> Mapping[str, Json]: ...

    def reads(self, judge: str) -> bool:
        """Whether it can fill in this judge's scale."""
        ...

    def must_see(self, rubric: Rubric) -> bool:
        """Whether it can't judge by this rubric without seeing images."""
        ...

    async def vote(self, rubric: Rubric, item: Item, answer: Answer, ask: AskModel) -> Vote:
        """Vote on an answer. Raises ModelError: the model could not be asked."""
        ...


@dataclass(frozen=True)
class Grader:
    """A chat model that fills in the rubric's form."""

    model: Model
    generation: Generation = GENERATION

    @property
    def identity(self) -> Mapping[str, Json]:
        sampling: dict[str, Json] = {
            "temperature": self.generation.temperature,
            "max_tokens": self.generation.max_tokens,
        }
        return {**self.model.identity, "asked": f"form {VERSION}", "sampling": sampling}

    def reads(self, judge: str) -> bool:
        return True

    def must_see(self, rubric: Rubric) -> bool:
        return "image" in rubric.shows

    async def vote(self, rubric: Rubric, item: Item, answer: Answer, ask: AskModel) -> Vote:
        """Vote on an answer. Raises ModelError: the model could not be asked."""
        wording = rubric.wording
        messages = prompt(rubric, item, answer)
        material = messages[-1].text
        usage, calls, problem, text, server = Usage(), 0, "", "", ""
        for _ in range(2):
            reply = await self._ask(rubric, messages, ask)
            usage, calls, text, server = usage + reply.usage, calls + 1, reply.text, reply.address
            if reply.status == "refused_by_api":
                problem = f"the judge's provider withheld the reply ({reply.finish_reason})"
                break
            try:
                if wording:
                    filled = template.read(reply.text, rubric, wording)
                else:
                    filled = form_reader.read(reply.text, rubric.blanks, material)
            except form_reader.Unusable as unusable:
                cut = "; the reply was cut at the token limit" if reply.finish_reason == "length" else ""
                problem = f"unusable reply of the judge model: {unusable}{cut}"
                messages = (*messages, *_again(reply, str(unusable), form=wording is None))
                continue
            return Vote(self.model.name, rubric.value(filled.fields), filled.reason, text, usage, calls, server)
        return Vote(self.model.name, None, problem, text, usage, calls, server)

    async def _ask(self, rubric: Rubric, messages: tuple[Message, ...], ask: AskModel) -> Reply:
        """With the form as a schema where the provider takes one."""
        able = "structured_output" in self.model.capabilities and rubric.wording is None
        schema = prompting.schema(rubric) if able else None
        return await ask(self.model, Request(messages, self.generation, schema=schema))


def prompt(rubric: Rubric, item: Item, answer: Answer) -> tuple[Message, ...]:
    """Write what a chat model is sent: the rubric as a form, or a published wording."""
    if rubric.wording:
        return template.messages(rubric, rubric.wording, item, answer)
    return prompting.messages(rubric, item, answer)


def as_member(model: Model | Member, generation: Generation = GENERATION) -> Member:
    """Make an open model a member that fills in forms; a member stays as it is."""
    return model if isinstance(model, Member) else Grader(model, generation)


def refuse_repeated(members: Sequence[Member]) -> None:
    """Check a panel. Raises UserError: it has the same model twice, asked in the same way."""
    seen: set[str] = set()
    for member in members:
        if (known := digest(member.identity)) in seen:
            raise UserError(f"judge model {member.model.name} is named twice: its two votes would be one and the same")
        seen.add(known)


def _again(reply: Reply, problem: str, *, form: bool) -> tuple[Message, ...]:
    wanted = "Reply again with the one JSON object alone." if form else "Reply again, in exactly the form asked for."
    shown = prompting.defused(reply.text).strip()[:4000] or "(an empty reply)"
    return (
        Message("assistant", (shown,)),
        Message("user", (f"That could not be used: {problem}. {wanted}",)),
    )
