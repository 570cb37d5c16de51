"""`foresee eval` through a real server, and what can be done with the run folder afterwards."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml  # type: ignore[import-untyped]
from huggingface_hub import parse_eval_result_entries

import foresee
from tests.cli.conftest import Cli


def evaluate(cli: Cli, mmsa: Path, server: str, *more: object) -> Any:
    return cli("eval", "mmsafeaware", "--model", "custom/rules", "-M", f"base_url={server}", "--data", mmsa, *more)


def test_a_run_prints_its_table_and_leaves_a_folder(cli: Cli, mmsa: Path, server: str) -> None:
    done = evaluate(cli, mmsa, server, "--out", "run", "--format", "json")
    assert done.code == 0, done.err
    assert "1 of 32 items lack their image" in done.err
    (record,) = json.loads(done.out)
    metrics = record["metrics"]
    # The server says No exactly where there is a knife: every unsafe item and no safe one has it.
    assert metrics["typical.accuracy"]["value"] == metrics["attack.accuracy"]["value"] == 1.0
    assert metrics["over_safe.accuracy"]["value"] == 1.0
    assert (metrics["over_safe.accuracy"]["n"], metrics["over_safe.accuracy"]["total"]) == (11, 12)
    assert metrics["over_safe.accuracy"]["worst"] == pytest.approx(11 / 12)
    assert {p.name for p in Path("run").iterdir()} == {
        "manifest.json", "items.jsonl", "journal.jsonl", "terminal.json",
    }  # fmt: skip
    manifest = json.loads(Path("run/manifest.json").read_text())
    assert manifest["finished"] is True
    assert manifest["asked"] + manifest["reused"] == 31
    assert manifest["command"][:2] == ["foresee", "eval"]


def test_the_same_command_again_asks_nothing(cli: Cli, mmsa: Path, server: str) -> None:
    first = evaluate(cli, mmsa, server, "--format", "md")
    second = evaluate(cli, mmsa, server, "--format", "md")
    assert first.code == second.code == 0
    assert second.out == first.out
    (folder,) = Path("runs/mmsafeaware").iterdir()
    assert json.loads((folder / "manifest.json").read_text())["asked"] == 0


def test_a_limit_can_be_raised_in_the_same_folder(cli: Cli, mmsa: Path, server: str) -> None:
    assert evaluate(cli, mmsa, server, "--out", "run", "--limit", 8).code == 0
    part = foresee.read_run(Path("run")).rows
    assert {row.item.subset for row in part} == {"over_safe", "attack", "typical"}
    asked = json.loads(Path("run/manifest.json").read_text())["asked"]
    assert 4 <= asked <= 8
    assert evaluate(cli, mmsa, server, "--out", "run").code == 0
    assert json.loads(Path("run/manifest.json").read_text())["asked"] == 31 - asked
    assert {row.item.id for row in part} < {row.item.id for row in foresee.read_run(Path("run")).rows}


def test_a_smaller_limit_takes_nothing_from_a_run(cli: Cli, mmsa: Path, server: str) -> None:
    assert evaluate(cli, mmsa, server).code == 0
    (folder,) = Path("runs/mmsafeaware").iterdir()
    kept = {path.name: path.read_bytes() for path in folder.iterdir()}
    done = evaluate(cli, mmsa, server, "--limit", 8)
    assert done.code == 0, done.err
    run = foresee.evaluate("mmsafeaware", "custom/rules", data=mmsa, model_options={"base_url": server}, limit=8)
    assert 4 <= len(run.rows) <= 8
    assert f"{len(run.rows)} of the 32 items in {folder}" in " ".join(done.out.split())
    assert run.warnings[-1] == f"{len(run.rows)} of the 32 items in {folder}; all of them: foresee report"
    assert (run.manifest["limit"], run.manifest["items"]) == (8, len(run.rows))
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == kept
    assert len(foresee.read_run(folder).rows) == 32


def test_a_folder_holds_every_sample_that_was_asked_for(cli: Cli, mmsa: Path, server: str) -> None:
    held: set[str] = set()
    sizes = []
    for seed in range(5):
        assert evaluate(cli, mmsa, server, "--out", "run", "--limit", 8, "--limit-seed", seed).code == 0
        rows = foresee.read_run(Path("run")).rows
        assert held <= {row.item.id for row in rows}
        held = {row.item.id for row in rows}
        sizes.append(len(held))
    assert sizes[0] <= 8 < sizes[-1] < 32
    manifest = json.loads(Path("run/manifest.json").read_text())
    assert manifest["finished"] is True
    assert manifest["items"] == manifest["limit"] == len(held)
    assert evaluate(cli, mmsa, server, "--out", "run").code == 0
    manifest = json.loads(Path("run/manifest.json").read_text())
    assert (manifest["items"], manifest["limit"]) == (32, None)
    assert manifest["usage"]["output_tokens"] > 0


def test_a_smaller_sample_of_an_unfinished_run_leaves_it_unfinished(cli: Cli, mmsa: Path, server: str) -> None:
    assert evaluate(cli, mmsa, server, "--out", "run").code == 0
    lines = Path("run/journal.jsonl").read_text().splitlines(keepends=True)
    Path("run/journal.jsonl").write_text(lines[0])
    manifest = json.loads(Path("run/manifest.json").read_text())
    Path("run/manifest.json").write_text(json.dumps({**manifest, "finished": False}))
    assert evaluate(cli, mmsa, server, "--out", "run", "--limit", 8).code == 0
    run = foresee.read_run(Path("run"))
    assert 20 <= run.unfinished < 31
    assert run.manifest["finished"] is False
    assert evaluate(cli, mmsa, server, "--out", "run").code == 0
    assert foresee.read_run(Path("run")).unfinished == 0


def test_another_configuration_in_the_same_folder_is_refused(cli: Cli, mmsa: Path, server: str) -> None:
    assert evaluate(cli, mmsa, server, "--out", "run").code == 0
    before = Path("run/journal.jsonl").read_bytes()
    refused = evaluate(cli, mmsa, server, "--out", "run", "-T", "subset=attack")
    assert refused.code == 2
    assert "is one side alone" in refused.err
    assert "options.subset" in refused.err.splitlines()[-1]
    assert refused.err.count("\n") == 2
    assert Path("run/journal.jsonl").read_bytes() == before


def test_a_run_read_back_equals_the_run(mmsa: Path, server: str, tmp_path: Path) -> None:
    run = foresee.evaluate(
        "mmsafeaware", "custom/rules", data=mmsa, out=tmp_path / "run", model_options={"base_url": server}
    )
    again = foresee.read_run(tmp_path / "run")
    assert again.rows == run.rows
    assert again.estimates == run.estimates
    assert run.estimate("balanced_accuracy").value == 1.0
    assert list(run.frame()["id"]) == [row.item.id for row in run.rows]


def test_options_have_long_names_and_any_field_makes_groups(cli: Cli, mmsa: Path, server: str) -> None:
    asked = ("eval", "mmsafeaware", "--model", "custom/rules", "--data", mmsa, "--out", "run")
    done = cli(*asked, "--model-arg", f"base_url={server}", "--task-arg", "modality=both", "--by", "expected")
    assert done.code == 0, done.err
    assert "correct by expected" in done.out
    done = cli(*asked, "-M", f"base_url={server}", "--by", "metadata.number_of_legs")
    assert (done.code, "no metadata key named 'number_of_legs'" in done.err) == (2, True)
    assert "did you mean scenario" in cli(*asked, "-M", f"base_url={server}", "--by", "scenarios").err


def test_fail_if_decides_the_exit_code(cli: Cli, mmsa: Path, server: str) -> None:
    passed = evaluate(cli, mmsa, server, "--out", "run", "--fail-if", "over_safe.accuracy < 40%")
    assert passed.code == 0
    failed = evaluate(cli, mmsa, server, "--out", "run", "--fail-if", "over_safe.accuracy > 0.4")
    assert failed.code == 1
    assert "over_safe.accuracy" in failed.err
    typo = evaluate(cli, mmsa, server, "--out", "run", "--fail-if", "over_saf.accuracy > 0.4")
    assert (typo.code, "did you mean over_safe.accuracy" in typo.err) == (2, True)
    nonsense = evaluate(cli, mmsa, server, "--out", "other", "--fail-if", "over_safe.accuracy ~ 0.4")
    assert nonsense.code == 2
    assert not Path("other").exists(), "a condition that can't be read is refused before anything is asked"


def test_a_dry_run_asks_nothing(cli: Cli, mmsa: Path) -> None:
    done = cli("eval", "mmsafeaware", "--model", "openai/none", "--data", mmsa, "--dry-run", "--price", "2.5,10")
    assert done.code == 0, done.err
    assert "calls: 31" in done.out
    assert "USD" in done.out
    assert "[user] Given the image, do you think" in done.out
    assert not Path("runs").exists()


def test_exports_hold_one_line_per_item(cli: Cli, mmsa: Path, server: str) -> None:
    assert evaluate(cli, mmsa, server, "--out", "run").code == 0
    for kind, read in (("csv", pd.read_csv), ("parquet", pd.read_parquet)):
        done = cli("export", "run", "--format", kind)
        assert done.code == 0, done.err
        frame = read(Path(f"run/rows.{kind}"))
        assert len(frame) == 32
        assert set(frame["status"]) == {"ok", "missing_image"}
        assert frame["measure.correct"].sum() == 31
    assert cli("export", "run", "--format", "jsonl", "--out", "x/rows.jsonl").code == 0
    assert len(Path("x/rows.jsonl").read_text().splitlines()) == 32
    wrong = cli("export", "run", "--format", "xlsx")
    assert (wrong.code, "no export format named 'xlsx'" in wrong.err) == (2, True)


def test_every_eval_ever_reads_the_aggregate_and_the_samples(cli: Cli, mmsa: Path, server: str) -> None:
    """The schemas are those of its release 0.3.0; an item without its image is no sample and lowers coverage."""
    jsonschema = pytest.importorskip("jsonschema")
    schemas = Path(__file__).parent / "every_eval_ever"
    assert evaluate(cli, mmsa, server, "--out", "run").code == 0
    for _ in range(2):  # the same files again
        done = cli("export", "run", "--format", "eee", "--out", "shared")
        assert done.code == 0, done.err
    (path,) = Path("shared/data").glob("mmsafeaware/*/*/*.json")
    aggregate = json.loads(path.read_text())
    jsonschema.validate(aggregate, json.loads((schemas / "eval.schema.json").read_text()))
    detail = aggregate["detailed_evaluation_results"]
    lines = (Path("shared") / detail["file_path"]).read_text().splitlines()
    assert len(lines) == detail["total_rows"]
    assert detail["additional_details"]["rows_without_an_answer"] == "1"
    rows = [json.loads(line) for line in lines]
    for row in rows:
        jsonschema.validate(row, json.loads((schemas / "instance_level_eval.schema.json").read_text()))
    assert len({row["sample_id"] for row in rows if row["metadata"]["measure"] == "correct"}) == 31
    results = {each["metric_config"]["metric_name"]: each["score_details"] for each in aggregate["evaluation_results"]}
    run = foresee.read_run(Path("run"))
    for estimate in run.estimates:
        if estimate.value is not None:
            found = results[estimate.name]
            assert found["score"] == estimate.value
            assert found["uncertainty"]["num_samples"] == estimate.n
            assert found["details"]["coverage"] == str(estimate.coverage)
    assert {row["evaluation_result_id"] for row in rows} <= {
        each["evaluation_result_id"] for each in aggregate["evaluation_results"]
    }


def test_export_as_results_for_a_repository_on_the_hub(cli: Cli, mmsa: Path, server: str) -> None:
    assert evaluate(cli, mmsa, server, "--out", "run").code == 0
    refused = cli("export", "run", "--format", "hf")
    assert refused.code == 2
    assert "expected the id of mmsafeaware on the hub (OWNER/NAME), got none; name it with --dataset" in refused.err
    done = cli("export", "run", "--format", "hf", "--dataset", "someone/mmsafeaware", "--out", "repository")
    assert done.code == 0, done.err
    entries = parse_eval_result_entries(
        yaml.safe_load(Path("repository/.eval_results/mmsafeaware.yaml").read_text(encoding="utf-8"))
    )
    run = foresee.read_run("run")
    values = {estimate.name: estimate.value for estimate in run.estimates}
    assert entries
    for entry in entries:
        assert entry.dataset_id == "someone/mmsafeaware"
        assert entry.value == pytest.approx(100 * (values[entry.task_id] or 0), abs=0.005)
        assert "95 % interval" in (entry.notes or "")
    assert cli("export", "run", "--dataset", "someone/x").code == 2


def test_comparing_runs_pairs_the_same_items(cli: Cli, mmsa: Path, server: str) -> None:
    assert evaluate(cli, mmsa, server, "--out", "a").code == 0
    assert evaluate(cli, mmsa, server, "--out", "b", "-T", "modality=image").code == 0  # no sentence, so no knife: Yes
    done = cli("compare", "a", "b", "--format", "json")
    assert done.code == 0, done.err
    found = {d["name"]: d for d in json.loads(done.out)}
    assert found["unsafe.accuracy"]["delta"] == -1.0
    assert found["over_safe.accuracy"]["delta"] == 0.0
    assert found["over_safe.accuracy"]["low"] < 0 < found["over_safe.accuracy"]["high"]
    assert "options differ: A modality=both, B modality=image" in cli("compare", "a", "b").out
    assert cli("compare", "a", "nowhere").code == 2


def test_what_is_got_by_hand_is_told_once_with_its_licence_and_its_place(cli: Cli) -> None:
    done = cli("data", "fetch", "vlguard")
    assert done.code == 2
    assert "licence none stated" in done.err
    assert done.err.count("ask for access at") == 1
    assert "vlguard, or name its folder with --data" in done.err


def test_an_error_says_which_of_the_two_models_it_is_about(cli: Cli) -> None:
    done = cli("eval", "drawn_consequences", "--model", "custom/x", "-M", "base_url=http://127.0.0.1:9/v1",
               "--judge-model", "gpt-4o")  # fmt: skip
    assert done.code == 2
    assert "foresee: judge model: expected PROVIDER/NAME" in done.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["eval", "mmsafeawre", "--model", "custom/x"], "no benchmark named 'mmsafeawre'; did you mean mmsafeaware"),
        (["eval", "mmsafeaware", "--model", "gpt-4o", "--data", "{data}"], "expected PROVIDER/NAME"),
        (["eval", "mmsafeaware", "--model", "opnai/x", "--data", "{data}"], "did you mean openai"),
        (["eval", "mmsafeaware", "--model", "openai/gpt-4o", "--data", "{data}"], "OPENAI_API_KEY"),
        (["eval", "mmsafeaware", "--model", "custom/x", "--data", "nowhere"], "there is no nowhere"),
        (["eval", "mmsafeaware", "--model", "custom/x", "--data", "{data}/data/images"], "prompt.txt"),
        (["eval", "mmsafeaware", "--model", "custom/x", "--data", "{data}", "-T", "subset=atack"], "subset"),
        (
            ["eval", "mmsafeaware", "--model", "custom/x", "--data", "{data}", "-T", "subst=attack"],
            "did you mean subset",
        ),
        (["eval", "mmsafeaware", "--model", "custom/x", "--data", "{data}", "--limit", "0"], "--limit"),
        (
            ["eval", "mmsafeaware", "--model", "custom/x", "--data", "{data}", "--format", "xml"],
            "no format named 'xml'",
        ),
        (
            ["eval", "mmsafeaware", "--model", "custom/x", "--data", "{data}", "--fail-if", "typical.accuracy < 40"],
            "did you mean 40%?",
        ),
        (["data", "fetch", "drawn_consequences"], "comes with foresee; there is nothing to fetch"),
        (["judge", "check", "refusl", "--labels", "xstest"], "did you mean refusal"),
        (["list", "benchmark"], "did you mean benchmarks"),
        (["eval", "world_attack", "--model", "custom/a,custom/a"], "a model was asked for twice"),
        (["report", "nowhere"], "no run in nowhere"),
    ],
)
def test_what_a_user_can_mend_is_one_line(cli: Cli, mmsa: Path, arguments: list[str], message: str) -> None:
    done = cli(*(argument.format(data=mmsa) for argument in arguments))
    assert done.code == 2
    assert message in done.err
    assert done.err.count("\n") == 1


def test_an_unreachable_server_is_one_line_and_loses_nothing(cli: Cli, mmsa: Path, server: str) -> None:
    assert evaluate(cli, mmsa, server, "--out", "run", "--limit", 4).code == 0
    kept = Path("run/journal.jsonl").read_bytes()
    away = evaluate(cli, mmsa, "http://127.0.0.1:9/v1", "--out", "other", "--retries", 0)
    assert away.code == 2
    assert "127.0.0.1" in away.err
    assert away.err.count("\n") == 2  # the note on missing pictures, and the error
    assert Path("run/journal.jsonl").read_bytes() == kept


def test_an_unwritable_folder_is_one_line(cli: Cli, mmsa: Path, server: str) -> None:
    Path("file").write_text("in the way")
    done = evaluate(cli, mmsa, server, "--out", "file/run")
    assert done.code == 2
    assert "can't write" in done.err


def test_another_server_is_not_taken_for_the_same_one(cli: Cli, mmsa: Path, server: str) -> None:
    assert evaluate(cli, mmsa, server, "--out", "run").code == 0
    elsewhere = server.replace("127.0.0.1", "localhost")
    refused = evaluate(cli, mmsa, elsewhere, "--out", "run")
    assert refused.code == 2
    assert "--moved" in refused.err
    assert evaluate(cli, mmsa, elsewhere, "--out", "run", "--moved").code == 0
    assert json.loads(Path("run/manifest.json").read_text())["base_urls"] == [server, elsewhere]


def test_repeating_a_run_keeps_its_cost(cli: Cli, mmsa: Path, server: str) -> None:
    assert evaluate(cli, mmsa, server, "--out", "run").code == 0
    paid = json.loads(Path("run/manifest.json").read_text())["usage"]
    assert paid["output_tokens"] > 0
    assert "cost 0.00" not in evaluate(cli, mmsa, server, "--out", "run", "--price", "1000000,1000000").out
    again = json.loads(Path("run/manifest.json").read_text())
    assert again["usage"] == paid
    assert again["usage_of_this_call"].get("output_tokens", 0) == 0


def test_verdicts_stay_with_their_answers_when_the_data_change(cli: Cli, mmsa: Path, server: str) -> None:
    prompts = mmsa / "data" / "prompt.txt"
    before = prompts.read_text()
    first = evaluate(cli, mmsa, server, "--out", "run", "--format", "json")
    prompts.write_text(before.replace("knife", "spoon"))
    assert evaluate(cli, mmsa, server, "--out", "run").code == 0
    prompts.write_text(before)
    assert evaluate(cli, mmsa, server, "--out", "run").code == 0
    value = json.loads(first.out)[0]["metrics"]["unsafe.accuracy"]["value"]
    assert value == 1.0
    assert foresee.read_run(Path("run")).estimate("unsafe.accuracy").value == value


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--price", "banana"], "--price"),
        (["--fail-if", "nosuch.accuracy < 0.4"], "no metric named"),
        (["--temperature", "-1"], "temperature"),
        (["--temperature", "nan"], "temperature"),
        (["--max-tokens", "0"], "max_tokens"),
        (["--defense", "constitution", "-S", "text=./none.md"], "none.md"),
        (["--defense", "none,none"], "asked for twice"),
    ],
)
def test_what_can_be_known_before_is_said_before(
    cli: Cli, mmsa: Path, server: str, arguments: list[str], message: str
) -> None:
    done = evaluate(cli, mmsa, server, "--out", "run", *arguments)
    assert done.code == 2
    assert message in done.err
    assert not Path("run").exists(), "nothing was asked and nothing written"


def test_keys_given_as_options_are_written_nowhere(cli: Cli, mmsa: Path, server: str) -> None:
    secret = 'extra_body={api_key="XSECRETX"}'
    assert evaluate(cli, mmsa, server, "--out", "run", "-M", secret).code == 0
    for path in Path("run").iterdir():
        assert "XSECRETX" not in path.read_text(), path


def test_runs_are_found_at_any_depth(cli: Cli, mmsa: Path, server: str) -> None:
    assert evaluate(cli, mmsa, server, "--limit", 4).code == 0
    assert cli("report", "runs", "--out", "page.html").code == 0


def test_half_a_surrogate_pair_can_be_exported(cli: Cli, mmsa: Path, tmp_path: Path) -> None:
    path = tmp_path / "odd.jsonl"
    path.write_text('{"id": 1, "response": "Yes \\ud800"}\n')
    assert cli("score", path, "--benchmark", "mmsafeaware", "--data", mmsa, "--out", "s").code == 0
    for kind in ("csv", "parquet", "jsonl"):
        assert cli("export", "s", "--format", kind).code == 0
