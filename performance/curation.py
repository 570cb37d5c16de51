"""Building data sets by rules alone: rows a second and peak memory at growing sizes, and what going on costs.

    python -m performance.curation                     # 1,000 and 10,000 rows of two recipes
    python -m performance.curation --sizes 1000 10000 100000

Each build runs in a process of its own, so that its peak memory is its own. What counts are the ratios: rows a second
that stay, memory that stays. Every row is drawn, encoded, hashed against near-duplicates, checked and written through.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

RECIPES: dict[str, Callable[[int], dict[str, Any]]] = {
    "vision_reasoning": lambda rows: {"pairs": rows // 2},  # an image of its own for each row
    "threat_vqa": lambda rows: {"images": rows // 5},  # five or six rows for each image
    "attack_rewrites": lambda rows: {"attacks": ["inquiry"], "original": False},  # texts alone, from a file
}


def build(recipe: str, rows: int, folder: str) -> None:
    """One build in this process; its figures as JSON on standard output."""
    from foresee.curation import make

    began, began_cpu = time.monotonic(), time.process_time()
    source = "world"
    if recipe == "attack_rewrites":
        source = str(Path(folder) / "sentences.txt")
        Path(source).write_text("".join(f"This is sentence number {number}.\n" for number in range(rows)))
    done = make(recipe, {"source": source, **RECIPES[recipe](rows)}, Path(folder) / "set")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    figures = {
        "rows": done.rows,
        "new": done.new,
        "dropped": sum(done.drops.values()),
        "seconds": time.monotonic() - began,
        "cpu": time.process_time() - began_cpu,
        "peak": peak,
    }
    print(json.dumps(figures))


def in_own_process(recipe: str, rows: int, folder: str) -> dict[str, float]:
    command = [sys.executable, "-m", "performance.curation", "--one", recipe, str(rows), folder]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1000, 10_000])
    parser.add_argument("--recipes", nargs="+", default=list(RECIPES), choices=list(RECIPES))
    parser.add_argument("--one", nargs=3, metavar=("RECIPE", "ROWS", "FOLDER"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        build(given.one[0], int(given.one[1]), given.one[2])
        return
    print(
        f"{'recipe':18}{'asked':>8}{'rows':>8}{'dropped':>9}{'rows/CPU s':>12}{'peak MB':>9}{'again: rows/CPU s':>19}"
    )
    for recipe in given.recipes:
        for rows in given.sizes:
            with tempfile.TemporaryDirectory() as folder:
                first = in_own_process(recipe, rows, folder)
                again = in_own_process(recipe, rows, folder)
            speed, back = first["rows"] / first["cpu"], again["rows"] / again["cpu"]
            counts = f"{recipe:18}{rows:8,}{first['rows']:8,.0f}{first['dropped']:9,.0f}"
            print(f"{counts}{speed:12.0f}{first['peak']:9.0f}{back:19.0f}", flush=True)


if __name__ == "__main__":
    main()
