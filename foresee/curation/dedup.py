"""Find near-duplicate images by a perceptual hash, also when one was resized, compressed or saved in another format."""

from __future__ import annotations

from array import array
from collections import defaultdict
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import PIL.Image

_BITS = 64
_HASHED = 32  # pixels along the side of what is hashed


class NearDuplicates:
    """Images by their perceptual hash; finds one within a distance, without comparing all.

    Two hashes of 64 bits that differ in at most d bits agree in at least one of d + 1 bands of bits, so only images
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
        """Find the cluster in which these bytes came first; None if they are new."""
        return self._owners.get(bytes.fromhex(sha256[:32]))

    def like(self, value: int, cluster: str | None = None) -> str | None:
        """Find another cluster with an image this near by its perceptual hash; None if there is none."""
        for (low, mask), band in zip(self._bands, self._by_band, strict=True):
            for place in band.get(value >> low & mask, ()):
                if (value ^ self._values[place]).bit_count() <= self._distance and self._clusters[place] != cluster:
                    return self._clusters[place]
        return None

    def add(self, sha256: str, value: int, cluster: str) -> None:
        """Count an image as there. One that is there already is not added again."""
        if self.owner(sha256) is not None:
            return
        self._owners[bytes.fromhex(sha256[:32])] = cluster
        for (low, mask), band in zip(self._bands, self._by_band, strict=True):
            band[value >> low & mask].append(len(self._values))
        self._values.append(value)
        self._clusters.append(cluster)


def perceptual_hash(image: PIL.Image.Image) -> int:
    """Hash an image to 64 bits that similar images share most of: its lowest frequencies, above their median or not.

    The pHash of Zauner (2010), "Implementation and Benchmarking of Perceptual Image Hash Functions", section 3.2.1,
    bit for bit as the package imagehash has it.
    """
    import numpy as np
    import PIL.Image
    from scipy.fft import dctn

    small = image.convert("L").resize((_HASHED, _HASHED), PIL.Image.Resampling.LANCZOS)
    lowest = dctn(np.asarray(small, dtype=float))[:8, :8]
    return int.from_bytes(np.packbits(lowest > np.median(lowest)).tobytes(), "big")
