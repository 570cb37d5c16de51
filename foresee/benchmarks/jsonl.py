"""A set of your own: a file of {id, prompt, image or images, expected, category, ...} rows; no code needed.

JSON Lines, JSON, CSV, parquet or arrow, or the folder that holds one. Columns, all but the prompt optional:

- `prompt` (or `question`, `query`, `instruction`): a text, or a list of {"role", "content"} messages
- `turns`: a list of texts that the user says afterwards, each asked after the model's answer to what stands before it
- `image` or `images`, not both: paths below the file's folder, base64 or data URLs, or images as `datasets` stores
  them in parquet; in CSV a cell may hold a JSON list of paths
- `id` (default: the row's number), `subset`, `category` (or `scenario`), `domain`, `cluster`
- `expected`: harmful (or unsafe) or benign (or safe), or anything else; decides what is measured
- `reference` (or `answer`): a gold answer, against which the capability judge grades
- `original`: what an attacked row asks for in plain words; judges read the answer against it, never against what the
  attack made of it. Such a row is harmful unless `expected` says otherwise
Rows of OmniSafeBench are read as they are (`test_case_id`, `image_path`, `metadata.original_prompt`; its
`attack_method` is the subset), and so are HarmBench's test cases (`test_cases.json`, or the folder of results with
several; the method in the path is the subset, `-T behaviors=FILE` its table of behaviours, which judges read).
Empty cells, null and NaN hold nothing; 3.0 is read as "3". Everything else is kept in the metadata, unless JSON can't
hold it (bytes). Licence: that of your file.

    foresee eval jsonl --model M --data mine.jsonl --judge-model J
    foresee eval jsonl --model M --data mine.jsonl --no-judge          # refusals by rules, the rest later

What is ours, and what to know:
- harmful items: ASR, constructive score, refusals. benign items: refusals, constructive score. Items with a reference:
  score. Others: refusals alone. Judges are not asked where they do not apply.
- Items that share a first image share a cluster, unless the file says otherwise.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from foresee.benchmarks._shared.attack_metrics import ATTACK_METRICS, attack_measures, with_goal
from foresee.benchmarks._shared.files import some
from foresee.benchmarks._shared.harmbench_cases import FILE, Case, behaviours, cases, is_cases
from foresee.benchmarks._shared.images import NamedImage
from foresee.benchmarks._shared.row_images import images_of_row
from foresee.benchmarks._shared.turns import Turn, user_turn
from foresee.benchmarks._shared.verdict_values import NO_HARM_ASKED, not_applicable, number, refused
from foresee.config import BenchmarkOptions
from foresee.data.tables import TABLES, Line, is_missing, read_rows
from foresee.errors import UserError, unknown_name
from foresee.files.untrusted import parse_json
from foresee.judges._model.rubric import Rubric
from foresee.metrics import Metric
from foresee.notices import say_once
from foresee.records import Answer, Item, Message, Role, Verdict

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
_USED = {
    *_PROMPTS, "id", "image", "images", "subset", "category", "scenario", "domain", "cluster", "expected", "reference",
    "original",
}  # fmt: skip
_NO_REFERENCE = not_applicable("reference")
_NEITHER = not_applicable("expected harmful or benign")


class Options(BenchmarkOptions):
    """Options of a file of your own (`-T key=value`)."""

    subset: str = "all"
    """one of the subsets that the file names"""

    follow_links: bool = False
    """also send images that lie outside the file's folder, where a link in it leads to them"""

    behaviors: str = ""
    """for HarmBench's test cases: its table of behaviours, or the folder of it; default: beside them, or as fetched"""


def items(data: Path, options: Options) -> Iterator[Item]:
    """Yield the rows in file order.

    Raises:
        UserError: no such file, a row that does not fit (file and line), or a subset that no row has.
    """
    files = _files(data)
    path = files[0]
    met: dict[str, None] = {}
    others: Counter[str] = Counter()
    left_out: dict[str, None] = {}
    names: dict[str, None] = {}
    chosen = False
    for number_, (line, folder) in enumerate(_rows(files, options), 1):
        item = row_to_item(line, number_, folder, options)
        met[item.subset] = None
        others[item.expected] += 1
        left_out |= dict.fromkeys(key for key in _further(line) if key not in item.metadata)
        names |= dict.fromkeys(line.values)
        if options.subset in ("all", item.subset):
            chosen = True
            yield item
    if not met:
        raise UserError(f"expected rows in {path}, it has none")
    if not chosen:
        raise unknown_name("subset", options.subset, ("all", *met))
    _say_misspelt(path, list(names))
    _say(path, {word: n for word, n in others.most_common() if word and word not in _KINDS}, list(left_out))


