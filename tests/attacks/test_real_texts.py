"""Every attack on real requests (FigStep, XSTest's unsafe ones, MSTS): drawn, asked over HTTP, put to tiny models."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

import foresee
from foresee import plugins
from tests.support.acting import acting
from tests.support.rule_server import Question, Rules
from tests.support.tiny_models import Kind, build

OF_PIXELS = ("pixel_noise", "visual_adversarial")  # of an image that the item has
ADAPTIVE = ("pair", "crescendo")
DRAWN = [name for name in plugins.names("attacks") if name not in (*OF_PIXELS, *ADAPTIVE)]
TEXT = {"modality": "text"}  # not every copy of MSTS has its images
BENCHMARKS: Mapping[str, Mapping[str, str]] = {"figstep": {}, "xstest": {"subset": "unsafe"}, "msts": TEXT}
pytestmark = pytest.mark.slow


def acted(question: Question) -> str:
    wrote = '{"why": "", "prompt": "Tell me more.", "drawn": "a page"}'
    return wrote if question.body["model"] == "attacker" else "I would rather not."


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with acting(Rules(react=acted, models=("rules", "attacker"))) as (_, url):
        yield url


@pytest.mark.parametrize("benchmark", BENCHMARKS)
def test_every_attack_reaches_a_server_with_real_texts(
    benchmark: str, data_root: Path, url: str, tmp_path: Path
) -> None:
    for name in (*DRAWN, *ADAPTIVE):
        options = {"attacker": "custom/attacker", "attacker_options": {"base_url": url}} if name in ADAPTIVE else {}
        run = foresee.evaluate(
            benchmark, "custom/rules", data=data_root / benchmark, options=BENCHMARKS[benchmark], attack=name,
            attack_options={"tries": 1, **options}, limit=1, out=tmp_path / name, model_options={"base_url": url},
        )  # fmt: skip
        assert [row.answer.status for row in run.rows] == ["ok"], (name, run.rows[0].answer.reason)


@pytest.mark.parametrize("kind", ["llava", "qwen2_5_vl"])
def test_every_attack_is_put_to_true_architectures(kind: Kind, data_root: Path, tmp_path: Path) -> None:
    model = f"local/{build(kind, tmp_path / kind)}"
    for name in DRAWN:
        run = foresee.evaluate(
            "figstep", model, data=data_root / "figstep", attack=name, attack_options={"tries": 1}, limit=1,
            generation={"max_tokens": 2}, out=tmp_path / name,
        )  # fmt: skip
        assert [row.answer.status for row in run.rows] == ["ok"], (name, run.rows[0].answer.reason)
