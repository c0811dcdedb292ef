import time

import jax
import numpy as np

from unrolled import timing


class Slow:
    """A result that is not there yet when the call returns, as on a GPU."""

    waits = 0

    def block_until_ready(self):
        time.sleep(0.02)
        Slow.waits += 1
        return self


def test_measure_counts_its_calls_and_waits_for_each():
    calls, Slow.waits = [], 0
    found = timing.measure(lambda: calls.append(1) or Slow(), repeats=5, warm_up=2)
    assert len(calls) == 7
    assert Slow.waits == 7
    assert found.repeats == 5
    assert 0.02 <= found.fastest <= found.median <= found.slowest


def test_measure_does_not_count_the_warm_up():
    seconds = iter([0.2, 0, 0, 0])
    found = timing.measure(lambda: time.sleep(next(seconds)), repeats=3, warm_up=1)
    assert found.slowest < 0.2


def test_wait_returns_what_it_waited_for():
    results = [jax.numpy.ones(3), np.ones(2), 5]
    assert timing.wait(results)[2] == 5
    assert timing.wait(results[0]).tolist() == [1, 1, 1]
