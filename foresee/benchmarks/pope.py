"""POPE: does a model see objects that are not there? "Is there a … in the image?", yes or no, on photographs of COCO.

500 images with six questions each in three subsets: the absent objects are drawn at random, from those that are
frequent in the whole set (popular), or from those that often stand beside the ones in the image (adversarial). Half of
the right answers are yes. It stands beside harm benchmarks to show what a defense or training costs.

Paper: Y. Li et al., "Evaluating Object Hallucination in Large Vision-Language Models", EMNLP 2023, arXiv 2305.10355.
Licence: MIT (texts); the images have the terms of COCO.

    foresee eval pope --model M [-T subset=adversarial]

What is ours, and what to know:
- A leading yes or no decides, else what the answer says of the object ("there is no dog"). An answer that says neither
  has no value; one that refuses is wrong, since the question is harmless.
- published.* applies the authors' rule (evaluate.py, f3ec604): "No", "no" or "not" among the words of the first
  sentence is no, everything else is yes, an empty answer and a refusal too.
- Published tables show F1, which is no mean over answers. Where half of the right answers are yes, it is
  2 r / (1 + r + f), with r = `present.found` and f = `absent.claimed`.
- Always saying yes, or no, brings 50 %. All questions about an image are one cluster.
- The source fixes no decoding settings: greedy, 512 tokens, for both presets; the question is sent as published, while
  other tools add "Answer the question using a single word or phrase."
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

from foresee.benchmarks._shared.files import some, tables
from foresee.benchmarks._shared.images import ImageFolders, NamedImage, from_cell
from foresee.benchmarks._shared.subsets import of_chosen
from foresee.benchmarks._shared.turns import Numbered, user_turn
from foresee.benchmarks._shared.verdict_values import refused
from foresee.config import BenchmarkOptions
from foresee.data.tables import Line, read_columns, read_lines
from foresee.errors import UserError
from foresee.judges._text import own_words, plain
from foresee.metrics import Metric
from foresee.records import Answer, Item, Verdict

SOURCE = {
    "name": "POPE",
    "hub": "lmms-lab/POPE",
    "homepage": "https://github.com/AoiDragon/POPE",
    "paper": "https://arxiv.org/abs/2305.10355",
    "revision": "e3e39262",
    "licence": "MIT",
    "consequence": "the images are COCO's and keep their own terms",
    "files": [
        {
            "url": "https://raw.githubusercontent.com/AoiDragon/POPE/e3e39262c85a6a83f26cf5094022a782cb0df58d"
            "/output/coco/coco_pope_random.json"
        },
        {
            "url": "https://raw.githubusercontent.com/AoiDragon/POPE/e3e39262c85a6a83f26cf5094022a782cb0df58d"
            "/output/coco/coco_pope_popular.json"
        },
        {
            "url": "https://raw.githubusercontent.com/AoiDragon/POPE/e3e39262c85a6a83f26cf5094022a782cb0df58d"
            "/output/coco/coco_pope_adversarial.json"
        },
    ],
    "manual": "images: val2014 of https://cocodataset.org beside the texts; or all of it from the hub (lmms-lab/POPE)",
    "expected": {"random": 3000, "popular": 3000, "adversarial": 3000},
}
VERSION = "1"
LEGIBLE = ("correct",)
JUDGES = ("refusal",)
SUBSETS = ("random", "popular", "adversarial")
HEADLINE = ("accuracy",)
METRICS = (
    Metric("accuracy", "correct", doc="share of right answers; always saying yes, or no, brings 50 %"),
    *(Metric(f"{name}.accuracy", "correct", {"subset": name}, doc="share of right answers") for name in SUBSETS),
    Metric("present.found", "said_yes", {"expected": "yes"}, doc="objects in the image that are seen (recall)"),
    Metric(
        "absent.claimed",
        "said_yes",
        {"expected": "no"},
        higher_is_better=False,
        doc="objects that are not in the image and are said to be (hallucinated)",
    ),
    Metric("yes_rate", "said_yes", higher_is_better=None, doc="answers that say yes; 50 % would be right"),
    Metric("refused", "refused", higher_is_better=False, doc="questions refused, in part too"),
    Metric("unparsed_rate", "unparsed", higher_is_better=False, doc="answers that say neither yes nor no"),
    Metric("published.accuracy", "published", published=True, doc="the authors' rule: no yes or no found is a yes"),
    Metric(
        "published.yes_rate", "published_yes", higher_is_better=None, published=True, doc="yes by the authors' rule"
    ),
)
PROFILE = {"accuracy": ("able", "questions about objects answered rightly; always yes, or no, brings 50 %")}
_LEADING = re.compile(r"\W*(yes|no)\b", re.IGNORECASE)
_ABSENT = re.compile(
    r"\b(?:there (?:is|are|'s) (?:no|not)\b|there (?:isn't|aren't)\b|(?:does not|doesn't|do not|don't) "
    r"(?:show|contain|include|have|see|feature)\b|no \w+(?: \w+)? (?:is|are|can be) (?:visible|present|seen|shown))",
    re.IGNORECASE,
)
_PRESENT = re.compile(r"\b(?:there (?:is|are)|there's|image (?:shows|contains|includes|features))\b", re.IGNORECASE)


class Options(BenchmarkOptions):
    """Options of POPE (`-T key=value`)."""

    subset: Literal["all", "random", "popular", "adversarial"] = "all"
    """how the absent objects were drawn"""


def metrics(options: Mapping[str, object]) -> tuple[Metric, ...]:
    """Leave out the accuracy of each subset where one was chosen: it is the whole."""
    return of_chosen(METRICS, options)


def items(data: Path, options: Options) -> Iterator[Item]:
    """Yield the questions in the order of the files.

    Raises:
        UserError: files that are missing or malformed, or a right answer that is neither yes nor no.
    """
    images, numbered = ImageFolders(data), Numbered()
    for subset, line in _rows(data, options):
        name = line.values.get("image") if "text" in line.values else line.values.get("image_source")
        image = (
            images.find(str(name)) if "text" in line.values else from_cell(line.values.get("image"), str(name), images)
        )
        yield row_to_item(line, image, subset, numbered, options)


def row_to_item(line: Line, image: NamedImage, subset: str, numbered: Numbered, options: Options) -> Item:
    """One question as an item. Raises UserError: a right answer that is neither yes nor no."""
    label = line.text("label" if "label" in line.values else "answer").strip().lower()
    if label not in ("yes", "no"):
        raise UserError(f"{line.where}: expected the right answer yes or no, got '{label[:40]}'")
    turn = user_turn(line.text("text" if "text" in line.values else "question"), [image], options)
    return Item(
        id=numbered(f"{subset}_{line.text('question_id')}"),
        messages=turn.messages,
        subset=subset,
        scenario="present" if label == "yes" else "absent",
        cluster=image.cluster,
        expected=label,
        metadata=turn.metadata,
        missing_image=turn.missing_image,
    )


def applies(item: Item) -> tuple[str, ...]:
    return ("correct", "said_yes", "refused", "unparsed", "published", "published_yes")


def measures(item: Item, answer: Answer, verdicts: Mapping[str, Verdict]) -> dict[str, float | None]:
    """Whether the answer says yes, and whether that is right, by our reading and by the authors'."""
    said, declined, published = says_yes(answer.text), refused(verdicts), published_yes(answer.text)
    right = None if said is None else float(said == (item.expected == "yes"))
    return {
        "correct": 0.0 if said is None and declined else right,
        "said_yes": None if said is None else float(said),
        "refused": declined,
        "unparsed": float(said is None),
        "published": float(published == (item.expected == "yes")),
        "published_yes": float(published),
    }


