"""How rule-based judges read what a model wrote: thinking, chat templates, markdown and Unicode taken away.

A model's text is untrusted: everything here takes any `str`, never raises, and needs time linear in its
length (repeats in patterns are bounded or possessive, so no text makes them backtrack far).

`own_words` picks the part that is the answer, `plain` cleans text for matching, `marked_conclusion`
is what an answer marks as its result. A judge usually matches on `plain(own_words(text)).casefold()`.
"""

from __future__ import annotations

import html
import json
import re
import unicodedata

from foresee.models.thinking import Fences, without_thinking

MOST_CHARACTERS = 40_000  # that are read of a long answer: half from its start, half from its end

_NORMALISED_AT_ONCE = 256  # unicodedata sorts runs of combining marks in quadratic time

_ROLE = re.compile(
    r"(?P<token><\|im_start\|>\s{0,9}(?P<a>user|system|assistant)\b"
    r"|<\|start_header_id\|>\s{0,9}(?P<b>user|system|assistant)\s{0,9}<\|end_header_id\|>"
    r"|<start_of_turn>\s{0,9}(?P<c>user|model)\b|<[|｜](?P<d>user|human|system|assistant|bot)[|｜]>"
    r"|\[(?P<e>/?INST)\])|(?-i:\b(?P<f>USER|ASSISTANT) ?:)"
    r"|^[ \t]{0,9}#{2,4} ?(?P<g>Instruction|Input|Human|User|Response|Assistant|Output)(?: ?:|[ \t]{0,9}$)"
    r"|^[ \t]{0,9}(?:\*\*)?(?P<h>User|Human|HUMAN|Assistant|GPT|Bot)(?:\*\*)? ?:"
    r"|(?-i:^[ \t]{0,9}(?P<i>SYSTEM|System) ?:)",
    re.MULTILINE | re.IGNORECASE,
)
_ASKS = frozenset({"user", "system", "human", "inst", "instruction", "input"})
_TURN_ENDS = re.compile(
    r"</s>|<[|｜](?:im_end|endoftext|eot_id|eot|end|return|end▁of▁sentence)[|｜]>|<end_of_turn>|<eos>"
)

_TOKEN = re.compile(
    r"<[|｜][^|｜<>\n]{0,60}[|｜]>|</?s>|<<?/?SYS>>?|\[/?INST\]|<(?:start|end)_of_turn>(?:\s{0,2}(?:model|user)\b)?"
    r"|<(?:image|img|bos|eos|pad|unk|unused\d{1,4}|0x[0-9A-Fa-f]{2})>|\[/?(?:BOS|EOS|UNK|PAD)\]"
)
_BYTE_PAIR_SPACE = re.compile(r"Ġ(?=[^\W_]|[^\w\s])|▁|Ċ")
_FENCE = re.compile(r"`{3,}(?:(?:json|text|txt|plaintext|markdown|md|python|yaml|xml|html|bash|tex|latex)(?!\S))?")
_MOJIBAKE = re.compile(
    r"â€(?P<kind>[™˜œ\x9d])|\\u20(?P<code>1[89]|1c|1d)", re.IGNORECASE
)  # UTF-8 read as cp1252; JSON's escape
_NOT_APART = re.compile(
    r"\b(?P<verb>(?:ca|do|does|did|wo|could|would|should|is|are|was|must)n)(?: ?' ?| )t\b", re.IGNORECASE
)
_NOT_SPLIT = re.compile(r"\b(?P<verb>ca|do|does|did|wo|could|would|should|is|are|was|must)n? n't\b", re.IGNORECASE)
_I_AM = re.compile(r"\bIm(?= (?:not|sorry|unable|afraid|going|really)\b)|\bim(?= (?:not|sorry|unable|afraid)\b)")
_CODE_APOSTROPHE = re.compile(r"(?<=[a-z])`(?=(?:t|s|m|re|ve|ll|d)\b)")
_LINK = re.compile(r"!?\[(?P<text>[^\[\]\n]{0,300})\]\([^()\[\]\n]{0,500}\)")
_TAG = re.compile(r"</?[A-Za-z][^<>\n]{0,80}>")
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z]{2,10});")
_LATEX = re.compile(
    r"\\(?:boxed|fbox|text|textbf|textit|texttt|textrm|mathrm|mathbf|mathit|emph|underline) ?\{|\\[()\[\]]"
)
_ESCAPED = re.compile(r"\\(?:(?P<space>[nrt])|(?P<mark>[\"'*_#>`-]))")
_LINE_START = re.compile(
    r"^[ \t]{0,40}(?:>[ \t]{0,9}){0,5}(?:#{1,6}[ \t]{1,9})?"
    r"(?:(?:[-+•‣◦▪●■►▶➤*]|\d{1,3}[.)]|\([A-Da-d1-9]\)|[A-Da-d][.)])[ \t]{1,9})?",
    re.MULTILINE,
)
_RULER = re.compile(r"^[ \t|:=*_-]{3,400}$", re.MULTILINE)
_EMPHASIS = re.compile(r"\*++|~~++|(?<![A-Za-z0-9])_++|_++(?![A-Za-z0-9])|`++")

