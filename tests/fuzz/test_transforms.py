"""Attacks and defenses on any text and image: the same try each time, of sound parts, or a reason why there is none.

Drawing a page takes 2 to 30 ms: attacks that draw get a tenth of the examples, on the smallest page that they take.
"""

from __future__ import annotations

import io
import json
import random
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from PIL import Image as Pillow

from foresee import plugins
from foresee.attacks import open_attack
from foresee.data.images import require_whole
from foresee.defenses import open_defense
from foresee.errors import UserError
from foresee.plugins import contracts
from foresee.records import Image, Item, Message, encode
from tests.fuzz.conftest import Fuzz
from tests.fuzz.drawing import whole_text

SMALL: Mapping[str, Mapping[str, Any]] = {
    "best_of_n": {"form": "text"},
    "cs_dj": {"tile": 64, "size": 8, "distractors": 1},
    "encodings": {},
    "figstep_pro": {"side": 200, "size": 8},
    "flow_chart": {"size": 6},
    "image_scaling": {"side": 160, "scale": 2},
    "informed": {},
    "jood": {},
    "mml": {"side": 200, "size": 8},
    "pixel_noise": {},
    "si": {},
    "typographic": {"side": 200, "size": 8},
}
DRAW = {"cs_dj", "figstep_pro", "flow_chart", "image_scaling", "jood", "mml", "typographic"}
ASKED_FIRST = {"pair", "crescendo", "visual_adversarial"}  # what goes on from answers, or on gradients
MODES = ("RGB", "RGBA", "L", "P", "1", "CMYK", "LA", "I;16")


def test_every_attack_that_transforms_is_here() -> None:
    assert {*SMALL, *ASKED_FIRST} == set(plugins.names("attacks"))


def _image(rng: random.Random) -> Image:
    mode = rng.choice(MODES)
    size = rng.choice((1, 2, 7, 20)), rng.choice((1, 3, 15))
    buffer = io.BytesIO()
    Pillow.new(mode, size, rng.randrange(2) if mode == "1" else None).save(buffer, "JPEG" if mode == "CMYK" else "PNG")
    return Image.from_bytes(buffer.getvalue())


def _item(rng: random.Random) -> Item:
    asked = whole_text(rng, 8)
    if rng.random() < 0.7:  # with letters that Pillow's font has, and of no great length
        asked = f"How do I bake {asked.encode('latin-1', 'ignore').decode('latin-1')[:60]}"
    parts: list[str | Image] = [asked, *(_image(rng) for _ in range(rng.choice((0, 0, 1, 2))))]
    rng.shuffle(parts)
    earlier = (Message("user", ("hello",)), Message("assistant", ("hi",))) if rng.random() < 0.2 else ()
    goal = {"goal": whole_text(rng, 4)} if rng.random() < 0.3 else {}
    return Item(f"i{rng.randrange(9)}", (*earlier, Message("user", tuple(parts))), "jsonl", cluster="c", metadata=goal)


def _sound(message: Message) -> None:
    for part in message.content:
        if isinstance(part, Image):
            require_whole(part.read())
        else:
            part.encode()


@pytest.mark.parametrize("name", SMALL)
def test_a_try_is_the_same_each_time_and_of_sound_parts(name: str, fuzz: Fuzz) -> None:
    attack = open_attack(name, SMALL[name])
    assert attack is not None

    came_of: Counter[bool] = Counter()

    def check(rng: random.Random) -> None:
        item, number = _item(rng), rng.randrange(4)
        try:
            made = attack.attempt(item, number)
        except (UserError, ValueError, OSError):
            came_of[False] += 1
            return
        came_of[True] += 1
        assert (made.id, made.cluster, made.metadata) == (item.id, item.cluster, item.metadata)
        assert [message.role for message in made.messages] == [message.role for message in item.messages]
        assert made.messages[-1].content
        _sound(made.messages[-1])
        assert encode(attack.attempt(item, number)) == encode(made)

    fuzz(check, 0.1 if name in DRAW else 1.0)
    assert came_of[True] > came_of[False] / 4, "too few examples come as far as the attack"


EDITS = [name for name in plugins.names("defenses") if contracts.defense_file(name).kind == "edit"]


@pytest.mark.parametrize("name", EDITS)
def test_a_defense_adds_words_and_takes_none(name: str, place: Path, fuzz: Fuzz) -> None:
    turns = {"prompt": [{"role": "user", "content": "Hello?"}], "completion": [{"role": "assistant", "content": "Hi."}]}
    (place / "rows.jsonl").write_text("".join(json.dumps({"id": str(n), **turns}) + "\n" for n in range(9)))
    defense = open_defense(name, {"examples": str(place)} if name == "few_shot" else ())
    assert defense is not None

    def check(rng: random.Random) -> None:
        item = _item(rng)
        made = defense.edit(item)
        assert item.messages[-1].text in made.messages[-1].text
        assert made.images == item.images or set(item.images) <= set(made.images)
        assert encode(defense.edit(item)) == encode(made)
        _sound(made.messages[-1])

    fuzz(check)
