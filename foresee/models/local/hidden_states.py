"""Read and edit the hidden states of a local model while it answers, for each request of a batch by itself.

Hidden states are what a decoder layer hands to the next one, (rows, length, width). Forward hooks stand on the layers
for the time of one batch; nothing of transformers is patched, and the cache of keys and values works as ever, since
layers behind an edited one see the edited states. Requests with and without a strategy share a batch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal, NamedTuple, Protocol

from foresee.errors import UserError
from foresee.records import Json

Positions = Literal["all", "prompt", "new"]


class Pass(NamedTuple):
    """One forward pass: over the prompts, or over the token that each answer got last.

    `real` is (rows, length), False where a shorter prompt is padded (on the left).
    """

    prompt: bool
    real: Any

    def chosen(self, positions: Positions) -> Any:
        """Select positions, (rows, length): all, those of the prompt, or those at which a new token is chosen.

        The last position of a prompt chooses the answer's first token, so it is among the new ones.
        """
        if positions == "all" or self.prompt == (positions == "prompt"):
            return self.real
        none = self.real & False
        if positions == "new":
            none[:, -1] = True
        return none


class Session(Protocol):
    """A strategy at work on the rows of one batch that share it."""

    def edit(self, layer: int, states: Any, now: Pass) -> Any | None:
        """Return the states (rows, length, width) that the next layer is to see; None to leave them as they are."""
        ...

    def readings(self, row: int) -> Mapping[str, float] | None:
        """Return what was read of a row, for `Reply.readings`; None where nothing is to be told."""
        ...


class HiddenStates(Protocol):
    """What a request may carry as `Request.hidden`; requests with equal, hashable strategies share a session."""

    @property
    def identity(self) -> Mapping[str, Json]:
        """Whatever changes its answers; it goes into journal keys."""
        ...

    @property
    def layers(self) -> Sequence[int] | None:
        """Which decoder layers' outputs it sees; 0 is the first, None for all."""
        ...

    @property
    def fitted_to(self) -> str:
        """The model that its vectors were fitted to, as from `model_mark`; "" where any will do."""
        ...

    def session(self, model: Any) -> Session:
        """Begin a batch on a transformers model."""
        ...


def model_mark(identity: Mapping[str, Json]) -> str:
    """Name the weights of a local model, its adapter included, as its `identity` has them."""
    adapter = identity.get("adapter", "")
    return f"{identity.get('weights', '')}+{adapter}" if adapter else str(identity.get("weights", ""))


def check_fits(strategy: HiddenStates, identity: Mapping[str, Json], name: str) -> None:
    """Check that vectors are of this model. Raises UserError: they were fitted to another one."""
    if strategy.fitted_to not in ("", mark := model_mark(identity)):
        raise UserError(
            f"these vectors were fitted to a model with the weights {strategy.fitted_to}, {name} has {mark}: "
            "fit them anew (foresee defense fit)"
        )


class Hooks:
    """The sessions of a batch. Row r, and every further branch of it, is given to the strategy of request r."""

    def __init__(self, strategies: Sequence[HiddenStates | None], model: Any) -> None:
        self._requests = len(strategies)
        groups: dict[Any, list[int]] = {}
        for place, strategy in enumerate(strategies):
            if strategy is not None:
                groups.setdefault(_key(strategy), []).append(place)
        shared = [(places, strategies[places[0]]) for places in groups.values()]
        self._sessions = [
            (places, _layers(strategy, model), strategy.session(model)) for places, strategy in shared if strategy
        ]
        self._met: set[int] = set()  # layers that have seen the prompt

    @property
    def layers(self) -> set[int]:
        return {layer for _, layers, _ in self._sessions for layer in layers}

    def __call__(self, layer: int, states: Any, real: Any) -> Any | None:
        """Edit the output of a layer; `real` is the padded prompts' mask."""
        import torch

        prompt = layer not in self._met
        self._met.add(layer)
        mask = real.bool() if prompt else torch.ones(states.shape[:2], dtype=torch.bool, device=states.device)
        edited = None
        for places, layers, session in self._sessions:
            if layer not in layers:
                continue
            branches = range(0, states.shape[0], self._requests)
            rows = torch.tensor([place + branch for branch in branches for place in places], device=states.device)
            found = session.edit(layer, states[rows], Pass(prompt, mask[rows]))
            if found is not None:
                edited = states.clone() if edited is None else edited
                edited[rows] = found.to(states.dtype)
        return edited

    def readings(self) -> list[Mapping[str, float] | None]:
        """List what was read, by request."""
        found: list[Mapping[str, float] | None] = [None] * self._requests
        for places, _, session in self._sessions:
            for row, place in enumerate(places):
                found[place] = session.readings(row)
        return found


@contextmanager
def hooked(strategies: Sequence[HiddenStates | None], model: Any, real: Any) -> Iterator[Hooks]:
    """Hold hooks on the layers of a transformers model for as long as the block lasts.

    Args:
        strategies: one a request.
        model: the transformers model.
        real: its attention mask (rows, length), 0 where prompts are padded.

    Raises:
        UserError: a layer that this model does not have.
    """
    hooks = Hooks(strategies, model)
    stack = model.get_decoder().layers if hooks.layers else ()
    held = [stack[layer].register_forward_hook(_hook(hooks, layer, real)) for layer in sorted(hooks.layers)]
    try:
        yield hooks
    finally:
        for each in held:
            each.remove()


def _hook(hooks: Hooks, layer: int, real: Any) -> Any:
    def hook(module: Any, arguments: Any, output: Any) -> Any | None:
        whole = isinstance(output, tuple)
        edited = hooks(layer, output[0] if whole else output, real)
        return edited if edited is None or not whole else (edited, *output[1:])

    return hook


def _key(strategy: HiddenStates) -> Any:
    try:
        hash(strategy)
    except TypeError:
        return id(strategy)
    return strategy


def _layers(strategy: HiddenStates, model: Any) -> frozenset[int]:
    count = len(model.get_decoder().layers)
    wanted = range(count) if strategy.layers is None else strategy.layers
    beyond = [layer for layer in wanted if not 0 <= layer < count]
    if beyond:
        raise UserError(f"layer {beyond[0]}: this model has {count} decoder layers, 0 to {count - 1}")
    return frozenset(wanted)
