"""A published wording from the user's own copy, in place of ours (`--template FILE`). Its hash goes into the journal.

The file is TOML: which judge it is for, the prompt with {placeholders}, and how the judge model's reply is read:

    judge = "harmful"
    source = "where the wording is published"
    prompt = '''
    … {question} … {answer} … {reference} …
    '''
    image = false                  # whether the image goes along
    # system = "…"                 # a system message
    # formula = "strongreject"     # one of the judge's FORMULAS, over the fields read

    [[read]]
    name = "harmful"
    pattern = '^\\s*(safe|unsafe)'  # first group; the last match in the reply counts; left out: the whole reply
    values = { safe = 0, unsafe = 1 }
    # bounds = [1, 5]              # instead of values: a number

Placeholders: {question} and {request} (the request), {answer} and {response}, and every key of the item's metadata.
Other braces stay. Nothing is fenced, since a published wording is kept to the letter; control tokens are broken.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

import pydantic

from foresee import plugins
from foresee.config import Settings, build, read_toml
from foresee.errors import UserError, unknown_name
from foresee.judges._model import form_reader
from foresee.judges._model import prompt as prompting
from foresee.judges._model.rubric import Blank, Rubric, Value, Wording
from foresee.models.thinking import without_thinking
from foresee.plugins import contracts
from foresee.plugins.contracts import JudgeFile
from foresee.records import Answer, Item, Message

_PLACE = re.compile(r"\{(\w{1,60})\}")
_TEXTS = {"question": "request", "request": "request", "prompt": "request", "answer": "answer", "response": "answer"}


class _Read(Settings):
    """One field of the reply."""

    name: str
    pattern: str = ""
    values: dict[str, int | float | str] = pydantic.Field(default_factory=dict)
    bounds: tuple[float, float] | None = None


class _File(Settings):
    """The TOML file."""

    judge: str
    prompt: str
    read: tuple[_Read, ...]
    system: str = ""
    source: str = ""
    image: bool = False
    formula: str = ""


def load(path: Path) -> tuple[str, Rubric]:
    """Load the judge that a template is for, and its rubric.

    Raises:
        UserError: not such a file, a placeholder, field, formula or judge that does not exist, a broken pattern.
    """
    content = build(_File, read_toml(path), what=f"template {path.name}")
    if content.judge not in plugins.names("judges"):
        raise unknown_name("judge", content.judge, plugins.names("judges"))
    if not any(_TEXTS.get(name) == "answer" for name in _PLACE.findall(content.prompt)):
        raise UserError(f"template {path.name}: the prompt shows no {{answer}}")
    file = contracts.judge_file(content.judge)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    wording = Wording(content.system, content.prompt, tuple((r.name, _compiled(r, path)) for r in content.read), digest)
    shows: tuple[Literal["image", "request", "answer"], ...] = ("request", "answer")
    rubric = Rubric(
        name=f"{content.judge}.{path.stem}",
        version=digest[:12],
        task=content.prompt,
        blanks=tuple(_blank(read, path) for read in content.read),
        value=_value(file, content, path),
        shows=("image", *shows) if content.image else shows,
        source=content.source or f"template {path.name}",
        wording=wording,
    )
    return content.judge, rubric


def messages(rubric: Rubric, wording: Wording, item: Item, answer: Answer) -> tuple[Message, ...]:
    """Write the call as the template words it; placeholders are filled in once, so that a text's own braces stay.

    Raises:
        UserError: a placeholder that neither the call nor this item's metadata fill.
    """
    texts = {"request": prompting.request_text(item, answer.earlier), "answer": prompting.read_of(answer)}

    def filled(found: re.Match[str]) -> str:
        name = found[1]
        if name in _TEXTS:
            return prompting.defused(texts[_TEXTS[name]])
        if name in item.metadata:
            return prompting.defused(str(item.metadata[name]))
        return found[0]

    prompt = _PLACE.sub(filled, wording.prompt)
    images = item.images if "image" in rubric.shows else ()
    user = Message("user", (*images, prompt))
    return (Message("system", (wording.system,)), user) if wording.system else (user,)


def read(text: str, rubric: Rubric, wording: Wording) -> form_reader.Filled:
    """Read the reply's fields by the template's patterns. Raises `form_reader.Unusable`."""
    said = without_thinking(text, strict=True).strip()
    fields: dict[str, Any] = {}
    for name, pattern in wording.reads:
        blank = next(blank for blank in rubric.blanks if blank.name == name)
        found = [next((g for g in m.groups() if g is not None), m[0]) for m in re.finditer(pattern, said)]
        if pattern and not found:
            raise form_reader.Unusable(f'"{name}" was not found in the reply')
        fields[name] = form_reader.value_of(found[-1].strip() if pattern else said, blank)
    return form_reader.Filled(fields, "")


def _compiled(read: _Read, path: Path) -> str:
    try:
        re.compile(read.pattern)
    except re.error as problem:
        raise UserError(f"template {path.name}: the pattern of '{read.name}' is broken: {problem}") from None
    return f"(?im){read.pattern}" if read.pattern else ""


def _blank(read: _Read, path: Path) -> Blank:
    if bool(read.values) == (read.bounds is not None):
        raise UserError(f"template {path.name}: '{read.name}' needs either values or bounds")
    if read.bounds is not None:
        return Blank(read.name, "", (), read.bounds)
    return Blank(read.name, "", tuple(read.values))


def _value(file: JudgeFile, content: _File, path: Path) -> Callable[[Mapping[str, Any]], Value]:
    """Words as the template maps them, then the judge's formula if one is named."""
    tables = {read.name: read.values for read in content.read}

    def mapped(fields: Mapping[str, Any]) -> dict[str, Any]:
        return {name: tables[name].get(str(value), value) if tables[name] else value for name, value in fields.items()}

    formulas: Mapping[str, Callable[[Mapping[str, Any]], Value]] = file.formulas
    if content.formula:
        if content.formula not in formulas:
            raise unknown_name(f"formula of judge {content.judge}", content.formula, formulas)
        formula = formulas[content.formula]
        return lambda fields: formula(mapped(fields))
    scale = file.scale
    if scale and file.word is None and len(content.read) == 1:
        words = {str(value) for value in content.read[0].values.values()}
        if words and words <= set(scale):
            return lambda fields: str(next(iter(mapped(fields).values())))
    if content.judge == "harmful" and "harmful" not in tables:
        raise UserError(f"template {path.name}: a template for 'harmful' reads a field 'harmful', or names a formula")
    numbers = all(isinstance(value, int | float) for table in tables.values() for value in table.values())
    if not numbers:
        raise UserError(f"template {path.name}: values must be numbers, or the words of the judge ({', '.join(scale)})")
    return lambda fields: {name: float(value) for name, value in mapped(fields).items()}
