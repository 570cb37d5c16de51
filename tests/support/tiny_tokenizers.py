"""Tokenizers of tiny models: one token a word, or byte-level; with the special tokens and template of a kind.

Every kind shares one chat template, `<|role|>text<|end|>` for system, user and assistant, in which what the
assistant says is marked as generated. Images stand where they stand in the message.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Literal, get_args

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

Kind = Literal["llava", "qwen2_5_vl", "qwen3_vl", "idefics3", "gemma3"]
KINDS: tuple[Kind, ...] = get_args(Kind)

PAD, UNKNOWN, END = "<pad>", "<unk>", "<|end|>"
ROLES = ("<|system|>", "<|user|>", "<|assistant|>")

_IMAGE_TOKENS: dict[Kind, dict[str, str]] = {
    "llava": {"image_token": "<image>"},
    "qwen2_5_vl": {
        "image_token": "<|image_pad|>",
        "video_token": "<|video_pad|>",
        "vision_start_token": "<|vision_start|>",
        "vision_end_token": "<|vision_end|>",
    },
    "qwen3_vl": {
        "image_token": "<|image_pad|>",
        "video_token": "<|video_pad|>",
        "vision_start_token": "<|vision_start|>",
        "vision_end_token": "<|vision_end|>",
    },
    "idefics3": {
        "image_token": "<image>",
        "fake_image_token": "<fake_token_around_image>",
        "end_of_utterance_token": "<end_of_utterance>",
        "global_image_token": "<global-img>",
    },
    "gemma3": {
        "image_token": "<image_soft_token>",
        "boi_token": "<start_of_image>",
        "eoi_token": "<end_of_image>",
    },
}
_PLACEHOLDERS: dict[Kind, str] = {
    "llava": "<image>",
    "qwen2_5_vl": "<|vision_start|><|image_pad|><|vision_end|>",
    "qwen3_vl": "<|vision_start|><|image_pad|><|vision_end|>",
    "idefics3": "<image>",
    "gemma3": "<start_of_image>",
}
_TEMPLATE = """\
{%- for message in messages -%}
{{- '<|' + message['role'] + '|>' -}}
{%- if message['role'] == 'assistant' -%}
{%- generation -%}{{- content(message) -}}{{- '<|end|>' -}}{%- endgeneration -%}
{%- else -%}
{{- content(message) -}}{{- '<|end|>' -}}
{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<|assistant|>' -}}{%- endif -%}"""
_CONTENT_MACRO = """\
{%- macro content(message) -%}
{%- if message['content'] is string -%}{{- message['content'] -}}
{%- else -%}{%- for part in message['content'] -%}
{%- if part['type'] == 'image' -%}{{- 'PLACEHOLDER' -}}{%- else -%}{{- part['text'] -}}{%- endif -%}
{%- endfor -%}{%- endif -%}
{%- endmacro -%}
"""
_SAMPLE_TEXT = (
    "Yes, this is safe. No, it is not safe. Is it safe to do what the picture and the text say? Answer yes or no.",
    "I can't help with that. Describe what you see in the image, and say what could happen next.",
    "A person stands near the water; the fire burns and the child plays with a knife on the table.",
)


def special_tokens(kind: Kind) -> tuple[str, ...]:
    """The tokens that a tokenizer of this kind must have, in the order of their ids."""
    return (PAD, UNKNOWN, END, *ROLES, *_IMAGE_TOKENS[kind].values())


def chat_template(kind: Kind) -> str:
    """Jinja: `<|role|>text<|end|>` for system, user and assistant; what the assistant says is marked as generated."""
    return _CONTENT_MACRO.replace("PLACEHOLDER", _PLACEHOLDERS[kind]) + _TEMPLATE


def word_tokenizer(kind: Kind, words: Iterable[str]) -> PreTrainedTokenizerFast:
    """One token a word (text is split at white space and punctuation), ids in the order given."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    vocabulary = {token: i for i, token in enumerate(dict.fromkeys((*special_tokens(kind), *words)))}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token=UNKNOWN))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return _finish(kind, tokenizer)


def byte_tokenizer(
    kind: Kind, texts: Sequence[str] = _SAMPLE_TEXT, *, vocab_size: int = 512
) -> PreTrainedTokenizerFast:
    """Byte-level BPE trained on `texts`: any text can be written, common words of `texts` are short."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        min_frequency=1,
        special_tokens=list(special_tokens(kind)),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return _finish(kind, tokenizer)


def _finish(kind: Kind, tokenizer: Any) -> PreTrainedTokenizerFast:
    from transformers import PreTrainedTokenizerFast

    tokenizer.add_special_tokens(list(special_tokens(kind)))
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PAD,
        unk_token=UNKNOWN,
        eos_token=END,
        padding_side="left",
        model_max_length=4096,
        extra_special_tokens=dict(_IMAGE_TOKENS[kind]),
        chat_template=chat_template(kind),
    )
