"""Every `foresee …` line of the README and the docs is a command that exists.

Those that can run here are run, evaluations dry; any other has a reason in WHY_NOT, or the test fails.
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from foresee import plugins
from foresee.cli import command as command_line
from foresee.evaluation import suites
from tests.cli.conftest import ROOT, Cli
from tests.support import pages

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
_LINE = re.compile(r"^\s*(?:\$ )?(?:[A-Z_]+=\S+ )*(foresee [a-z].*)$")
_SPAN = re.compile(r"`(foresee [a-z][^`…]*)`")
WHY_NOT = {  # in this order: the first that fits
    "download": r"data fetch|organism prepare|smol|--benchmark mmsafeaware|data (check|show) (mm|siuo)|curate xstest|"
    r"(labels|eval|show mml) (xstest|harmbench|msts|mossbench|figstep)(?!.*--(judge-)?model (J|openai))",
    "key": r"openai|PROVIDER/|--judge-model|(writer|model)[= ](M|MODEL)\b",
    "GPU": r"local/|vllm/|model=M\b|merge M\b",
    "long": r"^foresee (demo|study papers/)|world_attack|--model organism/base,organism/qwen|organism gallery",
    "own files": r"\b(runs|RUN|datasets|packs|DATA|HARBOUR|FOLDER|SHOTS|labels-|answers\.|study\.toml|labels\.json|"
    r"noisy|correct|run --)|foresee runs",
}
OWN = {"harbour", "polite", "noisy", "mine", "my_refusal"}  # files that the pages tell how to write


class Documented(NamedTuple):
    """A command as a page shows it; one that stands in a sentence may be named without all that it needs."""

    page: str
    text: str
    whole: bool = True

    @property
    def words(self) -> list[str]:
        return shlex.split(self.text, comments=True)[1:]


def documented() -> list[Documented]:
    found: dict[Documented, None] = {}
    for page in PAGES:
        text = re.sub(r"\\\n\s*", "", page.read_text(encoding="utf-8"))
        for block in re.findall(r"^```(?:\w*)\n(.*?)^```|((?:^    .*\n)+)", text, re.DOTALL | re.MULTILINE):
            for line in "".join(block).split("\n"):
                if (match := _LINE.match(line)) and "…" not in match[1].split("#")[0]:
                    for part in match[1].split("#")[0].split("&&"):
                        found[Documented(page.name, part.strip())] = None
        for span in _SPAN.findall(text):
            words = " ".join(span.split())
            if " " in words.removeprefix("foresee ") and "|" not in words:
                found[Documented(page.name, words, whole=False)] = None
    return list(found)


COMMANDS = documented()


def parsed(words: list[str], *, whole: bool = True) -> Any:
    """The context of the command that these words name, its options read if it is whole. Raises click's errors."""
    command: Any = command_line()
    context, name = None, "foresee"
    while hasattr(command, "resolve_command"):
        context = command.make_context(name, words, parent=context, allow_extra_args=True, ignore_unknown_options=True)
        rest = [*context._protected_args, *context.args]
        name, command, words = command.resolve_command(context, rest)
    known = {option for each in command.params for option in each.opts + each.secondary_opts}
    assert {word for word in words if word.startswith("-")} <= {*known, "--help"}
    return command.make_context(name, words, parent=context) if whole else None


def test_the_pages_have_commands() -> None:
    assert len(COMMANDS) > 100
    assert {command.page for command in COMMANDS} >= {"README.md", "curation.md", "judges.md", "training.md"}


@pytest.mark.parametrize("command", COMMANDS, ids=lambda c: f"{c.page}: {c.text}"[:100])
def test_a_documented_command_exists_with_its_options(
    command: Documented, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if command.page.startswith("add_a_"):
        pages.write_plugin(tmp_path, command.page)
        monkeypatch.setenv("FORESEE_PLUGINS", str(tmp_path))
    words = command.words
    context = parsed(words, whole=command.whole)
    values = context.params if context is not None else {}
    if values.get("benchmarks"):
        for name in values["benchmarks"].split(","):
            known = [*plugins.names("benchmarks"), *(suites.PREFIX + each for each in suites.names()), *OWN, "B"]
            assert name in known or name.endswith(".toml"), name
        for name in re.split(r"[,+]", values["defense"]):
            assert name in {"none", *plugins.names("defenses"), *OWN}, name


def _runs_here(words: list[str]) -> bool:
    """Whether a command needs no key, download or weights: what is drawn by code, recipes, lists and settings."""
    if any("vectors=" in word or "attacks/" in word or "reward=" in word for word in words):
        return False  # a folder that the command above it makes, in many minutes, or weights
    if words[0] == "eval":
        return words[1] in ("suite/world", "drawn_consequences", "mmsafeaware") or words[1].startswith("world_")
    if words[:2] == ["data", "show"]:
        return words[2] == "drawn_consequences"
    if words[:2] in (["show", "caspo"], ["data", "list"], ["organism", "describe"], ["train", "caspo"]):
        return len(words) == 2 or words[2] == "--settings"
    if words[:2] == ["organism", "show"]:
        return True
    return (words[0] == "curate" and ("--dry-run" in words or "--settings" in words)) or words[0] == "list"


HERE = [command for command in COMMANDS if command.whole and _runs_here(command.words) and "SHOTS" not in command.text]


def test_a_documented_command_runs_here_or_has_a_reason() -> None:
    def why(text: str) -> str | None:
        return next((reason for reason, form in WHY_NOT.items() if re.search(form, text)), None)

    assert [c for c in COMMANDS if c.whole and c not in HERE and why(c.text) is None] == []
    assert why("foresee list plugins") is None
    assert why("foresee data fetch figstep") == "download"


_STANDING_FOR = {"M": "custom/tested", "J": "custom/judge", "W": "custom/writer", "P": "custom-images/painter"}


@pytest.mark.parametrize("command", HERE, ids=lambda c: f"{c.page}: {c.text}"[:100])
def test_a_documented_command_that_can_run_here_does(
    cli: Cli, command: Documented, mmsa: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUSTOM_BASE_URL", "http://127.0.0.1:9/v1")
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "3")  # for --shard auto/N
    words = [
        re.sub(r"^(writer|painter|judge)=([WPJ])$", lambda m: f"{m[1]}={_STANDING_FOR[m[2]]}", w) for w in command.words
    ]
    words = [word.replace("$a", "1.0").replace("$s", "500") for word in words]  # of a shell loop
    if words[0] == "eval":
        model = words.index("--model") + 1
        if not words[model].startswith("organism/") or ":" in words[model] or "NAME" in words[model]:
            local = words[model].startswith(("local/", "organism/"))
            words[model] = "local/somewhere" if local else "custom/tested"
        if "--data" in words:
            del words[words.index("--data") : words.index("--data") + 2]
        words = [
            "custom/judge" if before == "--judge-model" else word
            for before, word in zip(["", *words], words, strict=False)
        ]
        words += ["--data", str(mmsa)] if words[1] == "mmsafeaware" else []
        words += [] if "--dry-run" in words else ["--dry-run"]
        words += [] if "--limit" in words else ["--limit", "8"]
    done = cli(*words)
    assert done.code == 0, done.err
