"""Keys and passwords taken out of whatever is written down or shown: messages, manifests, journals, pages.

What is hidden is decided by the exact name of a setting (`_SECRET`, `_QUALIFIED`), by how keys of known providers look
(`_KEYS`), and by its place: user and password of an address, what a query or a fragment names.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

HIDDEN_VALUE = "(not shown)"  # in records
HIDDEN = "***"  # in messages
_SHORTEST_KEY = 8  # "x", "EMPTY" and the like stand for no key before a local server, and occur in any text

_SECRET = re.compile(
    r"auth|(proxy)?authorization|api_?keys?|token|secrets?|password|passwd|passphrase|pwd|key|credentials?|bearer|cookie"
    r"|sig|signature"
)
_QUALIFIED = re.compile(  # `token` and `key` are also parts of models and tables: behind these words they are secret
    r"api|access|auth|secret|private|client|hf|hub|huggingface|bearer|refresh|session|service|account|shared|my|x"
    r"|subscription|signing|encryption|openai|azure|anthropic|gemini|google|openrouter|aws|github|wandb|custom|vllm"
    r"|sglang|judge|admin|master"
)
_LAST = re.compile(r"secret|password|passwd|passphrase|auth|authorization|credentials?")
_KEYS = re.compile(
    r"\b(?:"
    r"(?:sk|pk|rk|gsk|xai|pplx|nvapi|csk|tgp|fw)[-_](?:[\w-]{12,}|(?=[\w.-]*[\d*])[\w*.-]{6,})"
    r"|hf_(?:\w{16,}|(?=\w*[\d*])[\w*]{6,})"
    r"|(?:gh[oprsu]_|github_pat_|glpat-|r8_|xox\w-)[\w-]{12,}"
    r"|AIza[\w-]{10,}|ya29\.[\w.-]{12,}|AKIA[0-9A-Z]{12,}|dapi[0-9a-f]{16,}"
    r"|eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*"
    r"|(?:Bearer|Basic)\s+(?=[\w.~+/=-]*[\d*._=-])[\w.~+/=*-]{8,}"
    r"|Bearer\s+[\w.~+/=*-]{8,}"
    r")",
    re.I,
)
_USER_IN_URL = re.compile(r"(?<=://)[^/\s@?#]*@(?=[^\s/@])")
_NAMED = re.compile(
    r"""(?P<quote>["']?)(?P<name>[A-Za-z][\w.-]*)(?P=quote)(?P<equals>\s*[=:]\s*)"""
    r"""(?=(?P<value>"(?:[^"\\]|\\.)+"|'(?:[^'\\]|\\.)+'|[^\s"',;&{}\[\]()][^\s"',;&}\])]*))"""
)
_OPTION = re.compile(r"(?P<quote>)(?P<name>--[\w-]+)(?P<equals>\s+)(?=(?P<value>[^\s-]\S*))")
_FRAGMENT = re.compile(r"(?<=#)(?=[\w.~+/=-]*\d)[\w.~+/=-]{16,}(?=\s|$|['\"])")


def without_secrets(value: Any, name: str = "") -> Any:
    """Return a record's values with whatever is named or looks like a key replaced, at any depth."""
    if is_secret(name) and value and not isinstance(value, bool | int | float):
        return HIDDEN_VALUE
    if isinstance(value, Mapping):
        return {key: without_secrets(inner, str(key)) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        before = ["", *value]
        return [
            HIDDEN_VALUE if _is_option(flag) and isinstance(inner, str) else without_secrets(inner)
            for flag, inner in zip(before, value, strict=False)
        ]
    return hidden(value, HIDDEN_VALUE) if isinstance(value, str) else value


def shown(text: str, key: str = "") -> str:
    """Return text from a server or a user fit to be shown: no keys, and no control characters.

    Args:
        text: any.
        key: the one in use, which may look like none.
    """
    return "".join(letter if letter.isprintable() else " " for letter in hidden(without_key(text, key), HIDDEN))


def without_key(text: str, key: str) -> str:
    """Return text without the key in use, which a server may send back in its answer."""
    return text.replace(key, HIDDEN) if len(key) >= _SHORTEST_KEY else text


def hidden(text: str, mark: str) -> str:
    """Return text with `mark` in place of whatever looks like a key or is named as one."""
    text = _KEYS.sub(mark, _USER_IN_URL.sub("", text))
    for named in (_NAMED, _OPTION):
        text = _without_named(text, named, mark)
    return _FRAGMENT.sub(mark, text)


def is_secret(name: str) -> bool:
    """Whether a setting of this name holds a key, a token or a password."""
    words = [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", name.rpartition(".")[2])]
    if not words:
        return False
    if _SECRET.fullmatch("".join(words)):
        return True
    if words[-1] in ("key", "keys", "token"):
        return any(map(_QUALIFIED.fullmatch, words[:-1]))
    return _LAST.fullmatch(words[-1]) is not None


def looks_like_key(text: str) -> bool:
    """Whether a text as a whole is a key, by its look."""
    return _KEYS.fullmatch(text) is not None


def _without_named(text: str, named: re.Pattern[str], mark: str) -> str:
    kept, place = [], 0
    for found in named.finditer(text):
        value, sentence = found["value"], ":" in found["equals"] and not found["quote"]
        if found.start() < place or not is_secret(found["name"]) or value == mark:
            continue
        if sentence and not _telling(value):
            continue  # "key: the answer is no"
        quote = value[0] if value[0] in "\"'" else ""
        kept += [text[place : found.start("value")], quote, mark, quote]
        place = found.end("value")
    return "".join((*kept, text[place:]))


def _telling(value: str) -> bool:
    """Whether `name: value` outside of quotes is a setting and no sentence."""
    return len(value) >= _SHORTEST_KEY and any(letter.isdigit() for letter in value)


def _is_option(value: Any) -> bool:
    return isinstance(value, str) and value.startswith("--") and "=" not in value and is_secret(value)
