"""Join the shards of a run: one run folder, as one process would have written it.

Each key is taken once. What a lost or unfinished shard owes is entered as unanswered, so that it lowers coverage; it
is made up by that shard, joined again, or by the command without `--shard`, which asks what has no answer.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from foresee import manifest
from foresee.errors import UserError
from foresee.evaluation import holdings, run_folder
from foresee.evaluation.plan import shard_of
from foresee.evaluation.run_folder import FIGURES, KeyedItem, Run
from foresee.files.shards import SHARDS, Shard
from foresee.files.spool import Places, Spool
from foresee.files.untrusted import open_regular
from foresee.records import Answer, encode
from foresee.runner.journal import Journal, Line, difference, read_records

_OF_ONE_CALL = ("asked", "reused", "usage_of_this_call", "judging_usage_of_this_call", "shard", FIGURES, "unchanged")
_OWED = re.compile(r"shard \d+ of \d+ (is missing|has not come to it yet)")


class Part(NamedTuple):
    """One shard: its folder and its manifest."""

    folder: Path
    record: Mapping[str, Any]

    @property
    def shard(self) -> Shard:
        return Shard(self.record["shard"]["index"], self.record["shard"]["of"])


def join(folder: Path | str, *, command: Sequence[str] = ()) -> Run:
    """Join what lies in `FOLDER/shards` to a run in `FOLDER`; again, after more of it has been made up.

    Args:
        folder: the run folder that `--shard` was given.
        command: the command line, for the record.

    Returns:
        The run of all items; its warnings name what is missing.

    Raises:
        UserError: no shards, shards that were not asked alike, the same one twice, or a run that holds more.
    """
    folder = Path(folder)
    parts = parts_of(folder)
    first = parts[0]
    before = holdings.earlier(folder)
    whole = _whole(first)
    _refuse_more(folder, before, first, whole)
    with holdings.open_journal(folder, first.record["configuration"]) as journal:
        _merge(journal, parts)
        missing = _enter_missing(journal, whole, parts)
        for part in parts:
            if (images := part.folder / "images").is_dir():
                shutil.copytree(images, folder / "images", dirs_exist_ok=True)
        written = manifest.written_whole(folder / run_folder.ITEMS)
        with open_regular(first.folder / run_folder.WHOLE) as source, written as file:
            shutil.copyfileobj(source, file)
        record = _record(folder, parts, len(whole), command)
        manifest.write(folder, "evaluation", {**record, "finished": False})
        run = run_folder.read_run(folder)
        record |= {**holdings.totals(run.rows), "finished": not missing}
        record[FIGURES] = run_folder.figures(run.estimates)
        manifest.write(folder, "evaluation", record)
    return replace(run, manifest=record, warnings=(*missing, *run.warnings))


def parts_of(folder: Path) -> list[Part]:
    """Read the shards in `FOLDER/shards`, in their order; all of them were asked alike.

    Raises:
        UserError: there is none, the same one twice, one of another number, or two that differ (how, on one line).
    """
    parts: list[Part] = []
    for place in sorted(path.parent for path in (folder / SHARDS).glob(f"*/{manifest.FILE}")):
        if manifest.read(place).get("kind") == "data set":
            raise UserError(f"{place} is a shard of a data set: the same command without --shard makes one of them all")
        record = manifest.read(place, "evaluation")
        if record.get("shard") is None:
            raise UserError(f"{place} is no shard: 'foresee join' wants in {folder / SHARDS} what --shard wrote alone")
        parts.append(Part(place, record))
    if not parts:
        raise _nothing(folder)
    parts.sort(key=lambda part: (part.shard.of, part.shard.index))
    for earlier, later in pairwise(parts):
        if earlier.shard == later.shard:
            raise UserError(f"{earlier.folder} and {later.folder} are the same shard {later.shard}: remove one of them")
        if different := _difference(earlier.record, later.record):
            raise UserError(
                f"shards {earlier.shard} and {later.shard} in {folder} were not asked alike: {different}; "
                "run one of them again with the options of the other"
            )
    return parts


def _difference(one: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    """Say in what two shards differ that should have been the same; "" if in nothing."""

    def shared(record: Mapping[str, Any]) -> dict[str, Any]:
        numbers = {"of": record["shard"]["of"], "limit_seed": record.get("limit_seed")}
        return {**numbers, **record.get("configuration", {})}

    if found := difference(shared(one), shared(other), words=("is", "and")):
        return found
    same = all(value == other["shard"][key] for key, value in one["shard"].items() if key != "index")
    return "" if same else "their items differ (other data, or the data have changed in between)"


def _whole(part: Part) -> Sequence[KeyedItem]:
    """Read what all shards ask. Raises UserError: the file is not what the shard wrote."""
    whole = Spool(run_folder.read_items(part.folder, run_folder.WHOLE))
    written = part.record["shard"]
    if run_folder.keys_digest(whole) != written["whole_keys_sha256"]:
        raise UserError(
            f"{part.folder / run_folder.WHOLE} was edited or cut: expected {written['whole_items']} items as its "
            "manifest says; the shard's command, given again, writes it anew and asks nothing twice"
        )
    return whole


def _refuse_more(folder: Path, before: Mapping[str, Any], part: Part, whole: Sequence[KeyedItem]) -> None:
    """Keep a run that is there already. Raises UserError: it has items that no shard asks, or other judges."""
    if not before:
        return
    held = Places((each.item.id, 0) for each in whole)
    elsewhere = f"move {folder / SHARDS} to a new folder and join that"
    if any(each.item.id not in held for each in run_folder.read_items(folder)):
        raise UserError(f"{folder} holds items that these shards do not ask (--limit?): {elsewhere}")
    free = [key for key in part.record["configuration"] if key != "judges"]
    if different := difference(before.get("configuration", {}), part.record["configuration"], free):
        raise UserError(f"{folder} has been judged otherwise than its shards: {different}; {elsewhere}")


def _merge(journal: Journal, parts: Sequence[Part]) -> None:
    """Copy the lines of all shards, each key once; no verdict on another answer than the one that is kept."""
    known = Places(((line.kind, line.key), 0) for line in read_records(journal.path))
    for part in parts:
        other = Places()  # answers of which an equal request in an earlier shard has another text
        for line in _lines(part):
            if line.kind == "answer" and line.final:
                kept = journal.get("answer", line.key)
                if kept is not None and kept.get("text") != line.record.get("text"):
                    other.add(line.key)
            if line.kind == "verdict" and str(line.record.get("answer_key")) in other:
                continue
            _append(journal, line, known)


def _lines(part: Part) -> Iterator[Line]:
    """Yield what a shard has finished; a line that was edited since says nothing, so that the shard owes it again."""
    path = part.folder / run_folder.JOURNAL
    return (line for line in read_records(path) if line.check != "edited") if path.exists() else iter(())


def _append(journal: Journal, line: Line, known: Places) -> None:
    """Append a line that says more than the journal does."""
    kind: Any = line.kind
    if journal.get(kind, line.key) is None and (known.add((kind, line.key)) or line.final):
        journal.append(kind, line.key, line.record, final=line.final)


def _enter_missing(journal: Journal, whole: Iterable[KeyedItem], parts: Sequence[Part]) -> list[str]:
    """Enter answers that no shard has as failures to be tried again, and return a line for each shard that owes."""
    known, entered = Places(), Places()
    for line in read_records(journal.path):
        if line.kind == "answer" and line.check != "edited":
            reason = line.record.get("reason")
            entered.add((line.key, reason)) if _OWED.fullmatch(str(reason)) else known.add(line.key)
    there, number = {part.shard.index for part in parts}, parts[0].shard.of
    owed, shares = [0] * (number + 1), [0] * (number + 1)
    for item, keys in whole:
        index = shard_of(item, number)
        reason = f"shard {index} of {number} {'has not come to it yet' if index in there else 'is missing'}"
        lacking = [] if item.missing_image else [each for each in enumerate(keys) if each[1] not in known]
        shares[index] += 1
        owed[index] += bool(lacking)
        for epoch, key in lacking:
            if entered.add((key, reason)):
                lost = Answer(item.id, epoch, "", status="error", reason=reason, calls=0, key=key)
                journal.append("answer", key, encode(lost), final=False)
    return [
        f"shard {index} of {number} {'is unfinished' if index in there else 'is missing'}: {owed[index]} of its "
        f"{shares[index]} items count as unanswered; its command, given again, and 'foresee join' make them up"
        for index in range(1, number + 1)
        if owed[index]
    ]


def _record(folder: Path, parts: Sequence[Part], items: int, command: Sequence[str]) -> dict[str, Any]:
    """Describe the run for its manifest: as its shards do, and what each of them was."""
    first = parts[0].record
    addresses = dict.fromkeys(url for part in parts for url in part.record.get("base_urls", ()))
    return {
        **{key: value for key, value in first.items() if key not in _OF_ONE_CALL},
        "items": items,
        "items_sha256": first["shard"]["whole_items_sha256"],
        run_folder.ITEMS_WRITTEN: run_folder.file_hash(folder / run_folder.ITEMS),
        "base_urls": list(addresses),
        "command": list(command),
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
        **{key: round(sum(p.record.get(key, 0.0) for p in parts), 3) for key in ("wall_seconds", "cpu_seconds")},
        "shards": [
            {"shard": str(part.shard), **{key: part.record.get(key) for key in ("written", "finished", "command")}}
            for part in parts
        ],
    }


def folders_of_shards(path: Path) -> list[Path]:
    """Find the folders at or below a path that hold shards. Raises UserError: there is none."""
    found = sorted({place.parent.parent.parent for place in path.rglob(f"{SHARDS}/*/{manifest.FILE}")})
    if not found:
        raise _nothing(path)
    return found


def _nothing(folder: Path) -> UserError:
    return UserError(f"no shards in {folder}: expected {folder / SHARDS}/I-of-N, as foresee writes them with --shard")
