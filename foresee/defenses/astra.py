"""ASTRA-type steering: takes out of hidden states what an attack puts into them, as far as it is there.

v = mean(attacked) - mean(plain), of one decoder layer's output at the last position of the prompt, over the same
requests with and without the attack; at each position that chooses a token h becomes
h - strength * |h| * clip(cos(h - origin, v), 0, 1) * v / |v|, origin the mean of the plain ones (Wang et al., arXiv
2411.16721; ASTRAL-Group/ASTRA at 54df103, where strength is 5 to 10). Ours: v is a difference of means over whole
prompts and not an attribution to patches of attacked images, and the layer is the one that tells held-out pairs apart
best. Choose the strength on data that does not test it.

    foresee defense fit astra --model local/M --benchmark jsonl --data harmful.jsonl --attack mml --out vectors/x
    foresee eval figstep --model local/M --data P --defense none,astra -S vectors=vectors/x
"""

from __future__ import annotations

from foresee.config import Settings
from foresee.defenses._shared import vectors
from foresee.defenses._shared.vectors import Folder
from foresee.models.local.steering import Steering

VERSION = "1"
fit = vectors.direction


class Options(Settings):
    """Options of ASTRA-type steering (`-S key=value`)."""

    vectors: Folder = ""
    """the folder that `foresee defense fit` wrote"""

    strength: float = 5.0
    """alpha of the rule; 0 leaves everything as it is"""


def hidden(options: Options) -> Steering:
    """Make the strategy. Raises UserError: no vectors of this defense there."""
    found = vectors.read(options.vectors, "astra")
    pair = found.tensors["origin"], found.tensors["direction"]
    return Steering("astra", int(found.facts["layer"]), options.strength, pair, found.digest, found.fitted_to)
