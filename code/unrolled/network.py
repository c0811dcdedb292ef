"""A 3-layer classifier, twice: in NumPy with gradients by hand, and as a Theano graph.

Shapes: N examples of D features go through H hidden units to C classes. ::

    z1 = X W1 + b1        (N, H)
    a1 = tanh(z1)         (N, H)
    z2 = a1 W2 + b2       (N, C)
    p  = softmax(z2)      (N, C)

Everything is a mean over examples, so a learning rate means the same for any number of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pytensor.tensor as pt
from pytensor.gradient import disconnected_grad

from unrolled import compute
from unrolled.probability import softmax
from unrolled.updates import sgd


class Parameters(NamedTuple):
    """The weights and biases, or anything else of the same four shapes."""

    W1: Any  # (D, H)
    b1: Any  # (H,)
    W2: Any  # (H, C)
    b2: Any  # (C,)


# ------------------------------------------------------------------------------------ in NumPy


def initialize(D: int, H: int, C: int, seed: int = 0) -> Parameters:
    r"""Draw random weights; the biases start at zero.

    A weight is drawn from a normal distribution of variance 1/(number of inputs to its unit), so
    that a unit's input neither grows nor shrinks with their number: LeCun et al. (1998),
    "Efficient BackProp", equation (16).

    Parameters
    ----------
    D, H, C : int
        The number of features, hidden units and classes.
    seed : int
        The same seed draws the same weights.

    Returns
    -------
    :class:`Parameters`
        W1 (D, H), b1 (H,), W2 (H, C), b2 (C,), in float64.
    """
    random = np.random.RandomState(seed)
    W1 = random.randn(D, H) / np.sqrt(D)
    W2 = random.randn(H, C) / np.sqrt(H)
    return Parameters(W1, np.zeros(H), W2, np.zeros(C))


def forward(parameters: Parameters, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Compute the hidden layer and the class probabilities.

    Parameters
    ----------
    parameters : Parameters
    X : array of shape (N, D)

    Returns
    -------
    a1 : array of shape (N, H)
        What the hidden units say, between -1 and 1.
    p : array of shape (N, C)
        The probability of each class.
    """
    W1, b1, W2, b2 = parameters
    a1 = np.tanh(X @ W1 + b1)
    return a1, softmax(a1 @ W2 + b2)


def predict(parameters: Parameters, X: np.ndarray) -> np.ndarray:
    """Name the most probable class of each example: (N, D) to int (N,)."""
    return forward(parameters, X)[1].argmax(axis=1)


def accuracy(parameters: Parameters, X: np.ndarray, y: np.ndarray) -> float:
    """The share of examples, from 0 to 1, that are put in their class ``y`` (N,)."""
    return float((predict(parameters, X) == y).mean())


def loss(
    parameters: Parameters, X: np.ndarray, y: np.ndarray, regularization: float = 0.0
) -> float:
    r"""The mean cross-entropy of the correct classes, and a penalty on large weights.

    .. math:: L = -\frac{1}{N} \sum_n \log p_{n, y_n}
                  + \frac{\lambda}{2} \left(\lVert W_1\rVert^2 + \lVert W_2\rVert^2\right)

    Parameters
    ----------
    parameters : Parameters
    X : array of shape (N, D)
    y : int array of shape (N,)
        The correct classes, from 0 to C - 1.
    regularization : float
        :math:`\lambda`, the strength of the penalty.

    Returns
    -------
    float
        In nats (natural logarithms).
    """
    _, p = forward(parameters, X)
    cross_entropy = -np.log(p[np.arange(len(y)), y]).mean()
    W1, _, W2, _ = parameters
    return float(cross_entropy + regularization / 2 * ((W1**2).sum() + (W2**2).sum()))


def gradients(
    parameters: Parameters, X: np.ndarray, y: np.ndarray, regularization: float = 0.0
) -> Parameters:
    """Backpropagation: the slope of the loss with respect to each parameter.

    The method is that of Rumelhart, Hinton and Williams (1986), "Learning representations by
    back-propagating errors"; chapter 1 derives these lines one by one.

    Parameters
    ----------
    parameters, X, y, regularization
        As for :func:`loss`.

    Returns
    -------
    :class:`Parameters`
        The gradients, each in the shape of its parameter.
    """
    W1, _, W2, _ = parameters
    a1, p = forward(parameters, X)
    N = len(y)

    delta2 = p  # (N, C): what each score is to blame for
    delta2[np.arange(N), y] -= 1
    delta2 /= N
    delta1 = (delta2 @ W2.T) * (1 - a1**2)  # (N, H): the blame, passed back

    return Parameters(
        W1=X.T @ delta1 + regularization * W1,
        b1=delta1.sum(axis=0),
        W2=a1.T @ delta2 + regularization * W2,
        b2=delta2.sum(axis=0),
    )


