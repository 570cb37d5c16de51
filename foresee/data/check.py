"""Check a copy of a benchmark's data: counts against what is expected, missing, damaged and repeated parts.

Works over the `items()` of any benchmark and the `rows()` of any label set. A benchmark may add `defects(data) ->
{kind: ids}` for flaws of its texts and files, and `expected(options) -> {subset: items}` where options change counts.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from foresee import plugins
from foresee.data import sources
from foresee.data.images import ImageError, inspect_bytes
from foresee.data.source import Source
from foresee.errors import UserError, unknown_name
from foresee.plugins import Kind, contracts
from foresee.plugins.contracts import Benchmark, LabelSet
from foresee.records import Item, distinct


class Count(NamedTuple):
    """One subset: items found and expected (None where nothing was declared), and how many can be sent."""

    subset: str
    found: int
    expected: int | None
    usable: int

    @property
    def differs(self) -> bool:
        return self.expected is not None and self.found != self.expected


class Fault(NamedTuple):
    """An item that can't be asked as it stands, and why."""

    item_id: str
    subset: str
    reason: str


class Held(NamedTuple):
    """A data set: what it serves for, and whether its files are on this machine.

    Attributes:
        name: of the set.
        serves: "benchmark", "labels" (answers that people labelled, to check judges against), or both.
        folder: where its files lie; None where they do not, or where it comes with foresee.
        embedded: whether it comes with foresee.
        megabytes: what the files take: those here, else those to come; None where that is not known.
        licence: in the authors' words.
        get: the command, or what to do by hand.
        problem: why nothing can be said of it; "" for all is well.
    """

    name: str
    serves: str
    folder: Path | None = None
    embedded: bool = False
    megabytes: float | None = None
    licence: str = ""
    get: str = ""
    problem: str = ""


def listing() -> list[Held]:
    """Every data set once, benchmarks first. A file that can't be read is listed with its problem."""
    benchmarks, labels = (plugins.names(kind) for kind in sources.KINDS)
    return [_held(name, name in benchmarks, name in labels) for name in dict.fromkeys([*benchmarks, *labels])]


def _held(name: str, benchmark: bool, labels: bool) -> Held:
    serves = " + ".join([*["benchmark"] * benchmark, *["labels"] * labels])
    try:
        source = sources.find(name)
    except UserError as problem:
        return Held(name, serves, problem=str(problem))
    try:
        folder = None if source.embedded else sources.locate(name)
    except UserError:
        folder = None
    get = f"foresee data fetch {name}" if source.files else source.manual or source.homepage
    size = None if source.embedded else _megabytes(folder) if folder else source.megabytes
    return Held(name, serves, folder, source.embedded, size, source.licence, get if folder is None else "")


def _megabytes(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink()) / 1e6


@dataclass(frozen=True)
class CheckReport:
    """What was found.

    Attributes:
        name: the benchmark or label set.
        folder: where its files lie; None if they come with the program.
        counts: one a subset, in the order of the items.
        missing: items whose image this copy lacks or can't decode. They are never sent.
        absent: how many of those lack it even at the source, by subset, as declared.
        unreadable: items with an image that was taken for usable and can't be decoded.
        repeated_images: ids of items that share one image, for each image with more than one.
        repeated_items: ids of items that are alike in image and text.
        formats: images by their real format, distinct ones only.
        distinct_images: how many different images there are.
        defects: kind of flaw -> ids or files, as the benchmark itself reports.
        options: the task options, where they differ from the defaults.
        lacking: how many items can only be asked as text alone here, their images not being there.
        source: what the set says of itself: how to get what is missing, and which figure needs what.
    """

    name: str
    folder: Path | None
    counts: tuple[Count, ...]
    missing: tuple[Fault, ...] = ()
    absent: Mapping[str, int] = field(default_factory=dict)
    unreadable: tuple[Fault, ...] = ()
    repeated_images: tuple[tuple[str, ...], ...] = ()
    repeated_items: tuple[tuple[str, ...], ...] = ()
    formats: Mapping[str, int] = field(default_factory=dict)
    distinct_images: int = 0
    defects: Mapping[str, Sequence[str]] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    lacking: int = 0
    source: Source | None = None

    @property
    def missing_here(self) -> dict[str, int]:
        """Items missing beyond what the source itself lacks, by subset."""
        found = Counter(fault.subset for fault in self.missing)
        return {subset: extra for subset, n in found.items() if (extra := n - self.absent.get(subset, 0)) > 0}

    @property
    def complete(self) -> bool:
        """Whether everything that the source has is here and can be opened."""
        differing = any(count.differs for count in self.counts)
        return not (self.missing_here or self.unreadable or differing or self.lacking)


