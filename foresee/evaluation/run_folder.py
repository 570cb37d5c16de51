"""A run folder read back: manifest, items, journal -> rows, estimates and a data frame.

A run folder holds `manifest.json`, `items.jsonl` (each item with the journal keys of its answers, one a
epoch), `journal.jsonl` (answers by key, verdicts by item) and, for images that were never files,
`images/`. Reading needs neither the data set nor the model.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from foresee import manifest
from foresee.errors import UserError
from foresee.evaluation import own_reward
from foresee.evaluation.screening import screened
from foresee.files.frames import frame
from foresee.files.spool import Places, Spool
from foresee.files.untrusted import open_regular, parse_json, whole
from foresee.metrics import Metric, Outcomes, of_tries, outcomes, summarise
from foresee.notices import say_once
from foresee.plugins import contracts
from foresee.plugins.contracts import Benchmark
from foresee.records import Answer, Image, Item, Message, Row, Verdict, decode, encode
from foresee.runner import Keyed, shared
from foresee.statistics import Estimate

if TYPE_CHECKING:
    import pandas

    from foresee.runner.journal import Line

ITEMS = "items.jsonl"
ITEMS_WRITTEN = "items_file_sha256"  # of the manifest
JOURNAL = "journal.jsonl"
WHOLE = "whole.jsonl"  # of a shard: as ITEMS, with the items of all shards
_VERDICT_OF = ("item_id", "answer_key", "judge", "made_by")
FIGURES = "figures"  # of the manifest
ANEW = "the command that made it, run again with the same --out, writes it anew and asks nothing twice"
IMAGES = "images"
JUDGED = "judged"  # below a run folder: the same answers by other judges, a run folder each


def slug(name: str) -> str:
    """Write a name so that it can be a folder: letters, digits, dots and dashes, `_` for anything else."""
    found = re.sub(r"[^\w.-]+", "_", name)
    return found if found.strip(".") else "_" * len(found)  # `..` would be another folder


class KeyedItem(NamedTuple):
    """An item and the journal key of its answer in each epoch."""

    item: Item
    keys: tuple[str, ...]


@dataclass(frozen=True, repr=False)
class Run:
    """One benchmark under one model, attack and defense, as its folder holds it."""

    folder: Path
    benchmark: str
    model: str
    defense: str
    rows: Sequence[Row]
    metrics: tuple[Metric, ...]
    estimates: tuple[Estimate, ...]  # one per metric, same order
    manifest: Mapping[str, Any] = field(default_factory=dict)
    unfinished: int = 0
    warnings: tuple[str, ...] = ()
    attack: str = "none"
    seal: str = ""  # a hash of all that it was made of, from a call that made sure of it (`unchanged`)

    @property
    def tries(self) -> int:
        """How many tries ASR@k is about: 1 without an attack."""
        return int(self.manifest.get("tries") or 1)

    @cached_property
    def outcomes(self) -> Outcomes:
        """What became of the rows, which are read once for all that ask."""
        return outcomes(self.rows)

    @property
    def title(self) -> str:
        title = f"{self.model} on {self.benchmark}" + (f" + {self.defense}" if self.defense != "none" else "")
        title += f", attacked by {self.attack}" if self.attack != "none" else ""
        if "judged_from" not in self.manifest:
            return title
        return f"{title}, judged by {', '.join(self.manifest.get('judge_models') or ['rules'])}"

    def __repr__(self) -> str:
        return f"Run({self.title}: {shown_figures(self)}; {len(self.rows)} rows in {self.folder})"

    def _repr_html_(self) -> str:
        lines = "".join(
            f"<tr><td>{escape(each.name)}</td><td>{_figure(each, metric)}</td><td>{each.n} of {each.total}</td></tr>"
            for each, metric in zip(self.estimates, self.metrics, strict=True)
        )
        heads = "<th>metric</th><th>value [95 % interval]</th><th>rows</th>"
        notes = "".join(f"<p>{escape(warning)}</p>" for warning in self.warnings)
        return (
            f"<table><caption>{escape(self.title)}</caption><thead><tr>{heads}</tr></thead>"
            f"<tbody>{lines}</tbody></table>{notes}"
        )

    def estimate(self, name: str) -> Estimate:
        """Find a metric's estimate. Raises KeyError if the benchmark has no such metric."""
        return {e.name: e for e in self.estimates}[name]

    def frame(self) -> pandas.DataFrame:
        """Tabulate one line per item and epoch: item fields, answer, one column per judge and per measure.

        Raises:
            UserError: pandas is missing.
        """
        return frame(map(flat, self.rows))


