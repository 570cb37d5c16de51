"""The caches of pictures: bounded, made once however many ask, and never the wrong picture."""

from __future__ import annotations

import copy
import io
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from foresee.errors import ModelError
from foresee.models.local.image_cache import BoundedCache, ProcessedImages, decode, tensor_bytes
from foresee.models.local.model import LocalModel
from foresee.records import Generation, Image, Message, Request
from tests.support.figures import known
from tests.support.tiny_models import Kind


def picture(colour: str, width: int = 64, height: int = 48) -> Image:
    from PIL import Image as Pil

    buffer = io.BytesIO()
    Pil.new("RGB", (width, height), colour).save(buffer, "PNG")
    return Image.from_bytes(buffer.getvalue())


def test_the_values_used_last_stay() -> None:
    cache: BoundedCache[str] = BoundedCache(10, len)
    for key in "abc":
        cache.put(key, key * 4)
    assert [cache.get(key) for key in "abc"] == [None, "bbbb", "cccc"]
    cache.get("b")
    cache.put("d", "dd")
    cache.put("e", "ee")
    assert [cache.get(key) for key in "bcde"] == ["bbbb", None, "dd", "ee"]
    assert cache.put("huge", "h" * 99) == "h" * 99
    assert cache.get("huge") is None
    cache.clear()
    assert cache.get("b") is None


def test_many_threads_make_a_value_once() -> None:
    cache: BoundedCache[str] = BoundedCache(100, len)
    made: list[int] = []

    def make() -> str:
        made.append(1)
        time.sleep(0.05)
        return "value"

    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.append(cache.get_or_make("k", make))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == ["value"] * 8
    assert len(made) == 1


def test_a_failure_is_told_to_all_and_not_kept() -> None:
    cache: BoundedCache[str] = BoundedCache(100, len)

    def fail() -> str:
        raise ModelError("no")

    for _ in range(2):
        with pytest.raises(ModelError, match="no"):
            cache.get_or_make("k", fail)
    assert cache.get_or_make("k", lambda: "yes") == "yes"


def test_bytes_are_counted_at_any_depth() -> None:
    import torch

    assert tensor_bytes({"a": torch.zeros(4), "b": [torch.zeros(2, dtype=torch.int64)], "c": "text", "d": 3}) == 32


class Recorder:
    """An image processor that tells what it was given."""

    model_input_names = ("pixel_values",)

    def __init__(self) -> None:
        self.calls: list[list[Any]] = []

    def __call__(self, images: Any, **arguments: Any) -> dict[str, Any]:
        flat = [image for row in images for image in row]
        self.calls.append([image.getpixel((0, 0)) for image in flat])
        return {"pixel_values": [image.getpixel((0, 0)) for image in flat], "size": [i.size for i in flat], **arguments}


def test_a_picture_is_processed_once_and_never_as_a_blank() -> None:
    recorder = Recorder()
    images = ProcessedImages(recorder, max_bytes=1)  # nothing stays: what is in use must be held by its request
    ((key, opened),) = images.open([picture("red")])
    first = images([opened], scale=2)
    assert first == {"pixel_values": [(255, 0, 0)], "size": [(64, 48)], "scale": 2}
    ((again, reopened),) = images.open([picture("red")])
    assert again == key
    other = images.open([picture("blue")])[0][1]
    assert images([reopened], scale=2) == first
    assert images([other], scale=2)["pixel_values"] == [(0, 0, 255)]
    assert [(0, 0, 0)] not in recorder.calls


def test_what_a_processor_takes_out_is_there_the_next_time() -> None:
    images = ProcessedImages(Recorder(), max_bytes=1 << 20)
    for _ in range(3):
        made = images([images.open([picture("red")])[0][1]])
        assert made.pop("size") == [(64, 48)]
    assert images.cache.made == 1
    assert images.model_input_names == ("pixel_values",)
    assert copy.copy(images).model_input_names == ("pixel_values",)


def test_pictures_of_strangers_are_decoded_with_care() -> None:
    assert decode(picture("red", 3, 2).read()).size == (3, 2)
    with pytest.raises(ModelError, match="expected an image"):
        decode(b"<svg onload='alert(1)'/>")


@pytest.mark.parametrize("kind", ["llava", "qwen3_vl"])
async def test_where_images_can_not_be_encoded_ahead_the_answers_are_the_same(
    kind: Kind,
    folders: Callable[[Kind], Path],
    opened: Callable[..., LocalModel],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from foresee.models.local import engine

    asked = [
        Request((Message("user", (picture(colour), "Is it safe?")),), Generation(max_tokens=8))
        for colour in ("red", "green", "blue", "red")
    ]
    ahead, raw = opened(folders(kind)), opened(folders(kind), image_cache_mb=1)
    expected = [(await ahead.generate(request)).text for request in asked]
    monkeypatch.setattr(engine, "split_features", lambda *_: None)
    assert [(await raw.generate(request)).text for request in asked] == expected
    assert known(raw._shared).engine.loaded().encoder is None
    assert known(raw._shared).engine.encoded.made == 0
