"""Sentences in a file: a text larger than memory, read where it is wanted.

The numbers of the text's tokens stand in one file, sentence after sentence, as a stream lays them
out. ::

    START w1 ... wn END START w1 ... wm END ...

Tables beside it say where each sentence starts and how long it is.
:func:`unrolled.large.keep` writes these files.
"""

from __future__ import annotations

import json
import mmap
import operator
import os
import weakref
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

from unrolled.vocabulary import SPECIAL, Vocabulary

# Changes with the files.
FORMAT = 1
#: The numbers of a text, its tokens, and of each sentence where it starts (its START), how many
#: tokens it has, and a hash: in one text, equal sentences have equal ones, and others hardly ever.
NUMBERS, TOKENS = "numbers.i32", "tokens.json"
TABLES = FIRSTS, LENGTHS, MARKS = "firsts.npy", "lengths.npy", "marks.npy"
#: How many sentences are for training, for validation and for testing.
SIZES = "sizes.json"
#: A checksum of each of these files.
SUMS = "sums.json"
# Tokens, and sentences, that are read at once.
_TOKENS, _SENTENCES = 2**20, 2**12


class Readable(Protocol):
    """What gives the numbers at some places of a text."""

    def __call__(self, places: np.ndarray) -> np.ndarray:
        """Give int32 numbers, of the shape of the places."""


class Text(NamedTuple):
    """Sentences end to end, each START w1 ... wn END, as numbers of a vocabulary."""

    read: Readable
    firsts: np.ndarray
    """(N,): the place of each sentence's START."""
    lengths: np.ndarray
    """(N,): the words of each sentence, n."""


class Numbers:
    """The numbers in a file, which may be removed while they are read.

    They are read, and not mapped: a page of a mapped file, with many around it, would count as
    memory of this process from its first use on. The tables, which are smaller, are mapped: with
    each reading their pages are given back.
    """

    def __init__(self, path: Path, tables: Sequence[np.memmap]):
        self._handle = os.open(path, os.O_RDONLY)
        weakref.finalize(self, os.close, self._handle)
        self._maps = [table.base for table in tables]

    def between(self, start: int, stop: int) -> np.ndarray:
        """The numbers from a place up to another, int32."""
        self._give_back()
        return self._read(start, stop)

    def _read(self, start: int, stop: int) -> np.ndarray:
        content = os.pread(self._handle, 4 * int(stop - start), 4 * int(start))
        return np.frombuffer(content, np.int32)

    def _give_back(self) -> None:
        for mapped in self._maps:
            mapped.madvise(mmap.MADV_DONTNEED)

    def at(self, places: np.ndarray) -> np.ndarray:
        """The numbers at some places, int32, of the shape of the places."""
        sought, where = np.unique(places, return_inverse=True)
        # Those that follow each other are read together.
        firsts = np.flatnonzero(np.diff(sought, prepend=-2) != 1)
        stops = sought[np.append(firsts[1:], len(sought)) - 1] + 1
        found = [*map(self._read, sought[firsts], stops)]
        self._give_back()
        return np.concatenate(found)[where].reshape(places.shape)


