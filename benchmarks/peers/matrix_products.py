"""The matrix products of a training step and nothing else: matrix_products.py PROBLEM.

What no way of writing the step can save: each weight matrix times what comes in, and back, its
transpose times the error, and what comes in times the error. JAX computes them, as in our step. The
products with W in the loop are one after another, a small one for each time step; the slope of W
is one large product, after the loop.
"""

import sys

import jax
import numpy as np
from serve import load, serve

from unrolled import machine, timing

problem = load(sys.argv[1])
T, B = problem["x"].shape
random = np.random.default_rng(0)


def draw(*shape):
    """Numbers for what comes in, or for an error."""
    return random.standard_normal(shape, dtype=np.float32)


def thrice(matrix):
    """A matrix, and what meets it, for all words at once."""
    return matrix, draw(T * B, matrix.shape[0]), draw(T * B, matrix.shape[1])


numbers = [""] + [str(k) for k in range(2, 10) if f"U{k}" in problem]
outside = [thrice(problem["V"].T), *(thrice(problem["U" + k]) for k in numbers)]
inside = [thrice(problem["W" + k]) for k in numbers]


def in_turn(words, matrix):
    """A product for each time step, in a loop."""
    by_step = words.reshape(T, B, -1)
    return jax.lax.scan(lambda none, one: (none, one @ matrix), None, by_step)[1]


@jax.jit
def products(outside, inside):
    """All of them."""
    large = [(x @ M, e @ M.T, x.T @ e) for M, x, e in outside]
    small = [(in_turn(x, M), in_turn(e, M.T), x.T @ e) for M, x, e in inside]
    return large, small


place = machine.jax_device()
outside, inside = jax.device_put((outside, inside), place)
# There is no loss to agree on.
serve(lambda: float("nan"), lambda: timing.wait(products(outside, inside)))
