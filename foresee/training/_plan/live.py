"""Follow the memory of live tensors: what is allocated now, and the most that ever was. No device needed."""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class LiveTensors(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Count the bytes of tensors made while this is on, until they are freed; real and fake tensors alike.

    Attributes:
        now: bytes that live.
        peak: the most that lived at once.
    """

    def __init__(self, known: Iterable[Any] = ()) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.now = self.peak = 0
        self._seen: dict[int, Any] = {}
        for tensor in known:  # weights: views of them are not new memory
            self._follow(tensor.untyped_storage(), 0)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(out):
            if isinstance(leaf, torch.Tensor) and leaf.layout is torch.strided:
                storage = leaf.untyped_storage()
                self._follow(storage, storage.nbytes())
        return out

    def _follow(self, storage: Any, size: int) -> None:
        key = storage._cdata
        if key in self._seen:
            return

        def freed(_: Any) -> None:
            self.now -= size
            self._seen.pop(key, None)

        self._seen[key] = weakref.ref(storage, freed)
        self.now += size
        self.peak = max(self.peak, self.now)
