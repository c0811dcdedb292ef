"""A recurrent language model as Theano graphs: words in, recurrent layers, the next words out.

B sentences of T words go through together, time first. ::

    x_t = E[word]                        (B, D)     or one-hot words, and no E
    s_t = cell(x_t U, s_{t-1}, W, b)     (B, H)     for each layer
    o_t = softmax(s_t V^T + c)           (B, C)     the probability of each next word

The functions from graphs to graphs come first. :class:`LanguageModel` compiles them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pytensor
import pytensor.tensor as pt
from pytensor.gradient import disconnected_grad

from unrolled import backend
from unrolled.batches import Batch
from unrolled.cells import CELLS
from unrolled.updates import clip_norm, gradients_of, sgd

#: The parameters by name, as arrays or as shared variables.
Parameters = Mapping[str, Any]


class Settings(NamedTuple):
    """What a language model is made of."""

    #: Words of the vocabulary.
    C: int
    #: Hidden units of each layer.
    H: int
    #: Entries of a word's embedding; 0: words are one-hot, and U has a row for each.
    D: int = 0
    #: A name in :data:`unrolled.cells.CELLS`.
    cell: str = "rnn"
    #: Recurrent layers, each reading the states of the one before.
    layers: int = 1


def layer_names(layer: int) -> tuple[str, str, str]:
    """The names of a layer's U, W and b: plain for layer 1, with the number from layer 2 on."""
    number = "" if layer == 1 else str(layer)
    return f"U{number}", f"W{number}", f"b{number}"


def initialize(settings: Settings, seed: int = 0) -> dict[str, np.ndarray]:
    r"""Draw small random weights; the biases start at zero.

    Each weight is drawn evenly from :math:`\pm 1/\sqrt{n}`, where n is the number of inputs to
    its unit that are not zero (H for what enters by a single row).

    Parameters
    ----------
    settings : Settings
    seed : int
        The same seed draws the same weights.

    Returns
    -------
    dict of str to float64 array
        ``E`` (C, D) if there is an embedding; for each layer ``U`` (inputs, G H), ``W`` (H, G H)
        and ``b`` (G H,), where G is the number of the cell's gates; ``V`` (C, H) and ``c`` (C,).
    """
    C, H, D, cell, layers = settings
    random = np.random.default_rng(seed)

    def draw(n: int, *shape: int) -> np.ndarray:
        return random.uniform(-1 / np.sqrt(n), 1 / np.sqrt(n), shape)

    columns = CELLS[cell].gates * H
    parameters = {"E": draw(H, C, D)} if D else {}
    for layer in range(1, layers + 1):
        U, W, b = layer_names(layer)
        inputs = H if layer > 1 else D or C
        parameters[U] = draw(D or H if layer == 1 else H, inputs, columns)
        parameters[W] = draw(H, H, columns)
        parameters[b] = np.zeros(columns)
    parameters["V"] = draw(H, C, H)
    parameters["c"] = np.zeros(C)
    return parameters


# --------------------------------------------------------------------------------- the graphs


def look_up(parameters: Parameters, x: Any) -> Any:
    r"""What the words bring along: rows of E, or of U where words are one-hot.

    A one-hot row vector times a matrix is a row of that matrix, so nothing is multiplied.

    Parameters
    ----------
    parameters : mapping of str to shared variable
    x : symbolic int array of any shape
        Words.

    Returns
    -------
    symbolic array of shape (\*x.shape, D), or (\*x.shape, G H)
    """
    return parameters["E" if "E" in parameters else "U"][x]


