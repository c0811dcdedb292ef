import math

import numpy as np
import pytest

from unrolled.probability import perplexity, softmax


def test_softmax_sums_to_one():
    z = 5 * np.random.RandomState(0).randn(4, 7, 3)
    p = softmax(z)
    assert p.shape == z.shape
    assert (p > 0).all()
    assert p.sum(axis=-1) == pytest.approx(np.ones((4, 7)), rel=1e-15)


def test_softmax_of_known_scores():
    assert softmax(np.log([1.0, 2.0, 5.0])) == pytest.approx([0.125, 0.25, 0.625])


def test_softmax_does_not_see_a_shift():
    z = np.arange(-8.0, 8.0).reshape(4, 4)
    assert np.array_equal(softmax(z), softmax(z + 64))


@pytest.mark.parametrize("size", [1e3, 1e300])
def test_softmax_of_huge_scores(size):
    assert softmax(np.array([size, 0, -size])).tolist() == [1, 0, 0]
    assert softmax(np.array([-size, -size])).tolist() == [0.5, 0.5]


@pytest.mark.parametrize("choices", [1, 2, 80, 8000])
def test_perplexity_is_the_number_of_equal_choices(choices):
    assert perplexity(math.log(choices)) == pytest.approx(choices, rel=1e-12)


@pytest.mark.parametrize("type_of_loss", [float, np.float32, np.float64])
def test_perplexity_is_a_plain_number(type_of_loss):
    found = perplexity(type_of_loss(2))
    assert type(found) is float
    assert found == pytest.approx(math.e**2, rel=1e-15)


def test_perplexity_that_no_float_holds_is_infinite():
    assert perplexity(700) == pytest.approx(math.exp(700))
    assert perplexity(1e6) == perplexity(math.inf) == math.inf


def test_perplexity_of_a_loss_that_is_no_number_is_none_either():
    assert math.isnan(perplexity(math.nan))
