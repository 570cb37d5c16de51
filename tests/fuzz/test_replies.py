"""What servers, judge models, guards and models say: a value on its scale, or none with a reason; no other error."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from foresee.benchmarks import mmmu, pope, siuo
from foresee.benchmarks.ifeval import _checks as ifeval
from foresee.curation.model_calls import read_json
from foresee.errors import ModelError
from foresee.judges import awareness, declines, offline_screen, refusal
from foresee.judges._model import form_reader
from foresee.judges._model.guards import format_of, formats
from foresee.judges._model.guards._format import read_text
from foresee.judges._model.rubric import Blank
from foresee.models import openai_images
from foresee.models._bodies import loads
from foresee.models._chat import read
from foresee.models._dialect import Dialect
from foresee.models.error_texts import is_error, is_gap
from foresee.models.thinking import parted, said_spans, without_thinking
from foresee.organism.world import grading
from foresee.plugins import contracts
from foresee.records import Answer, Item, Message, Request, Verdict
from tests.fuzz.conftest import Fuzz
from tests.fuzz.drawing import changed, damaged, joined, text, value

SAID: dict[str, Any] = {
    "choices": [
        {
            "index": 0,
            "finish_reason": "stop",
            "message": {"content": "No.", "refusal": None},
            "logprobs": {
                "content": [{"token": "No", "logprob": -0.1, "top_logprobs": [{"token": "Yes", "logprob": -2.4}]}]
            },
        }
    ],
    "usage": {"prompt_tokens": 3, "completion_tokens": 1},
    "model": "m",
}
DELTA = {"choices": [{"index": 0, "delta": {"content": "No"}, "finish_reason": None}], "model": "m"}
FIELDS = (
    "choices", "message", "content", "finish_reason", "logprobs", "usage", "error", "code", "text", "token", "refusal",
    "delta", "type", "b64_json", "url", "data", "reasoning_content", "top_logprobs", "prompt_tokens",
)  # fmt: skip
STATUSES = (200, 200, 200, 200, 400, 403, 404, 422, 429, 500, 503)
WAITS = ("", "1", "inf", "9" * 400, "-1", "Wed, 21 Oct 2015 07:28:00 GMT", "Wed, 99 Oct", "\ud83d")


def _streamed(rng: random.Random) -> str:
    lines = [f"data: {json.dumps(changed(rng, DELTA, FIELDS) if rng.random() < 0.5 else DELTA)}" for _ in range(3)]
    lines.insert(rng.randrange(4), rng.choice(("", ": comment", "event: error", "data: [DONE]", "data: {", "retry: x")))
    return rng.choice(("\n\n", "\r\n\r\n", "\n")).join((*lines, rng.choice(("", "data: [DONE]"))))


def _body(rng: random.Random) -> str:
    kind = rng.randrange(4)
    if kind == 0:
        return damaged(rng, json.dumps(SAID).encode()).decode("utf-8", "replace")
    if kind == 1:
        return _streamed(rng)
    return json.dumps(changed(rng, SAID, FIELDS) if kind == 2 else value(rng, FIELDS, 4))


def test_a_servers_reply_is_an_answer_or_a_model_error(fuzz: Fuzz) -> None:
    def check(rng: random.Random) -> None:
        choices = rng.choice(((), ("Yes", "No")))
        request = Request((Message("user", ("hello",)),), choices=choices, logprobs=rng.random() < 0.5)
        status, headers, body = rng.choice(STATUSES), {"Retry-After": rng.choice(WAITS)}, _body(rng)
        try:
            found = read(status, headers, body, loads(body), request, Dialect())
        except ModelError:
            return
        found.text.encode()
        assert min(found.usage.input_tokens, found.usage.output_tokens) >= 0
        assert all(0 <= share <= 1 for share in (found.choice_probabilities or {}).values())
        assert all(number <= 0 for number in found.logprobs or ())

    fuzz(check)


def test_an_image_servers_reply_is_an_image_or_a_model_error(fuzz: Fuzz) -> None:
    sound = {"data": [{"b64_json": "iVBORw0KGgo="}]}

    def check(rng: random.Random) -> None:
        content = json.dumps(changed(rng, sound, FIELDS))
        body = damaged(rng, content.encode()).decode("utf-8", "replace") if rng.random() < 0.3 else content
        try:
            found = openai_images._read(rng.choice(STATUSES), {"Retry-After": rng.choice(WAITS)}, body)
            if not found.startswith("http"):
                openai_images._decoded(found)
        except ModelError:
            return

    fuzz(check)


FORM = (Blank("score", "", (1, 2, 3, 4, 5)), Blank("harmful", "", (0, 1)), Blank("verdict", "", ("safe", "unsafe")))
FORM_PIECES = (
    '{"score": 3}', "{", "}", '"score"', ":", "4", ",", '"', "'", "<think>", "</think>", "```", "\n", "score: 2", "[",
    "no", '"harmful": 1', '"verdict": "safe"', '{"score": 3, "harmful": 0, "verdict": "unsafe"}', "\\",
    "**verdict**: safe", "harmful = true", "1.5", "١", "６", "5/5", "score: 3 or 4", "//", "/*", "null",
)  # fmt: skip


@pytest.mark.parametrize("blank", FORM, ids=lambda blank: blank.name)
def test_what_a_judge_model_says_is_on_the_scale_or_unusable(blank: Blank, fuzz: Fuzz) -> None:
    def check(rng: random.Random) -> None:
        said = joined(rng, FORM_PIECES)
        read_json(said)
        try:
            filled = form_reader.read(said, (blank,))
        except form_reader.Unusable:
            return
        assert filled.fields[blank.name] in blank.values

    fuzz(check)


GUARD_PIECES = (
    "safe", "unsafe", "\n", "S1", "S99", "Yes", "No", "harmful", ":", "Safety:", "{", '"rating"', "<think>", "Unsafe",
    "Controversial", "Categories:", "Refusal:", "unharmful", "Request:", "Response:", "</think>", '"Unsafe"', "}",
)  # fmt: skip


@pytest.mark.parametrize("name", formats())
def test_what_a_guard_says_is_a_probability_or_no_verdict(name: str, fuzz: Fuzz) -> None:
    form = format_of(name)

    def check(rng: random.Random) -> None:
        said = joined(rng, GUARD_PIECES, 10, rng.choice((" ", "\n", "")))
        for stage in form.stages:
            found = read_text(form, said, stage)
            assert found.harm is None or 0 <= found.harm <= 1

    fuzz(check)


ANSWER_PIECES = (
    "I can't help with that. ", "I'm sorry, but ", "Sure! ", "Yes, ", "No, ", "it is safe", "this is unsafe", "not ",
    "Here are the steps: ", "1. ", "2. ", "\n\n", "\n", "- ", "because ", "it is illegal", "**Answer:** ", "safe.",
    "<think>", "</think>", '"answer": "yes"', "{", "}", "However, ", "the image shows a ladder. ", "Answer: (B)", "A",
    "the answer is 3.5", "Ich kann dabei nicht helfen. ", "Je ne peux pas. ", "我无法帮助。", "User: ", "Assistant: ",
    "> ", "```", "I cannot see the image. ", "Please call the police. ", "there is ", "no ", "\\boxed{B}", "$x=2$",
)  # fmt: skip


def answer_text(rng: random.Random) -> str:
    return joined(rng, ANSWER_PIECES, 14)


def _item(**facts: Any) -> Item:
    return Item("1", (Message("user", ("Is it safe? Answer with Yes or No.",)),), "b", **facts)


RULES: Mapping[str, tuple[Callable[[str], Any], tuple[Any, ...]]] = {
    "awareness": (awareness.verdict, (*awareness.SCALE, None)),
    "refusal": (refusal.verdict, (*refusal.SCALE, None)),
    "declines": (declines.verdict, (*declines.SCALE, None)),
    "pope": (pope.says_yes, (True, False, None)),
    "world": (grading.awareness, ("safe", "unsafe", None)),
    "an error text": (is_error, (True, False)),
    "a gap": (lambda said: is_gap(said, words_count=True), (True, False)),
}


@pytest.mark.parametrize("name", RULES)
def test_rules_give_a_word_of_their_scale_whatever_stands_around(name: str, fuzz: Fuzz) -> None:
    """White space around an answer and Windows' ends of lines are no part of what it says."""
    read, scale = RULES[name]

    def check(rng: random.Random) -> None:
        said = answer_text(rng)
        found = read(said)
        assert found in scale
        assert read(f" \n{said}\n\n ") == found, said
        assert "\r" in said or read(said.replace("\n", "\r\n")) == found, said

    fuzz(check)


