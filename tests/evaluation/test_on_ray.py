"""Two Ray workers on this machine, of which one is killed, give the run of one process."""

from __future__ import annotations

import os
import pickle
import re
import signal
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import foresee
from foresee.curation import BuildOptions, make
from foresee.errors import UserError
from foresee.evaluation import on_ray
from foresee.evaluation.on_ray import Placing, evaluate_on_ray
from foresee.runner import Progress, RunSettings
from tests.cli.conftest import ROOT, answers, mmsa
from tests.curation.conftest import Served, served
from tests.curation.test_resilience import VQA
from tests.support.rule_server import Rules, RuleServer
from tests.support.serving import serving

__all__ = ["answers", "mmsa", "served"]  # fixtures


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    ray = pytest.importorskip("ray", reason="needs the extra [ray]")
    for name, value in {"RAY_USAGE_STATS_ENABLED": "0", "PYTHONPATH": str(ROOT)}.items():
        monkeypatch.setenv(name, value)
    ray.init(num_cpus=2, _node_ip_address="127.0.0.1", include_dashboard=False, log_to_driver=False)
    yield
    ray.shutdown()


@pytest.mark.slow
def test_a_killed_worker_is_placed_again(cluster: None, mmsa: Path, tmp_path: Path) -> None:
    server = RuleServer(Rules(latency=0.3))
    with serving(server) as url:
        asked: Any = {"data": mmsa, "model_options": {"base_url": url}, "settings": RunSettings(concurrency=1)}
        said: list[str] = []
        before = len(list(Path(tempfile.gettempdir()).glob("foresee-shard-*")))
        killed: list[int] = []

        def kill_one(state: Progress) -> None:
            places = [re.fullmatch(r"shard 1 of 2: .*, process (\d+)", line) for line in said]
            if not killed and state.done >= 4 and (found := next(filter(None, places), None)):
                killed.append(int(found[1]))
                os.kill(killed[0], signal.SIGKILL)

        call = {"benchmark": "mmsafeaware", "model": "custom/rules", **asked}
        (joined,) = evaluate_on_ray(
            call, out=tmp_path / "run", placing=Placing(2), progress=kill_one, notice=said.append, command=("x",)
        )
        assert killed
        assert len(list(Path(tempfile.gettempdir()).glob("foresee-shard-*"))) <= before + 1, "the killed one's alone"
        assert "shard 1 of 2: its process died; again" in said
        assert server.total <= 31 + 2 * 8, "what had come back was not asked again"
        server.rules.latency = 0
        one = foresee.evaluate("mmsafeaware", "custom/rules", out=tmp_path / "one", **asked)
        for run in (joined, foresee.read_run(tmp_path / "run")):
            assert run.estimates == one.estimates
            assert [(row.item, row.answer.text, row.verdicts) for row in run.rows] == [
                (row.item, row.answer.text, row.verdicts) for row in one.rows
            ]
        with pytest.raises(UserError, match="shards of another number"):
            evaluate_on_ray(call, out=tmp_path / "run", placing=Placing(3))
        with pytest.raises(UserError, match="temperature"):  # of a shard, as it is
            evaluate_on_ray({**call, "generation": {"temperature": -1}}, out=tmp_path / "bad", placing=Placing(2))


def sent(task: Any) -> Any:
    """The task as it arrives at another process."""
    return pickle.loads(pickle.dumps(task))


def test_shards_of_judging_and_of_building_are_what_one_process_does(
    mmsa: Path, answers: Any, served: Served, tmp_path: Path
) -> None:
    states: list[Progress] = []
    off = foresee.JudgeChoice(off=True)
    call = {"answers": answers(lambda n: "No." if n % 2 else "Yes."), "benchmark": "mmsafeaware", "data": mmsa}
    one = foresee.score(**call, out=tmp_path / "one")
    options = BuildOptions()
    tasks = {
        "run": partial(on_ray._score, call),
        "again": partial(on_ray._score, {"run": tmp_path / "one", "judging": off}),
        "data": partial(on_ray._curate, "threat_vqa", {**VQA}, options),
    }
    for name, task in tasks.items():
        for shard in ("1/2", "2/2"):
            sent(task)(shard, tmp_path / name, states.append)
    assert {state.total for state in states} >= {len(one.rows)} or len(states) > 4
    for name in ("run", "again"):
        joined = foresee.join(tmp_path / name)
        assert (joined.estimates, len(joined.rows)) == (one.estimates, len(one.rows))
    asked = served.server.total
    made = make("threat_vqa", VQA, tmp_path / "data")
    assert served.server.total - asked < asked / 2, "most of it was asked by the shards"
    assert (tmp_path / "data" / "rows.jsonl").read_text().count("\n") == made.rows


@pytest.mark.slow
def test_judging_and_building_on_a_cluster(
    served: Served, cluster: None, mmsa: Path, answers: Any, tmp_path: Path
) -> None:
    call = {"answers": answers(lambda n: "No." if n % 2 else "Yes."), "benchmark": "mmsafeaware", "data": mmsa}
    one = foresee.score(**call, out=tmp_path / "one")
    joined = on_ray.score_on_ray(call, out=tmp_path / "run", placing=Placing(2))
    assert joined.estimates == one.estimates
    values = {**VQA, "near_duplicates": 0}
    alone = make("threat_vqa", values, tmp_path / "alone")
    built = on_ray.curate_on_ray(
        "threat_vqa", values, out=tmp_path / "data", options=BuildOptions(), placing=Placing(2)
    )
    assert built.rows == alone.rows
    assert (tmp_path / "data" / "rows.jsonl").read_bytes() == (tmp_path / "alone" / "rows.jsonl").read_bytes()


def test_how_an_engine_is_named() -> None:
    assert [Placing.read(text) for text in ("ray", "ray:8", "ray:8x0.5")] == [(None, None), (8, None), (8, 0.5)]
    for text in ("dask", "ray:", "ray:0", "ray:2x", "ray:-1"):
        with pytest.raises(UserError, match="expected ray, ray:SHARDS"):
            Placing.read(text)
