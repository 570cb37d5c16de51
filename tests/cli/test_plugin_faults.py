"""Whatever a user's plug-in file does wrong is one line that names the file and the function: exit code 2, never 3."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.cli.conftest import Cli

BENCHMARK = '''"""Mine: a benchmark."""
from foresee.config import BenchmarkOptions as Options
from foresee.metrics import Metric
from foresee.records import Item, Message
SOURCE = {"title": "Mine", "licence": "none", "embedded": True}
VERSION = "1"
JUDGES = ("refusal",)
METRICS = (Metric("refused", ("refused",)),)
def items(data, options):
    yield Item("a", (Message("user", ("Hello",)),))
def applies(item):
    return ("refused",)
def measures(item, answer, verdicts):
    return {"refused": 1.0}
'''
JUDGE = (
    '"""Mine: a judge."""\nfrom foresee.records import Verdict\nVERSION = "1"\nSCALE = ("refusal", "full_compliance")\n'
)
DEFENSE = '''"""Mine: a defense."""
from foresee.config import Settings
VERSION = "1"
class Options(Settings):
    pass
'''
RECIPE = '''"""Mine: a recipe."""
from foresee.curation import CurationConfig
VERSION = "1"
class Config(CurationConfig):
    pass
'''
METHOD = '"""Mine: a training."""\nfrom foresee.training.sft import Config\n'


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FORESEE_PLUGINS", str(tmp_path / "mine"))
    return tmp_path / "mine"


def put(folder: Path, kind: str, code: str, name: str = "mine") -> Path:
    (folder / kind).mkdir(parents=True, exist_ok=True)
    path = folder / kind / f"{name}.py"
    path.write_text(code)
    return path


@pytest.mark.parametrize(
    ("function", "said"),
    [
        ("def items(data, options):\n    yield 5\n", "items(): expected items"),
        ("def items(data, options):\n    return None\n", "items(): expected items"),
        ("async def items(data, options):\n    return []\n", "items(): expected items"),
        ("def items(data, options):\n    raise KeyError('shelf')\n    yield\n", "items() in line"),
        ("def measures(item, answer, verdicts):\n    return 3\n", "measures(): expected a mapping"),
        ("def measures(item, answer, verdicts):\n    return {'refused': 'yes'}\n", "measures(): expected a mapping"),
        ("def measures(item, answer, verdicts):\n    return None\n", "measures(): expected a mapping"),
        ("def measures(item, answer, verdicts):\n    return 1 / 0\n", "measures() in line"),
        ("def generation(options):\n    raise RuntimeError('no')\n", "generation() in line"),
    ],
)
def test_a_benchmark_at_fault(cli: Cli, plugin: Path, server: str, function: str, said: str) -> None:
    path = put(plugin, "benchmarks", BENCHMARK + function)
    done = cli("eval", "mine", "--model", "custom/rules", "-M", f"base_url={server}", "--out", "run")
    assert done.code == 2, done
    last = done.err.splitlines()[-1]
    assert str(path) in last
    assert said in last
    assert "report it" not in last


@pytest.mark.parametrize("body", ["return 5", "return None", "return 'safe'", "return nobody()"])
@pytest.mark.parametrize("command", ["eval", "check"])
def test_a_judge_that_gives_no_verdict(cli: Cli, plugin: Path, server: str, body: str, command: str) -> None:
    path = put(plugin, "judges", f"{JUDGE}async def nobody():\n    pass\ndef judge(item, answer):\n    {body}\n")
    put(plugin, "benchmarks", BENCHMARK.replace('("refusal",)', '("mine",)'))
    Path("labels.jsonl").write_text(json.dumps({"prompt": "Hi", "response": "No.", "label": "refusal"}) + "\n")
    commands = {
        "eval": ("eval", "mine", "--model", "custom/rules", "-M", f"base_url={server}", "--out", "run"),
        "check": ("judge", "check", "mine", "--labels", "labels.jsonl"),
    }
    done = cli(*commands[command])
    assert done.code == 2, done
    assert f"{path}, judge(): expected a Verdict, got" in done.err.splitlines()[-1]


def test_a_judge_that_breaks_on_one_answer_leaves_that_one_unscored(cli: Cli, plugin: Path) -> None:
    code = (
        "def judge(item, answer):\n    1 / len(answer.text.strip('x'))\n    return Verdict('', 0, 'mine', 'refusal')\n"
    )
    put(plugin, "judges", JUDGE + code)
    rows = [{"prompt": "Hi", "response": text, "label": "refusal"} for text in ("No.", "xxx", "Never.")]
    Path("labels.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    done = cli("judge", "check", "mine", "--labels", "labels.jsonl")
    assert done.code == 0, done
    assert "2/3" in done.out
    assert "unscored: 1 (the judge failed: ZeroDivisionError" in done.out


@pytest.mark.parametrize(
    "code",
    [
        "def edit(item, options):\n    return None\n",
        "def edit(item, options):\n    return 7\n",
        "def edit(item, options):\n    raise KeyError('gone')\n",
        "async def edit(item, options):\n    return item\n",
        "def decoding(options):\n    raise KeyError('gone')\n",
    ],
)
def test_a_defense_at_fault(cli: Cli, plugin: Path, code: str) -> None:
    put(plugin, "defenses", DEFENSE + code)
    done = cli("eval", "world_awareness", "--model", "organism/base", "--defense", "mine", "--out", "run", "--limit", 2)
    assert done.code == 2, done
    assert "mine" in done.err.splitlines()[-1]


@pytest.mark.parametrize(
    "code",
    [
        "def build(config):\n    yield 5\n",
        "def build(config):\n    return None\n",
        "def build(config):\n    raise KeyError('gone')\n    yield\n",
    ],
)
@pytest.mark.parametrize("extra", [(), ("--dry-run",)])
def test_a_recipe_at_fault(cli: Cli, plugin: Path, code: str, extra: tuple[str, ...]) -> None:
    put(plugin, "curation", RECIPE + code)
    done = cli("curate", "mine", "--out", "set", *extra)
    assert done.code == 2, done
    assert "build()" in done.err.splitlines()[-1]


def test_a_training_method_whose_trainer_raises(cli: Cli, plugin: Path) -> None:
    put(plugin, "training", METHOD + "def trainer(config, parts):\n    raise KeyError('gone')\n")
    Path("rows.jsonl").write_text(json.dumps({"prompt": "is it safe ?", "answer": "yes"}) + "\n")
    assert cli("data", "mix", "rows.jsonl", "--out", "set").code == 0
    done = cli(
        "train", "mine", "--set", "model=organism/base", "--set", "data=set", "--set", "text_only=true", "--out", "out"
    )
    assert done.code == 2, done
    assert "mine.py, trainer() in line" in done.err.splitlines()[-1]


@pytest.mark.parametrize("place", ["items", "measures", "judge", "edit"])
def test_the_end_of_the_program_in_a_hook_is_never_success(cli: Cli, plugin: Path, server: str, place: str) -> None:
    ends = "raise SystemExit(0)\n"
    verdict = ends if place == "judge" else "return Verdict(item.id, 0, 'mine', 'refusal')"
    put(
        plugin,
        "judges",
        f"{JUDGE}def judge(item, answer):\n    {verdict}\n",
    )
    put(plugin, "defenses", f"{DEFENSE}def edit(item, options):\n    {ends if place == 'edit' else 'return item'}\n")
    hooks = {"items": f"def items(d, o):\n    {ends}", "measures": f"def measures(i, a, v):\n    {ends}"}
    put(plugin, "benchmarks", BENCHMARK.replace('("refusal",)', '("mine",)') + hooks.get(place, ""))
    model = ("--model", "custom/rules", "-M", f"base_url={server}")
    done = cli("eval", "mine", *model, "--defense", "mine", "--out", "run")
    assert (done.code, "mine.py ended the program" in done.err) == (2, True), done


def test_a_pipe_a_device_and_a_huge_file_keep_nothing_waiting(cli: Cli, plugin: Path) -> None:
    folder = plugin / "benchmarks"
    folder.mkdir(parents=True)
    os.mkfifo(folder / "pipe.py")
    (folder / "device.py").symlink_to("/dev/zero")
    with (folder / "huge.py").open("wb") as file:
        file.truncate(3_000_000_000)
    listed = cli("list", "benchmarks")
    assert listed.code == 0
    for name in ("pipe", "device", "huge"):
        assert any(line.startswith(name) and "BROKEN" in line for line in listed.out.splitlines())
        done = cli("eval", name, "--model", "custom/x", "-M", "base_url=http://127.0.0.1:9")
        assert (done.code, done.err.count("\n")) == (2, 1)
        assert "can't be loaded" in done.err
    assert cli("doctor").code == 1


def test_a_folder_of_plugins_that_is_not_there_is_said(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("FORESEE_PLUGINS", os.pathsep.join([str(tmp_path / "gone"), str(tmp_path / "file")]))
    assert cli("list").code == 0
    said = [record.message for record in caplog.records]
    assert said.count(f"FORESEE_PLUGINS: {tmp_path / 'gone'} does not exist") == 1
    assert said.count(f"FORESEE_PLUGINS: {tmp_path / 'file'} is not a folder") == 1
    done = cli("eval", "harbour", "--model", "custom/x")
    assert f"FORESEE_PLUGINS: {tmp_path / 'gone'} does not exist" in done.err.splitlines()[-1]


def test_a_file_in_the_place_of_ours_is_marked(cli: Cli, plugin: Path) -> None:
    path = put(plugin, "benchmarks", BENCHMARK, "xstest")
    put(plugin, "benchmarks", BENCHMARK, "another")
    lines = cli("list", "benchmarks").out.splitlines()
    assert [line for line in lines if "in the place of ours" in line] == [
        line for line in lines if line.startswith("xstest") and str(path) in line
    ]
