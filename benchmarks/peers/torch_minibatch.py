"""The step on a minibatch in PyTorch: torch_minibatch.py PROBLEM CELL [OPTIMIZER [DEVICE]].

DEVICE is cpu, cuda or graph: on a GPU the step runs eagerly, or it is captured once as a CUDA
graph and then replayed as a whole.
"""

import sys

import torch
from serve import load, serve
from torch_model import OPTIMIZERS, Model

path, cell, *rest = sys.argv[1:]
rule = rest[0] if rest else "sgd"
way = rest[1] if len(rest) > 1 else "cpu"
place = "cpu" if way == "cpu" else "cuda"

problem = load(path)
model = Model(problem, cell).to(place)
optimizer = OPTIMIZERS[rule](model.trained, float(problem["rate"]))
x, y = (torch.tensor(problem[name]).long().to(place) for name in "xy")
clip = float(problem["clip"]) if "clip" in problem else None


def eager():
    """A step as its users write it."""
    model.step(optimizer, x, y, clip)


def captured():
    """A step that replays what was captured, as PyTorch's notes on CUDA graphs say."""
    for group in optimizer.param_groups:
        group["capturable"] = True
    aside = torch.cuda.Stream()
    aside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(aside):
        for _ in range(3):
            eager()
    torch.cuda.current_stream().wait_stream(aside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        eager()
    return graph.replay


loss = model.loss(x, y).item()
take = captured() if way == "graph" else eager


def step():
    """A step with all its work done."""
    take()
    if place == "cuda":
        torch.cuda.synchronize()


serve(lambda: loss, step)
