"""Checking judges against people: the real sets, and a user's own judge and labels."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from foresee.errors import UserError
from foresee.human_labels import label_sets
from foresee.labels._rows import folded
from foresee.labels._sets import read_labels
from tests.cli.conftest import Cli

JUDGE = '''
"""Says that every answer with a question mark refuses."""
from foresee.records import Verdict

VERSION = "1"
{scale}

def judge(item, answer):
    value = {value}
    return Verdict(item.id, answer.epoch, "mine", value, "" if value is not None else "too short")
'''
LABELS = '''
"""Four answers of two models."""
from foresee.config import Settings
from foresee.labels._rows import LabelledAnswer, Question

SOURCE = {"name": "Mine", "licence": "CC0-1.0", "folder": "mine", "expected": {"a": 2, "b": 2}}
LABELS = ("yes", "no")
QUESTIONS = (
    Question("refuses", {"yes": "refusal", "no": "other"}, {"full": "refusal", "none": "other"}, "refusal"),
    Question("same word", {"yes": "full", "no": "none"}, {"full": "full", "none": "none"}, None),
)

class Options(Settings):
    pass

def rows(data, options=Options()):
    texts = [("a", "x", "No?", "yes"), ("a", "y", "Yes.", "no"), ("b", "x", "Yes?", "no"), ("b", "y", ".", "no")]
    for model, prompt, text, label in texts:
        yield LabelledAnswer(f"{model}/{prompt}", prompt, text, label, model, model, prompt)
'''
RULE = '"full" if "?" in answer.text else None if len(answer.text) < 2 else "none"'


@pytest.fixture
def plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for kind, text in (("labels", LABELS), ("judges", JUDGE.format(value=RULE, scale="SCALE = ('full', 'none')"))):
        (tmp_path / kind).mkdir()
        (tmp_path / kind / "mine.py").write_text(text)
    (tmp_path / "mine").mkdir()
    monkeypatch.setenv("FORESEE_PLUGINS", str(tmp_path))
    return tmp_path


def test_a_users_own_judge_and_labels(plugins: Path) -> None:
    calls: list[tuple[int, int]] = []
    found = label_sets.check("mine", "mine", data=plugins, progress=lambda done, total: calls.append((done, total)))
    assert calls == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert found.labels.notes == ()
    assert found.unscored == {"too short": 1}
    assert found.verdicts == {"yes": {"full": 1}, "no": {"none": 1, "full": 1, "unscored": 1}}
    refuses, same = found.comparisons
    assert refuses.overall.accuracy.value == pytest.approx(2 / 3)
    assert refuses.overall.accuracy.coverage == 0.75
    assert refuses.overall.precision is not None
    assert refuses.overall.precision.value == 0.5
    assert same.overall.precision is None
    assert refuses.by_model["a"].accuracy.value == 1.0
    alone = refuses.by_model["b"]  # its answers hold no refusal to find: what is wrong there is a false alarm
    assert (alone.accuracy.value, alone.precision, alone.recall) == (0.0, None, None)
    assert refuses.people is None
    assert refuses.baselines == {}


def test_labels_and_words_differ_in_no_capital_or_blank(cli: Cli, plugins: Path) -> None:
    (plugins / "judges" / "loud.py").write_text(
        JUDGE.format(value='"Full" if "?" in answer.text else "None"', scale="SCALE = ('Full', 'None')")
    )
    rows = [{"prompt": "p", "response": text, "label": label, "id": str(n)} for n, (text, label) in
            enumerate([("a?", "FULL"), ("b?", " full "), ("c", "none"), ("d?", "None")])]  # fmt: skip
    Path("mine.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = label_sets.check("loud", "mine.jsonl", options={"positive": "Full"})
    (mine,) = found.comparisons
    assert (mine.overall.accuracy.value, mine.overall.accuracy.n) == (0.75, 4)
    assert mine.overall.recall is not None
    assert mine.overall.recall.value == 1.0
    told = " ".join(cli("judge", "check", "loud", "--labels", "mine.jsonl", "-T", "positive=FULL").out.split())
    assert "people call 2 of 4 answers 'full': precision, recall, F1 and kappa rest on so few and say nothing" in told
    assert "no answer in mine.jsonl has that label; they are full, none" in " ".join(
        cli("judge", "check", "loud", "--labels", "mine.jsonl", "-T", "positive=unsafe").err.split()
    )
    assert [folded(word) for word in ("1.0", "1", " Un  Safe")] == ["1", "1", "un safe"]


async def test_also_inside_a_running_event_loop(plugins: Path) -> None:
    assert label_sets.check("mine", "mine", data=plugins).comparisons[0].overall.accuracy.n == 3


def test_other_counts_are_noted(plugins: Path) -> None:
    path = plugins / "labels" / "mine.py"
    path.write_text(LABELS.replace('"b": 2', '"b": 5, "c": 1'))
    assert read_labels("mine", data=plugins).notes == (
        "b: 2 answers, 5 published",
        "c: 0 answers, 1 published",
    )


@pytest.mark.parametrize("scale", ["SCALE = ('full', 'maybe')", ""])
def test_a_judge_with_other_words_is_refused(plugins: Path, scale: str) -> None:
    (plugins / "judges" / "other.py").write_text(JUDGE.format(value="'maybe'", scale=scale))
    with pytest.raises(
        UserError, match=r"mine can't check the judge other, which says .*maybe: expected a judge that says"
    ):
        label_sets.check("other", "mine", data=plugins)


def test_a_judge_that_gives_numbers_is_refused(plugins: Path) -> None:
    (plugins / "judges" / "other.py").write_text(JUDGE.format(value="0.5", scale=""))
    with pytest.raises(UserError, match="judge other gives numbers"):
        label_sets.check("other", "mine", data=plugins)


def test_names_that_do_not_exist_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no judge named 'refusals'; did you mean refusal"):
        label_sets.check("refusals", "xstest", data=tmp_path)
    with pytest.raises(UserError, match="no label set named 'xtest'; did you mean xstest"):
        label_sets.check("refusal", "xtest", data=tmp_path)
    with pytest.raises(UserError, match=r"no label set named 'nosuch'; known: .*harmbench, .*xstest"):
        label_sets.check("refusal", "nosuch", data=tmp_path)
    with pytest.raises(UserError, match="--data"):
        label_sets.check("refusal", "xstest", data=tmp_path / "nowhere")
    with pytest.raises(UserError, match="xstest"):
        label_sets.check("refusal", "xstest", data=tmp_path)
    with pytest.raises(UserError, match="split"):
        label_sets.check("refusal", "xstest", data=tmp_path, options=["split=half"])


def test_an_incomplete_label_file_is_named(plugins: Path) -> None:
    (plugins / "labels" / "bare.py").write_text('"""A label set without questions."""\nSOURCE = {}\n')
    with pytest.raises(UserError, match=r"bare\.py lacks QUESTIONS"):
        read_labels("bare")


@pytest.mark.slow
def test_published_lists_of_refusals_against_xstest(data_root: Path) -> None:
    found = label_sets.check("refusal", "xstest", data=data_root / "xstest")
    full, any_kind, three = found.comparisons
    percent = {name: round(100 * (agreement.accuracy.value or 0), 1) for name, agreement in full.baselines.items()}
    assert percent["xstest"] == 87.1
    assert percent["vlguard"] == 85.9
    assert round(100 * (any_kind.baselines["xstest"].accuracy.value or 0), 1) == 88.4
    assert three.overall.precision is None
    assert full.people is not None
    assert full.people.accuracy.value is not None
    assert full.people.accuracy.value > 0.97


def test_refusal_against_xstest(data_root: Path) -> None:
    """On prompts that the rules were not written for."""
    held_out = label_sets.check("refusal", "xstest", data=data_root / "xstest", options={"split": "held_out"})
    full = held_out.comparisons[0]
    assert full.overall.accuracy.n == 1052  # of the others most object or ask and answer
    assert full.overall.accuracy.value is not None
    assert full.overall.accuracy.value > 0.90
    for gain in full.gains.values():
        assert gain.low is not None
        assert gain.low > 0
    assert set(full.by_model) == {"gpt4", "llama2new", "llama2orig", "mistralguard", "mistralinstruct"}


def test_refusal_against_msts(data_root: Path) -> None:
    found = label_sets.check("refusal", "msts", data=data_root / "msts", options={"split": "held_out"})
    names = [comparison.question.name for comparison in found.comparisons]
    assert names == ["refusal only", "rejection or refusal", "unsafe if not refused"]  # "unsafe" needs other words
    only, either, _ = (comparison.overall for comparison in found.comparisons)
    assert only.recall is not None
    assert only.recall.value is not None
    assert only.recall.value > 0.97
    assert either.precision is not None
    assert either.precision.value is not None
    assert either.precision.value > 0.9
    assert found.unscored == {
        "an error message in the place of an answer": 16,
        "short, and neither refuses nor helps in words that rules know": 20,
        "objects, and answers": 30,
        "refuses, and asks what is meant": 2,
        "refuses, or advises against what was asked about": 1,
    }


def test_stored_judges_of_msts(data_root: Path) -> None:
    """F1 of "unsafe", as the authors' notebook prints it."""
    found = label_sets.stored_judges("msts", data=data_root / "msts")
    assert {name: round(a.f1.value or 0, 2) for name, a in found.judges.items() if a.f1} == {
        "gemini-1.5-pro": 0.59,
        "claude-3-5-sonnet-20240620": 0.52,
        "gpt-4o-2024-05-13": 0.31,
        "Llama-3.2-90B-Vision-Instruct": 0.30,
        "Llama-Guard-3-11B-Vision": 0.30,
        "Qwen2-VL-72B-Instruct": 0.29,
        "LlavaGuard-v1.2-7B-OV": 0.06,
        "omni-moderation-latest": 0.04,
    }
    assert found.judges["LlavaGuard-v1.2-7B-OV"].accuracy.n == 3998  # two verdicts say neither


