"""`foresee compare`, `foresee report` and `foresee export`: what can be done with run folders."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from foresee.cli._judging import JudgeModel, JudgeOptions
from foresee.cli.eval import Format
from foresee.cli.profile import Labels
from foresee.cli.score import Correct

if TYPE_CHECKING:
    from foresee.evaluation.run_folder import Run

RunFolders = Annotated[list[Path], typer.Argument(help="run folders, or folders that hold several")]


def compare(
    runs: RunFolders,
    format: Format = "table",
) -> None:
    """Two runs: the paired difference B - A of every metric. More: one model's defenses, or each to the first."""
    import json
    from dataclasses import asdict

    from foresee.cli import _console, _results, profile
    from foresee.errors import UserError
    from foresee.report.comparison import compare as compare_runs
    from foresee.report.profile import profile as build
    from foresee.report.stored_runs import read_runs

    _results.check_format(format, "")
    found = read_runs(runs, judgings=False, skipped=_console.say)
    if len(found) < 2:
        raise UserError(f"expected two runs or more to compare, got {len(found)}")
    if len(found) > 2:
        if format == "json":
            raise UserError("--format json: expected two runs; compare each with the first")
        several = len({run.model for run in found}) > 1
        if several or not _results.show_defenses(found, (), {}, format=format):
            profile.show(build(runs, to_first=True), "md" if format == "md" else "table", further=False)
        _results.show_costs(found, {}, format=format)
        _results.say_way_back(found)
        return
    a, b = found
    if format == "json":
        typer.echo(json.dumps([asdict(d) for d in compare_runs(a, b)], indent=2))
    else:
        _results.put_comparison(a, b, format)
        _results.say_way_back(found)


def page(
    runs: RunFolders,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="the HTML file; default: report.html in the folder that holds the runs named"),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="write over a page that is there already")] = False,
    images: Annotated[bool, typer.Option("--images/--no-images", help="embed (small) images")] = True,
    public: Annotated[bool, typer.Option("--public", help="aggregates only: no prompts, answers or images")] = False,
    correct: Correct = None,
    judge_model: JudgeModel = None,
    judge_options: JudgeOptions = None,
    label: Labels = "",
) -> None:
    """Write one self-contained HTML page about one run or several; of trainings, their curves.

    A page that is there already is kept: without --out the new one is called report-2.html and so on, with --out
    --force is needed. --judge-model is asked for nothing but to read a label set that --correct names, once.
    """
    from foresee.cli import _judging, _labelling, _results
    from foresee.cli._console import say
    from foresee.cli.profile import names_of
    from foresee.errors import UserError
    from foresee.report import page, training
    from foresee.report.profile import profile as build
    from foresee.report.stored_runs import read_runs

    path = _page_file(runs, out, force=force)
    judges = _judging.choice(judge_model, judge_options, None, None, None)
    if judges.models and correct is None:
        raise UserError(
            "--judge-model reads the label set of --correct; to judge a run: foresee score RUN --judge-model …"
        )
    if all(training.is_training(folder) for folder in runs):
        training.write(path, runs, public=public)
    else:
        found = read_runs(runs, skipped=say)
        corrections = {
            run.folder: _labelling.correction_table(run.title, each)
            for run in found
            if (each := _results.corrected(run, correct, judges)) is not None
        }
        opening = build(found, labels=names_of(label))
        page.write(path, found, images=images, public=public, corrections=corrections, profile=opening)
    say(f"wrote {path} ({path.stat().st_size / 1e6:.1f} MB)")


def _page_file(runs: Sequence[Path], out: Path | None, name: str = "report.html", *, force: bool) -> Path:
    """Choose where one file about all runs goes. Raises UserError: see `output_file`."""
    from foresee.files.outputs import free_name, output_file

    if out is not None:
        return output_file(out, force=force)
    folder = Path(os.path.relpath(os.path.commonpath([run.absolute() for run in runs])))
    first = folder / name
    return first if force else free_name(first)


def export(
    runs: RunFolders,
    format: Annotated[
        str,
        typer.Option(
            "--format",
            help="csv, parquet, jsonl, latex, eval (an Inspect log), eee (Every Eval Ever), hf (.eval_results), wandb",
        ),
    ] = "csv",
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            help="file to write, one for all runs (eee, hf, wandb: a folder); default: rows.FORMAT in each run folder",
        ),
    ] = None,
    dataset: Annotated[
        str | None, typer.Option("--dataset", help="hf: the benchmark's id on the hub, OWNER/NAME; default: its own")
    ] = None,
    project: Annotated[str | None, typer.Option("--project", help="wandb: the project; default: foresee")] = None,
    force: Annotated[bool, typer.Option("--force", help="write over the --out that is there already")] = False,
) -> None:
    """Write runs' tidy rows: one line per item and epoch, with the run, the model and the defense in front.

    latex: their profile as a table, and one of what others published, for the package booktabs. wandb: figures and
    settings to Weights & Biases, no texts; WANDB_MODE=offline keeps them in --out.

    A run whose benchmark is not at hand (a file of yours, FORESEE_PLUGINS not set) comes without its measures.
    """
    from foresee.cli._console import say
    from foresee.errors import UserError, unknown_name
    from foresee.files.outputs import output_file
    from foresee.report.export import FORMATS
    from foresee.report.stored_runs import read_runs

    if format not in (known := (*FORMATS, "eval", "eee", "hf", "latex", "wandb")):
        raise unknown_name("export format", format, known)
    for flag, given, of in (("--dataset", dataset, "hf"), ("--project", project, "wandb")):
        if given is not None and format != of:
            raise UserError(f"{flag} is for --format {of}; leave it out")
    if out is not None and format not in ("eee", "hf", "wandb"):
        output_file(out, force=force)
    found = read_runs(runs, judgings=False, skipped=say, without_code=True)
    for run in found:
        if not run.metrics and run.warnings:
            say(f"{run.folder}: {run.warnings[0]}; to have them, name its folder in FORESEE_PLUGINS")
        if run.unfinished:
            say(f"note: {run.folder} is UNFINISHED, {run.unfinished} rows were not sent yet")
    if format == "latex":
        out = _page_file(runs, out, "tables.tex", force=force)
    for path in _written(found, format, out, dataset, project):
        say(f"wrote {path}")


def _written(
    found: Sequence[Run], format: str, out: Path | None, dataset: str | None, project: str | None
) -> Sequence[Path | str]:
    """Write the runs in a format that is about single runs, and say where each is."""
    from foresee.errors import UserError
    from foresee.report.export import write

    if format == "eee":
        from foresee.report import every_eval_ever

        return [every_eval_ever.write(run, out) for run in found]
    if format == "hf":
        from foresee.report import hub_results

        return [hub_results.write(run, out, dataset=dataset) for run in found]
    if format == "wandb":
        from foresee.interop import weights_and_biases

        return weights_and_biases.write(found, project or "foresee", out or Path())
    if format == "latex" and out is not None:
        from foresee.manifest import write_atomically
        from foresee.report import profile_text
        from foresee.report.profile import profile as build

        write_atomically(out, profile_text.latex(build(found)))
        return [out]
    if format == "eval":
        from foresee.interop.inspect_log import write_log

        if out is not None and len(found) > 1:
            raise UserError(f"--out: an Inspect log holds one run, got {len(found)}; leave it out")
        return [write_log(run, out) for run in found]
    return [write(found, format, out)] if out is not None else [write([run], format) for run in found]
