"""What the book adds to Sphinx.

``{source} unrolled.network.softmax``
    shows a function or class as it stands in the tested package, its docstring cut to one line.
``{solution}``
    hides the rest of its section until the reader opens it.
``{provenance}``
    says where and when the outputs of a page were made.
``{executed-pages}``
    lists that for all pages.
``{widget} NAME``
    makes room for the live model ``_static/widgets/NAME.js``, fed by the page's own outputs.

Mathematics becomes MathML when the site is built: it needs no script, and copies as text.
"""

from __future__ import annotations

import ast
import html
import importlib
import inspect
import re
from datetime import date
from functools import cache
from pathlib import Path
from typing import ClassVar

import math_core
from docutils import nodes
from docutils.parsers.rst import directives
from myst_nb.core.read import is_myst_markdown_notebook
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.transforms import SphinxTransform
from sphinx.util.docutils import SphinxDirective
from sphinx.util.logging import getLogger
from sphinx.util.math import get_node_equation_number

from pages import BOOK, executed_pages, shown, shown_path
from provenance import Provenance
from unrolled.widgets import MIME, script

logger = getLogger(__name__)

# ------------------------------------------------------------------------------- mathematics


@cache
def _to_mathml(latex: str, display: bool) -> str:
    converter = math_core.LatexToMathML(annotation=True)
    mathml = converter.convert_with_local_state(latex, displaystyle=display)
    # Two attributes that browsers take here, and the standard knows elsewhere.
    mathml = mathml.replace(' scriptlevel="0"', "")
    return re.sub(
        r'<mfrac( displaystyle="\w+")>((?:(?!</?mfrac).)*)</mfrac>',
        r"<mstyle\1><mfrac>\2</mfrac></mstyle>",
        mathml,
    )


def _mathml(translator, node: nodes.Element, display: bool) -> str:
    try:
        return _to_mathml(node.astext().strip(), display)
    except math_core.LatexError as error:
        logger.warning("mathematics: %s", error, location=node)
        return f"<code>{html.escape(node.astext())}</code>"


def visit_math(translator, node: nodes.math) -> None:
    """Write a formula in a line of text."""
    translator.body.append(_mathml(translator, node, display=False))
    raise nodes.SkipNode


def visit_math_block(translator, node: nodes.math_block) -> None:
    """Write a formula on a line of its own, with its number where it has one."""
    # The theme puts formulas into boxes that have their ids already.
    named = [] if node.parent.get("ids") == node["ids"] else node["ids"]
    translator.body.append(
        translator.starttag({}, "div", ids=named, CLASS="math-block", role="group")
    )
    translator.body.append(_mathml(translator, node, display=True))
    if node.get("number"):
        number = get_node_equation_number(translator, node)
        translator.body.append(f'<span class="eqno">({number})')
        translator.add_permalink_ref(node, "Link to this equation")
        translator.body.append("</span>")
    translator.body.append("</div>\n")
    raise nodes.SkipNode


# ------------------------------------------------------------------------- the package's code


def shown_source(dotted: str) -> tuple[Path, str]:
    """The file and the code of ``unrolled.MODULE.NAME``, with a docstring of one line.

    Raises
    ------
    AttributeError, ImportError
        If there is no such thing.
    """
    module_name, _, name = dotted.rpartition(".")
    thing = getattr(importlib.import_module(module_name), name)
    source = inspect.getsource(thing)
    lines = source.splitlines()
    for node in reversed(list(ast.walk(ast.parse(source)))):
        if not isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            continue
        docstring = ast.get_docstring(node)
        if docstring and "\n" in docstring:
            first = node.body[0]
            indent = " " * first.col_offset
            prefix = "r" if "\\" in docstring.splitlines()[0] else ""
            quoted = f'{indent}{prefix}"""{docstring.splitlines()[0]}"""'
            lines[first.lineno - 1 : first.end_lineno] = [quoted]
    return Path(inspect.getsourcefile(thing)), "\n".join(lines) + "\n"


class Source(SphinxDirective):
    """Show a function or class from the tested package."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Make the block, with a caption that links to the reference."""
        dotted = self.arguments[0]
        try:
            path, code = shown_source(dotted)
        except (AttributeError, ImportError) as error:
            raise self.error(f"source: {error}") from error
        self.env.note_dependency(str(path))
        block = nodes.literal_block(code, code, language="python")
        self.set_source_info(block)
        name = dotted.rpartition(".")[2]
        text = f"{{py:obj}}`{name} <{dotted}>`, from `code/unrolled/{path.name}`"
        caption = nodes.paragraph(classes=["source-caption"])
        caption += self.parse_inline(text)[0]
        return [nodes.container("", caption, block, classes=["package-source"])]


# ----------------------------------------------------------------------------------- solutions


class solution(nodes.General, nodes.Element):  # noqa: N801  (docutils names nodes so)
    """What an exercise's reader opens when ready."""


class Solution(SphinxDirective):
    """Mark where the solution of an exercise begins. It ends with its section."""

    def run(self) -> list[nodes.Node]:
        """Leave a mark for :class:`GatherSolutions`."""
        return [solution()]


class GatherSolutions(SphinxTransform):
    """Move all that follows a solution's mark into it.

    (MyST-NB knows code cells at the top level only, so the mark cannot enclose them.)
    """

    default_priority = 10

    def apply(self, **kwargs: object) -> None:
        """Gather the nodes."""
        for mark in list(self.document.findall(solution)):
            rest = mark.parent.children[mark.parent.index(mark) + 1 :]
            for node in rest:
                mark.parent.remove(node)
            mark.extend(rest)


