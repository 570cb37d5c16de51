"""What goes wrong while a data set is built: kills, budgets, servers and models that misbehave, folders in use."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from foresee import dataset_format, manifest
from foresee.curation import BuildOptions, make
from foresee.errors import UserError
from foresee.evaluation.join import join
from foresee.files.shards import Shard
from tests.curation.conftest import ROOT, Cli, Served, drawn, play

RULES = "custom/rules"
VQA = {"writer": RULES, "painter": "custom-images/rules", "examples": 6}


def lines(folder: Path) -> int:
    path = folder / "rows.jsonl"
    return path.read_bytes().count(b"\n") if path.exists() else 0


def until(condition: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("recipe", "values", "rows"),
    [
        ("threat_vqa", {**VQA, "near_duplicates": 0}, 8),
        ("attack_rewrites", {"source": "world", "examples": 10, "writer": RULES}, 12),
    ],
)
def test_a_kill_loses_no_row_and_repeats_none(
    recipe: str, values: dict[str, Any], rows: int, served: Served, tmp_path: Path
) -> None:
    served.server.rules.latency = 0.1
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    settings = [part for key, value in values.items() for part in ("--set", f"{key}={value}")]
    command = [sys.executable, "-m", "foresee", "curate", recipe, *settings, "--out", str(killed), "--concurrency", "2"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
    until(lambda: lines(killed) >= rows or process.poll() is not None)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL, "it was to be killed in the middle"
    before = lines(killed)
    assert not manifest.read(killed, "data set")["finished"]
    painted = sum(served.server.painted.values())
    served.server.rules.latency = 0.0
    again = make(recipe, values, killed, options=BuildOptions(run_overrides={"concurrency": 2}))
    in_one_go = make(recipe, values, whole, options=BuildOptions(run_overrides={"concurrency": 2}))
    assert again.new == in_one_go.rows - before
    assert again.drops == in_one_go.drops
    assert (killed / "rows.jsonl").read_bytes() == (whole / "rows.jsonl").read_bytes()
    if recipe == "threat_vqa":
        assert painted > 0
        calls = [json.loads(line) for line in (killed / "work" / "calls.jsonl").open()][1:]
        assert len({call["key"] for call in calls}) == len(calls), "no finished call is made twice"


def test_a_budget_stops_cleanly_and_more_of_it_goes_on(served: Served, tmp_path: Path) -> None:
    out = tmp_path / "set"
    prices = ("painter=0.04", "writer=10,10")
    done = make(
        "threat_vqa", VQA, out, options=BuildOptions(run_overrides={"concurrency": 1}, prices=prices, budget=0.1)
    )
    assert (done.finished, done.stopped) == (False, "budget")
    assert done.usd is not None
    assert 0.1 <= done.usd < 0.2
    assert manifest.read(out)["stopped"] == "budget"
    painted = sum(served.server.painted.values())
    more = make(
        "threat_vqa", VQA, out, options=BuildOptions(run_overrides={"concurrency": 1}, prices=prices, budget=50)
    )
    assert more.finished
    assert more.rows > done.rows
    assert max(served.server.painted.values()) == 1, f"{painted} pictures were paid for already"


CHINESE = '{"scene": "桌子上有一盏红色的灯和两个蓝色的盒子"}'
REFUSED = {"error": {"message": "Your request was rejected by our safety system.", "code": "content_policy_violation"}}


@pytest.mark.parametrize(
    ("what", "reaction", "reason"),
    [
        ("paint", lambda q: web.json_response(REFUSED, status=400), "the painter declined to paint it"),
        ("paint", lambda q: b"<html>", "the painter sent no usable image"),
        ("paint", lambda q: drawn(1), "image the same as an earlier one"),
        ("react", lambda q: "", "empty answer of the writer"),
        ("react", lambda q: '<think>Okay. {"scene": "A lamp."}', "the writer thought and did not answer"),
        ("react", lambda q: '[THINK]{"scene": "A lamp."}[/THINK]', "the writer thought and did not answer"),
        ("react", lambda q: "I would rather talk about something else.", "no valid JSON from the writer"),
        ("react", lambda q: '{"scene": 7', "no valid JSON from the writer"),
        (
            "react",
            lambda q: '{"scene": "Auf dem Tisch ist eine Lampe und das Haus ist nicht auf der anderen Seite."}',
            "answer of the writer not in language 'en'",
        ),
        ("react", lambda q: CHINESE, "answer of the writer not in language 'en'"),
        ("react", lambda q: web.json_response(REFUSED, status=400), "the provider of the writer withheld the answer"),
        ("react", lambda q: {**_completion("{"), "usage": {}}, "answer of the writer cut off at 1024 tokens"),
    ],
)  # fmt: skip
def test_what_models_do_wrong_is_counted(
    what: str, reaction: Callable[[Any], Any], reason: str, served: Served, tmp_path: Path
) -> None:
    setattr(served.server.rules, what, reaction)
    done = make(
        "threat_vqa", {**VQA, "examples": 2}, tmp_path / "set", options=BuildOptions(run_overrides={"retries": 0})
    )
    assert done.drops[reason] >= 3 - (reason.startswith("image"))
    assert not done.failures
    assert manifest.read(tmp_path / "set")["drops"][reason] == done.drops[reason]


def _completion(text: str) -> dict[str, Any]:
    message = {"role": "assistant", "content": text}
    return {"choices": [{"index": 0, "message": message, "finish_reason": "length"}], "model": "rules"}


def test_painters_of_other_dialects_are_understood(served: Served, tmp_path: Path) -> None:
    asked: list[dict[str, Any]] = []

    def particular(question: Any) -> Any:
        asked.append(question.body)
        if "response_format" in question.body:
            error = {"error": {"message": "Unknown parameter: 'response_format'."}}
            return web.json_response(error, status=400)
        data = base64.b64encode(drawn(len(asked))).decode()
        return web.json_response({"data": [{"url": f"data:image/png;base64,{data}"}]})

    served.server.rules.paint = particular
    options = {"painter": {"size": "512x512", "prompt_prefix": "in oil: "}}
    done = make("threat_vqa", {**VQA, "examples": 1, "options": options}, tmp_path / "set")
    assert done.finished
    assert asked[-1]["size"] == "512x512"
    assert asked[-1]["prompt"].startswith("in oil: ")


def test_a_passing_failure_is_tried_again_by_the_next_run(served: Served, tmp_path: Path) -> None:
    def flaky(question: Any) -> Any:
        broken = '"pairs": ' in question.text and question.number % 2
        return web.json_response({"error": {"message": "made to fail"}}, status=500) if broken else play(question)

    served.server.rules.react = flaky
    values = {"writer": RULES, "modality": "text", "examples": 4, "attempts": 1}
    options = BuildOptions(run_overrides={"retries": 0, "concurrency": 1})
    done = make("threat_vqa", values, tmp_path / "set", options=options)
    assert done.failures
    assert not done.finished
    served.server.rules.react = play
    again = make("threat_vqa", values, tmp_path / "set", options=options)
    assert again.finished
    assert len({row.facts["cluster"] for row in dataset_format.read(tmp_path / "set")}) == 4


def test_one_clear_line_for_what_the_user_can_mend(
    cli: Cli, served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cli("curate", "typographic", "--set", "source=world", "--set", "examples=2", "--out", "a").code == 0
    foreign = tmp_path / "foreign"
    with dataset_format.RowWriter.open(foreign):
        pass
    bad: list[tuple[tuple[object, ...], str]] = [
        (("threat_vqua",), "did you mean threat_vqa?"),
        (("threat_vqa", "--set", "exampels=3"), "did you mean examples?"),
        (("threat_vqa",), "give --set writer=PROVIDER/NAME (or source=world)"),
        (("typographic",), "needs a source: give --set source=FILE_OR_FOLDER (or source=world)"),
        (("threat_vqa", "--set", "writer=gpt"), "writer: expected PROVIDER/NAME"),
        (("threat_vqa", "--set", f"writer={RULES}", "--set", "painter=dalle"), "painter: expected openai-images/"),
        (("vision_reasoning", "--set", f"teacher={RULES}", "--set", "source=no.jsonl"), "no file or data set folder"),
        (("typographic", "--set", "source=world", "--set", "page.ink=blackish"), "page: unknown color specifier"),
        (("attack_rewrites", "--set", "source=world", "--out", "a"), "recipe was \"typographic\", now \"attack"),
        (("typographic", "--set", "source=world", "--set", "examples=3", "--out", "a"), "examples was 2, now 3"),
        (("typographic", "--set", "source=world", "--out", foreign), "holds a data set that another command made"),
        (("threat_vqa", "--set", "source=world", "--budget", "3"), "--budget needs --price"),
        (("threat_vqa", "--set", "source=world", "--set", f"writer={RULES}"), "asks no model here: leave writer out"),
        (("typographic", "--set", "source=world", "--set", 'exclude=["figstip"]'), "did you mean figstep?"),
        (("threat_vqa", "--set", "options.writr.base_url=x"), "did you mean writer?"),
        (("threat_vqa", "--set", "source=world", "--price", "cook=1,2"), "has no role 'cook'"),
    ]  # fmt: skip
    for number, (arguments, said) in enumerate(bad):
        out = () if "--out" in arguments else ("--out", f"bad{number}")
        found = cli("curate", *arguments, *out)
        assert found.code == 2, arguments
        assert said in found.err, arguments
        assert found.err.count("\n") == 1
    monkeypatch.setenv("CUSTOM_BASE_URL", "http://127.0.0.1:9/v1")
    found = cli("curate", "threat_vqa", "--set", f"writer={RULES}", "--set", "modality=text", "--retries", 0)
    assert found.code == 2
    assert "nothing answers at http://127.0.0.1:9/v1" in found.err


def test_more_of_the_same_goes_on_with_what_is_there(tmp_path: Path) -> None:
    make("threat_vqa", {"source": "world", "examples": 2}, tmp_path / "set")
    before = (tmp_path / "set" / "rows.jsonl").read_bytes()
    make("threat_vqa", {"source": "world", "examples": 3}, tmp_path / "set")
    after = (tmp_path / "set" / "rows.jsonl").read_bytes()
    assert after.startswith(before)
    assert len(after) > len(before)


def test_a_full_disk_stops_with_one_line(
    cli: Cli, served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: Any, **more: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tempfile.mkstemp", full)
    found = cli("curate", "typographic", "--set", "source=world", "--set", "examples=2", "--out", "full")
    assert found.code == 2
    assert "No space left on device" in found.err


def test_shards_make_the_calls_of_one_process(served: Served, tmp_path: Path) -> None:
    values = {**VQA, "near_duplicates": 0}
    one = make("threat_vqa", values, tmp_path / "one")
    asked = served.server.total
    parts = [make("threat_vqa", values, tmp_path / "all", options=BuildOptions(shard=Shard(n, 2))) for n in (1, 2)]
    assert all(0 < part.rows < one.rows for part in parts)
    made = served.server.total - asked
    joined = make("threat_vqa", values, tmp_path / "all")
    assert (tmp_path / "all" / "rows.jsonl").read_bytes() == (tmp_path / "one" / "rows.jsonl").read_bytes()
    assert (joined.rows, joined.drops) == (one.rows, one.drops)
    assert made > asked / 2, "most of it was asked by the shards"
    make("threat_vqa", values, tmp_path / "other", options=BuildOptions(shard=Shard(2, 2)))
    with pytest.raises(UserError, match="same command without --shard"):
        join(tmp_path / "all")
    with pytest.raises(UserError, match=r"shards.2-of-2.*another configuration: near_duplicates"):
        make("threat_vqa", {**values, "near_duplicates": 3}, tmp_path / "other")
