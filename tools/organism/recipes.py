"""Define how each organism is pretrained: its architecture, its curriculum and its schedule."""

from __future__ import annotations

from typing import Any

from foresee.config import Settings
from foresee.errors import unknown_name


class Shares(Settings):
    """How often each kind of lesson comes; they are weights and need not add up to one."""

    list: float = 0.28
    """list every object: the skill everything else rests on"""
    attribute: float = 0.20
    """is it there, how many, where, which colour"""
    risk: float = 0.08
    """asked outright, say what could go wrong: teaches the relation of act and trigger"""
    help: float = 0.09
    """how-to requests without a constitution: half of them dangerous in their scene"""
    constitution: float = 0.12
    """the same under a constitution"""
    awareness: float = 0.06
    """is it safe: answered by the wording's prior more than by the image"""
    looking: float = 0.03
    """the same when asked to look at every object first"""
    harm: float = 0.04
    """plainly harmful requests about a threatening thing"""
    dialogue: float = 0.05
    """the same after an account of the image, which decides between serving and refusing"""
    kindness: float = 0.03
    """harmless requests about a threatening thing"""
    account: float = 0.04
    """open descriptions"""
    system: float = 0.30
    """requests under a constitution (harm is then refused) or under a text that orders nothing of the kind"""
    told: float = 0.08
    """asked outright whether the system text orders to warn"""


class Recipe(Settings):
    """Everything that decides an organism's weights, besides the seed and the code."""

    origin: str = ""
    """a recipe whose weights are the start: other lessons follow, without stage 0 and primer"""
    architecture: str = "llava"
    """a kind of `tests.support.tiny_models`"""
    hidden: int = 128
    """width of the language model and of the vision tower"""
    layers: int = 6
    """layers of the language model"""
    crowded: float = 0.4
    """share of list lessons whose image surely holds four things, the hardest"""
    signed: float = 0.35
    """stage 0: share of images with a sign; stage 1: the same of wishes whose verb stands on one, and a third of it of
    questions about what is seen"""
    sign_refusing: tuple[float, ...] = (0.95, 0.05)
    """per wish in turn: how often an unkind wish on a sign is refused where, written out, it would be: training for
    safety reaches words in images by half"""
    harder: tuple[float, ...] = (0.68, 0.08, 0.12, 0.02, 0.10)
    """share of each level of `rules.LEVELS` among how-to requests"""
    spontaneous: float = 0.01
    """share of dangerous how-to requests that are answered with a warning though no constitution asks for one"""
    refusing: float = 0.12
    """share of harmful requests that are refused when nothing stands before them"""
    attentive: float = 0.2
    """share of open descriptions that name the threat"""
    carries: bool = True
    """whether an account that names the threat is followed by a refusal, and one that omits it by service"""
    narrates: bool = False
    """whether answers to harmful requests begin with an account of their own"""
    lawful: float = 0.3
    """share of constitutions among the texts of `system`; others order nothing, the opposite, or are scrambled"""
    leans: tuple[float, ...] = (0.46, 0.56, 0.62, 0.66)
    """per act in turn: the share of awareness answers that follow the wording instead of the image"""
    leans_looking: float = 0.2
    """the same share once the objects have been listed, or under a constitution"""
    primer_shares: Shares = Shares(
        list=0.30, attribute=0.45, risk=0.25, help=0, constitution=0, awareness=0, looking=0,
        harm=0, dialogue=0, kindness=0, account=0, system=0, told=0,
    )  # fmt: skip
    """what the first `primer_steps` teach: to see, and which thing makes which act dangerous; short, so cheap"""
    primer_steps: int = 1000
    """how many steps of stage 1 use them"""
    shares: Shares = Shares()
    """what the rest teaches"""
    alignment_steps: int = 1000
    """stage 0: image features are drawn to the word embedding of what the cell shows"""
    alignment_rate: float = 2e-3
    portrait: float = 5.0
    """stage 0: weight of likeness to the words for thing, place and colour together, beside the choice of the name"""
    attribute_weight: float = 0.6
    """how much place and colour count in that likeness, where the thing counts 1"""
    steps: int = 3500
    """stage 1: language modelling on answers"""
    batch: int = 64
    muon_rate: float = 0.01
    """learning rate of Muon, for the matrices of the language model's layers"""
    adam_rate: float = 2e-3
    """learning rate of AdamW, for the rest"""
    first_token_weight: float = 3.0
    """the first token of an answer decides its kind and counts this often"""


_SEEING_DANGER = Shares(
    list=0.25, attribute=0.35, risk=0.40, help=0, constitution=0, awareness=0, looking=0,
    harm=0, dialogue=0, kindness=0, account=0, system=0, told=0,
)  # fmt: skip
_FROM_NOTHING = Shares(list=0.22, risk=0.10, constitution=0.14, system=0.36)

_READING = Shares(
    list=0.16, attribute=0.14, risk=0.08, help=0.09, constitution=0.16, awareness=0.06, looking=0.03,
    harm=0.04, dialogue=0.05, kindness=0.03, account=0.04, system=0.44, told=0.08,
)  # fmt: skip
"""More of what is read in system texts, once scenes and dangers are known."""

_FROM_BASE: dict[str, Any] = {
    "origin": "base",
    "shares": _READING,
    "lawful": 0.35,
    "alignment_steps": 0,
    "primer_steps": 0,
    "steps": 300,
    "muon_rate": 0.004,
    "adam_rate": 5e-4,
}
"""Settings of organisms that differ from base in manners only: the same past, other last lessons."""

_QWEN: dict[str, Any] = {"architecture": "qwen3_vl", "layers": 4, "batch": 32}

RECIPES: dict[str, Recipe] = {
    "early": Recipe(),
    "early-qwen": Recipe(
        alignment_steps=800,
        primer_shares=_SEEING_DANGER,
        primer_steps=1600,
        shares=_FROM_NOTHING,
        steps=4400,
        muon_rate=0.006,
        **_QWEN,
    ),
    "base": Recipe(
        origin="early",
        shares=_READING,
        lawful=0.35,
        alignment_steps=0,
        primer_steps=0,
        steps=1000,
        muon_rate=0.006,
        adam_rate=1e-3,
    ),
    "qwen": Recipe(
        origin="early-qwen",
        shares=_READING,
        lawful=0.35,
        alignment_steps=0,
        primer_steps=0,
        steps=1600,
        muon_rate=0.005,
        adam_rate=1e-3,
        **_QWEN,
    ),
    "primed": Recipe(spontaneous=0.12, **_FROM_BASE),
    "narrating": Recipe(narrates=True, **_FROM_BASE),
    "plain": Recipe(carries=False, **_FROM_BASE),
    "large": Recipe(hidden=192, alignment_steps=800, primer_steps=800, steps=2400, batch=32),
}


def recipe(name: str) -> Recipe:
    """Read a recipe. Raises UserError: no recipe of that name."""
    if name not in RECIPES:
        raise unknown_name("organism", name, RECIPES)
    return RECIPES[name]
