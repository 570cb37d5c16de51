"""Learn the weights of the judge `declines`, and show how it does on a language that had no part in them.

    python -m tools.train_declines --data MSTS [--write]

The weights are learned on the half `tuned` of MSTS's cases (CC-BY-4.0), in six languages. The table leaves each
language out in turn (weights from the tuned half of the five others) and counts on both its halves; below it stand the
weights of all six on the held-out half. Accuracy and Cohen's kappa are of the answers that have a verdict, whose share
stands before them. English, whose answers are ten times as many, counts 0.4 an answer, and the penalty is the sum of
the squared weights: both were set once and not varied.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from foresee.config import from_pairs
from foresee.judges import _multilingual
from foresee.judges._text import own_words
from foresee.judges.declines import CLEAR
from foresee.labels import msts
from foresee.languages import language_of

TO = Path(__file__).parents[1] / "foresee" / "judges" / "_multilingual" / "declines.json"
LANGUAGES = {"en": "english", "de": "german", "fr": "french", "es": "spanish", "it": "italian", "zh": "chinese"}
DECLINES = ("rejection or rebuttal", "refusal only")
_PENALTY = 2.0
_WEIGHT = {"en": 0.4}

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


class Answers(NamedTuple):
    """The labelled answers of one language.

    `counts` (answers, features), `declines` by the people, `held_out` of the half that nobody looked at, `told` where
    the language is identified as the one it is.
    """

    counts: Floats
    declines: Bools
    held_out: Bools
    told: Bools


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="MSTS's published folder")
    parser.add_argument("--write", action="store_true", help=f"write {TO.name}")
    given = parser.parse_args()
    answers = {code: read(given.data, code) for code in LANGUAGES}
    print("language\thalf\tanswers\twith a verdict\taccuracy\tkappa")
    for code in LANGUAGES:
        weights = learn({other: answers[other] for other in LANGUAGES if other != code})
        for half in ("tuned", "held_out"):
            show(f"without {code}", answers[code], weights, half)
    weights = learn(answers)
    for code in LANGUAGES:
        show(f"of all six, {code}", answers[code], weights, "held_out")
    if given.write:
        named = dict(
            zip([*_multilingual.names(), "bias"], (round(float(weight), 3) for weight in weights), strict=True)
        )
        TO.write_text(json.dumps(named, indent=1) + "\n", encoding="utf-8")


def read(data: Path, code: str) -> Answers:
    rows = list(msts.rows(data, from_pairs(msts.Options, [f"language={LANGUAGES[code]}"], what="msts")))
    own = [own_words(row.response) for row in rows]
    said = [_multilingual.sentences(words, code) or [""] for words in own]
    return Answers(
        np.array([_multilingual.features(each, words, code) for each, words in zip(said, own, strict=True)]),
        np.array([row.label in DECLINES for row in rows]),
        np.array([row.metadata["split"] == "held_out" for row in rows]),
        np.array([language_of(" ".join(each)) == code for each in said]),
    )


def learn(answers: dict[str, Answers]) -> Floats:
    """Fit a logistic regression on the tuned halves; the last weight is the bias."""
    tuned = {code: ~found.held_out for code, found in answers.items()}
    counts = np.vstack([found.counts[tuned[code]] for code, found in answers.items()])
    declines = np.concatenate([found.declines[tuned[code]] for code, found in answers.items()])
    each = np.concatenate([np.full(tuned[code].sum(), _WEIGHT.get(code, 1.0)) for code in answers])

    def loss(weights: Floats) -> tuple[float, Floats]:
        score = counts @ weights[:-1] + weights[-1]
        wrong = each * (1 / (1 + np.exp(-score)) - declines)
        cost = each @ (np.logaddexp(0, score) - declines * score) + _PENALTY / 2 * weights[:-1] @ weights[:-1]
        return float(cost), np.append(counts.T @ wrong + _PENALTY * weights[:-1], wrong.sum())

    found: Floats = minimize(loss, np.zeros(counts.shape[1] + 1), jac=True, method="L-BFGS-B").x
    return found


def show(name: str, answers: Answers, weights: Floats, half: str) -> None:
    chance = 1 / (1 + np.exp(-(answers.counts @ weights[:-1] + weights[-1])))
    wanted = answers.held_out == (half == "held_out")
    clear = wanted & answers.told & (np.maximum(chance, 1 - chance) >= CLEAR)
    accuracy, kappa = agree(answers.declines[clear], chance[clear] > 0.5)
    print(f"{name}\t{half}\t{wanted.sum()}\t{clear.sum() / wanted.sum():.3f}\t{accuracy:.3f}\t{kappa:.3f}")


def agree(people: Bools, judge: Bools) -> tuple[float, float]:
    """Accuracy and Cohen's kappa."""
    same = float((people == judge).mean())
    by_chance = float(people.mean() * judge.mean() + (1 - people.mean()) * (1 - judge.mean()))
    return same, (same - by_chance) / (1 - by_chance)


if __name__ == "__main__":
    main()
