"""MMMU: can a model still reason about images at college level? 900 validation questions of 30 subjects.

847 choose one of two to nine options, 53 ask for a short answer; diagrams, tables, maps, notes and photographs, up to
seven a question. It stands beside harm benchmarks to show what a defense or training costs.

Paper: X. Yue et al., "MMMU", CVPR 2024, arXiv 2311.16502. Licence: Apache-2.0; the images keep their sources' terms.

    foresee eval mmmu --model M --data FOLDER [-T subset=science]

What is ours, and what to know:
- Images stand where the question or an option names them ("<image 1>"), each once. The published scripts show the
  first alone to models that take one image.
- The lines that ask for a letter, or for a word, are those of the published configuration for LLaVA-1.5.
- An answer without a readable letter has no value; a refusal is wrong. published.* applies the authors' rule
  (eval_utils.py, 44b45b5), which draws an option by chance where it finds none: here such an answer counts
  1 / number of options, what that draw brings on average.
- A short answer is right where a number equals the right one to two decimals, or the right words stand in what it
  concludes, as whole words; the authors take any part of a word.
- A random choice brings 22.1 %, the most frequent one 26.8 % (the paper's table 2).
- Questions that show the same image are one cluster.
- Not in it: the test questions, whose answers are not public. Greedy, 512 tokens, for both presets.
"""

from __future__ import annotations

import re
from ast import literal_eval
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from foresee.benchmarks._shared.files import some, tables
from foresee.benchmarks._shared.images import ImageFolders, NamedImage, from_cell
from foresee.benchmarks._shared.letters import chosen_letter
from foresee.benchmarks._shared.subsets import of_chosen
from foresee.benchmarks._shared.turns import Numbered, user_turn
from foresee.benchmarks._shared.verdict_values import refused
from foresee.config import BenchmarkOptions
from foresee.data.tables import Line, read_columns
from foresee.errors import UserError
from foresee.judges._text import marked_conclusion, own_words, plain
from foresee.metrics import Metric
from foresee.notices import say_once
from foresee.records import Answer, Item, Message, Verdict

SOURCE = {
    "name": "MMMU",
    "hub": "MMMU/MMMU",
    "homepage": "https://github.com/MMMU-Benchmark/MMMU",
    "paper": "https://arxiv.org/abs/2311.16502",
    "revision": "44b45b5",
    "licence": "Apache-2.0",
    "consequence": "the images keep the terms of the books and pages that they come from",
    "manual": "hf download MMMU/MMMU --repo-type dataset --include '*/validation-*' --local-dir FOLDER",
    "expected": {
        "art": 120, "business": 150, "science": 150, "health": 150, "humanities": 120, "engineering": 210,
    },
}  # fmt: skip
VERSION = "1"
LEGIBLE = ("correct",)
JUDGES = ("refusal",)
DISCIPLINES = {
    "art": ("Art", "Art_Theory", "Design", "Music"),
    "business": ("Accounting", "Economics", "Finance", "Manage", "Marketing"),
    "science": ("Biology", "Chemistry", "Geography", "Math", "Physics"),
    "health": (
        "Basic_Medical_Science",
        "Clinical_Medicine",
        "Diagnostics_and_Laboratory_Medicine",
        "Pharmacy",
        "Public_Health",
    ),
    "humanities": ("History", "Literature", "Sociology", "Psychology"),
    "engineering": (
        "Agriculture",
        "Architecture_and_Engineering",
        "Computer_Science",
        "Electronics",
        "Energy_and_Power",
        "Materials",
        "Mechanical_Engineering",
    ),
}
HEADLINE = ("accuracy",)
METRICS = (
    Metric("accuracy", "correct", doc="share of right answers; a random choice brings 22 %"),
    *(Metric(f"{name}.accuracy", "correct", {"subset": name}, doc="share of right answers") for name in DISCIPLINES),
    Metric("refused", "refused", higher_is_better=False, doc="questions refused, in part too"),
    Metric("unparsed_rate", "unparsed", higher_is_better=False, doc="choices without a readable letter"),
    Metric("published.accuracy", "published", published=True, doc="the authors' rule; an unread choice counts chance"),
)
PROFILE = {"accuracy": ("able", "college questions about images answered rightly; a random choice brings 22 %")}

_SUBJECTS = {subject: name for name, subjects in DISCIPLINES.items() for subject in subjects}
_CHOOSE = "{question}\n\n{options}\n\nAnswer with the option's letter from the given choices directly."
_SHORT = "{question}\n\nAnswer the question using a single word or phrase."
_MOST_IMAGES = 7
_MOST_OPTIONS = 26
_PLACE = re.compile(r"<image ([1-7])>")
_ENDS = ("could be ", "so ", "is ", "thus ", "therefore ", "final ", "answer ", "result ")
_NUMBERS = (
    re.compile(r"-?\b\d{1,3}(?:,\d{3})+\b"),
    re.compile(r"-?\d+(?:\.\d+)?[eE][+-]?\d+"),
    re.compile(r"-?(?:\d+\.\d+|\.\d+|\d+\b)(?![eE][+-]?\d+)(?![,\d])"),
)


