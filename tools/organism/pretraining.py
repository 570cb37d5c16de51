"""Pretrain an organism from nothing: `build("base", folder)`. Resumable; the same seed makes the same model.

Stage 0 draws each image token's feature to the words for what its cell shows, its place and its colour (cosine
cross-entropy): without it a model of this size never learns to see. Stage 1 is language modelling on answers, where
the first token counts several times because it decides the kind of the answer. The loop is our own: a trainer library
brings no speed at this size, and lessons are drawn as they are needed instead of being stored.
"""

from __future__ import annotations

import hashlib
import json
import random
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from foresee import manifest, organism
from foresee.errors import UserError
from foresee.organism.world import scenes
from tools.organism import acceptance
from tools.organism.alignment import Milestone, Report, align, is_vision, schedule, silent
from tools.organism.curriculum import Curriculum
from tools.organism.recipes import Recipe, recipe

if TYPE_CHECKING:
    from tools.organism.trainee import Trainee

CHECKPOINT = "upbringing.pt"
LOG = "upbringing.jsonl"
ORIGINS = Path(__file__).parent / "origins"
"""Weights in the middle of a pretraining from which others go on, kept so that the rest is a matter of minutes."""
CHECKPOINT_EVERY = 500
GLANCE_AT = 80  # questions of each kind, on validation scenes, at every checkpoint
_MADE_WITH = ("torch", "transformers", "pillow")


def fingerprint(of: Recipe) -> str:
    """Hash of the recipe and of what it teaches (the first lessons of a fixed seed), so that neither changes unseen."""
    curricula = [Curriculum(of, random.Random(f"fingerprint {primer}"), primer=primer) for primer in (True, False)]
    lessons = [curriculum.lesson() for curriculum in curricula for _ in range(200)]
    told = [(lesson.scene.layout, [list(t) for t in lesson.turns], lesson.answer) for lesson in lessons]
    facts: dict[str, Any] = {"recipe": of.model_dump(), "world": scenes.VERSION, "lessons": told}
    if of.origin and (kept := _kept_origin(of.origin)):
        facts["origin"] = hashlib.sha256((kept / "model.safetensors").read_bytes()).hexdigest()
    return manifest.digest(facts)


def build(
    name: str,
    out: Path,
    *,
    seed: int = 0,
    of: Recipe | None = None,
    device: str = "cpu",
    workers: int = 0,
    report: Report | None = None,
) -> Path:
    """Bring up the organism `name` in `out`, or continue where an earlier call was stopped.

    Args:
        name: a name of `recipes.RECIPES`.
        out: the folder of the finished model; work in progress lies there too and is removed at the end.
        seed: of the weights and of the lessons.
        of: another recipe than the one of that name.
        device: cpu, cuda or mps, whichever this machine has. Other devices round otherwise, so weights differ a little.
        workers: processes that draw lessons ahead, so that an accelerator need not wait; they change no lesson.
        report: called every few steps.

    Returns:
        The folder, which loads like any Hugging Face checkpoint.

    Raises:
        UserError: no such recipe, `out` holds something else, torch is too old or missing, or no such device here.
    """
    chosen = of or recipe(name)
    try:
        import torch

        from tools.organism.trainee import new_trainee
    except ImportError as problem:
        raise UserError(f"building an organism needs torch and transformers ({problem}): run make setup") from None
    if not hasattr(torch.optim, "Muon"):
        raise UserError(f"building an organism needs torch 2.9 or newer, got {torch.__version__}")
    _check_device(device)
    mark = {"organism": name, "seed": seed, "recipe": fingerprint(chosen)}
    _claim(out, mark)
    if (out / "model.safetensors").is_file() and not (out / CHECKPOINT).is_file():
        return out
    progress = _Progress(out, time.perf_counter(), time.process_time(), workers, report or silent)
    trainee = new_trainee(chosen, out / "work", seed, device)
    torch.manual_seed(seed)
    kept = out / CHECKPOINT
    state = torch.load(kept, weights_only=True, map_location=device) if kept.is_file() else None
    if state is None and chosen.origin:
        _inherit(trainee, _origin(chosen.origin, out, seed, device, workers, report))
    elif state is None:
        align(trainee, chosen, seed, progress.report, workers)
    _learn(trainee, chosen, seed, progress, state)
    _sign(out, mark, device)
    _finish(trainee, out)
    return out