_CHARACTERS: dict[int, str | None] = {
    **dict.fromkeys(map(ord, "‘’‚‛′´ʼʹ＇"), "'"),
    **dict.fromkeys(map(ord, "“”„‟″«»「」『』＂"), '"'),
    **dict.fromkeys(map(ord, "‐‑‒"), "-"),
    **dict.fromkeys(map(ord, "–—―−"), " - "),
    **dict.fromkeys([*range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2070), 0xAD, 0xFEFF], None),
    **dict.fromkeys([*range(0xFE00, 0xFE10), *range(0x09), *range(0x0E, 0x20), 0x7F], None),
}

_BOXED = re.compile(r"\\(?:boxed|fbox) ?\{(?P<inside>(?:\\[a-z]{2,9} ?\{)?[^{}\n]{0,400})")
_ANSWER_TAG = re.compile(r"<(?:answer|conclusion|final_answer|final|verdict)>(?P<inside>[^<]{0,4000})", re.IGNORECASE)
_RESULT = re.compile(
    r"(?:^|(?<=\W))(?:(?:final|my|the|correct|short|overall|direct|so|thus|hence|therefore,?) ){0,3}"
    r"(?:answer|verdict|conclusion|judge?ment|decision|determination|classification)\b"
    r" ?(?:[:=]|->|→|is\b:?|would be\b:?) ?|答[::]|(?:最终|我的)?(?:答案|结论|回答|判断)(?:是|为|[::])[::]? ?",
    re.IGNORECASE | re.MULTILINE,
)
_BLANKS = re.compile(r"[^\S\n]{50,}")
_ONE_FIELD = re.compile(
    r"\s*+(?:`{3}(?:json)?\s*+)?\{\s*+\"\w{1,30}\"\s*+:\s*+\"(?P<inside>(?:[^\"\\]|\\.)*+)\"\s*+\}\s*+(?:`{3}\s*+)?",
    re.DOTALL,
)
_VERDICTS = frozenset({"verdict", "refusal", "refused", "harmful"})  # fields of judges' forms
_MOST_FORMS = 50
_TO_A_JUDGE = re.compile(
    r"^[^\w\n]{0,9}(?:note|message|attention|instructions?|remark|hint|dear)\b(?: (?:to|for))?[^.:\n]{0,20}"
    r"\b(?:judges?|graders?|evaluators?|reviewers?|raters?|scorers?)\b[^\n]*+",
    re.IGNORECASE | re.MULTILINE,
)
_UNDER_CONDITION = re.compile(r"\bif\b[^.!?\n]{0,200}$", re.IGNORECASE)  # "if it is a game, the answer is yes"


def plain(text: str) -> str:
    """One line of plain text: what a reader would see, in a single spelling of quotes, dashes and spaces.

    Unicode is NFKC with straight quotes and no invisible characters; markdown, HTML tags, entities, LaTeX
    boxes, code fences and the tokens of chat templates are gone, what they enclose stays; white space is
    folded. Case is kept. Thinking and other speakers' turns are kept too: see `own_words`.
    """
    return " ".join(plain_lines(text))


