"""A run in a process of its own, to be killed: URL, folder, number of items, concurrency, and how it is called."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

from foresee.judges import RuleJudge
from foresee.models import open_model
from foresee.records import Answer, Item, Message, Verdict
from foresee.runner import RunSettings, run_sync
from foresee.runner.journal import Journal


def judge(item: Item, answer: Answer) -> Verdict:
    return Verdict(item.id, answer.epoch, "length", float(len(answer.text)))


def main(url: str, folder: str, count: str, concurrency: str, way: str = "plain") -> None:
    items = [Item(str(n), (Message("user", (f"question {n}",)),)) for n in range(int(count))]
    model = open_model("custom/rules", {"base_url": url})
    with Journal.open(Path(folder) / "journal.jsonl", {"count": count}) as journal:

        def work() -> int:
            settings = RunSettings(concurrency=int(concurrency), backoff=0.05)
            results = run_sync(items, model, [RuleJudge("length", "1", judge)], journal, settings=settings, close=True)
            print(f"asked {results.asked} reused {results.reused}", flush=True)
            return results.asked

        async def inside_a_loop() -> None:
            work()

        if way == "loop":
            asyncio.run(inside_a_loop())
        else:
            work()


if __name__ == "__main__":
    # A shell that starts its commands in the background makes them ignore Ctrl-C, and children inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    main(*sys.argv[1:])
