"""One time step of a recurrent network, as an equation of the book.

Each cell takes what the input brings to its gates, ``x_t U + b``, for a whole minibatch at once.
That does not depend on the state, so :mod:`unrolled.language_model` computes it for all time steps
together, before the loop. What is left here is what must wait for the step before.

Shapes: B sequences, H units, and G gates, each of which has H columns of U, W and b.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import pytensor.tensor as pt


class Cell(NamedTuple):
    """A kind of recurrent unit."""

    #: From x_t U + b (B, G H), the states (B, H) each and W (H, G H) to the new states. The first
    #: state is the one that the next layer sees.
    step: Callable[..., tuple[Any, ...]]
    #: G, how many blocks of H columns U, W and b have.
    gates: int
    #: How many states it carries from step to step.
    states: int


def rnn(a: Any, s: Any, W: Any) -> tuple[Any, ...]:
    r"""The plain recurrent unit.

    .. math:: s_t = \tanh(x_t U + s_{t-1} W + b)

    Parameters
    ----------
    a : symbolic matrix of shape (B, H)
        :math:`x_t U + b`, what the input brings.
    s : symbolic matrix of shape (B, H)
        :math:`s_{t-1}`, the state after the step before.
    W : symbolic matrix of shape (H, H)

    Returns
    -------
    tuple of one symbolic matrix of shape (B, H)
        :math:`s_t`, the new state.

    References
    ----------
    Elman (1990), "Finding structure in time".
    """
    return (pt.tanh(a + s @ W),)


CELLS = {"rnn": Cell(rnn, gates=1, states=1)}
