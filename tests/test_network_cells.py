"""Chapter 1 builds the network in cells: they are the package's functions."""

import ast

import numpy as np
import pytest

from pages import code_cells, read_page
from unrolled import network, probability
from unrolled.network import Parameters

#: Built by the reader, and what each has to be.
BUILT = {
    "initialize": network.initialize,
    "softmax": probability.softmax,
    "forward": network.forward,
    "accuracy": network.accuracy,
    "loss": network.loss,
    "gradients": network.gradients,
    "step": network.step,
}
PROBLEMS = [(200, 2, 3, 2), (1, 2, 2, 2), (50, 64, 30, 10)]


@pytest.fixture(scope="module")
def built():
    """The functions as the page's cells define them, by name."""
    cells = code_cells(read_page("network-from-scratch"))
    definitions = [
        node
        for cell in cells
        for node in ast.parse(cell.source).body
        if isinstance(node, ast.FunctionDef) and node.name in BUILT
    ]
    # Each is built once, in this order.
    assert [node.name for node in definitions] == list(BUILT)
    page = {"np": np, "Parameters": Parameters}
    exec(compile(ast.Module(definitions, []), "the page's cells", "exec"), page)
    return page


def same(a, b):
    """Equal to the last digit: numbers, arrays, and tuples of arrays."""
    if isinstance(a, tuple):
        return len(a) == len(b) and all(map(same, a, b))
    return np.array_equal(a, b)


@pytest.mark.parametrize("regularization", [0.0, 0.3])
@pytest.mark.parametrize("shape", PROBLEMS)
def test_the_cells_are_the_package(built, shape, regularization):
    N, D, H, C = shape
    random = np.random.RandomState(7)
    X, y = random.randn(N, D), random.randint(C, size=N)
    start = built["initialize"](D, H, C, seed=4)
    assert same(start, BUILT["initialize"](D, H, C, seed=4))
    # No zero among the parameters.
    start = Parameters(*(p + 0.1 * random.randn(*p.shape) for p in start))
    calls = {
        "softmax": (100 * X,),
        "forward": (start, X),
        "accuracy": (start, X, y),
        "loss": (start, X, y, regularization),
        "gradients": (start, X, y, regularization),
        "step": (start, X, y, 0.5, regularization),
    }
    for name, arguments in calls.items():
        assert same(built[name](*arguments), BUILT[name](*arguments)), name


def test_a_step_of_the_cells_is_a_pass_of_the_package(built):
    random = np.random.RandomState(7)
    X, y = random.randn(30, 2), random.randint(2, size=30)
    here = start = network.initialize(2, 5, 2)
    for there in network.train(start, X, y, 2.0, passes=5, regularization=5e-5):
        here = built["step"](here, X, y, 2.0, 5e-5)
        assert same(here, there)
