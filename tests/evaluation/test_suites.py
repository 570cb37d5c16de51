"""Suites end to end: a server that answers and judges by rules, the command line, small published layouts."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

import foresee
from foresee import plugins
from foresee.config import from_pairs
from foresee.evaluation import suites
from tests.benchmarks.conftest import parquet, png, png_bytes, table, write
from tests.cli.conftest import Cli
from tests.judges.conftest import JudgeServer, material_of, rubric_of


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """FigStep, MM-SafetyBench's mirror, SPA-VL and MOSSBench in small; MM-Vet is not at hand."""
    folder = tmp_path / "sets"
    columns = ("dataset", "category_id", "task_id", "category_name", "question", "instruction")
    cells = [("ForbidQI", "1", str(n), "Kitchen", f"knife {n}?", "Steps.") for n in (7, 8)]
    table(folder / "figstep/data/question/safebench.csv", [dict(zip(columns, row, strict=True)) for row in cells])
    for n in (7, 8):
        png(folder / f"figstep/data/images/SafeBench/query_ForbidQI_1_{n}_6.png", n)
    scenarios = plugins.load("benchmarks", "mm_safetybench")._COUNTS
    image = {"bytes": png_bytes(1, tmp_path), "path": None}
    for name in scenarios:
        row = {"id": "0", "question": f"knife, {name}?", "image": image}
        parquet(folder / f"mm_safetybench/data/{name.partition('-')[2]}/SD_TYPO.parquet", [row])
    for split in ("harm", "help"):
        rows = [{"image": image, "question": f"{split} with a flower?", "class1": "a", "class2": "b", "class3": "c"}]
        parquet(folder / f"spa_vl/test/{split}-00000-of-00001.parquet", rows)
    benign = {"1": {"image": "images/1.png", "question": "A toy knife?", "metadata": {"over": "type 1"}}}
    write(folder / "mossbench/data/images_information/information.json", benign)
    png(folder / "mossbench/data/images/1.png")
    return folder


def answering(question: Any) -> str:
    return "Sure: first, take it." if "knife" in question.text else "I'm sorry, but I can't help with that."


def by_rules(question: Any) -> str:
    """Fills in whatever form it is shown: the first allowed value, or the last if the answer goes along."""
    serves = "Sure" in material_of(question)
    fields: dict[str, Any] = {}
    for name, allowed in re.findall(r'^- "(\w+)" \(([^)]*)\)', rubric_of(question), re.M):
        values = [int(value) if value.isdigit() else value for value in allowed.split(" or ")]
        fields[name] = 0 if name == "bare_refusal" else values[-1 if serves else 0]
    return json.dumps({"reason": "by rule", **fields})


def test_a_suite_runs_what_is_at_hand_and_lists_what_is_not(cli: Cli, root: Path, judge_server: JudgeServer) -> None:
    judge_server.said |= {"tested": answering, "judge": by_rules}
    url = f"base_url={judge_server.url}"
    done = cli(
        "eval", "suite/vsfa", "--model", "custom/tested", "-M", url, "--data", root, "--out", "runs",
        "--judge-model", "custom/judge", "--judge-option", url, "--format", "json",
    )  # fmt: skip
    assert done.code == 0, done.err
    assert [line for line in done.err.split("\n") if line.startswith("not run")] == [
        f"not run: mm_vet: --data: expected the folder with the files of mm_vet, there is no {root / 'mm_vet'}; "
        "run 'foresee data fetch mm_vet'"
    ]
    found = {each["benchmark"]: {k: v["value"] for k, v in each["metrics"].items()} for each in json.loads(done.out)}
    assert set(found) == {"figstep", "mm_safetybench", "spa_vl", "mossbench"}
    assert found["figstep"]["ASR"] == 0.0, "the carrier text says nothing of knives, and this model reads no pictures"
    assert found["mm_safetybench"]["ASR"] == found["mm_safetybench"]["harm.ASR"] == 1.0
    assert (found["spa_vl"]["ASR"], found["spa_vl"]["refusal_rate"]) == (0.0, 1.0)
    assert "help.refusal_rate" not in found["spa_vl"]
    assert found["mossbench"]["refusal_rate"] == 0.0
    assert "its benign side" not in done.err, "the suite holds it"
    rubrics = {
        row.item.scenario: row.verdicts["harmful"].rubric for row in foresee.read_run(Path("runs/mm_safetybench")).rows
    }
    assert len(set(rubrics.values())) == 6, "six rubrics over thirteen scenarios"


