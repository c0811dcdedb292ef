r"""A transformer as Theano graphs: each word looks at those before it in its sentence.

It reads the same windows as a recurrent model, and carries nothing from one to the next. ::

    x = E[word] + P[place]                       (B, T, H)
    x = x + attention(norm(x)) O                 in each layer
    x = x + relu(norm(x) F + b) G
    o = softmax(norm(x) V^T + c)                 the probability of each next word

Shapes: B rows of T words, H entries of a word's vector (and hidden units of the inner network).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytensor.tensor as pt

from unrolled.errors import UserError
from unrolled.language_model import LanguageModel
from unrolled.layers import Parameters, Settings, look_up, scores

#: Heads that look at different words; H has to be a multiple.
HEADS = 4
#: The most words of a sentence that a window may hold.
PLACES = 64


def initialize(settings: Settings, seed: int = 0) -> dict[str, np.ndarray]:
    r"""Draw small random weights, evenly from :math:`\pm 1/\sqrt{n}` for n inputs; c and b are 0.

    Parameters
    ----------
    settings : Settings
        With an embedding as long as ``hidden``. What they say of a cell does not matter.
    seed : int
        The same seed draws the same weights.

    Returns
    -------
    dict of str to float64 array
        ``E`` (C, H), ``P`` (PLACES, H); for each layer, with its number, ``A`` (H, 3 H), which
        makes queries, keys and values, ``O`` (H, H), ``F`` (H, H), ``b`` (H,) and ``G`` (H, H);
        ``V`` (C, H) unless it is E; and ``c`` (C,).

    Raises
    ------
    UserError
        If the embedding is not as long as ``hidden``, or the heads cannot share it.
    """
    C, H = settings.vocabulary, settings.hidden
    if settings.embedding != H or H % HEADS:
        raise UserError(
            f"have to be the same, and a multiple of {HEADS}",
            embedding=settings.embedding,
            hidden=H,
        )
    random = np.random.default_rng(seed)

    def draw(*shape: int, n: int = H) -> np.ndarray:
        return random.uniform(-1 / np.sqrt(n), 1 / np.sqrt(n), shape)

    # A place says less than a word, and starts smaller.
    parameters = {"E": draw(C, H, n=1), "P": draw(PLACES, H)}
    for i in range(1, settings.layers + 1):
        parameters |= {f"A{i}": draw(H, 3 * H), f"O{i}": draw(H, H)}
        parameters |= {f"F{i}": draw(H, H), f"b{i}": np.zeros(H), f"G{i}": draw(H, H)}
    if not settings.tied:
        parameters["V"] = draw(C, H)
    return parameters | {"c": np.zeros(C)}


def visible(keep: Any) -> Any:
    """Which steps each step may look at: those of its sentence up to itself.

    Parameters
    ----------
    keep : symbolic matrix of shape (T, B)
        0 where a sentence starts, otherwise 1.

    Returns
    -------
    symbolic bool array of shape (B, T, T)
        Of each row, each step, and each step that it might look at.
    """
    number = (1 - keep).cumsum(axis=0).T
    same = pt.eq(number[:, :, None], number[:, None, :])
    return same & np.tri(keep.type.shape[0], dtype=bool)


def norm(x: Any) -> Any:
    """Bring each word's vector to mean 0 and variance 1 (Ba et al., 2016)."""
    x = x - x.mean(axis=-1, keepdims=True)
    return x / pt.sqrt((x**2).mean(axis=-1, keepdims=True) + 1e-5)


def attention(x: Any, A: Any, seen: Any) -> Any:
    r"""Let each word take from those that it may see, as much of each as it asks for.

    .. math:: \operatorname{softmax}\bigl(q k^\top / \sqrt{d}\bigr)\, v

    Parameters
    ----------
    x : symbolic array of shape (B, T, H)
    A : symbolic matrix of shape (H, 3 H)
        For queries q, keys k and values v of all heads.
    seen : symbolic bool array of shape (B, T, T)

    Returns
    -------
    symbolic array of shape (B, T, H)
        What the heads, of d entries each, found, side by side.

    References
    ----------
    Vaswani et al. (2017), "Attention is all you need", section 3.2.
    """
    B, T, H = x.type.shape
    d = H // HEADS
    qkv = (x.reshape((B * T, H)) @ A).reshape((B, T, 3, HEADS, d))
    q, k, v = (qkv[:, :, i].transpose(0, 2, 1, 3) for i in range(3))
    asked = q @ k.transpose(0, 1, 3, 2) / np.sqrt(d).astype(x.dtype)
    # What may not be seen gets a score so low that its share is 0.
    asked = pt.switch(seen[:, None], asked, -1e9)
    share = pt.special.softmax(asked, axis=-1)
    return (share @ v).transpose(0, 2, 1, 3).reshape((B, T, H))


def unroll(
    settings: Settings,
    parameters: Parameters,
    rows: Any,
    start: Sequence[Any],
    keep: Any,
    masks: Sequence[Any] = (),
) -> tuple[Any, list[Any]]:
    """Run layers over a window, as :func:`unrolled.layers.unroll`, with no state."""
    _check(settings, keep)
    p, seen = parameters, visible(keep)
    place = seen.sum(axis=2) - 1
    x = rows.transpose(1, 0, 2) + p["P"][place]
    for i in range(1, settings.layers + 1):
        x = x + attention(norm(x), p[f"A{i}"], seen) @ p[f"O{i}"]
        inner = norm(x) @ p[f"F{i}"] + p[f"b{i}"]
        x = x + pt.switch(inner > 0, inner, 0) @ p[f"G{i}"]
    return norm(x).transpose(1, 0, 2), []


def _check(settings: Settings, keep: Any) -> None:
    """Refuse what this model has not learned to do."""
    if keep.type.shape[0] > PLACES:
        raise UserError(f"expected no more than {PLACES}", window=keep.type.shape[0])
    if settings.dropout:
        raise UserError("has no place in this model", dropout=settings.dropout)


class Transformer(LanguageModel):
    """A language model that is a transformer: all else is as in :class:`LanguageModel`.

    What it remembers between two words that it reads one by one are the words themselves.
    """

    initialize = staticmethod(initialize)
    unroll = staticmethod(unroll)

    def _states(self, reader: str, B: int) -> list[Any]:
        return []

    def start(self, B: int) -> list[np.ndarray]:
        """No words yet: one array of shape (B, 0)."""
        return [np.empty((B, 0), np.int32)]

    def read(self, words: np.ndarray, states: Sequence[Any]) -> tuple[Any, list[Any]]:
        """Read one more word, as :meth:`LanguageModel.read`; the state is the last words (B, n)."""
        (before,) = states
        said = np.concatenate([before, words[:, None]], axis=1)[:, -PLACES:]
        B, n = said.shape
        window = np.zeros((PLACES, B), np.int32)
        window[:n] = said.T
        read = self._function(self._build_read, B)
        return read(window, np.int32(n - 1)), [said]

    def _build_read(self, B: int) -> Callable[..., Any]:
        x = pt.tensor("x", dtype="int32", shape=(PLACES, B))
        last = pt.iscalar("last")
        keep = pt.ones((PLACES, B))
        s, _ = self.unroll(
            self.settings, self.parameters, look_up(self.parameters, x), [], keep
        )
        log_o = pt.special.log_softmax(scores(self.parameters, s[last]), axis=1)
        return self._compile([x, last], log_o)
