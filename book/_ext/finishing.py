"""What every page gets beyond what Sphinx and the theme write: a description, room for figures, one
style sheet, and the small repairs without which a screen reader stumbles.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx

#: What the theme and MyST-NB write, and what it should be. Each is a finding of axe or of the
#: W3C's validator, but the first: were the scripts at the end of a page to change the class of its
#: root, as the theme's do, the style of every element would be found anew.
REPAIRS = [
    (
        r'(<meta charset="utf-8">)(?!<script>)',
        r'\1<script>document.documentElement.className = "drawers"</script>',
    ),
    (r'<meta name="viewport" content="width=device-width, initial-scale=1" />', r""),
    (r'\s*<link rel="prefetch" [^>]*>', r""),
    (r'role="doc-biblioentry"', r'role="listitem"'),
    (
        r'<p class="caption" role="heading">',
        r'<p class="caption" role="heading" aria-level="2">',
    ),
    (
        r'<aside class="sidebar-drawer">',
        r'<aside class="sidebar-drawer" aria-label="Chapters">',
    ),
    (
        r'<aside class="toc-drawer',
        r'<aside aria-label="On this page" class="toc-drawer',
    ),
    (r'<summary aria-label="Toggle hidden content">', r"<summary>"),
    (
        r'<p class="(collapsed|expanded) admonition-title">(.*?)</p>',
        r'<span class="\1">\2</span>',
    ),
    (r"<p>(<ul\b[^>]*>.*?</ul>)\s*</p>", r"\1"),
    (r"<th[^>]*><p></p></th>", r"<td></td>"),
    (
        r'<div id="search-results"></div>',
        r'<h1>Search</h1><div id="search-results"></div>',
    ),
]


def repaired(text: str) -> str:
    """A page without what a screen reader, or a validator, would stumble over."""
    for old, new in REPAIRS:
        text = re.sub(old, new, text, flags=re.S)
    return text


def describe(app: Sphinx, page: str, _template, context: dict, tree) -> None:
    """Say in the page's head what it is about: its first paragraph, as far as 160 characters go."""
    paragraphs = tree.findall(nodes.paragraph) if tree else ()
    text = next((p.astext() for p in paragraphs if len(p.astext()) > 60), "")
    text = " ".join(text.split())
    if len(text) > 160:
        text = text[:157].rpartition(" ")[0] + " …"
    text = (
        text
        or f"{context.get('title', 'Index')}: from {app.config.project}, an executable textbook."
    )
    described = f'<meta name="description" content="{html.escape(text)}">'
    if 'name="description"' not in context.get("metatags", ""):
        context["metatags"] = context.get("metatags", "") + described


def _size(picture: Path) -> tuple[int, int] | None:
    """Width and height of an SVG in CSS pixels; Matplotlib gives points, 4/3 of a pixel each."""
    if picture.suffix != ".svg":
        return None
    head = re.search(r"<svg[^>]*>", picture.read_text(encoding="utf-8"))[0]
    found = [re.search(rf'\b{side}="([\d.]+)pt"', head) for side in ("width", "height")]
    if not all(found):
        return None
    width, height = (round(float(side[1]) * 4 / 3) for side in found)
    return width, height


def _room_for_figures(text: str, folder: Path) -> str:
    """Give figures their size, so that nothing moves when they come; the later ones wait."""
    count = 0

    def complete(tag: re.Match) -> str:
        nonlocal count
        source = re.search(r'src="([^"]+)"', tag[0])[1]
        if "_images/" not in source or "decoding=" in tag[0]:
            return tag[0]
        more = ' decoding="async"' + (' loading="lazy"' if count else "")
        count += 1
        if size := _size((folder / source).resolve()):
            more += f' width="{size[0]}" height="{size[1]}"'
        return f"<img{more}{tag[0][4:]}"

    return re.sub(r"<img [^>]*>", complete, text)


