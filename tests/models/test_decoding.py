"""Strategies on logits, first-token scores and sampling, against arithmetic done by hand or by transformers alone."""

from __future__ import annotations

import asyncio
import io
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from foresee.errors import ModelError, UserError
from foresee.models.local.decoding import Batch, Chooser, choice_probabilities, first_tokens
from foresee.models.local.model import LocalModel
from foresee.records import Generation, Image, Json, Message, Request
from tests.support.figures import known
from tests.support.tiny_models import Kind, byte_tokenizer, word_tokenizer

GREEDY = Generation(max_tokens=10)


@dataclass(frozen=True)
class Ban:
    """Never these tokens."""

    tokens: tuple[int, ...]

    @property
    def identity(self) -> Mapping[str, Json]:
        return {"ban": list(self.tokens)}

    def inputs(self, batch: Batch) -> Mapping[str, Any]:
        return batch.inputs

    def processors(self, batch: Batch) -> Sequence[Any]:
        def ban(ids: Any, scores: Any) -> Any:
            return scores.index_fill(-1, scores.new_tensor(self.tokens).long(), float("-inf"))

        return [ban]


@dataclass(frozen=True)
class Contrast:
    """(1 + weight) times the scores minus weight times those seen through noise, which is each request's own."""

    weight: float
    noise: float = 1.0

    @property
    def identity(self) -> Mapping[str, Json]:
        return {"contrast": self.weight, "noise": self.noise}

    def inputs(self, batch: Batch) -> Mapping[str, Any]:
        import torch

        assert not batch.image_keys or "pixel_values" in batch.image_keys
        doubled = {key: torch.cat([value, value]) for key, value in batch.inputs.items()}
        if "pixel_values" in batch.image_keys:
            pixels = batch.inputs["pixel_values"].clone()
            for seed, (start, end) in zip(batch.seeds, batch.image_spans["pixel_values"], strict=True):
                generator = torch.Generator().manual_seed(seed)
                pixels[start:end] += self.noise * torch.randn(pixels[start:end].shape, generator=generator)
            doubled["pixel_values"] = torch.cat([batch.inputs["pixel_values"], pixels])
        return doubled

    def processors(self, batch: Batch) -> Sequence[Any]:
        def contrast(ids: Any, scores: Any) -> Any:
            clean, noised = scores.chunk(2)
            assert len(clean) == batch.rows
            return ((1 + self.weight) * clean - self.weight * noised).repeat(2, 1)

        return [contrast]


def picture(seed: int) -> Image:
    from PIL import Image as Pil

    draw = random.Random(seed)
    small = Pil.new("RGB", (4, 4))
    small.putdata([(draw.randrange(256), draw.randrange(256), draw.randrange(256)) for _ in range(16)])
    buffer = io.BytesIO()
    small.resize((48 + 16 * (seed % 3), 64), Pil.Resampling.NEAREST).save(buffer, "PNG")
    return Image.from_bytes(buffer.getvalue())


def requests(strategy: Any = None, generation: Generation = GREEDY, **more: Any) -> list[Request]:
    texts = ("Is it safe?", "What could happen next to the child? " * 3, "Why?")
    made = []
    for i in range(12):
        content: tuple[str | Image, ...] = (texts[i % 3],) if i % 4 == 3 else (picture(i), texts[i % 3])
        made.append(Request((Message("user", content),), generation, decoding=strategy, **more))
    return made


async def texts_of(model: LocalModel, asked: Sequence[Request]) -> list[str]:
    return [reply.text for reply in await asyncio.gather(*(model.generate(request) for request in asked))]


@pytest.mark.parametrize("kind", ["llava", "qwen3_vl"])
async def test_a_strategy_without_effect_changes_nothing(
    kind: Kind, folders: Callable[[Kind], Path], opened: Callable[..., LocalModel]
) -> None:
    model = opened(folders(kind), batch_size=4)
    plain = await texts_of(model, requests())
    assert await texts_of(model, requests(Contrast(weight=0.0))) == plain
    assert await texts_of(model, requests(Contrast(weight=2.0, noise=0.0))) == plain
    assert await texts_of(model, requests(Ban(()))) == plain


async def test_a_banned_token_never_comes(folders: Callable[[Kind], Path], opened: Callable[..., LocalModel]) -> None:
    model = opened(folders("llava"), batch_size=4)
    job = known(model._shared).engine
    plain = job._generate([job.prepare(requests()[0]).content])[0].tokens
    banned = Ban(tuple(set(plain[:3])))
    for request in requests(banned):
        tokens = job._generate([job.prepare(request).content])[0].tokens
        assert not set(tokens) & set(banned.tokens)
    assert await texts_of(model, requests(banned)) != await texts_of(model, requests())


