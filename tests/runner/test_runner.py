"""The runner against a real local server: what is asked, what is kept, what is counted, what stops it."""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import pytest

from foresee.errors import ModelError, UserError
from foresee.judges._model.prompt import request_text
from foresee.records import (
    Answer,
    Capability,
    Generation,
    Image,
    Item,
    Message,
    Reply,
    Request,
    Usage,
    Verdict,
    decode,
)
from foresee.runner import Progress, RunSettings, answer_keys, judge_answers, run
from foresee.runner.journal import Journal, read_records
from tests.support import rule_server

FAST = RunSettings(concurrency=8, backoff=0.01, retries=3)


async def test_every_item_is_asked_once_and_judged(serve: Any, items: Any, judge: Any, tmp_path: Path) -> None:
    served = await serve(latency=0.01)
    with Journal.open(tmp_path / "j", {}) as journal:
        results = await run(items(40), served.model(), [judge], journal, settings=FAST)
    assert [row.item.id for row in results.rows] == [str(n) for n in range(40)]
    assert all(row.answer.status == "ok" and row.answer.item_id == row.item.id for row in results.rows)
    assert [row.verdicts["reads_no"].value for row in results.rows] == [float(n % 3 == 0) for n in range(40)]
    assert (results.asked, results.reused) == (40, 0)
    assert results.usage.output_tokens > 0
    assert set(served.server.asked.values()) == {1}
    assert served.server.peak <= 8
    kinds = Counter(line.kind for line in read_records(tmp_path / "j"))
    assert kinds == {"answer": 40, "verdict": 40}


async def test_a_second_run_asks_and_judges_nothing(serve: Any, items: Any, tmp_path: Path) -> None:
    served, calls = await serve(), Counter[str]()

    @dataclass
    class Counting:
        name: str = "counting"
        identity: dict[str, Any] = field(default_factory=dict)

        async def judge(self, item: Item, answer: Answer) -> Verdict:
            calls[item.id] += 1
            return Verdict(item.id, answer.epoch, self.name, len(answer.text) * 1.0, raw="raw", usage=Usage(1, 2))

    with Journal.open(tmp_path / "j", {}) as journal:
        first = await run(items(20), served.model(), [Counting()], journal, settings=FAST)
    with Journal.open(tmp_path / "j", {}) as journal:
        second = await run(items(20), served.model(), [Counting()], journal, settings=FAST)
    assert second.rows == first.rows
    assert (second.asked, second.reused, second.usage) == (0, 20, Usage())
    assert served.server.total == 20
    assert set(calls.values()) == {1}


async def test_identical_items_share_one_call(serve: Any, judge: Any, tmp_path: Path) -> None:
    served = await serve(latency=0.02)
    twins = [Item(str(n), (Message("user", (f"question {n % 3}",)),), expected=str(n)) for n in range(9)]
    with Journal.open(tmp_path / "j", {}) as journal:
        results = await run(twins, served.model(), [judge], journal, settings=FAST)
        again = await run(twins[5:] + twins[:5], served.model(), [judge], journal, settings=FAST)
    assert served.server.total == 3
    assert (results.asked, results.reused) == (3, 6)
    assert [row.answer.item_id for row in results.rows] == [str(n) for n in range(9)]
    assert len({row.answer.key for row in results.rows}) == 3
    assert sum(row.answer.calls for row in results.rows) == 3
    assert {row.item.id: row.answer.text for row in again.rows} == {
        row.item.id: row.answer.text for row in results.rows
    }
    assert again.asked == 0


