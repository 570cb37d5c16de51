"""Messages to what a model's forward pass takes: images read and processed, the chat template rendered, tokens."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from foresee.errors import ModelError, UserError
from foresee.models.checkpoints import Vlm
from foresee.models.checkpoints.find import one_line
from foresee.models.local.decoding import first_tokens
from foresee.models.local.image_cache import ProcessedImages
from foresee.records import Image, Message

_PROBE = "xq7"  # a system message that no template would write of itself


@dataclass(frozen=True)
class Prompt:
    """One request, tokenised. `text` holds tensors of shape (1, length), `images` those of the image processor.

    `image_hashes` are the SHA-256 of the images' bytes, in the order in which the model sees them, and what was done
    to them since, if anything: equal ones are the same images to the model.
    """

    text: Mapping[str, Any]
    images: Mapping[str, Any]
    image_hashes: tuple[str, ...] = ()

    @property
    def ids(self) -> list[int]:
        tokens: list[int] = self.text["input_ids"][0].tolist()
        return tokens

    @property
    def length(self) -> int:
        return int(self.text["input_ids"].shape[1])


class Ask(NamedTuple):
    """What a prompt is made of; see `Prompts.make`."""

    messages: Sequence[Message]
    closed: bool = False
    template: Mapping[str, Any] | None = None

    @property
    def images(self) -> list[Image]:
        return [image for message in self.messages for image in message.images]

    @property
    def goes_on(self) -> bool:
        """Whether the last turn is one that the model is to go on with."""
        return bool(self.messages) and self.messages[-1].role == "assistant" and not self.closed


class Prompts:
    """Makes prompts for one model, in any thread.

    A template without a place for a system message gets its text at the head of the first user message. A
    conversation that ends with an assistant message is one that the model is to go on with. Where a text spells one
    of the model's control tokens (`<image>`, `<|im_end|>`), it is written as plain text, if the tokenizer can do that.
    """

    def __init__(self, vlm: Vlm, cache_bytes: int, enable_thinking: bool | None = None) -> None:
        self._vlm = vlm
        self._renderer = vlm.processor if vlm.processor is not None else vlm.tokenizer
        self._lock = threading.Lock()  # tokenizers change state while they work
        self.images: ProcessedImages | None = None
        if vlm.processor is not None:
            vlm.processor.image_processor = self.images = ProcessedImages(vlm.processor.image_processor, cache_bytes)
            if vlm.processor.chat_template is None:
                vlm.processor.chat_template = vlm.tokenizer.chat_template
        if not self._renderer.chat_template:
            raise UserError(f"{vlm.folder}: expected a chat template (chat_template.jinja), found none")
        self._starts: dict[tuple[str, ...], dict[str, tuple[int, ...]]] = {}
        self._switches: dict[str, Any] = {}
        self._works: dict[bool, bool] = {}  # with images, and without: whether several can be made by one call
        side = {"padding_side": "left"}
        self._padding: dict[str, Any] = {"padding": True, "tokenizer_kwargs": side}
        if vlm.processor is not None:
            self._padding = {"processor_kwargs": {"padding": True, "return_tensors": "pt", **side}}
        if enable_thinking is not None and "enable_thinking" in str(self._renderer.chat_template):
            self._switches["enable_thinking"] = enable_thinking
        self._can_sanitise = (
            "sanitize_control_tokens" in inspect.signature(self._renderer.apply_chat_template).parameters
        )
        self._control = tuple(str(token) for token in vlm.tokenizer.added_tokens_encoder)
        self._has_system_role = self._try_system_role()

    def make(
        self, messages: Sequence[Message], *, closed: bool = False, template: Mapping[str, Any] | None = None
    ) -> Prompt:
        """Make a prompt.

        Args:
            messages: the conversation.
            closed: the last turn is complete, even if the assistant said it.
            template: further arguments of the chat template.

        Raises:
            ModelError: an image can't be used, or the model's template refuses the messages.
        """
        (made,) = self.make_all([Ask(messages, closed, template)])
        if isinstance(made, Exception):
            raise made
        return made

    def make_all(self, asks: Sequence[Ask]) -> list[Prompt | Exception]:
        """Make several prompts, or what each raises (see `make`); those that can be by one call of the processor.

        They are what each would be alone: of the first, some are made alone too, and where these differ, or can only
        be made alone, all later ones are.
        """
        made: list[Prompt | Exception | None] = [None] * len(asks)
        alike: dict[Any, list[int]] = {}
        for place, ask in enumerate(asks):
            alike.setdefault(self._kind(ask) or place, []).append(place)
        for places in alike.values():
            for place, prompt in zip(places, self._make_alike([asks[i] for i in places]), strict=True):
                made[place] = prompt
        return [prompt for prompt in made if prompt is not None]

    def _kind(self, ask: Ask) -> Any:
        """Tell what asks that one call may take have in common; None for one that has to be alone."""
        if any(token in message.text for token in self._control for message in ask.messages):
            return None
        return len(ask.images), ask.goes_on, repr(ask.template)

    def _make_alike(self, asks: Sequence[Ask]) -> list[Prompt | Exception]:
        with_images = bool(asks[0].images)
        if with_images and len(asks) > 1 and self.images and not self.images.ready:
            return self._make_alike(asks[:1]) + self._make_alike(asks[1:])
        works = self._works.get(with_images)
        together = len(asks) > 1 and works is not False
        prompts = self._make_together(asks, checked=bool(works)) if together else None
        if prompts is not None:
            self._works[with_images] = True
            return list(prompts)
        made: list[Prompt | Exception] = []
        for ask in asks:
            try:
                made += self._make([ask])
            except Exception as problem:
                made.append(problem)
        if together and not any(isinstance(one, Exception) for one in made):
            self._works[with_images] = False
        return made

    def _make_together(self, asks: Sequence[Ask], *, checked: bool) -> list[Prompt] | None:
        """Make prompts by one call; None if that can't be, or (unless checked before) is not what each alone is."""
        try:
            prompts = self._make(asks)
            fits = checked or all(same(prompts[i], self._make([asks[i]])[0]) for i in (0, -1))
        except Exception:  # one of them is at fault, or the processor can't take several
            return None
        return prompts if fits else None

    def _make(self, asks: Sequence[Ask]) -> list[Prompt]:
        """Make prompts of asks of one kind. Raises what one of them raises."""
        if not all(ask.messages for ask in asks):
            raise ModelError("a request without messages")
        opened: list[tuple[tuple[str, ...], list[Any]]] = [((), [])] * len(asks)
        if asks[0].images:
            if self.images is None:
                count = len(asks[0].images)
                raise ModelError(f"{self._vlm.folder} is a text-only model; the request carries {count} image(s)")
            opened = self.images.open(*(ask.images for ask in asks))
        conversations = [
            self._conversation(ask.messages, iter(images)) for ask, (_, images) in zip(asks, opened, strict=True)
        ]
        with self._lock:
            goes_on = asks[0].goes_on
            arguments = {"add_generation_prompt": not goes_on, "continue_final_message": goes_on}
            arguments.update(asks[0].template or {})
            if len(asks) > 1:
                features = self._apply(conversations, **self._padding, **arguments)
            else:
                features = self._tokenise(conversations[0], asks[0].messages, arguments)
        names = set(getattr(self.images, "model_input_names", ()))
        rows = tuple(features["input_ids"].shape)
        text = {k: v for k, v in features.items() if k not in names and tuple(v.shape[:2]) == rows}
        images = {k: v for k, v in features.items() if k not in text and hasattr(v, "shape")}
        if len(asks) == 1:
            return [Prompt(text, images, opened[0][0])]
        prompts = []
        for row, (hashes, pictures) in enumerate(opened):
            start = rows[1] - int(features["attention_mask"][row].sum())
            own = self.images.features(pictures) if self.images and images else {}
            cut = {key: value[row : row + 1, start:] for key, value in text.items()}
            prompts.append(Prompt(cut, {key: own[key] for key in images}, hashes))
        return prompts

    def decode(self, tokens: Any) -> list[str]:
        """Token ids (rows, n), as lists or a tensor, to texts without special tokens."""
        with self._lock:
            texts: list[str] = self._vlm.tokenizer.batch_decode(tokens, skip_special_tokens=True)
        return texts

    def first_tokens(self, choices: tuple[str, ...]) -> dict[str, tuple[int, ...]]:
        """See `decoding.first_tokens`."""
        with self._lock:
            if choices not in self._starts:
                self._starts[choices] = first_tokens(self._vlm.tokenizer, choices)
            return self._starts[choices]

    def _tokenise(
        self, conversation: list[dict[str, Any]], messages: Sequence[Message], arguments: Mapping[str, Any]
    ) -> dict[str, Any]:
        written = [message.text for message in messages]
        spelled = [token for token in self._control if any(token in text for text in written)]
        try:
            if spelled and self._can_sanitise:
                try:
                    return self._apply(conversation, sanitize_control_tokens=True, **arguments)
                except Exception:  # this tokenizer or template can't; each says so with another error
                    if self._placeholders() & set(spelled):
                        raise
            return self._apply(conversation, **arguments)
        except ModelError:
            raise
        except Exception as problem:  # templates raise what they like
            hint = f" (the text spells the control token {spelled[0]})" if spelled else ""
            raise ModelError(
                f"the model's chat template can't take these messages: {one_line(problem)}{hint}"
            ) from problem

    def _apply(self, conversation: list[Any], **arguments: Any) -> dict[str, Any]:
        return dict(
            self._renderer.apply_chat_template(
                conversation, tokenize=True, return_dict=True, return_tensors="pt", **arguments, **self._switches
            )
        )

    def _placeholders(self) -> set[str]:
        """List the image tokens: one too many in a text would be taken for an image."""
        owners = (self._renderer, self._vlm.tokenizer)
        names = ("image_token", "video_token", "boi_token", "fake_image_token")
        return {str(getattr(owner, name)) for owner in owners for name in names if getattr(owner, name, None)}

    def _conversation(self, messages: Sequence[Message], images: Any) -> list[dict[str, Any]]:
        turns: list[tuple[str, list[str | Image]]] = [(m.role, list(m.content)) for m in messages]
        if not self._has_system_role:
            turns = _fold_system(turns)
        if self._vlm.processor is None:
            return [{"role": role, "content": "\n".join(str(part) for part in parts)} for role, parts in turns]
        conversation: list[dict[str, Any]] = []
        for role, parts in turns:
            content: list[dict[str, Any]] = []
            for part in parts:
                if isinstance(part, Image):
                    content.append({"type": "image", "image": next(images)})
                elif content and content[-1]["type"] == "text":
                    content[-1]["text"] += "\n" + part
                else:
                    content.append({"type": "text", "text": part})
            conversation.append({"role": role, "content": content})
        return conversation

    def _try_system_role(self) -> bool:
        """Check for a system role: some templates raise at a system message, others drop it silently."""
        self._has_system_role = True
        turns = self._conversation([Message("system", (_PROBE,)), Message("user", ("x",))], iter(()))
        try:
            return _PROBE in self._renderer.apply_chat_template(turns, add_generation_prompt=True, tokenize=False)
        except Exception:  # a template's own way to say no
            return False


def same(one: Prompt, other: Prompt) -> bool:
    """Whether two prompts are equal to the last bit."""
    import torch

    pairs = [(one.text, other.text), (one.images, other.images)]
    return all(a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a) for a, b in pairs)


def _fold_system(turns: list[tuple[str, list[str | Image]]]) -> list[tuple[str, list[str | Image]]]:
    rules = [part for role, parts in turns if role == "system" for part in parts]
    rest = [(role, parts) for role, parts in turns if role != "system"]
    if not rules:
        return rest
    first = next((parts for role, parts in rest if role == "user"), None)
    if first is None:
        return [("user", rules), *rest]
    first[:0] = [*rules, ""]  # an empty line between the rules and what the user says
    return rest
