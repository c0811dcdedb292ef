"""Where the extensions find the outputs of a page.

``tools/execute.py`` executes pages, and knows when they are out of date. Sphinx never does.
"""

from nbformat import NotebookNode
from nbformat.v4 import reads
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.errors import ExtensionError

from pages import SHOWN, executed_pages


def outputs_of(page: str) -> NotebookNode | None:
    """The page as it was executed; None where it was not."""
    try:
        text = (SHOWN / f"{page}.ipynb").read_text(encoding="utf-8")
    except OSError:
        return None
    return reads(text)


def provenance_of(page: str) -> dict | None:
    """Who made the outputs that a page shows; None where there are none."""
    notebook = outputs_of(page)
    return notebook.metadata.get("unrolled") if notebook else None


def note_outputs(env: BuildEnvironment, page: str) -> None:
    """Read the page at hand anew when the outputs of this one were made anew."""
    if (path := SHOWN / f"{page}.ipynb").exists():
        env.note_dependency(str(path))


def depend_on_outputs(app: Sphinx, page: str, _content: list[str]) -> None:
    """Every page depends on its own outputs."""
    note_outputs(app.env, page)


def refuse_to_execute(_app: Sphinx) -> None:
    """Stop where a page has no outputs: MyST-NB would execute it, for minutes, and unasked."""
    for page in executed_pages():
        if provenance_of(page) is None:
            raise ExtensionError(f"{page} has no outputs: run make html, not Sphinx")


def setup(app: Sphinx) -> dict:
    """Add it to Sphinx."""
    app.connect("builder-inited", refuse_to_execute)
    app.connect("source-read", depend_on_outputs)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
