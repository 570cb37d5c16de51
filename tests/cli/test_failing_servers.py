"""Runs in which much fails say why, with counts; where nothing came at all they end with exit 2."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from PIL import Image as Picture

from tests.cli.conftest import Cli
from tests.support.acting import acting
from tests.support.rule_server import Rules, RuleServer


@pytest.fixture
def served() -> Iterator[tuple[RuleServer, str]]:
    with acting(Rules()) as pair:
        yield pair


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Six questions with an image and two without."""
    rows: list[dict[str, Any]] = [{"id": n, "prompt": f"{n}: safe?", "expected": "safe"} for n in range(8)]
    for row in rows[:6]:
        row["image"] = f"{row['id']}.png"
        Picture.new("RGB", (16, 16), (row["id"], 90, 160)).save(tmp_path / row["image"])
    path = tmp_path / "set.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


def _eval(cli: Cli, data: Path, url: str, *more: object) -> Any:
    given = ("--data", data, "--model", "custom/rules", "-M", f"base_url={url}", "--out", "run", "--retries", 0)
    return cli("eval", "jsonl", *given, *(more or ("--no-judge",)))


def _refusing(server: RuleServer, *, pictures: bool, message: str, status: int = 400) -> None:
    def react(question: Any) -> Any:
        if question.images or not pictures:
            return web.json_response(
                {"error": {"message": f"{message} (request {question.number}12345678)"}}, status=status
            )
        return None

    server.rules.react = react


def test_the_commonest_reasons_stand_under_the_table(cli: Cli, data: Path, served: tuple[RuleServer, str]) -> None:
    server, url = served
    _refusing(server, pictures=True, message="the picture is odd")
    done = _eval(cli, data, url)
    assert done.code == 0
    assert "2 of 8 rows answered; 6 failed" in done.out
    assert "failed: 6 × HTTP 400: the picture is odd" in done.out
    again = _eval(cli, data, url, "--no-judge", "--format", "json")
    assert any("6 × HTTP 400" in line for line in json.loads(again.out)[0]["warnings"])


def test_nothing_answered_is_exit_2_with_the_reason_and_the_next_run_asks_again(
    cli: Cli, data: Path, served: tuple[RuleServer, str]
) -> None:
    server, url = served
    _refusing(server, pictures=False, message="the model sleeps")
    done = _eval(cli, data, url)
    assert done.code == 2
    assert "0 of 8 rows answered; 8 failed" in done.out
    assert "nothing was answered: 8 × HTTP 400: the model sleeps" in done.err.splitlines()[-1]
    server.rules.react = None
    assert "8 of 8 rows answered" in _eval(cli, data, url).out


@pytest.mark.parametrize(
    "message",
    [
        'can only concatenate str (not "list") to str',
        "image input is not supported - hint: if this is unexpected, you may need to provide the mmproj",
        "messages[0].content must be a string",
        "This model does not support image input",
        "Input should be a valid string",
        "rules is not a multimodal model",
        "Invalid content type. image_url is only supported by certain models.",
    ],
)
def test_a_server_that_takes_text_alone_is_named(
    cli: Cli, data: Path, served: tuple[RuleServer, str], message: str
) -> None:
    server, url = served
    _refusing(server, pictures=True, message=message, status=500)
    done = _eval(cli, data, url)
    assert done.code == 0
    assert "take text alone" in " ".join(done.out.split())
    _refusing(server, pictures=True, message="overloaded", status=500)
    assert "take text alone" not in " ".join(_eval(cli, data, url).out.split())


def test_under_several_defenses_and_in_comparisons_too(cli: Cli, data: Path, served: tuple[RuleServer, str]) -> None:
    server, url = served
    _refusing(server, pictures=True, message="the picture is odd")
    both = _eval(cli, data, url, "--no-judge", "--defense", "none,safety_prompt")
    assert both.code == 0, both.err
    assert both.out.count("6 × HTTP 400: the picture is odd") == 2
    compared = cli("compare", "run/jsonl", "run/jsonl+safety_prompt")
    assert "A: failed: 6 × HTTP 400" in compared.out


def test_a_judge_model_whose_every_call_fails_is_exit_2(
    cli: Cli, data: Path, served: tuple[RuleServer, str], tmp_path: Path
) -> None:
    server, url = served
    assert _eval(cli, data, url).code == 0
    answered = server.total
    _refusing(server, pictures=False, message="no such judge")
    judge = ("--judge-model", "custom/rules", "--judge-option", f"base_url={url}", "--retries", 0)
    for done in (cli("score", "run", *judge), _eval(cli, data, url, *judge[:-2])):
        assert done.code == 2, done.out
        assert (
            "gave no verdict: 8 × the judge failed: custom/rules: HTTP 400: no such judge" in done.err.splitlines()[-1]
        )
    assert server.total > answered
    server.rules.react = None
    server.rules.answer = '{"reason": "it is", "constructive": 1, "score": 1}'
    assert cli("score", "run", *judge).code == 0


