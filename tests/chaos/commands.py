"""The commands that are disturbed: what each is given, how it is called, and what must have come of it in the end.

A trial is a folder with `in/` and `out/`; the command runs there, reads the one and writes below the other. All it
asks, it asks of one server: the model, the judge model and the writer are `openai/NAME` at OPENAI_BASE_URL.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import foresee
from foresee import manifest
from foresee.dataset_format import DataRow, RowWriter, Turn
from foresee.runner.journal import read_records
from tests.curation.conftest import play
from tests.support.rule_server import Question, picture

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT: Mapping[str, str] = {
    **{key: value for key, value in os.environ.items() if not key.endswith(("_API_KEY", "_BASE_URL"))},
    **{"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "OPENAI_API_KEY": "sk-of-a-test"},
    "FORESEE_HOME": "out/home",
}
IN_FLIGHT = 4
"""Calls of each model at once."""
OF_AN_ITEM = 4
"""Calls for an item at most: its answer and three judges' verdicts."""


@dataclass(frozen=True)
class Command:
    """One command: its call, what it needs, what may be damaged of it, and what came of it."""

    name: str
    call: tuple[str, ...]
    prepare: Callable[[Path], None]
    outcome: Callable[[Path], Any]
    before: tuple[tuple[str, ...], ...] = ()  # what is called beforehand, undisturbed
    inputs: str = ""  # a glob of the files that may be damaged
    asks: bool = False  # a model
    judged: bool = False  # by a model
    fetches: bool = False
    loads: bool = False  # torch, which takes its time


def answer(question: Question) -> str:
    """What the model, the judge and the writer say, by the words of the question alone."""
    if question.body["model"] == "writer":
        return play(question)
    number = int(hashlib.sha256(question.text.encode()).hexdigest()[:8], 16)
    if question.body["model"] == "judge":
        return json.dumps({"reason": "by rule", "score": number % 5 + 1, "constructive": number % 2})
    return f"Sure, that is number {number}." if number % 3 else "I can't help with that."


def items(folder: Path, *, count: int = 16) -> None:
    """Write `set.jsonl` with an image a row, half of them of harmful requests."""
    rows = []
    for n in range(count):
        (folder / f"{n}.png").write_bytes(picture(f"item {n}"))
        row = {"id": str(n), "prompt": f"What of lamp {n} in the drawing?", "image": f"{n}.png"}
        rows.append(json.dumps({**row, "expected": ("harmful", "benign")[n % 2]}))
    (folder / "set.jsonl").write_text("\n".join(rows) + "\n")


def stored(folder: Path) -> None:
    """Write answers to those items."""
    items(folder)
    lines = [json.dumps({"id": str(n), "response": f"Sure, lamp {n} is {'green' * (n % 3)}."}) for n in range(16)]
    (folder / "answers.jsonl").write_text("\n".join(lines) + "\n")


def unsafe(folder: Path) -> None:
    """Write unsafe sentences about images, which a writer rewrites."""
    rows = []
    for n in range(5):
        (folder / f"{n}.png").write_bytes(picture(f"unsafe {n}"))
        rows.append(json.dumps({"id": str(n), "prompt": f"Lamp {n} may be touched wet.", "image": f"{n}.png"}))
    (folder / "set.jsonl").write_text("\n".join(rows) + "\n")


def model(folder: Path) -> Path:
    """Build an untrained model that knows a few words."""
    from tests.support.tiny_models import build, word_tokenizer

    words = word_tokenizer(
        "llava", f"What of lamp {' '.join(map(str, range(20)))} in the drawing ? It is red .".split()
    )
    shape: Any = {"image_size": 64, "patch_size": 32, "hidden": 32, "layers": 2, "vision_hidden": 32}
    return build("llava", folder, tokenizer=words, vision_layers=1, **shape)


def data_set(folder: Path) -> None:
    """Write rows with an image each, to train on."""
    with RowWriter.open(folder) as writer:
        for n in range(12):
            asked = Turn(role="user", content=f"What of lamp {n} in the drawing ?")
            said = Turn(role="assistant", content=f"It is {n} .")
            image = writer.store(picture(f"row {n}"))
            writer.add(DataRow(id=str(n), images=(image,), prompt=(asked,), completion=(said,)))


def trainable(folder: Path) -> None:
    model(folder / "model")
    data_set(folder / "data")


def mergeable(folder: Path) -> None:
    import torch
    from peft import LoraConfig, get_peft_model

    from foresee.models.checkpoints import load

    built = load(model(folder / "model")).model
    adapted = get_peft_model(built, LoraConfig(r=2, target_modules=["q_proj"], init_lora_weights=False))
    torch.manual_seed(0)
    adapted.save_pretrained(str(folder / "adapter"), save_embedding_layers=False)


PUBLISHED = "in/published/tiny.tar.gz"
_PLUGIN = '''"""A benchmark of the tests."""

from foresee.config import BenchmarkOptions as Options

SOURCE = {source!r}
VERSION, JUDGES, METRICS = "1", (), ()


def applies(item):
    return ()


def measures(item, answer, verdicts):
    return {{}}


def items(data, options):
    return iter(())
'''


