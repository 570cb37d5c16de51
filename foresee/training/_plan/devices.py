"""Name devices by their memory and speed, for plans; figures of the makers' data sheets, dense bfloat16."""

from __future__ import annotations

import re
from typing import NamedTuple

from foresee.errors import UserError


class Device(NamedTuple):
    """A device to train on."""

    name: str
    memory: int  # bytes
    flops: float  # a second, bfloat16
    bandwidth: float  # bytes a second


_GB = 10**9
DEVICES = (
    Device("RTX 4090", 24 * _GB, 165e12, 1.01e12),
    Device("L40S", 48 * _GB, 362e12, 0.86e12),
    Device("A100", 80 * _GB, 312e12, 2.04e12),
    Device("H100", 80 * _GB, 989e12, 3.35e12),
    Device("H200", 141 * _GB, 989e12, 4.8e12),
)


def named(text: str) -> Device:
    """Find a device by name (`A100`) or by memory (`24GB`: the speed is that of the first that has as much).

    Raises:
        UserError: neither.
    """
    wanted = re.sub(r"[\s_-]", "", text).lower()
    for device in DEVICES:
        if wanted in (device.name.replace(" ", "").lower(), f"{device.name}{device.memory // _GB}gb".lower()):
            return device
    size = re.fullmatch(r"(\d+(?:\.\d+)?)(gi?b?)?", wanted)
    if size is None or not 0 < float(size[1]) < 100_000:
        names = ", ".join(device.name for device in DEVICES)
        raise UserError(f"--fits: expected a memory (24GB) or one of {names}, got {text!r}")
    memory = round(float(size[1]) * (2**30 if "gi" in (size[2] or "") else _GB))
    like = next((device for device in DEVICES if device.memory >= memory), DEVICES[-1])
    return Device(f"a device of {memory / _GB:g} GB, as fast as {like.name}", memory, like.flops, like.bandwidth)


def here() -> Device | None:
    """Return the CUDA device of this machine, if it has one; its speed is that of one with as much memory."""
    import torch

    if not torch.cuda.is_available():
        return None
    _, total = torch.cuda.mem_get_info()
    return named(f"{total / _GB:.1f}GB")._replace(name=torch.cuda.get_device_name())
