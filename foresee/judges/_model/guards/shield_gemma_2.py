"""ShieldGemma 2 (4B): whether an image breaks a policy, as the probability that the guard begins with "Yes".

It reads an image and one of three policies, no words of the user and no answer, so it judges requests alone. The
policies are the published ones, from the installed transformers (`DEFAULT_SHIELDGEMMA2_POLICIES`, Apache-2.0); the
chat template of the checkpoint puts the question around them. Paper: arXiv 2504.01081; format:
https://huggingface.co/docs/transformers/model_doc/shieldgemma2
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from foresee.errors import UserError
from foresee.judges._model.guards import shield_gemma
from foresee.judges._model.guards._format import Call, Format, Seen, ask_of
from foresee.records import Message


def calls(seen: Seen, wording: str) -> Sequence[Call]:
    """Every image under every policy; none for a request without images. Raises UserError: no transformers."""
    images = seen.item.images if seen.sighted else ()
    under = policies() if images else {}
    several = len(images) > 1
    # As transformers' processor calls the template; a server has its own way to say so.
    template = {"add_generation_prompt": False} if seen.provider == "local" else {}
    return [
        Call(f"image {place} {name}" if several else name, ask_of((Message("user", (image, text)),), 8, template))
        for place, image in enumerate(images, 1)
        for name, text in under.items()
    ]


def policies() -> Mapping[str, str]:
    """Read the published policies by name. Raises UserError: no transformers."""
    try:
        from transformers.models.shieldgemma2.processing_shieldgemma2 import DEFAULT_SHIELDGEMMA2_POLICIES
    except ImportError:
        raise UserError(
            "guard:shield_gemma_2 takes its policies from transformers: pip install 'foresee[local]'"
        ) from None
    return dict(DEFAULT_SHIELDGEMMA2_POLICIES)


FORMAT = Format(
    version="1",
    source="https://huggingface.co/docs/transformers/model_doc/shieldgemma2",
    license="Gemma Terms of Use; policies as in transformers (Apache-2.0)",
    stages=frozenset({"request"}),
    calls=calls,
    read=shield_gemma.read,
    words=("Yes", "No"),
)
