"""Measure how far the judges that go by rules agree with people, for foresee/judges/compared.toml.

    python -m tools.tables.compared_judges --data ROOT [--anew]

ROOT holds the folders harmbench, msts and xstest. Parts on which a judge's rules were tuned are left out. What the file
says of a judge's present version is kept; --anew measures it again.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from foresee.human_labels import label_sets
from foresee.judges._compared import SHIPPED, Compared, shipped
from foresee.plugins import contracts

CHECKS: Sequence[tuple[str, str, Mapping[str, str], str]] = (
    ("offline_screen", "harmbench", {}, "unsafe"),
    ("offline_screen", "harmbench", {"part": "multimodal"}, "unsafe"),
    ("offline_screen", "msts", {}, "unsafe"),
    ("refusal", "xstest", {"split": "held_out"}, "any refusal"),
    ("refusal", "msts", {"split": "held_out"}, "rejection or refusal"),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, type=Path)
    parser.add_argument("--anew", action="store_true")
    given = parser.parse_args()
    lines = ["# How far judges that go by rules agree with people: python -m tools.tables.compared_judges --data ROOT"]
    for judge, labels, options, question in CHECKS:
        found = (None if given.anew else kept(judge, labels, options, question)) or measured(
            judge, labels, given.data, options, question
        )
        lines += ["", "[[compared]]"]
        lines += [f"{key} = {json.dumps(value)}" for key, value in found.model_dump().items() if value is not None]
        print(f"{judge}: {found.figures} ({question})")
    SHIPPED.write_text("\n".join(lines) + "\n", encoding="utf-8")


def kept(judge: str, labels: str, options: Mapping[str, str], question: str) -> Compared | None:
    """Find what the file says of the judge's present version."""
    named = " ".join([labels, *(f"{key}={value}" for key, value in options.items())])
    wanted = (judge, contracts.judge_file(judge).version, named, question)
    return next((c for c in shipped() if (c.judge, c.version, c.labels, c.question) == wanted), None)


def measured(judge: str, labels: str, root: Path, options: Mapping[str, str], question: str) -> Compared:
    found = label_sets.check(judge, labels, data=root / labels, options=options)
    return next(each for each in label_sets.as_compared(found) if each.question == question)


if __name__ == "__main__":
    main()
