r"""A recurrence without a loop: all steps at once, where each is linear in the state.

Of a step :math:`s_t = k_t \odot s_{t-1} + a_t` two can be made one, :math:`s_{t+1} = k_{t+1} k_t
\odot s_{t-1} + (k_{t+1} a_t + a_{t+1})`, of the same form. So the steps can be joined pair by pair,
and pairs of pairs, whole arrays at a time.

Shapes: T steps of B sequences, H units.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytensor.tensor as pt

from unrolled import layers
from unrolled.language_model import LanguageModel
from unrolled.layers import Parameters, Settings, layer_names, times


def scan(k: Any, a: Any, start: Any) -> Any:
    r"""Run a linear recurrence in :math:`\lceil \log_2 T \rceil` rounds.

    .. math:: s_t = k_t \odot s_{t-1} + a_t

    After the rounds of reach 1, 2, 4, ..., ``k`` and ``a`` of a step hold what all steps up to it
    do together: what they keep of the start, and what they add to it.

    Parameters
    ----------
    k, a : symbolic arrays of shape (T, B, H)
        What a step keeps, and what it adds. T has to be known.
    start : symbolic matrix of shape (B, H)
        :math:`s_0`.

    Returns
    -------
    symbolic array of shape (T, B, H)
        The state after each step.

    References
    ----------
    Hillis and Steele (1986), "Data parallel algorithms"; for recurrences: Kogge and Stone (1973),
    "A parallel algorithm for the efficient solution of a general class of recurrence equations".
    """
    T, reach = k.type.shape[0], 1
    while reach < T:
        # Those with so many steps before them join with what ended there.
        late = k[reach:]
        a = pt.concatenate([a[:reach], late * a[:-reach] + a[reach:]])
        k = pt.concatenate([k[:reach], late * k[:-reach]])
        reach *= 2
    return k * start + a


def min_gru(a: Any) -> tuple[Any, Any]:
    r"""What a minGRU keeps and adds at each step; nothing of it depends on the state.

    .. math::
        \begin{aligned}
        z_t &= \sigma(x_t U_z + b_z) \\
        h_t &= x_t U_h + b_h \\
        s_t &= z_t \odot s_{t-1} + (1 - z_t) \odot h_t
        \end{aligned}

    Parameters
    ----------
    a : symbolic array of shape (T, B, 2 H)
        :math:`x_t U + b`: what the input brings to z and h, in this order.

    Returns
    -------
    keeps, adds : symbolic arrays of shape (T, B, H)
        :math:`z_t` and :math:`(1 - z_t) \odot h_t`, for :func:`scan`.

    References
    ----------
    Feng et al. (2024), "Were RNNs all we needed?", section 3.1. Their z is our 1 - z.
    """
    H = a.type.shape[2] // 2
    z = pt.sigmoid(a[:, :, :H])
    return z, (1 - z) * a[:, :, H:]


def initialize(settings: Settings, seed: int = 0) -> dict[str, np.ndarray]:
    """Draw small random weights: a GRU's, without those that read the state, and without r's.

    Parameters
    ----------
    settings : Settings
        With an embedding. What they say of a cell does not matter.
    seed : int
        The same seed draws the same weights.

    Returns
    -------
    dict of str to float64 array
        ``E`` (C, D); for each layer ``U`` (inputs, 2 H) and ``b`` (2 H,); ``V`` (C, H) unless it
        is E; and ``c`` (C,).
    """
    parameters = layers.initialize(replace(settings, cell="gru"), seed)
    for layer in range(1, settings.layers + 1):
        U, W, b = layer_names(layer)
        # The blocks of all gates are drawn alike.
        parameters[U] = parameters[U][:, : 2 * settings.hidden]
        parameters[b] = parameters[b][: 2 * settings.hidden]
        del parameters[W]
    return parameters


def unroll(
    settings: Settings,
    parameters: Parameters,
    rows: Any,
    start: Sequence[Any],
    keep: Any,
    masks: Sequence[Any] = (),
) -> tuple[Any, list[Any]]:
    """Run minGRUs over all time steps, as :func:`unrolled.layers.unroll` runs cells."""
    masks, end = masks or [1] * (settings.layers + 1), []
    inputs = rows * masks[0]
    for layer in range(1, settings.layers + 1):
        U, _, b = layer_names(layer)
        z, added = min_gru(times(inputs, parameters[U]) + parameters[b])
        s = scan(keep[:, :, None] * z, added, start[layer - 1])
        inputs = s * masks[layer]
        end.append(s[-1])
    return inputs, end


class MinGRU(LanguageModel):
    """A language model of minGRUs: all else is as in :class:`LanguageModel`."""

    initialize = staticmethod(initialize)
    unroll = staticmethod(unroll)
