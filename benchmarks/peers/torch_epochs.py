"""Train the language model in PyTorch: torch_epochs.py PROBLEM CELL.

Prints a line after each epoch: the validation loss, in nats per word, and the seconds of training.
"""

import sys
import time

import numpy as np
import torch
from serve import load
from torch_model import Model

problem = load(sys.argv[1])
model = Model(problem, sys.argv[2])
optimizer = torch.optim.SGD(model.trained, lr=float(problem["rate"]))
clip = float(problem["clip"])


def batches(name):
    """Words and next words, in the order of the file; next words that do not count are -1."""
    x, y, mask = (problem[f"{name}/{part}"] for part in ("x", "y", "mask"))
    y = np.where(mask > 0, y, -1)
    first = 0
    for T, B in problem[f"{name}/shapes"]:
        cells = slice(first, first + T * B)
        yield tuple(torch.tensor(part[cells].reshape(T, B)).long() for part in (x, y))
        first += T * B


def validation():
    """The mean loss over all words."""
    total, words = 0.0, 0
    with torch.no_grad():
        for x, y in batches("validation"):
            total += model.loss(x, y, reduction="sum").item()
            words += int((y >= 0).sum())
    return total / words


for epoch in range(int(problem["epochs"])):
    start = time.perf_counter()
    for x, y in batches(f"epoch{epoch}"):
        model.step(optimizer, x, y, clip)
    seconds = time.perf_counter() - start
    print(validation(), seconds, flush=True)
