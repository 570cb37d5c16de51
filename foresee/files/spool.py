"""Keep what grows with a run's size out of memory: sequences that move to disk, small tables of where things are."""

from __future__ import annotations

import os
import pickle
import tempfile
from array import array
from collections.abc import Hashable, Iterable, Iterator, Sequence
from typing import Any, BinaryIO, TypeVar, overload

T = TypeVar("T")
HELD = 10_000
"""So many elements of a Spool stay in memory; more cost the time to read them again, and little memory."""

_BUFFER = 1 << 18  # bytes before a write
_NOWHERE, _FREE = -1, -2  # of Places: a key that is gone, a slot that was never used


class Spool(Sequence[T]):
    """A sequence like a tuple; with more than `held` elements they lie in a temporary file and are read when needed.

    The file has no name and goes with the process; `TMPDIR` says on which disk it lies. What can't be pickled stays
    in memory.

    Args:
        elements: the first ones.
        size: so many further elements are None until `put`.
        held: so many stay in memory; None for `HELD`.
    """

    def __init__(self, elements: Iterable[T] = (), *, size: int = 0, held: int | None = None) -> None:
        self._most = HELD if held is None else held
        self._held: list[Any] | None = []
        self._odd: dict[int, Any] = {}
        self._places, self._sizes = array("q"), array("I")
        self._file: BinaryIO | None = None
        self._buffer, self._written = bytearray(), 0
        for element in elements:
            self.append(element)
        if size and len(self) + size > self._most:
            self._spill()
        for _ in range(size):
            self._add_slot()

    @classmethod
    def of(cls, elements: Iterable[T]) -> Sequence[T]:
        """Return a tuple or a Spool as it is, anything else as a Spool."""
        return elements if isinstance(elements, tuple | Spool) else cls(elements)

    def append(self, element: T) -> None:
        if self._held is not None and len(self._held) >= self._most:
            self._spill()
        self._add_slot()
        self.put(len(self) - 1, element)

    def put(self, place: int, element: T) -> None:
        """Set an element. On disk the one before it stays behind as waste, so that each should be set once."""
        if self._held is not None:
            self._held[place] = element
            return
        try:
            data = pickle.dumps(element, pickle.HIGHEST_PROTOCOL)
        except (pickle.PicklingError, TypeError, AttributeError, RecursionError):
            self._odd[place] = element
            return
        self._places[place], self._sizes[place] = self._written + len(self._buffer), len(data)
        self._buffer += data
        if len(self._buffer) >= _BUFFER:
            self._flush()

    def __len__(self) -> int:
        return len(self._places) if self._held is None else len(self._held)

    @overload
    def __getitem__(self, place: int) -> T: ...

    @overload
    def __getitem__(self, place: slice) -> Sequence[T]: ...

    def __getitem__(self, place: int | slice) -> T | Sequence[T]:
        if isinstance(place, slice):
            return tuple(self[each] for each in range(*place.indices(len(self))))
        if self._held is not None:
            return self._held[place]  # type: ignore[no-any-return]
        place = range(len(self._places))[place]
        if place in self._odd:
            return self._odd[place]  # type: ignore[no-any-return]
        at, size = self._places[place], self._sizes[place]
        if at < 0:
            return None  # type: ignore[return-value]
        if at >= self._written:
            start = at - self._written
            return pickle.loads(self._buffer[start : start + size])  # type: ignore[no-any-return]  # noqa: S301  (our own)
        assert self._file is not None
        return pickle.loads(os.pread(self._file.fileno(), size, at))  # type: ignore[no-any-return]  # noqa: S301

    def __iter__(self) -> Iterator[T]:
        if self._held is not None:
            yield from self._held
            return
        for place in range(len(self)):
            yield self[place]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence) or isinstance(other, str):
            return NotImplemented
        return len(self) == len(other) and all(mine == theirs for mine, theirs in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return repr(tuple(self)) if len(self) <= 10 else f"<{len(self)} elements>"

    def _add_slot(self) -> None:
        if self._held is not None:
            self._held.append(None)
        else:
            self._places.append(_NOWHERE)
            self._sizes.append(0)

    def _spill(self) -> None:
        held, self._held = self._held or [], None
        self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115  (lives as long as the sequence)
        for place, element in enumerate(held):
            self._add_slot()
            if element is not None:
                self.put(place, element)

    def _flush(self) -> None:
        assert self._file is not None
        view = memoryview(self._buffer)
        while len(view):
            view = view[self._file.write(view) :]
        self._written += len(self._buffer)
        self._buffer = bytearray()


class Places:
    """Where things are by key: a number of 0 or more for each, 23 to 46 bytes a key instead of a dict's 200.

    Keys are known by 64 bits: that two of a million meet has a chance of 1 in 40 million, so whoever reads what lies at
    a place compares the key that is written there.
    """

    def __init__(self, entries: Iterable[tuple[Hashable, int]] = ()) -> None:
        self._marks, self._places = array("q", bytes(8 * 64)), array("q", [_FREE] * 64)
        self._used = 0  # slots, also of keys that are gone
        self._count = 0
        for key, place in entries:
            self[key] = place

    def __len__(self) -> int:
        return self._count

    def __contains__(self, key: Hashable) -> bool:
        return self.get(key) is not None

    def get(self, key: Hashable) -> int | None:
        place = self._places[self._slot(hash(key))]
        return None if place < 0 else place

    def __setitem__(self, key: Hashable, place: int) -> None:
        slot = self._slot(hash(key))
        before = self._places[slot]
        if before == _FREE:
            if 3 * (self._used + 1) > 2 * len(self._places):
                self._grow()
                slot = self._slot(hash(key))
            self._used += 1
        self._count += before < 0
        self._marks[slot], self._places[slot] = hash(key), place

    def discard(self, key: Hashable) -> None:
        slot = self._slot(hash(key))
        if self._places[slot] >= 0:
            self._places[slot] = _NOWHERE
            self._count -= 1

    def add(self, key: Hashable) -> bool:
        """Add a key without a place of its own; whether it was new."""
        new = key not in self
        if new:
            self[key] = 0
        return new

    def code(self, key: Hashable) -> int:
        """Return the key's number; a new key gets the next one, from 0."""
        found = self.get(key)
        if found is None:
            self[key] = found = self._count
        return found

    def _slot(self, mark: int) -> int:
        marks, places = self._marks, self._places
        mask = len(places) - 1
        slot = (mark ^ mark >> 32) & mask
        while places[slot] != _FREE and marks[slot] != mark:
            slot = slot + 1 & mask
        return slot

    def _grow(self) -> None:
        marks, places = self._marks, self._places
        size = 2 * len(places)
        self._marks, self._places = array("q", bytes(8 * size)), array("q", [_FREE]) * size
        for mark, place in zip(marks, places, strict=True):
            if place != _FREE:
                slot = self._slot(mark)
                self._marks[slot], self._places[slot] = mark, place
