"""Mix several data sets into one, in fixed proportions: the seed alone decides which rows, and in which order."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from foresee import manifest
from foresee.curation import card
from foresee.curation.drafts import Dropped, row_id, said, turns
from foresee.curation.inputs import SourceItem, read_items
from foresee.data.images import ImageError
from foresee.dataset_format import ROWS, DataRow, RowWriter, file_hash, image_path, read, write_manifest
from foresee.errors import UserError


def mix(
    sources: Sequence[Path],
    weights: Sequence[float],
    out: Path,
    *,
    rows: int | None = None,
    seed: int = 0,
    repeat: bool = False,
    command: Sequence[str] = (),
) -> dict[str, int]:
    """Write a data set whose rows come from the sources in the proportion of the weights.

    Rows are spread evenly, and none is taken twice unless `repeat` allows it. The same call continues one that was
    interrupted.

    Args:
        sources: data set folders, or files of rows with a text, an answer and perhaps an image.
        weights: one for each; rows of the sources stand to each other as these do.
        out: the new folder.
        rows: how many in all; None for as many as the proportions allow.
        seed: which rows are taken where not all are.
        repeat: whether rows of a source that is too small are taken several times; without `rows`, so often that every
            row of every source is in.
        command: the command line, for the manifest.

    Returns:
        Source -> rows taken.

    Raises:
        UserError: weights that don't fit, sources without enough rows or of different kinds, or a folder in use.
    """
    if len(weights) != len(sources) or not sources or not all(0 < weight < math.inf for weight in weights):
        got = ",".join(f"{weight:g}" for weight in weights)
        raise UserError(f"--weights: expected {len(sources)} numbers above 0, one for each source, got {got}")
    configuration = _configuration(sources, weights, rows, seed, repeat=repeat)
    _refuse_foreign(out, sources, configuration)
    names = _names(sources)
    have = [sum(1 for _ in _rows(path)) for path in sources]
    wanted = _shares(have, weights, rows, names, repeat=repeat)
    manifest.write(out, "data set", {**configuration, "finished": False})
    streams = [
        _picked(path, count, share, random.Random(f"mix {seed} {name}"))
        for path, name, count, share in zip(sources, names, have, wanted, strict=True)
    ]
    kinds: set[str] = set()
    with RowWriter.open(out) as writer:
        for place, (row, folder) in _spread(streams, wanted):
            kinds.add(row.kind)
            if len(kinds) > 1:
                raise UserError(f"the sources hold rows of different kinds ({', '.join(sorted(kinds))}): mix one kind")
            writer.add(_taken(row, folder, names[place], writer))
    taken = dict(zip(names, wanted, strict=True))
    inputs = [{"field": "source", "path": str(path), "sha256": _hash(path)} for path in sources]
    content = {**configuration, "inputs": inputs, "taken": taken, "finished": True}
    write_manifest(out, {**content, "command": list(command)})
    card.write(out)
    return taken


def _shares(
    have: Sequence[int], weights: Sequence[float], rows: int | None, names: Sequence[str], *, repeat: bool
) -> list[int]:
    """Rows from each source. Raises UserError: one has too few."""
    total, limiting = sum(weights), 0
    for name, count in zip(names, have, strict=True):
        if not count:
            raise UserError(f"{name} has no rows; leave it out")
    if rows is None:
        units = [count / weight for count, weight in zip(have, weights, strict=True)]
        unit = max(units) if repeat else min(units)
        limiting = units.index(unit)
        wanted = [int(unit * weight + 1e-9) for weight in weights]
    else:
        exact = [rows * weight / total for weight in weights]
        wanted = [int(share) for share in exact]
        for place in sorted(range(len(exact)), key=lambda i: wanted[i] - exact[i])[: rows - sum(wanted)]:
            wanted[place] += 1
    for name, count, share in zip(names, have, wanted, strict=True):
        if share > count and not repeat:
            raise UserError(
                f"--rows {rows} needs {share} rows of {name}, which has {count}; ask for fewer, or give --repeat to "
                "take some of them several times"
            )
        if share == 0:
            why = f"a total of {rows} rows leaves" if rows else f"the {have[limiting]} of {names[limiting]} leave"
            raise UserError(
                f"{why} less than one row for {name} (it has {count}) at these weights; give more --rows, a larger "
                "weight for it, or --repeat to take rows of the smaller set several times"
            )
    return wanted


def _rows(path: Path) -> Iterator[tuple[DataRow, Path | SourceItem]]:
    """Rows with where their images are: the folder, or the item that they were made of."""
    if path.is_dir():
        for row in read(path):
            yield row, path
        return
    for item in read_items(path):
        if isinstance(item, Dropped) or not item.text or not item.answer:
            where = f"row {item.number}" if isinstance(item, SourceItem) else f"a row ({item.about})"
            raise UserError(f"{path}: {where} has no text, no answer, or no image where it names one")
        row = DataRow(
            id=row_id(path.stem, item.id, item.text),
            prompt=turns(("user", item.text)),
            completion=said(item.answer),
            category=item.category,
            licence=item.licence,
            source=path.name,
        )
        yield row, item


def _picked(path: Path, count: int, share: int, chance: random.Random) -> Iterator[tuple[DataRow, Path | SourceItem]]:
    """So many rows of a source in its order; where it has fewer, all of them again and again with ids of their own."""
    whole, rest = divmod(share, count)
    some = set(chance.sample(range(count), rest))
    for time in range(whole + bool(rest)):
        for number, (row, origin) in enumerate(_rows(path)):
            if time < whole or number in some:
                yield (row.model_copy(update={"id": f"{row.id}#{time + 1}"}) if time else row), origin


def _spread(streams: Sequence[Iterator[Any]], counts: Sequence[int]) -> Iterator[tuple[int, Any]]:
    """Take from each stream at even distances, so that every stretch of the mix has its proportions."""
    places = sorted(((taken + 0.5) / count, place) for place, count in enumerate(counts) for taken in range(count))
    for _, place in places:
        yield place, next(streams[place])


def _taken(row: DataRow, origin: Path | SourceItem, name: str, writer: RowWriter) -> DataRow:
    try:
        if isinstance(origin, Path):
            images = tuple(writer.store(image_path(origin, place)) for place in row.images)
        else:
            images = tuple(writer.store(image.read()) for image in origin.images)
    except ImageError as problem:
        raise UserError(f"row '{row.id}' of {name}: {problem}") from None
    return row.model_copy(update={"id": f"{name}/{row.id}", "images": images, "source": row.source or name})


def _names(sources: Sequence[Path]) -> list[str]:
    """Name each source; a number is added where two have the same name."""
    plain = [path.resolve().stem if path.is_file() else path.resolve().name for path in sources]
    return [name if plain.count(name) == 1 else f"{name}-{number}" for number, name in enumerate(plain, 1)]


def _hash(path: Path) -> str:
    return file_hash(path / ROWS if path.is_dir() else path)


def _configuration(
    sources: Sequence[Path], weights: Sequence[float], rows: int | None, seed: int, *, repeat: bool
) -> dict[str, Any]:
    parts = [{"path": str(path.resolve()), "weight": weight} for path, weight in zip(sources, weights, strict=True)]
    chosen = {"sources": parts, "rows": rows, "seed": seed, **({"repeat": True} if repeat else {})}
    return {"recipe": "mix", "title": f"A mix of {', '.join(_names(sources))}", "seed": seed, "configuration": chosen}


def _refuse_foreign(out: Path, sources: Sequence[Path], configuration: Mapping[str, Any]) -> None:
    """Check the output folder. Raises UserError: it holds something else than this mix, begun or finished."""
    if any(path.resolve() == out.resolve() for path in sources):
        raise UserError(f"--out: {out} is one of the sources; choose another folder")
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return
    there = manifest.read(out, "data set").get("configuration") if (out / manifest.FILE).is_file() else None
    if there != configuration["configuration"]:
        raise UserError(f"{out} holds something else than this mix; choose another folder (--out)")