class Options(BenchmarkOptions):
    """Options of MMMU (`-T key=value`)."""

    subset: Literal["all", "art", "business", "science", "health", "humanities", "engineering"] = "all"
    """one of the six disciplines"""


def metrics(options: Mapping[str, object]) -> tuple[Metric, ...]:
    """Leave out the accuracy of each discipline where one was chosen: it is the whole."""
    return of_chosen(METRICS, options)


def items(data: Path, options: Options) -> Iterator[Item]:
    """Yield the questions, subject by subject; files without a byte are left out, which is said.

    Raises:
        UserError: files that are missing or malformed, or a right answer that is none of the options.
    """
    every = _files(data)
    files = [path for path in every if path.stat().st_size]
    if not files:
        raise UserError(f"expected SUBJECT/validation-*.parquet of the hub in {data} or below; none is there")
    if empty := [path for path in every if path not in files]:
        names = ", ".join(str(path.relative_to(data)) for path in empty[:5])
        say_once(f"mmmu: {len(empty)} of {len(every)} files are empty and left out ({names}); fetch them again")
    images, numbered = ImageFolders(data), Numbered()
    for path in files:
        for line in read_columns(path):
            item = row_to_item(line, images, numbered, options)
            if options.subset in ("all", item.subset):
                yield item


def row_to_item(line: Line, images: ImageFolders, numbered: Numbered, options: Options) -> Item:
    """One question as an item. Raises UserError: a subject or a right answer that the set does not have."""
    row_id = line.text("id")
    subject = re.sub(r"^(?:validation|dev|test)_|_\d+$", "", row_id)
    if subject not in _SUBJECTS:
        raise UserError(f"{line.where}: expected an id such as validation_Math_1, got '{row_id[:40]}'")
    choices = [str(each) for each in _listed(line, "options")]
    right = _right(line, choices)
    text = _text(line.text("question"), choices)
    shown = [_image(line, number, images) for number in _named(text) or [1]]
    turn = user_turn(text, shown, options)
    messages = turn.messages
    if options.modality == "both" and turn.missing_image is None:
        messages = (Message("user", _placed(text, shown)),)
    return Item(
        id=numbered(row_id),
        messages=messages,
        subset=_SUBJECTS[subject],
        domain=line.text("topic_difficulty", default=""),
        scenario=subject,
        cluster=shown[0].cluster,
        expected="answered",
        metadata={**turn.metadata, "choices": choices, "right": right},
        missing_image=turn.missing_image,
    )


def applies(item: Item) -> tuple[str, ...]:
    return ("correct", "refused", "published", *(("unparsed",) if item.metadata["choices"] else ()))


def measures(item: Item, answer: Answer, verdicts: Mapping[str, Verdict]) -> dict[str, float | None]:
    """Whether the answer is right, by our reading and by the authors'."""
    choices, right = item.metadata["choices"], item.metadata["right"]
    declined = refused(verdicts)
    if not choices:
        said = own_words(answer.text).strip()
        found = float(short_answer_is_right(answer.text, right)) if said else None
        return {"correct": found, "refused": declined, "published": float(published_short(answer.text, right))}
    letter = chosen_letter(answer.text, _letters(choices)) or _by_text(answer.text, choices)
    correct = float(letter in right) if letter else 0.0 if declined else None
    guessed = published_letter(answer.text, choices)
    published = float(guessed in right) if guessed else len(right) / len(choices)
    return {"correct": correct, "refused": declined, "published": published, "unparsed": float(letter is None)}


def short_answer_is_right(text: str, right: Sequence[str]) -> bool:
    """Whether a short answer concludes with the right number (to two decimals) or the right words (whole words)."""
    said = plain(marked_conclusion(text) or own_words(text)).casefold()
    for part in _conclusions(said):
        numbers = {_number(each) for pattern in _NUMBERS for each in pattern.findall(part)}
        for answer in right:
            wanted = _number(answer)
            if wanted in numbers if wanted is not None else _has_words(part, answer):
                return True
    return False


def published_letter(text: str, choices: Sequence[str]) -> str | None:
    """Apply the authors' rule for a choice, but for its draw by chance: None in its place.

    Source: parse_multi_choice_response in eval/eval_utils.py of https://github.com/MMMU-Benchmark/MMMU at 44b45b5.
    """
    for mark in ",.!?;:'":
        text = text.strip(mark)
    text = f" {text} "
    letters = _letters(choices)
    for form in ("({})", " {} "):
        if found := {text.rfind(form.format(each)): each for each in letters if form.format(each) in text}:
            return found[max(found)]
    if len(text.split()) <= 5:
        return None
    low = text.lower()
    places = [low.rfind(choice.lower()) for choice in choices]
    return letters[places.index(max(places))] if max(places) >= 0 else None


