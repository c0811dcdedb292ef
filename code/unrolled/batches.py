"""Minibatches of a few fixed shapes, made of sentences of any length.

A compiled function wants to know the shape of its inputs. So sentences of similar length share a
bucket, where the shorter ones are padded, and each bucket has one shape (T, B): T steps in time of
B sentences, side by side.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from unrolled.errors import UserError
from unrolled.vocabulary import END, PADDING, START


class Batch(NamedTuple):
    """B sentences, one a column: at each of T steps a word, and the word to predict from it.

    A sentence w1 ... wn has n + 1 steps: x is START w1 ... wn, and y is w1 ... wn END.
    """

    x: np.ndarray  # (T, B), int32
    y: np.ndarray  # (T, B), int32
    mask: np.ndarray  # (T, B), float32: 1 where y counts, 0 where there is only padding


class Batches:
    """All sentences of a text, in batches.

    Parameters
    ----------
    sentences : sequence of int32 arrays of shape (n,)
        As :meth:`unrolled.vocabulary.Vocabulary.encode` gives them.
    B : int
        The number of sentences in a batch.
    buckets : int
        The largest number of shapes.
    longest : int
        The largest number of steps T. Longer sentences are cut into pieces that follow each
        other: the first input of a piece is the last target of the piece before.
    like : Batches, optional
        Take the buckets of these, so that what was compiled for them serves here, too. Then
        ``buckets`` and ``longest`` do not count.

    Attributes
    ----------
    B : int
        As above.
    shapes : list of (T, B)
        One a bucket, the shortest first.
    tokens : int
        The number of words to predict in an epoch, with the ends of sentences.
    padding : float
        The share of all cells (t, b) of an epoch, from 0 to 1, that hold no word.

    Raises
    ------
    UserError
        If there are fewer sentences (or pieces) than B.
    ValueError
        If ``B``, ``buckets`` or ``longest`` is below 1.
    """

    def __init__(
        self,
        sentences: Sequence[np.ndarray],
        B: int = 32,
        buckets: int = 8,
        longest: int = 80,
        like: Batches | None = None,
    ):
        if like is not None:
            longest = like.shapes[-1][0]
        if min(B, buckets, longest) < 1:
            raise ValueError(
                f"B={B}, buckets={buckets}, longest={longest}: expected 1 or more"
            )
        self.B = B
        self._text = _joined(sentences)
        self._starts, self._lengths = _cut_up(sentences, longest)
        if len(self._starts) < B:
            raise UserError(
                f"found {len(self._starts)} sentences, fewer than one batch holds: "
                "expected a smaller batch, or more text",
                batch=B,
            )
        lengths = (
            [T for T, _ in like.shapes]
            if like is not None
            else best_lengths(self._lengths, B, buckets)
        )
        self.shapes = [(T, B) for T in lengths]
        bucket = np.searchsorted(lengths, self._lengths)
        self._members = [np.flatnonzero(bucket == k) for k in range(len(lengths))]
        self.tokens = int(self._lengths.sum())
        cells = sum(T * B for T, _, _ in self._plan(self._members))
        self.padding = 1 - self.tokens / cells

    def __len__(self) -> int:
        """The number of batches in an epoch."""
        return sum(-(-len(members) // self.B) for members in self._members)

    def __iter__(self) -> Iterator[Batch]:
        """All batches once, the short sentences first: for evaluation."""
        for T, members, first in self._plan(self._members):
            yield self._batch(T, members[first : first + self.B])

    def epoch(self, seed: int, epoch: int, skip: int = 0) -> Iterator[Batch]:
        """All batches once, in random order and of sentences that meet at random.

        Parameters
        ----------
        seed, epoch : int
            The same two numbers give the same batches in the same order.
        skip : int
            The number of batches to leave out at the start, to resume an epoch.

        Yields
        ------
        :class:`Batch`
        """
        random = np.random.default_rng([seed, epoch])
        plan = self._plan([random.permutation(members) for members in self._members])
        for i in random.permutation(len(plan))[skip:]:
            T, members, first = plan[i]
            yield self._batch(T, members[first : first + self.B])

    def _plan(self, buckets: list[np.ndarray]) -> list[tuple[int, np.ndarray, int]]:
        """What each batch is made of: its steps, its bucket, and where in it the batch begins."""
        return [
            (T, members, first)
            for (T, B), members in zip(self.shapes, buckets)
            for first in range(0, len(members), B)
        ]

    def _batch(self, T: int, pieces: np.ndarray) -> Batch:
        """Lay pieces side by side. Where there are fewer than B, the last columns are padding."""
        x = np.full((T, self.B), PADDING, dtype=np.int32)
        y = x.copy()
        mask = np.zeros((T, self.B), dtype=np.float32)
        steps = np.arange(T)[:, None]
        real = steps < self._lengths[pieces]  # (T, up to B)
        # Beyond a piece's end stands other text, or none: there, any place will do.
        places = np.where(real, steps + self._starts[pieces], 0)
        columns = slice(len(pieces))
        x[:, columns] = np.where(real, self._text[places], PADDING)
        y[:, columns] = np.where(real, self._text[places + 1], PADDING)
        mask[:, columns] = real
        return Batch(x, y, mask)


def _joined(sentences: Sequence[np.ndarray]) -> np.ndarray:
    """All sentences one after another, each between START and END."""
    text = [word for s in sentences for word in ([START], s, [END])]
    return np.concatenate(text).astype(np.int32) if text else np.zeros(0, np.int32)


def _cut_up(
    sentences: Sequence[np.ndarray], longest: int
) -> tuple[np.ndarray, np.ndarray]:
    """Where in the joined text each piece starts, and how many steps it has."""
    steps = np.array([len(sentence) + 1 for sentence in sentences], dtype=np.int64)
    # START to END is one word more than steps.
    starts = np.cumsum(steps + 1) - (steps + 1)
    # Pieces a sentence.
    counts = -(-steps // longest)
    number = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    lengths = np.minimum(longest, np.repeat(steps, counts) - number * longest)
    return np.repeat(starts, counts) + number * longest, lengths


def best_lengths(lengths: np.ndarray, B: int, buckets: int) -> list[int]:
    """Choose the buckets' numbers of steps so that an epoch has the fewest cells.

    Dynamic programming (Bellman, 1957): the best k buckets for all sentences up to some length are
    the best k - 1 buckets for those up to a shorter length, and one bucket for the rest.

    Parameters
    ----------
    lengths : int array of shape (N,)
        The sentences' numbers of steps.
    B : int
        The number of sentences in a batch. A bucket's last batch counts as full.
    buckets : int
        The largest number of buckets.

    Returns
    -------
    list of int
        The buckets' numbers of steps, ascending. The last is that of the longest sentence.
    """
    sizes, counts = np.unique(lengths, return_counts=True)
    upto = np.concatenate([[0], np.cumsum(counts)])
    # cells[i, j]: those of one bucket for the sizes i to j - 1.
    cells = -(-(upto[None, :] - upto[:, None]) // B) * B * np.append(0, sizes)
    cells = np.where(np.tri(len(upto), k=-1, dtype=bool), np.inf, cells)

    # With one bucket, for the sizes up to j.
    best = cells[0]
    came_from = [np.zeros(len(upto), dtype=int)]
    for _ in range(1, buckets):
        total = best[:, None] + cells
        came_from.append(total.argmin(axis=0))
        best = total.min(axis=0)

    chosen, j = [], len(sizes)
    for step in reversed(came_from):
        # Where they are equal, this bucket is empty.
        if step[j] < j:
            chosen.append(int(sizes[j - 1]))
        j = step[j]
    return chosen[::-1]