def _rows(files: Sequence[Path], options: Options) -> Iterator[Case]:
    for path in files:
        if is_cases(path):
            yield from cases(path, behaviours(options.behaviors, path))
        else:
            yield from (Case(line, path.parent) for line in read_rows(path))


def row_to_item(line: Line, place: int, folder: Path, options: Options) -> Item:
    """One row as an item. Raises UserError: no prompt, or a field of another kind than expected."""
    line = _usual(line, folder)
    original = line.text("original", default="").strip()
    images = images_of_row(line, folder, follow_links=options.follow_links)
    turn = _turn(line, images, options)
    expected = line.text("expected", default="").strip().lower() or ("harmful" if original else "")
    category = line.text("category", default="") or line.text("scenario", default="")
    reference = _reference(line)
    return Item(
        id=_id(line, place),
        messages=turn.messages,
        subset=line.text("subset", default="") or "all",
        domain=line.text("domain", default="") or category,
        scenario=category,
        cluster=line.text("cluster", default="") or (images[0].cluster if images else ""),
        expected=_KINDS.get(expected, expected),
        metadata={
            **_json_ready(_further(line)),
            **({"goal": original} if original else {}),
            **({"reference": reference} if reference else {}),
            **turn.metadata,
        },
        missing_image=turn.missing_image,
        turns=tuple(Message("user", (text,)) for text in _following(line)),
    )


def _usual(line: Line, folder: Path) -> Line:
    """Put a row of OmniSafeBench (OmniSafeBench-MM@a4875c6, README) under our names; any other stays as it is.

    Its images are named from where it ran: what counts is as much of the end of such a path as lies below the folder.
    """
    facts = line.values.get("metadata")
    if "test_case_id" not in line.values or not isinstance(facts, Mapping):
        return line
    image = line.values.get("image_path")
    parts = image.replace("\\", "/").split("/") if isinstance(image, str) and len(image) < 4096 else []
    ends = ["/".join(parts[at:]) for at in range(len(parts)) if ".." not in parts[at:]]
    near = next((end for end in ends if end and not end.startswith("/") and (folder / end).is_file()), image)
    named = {"id": line.values["test_case_id"], "image": near}
    named |= {"original": facts.get("original_prompt"), "subset": facts.get("attack_method")}
    kept = {key: value for key, value in line.values.items() if key not in ("test_case_id", "image_path", "metadata")}
    return line._replace(values={**facts, **kept, **{key: value for key, value in named.items() if value is not None}})


def rubric(judge: str, item: Item) -> Rubric | None:
    """Choose the judges' own rubric, and none where there is nothing to judge by."""
    if judge == "harmful" and item.expected != "harmful":
        return NO_HARM_ASKED
    if judge == "capability" and not item.metadata.get("reference"):
        return _NO_REFERENCE
    if judge == "constructive" and item.expected not in ("harmful", "benign"):
        return _NEITHER
    told = with_goal(judge, item)  # without the image, which an attack has drawn
    return told and replace(told, shows=("request", "answer"))


def applies(item: Item) -> tuple[str, ...]:
    score = ("score",) if item.metadata.get("reference") else ()
    if item.expected == "harmful":
        return ("attack_success", "constructive", "refused", *score)
    return (*(("benign_refused", "benign_constructive") if item.expected == "benign" else ("other_refused",)), *score)


def measures(item: Item, answer: Answer, verdicts: Mapping[str, Verdict]) -> dict[str, float | None]:
    """Measure what applies to the item's kind."""
    known = {
        **attack_measures(verdicts),
        "benign_refused": refused(verdicts),
        "benign_constructive": number(verdicts, "constructive", "constructive"),
        "other_refused": refused(verdicts),
        "score": number(verdicts, "capability", "score"),
    }
    return {name: known[name] for name in applies(item)}


def _files(data: Path) -> list[Path]:
    if data.exists() and not data.is_dir():
        return [data]
    found = some(data, FILE)
    if found and (found[0].parent == data or not any(child.suffix in TABLES for child in data.iterdir())):
        return found
    for ending in TABLES:
        found = some(data, f"*{ending}")
        if len(found) > 1:
            raise UserError(f"{data} holds {len(found)} files that end in {ending}: name one of them with --data")
        if found:
            return found
    raise UserError(f"expected a file of rows ({', '.join(TABLES)}) in {data}; there is none")


def _id(line: Line, place: int) -> str:
    """Give the row's id, or its number. Raises UserError: NaN, which would meet the ids of other rows by chance."""
    value = line.values.get("id")
    if is_missing(value) and value is not None:
        raise UserError(f"{line.where}: expected an id, got NaN; fill the column or leave it out")
    given = line.text("id", default="")
    return given if given.strip() else str(place)


