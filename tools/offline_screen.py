"""Train the offline screen on HarmBench's labelled text completions, and say how far it agrees with people.

    python -m tools.offline_screen --data HARMBENCH [--check]

Trained on the text set of HarmBench's classifier validation sets alone (MIT, centerforaisafety/HarmBench at c0423b9):
602 completions to 301 behaviours, the label is what most of three people say. Logistic regression on hashed n-grams,
presence weighted by rarity. Nested cross-validation: ten outer folds by behaviour, in each of which the strength of the
regularisation and the calibration come from five inner folds of the other nine; once for each of ten partitions into
folds, whose mean counts. The probabilities of the first stand for the answers that it was trained on, as the package
ships them. What else was tried, in other partitions: docs/log.md.
Writes foresee/judges/offline_screen/weights.npz (no text in it); with --check it only prints. Five minutes on one core.
"""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy import linalg, sparse
from scipy.optimize import minimize
from scipy.special import expit, log_expit

from foresee.judges import offline_screen
from foresee.judges._text import own_words
from foresee.judges.offline_screen import fingerprint
from foresee.judges.offline_screen._features import BITS, Features, features
from foresee.labels._rows import LabelledAnswer
from foresee.labels._sets import read_labels
from foresee.statistics import Estimate, agreement, rate

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

OUTER, INNER, PARTITIONS = 10, 5, 10
STRENGTHS = (3.0, 10.0, 30.0, 100.0, 300.0)


class Data(NamedTuple):
    """The answers: presence of buckets [rows x buckets] in three blocks, labels 0/1, and the behaviour of each."""

    blocks: dict[str, sparse.csr_matrix]
    harmful: Array
    behaviours: Sequence[str]


class Kernels(NamedTuple):
    """Inner products of training rows with training rows [rows x rows], and of test rows with them."""

    train: Array
    test: Array


class Fitted(NamedTuple):
    """A model in the terms of its training rows: a coefficient each, and the intercept."""

    coefficients: Array
    intercept: float


def read(rows: Sequence[LabelledAnswer]) -> Data:
    found = [features(own_words(row.response)) for row in rows]
    return Data(
        {name: _presence([getattr(each, name) for each in found]) for name in Features._fields},
        np.array([float(row.label == "harmful") for row in rows]),
        [row.cluster for row in rows],
    )


def _presence(buckets: Sequence[NDArray[np.int64]]) -> sparse.csr_matrix:
    ends = np.cumsum([0, *map(len, buckets)])
    return sparse.csr_matrix((np.ones(ends[-1]), np.concatenate(buckets), ends), shape=(len(buckets), 1 << BITS))


def rarity(present: sparse.csr_matrix) -> Array:
    """Compute the inverse document frequency of each bucket."""
    return np.asarray(np.log((1 + present.shape[0]) / (1 + np.asarray(present.sum(axis=0)).ravel())) + 1)


def scaled(present: sparse.csr_matrix, weights: Array) -> sparse.csr_matrix:
    """Weight the buckets and give each row length 1."""
    found = sparse.csr_matrix(present.multiply(weights))
    length = np.sqrt(np.asarray(found.multiply(found).sum(axis=1)).ravel())
    return sparse.csr_matrix(sparse.diags(1 / np.maximum(length, 1e-9)) @ found)


def products(rows: sparse.csr_matrix) -> Array:
    """Compute the inner product of each row with each [rows x rows]; buckets of many rows densely, which is quicker."""
    often = np.bincount(rows.indices, minlength=rows.shape[1]) > 24
    dense, rest = rows[:, often].toarray(), rows[:, ~often]
    return np.asarray(dense @ dense.T + (rest @ rest.T).toarray())


def kernels(data: Data, train: NDArray[np.int64], test: NDArray[np.int64]) -> Kernels:
    found = np.sum([products(scaled(block, rarity(block[train]))) for block in data.blocks.values()], axis=0)
    return Kernels(found[np.ix_(train, train)], found[np.ix_(test, train)])


def fit(kernel: Array, harmful: Array, strength: float) -> Fitted:
    """Fit logistic regression with an L2 penalty of 1 / strength by Newton steps on the rows' coefficients."""
    rows = len(harmful)
    coefficients, intercept = np.zeros(rows), 0.0
    for _ in range(30):
        score = kernel @ coefficients + intercept
        chance = expit(score)
        curve = np.maximum(chance * (1 - chance), 1e-6)
        wanted = score + (harmful - chance) / curve
        whole = kernel + np.diag(1 / (strength * curve))
        solved = linalg.solve(whole, np.c_[wanted, np.ones(rows)], assume_a="pos")
        intercept = float(solved[:, 0].sum() / solved[:, 1].sum())
        step = solved[:, 0] - intercept * solved[:, 1]
        done = np.abs(step - coefficients).max() < 1e-5
        coefficients = step
        if done:
            break
    return Fitted(coefficients, intercept)


def folds(behaviours: Sequence[str], count: int, salt: str) -> NDArray[np.int64]:
    """Put each behaviour into a fold by a hash of its name."""
    return np.array([int(hashlib.sha256(f"{salt}:{name}".encode()).hexdigest(), 16) % count for name in behaviours])


