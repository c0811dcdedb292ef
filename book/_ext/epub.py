"""The whole book as an EPUB.

``sphinx -b epub`` does nearly all of it. What is added here makes the file valid EPUB 3.
"""

import re
from pathlib import Path
from typing import ClassVar

from sphinx.application import Sphinx
from sphinx.builders.epub3 import Epub3Builder

from repair import replaced


class Ebook(Epub3Builder):
    """Write the book as valid EPUB 3."""

    media_types: ClassVar = {
        **Epub3Builder.media_types,
        ".txt": "text/plain",
        ".woff2": "font/woff2",
    }

    def build_content(self) -> None:
        """Write the list of files, and say which pages hold formulas."""
        super().build_content()
        path = Path(self.outdir, "content.opf")
        text = path.read_text(encoding="utf-8")
        for item in re.findall(r'<item id="[^"]*" href="[^"]*\.xhtml"[^>]* />', text):
            page = Path(self.outdir, re.search('href="([^"]*)"', item)[1])
            if "<math" in page.read_text(encoding="utf-8"):
                said = replaced(item, " />", ' properties="mathml" />')
                text = replaced(text, item, said)
        path.write_text(text, encoding="utf-8")


def leave_out_styles(app: Sphinx, _page, _template, context: dict, _tree) -> None:
    """Leave out the style of MyST-NB, which is no CSS that a reader's device need know."""
    if app.builder.name == "epub":
        sheets = context["css_files"]
        context["css_files"] = [s for s in sheets if "mystnb" not in str(s.filename)]


def setup(app: Sphinx) -> dict:
    """Add it to Sphinx."""
    app.add_builder(Ebook, override=True)
    app.connect("html-page-context", leave_out_styles)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