def published(folder: Path) -> None:
    """Write the archive that is served, and the benchmark file that says where: at `FILES`, put in for each trial."""
    content = {f"tiny/{n}.png": picture(f"published {n}", 256) for n in range(20)}
    archive = folder.parent / PUBLISHED
    archive.parent.mkdir()
    with tarfile.open(archive, "w:gz") as file:
        for name, data in content.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            file.addfile(member, io.BytesIO(data))
    source = {
        **{"name": "Tiny", "homepage": "https://example.org", "revision": "1", "licence": "MIT", "consequence": "none"},
        "files": [
            {
                **{"url": "FILES/tiny.tar.gz", "unpack": True, "strip": 1},
                "sha256": hashlib.sha256(archive.read_bytes()).hexdigest(),
            }
        ],
    }
    (folder / "plugins/benchmarks").mkdir(parents=True)
    (folder / "plugins/benchmarks/tiny.py").write_text(_PLUGIN.format(source=source))


_STUDY = """
title = "Does the text warn?"
models = ["openai/rules"]
seeds = [0]
benchmarks = ["world_consequence"]
limit = 10
headline = ["world_consequence.R0", "world_consequence.over_caution"]
cells = [{ name = "none" }, { name = "constitution", defense = "constitution" }]
contrasts = [{ of = "constitution", against = "none" }]
"""


def grid(folder: Path) -> None:
    """Write a study of two cells."""
    (folder / "study.toml").write_text(_STUDY)


def runs(out: Path) -> dict[str, Any]:
    """Read all run folders: answers, verdicts, measures and figures, without times; no work stands there twice."""
    found = {}
    for folder in sorted(path.parent for path in out.rglob("items.jsonl")):
        finished = [(line.kind, line.key) for line in read_records(folder / "journal.jsonl") if line.final]
        assert len(set(finished)) == len(finished), f"{folder}: a line stands there twice"
        run = foresee.read_run(folder)
        rows = [
            (
                *(row.item.id, row.answer.status, row.answer.text, row.measures),
                sorted((name, verdict.value) for name, verdict in row.verdicts.items()),
            )
            for row in run.rows
        ]
        found[str(folder.relative_to(out))] = (rows, run.estimates, run.manifest["finished"])
    return found


def rows(out: Path) -> Any:
    finished = manifest.read(out / "run", "data set")["finished"]
    made = sorted((out / "run/rows.jsonl").read_text().splitlines())  # what comes late stands below
    return made, finished, images(out / "run/images")


def images(folder: Path) -> dict[str, str]:
    """Digest all files below a folder."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def trained(out: Path) -> Any:
    lines = [json.loads(line) for line in (out / "run/metrics.jsonl").read_text().splitlines()]
    losses = [(line["step"], line["loss"]) for line in lines if "loss" in line]
    adapter = images(out / "run")["adapter_model.safetensors"]
    return losses, adapter, manifest.read(out / "run", "training")["finished"]


def merged(out: Path) -> Any:
    files = {name: digest for name, digest in images(out / "run").items() if name != manifest.FILE}
    return files, sorted(path.name for path in out.iterdir())


def fetched(out: Path) -> Any:
    files = images(out / "home")
    return {name: digest for name, digest in files.items() if not name.endswith(".foresee-source.json")}


_ASKING = f"--concurrency {IN_FLIGHT} --retries 1 --timeout 10"
_JUDGED = f"--judge-model openai/judge {_ASKING} --out out/run"
_EVAL = "eval jsonl --data in/set.jsonl --model openai/rules"
_TRAINED = ("model=in/model", "data=in/data", "out=out/run", "steps=6", "save_every=2", "batch=2", "device=cpu")


def _called(call: str) -> tuple[str, ...]:
    return tuple(call.split())


COMMANDS = {
    command.name: command
    for command in (
        Command("eval", _called(f"{_EVAL} {_JUDGED}"), items, runs, inputs="in/*.png", asks=True, judged=True),
        Command(
            "score",
            _called(f"score in/answers.jsonl --benchmark jsonl --data in/set.jsonl --model theirs {_JUDGED}"),
            stored,
            runs,
            inputs="in/answers.jsonl",
            asks=True,
            judged=True,
        ),
        Command(
            "join",
            _called("join out/run"),
            items,
            runs,
            before=tuple(_called(f"{_EVAL} --no-judge --out out/run --shard {index}/3") for index in (1, 2, 3)),
            inputs="out/run/shards/*/journal.jsonl",
        ),
        Command(
            "curate",
            _called(
                f"curate attack_rewrites --set source=in/set.jsonl --set writer=openai/writer --out out/run {_ASKING}"
            ),
            unsafe,
            rows,
            inputs="in/*.png",
            asks=True,
        ),
        Command("study", _called("study in/study.toml --out out/run"), grid, runs, asks=True),
        Command("fetch", _called("data fetch tiny --yes"), published, fetched, inputs=PUBLISHED, fetches=True),
        Command(
            "train",
            ("train", "sft", *(f"--set={each}" for each in (*_TRAINED, "bad_rows=0"))),
            trainable,
            trained,
            inputs="in/data/images/*",
            loads=True,
        ),
        Command(
            "merge",
            _called("merge in/model in/adapter --out out/run"),
            mergeable,
            merged,
            inputs="in/*/*.safetensors",
            loads=True,
        ),
    )
}
