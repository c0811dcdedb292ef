#!/usr/bin/env python3
"""Time the tutorial's training step, one sentence at a time, ours beside the peers'.

8,000 words, 100 hidden units, a sentence of 20 words, learning rate 0.005, float32 (by hand in
NumPy: float64). By hand and in Theano, backpropagation is truncated after 4 steps, each in its own
way, as it was in the tutorial; ours and PyTorch go back to the start of the sentence.
"""

import numpy as np
from contest import HERE, Contest, entry, hold, report, theano_entries

from unrolled import command_line
from unrolled.rnn_by_hand import initialize

C, H, T = 8000, 100, 20
#: How many milliseconds ours may take, and how many times as fast as a peer it should be; the
#: fastest row of the peer counts.
LIMIT = 3.0
TARGETS = {"PyTorch": 2.5, "Theano": 8}
#: Ways to write it in PyTorch: torch_sentence.py says more.
TORCH = {
    "loop": ("loop",),
    "loop, sparse embedding": ("loop", "sparse"),
    "nn.RNN": ("rnn",),
    "nn.RNN, sparse embedding": ("rnn", "sparse"),
}


def problem():
    """A sentence and starting weights for all contestants."""
    x, y = np.random.RandomState(0).randint(C, size=(2, T, 1))
    start = initialize(C, H)._asdict()
    return {"x": x, "y": y, **start, "rate": 0.005}


def entries(options):
    """All that can take part, ours first."""
    yield entry("PyTensor, JAX (ours)", HERE, "our_language_model.py", "rnn")
    yield entry("NumPy, by hand", HERE, "numpy_sentence.py")
    if options.torch:
        for name, arguments in TORCH.items():
            title = f"PyTorch, {name}"
            yield entry(title, options.torch, "torch_sentence.py", *arguments)
    yield from theano_entries(options.theano, "theano_sentence.py")


def main() -> None:
    """Read the options, run the rounds, report."""
    options = command_line.parse(Contest(), __doc__)
    field = hold(problem(), list(entries(options)), options.rounds, options.steps)
    report(field, TARGETS, limit=LIMIT, words=T)


if __name__ == "__main__":
    command_line.run(main)