def shown_figures(run: Run, most: int = 3) -> str:
    """Write the first of a run's figures on one line; those without a value are left out."""
    pairs = zip(run.estimates, run.metrics, strict=True)
    shown = [f"{each.name} {_figure(each, metric)}" for each, metric in pairs if each.value is not None]
    return ", ".join(shown[:most]) or "no figure"


def _figure(estimate: Estimate, metric: Metric) -> str:
    def number(value: float) -> str:
        return f"{100 * value:.1f}" if metric.percent else f"{value:.3f}"

    if estimate.value is None:
        return "–"
    unit = " %" if metric.percent else ""
    if estimate.low is None or estimate.high is None:
        return f"{number(estimate.value)}{unit}"
    return f"{number(estimate.value)}{unit} [{number(estimate.low)}, {number(estimate.high)}]"


def read_run(folder: Path | str, *, without_code: bool = False) -> Run:
    """Read a run folder as a Run.

    Args:
        folder: of the run.
        without_code: whether a run whose benchmark is not at hand is read all the same, without measures and metrics.

    Raises:
        UserError: not a run folder, a damaged one (items.jsonl is cut short, say), or one whose benchmark is not at
            hand.
    """
    folder = Path(folder)
    record = manifest.read(folder, "evaluation")
    file = benchmark_of(folder, record["benchmark"], without_code=without_code)
    finished = _Finished(folder / JOURNAL, record.get("made_by", {}))
    items = Spool(read_items(folder))
    edited = [text for text in (_edited(folder, record), differences(folder, items, record), finished.edited) if text]
    rows = (finished.row(item, answer) for item, answer in finished.pairs(items))
    run = assemble(folder, file, rows, record)
    for text in edited:  # also where a command shows no warnings of single runs
        say_once(f"WARNING: {text}")
    return replace(run, unfinished=finished.missing, warnings=(*edited, *run.warnings))


def figures(estimates: Iterable[Estimate]) -> dict[str, Any]:
    """Write the figures down for the manifest, so that whoever computes them again can compare: by metric."""
    return {each.name: {"value": each.value, "n": each.n, "total": each.total} for each in estimates}


def _edited(folder: Path, record: Mapping[str, Any]) -> str:
    if manifest.check(record) != "edited":
        return ""
    return f"{folder / manifest.FILE} changed after the run: do not trust the figures; {ANEW}"


def differences(folder: Path, items: Sequence[KeyedItem], record: Mapping[str, Any]) -> str:
    """Return what to say beside every figure where items.jsonl is not what the manifest was written with; "" if it is.

    Raises:
        UserError: items are missing, so that every figure would be of another sample.
    """
    path, expected = folder / ITEMS, record.get("items", 0)
    if len(items) < expected:
        raise UserError(f"{path}: expected {expected} items, as {manifest.FILE} says, got {len(items)}; {ANEW}")
    written = record.get(ITEMS_WRITTEN)
    if written is not None:
        same = written == file_hash(path)
    else:  # older folders know what was asked, and no more
        asked = record.get("items_sha256")
        same = asked is None or asked == items_digest(each.item for each in items)
    return "" if same else f"{path} was edited after the run, or is of another one: do not trust the figures; {ANEW}"


