"""A recurrent language model as Theano graphs: words in, recurrent layers, the next words out.

B sentences of T words go through together, time first. ::

    x_t = E[word]                        (B, D)     or one-hot words, and no E
    s_t = cell(x_t U, s_{t-1}, W, b)     (B, H)     for each layer
    o_t = softmax(s_t V^T + c)           (B, C)     the probability of each next word

Everything here goes from graphs to graphs. :mod:`unrolled.language_model` compiles them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any

import jax
import numpy as np
import pytensor
import pytensor.tensor as pt
from pytensor.compile.builders import OpFromGraph

from unrolled import fields, through_time
from unrolled.cells import CELLS
from unrolled.errors import UserError

#: The parameters by name, as arrays or as shared variables.
Parameters = Mapping[str, Any]


@dataclass(frozen=True)
class Settings:
    """What a language model is made of.

    Raises
    ------
    UserError
        If a value is not allowed, or the embedding is to serve as V and is not as long as a state.
    """

    vocabulary: fields.Positive
    """Words of the vocabulary, C."""
    hidden: fields.Positive
    """Hidden units of each layer, H."""
    embedding: fields.Natural = 0
    """Entries of a word's vector, D; 0: words are one-hot, and U has a row for each."""
    cell: Annotated[str, fields.one_of(CELLS)] = "rnn"
    """Kind of recurrent unit."""
    layers: fields.Positive = 1
    """Recurrent layers, each reading the states of the one before."""
    dropout: fields.Part = 0.0
    """Share of what goes from layer to layer that training hides at random."""
    tied: bool = False
    """Use the embedding as output table V, too."""

    def __post_init__(self) -> None:
        fields.check(self)
        if self.tied and self.embedding != self.hidden:
            raise UserError(
                "have to be the same where one table is tied to the other",
                embedding=self.embedding,
                hidden=self.hidden,
            )


def layer_names(layer: int) -> tuple[str, str, str]:
    """The names of a layer's U, W and b: plain for layer 1, with the number from layer 2 on."""
    number = "" if layer == 1 else str(layer)
    return f"U{number}", f"W{number}", f"b{number}"


def initialize(settings: Settings, seed: int = 0) -> dict[str, np.ndarray]:
    r"""Draw small random weights; the biases start at zero.

    Each weight is drawn evenly from :math:`\pm 1/\sqrt{n}`, where n is the number of inputs to
    its unit that are not zero. A row of E enters alone, so its n is 1. (Were E as small as the
    other tables, a word would hardly move the state at first, and training would dwell, for as
    long as the seed has it, where only the frequencies of words are known.) The rows of a U whose
    words are one-hot are as small as W's, as in :func:`unrolled.rnn_by_hand.initialize`.

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
    """
    H, D = settings.hidden, settings.embedding
    cell, size = CELLS[settings.cell], shapes(settings)
    random = np.random.default_rng(seed)

    def draw(name: str, n: int) -> np.ndarray:
        return random.uniform(-1 / np.sqrt(n), 1 / np.sqrt(n), size[name])

    parameters = {"E": draw("E", 1)} if D else {}
    for layer in range(1, settings.layers + 1):
        U, W, b = layer_names(layer)
        parameters[U] = draw(U, D or H if layer == 1 else H)
        parameters[W] = draw(W, H)
        parameters[b] = np.repeat(np.float64(cell.biases), H)
    if not settings.tied:
        parameters["V"] = draw("V", H)
    parameters["c"] = np.zeros(size["c"])
    return parameters


def shapes(settings: Settings) -> dict[str, tuple[int, ...]]:
    """The shape of each parameter that :func:`initialize` draws, in its order."""
    C, H, D = settings.vocabulary, settings.hidden, settings.embedding
    cell = CELLS[settings.cell]
    columns = cell.gates * H
    found: dict[str, tuple[int, ...]] = {"E": (C, D)} if D else {}
    for layer in range(1, settings.layers + 1):
        U, W, b = layer_names(layer)
        inputs = H if layer > 1 else D or C
        found |= {U: (inputs, columns), W: (H, columns), b: (len(cell.biases) * H,)}
    if not settings.tied:
        found["V"] = (C, H)
    return found | {"c": (C,)}


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
    return input_table(parameters)[x]