async def test_epochs_are_separate_answers_with_their_own_seeds(serve: Any, items: Any, tmp_path: Path) -> None:
    seeds: list[int] = []

    def react(question: Any) -> str:
        seeds.append(question.body["seed"])
        return f"seed {question.body['seed']}"

    served = await serve(react=react)
    with Journal.open(tmp_path / "j", {}) as journal:
        model = served.model()
        generation = Generation(temperature=1.0, seed=7)
        results = await run(items(4), model, [], journal, epochs=3, generation=generation, settings=FAST)
    assert Counter(seeds) == {7: 4, 8: 4, 9: 4}
    assert [(row.item.id, row.answer.epoch) for row in results.rows] == [
        (str(n), e) for n in range(4) for e in range(3)
    ]
    assert all(row.answer.text == f"seed {7 + row.answer.epoch}" for row in results.rows)
    keys = answer_keys(items(4), model, defense=None, generation=generation, epochs=3)
    assert [key for item in keys for key in item] == [row.answer.key for row in results.rows]
    assert len(set(sum(keys, ()))) == 12


async def test_a_permanent_failure_is_that_items_alone_and_stays_in_the_totals(
    serve: Any, items: Any, judge: Any, tmp_path: Path
) -> None:
    bad = True

    def react(question: Any) -> Any:
        if bad and question.text.startswith("question 5 "):
            return rule_server._failure(400, "image too large", None)
        return None

    served = await serve(react=react)
    seen: list[Progress] = []
    with Journal.open(tmp_path / "j", {}) as journal:
        results = await run(items(12), served.model(), [judge], journal, settings=FAST, progress=seen.append)
        failed = results.rows[5]
        assert failed.answer.status == "error"
        assert failed.answer.reason == "custom/rules: HTTP 400: image too large"
        assert failed.verdicts == {}
        assert sum(row.answer.status == "ok" for row in results.rows) == 11
        assert served.server.asked["question 5 about a flower"] == 1, "a permanent failure is not retried"
        assert seen[-1] == Progress(12, 12, 1, 0, 8)
        recorded = [decode(Answer, line.record) for line in read_records(tmp_path / "j") if line.kind == "answer"]
        assert sum(answer.status == "error" for answer in recorded) == 1

        bad = False
        again = await run(items(12), served.model(), [judge], journal, settings=FAST)
    assert (again.asked, again.reused) == (1, 11), "only what failed is tried again"
    assert again.rows[5].answer.status == "ok"
    assert again.rows[5].verdicts["reads_no"].value == 0.0


async def test_what_the_provider_withholds_is_no_failure_and_not_asked_again(
    serve: Any, items: Any, judge: Any, tmp_path: Path
) -> None:
    def react(question: Any) -> Any:
        body = rule_server.completion(question, "")
        body["choices"][0] |= {"finish_reason": "content_filter", "message": None}
        return body

    served = await serve(react=react)
    with Journal.open(tmp_path / "j", {}) as journal:
        results = await run(items(15), served.model(), [judge], journal, settings=FAST)
        await run(items(15), served.model(), [judge], journal, settings=FAST)
    assert {row.answer.status for row in results.rows} == {"refused_by_api"}
    assert all("content_filter" in row.answer.reason and not row.verdicts for row in results.rows)
    assert served.server.total == 15


async def test_items_whose_image_is_missing_or_unreadable_are_never_sent(
    serve: Any, items: Any, judge: Any, tmp_path: Path
) -> None:
    served = await serve()
    page = tmp_path / "page.jpg"
    page.write_text("<!DOCTYPE html><html>not found</html>")
    gone = Image("0" * 64, tmp_path / "gone.jpg")
    asked = items(5)
    asked[1] = replace(asked[1], missing_image="7.jpg")
    asked[2] = replace(asked[2], messages=(Message("user", (Image.from_path(page), "what?")),))
    asked[3] = replace(asked[3], messages=(Message("user", (gone, "what?")),))
    with Journal.open(tmp_path / "j", {}) as journal:
        results = await run(asked, served.model(), [judge], journal, settings=FAST)
    assert [row.answer.status for row in results.rows] == ["ok", "missing_image", "error", "error", "ok"]
    assert results.rows[1].answer.reason == "no image 7.jpg"
    assert "page.jpg" in results.rows[2].answer.reason
    assert "HTML" in results.rows[2].answer.reason
    assert "gone.jpg can't be read: No such file" in results.rows[3].answer.reason
    assert served.server.total == 2


