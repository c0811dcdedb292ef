"""What a device does at best, and how many pieces a computation has."""

import os
import sys
from functools import cache

import numpy as np
import pytensor.tensor as pt
import pytest

from support import run
from unrolled import compute, roofline, timing
from unrolled.language_model import LanguageModel
from unrolled.layers import Settings
from unrolled.streams import Batch

# What is counted and timed is the program that users run.
pytestmark = pytest.mark.usefixtures("optimized")


def test_fused_work_is_one_piece():
    a = compute.shared(np.ones(1000), "a")
    chain = compute.function([], pt.tanh(2 * a + 1) ** 2)
    assert roofline.pieces_of_work(chain) == 1


def test_products_are_pieces_of_their_own():
    a = compute.shared(np.ones((64, 64)), "a")
    one = roofline.pieces_of_work(compute.function([], a @ a))
    three = roofline.pieces_of_work(
        compute.function([], a @ pt.tanh(a @ pt.tanh(a @ a)))
    )
    assert three - one >= 4  # two more products, and a tanh before each


@cache
def pieces(cell, T):
    """The pieces of work of one step of training on T words."""
    model = LanguageModel(Settings(30, 8, 8, cell), clip=1.0)
    x = np.full((T, 4), 5, "int32")
    return roofline.pieces_of_work(model.compiled_step(Batch.apart(x, x)))


@pytest.mark.parametrize("cell", ["rnn", "gru"])
def test_every_further_word_adds_the_same(cell):
    counts = [pieces(cell, T) for T in (10, 15, 20)]
    assert counts[1] - counts[0] == counts[2] - counts[1] >= 5 * 5


def test_gates_cost_pieces():
    """What chapter 6 shows: the plain cell has the fewest, and the late reset saves some."""
    assert pieces("rnn", 10) < pieces("gru-reset-after", 10) < pieces("gru", 10)


def test_the_roof_is_above_what_is_measured_under_it():
    found = roofline.roof("cpu")
    assert found.corner == found.operations / found.bytes
    a = np.ones((300, 300), "float32")
    # As long as what the roof is measured by: other work on the machine slows both.
    seconds = timing.measure(lambda: [a @ a for _ in range(100)], repeats=5).median
    assert 100 * 2 * 300**3 / seconds < 4 * found.operations
    assert 1e9 < found.bytes < 1e13


def test_the_roof_is_that_of_the_device_asked_for():
    # Of two devices the second is asked for; what is measured must not run on JAX's default.
    script = """
import types, jax
from unrolled import machine, roofline, timing
used = []
machine.jax_device = lambda on=None: jax.devices()[1]
def measure(call, repeats):
    used.append(call().devices())
    return types.SimpleNamespace(median=1.0)
timing.measure = measure
roofline.roof("cpu")
assert used == [{jax.devices()[1]}] * 2, used
"""
    two = {**os.environ, "XLA_FLAGS": "--xla_force_host_platform_device_count=2"}
    done = run(sys.executable, "-c", script, env=two)
    assert done.returncode == 0, done.stderr
