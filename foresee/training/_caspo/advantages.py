"""Compute CASPO's token rewards, and its advantages of tokens and outcomes. Tensors in, tensors out; no trainer.

Shapes: B answers on this process, N answers on all processes, G answers to one prompt (they stand together, so N is
a multiple of G), T tokens of the longest answer. A mask is 1 on tokens of the answer and 0 on padding.

The formulas follow the released code of COPSD (github.com/SII-FLEEECERmw/SafeC-OPSD, the same authors' later method),
since CASPO's own (arXiv 2603.09706) are not in its abstract: see `foresee/papers/ood_mmsafe/README.md`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from torch import Tensor

Form = Literal["mix", "sum"]


class Weights(NamedTuple):
    """How much the outcome and the tokens count for each answer, (B,) each."""

    outcome: Tensor
    token: Tensor


def token_reward(teacher: Tensor, student: Tensor, mask: Tensor, low: float, high: float) -> Tensor:
    """Compute clip(log p_teacher - log p_student, low, high) of the sampled tokens, 0 on padding.

    Args:
        teacher: (B, T) log-probabilities with the constitution in the prompt.
        student: (B, T) log-probabilities of the same tokens without it.
        mask: (B, T).
        low: lowest reward of a token, negative.
        high: highest reward of a token.

    Returns:
        (B, T), in nats.
    """
    return (teacher - student).clamp(low, high) * mask


def return_to_go(reward: Tensor, mask: Tensor, discount: float) -> Tensor:
    """Add to each token's reward the discounted rewards of the tokens after it; 0 on padding.

    With discount 0 a token answers for itself alone; with 1 for everything that follows.

    Args:
        reward: (B, T), 0 on padding.
        mask: (B, T).
        discount: 0 to 1.

    Returns:
        (B, T).
    """
    if discount == 0:
        return reward
    returned = reward.clone()
    for place in range(reward.shape[1] - 2, -1, -1):
        returned[:, place] += discount * returned[:, place + 1]
    return returned * mask


def token_sums(reward: Tensor, mask: Tensor) -> Tensor:
    """Count each answer's tokens, and sum their rewards and squares: (B, 3) in double precision.

    What a process must tell the others so that a group that lies on several of them can be normalised.
    """
    reward, mask = reward.double(), mask.double()
    return _stack([mask.sum(1), (reward * mask).sum(1), (reward.square() * mask).sum(1)])


def group_moments(sums: Tensor, group: int) -> Tensor:
    """Compute mean and (unbiased) standard deviation over all tokens of each answer's group.

    Args:
        sums: (N, 3) of `token_sums`, groups together.
        group: G.

    Returns:
        (N, 2), the same for every answer of a group; the deviation is 0 where a group has fewer than two tokens.
    """
    count, total, squares = sums.view(-1, group, 3).sum(1).unbind(1)
    mean = total / count.clamp(min=1)
    variance = (squares - count * mean.square()) / (count - 1).clamp(min=1)
    return _stack([mean, variance.clamp(min=0).sqrt()]).repeat_interleave(group, dim=0)


def token_advantage(reward: Tensor, mask: Tensor, moments: Tensor, floor: float = 0.0) -> Tensor:
    """Normalise token rewards over all tokens of the group; 0 on padding.

    Args:
        reward: (B, T).
        mask: (B, T).
        moments: (B, 2) of `group_moments`, this process's rows.
        floor: the deviation is taken to be at least this, lest a group that agrees be blown up into noise.

    Returns:
        (B, T).
    """
    mean, deviation = moments.to(reward.dtype).unbind(1)
    scaled = (reward - mean.unsqueeze(1)) / (deviation.clamp(min=floor) + _EPSILON).unsqueeze(1)
    return scaled * mask


def outcome_advantage(reward: Tensor, group: int, floor: float = 0.0) -> Tensor:
    """Normalise rewards within each group; NaN rewards (no verdict) take no part and get 0.

    Args:
        reward: (N,) with NaN where a judge gave no verdict.
        group: G.
        floor: the deviation is taken to be at least this.

    Returns:
        (N,).
    """
    grouped = reward.view(-1, group)
    known = ~grouped.isnan()
    count = known.sum(1, keepdim=True)
    filled = grouped.nan_to_num(0.0)
    mean = filled.sum(1, keepdim=True) / count.clamp(min=1)
    away = (filled - mean) * known
    deviation = (away.square().sum(1, keepdim=True) / (count - 1).clamp(min=1)).sqrt()
    return (away / (deviation.clamp(min=floor) + _EPSILON)).view(-1)


def weights(token_weight: float, form: Form, dense: Tensor | None, like: Tensor) -> Weights:
    """Weigh the outcome and the tokens of each answer.

    Args:
        token_weight: lambda.
        form: "mix" for (1 - lambda) outcome + lambda token, "sum" for outcome + lambda token.
        dense: (B,) booleans where rows are routed (COPSD): True learns from its tokens alone, False from its outcome
            alone. None for every row by `form`.
        like: (B,) floats, for device and type.
    """
    if dense is not None:
        dense = dense.to(like)
        return Weights(1 - dense, dense)
    one = like.new_ones(like.shape)
    return Weights(one * (1 - token_weight) if form == "mix" else one, one * token_weight)


def combine(outcome: Tensor, token: Tensor, weight: Weights, mask: Tensor) -> Tensor:
    """Add up the advantage of every token: w_outcome A_outcome + w_token A_token, 0 on padding.

    Args:
        outcome: (B,).
        token: (B, T).
        weight: (B,) each.
        mask: (B, T).

    Returns:
        (B, T).
    """
    whole = (weight.outcome * outcome).unsqueeze(1)
    return (whole + weight.token.unsqueeze(1) * token) * mask


_EPSILON = 1e-4  # TRL's, so that token weight 0 is its GRPO to the last digit; COPSD has 1e-6


def _stack(columns: list[Tensor]) -> Tensor:
    import torch

    return torch.stack(columns, dim=1)
