import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest

from unrolled import backend
from unrolled.updates import clip_norm, gradients_of, sgd


@pytest.mark.parametrize("mode", backend.MODES)
def test_sgd_is_the_formula(mode, float64):
    a0, b0 = np.array([1.0, -2.0]), np.array([[0.5], [3.0]])
    a, b = backend.shared(a0, "a"), backend.shared(b0, "b")
    loss = (a**2).sum() + 3 * (a[:, None] * b).sum()
    step = backend.function([], loss, sgd(loss, [a, b], 0.1), mode=mode)

    assert float(step()) == pytest.approx((a0**2).sum() + 3 * (a0 * b0[:, 0]).sum())
    # Both slopes are taken before either parameter moves.
    assert backend.value_of(a) == pytest.approx(a0 - 0.1 * (2 * a0 + 3 * b0[:, 0]))
    assert backend.value_of(b) == pytest.approx(b0 - 0.1 * 3 * a0[:, None])


def test_sgd_takes_a_learning_rate_that_changes():
    a, rate = backend.shared(1.0, "a"), pt.scalar("rate")
    step = backend.function([rate], updates=sgd(a**2, [a], rate))
    for value in (0.5, 0.25, 0.125):
        a.set_value(np.float32(1))
        step(np.float32(value))
        assert backend.value_of(a) == 1 - value * 2


def test_sgd_takes_a_learning_rate_from_an_array():
    a = backend.shared(np.ones(3), "a")
    rate = np.linspace(0, 1, 3)[1]  # a float64 of NumPy, beside float32 parameters
    backend.function([], updates=sgd((a**2).sum(), [a], rate))()
    assert backend.value_of(a).dtype == np.float32
    assert backend.value_of(a).tolist() == [0, 0, 0]


def test_sgd_refuses_a_parameter_that_the_loss_does_not_know():
    a, b = backend.shared(1.0, "a"), backend.shared(2.0, "b")
    with pytest.raises(pytensor.gradient.DisconnectedInputError):
        sgd(a**2, [a, b], 0.1)


# -------------------------------------------------------------------------- given gradients


def test_gradients_of_a_loss_and_of_a_list():
    a, b = backend.shared(1.0, "a"), backend.shared([2.0, 3.0], "b")
    loss = a**2 + a * b.sum()
    derived = backend.function([], gradients_of(loss, [a, b]))()
    assert float(derived[0]) == 7
    assert np.asarray(derived[1]).tolist() == [1, 1]
    given = [pt.ones(()), pt.ones(2)]
    assert gradients_of(given, [a, b]) == given
    assert gradients_of(tuple(given), [a, b]) == given


def test_sgd_follows_the_gradients_it_is_given(float64):
    a, b = backend.shared(1.0, "a"), backend.shared([2.0, 3.0], "b")
    slopes = [pt.constant(4.0), pt.constant(np.array([-1.0, 10.0]))]
    backend.function([], updates=sgd(slopes, [a, b], 0.5))()
    assert backend.value_of(a) == -1
    assert backend.value_of(b).tolist() == [2.5, -2]


def test_sgd_wants_a_gradient_for_each_parameter():
    a, b = backend.shared(1.0, "a"), backend.shared(2.0, "b")
    with pytest.raises(ValueError, match="shorter"):
        sgd([pt.ones(())], [a, b], 0.1)


# --------------------------------------------------------------------------- rows of a table


@pytest.mark.parametrize("taken", [[1, 3], [3, 1, 3], [[0, 2], [2, 2]]])
def test_sgd_on_rows_is_sgd_on_the_table(taken, float64):
    start = np.arange(1.0, 9.0).reshape(4, 2)
    tables = []
    for by_rows in (True, False):
        table = backend.shared(start, "table")
        rows = table[np.array(taken, "int32")]
        # Each row counts by its place: the slopes of one taken twice are not equal.
        weight = np.arange(1.0, 1 + np.size(taken)).reshape(*np.shape(taken), 1)
        loss = (rows**2 * weight).sum()
        updates = sgd(loss, [rows if by_rows else table], 0.1)
        backend.function([], loss, updates)()
        tables.append(backend.value_of(table))
    assert tables[0] == pytest.approx(tables[1], rel=1e-14)
    moved = np.isin(np.arange(4), taken)
    assert np.array_equal((tables[0] != start).all(axis=1), moved)
    assert np.array_equal(tables[0][~moved], start[~moved])


def test_a_row_that_was_taken_twice_moves_twice(float64):
    table = backend.shared(np.zeros((3, 2)), "table")
    rows = table[np.array([2, 0, 2], "int32")]
    slopes = pt.constant(np.array([[1.0, 2.0], [4.0, 8.0], [16.0, 32.0]]))
    backend.function([], updates=sgd([slopes], [rows], 1.0))()
    assert backend.value_of(table).tolist() == [[-4, -8], [0, 0], [-17, -34]]


# -------------------------------------------------------------------------------- clipping


def clipped(gradients, limit):
    """What becomes of some gradients, and their norm."""
    graphs, norm = clip_norm([backend.shared(g, "g") for g in gradients], limit)
    norm, *values = backend.function([], [norm, *graphs])()
    return [np.asarray(value) for value in values], float(norm)


def test_a_long_gradient_is_shortened_and_keeps_its_direction(float64):
    gradients = [np.array([3.0, 0.0]), np.array([[0.0], [4.0]]), np.array(12.0)]
    values, norm = clipped(gradients, 2.6)
    assert norm == pytest.approx(13)  # of all of them together, and before clipping
    for value, gradient in zip(values, gradients):
        assert value == pytest.approx(0.2 * gradient, rel=1e-15)


@pytest.mark.parametrize("limit", [13.0, 14.0, 1e9])
def test_a_gradient_that_is_short_enough_is_left_alone(limit):
    gradients = [np.array([3.0, 0.0]), np.array([[0.0], [4.0]]), np.array(12.0)]
    values, norm = clipped(gradients, limit)
    assert norm == 13
    assert all(np.array_equal(v, g) for v, g in zip(values, gradients))
    assert {value.dtype for value in values} == {np.dtype("float32")}


def test_a_gradient_of_zero_stays_zero():
    values, norm = clipped([np.zeros(3), np.zeros((2, 2))], 1.0)
    assert norm == 0
    assert all(np.array_equal(v, np.zeros_like(v)) for v in values)