@pytest.mark.parametrize("kind", ["llava", "qwen2_5_vl", "qwen3_vl"])
async def test_a_doubled_batch_answers_as_two_passes_by_hand(
    kind: Kind, folders: Callable[[Kind], Path], opened: Callable[..., LocalModel]
) -> None:
    import torch

    model = opened(folders(kind), batch_size=4)
    strategy = Contrast(weight=1.0)
    asked = requests(strategy)
    together = await texts_of(model, asked)
    assert together == [(await texts_of(model, [request]))[0] for request in asked]
    assert together != await texts_of(model, requests())
    engine = known(model._shared).engine
    core = engine.loaded().vlm.core
    content = engine.prepare(asked[0]).content
    clean = {**content.prompt.text, **content.prompt.images}
    generator = torch.Generator().manual_seed(content.seed)
    pixels = clean["pixel_values"] + torch.randn(clean["pixel_values"].shape, generator=generator)
    ids: list[int] = []
    for _ in range(4):  # without a cache: the whole text anew for each token and branch
        scores = []
        for branch in (clean, {**clean, "pixel_values": pixels}):
            new = torch.tensor([ids], dtype=torch.long)
            grown = {**branch, "input_ids": torch.cat([clean["input_ids"], new], 1)}
            grown["attention_mask"] = torch.ones_like(grown["input_ids"])
            if "mm_token_type_ids" in clean:
                grown["mm_token_type_ids"] = torch.cat([clean["mm_token_type_ids"], torch.zeros_like(new)], 1)
            with torch.no_grad():
                scores.append(core(**grown).logits[0, -1])
        ids.append(int((2 * scores[0] - scores[1]).argmax()))
    assert engine._generate([content])[0].tokens[:4] == ids


async def test_a_strategy_works_with_sampling_and_choices(
    folders: Callable[[Kind], Path], opened: Callable[..., LocalModel]
) -> None:
    model = opened(folders("qwen3_vl"), batch_size=4)
    sampling = Generation(temperature=1.0, seed=4, max_tokens=10)
    strategy = Contrast(weight=1.0)
    sampled = requests(strategy, sampling)
    assert await texts_of(model, sampled) == [(await texts_of(model, [request]))[0] for request in sampled]
    chosen = await asyncio.gather(*(model.generate(r) for r in requests(strategy, choices=("Yes", "No"))))
    plain = await asyncio.gather(*(model.generate(r) for r in requests(choices=("Yes", "No"))))
    with_image = [i for i in range(12) if i % 4 != 3]
    assert all(chosen[i].choice_probabilities != plain[i].choice_probabilities for i in with_image)


async def test_equal_strategies_share_batches_and_others_do_not(
    folders: Callable[[Kind], Path], opened: Callable[..., LocalModel]
) -> None:
    model = opened(folders("llava"), batch_size=12)
    asked = [Request((Message("user", (f"{i}",)),), GREEDY, decoding=Ban((5,))) for i in range(6)]
    groups = {known(model._shared).engine.prepare(request).group for request in asked}
    assert len(groups) == 1
    other = Request(asked[0].messages, GREEDY, decoding=Ban((6,)))
    assert known(model._shared).engine.prepare(other).group not in groups


async def test_first_token_scores_are_those_of_the_next_token(
    folders: Callable[[Kind], Path], opened: Callable[..., LocalModel]
) -> None:
    import torch

    model = opened(folders("qwen2_5_vl"), batch_size=5)
    asked = requests(choices=("Yes", "No"))
    replies = await asyncio.gather(*(model.generate(request) for request in asked))
    engine = known(model._shared).engine
    vlm = engine.loaded().vlm
    vocabulary = vlm.tokenizer.get_vocab()
    for request, reply in zip(asked, replies, strict=True):
        prompt = engine.prepare(request).content.prompt
        with torch.no_grad():
            table = vlm.core(**prompt.text, **prompt.images).logits[0, -1].softmax(-1)
        assert reply.choice_probabilities is not None
        for choice, found in reply.choice_probabilities.items():
            words = {choice, choice.lower(), choice.upper()}
            starts = {f"{space}{word}" for space in ("", "Ġ") for word in words}
            whole = sum(float(table[vocabulary[start]]) for start in starts if start in vocabulary)
            assert whole <= found < 1  # and the first letters of what this small tokenizer spells out
        assert sum(reply.choice_probabilities.values()) < 1
        assert reply.text == max(reply.choice_probabilities, key=reply.choice_probabilities.__getitem__)
        assert reply.usage.output_tokens == 1


