"""The description of a page, for search engines: its first paragraph, or the beginning of it."""

import html

from docutils import nodes
from sphinx.application import Sphinx

#: Search engines show so many characters.
ROOM = 160


def description(tree: nodes.document | None) -> str:
    """The first paragraph that says something, as far as there is room; empty where none does."""
    paragraphs = tree.findall(nodes.paragraph) if tree else ()
    texts = (
        " ".join(p.astext().split())
        for p in paragraphs
        if isinstance(p.parent, nodes.section)
    )
    text = next((text for text in texts if len(text) > 60), "")
    if len(text) > ROOM:
        text = text[: ROOM - 3].rpartition(" ")[0] + " …"
    return text


def describe(app: Sphinx, page: str, _template, context: dict, tree) -> None:
    """Put the description into the head of the page."""
    title = context.get("title", "Index")
    text = description(tree) or (
        f"{title}: from {app.config.project}, an executable textbook."
    )
    tag = f'<meta name="description" content="{html.escape(text)}" />'
    context["metatags"] = context.get("metatags", "") + tag


def setup(app: Sphinx) -> dict:
    """Add it to Sphinx."""
    app.connect("html-page-context", describe)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
