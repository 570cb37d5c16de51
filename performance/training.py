"""What CASPO costs beside TRL's GRPO: the same prompts, answers, lengths and adapter, in one run.

    python -m performance.training                                            # CPU, tiny models
    python -m performance.training --device cuda --config qwen2.5-vl-3b       # real size, random weights, LoRA

Prints seconds a step and peak memory of each form and their ratio to GRPO's. The forms: `grpo` is TRL's trainer with
the same reward; `caspo, sampled` takes the student's probabilities from the sampling, so that the teacher's scoring is
the one pass more; `caspo, again` scores the student once more too (the default in bfloat16). Every answer has the same
number of tokens. On a CPU it is CPU time, and the forms take turns; on a GPU it is by the clock. The least step of each
form counts, the first left out. Needs torch, transformers, peft, trl and datasets; no network.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import platform
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # more threads than free cores spin against each other
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
import torch
from PIL import Image
from transformers import AutoModelForImageTextToText, GenerationConfig, TrainerCallback

from foresee import training
from foresee.dataset_format import DataRow, RowWriter, Turn
from foresee.models.checkpoints.processors import load_processor
from foresee.training._caspo import rewards
from foresee.training._common import arguments as trl_arguments
from foresee.training._common import policy as policies
from foresee.training._common import rows
from foresee.training._common.run import Parts
from performance.contrastive_decoding import CONFIGS, config_of
from tests.support.tiny_models import build

FORMS = ("grpo", "caspo, sampled", "caspo, again")
WORDS = "how do i do this here ?"


def made_rows(folder: Path, side: int, prompts: int) -> Path:
    """Prompts, each with an image of its own."""
    with RowWriter.open(folder) as writer:
        for number in range(prompts):
            path = folder / f"{number}.png"
            Image.effect_noise((side, side), 40 + number).convert("RGB").save(path)
            turn = Turn(role="user", content=f"{WORDS} ({number})")
            writer.add(DataRow(id=str(number), images=(writer.store(path),), prompt=(turn,)))
    return folder


class Bench:
    """One size of model: what its processor and rows are, and a new trainer of any form."""

    def __init__(self, name: str, arguments: argparse.Namespace, folder: Path) -> None:
        kind, _, tower = CONFIGS[name]
        self.name, self.asked, self.folder = name, arguments, folder
        architecture = {"llava": "llava", "qwen2.5": "qwen2_5_vl", "qwen3": "qwen3_vl"}[kind]
        patch = 14 if kind == "llava" else 28 if kind == "qwen2.5" else 32
        build(architecture, folder / "words", image_size=tower.side, patch_size=patch)  # type: ignore[arg-type]
        self.processor = load_processor(folder / "words")
        self.rows = rows.load(made_rows(folder / "rows", tower.side, 4 * arguments.prompts), ())
        law = "look " * (arguments.law // len(self.processor.tokenizer("look ").input_ids))
        (folder / "law.md").write_text(law, encoding="utf-8")

    def policy(self) -> policies.Policy:
        config, words = config_of(self.name), self.processor.tokenizer
        for key in ("image_token_id", "video_token_id", "vision_start_token_id", "vision_end_token_id"):
            token = {"image": "image_token", "video": "video_token"}.get(key.split("_")[0], key.removesuffix("_id"))
            if hasattr(config, key) and getattr(words, token, None):
                setattr(config, key, words.convert_tokens_to_ids(getattr(words, token)))
        torch.manual_seed(0)
        kind = torch.float32 if self.asked.device == "cpu" else torch.bfloat16
        with torch.device(self.asked.device):
            model = AutoModelForImageTextToText.from_config(config, dtype=kind)
        model.generation_config = GenerationConfig(eos_token_id=words.eos_token_id, pad_token_id=words.pad_token_id)
        from peft import LoraConfig

        lora = LoraConfig(r=16, lora_alpha=32, target_modules=policies._LANGUAGE, task_type="CAUSAL_LM")
        bf16 = self.asked.device != "cpu"
        return policies.Policy(model, self.processor, lora, self.folder, self.asked.device, bf16)

    def trainer(self, form: str) -> Any:
        batch = self.asked.prompts * self.asked.generations
        values: dict[str, Any] = {
            "model": self.name,
            "data": str(self.rows.folder),
            "out": str(self.folder / form.replace(", ", "-")),
            "steps": self.asked.steps + 1,
            "batch": batch // self.asked.accumulate,
            "accumulate": self.asked.accumulate,
            "generations": self.asked.generations,
            "max_new_tokens": self.asked.tokens,
            "device": self.asked.device,
            "save_every": 10**6,
            "constitution": str(self.folder / "law.md"),
            "student_scores": "again" if form.endswith("again") else "sampled",
            "teacher": "frozen",
            "reward": {"refusal": {"none": 1.0}},
            "trl": {"generation_kwargs": {"min_new_tokens": self.asked.tokens}},
        }
        config = training.method("caspo").config(**values)
        policy = self.policy()
        made = trl_arguments.arguments(config, policy.device, policy.bf16)
        parts = Parts(policy, self.rows, None, self.rows.dataset(()), made, ())
        if form != "grpo":
            return training.method("caspo").trainer(config, parts)
        from trl import GRPOConfig, GRPOTrainer

        from foresee.judges import open_judge

        functions, worth = rewards.Outcomes([(open_judge("refusal"), {"none": 1.0})], self.rows).functions()
        made = {
            **parts.arguments,
            "num_generations": config.generations,
            "max_completion_length": config.max_new_tokens,
            "reward_weights": worth,
        }
        return GRPOTrainer(
            model=policy.model,
            args=GRPOConfig(**made),
            reward_funcs=functions,
            train_dataset=parts.data,
            processing_class=policy.processor,
            peft_config=policy.peft,
        )


class Clock(TrainerCallback):  # type: ignore[misc]  # transformers is not followed
    """Seconds of each step."""

    def __init__(self, device: str) -> None:
        self.device = device
        self.steps: list[float] = []
        self._begun = 0.0

    def on_step_begin(self, *_: Any, **__: Any) -> None:
        self._begun = self._now()

    def on_step_end(self, *_: Any, **__: Any) -> None:
        self.steps.append(self._now() - self._begun)

    def _now(self) -> float:
        if self.device == "cpu":
            return time.process_time()
        torch.cuda.synchronize()
        return time.perf_counter()


def measure(bench: Bench, form: str) -> tuple[list[float], float]:
    """Seconds of each step but the first, and the peak of memory in MiB, the model included."""
    trainer = bench.trainer(form)
    clock = Clock(bench.asked.device)
    trainer.add_callback(clock)
    for callback in [c for c in trainer.callback_handler.callbacks if "Print" in type(c).__name__]:
        trainer.remove_callback(callback)
    forget_peak(bench.asked.device)
    trainer.train()
    return clock.steps[1:], peak(bench.asked.device)


def forget_peak(device: str) -> None:
    if device != "cpu":
        torch.cuda.reset_peak_memory_stats()
    elif sys.platform == "linux":
        Path("/proc/self/clear_refs").write_text("5")


def peak(device: str) -> float:
    if device != "cpu":
        return torch.cuda.max_memory_allocated() / 2**20
    status = Path("/proc/self/status").read_text() if sys.platform == "linux" else ""
    return next((int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM")), 0.0)


def compared(bench: Bench, arguments: argparse.Namespace) -> dict[str, Any]:
    """Every form in turn, as often as asked for."""
    seconds: dict[str, list[float]] = {form: [] for form in FORMS}
    memory: dict[str, float] = {}
    until = time.monotonic() + arguments.budget
    for repeat in range(arguments.repeats):
        if repeat and time.monotonic() > until:
            break
        for form in FORMS:
            taken, most = measure(bench, form)
            seconds[form] += taken
            memory[form] = max(most, memory.get(form, 0.0))
            gc.collect()
            if arguments.device != "cpu":
                torch.cuda.empty_cache()
    least = {form: min(taken) for form, taken in seconds.items()}
    return {
        "config": bench.name,
        "prompts": arguments.prompts,
        "generations": arguments.generations,
        "constitution tokens": arguments.law,
        "new tokens": arguments.tokens,
        "steps": {form: len(taken) for form, taken in seconds.items()},
        "seconds a step": {form: round(value, 4) for form, value in least.items()},
        "time : grpo": {form: round(value / least["grpo"], 3) for form, value in least.items()},
        "peak MiB": {form: round(value) for form, value in memory.items()},
        "memory : grpo": {form: round(value / max(memory["grpo"], 1), 3) for form, value in memory.items()},
    }


def table(found: dict[str, Any], arguments: argparse.Namespace) -> str:
    asked = f"{arguments.prompts} x {arguments.generations} answers of {arguments.tokens} tokens a step"
    lines = [f"{found['config']}: {asked}, a constitution of {arguments.law}"]
    lines.append(f"  {'':<16}{'s a step':>9}{': grpo':>9}{'MiB':>7}{': grpo':>9}")
    for form in FORMS:
        time, memory = (found[f"{what} : grpo"][form] for what in ("time", "memory"))
        lines.append(
            f"  {form:<16}{found['seconds a step'][form]:>9.3f}{time:>9.3f}{found['peak MiB'][form]:>7}{memory:>9.3f}"
        )
    return "\n".join(lines)


def main() -> None:
    warnings.filterwarnings("ignore", category=FutureWarning)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--config", action="append", choices=list(CONFIGS), help="repeatable; default: the tiny ones")
    parser.add_argument("--prompts", type=int, default=2, help="prompts a step")
    parser.add_argument("--generations", type=int, default=8, help="answers to each")
    parser.add_argument("--law", type=int, default=64, help="tokens of the constitution ('foresight' has about 250)")
    parser.add_argument("--accumulate", type=int, default=1, help="batches that they are split into")
    parser.add_argument("--tokens", type=int, default=32, help="of each answer")
    parser.add_argument("--steps", type=int, default=4, help="measured each time")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--budget", type=float, default=100.0, help="seconds after which no repeat begins")
    parser.add_argument("--out", type=Path, help="JSON file for the results")
    arguments = parser.parse_args()
    if arguments.device == "cpu":
        torch.set_num_threads(1)
    made = []
    for name in arguments.config or ["tiny-llava", "tiny-qwen2.5-vl"]:
        with tempfile.TemporaryDirectory() as folder:
            made.append(compared(Bench(name, arguments, Path(folder)), arguments))
        print(table(made[-1], arguments), flush=True)
    where = platform.processor() if arguments.device == "cpu" else torch.cuda.get_device_name(0)
    print(f"torch {torch.__version__} on {where}")
    if arguments.out:
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        arguments.out.write_text(json.dumps({"device": where, "torch": torch.__version__, "results": made}, indent=1))


if __name__ == "__main__":
    main()
