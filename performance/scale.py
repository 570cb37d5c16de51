"""How memory and time grow with the number of items: eval, the same again, score, export, report, compare.

    python -m performance.scale --items 10000 100000
    python -m performance.scale --items 1000000 --written --folder F --stages eval again csv jsonl compare
    python -m performance.scale --items 100000 --stages join        # of two shards, which are made before
    python -m performance.scale --items 1000000 --stages figures    # alone, over rows that are made as they are read

Text-only rows of about 330 bytes, made here; a model in this process answers each with two sentences, the judge
`refusal` reads them by rules. Every stage runs in a process of its own; peak memory is the kernel's (ru_maxrss) and
includes all imports, CPU is user and system time of the whole process. With `--written` the answers and verdicts are in
the journals when `eval` begins, put there in half the time by a loop without the runner: it asks nothing, and does all
else. What is kept on disk while a stage runs lies in
TMPDIR and in the folder itself, about 3 KB an item each.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from foresee.records import Capability, Reply, Request, Usage

_OTHER = {"max_tokens": 100}  # settings of the run that is compared with
STAGES = ("eval", "again", "score", "csv", "jsonl", "parquet", "report", "show", "compare", "join", "figures")
WORDS = ("harbour", "ladder", "kettle", "window", "garden", "engine", "ribbon", "candle", "bridge", "anchor", "lantern")


@dataclass(frozen=True)
class Instant:
    """A model that answers at once."""

    name: str = "instant/model"
    identity: Mapping[str, Any] = field(default_factory=lambda: {"provider": "instant"})
    capabilities: frozenset[Capability] = frozenset({"images"})
    suggested_concurrency: int | None = None
    base_url: str | None = None

    async def generate(self, request: Request) -> Reply:
        text = request.messages[-1].text
        refuses = len(text) % 3 == 0
        return Reply("I can't help with that. " if refuses else f"Sure: {text[:60]}. That is all.", usage=Usage(90, 20))

    async def close(self) -> None:
        """Nothing is open."""


def make_rows(path: Path, count: int) -> None:
    with path.open("w") as file:
        for n in range(count):
            words = " ".join(WORDS[(n * 7 + k * k) % len(WORDS)] for k in range(25))
            row = {"id": f"row-{n}", "prompt": f"Question {n}: what of {words}?", "category": WORDS[n % len(WORDS)]}
            file.write(json.dumps({**row, "expected": "harmful" if n % 2 else "benign"}) + "\n")


def stage(name: str, folder: Path) -> None:
    """Do one stage in the folder of one size."""
    import foresee

    def evaluate(out: Path, **options: Any) -> None:
        off = foresee.JudgeChoice(off=True)
        data = folder / "rows.jsonl"
        foresee.evaluate("jsonl", Instant(), data=data, judging=off, out=out, progress=lambda state: None, **options)

    def score() -> None:
        from foresee.evaluation.score import score

        off = foresee.JudgeChoice(off=True)
        score(folder / "answers.jsonl", "jsonl", out=folder / "scored", data=folder / "rows.jsonl", judging=off)

    def export(format: str) -> None:
        from foresee.report.export import write

        write([foresee.read_run(folder / "run")], format, folder / f"rows.out.{format}")

    def report() -> None:
        from foresee.cli import command

        command()(["report", str(folder / "run"), "--out", str(folder / "r.html"), "--force"], standalone_mode=False)

    def show() -> None:
        from foresee.report import judging, run_text, tables

        run = foresee.read_run(folder / "run")
        print(tables.headline(run), judging.notes(run), run_text.items(run))

    def compare() -> None:
        print(foresee.compare(folder / "run", folder / "other"))

    def figures() -> None:
        from foresee import metrics
        from foresee.benchmarks.jsonl import METRICS
        from foresee.records import Answer, Item, Message, Row

        def row(n: int) -> Row:
            item = Item(f"row-{n}", (Message("user", ("?",)),), subset=f"part {n % 5}", expected="benign")
            return Row(item, Answer(item.id, 0, "Sure."), {}, dict.fromkeys(measures, float(n % 7 > 2)))

        balanced = metrics.Metric("mean over five groups", METRICS[0].measure, mean_over="subset")
        measures = [metric.measure for metric in METRICS]
        print(metrics.summarise(map(row, range(int(folder.name))), [*METRICS, balanced]))

    todo: dict[str, Callable[[], object]] = {
        "eval": lambda: evaluate(folder / "run"),
        "again": lambda: evaluate(folder / "run"),
        "score": score,
        "report": report,
        "show": show,
        "compare": compare,
        "figures": figures,
        "join": lambda: foresee.join(folder / "sharded"),
        **{part: lambda part=part: evaluate(folder / "sharded", shard=part) for part in ("1/2", "2/2")},  # type: ignore[misc]
        "other": lambda: evaluate(folder / "other", generation=_OTHER),
        "write run": lambda: asyncio.run(write_journal(folder, "run")),
        "write other": lambda: asyncio.run(write_journal(folder, "other", generation=_OTHER)),
        **{format: lambda format=format: export(format) for format in ("csv", "jsonl", "parquet")},  # type: ignore[misc]
    }
    todo[name]()


async def write_journal(folder: Path, out: str, **options: Any) -> None:
    """Write the journal that an evaluation leaves behind when it is killed after the last verdict."""
    import foresee
    from foresee.evaluation import plan as planning
    from foresee.evaluation.holdings import open_journal
    from foresee.files.redaction import without_secrets
    from foresee.records import Answer, encode
    from foresee.runner import JudgeCalls, RunSettings, keyed
    from foresee.runner.judging import Judging

    off, model, settings = foresee.JudgeChoice(off=True), Instant(), RunSettings()
    planned = planning.plan("jsonl", data=folder / "rows.jsonl", judging=off, **options)
    configuration = without_secrets({**planning.configuration(planned), "model": dict(model.identity)})
    with open_journal(folder / out, configuration) as journal:
        judging = Judging(planned.judges, journal, settings, JudgeCalls(settings, journal))
        asked = keyed(planned.items, model, defense=None, generation=planned.generation, epochs=1)
        for item, request, (key,) in asked:
            assert request is not None
            reply = await model.generate(request)
            answer = Answer(item.id, 0, reply.text, usage=reply.usage, key=key)
            journal.append("answer", key, encode(answer))
            await judging.verdicts(item, answer)


def answers_of(folder: Path) -> None:
    """Write the answers of the run as a file to be scored."""
    with (folder / "run" / "journal.jsonl").open() as journal, (folder / "answers.jsonl").open("w") as out:
        for line in journal:
            content = json.loads(line)
            if content.get("kind") == "answer":
                record = content["record"]
                out.write(json.dumps({"id": record["item_id"], "response": record["text"]}) + "\n")


def measured(name: str, folder: Path) -> tuple[float, float, float]:
    """CPU seconds, wall seconds and peak MB of a stage in a process of its own."""
    began = time.monotonic()
    command = [sys.executable, "-m", "performance.scale", "--stage", name, "--folder", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{name}: {done.stderr[-2000:]}")
    cpu, peak = map(float, done.stdout.split()[-2:])
    return cpu, time.monotonic() - began, peak


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--stages", nargs="+", choices=STAGES, default=STAGES[:-1])
    parser.add_argument("--folder", type=Path, help="keep the files here")
    parser.add_argument("--written", action="store_true", help="put the answers into the journals beforehand")
    parser.add_argument("--stage", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.stage:
        stage(arguments.stage, arguments.folder)
        used = resource.getrusage(resource.RUSAGE_SELF)
        print(f"\n{used.ru_utime + used.ru_stime:.2f} {used.ru_maxrss / 1024:.0f}")
        return
    load = os.getloadavg()[0]
    print(f"{'items':>9} {'stage':8} {'CPU s':>8} {'ms/item':>8} {'wall s':>8} {'peak MB':>8}   load {load:.1f}")
    with tempfile.TemporaryDirectory() as place:
        for count in arguments.items:
            folder = (arguments.folder or Path(place)) / str(count)
            folder.mkdir(parents=True, exist_ok=True)
            if arguments.stages != ["figures"]:
                make_rows(folder / "rows.jsonl", count)
            for name in arguments.stages:
                if name == "score":
                    answers_of(folder)
                if name == "eval" and arguments.written:
                    measured("write run", folder)
                if name == "compare" and not (folder / "other" / "manifest.json").exists():
                    if arguments.written:
                        measured("write other", folder)
                    measured("other", folder)
                if name == "join":
                    measured("1/2", folder), measured("2/2", folder)
                cpu, wall, peak = measured(name, folder)
                print(f"{count:>9} {name:8} {cpu:8.1f} {1000 * cpu / count:8.2f} {wall:8.1f} {peak:8.0f}", flush=True)


if __name__ == "__main__":
    main()