class Sentences(Sequence[Sequence[str]]):
    """Sentences that are read from a file when they are asked for.

    An index gives a sentence, a slice some more of such sentences.

    Parameters
    ----------
    numbers : Numbers
    tokens : sequence of str
        What each number stands for; "" where that was forgotten. The first are special.
    firsts, lengths, marks : arrays of shape (N,)
        Of each sentence: see :data:`TABLES`.
    level : str
        At level ``character`` a sentence is one str, else a list of str.
    """

    def __init__(
        self,
        numbers: Numbers,
        tokens: Sequence[str],
        firsts: np.ndarray,
        lengths: np.ndarray,
        marks: np.ndarray,
        level: str,
    ):
        self._file, self._tokens, self._level = numbers, tokens, level
        self._firsts, self._lengths, self.marks = firsts, lengths, marks

    def __len__(self) -> int:
        """The number of sentences."""
        return len(self._firsts)

    def __getitem__(self, at: Any) -> Any:
        """A sentence, or, for a slice, such sentences."""
        if isinstance(at, slice):
            return self._some(at)
        at = range(len(self))[at]
        (sentence,) = self._some(slice(at, at + 1))._read()
        return sentence

    def __iter__(self) -> Iterator[Sequence[str]]:
        """All sentences, one after another."""
        for block in self._blocks():
            yield from block._read()

    def __eq__(self, other: object) -> bool:
        """Whether another sequence has equal sentences."""
        return (
            isinstance(other, Sequence)
            and len(self) == len(other)
            and all(map(operator.eq, self, other))
        )

    __hash__ = None

    def counts(self) -> Counter[str]:
        """How often each token comes."""
        counts = np.zeros(len(self._tokens), np.int64)
        for block in self._blocks():
            counts += np.bincount(block._numbers(), minlength=len(counts))
        found: Counter[str] = Counter()
        for number in np.flatnonzero(counts).tolist():
            # Under "" all that were forgotten.
            found[self._tokens[number]] += int(counts[number])
        return found

    def encoded(self, vocabulary: Vocabulary) -> Text:
        """The sentences as numbers of a vocabulary."""
        numbers = vocabulary.renumber(self._tokens)
        return Text(
            lambda places: numbers[self._file.at(places)], self._firsts, self._lengths
        )

    def _numbers(self) -> np.ndarray:
        """The numbers of all tokens, without starts and ends."""
        firsts, lengths = self._firsts, self._lengths.astype(np.int64)
        if (firsts[1:] == firsts[:-1] + lengths[:-1] + 2).all():
            # They follow each other in the file, as most do.
            joined = self._file.between(firsts[0], firsts[-1] + lengths[-1] + 2)
            return joined[joined >= len(SPECIAL)]
        ends = np.cumsum(lengths)
        places = np.repeat(firsts + 1 - (ends - lengths), lengths)
        return self._file.at(places + np.arange(len(places)))

    def _read(self) -> Iterator[Sequence[str]]:
        """All sentences, which are few."""
        words = [self._tokens[i] for i in self._numbers().tolist()]
        end = 0
        for n in self._lengths.tolist():
            start, end = end, end + n
            sentence = words[start:end]
            yield "".join(sentence) if self._level == "character" else sentence

    def _blocks(self) -> Iterator[Sentences]:
        """The sentences, some at a time."""
        for low in range(0, len(self), _SENTENCES):
            some = self._some(slice(low, low + _SENTENCES))
            ends = np.cumsum(some._lengths, dtype=np.int64)
            cuts = np.flatnonzero(np.diff(ends // _TOKENS)) + 1
            for start, stop in pairwise([0, *cuts, len(some)]):
                yield some._some(slice(start, stop))

    def _some(self, which: slice) -> Sentences:
        tables = (t[which] for t in (self._firsts, self._lengths, self.marks))
        return Sentences(self._file, self._tokens, *tables, self._level)


def opened(folder: Path, level: str) -> list[Sentences] | None:
    """The sentences for training, for validation and for testing that a folder holds.

    Returns
    -------
    list of Sentences, or None
        None if nothing is there, or it is not whole.
    """
    try:
        if json.loads((folder / SUMS).read_bytes()) != sums(folder):
            return None
        sizes = json.loads((folder / SIZES).read_bytes())
        tokens = json.loads((folder / TOKENS).read_bytes())
        tables = [np.load(folder / name, mmap_mode="r") for name in TABLES]
        numbers = Numbers(folder / NUMBERS, tables)
        ends = np.cumsum(sizes).tolist()
        return [
            Sentences(numbers, tokens, *(table[start:end] for table in tables), level)
            for start, end in pairwise([0, *ends])
        ]
    except (OSError, ValueError):
        # Not there, or damaged in whatever way: it is made again.
        return None


def sums(folder: Path) -> dict[str, int]:
    """A checksum of each file, but of the one that holds them."""
    found = {}
    for name in (NUMBERS, TOKENS, SIZES, *TABLES):
        found[name] = 0
        with open(folder / name, "rb") as file:
            while chunk := file.read(2**20):
                found[name] = zlib.crc32(chunk, found[name])
    return found