@pytest.mark.parametrize(
    ("options", "rules", "message"),
    [
        ({}, {"key": "right"}, r"HTTP 401: Incorrect API key provided; check the key in CUSTOM_API_KEY"),
        ({"name": "rule"}, {}, r"HTTP 404: The model 'rule' does not exist; models there: rules"),
    ],
)
async def test_a_wrong_key_or_model_stops_the_run_with_one_line(
    serve: Any, items: Any, tmp_path: Path, options: Any, rules: Any, message: str
) -> None:
    for count, most in ((500, 40), (3, 3)):
        served = await serve(**rules)
        with Journal.open(tmp_path / f"j{count}", {}) as journal, pytest.raises(UserError, match=message) as caught:
            await run(items(count), served.model(**options), [], journal, settings=FAST)
        assert "\n" not in str(caught.value)
        assert served.server.total <= most


async def test_a_key_that_becomes_invalid_midway_loses_nothing(
    serve: Any, items: Any, judge: Any, tmp_path: Path
) -> None:
    served = await serve()
    model = served.model()

    def stop_at_twenty(progress: Progress) -> None:
        if progress.done == 20:
            served.server.rules.key = "changed"

    with Journal.open(tmp_path / "j", {}) as journal:
        with pytest.raises(UserError, match=r"stopped after 10 failed answers in a row.*finished work is kept"):
            await run(items(100), model, [judge], journal, settings=FAST, progress=stop_at_twenty)
        served.server.rules.key = None
        results = await run(items(100), model, [judge], journal, settings=FAST)
    assert all(row.answer.status == "ok" for row in results.rows)
    assert results.reused >= 20
    twice = [text for text, times in served.server.answered.items() if times > 1]
    assert len(twice) < FAST.concurrency, "only what was in flight is asked again"


async def test_bad_items_side_by_side_do_not_stop_a_run_that_works(serve: Any, items: Any, tmp_path: Path) -> None:
    def react(question: Any) -> Any:
        number = int(question.text.split()[1])
        return rule_server._failure(400, f"image {number} is too large", None) if 20 <= number < 40 else None

    served = await serve(react=react)
    with Journal.open(tmp_path / "j", {}) as journal:
        for _ in range(2):  # the second run begins with nothing but the bad ones
            results = await run(items(60), served.model(), [], journal, settings=FAST)
            assert sum(row.answer.status == "error" for row in results.rows) == 20
    assert served.server.total == 80


async def test_a_server_that_takes_none_of_the_items_stops_the_run(serve: Any, items: Any, tmp_path: Path) -> None:
    served = await serve(react=lambda question: rule_server._failure(400, "no image input here", None))
    with Journal.open(tmp_path / "j", {}) as journal:
        with pytest.raises(UserError, match=r"stopped after 10 failed answers in a row: .*no image input here"):
            await run(items(300), served.model(), [], journal, settings=FAST)
        assert served.server.total < 40
        settings = RunSettings(concurrency=8, stop_after=0)
        results = await run(items(50), served.model(), [], journal, settings=settings)
    assert {row.answer.status for row in results.rows} == {"error"}


@dataclass
class Scripted:
    """A model in this process, for what no server can show."""

    able: frozenset[Capability] = frozenset({"images"})
    name: str = "scripted/model"
    suggested_concurrency: int | None = None
    base_url: str | None = None
    identity: dict[str, Any] = field(default_factory=lambda: {"scripted": 1})
    requests: list[Request] = field(default_factory=list)

    @property
    def capabilities(self) -> frozenset[Capability]:
        return self.able

    async def generate(self, request: Request) -> Reply:
        self.requests.append(request)
        await asyncio.sleep(0)
        text = request.messages[-1].text
        if text == "boom":
            raise RuntimeError("a bug\nin two lines")
        return Reply(f"[{text}]", usage=Usage(1, 1), seconds=0.5)

    async def close(self) -> None: ...


