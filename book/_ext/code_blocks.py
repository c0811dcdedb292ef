"""Blocks of code as pages show them: light, and of a known height."""

from collections.abc import Iterable
from functools import partial
from typing import TextIO

from pygments.formatters import HtmlFormatter
from pygments.styles import get_style_by_name
from pygments.token import STANDARD_TYPES, Text, _TokenType
from sphinx.application import Sphinx


def plain_kinds(*styles: str) -> set[_TokenType]:
    """The kinds of words that look, in all these styles, like the block that they stand in."""
    looks = [get_style_by_name(style).style_for_token for style in styles]
    return {
        kind
        for kind in STANDARD_TYPES
        if all(look(kind) == look(Text) for look in looks)
    }


class LightFormatter(HtmlFormatter):
    """Write code with marks only on words that have a look of their own.

    The other marks would be half of all elements of a chapter: without them the browser is sooner
    done. And a block says how many lines it has, so that it has its height before it is drawn (see
    unrolled.css).
    """

    def __init__(self, plain: set[_TokenType], **options) -> None:
        super().__init__(**options)
        self.plain = plain

    def format(
        self, tokensource: Iterable[tuple[_TokenType, str]], outfile: TextIO
    ) -> None:
        """Write one block."""
        tokens = [
            (Text if kind in self.plain else kind, text) for kind, text in tokensource
        ]
        lines = sum(text.count("\n") for _, text in tokens)
        self.prestyles = f"--lines: {lines}"
        super().format(tokens, outfile)


def use_light_formatter(app: Sphinx) -> None:
    """Write the code of the site so."""
    if app.builder.name == "html":
        options = app.config.html_theme_options
        styles = (options[f"pygments_{mode}_style"] for mode in ("light", "dark"))
        plain = plain_kinds(*styles)
        app.builder.highlighter.formatter = partial(LightFormatter, plain)


def setup(app: Sphinx) -> dict:
    """Add it to Sphinx."""
    app.connect("builder-inited", use_light_formatter)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