def input_table(parameters: Parameters) -> Any:
    """E, (C, D), or U where words are one-hot, (C, G H)."""
    return parameters["E" if "E" in parameters else "U"]


def unroll(
    settings: Settings,
    parameters: Parameters,
    rows: Any,
    start: Sequence[Any],
    keep: Any,
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
    keep : symbolic matrix of shape (T, B)
        1 where the states before a step reach it, 0 where a sentence starts.
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
    columns = cell.gates * settings.hidden

    def drop(values: Any) -> Any:
        return values * masks.pop(0) if masks else values

    inputs = drop(rows) if settings.embedding else rows
    for layer in range(1, settings.layers + 1):
        U, W, b = (parameters[name] for name in layer_names(layer))
        one_hot = layer == 1 and not settings.embedding
        # In each row the same; so the loop need not know that they are no states.
        inside = [b[columns:]] if len(cell.biases) > cell.gates else []
        states = through_time.loop(
            cell.step,
            (inputs if one_hot else times(inputs, U)) + b[:columns],
            keep,
            start[len(end) : len(end) + cell.states],
            W,
            [bias + pt.zeros_like(start[0]) for bias in inside],
        )
        inputs = drop(states[0])
        end += [s[-1] for s in states]
    return inputs, end


def times(inputs: Any, U: Any) -> Any:
    """The product of all words, (T, B, D), with a matrix, (D, N), as *one* product.

    Of three-dimensional arrays it would be T products, and the gradient of U the sum of T
    matrices, all of which would have to be kept.
    """
    T, B, D = inputs.type.shape
    return (inputs.reshape((T * B, D)) @ U).reshape((T, B, -1))


def draw_masks(
    settings: Settings, T: int, B: int, seed: int, step: int, where: Any = None
) -> list[Any]:
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
    where : sharding, optional
        Of the columns, where several devices share them: each draws its own.

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
    sizes = [settings.embedding] * bool(settings.embedding)
    sizes += [settings.hidden] * settings.layers
    keep = 1 - settings.dropout
    draw = _drawing(keep, (T, B), tuple(sizes), pytensor.config.floatX, where)
    return draw(seed, step)


@cache
def _drawing(
    keep: float, shape: tuple[int, int], sizes: tuple[int, ...], dtype: str, where: Any
) -> Callable[[int, int], list[Any]]:
    """What draws masks, compiled."""

    def draw(seed: int, step: int) -> list[Any]:
        key = jax.random.fold_in(jax.random.key(seed), step)
        return [
            jax.random.bernoulli(one, keep, (*shape, size)).astype(dtype) / keep
            for one, size in zip(jax.random.split(key, len(sizes)), sizes)
        ]

    return jax.jit(draw, out_shardings=where)


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
    total = log_sum_exp(scores(parameters, s))
    correct = (s * V[words]).sum(axis=1) + c[words]
    return (total - correct).reshape((T, B))


def log_sum_exp(z: Any) -> Any:
    r"""The logarithm of the sum of exponentials of each row: (N, C) to (N,).

    The slope in a score is that word's probability, :math:`e^{z_k - \text{total}}`. As it is told
    here, it needs the scores alone, and not their exponentials, too, which are as many.
    """
    inner = z.type()
    total = pt.logsumexp(inner, axis=1)
    whole = OpFromGraph(
        [inner],
        [total],
        pullback=lambda inputs, outputs, slopes: [
            pt.exp(inputs[0] - outputs[0][:, None]) * slopes[0][:, None]
        ],
        inline=True,
    )
    return whole(z)


def mean_loss(losses: Any, mask: Any, total: Callable[[Any], Any] = lambda x: x) -> Any:
    """The mean loss of a word, from all losses (T, B), where the mask (T, B) is 1.

    Where each of several devices has some columns, ``total`` sums over them, from
    :func:`unrolled.devices.total`: then this is a device's share of the mean, for padding is not
    the same everywhere, and a mean of their means would be another.
    """
    # Else a gradient in float64 would be wrong in the eighth digit.
    mask = pt.cast(mask, "floatX")
    return (losses * mask).sum() / total(mask.sum())