@pytest.mark.parametrize(
    ("able", "fields", "decoding", "message"),
    [
        (frozenset(), {"messages": (Message("user", (Image("a"), "x")),)}, None, "takes no images"),
        (frozenset({"images"}), {"choices": ("Yes", "No")}, None, "no probability of the first word"),
        (frozenset({"images"}), {}, object(), "defense guarded works on logits"),
    ],
)
async def test_what_a_model_can_not_do_is_said_before_anything_is_sent(
    items: Any, tmp_path: Path, able: Any, fields: Any, decoding: Any, message: str
) -> None:
    model = Scripted(able)
    asked = [*items(3), Item(**{"id": "last", "messages": (Message("user", ("x",)),), **fields})]
    with Journal.open(tmp_path / "j", {}) as journal, pytest.raises(UserError, match=message):
        await run(asked, model, [], journal, defense=Guard(decoding=decoding) if decoding else None)
    assert model.requests == []


async def test_ids_must_be_unique(items: Any, tmp_path: Path) -> None:
    with Journal.open(tmp_path / "j", {}) as journal, pytest.raises(UserError, match="id '1' occurs twice"):
        await run([*items(3), *items(2)[1:]], Scripted(), [], journal)


@dataclass
class Guard:
    """A defense made of whichever parts a test gives it."""

    name: str = "guarded"
    prefix: str = ""
    decoding: Any = None
    procedure: Any = None

    @property
    def identity(self) -> dict[str, Any]:
        return {"defense": self.name, "prefix": self.prefix}

    def edit(self, item: Item) -> Item:
        if not self.prefix:
            return item
        return replace(item, messages=(Message("system", (self.prefix,)), *item.messages))


async def test_a_prompt_defense_changes_what_is_sent_and_not_what_is_judged(
    serve: Any, items: Any, tmp_path: Path
) -> None:
    served = await serve(react=lambda question: f"{question.body['messages'][0]['role']}")
    model = served.model()
    with Journal.open(tmp_path / "j", {}) as journal:
        plain = await run(items(3), model, [], journal)
        guarded = await run(items(3), model, [], journal, defense=Guard(prefix="Be careful."))
    assert {row.answer.text for row in plain.rows} == {"user"}
    assert {row.answer.text for row in guarded.rows} == {"system"}
    assert [row.item for row in guarded.rows] == items(3)
    assert not {row.answer.key for row in plain.rows} & {row.answer.key for row in guarded.rows}


async def test_a_decoding_defense_reaches_the_model(items: Any, tmp_path: Path) -> None:
    model, strategy = Scripted(frozenset({"images", "logits"})), object()
    with Journal.open(tmp_path / "j", {}) as journal:
        await run(items(2), model, [], journal, defense=Guard(decoding=strategy))
    assert [request.decoding for request in model.requests] == [strategy, strategy]


async def test_a_procedure_owns_the_asking_and_its_calls_are_kept(tmp_path: Path, items: Any) -> None:
    breaks = True

    async def procedure(item: Item, generation: Generation, ask: Any) -> Reply:
        first = await ask(Request(item.messages, generation))
        same = await ask(Request(item.messages, generation))
        if breaks and item.id == "1":
            raise ValueError("not today")
        last: Reply = await ask(Request((Message("user", (first.text + same.text,)),), generation))
        return replace(last, text=f"said: {last.text}")

    model, defense = Scripted(), Guard(procedure=procedure)
    with Journal.open(tmp_path / "j", {}) as journal:
        results = await run(items(2), model, [], journal, defense=defense)
        answer = results.rows[0].answer
        text = items(1)[0].prompt
        assert answer.text == f"said: [[{text}][{text}]]"
        assert (answer.calls, answer.usage, answer.seconds) == (3, Usage(3, 3), 1.5)
        assert results.rows[1].answer.reason == "ValueError: not today"
        assert len(model.requests) == 5
        breaks = False
        again = await run(items(2), model, [], journal, defense=defense)
    assert len(model.requests) == 6, "the two calls that had succeeded are taken from the journal"
    assert again.rows[1].answer.calls == 3
    assert again.usage == Usage(1, 1), "only what was spent now"


