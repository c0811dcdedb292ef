"""A finished page as cells: its text in Markdown, its code with outputs, the functions it shows."""

import functools
import re
from pathlib import Path
from urllib.parse import urljoin

import nbformat
from bs4 import BeautifulSoup, Tag
from markdownify import ATX, MarkdownConverter
from nbformat.v4 import new_code_cell, new_markdown_cell

from pages import code_cells, shown

# A space at which no line ends: in formulas, while lines are filled.
UNBROKEN = "␠"

LIVE = (
    "On the book's web page a live model stands here. What the text says about typing, "
    "sliders and bars refers to it."
)

_read = functools.partial(BeautifulSoup, features="html.parser")


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
            # It would end the cell.
            latex = latex.replace("|", r"\vert ")
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


def cells_of(page: str, out: Path, site: str) -> list[nbformat.NotebookNode]:
    """The cells of a page that stands in ``out``; links lead to ``site``, where that is known."""
    article = _read((out / f"{page}.html").read_text(encoding="utf-8")).article
    bibliography = _read((out / "bibliography.html").read_text(encoding="utf-8"))
    article.append(_read(_references(article, bibliography)))
    _prepare(article, page, site)
    code = _take_code(article, code_cells(shown(page)))
    markdown = Markdown().convert_soup(article).replace(UNBROKEN, " ")
    cells = []
    pieces = re.split(r"⟦(\d+)⟧", markdown)
    # Text and numbers of code, by turns.
    for i, text in enumerate(pieces):
        if i % 2:
            cells.append(code[int(text)])
        elif text.strip():
            cells.append(new_markdown_cell(text.strip()))
    return cells


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


def _prepare(article: Tag, page: str, site: str) -> None:
    """Take away what only a page needs, and lead links to the site, where its address is known."""
    for needless in article.select(".headerlink, .cell_output .output"):
        needless.decompose()
    for live in article.select(".widget"):
        live.name = "em"
        live.string = LIVE
    # The file is not at hand.
    for name in article.select(".source-caption .pre"):
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


def _take_code(
    article: Tag, cells: list[nbformat.NotebookNode]
) -> list[nbformat.NotebookNode]:
    """All code of a page, as cells. In its place on the page goes its number in this list."""
    code = []

    def mark(cell: nbformat.NotebookNode) -> str:
        code.append(cell)
        return f"<p>⟦{len(code) - 1}⟧</p>"

    places = iter(article.select("div.cell"))
    marks = ""
    for cell in cells:
        marks += mark(cell)
        if "remove-cell" in cell.metadata.get("tags", []):
            continue
        place = next(places)
        for figure in place.select("figcaption"):
            place.insert_after(figure)
            figure.name = "p"
        place.replace_with(_read(marks))
        marks = ""
    for source in article.select("div.package-source pre"):
        cell = new_code_cell(source.get_text().rstrip())
        source.replace_with(_read(mark(cell)))
    return code
