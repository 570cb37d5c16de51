"""What `foresee eval` and `foresee profile` do alike: plan runs by their options, show them dry, carry them out."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from foresee.cli._dry_run import Prices
    from foresee.evaluation.jobs import Finished, Job, Protections, RunOverrides
    from foresee.evaluation.plan import PlanOptions
    from foresee.runner import Budget


@dataclass(frozen=True)
class Asking:
    """Runs that were planned, and whom they are asked of."""

    jobs: Sequence[Job]
    models: Sequence[str]
    options: Mapping[str, Any]
    protections: Protections
    attacked: Protections

    @classmethod
    def planned(
        cls,
        benchmarks: str,
        model: str,
        model_options: Sequence[str] | None,
        wanted: PlanOptions,
        *,
        attack: str,
        attack_options: Sequence[str] | None,
        defense: str,
        defense_options: Sequence[str] | None,
        benign: str = "",
    ) -> Asking:
        """Plan the runs by the options as they were typed. Raises UserError: any of them can't be."""
        from foresee.cli._console import say
        from foresee.config import pairs
        from foresee.evaluation import jobs
        from foresee.models import several

        models = several(model)
        protections = jobs.usable(defense.split(","), defense_options or (), models, notice=say)
        attacked = jobs.usable(attack.split(","), attack_options or (), models, kind="attack", notice=say)
        made = jobs.resolve(
            benchmarks, protections.options, wanted, attacked=attacked.options, benign=benign, notice=say
        )
        options = pairs(model_options or (), what="model option (-M)")
        return cls(made, models, options, protections, attacked)

    def show(self, prices: Prices, *, concurrency: int = 32) -> None:
        """Print what would be sent, and send nothing. Raises UserError: a model or its options can't be right."""
        from foresee.cli import _dry_run
        from foresee.evaluation import jobs

        jobs.check_models(self.jobs, self.models, self.options)
        asked = [
            (job.plan, name)
            for name in self.models
            for job in self.jobs
            if jobs.runs_on(name, job, self.protections, self.attacked)
        ]
        _dry_run.show(asked, concurrency=concurrency, prices=prices)

    def carry_out(
        self,
        *,
        out: Path | None,
        nested: bool,
        budget: Budget | None,
        tag: str,
        note: str,
        settings: RunOverrides | None = None,
        moved: bool = False,
    ) -> list[Finished]:
        """Ask, and show how far it is. Raises UserError: see `evaluation.jobs.carry_out`."""
        from foresee.cli import _console
        from foresee.evaluation import jobs
        from foresee.evaluation.remarks import Remarks

        return jobs.carry_out(
            self.jobs,
            self.models,
            self.options,
            protections=self.protections,
            attacked=self.attacked,
            out=out,
            settings=settings,
            command=["foresee", *sys.argv[1:]],
            moved=moved,
            nested=nested,
            budget=budget,
            said=Remarks.of(tag, note),
            notice=_console.say,
            bars=_console.run_progress,
        )