async def test_several_user_turns_are_asked_one_after_the_other_and_each_is_kept(tmp_path: Path) -> None:
    turns = tuple(Message("user", (text,)) for text in ("two", "three"))
    asked = Item("a", (Message("user", ("one",)),), turns=turns)
    model, breaks = Scripted(), True

    async def procedure(item: Item, generation: Generation, ask: Any) -> Reply:
        if breaks and len(item.messages) > 4:
            raise ValueError("not today")
        return cast(Reply, await ask(Request(item.messages, generation)))

    with Journal.open(tmp_path / "j", {}) as journal:
        await run([asked], model, [], journal, defense=Guard(prefix="Be careful.", procedure=procedure))
        breaks = False
        model.requests.clear()
        again = await run([asked], model, [], journal, defense=Guard(prefix="Be careful.", procedure=procedure))
        assert len(model.requests) == 1, "the turns that had succeeded are taken from the journal"
        plain = await run([asked], model, [], journal)
    said = [[message.text for message in request.messages] for request in model.requests]
    history = ["one", "[one]", "two", "[two]", "three"]
    assert said == [["Be careful.", *history], history[:1], history[:3], history], "each request is edited once"
    for answer in (again.rows[0].answer, plain.rows[0].answer):
        assert (answer.text, answer.earlier, answer.calls) == ("[three]", ("[one]", "[two]"), 3)
    assert asked.prompt == "three"
    assert request_text(asked, ("[one]", "[two]")).splitlines()[1:3] == ["[assistant] [one]", "[user] two"]
    alone = answer_keys([replace(asked, turns=())], model, defense=None, generation=Generation(), epochs=1)
    assert alone != answer_keys([asked], model, defense=None, generation=Generation(), epochs=1)


async def test_a_model_that_breaks_on_one_item_does_not_end_the_run(tmp_path: Path, items: Any) -> None:
    bad = Item("bad", (Message("user", ("boom",)),))
    asked = [*items(4), bad, *items(9)[4:], replace(bad, id="twin")]
    model = Scripted()
    with Journal.open(tmp_path / "j", {}) as journal:
        results = await run(asked, model, [], journal, settings=RunSettings(concurrency=1))
    reasons = {row.item.id: row.answer.reason for row in results.rows if row.answer.status == "error"}
    assert reasons == dict.fromkeys(("bad", "twin"), "RuntimeError: a bug in two lines")
    assert sum(request.messages[-1].text == "boom" for request in model.requests) == 1


async def test_a_judge_that_fails_leaves_the_answer_unscored_and_is_asked_again(tmp_path: Path, items: Any) -> None:
    fails, calls = True, Counter[str]()

    @dataclass
    class Shaky:
        name: str = "shaky"
        identity: dict[str, Any] = field(default_factory=lambda: {"judge": "shaky"})

        async def judge(self, item: Item, answer: Answer) -> Verdict:
            calls[item.id] += 1
            if fails and item.id == "2":
                raise ModelError("judge model: HTTP 500")
            return Verdict(item.id, answer.epoch, "shaky", "fine")

    model = Scripted()
    with Journal.open(tmp_path / "j", {}) as journal:
        results = await run(items(4), model, [Shaky()], journal)
        verdict = results.rows[2].verdicts["shaky"]
        assert (verdict.value, verdict.reason) == (None, "the judge failed: judge model: HTTP 500")
        fails = False
        again = await run(items(4), model, [Shaky()], journal)
    assert again.rows[2].verdicts["shaky"].value == "fine"
    assert calls == {"0": 1, "1": 1, "2": 2, "3": 1}
    assert len(model.requests) == 4


