"""Run one training from settings to a folder: the same for every method.

A method's file says how a trainer is made; what surrounds it is here: checks, model and data, watching, going on after
a kill, and what is written at the end (weights, manifest, card).
"""

from __future__ import annotations

import re
import shutil
import time
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from foresee import manifest
from foresee.errors import UserError
from foresee.files.appending import held
from foresee.models.checkpoints import rewards
from foresee.plugins.contracts import TrainingMethod
from foresee.training._common import arguments as trl_arguments
from foresee.training._common import card, heldout_eval, heldout_rows, inspection, sharding, truncation
from foresee.training._common import judges as training_judges
from foresee.training._common import policy as policies
from foresee.training._common import rows as training_rows
from foresee.training._common.config import HeldOutEval, SupervisedConfig, TrainingConfig
from foresee.training._common.heldout_eval import EvalSet
from foresee.training._common.judges import Judges
from foresee.training._common.metrics import Progress
from foresee.training._common.policy import Policy
from foresee.training._common.prompts import takes_images
from foresee.training._common.rows import INDEX, Rows

if TYPE_CHECKING:
    from foresee.training._common.callbacks import Watcher

_MAY_CHANGE = (
    "log_every",
    "save_every",
    "report_to",
    "processes",
    "out",
)  # may change when a training is taken up again
_REPORT_SECONDS = 5.0  # seconds between two words on how far the looking has come
_STATE = ("*.pt", "*.pth", "*.bin", "trainer_state.json", "teacher.safetensors", "complete", "README.md")


@dataclass(frozen=True)
class Parts:
    """What a method gets to make its trainer of.

    Attributes:
        policy: the model, its processor, and the adapter to put on it.
        rows: the data set's rows, by index.
        replay: general rows, if there are any.
        data: the rows as a `datasets.Dataset`: `images`, `prompt`, the method's `COLUMNS`, and the index `row`; for
            methods that mix replay rows in by themselves without these.
        arguments: of TRL's configuration, everything that methods have in common.
        eval_rows: held-out rows, never trained on, if there are any (see `SupervisedConfig`).
        eval_data: those, as `data`.
        callbacks: to hand to the trainer.
    """

    policy: Policy
    rows: Rows
    replay: Rows | None
    data: Any
    arguments: Mapping[str, Any]
    callbacks: Sequence[Any]
    eval_rows: Rows | None = None
    eval_data: Any = None


class _Data(NamedTuple):
    """The rows of a training's folders."""

    rows: Rows
    replay: Rows | None
    held_out: Rows | None


@dataclass(frozen=True)
class Session:
    """A trainer ready to run, and all that surrounds it."""

    name: str
    config: TrainingConfig
    parts: Parts
    trainer: Any
    watcher: Watcher