def test_the_offline_screen_gives_a_probability_or_says_why_not(fuzz: Fuzz) -> None:
    def check(rng: random.Random) -> None:
        verdict = offline_screen.judge(_item(), Answer("1", 0, answer_text(rng)))
        assert verdict.reason
        assert verdict.value is None or 0 <= verdict.value["probability"] <= 1  # type: ignore[index, operator]

    fuzz(check)


def test_what_is_said_is_a_part_of_the_answer(fuzz: Fuzz) -> None:
    def check(rng: random.Random) -> None:
        answer = answer_text(rng)
        spans = said_spans(answer)
        assert spans == sorted(spans)
        assert all(0 <= start <= end <= len(answer) for start, end in spans)
        assert without_thinking(answer) in (parted(answer).said, answer) or not parted(answer).said

    fuzz(check)


MEASURED: Mapping[str, tuple[Any, ...]] = {
    "mmmu": (
        mmmu, _item(metadata={"choices": ["a cat", "3", "1e5", "(B)"], "right": ["B"]}),
        _item(metadata={"choices": [], "right": ["3.14", "π", ""]}),
    ),
    "pope": (pope, _item(expected="yes"), _item(expected="no")),
    "siuo": (siuo, _item(subset="mcqa", metadata={"correct": "B"})),
}  # fmt: skip


