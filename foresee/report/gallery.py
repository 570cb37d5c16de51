"""Build the gallery's data: one card per item with what every run answered, bounded, escaped, for the page's script."""

from __future__ import annotations

import base64
import gzip
import json
from array import array
from collections.abc import Iterable, Mapping, Sequence
from heapq import nsmallest
from typing import Any, NamedTuple

from foresee.evaluation.run_folder import Run
from foresee.files.spool import Places
from foresee.records import AnswerStatus, Image, Item, Json, Row, Verdict
from foresee.report.escaping import label, shown
from foresee.report.outcome_breakdown import OUTCOMES, Outcome, outcome, verdict_text
from foresee.report.thumbnails import Album

PROMPT_LIMIT = 3_000
ANSWER_LIMIT = 6_000
REASON_LIMIT = 400
CARD_LIMIT = 6_000
_OPENING, _OPENING_PROMPT = 400, 800  # characters that a card itself shows; cards leave out what prompts share
_STATUSES: Mapping[AnswerStatus, str] = {
    "ok": "",
    "refused_by_api": "refused by the API",
    "error": "the call failed",
    "missing_image": "never sent",
}
_URGENCY: Mapping[Outcome, int] = {"wrong": 0, "refusal": 0, "unparsed": 1, "failed": 2, "scored": 3, "correct": 4}
_LEAST_URGENT = max(_URGENCY.values())


class Entry(NamedTuple):
    """What one run answered to an item in one epoch."""

    run: int
    row: Row
    outcome: Outcome


class Card(NamedTuple):
    """An item and every run's answers to it. `item` is that of the first run, or of one that had the image."""

    item: Item
    entries: tuple[Entry, ...]

    @property
    def urgency(self) -> int:
        return min(_URGENCY[entry.outcome] for entry in self.entries)


class Cards(NamedTuple):
    """The cards that are shown, and how many more there would be."""

    shown: tuple[Card, ...]
    left_out: int


def cards(runs: Sequence[Run], limit: int | None = None) -> Cards:
    """One card per item of any run, in the order of the data; beyond `limit` right answers are dropped first."""
    limit = CARD_LIMIT if limit is None else limit
    numbers, urgency = Places(), array("b")
    card_of = [array("I") for _ in runs]  # by row; rows themselves are read again where they are shown
    for run, places in zip(runs, card_of, strict=True):
        for row in run.rows:
            number = numbers.get((run.benchmark, row.item.id))
            if number is None:
                numbers[run.benchmark, row.item.id] = number = len(urgency)
                urgency.append(_LEAST_URGENT)
            urgency[number] = min(urgency[number], _URGENCY[outcome(row, run.metrics)])
            places.append(number)
    shown = sorted(nsmallest(limit, range(len(urgency)), key=urgency.__getitem__))  # stable: ties as in the data
    found: dict[int, list[Entry]] = {number: [] for number in shown}
    for index, (run, places) in enumerate(zip(runs, card_of, strict=True)):
        for place, number in enumerate(places):
            if number in found:
                row = run.rows[place]
                found[number].append(Entry(index, row, outcome(row, run.metrics)))
    cards = tuple(Card(_fullest(entries), tuple(entries)) for entries in found.values())
    return Cards(cards, len(urgency) - len(cards))


def counted(where: Mapping[str, str | tuple[str, ...]]) -> dict[str, list[str]]:
    """Say which cards a metric counts: a card's field -> the values it must have; what no card tells is left out."""
    fields = {"subset": "part", "domain": "domain", "scenario": "scenario", "expected": "expected"}
    return {
        fields[name]: [label(each) for each in ((values,) if isinstance(values, str) else values)]
        for name, values in where.items()
        if name in fields
    }


def images_wanted(found: Iterable[Card]) -> list[Image]:
    """List the first image of every card, those of failures first, so that they are the last to be left out."""
    ordered = sorted(found, key=lambda card: card.urgency)
    return [card.item.images[0] for card in ordered if card.item.images]


def gallery_json(
    found: Sequence[Card], names: Sequence[str], tags: Sequence[str], album: Album | None
) -> dict[str, Json]:
    """Everything that the page's script shows. Strings are cleaned here and set as text there, never as markup.

    Args:
        found: the cards.
        names: of the runs.
        tags: their short names.
        album: the images; None for a page without images.
    """
    places = {sha: place for place, sha in enumerate(album.thumbnails)} if album else {}
    several = len({card.item.benchmark for card in found}) > 1
    servers = max(map(len, _servers(found))) > 1
    return {
        "runs": list(names),
        "tags": list(tags),
        "outcomes": list(OUTCOMES),
        "cards": [_card(card, places, album, several, servers=servers) for card in found],
        "pictures": album is not None,
    }


