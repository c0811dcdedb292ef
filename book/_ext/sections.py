"""Sections are laid out when they come near the window, and have about their height before.

A chapter is thirty screens; to lay out all of it before the first is shown took most of the time
until one could read. ``unrolled.css`` makes a height of the amounts that are given here.
"""

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.writers.html5 import HTML5Translator

from amounts import amount
from repair import replaced


def visit_section(translator: HTML5Translator, node: nodes.section) -> None:
    """Write what stands in a section that lies directly in the page's own."""
    HTML5Translator.visit_section(translator, node)
    page = node.parent
    if translator.builder.name != "html" or not (
        isinstance(page, nodes.section) and isinstance(page.parent, nodes.document)
    ):
        return
    found = amount(node)._asdict().items()
    style = "; ".join(f"--{name}: {number}" for name, number in found)
    opened = f'<section style="{style}"'
    translator.body[-1] = replaced(translator.body[-1], "<section", opened)


def setup(app: Sphinx) -> dict:
    """Add it to Sphinx."""
    visitors = visit_section, HTML5Translator.depart_section
    app.add_node(nodes.section, override=True, html=visitors)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
