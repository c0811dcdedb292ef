import numpy as np
import pytest

from unrolled.gradient_check import check_gradients, numerical_gradient, relative_error

RANDOM = np.random.RandomState(0)


@pytest.mark.parametrize(
    ("f", "slope"),
    [
        (lambda x: (x**2).sum(), lambda x: 2 * x),
        (lambda x: np.sin(x).sum(), np.cos),
        (lambda x: np.exp(x).prod(), lambda x: np.full_like(x, np.exp(x.sum()))),
        (lambda x: 3.0, np.zeros_like),
    ],
)
@pytest.mark.parametrize("shape", [(), (4,), (2, 3)])
def test_numerical_gradient_of_known_functions(f, slope, shape):
    x = RANDOM.uniform(-1, 1, shape)
    estimate = numerical_gradient(f, x)
    assert estimate.shape == shape
    assert relative_error(estimate, slope(x)) < 1e-8


def test_central_difference_errs_by_the_square_of_the_step():
    x = np.array([0.3])
    errors = [
        abs(numerical_gradient(lambda x: np.exp(x).sum(), x, step)[0] - np.exp(0.3))
        for step in (1e-2, 1e-3)
    ]
    assert errors[0] / errors[1] == pytest.approx(100, rel=0.01)


def test_numerical_gradient_leaves_its_argument_alone():
    x = np.array([1.0, 2.0])
    x.flags.writeable = False
    numerical_gradient(lambda x: (x**2).sum(), x)
    assert x.tolist() == [1, 2]


def test_numerical_gradient_of_whole_numbers():
    assert numerical_gradient(lambda x: (x**2).sum(), [1, 2]) == pytest.approx([2, 4])


def test_relative_error():
    a, b = np.array([1.0, -4.0]), np.array([1.0, -3.6])
    assert relative_error(a, a) == 0
    assert relative_error(a, b) == pytest.approx(0.1)
    assert relative_error(b, a) == pytest.approx(0.1)
    assert relative_error(1e-12 * a, 2e-12 * a) == pytest.approx(0.5)
    assert relative_error(np.zeros(3), np.zeros(3)) == 0
    assert relative_error(np.zeros(2), a) == 1


def test_relative_error_of_two_shapes():
    with pytest.raises(ValueError, match=r"shapes differ: \(3,\) and \(1, 3\)"):
        relative_error(np.zeros(3), np.zeros((1, 3)))


@pytest.mark.parametrize("first", [True, False])
def test_a_gradient_that_is_not_a_number_is_never_right(first):
    broken, whole = np.array([1.0, np.nan]), np.array([1.0, 2.0])
    error = relative_error(broken, whole) if first else relative_error(whole, broken)
    assert not error < 1


def polynomial(parameters):
    a, b = parameters
    return (a**3).sum() + (a.sum() * b**2).sum()


def slopes_of_polynomial(a, b):
    return [3 * a**2 + (b**2).sum(), 2 * a.sum() * b]


def test_check_gradients_passes_right_ones():
    a, b = RANDOM.randn(3), RANDOM.randn(2, 2)
    errors = check_gradients(polynomial, [a, b], slopes_of_polynomial(a, b))
    assert len(errors) == 2
    assert max(errors) < 1e-8


@pytest.mark.parametrize("wrong", [0, 1])
def test_check_gradients_catches_a_wrong_one(wrong):
    a, b = RANDOM.randn(3), RANDOM.randn(2, 2)
    gradients = slopes_of_polynomial(a, b)
    gradients[wrong].flat[-1] *= 1.01
    errors = check_gradients(polynomial, [a, b], gradients)
    assert errors[wrong] > 1e-4
    assert errors[1 - wrong] < 1e-8


def test_check_gradients_leaves_its_arguments_alone():
    a, b = RANDOM.randn(3), RANDOM.randn(2, 2)
    arrays = [a, b, *slopes_of_polynomial(a, b)]
    before = [array.copy() for array in arrays]
    check_gradients(polynomial, arrays[:2], arrays[2:])
    for array, copy in zip(arrays, before):
        assert np.array_equal(array, copy)
