"""The whole book as its readers get it."""

import ast
import copy
import json
import os
import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from bs4 import BeautifulSoup

from downloads import FUTURE
from pages import executed_pages, shown
from support import execute_pages

ROOT = Path(__file__).parents[1]

CHAPTERS = (
    "network-from-scratch",
    "theano-and-the-gpu",
    "introduction-to-rnns",
    "rnn-language-model",
    "backpropagation-through-time",
    "gru-and-lstm",
    "many-devices",
    "after-the-gates",
)
#: The pages that offer a script: the title page has none.
DOWNLOADABLE = [page for page in executed_pages() if page != "index"]
#: The cells, and the functions shown from the package; not what the cells printed.
PYTHON = "div.highlight-python pre"
#: A block on the page shows so many columns without scrolling on a laptop.
COLUMNS = 88


@pytest.fixture(scope="session")
def pages(build) -> dict[str, BeautifulSoup]:
    """The built pages by name, such as ``appendix/api``."""
    html = build / "html"
    skipped = ("_static", "404", "genindex", "search", "py-modindex")
    return {
        str(path.relative_to(html).with_suffix("")): BeautifulSoup(
            path.read_text(encoding="utf-8"), "html.parser"
        )
        for path in sorted(html.rglob("*.html"))
        if not str(path.relative_to(html)).startswith(skipped)
    }


def article(page: BeautifulSoup):
    return page.select_one("article")


def blocks(page: BeautifulSoup) -> list[str]:
    """The Python blocks of a page, in order, as the copy button would take them."""
    return [block.get_text() for block in article(page).select(PYTHON)]


def test_both_chapters_and_all_matter_are_there(pages):
    wanted = {
        "index", "preface", "notation", "glossary", "bibliography", *CHAPTERS,
        "appendix/from-theano-to-pytensor", "appendix/running-on-a-gpu", "appendix/api",
        "appendix/colophon",
    }  # fmt: skip
    assert wanted <= set(pages)


@pytest.mark.parametrize("page", executed_pages())
def test_cells_run_without_a_warning(build, page):
    complaints = [
        output["text"]
        for cell in shown(page, build).cells
        for output in cell.get("outputs", [])
        if output.get("name") == "stderr" or output["output_type"] == "error"
    ]
    assert not complaints


@pytest.mark.parametrize("page", DOWNLOADABLE)
def test_pasted_blocks_are_cells_of_the_script_that_stands_alone(pages, build, page):
    """Pasted in order, they are what ``test_a_script_runs_alone`` runs, less hidden cells."""
    pasted = blocks(pages[page])
    if page in CHAPTERS:
        assert len(pasted) > 20
    cells = iter(script_cells(build, page))
    for block in pasted:
        same = ast.dump(ast.parse(block.replace(FUTURE, "")))
        assert any(ast.dump(ast.parse(cell)) == same for cell in cells), block


@pytest.mark.parametrize("page", DOWNLOADABLE)
def test_pasted_blocks_need_nothing_of_hidden_cells(pages, build, page):
    """What a block reads, it binds itself, or a block before it does: and no hidden cell since."""
    code = (block.replace(FUTURE, "") for block in blocks(pages[page]))
    pasted = [ast.dump(ast.parse(block)) for block in code]
    hidden: dict[str, str] = {}
    for cell in script_cells(build, page):
        tree = ast.parse(cell)
        bound, read = names_in(tree)
        visible = bool(pasted) and ast.dump(tree) == pasted[0]
        if visible:
            pasted.pop(0)
            needed = {name: hidden[name] for name in (read - bound) & hidden.keys()}
            assert not needed
        for name in bound:
            hidden.pop(name, None)
            if not visible:
                hidden[name] = cell


def script_cells(build, page) -> list[str]:
    """The cells of the script that a page offers, behind those that provide the package."""
    script = build / "html" / "downloads" / f"{page.rpartition('/')[2]}.py"
    cells = script.read_text(encoding="utf-8").split("# %%")
    first = max(i for i, cell in enumerate(cells) if cell.startswith("\nprovide("))
    return [cell for cell in cells[first + 1 :] if not cell.startswith(" [markdown]")]


def names_in(tree: ast.Module) -> tuple[set[str], set[str]]:
    """The names that a cell binds, and those that it reads."""
    bound, read = set(), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            (read if isinstance(node.ctx, ast.Load) else bound).add(node.id)
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            bound.add(node.name)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            bound |= {(a.asname or a.name).split(".")[0] for a in node.names}
        elif isinstance(node, ast.arg):
            bound.add(node.arg)
    return bound, read


