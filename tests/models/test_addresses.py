"""Where a server is and how its key is sent: Azure's addresses, what is no address, which flag a hint names."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from foresee.errors import UserError
from foresee.models import check_model, open_model
from foresee.models._providers import address, addresses
from foresee.models.openai_compatible import open_api_model
from tests.support.wire import ASK

KEY = "0123456789abcdef0123456789abcdef"


class Azure:
    """A server with Azure's addresses: deployment in the path, version in the query, key in its own header."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, dict[str, str], Any]] = []

    async def start(self) -> str:
        app = web.Application()
        app.router.add_route("*", "/{rest:.*}", self._answer)
        self.runner = web.AppRunner(app)
        await self.runner.setup()
        await web.TCPSite(self.runner, "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{self.runner.addresses[0][1]}/openai/deployments/gpt-4o"

    async def _answer(self, request: web.Request) -> web.Response:
        self.seen.append((str(request.rel_url), dict(request.headers), await request.json()))
        if request.query.get("api-version") != "2024-10-21" or request.headers.get("api-key") != KEY:
            return web.json_response({"error": {"code": "401", "message": "Access denied"}}, status=401)
        return web.json_response({"choices": [{"message": {"content": "Hi"}}]})


@pytest.fixture
async def azure(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[Azure, str]]:
    monkeypatch.setenv("CUSTOM_API_KEY", KEY)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    server = Azure()
    yield server, await server.start()
    await server.runner.cleanup()


@pytest.mark.parametrize("provider", ["custom", "openai"])
@pytest.mark.parametrize(
    "given",
    [
        {"base_url": "{}", "api_version": "2024-10-21"},
        {"base_url": "{}?api-version=2024-10-21"},
        {"base_url": "{}/chat/completions?api-version=2024-10-21"},
        {"base_url": "{}/", "api_version": "2024-10-21", "key_header": "api-key"},
    ],
)
async def test_azures_address_and_key(azure: tuple[Azure, str], provider: str, given: dict[str, str]) -> None:
    server, url = azure
    options = {**given, "base_url": given["base_url"].format(url)}
    check_model(f"{provider}/gpt-4o", options)
    model = open_api_model(provider, "gpt-4o", options)
    assert (await model.generate(ASK)).text == "Hi"
    await model.close()
    path, headers, body = server.seen[0]
    assert path == "/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21"
    assert "Authorization" not in headers
    assert body["stream"] is False
    assert KEY not in repr(model) + str(model.identity)


async def test_the_header_can_be_chosen(azure: tuple[Azure, str]) -> None:
    server, url = azure
    model = open_api_model("custom", "m", {"base_url": f"{url}?api-version=x", "key_header": "authorization"})
    with pytest.raises(Exception, match="HTTP 401"):
        await model.generate(ASK)
    await model.close()
    assert server.seen[0][1]["Authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize(
    "url",
    [
        "localhost:8000", "ftp://x:hunter2@h/", "http://", "http://[::1/x", "http://h:99999999/v1", "http://h:x/v1",
        "http://me:hunter2@h/v1", "http://h/v1?key=hunter2", "http://h/v1#hunter2", "http://h/v1?api-version=1&code=hunter2",
    ],
)  # fmt: skip
def test_what_is_no_address_is_one_line_without_its_secrets(url: str) -> None:
    for opened in (open_model, check_model):
        with pytest.raises(UserError, match="base_url: expected") as caught:
            opened("custom/m", {"base_url": url})
        assert "hunter2" not in str(caught.value)
        assert "\n" not in str(caught.value)


def test_plain_addresses() -> None:
    assert address("http://h:1/v1/", None) == ("http://h:1/v1", "")
    assert address("https://h/v1/chat/completions", None) == ("https://h/v1", "")
    assert address(" https://h/v1 ", "1") == ("https://h/v1", "?api-version=1")


@pytest.mark.parametrize("flag", ["-M ", "--judge-option ", "--judge-option 2.", "--set options.writer."])
def test_hints_name_the_flag_that_fits(flag: str) -> None:
    with pytest.raises(UserError, match="needs the server's address") as caught:
        open_model("custom/m", {}, flag=flag)
    assert f"{flag}base_url=http://HOST:PORT/v1" in str(caught.value)
    with pytest.raises(UserError, match="no model") as caught:
        open_model("custom/m", {"base_uri": "x"}, flag=flag)
    assert flag.rstrip(" .") in str(caught.value)


@pytest.mark.parametrize(
    "spec",
    ["custom/sk-0123456789abcdef", "openai/sk-proj-0123456789abcdef", "sk-0123456789abcdef", "sk-0123456789abcdef/m",
     "inspect/openai/sk-0123456789abcdef"],
)  # fmt: skip
def test_a_key_in_place_of_a_model_is_refused_and_not_repeated(spec: str) -> None:
    for opened in (open_model, check_model):
        with pytest.raises(UserError) as caught:
            opened(spec, {"base_url": "http://h/v1"})
        assert "0123456789abcdef" not in str(caught.value)


def test_several_addresses_and_a_file_of_them(tmp_path: Path) -> None:
    both = [("http://a:1/v1", ""), ("https://b/v1", "")]
    assert addresses("http://a:1/v1/, https://b/v1,http://a:1/v1", None) == both
    file = tmp_path / "servers.txt"
    file.write_text("# of the night\nhttp://a:1/v1\n\n  https://b/v1  # the other\n")
    assert addresses(str(file), None) == both
    assert open_model("custom/m", {"base_url": str(file)}).base_url == "http://a:1/v1,https://b/v1"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("http://a/v1,b:8000/v1", "before each address"),
        ("http://a/v1,http://me:hunt,er2@b/v1", "before each address"),
        ("http://me:hunt,er2@b/v1", "before each address"),
        ("{}/empty", "holds none"),
        ("{}/latin", "not UTF-8"),
        ("{}/none", "or a file of addresses"),
        ("{}/words", "or a file of addresses"),
    ],
)
def test_what_is_no_list_of_addresses_is_one_line(given: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("# nobody\n")
    (tmp_path / "latin").write_bytes(b"http://b\xe9/v1")
    (tmp_path / "words").write_text("http://a/v1\nnode07\n")
    with pytest.raises(UserError, match=f"base_url: .*{message}") as caught:
        check_model("custom/m", {"base_url": given.format(tmp_path)})
    assert "er2" not in str(caught.value)
