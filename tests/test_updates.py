import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest

from unrolled import backend
from unrolled.updates import sgd


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
