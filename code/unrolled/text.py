"""Read any text: the embedded plays by their name, any other by its path."""

from __future__ import annotations

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
    column = documents.is_csv(path) and source.column
    mark = corpus.fingerprint(
        content, source.level, source.lower, source.encoding, column
    )
    return corpus.assemble(
        source,
        mark,
        lambda: [documents.split(path, content, source.column, source.encoding)],
    )
