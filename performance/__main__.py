"""Measure everything in one run and print it as Markdown: each script's figures, then which aims they meet.

    python -m performance > FILE       # 15 to 20 minutes on two cores that do nothing else
    python -m performance --small                 # a minute or two, to see that all of it runs

A script that fails is named in its section, its aims are "not measured", and the exit code is 1.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from typing import NamedTuple


class Section(NamedTuple):
    """Commands of one script: as they are measured, and so small that they only show that they run."""

    title: str
    commands: tuple[str, ...]
    small: tuple[str, ...]


KINDS = ("llava", "qwen2_5_vl", "qwen3_vl")
SECTIONS = (
    Section(
        "API path",
        (
            "api_path --clients bare foresee --concurrency 32 128 512 --repeats 3",
            "api_path --clients inspect --concurrency 32 128 --items 300",
        ),
        ("api_path --items 40 --concurrency 32 128 512 --clients bare foresee --latency 0.01",),
    ),
    Section(
        "Many items",
        ("scale --items 10000 30000 --written", "scale --items 1000000 --stages figures"),
        ("scale --items 100 200 --written", "scale --items 1000 --stages figures"),
    ),
    Section("Pages", ("page --items 7000",), ("page --items 50 --characters 80 6000",)),
    Section(
        "Local models",
        (
            *(f"local_provider --kind {kind} --batched --repeats 6" for kind in KINDS),
            "local_provider --kind llava --repeats 2 --memory",
            "local_provider --kind llava --uneven --items 96 --tokens 64 --repeats 2",
        ),
        tuple(f"local_provider --kind {kind} --batched --items 4 --tokens 2 --repeats 1" for kind in KINDS),
    ),
    Section(
        "Contrastive decoding",
        ("contrastive_decoding --repeats 3 --seconds 90",),
        ("contrastive_decoding --batch 1 --tokens 2 --repeats 1",),
    ),
    Section("Training", ("training --budget 60",), ("training --steps 2 --tokens 4 --repeats 1",)),
    Section(
        "Building data by rules",
        ("curation --sizes 1000 5000",),
        ("curation --sizes 20 --recipes attack_rewrites",),
    ),
    Section("Checksums of a journal", ("journal_checksum",), ()),
)


class Aim(NamedTuple):
    """What is wanted of a section: `figure` reads it in what the section printed; ValueError where it is not there."""

    text: str
    title: str
    figure: Callable[[str], float]
    limit: float
    least: bool = False  # whether the limit is the least


def least(pattern: str) -> Callable[[str], float]:
    """Read the least of the numbers that a pattern's group finds, such as the best of several repeats."""
    return lambda printed: min(map(float, re.findall(pattern, printed, re.MULTILINE)))


def most(pattern: str) -> Callable[[str], float]:
    return lambda printed: max(map(float, re.findall(pattern, printed, re.MULTILINE)))


def aims() -> Iterator[Aim]:
    api, items, local = "API path", "Many items", "Local models"
    for at, share in ((32, 0.9), (128, 0.9), (512, 0.8)):
        rate = least(rf"foresee : bare at {at}: ([\d.]+) of the rate")
        yield Aim(f"{api}, {at} in flight: at least {share} of a bare loop's items a second", api, rate, share, True)
    for at in (32, 128):
        cpu = least(rf"^foresee +{at} +\d+ +[\d.]+ +([\d.]+)")
        yield Aim(f"{api}, {at} in flight: at most 0.8 ms of CPU an item", api, cpu, 0.8)
    yield Aim(f"{api}: at most 100 MB", api, most(r"^foresee +\d+ +\d+ +[\d.]+ +[\d.]+ +(\d+)"), 100)
    yield Aim("figures of 10⁶ items: at most 500 MB", items, most(r" figures .* (\d+)$"), 500)
    again = least(r" again +[\d.]+ +([\d.]+)")
    yield Aim("the same call again, imports included: at most 0.1 ms of CPU an item", items, again, 0.1)
    opened = most(r"^ +\d+ +\d+ +[\d.]+ +([\d.]+) +[\d.]+ +[\d.]+ +[\d.]+$")
    yield Aim("a page, however long the answers: open in at most 1 s", "Pages", opened, 1)
    for kind in KINDS:
        figure = partial(_over_the_loop, kind)
        yield Aim(f"{kind}: at most 1.10 times the CPU of a loop in the same batches", local, figure, 1.10)
    for name in ("tiny-llava", "tiny-qwen2.5-vl"):
        for form in ("caspo, sampled", "caspo, again"):
            figure = partial(_over_grpo, name, form)
            yield Aim(f"{form}, {name}: at most 1.15 times GRPO's time", "Training", figure, 1.15)


def _over_the_loop(kind: str, printed: str) -> float:
    part = re.split(r"^tiny ", printed, flags=re.MULTILINE)
    own = next((each for each in part if each.startswith(kind)), "")
    mine, loop = (
        least(rf"^ +{name} +[\d.]+ items/s +([\d.]+)")(own) for name in ("batched, generate", "plain, batched")
    )
    return mine / loop


def _over_grpo(name: str, form: str, printed: str) -> float:
    own = printed.partition(f"{name}: ")[2].partition("tiny-")[0]
    return least(rf"^ +{form} +[\d.]+ +([\d.]+)")(own)


def verdict(aim: Aim, printed: str) -> str:
    """Write a line of the table of aims."""
    try:
        found = aim.figure(printed)
    except ValueError:
        return f"| {aim.text} | not measured | – |"
    met = found >= aim.limit if aim.least else found <= aim.limit
    return f"| {aim.text} | {found:.3g} | {'yes' if met else '**no**'} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="sizes that show no more than that all of it runs")
    small = parser.parse_args().small
    began, failed = time.monotonic(), False
    now, load = datetime.now(UTC), os.getloadavg()[0]
    python = f"Python {platform.python_version()}"
    print(f"Measured {now:%Y-%m-%d}, {os.cpu_count()} cores ({platform.machine()}), {python}, load {load:.1f} before.")
    printed: dict[str, str] = {}
    for section in SECTIONS:
        print(f"\n### {section.title}", flush=True)
        for command in section.small if small else section.commands:
            words = ["-m", *f"performance.{command}".split()]
            done = subprocess.run([sys.executable, *words], capture_output=True, text=True, check=False)
            if done.returncode:
                failed = True
                done.stdout += f"\nfailed with exit code {done.returncode}: {done.stderr[-500:]}"
            printed[section.title] = printed.get(section.title, "") + "\n" + done.stdout
            print(f"\n```\n$ python {' '.join(words)}\n{done.stdout.strip()}\n```", flush=True)
    print("\n### Aims\n\n| aim | measured | met |\n|---|---|---|")
    print("\n".join(verdict(aim, printed[aim.title]) for aim in aims()))
    print(f"\n{(time.monotonic() - began) / 60:.0f} minutes, load {os.getloadavg()[0]:.1f} afterwards.")
    sys.exit(failed)


if __name__ == "__main__":
    main()