def prepare(name: str, method: TrainingMethod, config: TrainingConfig, report: Callable[[Progress], None]) -> Session:
    """Check, load and assemble everything; nothing is trained or written yet.

    Raises:
        UserError: whatever the user can fix about model, data, settings or launch.
    """
    _quiet_libraries()
    columns = method.columns
    loaded = _loaded(method, config)
    probe = config.probe
    to_answer = heldout_eval.find(probe)
    report(Progress(0, 0, {}, f"loading {config.model}"))
    policy = policies.open_policy(config)
    sighted = takes_images(policy.processor)
    if not sighted:
        _refuse_images(loaded, policy)
    rows, replay, held_out = _held_out(_inspected(loaded, config, policy, report), config, report)
    asked = heldout_eval.looked_at(to_answer, probe, policy.processor)
    judges = _judges_of(asked, probe)
    from transformers import set_seed

    from foresee.training._common.callbacks import Watcher

    set_seed(config.seed)  # an adapter's first values are random
    watcher = Watcher(config, asked, judges, report)
    mixed_in = None if method.own_replay else replay
    data = training_rows.mixed(rows, mixed_in, config.replay_share, columns, config.seed)
    arguments = trl_arguments.arguments(config, policy.device, policy.bf16)
    if config.trl.get("fsdp"):
        _refuse_some_images((rows, replay))
        arguments |= sharding.settings(policy.model, config.trl.get("fsdp_config"))
    eval_data = held_out and held_out.dataset(columns)
    if not sighted:  # TRL takes the column for a sign that there are images
        data, eval_data = data.remove_columns("images"), eval_data and eval_data.remove_columns("images")
    parts = Parts(policy, rows, replay, data, arguments, (watcher,), held_out, eval_data)
    trainer = _make(method, config, parts)
    if eval_data is not None and trainer.eval_dataset is None:
        raise UserError(
            f"training method {name}: its trainer needs eval_dataset=parts.eval_data to measure the loss on"
        )
    watcher.attach(trainer)
    if config.max_length is not None:
        _truncate(trainer, config.max_length, parts, report)
    accelerator = trainer.accelerator
    sharded = accelerator.distributed_type.value == "FSDP"
    trl_arguments.check_launch(config, accelerator.num_processes, sharded=sharded)
    for callback in _printers(trainer):
        trainer.remove_callback(callback)
    return Session(name, config, parts, trainer, watcher)


def _judges_of(asked: EvalSet, probe: HeldOutEval) -> Judges:
    """Open the judges of the held-out eval, if there is one. Raises UserError: see `judges.open_judges`."""
    if not asked.items:
        return training_judges.NONE
    options, models = probe.judge_options, probe.judge_models
    return training_judges.open_judges(
        asked.judges, models, options, asked.items, benchmark=asked.benchmark, where="probe."
    )


def _truncate(trainer: Any, length: int, parts: Parts, report: Callable[[Progress], None]) -> None:
    """Have longer sequences cut, and check every row. Raises UserError: an image or a whole answer would be cut."""
    truncation.install(trainer, length)
    watch = _Countdown(report, "measuring rows")
    truncation.check(trainer.data_collator, trainer.train_dataset, parts.data[INDEX], parts.rows, watch)
    if parts.eval_rows is not None:
        watch = _Countdown(report, "measuring held-out rows")
        truncation.check(trainer.data_collator, trainer.eval_dataset, parts.eval_data[INDEX], parts.eval_rows, watch)


def run(session: Session, command: Sequence[str] = ()) -> Path:
    """Train, from the last checkpoint if there is one; returns the folder.

    Raises:
        UserError: the folder holds something else, another process trains there, or the loss went wrong (the last good
            weights are kept).
    """
    folder = Path(session.config.out)
    with held(folder) if session.trainer.is_world_process_zero() else nullcontext():
        before = _interrupted(session)
        return folder if before.get("finished") else _run(session, folder, command, before)


def _run(session: Session, folder: Path, command: Sequence[str], before: Mapping[str, Any]) -> Path:
    from foresee.training._common.callbacks import last_checkpoint

    config, trainer, watcher = session.config, session.trainer, session.watcher
    record = _record(session, command, before)
    leads = trainer.is_world_process_zero()
    trainer.accelerator.wait_for_everyone()  # all have looked at the folder
    if leads:
        manifest.write(folder, "training", record)
    checkpoint = last_checkpoint(folder)
    trainer.accelerator.wait_for_everyone()
    watcher.resume(int(checkpoint.name.rpartition("-")[2]) if checkpoint else -1)
    started, cpu = time.monotonic(), time.process_time()
    try:
        _train(trainer, str(checkpoint) if checkpoint else None)
    finally:
        watcher.close()
    kept = _keep(session)
    if leads:
        record |= {
            "finished": True,
            "steps": trainer.state.global_step,
            "stopped": watcher.stopped,
            "kept": kept,
            "metrics_before": watcher.before,
            "metrics_after": watcher.after,
            "judge_cost": watcher.judge_cost,
        }
        record["wall_seconds"] += round(time.monotonic() - started, 2)
        record["cpu_seconds"] += round(time.process_time() - cpu, 2)
        card.write(folder, record, _defaults(config))
        manifest.write(folder, "training", record)
        if not config.keep_checkpoints:
            for path in folder.glob("checkpoint-*"):
                shutil.rmtree(path, ignore_errors=True)
    if watcher.failed:
        raise UserError(f"stopped: {watcher.stopped}; {folder} holds {kept}. Try a lower learning_rate, or float32")
    return folder


