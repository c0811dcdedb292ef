r"""n-gram language models: count short runs of words, and predict from the counts.

A model of order n predicts a word w from its *context* h, the n - 1 words before it. Most contexts
of a new text were seen rarely or never. So a discount d is taken from each count c(h w), and the
next lower order hands out what was taken. It sees h', which is h without its oldest word:

.. math:: p(w \mid h) = \frac{\max(c(h w) - d, 0)}{\sum_v c(h v)}
          + \frac{d\,|\{v : c(h v) > 0\}|}{\sum_v c(h v)}\, p(w \mid h')

After a context that was never seen, p(w | h) is p(w | h').

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

from unrolled.vocabulary import END, START, UNKNOWN


def discount(counts: np.ndarray) -> float:
    """How much to take from each count: n1 / (n1 + 2 n2).

    Here n1 and n2 are how many n-grams have the counts 1 and 2. The estimate is that of Ney,
    Essen and Kneser (1994), "On structuring probabilistic dependences in stochastic language
    modelling". Without a count of 1 it would take nothing and leave nothing to words that were
    never seen. We take a half then.

    Parameters
    ----------
    counts : int array of shape (G,)
        The count of each different n-gram.

    Returns
    -------
    float
        More than 0, and at most 1.
    """
    n1, n2 = (counts == 1).sum(), (counts == 2).sum()
    return float(n1 / (n1 + 2 * n2)) if n1 else 0.5


def values_at(keys: np.ndarray, values: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """The values (T,) of the ``wanted`` keys (T,): 0 for one not in the sorted ``keys``."""
    place = np.searchsorted(keys, wanted).clip(max=len(keys) - 1)
    return np.where(keys[place] == wanted, values[place], 0)


class Counts(NamedTuple):
    """What one order remembers: G different n-grams, which have K different contexts."""

    ngrams: np.ndarray  # int64 (G,), sorted
    counts: np.ndarray  # int64 (G,)
    contexts: np.ndarray  # int64 (K,), sorted
    totals: np.ndarray  # float64 (K,): the sum of the counts of a context's n-grams
    followers: np.ndarray  # int64 (K,): how many different words follow a context
    discount: float

    @classmethod
    def of(cls, ngrams: np.ndarray, C: int, d: float | None = None) -> Counts:
        """Count equal numbers in ``ngrams`` (T,). The discount is estimated if it is None."""
        ngrams, counts = np.unique(ngrams, return_counts=True)
        contexts, context, followers = np.unique(
            ngrams // C, return_inverse=True, return_counts=True
        )
        totals = np.bincount(context, weights=counts)
        d = discount(counts) if d is None else d
        return cls(ngrams, counts, contexts, totals, followers, d)

    def interpolate(self, ngrams: np.ndarray, C: int, lower: np.ndarray) -> np.ndarray:
        """The module's equation: p(w | h) of each n-gram (T,) from ``lower``, p(w | h') (T,)."""
        count = values_at(self.ngrams, self.counts, ngrams)
        total = values_at(self.contexts, self.totals, ngrams // C)
        followers = values_at(self.contexts, self.followers, ngrams // C)
        kept = np.maximum(count - self.discount, 0)
        taken = self.discount * followers
        # A context that was never seen has the total 0.
        return np.where(total > 0, (kept + taken * lower) / np.maximum(total, 1), lower)


class KneserNey:
    """An interpolated Kneser–Ney model.

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
    discounts : sequence of float, optional
        One number from 0 to 1 for each of the orders 1, 2, ..., in place of :func:`discount`.

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
    form is that of Chen and Goodman (1999), "An empirical study of smoothing techniques for
    language modeling", with one discount for each order instead of their modified form's three.
    """

    def __init__(
        self,
        sentences: Sequence[np.ndarray],
        C: int,
        order: int = 3,
        discounts: Sequence[float] | None = None,
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
