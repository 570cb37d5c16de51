"""Plan the memory and time of a training from its settings and the model's configuration; no weights are needed.

Weights are counted on the meta device, an update is run with fake tensors (`update`), the rest is arithmetic. Time is
an estimate from data sheets (a third of the peak in updates, half of the bandwidth in sampling), good to a factor of 2.
"""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any, NamedTuple

from foresee.errors import UserError
from foresee.models.checkpoints.find import read_json
from foresee.training._common.config import TrainingConfig
from foresee.training._common.policy import NOT_LANGUAGE, folder_or_id, lora_pattern
from foresee.training._plan.devices import Device
from foresee.training._plan.update import Update, peak

_CONTEXT = 10**9  # what CUDA and its libraries take
_FRAGMENTS = 0.05  # share of memory that an allocator can't use
_PIXELS = 1_000_000  # of an image, where neither settings nor data say
_PROMPT, _ANSWER, _CONSTITUTION = 200, 300, 400  # tokens of text, where the data is not here


class Shape(NamedTuple):
    """Sizes of a model."""

    config: Any
    total: int  # parameters
    quantised: int  # parameters in layers that quantisation packs
    trained: int
    linear: int  # parameters of the largest packed layer


class Lengths(NamedTuple):
    """Tokens of the longest row."""

    image: int
    prompt: int
    answer: int
    rows: int | None
    assumed: bool

    @property
    def all(self) -> int:
        return self.image + self.prompt + self.answer


class Plan(NamedTuple):
    """Bytes on each device, by what they are for, at the fullest moment of each phase; and seconds a step."""

    held: dict[str, int]  # all the time
    phases: dict[str, dict[str, int]]
    lengths: Lengths
    shape: Shape
    seconds: float | None
    steps: int | None
    processes: int
    sharded: bool

    @property
    def peak(self) -> int:
        """Bytes of tensors at the fullest moment."""
        return sum(self.held.values()) + max(sum(parts.values()) for parts in self.phases.values())

    @property
    def needed(self) -> int:
        """Bytes of a device: tensors, what an allocator wastes, and CUDA itself."""
        return round(self.peak * (1 + _FRAGMENTS)) + _CONTEXT


