"""Rules that turn gradients into better parameters.

Each rule is one function from a loss (or its gradients) and the parameters to a list of updates,
the pairs (shared variable, new value) that :func:`unrolled.compute.function` carries out.

For :func:`sgd` a parameter may also be *rows of a table*, ``table[x]``: only these rows then move.
For a table of word vectors, of which a sentence uses a few, that saves going through the whole
table.

Some rules remember something of the steps before. They keep it in ``memory``, a dict of shared
variables that the caller holds on to: whoever compiles several functions that train the same
parameters gives the same dict to each.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt

from unrolled import compute, devices

Updates = list[tuple[Any, Any]]
#: What a rule remembers: shared variables under names such as ``"mean of squares/W"``.
Memory = dict[str, Any]


def gradients_of(loss: Any, parameters: Sequence[Any]) -> list[Any]:
    """The gradients: of a loss, or ``loss`` itself where it is a list of them."""
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


def slot(memory: Memory, what: str, parameter: Any) -> Any:
    """What is remembered of a parameter: a shared variable of its shape, zero at first."""
    name = f"{what}/{parameter.name}"
    if name not in memory:
        memory[name] = compute.shared(np.zeros(parameter.type.shape), name)
    # Devices that share a parameter share what is remembered of it, too.
    return devices.cut(memory[name], devices.axes(parameter))


def sgd(
    loss: Any,
    parameters: Sequence[Any],
    learning_rate: Any,
    memory: Memory | None = None,
) -> Updates:
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
    memory : dict, optional
        Left alone: this rule remembers nothing.

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


def momentum(
    loss: Any,
    parameters: Sequence[Any],
    learning_rate: Any,
    memory: Memory,
    friction: float = 0.1,
) -> Updates:
    r"""Gradient descent with a velocity, as of a ball that rolls down the slope.

    .. math::
        \begin{aligned}
        v &\leftarrow (1 - \mu)\,v - \eta\,\partial L/\partial\theta \\
        \theta &\leftarrow \theta + v
        \end{aligned}

    What is called momentum elsewhere is :math:`1 - \mu`. On a steady slope the velocity grows to
    :math:`1/\mu` times the step of :func:`sgd`.

    Parameters
    ----------
    loss, parameters, learning_rate
        As for :func:`sgd`; parameters are whole shared variables.
    memory : dict
        Gets ``velocity`` for each parameter.
    friction : float
        :math:`\mu`, the share of the velocity that is lost at each step.

    Returns
    -------
    list of (shared variable, symbolic new value)

    References
    ----------
    Polyak (1964), "Some methods of speeding up the convergence of iteration methods",
    equation (9).
    """
    eta = pt.cast(learning_rate, "floatX")
    updates = []
    for p, g in zip(parameters, gradients_of(loss, parameters), strict=True):
        v = slot(memory, "velocity", p)
        new_v = (1 - friction) * v - eta * g
        updates += [(v, new_v), (p, p + new_v)]
    return updates


def rmsprop(
    loss: Any,
    parameters: Sequence[Any],
    learning_rate: Any,
    memory: Memory,
    decay: float = 0.9,
    epsilon: float = 1e-12,
) -> Updates:
    r"""Steps of about one length, however steep a steady slope is.

    .. math::
        \begin{aligned}
        m &\leftarrow \gamma\,m + (1 - \gamma)\,(\partial L/\partial\theta)^2 \\
        \theta &\leftarrow \theta
            - \eta\,\frac{\partial L/\partial\theta}{\sqrt{m + \epsilon}}
        \end{aligned}

    Parameters
    ----------
    loss, parameters, learning_rate
        As for :func:`sgd`; parameters are whole shared variables.
    memory : dict
        Gets ``mean of squares`` for each parameter.
    decay : float
        :math:`\gamma`, the share of the mean that each step keeps.
    epsilon : float
        What keeps the root from 0. It must be small beside the *squared* gradients: one of 1e-6,
        as used with losses that are sums, would swamp those of a mean over a minibatch.

    Returns
    -------
    list of (shared variable, symbolic new value)

    References
    ----------
    Tieleman and Hinton (2012), "Lecture 6.5: rmsprop". The epsilon stands under the root, as in
    Britz (2015), the GRU/LSTM part of his tutorial.
    """
    eta = pt.cast(learning_rate, "floatX")
    updates = []
    for p, g in zip(parameters, gradients_of(loss, parameters), strict=True):
        m = slot(memory, "mean of squares", p)
        new_m = decay * m + (1 - decay) * g**2
        updates += [(m, new_m), (p, p - eta * g / pt.sqrt(new_m + epsilon))]
    return updates


def adam(
    loss: Any,
    parameters: Sequence[Any],
    learning_rate: Any,
    memory: Memory,
    beta1: float = 0.9,
    beta2: float = 0.999,
    epsilon: float = 1e-8,
) -> Updates:
    r"""Momentum and RMSProp together, each mean corrected for its start at zero.

    .. math::
        \begin{aligned}
        v &\leftarrow \beta_1 v + (1 - \beta_1)\,\partial L/\partial\theta, \qquad
        m \leftarrow \beta_2 m + (1 - \beta_2)\,(\partial L/\partial\theta)^2 \\
        \theta &\leftarrow \theta - \eta\,
            \frac{v / (1 - \beta_1^t)}{\sqrt{m / (1 - \beta_2^t)} + \epsilon}
        \end{aligned}

    Parameters
    ----------
    loss, parameters, learning_rate
        As for :func:`sgd`; parameters are whole shared variables.
    memory : dict
        Gets ``mean`` and ``mean of squares`` for each parameter, and ``steps/all``, which is t.
    beta1, beta2 : float
        The share of each mean that a step keeps.
    epsilon : float
        What keeps the divisor from 0.

    Returns
    -------
    list of (shared variable, symbolic new value)

    References
    ----------
    Kingma and Ba (2015), "Adam: a method for stochastic optimization", algorithm 1. They call
    the mean of the gradients m and that of the squares v.
    """
    steps = memory.setdefault("steps/all", compute.shared(0.0, "steps/all"))
    t = steps + 1
    # The two corrections are the same for all parameters, so they go to the learning rate.
    eta = pt.cast(learning_rate, "floatX") * pt.sqrt(1 - beta2**t) / (1 - beta1**t)
    epsilon = epsilon * pt.sqrt(1 - beta2**t)
    updates = [(steps, t)]
    for p, g in zip(parameters, gradients_of(loss, parameters), strict=True):
        v = slot(memory, "mean", p)
        m = slot(memory, "mean of squares", p)
        new_v = beta1 * v + (1 - beta1) * g
        new_m = beta2 * m + (1 - beta2) * g**2
        updates += [(v, new_v), (m, new_m)]
        updates += [(p, p - eta * new_v / (pt.sqrt(new_m) + epsilon))]
    return updates


#: The rules by name.
RULES = {"sgd": sgd, "momentum": momentum, "rmsprop": rmsprop, "adam": adam}


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
    # A gradient of length 0 divides by 0 here: the infinite quotient gives way to 1.
    factor = pt.minimum(1, pt.cast(limit, "floatX") / norm)
    return [g * factor for g in gradients], norm
