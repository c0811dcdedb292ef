"""Finite differences: what a gradient has to agree with."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np


def numerical_gradient(
    f: Callable[[np.ndarray], float], x: np.ndarray, step: float = 1e-5
) -> np.ndarray:
    r"""Estimate the gradient of a function from its values alone.

    .. math:: \frac{\partial f}{\partial x_i} \approx \frac{f(x + h e_i) - f(x - h e_i)}{2h}

    The central difference errs by :math:`O(h^2)`, the one-sided one by :math:`O(h)`:
    Nocedal and Wright (2006), "Numerical Optimization", section 8.1.

    Parameters
    ----------
    f : callable
        From an array in the shape of ``x`` to a number.
    x : float64 array of any shape
        Where to measure. It is not changed.
    step : float
        h. Too large, and the curve bends within it; too small, and rounding drowns the
        difference.

    Returns
    -------
    array in the shape of ``x``
    """
    x = np.array(x, dtype=np.float64)
    slope = np.empty_like(x)
    for i in np.ndindex(x.shape):
        original = x[i]
        x[i] = original + step
        above = f(x)
        x[i] = original - step
        below = f(x)
        x[i] = original
        slope[i] = (above - below) / (2 * step)
    return slope


def relative_error(a: np.ndarray, b: np.ndarray) -> float:
    r"""How far apart two arrays are, as a share of their size.

    .. math:: \frac{\max |a - b|}{\max(|a|, |b|)}

    Parameters
    ----------
    a, b : arrays of one shape

    Returns
    -------
    float
        0 where they agree, also where both are zero throughout; not a number where one of them
        holds something that is none.

    Raises
    ------
    ValueError
        If the shapes differ.
    """
    a, b = np.asarray(a), np.asarray(b)
    if a.shape != b.shape:
        raise ValueError(f"shapes differ: {a.shape} and {b.shape}")
    size = max(np.abs(a).max(), np.abs(b).max())
    return 0.0 if size == 0 else float(np.abs(a - b).max() / size)


def check_gradients(
    f: Callable[[Sequence[np.ndarray]], float],
    parameters: Sequence[np.ndarray],
    gradients: Sequence[np.ndarray],
    step: float = 1e-5,
) -> list[float]:
    """Compare gradients with finite differences, one parameter array at a time.

    Parameters
    ----------
    f : callable
        The loss, from a list of arrays like ``parameters`` to a number.
    parameters : sequence of float64 arrays
    gradients : sequence of arrays in the same shapes
        What is to be checked.
    step : float
        As for :func:`numerical_gradient`.

    Returns
    -------
    list of float
        The :func:`relative_error` of each gradient.
    """
    errors = []
    for i, gradient in enumerate(gradients):

        def f_of_one(x: np.ndarray, i: int = i) -> float:
            return f([*parameters[:i], x, *parameters[i + 1 :]])

        estimate = numerical_gradient(f_of_one, parameters[i], step)
        errors.append(relative_error(gradient, estimate))
    return errors
