"""What the search finds: sections, terms and functions, each with its title and its words.

``_static/search.js`` ranks them. Sphinx's own index knows which words stand on a page, but not in
which section, and what every chapter speaks of it puts in the order of titles.
"""

import json
from collections.abc import Iterator
from pathlib import Path

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx

DATA = "_static/search-data.js"


def words(node: nodes.Node) -> Iterator[str]:
    """What stands in a node, without subsections and what code printed."""
    if isinstance(node, nodes.Text):
        yield node.astext()
    elif not isinstance(node, nodes.section) and "cell_output" not in node["classes"]:
        for child in node.children:
            yield from words(child)


def first_paragraph(node: nodes.Element) -> str:
    """What a section, a term's definition or a function's description says first."""
    found = (child for child in node.children if isinstance(child, nodes.paragraph))
    return next((child.astext() for child in found), "")


def places(page: str, doctree: nodes.document) -> Iterator[dict[str, str]]:
    """Every place of a page that a search can lead to, from top to bottom."""
    chapter = None
    for node in doctree.findall(nodes.Element):
        if isinstance(node, nodes.section):
            name, body = node, node
            text = " ".join(part for child in node[1:] for part in words(child))
        elif isinstance(node, nodes.definition_list_item | addnodes.desc):
            # A term and what it means, a function and what it does.
            name, body, text = node[0], node[-1], ""
        else:
            continue
        if name["ids"]:
            is_section = name is node
            title = name[0].astext() if is_section else name.astext()
            is_function = isinstance(name, addnodes.desc_signature)
            yield {
                "page": page,
                # A page is led to by its own name.
                "id": name["ids"][0] if chapter else "",
                "title": name["ids"][0] if is_function else title,
                "chapter": chapter or "",
                "first": first_paragraph(body),
                "text": text,
            }
            chapter = chapter or title


def write(app: Sphinx, error: Exception | None) -> None:
    """Write all places, as a script: a page opened from disk may load no other data."""
    if error or app.builder.name != "html":
        return
    found = [
        place
        for page in sorted(app.env.found_docs)
        for place in places(page, app.env.get_doctree(page))
    ]
    data = json.dumps(found, ensure_ascii=False, indent=0)
    Path(app.outdir, DATA).write_text(f"window.unrolledPlaces = {data};\n", "utf-8")


def setup(app: Sphinx) -> dict:
    """Add it to Sphinx."""
    app.connect("build-finished", write)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
