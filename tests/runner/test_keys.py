"""Journal keys as they were written: a journal of yesterday goes on tomorrow without asking anything again.

The literals were computed once. Whoever must change one makes every journal that users have worthless, and says so in
CHANGELOG.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from foresee.defenses import open_defense
from foresee.judges import RuleJudge
from foresee.judges._model.judge import GradedJudge
from foresee.judges._model.members import Grader
from foresee.judges._model.rubric import Blank, Rubric
from foresee.records import (
    Ask,
    Capability,
    Defense,
    Generation,
    Image,
    Item,
    Judge,
    Message,
    Procedure,
    Reply,
    Request,
    Verdict,
)
from foresee.runner import answer_keys, keyed, run
from foresee.runner.journal import Journal, read_records

ITEMS = (
    Item("text", (Message("user", ("Is this safe?",)),), benchmark="pinned", expected="unsafe"),
    Item("image", (Message("user", (Image("ab" * 32), "Is this safe?")),), subset="s", metadata={"b": [1], "a": None}),
    Item("turns", (Message("system", ("Be kind.",)), Message("user", ("Grüße \ud800",))), choices=("Yes", "No")),
)
SAMPLED = Generation(temperature=0.7, seed=3, stop=("#",))


@dataclass(frozen=True)
class Echo:
    name: str = "pinned/model"
    suggested_concurrency: int | None = None
    base_url: str | None = None

    @property
    def identity(self) -> dict[str, Any]:
        return {"provider": "pinned", "model": self.name, "options": {"b": 2, "a": 1}}

    @property
    def capabilities(self) -> frozenset[Capability]:
        return frozenset({"images", "logits", "first_token"})

    async def generate(self, request: Request) -> Reply:
        return Reply('{"reason": "r", "word": "good"}')

    async def close(self) -> None: ...


@dataclass(frozen=True)
class Strategy:
    strength: float = 0.5

    @property
    def identity(self) -> dict[str, Any]:
        return {"pinned": self.strength}


@dataclass(frozen=True)
class Guarded:
    decoding: Strategy | None = None
    procedure: Procedure | None = None
    name: str = "guarded"

    @property
    def identity(self) -> dict[str, Any]:
        return {"guarded": {"version": "1", "options": {"text": "careful"}}}

    def edit(self, item: Item) -> Item:
        return replace(item, messages=(Message("system", ("careful",)), *item.messages))


async def describe_first(item: Item, generation: Generation, ask: Ask) -> Reply:
    await ask(Request((*item.messages, Message("user", ("What is to be seen?",))), generation))
    return await ask(Request(item.messages, generation, item.choices))


def keys(defense: Defense | None, generation: Generation, epochs: int) -> list[tuple[str, ...]]:
    return answer_keys(ITEMS, Echo(), defense=defense, generation=generation, epochs=epochs)


def test_keys_of_answers_are_what_they_were() -> None:
    assert keys(None, Generation(), 1) == PLAIN
    assert keys(Guarded(Strategy()), SAMPLED, 2) == DEFENDED
    assert keys(None, Generation(repetition_penalty=1.05), 1) != PLAIN


async def test_what_was_keyed_is_neither_edited_nor_hashed_again(tmp_path: Path) -> None:
    edited: list[str] = []

    class Counting(Guarded):
        def edit(self, item: Item) -> Item:
            edited.append(item.id)
            return super().edit(item)

    guarded, items = Counting(), ITEMS[:2]
    ready = list(keyed(items, Echo(), defense=guarded, generation=SAMPLED, epochs=2))
    with Journal.open(tmp_path / "j", {}) as journal:
        results = await run(ready, Echo(), (), journal, defense=guarded, generation=SAMPLED, epochs=2)
    assert edited == ["text", "image"]
    assert [row.answer.key for row in results.rows] == [key for each in ready for key in each.keys]


def test_a_strategy_is_built_once() -> None:
    defense = open_defense("contrastive_decoding")
    assert defense is not None
    assert defense.decoding is defense.decoding is not None


async def test_keys_of_calls_and_verdicts_are_what_they_were(tmp_path: Path) -> None:
    rubric = Rubric(
        "pinned", "1", "Say good or bad.", (Blank("word", "the word", ("good", "bad")),), lambda w: w["word"]
    )
    judges: Sequence[Judge] = (
        RuleJudge("rule", "1", lambda item, answer: Verdict(item.id, answer.epoch, "rule", 1.0)),
        GradedJudge("graded", "1", lambda item: rubric, {"from": "pinned"}, members=(Grader(Echo("pinned/judge")),)),
    )
    guarded = Guarded(procedure=describe_first)
    with Journal.open(tmp_path / "j", {}) as journal:
        await run(ITEMS[:2], Echo(), judges, journal, defense=guarded)
    found: dict[str, set[str]] = {}
    for line in read_records(tmp_path / "j"):
        found.setdefault(line.kind, set()).add(line.key)
    assert found == JOURNALLED


PLAIN: list[tuple[str, ...]] = [
    ("8d226a22ae2e76f2b3163ec957f66de0",),
    ("d69a9a48fc256f981f5738f38428a505",),
    ("944edb333e5046ea23a33321e3c5975e",),
]
DEFENDED: list[tuple[str, ...]] = [
    ("a3c613822e566a42b2d7c32fabeb9e52", "87f177d31bd186ae8fb4210282e15e33"),
    ("6eda85d6e2f4377d044a6a8bf30df569", "5f75fe018f2358a411bfb006add66fa1"),
    ("e515d9c2be2aef7fe98b57c5342b3ba7", "156ba5fb83ab818a23b68bfe8211a034"),
]
JOURNALLED: dict[str, set[str]] = {
    "answer": {"1806629cc23aa522dc89baad4aafdf00", "bf11f2996a2f433eecf035fdd9cc1201"},
    "call": {
        "5388a0b98b8fc33c0a380556ee962489-1",
        "737e83dc1c97e571c3825f3d4e004eb0-1",
        "a40e2e94ad19ec9678a003f1072eab1c-1",
        "fa6a4ba34b476c9f68c23e344c63bd07-1",
        "judge-b54c0fc0f45f89fcf329e53f85bc1b9f",
        "judge-1b4febd01f1576be4d28036e0dc6e310",
    },
    "verdict": {
        "2c8bcf7335082b44d540c99728743f12",
        "680b92574744a03851b4b68bd38076dc",
        "2a337ad46304c7a4526196811f7671f4",
        "15ebdb7804f286d6bfdfc661d59ea273",
    },
}
