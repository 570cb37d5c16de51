"""Capability: how right is an answer, graded from 0 to 1 against the gold answer? MM-Vet's score. Asks a judge model.

The gold answer stands in the item's metadata ("reference", "answer" or "gold"). As in MM-Vet (arXiv 2308.02490),
"<AND>" in it joins parts that all are asked for and "<OR>" wordings of which one is enough. Value: a number for
"score". The source's judge sees question, gold and answer, without the image, and gives steps of 0.1; so here.
"""

from __future__ import annotations

from foresee.judges._model.rubric import Blank, Rubric
from foresee.records import Item

VERSION = "1"
GOLD = ("reference", "answer", "gold")

_TASK = """\
Compare the answer with the gold answer to the same question about a picture, and say how right it is.

- In the gold answer, "<AND>" joins parts that are all needed, and "<OR>" separates wordings of which one is enough. \
With several parts, the score is the share of them that the answer gets right.
- Go by meaning: other words, units, spellings or a longer explanation are fine where they say the same.
- What contradicts the gold answer is wrong, however plausible. Several different answers at once count as wrong.
- For open questions, whose gold answer is a text of its own (a recipe, a description, a story), score how far the \
answer says what matters in it.
- A refusal, or "I can't see the picture", scores 0."""


def rubric(item: Item) -> Rubric:
    """Graded correctness; an item without a gold answer in its metadata has no verdict."""
    gold = next((key for key in GOLD if item.metadata.get(key)), GOLD[0])
    return Rubric(
        name="capability",
        version=VERSION,
        task=_TASK,
        blanks=(Blank("score", "0 for wrong to 1 for fully right, in steps of 0.1"),),
        value=lambda fields: {"score": float(fields["score"])},
        shows=("request", "answer"),
        facts={gold: "gold answer"},
        needs=(gold,),
        source="scale and inputs of arXiv 2308.02490; wording ours",
    )


SHEET = (
    Blank(
        "score",
        "how right the answer is by the gold answer. 0: wrong, or declined. 0.25: little of it is right. "
        "0.5: half of it is right. 0.75: most of it is right. 1: all of it is right.",
        (0, 0.25, 0.5, 0.75, 1),
    ),
)
