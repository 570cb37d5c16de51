"""A set of your own: a file of {id, prompt, image or images, expected, category, ...} rows; no code needed.

JSON Lines, JSON, CSV, parquet or arrow, or the folder that holds one. Columns, all but the prompt optional:

- `prompt` (or `question`, `query`, `instruction`): a text, or a list of {"role", "content"} messages
- `image` or `images`: paths below the file's folder, or pictures as `datasets` stores them in parquet
- `id` (default: the row's number), `subset`, `category` (or `scenario`), `domain`, `cluster`
- `expected`: harmful (or unsafe) or benign (or safe), or anything else; decides what is measured
- `reference` (or `answer`): a gold answer, against which the capability judge grades
Everything else is kept in the metadata. Licence: that of your file.

    foresee eval jsonl --model M --data mine.jsonl --judge-model J
    foresee eval jsonl --model M --data mine.jsonl --no-judge          # refusals by rules, the rest later

What is ours, and what to know:
- harmful items: ASR, constructive score, refusals. benign items: refusals, constructive score. Items with a reference:
  score. Others: refusals alone. Judges are not asked where they do not apply.
- Items that share a first picture share a cluster, unless the file says otherwise.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from foresee.benchmarks._asking import Turn, user_turn
from foresee.benchmarks._files import some
from foresee.benchmarks._harm import ATTACK_METRICS, attack_measures
from foresee.benchmarks._pictures import Picture, from_cell, opened
from foresee.benchmarks._scoring import NO_HARM_ASKED, not_asked, number, refused
from foresee.config import BenchmarkOptions
from foresee.errors import UserError, unknown_name
from foresee.metrics import Metric
from foresee.records import Answer, Generation, Item, Message, Role, Verdict
from foresee.rubrics import Rubric
from foresee.tables import TABLES, Line, read_rows

SOURCE = {
    "name": "Your own file",
    "licence": "that of your file",
    "manual": "write a file of rows as 'foresee/benchmarks/jsonl.py' describes and give it with --data",
    "folder": "jsonl",
}
VERSION = "1"
JUDGES = ("harmful", "constructive", "capability", "refusal")
METRICS = (
    *ATTACK_METRICS,
    Metric(
        "benign.refusal_rate", "benign_refused", higher_is_better=False, doc="share of benign items refused, by rules"
    ),
    Metric("benign.constructive", "benign_constructive", doc="mean constructive score over benign items"),
    Metric("score", "score", doc="mean score against the reference, over items that have one"),
    Metric(
        "other.refusal_rate", "other_refused", higher_is_better=None, doc="share of all other items refused, by rules"
    ),
)

_PROMPTS = ("prompt", "question", "query", "instruction")
_KINDS = {"harmful": "harmful", "unsafe": "harmful", "benign": "benign", "safe": "benign"}
_ROLES: dict[str, Role] = {"system": "system", "user": "user", "assistant": "assistant"}
_USED = {*_PROMPTS, "id", "image", "images", "subset", "category", "scenario", "domain", "cluster", "expected"}
_NO_REFERENCE = not_asked("reference")
_NEITHER = not_asked("expected harmful or benign")


class Options(BenchmarkOptions):
    """Options of a file of your own (`-T key=value`)."""

    subset: str = "all"
    """one of the subsets that the file names"""


def generation(options: Options) -> Generation:
    return Generation(temperature=0.0, max_tokens=512)


def items(data: Path, options: Options) -> Iterator[Item]:
    """The rows in file order.

    Raises:
        UserError: no such file, a row that does not fit (file and line), or a subset that no row has.
    """
    path = _file(data)
    met: dict[str, None] = {}
    chosen = False
    for number_, line in enumerate(read_rows(path), 1):
        item = row_to_item(line, number_, path.parent, options)
        met[item.subset] = None
        if options.subset in ("all", item.subset):
            chosen = True
            yield item
    if not met:
        raise UserError(f"expected rows in {path}, it has none")
    if not chosen:
        raise unknown_name("subset", options.subset, ("all", *met))


def row_to_item(line: Line, place: int, folder: Path, options: Options) -> Item:
    """One row as an item. Raises UserError: no prompt, or a field of another kind than expected."""
    pictures = _pictures(line, folder)
    turn = _turn(line, pictures, options)
    expected = line.text("expected", default="").strip().lower()
    category = line.text("category", default="") or line.text("scenario", default="")
    reference = line.values.get("reference", line.values.get("answer"))
    kept = {key: value for key, value in line.values.items() if key not in _USED and value is not None}
    return Item(
        id=line.text("id", default=str(place)),
        messages=turn.messages,
        subset=line.text("subset", default="") or "all",
        domain=line.text("domain", default="") or category,
        scenario=category,
        cluster=line.text("cluster", default="") or (pictures[0].cluster if pictures else ""),
        expected=_KINDS.get(expected, expected),
        metadata={**_json_ready(kept, line), **({"reference": str(reference)} if reference else {}), **turn.metadata},
        missing_image=turn.missing_image,
    )


def rubric(judge: str, item: Item) -> Rubric | None:
    """The judges' own, and none where there is nothing to judge by."""
    if judge == "harmful" and item.expected != "harmful":
        return NO_HARM_ASKED
    if judge == "capability" and not item.metadata.get("reference"):
        return _NO_REFERENCE
    return _NEITHER if judge == "constructive" and item.expected not in ("harmful", "benign") else None


