"""Each chapter as a notebook and as a script that stand alone.

Both are made from the finished page, so they say what it says: references are resolved, numbers are
in their places. Functions that the page shows from the package become cells, and the modules that
the chapter imports come first, so that neither needs the repository. A notebook has the outputs of
the page.
"""

from __future__ import annotations

import ast
import base64
import functools
import html
import re
import sys
import textwrap
import tomllib
from collections.abc import Iterable
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urljoin

import nbformat
from bs4 import BeautifulSoup, Tag
from markdownify import ATX, MarkdownConverter
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.errors import ConfigError

from fingerprint import imported_modules
from pages import (
    PACKAGE,
    ROOT,
    code_cells,
    executed_pages,
    read_page,
    shown,
    shown_path,
)
from unrolled.widgets import MIME

#: Where the publisher puts the notebooks, in the repository, for the services that open them there.
BRANCH = "notebooks"
COLAB = "https://colab.research.google.com/github"
BINDER = "https://mybinder.org/v2/gh"

#: In a script only comments may stand before it.
FUTURE = "from __future__ import annotations"

ABOUT = """\
From the book *Unrolled*{where}. Text: CC BY 4.0. Code: MIT license, © 2026 the authors of
Unrolled. “Chapter 4” and the like are other chapters of the book.

## Before the first cell

This file stands alone. The next cells hold those modules of the book's package, `unrolled`, that
the chapter imports, and put them where Python finds them. Run them and read on.

The functions that matter come again in the text, for reading. The package goes on using its own
copies: to change what a chapter computes, change the function in the cell of its module, and run
everything anew.{models}

Python 3.11 or newer, and:

    pip install {needs}
"""

MODELS = """

A model of another chapter that is not on your machine yet is trained where it is first needed, and
kept in `~/.cache/unrolled`."""

UNBROKEN = "␠"  # a space at which no line ends: in formulas, while lines are filled

LIVE = (
    "On the book's web page a live model stands here. What the text says about typing, "
    "sliders and bars refers to it."
)

INSTALL = """\
import importlib.util
import shlex

needed = {needed}
missing = [wish for name, wish in needed.items() if not importlib.util.find_spec(name)]
if missing:
    %pip install --quiet {{shlex.join(missing)}}
"""

REFUSE = """\
import importlib.util
import shlex
import sys

needed = {needed}
missing = [wish for name, wish in needed.items() if not importlib.util.find_spec(name)]
if missing:
    print("Error: packages are missing: pip install", shlex.join(missing), file=sys.stderr)
    sys.exit(2)
"""

PROVIDE = '''\
import atexit
import base64
import sys
import tempfile
from pathlib import Path

home = tempfile.TemporaryDirectory(prefix="unrolled-")
atexit.register(home.cleanup)
sys.path.insert(0, home.name)


def provide(name, content):
    """Write a file of the package `unrolled`."""
    path = Path(home.name, "unrolled", name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
'''


_distributions = functools.cache(packages_distributions)


# ---------------------------------------------------------------------- the package, in one file


@functools.cache
def _wishes() -> dict[str, str]:
    """What to ask pip for, by the name of the distribution."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wishes = project["project"]["dependencies"]
    return {re.split("[<>=~ ]", wish)[0]: wish for wish in wishes}


def needed_packages(code: list[str]) -> dict[str, str]:
    """What code imports from other people: the name to import, and what to ask pip for."""
    names = set()
    for text in code:
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names.add(node.module)
    tops = {name.partition(".")[0] for name in names}
    found = {}
    for name in sorted(tops - sys.stdlib_module_names - {"unrolled", "__future__"}):
        distribution = _distributions()[name][0]
        found[name] = _wishes().get(distribution, distribution)
    return found


def _quoted(name: str) -> str:
    """A module's source as a literal that a reader can read."""
    source = (PACKAGE / name).read_text(encoding="utf-8")
    if "'''" in source:
        raise ConfigError(
            f"code/unrolled/{name}: ''' ends the text that a notebook quotes"
        )
    return f"provide({name!r}, r'''{source}''')"


