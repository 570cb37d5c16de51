"""Say in words what a plan holds, whether it fits a device, and what to change where it does not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from foresee.training._common.config import TrainingConfig
from foresee.training._plan import devices
from foresee.training._plan.devices import Device
from foresee.training._plan.memory import Plan, plan

_GB = 10**9


def describe(method: str, config: TrainingConfig, fits: str | None) -> list[str]:
    """Describe a plan in lines. Raises UserError: no such device, or a model neither here nor known by name."""
    device = devices.named(fits) if fits else devices.here()
    on_gpu = device is not None and config.device != "cpu"
    half = config.dtype == "bfloat16" or (config.dtype == "auto" and on_gpu)
    made = plan(method, config, half, device)
    lines = ["plan (from the model's configuration; tensors on each device):", *_parts(made)]
    if device is None:
        return [*lines, "  --fits 24GB (or A100, H100, …) says whether it fits a device, and how long it takes"]
    does = made.needed <= device.memory
    verdict = "fits" if does else "DOES NOT FIT"
    lines.append(
        f"  {verdict} {device.name}: {made.needed / _GB:.1f} GB of {device.memory / _GB:.1f} GB, with what CUDA and "
        "its allocator take"
    )
    if not does:
        lines += _advice(method, config, half, device)
    return [*lines, *_time(made)]


def _parts(made: Plan) -> Iterator[str]:
    lengths, processes = made.lengths, made.processes
    how = f"{processes} devices, {'sharded' if made.sharded else 'a copy each'}" if processes > 1 else "1 device"
    yield f"  {made.shape.trained:,} of {made.shape.total:,} parameters are trained; {how}"
    source = "assumed, the data is not here" if lengths.assumed else "the longest of the data"
    yield f"  a sequence: {lengths.image} image + {lengths.prompt} prompt + {lengths.answer} answer tokens ({source})"
    for name, size in made.held.items():
        yield f"  {name}: {size / _GB:.2f} GB"
    for phase, parts in made.phases.items():
        inside = ", ".join(f"{name} {size / _GB:.2f}" for name, size in parts.items())
        yield f"  {phase}: + {sum(parts.values()) / _GB:.2f} GB ({inside})"
    yield f"  peak: {made.peak / _GB:.2f} GB"


def _time(made: Plan) -> Iterator[str]:
    if made.seconds is None:
        return
    whole = f", {made.steps:,} steps: about {made.seconds * made.steps / 3600:.1f} h" if made.steps else ""
    yield f"  time: about {made.seconds:.0f} s a step{whole} (from data sheets, to a factor of 2; judges left out)"


def _advice(method: str, config: TrainingConfig, half: bool, device: Device) -> list[str]:
    """Change one thing after another until it fits, and say which."""
    now, changed = config, dict[str, Any]()
    for change in (_fewer_pixels, _checkpointing, _smaller_batch, _adapter, _four_bits):
        values = change(now)
        if not values:
            continue
        changed |= values
        now = now.model_copy(update=values)
        made = plan(method, now, half, device)
        if made.needed <= device.memory:
            said = " ".join(f"--set {key}={_value(value)}" for key, value in changed.items())
            return [f"  to fit ({made.needed / _GB:.1f} GB): {said}"]
    return ["  nothing of max_pixels, checkpointing, batch, tune=lora and 4 bits makes it fit: take a larger device"]


def _fewer_pixels(config: TrainingConfig) -> dict[str, Any]:
    return {} if config.max_pixels and config.max_pixels <= 1_000_000 else {"max_pixels": 1_000_000}


def _checkpointing(config: TrainingConfig) -> dict[str, Any]:
    return {"gradient_checkpointing": True} if config.gradient_checkpointing is False else {}


def _smaller_batch(config: TrainingConfig) -> dict[str, Any]:
    """Take one sequence at a time, in as many batches; what CASPO samples at once grows no smaller by that."""
    return {"batch": 1, "accumulate": config.accumulate * config.batch} if config.batch > 1 else {}


def _adapter(config: TrainingConfig) -> dict[str, Any]:
    return {"tune": "lora"} if config.tune == "full" else {}


def _four_bits(config: TrainingConfig) -> dict[str, Any]:
    return {"quantisation": "4bit"} if config.quantisation == "none" else {}


def _value(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