def test_spellings_are_summed_and_the_rest_is_left() -> None:
    import torch

    tokenizer = word_tokenizer("llava", ["Yes", "yes", "YES", "No", "no", "maybe"])
    starts = first_tokens(tokenizer, ["yes", "No"])
    assert {tokenizer.decode([i]) for i in starts["yes"]} == {"Yes", "yes", "YES"}
    assert {tokenizer.decode([i]) for i in starts["No"]} == {"No", "no"}
    scores = torch.full((len(tokenizer),), float("-inf"))
    for word, share in {"Yes": 0.3, "yes": 0.2, "no": 0.1, "maybe": 0.4}.items():
        scores[tokenizer.convert_tokens_to_ids(word)] = torch.tensor(share).log()
    assert choice_probabilities(scores, starts) == pytest.approx({"yes": 0.5, "No": 0.1})


def test_a_space_before_the_word_does_not_join_the_choices() -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    # As SentencePiece does for words that it has no piece for: the space is a token of its own.
    pieces = ["<unk>", "▁", "Y", "e", "s", "N", "o", "▁No", "y", "E", "S", "n", "O"]
    inner = Tokenizer(models.BPE(vocab={p: i for i, p in enumerate(pieces)}, merges=[], unk_token="<unk>"))
    inner.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="never")
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=inner, unk_token="<unk>")
    starts = first_tokens(tokenizer, ["Yes", "No"])
    assert {pieces[i] for i in starts["Yes"]} == {"Y", "y"}
    assert {pieces[i] for i in starts["No"]} == {"N", "n", "▁No"}


def test_choices_that_can_not_be_told_apart_are_refused() -> None:
    with pytest.raises(UserError, match="'safe' and 'safer' both start with the token"):
        first_tokens(byte_tokenizer("llava"), ["safe", "safer"])
    with pytest.raises(UserError, match="can't write 'Yes'"):
        first_tokens(word_tokenizer("llava", ["no"]), ["Yes", "no"])


async def test_choices_that_can_not_be_told_apart_are_refused_by_the_model(
    folders: Callable[[Kind], Path], opened: Callable[..., LocalModel]
) -> None:
    with pytest.raises(UserError, match="both start with the token"):
        await opened(folders("llava")).generate(requests(choices=("Safe", "Safer"))[0])


async def test_a_schema_is_refused_in_one_line(
    folders: Callable[[Kind], Path], opened: Callable[..., LocalModel]
) -> None:
    with pytest.raises(ModelError, match="JSON schema"):
        await opened(folders("llava")).generate(requests(schema={"type": "object"})[0])


def test_sampling_follows_the_distribution() -> None:
    import torch
    from scipy.stats import chisquare

    logits = torch.tensor([2.0, 1.0, 0.0, -1.0, 0.5])
    chooser = Chooser(Generation(0.7), range(2000), record=False)
    draws = torch.cat([chooser(None, logits.repeat(2000, 1)).argmax(-1) for _ in range(10)])
    counts = torch.bincount(draws, minlength=5)
    expected = (logits / 0.7).softmax(-1).double()
    assert chisquare(counts.numpy(), (expected / expected.sum() * len(draws)).numpy()).pvalue > 0.001


def test_sampling_leaves_out_what_top_p_leaves_out() -> None:
    import torch

    logits = torch.tensor([0.6, 0.3, 0.07, 0.03]).log().repeat(4000, 1)
    draws = Chooser(Generation(1.0, 0.85), range(4000), record=False)(None, logits).argmax(-1)
    assert set(draws.tolist()) == {0, 1}
    assert (draws == 0).float().mean() == pytest.approx(2 / 3, abs=0.03)


def test_rows_that_a_strategy_added_share_the_noise_of_their_request() -> None:
    import torch

    scores = torch.zeros(3, 50)
    doubled = Chooser(Generation(1.0), [1, 2, 3], record=False)(None, scores.repeat(2, 1))
    assert torch.equal(doubled[:3], doubled[3:])
    assert torch.equal(doubled[1:2], Chooser(Generation(1.0), [2], record=False)(None, scores[:1]))


def test_log_probabilities_are_recorded_before_temperature() -> None:
    import torch

    logits = torch.tensor([[1.0, 3.0, 2.0], [0.0, 0.0, 5.0]])
    chooser = Chooser(Generation(), [0, 0], record=True)
    assert torch.equal(chooser(None, logits), logits)
    assert chooser.logprobs[0].tolist() == pytest.approx([float(row.log_softmax(-1).max()) for row in logits])