def set_up(modules: list[str]) -> list[str]:
    """Cells that put modules of the package, and the text they read, where Python finds them."""
    cells = [PROVIDE, *(_quoted(f"{name}.py") for name in ["__init__", *modules])]
    if "corpus" in modules:
        name = "data/shakespeare.txt.xz"
        content = base64.b64encode((PACKAGE / name).read_bytes()).decode()
        lines = "\n".join(textwrap.wrap(content, 1000))
        cells.append(f"provide({name!r}, base64.b64decode('''\n{lines}\n'''))")
    return [cell.strip() for cell in cells]


# --------------------------------------------------------------------------- the text, as Markdown


class Markdown(MarkdownConverter):
    """HTML of the book to Markdown as notebooks show it: formulas in LaTeX, boxes as quotations."""

    class Options:
        """How Markdown is written."""

        heading_style = ATX
        bullets = "-"
        wrap = True
        wrap_width = 96

    def convert_math(self, el: Tag, text: str, parent_tags: set) -> str:
        """A formula as it was written."""
        latex = el.annotation.get_text().strip()
        if el.get("display") == "block":
            number = el.parent.select_one(".eqno")
            tag = f"\n\\tag{{{number.get_text().strip('()¶')}}}" if number else ""
            return f"\n\n$$\n{latex}{tag}\n$$\n\n"
        if el.find_parent("table"):
            latex = latex.replace("|", r"\vert ")  # it would end the cell
        return f"${latex.replace(' ', UNBROKEN)}$"

    def convert_span(self, el: Tag, text: str, parent_tags: set) -> str:
        """Text; the number of a figure is bold, that of a formula stands in the formula."""
        kind = el.get("class", [])
        if "caption-number" in kind:
            return f"**{text.strip()}** "
        return "" if "eqno" in kind else text

    def convert_div(self, el: Tag, text: str, parent_tags: set) -> str:
        """A box, or text like other text."""
        if "admonition" in el.get("class", []):
            return self.convert_blockquote(el, text, parent_tags)
        return super().convert_div(el, text, parent_tags)

    def convert_p(self, el: Tag, text: str, parent_tags: set) -> str:
        """A paragraph; the title of a box is bold."""
        if "admonition-title" in el.get("class", []):
            text = f"**{text.strip()}**"
        return super().convert_p(el, text, parent_tags)

    def convert_summary(self, el: Tag, text: str, parent_tags: set) -> str:
        """What would open a solution."""
        return f"\n\n**{text.strip()}**\n\n"

    def convert_img(self, el: Tag, text: str, parent_tags: set) -> str:
        """Nothing: the figures are outputs of cells."""
        return ""


def _prepare(article: Tag, page: str, site: str) -> None:
    """Take away what only a page needs, and lead links to the site, where its address is known."""
    for needless in article.select(".headerlink, .downloads, .cell_output .output"):
        needless.decompose()
    for live in article.select(".widget"):
        live.name = "em"
        live.string = LIVE
    for name in article.select(".source-caption .pre"):  # the file is not at hand
        name.string = name.get_text().replace("code/unrolled/", "unrolled/")
    for line in article.select(".provenance"):
        said = line.get_text().partition(" They were")[0]
        line.string = said.replace("The outputs on this page", "The book's own outputs")
    for link in article.select("a[href]"):
        if not re.match("https?:", link["href"]):
            if site:
                link["href"] = urljoin(f"{site}{page}.html", link["href"])
            else:
                link.unwrap()


def _references(article: Tag, bibliography: Tag) -> str:
    """The works that a page cites, as HTML."""
    cited = {
        link["href"].partition("#")[2]
        for link in article.select("a[href*='bibliography.html#']")
    }
    entries = sorted(
        (entry.select_one(".label").get_text(), entry.select_one("p").decode_contents())
        for entry in bibliography.select(".citation")
        if entry["id"] in cited
    )
    items = "".join(f"<li>{entry}</li>" for _, entry in entries)
    return f"<h2>References</h2><ul>{items}</ul>" if entries else ""


