"""Read a text that is larger than memory, once, into files: see :mod:`unrolled.kept`.

The memory that this takes does not grow with the text, but for some 30 bytes a sentence, while the
text is divided as well as in training.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from pathlib import Path

import numpy as np
from tqdm import tqdm

from unrolled import corpus, files, kept, spacing
from unrolled.corpus import Corpus, Document, Sentence, Source
from unrolled.errors import UserError
from unrolled.vocabulary import END, SPECIAL, START

#: Characters, from the beginning of a text, that sentence ends are learned from.
LEARNED = 2**22
#: Different words that are kept in mind, at most.
MOST = 2**19
# Characters that are worked on at once.
_BATCH = 2**20
# What is written while a text is read: the numbers; of each sentence its length and a hash; of each
# document a hash and how many sentences it has.
_COLUMNS = (kept.NUMBERS, "lengths", "marks", "documents", "counts")


def assemble(
    source: Source, fingerprint: str, read: Callable[[], Iterator[str]], size: int
) -> Corpus:
    """Make a corpus of documents that are kept in files, or find these in the user's cache.

    There they serve every training on this text. They are written under another name, which they
    keep until they are whole, and are checked against their sums each time.

    Parameters
    ----------
    source : Source
    fingerprint : str
        The files have this name.
    read : callable
        Gives the documents, one after another, each time anew.
    size : int
        The bytes of them all, to show how far the reading is.

    Returns
    -------
    Corpus
        Divided as by :func:`unrolled.corpus.assemble`; its parts read sentences from a file.

    Raises
    ------
    UserError
        If there are too few sentences to divide, or the files cannot be written.
    """
    folder = files.cache_folder() / f"text-{kept.FORMAT}-{fingerprint}"
    try:
        with files.in_turn(folder.parent):
            parts = kept.opened(folder, source.level)
            if parts is None:
                with files.making(folder) as unfinished:
                    keep(source, unfinished, read, size)
                parts = kept.opened(folder, source.level)
    except OSError as error:
        raise UserError(
            f"{folder.parent}: cannot be written ({error.strerror}): expected a folder with "
            "room for 4 bytes a word of the text (or a character); XDG_CACHE_HOME names another"
        ) from error
    return Corpus(source, *parts, fingerprint)


def keep(
    source: Source, folder: Path, read: Callable[[], Iterator[str]], size: int
) -> None:
    """Write the files of a text.

    Parameters
    ----------
    source : Source
    folder : Path
        Which is empty.
    read, size
        As for :func:`assemble`.
    """
    print("reading the text, once ...", file=sys.stderr, flush=True)
    words = source.level == "word"
    cut = _sentences(read()) if words else lambda document: [document]
    table = Words() if words else Characters()
    with contextlib.ExitStack() as opened:
        columns = [opened.enter_context(open(folder / n, "wb")) for n in _COLUMNS]
        for batch in _shown(_batches(read()), size):
            documents = list(map(cut, batch))
            if source.lower:
                documents = list(map(corpus.lowered, documents))
            for column, array in zip(columns, _arrays(documents, table)):
                column.write(array)
    tokens = table.close(folder / kept.NUMBERS)
    sizes = _divide(source, folder)
    (folder / kept.TOKENS).write_text(json.dumps(tokens))
    (folder / kept.SIZES).write_text(json.dumps(sizes))
    (folder / kept.SUMS).write_text(json.dumps(kept.sums(folder)))


def _batches(documents: Iterable[str]) -> Iterator[list[str]]:
    """Documents, some at a time."""
    batch, size = [], 0
    for document in documents:
        batch.append(document)
        size += len(document)
        if size >= _BATCH:
            yield batch
            batch, size = [], 0
    yield batch


def _shown(batches: Iterable[list[str]], size: int) -> Iterable[list[str]]:
    """The same, with a bar that shows how far it is, where someone looks at a terminal."""
    total = max(1, size // _BATCH)
    return tqdm(batches, total=total, unit=" MiB", leave=False, disable=None)


def _sentences(documents: Iterator[str]) -> Callable[[str], Document]:
    """What cuts a document into sentences of words; their ends are learned from the first."""
    beginning, size = [], 0
    for document in documents:
        if size + len(document) > LEARNED and beginning:
            break
        beginning.append(document)
        size += len(document) + 2
    ends = corpus.sentence_ends(beginning)
    return lambda document: list(map(spacing.cut, ends.tokenize(document)))


def _arrays(documents: list[Document], table: Words | Characters) -> list[np.ndarray]:
    """Some documents as what goes into the files: see :data:`_COLUMNS`."""
    sentences = list(chain.from_iterable(documents))
    lengths = np.array(list(map(len, sentences)), np.int32)
    marks = list(map(hash, sentences if table.whole else map(tuple, sentences)))
    rest = iter(marks)
    of_documents = [hash(tuple(islice(rest, len(d)))) for d in documents]
    return [
        _joined(table.number(sentences), lengths),
        lengths,
        np.array(marks, np.int64),
        np.array(of_documents, np.int64),
        np.array(list(map(len, documents)), np.int32),
    ]


def _joined(numbers: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Sentences end to end, each with its start and its end."""
    ends = np.cumsum(lengths + 2)
    joined = np.empty(len(numbers) + 2 * len(lengths), np.int32)
    words = np.ones(len(joined), bool)
    for places, number in ((ends - lengths - 2, START), (ends - 1, END)):
        joined[places], words[places] = number, False
    joined[words] = numbers
    return joined


