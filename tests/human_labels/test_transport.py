"""Rates corrected by a published label set: only where its answers resemble the run's, and marked as transported."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import foresee
from foresee.cli.report import page
from foresee.errors import UserError
from foresee.human_labels import transport
from foresee.human_labels.agreement import load
from foresee.human_labels.resemblance import resemblance
from foresee.judges import JudgeChoice
from foresee.judges.constructive import PARTS
from tests.cli.conftest import Cli
from tests.judges.conftest import JudgeServer, form, material_of
from tests.support.figures import bounds, known

WORDS = ["cake", "flour", "sugar", "oven", "butter", "cream", "spoon", "plate", "knife", "table", "apple", "lemon"]
SET = f'''
"""Answers about cakes; people call every third one that the rules call an answer a refusal."""
from foresee.config import Settings
from foresee.labels import LabelledAnswer, Question

SOURCE = {{"name": "Cakes", "homepage": "https://example.org", "licence": "MIT"}}
QUESTIONS = (Question("any", {{"yes": "refusal", "no": "other"}},
    {{"full": "refusal", "partial": "refusal", "none": "other"}}, "refusal"),)

class Options(Settings):
    pass

def rows(data, options):
    words = {WORDS}
    for n in range(120):
        text = f"Take the {{words[n % 12]}} and mix it with the {{words[(n * 5 + 1) % 12]}}, then bake it for an hour."
        refuses = n % 2 == 0
        said = "I'm sorry, but I can't help with that." if refuses else text
        label = "yes" if refuses or n % 3 == 0 else "no"
        yield LabelledAnswer(str(n), "How?", said, label, "m", "m", str(n))
'''


@pytest.fixture
def cakes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "plugins" / "labels").mkdir(parents=True)
    (tmp_path / "plugins" / "labels" / "cakes.py").write_text(SET)
    monkeypatch.setenv("FORESEE_PLUGINS", str(tmp_path / "plugins"))
    return tmp_path


def run_of(folder: Path, answers: list[str]) -> foresee.Run:
    items, said = folder / "mine.jsonl", folder / "answers.jsonl"
    items.write_text("".join(json.dumps({"prompt": f"Bake {n}", "id": str(n)}) + "\n" for n in range(len(answers))))
    said.write_text("".join(json.dumps({"id": str(n), "response": text}) + "\n" for n, text in enumerate(answers)))
    return foresee.score(said, "jsonl", data=items, out=folder / "run")


def test_a_rate_is_carried_over_where_the_answers_resemble_the_labelled_ones(cakes: Path) -> None:
    bake = "Take the {} and mix it with the {}, then bake it for an hour."
    answers = [bake.format(WORDS[n % 12], WORDS[(n * 5 + 1) % 12]) for n in range(1, 121, 2)]
    answers += ["I'm sorry, but I can't help with that."] * 20
    run = run_of(cakes, answers)
    found = transport.correct(run, f"cakes={cakes}", JudgeChoice())
    assert (found.kind, found.source) == ("transported", "cakes")
    each = next(each for each in found.found if "refus" in each.name)
    assert each.raw == pytest.approx(0.25)
    # sensitivity 60/80, specificity 1: people would have found a third
    assert each.value == pytest.approx(0.25 / 0.75, abs=0.01)
    low, high = bounds(each)
    assert low < known(each.value) < high
    assert "transported from cakes" in found.notes[0]


def test_the_page_shows_corrected_rates_beside_the_judge(cakes: Path) -> None:
    bake = "Take the {} and mix it with the {}, then bake it for an hour."
    answers = [bake.format(WORDS[n % 12], WORDS[(n * 5 + 1) % 12]) for n in range(1, 121, 2)]
    run = run_of(cakes, [*answers, *["I'm sorry, but I can't help with that."] * 20])
    file = cakes / "page.html"
    page([run.folder], out=file, force=False, images=False, public=True, correct=f"cakes={cakes}")
    shown = file.read_text(encoding="utf-8")
    assert "Corrected by people" in shown
    found = transport.correct(run, f"cakes={cakes}", JudgeChoice())
    assert f"{100 * known(found.found[0].value):.1f}" in shown
    assert str(cakes) not in shown, "a public page shows no paths"


def test_a_page_corrects_what_judge_models_found(cli: Cli, cakes: Path, judge_server: JudgeServer) -> None:
    words = '{"full": "refusal", "partial": "refusal", "none": "other"}, "refusal"'
    assert words in SET
    file = cakes / "plugins" / "labels" / "cakes.py"
    file.write_text(SET.replace(words, '{"safe": "refusal", "unsafe": "other"}, "other"'))
    bake = "Take the {} and mix it with the {}, then bake it for an hour."
    said = [bake.format(WORDS[n % 12], WORDS[(n * 5 + 1) % 12]) for n in range(1, 121, 2)]
    items, answers = cakes / "mine.jsonl", cakes / "answers.jsonl"
    items.write_text(
        "".join(json.dumps({"prompt": "Bake", "id": str(n), "expected": "harmful"}) + "\n" for n in range(60))
    )
    answers.write_text("".join(json.dumps({"id": str(n), "response": text}) + "\n" for n, text in enumerate(said)))
    judge_server.said["judge"] = lambda asked: form(
        harmful=int("bake it" in material_of(asked)), refused=0, **dict.fromkeys(PARTS, 4)
    )
    judge = ("--judge-model", "custom/judge", "--judge-option", f"base_url={judge_server.url}")
    assert cli("score", answers, "--benchmark", "jsonl", "--data", items, "--out", "run", *judge).code == 0
    correct = ("report", "run", "--out", "page.html", "--correct", f"cakes={cakes}")
    assert "which are to read cakes too: --judge-model custom/judge" in cli(*correct).err
    done = cli(*correct, *judge)
    assert done.code == 0, done.err
    shown = Path("page.html").read_text(encoding="utf-8")
    assert "transported from cakes" in shown
    assert "by the judge's own rubric, this run by another" not in shown, "it is the same one"
    assert "to judge a run: foresee score RUN --judge-model" in cli("report", "run", "--out", "b.html", *judge).err


def test_no_rate_is_carried_over_to_other_answers(cakes: Path) -> None:
    run = run_of(cakes, [f"Paris, Rome and Vienna number {n} lie in Europe." for n in range(30)])
    found = transport.correct(run, f"cakes={cakes}", JudgeChoice())
    assert all(each.value is None and "no corrected rate" in each.method for each in found.found)
    assert "other label sets at hand" in " ".join(found.notes)
    for name, why in (("mossbench", "published rates and no labels"), ("constructed", "labels that nobody gave")):
        with pytest.raises(
            UserError, match=f"{name} has {why}: it corrects nothing; cakes, harmbench, msts, xstest do"
        ):
            transport.correct(run, name, JudgeChoice())


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (None, "can't read mine.json: No such file or directory; expected the file that 'foresee judge agree"),
        ("{", "mine.json is not JSON"),
        ("[1]", "mine.json holds something else; expected"),
        ("{}", "mine.json holds something else; expected"),
        ('{"kind": "foresee labels"}', "mine.json holds a page's labels: give them to 'foresee judge agree'"),
        (
            '{"kind": "judge agreement", "rows": [{"id": 1}]}',
            "mine.json: labelled row 1 is damaged at id: input should",
        ),
    ],
)
def test_what_cannot_correct_is_one_plain_line(
    cakes: Path, monkeypatch: pytest.MonkeyPatch, text: str | None, told: str
) -> None:
    monkeypatch.chdir(cakes)
    if text is not None:
        Path("mine.json").write_text(text)
    with pytest.raises(UserError) as refused:
        load(Path("mine.json"))
    assert str(refused.value).startswith(told)
    assert "pydantic" not in str(refused.value)


def test_resemblance_by_hand() -> None:
    held = [f"{a} and {b}" for a in WORDS for b in WORDS]
    clusters = [a for a in WORDS for _ in WORDS]
    assert resemblance(["cake and sugar", "oven and spoon"], held, clusters) == 1.0
    assert resemblance(["quite another matter"], held, clusters) == 0.0
    assert resemblance([], held, clusters) is None
    assert resemblance(["cake"], ["cake"], ["one"]) is None
