"""What every contestant does: load the problem, take steps when asked, say how long they took.

Runs under Python 3.8 too, where Theano 1.0.5 lives.
"""

import sys
import time

import numpy as np


def load(path):
    """Read the problem: points, classes, starting weights (no pickle)."""
    with np.load(path, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def serve(loss, step):
    """Print the starting loss; then, for each line "N", the milliseconds of N steps.

    ``step`` must return only when its work is done.
    """
    print(float(loss()), flush=True)
    for line in sys.stdin:
        times = []
        for _ in range(int(line)):
            start = time.perf_counter()
            step()
            times.append(1e3 * (time.perf_counter() - start))
        print(" ".join(map(str, times)), flush=True)
