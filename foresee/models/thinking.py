"""Tell a model's answer from its thinking.

Thinking is what stands in `<think>…</think>` and its kin (`[THINK]`, `◁think▷`, `<|begin_of_thought|>`, `<reasoning>`,
the channels of gpt-oss). An answer may also talk about such tags, so a tag counts only where a model writes it as a
mark: an opening one at the start of the text or of a line, outside code fences. Judges and data building read alike;
they differ where the text itself does not decide. A judge must not overlook harm, so what is in doubt is the answer;
a data set must not teach thinking, so what is in doubt is thinking (`strict`).

A model's text is untrusted: any `str` is taken, nothing raises, and the time is linear in its length.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

_TOKENS = "think|thinking|thoughts?|seed:think"  # in the vocabularies of reasoning models: nobody is shown what follows
_WORDS = (
    "reasoning|reason|analysis|scratchpad|reflection|cot|chain_of_thought|inner_monologue|rationale"  # prompts' own
)
_TAG = re.compile(
    rf"[<◁](?P<close>/)?(?:(?P<token>{_TOKENS})|(?P<word>{_WORDS}))[>▷]"
    r"|\[(?P<end>/)?(?P<mistral>THINK)\]|<\|(?:begin|(?P<stop>end))_of_(?P<phrase>thought)\|>",
    re.IGNORECASE,
)
_FENCE = re.compile(r"^[ \t]{0,9}(?P<mark>`{3,}|~{3,})", re.MULTILINE)
_CHANNEL = re.compile(
    r"(?:\A|<\|end\|>)\s{0,9}(?:<\|start\|>\s{0,9}assistant\s{0,9})?"
    r"<\|channel\|>\s{0,9}(?P<name>\w{1,20})[^<]{0,80}(?:<\|constrain\|>[^<]{0,40})?<\|message\|>"
)
_BARE_CHANNELS = re.compile(r"\A\s{0,9}analysis(?=[A-Z\"'])")  # gpt-oss decoded without its special tokens
_BARE_FINAL = "assistantfinal"
_DELIBERATES = re.compile(
    r"\bthe user\b|\buser'?s? (?:asks?|wants?|is asking|question|request)|\b(?:hmm+|wait)\b[,.…]"
    r"|\b(?:i|we) (?:should|need to|must|have to|ought to|might) (?!not have)"
    r"|\b(?:let me|let's|let us) (?:think|see|look|check|analy[sz]e|consider|examine|figure|start|break|recall)\b"
    r"|\b(?:okay|ok|alright|so),? (?:so|the|i|let|this|we|they)\b"
    r"|\b(?:could|is|does|should|would|might) (?:it|this|that|i|we)\b[^.!?\n]{0,80}\?|\bat first\b[^.!?\n]{0,20}[,.]"
    r"|\bthe (?:question|request|query|prompt) (?:is|asks?|seems|says|wants)\b|\b(?:der|die) (?:nutzer|benutzer)"
    r"|l'utilisateur|\bel usuario\b|пользовател|用户|我需要|我应该|让我|ユーザー|사용자",
    re.IGNORECASE,
)
_DELIBERATION = 1500  # characters at the start and the end of a text in which signs of deliberation are looked for


class Parted(NamedTuple):
    """A text in two: the answer as the model wrote it, and how many characters of thinking were taken out."""

    said: str
    left_out: int


class _Tag(NamedTuple):
    start: int
    end: int
    closes: bool
    kind: str  # the name, in lower case
    certain: bool  # a token of reasoning models, not just a word that prompts use


def without_thinking(text: str, *, strict: bool = False) -> str:
    """Take the thinking out of a text, untouched otherwise; "" of a text that is all thinking (see `parted`)."""
    return parted(text, strict=strict).said


def parted(text: str, *, strict: bool = False) -> Parted:
    """Split a text into its answer and the length of the thinking taken out.

    A block that is never closed is thinking if nothing was said before it. A closing tag alone ends thinking that the
    chat template opened (DeepSeek-R1's does): what stands before it is thinking if it deliberates and something
    follows; else it was said.

    Args:
        text: what the model wrote.
        strict: thinking wherever there is doubt: before any closing tag that something follows, and in a lone block of
            a tag that only prompts use (`<analysis>`). Of a text with an unclosed block nothing is left.
    """
    spans = said_spans(text, strict=strict)
    answer = "\n".join(text[start:end] for start, end in spans)
    return Parted(answer, len(text) - sum(end - start for start, end in spans))


def said_spans(text: str, *, strict: bool = False) -> list[tuple[int, int]]:
    """Where in the text the answer stands: start and end of each part, in order."""
    final = _final_channel(text)
    if final is not None:
        return [] if final < 0 else _trimmed(text, [(final, len(text))])
    tags = list(_tags(text))
    spans = _outside_blocks(text, tags, strict=strict)
    answer = _after_lone_close(text, spans, tags, strict=strict)
    words_alone = not any(tag.certain for tag in tags)
    if not strict and tags and words_alone and not any(_says(text[start:end]) for start, end in answer):
        return _trimmed(text, [(0, len(text))])  # nobody hides a <rationale>: where nothing else is, it is the answer
    return _trimmed(text, answer)


def _final_channel(text: str) -> int | None:
    """Where the final channel of gpt-oss begins; -1: there are channels, but no such; None: no channels."""
    if _BARE_CHANNELS.match(text) and _BARE_FINAL in text:
        return text.index(_BARE_FINAL) + len(_BARE_FINAL)
    found = None
    for mark in _CHANNEL.finditer(text):
        if found is None and text[: mark.start()].strip():
            return None  # a text that talks of channels
        if mark["name"].lower() == "final":
            return mark.end()
        found = -1
    return found


def _tags(text: str) -> Iterator[_Tag]:
    for found in _TAG.finditer(text):
        closes = bool(found["close"] or found["end"] or found["stop"])
        kind = next(name for name in (found["token"], found["word"], found["mistral"], found["phrase"]) if name)
        yield _Tag(found.start(), found.end(), closes, kind.lower(), found["word"] is None)


def _outside_blocks(text: str, tags: list[_Tag], *, strict: bool) -> list[tuple[int, int]]:
    fences = Fences(text)
    kept: list[tuple[int, int]] = []
    any_closing = deque(tag for tag in tags if tag.closes)
    closing: dict[str, deque[_Tag]] = {}
    for tag in any_closing:
        closing.setdefault(tag.kind, deque()).append(tag)
    position = looked = 0
    spoken = False
    for tag in tags:
        if tag.closes or tag.start < position or not _begins(text, tag, position) or tag.start in fences:
            continue
        spoken, looked = spoken or _says(text[looked : tag.start]), tag.start
        end = _first_behind(closing.get(tag.kind, deque()), tag.end) or _first_behind(any_closing, tag.end)
        if end is None and strict:
            return []
        if end is None and (spoken or not tag.certain):
            continue
        kept.append((position, tag.start))
        if end is None:
            return kept
        position = looked = end.end
    return [*kept, (position, len(text))]


def _first_behind(closers: deque[_Tag], place: int) -> _Tag | None:
    while closers and closers[0].start < place:
        closers.popleft()
    return closers[0] if closers else None


def _begins(text: str, tag: _Tag, position: int) -> bool:
    """Whether an opening tag stands at the start of the text, of a line, or directly behind another block."""
    before = text[max(position, tag.start - 12) : tag.start]
    line = before.rpartition("\n")[2]
    return not line.strip(" \t\r*_") and (len(before) < 12 or "\n" in before)


class Fences:
    """Where code stands between fences; one that is never closed reaches to the end."""

    def __init__(self, text: str) -> None:
        self._borders: list[int] = []  # start, end, start, end, …
        mark = ""
        for fence in _FENCE.finditer(text):
            if not mark:
                self._borders.append(fence.start())
                mark = fence["mark"]
            elif fence["mark"].startswith(mark):
                self._borders.append(fence.end())
                mark = ""

    def __contains__(self, place: int) -> bool:
        return bisect_right(self._borders, place) % 2 == 1


def _after_lone_close(
    text: str, spans: list[tuple[int, int]], tags: list[_Tag], *, strict: bool
) -> list[tuple[int, int]]:
    """Drop thinking that a template opened: all before a lone closing tag, if it is thinking."""
    spoken = _last_word(text, tags)
    starts = [start for start, _ in spans]
    places = [(bisect_right(starts, tag.start) - 1, tag) for tag in tags if tag.closes and tag.end <= spoken]
    lone = [(number, tag) for number, tag in places if number >= 0 and tag.start < spans[number][1]]
    if not lone:
        return spans
    if strict:
        number, tag = lone[-1]
        return [(tag.end, spans[number][1]), *spans[number + 1 :]]
    number, tag = lone[0]
    if any(_says(text[start:end]) for start, end in spans[:number]) or tag.start in Fences(text):
        return spans
    if not _deliberates(text[spans[number][0] : tag.start]):
        return spans
    return [(tag.end, spans[number][1]), *spans[number + 1 :]]


def _deliberates(text: str) -> bool:
    return any(_DELIBERATES.search(part) for part in (text[:_DELIBERATION], text[-_DELIBERATION:]))


def _says(text: str) -> bool:
    """Whether the text holds a word besides tags."""
    return re.search(r"\w", _TAG.sub("", text)) is not None


def _last_word(text: str, tags: list[_Tag]) -> int:
    """Where the last character of a word outside tags stands; -1 if there is none."""
    end = len(text)
    for tag in reversed(tags):
        if _says(text[tag.end : end]):
            break
        end = tag.start
    return next((place for place in range(end - 1, -1, -1) if text[place].isalnum()), -1)


def _trimmed(text: str, spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Drop closing tags at the very end, which close nothing."""
    if not spans:
        return spans
    start, end = spans[-1]
    for tag in reversed([tag for tag in _tags(text) if tag.start >= start]):
        if not tag.closes or text[tag.end : end].strip():
            break
        end = tag.start
    return [*spans[:-1], (start, end)]
