"""How long a computation takes.

A compiled function returns before its work is done: wait for the result before you read a clock.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np


def wait(result: Any) -> Any:
    """Wait until ``result`` has really been computed, and return it."""
    return jax.block_until_ready(result)


class Timing(NamedTuple):
    """How long one call takes, in seconds, over ``repeats`` calls."""

    median: float
    fastest: float
    slowest: float
    repeats: int


def measure(call: Callable[[], Any], repeats: int = 20, warm_up: int = 3) -> Timing:
    """Time a function.

    Parameters
    ----------
    call : callable without arguments
    repeats : int
        Calls that count.
    warm_up : int
        Calls before them that do not: the first compiles, the next fill the caches.

    Returns
    -------
    Timing
        Median, fastest and slowest call, in seconds of wall-clock time.
    """
    for _ in range(warm_up):
        wait(call())
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        wait(call())
        seconds.append(time.perf_counter() - start)
    return Timing(float(np.median(seconds)), min(seconds), max(seconds), repeats)
