"""A teacher behind a server, for one that does not fit beside the student: it reads the answers, and trains nothing.

The server is sent the conversation with the constitution and the student's answer as its last turn, and tells the
log-probability of each token of what it read, of which the answer's are taken (`prompt_logprobs`, an extension of
vLLM's server: https://docs.vllm.ai/en/v0.15.0/api/vllm/entrypoints/openai/chat_completion/protocol/). A server splits
the answer's text into tokens anew. Where that gives other tokens than the student sampled, nothing is known of them.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from trl.data_utils import prepare_multimodal_messages

from foresee.errors import ModelError, UserError
from foresee.models import open_model
from foresee.records import Generation, Image, Message, Model, Reply, Request
from foresee.runner import Caller, RunSettings
from foresee.runner.async_bridge import complete, each
from foresee.training._common.prompts import Turn, with_constitution

_END = 8  # tokens that a chat template may write after an answer


class Served:
    """A teacher behind a server.

    Args:
        name: `PROVIDER/NAME`.
        options: of the provider; `base_url` may name several servers.
        tokenizer: the student's, whose tokens the teacher's must be.

    Raises:
        UserError: see `models.open_model`.
    """

    def __init__(self, name: str, options: Mapping[str, Any], tokenizer: Any) -> None:
        self._model: Model = open_model(name, options, flag="--set teacher_options.")
        self._tokenizer = tokenizer
        self._settings = RunSettings.of(self._model)

    def score(self, rows: Sequence[Mapping[str, Any]], out: Mapping[str, Any], constitution: str, turn: Turn) -> Any:
        """Compute the log-probabilities (B, T) of sampled tokens after the prompts; NaN where they are not known.

        Args:
            rows: B, with `prompt` and `images`.
            out: `completion_ids` and `completion_mask`, (B, T).
            constitution: what the teacher reads besides.
            turn: where.

        Raises:
            UserError: the server can't be asked, or tells no log-probabilities of what it reads.
        """
        ids, mask = out["completion_ids"], out["completion_mask"].bool()
        answers = [row[kept].tolist() for row, kept in zip(ids, mask, strict=True)]
        conversations = [_messages(row, constitution, turn) for row in rows]
        scores = torch.full(ids.shape, torch.nan, device=ids.device)
        try:
            found = complete(lambda: self._read(conversations, answers))
        except ModelError as problem:
            raise UserError(f"teacher {self._model.name}: {problem}") from None
        for place, (reply, answer) in enumerate(zip(found, answers, strict=True)):
            if not reply.read:
                raise UserError(f"teacher {self._model.name}: the server tells no log-probabilities of what it reads")
            scores[place, : len(answer)] = torch.tensor(aligned(reply.read, answer))
        return scores

    async def _read(
        self, conversations: Sequence[tuple[Message, ...]], answers: Sequence[Sequence[int]]
    ) -> list[Reply]:
        caller, found = Caller(self._model, self._settings), dict[int, Reply]()

        async def ask(place: int) -> None:
            said = self._tokenizer.decode(answers[place], skip_special_tokens=True)
            messages = (*conversations[place], Message("assistant", (said,)))
            found[place] = await caller(Request(messages, Generation(max_tokens=1), read=True))

        try:
            await each(iter(range(len(answers))), ask, min(len(answers), self._settings.concurrency))
        finally:
            await self._model.close()
        return [found[place] for place in range(len(answers))]


def aligned(read: Sequence[tuple[int, float]], answer: Sequence[int]) -> list[float]:
    """Find an answer's tokens, with or without its end token, near the end of what was read; NaN for what is not there.

    Args:
        read: token ids and log-probabilities.
        answer: token ids.
    """
    ids = [token for token, _ in read]
    for length in (len(answer), len(answer) - 1):
        for start in range(len(ids) - length, max(0, len(ids) - length - _END) - 1, -1) if length > 0 else ():
            if ids[start : start + length] == list(answer[:length]):
                return [*(value for _, value in read[start : start + length]), *[float("nan")] * (len(answer) - length)]
    return [float("nan")] * len(answer)


def _messages(row: Mapping[str, Any], constitution: str, turn: Turn) -> tuple[Message, ...]:
    """Write a row's prompt as messages, its images as PNG."""
    turns = prepare_multimodal_messages(with_constitution(row["prompt"], constitution, turn), images=row["images"])

    def part(given: Mapping[str, Any]) -> str | Image:
        if given["type"] != "image":
            return str(given["text"])
        buffer = io.BytesIO()
        given["image"].convert("RGB").save(buffer, "PNG")
        return Image.from_bytes(buffer.getvalue())

    def parts(content: str | Sequence[Mapping[str, Any]]) -> tuple[str | Image, ...]:
        return (content,) if isinstance(content, str) else tuple(map(part, content))

    return tuple(Message(each["role"], parts(each["content"])) for each in turns)
