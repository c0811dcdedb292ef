"""The step on a minibatch in PyTorch, eager: torch_minibatch.py PROBLEM CELL [OPTIMIZER]."""

import sys

import torch
from serve import load, serve
from torch_model import OPTIMIZERS, Model

problem = load(sys.argv[1])
model = Model(problem, sys.argv[2])
rule = sys.argv[3] if len(sys.argv) > 3 else "sgd"
optimizer = OPTIMIZERS[rule](model.trained, float(problem["rate"]))
x, y = (torch.tensor(problem[name]).long() for name in "xy")
clip = float(problem["clip"]) if "clip" in problem else None
serve(lambda: model.loss(x, y).item(), lambda: model.step(optimizer, x, y, clip))
