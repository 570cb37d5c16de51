"""Immune-type decoding: the next token is one that a reward model likes as a continuation of the answer so far.

At each step the `top` likeliest tokens are tried: each is put behind the answer so far, a reward model scores that
text, and the token's logit becomes logit + weight * reward; all other tokens are ruled out. After Immune (Ghosal et
al., arXiv 2411.18688; reference code itsvaibhav01/Immune at dd91956: weight 0.5, five tokens in code and ten in the
paper, URM-LLaMa-3.1-8B as the reward model, sampling). Here greedy stays greedy, and temperature and top-p come after
the reward. At weight 0 it is plain decoding. The reward model is any checkpoint that classifies sequences; of several
outputs `-S output=NAME` chooses one, and a negative weight turns a score of harm around. It reads the request's last
words and the answer so far, each time whole, and no images: a step costs as many texts as tokens tried, which is most
of the time. Where a benchmark asks for a first word, words that are not among those tokens have probability 0.

Needs logits: `local/…` and `organism/…` models.

    foresee eval mmsafeaware --model local/M --data P --defense none,immune -S reward=FOLDER_OR_HUB_ID -S weight=0.5
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import pydantic

from foresee.config import Settings
from foresee.errors import UserError
from foresee.models.checkpoints.find import fingerprint
from foresee.models.local.reward_guided import RewardGuided, reward_model

VERSION = "1"


def _content(reward: str) -> str:
    """Name a folder by what it holds, so that a run is the same wherever it lies."""
    path = Path(reward).expanduser()
    return fingerprint(path) if reward and path.is_dir() else reward


class Options(Settings):
    """Options of reward-guided decoding (`-S key=value`)."""

    reward: Annotated[str, pydantic.PlainSerializer(_content)] = ""
    """the reward model, a folder or a hub id; in keys it counts by its content"""

    output: str = ""
    """which of its outputs is the reward, by name or number; needed where it has several"""

    weight: float = pydantic.Field(default=0.5, allow_inf_nan=False)
    """of the reward; 0 is plain decoding"""

    top: int = pydantic.Field(default=10, ge=1, le=1000)
    """how many of the likeliest tokens are tried at each step"""


def decoding(options: Options) -> RewardGuided:
    """Make the strategy. Raises UserError: no reward model is named, or none that can be used."""
    if not options.reward:
        raise UserError("immune needs a reward model: -S reward=FOLDER_OR_HUB_ID, one that classifies sequences")
    return RewardGuided(reward_model(options.reward, options.output), options.weight, options.top)
