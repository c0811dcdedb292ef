"""Mathematics becomes MathML when the book is built: it needs no script, and copies as text."""

import html
import re
from functools import cache

import math_core
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.logging import getLogger
from sphinx.util.math import get_node_equation_number

logger = getLogger(__name__)


@cache
def to_mathml(latex: str, display: bool, xml: bool) -> str:
    """A formula as browsers take it; in XML it names its language."""
    converter = math_core.LatexToMathML(annotation=True, xml_namespace=xml)
    mathml = converter.convert_with_local_state(latex, displaystyle=display)
    # XML does not know this name.
    mathml = mathml.replace("&ApplyFunction;", "\N{FUNCTION APPLICATION}")
    # Two attributes that browsers take here, and the standard knows elsewhere.
    mathml = mathml.replace(' scriptlevel="0"', "")
    return re.sub(
        r'<mfrac( displaystyle="\w+")>((?:(?!</?mfrac).)*)</mfrac>',
        r"<mstyle\1><mfrac>\2</mfrac></mstyle>",
        mathml,
    )


def _mathml(translator, node: nodes.Element, display: bool) -> str:
    latex, xml = node.astext().strip(), translator.builder.name == "epub"
    try:
        return to_mathml(latex, display, xml)
    except math_core.LatexError as error:
        logger.warning("mathematics: %s", error, location=node)
        return f"<code>{html.escape(node.astext())}</code>"


def visit_math(translator, node: nodes.math) -> None:
    """Write a formula in a line of text."""
    translator.body.append(_mathml(translator, node, display=False))
    raise nodes.SkipNode


def visit_math_block(translator, node: nodes.math_block) -> None:
    """Write a formula on a line of its own, with its number where it has one."""
    translator.body.append(
        translator.starttag(
            {}, "div", ids=node["ids"], CLASS="math-block", role="group"
        )
    )
    translator.body.append(_mathml(translator, node, display=True))
    if node.get("number"):
        number = get_node_equation_number(translator, node)
        translator.body.append(f'<span class="eqno">({number})')
        translator.add_permalink_ref(node, "Link to this equation")
        translator.body.append("</span>")
    translator.body.append("</div>\n")
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict:
    """Add it to Sphinx."""
    app.add_html_math_renderer("mathml", (visit_math, None), (visit_math_block, None))
    app.config.html_math_renderer = "mathml"
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
