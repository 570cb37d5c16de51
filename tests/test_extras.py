"""What an installation without extras says where one is needed, and that it needs none elsewhere."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from foresee.curation import BuildOptions, make
from foresee.data import tables
from foresee.dataset_format import exporting
from foresee.errors import UserError
from foresee.evaluation.on_ray import evaluate_on_ray
from foresee.evaluation.run_folder import Run
from foresee.records import Answer, Item, Message, Row
from foresee.report import export, profile_figure
from foresee.report.profile import Profile

OPTIONAL = (
    "pyarrow",
    "pandas",
    "statsmodels",
    "imagehash",
    "torch",
    "transformers",
    "datasets",
    "inspect_ai",
    "matplotlib",
    "matplotlib.figure",
    "ray",
)


@pytest.fixture(autouse=True)
def _without_extras(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in OPTIONAL:
        monkeypatch.setitem(sys.modules, name, None)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    one, two = (Item(name, (Message("user", (f"{name}, two\nthree",)),)) for name in "ab")
    rows = (
        Row(one, Answer("a", 0, '=HYPERLINK("x")'), {}, {"correct": 1.0}),
        Row(two, Answer("b", 0, "é"), {}, {}),
    )
    return Run(tmp_path, "toy", "m", "none", rows, (), ())


def test_parquet_and_frames_name_their_extra_in_one_line(run: Run, tmp_path: Path) -> None:
    (tmp_path / "x.parquet").write_bytes(b"PAR1")
    for does, extra in (
        (lambda: list(tables.read_columns(tmp_path / "x.parquet")), "parquet"),
        (lambda: export.write([run], "parquet"), "parquet"),
        (lambda: exporting.write_parquet(tmp_path, tmp_path / "y.parquet"), "parquet"),
        (lambda: exporting.to_dataset(tmp_path), "train"),
        (
            lambda: make("threat_vqa", {"source": "world"}, tmp_path / "d", options=BuildOptions(parquet=True)),
            "parquet",
        ),
        (run.frame, "frame"),
        (lambda: evaluate_on_ray({"model": "organism/base"}, out=tmp_path / "r"), "ray"),
        (lambda: profile_figure.check(Path("f.png")), "figure"),
        (Profile((), (), ()).plot, "figure"),
    ):
        with pytest.raises(UserError, match=rf"pip install 'foresee\[{extra}\]'$") as raised:
            does()
        assert "\n" not in str(raised.value)
    assert not (tmp_path / "d").exists(), "found out before anything is asked or written"


def test_csv_needs_no_extra_keeps_whole_numbers_and_disarms_formulas(run: Run) -> None:
    import csv

    with export.write([run], "csv").open(encoding="utf-8", newline="") as file:
        first, second = csv.DictReader(file)
    assert (first["prompt"], first["answer"]) == ("a, two\nthree", '\'=HYPERLINK("x")')
    assert (first["epoch"], first["input_tokens"], first["image_path"]) == ("0", "0", "")
    assert (first["measure.correct"], second["measure.correct"], second["answer"]) == ("1.0", "", "é")
