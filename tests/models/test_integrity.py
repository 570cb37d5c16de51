"""Folders of weights that are not what they seem: one line before anything is loaded, and no foreign code or file."""

from __future__ import annotations

import asyncio
import json
import pickle
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from foresee.curation.image_models import DiffusersOptions, LocalPainter
from foresee.errors import UserError
from foresee.models import open_model
from foresee.models.checkpoints import load
from foresee.models.checkpoints.template_trial import trouble
from foresee.models.local.reward_guided import reward_model
from tests.models.test_checkpoints import adapter_for
from tests.support.tiny_models import build

pytest.importorskip("torch")


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A tiny model and an adapter of it."""
    folder = build("qwen2_5_vl", tmp_path_factory.mktemp("qwen"), hidden=64, layers=2)
    return folder, adapter_for(folder, tmp_path_factory.mktemp("adapter"))


class Marker:
    """Leaves a file behind where it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return (Path.touch, (self.path,))


def edit(path: Path, **values: Any) -> None:
    content = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps({**content, **values}))


def pickled_index(model: Path, adapter: Path) -> None:
    (model / "pytorch_model.bin").write_bytes(pickle.dumps(Marker(model / "RAN")))
    edit(model / "model.safetensors.index.json", weight_map={"a": "pytorch_model.bin"}, metadata={})


def foreign_index(model: Path, adapter: Path) -> None:
    edit(model / "model.safetensors.index.json", weight_map={"a": "../other/model.safetensors"}, metadata={})


def lost_shard(model: Path, adapter: Path) -> None:
    edit(model / "model.safetensors.index.json", weight_map={"a": "model-00001-of-00002.safetensors"}, metadata={})


def cut(model: Path, adapter: Path) -> None:
    weights = (model / "model.safetensors").read_bytes()
    (model / "model.safetensors").write_bytes(weights[: len(weights) // 2])


def long_header(model: Path, adapter: Path) -> None:
    (model / "model.safetensors").write_bytes(struct.pack("<Q", 1 << 62) + b"{}")


def empty_weights(model: Path, adapter: Path) -> None:
    (model / "model.safetensors").write_bytes(b"")


def two_in_one(model: Path, adapter: Path) -> None:
    edit(model / "adapter_config.json", peft_type="LORA", base_model_name_or_path="/elsewhere")


def hub_kernel(model: Path, adapter: Path) -> None:
    edit(model / "config.json", attn_implementation="evil/kernel")


def hub_kernel_within(model: Path, adapter: Path) -> None:
    edit(model / "config.json", attn_implementation={"text_config": "evil/kernel:run"})


def several_folders(model: Path, adapter: Path) -> None:
    edit(adapter / "adapter_config.json", peft_type="XLORA", adapters={"0": "/elsewhere"})


def no_type(model: Path, adapter: Path) -> None:
    edit(adapter / "adapter_config.json", peft_type=None)


def module_to_import(model: Path, adapter: Path) -> None:
    edit(adapter / "adapter_config.json", megatron_config={"a": 1}, megatron_core="evil")


def cut_adapter(model: Path, adapter: Path) -> None:
    weights = (adapter / "adapter_model.safetensors").read_bytes()
    (adapter / "adapter_model.safetensors").write_bytes(weights[:-10])


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (pickled_index, "expected names of .safetensors files in this folder, got 'pytorch_model.bin'"),
        (foreign_index, "expected names of .safetensors files in this folder, got '../other/model.safetensors'"),
        (lost_shard, "model-00001-of-00002.safetensors is not there; is the download complete?"),
        (cut, "expected whole weights in safetensors"),
        (long_header, "expected whole weights in safetensors"),
        (empty_weights, "expected whole weights in safetensors"),
        (two_in_one, "it holds adapter_config.json too"),
        (hub_kernel, "got 'evil/kernel', which is code on the hub"),
        (hub_kernel_within, "got 'evil/kernel:run', which is code on the hub"),
        (several_folders, "got XLORA"),
        (no_type, "got None"),
        (module_to_import, "names a module to import"),
        (cut_adapter, "expected whole weights in safetensors"),
    ],
)
def test_what_would_load_something_else_is_refused_before_it_loads(
    damage: Callable[[Path, Path], None], message: str, sound: tuple[Path, Path], tmp_path: Path
) -> None:
    model, adapter = (Path(shutil.copytree(folder, tmp_path / folder.name)) for folder in sound)
    damage(model, adapter)
    with pytest.raises(UserError) as raised:
        open_model(f"local/{model}:{adapter}")
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)
    assert not (model / "RAN").exists()


