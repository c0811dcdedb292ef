"""Figures have their room before they come, wait for their turn, and are quickly drawn."""

import itertools
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


def outline(d: str) -> tuple[str, float, float] | None:
    """A marker's outline as one that begins anywhere, and where it began; None for a curved one."""
    circle = re.fullmatch(r"M 0 ([\d.]+)\s*(?:C [^A-Z]*){8}z\s*", d)
    if circle:
        r = circle[1]
        half = f"a{r} {r} 0 1 0 {{}}{2 * float(r):g} 0"
        return half.format("") + half.format("-") + "z", -float(r), 0.0
    if re.search(r"[^MLz\s\d.e+-]", d):
        return None
    points = [tuple(map(float, xy)) for xy in re.findall(r"[ML] (\S+) (\S+)", d)]
    steps = [
        f"l{x - before[0]:g} {y - before[1]:g}"
        for before, (x, y) in itertools.pairwise(points)
    ]
    return "".join(steps) + ("z" if "z" in d else ""), *points[0]


def light(svg: str) -> str:
    """Draw the dots of one kind as one path.

    Matplotlib draws each dot as a use of its marker, and of each use a browser makes a small tree
    of its own; a page with a thousand dots waited for them.
    """
    markers = r'<path id="(\w+)" d="([^"]*)"(?: style="([^"]*)")?/>'
    for name, d, own in re.findall(markers, svg):
        if not (found := outline(d)):
            continue
        rest, x0, y0 = found
        use = rf'<use xlink:href="#{name}" x="[^"]*" y="[^"]*" style="([^"]*)"/>'

        def joined(run: re.Match, rest=rest, x0=x0, y0=y0, own=own) -> str:
            places = re.findall(r' x="([^"]*)" y="([^"]*)"', run[0])
            starts = (f"M{float(x) + x0:.2f} {float(y) + y0:.2f}" for x, y in places)
            path = "".join(start + rest for start in starts)
            return f'<path class="dots" d="{path}" style="{run[1]}; {own}"/>'

        # One after another, and alike.
        same = use.replace('style="([^"]*)"', r'style="\1"')
        svg = re.sub(rf"{use}(?:\s*{same})+", joined, svg)
    return svg


def lighten(app: Sphinx, error: Exception | None) -> None:
    """Rewrite the figures of the site.

    Raises
    ------
    ExtensionError
        If no figure has dots: Matplotlib draws them otherwise now, and nothing is gained here.
    """
    if error or app.builder.name != "html":
        return
    found = False
    for path in Path(app.outdir, "_images").glob("*.svg"):
        svg = path.read_text(encoding="utf-8")
        lighter = light(svg)
        if lighter != svg:
            path.write_text(lighter, encoding="utf-8")
        found = found or '<path class="dots"' in lighter
    if not found:
        raise ExtensionError("figures: no dots were found that could be one path")


def setup(app: Sphinx) -> dict:
    """Add it to Sphinx."""
    visitors = visit_image, HTML5Translator.depart_image
    app.add_node(nodes.image, override=True, html=visitors)
    app.connect("build-finished", lighten)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
