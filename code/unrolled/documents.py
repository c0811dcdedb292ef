"""From files to documents: the rows of a table, the lines or the paragraphs of any other text.

A document is a stretch of text that belongs together. What a file holds is told by its ending:
``.csv`` and ``.tsv``, ``.json`` and ``.jsonl`` are tables, all else is text; what is packed as
``.gz``, ``.xz`` or ``.zst`` is unpacked. A file is read piece by piece, so it may be larger than
the memory; what has to fit is one row, one paragraph of up to :data:`LONGEST` characters, or a
whole ``.json``.
"""

from __future__ import annotations

import codecs
import contextlib
import csv
import gzip
import io
import json
import lzma
import re
import sys
import zlib
from collections.abc import Iterable, Iterator
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from unrolled.errors import UserError

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

TABLES = (".csv", ".tsv", ".json", ".jsonl", ".ndjson")
#: What is read of a folder, packed or not.
TEXTS = (".txt", ".md", *TABLES)
PACKED = (".gz", ".xz", ".zst")
#: Characters of a paragraph or a line, at most: from there on a longer one is cut.
LONGEST = 2**23
# What a packed file begins with, and how it is packed. Zstandard allows a frame of no text first.
_MARKS = {
    rb"\x1f\x8b": "gzip",
    rb"\xfd7zXZ\0": "xz",
    rb"\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18": "zstd",
}
# What opens it; xz is not among these: see _streams.
_OPEN = {"": contextlib.nullcontext, "gzip": gzip.open, "zstd": zstd.open}
# What a file begins with that is no text, and what it is.
FOREIGN = {
    rb"PAR1": "a Parquet table",
    rb"PK\x03\x04": "a zip archive, as .xlsx, .docx and .epub are",
    rb"%PDF": "a PDF",
    rb"SQLite format 3": "an SQLite database",
    rb".{257}ustar": "a tar archive",
    rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)": "packed by bzip2",
    # Its properties, the size of its dictionary, that of the text or -1 for unknown, and a zero.
    rb"\]\0\0..(?:\xff{8}|.{5}\0{3})\0": "packed by lzma",
    **{mark: f"packed twice, the second time by {how}" for mark, how in _MARKS.items()},
}
# Bytes that are read at once.
_CHUNK = 2**20
# Lines of a text whose lines are looked at.
_FEW = 10


def found(sources: Iterable[str]) -> list[Path]:
    """The files of some sources.

    Parameters
    ----------
    sources : iterable of str
        Each a file, or a folder. A folder means the files in it, and in the folders in it, whose
        names end with one of :data:`TEXTS`, packed or not, sorted by their paths. What is hidden,
        with a period before its name, is left out.

    Raises
    ------
    UserError
        If a path is empty, there is no such file, or a folder holds no text.
    """
    files: list[Path] = []
    for source in sources:
        if not source:
            # Path("") is the current folder.
            raise UserError("'': expected a path (is a variable empty?)")
        path = Path(source)
        inside = _inside(path) if path.is_dir() else [path]
        if not inside:
            raise UserError(
                f"{path}: a folder without a text: expected files that end with one of "
                f"{', '.join(TEXTS)}, or such a file packed as {', '.join(PACKED)}"
            )
        for file in inside:
            _check_file(file)
        files += inside
    return files


def _check_file(file: Path) -> None:
    """Refuse what is no file."""
    if not file.exists():
        if str(file) == "shakespeare":
            # Alone, it is not looked for.
            raise UserError(
                "shakespeare: goes with no other text: expected it alone, or paths of files"
            )
        raise UserError(
            f"{file}: no such file: expected 'shakespeare' or the path of a .txt or .csv file"
        )
    if not file.is_file():
        raise UserError(
            f"{file}: a pipe or a device: expected a file, for it is read more than once"
        )


def _inside(folder: Path) -> list[Path]:
    """The texts in a folder."""
    return sorted(
        path
        for path in folder.rglob("*")
        if _kind(path) in TEXTS
        and path.is_file()
        and not any(name.startswith(".") for name in path.relative_to(folder).parts)
    )


def is_table(path: Path) -> bool:
    """Whether a file has columns."""
    return _kind(path) in TABLES


def _kind(path: Path) -> str:
    """The ending that tells what a file holds, in small letters."""
    endings = [ending.lower() for ending in path.suffixes]
    return ([""] + [ending for ending in endings[-2:] if ending not in PACKED])[-1]


