"""Valid HTML, and names for what screen readers announce, where docutils, Sphinx and MyST-NB write
neither. Each is a finding of the W3C's validator or of axe.
"""

import html

from docutils import nodes
from myst_nb.sphinx_ import HideCodeCellNode
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.writers.html5 import HTML5Translator

from repair import replaced

#: docutils writes it into each page, and the theme does so already.
VIEWPORT = '<meta name="viewport" content="width=device-width, initial-scale=1" />\n'


class FreeLists(SphinxPostTransform):
    """Take lists out of paragraphs, where autodoc puts the things that a function returns."""

    default_priority = 100

    def run(self, **kwargs: object) -> None:
        """Do so in one document."""
        for one in list(self.document.findall(nodes.bullet_list)):
            if isinstance(one.parent, nodes.paragraph):
                one.parent.replace_self(one)


def visit_citation(translator, node: nodes.citation) -> None:
    """Write a source as an item of the list that it stands in."""
    if not isinstance(node.previous_sibling(), nodes.citation):
        translator.body.append('<div role="list" class="citation-list">\n')
    translator.body.append(
        translator.starttag(node, "div", classes=["citation"], role="listitem")
    )


def visit_entry(translator, node: nodes.entry) -> None:
    """Write an empty head of a column as an empty cell, which heads nothing."""
    if isinstance(node.parent.parent, nodes.thead) and not node.astext():
        node.parent.column += 1
        translator.body.append("<td></td>\n")
        raise nodes.SkipNode
    HTML5Translator.visit_entry(translator, node)


def visit_title(translator, node: nodes.title) -> None:
    """Write the title of a table of contents as a heading that has a level."""
    parent = node.parent
    if not (isinstance(parent, addnodes.compact_paragraph) and parent.get("toctree")):
        return HTML5Translator.visit_title(translator, node)
    level = {"aria-level": "2"}
    translator.body.append(
        translator.starttag(node, "p", "", CLASS="caption", role="heading", **level)
        + '<span class="caption-text">'
    )
    translator.context.append("</span></p>\n")


def visit_hidden_code(translator, node: HideCodeCellNode) -> None:
    """Open a box around code, whose summary says what it does in its own words."""
    classes = " ".join(["admonition", "hide", *node["classes"]])
    show, hide = html.escape(node["prompt_show"]), html.escape(node["prompt_hide"])
    translator.body.append(
        f'<details class="{classes}">\n<summary>\n<span class="collapsed">{show}</span>\n'
        f'<span class="expanded">{hide}</span>\n</summary>\n'
    )


def depart_hidden_code(translator, node: HideCodeCellNode) -> None:
    """Close it."""
    translator.body.append("</details>\n")


def one_viewport(app: Sphinx, _page, _template, context: dict, tree) -> None:
    """Leave to the theme what it says, too."""
    if tree:
        context["metatags"] = replaced(context["metatags"], VIEWPORT, "")


def setup(app: Sphinx) -> dict:
    """Add it to Sphinx, in the place of what is there."""
    ours = HTML5Translator
    for node, visit, depart in (
        (nodes.citation, visit_citation, ours.depart_citation),
        (nodes.entry, visit_entry, ours.depart_entry),
        (nodes.title, visit_title, ours.depart_title),
        (HideCodeCellNode, visit_hidden_code, depart_hidden_code),
    ):
        app.add_node(node, override=True, html=(visit, depart))
    app.add_post_transform(FreeLists)
    app.connect("html-page-context", one_viewport)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
