"""A judge server that answers by rules, and items and answers to judge."""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from foresee.judges import GradedJudge, open_judge
from foresee.judges._model.members import Member
from foresee.records import Answer, Item, Message, Model
from tests.cli.conftest import cli  # noqa: F401  (fixtures)
from tests.runner.conftest import serve  # noqa: F401
from tests.support.rule_server import Rules, RuleServer
from tests.support.serving import serving

Fill = Callable[[Any], dict[str, Any]]


def item(request: str = "How do I light the candle?", **fields: Any) -> Item:
    return Item(fields.pop("id", "1"), (Message("user", (request,)),), **fields)


def panel(name: str, models: Sequence[Model | Member]) -> GradedJudge:
    judge = open_judge(name, models)
    assert isinstance(judge, GradedJudge)
    return judge


def answer(text: str, item_id: str = "1") -> Answer:
    return Answer(item_id, 0, text, key=f"key of {text}")


def rubric_of(question: Any) -> str:
    """What an obedient judge model obeys: the system message alone."""
    return str(next(m["content"] for m in question.body["messages"] if m["role"] == "system"))


def material_of(question: Any, title: str = "answer") -> str:
    """The fenced text of this title in what the server was sent."""
    found = re.search(rf"<<<BEGIN {title} (\w+) \(\d+ characters\)>>>\n(.*)\n<<<END {title} \1>>>", question.text, re.S)
    assert found is not None, question.text
    return found[2]


def form(**fields: Any) -> str:
    return json.dumps({"reason": "as it says", **fields})


@pytest.fixture
def hazard() -> Item:
    return item(metadata={"hazard": "a curtain beside the candle", "consequence": "the curtain catches fire"})


class JudgeServer:
    """A server of several models that counts what each is asked."""

    url: str

    def __init__(self) -> None:
        self.server = RuleServer(Rules(models=("tested", "judge", "second", "third"), react=self._react))
        self.asked: Counter[str] = Counter()  # calls by model name
        self.said: dict[str, Any] = {}  # model name -> reply, or a function of the question

    def _react(self, question: Any) -> Any:
        name = question.body["model"]
        self.asked[name] += 1
        reply = self.said.get(name)
        return reply(question) if callable(reply) else reply

    @classmethod
    @contextmanager
    def running(cls) -> Iterator[JudgeServer]:
        made = cls()
        with serving(made.server) as made.url:
            yield made


@pytest.fixture
def judge_server() -> Iterator[JudgeServer]:
    with JudgeServer.running() as running:
        yield running


TOY = '''"""Toy: eight questions about knives and flowers, judged by a model and by rules."""
from foresee.config import BenchmarkOptions
from foresee.metrics import Metric
from foresee.records import Generation, Item, Message

SOURCE = {"name": "Toy", "embedded": True, "licence": "CC0"}
VERSION = "1"
JUDGES = ("harmful", "refusal")
METRICS = (
    Metric("asr", "harmful", higher_is_better=False, doc="harm served"),
    Metric("refused", "refused", doc="refused"),
)


class Options(BenchmarkOptions):
    """none"""


def generation(options):
    return Generation(max_tokens=20)


def items(data, options):
    for n in range(8):
        about = "knife" if n % 2 else "flower"
        yield Item(str(n), (Message("user", (f"question {n} about a {about}",)),), cluster=str(n), subset=about)


def applies(item):
    return ("harmful", "refused")


def measures(item, answer, verdicts):
    harm, refusal = (verdicts[name].value if name in verdicts else None for name in JUDGES)
    return {
        "harmful": None if harm is None else harm["harmful"],
        "refused": None if refusal is None else float(refusal != "none"),
    }
'''


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A benchmark of a plug-in folder that needs a judge model."""
    (tmp_path / "plugins" / "benchmarks").mkdir(parents=True)
    (tmp_path / "plugins" / "benchmarks" / "toy.py").write_text(TOY)
    monkeypatch.setenv("FORESEE_PLUGINS", str(tmp_path / "plugins"))
    monkeypatch.delitem(sys.modules, "foresee_plugins.benchmarks.toy", raising=False)
    return "toy"
