"""Render the page on which a person labels a run's answers: self-contained, by keyboard, blind to the verdicts.

The rows are a stratified random sample, by subset and verdict; each carries how many rows of the run it stands for. The
verdicts travel in the page in a form that nobody reads by accident, so that the labels can be compared without the run.
What a person is asked stands in the judge's file (`SHEET`, and `asked(item)` where it differs between items).
"""

from __future__ import annotations

import base64
import json
import random
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from markupsafe import Markup

from foresee import manifest, plugins
from foresee.errors import UserError
from foresee.evaluation.run_folder import Run
from foresee.evaluation.sampling import sample
from foresee.files.spool import Spool
from foresee.human_labels.saved import FORMAT
from foresee.judges._model.rubric import Blank
from foresee.notices import say_once
from foresee.plugins import contracts
from foresee.plugins.contracts import JudgeFile
from foresee.records import Item, Json, Row, Verdict
from foresee.report.assets import rendered
from foresee.report.escaping import label, script_json, shown
from foresee.report.thumbnails import Album, album

_SIDE = 768
_REQUEST, _ANSWER, _FACT = 4_000, 12_000, 1_000
_FACTS = ("hazard", "consequence", "safe_alternative", "reference", "safety_warning")


class Picked(NamedTuple):
    """A row of the sample, the stratum that it was drawn from, and how many rows it stands for."""

    row: Row
    stratum: str
    weight: float

    @property
    def key(self) -> str:
        return f"{self.row.item.id}#{self.row.answer.epoch}"


def labelled_judges() -> list[str]:
    """List the judges whose scale a person can fill in on a page. A file that does not load is none, and named."""
    found = []
    for name in plugins.names("judges"):
        try:
            if contracts.judge_file(name).sheet:
                found.append(name)
        except UserError as problem:
            say_once(str(problem))
    return found


def judge_of(run: Run, name: str = "") -> str:
    """Choose the judge that is to be labelled: the one named, or the first of the run's that has a sheet.

    Raises:
        UserError: it has none, or does not judge this run.
    """
    known = labelled_judges()
    benchmark = contracts.benchmark(run.benchmark)
    fitting = [judge for judge in benchmark.judges if judge in known]
    if name and name not in fitting:
        raise UserError(
            f"{run.benchmark} can't be labelled for judge '{name}'; expected {' or '.join(fitting) or 'none'}"
        )
    if not fitting:
        raise UserError(
            f"the judges of {run.benchmark} ({', '.join(benchmark.judges)}) have no labelling page; "
            f"these have: {', '.join(known)}"
        )
    return name or fitting[0]


def pick(run: Run, judge: str, count: int, *, seed: int = 0, balanced: bool = False) -> list[Picked]:
    """Draw a stratified random sample of the run's answers, in random order.

    Args:
        run: its answered rows are drawn from.
        judge: strata are subsets times this judge's verdicts (of several numbers, the first).
        count: how many rows; all of them if there are no more.
        seed: the same seed draws the same rows, fewer of them among more.
        balanced: as many rows of every stratum as of any other, instead of its share. Rare verdicts are then seen
            more often, and weights differ.

    Raises:
        UserError: no answer to label.
    """
    rows = Spool(row for row in run.rows if row.answer.status == "ok" and row.answer.text.strip())
    if not rows:
        raise UserError(f"{run.folder} holds no answer to label")
    drawn = sample(
        rows,
        count,
        subset=lambda row: _stratum(row, judge),
        cluster=lambda row: (row.item.id, row.answer.epoch),
        seed=seed,
        equal=balanced,
    )
    held, taken = (Counter(_stratum(row, judge) for row in each) for each in (rows, drawn))
    picked = [Picked(row, name, held[name] / taken[name]) for row in drawn for name in (_stratum(row, judge),)]
    random.Random(seed).shuffle(picked)
    return picked


def render(run: Run, judge: str, picked: Sequence[Picked], *, images: bool = True) -> str:
    """Render the page.

    Args:
        run: the rows are its own.
        judge: whose scale is filled in.
        picked: from `pick`.
        images: whether images are shown (blurred until clicked).
    """
    file = contracts.judge_file(judge)
    firsts = [item.images[0] for item in (p.row.item for p in picked) if item.images]
    shown_images = album(firsts, side=_SIDE) if images else None
    name = manifest.digest([judge, run.benchmark, run.model, [(p.key, p.row.answer.key) for p in picked]])[:12]
    content: dict[str, Json] = {
        "format": FORMAT,
        "sheet": name,
        "judge": judge,
        "run": {"benchmark": run.benchmark, "model": label(run.model, 120), "folder": str(run.folder.absolute())},
        "fields": [_field(blank) for blank in file.sheet],
        "items": [_entry(p, file, shown_images) for p in picked],
        "sealed": sealed(judge, run, picked),
    }
    return rendered(
        "sheet.html.jinja",
        "sheet.css",
        "sheet.js",
        judge=judge,
        model=label(run.model, 120),
        benchmark=run.benchmark,
        count=len(picked),
        version=str(run.manifest.get("foresee") or manifest.environment()["foresee"]),
        content=Markup(script_json(content)),  # noqa: S704 - script_json escapes
        image_list=Markup(  # noqa: S704
            script_json([t.uri for t in shown_images.thumbnails.values()] if shown_images else [])
        ),
    )