def plain_lines(text: str) -> list[str]:
    """`plain`, line by line, without the empty lines."""
    text = _MOJIBAKE.sub(_quote, _shortened(text))
    text = _shortened(straightened(text))  # NFKC may make one character eighteen
    text = _TOKEN.sub(" ", _BYTE_PAIR_SPACE.sub(_byte_pair, text))
    text = _CODE_APOSTROPHE.sub("'", _FENCE.sub("\n", text))
    text = _ESCAPED.sub(lambda found: "\n" if found["space"] else found["mark"], _LATEX.sub(" ", text))
    text = _ENTITY.sub(lambda found: html.unescape(found[0]), text)
    text = _TAG.sub(" ", _LINK.sub(r"\g<text>", text))
    text = _EMPHASIS.sub("", _LINE_START.sub("", _RULER.sub("", text)))
    lines = (" ".join(line.replace("|", " ").split()) for line in text.translate(_CHARACTERS).splitlines())
    return [_mended(line) for line in lines if line]


def _mended(line: str) -> str:
    """Put back a line's apostrophes ("can t", "ca n't", "Im not"), and blanks for the underscores of a name."""
    if " " not in line and line.count("_") > 2:
        line = line.replace("_", " ")
    line = _NOT_SPLIT.sub(r"\g<verb>n't", _NOT_APART.sub(r"\g<verb>'t", line))
    return _I_AM.sub("I'm", line)


def straightened(text: str) -> str:
    """Write the text in NFKC with straight quotes, plain dashes, no invisible characters; markup stays."""
    if text.isascii():
        return text
    text = text.translate(_CHARACTERS)  # before NFKC, which would take an acute accent for a letter's own
    chunks = range(0, len(text), _NORMALISED_AT_ONCE)
    return "".join(unicodedata.normalize("NFKC", text[at : at + _NORMALISED_AT_ONCE]) for at in chunks)


def own_words(text: str) -> str:
    """Cut a text to the model's own answer: its first turn, without thinking and what runs on behind it.

    A text with the whole conversation ("USER: … ASSISTANT: No") gives the assistant's first turn; one
    that goes on to invent the user's next turn is cut there. A conversation that the answer quotes is part of it
    (see `_borders`), and where nobody is marked as answering, all of the text is. Markdown is kept (see `plain`).
    """
    text = _shortened(_unwrapped(squeezed(without_thinking(text))))
    turns, speaker, start = [], "", 0
    for mark in _borders(text):
        turns.append((speaker, text[start : mark.start()]))
        speaker, start = _speaker(mark), mark.end()
    turns.append((speaker, text[start:]))
    if turns[1:] and all(speaker in _ASKS for speaker, _ in turns[1:]) and not re.search(r"\w", turns[0][1]):
        return text  # "User: …" and nothing else: whatever the model meant by it, it is all that it said
    answered = [turn for turn in map(_as_turn, turns) if turn]
    marked = [words for answers, words in answered if answers == "assistant"]
    opening = [words for answers, words in answered if answers == ""]
    first_mark_asks = len(turns) > 1 and turns[1][0] in _ASKS
    if opening and (first_mark_asks or not marked):
        return opening[0]
    return marked[0] if marked else ""


def squeezed(text: str) -> str:
    """Drop lines that repeat the line before, and runs of blanks: padding must not push the answer out of sight."""
    lines = _BLANKS.sub(" ", text).split("\n")
    return "\n".join(line for line, before in zip(lines, ["", *lines], strict=False) if line.strip() != before.strip())


def _unwrapped(text: str) -> str:
    """Take the text out of a JSON object that holds nothing else."""
    found = _ONE_FIELD.fullmatch(text)
    try:
        return str(json.loads(f'"{found["inside"]}"', strict=False)) if found else text
    except ValueError:
        return text


