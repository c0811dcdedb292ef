"""What a device does at best, and how many pieces a computation has."""

import importlib.util
import os
import re
import sys
from functools import cache

import numpy as np
import pytensor.tensor as pt
import pytest

from support import ROOT, run
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


def test_a_step_for_an_h100_is_counted_without_one():
    script = ROOT / "benchmarks" / "memory.py"
    small = ["--cells", "gru", "--hidden", "8", "--batch", "2"]
    done = run(sys.executable, script, "--gpu", *small)
    plugins = importlib.util.find_spec("jax_plugins")
    if plugins and importlib.util.find_spec("jax_plugins.xla_cuda12"):
        assert done.returncode == 0, done.stderr
        *_, row = done.stdout.splitlines()
        pieces, *turns = re.findall(r"\d+", row.split("MB")[-1].replace(",", ""))
        assert int(pieces) > 35 * sum(map(int, turns))
        assert len(turns) == 2
    else:
        assert done.returncode == 2
        assert done.stderr.startswith("memory.py: --gpu: expected JAX's wheels")
        assert done.stderr.count("\n") == 1


def test_the_pieces_of_a_gpu_are_counted_in_its_loops():
    program = """\
%body.1 (p: (s32[], f32[2])) -> (s32[], f32[2]) {
  %p = (s32[], f32[2]{0}) parameter(0)
  %x = f32[2]{0} get-tuple-element(%p), index=1
  %gemm_fusion = f32[2]{0} fusion(%x), kind=kCustom, calls=%dot
  %sum-start = ((f32[2]{0}), f32[2]{0}, u32[]) fusion-start(%gemm_fusion), calls=%add
  %sum = f32[2]{0} fusion-done(%sum-start)
  ROOT %t = (s32[], f32[2]{0}) tuple(%i, %sum)
}

%condition.1 (p: (s32[], f32[2])) -> pred[] {
  ROOT %less = pred[] compare(%i, %n), direction=LT
}

ENTRY %main (x: f32[2]) -> f32[2] {
  %x = f32[2]{0} parameter(0)
  %copy.1 = f32[2]{0} copy(%x)
  %loop = (s32[], f32[2]{0}) while(%start), condition=%condition.1, body=%body.1, \
backend_config={"known_trip_count":{"n":"5"}}
  ROOT %y = f32[2]{0} get-tuple-element(%loop), index=1
}
"""
    assert roofline.pieces_in(program) == 1 + 5 * 3
    assert roofline.pieces_of_turns(program) == [2]
