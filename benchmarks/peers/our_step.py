"""The compiled step of this package: our_step.py PROBLEM MODE."""

import sys

from serve import load, serve

from unrolled import timing
from unrolled.network import Parameters, TheanoNetwork

problem = load(sys.argv[1])
X, y, rate, penalty = (problem[name] for name in ("X", "y", "rate", "penalty"))
start = Parameters(*(problem[name] for name in Parameters._fields))
network = TheanoNetwork(start, X, y, float(rate), float(penalty), mode=sys.argv[2])
serve(network.loss, lambda: timing.wait(network.step()))
