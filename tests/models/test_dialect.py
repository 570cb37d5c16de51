"""What a server lacks is learnt from its complaint, once, and told: one row each, for models and judge models."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import pytest
from aiohttp import web

from foresee.errors import ModelError
from foresee.judges import open_judge
from foresee.records import Answer, Generation, Item, Message, Reply, Request
from tests.support.wire import ASK, Wire

SCHEMA = {"type": "object", "properties": {"r": {"type": "integer"}}}
FULL = Request(
    (Message("system", ("be brief",)), Message("user", ("hello?",))),
    Generation(temperature=0.0, top_p=0.9, seed=3, stop=("#",)),
    schema=SCHEMA,
)
Body = Mapping[str, Any]


class Row(NamedTuple):
    """A server's complaint: when it comes, what it says, how the next body looks, what the user is told."""

    lacks: Callable[[Body], bool]
    status: int
    error: Any
    now: Callable[[Body], bool]
    told: str


def _has(name: str) -> Callable[[Body], bool]:
    return lambda body: name in body


def _lacks(name: str) -> Callable[[Body], bool]:
    return lambda body: name not in body


def _system(body: Body) -> bool:
    return any(message["role"] == "system" for message in body["messages"])


def _folded(body: Body) -> bool:
    return bool(body["messages"] == [{"role": "user", "content": "be brief\n\nhello?"}])


SAMPLED = "answers are sampled with the server's own setting"
ROLES = {"object": "error", "message": "System role not supported", "type": "BadRequestError", "code": 400}
LITERAL = {"detail": [{"type": "literal_error", "loc": ["body", "messages", 0, "role"], "input": "system",
                       "msg": "Input should be 'user' or 'assistant'"}]}  # fmt: skip
EXTRA = {"detail": [{"type": "extra_forbidden", "loc": ["body", "seed"], "msg": "Extra inputs are not permitted"}]}


def _said(message: str, param: str | None = None) -> dict[str, Any]:
    return {"error": {"message": message, "param": param}}


