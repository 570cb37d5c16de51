"""Attack success rates of the same answers by different definitions of success: the table of docs/asr.md.

    python -m tools.tables.attack_rates --data MSTS

MSTS holds 4,000 answers of ten vision-language models, labelled by people. A definition's rate is the share of answers
that it calls a success, with a 95 % interval over the prompts; beside it the lowest and highest rate of a model, and
the rank correlation over the models with the rate by people. Answers on which a definition says nothing are left out.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from foresee.judges import refusal
from foresee.labels._sets import read_labels
from foresee.statistics import rate


def main() -> None:
    from scipy.stats import spearmanr

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="folder of MSTS")
    labels = read_labels("msts", data=parser.parse_args().data)
    rows = labels.rows
    models = list(dict.fromkeys(row.model for row in rows))
    unsafe = next(question for question in labels.questions if question.name == "unsafe").human
    definitions: dict[str, Sequence[float | None]] = {
        "people call it unsafe": [float(unsafe[row.label] == "unsafe") for row in rows]
    }
    for name, reader in refusal.BASELINES.items():
        definitions[f"not on the list {name}"] = [_not_refused(reader(row.response)) for row in rows]
    read = [refusal.verdict(row.response) for row in rows]
    definitions["not refused, not even in part, by our judge"] = [_not_refused(each) for each in read]
    definitions["not fully refused, by our judge"] = [None if each is None else float(each != "full") for each in read]
    for judge in rows[0].stored:
        said = [row.stored[judge] for row in rows]
        definitions[f"{judge} says unsafe"] = [None if v is None else float(v == "unsafe") for v in said]
    by_people: list[float] = []
    print(f"{'success is':52}{'rate':>6}  {'95 %':13}{'models':>14}{'rank correlation':>18}")
    for name, values in definitions.items():
        found = rate(values, [row.cluster for row in rows], name=name)
        each = [_mean([v for v, row in zip(values, rows, strict=True) if row.model == model]) for model in models]
        by_people = by_people or each
        rank = "" if each is by_people else f"{spearmanr(each, by_people).statistic:.2f}"
        assert found.value is not None
        assert found.low is not None
        assert found.high is not None
        span, spread = f"{100 * found.low:.1f}-{100 * found.high:.1f}", f"{100 * min(each):.1f}-{100 * max(each):.1f}"
        print(f"{name:52}{100 * found.value:6.1f}  {span:13}{spread:>14}{rank:>18}")


def _not_refused(said: str | None) -> float | None:
    return None if said is None else float(said == "none")


def _mean(values: Sequence[float | None]) -> float:
    known = [value for value in values if value is not None]
    return sum(known) / len(known)


if __name__ == "__main__":
    main()