def _servers(found: Iterable[Card]) -> tuple[set[str], set[str]]:
    """Collect the servers that gave answers, and those that gave verdicts."""
    rows = [entry.row for card in found for entry in card.entries]
    judges = {address for row in rows for verdict in row.verdicts.values() for address in verdict.addresses}
    return {row.answer.address for row in rows} - {""}, judges


def without_rest(described: dict[str, Any]) -> str:
    """Take out what no card shows until it is opened or searched; a page of long answers opens at once without it.

    Args:
        described: what `gallery_json` returned; its texts are cut.

    Returns:
        JSON, gzip, base64: for each card its prompt's rest, and for each entry its text's rest and the reasoning. Empty
        where nothing is long.
    """
    rests: list[list[Any]] = []
    for card in described["cards"]:
        rest = [[entry["text"][_OPENING:], entry["reasoning"]] for entry in card["entries"]]
        rests.append([card["prompt"][_OPENING_PROMPT:], *rest])
        card["prompt"] = card["prompt"][:_OPENING_PROMPT]
        for entry in card["entries"]:
            entry["text"], entry["reasoning"] = entry["text"][:_OPENING], ""
    if not any(prompt or any(map(any, entries)) for prompt, *entries in rests):
        return ""
    packed = json.dumps(rests, separators=(",", ":")).encode()
    return base64.b64encode(gzip.compress(packed, 6, mtime=0)).decode()


def images_json(album: Album | None) -> list[Json]:
    """Encode the images as data URIs in the order in which the cards number them."""
    return [small.uri for small in album.thumbnails.values()] if album else []


def _fullest(entries: Sequence[Entry]) -> Item:
    """Choose the fullest form in which the item was shown: a modality may have hidden the image or the text."""
    return max((entry.row.item for entry in entries), key=lambda item: (len(item.images) > 0, bool(item.prompt)))


def _card(
    card: Card, places: Mapping[str, int], album: Album | None, several: bool, *, servers: bool
) -> dict[str, Json]:
    item = card.item
    prompt = shown(_conversation(item), PROMPT_LIMIT)
    sha = item.image_sha256
    described: dict[str, Json] = {
        "id": label(item.id, 60),
        "subset": label(f"{item.benchmark} · {item.subset}" if several else item.subset, 80),
        "part": label(item.subset),
        "domain": label(item.domain),
        "scenario": label(item.scenario),
        "expected": label(item.expected),
        "prompt": prompt.text,
        "promptCut": prompt.left_out,
        "more": max(0, len(item.images) - 1),
        "entries": [_entry(entry, item, servers=servers) for entry in card.entries],
    }
    if album is not None and sha is not None:
        described["picture"] = places[sha]
        described["problem"] = album.thumbnails[sha].problem
    elif item.missing_image is not None:
        described["problem"] = "this copy of the data lacks it"
    return described


def _entry(entry: Entry, item: Item, *, servers: bool) -> dict[str, Json]:
    answer = entry.row.answer
    text = shown(answer.text, ANSWER_LIMIT)
    reasoning = shown(answer.reasoning, ANSWER_LIMIT)
    return {
        "run": entry.run,
        "epoch": answer.epoch,
        "outcome": entry.outcome,
        "text": text.text,
        "cut": text.left_out,
        "reasoning": reasoning.text,
        "reasoningCut": reasoning.left_out,
        "status": _STATUSES[answer.status],
        "reason": shown(answer.reason, REASON_LIMIT).text,
        "finish": "cut at the token limit" if answer.finish_reason == "length" else "",
        "server": label(answer.address, 80) if servers else "",
        "seen": _what_was_seen(entry.row.item, item) if answer.status == "ok" else "",
        "verdicts": [
            [label(judge, 40), verdict_text(verdict), _why(verdict, servers=servers)]
            for judge, verdict in entry.row.verdicts.items()
        ],
        "choices": [
            [label(choice, 20), round(share, 4)] for choice, share in (answer.choice_probabilities or {}).items()
        ],
    }


def _why(verdict: Verdict, *, servers: bool) -> str:
    """Write a verdict's reason, and where the judge models were asked if that is not always the same place."""
    told = [shown(verdict.reason, REASON_LIMIT).text]
    told += [f"judged at {label(', '.join(verdict.addresses), 160)}"] if servers and verdict.addresses else []
    return "; ".join(filter(None, told))


def _what_was_seen(item: Item, fullest: Item) -> str:
    """How the item of one run differs from what its card shows."""
    if not item.images and fullest.images:
        return "sent without the image"
    return "sent with another text" if _conversation(item) != _conversation(fullest) else ""


def _conversation(item: Item) -> str:
    messages = item.conversation()
    if len(messages) < 2:
        return item.prompt
    return "\n\n".join(f"{message.role}: {message.text}" for message in messages)
