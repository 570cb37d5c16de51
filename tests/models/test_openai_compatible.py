"""The API client against a real local server: what goes out, what is understood, what is never told."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import logging
import math
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from PIL import Image as Pillow

from foresee.errors import ModelError, UserError
from foresee.models import open_model
from foresee.models._chat import choice_probabilities
from foresee.models._images import Handling, data_url, first_frame
from foresee.models._providers import PROVIDERS
from foresee.models.openai_compatible import ApiModel, open_api_model
from foresee.records import Generation, Image, Item, Message, Reply, Request
from foresee.runner import RunSettings, run
from foresee.runner.journal import Journal
from tests.support.figures import known
from tests.support.wire import ASK, Wire

KEY = "sk-test-0123456789abcdefghij"


# What goes out.


async def test_the_body_of_a_plain_question(wire: Wire) -> None:
    messages = (Message("system", ("be brief",)), Message("user", ("one", "two")))
    await wire.ask(Request(messages, Generation(temperature=0.5, top_p=0.9, max_tokens=7, seed=3, stop=("#",))))
    assert wire.bodies[0] == {
        "model": "m",
        "messages": [{"role": "system", "content": "be brief"}, {"role": "user", "content": "one\ntwo"}],
        "max_tokens": 7,
        "temperature": 0.5,
        "top_p": 0.9,
        "seed": 3,
        "stop": ["#"],
        "stream": False,
    }


async def test_neutral_settings_are_left_out_except_for_servers_with_defaults_of_their_own(wire: Wire) -> None:
    await wire.ask()
    assert not {"top_p", "seed", "stop", "repetition_penalty", "top_k"} & wire.bodies[0].keys()
    await wire.model("vllm").generate(ASK)
    neutral = {"top_p": 1.0, "top_k": -1, "min_p": 0.0, "repetition_penalty": 1.0}
    assert neutral.items() <= wire.bodies[1].items()
    await wire.model("llamacpp").generate(ASK)
    assert {"top_k": 0, "repeat_penalty": 1.0, "repeat_last_n": -1}.items() <= wire.bodies[2].items()


async def test_a_repetition_penalty_goes_to_servers_that_know_it_under_their_name_for_it(wire: Wire) -> None:
    asked = Request(ASK.messages, Generation(repetition_penalty=1.05))
    for number, (provider, name) in enumerate(
        [("vllm", "repetition_penalty"), ("llamacpp", "repeat_penalty"), ("custom", "repetition_penalty")]
    ):
        await wire.model(provider).generate(asked)
        assert wire.bodies[number][name] == 1.05
    with pytest.raises(ModelError, match="takes no repetition penalty"):
        await wire.model("ollama").generate(asked)
    await wire.model("vllm").generate(replace(asked, choices=("Yes", "No")))
    assert wire.bodies[-1]["repetition_penalty"] == 1.0, "the first word is scored as it is"


async def test_extra_fields_go_into_the_body(wire: Wire) -> None:
    await wire.ask(extra_body={"top_k": 5, "temperature": 0.3}, reasoning_effort="low")
    assert wire.bodies[0]["top_k"] == 5
    assert wire.bodies[0]["temperature"] == 0.3
    assert wire.bodies[0]["reasoning_effort"] == "low"
    with pytest.raises(UserError, match="extra_body: messages can't be replaced"):
        wire.model(extra_body={"messages": []})


async def test_structured_output_is_asked_for_by_schema(wire: Wire) -> None:
    schema = {"type": "object", "properties": {"r": {"type": "integer"}}}
    await wire.ask(Request(ASK.messages, schema=schema))
    asked = wire.bodies[0]["response_format"]
    assert asked["type"] == "json_schema"
    assert asked["json_schema"]["schema"] == schema
    with pytest.raises(ModelError, match="ignores the shape"):
        await wire.model("anthropic", api_key_env="PATH_LIKE").generate(Request(ASK.messages, schema=schema))


@pytest.fixture(autouse=True)
def _keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH_LIKE", "abc")
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


async def test_the_name_of_the_token_limit_is_learnt_once(wire: Wire) -> None:
    def react(question: Any) -> Any:
        if "max_tokens" in question.body:
            message = "Unsupported parameter: 'max_tokens' is not supported. Use 'max_completion_tokens' instead."
            return web.json_response({"error": {"message": message, "param": "max_tokens"}}, status=400)
        return None

    wire.react = react
    model = wire.model()
    await asyncio.gather(*(model.generate(ASK) for _ in range(5)))
    assert len(wire.bodies) == 10
    wire.bodies.clear()
    await model.generate(ASK)
    assert [set(body) & {"max_tokens", "max_completion_tokens"} for body in wire.bodies] == [{"max_completion_tokens"}]
    error = await wire.error(max_tokens_field="max_tokens")
    assert "Unsupported parameter" in str(error)


async def test_sampling_settings_that_a_model_refuses_are_left_out_and_said_so(
    wire: Wire, caplog: pytest.LogCaptureFixture
) -> None:
    def react(question: Any) -> Any:
        if "temperature" in question.body:
            message = "Unsupported value: 'temperature' does not support 0 with this model. Only the default (1)"
            return web.json_response({"error": {"message": message, "param": "temperature"}}, status=400)
        return None

    wire.react = react
    model = wire.model()
    await asyncio.gather(*(model.generate(ASK) for _ in range(5)))
    assert "temperature" not in wire.bodies[-1]
    assert [record.message for record in caplog.records if record.name == "foresee"] == [
        "custom/m does not take 'temperature': answers are sampled with the server's own setting"
    ]


async def test_a_value_out_of_range_is_an_error_and_not_dropped(wire: Wire) -> None:
    wire.fails(400, {"error": {"message": "temperature must be between 0 and 1", "param": "temperature"}})
    assert "must be between" in str(await wire.error())
    assert len(wire.bodies) == 1


# What is understood.


async def test_an_answer_with_everything(wire: Wire) -> None:
    wire.react = lambda question: {
        "model": "m-2024",
        "provider": "Elsewhere",
        "usage": {"prompt_tokens": 11, "completion_tokens": 5},
        "choices": [{"message": {"content": "Hi", "reasoning_content": "hm"}, "finish_reason": "length"}],
    }
    reply = await wire.ask()
    assert (reply.text, reply.reasoning, reply.finish_reason, reply.status) == ("Hi", "hm", "length", "ok")
    assert (reply.usage.input_tokens, reply.usage.output_tokens) == (11, 5)
    assert reply.served_by == "m-2024 (Elsewhere)"
    assert reply.seconds > 0


@pytest.mark.parametrize(
    ("message", "text", "reasoning"),
    [
        ({"content": None}, "", ""),
        ({"content": ""}, "", ""),
        ({"content": None, "refusal": "I can't"}, "I can't", ""),
        ({"content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}, "ab", ""),
        (
            {"content": [{"type": "thinking", "thinking": [{"text": "t"}]}, {"type": "text", "text": "a"}]},
            "a",
            "t",
        ),
        ({"content": "a", "reasoning": "because"}, "a", "because"),
        ({"content": "half \ud800 pair"}, "half ? pair", ""),
        ({"content": "安全 \u2028 ok"}, "安全 \u2028 ok", ""),
    ],
)
async def test_where_text_and_reasoning_may_be(wire: Wire, message: Any, text: str, reasoning: str) -> None:
    wire.answers(**message)
    reply = await wire.ask()
    assert (reply.text, reply.reasoning, reply.status) == (text, reasoning, "ok")


@pytest.mark.parametrize(
    ("status", "error", "expected"),
    [
        (400, {"error": {"message": "bad image"}}, {}),
        (413, {"detail": "too large"}, {}),
        (422, {"detail": [{"loc": ["body"], "msg": "the moderation of x"}]}, {}),
        (401, {"error": {"message": "no key"}}, {"fatal": True}),
        (403, {"error": {"message": "account barred for violating usage policies"}}, {"fatal": True}),
        (404, {"error": "model 'm' not found"}, {"fatal": True}),
        (402, {"error": {"message": "no credits"}}, {"fatal": True}),
        (429, {"error": {"message": "quota", "code": "insufficient_quota"}}, {"fatal": True}),
        (429, {"error": {"message": "slow"}}, {"retryable": True}),
        (500, {"error": {"message": "oops"}}, {"retryable": True}),
        (503, {"object": "error", "message": "loading"}, {"retryable": True}),
        (529, {"error": {"message": "overloaded"}}, {"retryable": True}),
        (
            400,
            [{"error": {"code": 400, "message": "API key not valid. Please pass a valid API key."}}],
            {"fatal": True},
        ),
        (200, {"error": {"code": 502, "message": "upstream"}}, {"retryable": True, "status": 502}),
        (200, {"choices": [{"error": {"code": 429, "message": "late"}}]}, {"retryable": True, "status": 429}),
        (
            200,
            {"choices": [{"message": {"content": "Hal"}}], "error": {"code": 503, "message": "upstream died"}},
            {"retryable": True, "status": 503},
        ),
    ],
)
async def test_failures_and_what_may_help(wire: Wire, status: int, error: Any, expected: Any) -> None:
    wire.fails(status, error)
    failure = await wire.error()
    wanted = {"fatal": False, "retryable": False, "status": status, **expected}
    assert {name: getattr(failure, name) for name in wanted} == wanted
    assert str(failure).startswith(f"custom/m: HTTP {wanted['status']}: ")


@pytest.mark.parametrize(
    ("headers", "error", "seconds"),
    [
        ({"Retry_After": "7"}, {"message": "x"}, 7.0),
        ({"Retry_After": "0.5"}, {"message": "x"}, 0.5),
        ({"retry_after_ms": "250", "Retry_After": "1"}, {"message": "x"}, 0.25),
        ({"Retry_After": "Wed, 21 Oct 2015 07:28:00 GMT"}, {"message": "x"}, 0.0),
        ({"Retry_After": "soon"}, {"message": "x"}, None),
        ({"Retry_After": "-3"}, {"message": "x"}, None),
        ({}, {"message": "x", "details": [{"@type": "RetryInfo", "retryDelay": "17s"}]}, 17.0),
        ({}, {"message": "x"}, None),
    ],
)
async def test_how_long_a_server_asks_to_wait(wire: Wire, headers: Any, error: Any, seconds: float | None) -> None:
    wire.fails(429, {"error": error}, **headers)
    assert (await wire.error()).retry_after == seconds


async def test_a_wrong_model_name_shows_those_that_exist(wire: Wire) -> None:
    wire.server.rules.models = ("qwen-vl-7b", "qwen-vl-72b", "gemma")
    model = open_api_model("custom", "qwen-vl-8b", {"base_url": wire.url})
    assert isinstance(model, ApiModel)
    wire.models.append(model)
    replies = await asyncio.gather(*(model.generate(ASK) for _ in range(8)), return_exceptions=True)
    assert {str(reply) for reply in replies} == {
        "custom/qwen-vl-8b: HTTP 404: The model 'qwen-vl-8b' does not exist; models there: qwen-vl-7b, qwen-vl-72b"
    }
    assert await model.known_models() == ["gemma", "qwen-vl-72b", "qwen-vl-7b"]


async def test_redirects_are_not_followed_with_the_key(wire: Wire) -> None:
    wire.fails(307, {}, Location="http://example.invalid/v1/chat/completions")
    error = await wire.error()
    assert error.fatal
    assert "check base_url" in str(error)


@pytest.mark.parametrize(
    ("encoding", "stated"),
    [("utf-8", None), ("latin-1", "iso-8859-1"), ("utf-16", "utf-16"), ("utf-8", "iso-8859-1"), ("utf-8", "nonsense")],
)
async def test_texts_are_read_in_the_encoding_that_they_have(wire: Wire, encoding: str, stated: str | None) -> None:
    body = '{"choices": [{"message": {"content": "c\'est sûr"}}]}'.encode(encoding)
    kind = "application/json" + (f"; charset={stated}" if stated else "")
    wire.react = lambda question: web.Response(body=body, headers={"Content-Type": kind})
    assert (await wire.ask()).text == "c'est sûr"


async def test_a_response_without_end_is_cut(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("foresee.models._http._MAX_RESPONSE", 10_000)
    wire.answers(content="x" * 20_000)
    assert "sent more than 10,000 bytes" in str(await wire.error())


# Probabilities.


async def test_first_word_scoring_adds_up_the_spellings(wire: Wire) -> None:
    top = [("Yes", 0.5), (" yes", 0.2), ("YES.", 0.05), ("No", 0.1), ("I", 0.1), ("Un", 0.02)]
    tokens = [{"token": token, "logprob": math.log(p)} for token, p in top]
    choice = {"message": {"content": "Yes"}, "logprobs": {"content": [{**tokens[0], "top_logprobs": tokens}]}}
    wire.react = lambda question: {"choices": [choice]}
    reply = await wire.ask(Request(ASK.messages, choices=("Yes", "No")))
    assert known(reply.choice_probabilities) == {"Yes": pytest.approx(0.75), "No": pytest.approx(0.1)}
    assert wire.bodies[0]["max_tokens"] == 1
    assert wire.bodies[0]["logprobs"] is True
    assert wire.bodies[0]["top_logprobs"] == 20
    wire.answers(content="Yes")
    assert "no log probabilities" in str(await wire.error(Request(ASK.messages, choices=("Yes", "No"))))


def test_which_tokens_count_for_which_choice() -> None:
    assert choice_probabilities([("un", 0.0)], ("safe", "unsafe")) == {"safe": 0.0, "unsafe": 1.0}
    assert choice_probabilities([("s", 0.0)], ("safe", "unsafe")) == {"safe": 0.0, "unsafe": 0.0}
    assert choice_probabilities([("sa", 0.0)], ("safe", "sane")) == {"safe": 0.0, "sane": 0.0}
    assert choice_probabilities([("▁Safe", 0.0)], ("safe", "unsafe")) == {"safe": 1.0, "unsafe": 0.0}
    assert choice_probabilities([("Unsafely", 0.0)], ("safe", "unsafe")) == {"safe": 0.0, "unsafe": 0.0}
    assert choice_probabilities([("", 0.0), ("\n", 0.0), ("**", 0.0)], ("A", "B")) == {"A": 0.0, "B": 0.0}
    assert choice_probabilities([("A", 0.0), (" A", 0.0)], ("A", "B")) == {"A": 1.0, "B": 0.0}


async def test_token_log_probabilities(wire: Wire) -> None:
    content = [{"token": "a", "logprob": -0.5}, {"token": "b", "logprob": float("-inf")}, {"token": "c"}]
    wire.react = lambda question: {"choices": [{"message": {"content": "abc"}, "logprobs": {"content": content}}]}
    assert (await wire.ask(Request(ASK.messages, logprobs=True))).logprobs == (-0.5, -10_000.0, -10_000.0)


def test_capabilities_follow_the_provider_and_the_option(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "x")
    assert "first_token" in open_api_model("vllm", "m", {}).capabilities
    assert "first_token" not in open_api_model("ollama", "m", {}).capabilities
    assert "first_token" in open_api_model("ollama", "m", {"logprobs": True}).capabilities
    assert open_api_model("anthropic", "m", {}).capabilities == {"images"}


# Images.


def _encoded(picture: Pillow.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def _noise(side: int = 32) -> Pillow.Image:
    return Pillow.effect_noise((side, side), 80).convert("RGB")


def _sent(data: bytes, **handling: Any) -> tuple[str, bytes]:
    formats = handling.pop("formats", PROVIDERS["openai"].formats)
    head, _, text = data_url(Image.from_bytes(data), Handling(frozenset(formats), **handling)).partition(",")
    return head, base64.b64decode(text)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF"])
def test_bytes_go_out_as_they_are_where_the_server_takes_them(kind: str) -> None:
    data = _encoded(_noise(), kind)
    assert _sent(data) == (f"data:image/{kind.lower()};base64", data)


def test_the_kind_is_told_by_content_and_not_by_name(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(_encoded(_noise(), "PNG"))
    url = data_url(Image.from_path(path), Handling(PROVIDERS["openai"].formats))
    assert url.startswith("data:image/png;base64,")


def test_a_picture_pair_is_cut_to_its_first_frame_bit_for_bit() -> None:
    first, second = _noise(48), _noise(64)
    plain = _encoded(first, "JPEG", quality=80)
    for progressive in (False, True):
        pair = _encoded(first, "MPO", save_all=True, append_images=[second], quality=80, progressive=progressive)
        head, sent = _sent(pair)
        assert head == "data:image/jpeg;base64"
        with Pillow.open(io.BytesIO(sent)) as found, Pillow.open(io.BytesIO(pair)) as original:
            assert found.format == "JPEG"
            assert found.size == (48, 48)
            assert found.tobytes() == original.convert("RGB").tobytes()
        assert len(sent) < len(pair) - 500
    assert first_frame(plain) == plain
    for cut in range(0, len(plain), 7):
        first_frame(plain[:cut])  # never raises, never loops


def test_formats_that_the_server_does_not_take_become_png() -> None:
    picture = _noise()
    cases: list[tuple[bytes, dict[str, Any]]] = [
        (_encoded(picture, "BMP"), {}),
        (_encoded(picture, "WEBP", lossless=True), {"formats": {"JPEG", "PNG"}}),
        (_encoded(picture, "PNG"), {"reencode": "png"}),
        (_encoded(picture, "GIF", save_all=True, append_images=[_noise()]), {}),
    ]
    for data, options in cases:
        head, sent = _sent(data, **options)
        assert head == "data:image/png;base64"
        with Pillow.open(io.BytesIO(sent)) as found:
            assert (found.format, found.mode, found.size) == ("PNG", "RGB", (32, 32))
    data = _encoded(picture, "BMP")
    assert _sent(data, reencode="never") == ("data:image/bmp;base64", data)


def test_large_pictures_are_scaled_on_request_only() -> None:
    data = _encoded(_noise(200).resize((200, 100)), "JPEG")
    assert _sent(data)[1] == data
    assert _sent(data, max_side=200)[1] == data
    with Pillow.open(io.BytesIO(_sent(data, max_side=50)[1])) as found:
        assert found.size == (50, 25)


def test_what_is_no_sound_picture_is_not_sent(tmp_path: Path) -> None:
    whole = _encoded(_noise(64), "JPEG")
    bomb = _encoded(Pillow.new("1", (9000, 9000)), "PNG")
    for data, message in [
        (b"", "empty"),
        (b"<!DOCTYPE html><html></html>", "HTML"),
        (b"\x89PNG\r\n\x1a\nrubbish", "damaged PNG"),
        (whole[: len(whole) // 2], "cut-off JPEG"),
        (bomb, "unpacks to 9000 x 9000"),
    ]:
        path = tmp_path / "picture.jpg"
        path.write_bytes(data)
        with pytest.raises(ModelError, match=message) as caught:
            data_url(Image.from_path(path), Handling(PROVIDERS["openai"].formats))
        assert "picture.jpg" in str(caught.value)
        assert not caught.value.retryable


async def test_a_picture_is_prepared_once_for_all_calls_that_hold_it(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []

    def counting(image: Image, handling: Handling) -> str:
        made.append(image.sha256)
        time.sleep(0.05)
        return data_url(image, handling)

    monkeypatch.setattr("foresee.models._images.data_url", counting)
    image = Image.from_bytes(_encoded(_noise(), "PNG"))
    model = wire.model(image_detail="low")
    request = Request((Message("user", ("before", image, "after")),))
    calls = [asyncio.create_task(model.generate(request)) for _ in range(6)]
    await asyncio.sleep(0.005)
    calls[0].cancel()  # the one that began preparing
    replies = await asyncio.gather(*calls, return_exceptions=True)
    assert [isinstance(reply, Reply) for reply in replies] == [False, True, True, True, True, True]
    assert len(made) == 1
    content = wire.bodies[-1]["messages"][0]["content"]
    assert [part["type"] for part in content] == ["text", "image_url", "text"]
    assert content[1]["image_url"]["detail"] == "low"
    assert base64.b64decode(content[1]["image_url"]["url"].partition(",")[2]) == image.read()
    await model.generate(request)
    assert len(made) == 2, "nothing is kept once no call needs it"


async def test_large_bodies_arrive_whole(wire: Wire) -> None:
    data = _encoded(_noise(1200), "PNG")
    assert len(data) > 1_000_000
    await wire.ask(Request((Message("user", (Image.from_bytes(data), "?")),)))
    assert base64.b64decode(known(wire.server.last).images[0].partition(",")[2]) == data


# Keys and addresses.


async def test_the_key_is_in_the_header_and_nowhere_else(
    wire: Wire, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("CUSTOM_API_KEY", KEY)
    wire.fails(400, {"error": {"message": f"you sent {KEY}, that is Bearer {KEY} or {KEY[:12]}****"}})
    model = wire.model()
    items = [Item(str(n), (Message("user", (f"question {n}",)),)) for n in range(3)]
    with Journal.open(tmp_path / "journal.jsonl", dict(model.identity)) as journal:
        results = await run(items, model, [], journal, settings=RunSettings(retries=0))
    assert known(wire.server.last).headers["Authorization"] == f"Bearer {KEY}"
    told = [
        (tmp_path / "journal.jsonl").read_text(),
        repr(model),
        str(results),
        caplog.text,
        json.dumps(model.identity),
    ]
    for text in told:
        assert KEY not in text
        assert KEY[:12] not in text
    assert "you sent ***" in results.rows[0].answer.reason
    wire.fails(400, {"error": {"message": "\x1b[31mred\x07 \r\nand wide\u202e"}})
    assert str(await wire.error()) == "custom/m: HTTP 400:  [31mred  and wide "
    wire.fails(401, {"error": {"message": f"Incorrect API key provided: {KEY}"}})
    error = await wire.error()
    assert str(error) == "custom/m: HTTP 401: Incorrect API key provided: ***; check the key in CUSTOM_API_KEY"


async def test_a_key_that_comes_back_in_an_answer_is_not_kept(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUSTOM_API_KEY", "plainwords")
    wire.react = lambda question: {
        "model": "plainwords",
        "choices": [{"message": {"content": "it is plainwords", "reasoning": "plainwords?"}}],
    }
    reply = await wire.ask()
    assert (reply.text, reply.reasoning, reply.served_by) == ("it is ***", "***?", "***")


async def test_no_key_no_header(wire: Wire) -> None:
    await wire.ask()
    assert "Authorization" not in known(wire.server.last).headers


@pytest.mark.parametrize("provider", ["openai", "gemini", "anthropic", "openrouter"])
def test_a_key_that_is_not_set_is_one_line(provider: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GOOGLE_API_KEY", raising=False)
    with pytest.raises(UserError, match=f"{provider} needs a key: set the environment variable {provider.upper()}_API"):
        open_model(f"{provider}/some-model")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"api_key": KEY}, "no model .-M. option named 'api_key'; did you mean api_key_env"),
        ({"api_key_env": KEY}, "expected the NAME of an environment variable"),
        ({"base_url": "localhost:8000"}, "expected http://HOST:PORT/v1"),
        ({"base_url": f"http://me:{KEY}@host/v1"}, "without a password"),
        ({"base_url": f"http://host/v1?key={KEY}"}, "without a password or a query"),
        ({"timeout": -1}, "timeout"),
        ({"reencode": "maybe"}, "reencode"),
        ({}, "needs the server's address: -M base_url=.* or CUSTOM_BASE_URL"),
    ],
)
def test_options_that_do_not_fit_are_one_line_without_secrets(options: Any, message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        open_api_model("custom", "m", options)
    assert "\n" not in str(caught.value)
    assert KEY not in str(caught.value)


def test_a_key_with_a_line_break_inside_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-abc\ndef")
    with pytest.raises(UserError, match="the key in OPENAI_API_KEY holds blanks") as caught:
        open_api_model("openai", "m", {})
    assert "abc" not in str(caught.value)


async def test_where_the_address_comes_from(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    assert open_api_model("vllm", "m", {}).base_url == "http://localhost:8000/v1"
    monkeypatch.setenv("VLLM_BASE_URL", "http://there/v1/")
    assert open_api_model("vllm", "m", {}).base_url == "http://there/v1"
    model = open_api_model("vllm", "m", {"base_url": "https://here:1/v1/chat/completions"})
    assert model.base_url == "https://here:1/v1"
    assert model.identity == {"provider": "vllm", "model": "m"}
    assert "here" in repr(model)


def test_identity_holds_what_changes_answers_and_not_how_they_are_fetched() -> None:
    def identity(**options: Any) -> Any:
        return open_api_model("custom", "m", {"base_url": "http://a/v1", **options}).identity

    assert identity() == identity(base_url="http://b/v1", timeout=5, connections=3)
    assert identity() != identity(extra_body={"top_k": 1})
    assert identity() != identity(max_image_side=100)


async def test_a_proxy_of_the_environment_is_used_except_for_this_machine(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", wire.url.removesuffix("/v1"))
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    seen: list[str] = []

    async def note(request: web.Request) -> web.Response:
        seen.append(str(request.url))
        return web.json_response({"choices": [{"message": {"content": "by proxy"}}]})

    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", note)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{runner.addresses[0][1]}")
    elsewhere = wire.model(base_url="http://models.invalid/v1")
    assert (await elsewhere.generate(ASK)).text == "by proxy"
    assert seen == ["http://models.invalid/v1/chat/completions"]
    assert (await wire.ask()).text == "Yes, this is safe."
    await runner.cleanup()


async def test_of_several_choices_the_one_of_index_0_is_the_answer(wire: Wire) -> None:
    wire.react = lambda question: {
        "choices": [{"index": 1, "message": {"content": "second"}}, {"index": 0, "message": {"content": "first"}}]
    }
    assert (await wire.ask(ASK)).text == "first"
