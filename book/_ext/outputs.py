"""Where the extensions find the outputs of a page.

``tools/execute.py`` executes pages, and knows when they are out of date. Sphinx never does.
"""

from myst_nb.core.read import is_myst_markdown_notebook
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.errors import ExtensionError

from pages import executed_pages, shown, shown_path
from provenance import Provenance


def provenance_of(page: str) -> Provenance | None:
    """Who made the outputs that a page shows; None where there are none."""
    notebook = shown(page)
    return notebook and Provenance.of(notebook)


def note_outputs(env: BuildEnvironment, page: str) -> None:
    """Read the page at hand anew when the outputs of this one were made anew."""
    env.note_dependency(str(shown_path(page)))


def depend_on_outputs(app: Sphinx, page: str, content: list[str]) -> None:
    """Every page depends on its own outputs."""
    if is_myst_markdown_notebook(content[0]):
        note_outputs(app.env, page)


def refuse_to_execute(_app: Sphinx) -> None:
    """Stop where a page has no outputs: MyST-NB would execute it, for minutes, and unasked."""
    for page in executed_pages():
        if shown(page) is None:
            raise ExtensionError(f"{page} has no outputs: run make html, not Sphinx")


def setup(app: Sphinx) -> dict:
    """Add it to Sphinx."""
    app.connect("builder-inited", refuse_to_execute)
    app.connect("source-read", depend_on_outputs)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
