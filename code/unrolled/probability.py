"""From scores to probabilities, and from a mean surprise to a number of choices."""

from __future__ import annotations

import math

import numpy as np


def softmax(z: np.ndarray) -> np.ndarray:
    r"""Turn scores into probabilities, along the last axis.

    .. math:: p_j = e^{z_j} / \sum_k e^{z_k}

    The largest score is subtracted first. That changes nothing in the quotient, and keeps
    :math:`e^z` from overflowing.

    Parameters
    ----------
    z : array of shape (..., C)

    Returns
    -------
    array of shape (..., C)
        Numbers between 0 and 1 that sum to 1 along the last axis.
    """
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def perplexity(loss: float) -> float:
    """The exponential of a mean loss in nats: as unsure as between so many equal choices."""
    # The largest number is e^709.8.
    return math.inf if loss > 709 else math.exp(loss)