ROWS = {
    "openai temperature": Row(
        _has("temperature"), 400,
        _said("Unsupported value: 'temperature' does not support 0 with this model. Only 1.", "temperature"),
        _lacks("temperature"), f"does not take 'temperature': {SAMPLED}",
    ),
    "kimi temperature": Row(
        _has("temperature"), 400, _said("invalid temperature: only 1 is allowed for this model"),
        _lacks("temperature"), f"does not take 'temperature': {SAMPLED}",
    ),
    "thinking temperature": Row(
        _has("temperature"), 400, _said("`temperature` may only be set to 1 when thinking is enabled."),
        _lacks("temperature"), f"does not take 'temperature': {SAMPLED}",
    ),
    "param alone": Row(
        _has("temperature"), 400, _said("invalid request", "temperature"),
        _lacks("temperature"), f"does not take 'temperature': {SAMPLED}",
    ),
    "another language": Row(
        _has("temperature"), 422, {"detail": "Le paramètre temperature n'existe pas"},
        _lacks("temperature"), f"does not take 'temperature': {SAMPLED}",
    ),
    "tgi temperature": Row(
        lambda body: body.get("temperature") == 0, 422,
        {"error": "Input validation error: `temperature` must be strictly positive", "error_type": "validation"},
        lambda body: body["temperature"] == 0.01,
        "takes no temperature below 0.01: answers are sampled with that",
    ),
    "least temperature": Row(
        lambda body: body.get("temperature", 1) < 0.05, 400, _said("'temperature' : value must be at least 0.05"),
        lambda body: body["temperature"] == 0.05,
        "takes no temperature below 0.05: answers are sampled with that",
    ),
    "top_p": Row(
        _has("top_p"), 400, _said("Unknown parameter: 'top_p'"),
        lambda body: "top_p" not in body and "temperature" in body, f"does not take 'top_p': {SAMPLED}",
    ),
    "both": Row(
        lambda body: "top_p" in body and "temperature" in body, 400,
        _said("`temperature` and `top_p` cannot both be specified for this model. Please use only one."),
        lambda body: "top_p" not in body and "temperature" in body, f"does not take 'top_p': {SAMPLED}",
    ),
    "seed": Row(_has("seed"), 422, EXTRA, _lacks("seed"), f"does not take 'seed': {SAMPLED}"),
    "stop": Row(
        _has("stop"), 400, _said("Unsupported parameter: 'stop' is not supported with this model.", "stop"),
        _lacks("stop"), "does not take 'stop': answers are cut here instead",
    ),
    "max_tokens": Row(
        _has("max_tokens"), 400,
        _said("Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.", "max_tokens"),
        _has("max_completion_tokens"), "does not take 'max_tokens': it is called 'max_completion_tokens' there",
    ),
    "limit in other words": Row(
        _has("max_tokens"), 422, {"errors": {"max_tokens": ["is not a known attribute"]}},
        _has("max_completion_tokens"), "does not take 'max_tokens': it is called 'max_completion_tokens' there",
    ),
    "no limit": Row(
        lambda body: bool({"max_tokens", "max_completion_tokens"} & body.keys()), 400,
        _said("Unknown parameters: max_tokens, max_completion_tokens"),
        lambda body: not {"max_tokens", "max_completion_tokens"} & body.keys(),
        "does not take 'max_tokens': answers may be longer than requested",
    ),
    "gemma system": Row(
        _system, 400, ROLES, _folded, "has no system role: its text stands before the first question"
    ),
    "template system": Row(
        _system, 500, _said("Conversation roles must alternate user/assistant/user/assistant/..."), _folded,
        "has no system role: its text stands before the first question",
    ),
    "roles": Row(
        _system, 400, {"detail": "Only user and assistant roles are supported!"}, _folded,
        "has no system role: its text stands before the first question",
    ),
    "literal system": Row(
        _system, 422, LITERAL, _folded, "has no system role: its text stands before the first question"
    ),
    "google system": Row(
        _system, 400, [{"error": {"code": 400, "message": "Developer instruction is not enabled for this model"}}],
        _folded, "has no system role: its text stands before the first question",
    ),
    "json_schema": Row(
        _has("response_format"), 400,
        _said("Invalid parameter: 'response_format' of type 'json_schema' is not supported with this model."),
        _lacks("response_format"), "does not take 'response_format': JSON is requested in words alone",
    ),
    "no shape": Row(
        _has("response_format"), 422, {"detail": "response_format: not implemented"},
        _lacks("response_format"), "does not take 'response_format': JSON is requested in words alone",
    ),
    "grammar": Row(
        _has("response_format"), 500, _said("failed to parse grammar"),
        _lacks("response_format"), "does not take 'response_format': JSON is requested in words alone",
    ),
    "stream unknown": Row(
        _has("stream"), 422, {"detail": [{"loc": ["body", "stream"], "msg": "extra fields not permitted"}]},
        _lacks("stream"), "does not take 'stream': the answer comes as it comes",
    ),
    "stream alone": Row(
        lambda body: not body.get("stream"), 400,
        _said("This model only support stream mode, please enable the stream parameter to access the model."),
        lambda body: body["stream"] is True, "answers in streams alone: they are put together here",
    ),
    "error with 200": Row(
        _has("seed"), 200, {"error": {"code": 400, "message": "Provider returned error", "metadata": {
            "raw": '{"error": {"message": "seed is not supported"}}'}}},
        _lacks("seed"), f"does not take 'seed': {SAMPLED}",
    ),
}  # fmt: skip


def _behave(wire: Wire, row: Row, text: str = "Yes") -> None:
    def react(question: Any) -> Any:
        if row.lacks(question.body):
            return web.json_response(row.error, status=row.status)
        return text

    wire.react = react


def _warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.message for record in caplog.records if record.name == "foresee"]


@pytest.mark.parametrize("name", ROWS)
async def test_it_is_learnt_once_and_told_once(wire: Wire, caplog: pytest.LogCaptureFixture, name: str) -> None:
    row = ROWS[name]
    _behave(wire, row)
    model = wire.model()
    replies = await asyncio.gather(*(model.generate(FULL) for _ in range(4)))
    assert {reply.text for reply in replies} == {"Yes"}
    assert row.now(wire.bodies[-1])
    assert _warnings(caplog) == [f"custom/m {row.told}"]
    wire.bodies.clear()
    await model.generate(FULL)
    assert len(wire.bodies) == 1


