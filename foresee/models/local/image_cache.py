"""Images for a local model: opened safely, processed once however often they are asked about, memory bounded.

Two caches are made of `BoundedCache`: what a processor makes of a request's images (here), and what the vision tower
makes of that (in the engine). Both are keyed by the hash of the images' bytes as they were read.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any, Generic, NamedTuple, TypeVar

from foresee.errors import ModelError
from foresee.records import Image

_HASH, _MADE = "foresee_sha256", "foresee_made"  # keys of what a PIL image carries along
_PIXELS_AT_ONCE = 1 << 22  # in one call: of large images it saves nothing, and holds all results twice
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
        return self.get_or_make_all([key], lambda _: [make()])[0]

    def get_or_make_all(self, keys: Sequence[Any], make: Callable[[list[Any]], Sequence[V]]) -> list[V]:
        """Return the values of the keys; those that nobody has made yet, or is making, are made by one call."""
        mine: dict[Any, Future[V]] = {}
        with self._lock:
            for key in keys:
                if key not in self._values:
                    mine[key] = self._values[key] = Future()
                self._values.move_to_end(key)
            self.made += len(mine)
            futures = [self._values[key] for key in keys]
        if mine:
            self._make(mine, make)
        return [future.result() for future in futures]

    def _make(self, mine: Mapping[Any, Future[V]], make: Callable[[list[Any]], Sequence[V]]) -> None:
        try:
            values = list(zip(mine.values(), make(list(mine)), strict=True))
        except BaseException as problem:
            with self._lock:
                for key in mine:
                    self._values.pop(key, None)
            for future in mine.values():
                future.set_exception(problem)
            raise
        for future, value in values:
            future.set_result(value)
        with self._lock:
            self._bytes += sum(self._size_of(value) for _, value in values)
            self._shrink()

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

    The processor calls it with PIL images, of one request or several. Those that `open` returned carry the hash of
    their bytes, and where the result is already known, the result itself; then the image is a blank of the right
    size, since no processor looks at pixels except through its image processor.
    """

    def __init__(self, original: Any, max_bytes: int) -> None:
        self.original = original
        self.cache: BoundedCache[_Made] = BoundedCache(max_bytes, lambda made: tensor_bytes(dict(made.features)))
        self._call: tuple[bool, dict[str, Any]] | None = None
        self._shared: bool | None = None  # whether several requests' images can be processed by one call, once known

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
        if flat[0].info[_MADE] is None:
            made = self.cache.get_or_make(key, lambda: self._process([flat])[0])
            return type(made.features)(dict(made.features))  # processors take keys out of what they get
        parts: list[_Made] = []
        while flat:
            parts.append(flat[0].info[_MADE])
            flat = flat[len(parts[-1].sizes) :]
        features = parts[0].features if len(parts) == 1 else _joined([part.features for part in parts])
        return type(parts[0].features)(dict(features))

    def open(self, *requests: Sequence[Image]) -> list[tuple[tuple[str, ...], list[Any]]]:
        """Read requests' images, decode those that are new, and process them ahead of the call if that is possible.

        Returns:
            For each request, the hashes of its images' bytes, and the PIL images for the processor.

        Raises:
            ModelError: a file that is gone, not an image, or far too large.
        """
        from PIL import Image as Pil

        found: list[tuple[tuple[str, ...], list[Any], _Made | None]] = []
        new: dict[tuple[str, ...], list[Any]] = {}
        for images in requests:
            data = [_read(image) for image in images]
            key = tuple(hashlib.sha256(content).hexdigest() for content in data)
            made = self.cache.get(key)
            if made is not None:
                opened = [Pil.new("RGB", size) for size in made.sizes]
            else:
                opened = new[key] if key in new else new.setdefault(key, [decode(content) for content in data])
            found.append((key, opened, made))
        processed: dict[tuple[str, ...], _Made] = {}
        if self.ready and new:
            made_now = self.cache.get_or_make_all(list(new), lambda keys: self._process([new[key] for key in keys]))
            processed = dict(zip(new, made_now, strict=True))
        for key, opened, made in found:
            for name, image in zip(key, opened, strict=True):
                image.info = {_HASH: name, _MADE: made or processed.get(key)}
        return [(key, opened) for key, opened, _ in found]

    @property
    def ready(self) -> bool:
        """Whether it is known how the processor calls, so that images can be processed ahead of the call."""
        return self._call is not None

    def features(self, opened: Sequence[Any]) -> Mapping[str, Any]:
        """Return what was made ahead of one request's images."""
        made: _Made = opened[0].info[_MADE]
        return dict(made.features)

    def _process(self, requests: Sequence[Sequence[Any]]) -> list[_Made]:
        """Process each request's images; those of equal sizes in one call, whose result has an equal share of each."""
        alike: dict[Any, list[int]] = {}
        for place, images in enumerate(requests):
            alike.setdefault(tuple(image.size for image in images), []).append(place)
        made: dict[int, _Made] = {}
        for sizes, places in alike.items():
            step = max(1, _PIXELS_AT_ONCE // sum(width * height for width, height in sizes))
            for start in range(0, len(places), step):
                some = places[start : start + step]
                for place, features in zip(some, self._shares([requests[i] for i in some]), strict=True):
                    made[place] = _Made(features, sizes)
        return [made[place] for place in range(len(requests))]

    def _shares(self, requests: Sequence[Sequence[Any]]) -> list[Any]:
        """Process requests whose images are alike in size by one call; if that is not as each alone, by one each."""
        if len(requests) > 1 and self._shared is not False:
            features = self._process_alike(requests)
            shares = [_share(features, place, len(requests)) for place in range(len(requests))]
            if self._shared is None:
                alone = self._process_alike(requests[-1:])
                self._shared = shares[-1] is not None and _equal(shares[-1], alone)
            if self._shared and None not in shares:
                return shares
        return [self._process_alike([one]) for one in requests]

    def _process_alike(self, requests: Sequence[Sequence[Any]]) -> Any:
        if self._call is None:
            raise RuntimeError("the processor has not called yet")
        nested, arguments = self._call
        try:
            images = [list(one) for one in requests] if nested else [image for one in requests for image in one]
            return self.original(images, **arguments)
        except Exception as problem:  # processors raise many kinds of errors on odd sizes
            sizes = ", ".join(f"{image.width} x {image.height}" for image in requests[0])
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


def _share(features: Any, place: int, count: int) -> Any:
    """Return one request's share of what was made of several at once, all alike in size; None: it can't be told."""
    share = {}
    for key, value in dict(features).items():
        if hasattr(value, "shape") or isinstance(value, list | tuple):
            length, left = divmod(len(value), count)
            if left or not length:
                return None
            value = value[place * length : (place + 1) * length]
            value = value.clone() if hasattr(value, "clone") else value  # a view would keep the others' alive
        share[key] = value
    return type(features)(share)


def _equal(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    import torch

    def same(a: Any, b: Any) -> bool:
        return torch.equal(a, b) if hasattr(a, "is_floating_point") else bool(a == b)

    return one.keys() == other.keys() and all(same(one[key], other[key]) for key in dict(one))


def _joined(parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Join several requests' features as a processor needs them: pixels, of which it reads the shape, as blanks."""
    joined: dict[str, Any] = {}
    for key, first in parts[0].items():
        values = [part[key] for part in parts]
        if hasattr(first, "is_floating_point") and first.is_floating_point():
            shape = [max(sizes) for sizes in zip(*(value.shape[1:] for value in values), strict=True)]
            joined[key] = first.new_zeros(1).expand(sum(len(value) for value in values), *shape)
        elif hasattr(first, "shape"):
            joined[key] = concatenated(values)
        else:
            joined[key] = [entry for value in values for entry in value] if isinstance(first, list | tuple) else first
    return joined


def concatenated(rows: Sequence[Any]) -> Any:
    """Concatenate tensors along the first dimension; the others get zeros on the right, up to the largest of all."""
    import torch

    largest = [max(row.shape[i] for row in rows) for i in range(1, rows[0].ndim)]
    padded = []
    for row in rows:
        missing = [size - have for size, have in zip(largest, row.shape[1:], strict=True)]
        amounts = [amount for gap in reversed(missing) for amount in (0, gap)]
        padded.append(torch.nn.functional.pad(row, amounts) if any(missing) else row)
    return torch.cat(padded)


def _flat(images: Any) -> list[Any]:
    if isinstance(images, list | tuple):
        return [image for part in images for image in _flat(part)]
    return [images]


def _line(problem: BaseException) -> str:
    return " ".join(str(problem).split())[:200] or type(problem).__name__