def cells_of(page: str, out: Path, site: str) -> list[nbformat.NotebookNode]:
    """A finished page as cells: its text, its code with outputs, and the functions it shows."""
    read = functools.partial(BeautifulSoup, features="html.parser")
    article = read((out / f"{page}.html").read_text(encoding="utf-8")).article
    bibliography = read((out / "bibliography.html").read_text(encoding="utf-8"))
    article.append(read(_references(article, bibliography)))
    _prepare(article, page, site)

    code = []  # in the place of each cell of code goes its number in this list
    places = iter(article.select("div.cell"))
    pending = []
    for cell in code_cells(shown(page)):
        pending.append(cell)
        if "remove-cell" in cell.metadata.get("tags", []):
            continue
        place = next(places)
        for figure in place.select("figcaption"):
            place.insert_after(figure)
            figure.name = "p"
        place.replace_with(read("".join(_mark(code, cell) for cell in pending)))
        pending.clear()
    for source in article.select("div.package-source pre"):
        source.replace_with(
            read(_mark(code, new_code_cell(source.get_text().rstrip())))
        )

    cells = []
    markdown = Markdown().convert_soup(article).replace(UNBROKEN, " ")
    pieces = re.split(r"⟦(\d+)⟧", markdown)
    for i, text in enumerate(pieces):  # text and numbers of code, by turns
        if i % 2:
            cells.append(code[int(text)])
        elif text.strip():
            cells.append(new_markdown_cell(text.strip()))
    return cells


def _mark(code: list, cell: nbformat.NotebookNode) -> str:
    code.append(cell)
    return f"<p>⟦{len(code) - 1}⟧</p>"


# ------------------------------------------------------------------------------- the two formats


class Chapter(NamedTuple):
    """What both formats hold."""

    title: str
    about: str
    needed: dict[str, str]  # other people's packages: name, and what pip calls it
    package: list[str]  # cells that provide the package
    cells: list[nbformat.NotebookNode]  # those of the page


def read_chapter(page: str, out: Path, site: str) -> Chapter:
    """A finished page and the modules it needs."""
    cells = cells_of(page, out, site)
    modules = imported_modules(read_page(page))
    code = [cell.source for cell in cells if cell.cell_type == "code"]
    code += [(PACKAGE / f"{name}.py").read_text(encoding="utf-8") for name in modules]
    needed = needed_packages(code)
    about = ABOUT.format(
        models=MODELS if "tutorial" in modules else "",
        where=f", <{site}>" if site else "",
        needs=" ".join(
            f'"{wish}"' if ">" in wish else wish for wish in needed.values()
        ),
    )
    title, _, text = cells[0].source.partition("\n")
    cells[0].source = text.strip()
    return Chapter(title, about, needed, set_up(modules), cells)


def _dictionary(items: dict[str, str]) -> str:
    lines = "".join(f'    "{key}": "{value}",\n' for key, value in items.items())
    return f"{{\n{lines}}}"


def notebook(chapter: Chapter) -> nbformat.NotebookNode:
    """A chapter as a notebook, with the outputs of its page."""
    install = INSTALL.format(needed=_dictionary(chapter.needed)).strip()
    hidden = {"jupyter": {"source_hidden": True}}
    cells = [
        new_markdown_cell(f"{chapter.title}\n\n{chapter.about}"),
        *(new_code_cell(cell, metadata=hidden) for cell in [install, *chapter.package]),
        *chapter.cells,
    ]
    for i, cell in enumerate(cells):
        cell["id"] = f"cell-{i}"  # the same at each build
        cell.metadata.pop("mystnb", None)
        if "outputs" in cell:  # without what only the page can show
            cell.outputs = [o for o in cell.outputs if MIME not in o.get("data", {})]
    python = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return new_notebook(cells=cells, metadata={"kernelspec": python})


