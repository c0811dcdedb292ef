"""Weights in one byte each, so that a trained model is small enough for a web page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

#: The axis along which numbers share one scale.
AXES = {"row": 1, "column": 0}


class Quantized(NamedTuple):
    """A matrix as whole numbers and scales: its entries are nearly ``scales * codes``."""

    #: int8, (m, n), from −127 to 127.
    codes: np.ndarray
    #: float32, (m, 1) with one scale for each row, or (1, n) with one for each column.
    scales: np.ndarray


def quantize(W: np.ndarray, per: str = "row") -> Quantized:
    r"""Round a matrix to one byte per entry.

    .. math:: q_{ij} = \operatorname{round}(w_{ij} / a_i), \qquad a_i = \max_j |w_{ij}| / 127

    Parameters
    ----------
    W : array of shape (m, n)
    per : {"row", "column"}
        What shares a scale. The formula is for rows.

    Returns
    -------
    Quantized
        No entry is off by more than half its scale. A row of zeros has the scale 1.

    Raises
    ------
    ValueError
        If W is no matrix, or some entry is not finite; or if ``per`` is something else.
    """
    W = np.asarray(W)
    if per not in AXES:
        raise ValueError(f"per={per!r}: expected {' or '.join(AXES)}")
    if W.ndim != 2:
        raise ValueError(f"array of shape {W.shape}: expected a matrix")
    if not np.isfinite(W).all():
        raise ValueError("the matrix has entries that are not finite")
    largest = np.abs(W).max(axis=AXES[per], keepdims=True, initial=0)
    scales = np.where(largest > 0, largest / 127, 1).astype(np.float32)
    # The scale of entries that are too small for float32.
    scales[scales == 0] = 1
    codes = np.clip(np.rint(W / scales), -127, 127)
    return Quantized(codes.astype(np.int8), scales)


def dequantize(small: Quantized) -> np.ndarray:
    """The matrix that the bytes stand for: float32, (m, n)."""
    return small.scales * small.codes


def quantize_weights(
    values: Mapping[str, np.ndarray], per: str = "row"
) -> dict[str, Quantized | np.ndarray]:
    """Round the matrices among a model's parameters; the biases, which are few, stay.

    Parameters
    ----------
    values : mapping of str to array
        As :meth:`unrolled.language_model.LanguageModel.values` gives them.
    per : {"row", "column"}
        As for :func:`quantize`.

    Returns
    -------
    dict of str to Quantized or array
        Under the same names.
    """
    return {
        name: quantize(value, per) if value.ndim == 2 else value
        for name, value in values.items()
    }


def dequantize_weights(
    small: Mapping[str, Quantized | np.ndarray],
) -> dict[str, np.ndarray]:
    """Parameters that a model can take, from what :func:`quantize_weights` gave."""
    return {
        name: dequantize(value) if isinstance(value, Quantized) else value
        for name, value in small.items()
    }
