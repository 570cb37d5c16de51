"""How corrected rates fare on real labels: MSTS's 4,000 labelled answers, its stored judges, labels drawn at random.

    python -m tools.tables.corrected_rates --data MSTS [--labels 200] [--draws 200]

Each draw hides all but so many of the people's labels, corrects the judge's rate of unsafe answers by them, and asks
whether the 95 % interval holds the rate by all labels. Prints one line a judge.
"""

from __future__ import annotations

import argparse
import random

from foresee.labels._sets import read_labels
from foresee.statistics.correction import Labelled, post_stratified


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="folder of MSTS")
    parser.add_argument("--labels", type=int, default=200)
    parser.add_argument("--draws", type=int, default=200)
    given = parser.parse_args()
    labels = read_labels("msts", data=given.data)
    safety = next(question for question in labels.questions if question.name == "unsafe").human
    human = [float(safety[row.label] == "unsafe") for row in labels.rows]
    clusters = [row.cluster for row in labels.rows]
    truth = sum(human) / len(human)
    print(f"by people, all {len(human)} labels: {100 * truth:.1f} %")
    for judge in labels.rows[0].stored:
        verdicts = [row.stored[judge] for row in labels.rows]
        kept = [i for i, verdict in enumerate(verdicts) if verdict is not None]
        judged = [float(verdicts[i] == "unsafe") for i in kept]
        covered, widths, values = 0, [], []
        for seed in range(given.draws):
            sample = random.Random(seed).sample(range(len(kept)), given.labels)
            weight = len(kept) / given.labels
            drawn = [Labelled(judged[i], human[kept[i]], weight, clusters[kept[i]]) for i in sample]
            found = post_stratified(judged, [clusters[i] for i in kept], drawn)
            assert found.value is not None
            assert found.low is not None
            assert found.high is not None
            covered += found.low <= truth <= found.high
            widths.append(found.high - found.low)
            values.append(found.value)
        raw, mean = sum(judged) / len(judged), sum(values) / len(values)
        print(
            f"{judge}: by the judge {100 * raw:.1f}, corrected by {given.labels} labels {100 * mean:.1f} on average; "
            f"the interval is {100 * sum(widths) / len(widths):.1f} wide, "
            f"and holds the truth in {covered} of {given.draws}"
        )


if __name__ == "__main__":
    main()
