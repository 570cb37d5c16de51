"""Settings: frozen pydantic models from TOML files and `key=value` pairs, with errors that a person can act on."""

from __future__ import annotations

import datetime
import logging
import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin

import pydantic

from foresee.errors import UserError, unknown_name
from foresee.files.redaction import shown, without_secrets
from foresee.files.untrusted import read_regular

_log = logging.getLogger(__name__)
_PACKAGE = Path(__file__).resolve().parent
_LONGEST_TOML = 4_000_000  # bytes
_LONG_KEY = re.compile(r"""(?:^|[{,\[])[ \t]*+(?:[\w"'-]++[ \t]*+\.[ \t]*+){100}""", re.MULTILINE)


class Settings(pydantic.BaseModel):
    """A frozen group of settings. Unknown keys are refused; the docstring under a field is its help text."""

    model_config = pydantic.ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, coerce_numbers_to_str=True
    )


S = TypeVar("S", bound=Settings)


class BenchmarkOptions(Settings):
    """What every benchmark understands (`-T key=value`); each adds its own and narrows `subset`."""

    subset: str = "all"
    """which subset to run; "all" for every one"""

    modality: Literal["both", "image", "text"] = "both"
    """what the model is shown: the whole item, the image without the text, or the text without the image"""

    preset: Literal["default", "paper"] = "default"
    """generation settings: ours, or those of the benchmark's source"""


class AttackOptions(Settings):
    """What every attack understands (`-A key=value`); each adds its own and gives `tries` its own default."""

    tries: int = pydantic.Field(default=1, ge=1, le=10_000)
    """how often an item is tried, each time anew: ASR is about one try, ASR@k about any of k"""

    seed: int = 0
    """of what is drawn by chance; a try depends on it, on the item's id and on its own number alone"""


def from_pairs(cls: type[S], given: Iterable[str], *, what: str, base: Mapping[str, Any] | None = None) -> S:
    """Build settings from `key=value` strings laid over `base`. Dotted keys reach into nested settings.

    Raises:
        UserError: a pair without "=", an unknown key (nearest offered), or a value that does not fit.
    """
    return build(cls, pairs(given, what=what, base=base), what=what)


