"""``{widget} NAME`` makes room for a live model, ``_static/widgets/NAME.js``, and writes its data.

They are outputs of the page's own cells.
"""

import html
import re
from pathlib import Path
from typing import ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util.docutils import SphinxDirective

from pages import code_cells, executed_pages, shown
from unrolled.widgets import MIME, script


class widget(nodes.General, nodes.Element):  # noqa: N801  (docutils names nodes so)
    """Where a live model will stand; its children are what to see without scripts."""


class Widget(SphinxDirective):
    """Make room for a live model. The content is for readers without scripts."""

    required_arguments = 1
    final_argument_whitespace = False
    has_content = True
    option_spec: ClassVar = {"label": directives.unchanged_required}

    def run(self) -> list[nodes.Node]:
        """Make the place, and remember that the page needs the script."""
        self.env.metadata[self.env.docname]["widgets"] = "yes"
        place = widget(name=self.arguments[0], label=self.options["label"])
        place += self.parse_content_to_nodes()
        return [place]


def visit_widget(translator, node: widget) -> None:
    """Open the place."""
    name, label = html.escape(node["name"]), html.escape(node["label"])
    translator.body.append(
        f'<div class="widget" data-widget="{name}" role="group" aria-label="{label}">\n'
    )


def depart_widget(translator, node: widget) -> None:
    """Close it."""
    translator.body.append("</div>\n")


def add_script(app: Sphinx, page: str, _template, context: dict, _tree) -> None:
    """Load the scripts of live models only where there are any."""
    if "widgets" in (context.get("meta") or {}):
        app.add_js_file("widgets/core.js", loading_method="defer")


def write_data(app: Sphinx, error: Exception | None) -> None:
    """Write what the chapters' executions gave to their live models, as scripts."""
    if error or app.builder.format != "html":
        return
    folder = Path(app.outdir, "_static", "widgets", "data")
    folder.mkdir(parents=True, exist_ok=True)
    for page in executed_pages():
        outputs = [o for cell in code_cells(shown(page)) for o in cell.outputs]
        for found in filter(None, (o.get("data", {}).get(MIME) for o in outputs)):
            name = found["name"]
            if not re.fullmatch("[a-z-]+", name):
                raise ExtensionError(f"{page}: no name for data: {name!r}")
            text = script(name, found["content"])
            (folder / f"{name}.js").write_text(text, encoding="utf-8")


def setup(app: Sphinx) -> dict:
    """Add it to Sphinx."""
    app.add_directive("widget", Widget)
    app.add_node(widget, html=(visit_widget, depart_widget))
    app.connect("html-page-context", add_script)
    app.connect("build-finished", write_data)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