class _Progress(NamedTuple):
    out: Path
    began: float
    worked: float
    workers: int
    report: Report

    def spent(self, before: Mapping[str, float]) -> dict[str, float]:
        """CPU and wall seconds so far, with those of the runs that were stopped before."""
        cpu, wall = time.process_time() - self.worked, time.perf_counter() - self.began
        return {"cpu_seconds": before["cpu_seconds"] + cpu, "wall_seconds": before["wall_seconds"] + wall}


def _check_device(device: str) -> None:
    """Check the device. Raises UserError: it is unknown or not there."""
    import torch

    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    kind = device.partition(":")[0]
    if not there.get(kind, False):
        found = ", ".join(name for name, here in there.items() if here)
        raise UserError(f"no device '{device}' on this machine: choose one of {found}")


def _kept_origin(name: str) -> Path | None:
    """Find the weights that another organism starts from: those that ship, or those kept beside this code."""
    if name in organism.names():
        return organism.folder(name)
    kept = ORIGINS / name
    return kept if kept.is_dir() else None


def _origin(name: str, out: Path, seed: int, device: str, workers: int, report: Report | None) -> Path:
    """Find the organism that another starts from: one that is kept, or one trained for it beside `out`."""
    if (kept := _kept_origin(name)) is not None:
        return kept
    return build(name, out.with_name(f"{out.name}_{name}"), seed=seed, device=device, workers=workers, report=report)


def _inherit(trainee: Trainee, origin: Path) -> None:
    """Start from another organism's weights; words are matched by name, and new ones stay as they were drawn.

    Raises:
        UserError: it has another shape.
    """
    import torch

    from tools.organism.trainee import Trainee

    older = Trainee(origin)
    known = [(row, trainee.encoder.ids[word]) for word, row in older.encoder.ids.items() if word in trainee.encoder.ids]
    there, here = (torch.tensor(rows) for rows in zip(*known, strict=True))
    own, weights = trainee.model.state_dict(), older.model.state_dict()
    try:
        for name, value in weights.items():
            if name.endswith(("embed_tokens.weight", "lm_head.weight")):
                weights[name] = own[name].cpu().index_copy(0, here, value[there])
        trainee.model.load_state_dict(weights)
    except RuntimeError:
        raise UserError(f"organism {origin.name} has another shape than this recipe asks for") from None


