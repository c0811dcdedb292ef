"""``{opening} fig-results``: a chapter's picture at its head, and how long the chapter takes.

The picture is one that the chapter makes further down, and leads there; a chapter that begins with
its picture names none.
"""

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util.docutils import SphinxDirective

from amounts import amount

#: Words that are read in a minute; Brysbaert (2019) finds 238 for prose that is easier than this.
WORDS = 200
#: Seconds for a line of code or of what it printed, and for a formula on a line of its own.
LINE, FORMULA = 3, 15


class opening(nodes.General, nodes.Element):  # noqa: N801  (docutils names nodes so)
    """Where a chapter's opening stands until all of the chapter is known."""


class Opening(SphinxDirective):
    """Mark where the opening stands."""

    optional_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Leave a mark for :func:`open_chapter`."""
        mark = opening(target="".join(self.arguments))
        self.set_source_info(mark)
        return [mark]


def minutes(chapter: nodes.Node) -> int:
    """How long a chapter takes, to five minutes."""
    found = amount(chapter)
    seconds = 60 / WORDS * found.words + LINE * found.lines + FORMULA * found.formulas
    return max(5 * round(seconds / 300), 5)


def picture(document: nodes.document, target: str) -> nodes.reference:
    """A copy of a figure's picture, as a link to the figure.

    Raises
    ------
    ExtensionError
        If the chapter has no such figure.
    """
    for figure in document.findall(nodes.figure):
        if target in figure["ids"]:
            image = next(figure.findall(nodes.image)).deepcopy()
            return nodes.reference("", "", image, refid=target, internal=True)
    raise ExtensionError(f"opening: there is no figure {target} on the page")


def open_chapter(_app: Sphinx, document: nodes.document, _page: str) -> None:
    """Put picture and time where the mark stands."""
    for mark in list(document.findall(opening)):
        time = f"Some {minutes(document)} minutes to read."
        found = [nodes.paragraph("", time, classes=["reading-time"])]
        if target := mark["target"]:
            shown = nodes.paragraph("", "", picture(document, target))
            shown["classes"].append("opening-picture")
            found.insert(0, shown)
        mark.replace_self(found)


def setup(app: Sphinx) -> dict:
    """Add it to Sphinx."""
    app.add_directive("opening", Opening)
    app.add_node(opening)
    app.connect("doctree-resolved", open_chapter)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