def check(name: str, data: Path | None = None, options: Any = None, *, kind: Kind | None = None) -> CheckReport:
    """Look through a benchmark's or label set's files.

    Args:
        name: the benchmark or label set.
        data: the user's folder, if named.
        options: its Options; None for the defaults.
        kind: which of the two is meant where both have this name; None for the benchmark.

    Raises:
        UserError: no such name, no files, files that can't be read at all, or two items of one id.
    """
    kind = kind or ("benchmarks" if name in plugins.names("benchmarks") else "labels")
    source = sources.find(name, kind)
    folder = None if source.embedded else sources.locate(name, data)
    if kind == "labels":
        return _check_labels(name, source, folder, options)
    file = contracts.benchmark(name)
    options = options or file.options()
    found = list(distinct(file.items(folder, options)))
    facts = _look_at(found)
    return CheckReport(
        name=name,
        folder=folder,
        counts=_against(_expected(file, source, options, found), *_tallies(found)),
        missing=tuple(Fault(i.id, i.subset, i.missing_image) for i in found if i.missing_image is not None),
        absent=dict(source.absent),
        unreadable=facts.unreadable,
        repeated_images=_groups((image.sha256, item.id) for item in found for image in item.images),
        repeated_items=_groups((_looks(item), item.id) for item in found if item.missing_image is None),
        formats=facts.formats,
        distinct_images=len({image.sha256 for item in found for image in item.images}),
        defects=_defects(file, folder),
        options=options.model_dump(exclude_defaults=True),
        lacking=sum(bool(item.metadata.get("lacks_picture")) for item in found),
        source=source,
    )


def items_of(name: str, data: Path | None = None, options: Any = None) -> list[Item]:
    """Read a benchmark's items, in its own order. Raises UserError: no such benchmark, or no or wrong files."""
    file = contracts.benchmark(name)
    folder = None if sources.find(name).embedded else sources.locate(name, data)
    return list(file.items(folder, options or file.options()))


def show(name: str, item_id: str, data: Path | None = None, options: Any = None) -> Item:
    """One item as it would be asked.

    Args:
        name: the benchmark.
        item_id: its id, or its number from 1 where no item has that id.
        data: the user's folder, if named.
        options: the benchmark's Options; None for the defaults.

    Raises:
        UserError: no such benchmark, files or item (nearest ids offered).
    """
    found = {item.id: item for item in items_of(name, data, options)}
    if item_id not in found and item_id.isdecimal() and 0 < int(item_id) <= len(found):
        return list(found.values())[int(item_id) - 1]
    if item_id not in found:
        raise unknown_name(f"item of {name}", item_id, found) if len(found) <= 50 else _no_item(name, item_id, found)
    return found[item_id]


def _no_item(name: str, item_id: str, found: Mapping[str, Item]) -> UserError:
    ids = list(found)
    return UserError(f"no item '{item_id}' in {name}; its {len(ids):,} ids run from {ids[0]} to {ids[-1]}")


class _Facts(NamedTuple):
    unreadable: tuple[Fault, ...]
    formats: dict[str, int]


def _look_at(items: Iterable[Item]) -> _Facts:
    """Decode each distinct image once."""
    problems: dict[str, str] = {}
    formats: Counter[str] = Counter()
    unreadable = []
    for item in items:
        for image in item.images:
            if image.sha256 not in problems:
                try:
                    facts = inspect_bytes(image.read(), name=str(image.path or item.id))
                    problems[image.sha256] = ""
                    formats[facts.format] += 1
                except (ImageError, OSError) as problem:
                    problems[image.sha256] = str(problem)
            if problems[image.sha256]:
                unreadable.append(Fault(item.id, item.subset, problems[image.sha256]))
    return _Facts(tuple(unreadable), dict(formats.most_common()))


def _tallies(items: Sequence[Item]) -> tuple[Counter[str], Counter[str]]:
    """Items by subset, and those that can be sent."""
    found = Counter(item.subset for item in items)
    return found, Counter(item.subset for item in items if item.missing_image is None)


def _expected(file: Benchmark, source: Source, options: Any, items: Sequence[Item]) -> Mapping[str, int]:
    """Count what the set should hold under these options: as it says itself, else as declared for the subsets met."""
    if file.expected is not None:
        return file.expected(options)
    if not options.model_dump(exclude_defaults=True, exclude={"modality", "preset"}):
        return source.expected
    found = {item.subset for item in items}
    return {subset: count for subset, count in source.expected.items() if subset in found}


def _against(expected: Mapping[str, int], found: Mapping[str, int], usable: Mapping[str, int]) -> tuple[Count, ...]:
    subsets = [*found, *(subset for subset in expected if subset not in found)]
    return tuple(Count(s, found.get(s, 0), expected.get(s), usable.get(s, 0)) for s in subsets)


def _groups(pairs: Iterable[tuple[str, str]]) -> tuple[tuple[str, ...], ...]:
    """Group the ids that share a key, for each key with more than one."""
    members: dict[str, dict[str, None]] = defaultdict(dict)
    for key, item_id in pairs:
        members[key][item_id] = None
    return tuple(tuple(ids) for ids in members.values() if len(ids) > 1)


def _looks(item: Item) -> str:
    """All that tells items apart for a model, with case and spacing of the text ignored."""
    text = " ".join("\n".join(message.text for message in item.conversation()).lower().split())
    return "\n".join([text, *(image.sha256 for image in item.images)])


def _defects(file: Benchmark | LabelSet, folder: Path | None) -> dict[str, Sequence[str]]:
    found: Mapping[str, Sequence[str]] = file.defects(folder) if file.defects and folder else {}
    return {kind: ids for kind, ids in found.items() if ids}


def _check_labels(name: str, source: Source, folder: Path | None, options: Any) -> CheckReport:
    """Count a label set by its groups (the models whose answers were labelled)."""
    file = contracts.label_set(name)
    options = options or file.options()
    assert folder is not None, "no label set comes with the program"
    rows = list(file.rows(folder, options))
    found = Counter(str(row.group) for row in rows)
    expected = file.expected(options)
    return CheckReport(name, folder, _against(expected, found, found), defects=_defects(file, folder), source=source)
