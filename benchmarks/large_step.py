#!/usr/bin/env python3
"""Time one step of gradient descent on chapter 2's large problem, ours beside the peers'.

5,000 points, 1,000 hidden units, float32. How it is kept fair: see contest.py.
"""

from contest import HERE, THEANO, Contest, entry, hold, report
from sklearn.datasets import make_moons

from unrolled import command_line
from unrolled.network import initialize

#: How many times as fast as a peer ours should be; the fastest row of the peer counts.
TARGETS = {"PyTorch": 1, "Theano": 5}


def problem():
    """Points, classes and starting weights for all contestants."""
    X, y = make_moons(5000, noise=0.20, random_state=0)
    start = initialize(2, 1000, 2)._asdict()
    return {"X": X, "y": y, **start, "rate": 0.1, "penalty": 2e-6}


def main() -> None:
    """Read the options, run the rounds, report."""
    options = command_line.parse(Contest(), __doc__)
    entries = [
        entry("PyTensor, JAX (ours)", HERE, "our_step.py", "JAX"),
        entry("PyTensor, NUMBA", HERE, "our_step.py", "NUMBA"),
        entry("NumPy, by hand", HERE, "numpy_step.py"),
    ]
    if options.torch:
        entries.append(entry("PyTorch, eager", options.torch, "torch_step.py"))
    if options.theano:
        for name, flags in THEANO.items():
            title = f"Theano 1.0.5, {name}"
            entries.append(
                entry(title, options.theano, "theano_step.py", THEANO_FLAGS=flags)
            )
    report(hold(problem(), entries, options.rounds, options.steps), TARGETS)


if __name__ == "__main__":
    command_line.run(main)
