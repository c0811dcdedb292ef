"""Rules that turn gradients into better parameters.

Each rule is one function from a loss and its parameters to a list of updates, the pairs
(shared variable, new value) that :func:`unrolled.backend.function` carries out. A rule that needs
a memory of its own, such as a running average, makes shared variables for it and adds their
updates to the list.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytensor
import pytensor.tensor as pt

Updates = list[tuple[Any, Any]]


def sgd(loss: Any, parameters: Sequence[Any], learning_rate: Any) -> Updates:
    r"""Gradient descent: a step against the slope.

    .. math:: \theta \leftarrow \theta - \eta\,\partial L/\partial\theta

    It is *stochastic* when the loss is that of a random minibatch; the rule is the same.

    Parameters
    ----------
    loss : symbolic scalar
        :math:`L`, what should become small.
    parameters : sequence of shared variables
        :math:`\theta`, of any shapes.
    learning_rate : float or symbolic scalar
        :math:`\eta`, the step's length per unit of slope.

    Returns
    -------
    list of (shared variable, symbolic new value)

    Raises
    ------
    pytensor.gradient.DisconnectedInputError
        If the loss does not depend on one of the parameters.

    References
    ----------
    Robbins and Monro (1951), "A stochastic approximation method", equation (8).
    """
    gradients = pytensor.grad(loss, list(parameters))
    eta = pt.cast(learning_rate, "floatX")
    return [(p, p - eta * g) for p, g in zip(parameters, gradients, strict=True)]