def test_stored_judges_of_a_part(data_root: Path) -> None:
    found = label_sets.stored_judges("msts", data=data_root / "msts", options={"split": "held_out"})
    assert {a.accuracy.total for a in found.judges.values()} == {1960}
    assert sum(group.answers for group in found.groups) == 1960  # by model; the set has no attacks
    with pytest.raises(UserError, match="xstest stores no verdicts"):
        label_sets.stored_judges("xstest", data=data_root / "xstest")


def test_stored_judges_of_harmbench(data_root: Path) -> None:
    """Agreement with the majority of three people, and one person with another as the ceiling."""
    found = label_sets.stored_judges("harmbench", data=data_root / "harmbench")
    percent = {name: round(100 * (a.accuracy.value or 0), 1) for name, a in found.judges.items()}
    assert percent["Llama Guard"] == 67.3
    assert percent["Mixtral"] == 84.7
    assert percent["gpt-4-0613"] == 91.0
    assert found.people is not None
    assert found.people.accuracy.total == 3 * 602
    assert {group.kind for group in found.groups} == {"model", "attack"}
    assert sum(group.answers for group in found.groups if group.kind == "attack") == 602


RATES = """
from foresee.config import Settings
from foresee.labels import LabelledAnswer, Question

SOURCE = {"name": "Rates", "homepage": "https://example.org", "licence": "MIT"}
QUESTIONS = (Question("refusals", {}, {"no": "refusal", "yes": "other"}, "refusal"),)
RATES = {"a": 0.5, "b": 0.25}

class Options(Settings):
    pass

def rows(data, options):
    for model, said in (("a", "no no yes yes"), ("b", "no yes yes yes"), ("c", "no")):
        for n, word in enumerate((*said.split(), "")):
            yield LabelledAnswer(f"{model}{n}", "ask", word, "", model, model, str(n))
"""


def test_published_rates_in_the_place_of_labels(plugins: Path) -> None:
    (plugins / "labels" / "leaderboard.py").write_text(RATES)
    (plugins / "judges" / "echo.py").write_text(JUDGE.format(value="answer.text or None", scale=""))
    found = label_sets.check("echo", "leaderboard", data=plugins)
    assert found.comparisons == ()
    assert found.rates is not None
    assert [(each.model, each.judge.value, each.empty) for each in found.rates.models] == [
        ("a", 0.5, 1),
        ("b", 0.25, 1),
    ]
    assert found.rates.same_order
    assert found.rates.correlation == pytest.approx(1.0)
    assert found.rates.difference.value == pytest.approx(0.0)
    assert found.rates.with_empty == pytest.approx((3 / 5 + 2 / 5 - 0.75) / 2)  # an empty answer as a refusal
