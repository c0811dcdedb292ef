"""Read text: the embedded Shakespeare, a CSV of comments, or any text file.

Text becomes sentences, and sentences become tokens: words and punctuation marks, or characters.
Nothing is downloaded. Sentence ends are learned from the text itself.
"""

from __future__ import annotations

import contextlib
import csv
import hashlib
import io
import json
import lzma
import os
import re
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import NamedTuple

import numpy as np

from unrolled.script import UserError

SHAKESPEARE = Path(__file__).parent / "data" / "shakespeare.txt.xz"
VALIDATION = ("As You Like It", "King John")
TEST = ("Macbeth", "Much Ado About Nothing")
LEVELS = ("word", "character")

_CACHE_FORMAT = (
    1  # changes whenever the same text would give other tokens, or another file
)
_FIELDS = ("words", "ids", "lengths", "sizes")  # of a cache entry
_LONG = 200_000  # characters that take more than a moment to tokenize

Sentence = Sequence[str]


class Corpus(NamedTuple):
    """A text, ready for a vocabulary: three lists of sentences, which share none."""

    name: str  # "shakespeare", or the file's name
    level: str  # "word" or "character"
    train: list[Sentence]
    validation: list[Sentence]
    test: list[Sentence]
    fingerprint: str  # sha256 of the text and the settings


class Speech(NamedTuple):
    """What one person says in a play until another speaks."""

    play: str
    speaker: str  # in capitals
    text: str  # lines of verse or prose, separated by newlines


def speeches() -> Iterator[Speech]:
    """Read the embedded Shakespeare.

    Yields
    ------
    :class:`Speech`
        The speeches of all plays, play by play, as they follow each other.
    """
    play = ""
    for paragraph in lzma.decompress(SHAKESPEARE.read_bytes()).decode().split("\n\n"):
        head, _, text = paragraph.rstrip("\n").partition("\n")
        if head.startswith("# "):
            play = head[2:]
        else:
            yield Speech(play, head, text)


def load(
    source: str | os.PathLike = "shakespeare",
    level: str = "word",
    lower: bool = False,
    column: str = "body",
    encoding: str = "utf-8",
) -> Corpus:
    """Read a text and divide it into sentences for training, validation and testing.

    Parameters
    ----------
    source : str or path
        ``"shakespeare"``, which is split by play, or the path of a ``.csv`` or of any text file.
        Of these, the first 90 % of the sentences are for training, the next 5 % for validation,
        the last 5 % for testing.
    level : {"word", "character"}
        ``word``: a sentence is a list of words and punctuation marks. ``character``: a whole
        speech (after a line with its speaker), row or paragraph is one str.
    lower : bool
        Turn capitals into small letters, once the sentences are found.
    column : str
        The column of a CSV that holds the text.
    encoding : str
        Of the file.

    Returns
    -------
    :class:`Corpus`
        Words are kept in the user's cache, so that the next call takes an instant.

    Raises
    ------
    UserError
        If the file cannot be read as text, or holds too little of it.
    ValueError
        If ``level`` is another word.
    """
    if level not in LEVELS:
        raise ValueError(f"level={level!r}: expected one of {', '.join(LEVELS)}")
    embedded = str(source) == "shakespeare"
    path = SHAKESPEARE if embedded else Path(source)
    content = read_bytes(path)
    reading = (VALIDATION, TEST) if embedded else (encoding, _is_csv(path) and column)
    settings = json.dumps([level, lower, *reading]).encode()
    fingerprint = hashlib.sha256(settings + b"\n" + content).hexdigest()

    parts = _cached(fingerprint) if level == "word" else None
    if parts is None:
        groups = (
            _plays(level) if embedded else [_documents(path, content, column, encoding)]
        )
        parts = _parts(path, groups, level, lower)
        if level == "word":
            _keep(fingerprint, parts)
    return Corpus("shakespeare" if embedded else path.name, level, *parts, fingerprint)


# ------------------------------------------------------------------------- from files to documents


def _plays(level: str) -> list[list[str]]:
    """The speeches for training, for validation and for testing."""
    groups: list[list[str]] = [[], [], []]
    for play, speaker, text in speeches():
        said = f"{speaker}\n{text}" if level == "character" else text
        groups[1 if play in VALIDATION else 2 if play in TEST else 0].append(said)
    return groups


def _is_csv(path: Path) -> bool:
    return path.suffix.lower() == ".csv"


