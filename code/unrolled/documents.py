"""From a file to documents: the rows of a CSV, or the paragraphs of any other text."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from unrolled.errors import UserError


def split(path: Path, content: bytes, column: str, encoding: str) -> list[str]:
    """Divide a file's content into documents: stretches of text that belong together.

    Parameters
    ----------
    path : Path
        Its ending tells a CSV from another text, and errors name it.
    content : bytes
    column : str
        The column of a CSV that holds the text.
    encoding : str

    Raises
    ------
    UserError
        If it is no text, or no CSV with this column.
    """
    text = decode(path, content, encoding)
    if is_csv(path):
        documents = list(_rows(path, text, column))
    else:
        documents = re.split(r"\n(?:[^\S\n]*\n)+", text)
    documents = [document.strip() for document in documents]
    return [document for document in documents if document]


def is_csv(path: Path) -> bool:
    """Whether a file is read as a CSV."""
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
            "unknown: expected a name such as utf-8 or latin-1", encoding=encoding
        ) from None
    except UnicodeError as error:
        at = getattr(error, "start", 0)
        raise UserError(
            f"{path}: byte {at} (0x{content[at]:02x}) is no text in this encoding: "
            "choose another",
            encoding=encoding,
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
            f"{path} has no such column: expected one of {', '.join(map(repr, names))}",
            column=column,
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
    # One for the whole process.
    limit = csv.field_size_limit()
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
