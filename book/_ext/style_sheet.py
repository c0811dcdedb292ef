"""All style sheets in one: each is a round trip before anything is seen."""

import re
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

SHEET = "_static/book.css"

#: What pages would link to, without this.
_sheets: list[str] = []


def link_one(app: Sphinx, _page, _template, context: dict, _tree) -> None:
    """Give a page one sheet, and keep the names of those that it would have had."""
    if app.builder.name == "html":
        sheets = sorted(context["css_files"], key=lambda sheet: sheet.priority)
        _sheets[:] = [str(sheet.filename) for sheet in sheets]
        context["css_files"] = [SHEET]


def _read(path: Path) -> str:
    """A sheet as it can stand among others.

    Raises
    ------
    ExtensionError
        If it names files beside it: the one sheet stands elsewhere, and would not find them.
    """
    text = path.read_text(encoding="utf-8")
    beside = r"""@import|url\((?!\s*["']?(data:|#))"""
    if path.parent.name != "_static" and re.search(beside, text):
        raise ExtensionError(f"style_sheet: {path.name} names files beside it")
    return re.sub(r'@charset "[^"]*";|/\*# sourceMappingURL=.*?\*/', "", text)


def write(app: Sphinx, error: Exception | None) -> None:
    """Write the one sheet: every build writes some pages, such as 404.html, and has the names."""
    if error or app.builder.name != "html":
        return
    together = "\n".join(_read(Path(app.outdir, name)) for name in _sheets)
    Path(app.outdir, SHEET).write_text(together, encoding="utf-8")


def setup(app: Sphinx) -> dict:
    """Add it to Sphinx, after the theme, which names its sheets and writes the colors of code."""
    app.connect("html-page-context", link_one, priority=900)
    app.connect("build-finished", write, priority=900)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
