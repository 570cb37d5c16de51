"""How providers say that they withheld something, and how generations break off: one row each, over the wire."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from foresee.errors import ModelError
from foresee.records import Item, Message, Request
from foresee.runner import RunSettings, run
from foresee.runner.journal import Journal
from tests.support.wire import ASK, Wire

_LITELLM = (
    "litellm.BadRequestError: litellm.ContentPolicyViolationError: litellm.ContentPolicyViolationError: AzureException"
    " - The response was filtered due to the prompt triggering Azure OpenAI's content management policy."
)
_FAR = "litellm.BadRequestError: AzureException BadRequestError - " + "upstream said. " * 15


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, {"error": {"code": "content_policy_violation", "message": "no"}}),
        (400, {"error": {"code": "content_filter", "innererror": {"code": "ResponsibleAIPolicyViolation"}}}),
        (400, {"error": {"message": "no", "innererror": {"code": "ResponsibleAIPolicyViolation"}}}),
        (400, {"error": {"message": "Your request was rejected as a result of our safety system."}}),
        (400, {"error": {"type": "invalid_request_error", "message": "Output blocked by content filtering policy"}}),
        (400, {"error": {"code": "data_inspection_failed", "message": "Input data may contain inappropriate content"}}),
        (400, {"code": "DataInspectionFailed", "message": "Output data may contain something", "request_id": "1"}),
        (400, {"error": {"code": "400", "message": _LITELLM}}),
        (400, {"error": {"code": "400", "message": "litellm.ContentPolicyViolationError: no"}}),
        (400, {"error": {"code": "400", "message": _FAR + "triggering Azure OpenAI's content management policy."}}),
        (
            400,
            {
                "error": {
                    "message": "upstream said no",
                    "provider_specific_fields": {"innererror": {"code": "ResponsibleAIPolicyViolation"}},
                }
            },
        ),
        (400, {"error": {"message": {"error": "Violated guardrail policy", "guardrail": "x"}, "code": "400"}}),
        (400, {"error": {"message": "{'error': 'Violated guardrail policy'}", "code": "400"}}),
        (400, {"error": {"code": "1301", "message": "系统检测到输入或生成内容可能包含不安全或敏感内容"}}),
        (400, {"error": {"code": "SensitiveContentDetected", "message": "x"}}),
        (400, {"error": {"code": "InputImageSensitiveContentDetected", "message": "x"}}),
        (400, {"error": {"code": "OutputTextSensitiveContentDetected.SevereViolation", "message": "x"}}),
        (400, {"error": {"code": "InputTextRiskDetection", "message": "x"}}),
        (200, {"choices": None, "base_resp": {"status_code": 1026, "status_msg": "input new_sensitive"}}),
        (200, {"choices": [], "base_resp": {"status_code": 1027, "status_msg": "output new_sensitive"}}),
        (400, {"error_code": "BAD_REQUEST", "message": '{"finishReason":"input_guardrail_triggered"}'}),
        (400, {"error": {"code": "input_guardrail_triggered", "message": "x"}}),
        (400, {"error": {"message": "This request was blocked by our content policies."}}),
        (400, [{"error": {"code": 400, "message": "The prompt was blocked, as it may violate our policies."}}]),
        (400, {"error": "Content violates usage guidelines. Team: t, API key ID: k"}),
        (400, {"error": {"message": "Content Exists Risk", "type": "invalid_request_error"}}),
        (400, {"error": {"message": "The request was rejected because it was considered high risk"}}),
        (400, {"error": {"code": "invalid_prompt", "message": "Your prompt was flagged as potentially violating it"}}),
        (
            403,
            {
                "code": "The caller does not have permission to execute the specified operation",
                "error": "Content violates usage guidelines. Team: t, Failed check: SAFETY_CHECK_TYPE_BIO",
            },
        ),
        (403, {"error": {"message": "Forbidden. Failed check: SAFETY_CHECK_TYPE_CSAM"}}),
        (403, {"error": {"code": 403, "message": "flagged", "metadata": {"reasons": ["violence"]}}}),
        (200, {"error": {"code": 403, "message": "x", "metadata": {"flagged_input": "..."}}}),
        (
            200,
            {"error": {"code": 400, "message": "Provider returned error", "metadata": {
                "raw": '{"error":{"message":"no","code":"content_filter"}}'}}},
        ),
        (451, {}),
        (451, {"error": {"message": "the censor said no"}}),
        (
            200,
            {
                "choices": [],
                "prompt_filter_results": [
                    {"prompt_index": 0, "content_filter_results": {"violence": {"filtered": True, "severity": "high"}}}
                ],
            },
        ),
        (200, {"promptFeedback": {"blockReason": "SAFETY"}}),
        (200, {"choices": [{"error": {"code": 400, "message": "blocked by our content policy"}}]}),
    ],
)  # fmt: skip
async def test_questions_that_the_provider_refuses(wire: Wire, status: int, body: Any) -> None:
    wire.fails(status, body)
    reply = await wire.ask()
    assert (reply.status, reply.text) == ("refused_by_api", "")
    assert len(wire.bodies) == 1


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, {"error": {"message": "Invalid image"}}),
        (400, {"error": {"message": 'Invalid value: input="tell me about your content policy, which was flagged"'}}),
        (422, {"detail": [{"loc": ["body", "x"], "msg": "Field required", "input": "the content policy"}]}),
        (422, {"detail": [{"loc": ["body"], "msg": "the moderation of x"}]}),
        (403, {"error": {"message": "account barred for violating usage policies"}}),
        (403, {"error": {"message": "Blocked by content filter of the network"}}),
        (403, {"error": "Your country is not served"}),
        (401, {"error": {"message": "your account was flagged by our safety system"}}),
        (429, {"error": {"message": "slow", "code": "content_filter_quota"}}),
        (503, {"error": {"message": "try later", "code": "moderation_service_unavailable"}}),
        (404, {"error": {"message": "No endpoints found matching your data policy"}}),
        (200, {"choices": [], "prompt_filter_results": [{"content_filter_results": {"hate": {"filtered": False}}}]}),
        (200, {"choices": None, "base_resp": {"status_code": 1004, "status_msg": "login fail"}}),
    ],
)
async def test_errors_that_are_no_refusals(wire: Wire, status: int, body: Any) -> None:
    wire.fails(status, body)
    error = await wire.error()
    assert error.fatal == (status in (401, 403, 404))


@pytest.mark.parametrize(
    "finish",
    ["content_filter", "content_filter: PROHIBITED_CONTENT", "SAFETY", "refusal", "guardrail_intervened",
     "ERROR_TOXIC", "content-filter", "sensitive", "RECITATION", "input_guardrail_triggered", "IMAGE_SAFETY"],
)  # fmt: skip
async def test_answers_that_the_provider_withholds(wire: Wire, finish: str) -> None:
    wire.answers(content=None, finish_reason=finish)
    reply = await wire.ask()
    assert (reply.status, reply.finish_reason) == ("refused_by_api", finish.lower().replace("-", "_"))


@pytest.mark.parametrize(
    "finish",
    ["error", "abort", "aborted", "cancelled", "canceled", "CANCELLED", "USER_CANCEL", "network_error",
     "insufficient_system_resource", "timeout", "failed", "server_error"],
)  # fmt: skip
@pytest.mark.parametrize("text", ["Sure, first you", ""])
async def test_a_generation_that_broke_off_is_no_answer_and_may_come_again(wire: Wire, finish: str, text: str) -> None:
    wire.answers(content=text, finish_reason=finish)
    error = await wire.error()
    assert error.retryable
    assert not error.fatal
    assert "broke off" in str(error)


@pytest.mark.parametrize("finish", ["malformed_function_call", "other", "no_idea", "language"])
async def test_no_text_for_an_unknown_reason_is_an_error(wire: Wire, finish: str) -> None:
    wire.answers(content="", finish_reason=finish)
    assert finish in str(await wire.error())
    wire.answers(content="said", finish_reason=finish)
    assert (await wire.ask()).text == "said"


@pytest.mark.parametrize(
    ("finish", "ours"),
    [("model_context_window_exceeded", "length"), ("max_tokens", "length"), ("MAX_TOKENS", "length"),
     ("model_length", "length"), ("end_turn", "stop"), ("eos", "stop"), ("COMPLETE", "stop"), (None, "stop"),
     ("tool_calls", "tool_calls")],
)  # fmt: skip
async def test_ends_in_other_words(wire: Wire, finish: str | None, ours: str) -> None:
    wire.answers(content="", finish_reason=finish)
    reply = await wire.ask()
    assert (reply.status, reply.finish_reason, reply.text) == ("ok", ours, "")


async def test_what_was_refused_is_not_asked_again_and_what_broke_off_is(wire: Wire, tmp_path: Path) -> None:
    def react(question: Any) -> Any:
        if "bad" in question.text:
            body = {"code": "x", "error": "Content violates usage guidelines. Failed check: SAFETY_CHECK_TYPE_BIO"}
            return web.json_response(body, status=403)
        return {
            "choices": [
                {"message": {"content": "Sure"}, "finish_reason": "abort" if "cut" in question.text else "stop"}
            ]
        }

    wire.react = react
    words = ["bad", "fine", "cut"]
    items = [Item(f"{n}", (Message("user", (f"{words[n % 3]} {n}",)),)) for n in range(36)]
    settings = RunSettings(retries=0)

    async def statuses() -> list[str]:
        model = wire.model()
        with Journal.open(tmp_path / "journal.jsonl", dict(model.identity)) as journal:
            return [row.answer.status for row in (await run(items, model, [], journal, settings=settings)).rows]

    assert await statuses() == ["refused_by_api", "ok", "error"] * 12
    assert len(wire.bodies) == 36
    wire.bodies.clear()
    await statuses()
    assert {json.dumps(body["messages"][0]["content"])[1:4] for body in wire.bodies} == {"cut"}


async def test_a_refusal_keeps_its_words(wire: Wire) -> None:
    for message in (
        {"content": "", "refusal": "I'm sorry"},
        {"content": None, "refusal": "I'm sorry"},
        {"content": [{"type": "refusal", "refusal": "I'm sorry"}]},
        {"content": [], "refusal": "I'm sorry"},
    ):
        wire.answers(**message)
        assert (await wire.ask()).text == "I'm sorry"


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (["hello", " there"], "hello there"),
        ({"type": "text", "text": "one"}, "one"),
        ([{"type": "text", "text": {"value": "deep"}}], "deep"),
        ([None, {"type": "text", "text": None}, "x"], "x"),
        ([{"type": "reasoning", "text": "hm"}, {"type": "text", "text": "so"}], "so"),
    ],
)
async def test_contents_of_other_shapes_are_read(wire: Wire, content: Any, text: str) -> None:
    wire.answers(content=content)
    assert (await wire.ask()).text == text


async def test_a_message_that_is_no_text_is_an_error(wire: Wire) -> None:
    for content in (7, True, [7]):
        wire.answers(content=content)
        with pytest.raises(ModelError, match="not text"):
            await wire.model().generate(Request(ASK.messages))
