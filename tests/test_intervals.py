import numpy as np
import pytest

from unrolled.intervals import Spread, bootstrap, order, wilson


def test_the_interval_of_a_mean_is_that_of_the_normal_distribution():
    x = np.random.default_rng(1).normal(3, 2, 400)
    low, high = bootstrap(np.mean, x, draws=4000)
    error = 1.96 * x.std() / np.sqrt(len(x))
    assert (low, high) == pytest.approx((x.mean() - error, x.mean() + error), abs=0.02)


def test_intervals_hold_the_truth_about_as_often_as_they_say():
    random = np.random.default_rng(0)
    held = 0
    for seed in range(200):
        low, high = bootstrap(
            np.mean, random.normal(0, 1, 60), level=0.8, draws=200, seed=seed
        )
        held += low <= 0 <= high
    assert held == pytest.approx(160, abs=20)


def test_columns_are_drawn_together():
    x = np.arange(1.0, 20)
    low, high = bootstrap(lambda a, b: a.sum() / b.sum(), 3 * x, x, draws=50)
    assert low == pytest.approx(3) == high
    assert bootstrap(np.mean, x, seed=1) == bootstrap(np.mean, x, seed=1)


def test_a_spread_is_mean_and_range():
    spread = Spread.of([3.0, 1.0, 2.6])
    assert f"{spread:.1f}" == "2.2 (1.0 to 3.0)"
    assert spread.compared_with(3.1) == "below"
    assert spread.compared_with(0.2, 0.9) == "above"
    assert spread.compared_with(2.0) == "undecided"
    assert spread.compared_with(2.9, 4.0) == "undecided"


def test_wilson_solves_its_equation_and_stays_within_0_and_1():
    """At both ends the count lies 1.96 of *that* share's standard deviations off."""
    for k, n in ((0, 8), (3, 8), (8, 8), (130, 500)):
        low, high = wilson(k, n)
        assert -1e-12 <= low < high <= 1 + 1e-12
        for p in (low, high):
            if 1e-9 < p < 1 - 1e-9:
                off = abs(k / n - p) / np.sqrt(p * (1 - p) / n)
                assert off == pytest.approx(1.96)


def test_wilson_tells_all_of_eight_from_none():
    assert wilson(8, 8)[0] > wilson(0, 8)[1]
    assert wilson(0, 8)[0] == pytest.approx(0, abs=1e-12)


def test_an_order_is_decided_by_ranks_alone():
    fast, slow = [100, 150, 200, 100, 150, 250, 100, 200], [300.0] * 5 + [np.inf] * 3
    assert order(fast, slow) == "sooner"
    assert order(slow, fast) == "later"
    assert order(slow, slow) == order(fast, fast) == "undecided"
    assert order(np.exp(fast), np.exp(slow)) == "sooner"
    # Two seeds of each decide nothing.
    assert order([1, 2], [3, 4]) == "undecided"


def test_groups_that_are_alike_are_told_apart_as_rarely_as_it_says():
    random = np.random.default_rng(0)
    told = [order(*random.exponential(size=(2, 8))) for _ in range(1000)]
    assert 1 - told.count("undecided") / 1000 == pytest.approx(0.05, abs=0.02)
