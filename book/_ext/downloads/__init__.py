"""Each chapter as a notebook and as a script that stand alone; the toolbar offers them.

Both are made from the finished page, so they say what it says: references are resolved, numbers are
in their places. Functions that the page shows from the package become cells, and the modules that
the chapter imports come first, so that neither needs the repository. A notebook has the outputs of
the page.
"""

import functools
from pathlib import Path
from typing import NamedTuple

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from sphinx.application import Sphinx

from fingerprint import imported_modules
from pages import PACKAGE, executed_pages, read_page
from unrolled.widgets import MIME

from .package import (
    INSTALL,
    REFUSE,
    check_packages,
    module_source,
    needed_packages,
    set_up,
)
from .page_cells import cells_of

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


class Chapter(NamedTuple):
    """What both formats hold."""

    title: str
    about: str
    # Other people's packages, as pip is asked for them.
    needed: list[str]
    # Cells that provide the package.
    package: list[str]
    # Those of the page.
    cells: list[nbformat.NotebookNode]


def read_chapter(page: str, out: Path, site: str) -> Chapter:
    """A finished page and the modules it needs."""
    cells = cells_of(page, out, site)
    modules = imported_modules(read_page(page))
    code = [cell.source for cell in cells if cell.cell_type == "code"]
    needed = needed_packages([*code, *map(module_source, modules)])
    about = ABOUT.format(
        models=MODELS if "recipes" in modules else "",
        where=f", <{site}>" if site else "",
        needs=" ".join(f'"{it}"' if ">" in it else it for it in needed),
    )
    title, _, text = cells[0].source.partition("\n")
    cells[0].source = text.strip()
    return Chapter(title, about, needed, set_up(modules), cells)


def notebook(chapter: Chapter) -> nbformat.NotebookNode:
    """A chapter as a notebook, with the outputs of its page."""
    first = [check_packages(INSTALL, chapter.needed), *chapter.package]
    hidden = {"jupyter": {"source_hidden": True}}
    cells = [
        new_markdown_cell(f"{chapter.title}\n\n{chapter.about}"),
        *(new_code_cell(cell, metadata=hidden) for cell in first),
        *chapter.cells,
    ]
    for i, cell in enumerate(cells):
        # The same at each build.
        cell["id"] = f"cell-{i}"
        cell.metadata.pop("mystnb", None)
        # Without what only the page can show.
        if "outputs" in cell:
            cell.outputs = [o for o in cell.outputs if MIME not in o.get("data", {})]
    python = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return new_notebook(cells=cells, metadata={"kernelspec": python})


def script(chapter: Chapter) -> str:
    """A chapter as plain Python: text as comments, cells marked as editors know them (``# %%``)."""
    first = [check_packages(REFUSE, chapter.needed), *chapter.package]
    parts = [_comment(f"{chapter.title}\n\n{chapter.about}")]
    parts += [f"# %%\n{cell}" for cell in first]
    # Again: the package is long.
    parts.append(_comment(chapter.title))
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


@functools.cache
def downloadable() -> list[str]:
    """The pages with code of their own: all executed ones, but for the title page."""
    return [page for page in executed_pages() if page != "index"]


def write_downloads(app: Sphinx, error: Exception | None) -> None:
    """Write both formats of each page, where something that they hold is newer."""
    if error or app.builder.name != "html":
        return
    out = Path(app.outdir)
    folder = out / "downloads"
    folder.mkdir(exist_ok=True)
    code = [*Path(__file__).parent.glob("*.py"), *PACKAGE.rglob("*.py")]
    for page in downloadable():
        name = folder / page.rpartition("/")[2]
        targets = name.with_suffix(".ipynb"), name.with_suffix(".py")
        if _newer([out / f"{page}.html", *code], targets):
            chapter = read_chapter(page, out, app.config.html_baseurl)
            nbformat.write(notebook(chapter), targets[0])
            targets[1].write_text(script(chapter), encoding="utf-8")


def _newer(sources: list[Path], targets: tuple[Path, ...]) -> bool:
    """Whether a target is missing, or older than a source."""
    if not all(target.exists() for target in targets):
        return True
    made = min(target.stat().st_mtime for target in targets)
    return any(source.stat().st_mtime > made for source in sources)


def setup(app: Sphinx) -> dict:
    """Add it to Sphinx."""
    app.connect("build-finished", write_downloads)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
