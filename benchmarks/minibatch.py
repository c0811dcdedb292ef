#!/usr/bin/env python3
"""Time one training step of a language model on a minibatch, ours beside PyTorch's.

32 sentences of 35 words, 8,000 words in the vocabulary, embedding and hidden layer of 128, float32;
stochastic gradient descent, with the gradient clipped to a norm of 5. Options change the cell, the
optimizer, the size of the layer and the length of the sentences.
"""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from contest import HERE, Contest, Contestant, entry, hold, report, verdict

from unrolled import command_line, fields
from unrolled.layers import Settings, initialize
from unrolled.updates import RULES

C, B = 8000, 32
#: For each cell PyTorch's layer.
LAYERS = {
    "rnn": "nn.RNN",
    "gru": "nn.GRU",
    "gru-reset-after": "nn.GRU",
    "lstm": "nn.LSTM",
}
#: How many times as fast as a peer ours should be.
TARGETS = {"PyTorch": 1.2}
FLOOR = "the matrix products alone"
#: How many times as long as the matrix products alone ours should take, at most.
STRETCH = 1.5


@dataclass(frozen=True)
class Options(Contest):
    """What this contest can be told."""

    cell: Annotated[str, fields.one_of(LAYERS)] = "rnn"
    """Kind of recurrent unit."""
    optimizer: Annotated[str, fields.one_of(RULES)] = "sgd"
    """How a step follows the gradient."""
    hidden: fields.Positive = 128
    """Size of the embedding and of the hidden layer."""
    steps_per_sentence: fields.Positive = 35
    """Words of a sentence."""


def problem(options: Options) -> dict[str, np.ndarray]:
    """A minibatch and starting weights for all contestants."""
    T, H = options.steps_per_sentence, options.hidden
    x, y = np.random.RandomState(0).randint(C, size=(2, T, B))
    start = initialize(Settings(C, H, H, options.cell))
    return {
        "x": x,
        "y": y,
        "rate": 0.1 if options.optimizer == "sgd" else 0.001,
        "clip": 5,
        **start,
    }


def report_floor(field: list[Contestant]) -> None:
    """Print what became of the stretch target."""
    ours, floor = (float(np.median(one.times)) for one in (field[0], field[-1]))
    met = verdict(ours <= STRETCH * floor)
    print(f"stretch: within {STRETCH} x of {FLOOR}: {ours / floor:.2f} x: {met}")


def report_memory(field: list[Contestant]) -> None:
    """Print whether ours held no more memory than PyTorch; what importing takes is counted."""
    ours, theirs = field[0].peak, field[1].peak
    if len(field) > 2 and ours and theirs:
        print(f"target: peak memory at most PyTorch's: {verdict(ours <= theirs)}")


def main() -> None:
    """Read the options, run the rounds, report."""
    options = command_line.parse(Options(), __doc__, without=("theano",))
    T, H, cell = options.steps_per_sentence, options.hidden, options.cell
    print(f"{cell}, {options.optimizer}: B={B}, T={T}, C={C}, D=H={H}")
    arguments = cell, options.optimizer
    ours = "PyTensor, JAX (ours)"
    entries = [entry(ours, HERE, "our_language_model.py", *arguments)]
    if options.torch:
        peer = f"PyTorch, eager: {LAYERS[cell]}, cross_entropy"
        entries.append(entry(peer, options.torch, "torch_minibatch.py", *arguments))
    entries.append(entry(FLOOR, HERE, "matrix_products.py"))
    field = hold(problem(options), entries, options.rounds, options.steps)
    report(field, TARGETS, words=T * B)
    report_memory(field)
    report_floor(field)


if __name__ == "__main__":
    command_line.run(main)