def test_refusals_of_the_provider_are_results_and_no_failure(
    cli: Cli, data: Path, served: tuple[RuleServer, str]
) -> None:
    server, url = served
    _refusing(server, pictures=False, message="blocked by our content policy")
    done = _eval(cli, data, url)
    assert done.code == 0, done.err
    assert "0 of 8 rows answered; 8 refused by the API" in done.out
    assert "refused: 8 × the provider withheld the answer (content_filter)" in done.out


def test_a_run_with_a_broken_servers_numbers_is_priced_resumed_and_exported(
    cli: Cli, data: Path, served: tuple[RuleServer, str]
) -> None:
    server, url = served
    counts = iter(["9" * 4300, "9" * 4000, str(2**63), "-5", "1e400", '"x"', "NaN", "3"] * 2)

    def react(question: Any) -> Any:
        usage = f'{{"prompt_tokens": {next(counts)}, "completion_tokens": 1}}'
        text = f'{{"choices": [{{"message": {{"content": "Yes"}}}}], "usage": {usage}}}'
        return web.Response(text=text, content_type="application/json")

    server.rules.react = react
    for _ in range(2):
        done = _eval(cli, data, url, "--no-judge", "--price", "1,2")
        assert done.code == 0, done.err
        assert "cost 0.00 USD" in done.out
    for kind in ("csv", "parquet"):
        assert cli("export", "run", "--format", kind, "--out", f"rows.{kind}").code == 0
    usage = json.loads(Path("run/manifest.json").read_text())["usage"]
    assert usage == {"input_tokens": 3, "output_tokens": 8}


@pytest.mark.parametrize(
    ("more", "hint"),
    [
        (("--model", "custom/m"), "-M base_url=http"),
        (("--model", "organism/base", "--judge-model", "custom/j"), "--judge-option base_url=http"),
        (("--model", "organism/base", "--judge-model", "custom/j,custom/k"), "--judge-option 1.base_url=http"),
    ],
)
def test_hints_name_the_flag_of_the_model_that_lacks_it(cli: Cli, data: Path, more: tuple[str, ...], hint: str) -> None:
    done = cli(
        "eval", "jsonl", "--data", data, "--out", "run", *more, *(() if "--judge-model" in more else ("--no-judge",))
    )
    assert done.code == 2
    assert hint in done.err


def test_hints_of_a_build_name_its_settings(cli: Cli) -> None:
    done = cli("curate", "consequence_pairs", "--set", "writer=custom/smart", "--set", "source=world", "--out", "ds")
    assert done.code == 2
    assert "--set options.writer.base_url=http" in done.err


@pytest.mark.parametrize("url", ["ftp://x:hunter2@h/", "http://h/v1?key=hunter2", "http://h/v1#hunter2", "h:8000"])
def test_a_dry_run_checks_addresses_as_a_run_does(cli: Cli, data: Path, url: str) -> None:
    for more in (("--no-judge",), ("--no-judge", "--dry-run")):
        done = _eval(cli, data, url, *more)
        assert done.code == 2
        assert "base_url: expected" in done.err
        assert "hunter2" not in done.err + done.out
    judge = ("--judge-model", "custom/j", "--judge-option", f"base_url={url}", "--dry-run")
    assert _eval(cli, data, "http://h/v1", *judge).code == 2


def test_no_key_is_shown_or_kept(cli: Cli, data: Path, served: tuple[RuleServer, str]) -> None:
    _, url = served
    options = ("-M", "extra_body={provider={auth='hunter2'}}", "-M", "extra_body.route.token=hunter2")
    done = _eval(cli, data, url, "--no-judge", *options)
    assert done.code == 0, done.err
    kept = [path.read_text() for path in Path("run").glob("*.json*")]
    assert len(kept) == 4, "manifest, items, journal, and what the terminal said"
    assert "hunter2" not in done.out + done.err + "".join(kept)
    again = _eval(cli, data, url, "--no-judge", *options)
    assert again.code == 0, again.err
    assert json.loads(Path("run/manifest.json").read_text())["asked"] == 0
    key = cli(
        "eval", "jsonl", "--data", data, "--model", "custom/sk-0123456789abcdef", "-M", f"base_url={url}", "--no-judge"
    )
    assert key.code == 2
    assert "0123456789abcdef" not in key.out + key.err