def read_bytes(path: Path) -> bytes:
    """A text file's bytes.

    Raises
    ------
    UserError
        If there is no such file, it cannot be read, or it is empty.
    """
    if path.is_dir():
        raise UserError(f"{path}: a folder: expected a .txt or .csv file")
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise UserError(
            f"{path}: no such file: expected 'shakespeare' or the path of a .txt or .csv file"
        ) from None
    except OSError as error:
        raise UserError(
            f"{path}: cannot be read ({error.strerror}): expected a .txt or .csv file"
        ) from error
    if not content:
        raise UserError(f"{path}: the file is empty: expected text")
    return content


def _documents(path: Path, content: bytes, column: str, encoding: str) -> list[str]:
    """The rows of a CSV, or the paragraphs of another text."""
    text = decode(path, content, encoding)
    if _is_csv(path):
        documents = list(_rows(path, text, column))
    else:
        documents = re.split(r"\n(?:[^\S\n]*\n)+", text)
    documents = [document.strip() for document in documents]
    return [document for document in documents if document]


def decode(path: str | Path, content: bytes, encoding: str) -> str:
    """Turn bytes into text, with newlines of one kind and without a byte-order mark.

    Parameters
    ----------
    path : str or Path
        What to call the text in an error.
    content : bytes
    encoding : str

    Raises
    ------
    UserError
        If the bytes are no text in this encoding, or only blanks.
    """
    try:
        text = content.decode(encoding)
    except LookupError:
        raise UserError(
            f"--encoding {encoding}: unknown: expected a name such as utf-8 or latin-1"
        ) from None
    except UnicodeError as error:
        at = getattr(error, "start", 0)
        raise UserError(
            f"{path}: byte {at} (0x{content[at]:02x}) is not {encoding.upper()}: "
            "choose another with --encoding"
        ) from None
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise UserError(f"{path}, line {line}: found a NUL character: expected text")
    if not text.strip():
        raise UserError(f"{path}: found only blanks: expected text")
    return text


def _rows(path: Path, text: str, column: str) -> Iterator[str]:
    """The named column of a CSV, row by row."""
    records = _records(path, text)
    _, header = next(records)
    names = [name.strip() for name in header]
    if column not in names:
        raise UserError(
            f"{path}: no column {column!r}: expected one of {', '.join(map(repr, names))}"
        )
    place = names.index(column)
    for line, row in records:
        if len(row) <= place:
            raise UserError(
                f"{path}, line {line}: found {len(row)} columns: "
                f"expected {len(names)}, as in the first line"
            )
        yield row[place]


def _records(path: Path, text: str) -> Iterator[tuple[int, list[str]]]:
    """The records of a CSV, each with the number of its first line."""
    # csv takes an open quote at the end of a file for a closed one. A last record of our own,
    # which no text contains, is swallowed by an open quote.
    last = ["\0"]
    reader = csv.reader(chain(io.StringIO(text), last), skipinitialspace=True)
    limit = csv.field_size_limit()  # one for the whole process
    csv.field_size_limit(max(limit, len(text) + 1))
    try:
        records, line = [], 1
        for row in reader:
            records.append((line, row))
            line = reader.line_num + 1
    finally:
        csv.field_size_limit(limit)
    line, row = records.pop()
    if row != last:
        raise UserError(
            f"{path}, line {line}: a quote opens in this record and never closes: "
            'expected a " at its end'
        )
    return ((line, row) for line, row in records if row)


# ---------------------------------------------------------------------- from documents to sentences


def _parts(
    path: Path, groups: list[list[str]], level: str, lower: bool
) -> list[list[Sentence]]:
    """Sentences for training, for validation and for testing."""
    parts = _tokenized(groups) if level == "word" else groups
    if lower:
        parts = [[_lowered(sentence) for sentence in part] for part in parts]
    if len(parts) == 3:
        return parts
    sentences = parts[0]
    if len(sentences) < 3:
        found = "sentences" if level == "word" else "rows or paragraphs"
        raise UserError(
            f"{path}: found {len(sentences)} {found}: expected 3 or more, "
            "to train, validate and test with"
        )
    held_out = max(1, round(0.05 * len(sentences)))
    rest = len(sentences) - 2 * held_out
    return [sentences[:rest], sentences[rest:-held_out], sentences[-held_out:]]


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


# ------------------------------------------------------------------------------------- the cache


def cache_folder() -> Path:
    """The user's folder for what this package can make again, such as a text's words."""
    caches = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(caches) / "unrolled"


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
    except Exception:  # not there, or damaged in whatever way: it is made again
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
        except BaseException:  # a full disk, or Ctrl-C
            os.unlink(temporary)
            raise
