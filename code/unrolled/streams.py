"""A text in windows of one shape, whatever the lengths of its sentences.

A compiled function wants to know the shape of its inputs. So the sentences are laid end to end in
B rows, and the rows are read side by side, T words at a time. ::

    row 1   <s> one two three </s>  <s> four five </s> <s> six ...
    row 2   <s> seven eight </s> <s> nine ten eleven twelve </s> ...
            '------ window 1 ------''------ window 2 ------' ...

What a model remembers at a window's end it still remembers in the next one. Where a sentence
starts it begins anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from unrolled.errors import UserError
from unrolled.kept import Text
from unrolled.vocabulary import END, PADDING, START


class Batch(NamedTuple):
    """T words in each of B rows, and the words to predict from them.

    A sentence w1 ... wn takes n + 1 places: x is START w1 ... wn, and y is w1 ... wn END.
    """

    x: np.ndarray
    """(T, B), int32."""
    y: np.ndarray
    """(T, B), int32: what follows each word."""
    mask: np.ndarray
    """(T, B), float32: 1 where y counts, 0 where it does not."""
    start: np.ndarray
    """(T, B), float32: 1 where a sentence starts, and the memory of what was before ends."""

    @classmethod
    def apart(
        cls, x: np.ndarray, y: np.ndarray, mask: np.ndarray | None = None
    ) -> Batch:
        """B sequences that each start with the batch; without a mask every y counts."""
        start = np.zeros(x.shape, np.float32)
        start[:1] = 1
        return cls(x, y, np.ones(x.shape, np.float32) if mask is None else mask, start)


class Stream:
    """A text, to be read in windows.

    Parameters
    ----------
    sentences : sequence of int32 arrays of shape (n,), or Text
        As :meth:`unrolled.vocabulary.Vocabulary.encode` gives them; or laid end to end already,
        as a text larger than memory is in its file.
    B : int
        Rows.
    T : int
        Words of a window.
    carry : bool
        Keep the memory from sentence to sentence, too, so that the text is read as one; the
        sentences then stay in their order. It is lost only where a row begins.
    rows : slice
        Those that the windows hold. Left out: all. Of several processes each takes its own.

    Attributes
    ----------
    words : int
        Words to predict, with the ends of sentences.

    Raises
    ------
    UserError
        If there are no sentences.
    ValueError
        If ``B`` or ``T`` is below 1.
    """

    def __init__(
        self,
        sentences: Sequence[np.ndarray] | Text,
        B: int = 32,
        T: int = 35,
        carry: bool = False,
        rows: slice = slice(None),
    ):
        if min(B, T) < 1:
            raise ValueError(f"B={B}, T={T}: expected 1 or more")
        text = sentences if isinstance(sentences, Text) else _joined(sentences)
        if not len(text.firsts):
            raise UserError("found no sentences: expected more text")
        self.B, self.T, self.carry, self.rows = B, T, carry, rows
        self._text, self._lengths = text, text.lengths + 1
        self.words = int(self._lengths.sum(dtype=np.int64))

    def __len__(self) -> int:
        """The number of sentences."""
        return len(self._lengths)

    def in_order(self) -> Windows:
        """The windows of the sentences as they stand: for evaluation."""
        return Windows(self, self._order())

    def epoch(self, seed: int, epoch: int) -> Windows:
        """The windows of one epoch, its sentences in random order.

        Parameters
        ----------
        seed, epoch : int
            The same two numbers give the same order.
        """
        if self.carry:
            return self.in_order()
        order = np.random.default_rng([seed, epoch]).permutation(self._order())
        return Windows(self, order)

    def _order(self) -> np.ndarray:
        """The sentences as they stand."""
        return np.arange(len(self), dtype=np.int32)


def _joined(sentences: Sequence[np.ndarray]) -> Text:
    """Lay sentences end to end."""
    lengths = np.array([len(s) for s in sentences], np.int32)
    lasts = np.cumsum(lengths + 2) - 1
    firsts = lasts - (lengths + 1)
    numbers = np.full(lengths.sum() + 2 * len(lengths), END, np.int32)
    numbers[firsts] = START
    words = np.ones(len(numbers), bool)
    words[firsts] = words[lasts] = False
    # (With an empty one, for there may be no sentences.)
    numbers[words] = np.concatenate([np.empty(0, np.int32), *sentences])
    return Text(numbers.__getitem__, firsts, lengths)


class Windows:
    """A stream's sentences in some order, laid in rows and cut into windows.

    Each row takes whole sentences, about as many words as the others. So what a model says of a
    sentence does not depend on B or T, and only the last windows have places for which there is no
    text.

    Attributes
    ----------
    padding : float
        The share of the places that hold no word, from 0 to 1.
    """

    def __init__(self, stream: Stream, order: np.ndarray):
        self._stream, self._order = stream, order
        # How many words stand before each sentence in this order.
        self._begins = begins = np.zeros(len(order) + 1, np.int64)
        np.cumsum(stream._lengths[order], out=begins[1:])
        # A row begins where a sentence does, as near to its share of the words as can be.
        shares = np.arange(stream.B + 1) * stream.words / stream.B
        after = np.searchsorted(begins, shares)
        before = np.maximum(after - 1, 0)
        nearer = shares - begins[before] < begins[after] - shares
        self._bounds = begins[np.where(nearer, before, after)]
        self._longest = int(np.diff(self._bounds).max())
        cells = len(self) * stream.T * stream.B
        self.padding = 1 - stream.words / cells

    def __len__(self) -> int:
        """The number of windows."""
        return -(-self._longest // self._stream.T)

    def __iter__(self) -> Iterator[Batch]:
        """All windows, one after another."""
        return self.since(0)

    def since(self, done: int) -> Iterator[Batch]:
        """The windows that are left when so many are done."""
        return map(self._window, range(done, len(self)))

    def words(self, number: int) -> int:
        """How many words window ``number`` holds, in all rows."""
        T = self._stream.T
        return int(np.clip(np.diff(self._bounds) - number * T, 0, T).sum())

    def _window(self, number: int) -> Batch:
        """Window ``number``, from 0 on."""
        stream = self._stream
        steps = number * stream.T + np.arange(stream.T)[:, None]
        at = self._bounds[:-1][stream.rows] + steps
        real = at < self._bounds[1:][stream.rows]
        places = self._places(np.where(real, at, 0))
        x, y = np.where(
            real, stream._text.read(np.stack([places, places + 1])), PADDING
        )
        start = (steps == 0) | ((x == START) & (not stream.carry))
        start = np.broadcast_to(start, x.shape)
        return Batch(x, y, real.astype(np.float32), start.astype(np.float32))

    def _places(self, at: np.ndarray) -> np.ndarray:
        """Where in the text words stand that have so many words before them in this order."""
        number = np.searchsorted(self._begins, at, "right") - 1
        return self._stream._text.firsts[self._order[number]] + (
            at - self._begins[number]
        )
