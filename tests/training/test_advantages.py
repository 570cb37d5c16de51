"""The arithmetic of CASPO against numbers worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch

from foresee.training._caspo import advantages as adv

MASK = torch.tensor([[1.0, 1.0, 0.0], [1.0, 1.0, 1.0]])


def test_token_reward_is_the_clipped_difference_and_nothing_on_padding() -> None:
    teacher = torch.tensor([[-1.0, -9.0, -1.0], [-0.5, -2.0, -1.0]])
    student = torch.tensor([[-2.0, -1.0, -5.0], [-8.0, -2.0, -0.5]])
    found = adv.token_reward(teacher, student, MASK, -3.0, 5.0)
    torch.testing.assert_close(found, torch.tensor([[1.0, -3.0, 0.0], [5.0, 0.0, -0.5]]))


def test_return_to_go_discounts_what_follows_and_leaves_the_input_alone() -> None:
    reward = torch.tensor([[1.0, 2.0, 0.0], [1.0, 0.0, 4.0]])
    found = adv.return_to_go(reward, MASK, 0.5)
    torch.testing.assert_close(found, torch.tensor([[2.0, 2.0, 0.0], [2.0, 2.0, 4.0]]))
    assert reward[0, 0] == 1.0
    assert adv.return_to_go(reward, MASK, 0.0) is reward
    torch.testing.assert_close(adv.return_to_go(reward, MASK, 1.0)[1], torch.tensor([5.0, 4.0, 4.0]))


def test_token_advantage_is_normalised_over_all_tokens_of_the_group() -> None:
    reward = torch.tensor([[1.0, 3.0, 0.0], [2.0, 4.0, 0.0]])  # five tokens: 1 3 2 4 0, mean 2, variance 10 / 4
    moments = adv.group_moments(adv.token_sums(reward, MASK), group=2)
    torch.testing.assert_close(moments, torch.tensor([[2.0, math.sqrt(2.5)]] * 2, dtype=torch.double))
    found = adv.token_advantage(reward, MASK, moments)
    unit = math.sqrt(2.5) + 1e-4
    torch.testing.assert_close(found, torch.tensor([[-1 / unit, 1 / unit, 0.0], [0.0, 2 / unit, -2 / unit]]))
    wide = adv.token_advantage(reward, MASK, moments, floor=10.0)
    assert wide.abs().max() == pytest.approx(2 / 10.0001)


def test_groups_are_apart_and_may_lie_on_several_processes() -> None:
    torch.manual_seed(0)
    reward, mask = torch.randn(8, 5), (torch.rand(8, 5) > 0.3).float()
    whole = adv.group_moments(adv.token_sums(reward, mask), group=4)
    parts = torch.cat([adv.token_sums(reward[i : i + 2], mask[i : i + 2]) for i in range(0, 8, 2)])
    torch.testing.assert_close(adv.group_moments(parts, group=4), whole)
    for group in range(2):
        rows = slice(4 * group, 4 * group + 4)
        tokens = reward[rows][mask[rows].bool()].double()
        torch.testing.assert_close(whole[rows][0], torch.stack([tokens.mean(), tokens.std()]))


def test_outcomes_without_a_verdict_take_no_part() -> None:
    reward = torch.tensor([0.0, 2.0, math.nan, 1.0, 1.0, 1.0, 1.0, 1.0])
    found = adv.outcome_advantage(reward, group=4)
    torch.testing.assert_close(found, torch.tensor([-1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]) / 1.0001)
    nobody = adv.outcome_advantage(torch.full((4,), math.nan), group=4)
    assert nobody.tolist() == [0.0] * 4
    alone = adv.outcome_advantage(torch.tensor([math.nan, 3.0]), group=2)
    assert alone.tolist() == [0.0, 0.0]


def test_outcome_advantage_is_trls() -> None:
    from trl.trainer.utils import nanstd

    torch.manual_seed(1)
    reward = torch.randn(12)
    reward[5] = math.nan
    grouped = reward.view(3, 4)
    theirs = (grouped - grouped.nanmean(1, keepdim=True)) / (nanstd(grouped, dim=1).unsqueeze(1) + 1e-4)
    torch.testing.assert_close(adv.outcome_advantage(reward, 4), theirs.nan_to_num(0.0).view(-1))


@pytest.mark.parametrize(
    ("form", "expected"), [("mix", [[0.7 * 2 + 0.3 * 1, 0.7 * 2 - 0.3 * 1, 0.0]]), ("sum", [[2.3, 1.7, 0.0]])]
)
def test_combination(form: adv.Form, expected: list[list[float]]) -> None:
    outcome, token = torch.tensor([2.0]), torch.tensor([[1.0, -1.0, 9.0]])
    weight = adv.weights(0.3, form, None, outcome)
    torch.testing.assert_close(adv.combine(outcome, token, weight, MASK[:1]), torch.tensor(expected))


def test_routed_rows_learn_from_one_thing_alone() -> None:
    outcome, token = torch.tensor([2.0, 5.0]), torch.ones(2, 3)
    weight = adv.weights(0.3, "mix", torch.tensor([True, False]), outcome)
    found = adv.combine(outcome, token, weight, MASK)
    torch.testing.assert_close(found, torch.tensor([[1.0, 1.0, 0.0], [5.0, 5.0, 5.0]]))
