"""The whole book as an EPUB.

``sphinx -b epub`` does nearly all of it. What is added here makes the file valid EPUB 3: pages that
are XML, and a table of contents that says which of them hold formulas.
"""

from __future__ import annotations

import html
import re
from pathlib import Path
from typing import ClassVar

from sphinx.application import Sphinx
from sphinx.builders.epub3 import Epub3Builder

from finishing import repaired


def as_xml(text: str) -> str:
    """A page of HTML as XML, with no style sheet but the book's own."""
    text = repaired(text)
    text = re.sub(
        r"<(meta|link|img|br|hr|col|input)\b([^>]*?)\s*/?>", r"<\1\2 />", text
    )
    text = re.sub(r"\s*<link[^>]*mystnb[^>]*>", "", text)
    text = text.replace("<math", '<math xmlns="http://www.w3.org/1998/Math/MathML"')
    text = re.sub(r'(<mtable[^>]*) scriptlevel="\d"', r"\1", text)
    named = r"&(?!(?:amp|lt|gt|quot|apos);)\w+;"  # XML knows only these five
    return re.sub(named, lambda entity: html.unescape(entity[0]), text)


class Ebook(Epub3Builder):
    """Write the book as valid EPUB 3."""

    media_types: ClassVar = {
        **Epub3Builder.media_types,
        ".txt": "text/plain",
        ".woff2": "font/woff2",
    }

    def handle_page(self, page: str, context: dict, *args, **options) -> None:
        """Write a page that is XML, with no style sheet but the book's."""
        super().handle_page(page, context, *args, **options)
        path = Path(self.outdir, f"{page}{self.out_suffix}")
        if path.exists():
            path.write_text(as_xml(path.read_text(encoding="utf-8")), encoding="utf-8")

    def build_content(self) -> None:
        """Write the list of files, and say which pages hold formulas."""
        super().build_content()
        path = Path(self.outdir, "content.opf")

        def complete(item: re.Match) -> str:
            page = Path(self.outdir, item[1]).read_text(encoding="utf-8")
            return (
                item[0].replace(" />", ' properties="mathml" />')
                if "<math" in page
                else item[0]
            )

        text = path.read_text(encoding="utf-8")
        text = re.sub(r'<item id="[^"]*" href="([^"]*\.xhtml)"[^>]* />', complete, text)
        path.write_text(text, encoding="utf-8")


def setup(app: Sphinx) -> dict:
    """Add it to Sphinx."""
    app.add_builder(Ebook, override=True)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