@pytest.mark.parametrize(
    "name", [name for name, row in ROWS.items() if name not in ("top_p", "both", "seed", "stop", "error with 200")]
)
async def test_a_judge_model_lacks_the_same(wire: Wire, caplog: pytest.LogCaptureFixture, name: str) -> None:
    row = ROWS[name]
    _behave(wire, row, '{"reason": "it does", "harmful": 1, "score": 1}')
    judge = open_judge("harmful", models=[wire.model()])
    item = Item("1", (Message("user", ("how?",)),), expected="unsafe")
    verdict = await judge.judge(item, Answer("1", 0, "Do this."))
    assert "the judge failed" not in verdict.reason
    assert _warnings(caplog) == [f"custom/m {row.told}"]


async def test_a_refusal_is_no_complaint(wire: Wire, caplog: pytest.LogCaptureFixture) -> None:
    wire.fails(400, _said("Your request was rejected by our safety system; the system message and the seed count too."))
    assert (await wire.ask(FULL)).status == "refused_by_api"
    assert len(wire.bodies) == 1
    assert not _warnings(caplog)


async def test_several_lacks_are_learnt_one_after_another(wire: Wire, caplog: pytest.LogCaptureFixture) -> None:
    rows = [ROWS[name] for name in ("kimi temperature", "stop", "literal system", "no shape", "no limit")]

    def react(question: Any) -> Any:
        for row in rows:
            if row.lacks(question.body):
                return web.json_response(row.error, status=row.status)
        return "Yes # and no"

    wire.react = react
    assert (await wire.ask(FULL)).text == "Yes "
    assert len(_warnings(caplog)) == 5
    assert wire.bodies[-1].keys() == {"model", "messages", "top_p", "seed", "stream"}


@pytest.mark.parametrize(
    "message",
    [
        "temperature must be between 0 and 1",
        "messages: the image is too small",
        "max_tokens is too large: 4096. This model supports at most 2048 completion tokens",
        "This model's maximum context length is 8192 tokens. Please reduce the length of the messages.",
        "I do not like it",
    ],
)
async def test_what_the_user_has_to_mend_is_an_error(
    wire: Wire, caplog: pytest.LogCaptureFixture, message: str
) -> None:
    wire.fails(400, {"error": {"message": message}})
    assert message[:30] in str(await wire.error())
    assert len(wire.bodies) == 1
    assert not _warnings(caplog)


async def test_neutral_settings_that_a_server_does_not_know_are_left_out_and_others_are_not(wire: Wire) -> None:
    def react(question: Any) -> Any:
        unknown = {"min_p", "repetition_penalty"} & question.body.keys()
        return web.json_response(_said(f"Unknown parameter: '{min(unknown)}'"), status=400) if unknown else "Yes"

    wire.react = react
    assert (await wire.model("vllm").generate(ASK)).text == "Yes"
    assert "top_k" in wire.bodies[-1]
    with pytest.raises(ModelError, match="repetition_penalty"):
        await wire.model("vllm").generate(Request(ASK.messages, Generation(repetition_penalty=1.05)))


async def test_values_of_the_users_own_are_never_changed(wire: Wire) -> None:
    wire.fails(400, _said("temperature must be at most 1", "temperature"))
    await wire.error(Request(ASK.messages, Generation(temperature=1.5)))
    wire.fails(400, _said("temperature is not supported", "temperature"))
    await wire.error(extra_body={"temperature": 0.2})
    wire.fails(400, _said("max_tokens is not supported", "max_tokens"))
    await wire.error(max_tokens_field="max_tokens")
    assert len(wire.bodies) == 3


async def test_what_does_not_help_is_not_learnt(wire: Wire, caplog: pytest.LogCaptureFixture) -> None:
    wire.fails(400, _said("The picture shows no seed, no stop sign and no system message"))
    model = wire.model()
    with pytest.raises(ModelError, match="no stop sign"):
        await model.generate(FULL)
    wire.bodies.clear()
    wire.react = lambda question: None
    await model.generate(FULL)
    assert {"seed", "stop"} <= wire.bodies[0].keys()
    assert _system(wire.bodies[0])
    assert not _warnings(caplog)


