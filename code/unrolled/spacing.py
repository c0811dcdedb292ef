"""Cut a line into words and punctuation marks, and join them to the same line again.

A rule says where blanks stand: none before a comma, none after an opening bracket. Where a line
breaks the rule, and only there, a sign among its tokens says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

#: The signs: *no blank stands here*, and *one does*. The tokenizer cuts brackets off, so no word
#: of a text looks like them, and no character does.
SIGNS = GLUE, BLANK = ("<glue>", "<blank>")

# No blank before these, and none after those.
_BACKWARD = re.compile(r"n't|'(s|m|d|ll|re|ve)|[,;:!?%)\]}>»”]|\.+|//.*", re.DOTALL)
_FORWARD = frozenset("([{<«“‘„¿¡$#@")
# A blank on both sides, or on none.
_DASHES = frozenset(["--", *"‒–—―"])
# The first opens, the next closes.
_QUOTES = frozenset(["'", "''", '"', "`", "``", "*"])
# After an apostrophe that stands for their beginning.
_CLIPPED = re.compile(
    "tis|twas|twere|twill|twould|twixt|tween|til|gainst|mongst|em|scaped?|fore|cause|bout|"
    "zounds|sblood|oman"
)
# Halves of one word, which the tokenizer cuts in two.
_HALVES = re.compile(
    "can not|gim me|gon na|got ta|lem me|wan na|d 'ye|more 'n|'t is|'t was"
)


def cut(line: str) -> list[str]:
    """Split a line into words, punctuation marks, and signs for unexpected blanks.

    Returns
    -------
    list of str
        :func:`join` makes the line of it again, each run of white space as one blank.
    """
    words, blanks = _words(line)
    tokens = []
    for word, (expected, blank) in zip(words, _blanks(words, blanks)):
        if blank != expected:
            tokens.append(BLANK if blank else GLUE)
        tokens.append(word)
    return tokens


def join(tokens: Sequence[str], start: int = 0) -> str:
    """Join tokens to text, with blanks where the rule and the signs put them.

    Parameters
    ----------
    tokens : sequence of str
        A sign is about the word that follows; of several in a row, the last one counts.
    start : int
        So many tokens are left out, but not the blank that follows them.
    """
    words = without_signs(tokens)
    said: list[bool | None] = []
    sign = None
    for token in tokens:
        if token in SIGNS:
            sign = token == BLANK
        else:
            said.append(sign)
            sign = None
    pieces = [" " * blank + w for w, (_, blank) in zip(words, _blanks(words, said))]
    return "".join(pieces[len(without_signs(tokens[:start])) :])


def without_signs(tokens: Iterable[str]) -> list[str]:
    """The words among tokens."""
    return [token for token in tokens if token not in SIGNS]


def _words(line: str) -> tuple[list[str], list[bool]]:
    """The words of a line, and whether a blank stands before each."""
    from nltk.tokenize.destructive import NLTKWordTokenizer

    # Don’t is cut as Don't is.
    straight = re.sub(r"(?<=\w)’(?=\w)", "'", line)
    words, blanks, end = [], [], 0
    for found in NLTKWordTokenizer().tokenize(straight):
        start = end
        while line[start].isspace():
            start += 1
        if found in ("``", "''") and not line.startswith(found, start):
            # The tokenizer writes quotation marks as TeX does.
            found = '"' if line[start] == '"' else "''"
        blanks.append(0 < end < start)
        end = start + len(found)
        words.append(line[start:end])
    return words, blanks


def _blanks(
    words: Sequence[str], said: Sequence[bool | None]
) -> Iterator[tuple[bool, bool]]:
    """Say for each word what the rule expects, and what is.

    Parameters
    ----------
    words : sequence of str
    said : sequence of bool or None
        Whether a blank stands before each; None: as expected.

    Yields
    ------
    expected, blank : bool
        Whether a blank is expected before a word, by the words and by the blanks before it, and
        whether one stands there.
    """
    plain = [word.lower().replace("’", "'") for word in words]
    opened: set[str] = set()
    forward, before = True, ""
    for i, (word, after) in enumerate(zip(plain, chain(plain[1:], [""]))):
        clipped = word == "'" and _CLIPPED.fullmatch(after) is not None
        expected = not (forward or _leans_back(before, word, after, opened))
        blank = expected if said[i] is None else i > 0 and said[i]
        yield expected, blank
        if word in _QUOTES:
            forward = blank or clipped or (forward and word not in opened)
            if forward and not clipped:
                opened.add(word)
            else:
                opened.discard(word)
        else:
            forward = word in _FORWARD or (word in _DASHES and not blank)
        before = word


def _leans_back(before: str, word: str, after: str, opened: set[str]) -> bool:
    """Whether no blank is expected between a word and the one before."""
    if word == "'" and word not in opened:
        # It ends a word, unless it begins one or follows a pause.
        return not (_CLIPPED.fullmatch(after) or (after and before in ",;:"))
    if word in _QUOTES:
        return word in opened
    if word in _DASHES or _BACKWARD.fullmatch(word):
        return True
    return _HALVES.fullmatch(f"{before} {word}") is not None
