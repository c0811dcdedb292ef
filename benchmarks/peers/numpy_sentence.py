"""The step on one sentence by hand, in NumPy, in float64, truncated after 4 steps."""

import sys

from serve import load, serve

from unrolled.rnn_by_hand import Parameters, loss, step

problem = load(sys.argv[1])
x, y, rate = problem["x"][:, 0], problem["y"][:, 0], float(problem["rate"])
parameters = Parameters(*(problem[name].astype(float) for name in "UWbVc"))
serve(
    lambda: loss(parameters, x, y), lambda: step(parameters, x, y, rate, truncation=4)
)