def plan(method: str, config: TrainingConfig, half: bool, device: Device | None = None) -> Plan:
    """Plan a training.

    Args:
        method: sft, dpo, caspo, or another (planned as sft).
        config: its settings.
        half: whether it computes in bfloat16.
        device: whose speed the time is for.

    Raises:
        UserError: the model is neither here nor known by name.
    """
    shape = _shape(config)
    lengths = _lengths(config, shape.config)
    processes = config.processes or 1
    sharded = processes > 1 and bool(config.trl.get("fsdp") or config.trl.get("deepspeed"))
    share = processes if sharded else 1
    held = {name: size // share for name, size in _held(method, config, shape, half).items()}
    if "teacher" in held:  # a model of its own is kept whole
        held["teacher"] *= share
    if config.trl.get("use_vllm") and config.trl.get("vllm_mode", "colocate") == "colocate" and device:
        held["vLLM"] = round(float(config.trl.get("vllm_gpu_memory_utilization", 0.3)) * device.memory)
    if sharded:
        held["gathered layers"] = _gathered(shape)
    update = _update(method, config, lengths, half)
    gradients = 4 * shape.trained
    activations = peak(shape.config, update) - gradients + _vision(config, shape.config, lengths, update, half)
    if config.quantisation != "none":
        activations += 2 * shape.linear
    phases = {"update": {"gradients": gradients // share, "activations": max(activations, 0)}}
    if processes > 1 and not sharded:
        phases["update"]["buckets of gradients"] = gradients
    if method == "caspo":
        phases |= _sampling(config, shape, lengths, half)
    seconds = _seconds(method, config, shape, lengths, device) if device else None
    steps = config.steps or (lengths.rows and math.ceil(_steps(method, config, lengths.rows)))
    return Plan(held, phases, lengths, shape, seconds, steps, processes, sharded)


def configuration(model: str) -> Any:
    """Find the configuration of a model that is here, or known by name. Raises UserError: neither."""
    from transformers import AutoConfig

    from foresee.models.checkpoints import known
    from foresee.models.checkpoints.find import resolve

    name = folder_or_id(model)
    found = known.config(name)
    return (
        found
        if found is not None and not Path(name).is_dir()
        else AutoConfig.from_pretrained(resolve(name), trust_remote_code=False)
    )


def weights_are_elsewhere(model: str) -> bool:
    """Whether a model is known by name, and neither a folder here nor in the hub's cache."""
    from huggingface_hub import try_to_load_from_cache

    from foresee.models.checkpoints import known

    name = folder_or_id(model)
    if name not in known.CONFIGS or Path(name).is_dir():
        return False
    weights = ("model.safetensors", "model.safetensors.index.json")
    return not any(isinstance(try_to_load_from_cache(name, file), str) for file in weights)


def _shape(config: TrainingConfig) -> Shape:
    import torch
    from transformers import AutoModelForImageTextToText

    found = configuration(config.model)
    if not hasattr(found, "vision_config"):
        raise UserError(f"{config.model} is a text-only model: expected one that takes images, as the trainings do")
    with torch.device("meta"):
        model: Any = AutoModelForImageTextToText.from_config(found)
    model.tie_weights()
    head = model.get_output_embeddings()
    linear = {
        name: module
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.Linear) and module is not head
    }
    packed = [module.weight.numel() for module in linear.values()]
    if config.tune == "full":
        kept = (p for n, p in model.named_parameters() if config.vision or not re.search(NOT_LANGUAGE, n))
        trained = sum(p.numel() for p in kept)
    else:
        fit = [module for name, module in linear.items() if re.fullmatch(lora_pattern(config), name)]
        trained = sum(config.lora.rank * (module.in_features + module.out_features) for module in fit)
    return Shape(found, sum(p.numel() for p in model.parameters()), sum(packed), trained, max(packed))


def _held(method: str, config: TrainingConfig, shape: Shape, half: bool) -> dict[str, int]:
    """Compute the bytes that are there all the time, on one device."""
    from foresee.training._caspo.teachers import is_served

    full = config.tune == "full"
    width = 2 if half and not full else 4
    bits = {"none": float(width), "8bit": 1.0, "4bit": 0.5 + 4 / 64}[config.quantisation]  # a scale to 64 numbers
    held = {"weights": round((shape.total - shape.quantised) * width + shape.quantised * bits)}
    if not full:
        held["adapter"] = 4 * shape.trained
    moments = 2 if "8bit" in str(config.trl.get("optim", "")) else 8
    held["optimiser"] = moments * shape.trained
    teacher = getattr(config, "teacher", "moving")
    reads = method == "caspo" and (getattr(config, "token_weight", 0) > 0 or getattr(config, "outcome_sources", ()))
    if reads and teacher in ("frozen", "ema"):
        if full or teacher == "ema":
            held["teacher"] = 4 * shape.trained
    elif reads and teacher != "moving" and not (is_served(teacher) or _swapped_in(teacher, config)):
        held["teacher"] = (2 if half else 4) * shape.total
    if full and (method == "dpo" or (method == "caspo" and getattr(config, "kl_weight", 0) > 0)):
        held["reference"] = 4 * shape.total
    return held


def _swapped_in(teacher: str, config: TrainingConfig) -> bool:
    """Whether a teacher is an adapter of the student's shape, whose weights take its place while they score."""
    file = Path(teacher).expanduser() / "adapter_config.json"
    return config.tune == "lora" and file.is_file() and bool(read_json(file).get("r") == config.lora.rank)


def _gathered(shape: Shape) -> int:
    """Two layers, the embedding and the head, in bfloat16, brought together while they compute."""
    text = shape.config.get_text_config()
    ends = 2 * text.vocab_size * text.hidden_size
    return int(2 * ends + 2 * 2 * (shape.total - ends) // text.num_hidden_layers)


def _update(method: str, config: TrainingConfig, lengths: Lengths, half: bool) -> Update:
    checkpointing = half if config.gradient_checkpointing is None else config.gradient_checkpointing
    return Update(
        sequences=config.batch * (2 if method == "dpo" else 1),
        tokens=min(lengths.all, config.max_length or lengths.all),
        pattern=None if config.tune == "full" else lora_pattern(config),
        rank=config.lora.rank,
        frozen="^$" if config.vision else NOT_LANGUAGE,
        half=half,
        checkpointing=checkpointing,
        accumulates=config.accumulate > 1,
    )


def _vision(config: TrainingConfig, model: Any, lengths: Lengths, update: Update, half: bool) -> int:
    """Estimate what the vision tower and its pixels take; with `vision` each of its layers keeps its input, too."""
    if not lengths.image:
        return 0
    vision = model.vision_config
    patches = update.sequences * lengths.image * getattr(vision, "spatial_merge_size", 1) ** 2
    pixels = patches * vision.patch_size**2 * 3 * 4 * getattr(vision, "temporal_patch_size", 1)
    layer = patches * (2 if half else 4) * (4 * vision.hidden_size + 3 * vision.intermediate_size)
    depth = getattr(vision, "depth", None) or vision.num_hidden_layers
    kept = patches * (2 if half else 4) * vision.hidden_size * depth if config.vision else 0
    return int(pixels + kept + (2 * layer if config.vision else 0))


def _sampling(config: Any, shape: Shape, lengths: Lengths, half: bool) -> dict[str, dict[str, int]]:
    """Compute what sampling the answers takes beside what is held, and what the teacher's reading of them does."""
    width = 2 if half and config.tune == "lora" else 4
    text = shape.config.get_text_config()
    head = getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads
    a_token = 2 * text.num_hidden_layers * text.num_key_value_heads * head * width
    inner = (3 * text.intermediate_size + 4 * text.hidden_size) * width
    prompt, rows = lengths.image + lengths.prompt, config.batch
    phases = {}
    if not config.trl.get("use_vllm"):
        at_once = rows * int(config.trl.get("steps_per_generation", config.accumulate))
        phases["sampling"] = {
            "KV cache": at_once * (prompt + config.max_new_tokens) * a_token,
            "reading the prompts": at_once * prompt * inner,
            "logits": at_once * text.vocab_size * 4 * 4,
        }
    if config.token_weight > 0 or config.outcome_sources:
        distinct = max(1, rows // config.generations)
        phases["teacher's reading"] = {
            "KV cache": rows * (prompt + _CONSTITUTION + config.max_new_tokens) * a_token,
            "activations": max(rows * config.max_new_tokens, distinct * (prompt + _CONSTITUTION)) * inner,
            "logits": 3 * 4 * 32768 * 1024,
        }
    return phases


def _lengths(config: TrainingConfig, model: Any) -> Lengths:
    vision = model.vision_config
    side = vision.patch_size * getattr(vision, "spatial_merge_size", 1)
    fixed = getattr(vision, "image_size", None) if not hasattr(vision, "spatial_merge_size") else None
    pixels, prompt, answer, rows = _measured(config)
    most = config.max_pixels or _PIXELS
    area = fixed**2 if fixed else most if pixels is None else min(pixels, config.max_pixels or pixels)
    image = math.ceil(area / side**2)
    answer = getattr(config, "max_new_tokens", answer)
    return Lengths(image, prompt, answer, rows, pixels is None)


def _measured(config: TrainingConfig) -> tuple[int | None, int, int, int | None]:
    """Measure the rows that are here: pixels of the largest images of a row, tokens of texts (about 3 letters each)."""
    from foresee.training._common import rows as training_rows

    if not Path(config.data).expanduser().is_dir():
        return None, _PROMPT, _ANSWER, None
    from PIL import Image

    loaded = training_rows.load(config.data, (), limit=config.limit, text_only=True)
    pixels, prompt, answer = 0, 1, 1
    for place, row in enumerate(loaded.rows):
        asked = sum(len(turn.content) for turn in row.prompt)
        answers = (row.completion, row.chosen, row.rejected)
        said = max(sum(len(turn.content) for turn in turns or ()) for turns in answers)
        prompt, answer = max(prompt, asked // 3 + 20), max(answer, said // 3)
        if place < 200:
            area = 0
            for path in row.images:
                with Image.open(Path(loaded.folder) / path) as image:
                    area += image.width * image.height
            pixels = max(pixels, area)
    return pixels, prompt, answer, len(loaded.rows)


def _steps(method: str, config: Any, rows: int) -> float:
    answers = config.generations if method == "caspo" else 1
    at_once = config.batch * config.accumulate * (config.processes or 1)
    return float(config.epochs * rows * answers / at_once * (config.updates if method == "caspo" else 1))


def _seconds(method: str, config: Any, shape: Shape, lengths: Lengths, device: Device) -> float:
    """Estimate a step: 6 or 8 operations a parameter and token, and reading weights and cache once a sampled token."""
    sequences = config.batch * config.accumulate * (2 if method == "dpo" else 1)
    passes = (8 if config.tune == "full" else 6) + (2 if method == "dpo" else 4 if method == "caspo" else 0)
    seconds = passes * shape.total * sequences * lengths.all / (device.flops / 3)
    if method == "caspo":
        text = shape.config.get_text_config()
        every = int(config.trl.get("steps_per_generation", config.accumulate)) / config.accumulate
        overhead = 0.0 if config.trl.get("use_vllm") else 0.001 * text.num_hidden_layers  # launching kernels
        a_token = 2 * shape.total / (device.bandwidth / 2) + overhead
        seconds += config.max_new_tokens * a_token / max(every, 1) / config.updates
    return float(seconds)
