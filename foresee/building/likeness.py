"""Pictures that must not come in: near-duplicates of what is there, and pictures of evaluation sets."""

from __future__ import annotations

import hashlib
from array import array
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from foresee import _discovery, sources
from foresee.errors import UserError, unknown_name
from foresee.images import ImageError, inspect_image, load_rgb
from foresee.records import Image

if TYPE_CHECKING:
    import PIL.Image

ALL_BENCHMARKS = "benchmarks"
_BITS = 64
_HASHED = 32  # pixels along the side of what is hashed
_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".mpo"})


class NearDuplicates:
    """Pictures by their perceptual hash; finds one within a distance, without comparing all.

    Two hashes of 64 bits that differ in at most d bits agree in at least one of d + 1 bands of bits, so only pictures
    that share a band are compared. Exact, and the cost stays flat for large sets.

    Args:
        distance: bits; below 0 nothing is a duplicate.
    """

    def __init__(self, distance: int) -> None:
        self._distance = distance
        bounds = [round(_BITS * i / (distance + 1)) for i in range(distance + 2)] if distance >= 0 else []
        self._bands = [(low, (1 << (high - low)) - 1) for low, high in pairwise(bounds)]
        self._by_band: list[dict[int, array[int]]] = [defaultdict(lambda: array("I")) for _ in self._bands]
        self._values = array("Q")  # hashes in the order in which they came; bands hold places in it
        self._clusters: list[str] = []
        self._owners: dict[bytes, str] = {}

    @property
    def on(self) -> bool:
        return self._distance >= 0

    def owner(self, sha256: str) -> str | None:
        """The cluster in which the very same bytes came first; None if they are new."""
        return self._owners.get(bytes.fromhex(sha256[:32]))

    def like(self, value: int, cluster: str) -> bool:
        """Whether a picture of another cluster is that near, by its perceptual hash."""
        for (low, mask), band in zip(self._bands, self._by_band, strict=True):
            for place in band.get(value >> low & mask, ()):
                if (value ^ self._values[place]).bit_count() <= self._distance and self._clusters[place] != cluster:
                    return True
        return False

    def add(self, sha256: str, value: int, cluster: str) -> None:
        """Count a picture as there. One that is there already is not added again."""
        if self.owner(sha256) is not None:
            return
        self._owners[bytes.fromhex(sha256[:32])] = cluster
        for (low, mask), band in zip(self._bands, self._by_band, strict=True):
            band[value >> low & mask].append(len(self._values))
        self._values.append(value)
        self._clusters.append(cluster)


def perceptual_hash(picture: PIL.Image.Image) -> int:
    """Hash an image to 64 bits that similar images share most of: its lowest frequencies, above their median or not.

    The pHash of Zauner (2010), "Implementation and Benchmarking of Perceptual Image Hash Functions", section 3.2.1,
    bit for bit as the package imagehash has it.
    """
    import numpy as np
    import PIL.Image
    from scipy.fft import dctn

    small = picture.convert("L").resize((_HASHED, _HASHED), PIL.Image.Resampling.LANCZOS)
    lowest = dctn(np.asarray(small, dtype=float))[:8, :8]
    return int.from_bytes(np.packbits(lowest > np.median(lowest)).tobytes(), "big")


BenchmarkPictures: TypeAlias = Callable[[str], Iterable[Image]]
"""The pictures that a benchmark asks about; raises UserError where this machine has no copy of it."""


def check_named(named: Iterable[str]) -> None:
    """Raises UserError: something in `exclude` that is neither a path nor a benchmark."""
    known = _discovery.names("benchmarks")
    for name in named:
        if name not in (ALL_BENCHMARKS, *known) and not Path(name).expanduser().exists():
            raise unknown_name("path or benchmark (exclude)", name, [ALL_BENCHMARKS, *known])


