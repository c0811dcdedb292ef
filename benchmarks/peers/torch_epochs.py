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


def windows(name):
    """Words and next words, window by window; next words that do not count are -1."""
    x, y, mask = (problem[f"{name}/{part}"] for part in ("x", "y", "mask"))
    y = np.where(mask > 0, y, -1)
    return zip(*(torch.tensor(part).long() for part in (x, y)))


def validation():
    """The mean loss over all words."""
    total, words, states = 0.0, 0, None
    with torch.no_grad():
        for x, y in windows("validation"):
            loss, states = model.loss_and_states(x, y, states, reduction="sum")
            total += loss.item()
            words += int((y >= 0).sum())
    return total / words


for epoch in range(int(problem["epochs"])):
    start = time.perf_counter()
    states = None
    for x, y in windows(f"epoch{epoch}"):
        states = model.step(optimizer, x, y, clip, states)
    seconds = time.perf_counter() - start
    print(validation(), seconds, flush=True)
