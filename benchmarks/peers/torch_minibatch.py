"""The step on a minibatch in PyTorch, eager: torch_minibatch.py PROBLEM CELL."""

import sys

import torch
from serve import load, serve
from torch_model import Model

problem = load(sys.argv[1])
model = Model(problem, sys.argv[2])
optimizer = torch.optim.SGD(model.trained, lr=float(problem["rate"]))
x, y = (torch.tensor(problem[name]).long() for name in "xy")
clip = float(problem["clip"])
serve(
    lambda: model.loss(x, y).item(),
    lambda: model.step(optimizer, x, y, clip),
)