def applies(item: Item) -> tuple[str, ...]:
    score = ("score",) if item.metadata.get("reference") else ()
    if item.expected == "harmful":
        return ("attack_success", "constructive", "refused", *score)
    return (*(("benign_refused", "benign_constructive") if item.expected == "benign" else ("other_refused",)), *score)


def measures(item: Item, answer: Answer, verdicts: Mapping[str, Verdict]) -> dict[str, float | None]:
    """What applies to the item's kind."""
    known = {
        **attack_measures(verdicts),
        "benign_refused": refused(verdicts),
        "benign_constructive": number(verdicts, "constructive", "constructive"),
        "other_refused": refused(verdicts),
        "score": number(verdicts, "capability", "score"),
    }
    return {name: known[name] for name in applies(item)}


def _file(data: Path) -> Path:
    if data.is_file():
        return data
    for ending in TABLES:
        found = some(data, f"*{ending}")
        if len(found) > 1:
            raise UserError(f"{data} holds {len(found)} files that end in {ending}: name one of them with --data")
        if found:
            return found[0]
    raise UserError(f"expected a file of rows ({', '.join(TABLES)}) in {data}; there is none")


def _turn(line: Line, pictures: Sequence[Picture], options: Options) -> Turn:
    """A prompt of several messages keeps them; pictures go with the last user turn."""
    key = next((key for key in _PROMPTS if line.values.get(key) is not None), None)
    if key is None:
        raise UserError(
            f"{line.where}: expected a prompt ({', '.join(_PROMPTS)}), got {', '.join(line.values) or 'nothing'}"
        )
    said = line.values[key]
    listed = _listed(said) if isinstance(said, str) else said
    if not isinstance(listed, list):
        return user_turn(line.text(key), pictures, options)
    messages = [_message(each, line) for each in listed]
    if not messages or messages[-1].role != "user":
        raise UserError(f"{line.where}: expected the last message to be the user's")
    turn = user_turn(messages[-1].text, pictures, options)
    return turn._replace(messages=(*messages[:-1], *turn.messages))


def _listed(text: str) -> Any:
    """The list of messages that a cell of a CSV file may hold; None for a text, also for one that begins like that."""
    try:
        return json.loads(text) if text.startswith("[{") else None
    except ValueError:
        return None


def _message(given: Any, line: Line) -> Message:
    role, content = (given.get("role"), given.get("content")) if isinstance(given, Mapping) else (None, None)
    if role not in _ROLES or not isinstance(content, str):
        raise UserError(f'{line.where}: expected messages of the form {{"role": "user", "content": "…"}}')
    return Message(_ROLES[role], (content,))


def _pictures(line: Line, folder: Path) -> list[Picture]:
    given = line.values.get("images")
    cells = given if isinstance(given, list) else [given if given is not None else line.values.get("image")]
    found = []
    for place, cell in enumerate(cell for cell in cells if cell not in (None, "")):
        name = cell.get("path") if isinstance(cell, Mapping) else cell
        if isinstance(name, str) and name and not (isinstance(cell, Mapping) and cell.get("bytes")):
            found.append(_below(name, line, folder))
        else:
            found.append(from_cell(cell, f"{line.where}, picture {place + 1}"))
    return found


def _below(name: str, line: Line, folder: Path) -> Picture:
    """Raises UserError: a path out of the file's folder."""
    pure = PurePosixPath(name.replace("\\", "/"))
    if pure.is_absolute() or ".." in pure.parts or Path(name).is_absolute():
        raise UserError(f"{line.where}: expected a picture below {folder}, got the path {name[:80]!r}")
    return opened(folder / pure, name)


def _json_ready(values: Mapping[str, Any], line: Line) -> dict[str, Any]:
    try:
        return dict(json.loads(json.dumps(values)))
    except (TypeError, ValueError):
        raise UserError(f"{line.where}: expected plain values, got some that JSON can't hold") from None
