"""From rows to figures: selection, epochs, coverage, breakdowns, comparisons and conditions."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Mapping

import pytest

from foresee.errors import UserError
from foresee.metrics import Epochs, Metric, breakdown, compare, outcomes, parse_condition, summarise
from foresee.records import Answer, AnswerStatus, Item, Message, Row
from foresee.statistics import Estimate, rate
from tests.support.figures import bounds


def row(
    id: str | int,
    measures: Mapping[str, float | None],
    *,
    epoch: int = 0,
    status: AnswerStatus = "ok",
    **item: object,
) -> Row:
    asked = Item(str(id), (Message("user", ("?",)),), **{"benchmark": "b", **item})  # type: ignore[arg-type]
    return Row(asked, Answer(str(id), epoch, "text", status), {}, measures)


def test_where_selects_and_mean_over_weighs_groups_alike() -> None:
    rows = [row(f"t{i}", {"right": 1.0}, subset="typical", expected="unsafe") for i in range(4)]
    rows += [row(f"a{i}", {"right": float(i < 6)}, subset="attack", expected="unsafe") for i in range(12)]
    rows += [row(f"o{i}", {"right": float(i < 2)}, subset="over_safe", expected="safe") for i in range(8)]
    found = summarise(
        rows,
        [
            Metric("typical", "right", {"subset": "typical"}),
            Metric("unsafe", "right", {"subset": ("typical", "attack")}),
            Metric("total", "right", mean_over="subset"),
            Metric("balanced", "right", mean_over="expected"),
            Metric("all", "right"),
            Metric("none", "right", {"subset": "elsewhere"}),
        ],
    )
    assert [e.name for e in found] == ["typical", "unsafe", "total", "balanced", "all", "none"]
    assert [e.value for e in found[:5]] == pytest.approx([1, 10 / 16, (1 + 0.5 + 0.25) / 3, (10 / 16 + 0.25) / 2, 0.5])
    assert [e.total for e in found] == [4, 16, 24, 24, 24, 0]
    assert found[5].method == "applies to no item"


def test_a_measure_that_does_not_apply_is_left_out_and_an_unscored_one_lowers_coverage() -> None:
    rows = [row(1, {"a": 1.0}), row(2, {"a": None}), row(3, {"b": 1.0}), row(4, {"a": 0.0, "b": None})]
    a, b = summarise(rows, [Metric("a", "a"), Metric("b", "b")])
    assert (a.value, a.n, a.total, a.worst, a.best) == (0.5, 2, 3, 1 / 3, 2 / 3)
    assert (b.value, b.n, b.total) == (1.0, 1, 2)


@pytest.mark.parametrize("status", ["error", "refused_by_api", "missing_image"])
def test_a_row_without_an_answer_is_unscored_whatever_it_holds(status: AnswerStatus) -> None:
    (found,) = summarise([row(1, {"a": 1.0}), row(2, {"a": 1.0}, status=status)], [Metric("a", "a")])
    assert (found.n, found.total, found.worst) == (1, 2, 0.5)


def test_items_of_one_cluster_are_resampled_together_and_others_stand_alone() -> None:
    rows = [row(i, {"a": float(i % 2)}, cluster=f"picture {i // 10}") for i in range(40)]
    rows += [row(f"own {i}", {"a": 1.0}) for i in range(5)]
    rows += [row("own 1", {"a": 1.0}, benchmark="another")]
    assert summarise(rows, [Metric("a", "a")])[0].clusters == 4 + 5 + 1


@pytest.mark.parametrize(
    ("epochs", "values", "expected"),
    [
        ("mean", [1, 0, 0], 1 / 3),
        ("any", [1, 0, 0], 1),
        ("all", [1, 0, 0], 0),
        ("majority", [1, 0, 0], 0),
        ("majority", [1, 1, 0], 1),
        ("majority", [1, 0], 0.5),
        ("mean", [1, None, 0, None], 0.5),
        ("any", [1, None, None], 1),  # settled, whatever the missing ones were
        ("any", [0, None, 0], None),
        ("all", [0, None, None], 0),
        ("all", [1, None, 1], None),
        ("majority", [1, 1, None], 1),
        ("majority", [1, 0, None], None),
        ("mean", [None, None], None),
        ("any", [None], None),
    ],
)
def test_epochs_become_one_value_only_where_it_is_settled(
    epochs: Epochs, values: list[float | None], expected: float | None
) -> None:
    rows = [row("x", {"a": value}, epoch=i) for i, value in enumerate(values)]
    (found,) = summarise(rows, [Metric("m", "a", epochs=epochs)])
    assert found.value == expected
    scored = sum(v is not None for v in values)
    if epochs == "mean":
        assert (found.n, found.total) == (scored, len(values))
        filled = [[edge if v is None else v for v in values] for edge in (0, 1)]
        assert [found.worst, found.best] == [sum(f) / len(f) for f in filled]
    else:
        assert (found.n, found.total) == (int(expected is not None), 1)


def test_items_weigh_alike_however_many_epochs_were_scored() -> None:
    rows = [row("x", {"a": v}, epoch=i) for i, v in enumerate([1.0, 1.0, 1.0])]
    rows += [row("y", {"a": v}, epoch=i) for i, v in enumerate([0.0, None, None])]
    (found,) = summarise(rows, [Metric("a", "a")])
    assert (found.value, found.n, found.total, found.clusters) == (0.5, 4, 6, 2)
    assert (found.worst, found.best) == pytest.approx((0.5, (1 + 2 / 3) / 2))


def test_repeats_do_not_make_an_interval_narrower() -> None:
    once = [row(i, {"a": float(i % 3 == 0)}) for i in range(30)]
    thrice = [row(i, {"a": float(i % 3 == 0)}, epoch=e) for e in range(3) for i in range(30)]
    one, three = (summarise(rows, [Metric("a", "a")])[0] for rows in (once, thrice))
    assert (one.low, one.high, one.clusters) == (three.low, three.high, three.clusters)
    assert three.n == 90


def test_reducers_refuse_scores_between_the_ends() -> None:
    rows = [row(1, {"a": v}, epoch=i) for i, v in enumerate([0.5, 1.0])]
    with pytest.raises(UserError, match=r"'a'.*0.5.*epochs='mean'"):
        summarise(rows, [Metric("m", "a", epochs="any")])


def test_scores_need_their_bounds_declared() -> None:
    rows = [row(i, {"severity": float(i % 3)}) for i in range(30)] + [row(30, {"severity": None})]
    with pytest.raises(UserError, match="declare the bounds"):
        summarise(rows, [Metric("severity", "severity")])
    (found,) = summarise(rows, [Metric("severity", "severity", bounds=(0.0, 2.0), percent=False)])
    assert found.value == 1.0
    assert found.best == pytest.approx(32 / 31)
    assert found.bounds == (0.0, 2.0)
    by_group = breakdown(rows, Metric("severity", "severity", bounds=(0.0, 2.0)), "subset")
    assert [e.value for e in by_group] == [1.0]


def test_metadata_can_select_and_group_and_an_unknown_field_is_named() -> None:
    rows = [row(i, {"a": float(i % 2)}, metadata={"attack": "role" if i < 4 else "hijack"}) for i in range(10)]
    (found,) = summarise(rows, [Metric("a", "a", {"metadata.attack": "role"})])
    assert found.total == 4
    assert [(e.name, e.total) for e in breakdown(rows, "a", "metadata.attack")] == [("role", 4), ("hijack", 6)]
    with pytest.raises(UserError, match="did you mean subset"):
        summarise(rows, [Metric("a", "a", {"subsets": "x"})])


def test_breakdown_keeps_the_order_of_the_data_and_skips_groups_without_the_measure() -> None:
    rows = [row(i, {"a": 1.0}, subset=s) for i, s in enumerate("zzya")] + [row(9, {"b": 1.0}, subset="q")]
    assert [(e.name, e.n) for e in breakdown(rows, "a", "subset")] == [("z", 2), ("y", 1), ("a", 1)]
    assert breakdown([], "a", "subset") == []
    with pytest.raises(UserError, match="no measure named 'correkt'; did you mean correct"):
        breakdown([row(1, {"correct": 1.0})], "correkt", "subset")


def test_outcomes_add_up() -> None:
    rows = [row(1, {"a": 1.0}), row(1, {"a": None}, epoch=1), row(2, {"a": None}, status="error")]
    rows += [row(3, {}, status="missing_image"), row(4, {"a": None}, status="refused_by_api")]
    rows.append(Row(rows[0].item, Answer("1", 2, "cut", finish_reason="length"), {}, {"a": 1.0}))
    found = outcomes(rows)
    assert found.total == 6 == found.ok + found.refused_by_api + found.errors + found.missing_images
    assert (found.ok, found.unscored, found.truncated, found.items) == (3, 1, 1, 4)


def test_compare_uses_common_items_and_counts_the_others() -> None:
    metrics = [Metric("a", "a"), Metric("total", "a", mean_over="subset")]
    run_a = [row(i, {"a": 0.0}, subset="x" if i < 20 else "y") for i in range(30)]
    run_b = [row(i, {"a": 1.0 if i != 5 else None}, subset="x" if i < 20 else "y") for i in range(4, 40)]
    found, total = compare(run_a, run_b, metrics)
    assert (found.delta, found.n, found.only_a, found.only_b, found.unscored) == (1.0, 25, 4, 10, 1)
    assert (found.value_a, found.value_b) == (0.0, 1.0)
    assert found.p_value == pytest.approx(math.erfc(math.sqrt(25 / 2)), rel=1e-4)  # 25 gains, no loss: z = 5
    assert total.delta == 1.0


def test_compare_gives_no_macro_difference_when_a_group_is_missing_on_one_side() -> None:
    metric = Metric("total", "a", mean_over="subset")
    run_a = [row(i, {"a": 0.0}, subset="x" if i < 5 else "y") for i in range(10)]
    (found,) = compare(run_a, run_a[:5], [metric])
    assert found.delta is None
    assert found.method == "nothing scored on both sides in y"
    assert (found.only_a, found.only_b) == (5, 0)


def test_compare_of_a_run_with_itself_is_zero_with_doubt() -> None:
    rows = [row(i, {"a": float(i % 2)}) for i in range(50)]
    (found,) = compare(rows, rows, [Metric("a", "a")])
    assert (found.delta, found.p_value) == (0.0, 1.0)
    low, high = bounds(found)
    assert low < -0.05
    assert high > 0.05


def test_compare_refuses_runs_without_a_common_item() -> None:
    with pytest.raises(UserError, match=r"no item in common \(1 and 1 items\)"):
        compare([row(1, {"a": 1.0})], [row(1, {"a": 1.0}, benchmark="other")], [Metric("a", "a")])


def test_unequally_many_attempts_are_not_compared() -> None:
    """ASR once in three against once in one is no difference of two models."""
    metrics = [Metric("any", "a", epochs="any"), Metric("mean", "a"), Metric("any2", "a", epochs="any", attempts=2)]
    once = [row(i, {"a": float(i % 2)}, epoch=e) for i in range(10) for e in range(2)]
    thrice = [row(i, {"a": float(i % 2)}, epoch=e) for i in range(10) for e in range(3)]
    refused, mean, of_two = compare(thrice, once, metrics)
    assert (refused.delta, refused.low, refused.p_value, refused.value_a) == (None, None, None, None)
    assert refused.method == "not compared: any of 3 answers against any of 2"
    assert (mean.delta, mean.n) == (0.0, 10)
    assert (of_two.delta, of_two.n) == (0.0, 10), "both have two to choose"


def test_more_attempts_than_a_metric_speaks_of_leave_it_the_same_figure() -> None:
    """pass@k without bias: the share of all choices of k answers that hold a success (or nothing but successes)."""
    values = [1.0, 0.0, 0.0, 1.0, 0.0]
    rows = [row(0, {"a": value}, epoch=e) for e, value in enumerate(values)]
    for attempts in (1, 2, 3, 5):
        choices = list(itertools.combinations(values, attempts))
        expected = {"any": sum(map(any, choices)) / len(choices), "all": sum(map(all, choices)) / len(choices)}
        for kind in ("any", "all"):
            (found,) = summarise(rows, [Metric("m", "a", epochs=kind, attempts=attempts)])
            assert found.value == pytest.approx(expected[kind])
    partly = [*rows, row(0, {"a": None}, epoch=5)]
    (found,) = summarise(partly, [Metric("m", "a", epochs="any", attempts=3)])
    assert found.value == pytest.approx(0.9), "enough of them are scored"
    (found,) = summarise(partly[-2:], [Metric("m", "a", epochs="any", attempts=3)])
    assert found.value is None


def test_the_order_of_rows_does_not_matter() -> None:
    rng = random.Random(0)
    rows = [
        row(i, {"a": rng.choice([0.0, 1.0, None])}, epoch=e, cluster=f"c{i // 3}", subset="xyz"[i % 3])
        for e in range(2)
        for i in range(90)
    ]
    metrics = [Metric("a", "a"), Metric("any", "a", epochs="any"), Metric("total", "a", mean_over="subset")]
    assert summarise(rows, metrics) == summarise(rng.sample(rows, len(rows)), metrics)


ESTIMATES = [
    rate([1.0, 0.0, 0.0, 1.0, 0.0], range(5), name="over_safe.accuracy"),
    rate([1.0, 1.0], range(2), name="attack.accuracy"),
    rate([None], range(1), name="unscored"),
    Estimate("severity", 1.5, None, None, 1, 1, 1, "", bounds=(0.0, 2.0)),
    Estimate("third", 0.1 + 0.2, None, None, 1, 1, 1, ""),
]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("over_safe.accuracy < 0.4", False),
        ("over_safe.accuracy <= 0.4", True),
        ("over_safe.accuracy<=40%", True),
        ("  over_safe.accuracy  >=  40 % ", True),
        ("over_safe.accuracy == 0.4", True),
        ("over_safe.accuracy != .4", False),
        ("over_safe.accuracy > 3.9e-1", True),
        ("attack.accuracy < 100%", False),
        ("severity > 1", True),
        ("third > 0.3", False),  # 0.1 + 0.2 is 0.30000000000000004
        ("third <= 0.3", True),
        ("third != 0.3", False),
    ],
)
def test_conditions(text: str, expected: bool) -> None:
    assert parse_condition(text).holds(ESTIMATES) is expected


@pytest.mark.parametrize(
    "text",
    [
        *("", "accuracy", "accuracy <", "< 0.4", "accuracy = 0.4", "accuracy => 0.4", "accuracy < high"),
        *("accuracy < nan", "accuracy < 0.4 0.5", "accuracy < 40%%", "a b < 0.4", "0.2 < accuracy < 0.4"),
    ],
)
def test_what_is_no_condition_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="expected NAME OP NUMBER"):
        parse_condition(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("oversafe.accuracy < 0.4", "no metric named 'oversafe.accuracy'; did you mean over_safe.accuracy"),
        ("unscored < 0.4", r"'unscored < 0.4' can't be decided: unscored has no value \(nothing scored\)"),
        ("over_safe.accuracy < 40", r"expected a number from 0 to 1, got 40; did you mean 40%\?"),
        ("severity < 3", "expected a number from 0 to 2, got 3$"),
    ],
)
def test_a_condition_that_cannot_be_decided_is_neither_true_nor_false(text: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        parse_condition(text).holds(ESTIMATES)


def test_a_condition_prints_as_it_is_read() -> None:
    assert str(parse_condition("a.b<=40%")) == "a.b <= 0.4"
