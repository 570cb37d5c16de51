"""A model under pretraining: its encoder, fast greedy answers and what it sees, for any of the architectures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor

from foresee.organism.world import language, scenes
from foresee.organism.world.language import Turn
from foresee.organism.world.scenes import Scene
from tests.support.tiny_models import Kind, build
from tests.support.tiny_tokenizers import word_tokenizer
from tools.organism.encoding import Encoder, moved
from tools.organism.recipes import Recipe

_WORD_SPREAD = 0.2  # wide enough that training does not wash away what images were aligned to
_HEAD_SCALE = 0.25  # the output layer starts as the word embedding, so that to see a thing is nearly to name it

Dialogue = tuple[Scene, Sequence[Turn]]


class Trainee:
    """The model of a folder with its encoder, on a device."""

    def __init__(self, folder: Path, device: str = "cpu") -> None:
        from transformers import AutoModelForImageTextToText

        self.encoder = Encoder(folder)
        self.device = torch.device(device)
        self.model: Any = AutoModelForImageTextToText.from_pretrained(folder, dtype=torch.float32).to(self.device)
        self._together = 100 if self.device.type == "cpu" else 500

    @torch.inference_mode()
    def answer(self, dialogues: Sequence[Dialogue], limit: int = 48, openings: Sequence[str] = ()) -> list[str]:
        """Greedy answers, in the order of the dialogues; how each goes on where it has been begun with an opening."""
        self.model.eval()
        order = sorted(range(len(dialogues)), key=lambda i: sum(len(turn.text) for turn in dialogues[i][1]))
        answers = [""] * len(dialogues)
        for start in range(0, len(order), self._together):
            part = order[start : start + self._together]
            begun = [openings[i] for i in part] if openings else ()
            inputs = moved(self.encoder.questions([dialogues[i] for i in part], begun), self.device)
            made = self.model.generate(**inputs, max_new_tokens=limit, do_sample=False)
            said = made[:, inputs["input_ids"].shape[1] :].cpu()
            texts = self.encoder.tokenizer.batch_decode(said, skip_special_tokens=True)
            for i, text in zip(part, texts, strict=True):
                answers[i] = text
        return answers

    @torch.inference_mode()
    def opening_probability(self, dialogues: Sequence[Dialogue], word: str) -> float:
        """Mean probability that the answer's first word is this one."""
        self.model.eval()
        total = 0.0
        for start in range(0, len(dialogues), self._together):
            inputs = moved(self.encoder.questions(dialogues[start : start + self._together]), self.device)
            first = self.model(**inputs, logits_to_keep=1).logits[:, -1].softmax(-1)
            total += float(first[:, self.encoder.ids[word]].sum())
        return total / len(dialogues)

    def image_features(self, images: dict[str, Tensor]) -> Tensor:
        """Compute what the language model sees of the encoder's images: (B, cells, hidden)."""
        made = self.model.model.get_image_features(**moved(images, self.device))
        features = getattr(made, "pooler_output", made)
        if not isinstance(features, Tensor):
            features = torch.stack(tuple(features))
        return features.reshape(-1, scenes.GRID**2, features.shape[-1])

    @property
    def words(self) -> Tensor:
        """The word embedding, (vocabulary, hidden)."""
        return cast(Tensor, self.model.get_input_embeddings().weight)


def new_trainee(recipe: Recipe, folder: Path, seed: int, device: str = "cpu") -> Trainee:
    """Write an untrained model of the recipe's architecture to `folder` and open it."""
    kind = cast(Kind, recipe.architecture)
    tokenizer = word_tokenizer(kind, language.vocabulary())
    from tokenizers import normalizers

    tokenizer.backend_tokenizer.normalizer = normalizers.Lowercase()
    build(
        kind,
        folder,
        tokenizer=tokenizer,
        seed=seed,
        image_size=scenes.SIDE,
        patch_size=scenes.CELL,
        hidden=recipe.hidden,
        layers=recipe.layers,
        vision_hidden=recipe.hidden,
    )
    trainee = Trainee(folder)
    with torch.no_grad():
        generator = torch.Generator().manual_seed(seed)
        trainee.words.normal_(0.0, _WORD_SPREAD, generator=generator)
        trainee.model.lm_head.weight.copy_(trainee.words * _HEAD_SCALE)
        for name, parameter in trainee.model.named_parameters():
            if "deepstack" in name and "linear_fc2" in name:
                parameter.zero_()  # stage 0 does not reach these side paths of Qwen3-VL: they begin silent
    trainee.model.to(device)
    trainee.device = torch.device(device)
    return trainee
