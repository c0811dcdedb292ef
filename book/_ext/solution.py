"""``{solution}`` hides the rest of its section until the reader opens it."""

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform
from sphinx.util.docutils import SphinxDirective


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


def setup(app: Sphinx) -> dict:
    """Add it to Sphinx."""
    app.add_directive("solution", Solution)
    app.add_node(solution, html=(visit_solution, depart_solution))
    app.add_transform(GatherSolutions)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
