"""What a run folder holds already, and what of it stays when it is called again.

A smaller sample takes nothing away: a folder holds whatever was asked for so far. Another judge model replaces no
verdict: its own go into `judged/` below, beside those of the first, as `foresee score` does it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NamedTuple

from foresee import manifest
from foresee.errors import UserError
from foresee.evaluation import plan, run_folder, unchanged
from foresee.evaluation.plan import Plan
from foresee.evaluation.run_folder import JUDGED, KeyedItem, Run
from foresee.files.shards import SHARDS, Shard
from foresee.files.spool import Places, Spool
from foresee.records import Item, Row, Usage, Verdict, encode
from foresee.runner import Keyed
from foresee.runner.journal import Journal, read_records

FREE = ("limit", "judges")  # may change from one call to the next: answers stay, verdicts know who made them


class Call(NamedTuple):
    """One call of a run folder that has begun.

    Attributes:
        folder: the run folder.
        place: where its figures are kept: the folder, or one below it where others have judged.
        given: what the caller wanted it to say.
        record: what the manifest says of this call.
        before: what it said before.
        besides: how many items are held that the call does not ask for.
        grows: whether the folder holds anything now that it did not hold before.
    """

    folder: Path
    place: Path
    given: Mapping[str, Any]
    record: Mapping[str, Any]
    before: Mapping[str, Any]
    besides: int
    grows: bool

    @property
    def only_reads(self) -> bool:
        """Whether it asks for a part of what is there: then items and manifest stay as they are."""
        return bool(self.besides) and not self.grows


def earlier(folder: Path) -> dict[str, Any]:
    """Read the manifest that an earlier call left in the folder; empty where there was none."""
    return manifest.read(folder, "evaluation") if (folder / manifest.FILE).exists() else {}


def open_journal(folder: Path, configuration: Mapping[str, Any]) -> Journal:
    """Open the folder's journal; a new one if there is none.

    Raises:
        UserError: it belongs to another configuration, another process holds it, or the folder is no run's.
    """
    manifest.refuse_other(folder, "evaluation")
    return Journal.open(folder / run_folder.JOURNAL, configuration, free=FREE)


def joined(folder: Path) -> Path:
    """Return the folder. Raises UserError: it holds nothing but shards, whose answers would be asked for again."""
    if (folder / SHARDS).is_dir() and not (folder / manifest.FILE).exists():
        raise UserError(f"{folder} holds shards alone: foresee join {folder}, then this asks what is still missing")
    return folder


def asked_of(planned: Plan, candidates: Sequence[Keyed]) -> Sequence[Keyed]:
    """Return those of the candidates that the plan asks for, in its order."""
    if planned.items is planned.everything:
        return candidates
    wanted = Places((item.id, 0) for item in planned.items)
    return Spool(each for each in candidates if each.item.id in wanted)


def ids_below(folder: Path) -> Places:
    """Collect the ids of the items that a run folder, or a judging below it, holds."""
    found = Places()
    for place in (folder, *(folder / JUDGED).glob("*")):
        for held in _items_of(place):
            found.add(held.item.id)
    return found


def begin(
    folder: Path, planned: Plan, record: Mapping[str, Any], candidates: Sequence[Keyed] | Sequence[KeyedItem]
) -> Call:
    """Write down what the folder is to hold, before anything is asked.

    Args:
        folder: the run folder, whose journal is open.
        planned: what is asked for now.
        record: what the manifest is to say.
        candidates: the benchmark's items with their keys; all that are asked for now, and at least those held before.
            One that was held under other keys has changed since, and is left out.
    """
    place = _place(folder, planned)
    before, keys = earlier(place), Places((each.item.id, _mark(each.keys)) for each in _items_of(place))
    held: Sequence[Keyed | KeyedItem] = candidates
    if planned.items is not planned.everything:
        wanted = Places((item.id, 0) for item in planned.items)
        held = Spool(
            each for each in candidates if each.item.id in wanted or keys.get(each.item.id) == _mark(each.keys)
        )
    changed = bytearray()  # for each, whether it is new here or has other keys; noted while the digest reads them
    digest = run_folder.items_digest(_noting(held, keys, changed))
    besides = len(held) - len(planned.items)
    grows = any(changed) or len(keys) < before.get("items", 0)  # items.jsonl was cut: it is written anew
    extent = {"items": len(held), "items_sha256": digest, "limit": _limit(len(held), planned, before, grows=grows)}
    told = {**record, **extent, **_judges(record, planned, before)}
    if planned.shard is not None:
        if place != folder:
            raise UserError(
                f"{folder} is judged by other judge models: foresee join {planned.shard.whole(folder)}, then "
                "foresee score it with these"
            )
        among = Places((item.id, 0) for item in planned.whole)
        whole = Spool(each for each in candidates if each.item.id in among)
        told["shard"] = shard_record(place, planned.shard, whole, write=grows or not besides)
    if place != folder:
        told["judged_from"] = str(folder.absolute())
    if grows or not besides:
        told[run_folder.ITEMS_WRITTEN] = run_folder.write_items(place, held)
    call = Call(folder, place, record, told, before, besides, grows)
    if not call.only_reads:
        times = {key: before.get(key, 0.0) for key in ("wall_seconds", "cpu_seconds")}
        manifest.write(place, "evaluation", {**told, **times, "finished": False})
    return call


def end(
    call: Call,
    planned: Plan,
    rows: Sequence[Row],
    made: Mapping[str, Any],
    spent: Mapping[str, float],
    *,
    settled: bool = False,
) -> Run:
    """Keep what the call brought, and return the run of the items that it asked for.

    Args:
        call: as from `begin`.
        planned: the same.
        rows: with their verdicts.
        made: what the manifest is to say of this call alone.
        spent: seconds.
        settled: whether nothing would be done again by the same call.
    """
    if call.place != call.folder:
        with open_journal(call.place, call.record["configuration"]) as journal:
            _put(journal, rows)
    summed = totals(rows)
    own = {"limit": planned.limit, "limit_seed": planned.limit_seed, "items": len(planned.items)}
    run = run_folder.assemble(call.place, planned.file, rows, {**call.record, **made, **summed, **own})
    run = replace(run, warnings=(*run.warnings, *_told(call, planned)))
    whole = run
    if call.besides or _left(planned, call.before):  # the folder holds more than this call read
        whole = run_folder.read_run(call.place)
        summed = totals(whole.rows)
    if not call.only_reads or made.get("asked") or not call.before.get("finished"):
        record = {**call.before, "base_urls": call.record.get("base_urls", [])} if call.only_reads else call.record
        times = {key: round(call.before.get(key, 0.0) + seconds, 3) for key, seconds in spent.items()}
        told = {**made, **summed, run_folder.FIGURES: run_folder.figures(whole.estimates)}
        if settled and whole is run and call.place == call.folder:
            run = replace(run, seal=unchanged.seal(run.folder, planned, call.given) or "")
            told |= unchanged.kept(run)
        manifest.write(call.place, "evaluation", {**record, **times, **told, "finished": not whole.unfinished})
    return run


def totals(rows: Iterable[Row]) -> dict[str, Any]:
    """Sum what led to these rows, earlier calls included: tokens (the model's; judges' by name), and by server."""
    answers, judging, servers, judges = Usage(), dict[str, Usage](), Counter[str](), Counter[str]()
    for row in rows:
        servers[row.answer.address] += bool(row.answer.address)
        answers += row.answer.usage
        for verdict in row.verdicts.values():
            judges.update(verdict.addresses)
            for name, usage in _shares(verdict):
                judging[name] = judging.get(name, Usage()) + usage
        for name, usage in row.answer.helpers.items():
            judging[name] = judging.get(name, Usage()) + usage
    return {
        "usage": asdict(answers),
        "judging_usage": {name: asdict(usage) for name, usage in judging.items()},
        "answered_at": {server: count for server, count in servers.most_common() if count},
        "judged_at": dict(judges.most_common()),
    }


def _shares(verdict: Verdict) -> Iterator[tuple[str, Usage]]:
    """Yield what each judge model used for a verdict."""
    for vote in verdict.votes:
        yield vote.model, vote.usage
    if verdict.judge_model and not verdict.votes:
        yield verdict.judge_model, verdict.usage


def _told(call: Call, planned: Plan) -> list[str]:
    found = []
    if call.besides:
        count = len(planned.items)
        found.append(f"{count} of the {count + call.besides} items in {call.place}; all of them: foresee report")
    if planned.shard is not None:
        found.append(told_of_shard(planned.shard, call.folder, len(planned.items), len(planned.whole)))
    if call.place != call.folder:
        others = ", ".join(earlier(call.folder).get("judge_models") or ["rules"])
        found.append(f"the verdicts of {others} stay in {call.folder}, these are beside them")
    return found


def told_of_shard(shard: Shard, folder: Path, items: int, whole: int) -> str:
    """Say beside a shard's figures what they are of."""
    share = f"shard {shard.index} of {shard.of}: {items} of {whole} items"
    return f"{share}; all of them: foresee join {shard.whole(folder)}"