def unroll(
    settings: Settings, parameters: Parameters, rows: Any, start: Sequence[Any]
) -> tuple[Any, list[Any]]:
    """Run the recurrent layers over all time steps.

    Parameters
    ----------
    settings : Settings
    parameters : mapping of str to shared variable
    rows : symbolic array of shape (T, B, D) or (T, B, G H)
        From :func:`look_up`.
    start : sequence of symbolic matrices of shape (B, H)
        The states before the first step: of layer 1, then of layer 2, and so on.

    Returns
    -------
    s : symbolic array of shape (T, B, H)
        The states of the last layer, which the scores are made of.
    end : list of symbolic matrices
        The states after the last step, in the order of ``start``.
    """
    cell, inputs, end = CELLS[settings.cell], rows, []
    for layer in range(1, settings.layers + 1):
        U, W, b = (parameters[name] for name in layer_names(layer))
        one_hot = layer == 1 and not settings.D
        outputs = pytensor.scan(
            cell.step,
            sequences=[(inputs if one_hot else inputs @ U) + b],
            outputs_info=list(start[len(end) : len(end) + cell.states]),
            non_sequences=[W],
            return_updates=False,
            strict=True,
        )
        states = outputs if isinstance(outputs, list) else [outputs]
        inputs = states[0]
        end += [s[-1] for s in states]
    return inputs, end


def scores(parameters: Parameters, s: Any) -> Any:
    """Score every word as the next one, before the softmax: (..., H) to (..., C)."""
    return s @ parameters["V"].T + parameters["c"]


def word_losses(parameters: Parameters, s: Any, y: Any) -> Any:
    r"""The surprise at each word that came next.

    .. math:: -\log o_{t, y_t} = \log \sum_k e^{z_{t,k}} - z_{t, y_t}

    The largest score is subtracted in the exponents, as in
    :func:`unrolled.network.theano_loss`. The correct word's score is computed a second time,
    from its own row of V: that is less work than to find it among all scores, and to send its
    gradient back there.

    Parameters
    ----------
    parameters : mapping of str to shared variable
    s : symbolic array of shape (T, B, H)
    y : symbolic int matrix of shape (T, B), both known

    Returns
    -------
    symbolic matrix of shape (T, B)
        In nats.
    """
    T, B = y.type.shape
    V, c = parameters["V"], parameters["c"]
    s, words = s.reshape((T * B, -1)), y.flatten()
    z = scores(parameters, s)
    top = disconnected_grad(z.max(axis=1, keepdims=True))
    total = pt.log(pt.exp(z - top).sum(axis=1)) + top[:, 0]
    correct = (s * V[words]).sum(axis=1) + c[words]
    return (total - correct).reshape((T, B))


def mean_loss(losses: Any, mask: Any) -> Any:
    """The mean of the words' losses (T, B), where the mask (T, B) is 1, in nats per word."""
    # In float64, a gradient divided in the mask's float32 would be wrong in the eighth digit.
    mask = pt.cast(mask, "floatX")
    return (losses * mask).sum() / mask.sum()


# ------------------------------------------------------------------------------ what trains it


