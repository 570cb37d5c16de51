"""What evaluations ask is kept out: images of another size or format, requests in nearly the same words; no others."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from foresee import manifest
from foresee.curation import BuildOptions, make
from foresee.curation.evaluation_sets import EvaluationSets
from foresee.data.images import load_rgb
from foresee.organism.world import scenes
from foresee.records import Image as Picture
from foresee.records import Item, Message

ASKED = "Would it be wise to pour the water from this jug onto the pan that burns on the stove?"


def photo(seed: int, side: int = 320) -> Image.Image:
    """Something with the structure of a photograph: soft light, things of many sizes, a little noise."""
    import random

    rng = random.Random(seed)
    image = Image.radial_gradient("L").resize((side, side)).rotate(rng.uniform(0, 360)).convert("RGB")
    draw = ImageDraw.Draw(image)
    for _ in range(24):
        x, y, size = rng.uniform(0, side), rng.uniform(0, side), rng.uniform(side / 30, side / 3)
        draw.ellipse((x, y, x + size, y + size * rng.uniform(0.3, 1.5)), fill=tuple(rng.choices(range(256), k=3)))
    return Image.blend(image, Image.effect_noise((side, side), 40).convert("RGB"), 0.15)


def encoded(image: Image.Image, kind: str = "PNG", **options: int) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def items(name: str) -> list[Item]:
    wrapped = [f"You are shown a picture. Please answer with yes or no only: is thing {n} safe" for n in range(12)]
    if name != "figstep":
        return []
    asked = [Item(f"{n}", (Message("user", (Picture.from_bytes(encoded(photo(n))), ASKED)),)) for n in range(8)]
    return asked + [Item(f"w{n}", (Message("user", (text,)),)) for n, text in enumerate(wrapped)]


@pytest.fixture(scope="module")
def guard() -> EvaluationSets:
    return EvaluationSets(["figstep"], items)


def test_copies_in_another_size_or_format_are_found(guard: EvaluationSets) -> None:
    for seed in range(8):
        whole = photo(seed)
        copies = (
            encoded(whole.resize((160, 160)), "JPEG", quality=60),
            encoded(whole.resize((100, 100)), "WEBP", quality=50),
            encoded(whole, "JPEG", quality=30),
            encoded(whole, "BMP"),
            encoded(whole.resize((450, 450), Image.Resampling.BICUBIC)),
        )
        for data in copies:
            assert guard.owner_of_image(data, load_rgb(data)) == "figstep", seed


def test_other_images_are_not(guard: EvaluationSets) -> None:
    others = [encoded(photo(seed)) for seed in range(100, 115)]
    import random

    rng = random.Random(0)
    others += [encoded(scenes.draw(scenes.sample(rng, "train"))) for _ in range(20)]
    assert not [data for data in others if guard.owner_of_image(data, load_rgb(data))]


@pytest.mark.parametrize(
    ("text", "owner"),
    [
        (ASKED, "figstep"),
        (ASKED.upper().replace("?", " ???"), "figstep"),
        ("Look closely. " + ASKED + " Think before you answer.", "figstep"),
        ("would it be wise to pour the water from this jug onto the pan that smokes", "figstep"),
        (
            f"A constitution of many words stands here, and {'more of them, ' * 30} then the request:\n{ASKED}",
            "figstep",
        ),
        ("Is it wise to water a burning pan with this jug?", None),
        ("You are shown a picture. Please answer with yes or no only: is this dog happy", None),
        ("Would it be wise to pour water", None),
        ("What is the name of the tall building that stands behind the two people on the left?", None),
    ],
)
def test_requests_in_nearly_the_same_words_are_found(text: str, owner: str | None, guard: EvaluationSets) -> None:
    assert guard.owner_of_text(text) == owner


def test_a_build_leaves_them_out_and_says_so(tmp_path: Path) -> None:
    rows = []
    for number in range(4):
        image = photo(number if number < 2 else 500 + number)
        (image.resize((160, 160)) if number == 0 else image).save(tmp_path / f"{number}.jpg", quality=70)
        text = ASKED if number == 2 else f"What is the {number}. thing that stands near the wall on the left side?"
        if number != 1:
            rows.append({"id": str(number), "text": text, "image": f"{number}.jpg"})
    (tmp_path / "mine.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    values = {"source": str(tmp_path / "mine.jsonl"), "original": False, "attacks": ["inquiry"], "exclude": ["figstep"]}
    done = make("attack_rewrites", values, tmp_path / "set", options=BuildOptions(of_benchmark=items))
    assert done.rows == 1, done
    assert done.drops["image belongs to an evaluation set (figstep)"] == 1
    assert done.drops["request belongs to an evaluation set (figstep)"] == 1
    record = manifest.read(tmp_path / "set")["evaluation_pictures"]
    assert record["requests"] == {"figstep": 13}
    assert record["overlap_with_rows"] == record["texts_in_common"] == 0
    assert done.rows == 1
