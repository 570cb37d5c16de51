"""What can be opened, how it is named, and the one line that says why something can not."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from foresee import organism
from foresee.errors import ModelError, UserError
from foresee.models import open_model
from foresee.models.checkpoints import LoadOptions, load
from foresee.models.checkpoints.find import fingerprint, kind_of
from foresee.models.checkpoints.processors import load_processor
from foresee.models.local.model import LocalModel, LocalOptions, open_local_model, split_name
from foresee.records import Generation, Image, Message, Request
from tests.support.tiny_models import Kind, build, byte_tokenizer

GREEDY = Generation(max_tokens=8)


@pytest.fixture(scope="module")
def llava(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("llava", tmp_path_factory.mktemp("llava"), hidden=64, layers=2, initializer_range=0.12)


@pytest.fixture(scope="module")
def qwen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("qwen2_5_vl", tmp_path_factory.mktemp("qwen"), hidden=64, layers=2)


@pytest.fixture(scope="module")
def text_only(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from transformers import LlamaConfig, LlamaForCausalLM

    folder = tmp_path_factory.mktemp("text")
    tokenizer = byte_tokenizer("llava")
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=4
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def adapter_for(folder: Path, out: Path, *, rank: int = 4, strength: float = 1.0) -> Path:
    import torch
    from peft import LoraConfig, get_peft_model

    vlm = load(folder)
    targets = r".*language_model.*\.(q_proj|v_proj)" if vlm.kind == "image_text" else ["q_proj", "v_proj"]
    torch.manual_seed(0)
    model = get_peft_model(vlm.model, LoraConfig(r=rank, lora_alpha=2 * rank, target_modules=targets))
    for name, weight in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=strength)
    model.save_pretrained(out)
    return out


def picture(width: int = 64, height: int = 64) -> Image:
    from PIL import Image as Pil

    buffer = io.BytesIO()
    Pil.new("RGB", (width, height), "red").save(buffer, "PNG")
    return Image.from_bytes(buffer.getvalue())


def asked(*content: str | Image) -> Request:
    return Request((Message("user", content),), GREEDY)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("runs/base", ("runs/base", None)),
        ("Qwen/Qwen3-VL-4B-Instruct:runs/safer", ("Qwen/Qwen3-VL-4B-Instruct", "runs/safer")),
        (r"C:\models\base", (r"C:\models\base", None)),
        (r"C:\models\base:D:\runs\safer", (r"C:\models\base", r"D:\runs\safer")),
        ("C:/models/base:safer", ("C:/models/base", "safer")),
        (r"base:D:\runs\safer", ("base", r"D:\runs\safer")),
        ("/srv/base:/srv/safer", ("/srv/base", "/srv/safer")),
    ],
)
def test_names_are_taken_apart(name: str, expected: tuple[str, str | None]) -> None:
    assert split_name(name) == expected


def test_a_folder_with_a_colon_in_its_name_is_one_folder(tmp_path: Path) -> None:
    (tmp_path / "a:b").mkdir()
    assert split_name(str(tmp_path / "a:b")) == (str(tmp_path / "a:b"), None)
    with pytest.raises(UserError, match="expected MODEL or MODEL:ADAPTER"):
        split_name("base:")


async def test_an_adapter_changes_the_answers_as_if_it_were_merged(llava: Path, tmp_path: Path) -> None:
    adapter = adapter_for(llava, tmp_path / "adapter")
    merged = load(llava, adapter)
    merged.model.merge_and_unload().save_pretrained(tmp_path / "merged")
    for file in llava.iterdir():
        if file.name not in ("model.safetensors", "config.json"):
            shutil.copy(file, tmp_path / "merged" / file.name)
    request = asked(picture(), "Is it safe?")
    texts, identities = [], []
    for spec in (f"local/{llava}", f"local/{llava}:{adapter}", f"local/{tmp_path / 'merged'}"):
        model = open_model(spec)
        texts.append((await model.generate(request)).text)
        identities.append(json.dumps(dict(model.identity), sort_keys=True))
        await model.close()
    assert texts[1] == texts[2] != texts[0]
    assert len(set(identities)) == 3


async def test_a_text_model_answers_text_and_refuses_images(text_only: Path) -> None:
    model = open_model(f"local/{text_only}")
    assert model.capabilities == {"logits", "first_token", "logprobs", "hidden_states", "repetition_penalty"}
    rules = Message("system", ("Judge.",))
    reply = await model.generate(Request((rules, Message("user", ("Is it", "safe?"))), GREEDY))
    assert reply.usage.output_tokens == 8
    with pytest.raises(ModelError, match=r"is a text-only model; the request carries 1 image\(s\)"):
        await model.generate(asked(picture(), "x"))
    await model.close()


def test_capabilities_and_identity_are_known_before_the_weights_are_loaded(llava: Path, tmp_path: Path) -> None:
    model = open_model(f"local/{llava}")
    assert isinstance(model, LocalModel)
    assert model.capabilities == {
        "images", "logits", "first_token", "logprobs", "hidden_states", "repetition_penalty"
    }  # fmt: skip
    assert model._shared is not None
    assert model._shared.engine._loaded is None
    shutil.copytree(llava, tmp_path / "moved")
    assert fingerprint(tmp_path / "moved") == model.identity["weights"]
    weights = bytearray((tmp_path / "moved" / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (tmp_path / "moved" / "model.safetensors").write_bytes(weights)
    assert fingerprint(tmp_path / "moved") != model.identity["weights"]


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("local/no/such/folder", "no such folder: no/such/folder"),
        ("local/./nowhere", "no such folder: ./nowhere"),
        ("local/some-lab/some-model-7b", "not in the local cache, and HF_HUB_OFFLINE is set"),
        ("local/{empty}", "expected a model folder with config.json, found none"),
        ("local/{adapter}", "it is an adapter: give local/BASE:ADAPTER"),
        ("local/{pickled}", "pickled weights can run code and are not read"),
        ("local/{strange}", "has no chat model of type 'perpetuum'"),
        ("local/{encoder}", "expected a decoder-only model, got the encoder-decoder 'florence2'"),
        ("local/{broken}", "expected a JSON file"),
        ("local/{llava}:{empty}", "expected a PEFT adapter with adapter_config.json, found none"),
        ("local/{llava}:{pickled_adapter}", "expected weights in adapter_model.safetensors, found none; pickled"),
        ("organism/none", "no organism named 'none'"),
    ],
)
def test_what_can_not_be_opened_is_said_in_one_line(spec: str, message: str, llava: Path, tmp_path: Path) -> None:
    files: dict[str, dict[str, str]] = {
        "empty": {},
        "adapter": {"adapter_config.json": "{}"},
        "pickled": {"config.json": '{"model_type": "llava"}', "pytorch_model.bin": "x"},
        "strange": {"config.json": '{"model_type": "perpetuum"}', "model.safetensors": "x"},
        "encoder": {
            "config.json": '{"model_type": "florence2", "is_encoder_decoder": true}',
            "model.safetensors": "x",
        },
        "broken": {"config.json": "{", "model.safetensors": "x"},
        "pickled_adapter": {"adapter_config.json": "{}", "adapter_model.bin": "x"},
    }
    for name, content in files.items():
        (tmp_path / name).mkdir()
        for file, text in content.items():
            (tmp_path / name / file).write_text(text)
    places = {name: str(tmp_path / name) for name in files}
    with pytest.raises(UserError) as raised:
        open_model(spec.format(llava=llava, **places))
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"device": "cuda:99"}, "device 'cuda:99' is not on this machine"),
        ({"device": "tpu"}, "device: expected auto, cpu, cuda, cuda:N or mps, got 'tpu'"),
        ({"device": "cpu:1"}, "device: expected auto"),
        ({"dtype": "float8"}, "dtype: Input should be 'auto', 'float32'"),
        ({"device": "cpu", "quantisation": "4bit"}, "quantisation 4bit needs CUDA and bitsandbytes"),
        ({"batchsize": 4}, "did you mean batch_size"),
        ({"batch_size": 0}, "batch_size"),
    ],
)
def test_options_that_do_not_fit_are_refused(options: dict[str, Any], message: str, llava: Path) -> None:
    with pytest.raises(UserError) as raised:
        open_model(f"local/{llava}", options)
    assert message in str(raised.value)


async def test_what_goes_wrong_while_loading_is_said_to_every_request(llava: Path, tmp_path: Path) -> None:
    shutil.copytree(llava, tmp_path / "m")
    (tmp_path / "m" / "chat_template.jinja").unlink()
    model = open_model(f"local/{tmp_path / 'm'}")
    for _ in range(2):
        with pytest.raises(UserError, match="expected a chat template"):
            await model.generate(asked("x"))
    await model.close()


@pytest.mark.parametrize("difference", ["architecture", "width", "depth", "extra weights"])
def test_an_adapter_of_another_model_is_refused(difference: str, llava: Path, qwen: Path, tmp_path: Path) -> None:
    other = {
        "architecture": lambda: qwen,
        "width": lambda: build("llava", tmp_path / "wide", hidden=128, layers=2),
        "depth": lambda: build("llava", tmp_path / "deep", hidden=64, layers=3),
        "extra weights": lambda: llava,
    }[difference]()
    adapter = adapter_for(other, tmp_path / "adapter")
    if difference == "architecture":
        text = (adapter / "adapter_config.json").read_text()
        (adapter / "adapter_config.json").write_text(text.replace("language_model", "nothing_here"))
    if difference == "extra weights":
        from safetensors.torch import load_file, save_file

        weights = load_file(adapter / "adapter_model.safetensors")
        name = next(name for name in weights if "layers.0" in name)
        weights[name.replace("layers.0", "layers.9")] = weights[name].clone()
        save_file(weights, adapter / "adapter_model.safetensors")
    with pytest.raises(UserError, match="the adapter is of another model") as raised:
        load(llava, adapter)
    assert "\n" not in str(raised.value)


def test_a_checkpoint_with_weights_missing_is_refused(llava: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    shutil.copytree(llava, tmp_path / "m")
    weights = load_file(tmp_path / "m" / "model.safetensors")
    lost = next(name for name in weights if "q_proj" in name)
    save_file({k: v for k, v in weights.items() if k != lost}, tmp_path / "m" / "model.safetensors", {"format": "pt"})
    with pytest.raises(UserError, match=r"1 weights are not in the checkpoint, the first is .*q_proj"):
        load(tmp_path / "m")


def test_pixel_limits_reach_processors_that_have_them(llava: Path, qwen: Path) -> None:
    from PIL import Image as Pil

    small = load_processor(qwen, max_pixels=32 * 32)
    assert small.image_processor(Pil.new("RGB", (64, 64)), return_tensors="pt")["image_grid_thw"].tolist() == [
        [1, 4, 4]
    ]
    large = load_processor(qwen, min_pixels=64 * 64)
    assert large.image_processor(Pil.new("RGB", (16, 16)), return_tensors="pt")["image_grid_thw"].tolist() == [
        [1, 8, 8]
    ]
    with pytest.raises(UserError, match=r"CLIPImageProcessor.* has a fixed size"):
        load_processor(llava, max_pixels=1000)
    load_processor(llava, max_pixels=1_000_000)  # of a recipe for several models: the fixed size is within it
    with pytest.raises(UserError, match="is more than max_pixels"):
        load_processor(qwen, max_pixels=100)


_VIDEO_FAMILIES: dict[str, dict[str, Any]] = {
    "qwen2_vl": {"processor_class": "Qwen2VLProcessor", "image_processor_type": "Qwen2VLImageProcessor"},
    "qwen2_5_vl": {"processor_class": "Qwen2_5_VLProcessor", "image_processor_type": "Qwen2VLImageProcessor"},
    "qwen3_vl": {"processor_class": "Qwen3VLProcessor", "image_processor_type": "Qwen2VLImageProcessor"},
    "internvl": {
        "processor_class": "InternVLProcessor",
        "image_processor_type": "GotOcr2ImageProcessor",
        "image_seq_length": 16,
    },
    "llava_onevision": {
        "processor_class": "LlavaOnevisionProcessor",
        "image_processor_type": "LlavaOnevisionImageProcessor",
        "num_image_tokens": 16,
        "vision_feature_select_strategy": "full",
    },
    "glm4v": {"processor_class": "Glm4vProcessor", "image_processor_type": "Glm4vImageProcessor"},
}


@pytest.mark.parametrize("family", _VIDEO_FAMILIES)
def test_processors_with_a_video_part_load_without_torchvision(family: str, tmp_path: Path) -> None:
    from PIL import Image as Pil

    if "torchvision" in sys.modules or __import__("importlib.util").util.find_spec("torchvision"):
        pytest.skip("torchvision is installed: AutoProcessor loads these by itself")
    settings = _VIDEO_FAMILIES[family]
    tokenizer = byte_tokenizer("qwen3_vl")
    tokens = {
        "image_token": "<|image_pad|>",
        "video_token": "<|video_pad|>",
        "context_image_token": "<|image_pad|>",
        "start_image_token": "<|vision_start|>",
        "end_image_token": "<|vision_end|>",
    }
    tokenizer.save_pretrained(tmp_path)
    own = json.loads((tmp_path / "tokenizer_config.json").read_text())
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({**own, "extra_special_tokens": tokens, **tokens}))
    (tmp_path / "config.json").write_text(json.dumps({"model_type": family}))
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(settings))
    (tmp_path / "processor_config.json").write_text(json.dumps(settings))
    processor = load_processor(tmp_path)
    assert type(processor).__name__ == settings["processor_class"]
    for key in settings.keys() - {"processor_class", "image_processor_type"}:
        assert getattr(processor, key) == settings[key]
    token = "<|image_pad|>"
    made = processor(text=[f"see {token} now"], images=[Pil.new("RGB", (56, 84))], return_tensors="pt")
    assert made["input_ids"].shape[1] > 8
    assert "pixel_values" in made


@pytest.mark.slow
def test_a_broken_torchvision_is_left_out(qwen: Path, tmp_path: Path) -> None:
    """As it comes when torchvision was built for another torch: it is found, and importing it fails."""
    package, info = tmp_path / "torchvision", tmp_path / "torchvision-0.28.0.dist-info"
    package.mkdir()
    info.mkdir()
    (package / "__init__.py").write_text("raise RuntimeError('operator torchvision::nms does not exist')\n")
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: torchvision\nVersion: 0.28.0\n")
    script = f"""
