"""One time step of each cell: the equations, their gradients, and what becomes of pinned gates."""

from functools import cache

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest

import by_hand
from unrolled import compute
from unrolled.cells import CELLS, OPEN
from unrolled.gradient_check import check_gradients, relative_error
from unrolled.layers import Settings, initialize

B, H = 3, 4
#: A bias that shuts a gate, and one that opens it: its sigmoid is 0 or 1 to the last digit.
SHUT, OPENED = -800.0, 800.0
cells = pytest.mark.parametrize("name", CELLS)


def values_of(name, seed=0):
    """What a step takes: a, the states, W, and the biases that act inside, if any."""
    random, cell = np.random.RandomState(seed), CELLS[name]
    shapes = [(B, cell.gates * H), *[(B, H)] * cell.states, (H, cell.gates * H)]
    values = [random.randn(*shape) for shape in shapes]
    if len(cell.biases) > cell.gates:
        values.append(np.tile(random.randn(H), (B, 1)))
    return values


def weights_of(name):
    """How much each entry of the new states counts in the number that is differentiated."""
    random = np.random.RandomState(9)
    return [random.randn(B, H) for _ in range(CELLS[name].states)]


@cache
def compiled(name):
    """The new states and the slopes of their weighted sum, as functions of all that goes in."""
    inputs = [pt.matrix(shape=value.shape) for value in values_of(name)]
    states = CELLS[name].step(*inputs)
    number = sum((w * s).sum() for w, s in zip(weights_of(name), states))
    return compute.function(inputs, [*states, *pytensor.grad(number, inputs)])


def take(name, values):
    """The new states of a step, and the slopes for all that goes in."""
    assert pytensor.config.floatX == "float64"
    results = [np.asarray(value) for value in compiled(name)(*values)]
    count = CELLS[name].states
    assert all(s.shape == (B, H) for s in results[:count])
    return results[:count], results[count:]


def step_by_hand(name, values):
    """The same step by the equations: what comes in is a itself, with U the identity."""
    cell = CELLS[name]
    a, *states, W = values[: 2 + cell.states]
    inside = values[2 + cell.states :]
    bias = np.concatenate([np.zeros_like(a), *inside], axis=1)
    return by_hand.CELLS[name](a, states, np.eye(cell.gates * H), W, bias)


@cells
def test_a_step_is_the_equations(name, float64):
    values = values_of(name)
    states, _ = take(name, values)
    for s, expected in zip(states, step_by_hand(name, values), strict=True):
        assert relative_error(s, expected) < 1e-14


def test_numba_takes_the_same_steps(float64):
    # All cells in one function: what NUMBA has compiled for one serves the next.
    values, inputs, states, expected = [], [], [], []
    for name, cell in CELLS.items():
        values += values_of(name)
        own = [pt.matrix(shape=value.shape) for value in values_of(name)]
        inputs += own
        states += cell.step(*own)
        expected += step_by_hand(name, values_of(name))
    found = compute.function(inputs, states, mode="NUMBA")(*values)
    for s, by_equations in zip(found, expected, strict=True):
        assert relative_error(s, by_equations) < 1e-14


@cells
def test_the_slopes_of_a_step_against_finite_differences(name, float64):
    values = values_of(name, seed=1)
    _, slopes = take(name, values)

    def number(values):
        states = step_by_hand(name, values)
        return sum((w * s).sum() for w, s in zip(weights_of(name), states))

    assert max(check_gradients(number, values, slopes)) < 1e-8


@cells
def test_gates_stand_side_by_side_and_each_has_its_bias(name):
    cell = CELLS[name]
    shapes = {k: p.shape for k, p in initialize(Settings(7, H, 5, name)).items()}
    assert shapes["U"] == (5, cell.gates * H)
    assert shapes["W"] == (H, cell.gates * H)
    assert shapes["b"] == (len(cell.biases) * H,)


