"""Results in Weights & Biases, offline: figures and settings are there, texts and paths are not."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from foresee.evaluation.run_folder import read_run
from tests.cli.conftest import Cli

WANDB = importlib.util.find_spec("wandb")


def test_figures_and_settings_are_logged_and_no_texts(
    cli: Cli, mmsa: Path, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = ("--data", mmsa, "--out", "run", "-M", f"base_url={server}")
    asked = ("eval", "mmsafeaware", *place, "--model", "custom/rules", "--limit", 6, "--tag", "night")
    if WANDB is None:
        early = cli(*asked, "--wandb", "safety")
        assert (early.code, early.err.count("\n"), Path("run").exists()) == (2, 1, False)
    assert cli(*asked).code == 0
    refused = cli("export", "run", "--format", "csv", "--project", "x")
    assert (refused.code, refused.err.count("\n")) == (2, 1)
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_ERROR_REPORTING", "false")
    done = cli("export", "run", "--format", "wandb", "--project", "safety", "--out", "kept")
    if WANDB is None:
        assert (done.code, done.err.count("\n")) == (2, 1)
        assert "foresee[wandb]" in done.err
        return
    assert done.code == 0, done.err
    run = read_run("run")
    (kept,) = Path("kept").glob("wandb/offline-run-*/*.wandb")
    held = kept.read_bytes()
    named = {estimate.name for estimate in run.estimates if estimate.value is not None}
    assert {name for name in named if f"{name}/coverage".encode() in held} == named
    assert b"custom/rules" in held
    assert b"night" in held
    assert not any(row.item.prompt.split("\n")[-1].encode() in held for row in run.rows)
    assert str(mmsa).encode() not in held
    again = cli(*asked, "--wandb", "safety")
    assert again.code == 0, again.err
    assert len(list(Path().glob("wandb/offline-run-*/*.wandb"))) == 1
