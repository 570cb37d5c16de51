"""Refusal direction: pushes hidden states along harmful minus harmless, so that requests seen as harmful are refused.

v = mean(harmful) - mean(harmless), of one decoder layer's output at the last position of the prompt; while the answer
is written h becomes h + strength * v at each position that chooses a token (Arditi et al., arXiv 2406.11717,
activation addition). Ours: only requests that lie as far along v as few benign ones do are pushed (`gate`), since
without it benign requests are pushed too; layer and gate are chosen on held-out requests. Strength is in units of v: at
1 the mean harmless state lands on the mean harmful one. Choose it on data that does not test it.

    foresee defense fit refusal_direction --model local/M --benchmark jsonl --data pairs.jsonl --out vectors/x
    foresee eval mmsafeaware --model local/M --data P --defense none,refusal_direction -S vectors=vectors/x
"""

from __future__ import annotations

from typing import Literal

from foresee.config import Settings
from foresee.defenses._shared import vectors
from foresee.defenses._shared.vectors import Folder
from foresee.models.local.steering import Steering

VERSION = "1"
fit = vectors.direction


class Options(Settings):
    """Options of the refusal direction (`-S key=value`)."""

    vectors: Folder = ""
    """the folder that `foresee defense fit` wrote"""

    strength: float = 1.0
    """how many times the difference of means is added"""

    gate: float | Literal["auto", "none"] = "auto"
    """how far along the direction a request must lie to be pushed; auto: as fitted, none: all are"""


def hidden(options: Options) -> Steering:
    """Make the strategy. Raises UserError: no vectors of this defense there."""
    found = vectors.read(options.vectors, "refusal_direction")
    gate = found.facts["gate"] if options.gate == "auto" else None if options.gate == "none" else options.gate
    pair = found.tensors["origin"], found.tensors["direction"]
    return Steering("add", int(found.facts["layer"]), options.strength, pair, found.digest, found.fitted_to, gate)