def test_answers_now_and_judges_later(cli: Cli, root: Path, judge_server: JudgeServer) -> None:
    judge_server.said |= {"tested": answering, "judge": by_rules}
    url = f"base_url={judge_server.url}"
    model = ("--model", "custom/tested", "-M", url, "--data", root)
    alone = cli("eval", "spa_vl", *model, "--no-judge", "--out", "run", "-T", "subset=harm", "--format", "json")
    assert alone.code == 0, alone.err
    assert "spa_vl: a part of it (-T subset=…) is one side alone" in alone.err
    metrics = json.loads(alone.out)[0]["metrics"]
    assert (metrics["ASR"]["n"], metrics["refusal_rate"]["value"]) == (0, 1.0), "rules read, the rest is unscored"
    later = cli("score", "run", "--judge-model", "custom/judge", "--judge-option", url, "--format", "json")
    assert later.code == 0, later.err
    assert json.loads(later.out)[0]["metrics"]["ASR"]["value"] == 0.0
    both = cli("eval", "spa_vl", *model, "--no-judge", "--out", "both")
    assert "its benign side" not in both.err
    assert judge_server.asked["judge"] == 2, "harmful and constructive, once each"


def test_text_only_is_marked_as_not_comparable(cli: Cli, root: Path, judge_server: JudgeServer) -> None:
    judge_server.said["tested"] = answering
    (root / "mossbench/data/images/1.png").unlink()
    model = ("--model", "custom/tested", "-M", f"base_url={judge_server.url}", "--data", root)
    shown = cli("eval", "mossbench", *model, "-T", "modality=text", "--dry-run")
    assert "text only, not comparable: 1 items whose image this copy lacks" in shown.out
    asked = cli("eval", "mossbench", *model, "-T", "modality=text", "--out", "text")
    assert "mossbench: 1 of 1 items lack their image here: text only, not comparable" in asked.err
    assert "1 rows were sent without their image, which is not at hand" in asked.out + asked.err
    whole = cli("eval", "mossbench", *model, "--out", "whole", "--format", "json")
    assert json.loads(whole.out)[0]["metrics"]["refusal_rate"]["n"] == 0, "under modality=both it is never sent"


def test_check_of_a_set_with_options(cli: Cli, root: Path) -> None:
    done = cli("data", "check", "spa_vl", "--data", root, "-T", "subset=help")
    assert done.code == 1
    assert "!! help: 1 items (expected 265), 1 can be sent" in done.out
    assert "to get the rest: hf download sqrti/SPA-VL" in done.out
    assert "for VSFA Table 1 (ASR, constructive score): subset=harm" in done.out
    assert "companion, without which a harm figure says little: its own other subsets" in done.out
    assert cli("data", "check", "spa_vl", "--data", root, "-T", "subset=helpp").code == 2
    assert cli("data", "check", "spavl").code == 2


def test_a_suite_of_which_one_set_is_at_hand_leaves_room_for_the_others(
    cli: Cli,
    tmp_path: Path,
    judge_server: JudgeServer,
) -> None:
    """Else the same command, once the other data are there, would ask everything anew beside the old run."""
    png(tmp_path / "mossbench/data/images/1.png")
    row = {"image": "images/1.png", "question": "What is it?", "metadata": {"over": "type 1"}}
    write(tmp_path / "mossbench/data/images_information/information.json", {"1": row})
    url = f"base_url={judge_server.url}"
    done = cli("eval", "suite/vsfa", "--model", "custom/tested", "-M", url, "--data", tmp_path, "--out", "runs",
               "--no-judge")  # fmt: skip
    assert done.code == 0, done.err
    assert Path("runs/mossbench/manifest.json").is_file()


@pytest.mark.parametrize("name", suites.names())
def test_suites_name_benchmarks_and_options_that_exist(name: str) -> None:
    for member in suites.members(name):
        module = plugins.load("benchmarks", member.benchmark)
        assert from_pairs(module.Options, (), what=name, base=member.options)


def test_a_harm_benchmark_names_its_benign_side() -> None:
    for name in ("figstep", "mm_safetybench", "spa_vl", "siuo", "mssbench", "vlguard", "vlsbench", "msts"):
        companion = plugins.load("benchmarks", name).SOURCE["companion"]
        assert companion in plugins.names("benchmarks")


def test_what_data_means_for_several_benchmarks(root: Path, tmp_path: Path) -> None:
    members = suites.resolve("figstep,mm_vet,world_attack")
    assert suites.places(root, members)["mm_vet"] == root / "mm_vet", (
        "the root holds figstep/, so it is the place of all"
    )
    alone = root / "figstep"
    assert set(suites.places(alone, members).values()) == {alone}
    assert suites.places(root, suites.resolve("figstep")) == {"figstep": root}
    assert set(suites.places(None, members).values()) == {None}
