"""Read any text: the embedded plays by their name, any other by its path or paths."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
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
    marks, sizes = zip(*(_mark(source, file, lines[file]) for file in files))

    def read() -> Iterator[str]:
        for file in files:
            yield from documents.read(file, source.column, source.encoding, lines[file])

    looks = set(lines.values()) - {None}
    if len(looks) == 1:
        source = replace(source, lines=looks.pop())
    if sum(sizes) <= LARGE:
        mark = marks[0] if len(marks) == 1 else corpus.fingerprint(b"", marks)
        return corpus.assemble(source, mark, lambda: [list(read())])
    # What is learned of its beginning alone makes it another text.
    mark = corpus.fingerprint(b"", marks, large.LEARNED)
    return large.assemble(source, mark, read, sum(sizes))


def _mark(source: Source, file: Path, lines: bool | None) -> tuple[str, int]:
    """The fingerprint of a file and of how it is read, and its bytes, unpacked."""
    reading = source.column if lines is None else "lines" if lines else False
    sizes = []

    def content() -> Iterator[bytes]:
        for chunk in documents.chunks(file):
            sizes.append(len(chunk))
            yield chunk

    mark = corpus.fingerprint(
        content(), corpus.CUTS[source.level], source.lower, source.encoding, reading
    )
    return mark, sum(sizes)


def _lines(source: Source, file: Path) -> bool | None:
    """Whether each line of a file is a document; None for a table."""
    if documents.is_table(file):
        return None
    if source.lines is not None:
        return source.lines
    return documents.one_a_line(documents.beginning(file, source.encoding))
