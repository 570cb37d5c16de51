"""Run by torchrun in a test: trains by each method in turn, the weights in parts on the processes (FSDP 2), on a CPU.

accelerate shards on accelerators alone, by a list of its own; torch shards on a CPU as well. So the list is passed over
here, and what gathers full weights is waited for, which copying them from a GPU does by itself. All else is as on GPUs.

torchrun --nproc_per_node 2 sharded_processes.py '[["sft", ["model=…", "trl.fsdp=true", …]], …]'
"""

import json
import sys
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState, DistributedType
from torch.distributed._functional_collectives import AsyncCollectiveTensor

from foresee import training

_begin, _gather = AcceleratorState.__init__, Accelerator.get_state_dict


def begin(self: Any, *arguments: Any, fsdp_plugin: Any = None, **keywords: Any) -> None:
    _begin(self, *arguments, fsdp_plugin=fsdp_plugin, **keywords)
    plugin = fsdp_plugin or getattr(self, "fsdp_plugin", None)
    if plugin is not None and self.distributed_type == DistributedType.MULTI_CPU:
        self.distributed_type, self.fsdp_plugin = DistributedType.FSDP, plugin


def gather(self: Any, *arguments: Any, **keywords: Any) -> dict[str, Any]:
    weights = _gather(self, *arguments, **keywords)
    return {name: w.wait() if isinstance(w, AsyncCollectiveTensor) else w for name, w in weights.items()}


AcceleratorState.__init__, Accelerator.get_state_dict = begin, gather
torch.set_num_threads(1)
for method, given in json.loads(sys.argv[1]):
    training.train(method, training.configure(method, None, given))
