"""A recurrent language model by hand: forward, loss, backpropagation through time.

Words are numbers from 0 to C - 1, and one sentence at a time goes through. ::

    s_t = tanh(x_t U + s_{t-1} W + b)    (H,)    x_t is one-hot, so x_t U is a row of U
    o_t = softmax(V s_t + c)             (C,)    the probability of each next word

The state before the first word is zero.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from unrolled.probability import softmax


class Parameters(NamedTuple):
    """The weights and biases, or anything else of the same five shapes."""

    U: Any  # (C, H): one row for each word that may come in
    W: Any  # (H, H)
    b: Any  # (H,)
    V: Any  # (C, H): one row for each word that may come out
    c: Any  # (C,)


def initialize(C: int, H: int, seed: int = 0) -> Parameters:
    r"""Draw small random weights; the biases start at zero.

    Each weight is drawn evenly from :math:`\pm 1/\sqrt{n}`, where n is the number of inputs to
    its unit.

    Parameters
    ----------
    C, H : int
        The number of words and of hidden units.
    seed : int
        The same seed draws the same weights.

    Returns
    -------
    :class:`Parameters`
        U (C, H), W (H, H), b (H,), V (C, H), c (C,), in float64.
    """
    random = np.random.default_rng(seed)

    def draw(n: int, shape: tuple[int, int]) -> np.ndarray:
        return random.uniform(-1 / np.sqrt(n), 1 / np.sqrt(n), shape)

    # Of the C inputs of a hidden unit only one is not zero: n counts the state's H.
    U, W, V = draw(H, (C, H)), draw(H, (H, H)), draw(H, (C, H))
    return Parameters(U, W, np.zeros(H), V, np.zeros(C))


def forward(parameters: Parameters, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Read a sentence word by word.

    Parameters
    ----------
    parameters : Parameters
    x : int array of shape (T,)
        The words, as numbers.

    Returns
    -------
    s : array of shape (T, H)
        The state after each word.
    o : array of shape (T, C)
        After each word, the probability of every word to come next.
    """
    U, W, b, V, c = parameters
    s = np.zeros((len(x), len(b)))
    state = np.zeros(len(b))
    for t in range(len(x)):
        s[t] = state = np.tanh(U[x[t]] + state @ W + b)
    return s, softmax(s @ V.T + c)


def loss(parameters: Parameters, x: np.ndarray, y: np.ndarray) -> float:
    r"""The mean cross-entropy of the words that did come next.

    .. math:: L = -\frac{1}{T} \sum_t \log o_{t, y_t}

    Parameters
    ----------
    parameters : Parameters
    x, y : int arrays of shape (T,)
        The words read, and after each the word that follows.

    Returns
    -------
    float
        In nats per word.
    """
    _, o = forward(parameters, x)
    return float(-np.log(o[np.arange(len(y)), y]).mean())


def gradients(
    parameters: Parameters, x: np.ndarray, y: np.ndarray, truncation: int | None = None
) -> Parameters:
    """Backpropagation through time: the slope of the loss for each parameter.

    The error of each step flows back to the steps before it, through W, to all of them or to so
    many only. The method is that of Werbos (1990), "Backpropagation through time: what it does
    and how to do it"; chapter 5 derives these lines.

    Parameters
    ----------
    parameters, x, y
        As for :func:`loss`.
    truncation : int, optional
        How many steps back an error flows. Left out: to the sentence's start.

    Returns
    -------
    :class:`Parameters`
        The gradients, each in the shape of its parameter.
    """
    U, W, _, V, _ = parameters
    s, o = forward(parameters, x)
    T = len(x)
    steps = T - 1 if truncation is None else min(truncation, T - 1)

    error = o  # (T, C): what each score is to blame for
    error[np.arange(T), y] -= 1
    error /= T
    delta = (error @ V) * (1 - s**2)  # (T, H): the blame of each state for its own step
    blame = delta.copy()  # (T, H): and for the steps after it
    for k in range(1, steps + 1):
        # One step further back.
        delta = (delta[1:] @ W.T) * (1 - s[:-k] ** 2)
        blame[:-k] += delta

    dU = np.zeros_like(U)
    # A word that came twice is blamed twice.
    np.add.at(dU, x, blame)
    return Parameters(
        U=dU,
        W=s[:-1].T @ blame[1:],
        b=blame.sum(axis=0),
        V=error.T @ s,
        c=error.sum(axis=0),
    )


def step(
    parameters: Parameters,
    x: np.ndarray,
    y: np.ndarray,
    learning_rate: float,
    truncation: int | None = None,
) -> None:
    """One step of stochastic gradient descent on one sentence, changing the parameters in place.

    Parameters
    ----------
    parameters, x, y, truncation
        As for :func:`gradients`.
    learning_rate : float
        The step's length per unit of slope.
    """
    for p, g in zip(parameters, gradients(parameters, x, y, truncation)):
        p -= learning_rate * g