def _light_code(text: str) -> str:
    """Leave out the marks of words in blocks of code that have the color of the block itself.

    They are half of all elements of a chapter: without them the browser is sooner done. And say how
    many lines a block has, so that it has its height before it is drawn (see unrolled.css).
    """

    def lighten(block: re.Match) -> str:
        code = re.sub(r'<span class="(?:n|nn|p|w)">([^<]*)</span>', r"\1", block[0])
        lines = block[0].count("\n")
        return code.replace("<pre>", f'<pre style="--lines: {lines}">', 1)

    return re.sub(r'<div class="highlight"><pre>.*?</pre>', lighten, text, flags=re.S)


def _light_figure(text: str) -> str:
    """Draw the dots of a figure as circles.

    Matplotlib draws each dot as a use of one path, and of each use a browser makes a small tree of
    its own, which takes it longer than a circle.
    """
    for dot in re.finditer(
        r'<path id="(\w+)" d="M 0 ([\d.]+) (?:\s*C [^"A-Z]*){8}z\s*"(?: style="([^"]*)")?/>',
        text,
    ):
        name, radius, style = dot.groups("")
        text = re.sub(
            rf'<use xlink:href="#{name}" x="([^"]*)" y="([^"]*)" style="([^"]*)"/>',
            rf'<circle cx="\1" cy="\2" r="{radius}" style="\3; {style}"/>',
            text,
        )
    return text


STYLE_SHEET = r'\s*<link rel="stylesheet" type="text/css" href="([^"?]+)[^"]*" ?/?>'


def _one_style_sheet(text: str, page: Path, out: Path) -> str:
    """Link a page to the one style sheet: each is a round trip before anything is seen."""
    paths = re.findall(STYLE_SHEET, text)
    if len(paths) < 2 or paths[0].startswith("/"):  # 404.html is seen at any depth
        return text
    depth = "../" * len(page.relative_to(out).parent.parts)
    sheet = f'\n    <link rel="stylesheet" href="{depth}_static/book.css">'
    start = re.search(STYLE_SHEET, text).start()
    return text[:start] + sheet + re.sub(STYLE_SHEET, "", text[start:])


def _write_style_sheet(out: Path) -> None:
    """Write all style sheets as one. Only 404.html, which every build writes, names them still."""
    paths = re.findall(STYLE_SHEET, (out / "404.html").read_text(encoding="utf-8"))
    sheets = [out / "_static" / path.partition("/_static/")[2] for path in paths]
    together = "\n".join(sheet.read_text(encoding="utf-8") for sheet in sheets)
    charset = re.compile(r'@charset "[^"]*";|/\*# sourceMappingURL=.*?\*/')
    (out / "_static" / "book.css").write_text(
        charset.sub("", together), encoding="utf-8"
    )


def _rewrite(path: Path, change: Callable[[str], str]) -> None:
    """Change a file; one that is as it should be keeps its date."""
    before = path.read_text(encoding="utf-8")
    if (after := change(before)) != before:
        path.write_text(after, encoding="utf-8")


def finish(app: Sphinx, error: Exception | None) -> None:
    """Finish all pages that were written, and their figures."""
    if error or app.builder.format != "html":
        return
    out = Path(app.outdir)
    if app.builder.name == "html":
        _write_style_sheet(out)
        for figure in (out / "_images").glob("*.svg"):
            _rewrite(figure, _light_figure)

    def finished(text: str, page: Path) -> str:
        text = _light_code(_room_for_figures(repaired(text), page.parent))
        return _one_style_sheet(text, page, out)

    for page in out.rglob("*.html"):
        if "_static" not in page.parts:
            _rewrite(page, partial(finished, page=page))


def setup(app: Sphinx) -> dict:
    """Add it to Sphinx."""
    app.connect("html-page-context", describe)
    # After the theme, which then writes the colors of code in the dark.
    app.connect("build-finished", finish, priority=900)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
