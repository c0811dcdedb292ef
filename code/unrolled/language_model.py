"""A recurrent language model as Theano graphs: words in, recurrent layers, the next words out.

B sentences of T words go through together, time first. ::

    x_t = E[word]                        (B, D)     or one-hot words, and no E
    s_t = cell(x_t U, s_{t-1}, W, b)     (B, H)     for each layer
    o_t = softmax(s_t V^T + c)           (B, C)     the probability of each next word

The functions from graphs to graphs come first. :class:`LanguageModel` compiles them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import numpy as np
import pytensor
import pytensor.tensor as pt
from pytensor.gradient import disconnected_grad

from unrolled import backend
from unrolled.batches import Batch
from unrolled.cells import CELLS
from unrolled.limits import pieces
from unrolled.updates import RULES, Memory, clip_norm, gradients_of, sgd

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
    #: The share of the entries that training hides at random in what goes from layer to layer.
    dropout: float = 0.0
    #: Whether E serves as V, too. Then D must be H.
    tied: bool = False


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
        and ``b`` (G H,), where G is the number of the cell's gates (b is longer where biases act
        inside the cell); ``V`` (C, H) unless it is E; and ``c`` (C,).

    Raises
    ------
    ValueError
        If E is to serve as V, and their shapes differ.
    """
    C, H, D, cell, layers, _, tied = settings
    if tied and D != H:
        raise ValueError(f"tied: the embedding has {D} entries, the state {H}")
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
        parameters[b] = np.repeat(np.float64(CELLS[cell].biases), H)
    if not tied:
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
    settings: Settings,
    parameters: Parameters,
    rows: Any,
    start: Sequence[Any],
    masks: Sequence[Any] = (),
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
    masks : sequence of symbolic arrays of shape (T, B, D) or (T, B, H), optional
        For dropout, from :func:`draw_masks`.

    Returns
    -------
    s : symbolic array of shape (T, B, H)
        The states of the last layer, which the scores are made of.
    end : list of symbolic matrices
        The states after the last step, in the order of ``start``.
    """
    cell, end, masks = CELLS[settings.cell], [], list(masks)
    columns = cell.gates * settings.H

    def drop(values: Any) -> Any:
        return values * masks.pop(0) if masks else values

    inputs = drop(rows) if settings.D else rows
    for layer in range(1, settings.layers + 1):
        U, W, b = (parameters[name] for name in layer_names(layer))
        one_hot = layer == 1 and not settings.D
        inside = [b[columns:]] if len(cell.biases) > cell.gates else []
        # A row for each sequence: the gradient is then summed once, after the loop.
        inside = [bias + pt.zeros_like(start[0]) for bias in inside]
        outputs = pytensor.scan(
            cell.step,
            sequences=[(inputs if one_hot else inputs @ U) + b[:columns]],
            outputs_info=list(start[len(end) : len(end) + cell.states]),
            non_sequences=[W, *inside],
            return_updates=False,
            strict=True,
        )
        states = outputs if isinstance(outputs, list) else [outputs]
        inputs = drop(states[0])
        end += [s[-1] for s in states]
    return inputs, end


def draw_masks(
    settings: Settings, T: int, B: int, seed: int, step: int
) -> list[np.ndarray]:
    r"""Choose what dropout hides in one step of training.

    An entry is 0 with the probability p of ``settings.dropout``, and :math:`1/(1-p)` otherwise,
    so that the mean stays as it is. What goes from step to step in time is left alone.

    Parameters
    ----------
    settings : Settings
    T, B : int
        The shape of the minibatch.
    seed, step : int
        The same two numbers hide the same entries.

    Returns
    -------
    list of arrays
        (T, B, D) for the embedding if there is one, then (T, B, H) for what leaves each layer;
        no arrays where p is 0.

    References
    ----------
    Zaremba, Sutskever and Vinyals (2014), "Recurrent neural network regularization".
    """
    if not settings.dropout:
        return []
    sizes = [settings.D] * bool(settings.D) + [settings.H] * settings.layers
    keep = 1 - settings.dropout
    key = jax.random.fold_in(jax.random.key(seed), step)
    return [
        _mask(one, keep, (T, B, size), pytensor.config.floatX)
        for one, size in zip(jax.random.split(key, len(sizes)), sizes)
    ]


@partial(jax.jit, static_argnums=(1, 2, 3))
def _mask(key: Any, keep: float, shape: tuple[int, ...], dtype: str) -> Any:
    return jax.random.bernoulli(key, keep, shape).astype(dtype) / keep


def output_table(parameters: Parameters) -> Any:
    """V, or E where it serves as V: (C, H)."""
    return parameters["V" if "V" in parameters else "E"]


def scores(parameters: Parameters, s: Any) -> Any:
    """Score every word as the next one, before the softmax: (..., H) to (..., C)."""
    return s @ output_table(parameters).T + parameters["c"]


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
    V, c = output_table(parameters), parameters["c"]
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
        Where to start; what :meth:`remembered` gave may be among them. Left out:
        :func:`initialize` draws them.
    seed : int
        For :func:`initialize` and :func:`draw_masks`.
    clip : float, optional
        The longest gradient that a step follows: :func:`unrolled.updates.clip_norm`.
    rule : str
        How a step follows it: a name in :data:`unrolled.updates.RULES`.
    **compiler
        ``mode`` and ``on``, as for :func:`unrolled.backend.function`.

    Attributes
    ----------
    settings : Settings
    parameters : dict of str to shared variable
    memory : dict of str to shared variable
        What the rule remembers; empty before the first step is compiled.
    steps : int
        Steps taken so far.

    Raises
    ------
    ValueError
        If parameters are missing, or have shapes other than the settings say; or if what the rule
        is to remember is not what it keeps.
    """

    def __init__(
        self,
        settings: Settings,
        parameters: Mapping[str, np.ndarray] | None = None,
        seed: int = 0,
        clip: float | None = None,
        rule: str = "sgd",
        **compiler: Any,
    ) -> None:
        start = initialize(settings, seed)
        expected = {name: value.shape for name, value in start.items()}
        memory = {}
        if parameters is not None:
            start = dict(parameters)
            memory = {name: start.pop(name) for name in parameters if "/" in name}
            found = {name: np.shape(value) for name, value in start.items()}
            if found != expected:
                raise ValueError(f"parameters {found}: expected {expected}")
        self.settings, self.seed, self.clip = settings, seed, clip
        self.rule, self.compiler = RULES[rule], compiler
        self.steps = 0
        self.parameters = {name: backend.shared(start[name], name) for name in expected}
        self.memory: Memory = {
            name: backend.shared(value, name) for name, value in memory.items()
        }
        if memory:
            self._check_memory()
        self._compiled: dict[tuple, Callable[..., Any]] = {}

    def _check_memory(self) -> None:
        """Compare what was given as the rule's memory with one that the rule starts."""
        fresh: Memory = {}
        parameters = list(self.parameters.values())
        self.rule(parameters, parameters, 0.0, fresh)
        found, expected = (
            {name: value.type.shape for name, value in memory.items()}
            for memory in (self.memory, fresh)
        )
        if found != expected:
            raise ValueError(f"memory {found}: expected {expected}")

    def values(self) -> dict[str, np.ndarray]:
        """The parameters as they are now, as NumPy arrays."""
        return {name: backend.value_of(p) for name, p in self.parameters.items()}

    def set_values(self, values: Mapping[str, np.ndarray]) -> None:
        """Put other parameters, such as :meth:`values` gave, in the place of these."""
        for name, parameter in self.parameters.items():
            parameter.set_value(values[name].astype(parameter.dtype))

    def remembered(self) -> dict[str, np.ndarray]:
        """What the rule remembers as it is now, as NumPy arrays."""
        return {name: backend.value_of(m) for name, m in self.memory.items()}

    def _function(self, build: Callable[..., Any], *shape: int) -> Callable[..., Any]:
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
        T, B = batch.x.shape
        step = self._function(self._build_step, T, B)
        masks = draw_masks(self.settings, T, B, self.seed, self.steps)
        self.steps += 1
        return step(*batch, np.asarray(learning_rate, pytensor.config.floatX), *masks)

    def pieces(self, batch: Batch) -> int:
        """Count the pieces of work of a step: :func:`unrolled.limits.pieces`."""
        step = self._function(self._build_step, *batch.x.shape)
        return pieces(step, self.compiler.get("on"))

    def losses(self, batch: Batch) -> np.ndarray:
        """The surprise at each word of a batch, in nats, (T, B); 0 where nothing counts."""
        losses = self._function(self._build_losses, *batch.x.shape)
        return np.asarray(losses(*batch))

    def start(self, B: int) -> list[np.ndarray]:
        """The states before the first word of B sentences: zeros, each (B, H)."""
        count = self.settings.layers * CELLS[self.settings.cell].states
        return [np.zeros((B, self.settings.H), pytensor.config.floatX)] * count

    def read(self, words: np.ndarray, states: Sequence[Any]) -> tuple[Any, list[Any]]:
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
        masks = [
            pt.tensor("dropout", shape=m.shape)
            for m in draw_masks(self.settings, T, B, self.seed, 0)
        ]
        rows = look_up(self.parameters, x)
        s, _ = unroll(self.settings, self.parameters, rows, self._zeros(B), masks)
        loss = mean_loss(word_losses(self.parameters, s, y), mask)
        parameters = dict(self.parameters)
        if self._moves_rows():
            parameters[next(iter(parameters))] = rows
        gradients = gradients_of(loss, list(parameters.values()))
        if self.clip is not None:
            gradients, _ = clip_norm(gradients, self.clip)
        eta = pt.scalar("eta")
        updates = self.rule(gradients, list(parameters.values()), eta, self.memory)
        return backend.function([*batch, eta, *masks], loss, updates, **self.compiler)

    def _moves_rows(self) -> bool:
        """Whether a step has to move only those rows of the first table that were looked up."""
        return self.rule is sgd and self.clip is None and not self.settings.tied

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