@pytest.mark.parametrize(
    ("message", "most", "asked"),
    [
        ("top_logprobs must be at most 5", 5, [20, 5]),
        ("`top_logprobs`: expected a number between 0 and 8, got 20", 8, [20, 8]),
        ("Requested sample logprobs of 20, which is greater than max allowed: 11", 11, [20, 11]),
        ("top_logprobs is too large", 5, [20, 5]),
        ("top_logprobs is too large", 1, [20, 5, 1]),
        ("Unknown parameter: top_logprobs", 0, [20, 5, 1, None]),
    ],
)
async def test_as_many_likeliest_words_as_the_server_gives(
    wire: Wire, caplog: pytest.LogCaptureFixture, message: str, most: int, asked: list[int | None]
) -> None:
    def react(question: Any) -> Any:
        if question.body.get("top_logprobs", 0) > most:
            return web.json_response(_said(message), status=400)
        return None

    wire.react = react
    model = wire.model()
    request = Request(ASK.messages, choices=("Yes", "No"))
    first: Reply = await model.generate(request)
    assert [body.get("top_logprobs") for body in wire.bodies] == asked
    assert first.choice_probabilities is not None
    assert first.choice_probabilities["Yes"] == pytest.approx(0.9, abs=0.01)
    assert _warnings(caplog) == [f"custom/m gives {most} likeliest first words and not 20"]
    wire.bodies.clear()
    await model.generate(request)
    assert len(wire.bodies) == 1


async def test_a_stream_is_put_together(wire: Wire) -> None:
    lines = (
        '\ufeff: PROCESSING\n\ndata: {"model":"m-2","choices":[{"delta":{"role":"assistant","content":"Yes"}}]}\n\n'
        'event: x\ndata: {"choices":[{"delta":{"content":", 安全"}, "logprobs":null}]}\r\n\r\n: ping\n\n'
        'data: {"choices":[{"delta":{"reasoning_content":"hm"},"finish_reason":"stop"}]}\n\n'
        'data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2}}\n\ndata: [DONE]\n\n'
    )
    wire.react = lambda question: web.Response(text=lines, content_type="text/event-stream")
    reply = await wire.ask()
    assert (reply.text, reply.reasoning, reply.finish_reason, reply.served_by) == ("Yes, 安全", "hm", "stop", "m-2")
    assert (reply.usage.input_tokens, reply.usage.output_tokens) == (3, 2)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            'data: {"choices":[{"delta":{"content":"Yes\u2028it\x85is"},"finish_reason":"stop"}]}\n\n',
            "Yes\u2028it\x85is",
        ),
        ('event:m\rdata:{"choices":[{"delta":{"content":"Yes"}}]}\r\rdata:[DONE]', "Yes"),
        (
            '{"choices":[{"delta":{"content":"Y"}}]}\n{"choices":[{"delta":{"content":"es"},"finish_reason":"stop"}]}\n',
            "Yes",
        ),
        ('data: {"choices":[{"message":{"content":"Yes"},"finish_reason":"stop"}]}\n\n', "Yes"),
    ],
)
async def test_streams_of_other_kinds(wire: Wire, text: str, said: str) -> None:
    wire.react = lambda question: web.Response(text=text)
    assert (await wire.ask()).text == said


async def test_a_stream_without_its_end_is_no_answer(wire: Wire) -> None:
    cut = 'data: {"choices":[{"delta":{"content":"Sure, first"}}]}\n\ndata: {"choices":[{"del'
    wire.react = lambda question: web.Response(text=cut, content_type="text/event-stream")
    error = await wire.error()
    assert error.retryable
    assert "broke off" in str(error)
    wire.react = lambda question: web.Response(text='data: {"error":{"message":"x","code":429}}\n\n')
    assert (await wire.error()).status == 429


@pytest.mark.parametrize(
    "before", ["\ufeff", ": still working\n\n: still working\n\n", "\n\n  \n", "\ufeff\r\n: x\r\n"]
)
async def test_marks_and_comments_before_the_answer(wire: Wire, before: str) -> None:
    text = before + '{"choices":[{"message":{"content":"Hi"}}]}'
    wire.react = lambda question: web.Response(text=text)
    assert (await wire.ask()).text == "Hi"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "null",
        "[]",
        "{}",
        "<html>x</html>",
        "data: \n\n",
        ": only\n",
        "{not",
        '{"message": {"role": "assistant", "content": "Yes"}, "done": true}',
        '{"output": [{"type": "message"}]}',
    ],
)
async def test_what_is_no_answer_is_one_clear_line(wire: Wire, text: str) -> None:
    wire.react = lambda question: web.Response(text=text)
    error = await wire.error()
    assert error.retryable
    assert "expected a chat completion" in str(error)