def file_hash(path: Path) -> str:
    """Compute the SHA-256 (hex) of a file."""
    found = hashlib.sha256()
    with open_regular(path) as file:
        while data := file.read(1 << 20):
            found.update(data)
    return found.hexdigest()


def items_digest(items: Iterable[Item]) -> str:
    """Compute a hash of what is asked, in this order: `manifest.digest` of the list, piece by piece."""
    known, comma = hashlib.sha256(b"["), b""
    for item in items:
        known.update(comma + manifest.canonical((item.id, item.prompt, item.image_sha256)))
        comma = b","
    known.update(b"]")
    return known.hexdigest()


def keys_digest(items: Iterable[KeyedItem | Keyed]) -> str:
    """Compute a hash of what is asked and of the keys of the answers, in this order."""
    found = hashlib.sha256()
    for each in items:
        found.update(manifest.canonical([each.item.id, each.keys]))
    return found.hexdigest()


def benchmark_of(folder: Path, name: str, *, without_code: bool = False) -> Benchmark:
    """Load the file of a stored run's benchmark, which says what its figures mean.

    Raises:
        UserError: it is not here, or does not load.
    """
    try:
        return contracts.benchmark(name)
    except UserError as problem:
        if not without_code:
            raise UserError(
                f"{folder}: {problem}. Is it a file of yours? Then name the folder that holds benchmarks/{name}.py in "
                "FORESEE_PLUGINS; 'foresee export' gives the answers without it"
            ) from None
        return contracts.without_code(name)


def answered(folder: Path, items: Iterable[KeyedItem]) -> tuple[Sequence[tuple[Item, Answer]], int]:
    """Find every item of a run folder with its answers, one an epoch, and how many are still to come."""
    finished = _Finished(folder / JOURNAL, {})
    if finished.edited:
        say_once(f"WARNING: {finished.edited}")
    return Spool(finished.pairs(items)), finished.missing


class _Finished:
    """What a journal holds, read where it lies. What was edited since is a failure: no text, no verdict, the reason.

    Args:
        path: of the journal.
        made_by: the judges that the manifest names, by the digest of each; the folder may hold verdicts of others.

    Raises:
        UserError: see `journal.read_records`.
    """

    def __init__(self, path: Path, made_by: Mapping[str, str]) -> None:
        from foresee.runner.journal import Lines, edited_lines, read_records

        self.missing = 0
        self._lines = Lines(path)
        self._answers, self._verdicts = Places(), Places()
        self._judges: dict[str, None] = {}
        self._edited: dict[int, int] = {}  # line number by offset, of what was not done again since
        latest: dict[tuple[str, str], int] = {}
        for number, line in enumerate(read_records(path), 2):
            before = latest.pop((line.kind, line.key), None) if latest else None
            if before is not None:
                del self._edited[before]
            if line.check == "edited":
                self._edited[line.offset] = number
                latest[line.kind, line.key] = line.offset
            if line.kind == "answer":
                self._answers[line.key] = line.offset
            elif line.kind == "verdict":
                self._note_verdict(line, made_by)
        self.edited = (
            f"{path}: {edited_lines(list(self._edited.values()))}; what they held counts as failed, and is not scored: "
            "the command that made the folder, run again with the same --out, asks for that alone"
            if self._edited
            else ""
        )

    def _note_verdict(self, line: Line, made_by: Mapping[str, str]) -> None:
        item, answer, judge, made = (line.record.get(name, "") for name in _VERDICT_OF)
        if not all(isinstance(name, str) for name in (item, answer, judge, made)):
            if line.check == "edited":
                return
            line.decoded(Verdict)  # says what is wrong with it
        if made_by and made and made != made_by.get(judge):
            return
        self._judges[judge] = None
        self._verdicts[item, answer, judge] = line.offset

    def pairs(self, items: Iterable[KeyedItem]) -> Iterator[tuple[Item, Answer]]:
        """Yield each item with its answers, one an epoch; those still to come are counted in `missing`."""
        for item, keys in items:
            for epoch, key in enumerate(keys):
                answer = missing_image(item, epoch) if item.missing_image else self._answer(item, epoch, key)
                if answer is None:
                    self.missing += 1
                else:
                    yield item, shared(answer, item, epoch)

    def _answer(self, item: Item, epoch: int, key: str) -> Answer | None:
        offset = self._answers.get(key)
        if offset is None:
            return None
        if offset in self._edited:
            return Answer(item.id, epoch, "", "error", self._reason(offset), key=key)
        return self._lines.at(offset).decoded(Answer)

    def row(self, item: Item, answer: Answer) -> Row:
        """Put an answer and its verdicts together; one whose verdict was edited has failed."""
        verdicts: dict[str, Verdict] = {}
        for judge in self._judges:
            offset = self._verdicts.get((item.id, answer.key, judge))
            if offset is None:
                continue
            if offset in self._edited:
                answer = replace(answer, status="error", reason=f"verdict of {judge}: {self._reason(offset)}")
            else:
                verdicts[judge] = self._lines.at(offset).decoded(Verdict)
        return Row(item, answer, verdicts)

    def _reason(self, offset: int) -> str:
        return f"{JOURNAL}, line {self._edited[offset]} changed after being written"


