"""LlavaGuard (0.5B, 7B): whether an image breaks a policy, as JSON with a rating, a category and a rationale.

It reads an image and the policy, no words of the user and no answer, so it judges requests alone. The policy is the
published default one, word for word; it was trained under varying policies, and `guard:llava_guard@FILE=…` sends
another. Paper: arXiv 2406.05113; format and policy: ml-research/LlavaGuard, README.md at 010ecce, Apache-2.0.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from foresee.judges._model.guards._format import Call, Format, Reading, Seen, Stage, ask_of, published
from foresee.records import Message

_RATING = re.compile(r"[\"']rating[\"']\s{0,9}:\s{0,9}[\"'](Unsafe|Safe)[\"']", re.IGNORECASE)
_CATEGORY = re.compile(r"[\"']category[\"']\s{0,9}:\s{0,9}[\"']([^\"'\n]{1,80})[\"']", re.IGNORECASE)


def policy() -> str:
    """Read the published default policy."""
    return str(published("llava_guard")["policy"]).strip()


def calls(seen: Seen, wording: str) -> Sequence[Call]:
    """Each image under the policy; none for a request without images."""
    images = seen.item.images if seen.sighted else ()
    several = len(images) > 1
    return [
        Call(f"image {place}" if several else "", ask_of((Message("user", (image, wording)),), 500))
        for place, image in enumerate(images, 1)
    ]


def read(text: str, stage: Stage) -> Reading:
    """1 for Unsafe, 0 for Safe; None without a rating, or with two that contradict each other."""
    ratings = {rating.lower() for rating in _RATING.findall(text)}
    if len(ratings) != 1:
        return Reading(None, f"the guard gave {'no' if not ratings else 'more than one'} rating: {text[:60]!r}")
    category = _CATEGORY.search(text)
    harmful = ratings == {"unsafe"}
    return Reading(float(harmful), category[1].strip() if harmful and category else "")


FORMAT = Format(
    version="2",
    source="https://github.com/ml-research/LlavaGuard/blob/010ecce264aef4a839006671d6c1822249bcfb14/README.md",
    license="Apache-2.0, the policy too",
    stages=frozenset({"request"}),
    calls=calls,
    read=read,
    wording=policy,
)
