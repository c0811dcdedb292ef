"""From a file to documents: the rows of a table, the lines or the paragraphs of any other text.

A document is a stretch of text that belongs together. What a file holds is told by its ending:
``.csv`` and ``.tsv``, ``.json`` and ``.jsonl`` are tables, all else is text, and ``.gz`` behind
any of them is unpacked.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from unrolled.errors import UserError

TABLES = (".csv", ".tsv", ".json", ".jsonl", ".ndjson")
# What a file begins with that is no text, and what it is.
FOREIGN = {
    b"PAR1": "a Parquet table",
    b"PK\x03\x04": "a zip archive, as .xlsx, .docx and .epub are",
    b"%PDF": "a PDF",
    b"SQLite format 3": "an SQLite database",
}
# Lines of a text whose lines are looked at.
_FEW = 10


def is_table(path: Path) -> bool:
    """Whether a file has columns."""
    return _kind(path) in TABLES


def _kind(path: Path) -> str:
    """The ending that tells what a file holds, in small letters."""
    endings = [ending.lower() for ending in path.suffixes]
    return ([""] + [ending for ending in endings[-2:] if ending != ".gz"])[-1]


def read_bytes(path: Path) -> bytes:
    """A file's bytes, unpacked if it is a gzip file.

    Raises
    ------
    UserError
        If there is no such file, it cannot be read, it is empty, or it is no text.
    """
    if path.is_dir():
        raise UserError(f"{path}: a folder: expected a .txt or .csv file")
    try:
        content = path.read_bytes()
        if content.startswith(b"\x1f\x8b"):
            content = gzip.decompress(content)
    except FileNotFoundError:
        raise UserError(
            f"{path}: no such file: expected 'shakespeare' or the path of a .txt or .csv file"
        ) from None
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise UserError(f"{path}: a damaged gzip file: pack it again") from None
    except OSError as error:
        raise UserError(
            f"{path}: cannot be read ({error.strerror}): expected a .txt or .csv file"
        ) from error
    if not content:
        raise UserError(f"{path}: the file is empty: expected text")
    for beginning, what in FOREIGN.items():
        if content.startswith(beginning):
            raise UserError(f"{path}: {what}: expected text; save it as .txt or .csv")
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
        # Half a character of UTF-16 is none.
        text.encode("utf-8")
    except LookupError:
        raise UserError(
            "unknown: expected a name such as utf-8 or latin-1", encoding=encoding
        ) from None
    except UnicodeEncodeError as error:
        raise UserError(
            f"{path}: character {error.start} is no text in this encoding: choose another",
            encoding=encoding,
        ) from None
    except UnicodeError as error:
        at = getattr(error, "start", 0)
        raise UserError(
            f"{path}: byte {at} (0x{content[at]:02x}) is no text in this encoding: "
            f"choose another, such as {_guess(content)}",
            encoding=encoding,
        ) from None
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise UserError(
            f"{path}, line {line}: found a NUL character: expected text; if it is some, "
            f"choose --encoding, such as {_guess(content)}"
        )
    if not text.strip():
        raise UserError(f"{path}: found only blanks: expected text")
    return text


def _guess(content: bytes) -> str:
    """An encoding that may be right where UTF-8 is wrong."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    # The other half of a Latin letter in UTF-16 is 0.
    odd, even = content[1::2].count(0), content[::2].count(0)
    if max(odd, even) > len(content) / 8:
        return "utf-16-le" if odd > even else "utf-16-be"
    return "cp1252"


# ------------------------------------------------------------------------------------------ text


def of_text(text: str, lines: bool) -> list[str]:
    """The documents of a text: its lines, or its paragraphs, parted by blank lines."""
    pieces = text.split("\n") if lines else re.split(r"\n(?:[^\S\n]*\n)+", text)
    return _filled(pieces)


def one_a_line(text: str) -> bool:
    """Whether each line of a text is plainly a document of its own.

    So it is where there is no blank line, and lines have no common width as those of wrapped
    paragraphs have: most are shorter than three quarters of a long one.
    """
    lines = text.strip("\n").split("\n")
    if len(lines) < _FEW or not all(line.strip() for line in lines):
        return False
    lengths = np.array([len(line) for line in lines])
    return bool((lengths < 0.75 * np.quantile(lengths, 0.95)).mean() > 0.5)