def test_a_forget_gate_starts_open_and_all_else_at_zero():
    for name in CELLS:
        p = initialize(Settings(7, H, 5, name, layers=2))
        for bias in (p["b"], p["b2"]):
            if name == "lstm":
                assert (bias[H : 2 * H] == OPEN).all()
                bias = np.delete(bias, np.s_[H : 2 * H])
            assert not bias.any()
    assert OPEN > 0


# ----------------------------------------------------------------------------- pinned gates


def pin(name, **gates):
    """What a step takes, with gates held shut or open by what comes in."""
    places = {"gru": "zrh", "gru-reset-after": "zrh", "lstm": "ifog"}[name]
    values = values_of(name, seed=2)
    for gate, value in gates.items():
        place = places.index(gate)
        values[0][:, place * H : (place + 1) * H] = value
    return values


def part(array, place):
    """The columns of one gate."""
    return array[:, place * H : (place + 1) * H]


@pytest.mark.parametrize("name", ["gru", "gru-reset-after"])
def test_a_gru_with_pinned_gates_is_the_plain_rnn(name, float64):
    # The update gate shut: nothing is kept. The reset gate open: all of the state is seen.
    a, s, W, *inside = values = pin(name, z=SHUT, r=OPENED)
    states, slopes = take(name, values)
    a_h = part(a, 2) + (inside[0] if inside else 0)
    plain, plain_slopes = take("rnn", [a_h, s, part(W, 2)])
    # Both weigh the new state alike, so that the slopes can be compared, too.
    assert relative_error(states[0], plain[0]) < 1e-15
    for place, found in ((0, slopes[0]), (2, slopes[2])):
        assert relative_error(part(found, 2), plain_slopes[place]) < 1e-14
        assert not found[:, : 2 * H].any()  # the gates learn nothing
    assert relative_error(slopes[1], plain_slopes[1]) < 1e-14


def test_an_lstm_with_pinned_gates_is_a_plain_rnn_squashed_twice(float64):
    # Nothing is kept, all goes in, all goes out. What is left is tanh(tanh(...)), not tanh(...):
    # the plain RNN is a special case of the GRU, but of the LSTM only up to the second tanh.
    a, s, _, W = values = pin("lstm", i=OPENED, f=SHUT, o=OPENED)
    (new_s, new_c), slopes = take("lstm", values)
    (plain,), _ = take("rnn", [part(a, 3), s, part(W, 3)])
    assert relative_error(new_c, plain) < 1e-15
    assert relative_error(new_s, np.tanh(plain)) < 1e-15
    assert relative_error(new_s, plain) > 0.05
    assert not slopes[0][:, : 3 * H].any()
    assert not slopes[2].any()  # the memory before plays no part


@pytest.mark.parametrize("name", ["gru", "gru-reset-after"])
def test_a_gru_that_keeps_everything_passes_errors_on_as_they_are(name, float64):
    values = pin(name, z=OPENED)
    states, slopes = take(name, values)
    assert np.array_equal(states[0], values[1])
    assert np.array_equal(slopes[1], weights_of(name)[0])
    assert not slopes[2].any()


def test_an_lstm_that_keeps_everything_passes_errors_on_as_they_are(float64):
    # The output gate shut, so that only the memory counts.
    values = pin("lstm", i=SHUT, f=OPENED, o=SHUT)
    (s, c), slopes = take("lstm", values)
    assert np.array_equal(c, values[2])
    assert not s.any()
    assert np.array_equal(slopes[2], weights_of("lstm")[1])


def test_where_the_reset_gate_acts_makes_a_difference(float64):
    values = values_of("gru-reset-after", seed=3)
    values[-1][:] = 0
    (after,), _ = take("gru-reset-after", values)
    (before,), _ = take("gru", values[:3])
    assert relative_error(after, before) > 0.01
    # With the reset gate open the two are one.
    values[0][:, H : 2 * H] = OPENED
    (after,), _ = take("gru-reset-after", values)
    (before,), _ = take("gru", values[:3])
    assert relative_error(after, before) < 1e-14