def test_azure_by_its_address_its_version_and_its_key_header(
    cli: Cli, data: Path, served: tuple[RuleServer, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    server, url = served
    monkeypatch.setenv("CUSTOM_API_KEY", "hunter2hunter2hunter2")
    ways = ((url, "-M", "api_version=2024-10-21"), (f"{url}/chat/completions?api-version=2024-10-21",))
    for place, (address, *way) in enumerate(ways):
        for more in (("--dry-run",), ("--out", f"azure{place}")):
            done = _eval(cli, data, address, "--no-judge", *way, *more)
            assert done.code == 0, done.err
        assert server.last is not None
        assert server.last.headers["api-key"] == "hunter2hunter2hunter2"
        assert "Authorization" not in server.last.headers
        assert "hunter2" not in Path(f"azure{place}/manifest.json").read_text()


def test_a_judge_whose_every_call_fails_has_checked_nothing(
    cli: Cli, tmp_path: Path, served: tuple[RuleServer, str]
) -> None:
    server, url = served
    _refusing(server, pictures=False, message="this deployment is broken")
    rows = [
        {"prompt": "a", "response": "I can't", "label": "safe"},
        {"prompt": "b", "response": "ok", "label": "unsafe"},
    ]
    labels = tmp_path / "labels.jsonl"
    labels.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    judge = ("--judge-model", "custom/rules", "--judge-option", f"base_url={url}")
    done = cli("judge", "check", "harmful", "--labels", labels, *judge)
    assert done.code == 2
    assert "none of the 2 answers was judged" in done.err
    assert "this deployment is broken" in done.err
    server.rules = Rules(answer="")
    done = cli("judge", "check", "harmful", "--labels", labels, *judge)
    assert done.code == 2
    assert "none of the 2 answers was judged: unusable reply of the judge model: the reply was empty (2)" in done.err


def test_several_servers_are_one_experiment_in_any_order_and_number(
    cli: Cli, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data = tmp_path / "many.jsonl"
    data.write_text("\n".join(json.dumps({"id": n, "prompt": f"{n}: safe?", "expected": "safe"}) for n in range(40)))
    with acting(Rules(latency=0.01)) as (_, a), acting(Rules(latency=0.01)) as (_, b), acting(Rules()) as (third, c):
        (tmp_path / "servers.txt").write_text(f"{a}\n{b}\n")
        done = _eval(cli, data, "servers.txt")
        assert done.code == 0, done.err
        assert "answers by server: " in done.out
        counts = json.loads(Path("run/manifest.json").read_text())["answered_at"]
        assert counts.keys() == {a, b}
        assert sum(counts.values()) == 40
        for urls in (f"{b},{a}", b, f"{c},{b}"):
            again = _eval(cli, data, urls)
            assert again.code == 0, again.err
            assert ("taken for the same model" in caplog.text) == (c in urls)
        refused = _eval(cli, data, "http://127.0.0.1:9/v1,http://127.0.0.1:10/v1")
        assert refused.code == 2
        assert "--moved" in refused.err
        assert third.total == 0, "all was answered already"
        exported = cli("export", "run", "--format", "csv", "--out", "rows.csv")
        assert exported.code == 0, exported.err
        assert Path("rows.csv").read_text().count(a) == counts[a]
        assert cli("report", "run", "--out", "page.html").code == 0
        page = Path("page.html").read_text()
        assert page.count(f'"server":"{a}"') + page.count(f'"server": "{a}"') == counts[a]
        assert cli("report", "run", "--public", "--out", "public.html").code == 0
        assert a not in Path("public.html").read_text(), "a public page says of servers what its command does"


def test_a_judge_model_at_two_servers_of_which_one_is_dead(
    cli: Cli, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data = tmp_path / "two.jsonl"
    data.write_text("\n".join(json.dumps({"id": n, "prompt": f"{n}: safe?", "expected": "harmful"}) for n in range(6)))
    with acting(Rules()) as (_, url), acting(Rules(models=("j",), answer="1")) as (judge, where):
        dead = "http://127.0.0.1:9/v1"
        judged = ("--judge-model", "custom/j", "--judge-option", f"base_url={dead},{where}")
        done = _eval(cli, data, url, *judged)
        assert done.code == 0, done.err
        assert judge.total >= 6, done.err + done.out + caplog.text
        assert f"custom/j at {dead} is left out until it answers again" in caplog.text
        assert "1 of 2 servers go on" in caplog.text
        assert json.loads(Path("run/manifest.json").read_text())["judged_at"] == {where: 12}, "by two judges"
        assert cli("show", "run", "3").out.count(f"judged at {where}") == 2
