"""The loop over time beside PyTensor's scan, differentiated as it is."""

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest

from support import float64_in
from unrolled import compute
from unrolled.cells import CELLS
from unrolled.gradient_check import relative_error
from unrolled.through_time import loop

T, B, H = 5, 3, 4


def scanned(step, a, keep, start, W, inside):
    """The same loop as scan has it, which differentiates itself."""
    n = len(start)

    def one(a, keep, *rest):
        return step(a, *(keep[:, None] * s for s in rest[:n]), *rest[n:])

    traces = pytensor.scan(
        one,
        sequences=[a, keep],
        outputs_info=list(start),
        non_sequences=[W, *inside],
        return_updates=False,
        strict=True,
    )
    return traces if isinstance(traces, list) else [traces]


def problem(name):
    """Symbolic inputs of a loop, and numbers for them; some sequences start anew on the way."""
    cell, random = CELLS[name], np.random.default_rng(0)
    inside = len(cell.biases) - cell.gates
    shapes = [
        (T, B, cell.gates * H),
        (T, B),
        *[(B, H)] * cell.states,
        (H, cell.gates * H),
        *[(B, H)] * inside,
    ]
    symbols = [pt.tensor(f"v{i}", shape=shape) for i, shape in enumerate(shapes)]
    values = [random.standard_normal(shape) for shape in shapes]
    values[1] = (random.random((T, B)) > 0.3).astype("float64")
    assert 0 < values[1].mean() < 1
    n = 2 + cell.states
    return cell, (symbols[:2], symbols[2:n], symbols[n], symbols[n + 1 :]), values


def compiled(run, name, looked_at, of_keep=True):
    """Losses that look at some states, and the gradient in the inputs, compiled."""
    cell, ((a, keep), start, W, inside), values = problem(name)
    states = run(cell.step, a, keep, start, W, inside)
    weights = np.random.default_rng(1).standard_normal((cell.states, T, B, H))
    weights = weights.astype(pytensor.config.floatX)
    loss = sum((states[k] * weights[k]).sum() for k in looked_at(cell))
    inputs = [a, keep, *start, W, *inside]
    asked = inputs if of_keep else [a, *inputs[2:]]
    return compute.function(inputs, [*states, *pytensor.grad(loss, asked)]), values


@pytest.mark.parametrize("name", CELLS)
def test_states_and_gradients_are_those_of_scan(name, float64):
    def looked_at(cell):
        return range(cell.states)

    ours, values = compiled(loop, name, looked_at)
    theirs, _ = compiled(scanned, name, looked_at)
    for found, expected in zip(ours(*values), theirs(*values), strict=True):
        assert relative_error(np.asarray(found), np.asarray(expected)) < 1e-13


@pytest.mark.parametrize("looked_at", [[0], [1]], ids=["s", "c"])
def test_a_state_that_no_one_looks_at_still_carries_errors(looked_at, float64):
    ours, values = compiled(loop, "lstm", lambda _: looked_at)
    theirs, _ = compiled(scanned, "lstm", lambda _: looked_at)
    for found, expected in zip(ours(*values), theirs(*values), strict=True):
        assert relative_error(np.asarray(found), np.asarray(expected)) < 1e-13


@pytest.mark.parametrize("name", CELLS)
def test_in_float32_nothing_is_in_float64(name):
    # What is kept is given: nobody trains it.
    ours, _ = compiled(loop, name, lambda _: [0], of_keep=False)
    assert float64_in(ours) == []
    for output in ours.maker.fgraph.outputs:
        assert output.dtype == "float32"


def test_a_cell_may_multiply_more_than_once(float64):
    # W comes twice, once transposed, and once beside something else than the state.
    def step(a, s, W):
        return (pt.tanh(a + s @ W + (a * s) @ W.T),)

    random = np.random.default_rng(2)
    a, keep = pt.tensor("a", shape=(T, B, H)), pt.tensor("keep", shape=(T, B))
    s, W = pt.tensor("s", shape=(B, H)), pt.tensor("W", shape=(H, H))
    values = [random.standard_normal(v.type.shape) for v in (a, keep, s, W)]
    found = []
    for run in (loop, scanned):
        (states,) = run(step, a, keep, [s], W, [])
        slopes = pytensor.grad((states**2).sum(), [a, s, W])
        found.append(compute.function([a, keep, s, W], slopes)(*values))
    for one, other in zip(*found, strict=True):
        assert relative_error(np.asarray(one), np.asarray(other)) < 1e-13


@pytest.mark.parametrize(
    "step",
    [
        lambda a, s, W: (pt.tanh(a + s @ W + s * pt.diagonal(W)),),
        lambda a, s, W: (pt.tanh(a + (s * W.sum()) @ W),),
        lambda a, s, W: (pt.tanh(a + s),),
    ],
    ids=["beside a product", "left of one", "not at all"],
)
def test_a_step_that_uses_w_in_another_way_is_refused(step):
    a, keep = pt.tensor("a", shape=(T, B, H)), pt.tensor("keep", shape=(T, B))
    s, W = pt.tensor("s", shape=(B, H)), pt.tensor("W", shape=(H, H))
    with pytest.raises(ValueError, match=r"^step: expected W in products alone"):
        loop(step, a, keep, [s], W)