import warnings
from PIL import Image
from foresee.models.checkpoints import load
vlm = load({str(qwen)!r})
turn = [{{"role": "user", "content": [{{"type": "image", "image": Image.new("RGB", (64, 64))}}]}}]
made = vlm.processor.apply_chat_template(turn, tokenize=True, return_dict=True, return_tensors="pt")
print(tuple(vlm.core(**made).logits.shape[:2]))
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), os.getcwd()])}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment, timeout=200)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("(1, ")
    assert "torchvision does not work here and is left out: operator torchvision::nms" in done.stderr


def test_an_organism_is_a_folder_of_the_package(llava: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(llava, tmp_path / "newt")
    monkeypatch.setattr(organism, "_WEIGHTS", tmp_path)
    assert open_local_model("organism", "newt", {}).name == "organism/newt"
    with pytest.raises(UserError, match="no organism named 'newts'; did you mean newt"):
        open_local_model("organism", "newts", {})
    with pytest.raises(UserError, match="no organism named"):
        open_local_model("organism", "../newt", {})


@pytest.mark.parametrize("kind", ["llava", "qwen3_vl"])
def test_kinds_are_told_without_loading(kind: Kind, text_only: Path, tmp_path: Path) -> None:
    assert kind_of(build(kind, tmp_path)) == "image_text"
    assert kind_of(text_only) == "text"


def test_a_configuration_nested_without_end_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"")
    (tmp_path / "config.json").write_text('{"a":' * 100_000 + "1" + "}" * 100_000)
    with pytest.raises(UserError, match=r"config\.json: expected a JSON file, nested more than 100 levels deep"):
        kind_of(tmp_path)


def test_every_option_has_a_help_text() -> None:
    for cls in (LoadOptions, LocalOptions):
        assert all(field.description for field in cls.model_fields.values())