def step(
    parameters: Parameters,
    X: np.ndarray,
    y: np.ndarray,
    learning_rate: float,
    regularization: float = 0.0,
) -> Parameters:
    """Take one step of gradient descent, against the slope of the mean loss.

    Parameters
    ----------
    parameters : Parameters
        Where to start. They are not changed.
    X, y, regularization
        As for :func:`loss`.
    learning_rate : float
        The step's length per unit of slope.

    Returns
    -------
    :class:`Parameters`
        Where the step ends.
    """
    slopes = gradients(parameters, X, y, regularization)
    return Parameters(*(p - learning_rate * g for p, g in zip(parameters, slopes)))


def train(
    parameters: Parameters,
    X: np.ndarray,
    y: np.ndarray,
    learning_rate: float,
    passes: int,
    regularization: float = 0.0,
) -> Iterator[Parameters]:
    """Batch gradient descent: each pass looks at all examples and takes one step.

    Parameters
    ----------
    parameters, X, y, learning_rate, regularization
        As for :func:`step`.
    passes : int
        The number of steps.

    Yields
    ------
    :class:`Parameters`
        The parameters after each pass.
    """
    for _ in range(passes):
        parameters = step(parameters, X, y, learning_rate, regularization)
        yield parameters


# ----------------------------------------------------------------------------------- in Theano


def theano_scores(parameters: Parameters, X: Any) -> Any:
    """The classes' scores z2, before the softmax: (N, D) to (N, C)."""
    W1, b1, W2, b2 = parameters
    return pt.tanh(X @ W1 + b1) @ W2 + b2


def theano_loss(
    parameters: Parameters, X: Any, y: Any, regularization: float = 0.0
) -> Any:
    r"""The same loss as in NumPy, as a graph.

    The logarithm of a softmax is a difference,
    :math:`\log p_j = z_j - \log \sum_k e^{z_k}`. Written so, it never divides and never takes
    the logarithm of a number that has vanished. The largest score is subtracted first, as in
    :func:`unrolled.probability.softmax`; it cancels, so the gradient need not know of it.

    Parameters
    ----------
    parameters : Parameters of symbolic variables
    X : symbolic matrix of shape (N, D)
    y : symbolic int vector of shape (N,)
    regularization : float

    Returns
    -------
    symbolic scalar
        In nats.
    """
    z2 = theano_scores(parameters, X)
    z = z2 - disconnected_grad(z2.max(axis=1, keepdims=True))
    correct = z[pt.arange(y.shape[0]), y]
    cross_entropy = (pt.log(pt.exp(z).sum(axis=1)) - correct).mean()
    W1, _, W2, _ = parameters
    half = pt.cast(regularization / 2, "floatX")
    return cross_entropy + half * ((W1**2).sum() + (W2**2).sum())


class TheanoNetwork:
    """The classifier as compiled functions over shared variables.

    The examples are shared variables as well: they cross to the device once, not at each step.

    Parameters
    ----------
    parameters : Parameters
        Where to start: arrays, as :func:`initialize` draws them.
    X : array of shape (N, D)
    y : int array of shape (N,)
    learning_rate, regularization : float
        As for :func:`train`.
    **compiler
        ``mode`` and ``on``, as for :func:`unrolled.compute.function`.

    Attributes
    ----------
    parameters : Parameters of shared variables
    step : callable
        Takes one step of gradient descent and returns the loss *before* it.
    loss : callable
        Returns the loss, and changes nothing.
    predict : callable
        Names the most probable class of each row of a matrix (any number of rows, D).
    """

    def __init__(
        self,
        parameters: Parameters,
        X: np.ndarray,
        y: np.ndarray,
        learning_rate: float,
        regularization: float = 0.0,
        **compiler: Any,
    ) -> None:
        self.parameters = Parameters(
            *map(compute.shared, parameters, Parameters._fields)
        )
        examples, classes = compute.shared(X, "X"), compute.shared(y, "y")
        loss = theano_loss(self.parameters, examples, classes, regularization)
        updates = sgd(loss, self.parameters, learning_rate)
        self.step = compute.function([], loss, updates, **compiler)
        self.loss = compute.function([], loss, **compiler)
        x = pt.matrix("x", shape=(None, X.shape[1]))
        scores = theano_scores(self.parameters, x)
        self.predict = compute.function([x], scores.argmax(axis=1), **compiler)

    def values(self) -> Parameters:
        """The parameters as they are now, as NumPy arrays."""
        return Parameters(*map(compute.value_of, self.parameters))
