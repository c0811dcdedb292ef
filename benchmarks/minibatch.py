#!/usr/bin/env python3
"""Time one training step of a language model on a minibatch, ours beside PyTorch's.

32 sentences of 35 words, 8,000 words in the vocabulary, embedding and hidden layer of 128, float32;
stochastic gradient descent, with the gradient clipped to a norm of 5.
"""

import numpy as np
from contest import HERE, entry, hold, parser, report

from unrolled.cells import CELLS
from unrolled.language_model import Settings, initialize
from unrolled.script import run

C, H, D, B, T = 8000, 128, 128, 32, 35
#: How many times as fast as a peer ours should be.
TARGETS = {"PyTorch": 1.2}


def problem(cell):
    """A minibatch and starting weights for all contestants."""
    x, y = np.random.RandomState(0).randint(C, size=(2, T, B))
    start = initialize(Settings(C, H, D, cell))
    return {
        "x": x,
        "y": y,
        "mask": np.ones((T, B)),
        "rate": 0.1,
        "clip": 5,
        **start,
    }


def main() -> None:
    """Read the options, run the rounds, report."""
    options = parser(__doc__, "torch")
    options.add_argument(
        "--cell", choices=CELLS, default="rnn", help="default: rnn"
    )
    options = options.parse_args()
    ours = f"PyTensor, JAX (ours): {options.cell}, D={D}, H={H}"
    entries = [entry(ours, HERE, "our_language_model.py", options.cell)]
    if options.torch:
        peer = f"PyTorch, eager: nn.{options.cell.upper()}, cross_entropy"
        entries.append(
            entry(peer, options.torch, "torch_minibatch.py", options.cell)
        )
    field = hold(problem(options.cell), entries, options.rounds, options.steps)
    report(field, TARGETS, words=T * B)


if __name__ == "__main__":
    run(main)
