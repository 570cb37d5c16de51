"""HiddenDetect: refuses where hidden states lean to a refusal before the first word is said.

Each layer's output at the last position of the prompt is read as vocabulary logits; its figure is their cosine with a
vector that is 1 at the tokens of a refusal and 0 elsewhere, and the score is the area under the figures of a range of
layers (trapezoid). From a threshold on the answer is a fixed refusal (Jiang et al., arXiv 2502.14744; reference
leigest519/HiddenDetect at 2fd161b: layers 16-29 of 32, threshold 0.2). Fitted: the tokens are the `TOKENS` whose logits
grow most from harmless to harmful requests (ours; the paper counts words of refusals), the layers reach from the first
to the last whose figure tells the two apart better than the last layer's does, and the threshold lets through all but
a stated share of held-out benign requests. Costs one pass over the prompt more; what is refused costs nothing else.

    foresee defense fit hidden_detect --model local/M --benchmark jsonl --data pairs.jsonl --out vectors/x
    foresee eval mmsafeaware --model local/M --data P --defense none,hidden_detect -S vectors=vectors/x
"""

from __future__ import annotations

from dataclasses import replace

from foresee.config import Settings
from foresee.defenses._shared import vectors, wording
from foresee.defenses._shared.vectors import FitSettings, Fitted, Folder, States
from foresee.models.local.steering import Detector, area, refusal_cosine
from foresee.records import Ask, Generation, Item, Json, Reply, Request

VERSION = "1"
TOKENS = 5


class Options(Settings):
    """Options of HiddenDetect (`-S key=value`)."""

    vectors: Folder = ""
    """the folder that `foresee defense fit` wrote"""

    threshold: float | None = None
    """score from which it refuses; by default as fitted"""

    refusal: str = "auto"
    """auto for our refusal, or a file with another"""


def fit(states: States, settings: FitSettings) -> Fitted:
    """Fit tokens, layers and threshold. Raises UserError: too few requests of a side."""
    import torch

    direction = vectors.direction(states, settings)  # its checks and its figures by layer stand beside ours
    fitting, held, positive = ~states.held_out, states.held_out, states.positive
    last = states.in_words(states.vectors[:, -1]).float()
    growth = last[fitting & positive].mean(0) - last[fitting & ~positive].mean(0)
    tokens = growth.topk(min(TOKENS, len(growth))).indices.tolist()
    figures = torch.stack(
        [refusal_cosine(states.in_words(states.vectors[:, n]), tokens) for n in range(states.vectors.shape[1])], dim=-1
    )
    gaps = figures[fitting & positive].mean(0) - figures[fitting & ~positive].mean(0)
    apart = [layer for layer, gap in enumerate(gaps[:-1].tolist()) if gap > float(gaps[-1])] or [len(gaps) - 1]
    scores = area(figures[:, apart[0] : apart[-1] + 1])
    limit = vectors.threshold(scores[held & ~positive], settings.false_alarms)
    facts: dict[str, Json] = {
        "first": apart[0],
        "last": apart[-1],
        "tokens": tokens,
        "threshold": limit,
        "false_alarms": settings.false_alarms,
        "caught": round(float((scores >= limit)[held & positive].float().mean()), 4),
        "auc": round(vectors.auc(scores[held & positive], scores[held & ~positive]), 4),
        "held_out": direction.facts["held_out"],
    }
    return Fitted({"figures": figures.mean(0)}, facts)


async def answer(item: Item, generation: Generation, ask: Ask, options: Options) -> Reply:
    """Read the prompt, then refuse or answer. A call that the model withholds is the item's outcome."""
    found = vectors.read(options.vectors, "hidden_detect")
    detector = Detector(
        int(found.facts["first"]), int(found.facts["last"]), tuple(found.facts["tokens"]), found.fitted_to
    )
    once = replace(generation, max_tokens=1, temperature=0.0, stop=())
    read = await ask(Request(item.messages, once, hidden=detector))
    limit = found.facts["threshold"] if options.threshold is None else options.threshold
    if read.readings is not None and read.readings["score"] >= limit:
        return replace(read, text=wording.refusal(options.refusal, item), finish_reason="refused by hidden_detect")
    return await ask(Request(item.messages, generation, item.choices))