def assemble(folder: Path, file: Benchmark, rows: Iterable[Row], record: Mapping[str, Any], unfinished: int = 0) -> Run:
    """Make a Run of judged rows: measures and estimates computed, warnings gathered."""
    file = screened(file, record.get("made_by", {}))
    kept: Spool[Row] = Spool()
    sums = _Sums()

    def passing() -> Iterator[Row]:  # rows are read once, as to read one again costs more than all that is done with it
        for row in rows:
            found = measured(file, row)
            kept.append(found)
            sums.add(found)
            yield found

    empty = of_record(folder, file, record)
    estimates = tuple(summarise(passing(), empty.metrics))
    warnings = tuple(_warnings(file, kept, sums, record))
    return replace(empty, rows=kept, estimates=estimates, unfinished=unfinished, warnings=warnings)


def of_record(folder: Path, file: Benchmark, record: Mapping[str, Any]) -> Run:
    """Make a Run of what its manifest says, without rows and estimates. `file` is read by the judges that it had."""
    tries, ordered = int(record.get("tries") or 1), bool(record.get("tries_in_order"))
    return Run(
        folder=folder,
        benchmark=record["benchmark"],
        model=record["model"],
        defense=record.get("defense", "none"),
        attack=record.get("attack", "none"),
        rows=(),
        metrics=metrics_of(file, record.get("options", {}), tries, ordered=ordered),
        estimates=(),
        manifest=record,
    )


def metrics_of(
    file: Benchmark, options: Mapping[str, Any], tries: int = 1, *, ordered: bool = False
) -> tuple[Metric, ...]:
    """Choose the benchmark's metrics; one that has a function `metrics(options)` says which of them mean something.

    With several tries an item, every figure is about one of them, and those about harm done have a twin, `NAME@k`.
    """
    found = tuple(file.metrics(options))
    return of_tries(found, tries, file.success, ordered=ordered) if tries > 1 else found


def measured(file: Benchmark, row: Row) -> Row:
    """Add the benchmark's measures to a row; an item that got no answer has every measure unscored."""
    if row.answer.status == "ok":
        return replace(row, measures=file.measures(row.item, row.answer, row.verdicts))
    return replace(row, measures=dict.fromkeys(file.applies(row.item)))


def resting_on(file: Benchmark, row: Row, judge: str) -> set[str]:
    """Name the measures of a row that a judge decides: without its verdict they have no value, or another one."""
    silent = {**row.verdicts, judge: replace(row.verdicts[judge], value=None, votes=())}
    without = measured(file, replace(row, verdicts=silent)).measures
    return {name for name, value in row.measures.items() if value is not None and without.get(name) != value}