@pytest.mark.parametrize("page", CHAPTERS)
def test_shown_code_fits_the_page(pages, page):
    wide = [
        line
        for block in blocks(pages[page])
        for line in block.splitlines()
        if len(line) > COLUMNS
    ]
    assert not wide


@pytest.mark.parametrize("page", executed_pages())
def test_pages_say_where_their_outputs_were_made(pages, page):
    said = article(pages[page]).select_one("p.provenance").get_text()
    assert re.search(
        r"made on \w+ \d+, \d{4} on a [CG]PU \(.+\).* in \d+ s, with ", said
    )


def test_the_colophon_lists_every_executed_page(pages):
    colophon = article(pages["appendix/colophon"])
    linked = {link["href"] for link in colophon.select("table a")}
    for page in executed_pages():
        here = os.path.relpath(f"{page}.html", "appendix")
        assert here in linked or f"{here}#" in linked, f"{page} not in {linked}"
    assert re.search(r"Made with .*PyTensor 3\.\d+\.\d+, Python 3", colophon.get_text())


def test_outputs_carry_no_machine_paths(build):
    home = str(Path.home())
    for page in executed_pages():
        notebook = shown(page, build)
        for cell in notebook.cells:
            cell.source = ""  # our own words; only what was computed can tell
        text = json.dumps(notebook)
        assert str(ROOT) not in text
        assert home == "/" or home not in text
        assert not re.search(rf"\b{re.escape(os.uname().nodename)}\b", text)


def test_no_link_is_dead(pages, build):
    html = build / "html"
    anchors = {
        name: {tag["id"] for tag in page.select("[id]")} for name, page in pages.items()
    }
    dead = []
    for name, page in pages.items():
        for link in page.select("a[href]"):
            address = urlsplit(link["href"])
            if address.scheme or link["href"] == "#":
                continue
            target = html / name
            target = (target.parent / unquote(address.path)).resolve()
            if address.path and not target.exists():
                dead.append((name, link["href"]))
                continue
            where = (
                str(target.relative_to(html).with_suffix("")) if address.path else name
            )
            known = anchors.get(where)
            if address.fragment and known and unquote(address.fragment) not in known:
                dead.append((name, link["href"]))
    assert not dead


def test_links_say_where_they_lead(pages):
    """Search engines, and readers who jump from link to link, see nothing but the link's text."""
    empty = {
        "",
        "here",
        "click here",
        "this",
        "start",
        "go",
        "more",
        "read more",
        "information",
    }
    for name, page in pages.items():
        for link in article(page).select("a[href]:not(.headerlink)"):
            pictures = "".join(image["alt"] for image in link.select("img"))
            text = link.get_text() + pictures
            assert text.strip().lower() not in empty, f"{name}: {link}"


def test_every_figure_has_alternative_text_and_caption(pages):
    for name, page in pages.items():
        for image in article(page).select("img"):
            assert len(image.get("alt", "")) > 20, f"{name}: {image['src']}"
            if image.find_parent("p", class_="opening-picture"):
                continue  # its figure stands further down
            caption = image.find_parent("figure").select_one("figcaption")
            assert len(caption.get_text()) > 20, f"{name}: {image['src']}"


@pytest.mark.parametrize("page", CHAPTERS)
def test_chapters_have_figures_and_solutions(pages, page):
    assert len(article(pages[page]).select("figure img")) >= 4
    solutions = article(pages[page]).select("details.solution")
    assert len(solutions) >= 5
    for solution in solutions:
        assert solution.select(PYTHON), "a solution without code"


def test_pages_ask_no_third_party(pages, build):
    for name, page in pages.items():
        for tag in page.select("[src], link[href]"):
            if tag.get("rel") == ["canonical"]:
                continue
            address = tag.get("src") or tag.get("href")
            assert not urlsplit(address).netloc, f"{name}: {tag}"
    for style in (build / "html" / "_static").rglob("*.css"):
        text = style.read_text(encoding="utf-8")
        assert not re.search(r"""(url\(|@import)\s*["']?(https?:)?//""", text), style


def test_mathematics_is_mathml(pages):
    for chapter in CHAPTERS:
        assert article(pages[chapter]).select("math")
    for name, page in pages.items():
        assert not page.select("math merror"), name


def test_nothing_is_left_unresolved(pages):
    for name, page in pages.items():
        words = copy.copy(article(page))
        for code in words.select("pre, code, annotation"):
            code.extract()
        text = words.get_text()
        left = re.search(r"\{[a-z:]+\}`|\?\?|:::|```|\$|\\[a-z]+", text)
        assert not left, f"{name}: {left}"


def test_a_second_run_executes_nothing(build):
    said = execute_pages(build)
    assert "Outputs are up to date." in said
    assert "Executing" not in said
