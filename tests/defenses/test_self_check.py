"""Self-check: what is asked, and that only a plain yes withholds an answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from foresee.defenses import open_defense
from foresee.defenses._shared.wording import REFUSAL
from foresee.records import Generation, Item, Reply, Request

Make = Callable[..., Item]


@pytest.mark.parametrize(
    ("told", "said"),
    [("Yes.", REFUSAL), ("**yes**, it would", REFUSAL), ("No.", "Sure {request}."), ("Yesterday", "Sure {request}."),
     ("", "Sure {request}.")],
)  # fmt: skip
async def test_only_a_yes_withholds_the_answer(item: Make, told: str, said: str) -> None:
    asked: list[Request] = []

    async def ask(request: Request) -> Reply:
        asked.append(request)
        return Reply("Sure {request}." if len(asked) == 1 else told)

    defense = open_defense("self_check")
    assert defense is not None
    assert defense.procedure is not None
    reply = await defense.procedure(item(), Generation(temperature=0.7, max_tokens=99), ask)
    assert reply.text == said
    assert asked[0] == Request(item().messages, Generation(temperature=0.7, max_tokens=99))
    (check,) = asked[1].messages
    assert check.images == item().images
    assert f'"""{item().prompt}"""' in check.text
    assert asked[1].generation == Generation(max_tokens=16)
    withheld = Reply("", status="refused_by_api")
    assert await defense.procedure(item(), Generation(), _always(withheld)) is withheld


def _always(reply: Reply) -> Callable[[Request], Awaitable[Reply]]:
    async def ask(request: Request) -> Reply:
        return reply

    return ask