def _items_of(folder: Path) -> Iterator[KeyedItem]:
    """Read the items in a folder; none where they can't be read, up to the first that can't."""
    with suppress(UserError):  # none yet, or damaged: they are written anew
        yield from run_folder.read_items(folder)


def _mark(keys: tuple[str, ...]) -> int:
    """Return a number that stands for these keys, in this process."""
    return hash(keys) & 0x7FFF_FFFF_FFFF_FFFF


def _place(folder: Path, planned: Plan) -> Path:
    """Where the verdicts of this call belong: below the folder if it has verdicts of these judges by other models."""
    before = earlier(folder)
    made_by = before.get("made_by", {})
    theirs = {judge.get("judge"): judge for judge in before.get("judges", ())}
    replaced = {
        made_by.get(judge.name)
        for judge in planned.judges
        if judge.name in theirs
        and plan.judge_digest(judge) != made_by.get(judge.name)
        and (judge.identity.get("models") or theirs[judge.name].get("models"))
    }
    if not replaced or not _has_verdict(folder / run_folder.JOURNAL, replaced):
        return folder
    return folder / JUDGED / plan.judging_name(planned.judges)


def _has_verdict(journal: Path, made_by: set[Any]) -> bool:
    found = (line.record for line in read_records(journal) if line.kind == "verdict")
    return any(record.get("value") is not None and record.get("made_by") in made_by for record in found)


