"""A text, ready for a vocabulary: sentences for training, validation and testing.

Documents become sentences, and sentences become tokens: words and punctuation marks, or characters.
Nothing is downloaded. Sentence ends are learned from the text itself.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np

from unrolled import fields
from unrolled.errors import UserError
from unrolled.files import cache_folder

LEVELS = ("word", "character")

# Changes whenever the same text would give other tokens, or another file.
_CACHE_FORMAT = 1
# Of a cache entry.
_FIELDS = ("words", "ids", "lengths", "sizes")
# Characters that take more than a moment to tokenize.
_LONG = 200_000

Sentence = Sequence[str]


@dataclass(frozen=True)
class Source:
    """Which text, and how it is read."""

    source: str = "shakespeare"
    """A .txt or .csv file, or "shakespeare"."""
    level: Annotated[str, fields.one_of(LEVELS)] = "word"
    """What a token is."""
    lower: bool = False
    """Turn capitals into small letters."""
    column: str = "body"
    """The column of a CSV that holds the text."""
    encoding: str = "utf-8"
    """Of the file."""

    def __post_init__(self) -> None:
        fields.check(self)


class Corpus(NamedTuple):
    """A text, ready for a vocabulary: three lists of sentences, which share none."""

    source: Source
    train: list[Sentence]
    validation: list[Sentence]
    test: list[Sentence]
    #: sha256 of the text and of how it is read.
    fingerprint: str

    @property
    def name(self) -> str:
        """What to call the text: "shakespeare", or the file's name."""
        return Path(self.source.source).name


def fingerprint(content: bytes, *reading: object) -> str:
    """A hash of a text and of how it is read (``reading``: what JSON can hold)."""
    return hashlib.sha256(json.dumps(reading).encode() + b"\n" + content).hexdigest()


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
        groups = read()
        parts = _tokenized(groups) if words else groups
        if source.lower:
            parts = [[_lowered(sentence) for sentence in part] for part in parts]
        if len(parts) == 1:
            parts = _divided(source, parts[0])
        if words:
            _keep(fingerprint, parts)
    return Corpus(source, *parts, fingerprint)


def _divided(source: Source, sentences: list[Sentence]) -> list[list[Sentence]]:
    """Sentences for training, for validation and for testing."""
    if len(sentences) < 3:
        found = "sentences" if source.level == "word" else "rows or paragraphs"
        raise UserError(
            f"{source.source}: found {len(sentences)} {found}: expected 3 or more, "
            "to train, validate and test with"
        )
    held_out = max(1, round(0.05 * len(sentences)))
    rest = len(sentences) - 2 * held_out
    return [sentences[:rest], sentences[rest:-held_out], sentences[-held_out:]]


# ---------------------------------------------------------------- from documents to sentences


def _lowered(sentence: Sentence) -> Sentence:
    if isinstance(sentence, str):
        return sentence.lower()
    return [word.lower() for word in sentence]


def _tokenized(groups: list[list[str]]) -> list[list[Sentence]]:
    """Documents to sentences, and sentences to words.

    Kiss and Strunk (2006), "Unsupervised multilingual sentence boundary detection", find the
    abbreviations of a text, whose periods end no sentence, in the text itself.
    """
    from nltk.tokenize.punkt import PunktSentenceTokenizer, PunktTrainer

    text = "\n\n".join(chain.from_iterable(groups))
    if len(text) > _LONG:
        print("tokenizing the text, once ...", file=sys.stderr, flush=True)
    trainer = PunktTrainer()
    trainer.train(text)
    ends = PunktSentenceTokenizer(trainer.get_params())

    def sentences(documents: Iterable[str]) -> Iterator[Sentence]:
        for document in documents:
            yield from map(words_of, ends.tokenize(document))

    return [[words for words in sentences(group) if words] for group in groups]


def words_of(sentence: str) -> list[str]:
    """Split a sentence into words and punctuation marks."""
    from nltk.tokenize.destructive import NLTKWordTokenizer

    # The tokenizer writes “ and ” as TeX does.
    found = NLTKWordTokenizer().tokenize(sentence)
    return ['"' if word in ("``", "''") else word for word in found]


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
