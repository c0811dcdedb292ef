"""Figures have their room before they come, wait for their turn, and are quickly drawn."""

import re
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.writers.html5 import HTML5Translator

from repair import replaced


def size(picture: Path) -> tuple[int, int] | None:
    """Width and height of an SVG in CSS pixels; Matplotlib gives points, 4/3 of a pixel each."""
    if picture.suffix != ".svg":
        return None
    head = re.search(r"<svg[^>]*>", picture.read_text(encoding="utf-8"))[0]
    found = [re.search(rf'\b{side}="([\d.]+)pt"', head) for side in ("width", "height")]
    return tuple(round(float(it[1]) * 4 / 3) for it in found) if all(found) else None


def visit_image(translator, node: nodes.image) -> None:
    """Write a figure with its size, so that nothing moves when it comes. The later ones wait.

    It links to its file, which page.js shows large, over the page.
    """
    path = Path(translator.builder.srcdir, node["uri"])
    HTML5Translator.visit_image(translator, node)
    if translator.builder.name != "html":
        return
    first = next(translator.document.findall(nodes.image))
    more = ' decoding="async"' + ("" if node is first else ' loading="lazy"')
    if found := size(path):
        more += f' width="{found[0]}" height="{found[1]}"'
    image = replaced(translator.body[-1], "<img", f"<img{more}")
    if _in_figure(node):
        image = f'<a class="enlarge" href="{node["uri"]}">{image}</a>'
    translator.body[-1] = image


def _in_figure(node: nodes.Node) -> bool:
    """Whether a node belongs to a figure."""
    return node is not None and (
        isinstance(node, nodes.figure) or _in_figure(node.parent)
    )


def light(svg: str) -> str:
    """Draw the dots of a figure as circles.

    Matplotlib draws each dot as a use of one path, and of each use a browser makes a small tree of
    its own, which takes it longer than a circle.
    """
    dots = r'<path id="(\w+)" d="M 0 ([\d.]+) (?:\s*C [^"A-Z]*){8}z\s*"(?: style="([^"]*)")?/>'
    for dot in re.finditer(dots, svg):
        name, radius, style = dot.groups("")
        svg = re.sub(
            rf'<use xlink:href="#{name}" x="([^"]*)" y="([^"]*)" style="([^"]*)"/>',
            rf'<circle cx="\1" cy="\2" r="{radius}" style="\3; {style}"/>',
            svg,
        )
    return svg


def lighten(app: Sphinx, error: Exception | None) -> None:
    """Rewrite the figures of the site.

    Raises
    ------
    ExtensionError
        If no figure has a dot: Matplotlib draws them otherwise now, and nothing is gained here.
    """
    if error or app.builder.name != "html":
        return
    found = False
    for path in Path(app.outdir, "_images").glob("*.svg"):
        svg = path.read_text(encoding="utf-8")
        lighter = light(svg)
        if lighter != svg:
            path.write_text(lighter, encoding="utf-8")
        found = found or "<circle" in lighter
    if not found:
        raise ExtensionError("figures: no dot was found that could be a circle")


def setup(app: Sphinx) -> dict:
    """Add it to Sphinx."""
    visitors = visit_image, HTML5Translator.depart_image
    app.add_node(nodes.image, override=True, html=visitors)
    app.connect("build-finished", lighten)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
