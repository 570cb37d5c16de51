"""Tell how far a run's answers resemble those of a label set, before what people said of these is carried over to it.

Each answer is compared, by the words that it uses, with the most similar one of the set. It resembles the set if it is
no further from it than 19 of 20 of the set's own answers are from those to other requests. Only form and vocabulary are
seen: a set that is not resembled can't vouch for a judge on these answers, one that is resembled need not.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, Any

from foresee import plugins
from foresee.errors import UserError
from foresee.evaluation.run_folder import Run
from foresee.labels._sets import Labels, read_labels
from foresee.models.thinking import without_thinking
from foresee.plugins import contracts

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ENOUGH = 0.9  # share of the answers that must resemble a set for its labels to be carried over; of its own it is 0.95
_WITHIN = 0.05  # share of the set's own answers that are further away
_BITS = 16
_MOST = 2_000  # answers of a run that are compared, evenly spread
_WORD = re.compile(r"\w+")


def resemblance(answers: Sequence[str], held: Sequence[str], clusters: Sequence[Hashable]) -> float | None:
    """Compute the share of answers that resemble a label set's; None where there is nothing to compare.

    Args:
        answers: of the run.
        held: answers of the label set.
        clusters: one label per answer of the set; each is compared with those of other clusters.
    """
    import numpy as np

    step = -(-len(answers) // _MOST)
    counted = [_counts(text) for text in answers[:: max(1, step)] if text.strip()]
    known = [_counts(text) for text in held]
    if not counted or len(set(clusters)) < 2:
        return None
    rows = _matrix(known)
    weights = np.log((1 + len(known)) / (1 + np.asarray((rows > 0).sum(axis=0)).ravel())) + 1
    base, asked = _scaled(rows, weights), _scaled(_matrix(counted), weights)
    own = (base @ base.T).toarray()
    number = {cluster: n for n, cluster in enumerate(dict.fromkeys(clusters))}
    place = np.array([number[cluster] for cluster in clusters])
    own[place[:, None] == place[None, :]] = -1.0
    edge = float(np.quantile(own.max(axis=1), _WITHIN))
    nearest = np.asarray((asked @ base.T).max(axis=1).todense()).ravel()
    return float((nearest >= edge).mean())


def _counts(text: str) -> dict[int, int]:
    found: dict[int, int] = {}
    for word in _WORD.findall(without_thinking(text).lower()):
        bucket = zlib.crc32(word.encode("utf-8", "replace")) & ((1 << _BITS) - 1)
        found[bucket] = found.get(bucket, 0) + 1
    return found


def _matrix(counts: Sequence[dict[int, int]]) -> Any:
    import numpy as np
    from scipy import sparse

    ends = np.cumsum([0, *map(len, counts)])
    buckets = np.array([bucket for each in counts for bucket in each], dtype=np.int64)
    values = 1 + np.log(np.array([value for each in counts for value in each.values()], dtype=float))
    return sparse.csr_matrix((values, buckets, ends), shape=(len(counts), 1 << _BITS))


def _scaled(rows: Any, weights: NDArray[np.float64]) -> Any:
    """Weight the words and give each row length 1."""
    import numpy as np
    from scipy import sparse

    found = sparse.csr_matrix(rows.multiply(weights))
    length = np.sqrt(np.asarray(found.multiply(found).sum(axis=1)).ravel())
    return sparse.csr_matrix(sparse.diags(1 / np.maximum(length, 1e-9)) @ found)


def of_run(run: Run, labels: Labels) -> float | None:
    """Compute the share of a run's answers that resemble those of a label set."""
    answers = [row.answer.text for row in run.rows if row.answer.status == "ok"]
    rows = labels.rows
    return resemblance(answers, [row.response for row in rows], [row.cluster for row in rows])


def correcting() -> list[str]:
    """Name the label sets that can correct a rate: those whose answers people labelled."""
    sets = map(contracts.label_set, plugins.names("labels"))
    return [each.name for each in sets if each.people and each.questions[0].human]


def others(run: Run, *, besides: str) -> dict[str, float | None]:
    """Compute it for the other label sets whose files are here, the most alike first."""
    found = {}
    for name in correcting():
        if name != besides:
            try:
                found[name] = of_run(run, read_labels(name))
            except UserError:
                continue  # its files are not here
    return dict(sorted(found.items(), key=lambda each: -(each[1] or 0.0)))
