"""Words and integers: each frequent word (or character) gets a number, the others share one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import chain, repeat

import numpy as np

PADDING, START, END, UNKNOWN = range(4)
SPECIAL = ("<pad>", "<s>", "</s>", "<unk>")


class Vocabulary:
    """The tokens that a model knows, each with its number.

    Parameters
    ----------
    tokens : sequence of str
        :data:`SPECIAL` first, then the words, in the order of their numbers.

    Raises
    ------
    ValueError
        If the special tokens do not come first, or a word comes twice.

    Notes
    -----
    A word of the text that is spelled like a special token, such as ``<unk>``, is a word like any
    other: it has a number of its own, or none.
    """

    def __init__(self, tokens: Sequence[str]):
        self.tokens = tuple(tokens)
        words = self.tokens[len(SPECIAL) :]
        if self.tokens[: len(SPECIAL)] != SPECIAL:
            raise ValueError(
                f"the vocabulary starts with {list(self.tokens[: len(SPECIAL)])}: "
                f"expected {list(SPECIAL)}"
            )
        self._numbers = {word: i for i, word in enumerate(words, len(SPECIAL))}
        if len(self._numbers) < len(words):
            twice = Counter(words).most_common(1)[0][0]
            raise ValueError(f"the word {twice!r} comes more than once")

    @classmethod
    def build(
        cls, sentences: Iterable[Sequence[str]], size: int | None = None
    ) -> Vocabulary:
        """Number the most frequent words.

        Parameters
        ----------
        sentences : iterable of sequences of str
            Those for training, and no others.
        size : int, optional
            The number of tokens, with the four special ones. If there are fewer, or if it is
            left out: all there are.

        Returns
        -------
        :class:`Vocabulary`
            The most frequent word first; words of one frequency in the order of their characters.

        Raises
        ------
        ValueError
            If ``size`` leaves no room for a word.
        """
        if size is not None and size <= len(SPECIAL):
            raise ValueError(f"size={size}: expected {len(SPECIAL) + 1} or more")
        counts = _counts(sentences)
        counts.pop("", None)
        words = sorted(counts, key=lambda word: (-counts[word], word))
        return cls([*SPECIAL, *words][:size])

    def __len__(self) -> int:
        """The number of tokens, with the special ones."""
        return len(self.tokens)

    def __contains__(self, word: str) -> bool:
        """Whether a word of a text has a number of its own."""
        return word in self._numbers

    def encode(self, sentence: Sequence[str]) -> np.ndarray:
        """Turn a sentence of n words into their numbers.

        Returns
        -------
        int32 array of shape (n,)
            ``UNKNOWN`` for words that have no number. No start or end is added.
        """
        numbers = map(self._numbers.get, sentence, repeat(UNKNOWN))
        return np.fromiter(numbers, np.int32, len(sentence))

    def renumber(self, tokens: Sequence[str]) -> np.ndarray:
        """The numbers of another vocabulary's tokens, int32; special ones keep theirs."""
        special = np.arange(len(SPECIAL), dtype=np.int32)
        return np.append(special, self.encode(tokens[len(SPECIAL) :]))

    def decode(self, ids: Iterable[int]) -> list[str]:
        """Turn numbers into tokens.

        Raises
        ------
        IndexError
            If a number is none of 0 to ``len(self) - 1``.
        """
        ids = np.asarray(list(ids), dtype=np.int64)
        if len(ids) and ids.min() < 0:
            raise IndexError(f"token {ids.min()}: expected 0 to {len(self) - 1}")
        return [self.tokens[i] for i in ids]

    def coverage(self, sentences: Iterable[Sequence[str]]) -> float:
        """The share of words, from 0 to 1, that have a number.

        Raises
        ------
        ValueError
            If the sentences hold no words.
        """
        counts = _counts(sentences)
        if not counts:
            raise ValueError("the sentences hold no words")
        known = sum(n for word, n in counts.items() if word in self._numbers)
        return known / counts.total()


def _counts(sentences: Iterable[Sequence[str]]) -> Counter[str]:
    """How often each word comes."""
    if hasattr(sentences, "counts"):
        # In a file: see `unrolled.kept`.
        return sentences.counts()
    return Counter(chain.from_iterable(sentences))
