"""Run by torchrun in a test: trains by each method in turn, in the processes that were started.

torchrun --nproc_per_node 2 two_processes.py '[["sft", ["model=…", …]], …]'
"""

import json
import sys

import torch

from foresee import training

torch.set_num_threads(1)
for method, given in json.loads(sys.argv[1]):
    training.train(method, training.configure(method, None, given))