def script(chapter: Chapter) -> str:
    """A chapter as plain Python: text as comments, cells marked as editors know them (``# %%``)."""
    refuse = REFUSE.format(needed=_dictionary(chapter.needed)).strip()
    parts = [_comment(f"{chapter.title}\n\n{chapter.about}")]
    parts += [f"# %%\n{cell}" for cell in [refuse, *chapter.package]]
    parts.append(_comment(chapter.title))  # again: the package is long
    for cell in chapter.cells:
        if cell.cell_type == "markdown":
            parts.append(_comment(cell.source))
        else:
            parts.append("# %%\n" + cell.source.replace(FUTURE, "").strip())
    parts.append("# %%\nplt.show()\n")
    if any(FUTURE in cell.source for cell in chapter.cells):
        parts.insert(0, FUTURE)
    return "\n\n".join(parts)


def _comment(text: str) -> str:
    lines = (f"# {line}".rstrip() for line in text.splitlines())
    return "\n".join(["# %% [markdown]", *lines])


# ------------------------------------------------------------------------------------- the site


def write_downloads(app: Sphinx, error: Exception | None) -> None:
    """Write both formats of each page, where something that they hold is newer."""
    if error or app.builder.name != "html":
        return
    out = Path(app.outdir)
    folder = out / "downloads"
    for page in downloadable():
        name = folder / page.rpartition("/")[2]
        targets = name.with_suffix(".ipynb"), name.with_suffix(".py")
        sources = [
            out / f"{page}.html",
            shown_path(page),
            Path(__file__),
            *PACKAGE.glob("*.py"),
        ]
        if _newer(sources, targets):
            chapter = read_chapter(page, out, app.config.html_baseurl)
            folder.mkdir(exist_ok=True)
            nbformat.write(notebook(chapter), targets[0])
            targets[1].write_text(script(chapter), encoding="utf-8")


def _newer(sources: Iterable[Path], targets: Iterable[Path]) -> bool:
    """Whether a target is missing, or older than a source."""
    if not all(target.exists() for target in targets):
        return True
    made = min(target.stat().st_mtime for target in targets)
    return any(source.stat().st_mtime > made for source in sources)


@functools.cache
def downloadable() -> list[str]:
    """The pages with code of their own: all executed ones, but for the title page."""
    return [page for page in executed_pages() if page != "index"]


def offer(app: Sphinx, page: str, _template, context: dict, _tree) -> None:
    """Say under a page's title what can be downloaded, and where else its notebook opens."""
    if app.builder.name != "html":
        return
    up = "../" * page.count("/")
    name = page.rpartition("/")[2]
    links = []
    if page == "index":
        links = [("downloads/unrolled.epub", "The whole book as EPUB")]
    elif page in downloadable():
        links = [
            (f"{up}downloads/{name}.ipynb", "Notebook"),
            (f"{up}downloads/{name}.py", "Script"),
        ]
        if project := app.config.repository.removeprefix("https://github.com/"):
            links += [
                (f"{COLAB}/{project}/blob/{BRANCH}/{name}.ipynb", "Open in Colab"),
                (f"{BINDER}/{project}/{BRANCH}?labpath={name}.ipynb", "Open in Binder"),
            ]
    if links:
        items = " ".join(
            f'<a href="{html.escape(url)}"{" download" if "://" not in url else ""}>{text}</a>'
            for url, text in links
        )
        head = f'</h1>\n<p class="downloads">{items}</p>'
        context["body"] = context["body"].replace("</h1>", head, 1)


def check_repository(app: Sphinx, config: Config) -> None:
    """Colab and Binder know repositories of one host by owner and name."""
    address = config.repository = config.repository.rstrip("/")
    if address and not re.fullmatch(r"https://github\.com/[\w.-]+/[\w.-]+", address):
        raise ConfigError(
            f"REPOSITORY_URL={address}: an address such as https://github.com/OWNER/NAME is wanted"
        )


def setup(app: Sphinx) -> dict:
    """Add it to Sphinx."""
    app.add_config_value("repository", "", "html", str)
    app.connect("config-inited", check_repository)
    app.connect("html-page-context", offer)
    # After finishing.py: of the finished pages.
    app.connect("build-finished", write_downloads, priority=950)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