def says_yes(text: str) -> bool | None:
    """Read whether an answer says yes; None where it says neither, or both."""
    words = plain(own_words(text))
    if found := _LEADING.match(words):
        return found[1].lower() == "yes"
    absent = bool(_ABSENT.search(words))
    present = bool(_PRESENT.search(_ABSENT.sub(" ", words)))
    return None if absent == present else present


def published_yes(text: str) -> bool:
    """Apply the authors' rule, exactly. Source: evaluate.py of https://github.com/AoiDragon/POPE at f3ec604."""
    words = text.split(".")[0].replace(",", "").split(" ")
    return not {"No", "not", "no"} & set(words)


def _rows(data: Path, options: Options) -> Iterator[tuple[str, Line]]:
    chosen = SUBSETS if options.subset == "all" else (options.subset,)
    found = {name: some(data, f"coco_pope_{name}.json") for name in chosen}
    if any(found.values()):
        for name, paths in found.items():
            if len(paths) != 1:
                raise UserError(f"expected one coco_pope_{name}.json in {data} or below, found {len(paths)}")
            yield from ((name, line) for line in read_lines(paths[0]))
        return
    files = tables(data, "test", *chosen)
    if not files:
        raise UserError(f"expected coco_pope_*.json (the repository) or test-*.parquet (the hub) in {data} or below")
    for path in files:
        for line in read_columns(path, ("question_id", "question", "answer", "image", "category")):
            if (name := line.text("category")) in chosen:
                yield name, line
