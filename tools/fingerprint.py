#!/usr/bin/env python3
"""When the outputs of a page are out of date.

A page's fingerprint covers what its outputs depend on: its code cells; the definitions of
``unrolled`` that they reach, through modules and across them; what these modules do when they are
imported; the data that is read; the device and the budget; and the page that was executed before
it, where its front matter names one. Prose, comments, docstrings and layout do not count, so that
a mended sentence costs no computation, and neither does a function that no cell reaches. Nor does
the Python that reads the code: outputs frozen under one version hold under the next.

    python tools/fingerprint.py gru-and-lstm    # what a page reaches
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import nbformat

from definitions import Code, Module, imported, read_code, read_module
from pages import PACKAGE, code_of, executed_pages, read_page
from unrolled import command_line

#: The modules of the package by their paths, such as ``unrolled.figures.style``.
Modules = dict[str, Module]


# ------------------------------------------------------------------------------- the package


def path_of(name: str) -> Path:
    """The file of a module such as ``figures.style``; that of the package has no name."""
    place = PACKAGE.joinpath(*filter(None, name.split(".")))
    return place / "__init__.py" if place.is_dir() else place.with_suffix(".py")


def _modules() -> Modules:
    """The package as it is now; only what changed since is read anew."""
    found = {}
    for path in PACKAGE.rglob("*.py"):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        name = ".".join(["unrolled", *(part for part in parts if part != "__init__")])
        found[name] = read_module(name, path.read_text(encoding="utf-8"))
    return found


def _executed(imports: Iterable[str], modules: Modules) -> set[str]:
    """The modules that run for imports: with the packages around them, and what these import."""
    todo, found = set(imports), set()
    while todo:
        parts = todo.pop().split(".")
        paths = {".".join(parts[:end]) for end in range(1, len(parts) + 1)}
        new = paths & modules.keys() - found
        found |= new
        todo.update(*(modules[name].imports for name in new))
    return found


def _split(path: str, modules: Modules) -> tuple[str, list[str]]:
    """The module that a path leads to, and the attributes that are left of it."""
    attributes = []
    while path and path not in modules:
        path, _, last = path.rpartition(".")
        attributes.insert(0, last)
    return path, attributes


def _stands_for(module: str, attributes: list[str], modules: Modules) -> set[str]:
    """The paths that a name in a module stands for."""
    names = modules[module].names
    if attributes and attributes[0] in names:
        name, *rest = attributes
        return {".".join([path, *rest]) for path in names[name]}
    # The module is handed on, or makes its attributes itself: all of it counts.
    inner = {name for name in modules if name.startswith(f"{module}.")}
    return inner.union(*names.values())


@cache
def _read_cells(text: str) -> tuple[Code, set[str]]:
    """Cells as one piece of code, and all that they import."""
    tree = ast.parse(text)
    names, imports = imported(tree)
    return read_code([tree], names), imports


def reached(cells: str) -> dict[str, Code]:
    """The code of the package that a page's cells reach, by what it is called."""
    modules = _modules()
    code, imports = _read_cells(cells)
    found = {
        f"the import of {name}": modules[name].on_import
        for name in _executed(imports, modules)
        if modules[name].on_import
    }
    done, todo = set(), code.mentions.union(*(one.mentions for one in found.values()))
    while todo:
        path = todo.pop()
        done.add(path)
        module, attributes = _split(path, modules)
        if not module:
            continue
        todo |= _stands_for(module, attributes, modules)
        if code := modules[module].definitions.get("".join(attributes[:1])):
            found[f"{module}.{attributes[0]}"] = code
            todo |= code.mentions
        todo -= done
    return found


# ------------------------------------------------------------------------------ fingerprints


def _hash(*parts: str | bytes) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.encode() if isinstance(part, str) else part)
        digest.update(b"\0")
    return digest.hexdigest()[:16]


def _cells(notebook: nbformat.NotebookNode) -> str:
    """A page's cells as one text, without what only notebooks know."""
    lines = "\n".join(code_of(notebook)).splitlines()
    return "\n".join(line for line in lines if not line.startswith(("%", "!")))


def imported_modules(notebook: nbformat.NotebookNode) -> list[str]:
    """The modules of the package that a page's cells import, and those that these import."""
    _, imports = _read_cells(_cells(notebook))
    found = _executed(imports, _modules()) - {"unrolled"}
    return sorted(name.removeprefix("unrolled.") for name in found)


def _data(codes: Iterable[Code]) -> dict[str, str]:
    """The package's data that code names, each with a hash of its content."""
    strings = set().union(*(code.strings for code in codes))
    return {
        path.relative_to(PACKAGE).as_posix(): _hash(path.read_bytes())
        for path in PACKAGE.glob("data/**/*")
        if path.is_file() and any(path.name in string for string in strings)
    }


def fingerprint(page: str, device: str, budget: str) -> dict[str, str]:
    """Everything that the outputs of a page depend on, each with a hash of what it is now."""
    notebook = read_page(page)
    cells = _cells(notebook)
    codes = dict(sorted(reached(cells).items()))
    parts = {
        "the device": device,
        "the budget": budget,
        "its code": _hash(*code_of(notebook)),
        **{name: _hash(code.text) for name, code in codes.items()},
        **_data([_read_cells(cells)[0], *codes.values()]),
    }
    if before := notebook.metadata.get("after"):
        parts[f"the page {before}"] = _hash(str(fingerprint(before, device, budget)))
    return parts


def changes(then: dict[str, str], now: dict[str, str]) -> str:
    """What differs between two fingerprints, in words; empty where nothing does."""
    names = [name for name in {**then, **now} if then.get(name) != now.get(name)]
    more = f" and {len(names) - 4} more" if len(names) > 5 else ""
    return ", ".join(names[:4] if more else names) + more


def main() -> None:
    """Say what a page reaches."""
    parser = command_line.Parser(description=__doc__.splitlines()[0])
    parser.add_argument("page", choices=executed_pages(), metavar="page")
    page = parser.parse_args().page
    print(*sorted(reached(_cells(read_page(page)))), sep="\n")


if __name__ == "__main__":
    command_line.run(main, name="Error")