def _loaded(method: TrainingMethod, config: TrainingConfig) -> _Data:
    columns = method.columns
    replay_columns = ("completion",) if method.own_replay else columns
    folder = config.eval_data if isinstance(config, SupervisedConfig) else ""
    return _Data(
        training_rows.load(config.data, columns, limit=config.limit, text_only=config.text_only),
        training_rows.load(config.replay, replay_columns, text_only=True) if config.replay else None,
        training_rows.load(folder, columns, text_only=True) if folder else None,
    )


def _held_out(data: _Data, config: TrainingConfig, report: Callable[[Progress], None]) -> _Data:
    """Take the held-out rows, and whatever shows the same, out of what is trained on, and say how many."""
    rows, replay, held_out = data
    if isinstance(config, SupervisedConfig) and config.eval_split:
        rows, held_out = heldout_rows.split(rows, config.eval_split)
    if held_out is None:
        return data
    apart = heldout_rows.without(rows, held_out)
    notes = [f"held out: {len(held_out):,} rows of {held_out.folder} are not trained on, {len(apart):,} are"]
    if len(apart) < len(rows):
        notes.append(f"held out: {len(rows) - len(apart):,} rows of {rows.folder} show the same as they do, and go")
    if replay is not None:
        general = heldout_rows.without(replay, held_out)
        if len(general) < len(replay):
            notes.append(f"held out: {len(replay) - len(general):,} replay rows show the same as they do, and go")
        replay = general
    for note in notes:
        report(Progress(0, 0, {}, note=note))
    return _Data(apart, replay, held_out)


def _refuse_some_images(sets: Iterable[Rows | None]) -> None:
    """Raise UserError where some rows have images and some none: with sharded weights processes would wait for ever.

    Each gathers what its rows need, and all must gather the same at the same time.
    """
    rows = [row for rows in sets if rows is not None for row in rows.rows]
    seen = sum(bool(row.images) for row in rows)
    if 0 < seen < len(rows):
        raise UserError(
            f"trl.fsdp: {seen} of {len(rows)} rows have images; processes that share the weights need all rows with "
            "images or all without: train on one kind, or leave trl.fsdp out"
        )


def _refuse_images(data: _Data, policy: Policy) -> None:
    """Raise UserError where rows have images and the model takes none."""
    for rows in data:
        seen = sum(bool(row.images) for row in rows.rows) if rows else 0
        if rows and seen:
            raise UserError(
                f"{policy.folder} is a text-only model, and {seen} of {len(rows)} rows of {rows.folder} have images: "
                "expected a model that takes them, or rows without"
            )


class _Countdown:
    """Reports from time to time how far something has come, and how long it will take."""

    def __init__(self, report: Callable[[Progress], None], what: str) -> None:
        self._report, self._what = report, what
        self._started = self._last = time.monotonic()

    def __call__(self, done: int, total: int) -> None:
        now = time.monotonic()
        if now - self._last > _REPORT_SECONDS:
            self._last = now
            left = (now - self._started) / done * (total - done)
            self._report(Progress(0, 0, {}, f"{self._what}: {done:,} of {total:,}, about {left:.0f} s left"))


