"""Rules that turn gradients into better parameters.

Each rule is one function from a loss (or its gradients) and the parameters to a list of updates,
the pairs (shared variable, new value) that :func:`unrolled.backend.function` carries out.

A parameter may also be *rows of a table*, ``table[x]``: only these rows then move. For a table of
word vectors, of which a sentence uses a few, that saves going through the whole table.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytensor
import pytensor.tensor as pt

Updates = list[tuple[Any, Any]]


def gradients_of(loss: Any, parameters: Sequence[Any]) -> list[Any]:
    """The gradients: derived from a loss, or ``loss`` itself where it is a list of them."""
    if isinstance(loss, (list, tuple)):
        return list(loss)
    return pytensor.grad(loss, list(parameters))


def move(parameter: Any, change: Any) -> tuple[Any, Any]:
    """The update that adds a change to a shared variable, or to rows of one."""
    if parameter.owner is None:
        return parameter, parameter + change
    table = parameter.owner.inputs[0]
    # A row that was taken twice gets both changes.
    return table, pt.inc_subtensor(parameter, change)


def sgd(loss: Any, parameters: Sequence[Any], learning_rate: Any) -> Updates:
    r"""Gradient descent: a step against the slope.

    .. math:: \theta \leftarrow \theta - \eta\,\partial L/\partial\theta

    It is *stochastic* when the loss is that of a random minibatch; the rule is the same.

    Parameters
    ----------
    loss : symbolic scalar, or list of gradients
        :math:`L`, what should become small.
    parameters : sequence of shared variables, or of rows of them
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
    gradients = gradients_of(loss, parameters)
    eta = pt.cast(learning_rate, "floatX")
    return [move(p, -eta * g) for p, g in zip(parameters, gradients, strict=True)]


def clip_norm(gradients: Sequence[Any], limit: float) -> tuple[list[Any], Any]:
    r"""Shorten the gradient where it is longer than a limit; its direction stays.

    .. math:: g \leftarrow g \cdot \min(1, \mathrm{limit} / \lVert g \rVert)

    All gradients together count as one vector.

    Parameters
    ----------
    gradients : sequence of symbolic variables
        Of the parameters, in any shapes; of whole tables, not of rows of them.
    limit : float
        The longest gradient to let through.

    Returns
    -------
    clipped : list of symbolic variables
    norm : symbolic scalar
        :math:`\lVert g \rVert`, before clipping.

    References
    ----------
    Pascanu, Mikolov and Bengio (2013), "On the difficulty of training recurrent neural
    networks", algorithm 1.
    """
    norm = pt.sqrt(sum((g**2).sum() for g in gradients))
    limit = pt.cast(limit, "floatX")
    # Dividing by max(norm, limit) spares two cases, and never divides by 0.
    return [g * (limit / pt.maximum(norm, limit)) for g in gradients], norm
