"""A text, ready for a vocabulary: sentences for training, validation and testing.

Documents become sentences, and sentences become tokens: words and punctuation marks, with signs
where a blank is unexpected, or characters.
Nothing is downloaded. Sentence ends are learned from the text itself.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import numpy as np

from unrolled import fields, spacing
from unrolled.errors import UserError
from unrolled.files import cache_folder
from unrolled.kept import Sentences

if TYPE_CHECKING:
    from nltk.tokenize.punkt import PunktSentenceTokenizer

#: What a token is, and how text is cut into such: a part of a text's fingerprint. The second
#: changes whenever the same text would give other tokens.
CUTS = {"word": "word, with signs for blanks", "character": "character"}
LEVELS = tuple(CUTS)

# Changes with the file.
_CACHE_FORMAT = 1
# Of a cache entry.
_FIELDS = ("words", "ids", "lengths", "sizes")
# Characters that take more than a moment to tokenize.
_LONG = 200_000

Sentence = Sequence[str]
# Sentences that stand together.
Document = list[Sentence]


@dataclass(frozen=True)
class Source:
    """Which text, and how it is read."""

    source: str | tuple[str, ...] = "shakespeare"
    """Texts, tables (.csv, .tsv, .json or .jsonl), each also as .gz, .xz or .zst, folders of such,
    all read as one text; or "shakespeare"."""
    level: Annotated[str, fields.one_of(LEVELS)] = "word"
    """What a token is."""
    lower: bool = False
    """Turn capitals into small letters."""
    column: str = "body"
    """The column of a table that holds the text; a number, from 0, for a CSV without a header."""
    encoding: str = "utf-8"
    """Of the file."""
    lines: fields.Switch | None = None
    """Each line is a text of its own, or blank lines part them (default: as the file looks)."""

    def __post_init__(self) -> None:
        fields.check(self)

    @property
    def sources(self) -> tuple[str, ...]:
        """Each file or folder by itself."""
        return (self.source,) if isinstance(self.source, str) else self.source

    @property
    def name(self) -> str:
        """What to call the text: "shakespeare", or the file's name, of the first if several."""
        name, others = Path(self.sources[0]).name, len(self.sources) - 1
        return f"{name} and {others} more" if others else name


class Corpus(NamedTuple):
    """A text, ready for a vocabulary: three lists of sentences, which share none."""

    source: Source
    train: Sequence[Sentence]
    validation: Sequence[Sentence]
    test: Sequence[Sentence]
    #: sha256 of the text and of how it is read.
    fingerprint: str

    @property
    def name(self) -> str:
        """What to call the text: see :attr:`Source.name`."""
        return self.source.name


def fingerprint(content: bytes | Iterable[bytes], *reading: object) -> str:
    """A hash of a text, whole or in pieces, and of how it is read (what JSON can hold)."""
    mark = hashlib.sha256(json.dumps(reading).encode() + b"\n")
    for piece in [content] if isinstance(content, bytes) else content:
        mark.update(piece)
    return mark.hexdigest()


def assemble(
    source: Source, fingerprint: str, read: Callable[[], list[list[str]]]
) -> Corpus:
    """Make a corpus of documents, or find it in the user's cache.

    Parameters
    ----------
    source : Source
    fingerprint : str
        Words of a text with this fingerprint are looked for in the cache, and kept there.
    read : callable
        Gives the documents: of all parts together in one list, or in three, for training,
        validation and testing. Of one list, the first 90 % of the sentences are for training,
        the next 5 % for validation, the last 5 % for testing.

    Raises
    ------
    UserError
        If there are too few sentences to divide.
    """
    words = source.level == "word"
    parts = _cached(fingerprint) if words else None
    if parts is None:
        groups = [
            [lowered(document) for document in group] if source.lower else group
            for group in (_tokenized(read()) if words else _whole(read()))
        ]
        parts = [list(chain.from_iterable(group)) for group in groups]
        if len(groups) == 1:
            parts = _divided(source, groups[0])
        if words:
            _keep(fingerprint, parts)
    return Corpus(source, *parts, fingerprint)


def repeats(sentences: Iterable[Sentence], others: Iterable[Sentence] = ()) -> int:
    """How many of some sentences stand before among them, or among others."""
    # Sorted, for NumPy's sets take minutes where there are millions.
    own, before = (np.sort(_marks(some)) for some in (sentences, others))
    again = int((own[1:] == own[:-1]).sum())
    if not len(before):
        return again
    new = own[np.append(True, own[1:] != own[:-1])[: len(own)]]
    left, right = (np.searchsorted(before, new, side) for side in ("left", "right"))
    return again + int((left < right).sum())


def _marks(sentences: Iterable[Sentence]) -> np.ndarray:
    """A hash of each sentence, int64: hardly ever the same for two that differ."""
    if isinstance(sentences, Sentences):
        return sentences.marks
    return np.fromiter((hash(tuple(sentence)) for sentence in sentences), np.int64)


def _divided(source: Source, documents: list[Document]) -> list[list[Sentence]]:
    """Sentences for training, for validation and for testing."""
    numbers: dict[tuple, int] = {}
    keys = [numbers.setdefault(tuple(map(tuple, d)), len(numbers)) for d in documents]
    counts = [len(document) for document in documents]
    order, (first, second) = division(source, np.array(keys), np.array(counts))
    sentences = [s for i in order.tolist() for s in documents[i]]
    return [sentences[:first], sentences[first:second], sentences[second:]]


