"""The worked notebook runs as it stands, and shows tables, figures and one failed item."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

nbformat = pytest.importorskip("nbformat", reason="needs nbclient and ipykernel")
nbclient = pytest.importorskip("nbclient", reason="needs nbclient and ipykernel")
NOTEBOOK = Path(__file__).resolve().parent.parent / "docs" / "three_models.ipynb"


@pytest.mark.slow
def test_the_worked_notebook_runs_and_shows_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join((str(NOTEBOOK.parent.parent), os.environ.get("PYTHONPATH", ""))))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells), "kept without outputs: they would grow old"
    nbclient.NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    shown = [{kind for output in cell.outputs for kind in output.get("data", ())} for cell in code]
    runs, profile, figure, cost, difference, drawn, _ = shown
    assert all("text/html" in kinds for kinds in (runs, profile, cost, difference))
    assert all("image/png" in kinds for kinds in (figure, drawn))
    told = "".join(output.text for output in code[-1].outputs if output.output_type == "stream")
    for part in ("asked: ", "answered: ", "judged: ", "command:  foresee show runs/notebook/"):
        assert part in told
