"""Watch a training: log every number, evaluate held-out rows, and stop a collapse or a loss that is no number."""

from __future__ import annotations

import json
import math
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from transformers import TrainerCallback

from foresee.training._common import heldout_eval, metrics, sharding
from foresee.training._common import judges as training_judges
from foresee.training._common.collapse import CollapseDetector
from foresee.training._common.config import SupervisedConfig, TrainingConfig
from foresee.training._common.heldout_eval import EvalSet
from foresee.training._common.judges import SPENT, Judges
from foresee.training._common.metrics import Progress

BEST = "best"
COMPLETE = "complete"  # written into a checkpoint when it is whole


class Watcher(TrainerCallback):  # type: ignore[misc]
    """A callback of transformers' Trainer, the same for every method. `stopped` says why a training was ended."""

    def __init__(
        self, config: TrainingConfig, asked: EvalSet, judges: Judges, report: Callable[[Progress], None]
    ) -> None:
        self.trainer: Any = None
        self.stopped = ""
        self.failed = False
        self.before: dict[str, float] = {}
        self.after: dict[str, float] = {}
        self.judge_cost: dict[str, float] = {}
        self._config, self._asked, self._report = config, asked, report
        self._judges = [judges.by_name[name] for name in asked.judges]
        self._all_judges = [judges]
        self._spent_before: dict[str, float] = {}
        self._folder = Path(config.out)
        self._collapse = CollapseDetector(config.guard)
        self._best: float | None = None
        self._judged_at = self._loss_measured_at = -1
        self._logged: dict[str, float | None] = {}

    def attach(self, trainer: Any) -> None:
        """Watch this trainer, and count the cost of its own judges too."""
        self.trainer = trainer
        self._all_judges.append(getattr(trainer, "judges", training_judges.NONE))

    def close(self) -> None:
        """Close all judge models."""
        for judges in self._all_judges:
            judges.close()

    @property
    def last_good_step(self) -> int:
        """The last step at which nothing was out of bounds."""
        return self._collapse.last_good_step

    @property
    def has_best(self) -> bool:
        return self._best is not None

    def resume(self, step: int) -> None:
        """Resume after `step`: drop later lines of an interrupted training, and remember earlier ones."""
        everything = metrics.read(self._folder)
        for line in everything:  # paid for, whether the steps are made again or not
            self._spent_before |= {key: float(line[key]) for key in SPENT if isinstance(line.get(key), int | float)}
        lines = [line for line in everything if line["step"] <= step]
        for line in lines:
            self._collapse.observe(int(line["step"]), line)
            self._remember(int(line["step"]), line)
        self.trainer.accelerator.wait_for_everyone()  # all have read it
        if self._leads:
            text = "".join(json.dumps(line) + "\n" for line in lines)
            (self._folder / metrics.FILE).write_text(text, encoding="utf-8")

    @property
    def _leads(self) -> bool:
        return bool(self.trainer.is_world_process_zero())

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        sharding.gather_head(self.trainer)
        if state.global_step == 0:
            self._evaluate_due(0)

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Keep gradients that are no numbers from the weights."""
        norms = [p.grad.detach().norm() for p in self.trainer.model.parameters() if p.grad is not None]
        if norms and not bool(torch.isfinite(torch.stack([norm.to(norms[0].device) for norm in norms])).all()):
            self.trainer.optimizer.zero_grad()
            self.failed = True
            self._stop(control, f"the gradient is not a number at step {state.global_step + 1}")

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if self.failed:
            control.should_save = False
        else:
            self._evaluate_due(state.global_step)

    def on_log(self, args: Any, state: Any, control: Any, logs: Mapping[str, Any] | None = None, **_: Any) -> None:
        numbers = {key: _number(value) for key, value in (logs or {}).items()}
        self.judge_cost = self._spent()
        numbers |= self.judge_cost
        self._logged = numbers
        if self._leads:
            line = json.dumps({"step": state.global_step, **numbers})
            with (self._folder / metrics.FILE).open("a", encoding="utf-8") as file:
                file.write(line + "\n")
            self._report(Progress(state.global_step, state.max_steps, numbers))
        if (reason := self._collapse.observe(state.global_step, numbers)) is not None:
            self._stop(control, reason)

    def _spent(self) -> dict[str, float]:
        """Sum the cost of judge models until now, over all processes and earlier runs; empty where none was called."""
        here = [judges.spent() for judges in self._all_judges]
        if self.trainer.accelerator.num_processes > 1:
            from accelerate.utils import gather_object

            here = gather_object(here)
        total = dict(self._spent_before)
        for each in here:
            total |= {key: total.get(key, 0.0) + value for key, value in each.items()}
        return total

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.trainer.accelerator.wait_for_everyone()
        if self._leads:
            (self._folder / f"checkpoint-{state.global_step}" / COMPLETE).touch()

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if not self.failed:
            self._evaluate_due(state.global_step, last=True)

    def _stop(self, control: Any, reason: str) -> None:
        self.stopped = self.stopped or reason
        control.should_training_stop = True

    def _evaluate_due(self, step: int, *, last: bool = False) -> None:
        """Measure what is due at a step: the probe, and the loss on held-out rows."""
        config = self._config
        if self._asked.items and self._judged_at != step and (last or step % config.probe.every == 0):
            self._answer_and_judge(step)
        if isinstance(config, SupervisedConfig) and self.trainer.eval_dataset is not None:
            every = config.eval_every or config.probe.every
            if self._loss_measured_at != step and (last or step % every == 0):
                self._measure_loss(step)

    def _measure_loss(self, step: int) -> None:
        rows = len(self.trainer.eval_dataset)
        self._report(Progress(step, self.trainer.state.max_steps, {}, f"measuring the loss on {rows:,} held-out rows"))
        pending = self.trainer.control.should_log
        with torch.random.fork_rng(devices=[]):  # a loader of data draws a number: the training is to go on the same
            self.trainer.evaluate()  # logs by itself
        self.trainer.model.train()
        self.trainer.control.should_log = pending
        self._keep_if_better(step, self._logged)

    def _answer_and_judge(self, step: int) -> None:
        self._report(
            Progress(step, self.trainer.state.max_steps, {}, f"evaluating {len(self._asked.items)} held-out rows")
        )
        texts = heldout_eval.answers(self.trainer, self._asked.items, self._config.probe)
        numbers = self._judged(texts)
        pending = self.trainer.control.should_log  # a line logged in between would cancel the step's own
        self.trainer.model.eval()  # a trainer of TRL's flushes its own numbers into any line logged in training mode
        self.trainer.log(dict(numbers))
        self.trainer.model.train()
        self.trainer.control.should_log = pending
        self._keep_if_better(step, numbers)

    def _keep_if_better(self, step: int, numbers: Mapping[str, Any]) -> None:
        if self._remember(step, numbers) and step > 0 and not self.stopped:
            self._keep_as_best()

    def _judged(self, texts: list[str]) -> dict[str, float]:
        """Judge the answers; one process calls the judges, for all."""
        results = [heldout_eval.measure(self._asked, texts, self._judges, self._config.probe) if self._leads else {}]
        if self.trainer.accelerator.num_processes > 1:
            from accelerate.utils import broadcast_object_list

            broadcast_object_list(results)
        return results[0]

    def _remember(self, step: int, numbers: Mapping[str, Any]) -> bool:
        """Remember numbers of held-out rows. Returns whether they are the best so far, as `keep` sees it."""
        measured = metrics.held_out(numbers)
        if not measured:
            return False
        latest = max(self._judged_at, self._loss_measured_at)
        if "eval_loss" in measured:
            self._loss_measured_at = step
        else:
            self._judged_at = step
        self.after = {**self.after, **measured} if latest == step else measured
        if step == 0:
            self.before |= measured
        loss = measured.get("eval_loss")
        if self._config.keep == "best_eval_loss":
            score = None if loss is None else -loss
        else:
            score = measured.get("probe/score")
        if score is None or (self._best is not None and score <= self._best):
            return False
        self._best = score
        return True

    def _keep_as_best(self) -> None:
        new, best = self._folder / f".{BEST}", self._folder / BEST
        self.trainer.save_model(str(new))
        self.trainer.accelerator.wait_for_everyone()
        if self._leads:
            shutil.rmtree(best, ignore_errors=True)
            os.replace(new, best)


def last_checkpoint(folder: Path, up_to: int | None = None) -> Path | None:
    """Find the newest checkpoint that is whole (and not past a step)."""
    whole = [path.parent for path in folder.glob(f"checkpoint-*/{COMPLETE}")]
    numbered = [(int(path.name.removeprefix("checkpoint-")), path) for path in whole]
    fitting = [(step, path) for step, path in numbered if up_to is None or step <= up_to]
    return max(fitting)[1] if fitting else None


def _number(value: Any) -> float | None:
    if not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)
