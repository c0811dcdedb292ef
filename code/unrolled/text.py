"""Read any text: the embedded plays by their name, any other by its path."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from unrolled import corpus, documents, shakespeare
from unrolled.corpus import Corpus, Source


def load(source: Source) -> Corpus:
    """Read a text and divide it into sentences for training, validation and testing.

    Returns
    -------
    :class:`unrolled.corpus.Corpus`
        Words are kept in the user's cache, so that the next call takes an instant.

    Raises
    ------
    UserError
        If the file cannot be read as text, or holds too little of it.
    """
    if source.source == "shakespeare":
        return shakespeare.load(source.level, source.lower)
    path = Path(source.source)
    content = documents.read_bytes(path)
    if documents.is_table(path):
        reading: str | bool = source.column

        def read() -> list[str]:
            return documents.of_table(path, content, source.column, source.encoding)
    else:
        string = documents.decode(path, content, source.encoding)
        lines = source.lines
        if lines is None:
            lines = documents.one_a_line(string)
        source, reading = replace(source, lines=lines), "lines" if lines else False

        def read() -> list[str]:
            return documents.of_text(string, lines)

    mark = corpus.fingerprint(
        content, corpus.CUTS[source.level], source.lower, source.encoding, reading
    )
    return corpus.assemble(source, mark, lambda: [read()])
