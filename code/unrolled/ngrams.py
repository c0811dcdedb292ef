r"""n-gram language models: count short runs of words, and predict from the counts.

A model of order n predicts a word w from its *context* h, the n - 1 words before it. Most contexts
of a new text were seen rarely or never. So a discount is taken from each count c(h w), and the
next lower order hands out what was taken. It sees h', which is h without its oldest word:

.. math:: p(w \mid h) = \frac{c(h w) - d_{c(h w)}}{\sum_v c(h v)}
          + \frac{\sum_v d_{c(h v)}}{\sum_v c(h v)}\, p(w \mid h')

The discount depends on the count: one for words that were seen once, one for twice, one for three
times and more; d_0 is 0. After a context that was never seen, p(w | h) is p(w | h').

The idea of Kneser and Ney is what a lower order counts: not how often w follows h', but after how
many different words h' w was seen. For the lower order matters where the longer context is new,
and "Francisco", however frequent, follows hardly anything but "San".

An n-gram is one integer here, its words the digits of a number in base C, so that NumPy counts
and finds many at once. NLTK has the same model, but for each word that it scores it walks through
all contexts that it knows: too slow for the text of chapter 4.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from unrolled.vocabulary import END, PADDING, START, UNKNOWN


def discounts(counts: np.ndarray) -> np.ndarray:
    r"""How much to take from the counts 1, 2, and 3 or more.

    With :math:`n_i` n-grams of count i and :math:`Y = n_1 / (n_1 + 2 n_2)`, it is
    :math:`i - (i + 1)\, Y n_{i+1} / n_i`: the estimate of Chen and Goodman (1999). A text so small
    that one of the four numbers is 0, or an estimate below 0, has Y for each, that of Ney,
    Essen and Kneser (1994); or a half where it has no count of 1, for words that were never seen
    have to be left something.

    Parameters
    ----------
    counts : int array of shape (G,)
        The count of each different n-gram.

    Returns
    -------
    float64 array of shape (3,)
        Each at least 0, and at most the count that it is taken from.
    """
    n = np.bincount(counts.clip(max=5), minlength=6)[1:5].astype(np.float64)
    Y = n[0] / (n[0] + 2 * n[1]) if n[0] else 0.5
    if n.all():
        i = np.arange(1, 4)
        found = i - (i + 1) * Y * n[1:] / n[:-1]
        if (found >= 0).all():
            return found
    return np.full(3, Y)


def values_at(keys: np.ndarray, values: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """The values (T,) of the ``wanted`` keys (T,): 0 for one not in the sorted ``keys``."""
    place = np.searchsorted(keys, wanted).clip(max=len(keys) - 1)
    return np.where(keys[place] == wanted, values[place], 0)


class Counts(NamedTuple):
    """What one order remembers: G different n-grams, which have K different contexts."""

    ngrams: np.ndarray  # int64 (G,), sorted
    kept: np.ndarray  # float64 (G,): the counts, less their discounts
    contexts: np.ndarray  # int64 (K,), sorted
    totals: np.ndarray  # float64 (K,): the sum of the counts of a context's n-grams
    taken: np.ndarray  # float64 (K,): the sum of their discounts
    discounts: np.ndarray  # float64 (3,)

    @classmethod
    def of(cls, ngrams: np.ndarray, C: int, d: np.ndarray | None = None) -> Counts:
        """Count equal numbers in ``ngrams`` (T,). Discounts are estimated if ``d`` is None."""
        ngrams, counts = np.unique(ngrams, return_counts=True)
        d = discounts(counts) if d is None else np.broadcast_to(d, 3)
        less = d[counts.clip(max=3) - 1]
        contexts, context = np.unique(ngrams // C, return_inverse=True)
        totals, taken = (np.bincount(context, weights=w) for w in (counts, less))
        return cls(ngrams, counts - less, contexts, totals, taken, d)

    def interpolate(self, ngrams: np.ndarray, C: int, lower: np.ndarray) -> np.ndarray:
        """The module's equation: p(w | h) of each n-gram (T,) from ``lower``, p(w | h') (T,)."""
        kept = values_at(self.ngrams, self.kept, ngrams)
        total = values_at(self.contexts, self.totals, ngrams // C)
        taken = values_at(self.contexts, self.taken, ngrams // C)
        # A context that was never seen has the total 0.
        return np.where(total > 0, (kept + taken * lower) / np.maximum(total, 1), lower)

    def hand_down(self, context: int, C: int, lower: np.ndarray) -> np.ndarray:
        """The module's equation for all words (C,) after one context."""
        k = np.searchsorted(self.contexts, context)
        if k == len(self.contexts) or self.contexts[k] != context:
            return lower
        first, last = np.searchsorted(self.ngrams, (context * C, (context + 1) * C))
        p = self.taken[k] * lower
        p[self.ngrams[first:last] % C] += self.kept[first:last]
        return p / self.totals[k]


