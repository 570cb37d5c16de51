"""One loaded model that answers batches: generation, first-token scores, log probabilities, decode-time strategies.

Weights are loaded by the first request. Distinct images of a batch go through the vision tower once, and those
seen lately not at all, through transformers' own `mm_encoder_outputs`; where an architecture or a version lacks that
(or a decode-time strategy changes all inputs), the images go in as they are.

The sampling defaults that come with a checkpoint (`generation_config.json`: temperature, repetition penalty, ...)
are left out: what a request says is what happens. Only the end-of-answer tokens are taken from there.
"""

from __future__ import annotations

import gc
import inspect
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from foresee.errors import ModelError, UserError
from foresee.models.checkpoints import LoadOptions, Vlm, load
from foresee.models.local.batch_request import BatchRequest, to_job
from foresee.models.local.batching import Job, OutOfMemory
from foresee.models.local.collating import collate_images, collate_text, image_spans, join_features, split_features
from foresee.models.local.decoding import Batch, Chooser, SecondPrompt, StopTexts, choice_probabilities
from foresee.models.local.hidden_states import hooked
from foresee.models.local.image_cache import BoundedCache, tensor_bytes
from foresee.models.local.prompting import Ask, Prompt, Prompts
from foresee.models.local.refilling import Answered, Tools, Unfit, decode
from foresee.notices import say_once
from foresee.records import Generation, Reply, Request, Usage

_NO_MEMORY = ("out of memory", "not enough memory", "can't allocate memory", "alloc_failed")


class _Raw(NamedTuple):
    """What generation brought for one request: tokens, their log probabilities, the first step's logits; or junk."""

    tokens: list[int]
    logprobs: list[float] | None
    first: Any
    broken: bool
    readings: Mapping[str, float] | None


class _Loaded(NamedTuple):
    vlm: Vlm
    prompts: Prompts
    encoder: Any  # the method that encodes images, where its result can be handed to `generate`
    think: tuple[int | None, int | None]  # the tokens that open and close a reasoning model's thoughts


