"""Muon over many small matrices: those of one shape are orthogonalised together instead of one after the other.

The same algorithm as `torch.optim.Muon` without weight decay (whose state it shares), with far fewer kernel calls:
for a model this small, those are what a step on an accelerator spends its time on.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import torch
from torch import Tensor


class GroupedMuon(torch.optim.Muon):
    """`torch.optim.Muon` with another `step`."""

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """One step. Raises ValueError: a closure, or weight decay, neither of which is supported."""
        if closure is not None:
            raise ValueError("GroupedMuon takes no closure")
        for group in self.param_groups:
            if group["weight_decay"]:
                raise ValueError("GroupedMuon has no weight decay")
            by_shape: dict[torch.Size, list[Tensor]] = defaultdict(list)
            for parameter in group["params"]:
                if parameter.grad is not None:
                    by_shape[parameter.shape].append(parameter)
            for shape, parameters in by_shape.items():
                gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
                momenta = [self._momentum(parameter) for parameter in parameters]
                torch._foreach_lerp_(momenta, gradients, 1 - group["momentum"])
                nesterov = torch._foreach_lerp(gradients, momenta, group["momentum"])
                updates = orthogonal(torch.stack(nesterov), group["ns_coefficients"], group["ns_steps"], group["eps"])
                rate = group["lr"] * max(1.0, shape[0] / shape[1]) ** 0.5
                torch._foreach_add_(parameters, list(updates.to(parameters[0].dtype)), alpha=-rate)

    def _momentum(self, parameter: Tensor) -> Tensor:
        state = self.state[parameter]
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = torch.zeros_like(parameter)
        found: Tensor = state["momentum_buffer"]
        return found


def orthogonal(matrices: Tensor, coefficients: tuple[float, float, float], steps: int, eps: float) -> Tensor:
    """Newton-Schulz towards the nearest orthogonal matrices, in bfloat16 as `torch.optim.Muon` does; (N, A, B) each."""
    a, b, c = coefficients
    tall = matrices.shape[1] > matrices.shape[2]
    x = (matrices.mT if tall else matrices).bfloat16()
    x = x / torch.linalg.matrix_norm(x, keepdim=True).clamp(min=eps)
    for _ in range(steps):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.mT if tall else x
