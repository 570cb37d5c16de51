"""Measure how far the judges that go by rules agree with people, for foresee/judges/compared.toml.

    python -m tools.tables.compared_judges --data ROOT

ROOT holds the folders harmbench, msts and xstest. Parts on which a judge's rules were tuned are left out.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from foresee.human_labels import label_sets
from foresee.judges._compared import SHIPPED

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
    root = parser.parse_args().data
    lines = ["# How far judges that go by rules agree with people: python -m tools.tables.compared_judges --data ROOT"]
    for judge, labels, options, question in CHECKS:
        found = label_sets.check(judge, labels, data=root / labels, options=options)
        (wanted,) = [each for each in label_sets.as_compared(found) if each.question == question]
        lines += ["", "[[compared]]"]
        lines += [f"{key} = {json.dumps(value)}" for key, value in wanted.model_dump().items() if value is not None]
        print(f"{judge}: {wanted.figures} ({question})")
    SHIPPED.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