def _inspected(data: _Data, config: TrainingConfig, policy: Policy, report: Callable[[Progress], None]) -> _Data:
    """Check every row, and report what was changed. Raises UserError: too many can't be used."""

    def look(rows: Rows) -> Rows:
        sound = inspection.inspected(rows, policy.processor, config.bad_rows, _Countdown(report, "looking at images"))
        for note in inspection.notes(sound):
            report(Progress(0, 0, {}, note=note))
        return sound

    return _Data(look(data.rows), data.replay and look(data.replay), data.held_out and look(data.held_out))


def _make(method: TrainingMethod, config: TrainingConfig, parts: Parts) -> Any:
    """Build the method's trainer. Raises UserError: TRL refuses the settings, in its own words."""
    from foresee.models.checkpoints.find import one_line

    try:
        return method.trainer(config, parts)
    except UserError:
        raise
    except TypeError as problem:  # of TRL's configuration, which is called with `trl.*`; any other is a bug
        unknown = re.search(r"unexpected keyword argument '(\w+)'", str(problem))
        if unknown is None or unknown[1] not in config.trl:
            raise
        raise UserError(f"TRL refuses these settings: trl.{unknown[1]} is no argument of its configuration") from None
    except (ValueError, ImportError, RuntimeError) as problem:
        if not _raised_by_libraries(problem):
            raise
        raise UserError(f"TRL refuses these settings: {one_line(problem)}") from problem


def _raised_by_libraries(problem: BaseException) -> bool:
    """Whether an error comes out of the training libraries, not out of code of ours or of a plug-in."""
    last = ""
    for frame, _ in traceback.walk_tb(problem.__traceback__):
        last = str(frame.f_globals.get("__name__", ""))
    return last.partition(".")[0] in ("trl", "transformers", "accelerate", "peft", "torch", "datasets")


def _train(trainer: Any, checkpoint: str | None) -> None:
    import torch

    try:
        trainer.train(resume_from_checkpoint=checkpoint)
    except torch.OutOfMemoryError:
        here, batch = trainer.args.device, trainer.args.per_device_train_batch_size
        raise UserError(
            f"not enough memory on {here} for {batch} sequences at once: lower batch and raise accumulate, "
            "or set gradient_checkpointing=true, tune=lora or quantisation=4bit"
        ) from None


def _keep(session: Session) -> str:
    """Write the weights that the training ends with into its folder. Returns which ones they are."""
    config, trainer, watcher = session.config, session.trainer, session.watcher
    from foresee.training._common.callbacks import BEST, last_checkpoint

    folder = Path(config.out)
    collapsed = bool(watcher.stopped) and not watcher.failed
    source, kept = None, f"the weights of step {trainer.state.global_step}"
    if (collapsed or config.keep != "last") and (folder / BEST).is_dir():
        by_loss = config.keep == "best_eval_loss"
        source = folder / BEST
        kept = "the weights of the lowest held-out loss" if by_loss else "the weights of the probe's best score"
    elif config.keep != "last" and watcher.has_best:
        kept += f" (keep={config.keep}: nothing was better than before the training)"
    elif collapsed:
        source = last_checkpoint(folder, watcher.last_good_step)
        kept = f"the weights of {source.name}, the last before it went wrong" if source else f"{kept}: no earlier ones"
    if source is None:
        trainer.save_model(str(folder))
    if trainer.is_world_process_zero():
        if source is not None:
            shutil.copytree(source, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns(*_STATE))
        (folder / "training_args.bin").unlink(missing_ok=True)  # a pickle, and all in it is in the manifest
    trainer.accelerator.wait_for_everyone()
    return kept


