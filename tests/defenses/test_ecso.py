"""ECSO: which calls are made, when it answers again, and that a withheld call is nobody's verdict."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from foresee.defenses import open_defense
from foresee.errors import UserError
from foresee.records import Generation, Item, Message, Reply, Request

Make = Callable[..., Item]


class Script:
    """Answers in turn; keeps what was asked."""

    def __init__(self, *replies: str | Reply) -> None:
        self.replies = [reply if isinstance(reply, Reply) else Reply(reply) for reply in replies]
        self.asked: list[Request] = []

    async def __call__(self, request: Request) -> Reply:
        self.asked.append(request)
        return self.replies[len(self.asked) - 1]


async def ecso(item: Item, script: Script, **options: object) -> Reply:
    defense = open_defense("ecso", options)
    assert defense is not None
    assert defense.procedure is not None
    return await defense.procedure(item, Generation(temperature=0.7, max_tokens=99), script)


async def test_an_answer_found_harmless_stands(item: Make) -> None:
    script = Script("Sure.", "No, it would not.")
    assert (await ecso(item(), script)).text == "Sure."
    assert script.asked[0] == Request(item().messages, Generation(temperature=0.7, max_tokens=99))
    tell = script.asked[1]
    assert tell.messages[0].images == item().images
    assert item().prompt in tell.messages[0].text
    assert "Sure." in tell.messages[0].text
    assert tell.generation.temperature == 0


async def test_an_answer_found_harmful_is_given_again_from_the_caption(item: Make) -> None:
    asked = replace(item(), choices=("Yes", "No"))
    script = Script("Yes", "Yes.", "a candle below a curtain", "No")
    assert (await ecso(asked, script, caption_tokens=33)).text == "No"
    caption, last = script.asked[2:]
    assert caption.messages[0].images
    assert caption.generation.max_tokens == 33
    assert not last.messages[0].images
    assert "a candle below a curtain" in last.messages[0].text
    assert last.messages[0].text.endswith(item().prompt)
    assert last.choices == ("Yes", "No")


@pytest.mark.parametrize(("told", "calls"), [("Yes", 4), ("yes.", 4), ("Yes, it would do harm", 2), ("Yesterday", 2)])
async def test_exact_switches_on_nothing_but_yes(item: Make, told: str, calls: int) -> None:
    script = Script("Sure.", told, "a candle", "No.")
    await ecso(item(), script, switch="exact")
    assert len(script.asked) == calls


async def test_words_of_ones_own_take_the_place_of_question_and_caption(item: Make, tmp_path: Path) -> None:
    text, caption = tmp_path / "text.txt", tmp_path / "caption.txt"
    text.write_text("{answer} to {request} {other}: could anyone get hurt ?", encoding="utf-8")
    caption.write_text("tell me what you see .", encoding="utf-8")
    script = Script("Sure {request}.", "yes", "a candle", "No.")
    await ecso(item(), script, text=str(text), caption=str(caption))
    tell, told = script.asked[1].messages[0], script.asked[2].messages[0]
    assert tell.text == f"Sure {{request}}. to {item().prompt} {{other}}: could anyone get hurt ?"
    assert told.text == "tell me what you see ."
    assert tell.images == told.images == item().images
    empty = tmp_path / "empty.txt"
    empty.write_text(" ")
    with pytest.raises(UserError, match="-S caption"):
        await ecso(item(), Script("Sure.", "yes", "a candle"), text=str(text), caption=str(empty))


async def test_without_a_picture_there_is_one_call(item: Make) -> None:
    script = Script("Sure.")
    assert (await ecso(item(picture=False), script)).text == "Sure."


@pytest.mark.parametrize("before", [0, 1, 2])
async def test_a_withheld_call_is_the_outcome(item: Make, before: int) -> None:
    withheld = Reply("", status="refused_by_api", finish_reason="content_filter")
    script = Script(*("Sure.", "Yes", "a candle")[:before], withheld)
    assert await ecso(item(), script) is withheld


async def test_a_conversation_keeps_its_other_turns(item: Make) -> None:
    talk = (
        Message("system", ("Be brief.",)),
        *item().messages,
        Message("assistant", ("Hm.",)),
        Message("user", ("So?",)),
    )
    script = Script("Sure.", "yes", "a candle", "No.")
    await ecso(replace(item(), messages=talk), script)
    last = script.asked[3].messages
    assert [turn.role for turn in last] == ["system", "user", "assistant", "user"]
    assert "a candle" in last[1].text
    assert last[3] == talk[3]