def chunks(path: Path) -> Iterator[bytes]:
    """A file's bytes, some at a time, unpacked if the file is packed.

    Raises
    ------
    UserError
        If there is no such file, it cannot be read, it is empty, or it is no text.
    """
    if path.is_dir():
        raise UserError(f"{path}: a folder: expected a .txt or .csv file")
    packing, first = "", b""
    try:
        with open(path, "rb") as file:
            packing = _packing(file.peek(8))
            for chunk in filter(None, _unpacked(file, packing)):
                first = first or _checked(path, chunk)
                yield chunk
    except FileNotFoundError:
        raise UserError(
            f"{path}: no such file: expected 'shakespeare' or the path of a .txt or .csv file"
        ) from None
    except (EOFError, zlib.error, gzip.BadGzipFile, lzma.LZMAError, zstd.ZstdError):
        raise UserError(f"{path}: a damaged {packing} file: pack it again") from None
    except OSError as error:
        raise UserError(
            f"{path}: cannot be read ({error.strerror}): expected a .txt or .csv file"
        ) from error
    if not first:
        raise UserError(f"{path}: the file is empty: expected text")


def _packing(beginning: bytes) -> str:
    """How a file with this beginning is packed, or "" if it is not."""
    return next((how for mark, how in _MARKS.items() if re.match(mark, beginning)), "")


def _unpacked(file: BinaryIO, packing: str) -> Iterator[bytes]:
    """The bytes of a file that is packed so, some at a time."""
    if packing == "xz":
        yield from _streams(file)
        return
    with _OPEN[packing](file) as unpacked:
        yield from iter(partial(unpacked.read, _CHUNK), b"")


def _streams(file: BinaryIO) -> Iterator[bytes]:
    """The bytes of an xz file: of its streams, which zeros may part, one after another.

    ``lzma.open`` passes over a damaged stream after the first, and all that follows it.
    """
    rest = file.read(_CHUNK)
    while rest:
        stream = lzma.LZMADecompressor(lzma.FORMAT_XZ)
        while not stream.eof:
            yield stream.decompress(rest, _CHUNK)
            rest = file.read(_CHUNK) if stream.needs_input else b""
            if stream.needs_input and not rest:
                raise EOFError
        rest = stream.unused_data.lstrip(b"\0")
        while not rest and (more := file.read(_CHUNK)):
            rest = more.lstrip(b"\0")


def _checked(path: Path, beginning: bytes) -> bytes:
    """The beginning of a file, unless it is known for something else than text."""
    for mark, what in FOREIGN.items():
        if re.match(mark, beginning, re.DOTALL):
            raise UserError(f"{path}: {what}: expected text; save it as .txt or .csv")
    return beginning


def read_bytes(path: Path) -> bytes:
    """All of a file's bytes: see :func:`chunks`."""
    return b"".join(chunks(path))


def decode(path: str | Path, content: bytes, encoding: str) -> str:
    """All of a text: see :func:`decoded`."""
    return "".join(decoded(path, [content], encoding))


def decoded(path: str | Path, content: Iterable[bytes], encoding: str) -> Iterator[str]:
    """Turn bytes into text, with newlines of one kind and without a byte-order mark.

    Parameters
    ----------
    path : str or Path
        What to call the text in an error.
    content : iterable of bytes
        Cut anywhere.
    encoding : str

    Raises
    ------
    UserError
        If the bytes are no text in this encoding, or only blanks.
    """
    newlines = io.IncrementalNewlineDecoder(None, translate=True)
    blank: str | None = ""
    line = 1
    for chunk, piece in _characters(path, content, encoding):
        text = newlines.decode(piece, final=not chunk)
        if "\0" in text:
            line += text.count("\n", 0, text.index("\0"))
            raise UserError(
                f"{path}, line {line}: found a NUL character: expected text; if it is some, "
                f"choose --encoding, such as {_guess(chunk)}"
            )
        line += text.count("\n")
        if blank is not None:
            # Kept back until there is more.
            blank = (blank + text).removeprefix("\ufeff")
            if not blank.strip():
                continue
            text, blank = blank, None
        yield text
    if blank is not None:
        raise UserError(f"{path}: found only blanks: expected text")


