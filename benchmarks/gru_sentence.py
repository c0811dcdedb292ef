#!/usr/bin/env python3
"""Time the tutorial's training step of two GRU layers, one sentence at a time, beside the peers'.

8,000 words, embedding and hidden layers of 128, a sentence of 20 words, RMSProp, no clipping,
float32.
"""

import numpy as np
from contest import HERE, Contest, entry, hold, report, theano_entries

from unrolled import command_line
from unrolled.layers import Settings, initialize

SETTINGS = Settings(8000, 128, 128, "gru", layers=2)
T = 20
#: How many times as fast as a peer ours should be; the fastest row of the peer counts.
TARGETS = {"Theano": 5}


def problem():
    """A sentence and starting weights for all contestants."""
    x, y = np.random.RandomState(0).randint(SETTINGS.vocabulary, size=(2, T, 1))
    start = initialize(SETTINGS)
    return {"x": x, "y": y, **start, "rate": 0.001}


def entries(options):
    """All that can take part, ours first."""
    ours = "PyTensor, JAX (ours)"
    yield entry(ours, HERE, "our_language_model.py", "gru", "rmsprop")
    if options.torch:
        name = "PyTorch, eager: nn.GRU"
        yield entry(name, options.torch, "torch_minibatch.py", "gru", "rmsprop")
    yield from theano_entries(options.theano, "theano_gru_sentence.py")


def main() -> None:
    """Read the options, run the rounds, report."""
    options = command_line.parse(Contest(), __doc__)
    field = hold(problem(), list(entries(options)), options.rounds, options.steps)
    report(field, TARGETS, words=T)


if __name__ == "__main__":
    command_line.run(main)