def missing_image(item: Item, epoch: int) -> Answer:
    return Answer(item.id, epoch, "", status="missing_image", reason=f"no image {item.missing_image}", calls=0)


def write_items(folder: Path, items: Iterable[KeyedItem | Keyed], name: str = ITEMS) -> str:
    """Write items.jsonl atomically, and return its SHA-256; images held in memory become files in `images/`."""
    written = hashlib.sha256()
    with manifest.written_whole(folder / name) as file:
        for each in items:
            line = {"item": encode(_with_files(each.item, folder / IMAGES)), "keys": list(each.keys)}
            data = whole(json.dumps(line, ensure_ascii=False) + "\n").encode()
            written.update(data)
            file.write(data)
    return written.hexdigest()


def read_items(folder: Path, name: str = ITEMS) -> Iterator[KeyedItem]:
    """Read items.jsonl. Raises UserError: there is none, or a damaged line (file and line number)."""
    path = folder / name
    try:
        file = open_regular(path)
    except OSError as problem:
        raise UserError(f"can't read {path}: {problem.strerror}") from None
    with file:
        for number, data in enumerate(file, 1):
            if not data.strip(b"\n"):
                continue
            try:
                record = parse_json(data.decode("utf-8", "replace"))
                item, keys = decode(Item, record["item"]), tuple(map(str, record["keys"]))
            except (ValueError, KeyError, TypeError) as problem:
                raise UserError(
                    f"{path}, line {number}: expected an item with its keys, got something else "
                    f"({type(problem).__name__}); run the command anew"
                ) from None
            yield KeyedItem(_at(item, folder), keys)


def flat(row: Row) -> dict[str, Any]:
    """Flatten a row to one level of columns, ready for CSV and Parquet."""
    item, answer = row.item, row.answer
    columns: dict[str, Any] = {
        "benchmark": item.benchmark,
        "id": item.id,
        "epoch": answer.epoch,
        "subset": item.subset,
        "domain": item.domain,
        "scenario": item.scenario,
        "cluster": item.cluster,
        "expected": item.expected,
        "prompt": item.prompt,
        "image_path": str(item.images[0].path) if item.images and item.images[0].path else None,
        "image_sha256": item.image_sha256,
        "status": answer.status,
        "answer": answer.text,
        "reason": answer.reason,
        "finish_reason": answer.finish_reason,
        "input_tokens": answer.usage.input_tokens,
        "output_tokens": answer.usage.output_tokens,
        "address": answer.address,
        "seconds": answer.seconds,
    }
    for name, probability in (answer.choice_probabilities or {}).items():
        columns[f"p_{name.lower()}"] = probability
    for judge, verdict in row.verdicts.items():
        value = verdict.value
        if isinstance(value, Mapping):
            columns.update({f"{judge}.{part}": score for part, score in value.items()})
        else:
            columns[judge] = value
        columns[f"{judge}.reason"] = verdict.reason
        if verdict.addresses:
            columns[f"{judge}.address"] = ", ".join(verdict.addresses)
        for vote in verdict.votes:
            columns[f"{judge}.vote.{vote.model}"] = _in_words(vote.value)
    columns.update({f"measure.{name}": value for name, value in row.measures.items()})
    return {name: _encodable(value) if isinstance(value, str) else value for name, value in columns.items()}


def _in_words(value: str | float | Mapping[str, float] | None) -> str | None:
    if isinstance(value, Mapping):
        return ", ".join(f"{name}={score:g}" for name, score in value.items())
    return None if value is None else str(value)