def _characters(
    path: str | Path, content: Iterable[bytes], encoding: str
) -> Iterator[tuple[bytes, str]]:
    """Bytes as they come, each time with the characters that are whole by then."""
    try:
        # Of texts, and not as "rot13" is.
        io.TextIOWrapper(io.BytesIO(), encoding)
        decoder = codecs.getincrementaldecoder(encoding)()
    except LookupError:
        raise UserError(
            "unknown: expected a name such as utf-8 or latin-1", encoding=encoding
        ) from None
    # Bytes and characters that are done.
    read = written = 0
    for chunk in chain(content, [b""]):
        pending = len(decoder.getstate()[0])
        try:
            text = decoder.decode(chunk, final=not chunk)
            # Half a character of UTF-16 is none.
            text.encode("utf-8")
        except UnicodeEncodeError as error:
            raise UserError(
                f"{path}: character {written + error.start} is no text in this encoding: "
                "choose another",
                encoding=encoding,
            ) from None
        except UnicodeError as error:
            start, around = getattr(error, "start", 0), getattr(error, "object", chunk)
            raise UserError(
                f"{path}: byte {read - pending + start} (0x{around[start]:02x}) is no text in "
                f"this encoding: choose another, such as {_guess(around)}",
                encoding=encoding,
            ) from None
        read, written = read + len(chunk), written + len(text)
        yield chunk, text


