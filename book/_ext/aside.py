"""``{aside}``: a remark that stands in the margin where there is room, else below its paragraph."""

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective


class Aside(SphinxDirective):
    """Set a remark aside; the theme's ``margin`` gives each an empty title."""

    has_content = True

    def run(self) -> list[nodes.Node]:
        """Make the remark."""
        remark = nodes.sidebar(classes=["margin"])
        remark += self.parse_content_to_nodes()
        return [remark]


def setup(app: Sphinx) -> dict:
    """Add it to Sphinx."""
    app.add_directive("aside", Aside)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