def write(
    path: Path,
    run: Run,
    *,
    judge: str = "",
    count: int = 100,
    seed: int = 0,
    balanced: bool = False,
    images: bool = True,
) -> int:
    """Write the page of a sample, replaced in one step; how many answers it holds.

    Raises:
        UserError: as `judge_of` and `pick`, or the file can't be written.
    """
    name = judge_of(run, judge)
    picked = pick(run, name, count, seed=seed, balanced=balanced)
    manifest.write_atomically(path, render(run, name, picked, images=images))
    return len(picked)


def sealed(judge: str, run: Run, picked: Sequence[Picked]) -> str:
    """Encode what the comparison needs and the person must not see: verdicts, weights and strata, in base 64."""
    rows = {
        p.key: {
            "id": p.row.item.id,
            "epoch": p.row.answer.epoch,
            "answer": p.row.answer.key,
            "cluster": p.row.item.cluster or p.row.item.id,
            "stratum": p.stratum,
            "weight": p.weight,
            "value": p.row.verdicts[judge].value if judge in p.row.verdicts else None,
        }
        for p in picked
    }
    made = {"judge": judge, "judge_models": run.manifest.get("judge_models", []), "rows": rows}
    return base64.b64encode(json.dumps(made, ensure_ascii=True, default=str).encode()).decode()


def _stratum(row: Row, judge: str) -> str:
    return f"{row.item.subset or 'all'}: {_said(row.verdicts.get(judge))}"


def _said(verdict: Verdict | None) -> str:
    if verdict is None or verdict.value is None:
        return "unscored"
    if isinstance(verdict.value, Mapping):
        return ", ".join(f"{name} {value:g}" for name, value in list(verdict.value.items())[:1])
    return str(verdict.value)


def _field(blank: Blank) -> Json:
    values: list[Json] = []
    fractions = any(isinstance(value, float) for value in blank.values)  # keys are then 0, 1, 2 … in their order
    told = _parts(blank)[1::2]  # in the rubric's order, in which "it does not" follows what it denies
    order = sorted(
        range(len(blank.values)), key=lambda place: (*told, str(blank.values[place])).index(str(blank.values[place]))
    )
    for place in order:
        value = blank.values[place]
        key = str(place) if fractions else str(value)[0]
        values.append({"value": value, "key": key, "doc": _doc_of(blank, place)})
    title = blank.name.replace("_", "-")
    return {"name": blank.name, "title": title[:1].upper() + title[1:], "doc": _lead(blank), "values": values}


def _parts(blank: Blank) -> list[str]:
    """Split what a rubric says at each `VALUE: `: what precedes all, then values and their texts in turn.

    A person reads "the card" where a judge model is told of the gold: that is where the page shows it.
    """
    told = re.sub(r"\b(?:the )?gold\b", "the card", blank.doc)
    return re.split(rf"(?:^|(?<=\s))({'|'.join(map(re.escape, map(str, blank.values)))}): ", told)


def _doc_of(blank: Blank, place: int) -> str:
    """Find what the rubric says of one value: its first sentence, as what follows is about no value alone."""
    found = _parts(blank)
    named = dict(zip(found[1::2], found[2::2], strict=True))
    return _sentence(named.get(str(blank.values[place]), ""))[0]


def _lead(blank: Blank) -> str:
    """Join what a rubric says of no value alone: before all of them, and after the sentence of each."""
    found = _parts(blank)
    return " ".join(filter(None, (found[0].strip(), *(_sentence(text)[1] for text in found[2::2]))))


def _sentence(text: str) -> tuple[str, str]:
    first, stop, rest = text.strip().partition(". ")
    return first + stop.strip(), rest.strip()


def _entry(picked: Picked, file: JudgeFile, images: Album | None) -> Json:
    row = picked.row
    item = row.item
    request, answer = shown(_request(item, row.answer.earlier), _REQUEST), shown(row.answer.text, _ANSWER)
    places = list(images.thumbnails) if images else []
    sha = item.image_sha256
    entry: dict[str, Json] = {
        "key": picked.key,
        "scenario": label(item.scenario or item.subset),
        "request": request.text,
        "requestCut": request.left_out,
        "answer": answer.text,
        "answerCut": answer.left_out,
        "facts": [[name.replace("_", " "), shown(str(item.metadata[name]), _FACT).text] for name in _known(item)],
        "fields": list(file.asked(item)),
    }
    if sha is not None and images is not None:
        entry["picture"] = places.index(sha)
        entry["problem"] = images.thumbnails[sha].problem
    elif item.missing_image is not None or sha is not None:
        entry["problem"] = "the image is not shown here"
    return entry


def _known(item: Item) -> list[str]:
    return [name for name in _FACTS if item.metadata.get(name)]


def _request(item: Item, earlier: Sequence[str]) -> str:
    turns: list[Any] = [message for message in item.conversation(earlier) if message.text]
    return turns[0].text if len(turns) == 1 else "\n\n".join(f"{m.role}: {m.text}" for m in turns)
