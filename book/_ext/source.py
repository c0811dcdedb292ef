"""``{source} unrolled.network.softmax`` shows code as it stands in the tested package.

Docstrings are cut to one line.
"""

import ast
import importlib
import inspect
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective


def shown_source(dotted: str) -> tuple[Path, str]:
    """The file and the code of ``unrolled.MODULE.NAME``, with docstrings of one line.

    Raises
    ------
    AttributeError, ImportError
        If there is no such thing.
    """
    module_name, _, name = dotted.rpartition(".")
    thing = getattr(importlib.import_module(module_name), name)
    return Path(inspect.getsourcefile(thing)), shortened(inspect.getsource(thing))


def shortened(source: str) -> str:
    """Code with docstrings of one line."""
    lines = source.splitlines()
    for node in reversed(list(ast.walk(ast.parse(source)))):
        if not isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            continue
        said, _, more = (ast.get_docstring(node) or "").partition("\n")
        if more:
            first = node.body[0]
            prefix = "r" if "\\" in said else ""
            quoted = " " * first.col_offset + f'{prefix}"""{said}"""'
            lines[first.lineno - 1 : first.end_lineno] = [quoted]
    return "\n".join(lines) + "\n"


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


def setup(app: Sphinx) -> dict:
    """Add it to Sphinx."""
    app.add_directive("source", Source)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
