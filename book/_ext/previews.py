"""What a link leads to, shown beside the link: a figure, an equation, a term, a source, a section,
a function.

``_static/previews.js`` shows it. What is on the reader's own page it copies from there. What links
to other pages need is cut out of the finished pages here, and written to
``_static/previews/PAGE.js``: a script, because a page opened from disk may load no other data.
"""

from __future__ import annotations

import html
import json
import re
import shutil
from pathlib import Path
from urllib.parse import unquote, urljoin

from bs4 import BeautifulSoup, Tag
from sphinx.application import Sphinx

ARTICLE = re.compile(r'<article role="main".*</article>', re.S)
LINK = re.compile(r'<a class="[^"]*\binternal\b[^"]*" href="([^":]*)"')
HEADING = re.compile("h[1-6]")
SECTION_END = re.compile(r'<section\b|</section>|<dl class="py')
DISPLAYED = re.compile(r'<pre>.*?</pre>|<math display="block">.*?</math>', re.S)

#: What a preview does without: names and roles that hold at the original only, waiting.
ATTRIBUTES = ("id", "role", "tabindex", "loading", "decoding")


def links(page: str, text: str) -> set[tuple[str, str]]:
    """The targets of a page's links on other pages, as (path from the root, id)."""
    found = set()
    for href in LINK.findall(ARTICLE.search(text)[0]):
        path, _, name = html.unescape(href).partition("#")
        if path:
            target = urljoin(f"/{page}", unquote(path)).removeprefix("/")
            found.add((target, unquote(name)))
    return {(target, name) for target, name in found if target != page}


def _piece(text: str, name: str) -> str:
    """The part of a page that a preview of a target is cut from. Whole pages take long to parse.

    An element goes from its start to its end; a section, without what it displays, to the first
    section or function in it; a term or a function to the end of what is said about it. Without a
    name, it is the page's first section.
    """
    found = f' id="{html.escape(name)}"' if name else "<section"
    place = text.find(found, ARTICLE.search(text).start())
    if place < 0:
        return ""
    start = text.rfind("<", 0, place + 1)
    tag = re.compile(r"\w+").match(text, start + 1)[0]
    if tag in ("p", "span"):  # a section's further names are on what it begins with
        start, tag = text.rfind("<section", 0, start), "section"
    if tag == "section":
        end = SECTION_END.search(text, start + 1).start()
        return DISPLAYED.sub("", text[start:end])
    if tag == "dt":
        return text[start : text.index("</dd>", start)]
    depth = 0
    for found in re.compile(rf"<(/?){tag}\b").finditer(text, start):
        depth += -1 if found[1] else 1
        if not depth:
            return text[start : found.end()] + ">"
    return ""


def _clean(soup: BeautifulSoup, page: str) -> None:
    """Leave only what is seen. Pictures get their path from the root of the site."""
    for tag in soup.select("a.headerlink, annotation"):
        tag.decompose()
    for tag in soup.find_all(True):
        for name in ATTRIBUTES:
            del tag[name]
        if tag.name == "img":
            path = urljoin(f"/{page}", tag["src"])
            tag["src"] = path.removeprefix("/")
    for tag in soup.select(
        "a, semantics, span:not([class]), span.pre, span.std, span.doc"
    ):
        tag.unwrap()


def _paragraph(parent: Tag) -> Tag | str:
    """The first paragraph that is text; the page's own lines (its downloads, say) have a class."""
    return parent.find("p", class_=False, recursive=False) or ""


def _cut(soup: BeautifulSoup) -> str:
    """What a preview shows of its piece. ``cut`` in previews.js does the same in the browser."""
    first = soup.find(True)
    classes = {first.name, *first.get("class", ())} if first else set()
    if {"figure", "math-wrapper", "citation"} & classes:
        return str(first)
    if "section" in classes:
        heading = first.find(HEADING, recursive=False).decode_contents()
        paragraph = _paragraph(first)
        return f'<p class="preview-title">{heading}</p>{paragraph}'
    if "dt" in classes:
        said = _paragraph(soup.dd) if "sig" in classes else soup.dd.decode_contents()
        return f"<dl>{first}<dd>{said}</dd></dl>"
    return ""


def preview(text: str, page: str, name: str) -> str:
    """The preview of what has this id on a page, as HTML; empty where there is nothing to show."""
    soup = BeautifulSoup(_piece(text, name), "html.parser")
    _clean(soup, page)
    return _cut(soup)


def collect(texts: dict[str, str]) -> dict[str, dict[str, str]]:
    """The previews that pages need of other pages: for each page, HTML by id."""
    wanted = set().union(*(links(page, text) for page, text in texts.items()))
    previews: dict[str, dict[str, str]] = {}
    for page, name in sorted(wanted):
        some = previews.setdefault(page.removesuffix(".html"), {})
        if page in texts and (shown := preview(texts[page], page, name)):
            some[name] = shown
    return previews


def write_previews(app: Sphinx, error: Exception | None) -> None:
    """Write what links to other pages show. Pages that were not built anew count as well."""
    if error or app.builder.name != "html":
        return
    pages = [f"{document}.html" for document in sorted(app.env.found_docs)]
    out = Path(app.outdir)
    folder = out / "_static" / "previews"
    shutil.rmtree(folder, ignore_errors=True)
    texts = {page: (out / page).read_text(encoding="utf-8") for page in pages}
    for page, content in collect(texts).items():
        path = folder / f"{page}.js"
        path.parent.mkdir(parents=True, exist_ok=True)
        data = json.dumps(content, ensure_ascii=False, indent=0)
        name = json.dumps(page)
        script = f"(window.unrolledPreviews ??= {{}})[{name}] = {data};\n"
        path.write_text(script, encoding="utf-8")


def add_script(app: Sphinx, page: str, _template, _context: dict, _tree) -> None:
    """Load the script on the pages of the book; an index or a search has nothing to preview."""
    if app.builder.name == "html" and page in app.env.found_docs:
        app.add_js_file("previews.js", loading_method="defer")


def setup(app: Sphinx) -> dict:
    """Add it to Sphinx."""
    app.connect("html-page-context", add_script)
    # After finishing.py: figures have their size then.
    app.connect("build-finished", write_previews, priority=950)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
