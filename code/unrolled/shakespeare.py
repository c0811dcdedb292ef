"""The embedded text: Shakespeare's plays, speech by speech."""

from __future__ import annotations

import lzma
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from unrolled import corpus
from unrolled.corpus import Corpus, Source

SHAKESPEARE = Path(__file__).parent / "data" / "shakespeare.txt.xz"
VALIDATION = ("As You Like It", "King John")
TEST = ("Macbeth", "Much Ado About Nothing")


class Speech(NamedTuple):
    """What one person says in a play until another speaks."""

    play: str
    speaker: str  # in capitals
    # Lines of verse or prose, separated by newlines.
    text: str


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


def load(level: str = "word", lower: bool = False) -> Corpus:
    """Read the plays as sentences; those for validation and for testing are whole plays.

    Parameters
    ----------
    level : {"word", "character"}
        ``word``: a sentence is a list of words and punctuation marks. ``character``: a whole
        speech, after a line with its speaker, is one str.
    lower : bool
        Turn capitals into small letters, once the sentences are found.

    Returns
    -------
    :class:`unrolled.corpus.Corpus`
        Words are kept in the user's cache, so that the next call takes an instant.

    Raises
    ------
    UserError
        If ``level`` is another word.
    """
    source = Source(level=level, lower=lower)
    cut = corpus.CUTS[level]
    mark = corpus.fingerprint(SHAKESPEARE.read_bytes(), cut, lower, VALIDATION, TEST)
    return corpus.assemble(source, mark, lambda: _speeches_by_part(level))


def _speeches_by_part(level: str) -> list[list[str]]:
    """The speeches for training, for validation and for testing."""
    groups: list[list[str]] = [[], [], []]
    for play, speaker, text in speeches():
        said = f"{speaker}\n{text}" if level == "character" else text
        groups[1 if play in VALIDATION else 2 if play in TEST else 0].append(said)
    return groups
