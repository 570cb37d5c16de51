"""Runs of the organism under defenses, one after the other, to be killed: a folder, and cases as JSON."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import foresee


def main(folder: str, cases: str) -> None:
    for name, case in json.loads(cases).items():
        options = {"limit": 8, "max_tokens": 6, "model_options": {"batch_size": 2}, **case}
        foresee.evaluate("world_attack", "organism/base", out=Path(folder) / name, **options)


if __name__ == "__main__":
    main(*sys.argv[1:])
