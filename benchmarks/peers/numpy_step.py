"""The step by hand, in NumPy."""

import sys

from serve import load, serve

from unrolled.network import Parameters, gradients, loss

problem = load(sys.argv[1])
X, y, rate, penalty = (problem[name] for name in ("X", "y", "rate", "penalty"))
parameters = Parameters(*(problem[name] for name in Parameters._fields))


def step():
    """Compute the gradients and move."""
    global parameters
    slopes = gradients(parameters, X, y, penalty)
    parameters = Parameters(*(p - rate * g for p, g in zip(parameters, slopes)))


serve(lambda: loss(parameters, X, y, penalty), step)
