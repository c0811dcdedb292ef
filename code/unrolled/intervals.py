"""How far a measured number can be trusted: over other examples, and over other seeds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np


def bootstrap(
    statistic: Callable[..., float],
    *columns: np.ndarray,
    level: float = 0.95,
    draws: int = 1000,
    seed: int = 0,
) -> tuple[float, float]:
    """The interval of a statistic, had other examples been met.

    Examples are drawn anew from those there are, as many and with replacement, and the statistic
    is computed of each such set.

    Parameters
    ----------
    statistic : callable
        From the columns to a number.
    *columns : arrays of shape (N, ...)
        What is known of each of N independent examples.
    level : float
        The share of the sets whose statistic lies in the interval.
    draws : int
        How many sets.
    seed : int
        Of the draws.

    Returns
    -------
    low, high : float

    References
    ----------
    Efron (1979), "Bootstrap methods: another look at the jackknife"; the interval between two
    percentiles of what was drawn.
    """
    random, N = np.random.default_rng(seed), len(columns[0])
    found = []
    for _ in range(draws):
        chosen = random.integers(N, size=N)
        found.append(statistic(*(column[chosen] for column in columns)))
    low, high = np.quantile(found, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def wilson(k: int, n: int, deviations: float = 1.96) -> tuple[float, float]:
    r"""The shares under which k out of n is no rare surprise.

    .. math::
        \frac{p + q/2 \pm \sqrt{q\,(p (1 - p) + q/4)}}{1 + q},
        \quad p = k/n, \; q = d^2/n

    Parameters
    ----------
    k, n : int
        Successes, and trials; n is at least 1.
    deviations : float
        d, how many standard deviations count as a rare surprise; 1.96 for a level of 95 %.

    Returns
    -------
    low, high : float
        Within 0 and 1.

    References
    ----------
    Wilson (1927), "Probable inference, the law of succession, and statistical inference".
    """
    share, square = k / n, deviations**2 / n
    middle = share + square / 2
    half = np.sqrt(square * (share * (1 - share) + square / 4))
    return float((middle - half) / (1 + square)), float((middle + half) / (1 + square))


def order(
    one: Sequence[float], other: Sequence[float], deviations: float = 1.96
) -> str:
    r"""Say whether what waited in one group waited less than in the other.

    Each of the one meets each of the other, and s is the share of these pairs in which it is the
    smaller (ties count half). If the groups were alike, s would be 1/2, with a standard deviation
    of

    .. math::
        \sqrt{\frac{m + n + 1}{12\, m\, n}}

    and less with ties. Nothing but the order counts, so what did not end may be infinite.

    Parameters
    ----------
    one, other : sequences of m and n floats
    deviations : float
        How many standard deviations count as no chance; 1.96 for a level of about 95 %.

    Returns
    -------
    str
        ``sooner`` or ``later``, said of the one, or ``undecided``.

    References
    ----------
    Mann and Whitney (1947), "On a test of whether one of two random variables is stochastically
    larger than the other".
    """
    a, b = np.array(one)[:, None], np.array(other)
    share = (a < b).mean() + (a == b).mean() / 2
    reach = deviations * np.sqrt((len(a) + len(b) + 1) / (12 * len(a) * len(b)))
    if abs(share - 0.5) <= reach:
        return "undecided"
    return "sooner" if share > 0.5 else "later"


class Spread(NamedTuple):
    """What the seeds of one experiment have in common."""

    mean: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Spread:
        """The mean and the range of one number for each seed."""
        values = list(values)
        return cls(float(np.mean(values)), min(values), max(values))

    def __format__(self, digits: str) -> str:
        low, high = format(self.low, digits), format(self.high, digits)
        return f"{self.mean:{digits}} ({low} to {high})"

    def compared_with(self, low: float, high: float | None = None) -> str:
        """Say ``below`` or ``above`` where all seeds lie on one side of another range.

        Returns
        -------
        str
            ``below``, ``above``, or ``undecided`` where the ranges overlap.
        """
        high = low if high is None else high
        if self.high < low:
            return "below"
        return "above" if self.low > high else "undecided"