def _interrupted(session: Session) -> dict[str, Any]:
    """Read the manifest of an interrupted training in the folder; empty where there is none.

    Raises:
        UserError: the folder holds something else, or a training with other settings.
    """
    folder = Path(session.config.out)
    if not (folder / manifest.FILE).is_file():
        if folder.is_dir() and any(path.name != ".best" for path in folder.iterdir()):
            raise UserError(f"{folder} is not empty and no training of ours; give another folder (--out)")
        return {}
    before = manifest.read(folder, "training")
    then, now = before.get("config", {}), _as_json(session.config)
    other = [
        key
        for key in now
        if key not in _MAY_CHANGE and then.get(key) != now[key] and not _same_rows(session, before, key)
    ]
    if before.get("method") != session.name or other:
        what = ", ".join(f"{key} {then.get(key)!r}, now {now[key]!r}" for key in other) or f"method {before['method']}"
        raise UserError(f"{folder} holds a training with other settings ({what}); give another folder (--out)")
    return before


def _same_rows(session: Session, before: Mapping[str, Any], setting: str) -> bool:
    """Whether a setting names the rows that it named before, which only lie in another folder by now."""
    rows = {"data": session.parts.rows, "replay": session.parts.replay}.get(setting)
    return rows is not None and rows.record()["rows_sha256"] == (before.get(setting) or {}).get("rows_sha256")


def _as_json(config: TrainingConfig) -> dict[str, Any]:
    return config.model_dump(mode="json")


def _defaults(config: TrainingConfig) -> dict[str, Any]:
    """Return the method's defaults; none for settings that must be given."""
    fields = type(config).model_fields
    given = {name: getattr(config, name) for name, field in fields.items() if field.is_required()}
    values = type(config).model_construct(**given).model_dump(mode="json")
    return {name: value for name, value in values.items() if name not in given}


def _record(session: Session, command: Sequence[str], before: Mapping[str, Any]) -> dict[str, Any]:
    parts, config = session.parts, session.config
    trainable, total = policies.trainable(session.trainer.model)
    return {
        "method": session.name,
        "config": _as_json(config),
        "base": {"name": config.model, **parts.policy.record()},
        "data": parts.rows.record(),
        rewards.KEY: _rewards(session),
        "replay": parts.replay.record() if parts.replay else None,
        "held_out": parts.eval_rows.record() if parts.eval_rows else None,
        "trainable_parameters": trainable,
        "parameters": total,
        "processes": session.trainer.accelerator.num_processes,
        "device": parts.policy.device,
        "seed": config.seed,
        "command": list(command),
        "finished": False,
        **{key: before.get(key, 0.0) for key in ("wall_seconds", "cpu_seconds")},
    }


def _rewards(session: Session) -> list[dict[str, Any]]:
    """Say which judges reward this training, and rewarded its base: identity, and the rubrics for the rows."""
    from foresee.judges import GradedJudge

    judges = getattr(session.trainer, "judges", None)
    found = rewards.rewards(
        session.parts.policy.folder, Path(session.config.adapter) if session.config.adapter else None
    )
    for judge in judges.by_name.values() if isinstance(judges, training_judges.Judges) else ():
        asked = session.parts.rows.for_checks() if isinstance(judge, GradedJudge) else ()
        rubrics = sorted({judge.key_part(item) for item in asked}) if isinstance(judge, GradedJudge) else []
        found.append({**judge.identity, "rubrics": rubrics})
    return found


def _quiet_libraries() -> None:
    """Keep TRL from reporting each training to the hub, and libraries from drawing progress bars."""
    try:
        import datasets
        import trl  # noqa: F401
        from huggingface_hub import constants
        from transformers.utils import logging
    except ImportError:
        raise UserError("training needs the extra [train]: pip install 'foresee[train]'") from None
    constants.HF_HUB_DISABLE_TELEMETRY = True
    logging.disable_progress_bar()  # of each file written
    datasets.disable_progress_bars()


def _printers(trainer: Any) -> list[Any]:
    """Find transformers' own printers of metrics; `report` takes their place."""
    from transformers import PrinterCallback, ProgressCallback

    callbacks = trainer.callback_handler.callbacks
    return [callback for callback in callbacks if isinstance(callback, PrinterCallback | ProgressCallback)]
