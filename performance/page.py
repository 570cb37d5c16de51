"""How long a report's page takes to open in Chromium, and its first search, with short and with long answers.

    python -m performance.page --items 100000 --characters 80 1500 6000

Needs playwright, and Chromium in PATH. Seconds by the clock, and CPU seconds of all of Chromium's processes; the best
of three openings each. A page is open when its cards can be seen. Most wait for the answers to be scored first.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import foresee
from foresee.report import page
from performance.scale import WORDS, make_rows


def report(folder: Path, items: int, characters: int) -> Path:
    """Write the page of a run whose answers have so many characters."""
    make_rows(folder / "rows.jsonl", items)
    draw = random.Random(0)
    with (folder / "answers.jsonl").open("w") as file:
        for n in range(items):
            words = " ".join(f"{draw.choice(WORDS)}{draw.choice(WORDS)}" for _ in range(characters // 9))
            text = f"{'I can’t help with that.' if n % 3 else 'Sure:'} {words}"[:characters]
            file.write(json.dumps({"id": f"row-{n}", "response": text}) + "\n")
    off = foresee.JudgeChoice(off=True)
    run = foresee.score(folder / "answers.jsonl", "jsonl", out=folder / "run", data=folder / "rows.jsonl", judging=off)
    return page.write(folder / "page.html", [run])


def browser_seconds() -> float:
    """CPU seconds of Chromium's processes so far."""
    used = 0
    for place in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, _, fields = place.read_text().rpartition(")")
        except OSError:  # it ended meanwhile
            continue
        if "(chrom" in name:
            used += sum(map(int, fields.split()[11:13]))
    return used / os.sysconf("SC_CLK_TCK")


@contextmanager
def timed(into: list[tuple[float, float]]) -> Iterator[None]:
    wall, cpu = time.monotonic(), browser_seconds()
    yield
    into.append((time.monotonic() - wall, browser_seconds() - cpu))


def main() -> None:
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=7_000)
    parser.add_argument("--characters", type=int, nargs="+", default=[80, 1_500, 6_000])
    arguments = parser.parse_args()
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    print(f"{'items':>8}{'characters':>12}{'page MB':>9}{'open s':>8}{'CPU s':>7}{'search s':>10}{'CPU s':>7}")
    with sync_playwright() as driver, tempfile.TemporaryDirectory() as place:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-dev-shm-usage"])
        for characters in arguments.characters:
            folder = Path(place) / str(characters)
            folder.mkdir()
            made = report(folder, arguments.items, characters)
            opened: list[tuple[float, float]] = []
            searched: list[tuple[float, float]] = []
            for _ in range(3):
                tab = browser.new_page()
                with timed(opened):
                    tab.goto(made.as_uri())
                    tab.locator("#list > li").first.wait_for()
                with timed(searched):
                    tab.fill("#search", "nothing says this")
                    tab.get_by_text("No item fits").wait_for()
                tab.close()
            (wall, cpu), (found, spent) = min(opened), min(searched)
            print(
                f"{arguments.items:>8}{characters:>12}{made.stat().st_size / 1e6:>9.1f}{wall:>8.2f}{cpu:>7.2f}"
                f"{found:>10.2f}{spent:>7.2f}",
                flush=True,
            )
        browser.close()


if __name__ == "__main__":
    main()
