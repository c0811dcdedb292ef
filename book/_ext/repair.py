"""Repairs of text that others write, and that nothing but its words gives a hold on.

Each fails where it finds nothing to repair. Templates have it as a filter:
``{{ super() | replaced("what the theme writes", "what it should be") }}``.
"""

from sphinx.application import Sphinx
from sphinx.errors import ExtensionError


def replaced(text: str, old: str, new: str) -> str:
    """The text with ``new`` for the first ``old``.

    Raises
    ------
    ExtensionError
        If there is no ``old``: who wrote it writes something else now, and the repair is void.
    """
    before, found, after = text.partition(old)
    if not found:
        raise ExtensionError(f"there is no {old!r} here to replace by {new!r}")
    return before + new + after


def add_filter(app: Sphinx) -> None:
    """Give it to the templates."""
    if templates := getattr(app.builder, "templates", None):
        templates.environment.filters["replaced"] = replaced


def setup(app: Sphinx) -> dict:
    """Add it to Sphinx."""
    app.connect("builder-inited", add_filter)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
