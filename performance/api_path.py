"""How fast the API path is: a bare aiohttp loop, foresee, and plain Inspect, against one local server.

    python -m performance.api_path
    python -m performance.api_path --clients bare foresee --concurrency 32 128 --repeats 3

The server (tests/support/rule_server.py, a process of its own) answers after 0.2 s. The items, made here, are
questions with a JPEG of about 20 KB each. Each client runs in a fresh process; time and CPU count from the
first request to the last answer, peak memory includes all imports. Other work on the machine lowers items/s;
CPU per item moves less.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import importlib.util
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve()
QUESTION = "Question {}: is what the picture shows safe? Answer with Yes or No and one sentence."
CLIENTS = ("bare", "foresee", "inspect")


def make_images(folder: Path, count: int, kilobytes: float) -> None:
    """Noise, because it compresses to the same size each time."""
    import numpy as np
    from PIL import Image

    random = np.random.default_rng(0)
    side = int((kilobytes * 1024 / 0.735) ** 0.5)  # bytes per pixel at this quality
    for number in range(count):
        pixels = random.integers(0, 256, (side, side), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.jpg", quality=85)


@contextmanager
def measured(result: dict[str, float]) -> Iterator[None]:
    wall, cpu = time.perf_counter(), time.process_time()
    yield
    result["seconds"], result["cpu"] = time.perf_counter() - wall, time.process_time() - cpu


def run_bare(arguments: argparse.Namespace, result: dict[str, float]) -> int:
    """The least that any client must do: read, encode, send, read the answer."""
    import aiohttp

    async def main() -> int:
        answers = 0
        limit = asyncio.Semaphore(arguments.concurrency)

        async def ask(session: aiohttp.ClientSession, number: int) -> None:
            nonlocal answers
            async with limit:
                image = base64.b64encode((arguments.folder / f"{number}.jpg").read_bytes()).decode()
                parts = [
                    {"type": "text", "text": QUESTION.format(number)},
                    {"type": "image_url", "image_url": {"url": f"data:image/jpeg;base64,{image}"}},
                ]
                body = {"model": "rules", "max_tokens": 64, "messages": [{"role": "user", "content": parts}]}
                async with session.post(f"{arguments.url}/chat/completions", json=body) as response:
                    content = await response.json()
                    answers += bool(content["choices"][0]["message"]["content"])

        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
            await asyncio.gather(*(ask(session, number) for number in range(arguments.items)))
        return answers

    with measured(result):
        return asyncio.run(main())


def run_foresee(arguments: argparse.Namespace, result: dict[str, float]) -> int:
    """The whole path: journal, judge, retries, keys."""
    from foresee.judges import RuleJudge
    from foresee.models import open_model
    from foresee.records import Answer, Generation, Image, Item, Message, Verdict
    from foresee.runner import RunSettings, run_sync
    from foresee.runner.journal import Journal

    def judge(item: Item, answer: Answer) -> Verdict:
        return Verdict(item.id, answer.epoch, "rule", "safe" if answer.text.startswith("Yes") else "unsafe")

    def item(number: int) -> Item:
        image = Image.from_path(arguments.folder / f"{number}.jpg")
        return Item(str(number), (Message("user", (QUESTION.format(number), image)),), expected="safe")

    items = [item(number) for number in range(arguments.items)]
    model = open_model("custom/rules", {"base_url": arguments.url})
    with tempfile.TemporaryDirectory() as out, Journal.open(Path(out) / "journal.jsonl", {}) as journal:
        settings = RunSettings(concurrency=arguments.concurrency)
        with measured(result):
            done = run_sync(
                items,
                model,
                [RuleJudge("rule", "1", judge)],
                journal,
                generation=Generation(max_tokens=64),
                settings=settings,
                close=True,
            )
    return sum(row.answer.status == "ok" and bool(row.verdicts) for row in done.rows)


def run_inspect(arguments: argparse.Namespace, result: dict[str, float]) -> int:
    """Inspect as its documentation shows it: images in the samples, a log, one scorer."""
    from inspect_ai import Task, eval
    from inspect_ai.dataset import MemoryDataset, Sample
    from inspect_ai.model import ChatMessageUser, ContentImage, ContentText, GenerateConfig, get_model
    from inspect_ai.scorer import includes
    from inspect_ai.solver import generate

    def sample(number: int) -> Sample:
        image = ContentImage(image=str(arguments.folder / f"{number}.jpg"))
        content = [ContentText(text=QUESTION.format(number)), image]
        return Sample(id=number + 1, input=[ChatMessageUser(content=content)], target="Yes")

    dataset = MemoryDataset([sample(number) for number in range(arguments.items)])
    config = GenerateConfig(max_connections=arguments.concurrency, max_tokens=64)
    model = get_model("openai-api/local/rules", base_url=arguments.url, api_key="none", config=config)
    with tempfile.TemporaryDirectory() as out, measured(result):
        task = Task(dataset=dataset, solver=generate(), scorer=includes())
        log = eval(task, model=model, log_dir=out, display="none", max_samples=arguments.concurrency)[0]
        return len(log.samples or ())


def child(arguments: argparse.Namespace) -> None:
    result: dict[str, float] = {}
    runs = {"bare": run_bare, "foresee": run_foresee, "inspect": run_inspect}
    result["answers"] = runs[arguments.child](arguments, result)
    result["megabytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print("RESULT " + json.dumps(result))


def unavailable(client: str) -> str | None:
    for module in ("inspect_ai", "openai") if client == "inspect" else ():
        if importlib.util.find_spec(module) is None:
            return f"the package {module} is not installed"
    return None


def measure(client: str, concurrency: int, arguments: argparse.Namespace, folder: Path) -> dict[str, float]:
    command = [sys.executable, str(HERE), "--child", client, "--folder", str(folder), "--items", str(arguments.items)]
    server = [
        sys.executable,
        str(HERE.parents[1] / "tests" / "support" / "rule_server.py"),
        "--latency",
        str(arguments.latency),
    ]
    with subprocess.Popen(server, stdout=subprocess.PIPE, text=True) as serving:
        assert serving.stdout is not None
        try:
            url = serving.stdout.readline().split()[-1]
            command += ["--url", url, "--concurrency", str(concurrency)]
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=900)
            if serving.poll() is not None:
                raise SystemExit(f"the server ended early, with exit status {serving.returncode}")
        finally:
            serving.terminate()
    line = next((line for line in done.stdout.splitlines() if line.startswith("RESULT ")), None)
    if line is None:
        raise SystemExit(f"{client} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    result: dict[str, float] = json.loads(line.removeprefix("RESULT "))
    if result["answers"] != arguments.items:
        raise SystemExit(f"{client}: {result['answers']} answers of {arguments.items}")
    return result


def table(arguments: argparse.Namespace, folder: Path) -> None:
    sizes = [path.stat().st_size for path in folder.glob("*.jpg")]
    print(
        f"{arguments.items} items, images of {sum(sizes) / len(sizes) / 1024:.1f} KB, latency {arguments.latency} s; "
        f"Python {platform.python_version()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    )
    print(f"{'client':<10}{'concurrency':>12}{'items/s':>10}{'x bound':>9}{'CPU ms/item':>13}{'peak MB':>9}")
    best: dict[tuple[str, int], tuple[float, float]] = {}  # items/s and CPU ms an item, each the best of the repeats
    for client in arguments.clients:
        reason = unavailable(client)
        if reason:
            print(f"{client:<10}left out: {reason}")
            continue
        for concurrency in arguments.concurrency:
            for _ in range(arguments.repeats):
                result: dict[str, Any] = measure(client, concurrency, arguments, folder)
                rate = arguments.items / result["seconds"]
                bound = concurrency / arguments.latency
                fastest, least = best.get((client, concurrency), (0.0, float("inf")))
                cpu = 1000 * result["cpu"] / arguments.items
                best[client, concurrency] = max(fastest, rate), min(least, cpu)
                print(
                    f"{client:<10}{concurrency:>12}{rate:>10.0f}{bound / rate:>9.2f}"
                    f"{cpu:>13.2f}{result['megabytes']:>9.0f}",
                    flush=True,
                )
    for (client, concurrency), (rate, cpu) in best.items():
        if client != "bare" and ("bare", concurrency) in best:
            fastest, least = best["bare", concurrency]
            print(
                f"{client} : bare at {concurrency}: {rate / fastest:.2f} of the rate, {cpu / least:.2f} times the CPU"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=1446)
    parser.add_argument("--kilobytes", type=float, default=20)
    parser.add_argument("--latency", type=float, default=0.2)
    parser.add_argument("--concurrency", type=int, nargs="+", default=[32, 128])
    parser.add_argument("--clients", nargs="+", choices=CLIENTS, default=list(CLIENTS))
    parser.add_argument("--repeats", type=int, default=1)
    for name, kind in (("--child", str), ("--url", str), ("--folder", Path)):
        parser.add_argument(name, type=kind, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        arguments.concurrency = arguments.concurrency[0]
        child(arguments)
        return
    with tempfile.TemporaryDirectory() as folder:
        make_images(Path(folder), arguments.items, arguments.kilobytes)
        table(arguments, Path(folder))


if __name__ == "__main__":
    main()
