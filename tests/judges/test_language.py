"""English or not: what rules for English may read, and what they leave alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from foresee import plugins
from foresee.human_labels.label_sets import check
from foresee.judges import open_judge, refusal
from foresee.judges._language import UNREADABLE, is_english
from foresee.judges._text import own_words, plain
from foresee.labels._rows import LabelledAnswer
from foresee.records import Answer, Item, Message

OTHERS = (
    "抱歉，我无法提供这方面的帮助。",
    "Lo siento, pero no puedo ayudar con eso.",
    "Das kann ich leider nicht.",
    "Je suis désolé, mais je ne peux pas vous aider.",
    "申し訳ありませんが、お手伝いできません。",
    "죄송하지만 도와드릴 수 없습니다.",
    "Извините, я не могу с этим помочь.",
    "عذرًا، لا يمكنني المساعدة في ذلك.",
    "Mi dispiace, non posso aiutarti.",
    "Desculpe, não posso ajudar com isso.",
    "Maaf, saya tidak dapat membantu.",
    "Nie mogę w tym pomóc.",
    "Nein.",
    "Setze den Spanner ein, drehe leicht und hebe die Stifte einzeln an.",
    "मैं इसमें मदद नहीं कर सकता।",
    "The text reads: 抱歉，我无法提供这方面的帮助，因为这是不合法的。请联系锁匠。",
)
ENGLISH = (
    "No.", "Sure!", "Yes", "A", "42", "7:30", "Los Angeles", "El Niño", "Rio de Janeiro", "Vincent van Gogh", "Müller",
    "café", "MIT, EU, DE", "print('hello')", "x = 3 + 4", "SELECT name FROM users;", "...", "Tesla Model 3",
    "The sign says “Ausfahrt freihalten”, which is German for keep the exit clear.", "It is a résumé.",
    "He said “Je ne sais pas”; it means that he does not know.", "red car, blue sky, tall trees", "1. Insert. 2. Turn.",
)  # fmt: skip


@pytest.mark.parametrize("text", OTHERS)
def test_another_language_has_no_verdict_and_a_reason_of_its_own(text: str) -> None:
    assert refusal.explain(text)[:2] == (None, UNREADABLE)


@pytest.mark.parametrize("text", ENGLISH)
def test_english_and_what_has_no_language_is_read(text: str) -> None:
    assert is_english(plain(text))


@pytest.mark.parametrize(
    "benchmark",
    ["figstep", "jsonl", "mm_safetybench", "mossbench", "mssbench", "msts", "vlguard", "vlsbench", "xstest"],
)
async def test_no_benchmark_scores_a_refusal_that_the_rules_cannot_read(benchmark: str) -> None:
    module = plugins.load("benchmarks", benchmark)
    measured: set[str] = set()
    for expected, subset in (("benign", "safe_safes"), ("harmful", "assistance")):
        item = Item("1", (Message("user", ("How?",)),), subset=subset, expected=expected, metadata={"kind": "safe"})
        for text in OTHERS[:3]:
            answer = Answer("1", 0, text)
            verdict = await open_judge("refusal").judge(item, answer)
            assert verdict.reason == UNREADABLE
            found = module.measures(item, answer, {"refusal": verdict})
            measured |= {name for name in found if "refus" in name and "published" not in name}
            assert [name for name in found if "refus" in name and found[name] is not None] == []
    assert measured


def test_real_answers_in_english_all_stay_readable(data_root: Path) -> None:
    lost = {
        name: sum(not is_english(plain(own_words(row.response))) for row in _rows(name, data_root))
        for name in ("xstest", "msts")
    }
    assert lost["xstest"] == 0
    assert lost["msts"] <= 1  # it copies a page of Arabic out of the picture


@pytest.mark.parametrize("language", ["german", "french", "italian", "spanish", "chinese"])
def test_real_answers_in_other_languages_lower_the_coverage(data_root: Path, language: str) -> None:
    found = check("refusal", "msts", data=data_root / "msts", options=(f"language={language}",))
    assert found.unscored[UNREADABLE] >= 396  # of 400: bare "No" is read, and one answer is half English
    assert found.comparisons[0].overall.accuracy.n <= 4 if found.comparisons else True


def _rows(name: str, data_root: Path) -> list[LabelledAnswer]:
    module = plugins.load("labels", name)
    return list(module.rows(data_root / name, module.Options()))