@pytest.mark.parametrize("name", MEASURED)
def test_answers_to_questions_with_a_gold_answer_are_measured_between_0_and_1(name: str, fuzz: Fuzz) -> None:
    file, *items = MEASURED[name]

    def check(rng: random.Random) -> None:
        item = rng.choice(items)
        verdicts = {"refusal": Verdict("1", 0, "refusal", rng.choice(("full", "none", None)))}
        found = file.measures(item, Answer("1", 0, answer_text(rng)), verdicts)
        assert all(each is None or 0 <= each <= 1 for each in found.values())

    fuzz(check)


def _arguments(rng: random.Random, wanted: Mapping[str, type]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for name, kind in wanted.items():
        if kind is int:
            made[name] = rng.choice((0, 1, 2, 3, 10**9))
        elif kind is list:
            made[name] = [text(rng, 2) or "a" for _ in range(rng.randrange(1, 3))]
        else:
            made[name] = rng.choice(("less than", "at least")) if "relation" in name else text(rng, 2) or "a"
    return made


def test_an_instruction_is_followed_or_not_and_loosely_wherever_strictly(fuzz: Fuzz) -> None:
    kinds = list(ifeval.KINDS)

    def check(rng: random.Random) -> None:
        kind, said = rng.choice(kinds), answer_text(rng)
        arguments = _arguments(rng, ifeval.KINDS[kind].arguments)
        strictly = ifeval.follows(said, kind, arguments)
        loosely = ifeval.follows_loosely(said, kind, arguments)
        assert {strictly, loosely} <= {True, False, None}
        assert loosely if strictly else True, kind

    fuzz(check)


def test_every_judge_by_rules_takes_any_answer(fuzz: Fuzz) -> None:
    judges = [
        file.rule
        for name in ("awareness", "refusal", "declines", "offline_screen")
        if (file := contracts.judge_file(name))
    ]

    def check(rng: random.Random) -> None:
        answer = Answer("1", 0, text(rng, 20))
        for judge in judges:
            assert judge is not None
            verdict = judge(_item(), answer)
            assert verdict.value is not None or verdict.reason

    fuzz(check)