class Engine:
    """See above. `prepare_all` may be called in several threads at once, `run` in one.

    Args:
        folder: of the checkpoint.
        adapter: of the PEFT adapter, if any.
        options: how to load it.
        cache_bytes: for processed images, and as much again for encoded ones.
        enable_thinking: for chat templates that have that switch.
        places: rows of a batch that is refilled as answers end; 0 for batches that are answered as a whole.
    """

    def __init__(
        self,
        folder: Path,
        adapter: Path | None,
        options: LoadOptions,
        *,
        cache_bytes: int,
        enable_thinking: bool | None = None,
        places: int = 0,
    ) -> None:
        self._places = places
        self._where = (folder, adapter, options)
        self._cache_bytes, self._enable_thinking = cache_bytes, enable_thinking
        self._loading = threading.Lock()
        self._loaded: _Loaded | UserError | None = None
        self.encoded: BoundedCache[dict[str, Any]] = BoundedCache(cache_bytes, tensor_bytes)
        self._aborted = threading.Event()
        self.on_load: Callable[[Vlm], None] = lambda vlm: None

    def loaded(self) -> _Loaded:
        """Return the model, loaded if need be. Raises UserError: it can't be, and nobody tries again."""
        with self._loading:
            if self._loaded is None:
                try:
                    self._loaded = self._load()
                except UserError as problem:
                    self._loaded = problem
            if isinstance(self._loaded, UserError):
                raise UserError(str(self._loaded))
            return self._loaded

    def abort(self) -> None:
        """End the batch that is running at its next token, with a ModelError."""
        self._aborted.set()

    def unload(self) -> None:
        """Give the memory back."""
        self._loaded = None
        self.encoded.clear()
        _free()

    def prepare(self, request: Request) -> Job:
        """Prepare a request. Raises ModelError: this model can't take it. UserError: the model can't be loaded."""
        (job,) = self.prepare_all([request])
        if isinstance(job, Exception):
            raise job
        return job

    def prepare_all(self, requests: Sequence[Request]) -> list[Job | Exception]:
        """Prepare requests together: a job each, or what `prepare` raises. Raises UserError: no model can be loaded."""
        made = self.loaded().prompts.make_all([Ask(one.messages, one.closed, one.template) for one in requests])
        jobs: list[Job | Exception] = []
        for request, prompt in zip(requests, made, strict=True):
            try:
                jobs.append(prompt if isinstance(prompt, Exception) else self._job(request, prompt))
            except Exception as problem:
                jobs.append(problem)
        return jobs

    def _job(self, request: Request, prompt: Prompt) -> Job:
        vlm, prompts, *_ = self.loaded()
        if request.schema is not None:
            raise ModelError("a local model can't be constrained to a JSON schema; ask for JSON in the prompt")
        if request.choices:
            prompts.first_tokens(request.choices)
        limit = getattr(vlm.core.config.get_text_config(), "max_position_embeddings", None) or 1 << 30
        other: Prompt | None = None
        if request.decoding is not None and isinstance(request.decoding, SecondPrompt):
            words = request.decoding.second_messages(request.messages)
            other = prompts.make(words, closed=request.closed, template=request.template)
        length = max(prompt.length, other.length if other else 0)
        if length >= limit:
            raise ModelError(f"the prompt has {length} tokens, this model takes fewer than {limit}")
        wanted = 1 if request.choices else max(1, request.generation.max_tokens)
        return to_job(request, prompt, min(wanted, limit - length), vlm.core, other)

    def answers(
        self, jobs: Sequence[Job], more: Callable[[int], Sequence[Job]]
    ) -> Iterator[tuple[int, Reply | ModelError]]:
        """Answer jobs of one group as they end, and those that `more(places)` hands in for places that come free.

        Yields:
            The job's place among all that came in, and its reply or its own error.

        Raises:
            OutOfMemory: and whatever the model raises.
        """
        request: Request = jobs[0].content.request
        plain = request.decoding is None and request.hidden is None and not request.choices
        if not (self._places and plain):
            yield from enumerate(self.run(jobs))
            return
        requests: list[BatchRequest] = [job.content for job in jobs]
        tools = Tools(self.loaded().vlm.core, self._inputs, self._chooser, self._ends, self._go_on_or_end)
        try:
            for row in decode(requests, lambda room: [job.content for job in more(room)], self._places, tools):
                raw = _Raw(row.tokens, row.logprobs if request.logprobs else None, None, row.broken, None)
                yield row.place, self._reply(row.request, raw, row.seconds)
            return
        except Unfit as why:
            unfit: str | None = str(why)
        except (RuntimeError, MemoryError) as problem:
            if not _short_of_memory(problem):
                raise
            unfit = None  # told below, where the error no longer holds on to the batch's tensors
        if unfit is None:
            _free()
            raise OutOfMemory(_size(requests))
        say_once(f"refill: not with this model ({unfit}); its batches are answered as a whole")
        self._places = 0
        yield from enumerate(self.run(jobs))

    def run(self, jobs: Sequence[Job]) -> list[Reply | ModelError]:
        """Answer jobs of one group, with the errors of single ones. Raises OutOfMemory, or what the model raises."""
        import torch

        began = time.monotonic()
        requests: list[BatchRequest] = [job.content for job in jobs]
        try:
            with torch.no_grad():
                raw = self._generate(requests)
        except (RuntimeError, MemoryError) as problem:  # torch's own out-of-memory errors are RuntimeErrors
            if not _short_of_memory(problem):
                raise
        else:
            share = (time.monotonic() - began) / len(requests)
            return [self._reply(one, answer, share) for one, answer in zip(requests, raw, strict=True)]
        _free()
        raise OutOfMemory(_size(requests))

    def _load(self) -> _Loaded:
        folder, adapter, options = self._where
        vlm = load(folder, adapter, options=options)
        vlm.core.generation_config = type(vlm.core.generation_config)()  # it would fill in what a request leaves out
        prompts = Prompts(vlm, self._cache_bytes, self._enable_thinking)
        encoder = getattr(vlm.core.base_model, "get_image_features", None)
        if "mm_encoder_outputs" not in inspect.signature(vlm.core.forward).parameters:
            encoder = None
        vocabulary = vlm.tokenizer.get_vocab()
        self.on_load(vlm)
        return _Loaded(vlm, prompts, encoder, (vocabulary.get("<think>"), vocabulary.get("</think>")))

    def _generate(self, requests: Sequence[BatchRequest]) -> list[_Raw]:
        vlm, prompts, *_ = self.loaded()
        request, rows = requests[0].request, len(requests)
        strategy, transforms_inputs = request.decoding, hasattr(request.decoding, "inputs")
        prompt_rows = [one.prompt for one in requests] + [one.second for one in requests if one.second]
        inputs = self._collated(prompt_rows, pixels=transforms_inputs)
        width = inputs["input_ids"].shape[1]
        processors: list[Any] = []
        seeds = tuple(one.seed for one in requests)
        if strategy is not None:
            batch = Batch(
                inputs,
                rows,
                seeds,
                tuple(prompt_rows[0].text),
                image_spans(prompt_rows),
                vlm.core,
                tuple(one.request for one in requests),
                prompts.decode,
            )
            inputs = dict(strategy.inputs(batch)) if transforms_inputs else inputs
            processors.extend(strategy.processors(batch))
        chooser = self._chooser(requests)
        stops = StopTexts(prompts.decode, request.generation.stop, width)
        stopping: list[Any] = [stops] if request.generation.stop and not request.choices else []
        stopping.append(lambda ids, scores, **_: chooser.broken.repeat(len(ids) // rows))
        with hooked([one.request.hidden for one in requests], vlm.core, inputs["attention_mask"]) as hooks:
            tokens = self._call(inputs, [*processors, chooser], stopping, max(one.new_tokens for one in requests))
        answers = [row[: stops.lengths.get(i)] for i, row in enumerate(tokens[:rows, width:].tolist())]
        logprobs, broken = _columns(chooser.logprobs), chooser.broken.tolist()
        readings = hooks.readings()
        return [
            _Raw(answers[i], logprobs[i] if logprobs else None, chooser.first[i], broken[i], readings[i])
            for i in range(rows)
        ]

    def _inputs(self, requests: Sequence[BatchRequest]) -> dict[str, Any]:
        return self._collated([one.prompt for one in requests])

    def _collated(self, prompts: Sequence[Prompt], *, pixels: bool = False) -> dict[str, Any]:
        """Put prompts together for the model, on its device; with the images' pixels, or encoded where that can be."""
        vlm = self.loaded().vlm
        inputs = collate_text(prompts, vlm.pad_id)
        inputs.update(collate_images(prompts) if pixels else self._images(prompts))
        return {key: _placed(value, vlm.core) for key, value in inputs.items()}

    def _chooser(self, requests: Sequence[BatchRequest]) -> Chooser:
        request = requests[0].request
        settings = Generation() if request.choices else request.generation
        prompts = () if settings.repetition_penalty == 1 else [one.prompt.ids for one in requests]
        seeds = tuple(one.seed for one in requests)
        return Chooser(settings, seeds, prompts, record=request.logprobs and not request.choices)

    def _ends(self, row: Answered) -> bool:
        """Whether an answer's last token ends it: itself, as the last allowed one, or by completing a stop text."""
        vlm, prompts, *_ = self.loaded()
        if row.tokens[-1] in vlm.eos_ids or len(row.tokens) >= row.request.new_tokens:
            return True
        texts = row.request.request.generation.stop
        stops = StopTexts(prompts.decode, texts, 0)
        return bool(texts) and stops.complete([row.tokens[-stops.tail :]])[0]

    def _call(self, inputs: Mapping[str, Any], processors: list[Any], stopping: list[Any], new_tokens: int) -> Any:
        from transformers import GenerationConfig, LogitsProcessorList, StoppingCriteriaList

        vlm = self.loaded().vlm
        return vlm.core.generate(
            **inputs,
            generation_config=GenerationConfig(
                do_sample=False,
                max_new_tokens=new_tokens,
                eos_token_id=list(vlm.eos_ids) or None,
                pad_token_id=vlm.pad_id,
            ),
            logits_processor=LogitsProcessorList(processors),
            stopping_criteria=StoppingCriteriaList([*stopping, self._go_on]),
        )

    def _go_on_or_end(self) -> None:
        if self._aborted.is_set():
            raise ModelError("the model was closed before it could answer")

    def _go_on(self, ids: Any, scores: Any, **_: Any) -> Any:
        """Act as a stopping criterion that no row meets, called once a token."""
        self._go_on_or_end()
        return ids.new_zeros(len(ids)).bool()

    def _images(self, prompts: Sequence[Prompt]) -> dict[str, Any]:
        """Collate the image inputs of a batch: encoded once for equal images where possible, else the pixels."""
        loaded = self.loaded()
        if loaded.encoder is None or "pixel_values" not in prompts[0].images:
            return collate_images(prompts)
        parts = {prompt.image_hashes: self.encoded.get(prompt.image_hashes) for prompt in prompts}
        new = {prompt.image_hashes: prompt for prompt in prompts if parts[prompt.image_hashes] is None}
        if new:
            fresh = self._encode(loaded, list(new.values()))
            if fresh is None:
                self._loaded = loaded._replace(encoder=None)
                return collate_images(prompts)
            for key, features in zip(new, fresh, strict=True):
                parts[key] = self.encoded.put(key, features)
        sizes = collate_images(prompts, without="pixel_values")
        features = join_features([part for prompt in prompts if (part := parts[prompt.image_hashes])])
        return {**sizes, "mm_encoder_outputs": {"image": features}}

    def _encode(self, loaded: _Loaded, prompts: Sequence[Prompt]) -> list[dict[str, Any]] | None:
        """Encode each prompt's images with the vision tower; None where it reads the text too, or mixes them."""
        core = loaded.vlm.core
        token = getattr(core.config, "image_token_id", None)
        known = inspect.signature(loaded.encoder).parameters
        if token is None or any(key in known for key in prompts[0].text):
            return None
        images = {key: _placed(value, core) for key, value in collate_images(prompts).items() if key in known}
        encoded = loaded.encoder(**images, return_dict=True)
        return split_features(encoded, [prompt.ids.count(token) for prompt in prompts])

    def _reply(self, one: BatchRequest, raw: _Raw, seconds: float) -> Reply | ModelError:
        request, loaded = one.request, self.loaded()
        if raw.broken:
            dtype = str(loaded.vlm.core.dtype).removeprefix("torch.")
            return ModelError(f"the model's logits are not finite (dtype {dtype}; try dtype=bfloat16 or float32)")
        if request.choices:
            probabilities = choice_probabilities(raw.first, loaded.prompts.first_tokens(request.choices))
            best = (
                max(probabilities, key=lambda choice: probabilities[choice]) if any(probabilities.values()) else ""
            )  # none stands out
            usage = Usage(one.prompt.length, 1)
            return Reply(best, usage=usage, seconds=seconds, choice_probabilities=probabilities, readings=raw.readings)
        tokens = raw.tokens[: one.new_tokens]
        ends = [place for place, token in enumerate(tokens) if token in loaded.vlm.eos_ids]
        tokens = tokens[: ends[0]] if ends else tokens
        reasoning, text = _split_reasoning(one.prompt.ids, tokens, loaded)
        stops = [place for stop in request.generation.stop if (place := text.find(stop)) >= 0]
        return Reply(
            (text[: min(stops)] if stops else text).strip(),
            finish_reason="stop" if ends or stops else "length",
            reasoning=reasoning,
            usage=Usage(one.prompt.length, len(tokens)),
            seconds=seconds,
            logprobs=tuple(raw.logprobs[: len(tokens)]) if raw.logprobs is not None else None,
            readings=raw.readings,
        )


def _split_reasoning(prompt: Sequence[int], tokens: list[int], loaded: _Loaded) -> tuple[str, str]:
    """Split a reasoning model's thinking from its answer; thinking that never ends leaves an empty answer."""
    opens, closes = loaded.think
    if closes is not None and closes in tokens:
        place = tokens.index(closes)
        thoughts, answer = loaded.prompts.decode([tokens[:place], tokens[place + 1 :]])
        return thoughts.replace("<think>", "", 1).strip(), answer
    (text,) = loaded.prompts.decode([tokens])
    whole = [token for token in (*prompt, *tokens) if token in loaded.think]
    if opens is not None and whole and whole[-1] == opens:
        return text.replace("<think>", "", 1).strip(), ""
    return "", text


def _placed(value: Any, model: Any) -> Any:
    """On the model's device; pixels in the model's kind of numbers. Encoded images are there already."""
    if not hasattr(value, "is_floating_point"):
        return value
    return value.to(model.device, model.dtype) if value.is_floating_point() else value.to(model.device)


def _columns(steps: Sequence[Any]) -> list[list[float]] | None:
    import torch

    columns: list[list[float]] | None = torch.stack(list(steps), dim=1).tolist() if steps else None
    return columns


def _short_of_memory(problem: Exception) -> bool:
    return isinstance(problem, MemoryError) or any(word in str(problem).lower() for word in _NO_MEMORY)


def _size(requests: Sequence[BatchRequest]) -> str:
    longest = max(one.prompt.length for one in requests)
    return f"{longest} prompt tokens, up to {max(one.new_tokens for one in requests)} new ones"


def _free() -> None:
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
