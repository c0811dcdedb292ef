r"""One time step of a recurrent network, as the equations of the book.

Each cell takes what the input brings to its gates, ``x_t U + b``, for a whole minibatch at once.
That does not depend on the state, so :mod:`unrolled.layers` computes it for all time steps
together, before the loop. What is left here is what must wait for the step before.

A cell with several gates has one block of H columns for each in U, W and b, side by side, so that
one matrix product serves them all. In the formulas the blocks have names: :math:`U_z` is the block
of U that belongs to the gate z.

Shapes: B sequences, H units, and G gates.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import pytensor.tensor as pt


class Cell(NamedTuple):
    """A kind of recurrent unit."""

    #: From x_t U + b (B, G H), the states (B, H) each, W (H, G H), and the biases that act inside,
    #: to the new states. The first state is the one that the next layer sees. No row looks at
    #: another, and W stands in products alone, to the right.
    step: Callable[..., tuple[Any, ...]]
    #: G, how many blocks of H columns U and W have.
    gates: int
    #: How many states it carries from step to step.
    states: int
    #: What each block of H biases in b starts at. The first G are added to the input's part. Those
    #: after them, if any, go to the step.
    biases: tuple[float, ...]


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


def relu(a: Any, s: Any, W: Any) -> tuple[Any, ...]:
    r"""The plain recurrent unit with a rectifier in place of tanh.

    .. math:: s_t = \max(0,\; x_t U + s_{t-1} W + b)

    Parameters and result are those of :func:`rnn`.

    References
    ----------
    Le, Jaitly and Hinton (2015), "A simple way to initialize recurrent networks of rectified
    linear units".
    """
    sums = a + s @ W
    # Not pt.maximum: its slope asks which of the two the result is *equal* to. Going back in time
    # the sum is computed anew, and equal no more in the last digit.
    return (pt.switch(sums > 0, sums, 0),)


def gru(a: Any, s: Any, W: Any) -> tuple[Any, ...]:
    r"""The gated recurrent unit. The reset gate acts before the product with W.

    .. math::
        \begin{aligned}
        z_t &= \sigma(x_t U_z + s_{t-1} W_z + b_z) \\
        r_t &= \sigma(x_t U_r + s_{t-1} W_r + b_r) \\
        h_t &= \tanh(x_t U_h + (r_t \odot s_{t-1}) W_h + b_h) \\
        s_t &= (1 - z_t) \odot h_t + z_t \odot s_{t-1}
        \end{aligned}

    Parameters
    ----------
    a : symbolic matrix of shape (B, 3 H)
        What the input brings to z, r and h, in this order.
    s : symbolic matrix of shape (B, H)
        :math:`s_{t-1}`.
    W : symbolic matrix of shape (H, 3 H)
        Of fixed shape.

    Returns
    -------
    tuple of one symbolic matrix of shape (B, H)
        :math:`s_t`.

    References
    ----------
    Cho et al. (2014), "Learning phrase representations using RNN encoder–decoder for statistical
    machine translation", equations (5) to (8), there without biases.
    """
    H = W.type.shape[0]
    a_gates, a_h = pt.split(a, splits_size=[2 * H, H], axis=1)
    # One product for z and r.
    sums = a_gates + s @ W[:, : 2 * H]
    z, r = pt.split(pt.sigmoid(sums), splits_size=[H, H], axis=1)
    # This product must wait for r.
    h = pt.tanh(a_h + (r * s) @ W[:, 2 * H :])
    return ((1 - z) * h + z * s,)


def gru_reset_after(a: Any, s: Any, W: Any, b_s: Any) -> tuple[Any, ...]:
    r"""The gated recurrent unit of cuDNN. The reset gate acts after the product.

    .. math:: h_t = \tanh(x_t U_h + b_h + r_t \odot (s_{t-1} W_h + b_s))

    All else is as in :func:`gru`. Nothing has to wait for r, so one product serves z, r and h. The
    bias :math:`b_s` stands inside the reset gate.

    Parameters
    ----------
    a, s, W
        As for :func:`gru`.
    b_s : symbolic matrix of shape (B, H)
        The same bias in each row.

    Returns
    -------
    tuple of one symbolic matrix of shape (B, H)

    References
    ----------
    The first version of Cho et al. (2014), arXiv:1406.1078v1, has the gate in this place. The
    library cuDNN, and with it PyTorch and others, compute it so, with the bias inside.
    """
    H = W.type.shape[0]
    a_gates, a_h = pt.split(a, splits_size=[2 * H, H], axis=1)
    s_gates, s_h = pt.split(s @ W, splits_size=[2 * H, H], axis=1)
    z, r = pt.split(pt.sigmoid(a_gates + s_gates), splits_size=[H, H], axis=1)
    h = pt.tanh(a_h + r * (s_h + b_s))
    return ((1 - z) * h + z * s,)


def lstm(a: Any, s: Any, c: Any, W: Any) -> tuple[Any, ...]:
    r"""Long short-term memory, with a forget gate and without peepholes.

    .. math::
        \begin{aligned}
        i_t &= \sigma(x_t U_i + s_{t-1} W_i + b_i) \\
        f_t &= \sigma(x_t U_f + s_{t-1} W_f + b_f) \\
        o_t &= \sigma(x_t U_o + s_{t-1} W_o + b_o) \\
        g_t &= \tanh(x_t U_g + s_{t-1} W_g + b_g) \\
        c_t &= f_t \odot c_{t-1} + i_t \odot g_t \\
        s_t &= o_t \odot \tanh(c_t)
        \end{aligned}

    Parameters
    ----------
    a : symbolic matrix of shape (B, 4 H)
        What the input brings to i, f, o and g, in this order.
    s, c : symbolic matrices of shape (B, H)
        :math:`s_{t-1}` and the memory :math:`c_{t-1}`.
    W : symbolic matrix of shape (H, 4 H)
        Of fixed shape.

    Returns
    -------
    tuple of two symbolic matrices of shape (B, H)
        :math:`s_t` and :math:`c_t`.

    References
    ----------
    Hochreiter and Schmidhuber (1997), "Long short-term memory"; the forget gate: Gers,
    Schmidhuber and Cummins (2000), "Learning to forget: continual prediction with LSTM".
    """
    H = W.type.shape[0]
    # One product for all four.
    sums = a + s @ W
    gates, sum_g = pt.split(sums, splits_size=[3 * H, H], axis=1)
    i, f, o = pt.split(pt.sigmoid(gates), splits_size=[H, H, H], axis=1)
    g = pt.tanh(sum_g)
    c = f * c + i * g
    return o * pt.tanh(c), c


#: A forget gate that starts open lets errors through from the first step on: Jozefowicz, Zaremba
#: and Sutskever (2015), "An empirical exploration of recurrent network architectures".
OPEN = 1.0

CELLS = {
    "rnn": Cell(rnn, gates=1, states=1, biases=(0,)),
    "relu": Cell(relu, gates=1, states=1, biases=(0,)),
    "gru": Cell(gru, gates=3, states=1, biases=(0, 0, 0)),
    "gru-reset-after": Cell(gru_reset_after, gates=3, states=1, biases=(0, 0, 0, 0)),
    "lstm": Cell(lstm, gates=4, states=2, biases=(0, OPEN, 0, 0)),
}