async def test_a_judge_whose_key_is_wrong_stops_the_run(tmp_path: Path, items: Any) -> None:
    @dataclass
    class Barred:
        name: str = "barred"
        identity: dict[str, Any] = field(default_factory=dict)

        async def judge(self, item: Item, answer: Answer) -> Verdict:
            raise ModelError("judge model: HTTP 401", fatal=True, status=401)

    for count in (3, 100):
        with Journal.open(tmp_path / f"j{count}", {}) as journal, pytest.raises(UserError, match="HTTP 401"):
            await run(items(count), Scripted(), [Barred()], journal)


def test_stored_answers_are_judged_by_the_same_judges(tmp_path: Path, items: Any, judge: Any) -> None:
    pairs = [(item, Answer(item.id, 0, "No." if item.id == "1" else "Yes.", key=f"k{item.id}")) for item in items(5)]
    pairs.append((Item("x", ()), Answer("x", 0, "", status="error", reason="none", key="kx")))
    with Journal.open(tmp_path / "j", {}) as journal:
        rows = judge_answers(pairs, [judge], journal)
        again = judge_answers(pairs, [judge], journal)
    assert [row.verdicts["reads_no"].value for row in rows[:5]] == [0.0, 1.0, 0.0, 0.0, 0.0]
    assert rows[5].verdicts == {}
    assert again == rows
    assert sum(line.kind == "verdict" for line in read_records(tmp_path / "j")) == 5


async def test_where_images_lie_does_not_matter_but_their_bytes_do(serve: Any, tmp_path: Path) -> None:
    from PIL import Image as Pillow

    def item(path: Path) -> Item:
        return Item("1", (Message("user", (Image.from_path(path), "what is it?")),))

    for name, colour in (("a", "red"), ("b", "red"), ("c", "blue")):
        Pillow.new("RGB", (8, 8), colour).save(tmp_path / f"{name}.png")
    served = await serve(react=lambda question: hashlib.sha256(question.images[0].encode()).hexdigest())
    model = served.model()
    with Journal.open(tmp_path / "j", {}) as journal:
        texts = [(await run([item(tmp_path / f"{n}.png")], model, [], journal)).rows[0].answer.text for n in "abc"]
    assert texts[0] == texts[1] != texts[2]
    assert served.server.total == 2
    assert len(journal.path.read_bytes()) < 2000, "images are in the journal by hash alone"


def test_whatever_changes_an_answer_changes_its_key(items: Any) -> None:
    def key(item: Item, defense: Any = None, **settings: Any) -> str:
        model = Scripted(identity={"scripted": settings.pop("version", 1)})
        return answer_keys([item], model, defense=defense, generation=Generation(**settings), epochs=2)[0][0]

    item = items(1)[0]
    text = item.messages[0].content[0]
    assert key(item) == key(replace(item, id="other", subset="x", expected="y", metadata={"a": 1}))
    others = [
        key(item, temperature=0.5),
        key(item, seed=1),
        key(item, stop=("#",)),
        key(item, version=2),
        key(item, Guard()),
        key(item, Guard(name="other")),
        key(item, Guard(decoding=object())),
        key(replace(item, choices=("Yes", "No"))),
        key(replace(item, messages=(Message("system", (text,)),))),
        key(replace(item, messages=(Message("user", (text, text)),))),
        key(replace(item, messages=(Message("user", (text, Image("a"))),))),
        key(replace(item, messages=(Message("user", (text, Image("b"))),))),
        key(replace(item, messages=(Message("user", (Image("a"), text)),))),
        key(replace(item, messages=(Message("user", ("half \ud800 pair",)),))),
        answer_keys([item], Scripted(), defense=None, generation=Generation(), epochs=2)[0][1],
    ]
    assert len({key(item), *others}) == 1 + len(others)
