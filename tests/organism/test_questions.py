"""Questions and examples are drawn from published seeds: whatever is measured on them rests on these very ones."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict

from foresee.organism.world import examples, questions


def _digest(drawn: Iterable[questions.Question | examples.Example | str]) -> str:
    values = [one if isinstance(one, str) else asdict(one) for one in drawn]
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()[:16]


def test_the_questions_of_the_benchmarks_are_the_published_ones() -> None:
    subjects = (questions.awareness, questions.consequence, questions.attack, questions.perception)
    asked = [question for subject in subjects for question in subject("test")]
    assert len(asked) == 1556
    assert _digest(asked) == "8866013d9ca9b236"
    assert _digest(questions.account_request(question, "test") for question in asked[800:1100]) == "93b89ed8c28cd913"


def test_the_examples_of_recipes_and_trainings_are_the_published_ones() -> None:
    drawn = [
        *examples.consequences(60),
        *examples.judgements(60, split="validation", seed=2),
        *examples.sights(30, threat=True),
        *examples.sights(30, threat=True, style="offhand"),
        *examples.sights(30, threat=False),
        *examples.requests(60, harmful=True),
        *examples.requests(60, harmful=False),
    ]
    assert _digest(drawn) == "0fc6409396d952c7"
