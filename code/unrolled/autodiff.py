"""Derivatives by program: arrays that remember how they were made, and the chain rule.

Each operation computes its value and notes the way back to its sources; :func:`grad` follows these
notes from the loss to the parameters. The idea is as old as Wengert (1964), "A simple automatic
derivative evaluation program"; that it pays to go backward is in Linnainmaa (1976), "Taylor
expansion of the accumulated rounding error".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np


class Node:
    """An array, the nodes that it was made from, and the way back to each of them.

    Parameters
    ----------
    value : array of any shape, or number
    sources : sequence of (Node, callable) pairs
        The callable turns g, the slope of a loss with respect to ``value``, into that with respect
        to the node. Left out: the node is data.
    """

    # NumPy's operators step aside, and do not take a node for a lone object.
    __array_ufunc__ = None

    def __init__(self, value: Any, sources: Sequence[tuple[Node, Callable]] = ()):
        self.value, self.sources = np.asarray(value), sources
        # Deeper than each source: the most operations between here and the data.
        self.depth = 1 + max((source.depth for source, _ in sources), default=0)

    def beside(self, x: Any) -> Node:
        """A node as it is; a number or an array as a node of this one's type."""
        return x if isinstance(x, Node) else Node(np.asarray(x, self.value.dtype))

    def __add__(self, other: Any) -> Node:
        other = self.beside(other)
        back = [(self, lambda g: g), (other, lambda g: g)]
        return Node(self.value + other.value, back)

    def __sub__(self, other: Any) -> Node:
        return self + self.beside(other) * -1

    def __mul__(self, other: Any) -> Node:
        other = self.beside(other)
        a, b = self.value, other.value
        return Node(a * b, [(self, lambda g: g * b), (other, lambda g: g * a)])

    def __matmul__(self, other: Any) -> Node:
        other = self.beside(other)
        a, b = self.value, other.value
        if not a.ndim == b.ndim == 2:
            raise ValueError(f"expected two matrices, not shapes {a.shape}, {b.shape}")
        return Node(a @ b, [(self, lambda g: g @ b.T), (other, lambda g: a.T @ g)])


def tanh(a: Node) -> Node:
    """The hyperbolic tangent of each entry."""
    value = np.tanh(a.value)
    return Node(value, [(a, lambda g: g * (1 - value**2))])


def exp(a: Node) -> Node:
    """The exponential of each entry."""
    value = np.exp(a.value)
    return Node(value, [(a, lambda g: g * value)])


def log(a: Node) -> Node:
    """The natural logarithm of each entry."""
    return Node(np.log(a.value), [(a, lambda g: g / a.value)])


def total(a: Node, axis: int | None = None) -> Node:
    """The sum of all entries, or along one axis, which stays with length 1."""
    value = a.value.sum(axis=axis, keepdims=axis is not None)
    return Node(value, [(a, lambda g: np.broadcast_to(g, a.value.shape))])


def pick(a: Node, index: Any) -> Node:
    """The entries ``a[index]``, as NumPy would take them."""

    def back(g: np.ndarray) -> np.ndarray:
        whole = np.zeros_like(a.value)
        # An entry that was taken twice is to blame twice.
        np.add.at(whole, index, g)
        return whole

    return Node(a.value[index], [(a, back)])


def nodes_of(loss: Node) -> list[Node]:
    """All nodes that a loss was made from and itself, each behind its sources."""
    # Dictionaries keep an order, and so the same sums are rounded alike in each run.
    found, todo = {loss: None}, [loss]
    while todo:
        new = {source: None for source, _ in todo.pop().sources if source not in found}
        found |= new
        todo += new
    return sorted(found, key=lambda node: node.depth)


def unbroadcast(slope: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Add up what broadcasting has copied, so that a slope gets this ``shape``."""
    slope = slope.sum(axis=tuple(range(slope.ndim - len(shape))))
    ones = tuple(i for i, n in enumerate(shape) if n == 1)
    return slope.sum(axis=ones, keepdims=True)


def grad(loss: Node, parameters: Sequence[Node]) -> list[np.ndarray]:
    r"""Derive a loss with respect to parameters, in reverse mode.

    A node's slope is the sum over all nodes :math:`v` that were made from it,

    .. math:: \frac{\partial L}{\partial u} =
        \sum_v \frac{\partial L}{\partial v} \frac{\partial v}{\partial u}

    so it is complete when all of these have been passed, and they all lie deeper.

    Parameters
    ----------
    loss : Node of shape ()
    parameters : sequence of Node

    Returns
    -------
    list of array
        :math:`\partial L / \partial \theta`, each in the shape of its parameter; zeros where the
        loss does not depend on it.

    Raises
    ------
    ValueError
        If ``loss`` is not a single number.

    References
    ----------
    Baydin et al. (2018), "Automatic differentiation in machine learning: a survey", section 3.2.
    """
    if loss.value.shape != ():
        raise ValueError(f"expected a single number, not shape {loss.value.shape}")
    slopes = {loss: np.ones_like(loss.value)}
    for node in reversed(nodes_of(loss)):
        for source, back in node.sources:
            slope = unbroadcast(back(slopes[node]), source.value.shape)
            slopes[source] = slopes.get(source, 0) + slope
    return [slopes.get(p, np.zeros_like(p.value)) for p in parameters]