def visit_solution(translator, node: solution) -> None:
    """Open a box that needs no script."""
    translator.body.append('<details class="solution"><summary>Solution</summary>\n')


def depart_solution(translator, node: solution) -> None:
    """Close it."""
    translator.body.append("</details>\n")


# ---------------------------------------------------------------------------------- provenance


def provenance_of(page: str) -> Provenance | None:
    """Who made the outputs that a page shows; None where there are none."""
    notebook = shown(page)
    return notebook and Provenance.of(notebook)


def _day(iso: str) -> str:
    day = date.fromisoformat(iso)
    return f"{day:%B} {day.day}, {day.year}"


def _versions(made: Provenance) -> str:
    return ", ".join(f"{name} {number}" for name, number in made.versions.items())


def _machine(made: Provenance) -> str:
    if made.device == "gpu":
        driver = f", driver {made.driver}" if made.driver else ""
        return f"a GPU ({made.name}{driver})"
    return f"a CPU ({made.name}, {made.cores} cores)"


def _seconds(seconds: float) -> str:
    return f"{seconds:,.0f}"


class ProvenanceLine(SphinxDirective):
    """Say where and when the outputs of this page were made."""

    def run(self) -> list[nodes.Node]:
        """Make the lines at the foot of the page."""
        made = provenance_of(self.env.docname)
        if made is None:
            return []
        commit = f", commit {made.commit}" if made.commit else ""
        text = (
            f"The outputs on this page were made on {_day(made.date)} on {_machine(made)} "
            f"in {_seconds(made.seconds)} s, with {_versions(made)}; "
            f"budget “{made.budget}”{commit}. "
        )
        if made.frozen:
            text += "They were frozen then, and are shown as they were."
        else:
            text += "They were made for this build of the site."
        if made.stale:
            text += (
                f" Its frozen outputs are out of date ({made.stale}), and not shown."
            )
        return [nodes.paragraph(text, text, classes=["provenance"])]


class ExecutedPages(SphinxDirective):
    """List all executed pages: device, day, seconds; and the versions they were made with."""

    def run(self) -> list[nodes.Node]:
        """Make the table."""
        rows = [
            "| page | device | made on | frozen | seconds |",
            "|:--|:--|:--|:--|--:|",
        ]
        total, versions = 0.0, set()
        order = (BOOK / "index.md").read_text(encoding="utf-8")
        for page in sorted(
            executed_pages(), key=lambda page: order.find(f"\n{page}\n")
        ):
            if made := provenance_of(page):
                self.env.note_dependency(str(shown_path(page)))
                total += made.seconds
                versions.add(_versions(made))
                frozen = "yes" if made.frozen else "no, stale" if made.stale else "no"
                rows.append(
                    f"| {{doc}}`/{page}` | {_machine(made)} | {_day(made.date)} "
                    f"| {frozen} | {_seconds(made.seconds)} |"
                )
        rows.append(f"| **all** | | | | **{_seconds(total)}** |")
        rows += ["", *(f"Made with {one}." for one in sorted(versions))]
        return self.parse_text_to_nodes("\n".join(rows))


# --------------------------------------------------------------------------------- live models


class widget(nodes.General, nodes.Element):  # noqa: N801
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


def add_widget_script(app: Sphinx, page: str, _template, context: dict, _tree) -> None:
    """Load the scripts of live models only where there are any."""
    if "widgets" in (context.get("meta") or {}):
        app.add_js_file("widgets/core.js", loading_method="defer")


def write_widget_data(app: Sphinx, error: Exception | None) -> None:
    """Write what the chapters' executions gave to their live models, as scripts."""
    if error or app.builder.format != "html":
        return
    folder = Path(app.outdir, "_static", "widgets", "data")
    folder.mkdir(parents=True, exist_ok=True)
    for page in executed_pages():
        for cell in shown(page).cells:
            for output in cell.get("outputs", []):
                if found := output.get("data", {}).get(MIME):
                    if not re.fullmatch("[a-z-]+", found["name"]):
                        raise ExtensionError(
                            f"{page}: no name for data: {found['name']!r}"
                        )
                    text = script(found["name"], found["content"])
                    (folder / f"{found['name']}.js").write_text(text, encoding="utf-8")


def depend_on_outputs(app: Sphinx, docname: str, content: list[str]) -> None:
    """Build a page anew when its outputs were made anew."""
    if is_myst_markdown_notebook(content[0]):
        app.env.note_dependency(str(shown_path(docname)))


def refuse_to_execute(app: Sphinx) -> None:
    """Stop where a page has no outputs: MyST-NB would execute it now, for minutes, and unasked."""
    for page in executed_pages():
        if provenance_of(page) is None:
            raise ExtensionError(f"{page} has no outputs: run make html, not Sphinx")


def setup(app: Sphinx) -> dict:
    """Add all this to Sphinx."""
    app.add_html_math_renderer("mathml", (visit_math, None), (visit_math_block, None))
    app.add_directive("source", Source)
    app.add_directive("solution", Solution)
    app.add_node(solution, html=(visit_solution, depart_solution))
    app.add_transform(GatherSolutions)
    app.add_directive("widget", Widget)
    app.add_node(widget, html=(visit_widget, depart_widget))
    app.connect("html-page-context", add_widget_script)
    app.connect("build-finished", write_widget_data)
    app.add_directive("provenance", ProvenanceLine)
    app.add_directive("executed-pages", ExecutedPages)
    app.connect("builder-inited", refuse_to_execute)
    app.connect("source-read", depend_on_outputs)
    app.config.html_math_renderer = "mathml"
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
