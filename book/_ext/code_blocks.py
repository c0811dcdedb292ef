"""Blocks of code as pages show them: light, of a known height, and copied to suit a prompt."""

import ast
from collections.abc import Iterable, Iterator
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


def for_a_prompt(code: str) -> tuple[set[int], set[int]]:
    """The blank lines that Python's prompt can do without, and the lines after which it needs one.

    A prompt, up to Python 3.12, takes a blank line for the end of a function, and no other line.
    Lines have numbers from 1 on; in what is no Python, there are none.
    """
    try:
        statements = ast.parse(code).body
    except SyntaxError:
        return set(), set()
    blank = {n for n, line in enumerate(code.split("\n"), 1) if not line.strip()}
    within, ends = set(), set()
    for one in statements:
        within |= {*range(one.lineno, one.end_lineno)} - _in_strings(one)
        # What has statements of its own.
        if hasattr(one, "body") or hasattr(one, "cases"):
            ends.add(one.end_lineno)
    # Behind the last line stands a newline, and what may look like another line.
    last = len(code.rstrip().split("\n"))
    return blank & within, {n for n in ends if n == last or n + 1 not in blank}


def _in_strings(tree: ast.AST) -> set[int]:
    """The lines that begin in a string."""
    strings = (n for n in ast.walk(tree) if isinstance(n, ast.Constant | ast.JoinedStr))
    return {line for s in strings for line in range(s.lineno + 1, s.end_lineno + 1)}


class LightFormatter(HtmlFormatter):
    """Write code with marks only on words that have a look of their own.

    The other marks would be half of all elements of a chapter: without them the browser is sooner
    done. And a block says how many lines it has, so that it has its height before it is drawn (see
    unrolled.css). The button that copies leaves out what is marked with the class "skip", and takes
    what is hidden.
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
        self.code = "".join(text for _, text in tokens)
        self.prestyles = f"--lines: {self.code.count(chr(10))}"
        super().format(tokens, outfile)

    def wrap(self, source: Iterable[tuple[int, str]]) -> Iterator[tuple[int, str]]:
        """Put the lines into their element."""
        return super().wrap(self._marked(source))

    def _marked(self, source: Iterable[tuple[int, str]]) -> Iterator[tuple[int, str]]:
        """Mark what a prompt can do without, and add what it needs."""
        needless, ends = for_a_prompt(self.code)
        for number, (kind, line) in enumerate(source, 1):
            marked = f'<span class="skip">{line}</span>' if number in needless else line
            yield kind, marked + "<span hidden>\n</span>" * (number in ends)


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
