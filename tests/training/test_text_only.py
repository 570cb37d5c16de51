"""Text-only causal language models: every method trains them on rows without images, and says no to others."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from foresee.dataset_format import RowWriter, read
from foresee.errors import UserError
from foresee.models import open_model
from foresee.organism.world import language
from foresee.records import Message, Request
from foresee.runner.async_bridge import complete
from foresee.training._common import run
from tests.support.tiny_tokenizers import word_tokenizer
from tests.training.running import DATA, session, settings, weights

_TEMPLATE = (  # as small language models have it: contents are texts, and a list of parts raises
    "{% for m in messages %}{{ '<|' + m['role'] + '|>' + m['content'] + '<|end|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from transformers import LlamaConfig, LlamaForCausalLM

    folder = tmp_path_factory.mktemp("text")
    tokenizer = word_tokenizer("llava", language.vocabulary())
    tokenizer.chat_template = _TEMPLATE
    shape = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4}
    ends = {"eos_token_id": tokenizer.eos_token_id, "pad_token_id": tokenizer.pad_token_id}
    torch.manual_seed(0)
    LlamaForCausalLM(LlamaConfig(vocab_size=len(tokenizer), **shape, **ends)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def without_images(folders: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("words")
    for kind, folder in folders.items():
        with RowWriter.open(root / kind) as writer:
            for row in read(folder):
                writer.add(row.model_copy(update={"images": ()}))
    return {kind: root / kind for kind in folders}


@pytest.mark.parametrize("method", DATA)
def test_it_is_trained_on_words_and_answers(
    method: str, text: Path, without_images: dict[str, Path], tmp_path: Path
) -> None:
    given = ["text_only=true", f"probe.data={without_images['prompt']}", "probe.limit=4", "probe.max_new_tokens=4"]
    given += [] if method == "caspo" else ["max_length=60", "eval_split=0.3"]
    prepared = session(method, settings(method, {"llava": text}, without_images, tmp_path / "run", *given))
    before = weights(prepared.trainer.model)
    folder = run.run(prepared)
    moved = {name for name, value in weights(prepared.trainer.model).items() if not torch.equal(value, before[name])}
    assert moved
    assert all("lora_" in name for name in moved), moved
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert {"loss", "probe/length"} <= {key for line in lines for key in line}
    if method == "sft":
        model = open_model(f"local/{text}:{folder}")
        request = Request((Message("user", ("what is in the image ?",)),))
        reply = complete(lambda: model.generate(request))
        assert reply.usage.output_tokens


def test_rows_with_images_are_refused_in_one_line(text: Path, folders: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"is a text-only model, and \d+ of \d+ rows of .* have images"):
        session("sft", settings("sft", {"llava": text}, folders, tmp_path / "run"))
