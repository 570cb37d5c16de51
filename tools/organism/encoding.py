"""Encode training examples as tensors, for any of the architectures: with a model's processor, without the model.

The text of a lesson is tokenized word by word and equals what the model's chat template would give (a test says so);
images go through the model's own image processor.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from foresee.organism.world import language
from foresee.organism.world import scenes as world_scenes
from foresee.organism.world.language import Turn
from foresee.organism.world.scenes import Scene
from tests.support.tiny_tokenizers import END, PAD
from tools.organism.curriculum import Lesson

IGNORED = -100


class Batch(NamedTuple):
    """Model inputs (all (B, T), images as the processor gives them), labels (B, T) and loss weights (B, T)."""

    inputs: dict[str, Tensor]
    labels: Tensor
    weights: Tensor

    def to(self, device: torch.device) -> Batch:
        return Batch(moved(self.inputs, device), self.labels.to(device), self.weights.to(device))


class Encoder:
    """The processor of the model in a folder, and the ids that both agree on."""

    def __init__(self, folder: Path) -> None:
        from transformers import AutoConfig

        from foresee.models.checkpoints.processors import load_processor

        config = AutoConfig.from_pretrained(folder)
        self.processor: Any = load_processor(folder)
        self.tokenizer: Any = self.processor.tokenizer
        self.ids: Mapping[str, int] = self.tokenizer.get_vocab()
        self._has_token_types = config.model_type.startswith("qwen")
        self._image_id = int(config.image_token_id)
        self._image_ids = self._expanded_image()

    def _expanded_image(self) -> list[int]:
        """List the ids that stand for one image, as the processor writes them."""
        from PIL import Image

        content = [{"type": "image"}]
        text = self.tokenizer.apply_chat_template([{"role": "user", "content": content}], tokenize=False)
        blank = Image.new("RGB", (world_scenes.SIDE, world_scenes.SIDE))
        ids = self.processor(text=[text], images=[blank], return_tensors="pt")["input_ids"][0].tolist()
        return [int(i) for i in ids[1:-1]]

    def spell(self, text: str) -> list[int]:
        return [self.ids[word] for word in language.words(text)]

    def prompt_ids(self, turns: Sequence[Turn]) -> list[int]:
        """Encode the turns and the mark after which the answer begins; the image opens the first user turn."""
        ids: list[int] = []
        pending = True
        for turn in turns:
            image = self._image_ids if pending and turn.role == "user" else []
            pending = pending and turn.role != "user"
            ids += [self.ids[f"<|{turn.role}|>"], *image, *self.spell(turn.text), self.ids[END]]
        return [*ids, self.ids["<|assistant|>"]]

    def images(self, scenes: Sequence[Scene]) -> dict[str, Tensor]:
        """Preprocess the scenes' images with the model's image processor."""
        made = self.processor.image_processor([world_scenes.draw(scene) for scene in scenes], return_tensors="pt")
        return dict(made)

    def batch(self, lessons: Sequence[Lesson], first_token_weight: float) -> Batch:
        """Batch B training examples, padded at the right (causal attention needs no mask); only answers are learned."""
        rows = []
        for lesson in lessons:
            prompt = self.prompt_ids(lesson.turns)
            rows.append((prompt, [*self.spell(lesson.answer), self.ids[END]]))
        longest = max(len(prompt) + len(answer) for prompt, answer in rows)
        ids = torch.full((len(rows), longest), self.ids[PAD])
        labels = torch.full_like(ids, IGNORED)
        weights = torch.zeros(ids.shape)
        for row, (prompt, answer) in enumerate(rows):
            start, end = len(prompt), len(prompt) + len(answer)
            ids[row, :end] = torch.tensor(prompt + answer)
            labels[row, start:end] = torch.tensor(answer)
            weights[row, start:end] = 1.0
            weights[row, start] = first_token_weight
        return Batch(self._inputs(ids, [lesson.scene for lesson in lessons]), labels, weights)

    def questions(
        self, dialogues: Sequence[tuple[Scene, Sequence[Turn]]], openings: Sequence[str] = ()
    ) -> dict[str, Tensor]:
        """Batch B dialogues that wait for an answer (which may begin with an opening), padded at the left."""
        begun = openings or [""] * len(dialogues)
        spelled = [
            self.prompt_ids(turns) + self.spell(opening) for (_, turns), opening in zip(dialogues, begun, strict=True)
        ]
        longest = max(map(len, spelled))
        ids = torch.full((len(spelled), longest), self.ids[PAD])
        for row, prompt in enumerate(spelled):
            ids[row, longest - len(prompt) :] = torch.tensor(prompt)
        mask = (ids != self.ids[PAD]).long()
        return {**self._inputs(ids, [scene for scene, _ in dialogues]), "attention_mask": mask}

    def _inputs(self, ids: Tensor, scenes: Sequence[Scene]) -> dict[str, Tensor]:
        inputs = {"input_ids": ids, **self.images(scenes)}
        if self._has_token_types:
            inputs["mm_token_type_ids"] = (ids == self._image_id).long()
        return inputs


def moved(tensors: Mapping[str, Tensor], device: torch.device) -> dict[str, Tensor]:
    return {name: tensor.to(device, non_blocking=True) for name, tensor in tensors.items()}