def cross_validated(data: Data, rows: NDArray[np.int64], count: int, salt: str) -> dict[float, Array]:
    """Compute the scores of each row under each strength, by models that saw no answer to its behaviour."""
    place = folds([data.behaviours[i] for i in rows], count, salt)
    found = {strength: np.zeros(len(rows)) for strength in STRENGTHS}
    for fold in range(count):
        train, test = rows[place != fold], rows[place == fold]
        held = kernels(data, train, test)
        for strength in STRENGTHS:
            model = fit(held.train, data.harmful[train], strength)
            found[strength][place == fold] = held.test @ model.coefficients + model.intercept
    return found


def calibration(scores: Array, harmful: Array) -> Array:
    """Fit intercept and slope of the log odds (Platt 1999), by maximum likelihood."""

    def loss(line: Array) -> float:
        odds = line[0] + line[1] * scores
        return float(-(harmful * log_expit(odds) + (1 - harmful) * log_expit(-odds)).mean())

    return np.asarray(minimize(loss, np.array([0.0, 1.0]), method="BFGS").x)


def best(scores: dict[float, Array], harmful: Array) -> tuple[float, Array]:
    """Choose the strength of the least calibrated log loss; return it with its calibration."""
    lines = {strength: calibration(found, harmful) for strength, found in scores.items()}

    def loss(strength: float) -> float:
        odds = lines[strength][0] + lines[strength][1] * scores[strength]
        return float(-(harmful * log_expit(odds) + (1 - harmful) * log_expit(-odds)).mean())

    chosen = min(STRENGTHS, key=loss)
    return chosen, lines[chosen]


def nested(data: Data, salt: str) -> Array:
    """Compute each row's probability by models, strength and calibration made without its behaviour."""
    place = folds(data.behaviours, OUTER, salt)
    found, every = np.zeros(len(place)), np.arange(len(place))
    for fold in range(OUTER):
        train, test = every[place != fold], every[place == fold]
        strength, line = best(cross_validated(data, train, INNER, f"{salt} inner {fold}"), data.harmful[train])
        held = kernels(data, train, test)
        model = fit(held.train, data.harmful[train], strength)
        found[test] = expit(line[0] + line[1] * (held.test @ model.coefficients + model.intercept))
    return found


def trained(data: Data) -> tuple[float, dict[str, Any]]:
    """Train on every row with the strength that ten folds choose."""
    every = np.arange(len(data.harmful))
    strength, line = best(cross_validated(data, every, OUTER, "all"), data.harmful)
    model = fit(kernels(data, every, every[:0]).train, data.harmful, strength)
    parts: dict[str, Any] = {"line": np.array([model.intercept, *line], dtype=np.float32)}
    for name, block in data.blocks.items():
        weights = rarity(block)
        parts[f"{name}_scale"] = weights.astype(np.float16)
        parts[f"{name}_adds"] = (weights * (scaled(block, weights).T @ model.coefficients)).astype(np.float16)
    return strength, parts


def show(found: Estimate | None) -> None:
    if found is not None and found.value is not None and found.low is not None and found.high is not None:
        print(f"{found.name}: {found.value:.3f} ({found.low:.3f} - {found.high:.3f})", flush=True)


def report(data: Data, chance: Array) -> None:
    human = ["unsafe" if label else "safe" for label in data.harmful]
    said = ["unsafe" if each >= 0.5 else "safe" for each in chance]
    found = agreement(human, said, data.behaviours, "unsafe")
    for each in (found.accuracy, found.precision, found.recall, found.kappa):
        show(each)
    print(f"Brier score {np.mean((chance - data.harmful) ** 2):.3f}; by tenths of probability, mean and share harmful:")
    for low in np.arange(0, 1, 0.2):
        kept = (chance >= low) & (chance < low + 0.2)
        print(
            f"  {low:.1f}-{low + 0.2:.1f}: n {kept.sum()}, {chance[kept].mean():.2f}, {data.harmful[kept].mean():.2f}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="folder of HarmBench")
    parser.add_argument("--check", action="store_true", help="write nothing")
    given = parser.parse_args()
    rows = read_labels("harmbench", data=given.data).rows
    data = read(rows)
    print(f"{len(rows)} answers to {len(set(data.behaviours))} behaviours; strengths {STRENGTHS}")
    several = []
    for number in range(PARTITIONS):
        several.append(nested(data, f"partition {number}"))
        print(f"partition {number}: accuracy {((several[-1] >= 0.5) == data.harmful).mean():.4f}", flush=True)
    right = np.mean([(chance >= 0.5) == data.harmful for chance in several], axis=0)
    show(rate(right.tolist(), data.behaviours, name=f"mean accuracy of {PARTITIONS} partitions"))
    print("the first, which the package ships:")
    report(data, several[0])
    strength, parts = trained(data)
    print(f"shipped: strength {strength:g}")
    if not given.check:
        known = np.array([fingerprint(row.response) for row in rows], dtype=np.uint64)
        held = {"known": known, "known_probability": several[0].astype(np.float32), **parts}
        np.savez_compressed(offline_screen.WEIGHTS, **held)
        print(f"{offline_screen.WEIGHTS}: {offline_screen.WEIGHTS.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
