"""What a link leads to, shown beside the link: a figure, an equation, a term, a source, a section,
a function.

``_static/previews.js`` shows it. What is on the reader's own page it copies from there. What links
to other pages need is cut out of the finished pages here, and written to
``_static/previews/PAGE.js``: a script, because a page opened from disk may load no other data.
"""

import html
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urljoin

from sphinx.application import Sphinx

ARTICLE = re.compile(r'<article class="bd-article".*</article>', re.S)
LINK = re.compile(r'<a class="[^"]*\binternal\b[^"]*" href="([^":]*)"')
#: What can be shown, each kind to its end. A section ends with its first paragraph if that stands
#: under its heading, else where the first section or function in it begins.
PIECE = re.compile(
    r"""<figure\b.*?</figure>
    | <div\ class="math-block\b.*?</div>
    | <div\ class="citation\b.*?</div>
    | <dt\ class="sig\b.*?</(?:p|dd)>
    | <dt\b.*?</dd>
    | <section\b.*?</h\d>\s*(?:<p\ class=.*?</p>\s*)*
        (?:<p>.*?</p>|.*?(?=<section\b|</section>|<dl\ class="py))""",
    re.S | re.X,
)
#: What is not seen in a preview.
UNSEEN = re.compile(
    r"""<a\ class="headerlink".*?</a>
    | <annotation.*?</annotation>
    | <pre.*?</pre>
    | </?(?:a|semantics)\b[^>]*>""",
    re.S | re.X,
)


def links(page: str, text: str) -> Iterator[tuple[str, str]]:
    """The targets of a page's links on other pages, as (path from the root, id)."""
    for href in LINK.findall(ARTICLE.search(text)[0]):
        path, _, name = html.unescape(href).partition("#")
        target = urljoin(f"/{page}", unquote(path)).removeprefix("/")
        if target != page:
            yield target, unquote(name)


def piece(text: str, name: str) -> str:
    """What a preview of a target is made of, as HTML; empty where there is nothing to show.

    Without a name, the target is the page's first section.
    """
    found = f' id="{html.escape(name)}"' if name else "<section"
    place = text.find(found, ARTICLE.search(text).start())
    start = text.rfind("<", 0, place + 1)
    # A section's further names are on what it begins with.
    if text.startswith(("<p", "<span"), start):
        start = text.rfind("<section", 0, start)
    begun = PIECE.match(text, start) if place >= 0 else None
    return UNSEEN.sub("", begun[0]) if begun else ""


def collect(texts: dict[str, str]) -> dict[str, dict[str, str]]:
    """What pages need of other pages: for each page, HTML by id."""
    wanted = {target for page, text in texts.items() for target in links(page, text)}
    pieces: dict[str, dict[str, str]] = {}
    for page, name in sorted(wanted):
        if page in texts and (shown := piece(texts[page], name)):
            pieces.setdefault(page.removesuffix(".html"), {})[name] = shown
    return pieces


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
    app.connect("build-finished", write_previews)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
