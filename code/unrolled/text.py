"""Read any text: the embedded plays by their name, any other by its path or paths."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from pathlib import Path

from unrolled import corpus, documents, large, shakespeare
from unrolled.corpus import Corpus, Source

#: Bytes of a text, unpacked, that are read into memory. A longer one is kept in files.
LARGE = 2**23


def load(source: Source) -> Corpus:
    """Read a text and divide it into sentences for training, validation and testing.

    Several files are one text, in their order.

    Returns
    -------
    :class:`unrolled.corpus.Corpus`
        Words are kept in the user's cache, so that the next call takes an instant. Of a text
        larger than :data:`LARGE`, the parts are read from a file there: they are sequences of
        sentences, but no lists.

    Raises
    ------
    UserError
        If a file cannot be read as text, or they hold too little of it.
    """
    if source.source == "shakespeare":
        return shakespeare.load(source.level, source.lower)
    files = documents.found(source.sources)
    lines = {file: _lines(source, file) for file in files}
    marks, size = [], 0

    def counted(file: Path) -> Iterator[bytes]:
        nonlocal size
        for chunk in documents.chunks(file):
            size += len(chunk)
            yield chunk

    for file in files:
        reading = source.column if lines[file] is None else lines[file] and "lines"
        marks.append(
            corpus.fingerprint(
                counted(file),
                corpus.CUTS[source.level],
                source.lower,
                source.encoding,
                reading,
            )
        )

    def read() -> Iterator[str]:
        return chain.from_iterable(
            documents.read(file, source.column, source.encoding, lines[file])
            for file in files
        )

    told = {one for one in lines.values() if one is not None}
    if len(told) == 1:
        source = replace(source, lines=told.pop())
    if size <= LARGE:
        mark = marks[0] if len(marks) == 1 else corpus.fingerprint(b"", marks)
        return corpus.assemble(source, mark, lambda: [list(read())])
    mark = corpus.fingerprint(b"", marks, large.LEARNED)
    return large.assemble(source, mark, read)


def _lines(source: Source, file: Path) -> bool | None:
    """Whether each line of a file is a document; None for a table."""
    if documents.is_table(file):
        return None
    if source.lines is not None:
        return source.lines
    return documents.one_a_line(documents.beginning(file, source.encoding))
