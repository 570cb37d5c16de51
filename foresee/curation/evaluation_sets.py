"""Keep evaluation data out of training data: the images of evaluations, resized ones too, and their requests."""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from foresee import plugins
from foresee.curation.dedup import NearDuplicates, perceptual_hash
from foresee.data import sources
from foresee.data.images import ImageError, load_rgb
from foresee.errors import UserError, unknown_name
from foresee.plugins import contracts
from foresee.records import Image, Item

if TYPE_CHECKING:
    import PIL.Image

ALL_BENCHMARKS = "benchmarks"
WORDS = 8
"""Words in a row that are compared: so many are seldom the same by chance."""

_SHARE = 0.5  # of the runs of words of either text that the other has too, from which on they count as one
_TEMPLATE = 10  # requests of one set that hold the same run of words: then it is the set's wrapping, not a request
_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".mpo"})

BenchmarkItems: TypeAlias = Callable[[str], Iterable[Item]]
"""The items of a benchmark; raises UserError where this machine has no copy of it."""


def benchmark_items(name: str) -> Iterator[Item]:
    """List what a benchmark asks, in this machine's copy. Raises UserError: there is none."""
    folder = sources.locate(name)
    file = contracts.benchmark(name)
    yield from file.items(folder, file.options())


def check_named(named: Iterable[str]) -> None:
    """Check the names in `exclude`. Raises UserError: one is neither a path nor a benchmark."""
    known = plugins.names("benchmarks")
    for name in named:
        if name not in (ALL_BENCHMARKS, *known) and not Path(name).expanduser().exists():
            raise unknown_name("path or benchmark (exclude)", name, [ALL_BENCHMARKS, *known])


class EvaluationSets:
    """Images and requests of evaluations.

    Images are compared by the hash of their bytes and by a perceptual one, which survives another size, another format
    and compression. Texts are compared by runs of eight words: one counts as an evaluation's request if half of its
    runs stand there, or half of the request's stand in it. Runs that ten or more requests of a set share are its
    wrapping and do not count; texts of fewer than eight words are too common to tell.

    Args:
        named: folders, files, names of benchmarks, or "benchmarks" for all whose files are on this machine.
        of_benchmark: a benchmark's name -> its items. None: every image file below its folder counts, training images
            that lie there too; archives and Parquet files are not opened then, and no texts are compared.
        distance: bits by which perceptual hashes may differ; below 0 bytes alone are compared.

    Raises:
        UserError: neither a path nor a benchmark.
    """

    def __init__(self, named: Iterable[str], of_benchmark: BenchmarkItems | None = None, distance: int = 4) -> None:
        self.counts: dict[str, int] = {}
        self.requests: dict[str, int] = {}
        self.absent: list[str] = []
        self._of_benchmark = of_benchmark
        self._bytes: dict[str, str] = {}
        self._near = NearDuplicates(distance)
        self._requests: list[tuple[str, int]] = []  # each one's set, and how many runs it has
        self._holding: dict[int, list[int]] = {}  # run -> the requests that have it
        for name in named:
            if name == ALL_BENCHMARKS:
                for benchmark in plugins.names("benchmarks"):
                    self._take_benchmark(benchmark, optional=True)
            elif Path(name).expanduser().exists():
                self._take_images(name, _files(Path(name).expanduser()))
            else:
                self._take_benchmark(name, optional=False)

    def owner_of_image(self, data: bytes, image: PIL.Image.Image) -> str | None:
        """Find the evaluation set that an image belongs to; None if it belongs to none."""
        found = self._bytes.get(hashlib.sha256(data).hexdigest())
        return found or (self._near.like(perceptual_hash(image)) if self._near.on else None)

    def owner_of_text(self, text: str) -> str | None:
        """Find the evaluation set with a request that has half of its runs of eight words in common; or None."""
        runs = _runs_of(text)
        shared = Counter(place for run in runs for place in self._holding.get(run, ()))
        for place, count in shared.most_common():
            owner, own = self._requests[place]
            if count >= _SHARE * min(len(runs), own):
                return owner
        return None

    def record(self) -> dict[str, Any]:
        """For the manifest: what was compared, and a digest of it."""
        return {
            "pictures": dict(self.counts),
            "requests": dict(self.requests),
            "not_on_this_machine": self.absent,
            "distinct": len(self._bytes),
            "digest": hashlib.sha256("\n".join(sorted(self._bytes)).encode()).hexdigest(),
        }

    def _take_benchmark(self, name: str, *, optional: bool) -> None:
        source = plugins.summary("benchmarks", name).literals.get("SOURCE")
        if isinstance(source, dict) and source.get("embedded"):
            return
        try:
            if self._of_benchmark is None:
                self._take_images(name, _files(sources.locate(name)))
                return
            items = list(self._of_benchmark(name))
        except UserError:
            if not optional:
                raise
            self.absent.append(name)
            return
        self._take_images(name, (image for item in items for image in item.images))
        self._take_requests(name, {item.prompt for item in items})

    def _take_requests(self, name: str, texts: set[str]) -> None:
        every = [_runs_of(text) for text in texts]
        times = Counter(run for runs in every for run in runs)
        for runs in every:
            own = [run for run in runs if times[run] < _TEMPLATE]
            for run in own:
                self._holding.setdefault(run, []).append(len(self._requests))
            self._requests.append((name, len(own)))
        self.requests[name] = len(texts)

    def _take_images(self, name: str, images: Iterable[Image]) -> None:
        new = {image.sha256: image for image in images if image.sha256 not in self._bytes}
        self._bytes |= dict.fromkeys(new, name)
        self.counts[name] = len(new)
        if not self._near.on:
            return
        with ThreadPoolExecutor(max_workers=min(8, os.cpu_count() or 1)) as pool:  # decoding leaves Python's lock free
            for sha256, value in zip(new, pool.map(_hashed, new.values()), strict=True):
                if value is not None:
                    self._near.add(sha256, value, name)


def _hashed(image: Image) -> int | None:
    try:
        return perceptual_hash(load_rgb(image.read()))
    except (ImageError, OSError):
        return None


def _runs_of(text: str) -> set[int]:
    """Hashes of all runs of eight words, whatever their case, accents and punctuation."""
    plain = unicodedata.normalize("NFKD", text).casefold()
    words = re.findall(r"[^\W_]+", "".join(letter for letter in plain if not unicodedata.combining(letter)))
    return {hash(tuple(words[place : place + WORDS])) for place in range(len(words) - WORDS + 1)}


def _files(place: Path) -> Iterator[Image]:
    for path in [place] if place.is_file() else sorted(place.rglob("*")):
        if path.suffix.lower() in _SUFFIXES and path.is_file():
            yield Image.from_path(path)
