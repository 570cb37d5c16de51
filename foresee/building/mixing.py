"""Several data sets into one, in fixed proportions: which rows, and in which order, is decided by the seed alone."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from foresee import manifest
from foresee.building import cards
from foresee.building.drafting import Dropped, row_id, said, turns
from foresee.building.sourcing import SourceItem, read_items
from foresee.dataset_folder import ROWS, DataRow, RowWriter, file_hash, image_path, read, write_manifest
from foresee.errors import UserError
from foresee.images import ImageError


def mix(
    sources: Sequence[Path],
    weights: Sequence[float],
    out: Path,
    *,
    rows: int | None = None,
    seed: int = 0,
    command: Sequence[str] = (),
) -> dict[str, int]:
    """Write a data set whose rows come from the sources in the proportion of the weights.

    Rows are spread evenly, none is taken twice. The same call continues one that was interrupted.

    Args:
        sources: data set folders, or files of rows with a text, an answer and perhaps a picture.
        weights: one for each; rows of the sources stand to each other as these do.
        out: the new folder.
        rows: how many in all; None for as many as the proportions allow.
        seed: which rows are taken where not all are.
        command: the command line, for the manifest.

    Returns:
        Source -> rows taken.

    Raises:
        UserError: weights that don't fit, sources without enough rows or of different kinds, or a folder in use.
    """
    if len(weights) != len(sources) or not sources or any(weight <= 0 for weight in weights):
        raise UserError(f"--weights: expected {len(sources)} numbers above 0, one for each source")
    _refuse_foreign(out, sources, weights, rows, seed)
    names = _names(sources)
    have = [sum(1 for _ in _rows(path)) for path in sources]
    wanted = _shares(have, weights, rows, names)
    chosen = [
        sorted(random.Random(f"mix {seed} {name}").sample(range(count), share))
        for name, count, share in zip(names, have, wanted, strict=True)
    ]
    manifest.write(out, "data set", {**_configuration(sources, weights, rows, seed), "finished": False})
    streams = [_picked(_rows(path), picks) for path, picks in zip(sources, chosen, strict=True)]
    kinds: set[str] = set()
    with RowWriter.open(out) as writer:
        for place, (row, folder) in _spread(streams, wanted):
            kinds.add(row.kind)
            if len(kinds) > 1:
                raise UserError(f"the sources hold rows of different kinds ({', '.join(sorted(kinds))}): mix one kind")
            writer.add(_taken(row, folder, names[place], writer))
    taken = dict(zip(names, wanted, strict=True))
    inputs = [{"field": "source", "path": str(path), "sha256": _hash(path)} for path in sources]
    content = {**_configuration(sources, weights, rows, seed), "inputs": inputs, "taken": taken, "finished": True}
    write_manifest(out, {**content, "command": list(command)})
    cards.write(out)
    return taken


def _shares(have: Sequence[int], weights: Sequence[float], rows: int | None, names: Sequence[str]) -> list[int]:
    """Rows from each source. Raises UserError: one has too few."""
    total = sum(weights)
    if rows is None:
        unit = min(count / weight for count, weight in zip(have, weights, strict=True))
        wanted = [int(unit * weight + 1e-9) for weight in weights]
    else:
        exact = [rows * weight / total for weight in weights]
        wanted = [int(share) for share in exact]
        for place in sorted(range(len(exact)), key=lambda i: wanted[i] - exact[i])[: rows - sum(wanted)]:
            wanted[place] += 1
    for name, count, share in zip(names, have, wanted, strict=True):
        if share > count:
            raise UserError(f"--rows {rows} needs {share} rows of {name}, which has {count}; ask for fewer")
        if share == 0:
            raise UserError(f"nothing of {name} would be taken (it has {count} rows); change --weights or --rows")
    return wanted


def _rows(path: Path) -> Iterator[tuple[DataRow, Path | SourceItem]]:
    """Rows with where their pictures are: the folder, or the item that they were made of."""
    if path.is_dir():
        for row in read(path):
            yield row, path
        return
    for item in read_items(path):
        if isinstance(item, Dropped) or not item.text or not item.answer:
            where = f"row {item.number}" if isinstance(item, SourceItem) else f"a row ({item.about})"
            raise UserError(f"{path}: {where} has no text, no answer, or no picture where it names one")
        row = DataRow(
            id=row_id(path.stem, item.id, item.text),
            prompt=turns(("user", item.text)),
            completion=said(item.answer),
            category=item.category,
            licence=item.licence,
            source=path.name,
        )
        yield row, item


def _picked(
    rows: Iterator[tuple[DataRow, Path | SourceItem]], picks: Sequence[int]
) -> Iterator[tuple[DataRow, Path | SourceItem]]:
    wanted = set(picks)
    return (pair for number, pair in enumerate(rows) if number in wanted)


def _spread(streams: Sequence[Iterator[Any]], counts: Sequence[int]) -> Iterator[tuple[int, Any]]:
    """Take from each stream at even distances, so that every stretch of the mix has its proportions."""
    places = sorted(((taken + 0.5) / count, place) for place, count in enumerate(counts) for taken in range(count))
    for _, place in places:
        yield place, next(streams[place])


def _taken(row: DataRow, origin: Path | SourceItem, name: str, writer: RowWriter) -> DataRow:
    try:
        if isinstance(origin, Path):
            images = tuple(writer.store(image_path(origin, picture)) for picture in row.images)
        else:
            images = tuple(writer.store(image.read()) for image in origin.images)
    except ImageError as problem:
        raise UserError(f"row '{row.id}' of {name}: {problem}") from None
    return row.model_copy(update={"id": f"{name}/{row.id}", "images": images, "source": row.source or name})


def _names(sources: Sequence[Path]) -> list[str]:
    """A name for each source, told apart where two have the same."""
    plain = [path.resolve().stem if path.is_file() else path.resolve().name for path in sources]
    return [name if plain.count(name) == 1 else f"{name}-{number}" for number, name in enumerate(plain, 1)]


def _hash(path: Path) -> str:
    return file_hash(path / ROWS if path.is_dir() else path)


def _configuration(sources: Sequence[Path], weights: Sequence[float], rows: int | None, seed: int) -> dict[str, Any]:
    parts = [{"path": str(path.resolve()), "weight": weight} for path, weight in zip(sources, weights, strict=True)]
    chosen = {"sources": parts, "rows": rows, "seed": seed}
    return {"recipe": "mix", "title": f"A mix of {', '.join(_names(sources))}", "seed": seed, "configuration": chosen}


def _refuse_foreign(out: Path, sources: Sequence[Path], weights: Sequence[float], rows: int | None, seed: int) -> None:
    """Raises UserError: the folder holds something else than this mix, begun or finished."""
    if any(path.resolve() == out.resolve() for path in sources):
        raise UserError(f"--out: {out} is one of the sources; choose another folder")
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return
    there = manifest.read(out, "data set").get("configuration") if (out / manifest.FILE).is_file() else None
    if there != _configuration(sources, weights, rows, seed)["configuration"]:
        raise UserError(f"{out} holds something else than this mix; choose another folder (--out)")