def _put(journal: Journal, rows: Iterable[Row]) -> None:
    """Rows into the journal of another folder, but what it holds already."""
    for row in rows:
        if row.answer.key and journal.get("answer", row.answer.key) is None:
            journal.append("answer", row.answer.key, encode(row.answer), final=row.answer.status == "ok")
        for verdict in row.verdicts.values():
            if journal.get("verdict", verdict.key) is None:
                journal.append("verdict", verdict.key, encode(verdict), final=verdict.value is not None)


def _noting(held: Iterable[Keyed | KeyedItem], keys: Places, changed: bytearray) -> Iterator[Item]:
    """Yield the items, and note of each whether it has other keys than those that are known."""
    for each in held:
        changed.append(keys.get(each.item.id) != _mark(each.keys))
        yield each.item


def _limit(held: int, planned: Plan, before: Mapping[str, Any], *, grows: bool) -> int | None:
    """Tell, for the manifest, how many of the benchmark's items the folder holds; None for all."""
    if held in (len(planned.items), len(planned.everything)):
        return planned.limit if held == len(planned.items) else None
    known: int | None = held if grows else before.get("limit")
    return known


def _left(planned: Plan, before: Mapping[str, Any]) -> set[str]:
    """Return the judges that --no-judge leaves out now and whose verdicts the folder holds."""
    return set(planned.unread) & set(before.get("made_by", {}))


def shard_record(
    folder: Path, shard: Shard, whole: Sequence[Keyed | KeyedItem], *, write: bool = True
) -> dict[str, Any]:
    """Describe a shard for its manifest, and write down what all shards ask, so that a lost one is known."""
    if write:
        run_folder.write_items(folder, whole, run_folder.WHOLE)
    return {
        "index": shard.index,
        "of": shard.of,
        "whole_items": len(whole),
        "whole_items_sha256": run_folder.items_digest(each.item for each in whole),
        "whole_keys_sha256": run_folder.keys_digest(whole),
    }


def _judges(record: Mapping[str, Any], planned: Plan, before: Mapping[str, Any]) -> dict[str, Any]:
    """Describe the judges for the manifest, with earlier ones that --no-judge leaves out: their verdicts stay."""
    left = _left(planned, before)
    if not left:
        return {}
    stay = [judge for judge in before["judges"] if judge.get("judge") in left]
    return {
        "judges": [*record["judges"], *stay],
        "judge_models": list(dict.fromkeys([*record["judge_models"], *before.get("judge_models", ())])),
        "judges_left_out": sorted(set(record["judges_left_out"]) - left),
        "made_by": {**record["made_by"], **{name: before["made_by"][name] for name in left}},
    }