def pairs(given: Iterable[str], *, what: str, base: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """`key=value` strings as a dictionary, laid over `base`. Raises UserError: no "=" in one, or a key given twice."""
    values: dict[str, Any] = dict(base or {})
    seen: dict[str, str] = {}
    for pair in given:
        key, equals, text = pair.partition("=")
        key = key.strip()
        if not equals or not key:
            raise UserError(f"{what}: expected key=value, got '{shown(pair)}'")
        if seen.setdefault(key, pair) != pair:
            raise UserError(
                f"{what}: {key} is given twice, as '{shown(seen[key])}' and as '{shown(pair)}'; leave one out"
            )
        _assign(values, key.split("."), _literal(text))
    return values


def laid_over(base: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Lay settings over others; of a group that both have, what the upper one does not name stays."""
    found = dict(base)
    for key, value in settings.items():
        below = found.get(key)
        if isinstance(value, Mapping) and isinstance(below, Mapping):
            found[key] = laid_over(below, value)
        else:
            found[key] = value
    return found


def shipped(name: str | Path) -> Path:
    """Find a file: as it is named, or among those that come with foresee (`papers/vsfa/vsfa.toml`)."""
    path = Path(name).expanduser()
    ours = _PACKAGE / path
    return ours if not path.is_file() and not path.is_absolute() and ours.is_file() else path


def wording(text: str, own: str, *, option: str) -> str:
    """Our own words for "auto", else a file's, to the letter; `option` names the setting in errors.

    Raises:
        UserError: the file can't be read, or holds nothing.
    """
    if text == "auto":
        return own
    path = shipped(text)
    try:
        said = path.read_text(encoding="utf-8-sig").strip()
    except (OSError, UnicodeDecodeError) as problem:
        why = getattr(problem, "strerror", None) or "not UTF-8 text"
        raise UserError(f"{option}: expected auto, or a file with the words; {path}: {why}") from None
    if not said:
        raise UserError(f"{option}: {path} is empty")
    return said


def renamed(values: Mapping[str, Any], names: Mapping[str, str], cls: type[Settings]) -> dict[str, Any]:
    """Move values under a name that settings do not have to the name that is meant, and say so.

    Args:
        values: to be built into `cls`.
        names: a name that people may type -> the setting's own; dots reach inside.
        cls: a name that is one of its settings keeps its meaning.

    Raises:
        UserError: a setting under both names.
    """
    found = {key: dict(value) if isinstance(value, Mapping) else value for key, value in values.items()}
    for typed, own in names.items():
        place, name = _inside(found, typed)
        if typed in cls.model_fields or own.partition(".")[0] not in cls.model_fields or name not in place:
            continue
        target, last = _inside(found, own, make=True)
        if last in target:
            raise UserError(f"{typed} is {own} here, and both are given; leave one out")
        target[last] = place.pop(name)
        _log.warning("%s is called %s here", typed, own)
    return found


def renamed_pairs(given: Iterable[str], names: Mapping[str, str], cls: type[Settings]) -> list[str]:
    """`key=value` strings with their keys as `renamed` has them. Raises UserError: a setting under both names."""
    named = [(pair.partition("=")[0].strip(), pair) for pair in given]
    values = dict(named)
    found = []
    for key, pair in named:
        own = names.get(key, key)
        if key in cls.model_fields or own.partition(".")[0] not in cls.model_fields:
            own = key
        if own != key:
            if own in values:
                raise UserError(f"{key} is {own} here, and both are given; leave one out")
            _log.warning("%s is called %s here", key, own)
        found.append(own + pair[len(pair.partition("=")[0]) :])
    return found


def _inside(values: dict[str, Any], dotted: str, *, make: bool = False) -> tuple[dict[str, Any], str]:
    *path, name = dotted.split(".")
    for step in path:
        inner = values.setdefault(step, {}) if make else values.get(step, {})
        values = inner if isinstance(inner, dict) else {}
    return values, name


def build(cls: type[S], values: Mapping[str, Any], *, what: str) -> S:
    """Validate values into settings; raises UserError with one line per problem joined by "; "."""
    unknown = [key for key in values if key not in cls.model_fields]
    if unknown:
        raise unknown_name(f"{what} option", unknown[0], cls.model_fields)
    try:
        return cls.model_validate(_with_lists(cls, values))
    except pydantic.ValidationError as problem:
        raise UserError(f"{what}: " + "; ".join(_in_words(dict(e), cls) for e in problem.errors())) from None


def _with_lists(cls: type[pydantic.BaseModel], values: Mapping[str, Any]) -> dict[str, Any]:
    """Split `a` and `a,b` into lists where a list of words is wanted."""
    found = dict(values)
    for key, value in values.items():
        kind = cls.model_fields[key].annotation if key in cls.model_fields else None
        if isinstance(value, str) and get_origin(kind) is tuple and _is_word(get_args(kind)[0]):
            found[key] = [word.strip() for word in value.split(",") if word.strip()]
        elif isinstance(value, Mapping) and isinstance(kind, type) and issubclass(kind, Settings):
            found[key] = _with_lists(kind, value)
    return found


def _is_word(kind: Any) -> bool:
    return kind is str or get_origin(kind) is Literal


def _in_words(error: Mapping[str, Any], cls: type[pydantic.BaseModel]) -> str:
    place = ".".join(map(str, error["loc"]))
    message = str(error["msg"]).removeprefix("Value error, ")
    if error["type"] == "missing":  # what was given instead is everything else
        told = cls.model_fields[place].description if place in cls.model_fields else None
        return f"{place}: Field required; it has no default" + (f" ({told})" if told else "")
    if not place:  # it is about several settings together, which the message names
        return message
    return f"{place}: {message} (got {without_secrets(error['input'], place)!r})"


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file, one of ours too (`shipped`). Raises UserError: not there, unreadable, too long or no TOML."""
    try:
        text = read_regular(shipped(path), _LONGEST_TOML).decode()
        if _LONG_KEY.search(text):  # tomllib's time grows with the square of a key's parts
            raise UserError(f"{path} is not valid TOML: a key of 100 parts and more")
        return tomllib.loads(text)
    except FileNotFoundError:
        raise UserError(f"no such file: {path}") from None
    except OSError as problem:
        raise UserError(f"can't read {path}: {problem.strerror or problem}") from None
    except UnicodeDecodeError as problem:
        raise UserError(
            f"{path} is not UTF-8 text, as TOML must be: {problem.reason} at byte {problem.start}"
        ) from None
    except RecursionError:
        raise UserError(f"{path} is not valid TOML: nested too deep") from None
    except ValueError as problem:  # also a number of thousands of digits
        raise UserError(f"{path} is not valid TOML: {problem}") from None


def _assign(values: dict[str, Any], path: list[str], value: Any) -> None:
    for step in path[:-1]:
        inner = values.get(step)
        values[step] = dict(inner) if isinstance(inner, Mapping) else {}
        values = values[step]
    values[path[-1]] = value


def _literal(text: str) -> Any:
    """Parse a TOML value if it reads as one (3, 0.5, true, [1, 2], "x"), else the text as it stands."""
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
    return text if isinstance(value, datetime.date | datetime.time) else value  # 2024-10-21: a version, not a day
