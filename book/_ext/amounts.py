"""How much stands in a part of a page: what its reading time and its height are guessed from."""

from __future__ import annotations

import re
from typing import NamedTuple

from docutils import nodes


class Amount(NamedTuple):
    """What is in sight; what is folded does not count."""

    words: int = 0
    #: Of code, and of what it printed.
    lines: int = 0
    #: On lines of their own.
    formulas: int = 0
    pictures: int = 0

    def __add__(self, other: Amount) -> Amount:
        """Both together."""
        return Amount(*(a + b for a, b in zip(self, other)))


def _folded(node: nodes.Element) -> bool:
    classes = node.get("classes", ())
    return node.tagname == "solution" or (
        "cell_input" in classes and "tag_hide-input" in node.parent["classes"]
    )


def amount(node: nodes.Node) -> Amount:
    """What stands in a node, with all that is in it."""
    if isinstance(node, nodes.math_block):
        return Amount(formulas=1)
    if isinstance(node, nodes.literal_block):
        return Amount(lines=len(node.astext().splitlines()))
    if isinstance(node, nodes.raw):
        return Amount(lines=node.astext().count("<tr"))
    if isinstance(node, nodes.image):
        return Amount(pictures=1)
    if isinstance(node, nodes.Text):
        return Amount(words=len(re.findall(r"\w+", node.astext())))
    if not isinstance(node, nodes.Element) or _folded(node):
        return Amount()
    return sum((amount(child) for child in node.children), Amount())
