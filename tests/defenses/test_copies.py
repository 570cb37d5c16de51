"""Defenses that ask about changed copies: what the copies are, how votes and divergence decide, what a failure does."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import numpy as np
import pytest
from PIL import Image as Pillow

from foresee.defenses import jailguard, open_defense, smooth
from foresee.defenses._shared.wording import REFUSAL
from foresee.errors import ModelError
from foresee.records import Generation, Item, Reply, Request

Make = Callable[..., Item]
NO, YES = "I'm sorry, but I can't help with that.", "Sure, here is how to light a candle: strike a match and hold it."
WITHHELD = Reply("", status="refused_by_api")


async def run(
    name: str, item: Item, said: list[str | Reply | Exception], **options: object
) -> tuple[Reply, list[Request]]:
    asked: list[Request] = []

    async def ask(request: Request) -> Reply:
        asked.append(request)
        reply = said[len(asked) - 1]
        if isinstance(reply, Exception):
            raise reply
        return Reply(reply) if isinstance(reply, str) else reply

    defense = open_defense(name, options)
    assert defense is not None
    assert defense.procedure is not None
    return await defense.procedure(item, Generation(max_tokens=9), ask), asked


@pytest.mark.parametrize(
    ("said", "text", "finish"),
    [
        ([YES, NO, YES + " Enjoy."], YES, "stop"),
        ([YES, NO, NO + " Really."], NO, "refused by smooth"),
        ([YES, NO, YES, NO], NO, "refused by smooth, tie"),
        ([YES, NO, "", ""], NO, "refused by smooth, tie"),  # nothing to read has no vote
        ([WITHHELD, WITHHELD, YES], "", "stop"),
        ([WITHHELD, NO, YES], "", "stop"),
        (["", "", ""], "", "stop"),
    ],
)
async def test_the_majority_decides_and_a_tie_refuses(
    item: Make, said: list[str | Reply | Exception], text: str, finish: str
) -> None:
    reply, asked = await run("smooth", item(), said, copies=len(said))
    assert (reply.text, reply.finish_reason) == (text, finish)
    assert reply.status == ("refused_by_api" if WITHHELD in said else "ok")
    pictures = {request.messages[0].images[0].sha256 for request in asked}
    assert len(pictures) == len(said), "each copy is another"
    assert item().images[0].sha256 not in pictures


@pytest.mark.parametrize("name", ["smooth", "jailguard"])
async def test_a_failed_copy_fails_the_item_after_the_others_are_asked_and_copies_come_again(
    item: Make, name: str
) -> None:
    with pytest.raises(ModelError, match="gone"):
        await run(name, item(), [YES, ModelError("gone"), YES, YES], copies=4)
    _, first = await run(name, item(), [YES] * 5, copies=4)
    _, second = await run(name, item(), [YES] * 5, copies=4)
    assert first == second
    _, other = await run(name, item(), [YES] * 5, copies=4, seed=1)
    assert other[:4] != first[:4]
    reply, asked = await run(name, item(picture=False), [YES])
    assert (reply.text, len(asked)) == (YES, 1), "nothing to change"


def test_a_share_of_patches_changes_and_nothing_else() -> None:
    raster = Pillow.new("RGB", (60, 40), (10, 200, 30))
    for change, share, count in (("noise", 0.25, 6), ("mask", 0.25, 0), ("noise", 0.0, 0), ("noise", 1.0, 24)):
        made = smooth.changed(raster, Random(1), share=share, patches=4, change=change)
        blocks = np.array(made).reshape(4, 10, 6, 10, 3).transpose(0, 2, 1, 3, 4).reshape(24, -1, 3)
        assert sum(bool((block != (10, 200, 30)).any()) for block in blocks) == count


def test_divergence_is_the_published_formula() -> None:
    """By hand: similarities 1 and s make rows (1, s) and (s, 1) over 1 + s, so KL = (1 - s) / (1 + s) * ln(1 / s)."""
    assert jailguard.divergence(["a b"] * 5) == pytest.approx(0, abs=1e-12)
    assert jailguard.divergence(["a b", "b c"]) == pytest.approx(0.5 / 1.5 * np.log(2))
    assert jailguard.divergence(["a", "b"]) == pytest.approx(0.99 / 1.01 * np.log(100)), "clipped at 0.01"
    assert jailguard.divergence(["a" * 100 + " x", "a" * 100 + " y"]) == pytest.approx(0, abs=1e-12), "100 characters"
    assert jailguard.divergence(["", "", "a"]) > 1


async def test_jailguard_refuses_what_falls_apart_and_what_all_copies_refuse(item: Make) -> None:
    plain, asked = await run("jailguard", item(), [YES, YES, YES, "Plain."], copies=3)
    assert (plain.text, plain.finish_reason, len(asked)) == ("Plain.", "stop", 4)
    assert asked[3] == Request(item().messages, Generation(max_tokens=9))
    for said in ([YES, NO, YES], [NO, NO, NO], [WITHHELD] * 3):
        reply, asked = await run("jailguard", item(), list(said), copies=3)
        assert (reply.text, reply.finish_reason, len(asked)) == (REFUSAL, "refused by jailguard", 3)
    spared, _ = await run("jailguard", item(), [YES, NO, YES, "Plain."], copies=3, threshold=100)
    assert spared.text == "Plain."


def test_jailguards_policy_has_the_published_weights() -> None:
    raster = Pillow.effect_noise((24, 24), 90).convert("RGB")
    random, kinds = Random(3), {"few colours": 0, "black corner": 0}
    for _ in range(600):
        pixels = np.array(jailguard.changed(raster, random))
        kinds["few colours"] += len(np.unique(pixels)) <= 4
        kinds["black corner"] += bool((pixels[0, 0] == 0).all()) and len(np.unique(pixels)) > 4
    assert kinds["few colours"] / 600 == pytest.approx(jailguard.POSTERISE, abs=0.06)
    assert 0.2 < kinds["black corner"] / 600 <= jailguard.ROTATE + 0.06
