"""Merging: the merged model answers as base and adapter do, whatever the adapter is on; half a model is never left."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from foresee.errors import UserError
from foresee.files.appending import held
from foresee.models.checkpoints import load, merge
from foresee.models.checkpoints.find import read_json
from foresee.models.checkpoints.rewards import rewards
from foresee.organism.world import language
from tests.support.tiny_models import build, word_tokenizer

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture(scope="module")
def bases(tmp_path_factory: pytest.TempPathFactory) -> dict[bool, Path]:
    """A model whose input and output embeddings are tied, and one whose are not."""
    from transformers import AutoModelForImageTextToText

    root = tmp_path_factory.mktemp("bases")
    words = word_tokenizer("qwen2_5_vl", language.vocabulary())
    plain = build(
        "qwen2_5_vl", root / "apart", tokenizer=words, hidden=64, layers=2, vision_layers=1, initializer_range=0.2
    )
    tied = root / "tied"
    import shutil

    shutil.copytree(plain, tied)
    model = AutoModelForImageTextToText.from_pretrained(plain)
    for config in (model.config, model.config.get_text_config()):
        config.tie_word_embeddings = True
    model.tie_weights()
    model.save_pretrained(tied)
    return {True: tied, False: plain}


def adapter(base: Path, out: Path, **settings: Any) -> Path:
    """An adapter of these modules with weights that do something."""
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(0)
    model = get_peft_model(load(base).model, LoraConfig(r=4, lora_alpha=8, **settings))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_" in name or "modules_to_save" in name:
                parameter.normal_(0.0, 0.3)
    model.save_pretrained(str(out), save_embedding_layers=False)
    return out


@pytest.mark.parametrize(
    "settings",
    [
        {"target_modules": ["lm_head"]},
        {"target_modules": ["embed_tokens"]},
        {"target_modules": ["lm_head", "embed_tokens"]},
        {"target_modules": ["q_proj"]},
        {"target_modules": ["q_proj"], "use_dora": True},
        {"target_modules": ["q_proj"], "modules_to_save": ["lm_head"]},
    ],
    ids=str,
)
@pytest.mark.parametrize("tied", [True, False])
def test_merged_models_answer_as_base_and_adapter(
    tied: bool, settings: dict[str, Any], bases: dict[bool, Path], tmp_path: Path
) -> None:
    base = bases[tied]
    made = adapter(base, tmp_path / "adapter", **settings)
    merged = merge.merge(base, made, tmp_path / "merged")
    ids = torch.arange(20, 40).unsqueeze(0)
    with torch.no_grad():
        apart, whole = (vlm.model(input_ids=ids).logits for vlm in (load(base, made), load(merged)))
        alone = load(base).model(input_ids=ids).logits
    torch.testing.assert_close(apart, whole, atol=2e-4, rtol=1e-4)
    assert (whole - alone).abs().max() > 0.1, "the adapter does something"
    touched = {"lm_head", "embed_tokens"} & {*settings["target_modules"], *settings.get("modules_to_save", ())}
    if tied and not touched:
        assert read_json(merged / "config.json")["tie_word_embeddings"] is True, "left as it was"


def test_a_merged_model_says_by_which_judges_its_adapter_was_rewarded(bases: dict[bool, Path], tmp_path: Path) -> None:
    made = adapter(bases[False], tmp_path / "adapter", target_modules=["q_proj"])
    told = [{"judge": "world", "version": "1", "rubrics": []}]
    (made / "manifest.json").write_text(json.dumps({"rewarded_by": told}))
    assert rewards(merge.merge(bases[False], made, tmp_path / "merged")) == told


def test_two_merges_do_not_share_a_folder(bases: dict[bool, Path], tmp_path: Path) -> None:
    made = adapter(bases[False], tmp_path / "adapter", target_modules=["q_proj"])
    with held(tmp_path / ".merged.part"), pytest.raises(UserError, match="in use by another process"):
        merge.merge(bases[False], made, tmp_path / "merged")
    assert not (tmp_path / "merged").exists()


def test_a_merge_that_went_wrong_is_not_kept(
    bases: dict[bool, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = adapter(bases[True], tmp_path / "adapter", target_modules=["lm_head"])
    monkeypatch.setattr(merge, "_untie", lambda core: None)
    with pytest.raises(UserError, match=r"does not answer as base and adapter do .* was not kept"):
        merge.merge(bases[True], made, tmp_path / "merged")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["adapter"]


def test_a_killed_merge_leaves_nothing_that_looks_finished(bases: dict[bool, Path], tmp_path: Path) -> None:
    made, out = adapter(bases[False], tmp_path / "adapter", target_modules=["q_proj"]), tmp_path / "merged"
    script = (
        "import time\nfrom foresee.models.checkpoints import merge as merging\n"
        "merging._compare = lambda *arguments: time.sleep(600)\n"
        f"merging.merge({str(bases[False])!r}, {str(made)!r}, merging.Path({str(out)!r}))\n"
    )
    process = subprocess.Popen([sys.executable, "-c", script], env={**os.environ, "PYTHONPATH": str(ROOT)})
    aside = tmp_path / ".merged.part"
    deadline = time.monotonic() + 240
    while not list(aside.glob("*.safetensors")) and time.monotonic() < deadline:
        time.sleep(0.1)
    process.kill()
    process.wait()
    assert aside.is_dir()
    assert not out.exists()
    merge.merge(bases[False], made, out)
    assert (out / "model.safetensors").is_file()
    assert not aside.exists()


@pytest.mark.slow
def test_a_merge_killed_once_its_folder_stood_is_done(
    bases: dict[bool, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, out = adapter(bases[False], tmp_path / "adapter", target_modules=["q_proj"]), tmp_path / "merged"
    script = (
        "import os, signal\nfrom foresee.models.checkpoints import merge as merging\nreplace = os.replace\n"
        "def last(*names):\n    replace(*names)\n    if str(names[1]).endswith('merged'):\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\nos.replace = last\n"
        f"merging.merge({str(bases[False])!r}, {str(made)!r}, merging.Path({str(out)!r}))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False)
    assert done.returncode == -9
    stood = {path.name: path.stat().st_mtime_ns for path in out.iterdir()}
    with monkeypatch.context() as patched:
        patched.delattr(merge, "load")
        assert merge.merge(bases[False], made, out) == out, "nothing is loaded, nothing written"
    assert {path.name: path.stat().st_mtime_ns for path in out.iterdir()} == stood
    other = adapter(bases[False], tmp_path / "other", target_modules=["v_proj"])
    with pytest.raises(UserError, match="is there and not empty"):
        merge.merge(bases[False], other, out)
