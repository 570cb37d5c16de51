"""Images for a local model: opened safely, processed once however often they are asked about, memory bounded.

Two caches are made of `BoundedCache`: what a processor makes of a request's images (here), and what the vision tower
makes of that (in the engine). Both are keyed by the hash of the images' bytes as they were read.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, Generic, NamedTuple, TypeVar

from foresee.errors import ModelError
from foresee.records import Image

_HASH, _MADE = "foresee_sha256", "foresee_made"  # keys of what a PIL image carries along
V = TypeVar("V")


class BoundedCache(Generic[V]):
    """The values used last, up to so many bytes. Threads that want the same new value make it once."""

    def __init__(self, max_bytes: int, size_of: Callable[[V], int]) -> None:
        self._max_bytes, self._size_of = max_bytes, size_of
        self._values: OrderedDict[Any, Future[V]] = OrderedDict()
        self._lock = threading.Lock()
        self._bytes = 0
        self.made = 0

    def get(self, key: Any) -> V | None:
        """Return the value, if it is there and ready."""
        with self._lock:
            future = self._values.get(key)
            if future is None or not future.done() or future.exception():
                return None
            self._values.move_to_end(key)
            return future.result()

    def get_or_make(self, key: Any, make: Callable[[], V]) -> V:
        """Return the value, computed by this thread or another. Raises whatever `make` raises; that is not kept."""
        with self._lock:
            future = self._values.get(key)
            mine = future is None
            if future is None:
                future = self._values[key] = Future()
                self.made += 1
            self._values.move_to_end(key)
        if not mine:
            return future.result()
        try:
            value = make()
        except BaseException as problem:
            with self._lock:
                self._values.pop(key, None)
            future.set_exception(problem)
            raise
        future.set_result(value)
        with self._lock:
            self._bytes += self._size_of(value)
            self._shrink()
        return value

    def put(self, key: Any, value: V) -> V:
        """Keep the value from now on; return it (or the one that was there)."""
        return self.get_or_make(key, lambda: value)

    def clear(self) -> None:
        with self._lock:
            self._values = OrderedDict((k, f) for k, f in self._values.items() if not f.done())
            self._bytes = 0

    def _shrink(self) -> None:
        for key in list(self._values):
            if self._bytes <= self._max_bytes:
                return
            future = self._values[key]
            if future.done():
                del self._values[key]
                self._bytes -= self._size_of(future.result())


def tensor_bytes(values: Any) -> int:
    """Bytes of the tensors in a mapping, list or tuple, at any depth."""
    if hasattr(values, "element_size"):
        return int(values.numel() * values.element_size())
    if isinstance(values, dict):
        values = list(values.values())
    return sum(tensor_bytes(value) for value in values) if isinstance(values, list | tuple) else 0


class ProcessedImages:
    """Stands in for a processor's image processor: the same call, but an image seen before is not processed again.

    The processor calls it with PIL images. Those that `open` returned carry the hash of their bytes, and where the
    result is already known, the result itself; then the image is a blank of the right size, since no processor
    looks at pixels except through its image processor.
    """

    def __init__(self, original: Any, max_bytes: int) -> None:
        self.original = original
        self.cache: BoundedCache[_Made] = BoundedCache(max_bytes, lambda made: tensor_bytes(dict(made.features)))
        self._call: tuple[bool, dict[str, Any]] | None = None

    def __getattr__(self, name: str) -> Any:
        if name == "original" or name.startswith("__"):  # while it is being copied
            raise AttributeError(name)
        return getattr(self.original, name)

    def __call__(self, images: Any, *args: Any, **arguments: Any) -> Any:
        flat = _flat(images)
        key = tuple(getattr(image, "info", {}).get(_HASH) for image in flat)
        if args or not key or None in key:
            return self.original(images, *args, **arguments)
        self._call = (isinstance(images[0], list | tuple), arguments)  # a processor always calls in the same way
        made = flat[0].info.get(_MADE)
        if made is None:
            made = self.cache.get_or_make(key, lambda: self._make(flat, images, arguments))
        return type(made.features)(dict(made.features))  # processors take keys out of what they get

    def open(self, images: Sequence[Image]) -> tuple[tuple[str, ...], list[Any]]:
        """Read a request's images, decode those that are new, and process them ahead of the call if that is possible.

        Returns:
            The hashes of the images' bytes, and the PIL images for the processor.

        Raises:
            ModelError: a file that is gone, not an image, or far too large.
        """
        from PIL import Image as Pil

        data = [_read(image) for image in images]
        key = tuple(hashlib.sha256(content).hexdigest() for content in data)
        made = self.cache.get(key)
        if made is not None:
            opened = [Pil.new("RGB", size) for size in made.sizes]
        else:
            opened = [decode(content) for content in data]
            if self._call is not None:
                nested, arguments = self._call
                batch = [opened] if nested else opened
                made = self.cache.get_or_make(key, lambda: self._make(opened, batch, arguments))
        for name, image in zip(key, opened, strict=True):
            image.info = {_HASH: name, _MADE: made}
        return key, opened

    def _make(self, flat: Sequence[Any], images: Any, arguments: dict[str, Any]) -> _Made:
        try:
            return _Made(self.original(images, **arguments), tuple(image.size for image in flat))
        except Exception as problem:  # processors raise many kinds of errors on odd sizes
            sizes = ", ".join(f"{image.width} x {image.height}" for image in flat)
            name = type(self.original).__name__.removesuffix("Pil")
            raise ModelError(f"{name} can't take an image of {sizes} pixels: {_line(problem)}") from problem


class _Made(NamedTuple):
    features: Any
    sizes: tuple[tuple[int, int], ...]


def decode(data: bytes) -> Any:
    """Load a PIL image in RGB, upright. Raises ModelError: not an image that can be used, and why."""
    from foresee.data.images import ImageError, load_rgb

    try:
        return load_rgb(data)
    except ImageError as problem:
        raise ModelError(str(problem)) from None


def _read(image: Image) -> bytes:
    try:
        return image.read()
    except OSError as problem:
        raise ModelError(f"an image can't be read: {problem}") from None


def _flat(images: Any) -> list[Any]:
    if isinstance(images, list | tuple):
        return [image for part in images for image in _flat(part)]
    return [images]


def _line(problem: BaseException) -> str:
    return " ".join(str(problem).split())[:200] or type(problem).__name__