def _guess(content: bytes) -> str:
    """An encoding that may be right where UTF-8 is wrong."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    # The other half of a Latin letter in UTF-16 is 0.
    odd, even = content[1::2].count(0), content[::2].count(0)
    if max(odd, even) > len(content) / 8:
        return "utf-16-le" if odd > even else "utf-16-be"
    return "cp1252"


def read(
    path: Path, column: str, encoding: str, lines: bool | None = None
) -> Iterator[str]:
    """The documents of a file, one after another: see :func:`in_table` and :func:`in_text`."""
    pieces = decoded(path, chunks(path), encoding)
    if is_table(path):
        return in_table(path, pieces, column)
    return in_text(pieces, bool(lines))


def beginning(path: Path, encoding: str) -> str:
    """The first characters of a text: up to :data:`LONGEST`, and some."""
    some, size = [], 0
    for piece in decoded(path, chunks(path), encoding):
        some.append(piece)
        size += len(piece)
        if size >= LONGEST:
            break
    return "".join(some)


# ------------------------------------------------------------------------------------------ text


def of_text(text: str, lines: bool) -> list[str]:
    """The documents of a text: its lines, or its paragraphs, parted by blank lines."""
    return list(in_text([text], lines))


def in_text(pieces: Iterable[str], lines: bool) -> Iterator[str]:
    """The documents of a text that comes in pieces, cut anywhere."""
    rest = ""
    for piece in pieces:
        text = rest + piece
        *whole, rest = (
            text.split("\n") if lines else re.split(r"\n(?:[^\S\n]*\n)+", text)
        )
        if len(rest) > LONGEST:
            # Where a line ends, or else a word, or else anywhere.
            end = rest.rfind("\n") + 1 or rest.rfind(" ") + 1 or len(rest)
            whole.append(rest[:end])
            rest = rest[end:]
        yield from _filled(whole)
    yield from _filled([rest])


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


def _filled(documents: Iterable[str]) -> Iterator[str]:
    """The documents that are more than blanks."""
    return filter(None, map(str.strip, documents))


# ---------------------------------------------------------------------------------------- tables


def of_table(path: Path, content: bytes, column: str, encoding: str) -> list[str]:
    """The documents in a column of a table: see :func:`in_table`."""
    return list(in_table(path, decoded(path, [content], encoding), column))


def in_table(path: Path, pieces: Iterable[str], column: str) -> Iterator[str]:
    """The documents in a column of a table.

    Parameters
    ----------
    path : Path
        Its ending tells what table it is, and errors name it.
    pieces : iterable of str
        The table's text, cut anywhere.
    column : str
        The column's name; a number, from 0, is that of a column in a CSV without a header: one
        whose first line has more than a number there, or no column of that name.

    Raises
    ------
    UserError
        If it is no table with this column, or a row is not like the others.
    """
    if _kind(path) in (".csv", ".tsv"):
        return _filled(_rows(path, _lines(pieces), column))
    values = (
        _array(path, "".join(pieces))
        if _kind(path) == ".json"
        else _json_lines(path, _lines(pieces))
    )
    return _filled(_value(where, one, column) for where, one in values)


def _lines(pieces: Iterable[str]) -> Iterator[str]:
    """The lines of a text that comes in pieces, each with its newline."""
    begun: list[str] = []
    for piece in pieces:
        *whole, rest = piece.split("\n")
        for line in whole:
            yield "".join((*begun, line, "\n"))
            begun.clear()
        begun.append(rest)
    if any(begun):
        yield "".join(begun)


def _rows(path: Path, lines: Iterator[str], column: str) -> Iterator[str]:
    """A column of a CSV, row by row."""
    marks = "\t" if _kind(path) == ".tsv" else ",;\t"
    header = next(lines, "")
    # What parts the columns: the mark by which the first line has this one.
    mark = next(
        (m for m in marks if column in _names(header.rstrip("\n"), m)), marks[0]
    )
    with _long_fields():
        records = _records(path, chain([header], lines), mark)
        line, first = next(records)
        names = [name.strip() for name in first]
        place, named = _place(path, names, column)
        if not named:
            yield first[place]
        for line, row in records:
            if len(row) != len(names):
                raise UserError(
                    f"{path}, line {line}: found {len(row)} columns: expected {len(names)}, as "
                    f'in the first line (text with {mark!r} in it stands between " and ")'
                )
            yield row[place]


def _place(path: Path, names: list[str], column: str) -> tuple[int, bool]:
    """Where a column stands among those of a first line, and whether this line names it."""
    number = int(column) if column.isdecimal() else len(names)
    if number < len(names) and not (column in names and names[number].isdecimal()):
        # The first line is a row: it has a text there, or nothing that may be the name.
        return number, False
    if names.count(column) == 1:
        return names.index(column), True
    if column in names:
        raise UserError(
            f"{path}, line 1: found {names.count(column)} columns of this name: expected one",
            column=column,
        )
    raise UserError(
        f"{path} has no such column: expected one of {', '.join(map(repr, names))}, or, if it "
        f"has no header, a number from 0 to {len(names) - 1}",
        column=column,
    )


@contextlib.contextmanager
def _long_fields() -> Iterator[None]:
    """Let a field of a CSV be as long as it likes; the limit is one for the whole process."""
    limit = csv.field_size_limit(sys.maxsize)
    try:
        yield
    finally:
        csv.field_size_limit(limit)


def _names(header: str, mark: str) -> list[str]:
    """The names of the columns in a first line."""
    return [
        name.strip()
        for row in csv.reader([header], delimiter=mark, skipinitialspace=True)
        for name in row
    ]


def _records(
    path: Path, lines: Iterable[str], mark: str
) -> Iterator[tuple[int, list[str]]]:
    """The records of a CSV, each with the number of its first line."""
    reader = csv.reader(lines, delimiter=mark, skipinitialspace=True, strict=True)
    line = 1
    try:
        for row in reader:
            if row:
                yield line, row
            line = reader.line_num + 1
    except csv.Error as error:
        never = "unexpected end" in str(error)
        what = "a quote opens in this record and never closes" if never else str(error)
        raise UserError(
            f"{path}, line {line}: {what}: expected a text with quotes to stand between "
            '" and ", and each " in it to be doubled'
        ) from None


def _json_lines(path: Path, lines: Iterable[str]) -> Iterator[tuple[str, Any]]:
    """What stands in each line of JSON, and where it stands."""
    for number, line in enumerate(lines, 1):
        if line.strip():
            where = f"{path}, line {number}"
            yield where, _parsed(where, line)


def _array(path: Path, text: str) -> Iterator[tuple[str, Any]]:
    """What stands in a JSON array, and where it stands."""
    try:
        values = _parsed(str(path), text)
    except UserError as error:
        if "Extra data" not in str(error):
            raise
        raise UserError(
            f"{path}: found more than one JSON value: expected an array (rows that stand each on "
            "a line of their own are .jsonl)"
        ) from None
    if not isinstance(values, list):
        raise UserError(f'{path}: expected a JSON array, such as [{{"body": …}}, …]')
    for number, value in enumerate(values, 1):
        yield f"{path}, item {number}", value


def _parsed(where: str, text: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_object)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{where}: no JSON ({error})") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON, which would take the last of equal keys, and say nothing."""
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"found the key {twice!r} twice: expected it once")
    return found


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