@pytest.mark.parametrize("known", [True, False])
def test_code_of_a_checkpoint_does_not_run(known: bool, sound: tuple[Path, Path], tmp_path: Path) -> None:
    folder, ran = Path(shutil.copytree(sound[0], tmp_path / "model")), tmp_path / "RAN"
    names = ("AutoConfig", "AutoModel", "AutoModelForImageTextToText", "AutoProcessor", "AutoTokenizer")
    (folder / "evil.py").write_text(f"open({str(ran)!r}, 'w')\nclass Evil: ...\n")
    own = {} if known else {"model_type": "evil"}
    edit(folder / "config.json", auto_map=dict.fromkeys(names, "evil.Evil"), **own)
    edit(folder / "tokenizer_config.json", auto_map={"AutoTokenizer": ["evil.Evil", "evil.Evil"]})
    if known:
        load(folder)
    else:
        with pytest.raises(UserError):
            load(folder)
    assert not ran.exists()


def test_an_attention_from_the_hub_is_refused(sound: tuple[Path, Path]) -> None:
    with pytest.raises(UserError, match="attn_implementation: expected a name such as sdpa"):
        open_model(f"local/{sound[0]}", {"attn_implementation": "evil/kernel"})


@pytest.mark.parametrize(
    ("template", "said"),
    [
        (
            "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}",
            "runs for more than 5 seconds",
        ),
        ("{{ messages[0].content * 10**9 }}", "writes more than 1,000,000 letters"),
        ("{{ '%099999999999d' % 1 }}", "needs more than 2 GiB"),
    ],
)
def test_a_chat_template_that_runs_long_or_writes_much_is_refused(
    template: str, said: str, sound: tuple[Path, Path], tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(sound[0], tmp_path / "model"))
    (folder / "chat_template.jinja").write_text(template)
    with pytest.raises(UserError, match=f"its chat template .*{said}"):
        load(folder)


@pytest.mark.parametrize(
    "template",
    [
        "{% for m in messages %}{% generation %}{{ m.content }}{% endgeneration %}{% endfor %}",
        "{{ raise_exception('no system role') }}",
        "{% for m in messages %}{% if loop.first %}{% continue %}{% endif %}{{ m | tojson(indent=2) }}{% endfor %}",
        "{% broken",
    ],
)
def test_what_templates_do_or_raise_is_no_trouble(template: str) -> None:
    assert trouble(template) == ""


def test_parts_of_an_image_model_and_reward_models_are_checked_alike(sound: tuple[Path, Path], tmp_path: Path) -> None:
    evil = {"architectures": ["LlamaForSequenceClassification"], "attn_implementation": "kernels-community/evil"}
    for place in (tmp_path / "painter" / "text_encoder", tmp_path / "reward"):
        place.mkdir(parents=True)
        (place / "config.json").write_text(json.dumps(evil))
        (place / "model.safetensors").write_bytes((sound[0] / "model.safetensors").read_bytes())
    with pytest.raises(UserError, match="which is code on the hub"):
        reward_model(str(tmp_path / "reward"), "")
    painter = LocalPainter(str(tmp_path / "painter"), DiffusersOptions())
    with pytest.raises(UserError, match="which is code on the hub"):
        asyncio.run(painter.paint("a cup", 0))