def division(
    source: Source, keys: np.ndarray, counts: np.ndarray
) -> tuple[np.ndarray, tuple[int, int]]:
    """Divide sentences for training, for validation and for testing.

    Equal documents go to the same part: what was learned by heart would prove nothing.

    Parameters
    ----------
    source : Source
    keys : int array of shape (N,)
        Equal for documents that are equal.
    counts : int array of shape (N,)
        The sentences of each document.

    Returns
    -------
    order : int array of shape (N,)
        The documents, equal ones together.
    cuts : two int
        The sentences, in this order, before which validation and testing begin.

    Raises
    ------
    UserError
        If there are too few sentences.
    """
    first = _first_of_equals(keys)
    # There may be many.
    del keys
    order = np.argsort(first, kind="stable").astype(np.int32)
    ends = np.cumsum(counts[order], dtype=np.int32)
    total = int(ends[-1]) if len(ends) else 0
    # Where the text may be cut: between two sentences, but not among equal documents.
    alike = np.diff(first[order]) == 0
    may = np.ones(total + 1, bool)
    may[0] = may[-1] = False
    for i in np.flatnonzero(alike).tolist():
        may[ends[i] - counts[order[i]] + 1 : ends[i + 1]] = False
    places = np.flatnonzero(may)
    if len(places) < 2:
        kind = (
            "sentences" if source.level == "word" else "rows (or lines, or paragraphs)"
        )
        raise UserError(
            f"{' '.join(source.sources)}: found {min(len(places) + 1, total)} different {kind}: "
            "expected 3 or more, to train, validate and test with"
        )
    held_out = max(1, round(0.05 * total))
    one = np.abs(places[:-1] - (total - 2 * held_out)).argmin()
    rest = places[one + 1 :]
    other = np.abs(rest - (total - held_out)).argmin()
    return order, (int(places[one]), int(rest[other]))


def _first_of_equals(keys: np.ndarray) -> np.ndarray:
    """For each key the place of the first that is equal, int32."""
    firsts = np.arange(len(keys), dtype=np.int32)
    # Some at a time, for sorting takes memory.
    for part in range(16):
        some = np.flatnonzero(keys % 16 == part)
        some = some[np.argsort(keys[some], kind="stable")]
        new = np.append(True, np.diff(keys[some]) != 0)[: len(some)]
        firsts[some] = some[new][np.cumsum(new) - 1]
    return firsts


# ---------------------------------------------------------------- from documents to sentences


def lowered(document: Document) -> Document:
    """A document without capitals."""
    return [
        sentence.lower() if isinstance(sentence, str) else [w.lower() for w in sentence]
        for sentence in document
    ]


def _whole(groups: list[list[str]]) -> list[list[Document]]:
    """Documents of characters: each one sentence."""
    return [[[document] for document in group] for group in groups]


def _tokenized(groups: list[list[str]]) -> list[list[Document]]:
    """Documents to sentences, and sentences to words."""
    ends = sentence_ends(list(chain.from_iterable(groups)))

    def sentences(document: str) -> Document:
        return list(map(spacing.cut, ends.tokenize(document)))

    return [[sentences(document) for document in group] for group in groups]


def sentence_ends(documents: list[str]) -> PunktSentenceTokenizer:
    """Learn where sentences end.

    Kiss and Strunk (2006), "Unsupervised multilingual sentence boundary detection", find the
    abbreviations of a text, whose periods end no sentence, in the text itself.
    """
    from nltk.tokenize.punkt import PunktSentenceTokenizer, PunktTrainer

    text = "\n\n".join(documents)
    if len(text) > _LONG:
        print("tokenizing the text, once ...", file=sys.stderr, flush=True)
    trainer = PunktTrainer()
    trainer.train(text)
    return PunktSentenceTokenizer(trainer.get_params())


# ----------------------------------------------------------------------------------- the cache


def _cache_entry(fingerprint: str) -> Path:
    """Where the words of a text are kept."""
    return cache_folder() / f"corpus-{_CACHE_FORMAT}-{fingerprint}.npz"


def _cached(fingerprint: str) -> list[list[Sentence]] | None:
    """The parts of a text, or None if they are not kept or are damaged."""
    try:
        with (
            open(_cache_entry(fingerprint), "rb") as file,
            np.load(file, allow_pickle=False) as entry,
        ):
            words, ids, lengths, sizes = (entry[name] for name in _FIELDS)
        tokens = np.array(bytes(words).decode("utf-8").split("\n"), dtype=object)
        if lengths.sum() != len(ids) or sizes.sum() != len(lengths):
            return None
        text = iter(tokens[ids].tolist())
        sentences = (list(islice(text, n)) for n in lengths.tolist())
        return [list(islice(sentences, n)) for n in sizes.tolist()]
    except Exception:
        # Not there, or damaged in whatever way: it is made again.
        return None


def _keep(fingerprint: str, parts: list[list[Sentence]]) -> None:
    """Keep the parts of a text, where the folder allows it."""
    sentences = list(chain.from_iterable(parts))
    numbers: dict[str, int] = {}
    ids = [numbers.setdefault(word, len(numbers)) for word in chain(*sentences)]
    arrays = (
        np.frombuffer("\n".join(numbers).encode("utf-8"), dtype=np.uint8),
        np.array(ids, dtype=np.int32),
        np.array([len(sentence) for sentence in sentences], dtype=np.int32),
        np.array([len(part) for part in parts], dtype=np.int32),
    )
    entry = _cache_entry(fingerprint)
    with contextlib.suppress(OSError):
        entry.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=entry.parent, suffix=".npz")
        try:
            with open(handle, "wb") as file:
                np.savez(file, **dict(zip(_FIELDS, arrays)))
            os.replace(temporary, entry)
        except BaseException:
            # A full disk, or Ctrl-C.
            os.unlink(temporary)
            raise
