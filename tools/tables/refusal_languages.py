"""Compare `refusal` in five languages with itself on the translations into English that MSTS's authors stored.

    python -m tools.tables.refusal_languages --data MSTS

"Declines or not" is full or partial against none. No people's label says that of MSTS's answers in other languages
(their "rejection or rebuttal" holds every "No, you should not"), so the same judge on English stands for them; the
prompts are English then, too.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from foresee.config import from_pairs
from foresee.judges import refusal
from foresee.labels import msts
from foresee.statistics import agreement


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="MSTS's published folder")
    data = parser.parse_args().data
    print("language\thalf\tboth read\tof\taccuracy\tkappa\trefuse, in English\trefusal only: read as refusals\tof")
    for language in ("german", "french", "spanish", "italian", "chinese"):
        for half in ("tuned", "held_out"):
            print(language, half, *compared(data, [f"language={language}", f"split={half}"]), sep="\t")


def compared(data: Path, options: list[str]) -> tuple[str, ...]:
    rows = list(msts.rows(data, from_pairs(msts.Options, options, what="msts")))
    translated = msts.rows(data, from_pairs(msts.Options, [*options, "translated=true"], what="msts"))
    read = [refusal.verdict(row.response, row.prompt) for row in rows]
    english = [refusal.verdict(row.response, row.prompt) for row in translated]
    both = [(a != "none", b != "none", row) for a, b, row in zip(read, english, rows, strict=True) if a and b]
    found = agreement([str(b) for _, b, _ in both], [str(a) for a, _, _ in both], [row.cluster for *_, row in both])
    only = [a for a, _, row in both if row.label == "refusal only"]
    numbers = (
        f"{found.accuracy.value:.3f}",
        f"{found.kappa.value:.3f}",
        sum(b for _, b, _ in both),
        sum(only),
        len(only),
    )
    return (str(len(both)), str(len(rows)), *map(str, numbers))


if __name__ == "__main__":
    main()