def _filled(documents: list[str]) -> list[str]:
    """The documents that are more than blanks."""
    return [document for document in map(str.strip, documents) if document]


# ---------------------------------------------------------------------------------------- tables


def of_table(path: Path, content: bytes, column: str, encoding: str) -> list[str]:
    """The documents in a column of a table.

    Parameters
    ----------
    path : Path
        Its ending tells what table it is, and errors name it.
    content : bytes
    column : str
        The column's name; a number, from 0, is that of a column in a CSV without a header.
    encoding : str

    Raises
    ------
    UserError
        If it is no text, or no table with this column, or a row is not like the others.
    """
    text = decode(path, content, encoding)
    if _kind(path) in (".csv", ".tsv"):
        return _filled(list(_rows(path, text, column)))
    values = _array(path, text) if _kind(path) == ".json" else _json_lines(path, text)
    return _filled([_value(where, one, column) for where, one in values])


def _rows(path: Path, text: str, column: str) -> Iterator[str]:
    """A column of a CSV, row by row."""
    marks = "\t" if _kind(path) == ".tsv" else ",;\t"
    header, _, _ = text.partition("\n")
    # What parts the columns: the mark by which the first line has this one.
    mark = next((m for m in marks if column in _names(header, m)), marks[0])
    records = _records(path, text, mark)
    line, first = next(records)
    names = [name.strip() for name in first]
    if column.isdecimal() and int(column) < len(names):
        place = int(column)
        yield first[place]
    elif column in names:
        place = names.index(column)
    else:
        raise UserError(
            f"{path} has no such column: expected one of {', '.join(map(repr, names))}, "
            f"or, if it has no header, a number from 0 to {len(names) - 1}",
            column=column,
        )
    for line, row in records:
        if len(row) != len(names):
            raise UserError(
                f"{path}, line {line}: found {len(row)} columns: expected {len(names)}, as in "
                f'the first line (text with {mark!r} in it stands between " and ")'
            )
        yield row[place]


def _names(header: str, mark: str) -> list[str]:
    """The names of the columns in a first line."""
    return [
        name.strip()
        for row in csv.reader([header], delimiter=mark, skipinitialspace=True)
        for name in row
    ]


def _records(path: Path, text: str, mark: str) -> Iterator[tuple[int, list[str]]]:
    """The records of a CSV, each with the number of its first line."""
    reader = csv.reader(
        io.StringIO(text), delimiter=mark, skipinitialspace=True, strict=True
    )
    # One for the whole process.
    limit = csv.field_size_limit()
    csv.field_size_limit(max(limit, len(text) + 1))
    records, line = [], 1
    try:
        for row in reader:
            if row:
                records.append((line, row))
            line = reader.line_num + 1
    except csv.Error as error:
        never = "unexpected end" in str(error)
        what = "a quote opens in this record and never closes" if never else str(error)
        raise UserError(
            f"{path}, line {line}: {what}: expected a text with quotes to stand between "
            '" and ", and each " in it to be doubled'
        ) from None
    finally:
        csv.field_size_limit(limit)
    return iter(records)


def _json_lines(path: Path, text: str) -> Iterator[tuple[str, Any]]:
    """What stands in each line of JSON, and where it stands."""
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            where = f"{path}, line {number}"
            yield where, _parsed(where, line)


def _array(path: Path, text: str) -> Iterator[tuple[str, Any]]:
    """What stands in a JSON array, and where it stands."""
    values = _parsed(str(path), text)
    if not isinstance(values, list):
        raise UserError(f'{path}: expected a JSON array, such as [{{"body": …}}, …]')
    for number, value in enumerate(values, 1):
        yield f"{path}, item {number}", value


def _parsed(where: str, text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{where}: no JSON ({error})") from None


def _value(where: str, found: Any, column: str) -> str:
    """The text in a row of JSON: the row itself, or one of its fields."""
    if isinstance(found, dict):
        if column not in found:
            raise UserError(
                f"{where} has no such column: expected one of {', '.join(map(repr, found))}",
                column=column,
            )
        found = found[column]
    if found is None:
        # No text, as in an empty cell.
        return ""
    if not isinstance(found, str):
        raise UserError(f"{where}: found {json.dumps(found)[:40]}: expected a text")
    try:
        found.encode("utf-8")
    except UnicodeEncodeError:
        raise UserError(f"{where}: found half a character: expected text") from None
    return found