class EvaluationPictures:
    """Pictures that evaluations use, so that none of them is trained on.

    Compared by the hash of their bytes, and where width and height agree also by that of their pixels, which finds
    copies in another format.

    Args:
        named: folders, files, names of benchmarks, or "benchmarks" for all whose files are on this machine.
        of_benchmark: a benchmark's name -> the pictures of its items. None: every picture file below its folder counts,
            training pictures that lie there too; archives and Parquet files are not opened then.

    Raises:
        UserError: neither a path nor a benchmark.
    """

    def __init__(self, named: Iterable[str], of_benchmark: BenchmarkPictures | None = None) -> None:
        self.counts: dict[str, int] = {}
        self.absent: list[str] = []
        self._of_benchmark = of_benchmark or (lambda name: _files(sources.locate(name)))
        self._bytes: dict[str, str] = {}
        self._sizes: dict[tuple[int, int], list[tuple[Path, str]]] = defaultdict(list)
        self._pixels: dict[tuple[int, int], dict[str, str]] = {}
        self._loose: dict[str, str] = {}  # pixel hashes of pictures that are no files
        for name in named:
            if name == ALL_BENCHMARKS:
                for benchmark in _discovery.names("benchmarks"):
                    self._take_benchmark(benchmark, optional=True)
            elif Path(name).expanduser().exists():
                self._take(name, _files(Path(name).expanduser()))
            else:
                self._take_benchmark(name, optional=False)

    def owner(self, data: bytes, picture: PIL.Image.Image) -> str | None:
        """The evaluation set that a picture belongs to; None if it belongs to none."""
        found = self._bytes.get(hashlib.sha256(data).hexdigest())
        if found:
            return found
        pixels = pixel_hash(picture)
        return self._loose.get(pixels) or self._pixels_of(picture.size).get(pixels)

    def record(self) -> dict[str, Any]:
        """For the manifest: what was compared, and a digest of it."""
        return {
            "pictures": dict(self.counts),
            "not_on_this_machine": self.absent,
            "distinct": len(self._bytes),
            "digest": hashlib.sha256("\n".join(sorted(self._bytes)).encode()).hexdigest(),
        }

    def _take_benchmark(self, name: str, *, optional: bool) -> None:
        source = _discovery.summary("benchmarks", name).literals.get("SOURCE")
        if isinstance(source, dict) and source.get("embedded"):
            return
        try:
            self._take(name, self._of_benchmark(name))
        except UserError:
            if not optional:
                raise
            self.absent.append(name)

    def _take(self, name: str, pictures: Iterable[Image]) -> None:
        count = 0
        for image in pictures:
            if image.sha256 in self._bytes:
                continue
            self._bytes[image.sha256] = name
            count += 1
            try:
                if image.path is None:
                    self._loose.setdefault(pixel_hash(load_rgb(image.read())), name)
                    continue
                facts = inspect_image(image.path, decode=False)
            except (ImageError, OSError):
                continue
            self._sizes[facts.width, facts.height].append((image.path, name))
        self.counts[name] = count

    def _pixels_of(self, size: tuple[int, int]) -> dict[str, str]:
        """Pixel hash -> owner of the evaluation pictures of one size; each is decoded once, when first needed."""
        if size not in self._pixels:
            found = self._pixels[size] = {}
            for path, name in self._sizes.get(size, ()):
                try:
                    found.setdefault(pixel_hash(load_rgb(path)), name)
                except ImageError:
                    continue
        return self._pixels[size]


def _files(place: Path) -> Iterator[Image]:
    for path in [place] if place.is_file() else sorted(place.rglob("*")):
        if path.suffix.lower() in _SUFFIXES and path.is_file():
            yield Image.from_path(path)


def pixel_hash(picture: PIL.Image.Image) -> str:
    """SHA-256 (hex) of an RGB picture's size and pixels, whatever file they came in."""
    return hashlib.sha256(f"{picture.size}".encode() + picture.tobytes()).hexdigest()