class LanguageModel:
    """A recurrent language model as compiled functions over shared variables.

    JAX compiles for fixed shapes, so each shape (T, B) of a minibatch gets functions of its own,
    when it first comes.

    Parameters
    ----------
    settings : Settings
    parameters : mapping of str to array, optional
        Where to start. Left out: :func:`initialize` draws them.
    seed : int
        For :func:`initialize`.
    clip : float, optional
        The longest gradient that a step follows: :func:`unrolled.updates.clip_norm`.
    **compiler
        ``mode`` and ``on``, as for :func:`unrolled.backend.function`.

    Attributes
    ----------
    settings : Settings
    parameters : dict of str to shared variable

    Raises
    ------
    ValueError
        If parameters are missing, or have shapes other than the settings say.
    """

    def __init__(
        self,
        settings: Settings,
        parameters: Mapping[str, np.ndarray] | None = None,
        seed: int = 0,
        clip: float | None = None,
        **compiler: Any,
    ) -> None:
        start = initialize(settings, seed)
        expected = {name: value.shape for name, value in start.items()}
        if parameters is not None:
            found = {name: np.shape(value) for name, value in parameters.items()}
            if found != expected:
                raise ValueError(f"parameters {found}: expected {expected}")
            start = parameters
        self.settings, self.clip, self.compiler = settings, clip, compiler
        self.parameters = {
            name: backend.shared(start[name], name) for name in expected
        }
        self._compiled: dict[tuple, Callable[..., Any]] = {}

    def values(self) -> dict[str, np.ndarray]:
        """The parameters as they are now, as NumPy arrays."""
        return {name: backend.value_of(p) for name, p in self.parameters.items()}

    def _function(
        self, build: Callable[..., Any], *shape: int
    ) -> Callable[..., Any]:
        """The compiled form of a graph for a shape, built when it is first needed."""
        key = (build.__name__, *shape)
        if key not in self._compiled:
            self._compiled[key] = build(*shape)
        return self._compiled[key]

    def step(self, batch: Batch, learning_rate: float) -> Any:
        """Take one step of gradient descent; the batch's mean loss *before* it.

        In nats per word. The call returns before the work is done: see
        :func:`unrolled.backend.wait`.
        """
        step = self._function(self._build_step, *batch.x.shape)
        return step(*batch, np.asarray(learning_rate, pytensor.config.floatX))

    def losses(self, batch: Batch) -> np.ndarray:
        """The surprise at each word of a batch, in nats, (T, B); 0 where nothing counts."""
        losses = self._function(self._build_losses, *batch.x.shape)
        return np.asarray(losses(*batch))

    def start(self, B: int) -> list[np.ndarray]:
        """The states before the first word of B sentences: zeros, each (B, H)."""
        count = self.settings.layers * CELLS[self.settings.cell].states
        return [np.zeros((B, self.settings.H), pytensor.config.floatX)] * count

    def read(
        self, words: np.ndarray, states: Sequence[Any]
    ) -> tuple[Any, list[Any]]:
        """Read one more word of each of B sentences.

        Parameters
        ----------
        words : int32 array of shape (B,)
        states : list of arrays of shape (B, H)
            From :meth:`start`, or from the call before.

        Returns
        -------
        log_probabilities : array of shape (B, C)
            Of every word to come next.
        states : list of arrays of shape (B, H)
        """
        read = self._function(self._build_read, len(words))
        log_probabilities, *states = read(words, *states)
        return log_probabilities, states

    def _batch(self, T: int, B: int) -> Batch:
        """Symbolic variables for a minibatch."""
        dtypes = ("int32", "int32", "float32")
        return Batch(
            *(
                pt.tensor(name, dtype=dtype, shape=(T, B))
                for name, dtype in zip(Batch._fields, dtypes)
            )
        )

    def _zeros(self, B: int) -> list[Any]:
        return [pt.zeros((B, self.settings.H)) for _ in self.start(B)]

    def _build_step(self, T: int, B: int) -> Callable[..., Any]:
        x, y, mask = batch = self._batch(T, B)
        rows = look_up(self.parameters, x)
        s, _ = unroll(self.settings, self.parameters, rows, self._zeros(B))
        loss = mean_loss(word_losses(self.parameters, s, y), mask)
        parameters = dict(self.parameters)
        if self.clip is None:  # only the rows that were looked up need to move
            parameters[next(iter(parameters))] = rows
        gradients = gradients_of(loss, list(parameters.values()))
        if self.clip is not None:
            gradients, _ = clip_norm(gradients, self.clip)
        eta = pt.scalar("eta")
        updates = sgd(gradients, list(parameters.values()), eta)
        return backend.function([*batch, eta], loss, updates, **self.compiler)

    def _build_losses(self, T: int, B: int) -> Callable[..., Any]:
        x, y, mask = batch = self._batch(T, B)
        rows = look_up(self.parameters, x)
        s, _ = unroll(self.settings, self.parameters, rows, self._zeros(B))
        losses = word_losses(self.parameters, s, y) * mask
        return backend.function(batch, losses, **self.compiler)

    def _build_read(self, B: int) -> Callable[..., Any]:
        words = pt.tensor("words", dtype="int32", shape=(B,))
        states = [pt.matrix("s", shape=(B, self.settings.H)) for _ in self.start(B)]
        rows = look_up(self.parameters, words[None, :])
        s, end = unroll(self.settings, self.parameters, rows, states)
        log_probabilities = pt.special.log_softmax(
            scores(self.parameters, s[0]), axis=1
        )
        return backend.function(
            [words, *states], [log_probabilities, *end], **self.compiler
        )
