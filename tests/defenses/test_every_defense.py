"""Every defense runs through the runner on tiny models of both architectures; one on logits is refused elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from foresee import plugins
from foresee.dataset_format import DataRow, RowWriter, Turn
from foresee.defenses import Composed, open_defense
from foresee.errors import UserError
from foresee.models import open_model
from foresee.records import Generation, Item, Model
from foresee.runner import run
from foresee.runner.journal import Journal
from tests.defenses.conftest import drawn

Make = Callable[..., Item]
TOGETHER = "safety_prompt+contextual_prompt+few_shot+contrastive_decoding+ecso"
OWN_FILE = ("guard_filter", "eta", "refusal_direction", "astra", "hidden_detect")  # what needs more is tested there
NAMES = [*(name for name in plugins.names("defenses") if name not in OWN_FILE), TOGETHER]


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("few") / "shots"
    with RowWriter.open(folder) as writer:
        for number in range(90, 96):
            prompt, reply = (Turn(role="user", content="Is it safe?"),), (Turn(role="assistant", content="Yes."),)
            writer.add(
                DataRow(id=str(number), images=(writer.store(drawn(number).read()),), prompt=prompt, completion=reply)
            )
    return folder


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    root = tmp_path_factory.mktemp("tiny")

    def spec(kind: Any) -> str:
        from tests.support.tiny_models import build

        if not (root / kind).exists():
            build(kind, root / kind, initializer_range=0.12, hidden=64, layers=2, seed=1)
        return f"local/{root / kind}"

    return spec


def defense_of(name: str, examples: Path, items: list[Item]) -> Composed:
    options = {"examples": str(examples), "k": 2} if "few_shot" in name else {}
    if name == "immune":
        from tests.support.tiny_models import reward_model

        options = {"reward": str(reward_model(examples / "reward")), "weight": 20}
    defense = open_defense(name, options)
    assert defense is not None
    return defense.fitted(items)


@pytest.mark.parametrize("kind", ["llava", "qwen3_vl"])
async def test_every_defense_runs(
    kind: str, tiny: Callable[[str], str], examples: Path, item: Make, tmp_path: Path
) -> None:
    items = [item(1), item(2), item(3, picture=False)]
    model: Model = open_model(tiny(kind), {"batch_size": 4})
    texts: dict[str, list[str]] = {}
    for name in ("none", *NAMES):
        defense = None if name == "none" else defense_of(name, examples, items)
        with Journal.open(tmp_path / f"{name}.jsonl", {}, free=()) as journal:
            found = await run(items, model, [], journal, defense=defense, generation=Generation(max_tokens=8))
        assert [row.answer.status for row in found.rows] == ["ok"] * 3, [row.answer.reason for row in found.rows]
        assert all(row.answer.usage.input_tokens > 0 for row in found.rows)
        texts[name] = [row.answer.text for row in found.rows]
        assert name in ("none", "ecso", "self_check") or texts[name][:2] != texts["none"][:2], f"{name} changes nothing"
    assert texts["contrastive_decoding"][2] == texts["none"][2], "no picture, nothing to contrast"
    await model.close()


async def test_a_model_without_logits_refuses_in_one_line(item: Make, tmp_path: Path) -> None:
    model = open_model("custom/m", {"base_url": "http://127.0.0.1:9/v1"})
    defense = open_defense("safety_prompt+contrastive_decoding")
    with Journal.open(tmp_path / "j.jsonl", {}, free=()) as journal, pytest.raises(UserError) as refused:
        await run([item()], model, [], journal, defense=defense)
    assert "works on logits" in str(refused.value)
    assert "local/FOLDER_OR_HUB_ID and organism/NAME do" in str(refused.value)
    assert "\n" not in str(refused.value)
    await model.close()


def test_at_most_one_of_a_kind() -> None:
    with pytest.raises(UserError, match="same defense twice"):
        open_defense("safety_prompt+safety_prompt")
    with pytest.raises(UserError, match=r"alpha: .* greater than or equal to 0"):
        open_defense("contrastive_decoding", ["alpha=-1"])
    with pytest.raises(UserError, match=r"noise_step: .* less than 1000"):
        open_defense("contrastive_decoding", ["noise_step=1000"])


@pytest.mark.parametrize("name", plugins.names("defenses"))
def test_every_defense_keeps_the_contract(name: str) -> None:
    module = plugins.load("defenses", name)
    assert isinstance(module.VERSION, str)
    assert sum(hasattr(module, kind) for kind in ("edit", "filter", "decoding", "hidden", "answer")) == 1
    languages = plugins.summary("defenses", name).literals.get("LANGUAGES", ())
    assert set(languages) <= {"English", "drawn world"}
    assert f"--defense none,{name}" in (module.__doc__ or "") or f"--defense {name}" in (module.__doc__ or "")