def _encodable(text: str) -> str:
    """Half a surrogate pair, which some models do write, can't be stored as UTF-8: a question mark stands for it."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _warnings(file: Benchmark, rows: Iterable[Row], sums: _Sums, record: Mapping[str, Any]) -> Iterator[str]:
    scored_by = record.get("benchmark_version")
    if not file.version:
        yield "the benchmark's file is not here: answers and verdicts alone, no figures"
    elif scored_by is not None and scored_by != file.version:
        yield f"made with version {scored_by} of the benchmark, read with {file.version}: not comparable"
    model = record.get("configuration", {}).get("model")
    own = [judge for judge in record.get("judges", []) if any(_same(model, seat) for seat in judge.get("models", []))]
    if own:
        yield f"{record['model']} judged its own answers ({', '.join(judge['judge'] for judge in own)})"
    if rewarded := record.get(own_reward.KEY, []):
        yield from _warning_of_reward(rows, record, rewarded)
    yield from sums.warnings()


def _warning_of_reward(
    rows: Iterable[Row], record: Mapping[str, Any], rewarded: Sequence[Mapping[str, Any]]
) -> Iterator[str]:
    rubrics: dict[str, set[str]] = {}
    for verdict in (verdict for row in rows for verdict in row.verdicts.values() if verdict.rubric):
        rubrics.setdefault(verdict.judge, set()).add(verdict.rubric)
    if names := own_reward.marked_by_reward(rewarded, record.get("judges", []), rubrics):
        yield own_reward.warning(str(record["model"]), names)


class _Sums:
    """What warnings about a run's answers need of its rows."""

    def __init__(self) -> None:
        self._cut = self._blind = self._shares = self._low = 0
        self._mass = 0.0

    def add(self, row: Row) -> None:
        self._cut += row.answer.finish_reason == "length"
        self._blind += bool(row.item.metadata.get("lacks_picture"))
        if row.answer.choice_probabilities:
            share = sum(row.answer.choice_probabilities.values())
            self._shares, self._mass, self._low = (
                self._shares + 1,
                self._mass + share,
                self._low + (not share >= 0.5),
            )  # NaN is low

    def warnings(self) -> Iterator[str]:
        if self._cut:
            yield f"{self._cut} answers were cut at the token limit; raise --max-tokens if verdicts are missing"
        if self._blind:
            yield f"{self._blind} rows were sent without their image, which is not at hand: text only, not comparable"
        if self._shares:
            low = (
                f"LOW (under 0.5) in {self._low} rows: the model wants to begin otherwise, compare with answer=generate"
            )
            mean = f"first-token scoring: mean probability on the choices {self._mass / self._shares:.3f}"
            yield f"{mean}; {low}" if self._low else mean


def _same(model: object, seat: Mapping[str, Any]) -> bool:
    """Whether a judge model is the model under test: the same but for how it was asked."""
    return model == {key: value for key, value in seat.items() if key not in ("asked", "sampling")}


def _with_files(item: Item, folder: Path) -> Item:
    def filed(part: str | Image) -> str | Image:
        if isinstance(part, str):
            return part
        if part.path is not None:
            return Image(part.sha256, part.path.absolute())
        path = folder / f"{part.sha256}.png"
        if not path.exists():
            folder.mkdir(parents=True, exist_ok=True)
            path.write_bytes(part.read())
        return Image(part.sha256, Path(folder.name) / path.name)  # relative, so that the folder can be moved

    return _map_images(item, filed)


def _at(item: Item, folder: Path) -> Item:
    """Resolve image paths that are relative to the run folder."""

    def found(part: str | Image) -> str | Image:
        if isinstance(part, Image) and part.path is not None and not part.path.is_absolute():
            return Image(part.sha256, folder / part.path)
        return part

    return _map_images(item, found)


def _map_images(item: Item, change: Callable[[str | Image], str | Image]) -> Item:
    def changed(messages: Iterable[Message]) -> tuple[Message, ...]:
        return tuple(Message(m.role, tuple(map(change, m.content))) for m in messages)

    return replace(item, messages=changed(item.messages), turns=changed(item.turns))
