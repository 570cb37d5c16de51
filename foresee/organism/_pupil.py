"""A model under upbringing: lessons to tensors, and fast greedy answers, for any of the architectures.

The text of a lesson is tokenized word by word and equals what the model's chat template would give (a test says so);
pictures go through the model's own image processor.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor

from foresee.organism import language, world
from foresee.organism.architectures import Kind, build
from foresee.organism.lessons import Lesson, Turn
from foresee.organism.recipes import Recipe
from foresee.organism.tokenizers import END, PAD, word_tokenizer
from foresee.organism.world import Scene

IGNORED = -100
_WORD_SPREAD = 0.2  # wide enough that training does not wash away what pictures were aligned to
_HEAD_SCALE = 0.25  # the output layer starts as the word embedding, so that to see a thing is nearly to name it


class Batch(NamedTuple):
    """Model inputs (all (B, T), pictures as the processor gives them), labels (B, T) and loss weights (B, T)."""

    inputs: dict[str, Tensor]
    labels: Tensor
    weights: Tensor


class Pupil:
    """The model with its processor, and the ids that both agree on."""

    def __init__(self, folder: Path) -> None:
        from transformers import AutoConfig, AutoModelForImageTextToText

        from foresee.vlm.processors import load_processor

        kind = AutoConfig.from_pretrained(folder).model_type
        self.model: Any = AutoModelForImageTextToText.from_pretrained(folder, dtype=torch.float32)
        self.processor: Any = load_processor(folder)
        self.tokenizer: Any = self.processor.tokenizer
        self.ids: Mapping[str, int] = self.tokenizer.get_vocab()
        self.has_token_types = kind.startswith("qwen")
        self._image_id = int(self.model.config.image_token_id)
        self._picture_ids = self._expanded_picture()

    def _expanded_picture(self) -> list[int]:
        """The ids that stand for one picture, as the processor writes them."""
        from PIL import Image

        content = [{"type": "image"}]
        text = self.tokenizer.apply_chat_template([{"role": "user", "content": content}], tokenize=False)
        blank = Image.new("RGB", (world.SIDE, world.SIDE))
        ids = self.processor(text=[text], images=[blank], return_tensors="pt")["input_ids"][0].tolist()
        return [int(i) for i in ids[1:-1]]

    def spell(self, text: str) -> list[int]:
        return [self.ids[word] for word in language.words(text)]

    def prompt_ids(self, turns: Sequence[Turn]) -> list[int]:
        """The ids of the turns and of the mark after which the answer begins; the picture opens the first user turn."""
        ids: list[int] = []
        pending = True
        for turn in turns:
            picture = self._picture_ids if pending and turn.role == "user" else []
            pending = pending and turn.role != "user"
            ids += [self.ids[f"<|{turn.role}|>"], *picture, *self.spell(turn.text), self.ids[END]]
        return [*ids, self.ids["<|assistant|>"]]

    def pictures(self, scenes: Sequence[Scene]) -> dict[str, Tensor]:
        """What the model's image processor makes of the scenes' pictures."""
        made = self.processor.image_processor([world.draw(scene) for scene in scenes], return_tensors="pt")
        return dict(made)

    def batch(self, lessons: Sequence[Lesson], first_token_weight: float) -> Batch:
        """Right-padded inputs of B lessons; only answers and their end are learned."""
        rows = []
        for lesson in lessons:
            prompt = self.prompt_ids(lesson.turns)
            rows.append((prompt, [*self.spell(lesson.answer), self.ids[END]]))
        longest = max(len(prompt) + len(answer) for prompt, answer in rows)
        ids = torch.full((len(rows), longest), self.ids[PAD])
        mask, labels = torch.zeros_like(ids), torch.full_like(ids, IGNORED)
        weights = torch.zeros(ids.shape)
        for row, (prompt, answer) in enumerate(rows):
            start, end = len(prompt), len(prompt) + len(answer)
            ids[row, :end] = torch.tensor(prompt + answer)
            mask[row, :end] = 1
            labels[row, start:end] = torch.tensor(answer)
            weights[row, start:end] = 1.0
            weights[row, start] = first_token_weight
        return Batch(self._inputs(ids, mask, [lesson.scene for lesson in lessons]), labels, weights)

    def _inputs(self, ids: Tensor, mask: Tensor, scenes: Sequence[Scene]) -> dict[str, Tensor]:
        inputs = {"input_ids": ids, "attention_mask": mask, **self.pictures(scenes)}
        if self.has_token_types:
            inputs["mm_token_type_ids"] = (ids == self._image_id).long()
        return inputs

    @torch.inference_mode()
    def answer(self, dialogues: Sequence[tuple[Scene, Sequence[Turn]]], limit: int = 48, batch: int = 100) -> list[str]:
        """Greedy answers, in the order of the dialogues."""
        self.model.eval()
        spelled = [self.prompt_ids(turns) for _, turns in dialogues]
        order = sorted(range(len(spelled)), key=lambda i: len(spelled[i]))
        answers = [""] * len(spelled)
        for start in range(0, len(order), batch):
            part = order[start : start + batch]
            longest = max(len(spelled[i]) for i in part)
            ids = torch.full((len(part), longest), self.ids[PAD])
            for row, i in enumerate(part):
                ids[row, longest - len(spelled[i]) :] = torch.tensor(spelled[i])
            inputs = self._inputs(ids, (ids != self.ids[PAD]).long(), [dialogues[i][0] for i in part])
            made = self.model.generate(**inputs, max_new_tokens=limit, do_sample=False)
            texts = self.tokenizer.batch_decode(made[:, longest:], skip_special_tokens=True)
            for i, text in zip(part, texts, strict=True):
                answers[i] = text
        return answers

    @torch.inference_mode()
    def opening_probability(self, dialogues: Sequence[tuple[Scene, Sequence[Turn]]], word: str) -> float:
        """Mean probability that the answer's first word is this one."""
        self.model.eval()
        total = 0.0
        for scene, turns in dialogues:
            ids = torch.tensor([self.prompt_ids(turns)])
            logits = self.model(**self._inputs(ids, torch.ones_like(ids), [scene])).logits[0, -1]
            total += float(logits.softmax(-1)[self.ids[word]])
        return total / len(dialogues)

    def picture_features(self, scenes: Sequence[Scene]) -> Tensor:
        """What the language model sees of the pictures: (B, cells, hidden)."""
        made = self.model.model.get_image_features(**self.pictures(scenes))
        features = getattr(made, "pooler_output", made)
        if not isinstance(features, Tensor):
            features = torch.stack(tuple(features))
        return features.reshape(len(scenes), world.GRID**2, -1)

    @property
    def words(self) -> Tensor:
        """The word embedding, (vocabulary, hidden)."""
        return cast(Tensor, self.model.get_input_embeddings().weight)


def new_pupil(recipe: Recipe, folder: Path, seed: int) -> Pupil:
    """An untrained model by the recipe's architecture, written to `folder` and opened."""
    kind = cast(Kind, recipe.architecture)
    tokenizer = word_tokenizer(kind, language.vocabulary())
    from tokenizers import normalizers

    tokenizer.backend_tokenizer.normalizer = normalizers.Lowercase()
    build(
        kind,
        folder,
        tokenizer=tokenizer,
        seed=seed,
        image_size=world.SIDE,
        patch_size=world.CELL,
        hidden=recipe.hidden,
        layers=recipe.layers,
        vision_hidden=recipe.hidden,
    )
    pupil = Pupil(folder)
    with torch.no_grad():
        generator = torch.Generator().manual_seed(seed)
        pupil.words.normal_(0.0, _WORD_SPREAD, generator=generator)
        pupil.model.lm_head.weight.copy_(pupil.words * _HEAD_SCALE)
        for name, parameter in pupil.model.named_parameters():
            if "deepstack" in name and "linear_fc2" in name:
                parameter.zero_()  # stage 0 does not reach these side paths of Qwen3-VL: they begin silent
    return pupil