class KneserNey:
    """An interpolated Kneser–Ney model, in its modified form with three discounts.

    Below the lowest order, all words that can be predicted are equally likely. These are C - 2:
    all but PADDING and START.

    Parameters
    ----------
    sentences : sequence of int arrays, each of shape (n,)
        The training text: numbers of words, from UNKNOWN to C - 1, without START and END.
    C : int
        The size of the vocabulary.
    order : int
        The length of an n-gram. Order 1 knows no context, order 3 a context of two words.
    discounts : sequence of float or of 3 floats, optional
        For each of the orders 1, 2, ... one number from 0 to 1, or what to take from counts of 1,
        of 2 and of more, in place of :func:`discounts`.

    Attributes
    ----------
    orders : list of :class:`Counts`
        Order 1 comes first. The last counts occurrences, the others count contexts.

    Raises
    ------
    ValueError
        If there is no sentence, a number is not that of a word, there is not one discount for
        each order, or an n-gram does not fit into 64 bits.

    References
    ----------
    Kneser and Ney (1995), "Improved backing-off for m-gram language modeling". The interpolated
    form and its discounts are those of Chen and Goodman (1999), "An empirical study of smoothing
    techniques for language modeling".
    """

    def __init__(
        self,
        sentences: Sequence[np.ndarray],
        C: int,
        order: int = 3,
        discounts: Sequence[float | Sequence[float]] | None = None,
    ) -> None:
        if order < 1 or C**order > 2**63:
            raise ValueError(f"order {order} is below 1 or too high for {C} words")
        if discounts is not None and len(discounts) != order:
            raise ValueError(f"{len(discounts)} discounts for {order} orders")
        self.C, self.order, self.orders = C, order, []
        ngrams = self._ngrams(sentences)
        for length in range(order, 0, -1):
            d = None if discounts is None else discounts[length - 1]
            self.orders.insert(0, Counts.of(ngrams, C, d))
            # Each different n-gram, less its oldest word, is one count for the next order.
            ngrams = self.orders[0].ngrams % C ** (length - 1)

    def _ngrams(self, sentences: Sequence[np.ndarray]) -> np.ndarray:
        """The n-gram that ends in each word and END of the sentences: int64 (T,)."""
        words = np.concatenate(sentences)
        if words.size and (words.min() < UNKNOWN or words.max() >= self.C):
            raise ValueError(f"words must be from {UNKNOWN} to {self.C - 1}")
        start = np.full(self.order - 1, START)
        text = [part for sentence in sentences for part in (start, sentence, [END])]
        text = np.concatenate(text, dtype=np.int64)
        windows = np.lib.stride_tricks.sliding_window_view(text, self.order)
        # Only a window that ends in START reaches back into another sentence.
        windows = windows[windows[:, -1] != START]
        return windows @ self.C ** np.arange(self.order)[::-1]

    def _log_probabilities(self, ngrams: np.ndarray) -> np.ndarray:
        """From n-grams (T,) to float64 (T,), order by order upward."""
        p = np.full(len(ngrams), 1 / (self.C - 2))
        for length, counts in enumerate(self.orders, start=1):
            p = counts.interpolate(ngrams % self.C**length, self.C, p)
        return np.log(p)

    def log_probabilities(self, sentence: np.ndarray) -> np.ndarray:
        """The natural logarithm of the probability of each word, and of END.

        Parameters
        ----------
        sentence : int array of shape (n,)
            As in training.

        Returns
        -------
        float64 array of shape (n + 1,)
            In nats. Each is given the words before it in this sentence.

        Raises
        ------
        ValueError
            If a number is not that of a word.
        """
        return self._log_probabilities(self._ngrams([sentence]))

    def perplexity(self, sentences: Sequence[np.ndarray]) -> float:
        r"""The mean over all words and ENDs, :math:`\exp(-\frac{1}{T} \sum_t \log p_t)`.

        It is 1 for a model that is always sure and right, and C - 2 for one that knows nothing.
        Arguments and errors are those of training.
        """
        return float(np.exp(-self._log_probabilities(self._ngrams(sentences)).mean()))

    def start(self, B: int) -> list[np.ndarray]:
        """The contexts before the first word of B sentences, int64 (B, order - 1)."""
        return [np.full((B, self.order - 1), START, np.int64)]

    def read(
        self, words: np.ndarray, states: list[np.ndarray]
    ) -> tuple[np.ndarray, list[np.ndarray]]:
        """Read one more word of each of B sentences.

        So this model can be sampled from and examined as a network can. Its state is its context.

        Parameters
        ----------
        words : int array of shape (B,)
            Each sentence begins with START.
        states : list of one int64 array of shape (B, order - 1)
            From :meth:`start`, or from the call before.

        Returns
        -------
        log_probabilities : float64 array of shape (B, C)
            Of every word to come next; minus infinity for PADDING and START.
        states : list of one int64 array of shape (B, order - 1)
        """
        (context,) = states
        if self.order > 1:
            context = np.column_stack([context[:, 1:], words])
        with np.errstate(divide="ignore"):
            return np.log(np.array([self._after(row) for row in context])), [context]

    def _after(self, context: np.ndarray) -> np.ndarray:
        """The probability of every word (C,) after the last words (order - 1,)."""
        p = np.full(self.C, 1 / (self.C - 2))
        p[[PADDING, START]] = 0
        for length, counts in enumerate(self.orders):
            last = context[self.order - 1 - length :]
            number = int(last @ self.C ** np.arange(length)[::-1])
            p = counts.hand_down(number, self.C, p)
        return p


#: What the estimated discounts are multiplied by, to see what serves new text best.
FACTORS = (1.0, 0.8, 0.9, 1.1, 1.2, 1.4)


def tuned(
    sentences: Sequence[np.ndarray],
    C: int,
    order: int,
    validation: Sequence[np.ndarray],
) -> KneserNey:
    """The model whose discounts, all multiplied by one of :data:`FACTORS`, serve new text best.

    Parameters
    ----------
    sentences, C, order
        As for :class:`KneserNey`.
    validation : sequence of int arrays, each of shape (n,)
        The new text.
    """
    found = []
    for factor in FACTORS:
        scaled = None
        if found:
            orders = found[0].orders
            scaled = [np.minimum(factor * o.discounts, (1, 2, 3)) for o in orders]
        found.append(KneserNey(sentences, C, order, scaled))
    return min(found, key=lambda one: one.perplexity(validation))