def without_forms(text: str, *, announced: bool = False) -> str:
    """Cut forms of judges that are filled in there, and notes to whoever judges the text.

    A form is a JSON object with a reason and a verdict. A text that holds nothing else is the answer's own.

    Args:
        text: the answer's own words.
        announced: also without forms that the words before them announce ("My answer is:"), which may be its own.
    """
    kept, start, at, decoder = [], 0, 0, json.JSONDecoder(strict=False)
    for _ in range(_MOST_FORMS):
        at = text.find("{", at)
        if at < 0:
            break
        try:
            form, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            at += 1
            continue
        led_to = _FENCE.sub("", text[start:at]).rstrip().endswith(":")
        if "reason" in form and not _VERDICTS.isdisjoint(form) and (announced or not led_to):
            kept.append(text[start:at])
            start = end
        at = end
    rest = _TO_A_JUDGE.sub("", "".join((*kept, text[start:])))
    return rest if re.search(r"\w", _FENCE.sub("", rest)) else text


def _borders(text: str) -> list[re.Match[str]]:
    """Find the role marks at which turns begin; all others are quoted.

    Tokens of chat templates are borders, save within a line. Words ("User:", "### Input") are where the text begins
    with one, or where a question and an answer to it (or "SYSTEM:") follow one another behind the answer; not behind a
    colon that announces them ("The caption says:"), within a sentence, or in a code fence.
    """
    marks = list(_ROLE.finditer(text))
    fences = Fences(text) if "```" in text or "~~~" in text else ()
    whole = bool(marks) and not re.search(r"\w", _TOKEN.sub("", text[: marks[0].start()]))
    quoted = False
    borders: list[re.Match[str]] = []
    for number, mark in enumerate(marks):
        before = text[max(0, mark.start() - 80) : mark.start()].rstrip(" \t")
        if mark.start() in fences or before.endswith(("`", "'", '"')):
            continue
        if not mark["token"] and not whole:
            answers = any(_speaker(later) not in _ASKS for later in marks[number + 1 : number + 4])
            begins = not before or before[-1] in "\n.!?>)*"
            quoted = quoted or before.rstrip().endswith((":", "："))
            told = mark["i"] == "SYSTEM" or (mark["i"] and before.endswith("\n\n"))
            opens = _speaker(mark) in _ASKS and (answers or told) and begins
            if quoted or not (opens or borders):
                continue
        borders.append(mark)
    return borders


def _speaker(mark: re.Match[str]) -> str:
    return next(name for name in (mark[group] for group in "abcdefghi") if name).lower()


def marked_conclusion(text: str) -> str | None:
    """Find what follows the last mark of a result, or None if nothing is marked.

    A mark is `\\boxed{…}`, `<answer>…</answer>`, or words such as "Final answer:" and "答案:". The result is
    plain, but line breaks stay: "Answer: No" and the reasons on the lines below it are different things.
    """
    text = own_words(text)
    for pattern in (_BOXED, _ANSWER_TAG):
        inside = ["\n".join(plain_lines(found["inside"])) for found in pattern.finditer(text)]
        if any(inside):
            return [part for part in inside if part][-1]
    lines = "\n".join(plain_lines(text))
    ends = [
        found.end() for found in _RESULT.finditer(lines) if not _UNDER_CONDITION.search(lines[: found.start()][-200:])
    ]
    return (lines[ends[-1] :].strip() or None) if ends else None


def _as_turn(turn: tuple[str, str]) -> tuple[str, str] | None:
    """Who speaks ("assistant", or "" for nobody named) and what, up to the first end of turn; None for a question."""
    speaker, words = turn
    if speaker in _ASKS:
        return None
    pieces = (piece for piece in _TURN_ENDS.split(words) if re.search(r"\w", _TOKEN.sub(" ", piece)))
    said = next(pieces, "")
    return ("assistant" if speaker else "", said) if said else None


def _shortened(text: str) -> str:
    half = MOST_CHARACTERS // 2
    return text if len(text) <= MOST_CHARACTERS else f"{text[:half]}\n{text[-half:]}"


def _quote(found: re.Match[str]) -> str:
    single = (
        (found["kind"] or "") in "™˜" if found["kind"] else found["code"].startswith("1") and found["code"][1] in "89"
    )
    return "'" if single else '"'


def _byte_pair(found: re.Match[str]) -> str:
    return "\n" if found[0] == "Ċ" else " "