def _divide(source: Source, folder: Path) -> list[int]:
    """Write the tables of the sentences, in their parts' order, and return the parts' sizes."""

    def column(name: str, dtype: type) -> np.ndarray:
        array = np.fromfile(folder / name, dtype)
        (folder / name).unlink()
        return array

    counts = column("counts", np.int32)
    order, cuts = corpus.division(source, column("documents", np.int64), counts)
    # The places of the sentences in the file, document after document.
    sizes = counts[order]
    starts = (np.cumsum(counts, dtype=np.int32) - counts)[order]
    starts -= np.cumsum(sizes, dtype=np.int32) - sizes
    place = np.repeat(starts, sizes)
    place += np.arange(len(place), dtype=np.int32)
    del order, starts, sizes, counts
    lengths = column("lengths", np.int32)
    firsts = np.cumsum(lengths + 2, dtype=np.int64)
    firsts -= lengths + 2
    np.save(folder / kept.FIRSTS, firsts[place])
    del firsts
    np.save(folder / kept.LENGTHS, lengths[place])
    del lengths
    np.save(folder / kept.MARKS, column("marks", np.int64)[place])
    return np.diff([0, *cuts, len(place)]).tolist()


class Words:
    """Numbers of words, in the order in which they come.

    Up to :data:`MOST` different words are told apart without a mistake. Where there are more, the
    rarer half is forgotten, as often as need be: so Manku and Motwani (2002), "Approximate
    frequency counts over data streams", bound the memory of their "lossy counting". A forgotten
    word that comes again is taken for new; where it came before, it counts as unknown. A word that
    is frequent all over the text is never forgotten.
    """

    whole = False

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._counts: Counter[str] = Counter()
        self._next = len(SPECIAL)

    def number(self, sentences: Iterable[Sentence]) -> np.ndarray:
        """The numbers of all words of some sentences, int32."""
        words = list(chain.from_iterable(sentences))
        for word in words:
            if word not in self._numbers:
                self._numbers[word] = self._next
                self._next += 1
        self._counts.update(words)
        numbers = np.array([self._numbers[word] for word in words], np.int32)
        if len(self._numbers) > MOST:
            self._forget()
        return numbers

    def _forget(self) -> None:
        """Forget the rarer half of the words, and all that are as rare as these."""
        bound = np.median(list(self._counts.values()))
        for word in [word for word, n in self._counts.items() if n <= bound]:
            del self._numbers[word], self._counts[word]

    def close(self, file: Path) -> list[str]:
        """Give the words that are left numbers without a gap, in a file of numbers, too.

        Returns
        -------
        list of str
            All tokens by their numbers, the last one "" for all words that were forgotten.
        """
        tokens = [*SPECIAL, *self._numbers]
        if len(tokens) == self._next:
            return tokens
        new = np.full(self._next, len(tokens), np.int32)
        new[: len(SPECIAL)] = range(len(SPECIAL))
        new[list(self._numbers.values())] = range(len(SPECIAL), len(tokens))
        with open(file, "r+b") as numbers:
            while len(old := np.frombuffer(numbers.read(_BATCH), np.int32)):
                numbers.seek(-old.nbytes, os.SEEK_CUR)
                numbers.write(new[old])
        return [*tokens, ""]


class Characters:
    """Numbers of characters, in the order in which they come."""

    whole = True

    def __init__(self) -> None:
        self._tokens = list(SPECIAL)
        # Of each character of Unicode; -1: not met yet.
        self._numbers = np.full(sys.maxunicode + 1, -1, np.int32)

    def number(self, sentences: Iterable[str]) -> np.ndarray:
        """The numbers of all characters of some sentences, int32."""
        text = "".join(sentences)
        codes = np.frombuffer(text.encode("utf-32-le"), np.uint32)
        for code in np.unique(codes[self._numbers[codes] < 0]).tolist():
            self._numbers[code] = len(self._tokens)
            self._tokens.append(chr(code))
        return self._numbers[codes]

    def close(self, file: Path) -> list[str]:
        """All tokens by their numbers; in the file these stay as they are."""
        return self._tokens
