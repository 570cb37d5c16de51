"""Score answers that exist: `{"id", "response"}` lines from elsewhere, or those of a run folder, once more.

No model under test is asked. What judge models were asked before, by this or an earlier judging, is not asked again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Unpack

from foresee import manifest
from foresee.errors import UserError
from foresee.evaluation import holdings, own_reward, run_folder, screening
from foresee.evaluation import plan as planning
from foresee.evaluation.holdings import open_journal
from foresee.evaluation.plan import Plan, PlanOptions, plan
from foresee.evaluation.run_folder import KeyedItem, Run
from foresee.evaluation.stored_answers import StoredAnswers, read_answers
from foresee.files.redaction import without_secrets
from foresee.files.shards import Shard, read_shard
from foresee.files.spool import Places, Spool
from foresee.judges import GradedJudge, JudgeChoice, judge_models_open
from foresee.plugins import contracts
from foresee.plugins.contracts import Benchmark
from foresee.records import Answer, Item, Judge, Row, decode, encode
from foresee.runner import Budget, JudgeCalls, RunSettings, judge_answers
from foresee.runner.journal import Journal, Lines, read_records

JUDGED = run_folder.JUDGED


def score(
    answers: Path | str,
    benchmark: str | Plan,
    *,
    out: Path | str,
    model: str | None = None,
    field: str | None = None,
    id_field: str = "id",
    settings: RunSettings | None = None,
    progress: Callable[[int, int], None] | None = None,
    command: Sequence[str] = (),
    budget: Budget | None = None,
    **plan_options: Unpack[PlanOptions],
) -> Run:
    """Judge stored answers with the same judges and statistics as an evaluation.

    Args:
        answers: JSONL, one `{"id": ..., "response": ...}` a line (optional "epoch"), or a table with such columns
            (CSV, JSON, Parquet, Arrow), `foresee export`'s among them. An item without an answer, or whose line says
            that the call failed, is counted and lowers coverage.
        benchmark: a name (with `plan`'s keyword arguments) or a finished Plan.
        out: the run folder to write.
        model: what to call the model; the file's name if left out.
        field: the field of each line that holds the model's answer, where that is not `response`.
        id_field: the field that holds the item's id.
        settings: retries and limits for judge models.
        progress: called with (done, total) after each answer.
        command: the command line, for the record.
        budget: what the judge models' calls may cost, those that the folder holds already included.
        plan_options: what `plan` takes, when `benchmark` is a name.

    Raises:
        UserError: a line that is no such answer, an unknown id, the same id twice, an unwritable folder.
    """
    planned = benchmark if isinstance(benchmark, Plan) else plan(benchmark, **plan_options)
    with judge_models_open(planned.judges):
        stored = read_answers(Path(answers), planned, field, id_field)
        folder = planned.shard.folder(Path(out)) if planned.shard else holdings.joined(Path(out))
        configuration = {**planning.configuration(planned), "epochs": stored.epochs, "model": {"stored": stored.sha256}}
        given, pairs = _paired(planned, stored)
        record = {
            **planning.record(planned),
            "model": without_secrets(model or f"stored/{Path(answers).stem}"),
            "epochs": stored.epochs,
            "configuration": configuration,
            "answers_file": str(Path(answers).absolute()),
            "command": list(command),
        }
        calls = _Calls(settings, _calls_below(folder), progress, budget)
        with open_journal(folder, configuration) as journal:
            _copy(journal, (answer for _, answer in pairs))
            call = holdings.begin(folder, planned, record, given)
            judged = calls.judge(pairs, planned.judges, journal)
            return holdings.end(call, planned, judged, calls.record(), {})


def _paired(planned: Plan, stored: StoredAnswers) -> tuple[Sequence[KeyedItem], Sequence[tuple[Item, Answer]]]:
    """Pair items with what is stored: every item with its keys, and those that are asked for with their answers."""
    part = planned.items is not planned.everything
    asked = Places((item.id, 0) for item in planned.items) if part else None
    given: Spool[KeyedItem] = Spool()
    pairs: Spool[tuple[Item, Answer]] = Spool()
    for item in planned.everything:
        keyed, found = stored.answers(item)
        given.append(keyed)
        for answer in found if asked is None or item.id in asked else ():
            pairs.append((keyed.item, answer))
    return given, pairs


def rescore(
    run: Path | str,
    judging: JudgeChoice | str | None = None,
    *,
    out: Path | str | None = None,
    settings: RunSettings | None = None,
    progress: Callable[[int, int], None] | None = None,
    command: Sequence[str] = (),
    budget: Budget | None = None,
    shard: Shard | str | None = None,
) -> Run:
    """Judge the answers of a run folder, for the first time or by other judge models.

    Args:
        run: the folder. It is only read: the verdicts go into a run folder of their own.
        judging: the judge models, `A` or `A,B`, or a JudgeChoice.
        out: that folder; None for one below `RUN/judged/`, named after the judge models, the same one each time.
        settings: retries and limits for judge models.
        progress: called with (done, total) after each answer.
        command: the command line, for the record.
        budget: what the judge models' calls may cost, those that the folder holds already included.
        shard: judge the share of one of N processes alone, below that folder; see `foresee.join`.

    Raises:
        UserError: not a run folder, a judge that needs a model where none is named, an unwritable folder.
    """
    source, part = Path(run), read_shard(shard)
    before = {**manifest.read(source, "evaluation"), "shard": None, "unchanged": None}
    file = contracts.benchmark(before["benchmark"])
    items = (item for item, _ in run_folder.read_items(source))
    choice = screening.chosen(JudgeChoice.of(judging), items)
    judges = planning.judges_of(file, before["benchmark"], choice)
    choice.refuse_idle(file.judges)
    with judge_models_open(judges):
        if choice.strict:
            own_reward.refuse(
                before.get(own_reward.KEY, []), judges, (each.item for each in run_folder.read_items(source))
            )
        made = planning.judges_record(judges, file)
        folder = Path(out) if out is not None else source / JUDGED / planning.judging_name(judges)
        folder = part.folder(folder) if part else holdings.joined(folder)
        record = {**before, **made, "judged_from": str(source.absolute()), "command": list(command)}
        record["configuration"] = {**before.get("configuration", {}), "judges": without_secrets(made["judges"])}
        calls = _Calls(settings, _calls_below(source, folder), progress, budget)
        return _rejudged(source, folder, file, judges, record, calls, part)


def _rejudged(
    source: Path,
    folder: Path,
    file: Benchmark,
    judges: Sequence[Judge],
    record: dict[str, Any],
    calls: _Calls,
    shard: Shard | None,
) -> Run:
    whole = keyed = Spool(run_folder.read_items(source))
    if edited := run_folder.differences(source, keyed, record):
        raise UserError(edited)
    if shard is not None:
        keyed = Spool(each for each in whole if planning.shard_of(each.item, shard.of) == shard.index)
        digest = run_folder.items_digest(each.item for each in keyed)
        record |= {"items": len(keyed), "items_sha256": digest}
        record["shard"] = holdings.shard_record(folder, shard, whole)
    pairs, unfinished = run_folder.answered(source, keyed)
    with open_journal(folder, record["configuration"]) as journal:
        _copy(journal, (answer for _, answer in pairs if answer.key))
        record[run_folder.ITEMS_WRITTEN] = run_folder.write_items(folder, keyed)
        manifest.write(folder, "evaluation", {**record, "finished": False})
        judged = calls.judge(pairs, judges, journal)
    record |= {**holdings.totals(judged), **calls.record(), "finished": not unfinished}
    made = run_folder.assemble(folder, file, judged, record, unfinished)
    manifest.write(folder, "evaluation", {**record, run_folder.FIGURES: run_folder.figures(made.estimates)})
    told = () if shard is None else (holdings.told_of_shard(shard, folder, len(keyed), len(whole)),)
    return replace(made, warnings=(*made.warnings, *told))


class _Calls:
    """Calls of judge models with what earlier journals hold, and what they cost."""

    def __init__(
        self,
        settings: RunSettings | None,
        earlier: Callable[[str], Mapping[str, Any] | None],
        progress: Callable[[int, int], None] | None = None,
        budget: Budget | None = None,
    ) -> None:
        self._budget = budget
        self._settings = settings or RunSettings()
        self._progress = progress
        self._earlier = earlier
        self._made: JudgeCalls | None = None

    def judge(self, pairs: Sequence[tuple[Item, Answer]], judges: Sequence[Judge], journal: Journal) -> Sequence[Row]:
        if self._budget is not None:
            self._budget.require(model=False, judges=any(isinstance(judge, GradedJudge) for judge in judges))
            self._budget.catch_up(journal.path.parent, journal.path, answers=False)
        self._made = JudgeCalls(self._settings, journal, self._earlier, self._budget)
        return judge_answers(pairs, judges, journal, self._settings, self._made, self._progress)

    def record(self) -> dict[str, Any]:
        spent = self._made.spent if self._made else {}
        return {"judging_usage_of_this_call": {name: asdict(usage) for name, usage in spent.items()}}


def _calls_below(run: Path, folder: Path | None = None) -> Callable[[str], Mapping[str, Any] | None]:
    """Find every call of a judge model that a run's journal, or a judging of that run, holds: key -> reply."""
    journals: list[tuple[Lines, Places]] = []
    for path in (run / run_folder.JOURNAL, *sorted((run / JUDGED).glob(f"*/{run_folder.JOURNAL}"))):
        if path.exists() and (folder is None or path.parent != folder):
            calls = (line for line in read_records(path) if line.key.startswith("judge-") and line.check != "edited")
            journals.append((Lines(path), Places((line.key, line.offset) for line in calls)))

    def reply(key: str) -> Mapping[str, Any] | None:
        for lines, places in reversed(journals):
            offset = places.get(key)
            if offset is not None and (line := lines.at(offset)).key == key:
                return line.record
        return None

    return reply


def _copy(journal: Journal, answers: Iterable[Answer]) -> None:
    """Answers into a journal, but those that it holds already word for word."""
    for answer in answers:
        record, held = encode(answer), journal.get("answer", answer.key)
        if held is None or decode(Answer, held) != decode(Answer, record):
            journal.append("answer", answer.key, record)
