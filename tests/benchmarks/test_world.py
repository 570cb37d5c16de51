"""The four world benchmarks and their judge, on answers whose right reading is known."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import cache
from itertools import islice
from pathlib import Path

import pytest

from foresee import plugins
from foresee.defenses import constitution
from foresee.errors import UserError
from foresee.judges import world as judge
from foresee.metrics import summarise
from foresee.organism.world import language, rules
from foresee.records import Answer, Generation, Item, Reply, Request, Row, encode

NAMES = ("world_awareness", "world_consequence", "world_attack", "world_perception")


def _drawn(name: str, **options: str) -> Iterator[Item]:
    module = plugins.load("benchmarks", name)
    return iter(module.items(None, module.Options(**options)))


@cache
def _items(name: str, **options: str) -> list[Item]:
    return list(_drawn(name, **options))


def _figures(name: str, say: Callable[[Item], str], calls: int = 1, **options: str) -> dict[str, float | None]:
    module = plugins.load("benchmarks", name)
    rows = []
    for item in _items(name, **options):
        answer = Answer(item.id, 0, say(item), calls=calls)
        verdicts = {"world": judge.judge(item, answer)}
        measures = module.measures(item, answer, verdicts)
        assert tuple(measures) == tuple(module.applies(item)) or set(measures) == set(module.applies(item))
        rows.append(Row(item, answer, verdicts, measures))
    return {estimate.name: estimate.value for estimate in summarise(rows, module.metrics(options))}


def _rule(item: Item) -> rules.Rule:
    return rules.ALL_RULES[int(item.metadata["rule"])]


@pytest.mark.parametrize("name", NAMES)
def test_items_are_many_unique_stable_and_from_the_split_asked_for(name: str) -> None:
    items = _items(name)
    assert len(items) >= 300
    assert len({item.id for item in items}) == len(items)
    assert all(item.images and item.prompt and item.cluster and item.expected for item in items)
    assert [encode(item) for item in items[:5]] == [encode(item) for item in islice(_drawn(name), 5)]
    assert {item.metadata["split"] for item in items} == {"test"}
    validation = _items(name, split="validation")
    assert {item.metadata["split"] for item in validation} == {"validation"}
    assert not {item.image_sha256 for item in items} & {item.image_sha256 for item in validation}
    counts = plugins.load("benchmarks", name).SOURCE["expected"]
    assert counts == {subset: sum(item.subset == subset for item in items) for subset in counts}
    json.dumps([encode(item) for item in items])


@pytest.mark.parametrize("name", NAMES)
def test_subsets_and_modalities(name: str) -> None:
    module = plugins.load("benchmarks", name)
    for subset in module.SUBSETS:
        assert {item.subset for item in _items(name, subset=subset)} == {subset}
        assert module.metrics({"subset": subset})
    assert not any(item.images for item in _items(name, modality="text"))
    assert all(item.images and not item.prompt for item in _items(name, modality="image"))
    with pytest.raises(UserError, match="subset"):
        _items(name, subset="hazzard")


def test_awareness_pairs_share_their_words_and_differ_in_gold() -> None:
    items = _items("world_awareness")
    for one, other in zip(items[::2], items[1::2], strict=True):
        assert one.cluster == other.cluster
        assert one.prompt == other.prompt
        assert {one.expected, other.expected} == {"safe", "unsafe"}
        assert {one.metadata["conflict"], other.metadata["conflict"]} == {True, False}


def test_awareness_figures_of_known_answers() -> None:
    right = _figures("world_awareness", lambda i: language.safety(i.expected == "safe"))
    assert (right["accuracy"], right["conflict.accuracy"], right["unparsed_rate"]) == (1.0, 1.0, 0.0)
    by_words = _figures("world_awareness", lambda i: language.safety(i.domain != "trap"))
    assert (by_words["accuracy"], by_words["conflict.accuracy"], by_words["agreeing.accuracy"]) == (0.5, 0.0, 1.0)
    always_no = _figures("world_awareness", lambda i: "No.")
    assert (always_no["accuracy"], always_no["unsafe.accuracy"], always_no["over_safe.accuracy"]) == (0.5, 1.0, 0.0)
    silent = _figures("world_awareness", lambda i: "a cat .")
    assert (silent["accuracy"], silent["unparsed_rate"]) == (None, 1.0)


def test_consequence_figures_of_known_answers() -> None:
    blind = _figures("world_consequence", lambda i: language.serving(_rule(i).steps))
    assert (blind["R0"], blind["over_caution"], blind["S"], blind["E"], blind["twin.E"]) == (1.0, 0.0, 0.0, 2.0, 2.0)
    wary = _figures("world_consequence", lambda i: language.warning(_rule(i)))
    assert (wary["R0"], wary["over_caution"], wary["R"], wary["S"]) == (0.0, 1.0, 2.0, 2.0)
    assert (wary["held_out.R0"], wary["held_out.over_caution"]) == (0.0, 1.0)
    ideal = _figures(
        "world_consequence",
        lambda i: language.warning(_rule(i)) if i.metadata["dangerous"] else language.serving(_rule(i).steps),
    )
    assert (ideal["R0"], ideal["over_caution"], ideal["E"]) == (0.0, 0.0, 2.0)
    for level in rules.LEVELS[1:]:
        for figures, expected in ((blind, (1.0, 0.0)), (wary, (0.0, 1.0)), (ideal, (0.0, 0.0))):
            assert (figures[f"{level}.R0"], figures[f"{level}.over_caution"]) == expected
    nonsense = _figures("world_consequence", lambda i: "cat cat cat")
    assert (nonsense["R0"], nonsense["E"], nonsense["twin.E"]) == (1.0, 0.0, 0.0)


def _obey(item: Item) -> str:
    if not item.metadata["harmful"]:
        return language.serving(item.metadata["steps"])
    return language.serving(f"take the {item.metadata['threats'][0]} and {language.yours(item.metadata['act'])}")


def _decline(item: Item) -> str:
    harm = next((h for h in rules.HARMS if h.act == item.metadata["act"]), rules.HARMS[0])
    return language.refusal(harm)


def test_attack_figures_of_known_answers() -> None:
    obeys = _figures("world_attack", _obey)
    served = {"sign.ASR": 1.0, "sign.legibility": 1.0}
    unserved = dict.fromkeys(served, 0.0)
    assert obeys == {"ASR": 1.0, "constructive": 0.0, "benign_refusal": 0.0, "benign_served": 1.0, **served}
    declines = _figures("world_attack", _decline)
    assert declines == {"ASR": 0.0, "constructive": 1.0, "benign_refusal": 1.0, "benign_served": 0.0, **unserved}
    nonsense = _figures("world_attack", lambda i: "cat")
    assert nonsense == {"ASR": 0.0, "constructive": 0.0, "benign_refusal": 0.0, "benign_served": 0.0, **unserved}


def test_perception_figures_of_known_answers() -> None:
    right = _figures("world_perception", lambda i: "there is " + " and ".join(i.metadata["truth"]))
    assert right["exact"] == 1.0
    wrong = _figures("world_perception", lambda i: "there is a cat")
    assert wrong["exact"] == pytest.approx(0.0, abs=0.02)


async def test_describe_then_ask_keeps_the_models_own_description() -> None:
    module = plugins.load("benchmarks", "world_attack")
    options = module.Options(protocol="describe_then_ask")
    item = next(iter(module.items(None, options)))
    asked: list[Request] = []

    async def ask(request: Request) -> Reply:
        asked.append(request)
        return Reply("the picture shows a cat ." if len(asked) == 1 else "sure : go .")

    procedure = module.procedure(options)
    assert module.procedure(module.Options()) is None
    reply = await procedure(item, Generation(), ask)
    assert reply.text == "sure : go ."
    first, second = asked
    assert [m.role for m in first.messages] == ["user"]
    assert [m.role for m in second.messages] == ["user", "assistant", "user"]
    assert second.messages[1].text == "the picture shows a cat ."
    assert second.messages[0].images
    assert not second.messages[2].images


def test_describe_then_ask_is_unscored_when_the_model_was_not_asked_to_describe() -> None:
    once = _figures("world_attack", _obey, calls=1, protocol="describe_then_ask")
    assert set(once.values()) == {None}
    assert _figures("world_attack", _obey, calls=2, protocol="describe_then_ask")["ASR"] == 1.0


def test_the_judge_scores_nothing_it_does_not_know() -> None:
    verdict = judge.judge(Item("1", ()), Answer("1", 0, "yes ."))
    assert verdict.value is None
    assert "drawn world" in verdict.reason
    for name in NAMES:
        module = plugins.load("benchmarks", name)
        item = _items(name)[0]
        assert set(module.measures(item, Answer(item.id, 0, ""), {}).values()) == {None}


def test_the_constitution_stands_before_the_first_turn(tmp_path: Path) -> None:
    item = _items("world_consequence")[0]
    in_world = constitution.edit(Item(item.id, item.messages, benchmark="world_consequence"), constitution.Options())
    assert in_world.messages[0].text in language.CONSTITUTIONS
    assert in_world.messages[1:] == item.messages
    elsewhere = constitution.edit(Item("1", item.messages, benchmark="mmsafeaware"), constitution.Options())
    assert elsewhere.messages[0].text.startswith("Before you answer")
    own = tmp_path / "mine.md"
    own.write_text("# Mine\nBe kind.\n", encoding="utf-8")
    edited = constitution.edit(in_world, constitution.Options(text=str(own)))
    assert edited.messages[0].text == f"Be kind.\n\n{in_world.messages[0].text}"
    assert [message.role for message in edited.messages] == ["system", "user"]
    with pytest.raises(UserError, match="no constitution named"):
        constitution.edit(item, constitution.Options(text="nonesuch"))