def _learn(trainee: Trainee, of: Recipe, seed: int, progress: _Progress, state: dict[str, Any] | None) -> None:
    """Stage 1, from the checkpoint's step on. Lessons depend on seed and step alone, so a resumed run sees the same."""
    import torch
    from torch.nn import functional

    from tools.organism.batches import batches
    from tools.organism.muon import GroupedMuon

    matrices, rest = _parameters(trainee.model)
    muon = GroupedMuon(matrices, lr=of.muon_rate, weight_decay=0.0)
    adam = torch.optim.AdamW(rest, lr=of.adam_rate, betas=(0.9, 0.98), weight_decay=0.01)
    first, before = 0, {"cpu_seconds": 0.0, "wall_seconds": 0.0}
    if state is not None:
        trainee.model.load_state_dict(state["model"])
        muon.load_state_dict(state["muon"])
        adam.load_state_dict(state["adam"])
        first, before = int(state["step"]), state["spent"]
    loss = torch.zeros(())
    for step, drawn in enumerate(batches(trainee.encoder, of, seed, first, progress.workers), first):
        batch = drawn.to(trainee.device)
        trainee.model.train()
        logits = trainee.model(**batch.inputs).logits[:, :-1]
        each = functional.cross_entropy(logits.transpose(1, 2), batch.labels[:, 1:], reduction="none")
        weights = batch.weights[:, 1:]
        loss = (each * weights).sum() / weights.sum()
        for optimizer, rate in ((muon, of.muon_rate), (adam, of.adam_rate)):
            optimizer.param_groups[0]["lr"] = rate * schedule(step, of.steps)
            optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(rest, 1.0)
        muon.step()
        adam.step()
        done = step + 1
        if done % CHECKPOINT_EVERY == 0 or done == of.steps:
            measured = {**acceptance.glance(trainee, GLANCE_AT), **progress.spent(before)}
            _note(progress, Milestone(1, done, of.steps, loss.item(), measured))
            saved = {"model": trainee.model.state_dict(), "muon": muon.state_dict(), "adam": adam.state_dict()}
            _save(progress.out, {**saved, "step": done, "spent": progress.spent(before)})
        elif done % 10 == 0:
            progress.report(Milestone(1, done, of.steps, loss.item(), {}))


def _parameters(model: Any) -> tuple[list[Any], list[Any]]:
    """Matrices of the language model's layers (for Muon) and whatever else is trained.

    What stage 0 aligned stays as it is: left free, it drifts faster than the language model can learn to read it.
    """
    matrices, rest = [], []
    for name, parameter in model.named_parameters():
        if is_vision(name) and "deepstack" not in name:
            parameter.requires_grad_(False)
        elif "language_model.layers" in name and parameter.ndim == 2:
            matrices.append(parameter)
        else:
            rest.append(parameter)
    return matrices, rest


def _claim(out: Path, mark: dict[str, Any]) -> None:
    """Take the folder, or recognise it as ours."""
    path = out / "upbringing.json"
    if path.is_file():
        found = json.loads(path.read_text(encoding="utf-8"))
        if {key: found.get(key) for key in mark} != mark:
            raise UserError(
                f"{out} holds another pretraining ({found.get('organism')}, seed {found.get('seed')}): "
                "choose another folder"
            )
        return
    if out.is_dir() and any(out.iterdir()):
        raise UserError(f"{out} is not empty and no pretraining of ours: choose another folder")
    out.mkdir(parents=True, exist_ok=True)
    manifest.write_atomically(path, json.dumps(mark, indent=2) + "\n")


def _note(progress: _Progress, milestone: Milestone) -> None:
    progress.report(milestone)
    with (progress.out / LOG).open("a", encoding="utf-8") as file:
        file.write(json.dumps(milestone._asdict()) + "\n")


def _save(out: Path, state: dict[str, Any]) -> None:
    import torch

    part = out / f".{CHECKPOINT}"
    torch.save(state, part)
    part.replace(out / CHECKPOINT)


def _sign(out: Path, mark: dict[str, Any], device: str) -> None:
    """Add to the folder's mark on what and with what it was finished."""
    import torch

    versions = manifest.environment()["versions"]
    named = torch.cuda.get_device_name() if device.startswith("cuda") else device
    made = {"device": named, "versions": {key: versions[key] for key in _MADE_WITH if key in versions}}
    manifest.write_atomically(out / "upbringing.json", json.dumps(mark | made, indent=2) + "\n")


def _finish(trainee: Trainee, out: Path) -> None:
    """Write the model in half precision (bfloat16 would cost accuracy, float32 twice the space) and tidy up."""
    import shutil

    import torch

    work = out / "work"
    for path in work.iterdir():
        if path.name not in ("model.safetensors", "config.json"):
            shutil.copy(path, out / path.name)
    trainee.model.to(torch.float16).save_pretrained(out)
    (out / "model.safetensors").chmod(0o644)
    shutil.rmtree(work)
    (out / CHECKPOINT).unlink(missing_ok=True)
