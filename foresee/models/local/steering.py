"""Vectors in hidden states: what is collected to fit them, how they steer, and how they tell what is asked.

All functions are plain arithmetic on tensors, so that each can be tested by hand; the strategies
(`hidden_states.HiddenStates`) only carry them to the layers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from foresee.models.local.hidden_states import Pass
    from foresee.records import Json

Rule = Literal["add", "astra"]


def along(states: Any, origin: Any, direction: Any) -> Any:
    """Measure how far states (..., width) lie along a direction: 0 at the origin, 1 at its end.

    ((h - origin) . d) / (d . d), for a difference of means d: 0 at the mean of one side, 1 at that of the other.
    """
    return (states.float() - origin) @ direction / (direction @ direction)


def added(states: Any, direction: Any, strength: float) -> Any:
    """Add a direction: h + strength * d (Arditi et al., arXiv 2406.11717, activation addition), (..., width)."""
    return states.float() + strength * direction


def astra(states: Any, origin: Any, direction: Any, strength: float) -> Any:
    """Take a direction v out as far as states lie along it.

    h - strength * |h| * clip(cos(h - origin, v), 0, 1) * v / |v|, for states (..., width): ASTRA's rule (Wang et al.,
    arXiv 2411.16721; ASTRAL-Group/ASTRA at 54df103).
    """
    states = states.float()
    unit = direction / direction.norm()
    away = states - origin
    cosine = (away @ unit / away.norm(dim=-1).clamp_min(1e-12)).clamp(0, 1)
    return states - strength * (states.norm(dim=-1) * cosine)[..., None] * unit


def refusal_cosine(logits: Any, tokens: Sequence[int]) -> Any:
    """Measure the cosine of vocabulary logits (..., vocabulary) and a vector that is 1 at the tokens and 0 elsewhere.

    HiddenDetect's figure of a layer (Jiang et al., arXiv 2502.14744).
    """
    logits = logits.float()
    return logits[..., list(tokens)].sum(-1) / (logits.norm(dim=-1).clamp_min(1e-12) * len(tokens) ** 0.5)


def area(values: Any) -> Any:
    """Integrate figures by layer (..., layers) with the trapezoid rule, a layer's distance being 1."""
    if values.shape[-1] == 1:
        return values[..., 0]
    return (values[..., 1:] + values[..., :-1]).sum(-1) / 2


def in_words(model: Any, states: Any) -> Any:
    """Read states (..., width) as the model reads its last layer's: logits (..., vocabulary)."""
    decoder, head = model.get_decoder(), model.get_output_embeddings()
    return head(decoder.norm(states.to(head.weight.dtype)))


@dataclass(eq=False)
class Collector:
    """Keeps what every layer puts out at the last position of one prompt.

    Attributes:
        states: (layers, width), float32 on the CPU, once the prompt was read.
        model: the transformers model that read it.
    """

    states: Any = None
    model: Any = None

    fitted_to = ""
    layers = None

    @property
    def identity(self) -> Mapping[str, Json]:
        return {"collects": "the last position of every layer"}

    def session(self, model: Any) -> Collecting:
        self.model = model
        return Collecting(self)


@dataclass
class Collecting:
    """A collector's session, of one row."""

    collector: Collector
    found: list[Any] = field(default_factory=list)

    def edit(self, layer: int, states: Any, now: Pass) -> None:
        """Keep the last position; layers come in their order."""
        import torch

        if now.prompt:
            self.found.append(states[0, -1].float().cpu())
            self.collector.states = torch.stack(self.found)

    def readings(self, row: int) -> None:
        """Tell nothing: the states are in the collector."""


@dataclass(frozen=True)
class Steering:
    """Steers by a vector at one layer, at the positions that choose tokens.

    Attributes:
        rule: how (`added`, `astra`).
        layer: which decoder layer's output.
        strength: 0 leaves everything as it is.
        vectors: origin and direction, (width,) each.
        digest: of the vectors' file.
        fitted_to: the model that they are of.
        gate: only requests whose last position lies at least so far `along` the direction are steered; None for all.
    """

    rule: Rule
    layer: int
    strength: float
    vectors: tuple[Any, Any] = field(compare=False, repr=False)
    digest: str
    fitted_to: str
    gate: float | None = None

    @property
    def identity(self) -> Mapping[str, Json]:
        return {"steering": [self.rule, self.layer, self.strength, self.gate, self.digest]}

    @property
    def layers(self) -> tuple[int, ...]:
        return (self.layer,)

    def session(self, model: Any) -> SteeringSession:
        return SteeringSession(self)


class SteeringSession:
    """Steering's work on one batch: which rows are steered is decided at their prompts."""

    def __init__(self, steering: Steering) -> None:
        self._steering = steering
        self._along: Any = None  # (rows,)

    def edit(self, layer: int, states: Any, now: Pass) -> Any:
        """Steer the positions at which a new token is chosen."""
        steering = self._steering
        origin, direction = (vector.to(states.device) for vector in steering.vectors)
        if now.prompt:
            self._along = along(states[:, -1], origin, direction)
        if steering.rule == "add":
            steered = added(states, direction, steering.strength)
        else:
            steered = astra(states, origin, direction, steering.strength)
        where = now.chosen("new")
        if steering.gate is not None:
            where = where & (self._along >= steering.gate)[:, None]
        return steered.to(states.dtype).where(where[..., None], states)

    def readings(self, row: int) -> Mapping[str, float]:
        """Tell how far the prompt's last position lies along the direction."""
        return {"along": float(self._along[row])}


@dataclass(frozen=True)
class Detector:
    """Reads how strongly layers lean to the tokens of a refusal before the first word is said (HiddenDetect).

    Attributes:
        first: the first layer that counts.
        last: the last one.
        tokens: those of a refusal.
        fitted_to: the model that they are of.
    """

    first: int
    last: int
    tokens: tuple[int, ...]
    fitted_to: str

    @property
    def identity(self) -> Mapping[str, Json]:
        return {"detector": [self.first, self.last, list(self.tokens)]}

    @property
    def layers(self) -> tuple[int, ...]:
        return tuple(range(self.first, self.last + 1))

    def session(self, model: Any) -> Detecting:
        return Detecting(self, model)


class Detecting:
    """A detector's work on one batch."""

    def __init__(self, detector: Detector, model: Any) -> None:
        self._detector, self._model = detector, model
        self._found: list[Any] = []  # (rows,) a layer

    def edit(self, layer: int, states: Any, now: Pass) -> None:
        """Read the last position of the prompts."""
        if now.prompt:
            self._found.append(refusal_cosine(in_words(self._model, states[:, -1]), self._detector.tokens))

    def readings(self, row: int) -> Mapping[str, float]:
        """Tell the area under the layers' figures."""
        import torch

        return {"score": float(area(torch.stack(self._found, dim=-1)[row]))}