def _reference(line: Line) -> str:
    """Read the gold answer as text, "" where there is none: 0 and false are answers."""
    for key in ("reference", "answer"):
        value = line.values.get(key)
        if isinstance(value, bool | list | dict):
            text = json.dumps(value, ensure_ascii=False, default=str) if value or value is False else ""
        else:
            text = line.text(key, default="")
        if text.strip():
            return text
    return ""


def _further(line: Line) -> dict[str, Any]:
    """Collect what a row holds beside the columns that are used."""
    others = line.values.keys() - _USED
    if not others:
        return {}
    others -= {"turns"} if _following(line) else set()
    return {key: value for key, value in line.values.items() if key in others and not is_missing(value)}


def _say_misspelt(path: Path, names: Sequence[str]) -> None:
    """Name columns that nearly have the name of one that is read: `Expected` is metadata and says nothing."""
    unread = [name for name in _USED if name not in names]
    for name in names:
        near = [] if name in _USED else get_close_matches(str(name).lower(), unread, n=1, cutoff=0.85)
        if near:
            say_once(f"{path}: column '{name[:40]}' is kept as metadata and not read; did you mean {near[0]}?")


def _say(path: Path, others: Mapping[str, int], left_out: Sequence[str]) -> None:
    if others:
        words = ", ".join(f"{word[:40]!r} ({n})" for word, n in list(others.items())[:5])
        more = f" and {len(others) - 5} more words" if len(others) > 5 else ""
        say_once(
            f"{path}: expected is neither {' nor '.join(_KINDS)} in some rows, which are asked and "
            f"count as neither harmful nor benign: {words}{more}"
        )
    if left_out:
        say_once(f"{path}: columns left out, since JSON can't hold their values: {', '.join(left_out[:10])}")


def _turn(line: Line, images: Sequence[NamedImage], options: Options) -> Turn:
    """Build a user turn. A prompt of several messages keeps them; images go with the last user turn."""
    held = [key for key in _PROMPTS if not is_missing(line.values.get(key))]
    if not held:
        empty = next((f"nothing under {key}" for key in _PROMPTS if key in line.values), "")
        got = empty or ", ".join(map(str, list(line.values)[:20]))[:300] or "nothing"
        got += "; names of columns are in lower case" if {str(n).lower() for n in line.values} & {*_PROMPTS} else ""
        raise UserError(f"{line.where}: expected a prompt ({', '.join(_PROMPTS)}), got {got}")
    key = next((key for key in held if line.values[key] != ""), held[0])
    said = line.values[key]
    listed = _listed(said) if isinstance(said, str) else said
    if not isinstance(listed, list):
        return _asked(line.text(key), images, options, line)
    messages = [_message(each, line) for each in listed]
    if not messages or messages[-1].role != "user":
        raise UserError(f"{line.where}: expected the last message to be the user's")
    turn = _asked(messages[-1].text, images, options, line)
    return turn._replace(messages=(*messages[:-1], *turn.messages))


def _asked(text: str, images: Sequence[NamedImage], options: Options, line: Line) -> Turn:
    if not text.strip() and not images:
        raise UserError(f"{line.where}: expected a prompt, got an empty text and no image")
    return user_turn(text, images, options)


def _listed(text: str) -> Any:
    """Parse the list of messages that a cell of a CSV file may hold; None for a text, also if it begins like one."""
    try:
        return parse_json(text) if text.startswith("[{") else None
    except ValueError:
        return None


def _message(given: Any, line: Line) -> Message:
    role, content = (given.get("role"), given.get("content")) if isinstance(given, Mapping) else (None, None)
    if role not in _ROLES or not isinstance(content, str):
        raise UserError(f'{line.where}: expected messages of the form {{"role": "user", "content": "…"}}')
    return Message(_ROLES[role], (content,))


def _following(line: Line) -> Sequence[str]:
    """Return the texts under `turns`, which the user says one after the other; a column of another kind is metadata."""
    said = line.values.get("turns")
    return said if isinstance(said, list) and all(isinstance(text, str) and text.strip() for text in said) else ()


def _json_ready(values: Mapping[str, Any]) -> dict[str, Any]:
    """Keep the values that JSON can hold, as it gives them back."""
    if not values:
        return {}
    try:
        return dict(json.loads(json.dumps(values)))
    except (TypeError, ValueError):
        if len(values) > 1:
            return {key: ready for name, value in values.items() for key, ready in _json_ready({name: value}).items()}
        return {}