def published_short(text: str, right: Sequence[str]) -> bool:
    """Apply the authors' rule for a short answer, exactly.

    Source: parse_open_response and eval_open in eval/eval_utils.py of https://github.com/MMMU-Benchmark/MMMU, 44b45b5.
    """
    parts = _conclusions(text.strip().strip(".").lower())
    said = [*parts, *(each for part in parts for pattern in _NUMBERS for each in pattern.findall(part))]
    wanted = [each for answer in right for each in _normal(answer)]
    for each in (normal for part in said for normal in _normal(part)):
        if any(part in each for part in wanted if isinstance(part, str)) if isinstance(each, str) else each in wanted:
            return True
    return False


def _files(data: Path) -> list[Path]:
    """Find each subject's file: side by side in the hub's folders, or alone."""
    return some(data, "*/validation-*.parquet") or tables(data, "validation")


def _listed(line: Line, key: str) -> list[Any]:
    """Read a list, or a list written as Python's text, as the hub has it."""
    value = line.values.get(key)
    if isinstance(value, str):
        try:
            value = literal_eval(value or "[]")
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            raise UserError(f"{line.where}: expected {key} as a list, got '{value[:40]}'") from None
    value = Line({key: value}, line.where).entries(key)
    if len(value) > _MOST_OPTIONS:
        raise UserError(f"{line.where}: expected at most {_MOST_OPTIONS} {key}, got {len(value)}")
    return value


def _right(line: Line, choices: Sequence[str]) -> list[str]:
    """Read the right answers: letters of a choice, or texts; the hub writes several as a list in text."""
    text = line.text("answer").strip()
    several = text.startswith("[") and text.endswith("]")
    right = [str(each) for each in _listed(line, "answer")] if several else [text]
    if choices and not set(right) <= set(_letters(choices)):
        raise UserError(f"{line.where}: expected a right answer among {_letters(choices)}, got '{text[:40]}'")
    return right


def _letters(choices: Sequence[str]) -> str:
    return "ABCDEFGHIJKLMNOPQRSTUVWXYZ"[: len(choices)]


def _text(question: str, choices: Sequence[str]) -> str:
    if not choices:
        return _SHORT.format(question=question)
    lines = "\n".join(f"({letter}) {choice}" for letter, choice in zip(_letters(choices), choices, strict=True))
    return _CHOOSE.format(question=question, options=lines)


def _named(text: str) -> list[int]:
    return list(dict.fromkeys(int(found[1]) for found in _PLACE.finditer(text)))


def _image(line: Line, number: int, images: ImageFolders) -> NamedImage:
    return from_cell(line.values.get(f"image_{number}"), f"{line.text('id')}: image_{number}", images)


def _placed(text: str, shown: Sequence[NamedImage]) -> tuple[Any, ...]:
    """Put each image where the text names it first; an image that it does not name stands before it."""
    names = _named(text)
    waiting = dict(zip(names or [0], shown, strict=True))
    content: list[Any] = [waiting.pop(0).file] if not names else []
    start = 0
    for found in _PLACE.finditer(text):
        if (image := waiting.pop(int(found[1]), None)) is not None:
            content += [text[start : found.start()], image.file]
            start = found.end()
    return tuple(part for part in (*content, text[start:]) if not isinstance(part, str) or part.strip())


def _by_text(text: str, choices: Sequence[str]) -> str | None:
    """Find the one option whose whole text an answer states; None for none or several. "Blue green" is not "blue"."""
    said = plain(own_words(text)).casefold()
    stated = [choice for choice in choices if _has_words(said, choice)]
    longest = [one for one in stated if not any(one != other and _has_words(other.casefold(), one) for other in stated)]
    return _letters(choices)[choices.index(longest[0])] if len(longest) == 1 else None


def _has_words(text: str, wanted: str) -> bool:
    words = plain(wanted).casefold().strip()
    return bool(words) and re.search(rf"(?<!\w){re.escape(words)}(?!\w)", text) is not None


def _conclusions(text: str) -> list[str]:
    """Cut each line down to what stands behind its last "is", "so", "=" and the like; the whole text without any."""
    lines = text.split("\n")  # the authors' other cut, before a capital, never comes: the text is in small letters
    found = []
    for place, line in enumerate(lines):
        ends = (*_ENDS, "=") if place == len(lines) - 1 else _ENDS
        shortest = ""
        for tail in (line.split(end)[-1].strip() for end in ends if end in line):
            shortest = tail if not shortest or len(tail) < len(shortest) else shortest
        if shortest and shortest not in {":", ",", ".", "!", "?", ";", "'"}:
            found.append(shortest)
    return found or [text]


def _number(text: str) -> float | None:
    try:
        return round(float(text.replace(",", "")), 2)
    except ValueError:
        return None


def _normal(text: str) -> list[str | float]:
    text = text.strip()
    if (number := _number(text)) is not None:
        return [number]
    low = text.lower()
    return [f" {low}", f"{low} "] if len(low) == 1 else [low]
