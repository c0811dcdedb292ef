#!/usr/bin/env python3
"""When the outputs of a page are out of date.

A page's fingerprint covers what its outputs depend on: its code cells; the definitions of
``unrolled`` that they reach, through modules and across them; what these modules do when they are
imported; the data that is read; the device and the budget; and the page that was executed before
it, where its front matter names one. Prose, comments, docstrings and layout do not count, so that
a mended sentence costs no computation, and neither does a function that no cell reaches. Nor does
the Python that reads the code: outputs frozen under one version hold under the next.

A definition is a function, a class or a variable at the top of a module. It reaches all that its
code names. That is more than it calls, and never less.

    python tools/fingerprint.py gru-and-lstm    # what a page reaches
"""

from __future__ import annotations

import ast
import hashlib
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import nbformat

from pages import PACKAGE, code_of, page_before, read_page

#: A definition: its module, such as ``figures.style``, and its name. Without a name: the module.
Definition = tuple[str, str]


class Module(NamedTuple):
    """What a module defines, what it does on import, and what its names mean that it imports."""

    definitions: dict[str, list[ast.AST]]
    effects: list[ast.AST]
    imports: dict[str, Definition]
    #: The modules that it imports, in its functions too.
    imported: set[str]


# ---------------------------------------------------------------------- code, read as it counts


@cache
def _text_of(definition: ast.AST) -> str:
    return _as_text(definition)


def _as_text(tree: Any) -> str:
    """A syntax tree as text: without annotations of functions, and the same under every Python.

    ``ast.dump`` also shows empty fields, and newer versions have more of them; some add empty
    pieces to f-strings.
    """
    if isinstance(tree, ast.JoinedStr):
        pieces = [
            piece for piece in tree.values if getattr(piece, "value", piece) != ""
        ]
        return f"JoinedStr({_as_text(pieces)})"
    if isinstance(tree, list):
        return f"[{', '.join(map(_as_text, tree))}]"
    if not isinstance(tree, ast.AST):
        return repr(tree)
    fields = [
        f"{name}={_as_text(value)}"
        for name, value in ast.iter_fields(tree)
        if value is not None and value != [] and not _is_annotation(tree, name)
    ]
    return f"{type(tree).__name__}({', '.join(fields)})"


def _is_annotation(tree: ast.AST, field: str) -> bool:
    """Whether a field says what type something has, where nobody reads it at run time."""
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return (isinstance(tree, ast.arg) and field == "annotation") or (
        isinstance(tree, functions) and field == "returns"
    )


def _without_strings(tree: ast.AST) -> ast.AST:
    """A syntax tree without strings that stand alone: docstrings, and those below a field."""
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [one for one in body if not _is_string(one)]
    return tree


def _is_string(node: ast.AST) -> bool:
    value = node.value if isinstance(node, ast.Expr) else None
    return isinstance(value, ast.Constant) and isinstance(value.value, str)


def _walk(tree: ast.AST) -> Iterator[ast.AST]:
    """All nodes of a syntax tree that are evaluated, each before those within it."""
    yield tree
    for name, value in ast.iter_fields(tree):
        if not _is_annotation(tree, name):
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST):
                    yield from _walk(child)


# ------------------------------------------------------------------------------------- modules


def path_of(name: str) -> Path | None:
    """The file of a module such as ``figures.style`` (or ````, the package), if there is one."""
    place = PACKAGE.joinpath(*filter(None, name.split(".")))
    for path in (place / "__init__.py", place.with_suffix(".py")):
        if path.exists() and (name or path.name == "__init__.py"):
            return path
    return None


def _module(name: str) -> Module:
    return _parse(path_of(name).read_text(encoding="utf-8"), PACKAGE)


@cache
def _parse(text: str, package: Path) -> Module:
    """Divide a module's code. What it imports depends on the modules that the package has."""
    code = _without_strings(ast.parse(text))
    module = Module({}, [], {}, _imported(code))
    for node in code.body:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            module.imports.update(_imports(node))
            continue
        names = set(_bound(node))
        for name in names:
            module.definitions.setdefault(name, []).append(node)
        simple = (
            ast.FunctionDef,
            ast.ClassDef,
            ast.Assign,
            ast.AnnAssign,
            ast.AugAssign,
        )
        if not names or not isinstance(node, simple):
            module.effects.append(node)
    return module


def _bound(node: ast.AST) -> Iterator[str]:
    """The names that a statement at the top of a module binds or changes."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        yield node.name
        return
    for one in _walk(node):
        if isinstance(one, (ast.FunctionDef, ast.ClassDef)):
            yield one.name
        elif isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store):
            yield one.id
        # RULES["sgd"] = sgd changes RULES.
        elif isinstance(getattr(one, "ctx", None), ast.Store) and (root := _root(one)):
            yield root


def _root(node: ast.AST) -> str:
    while isinstance(node, (ast.Attribute, ast.Subscript)):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def _imports(node: ast.AST) -> dict[str, Definition]:
    """The names that a statement imports from the package, and what each stands for."""
    found = {}
    if isinstance(node, ast.Import):
        for alias in node.names:
            if alias.name.split(".")[0] == "unrolled":
                name = alias.name if alias.asname else "unrolled"
                found[alias.asname or name] = name.removeprefix("unrolled")[1:], ""
    elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == (
        "unrolled"
    ):
        parent = node.module.removeprefix("unrolled")[1:]
        for alias in node.names:
            inner = f"{parent}.{alias.name}".strip(".")
            what = (inner, "") if path_of(inner) else (parent, alias.name.strip("*"))
            found[alias.asname or alias.name] = what
    return found


def _imported(tree: ast.AST) -> set[str]:
    """The modules that code imports, with the packages that they stand in."""
    found = set()
    for node in ast.walk(tree):
        names = {name for name, _ in _imports(node).values()}
        if isinstance(node, ast.Import):
            names |= {
                alias.name.removeprefix("unrolled")[1:]
                for alias in node.names
                if alias.name.split(".")[0] == "unrolled"
            }
        for name in names:
            parts = name.split(".")
            found |= {".".join(parts[:end]) for end in range(len(parts) + 1)}
    return {name for name in found if path_of(name)}


def _all_imported(tree: ast.AST) -> set[str]:
    """The modules that code imports, and those that these import."""
    todo, done = set(_imported(tree)), set()
    while todo:
        name = todo.pop()
        done.add(name)
        todo |= _module(name).imported - done
    return done


# ------------------------------------------------------------------------------ what is reached


@cache
def _named(tree: ast.AST, own: str, package: Path) -> set[Definition]:
    """The definitions that code names, of its own module and of others; cells have no own."""
    names = dict(_module(own).imports) if own else {}
    found, inner = set(), set()
    for node in ast.walk(tree):
        names.update(_imports(node))
    if "*" in names:
        found.add(names.pop("*"))
    for node in _walk(tree):
        # In package.module.name the whole comes before its parts, and counts alone.
        if id(node) in inner:
            continue
        chain, root = [], node
        while isinstance(root, ast.Attribute):
            chain.insert(0, root.attr)
            root = root.value
            inner.add(id(root))
        if isinstance(root, ast.Name):
            if root.id in names:
                found.add(_follow(names[root.id], chain))
            elif own and root.id in _module(own).definitions:
                found.add((own, root.id))
    return found


def _follow(start: Definition, chain: list[str]) -> Definition:
    """What ``start.a.b`` is: a module as long as there are modules, then a definition."""
    module, name = start
    if name:
        return start
    for attribute in chain:
        inner = f"{module}.{attribute}".strip(".")
        if not path_of(inner):
            return module, attribute
        module = inner
    return module, ""


def reached(tree: ast.AST) -> dict[str, list[ast.AST]]:
    """The code of the package that other code reaches, by what it is called."""
    todo = set(_named(tree, "", PACKAGE))
    found: dict[str, list[ast.AST]] = {}
    for name in _all_imported(tree):
        module = _module(name)
        if module.effects:
            found[f"the import of {_title(name)}"] = module.effects
            for node in module.effects:
                todo |= _named(node, name, PACKAGE)
    done = set()
    while todo:
        one = name, what = todo.pop()
        done.add(one)
        module = _module(name)
        if what in module.definitions:
            nodes = module.definitions[what]
            found[f"{_title(name)}.{what}"] = nodes
            for node in nodes:
                todo |= _named(node, name, PACKAGE)
        elif what in module.imports:
            todo.add(module.imports[what])
        elif not what.startswith("__"):
            # All of a module that is handed on, or whose attributes are made elsewhere.
            todo |= {(name, every) for every in module.definitions}
        todo -= done
    return found


def _title(module: str) -> str:
    return f"unrolled.{module}".strip(".")


# -------------------------------------------------------------------------------- fingerprints


def _hash(*parts: str | bytes) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.encode() if isinstance(part, str) else part)
        digest.update(b"\0")
    return digest.hexdigest()[:16]


def _code(notebook: nbformat.NotebookNode) -> ast.Module:
    """A page's cells as one syntax tree, without what only notebooks know."""
    lines = "\n".join(code_of(notebook)).splitlines()
    return ast.parse("\n".join(line for line in lines if line[:1] not in "%!"))


def imported_modules(notebook: nbformat.NotebookNode) -> list[str]:
    """The modules of the package that a page's cells import, and those that these import."""
    return sorted(_all_imported(_code(notebook)) - {""})


def _data(nodes: list[ast.AST]) -> Iterator[Path]:
    """The package's data files that code names."""
    names = {
        one.value
        for node in nodes
        for one in ast.walk(node)
        if isinstance(one, ast.Constant) and isinstance(one.value, str)
    }
    return (path for path in PACKAGE.glob("data/*") if path.name in names)


def fingerprint(page: str, device: str, budget: str) -> dict[str, str]:
    """Everything that the outputs of a page depend on, each with a hash of what it is now."""
    notebook = read_page(page)
    parts = {
        "the device": device,
        "the budget": budget,
        "its code": _hash(*code_of(notebook)),
    }
    for name, nodes in sorted(reached(_code(notebook)).items()):
        parts[name] = _hash(*map(_text_of, nodes))
        for path in _data(nodes):
            parts[f"data/{path.name}"] = _hash(path.read_bytes())
    if before := page_before(page):
        parts[f"the page {before}"] = _hash(str(fingerprint(before, device, budget)))
    return parts


def changes(then: dict[str, str], now: dict[str, str]) -> str:
    """What differs between two fingerprints, in words; empty where nothing does."""
    names = [name for name in {**then, **now} if then.get(name) != now.get(name)]
    more = f" and {len(names) - 4} more" if len(names) > 5 else ""
    return ", ".join(names[:4] if more else names) + more


if __name__ == "__main__":
    print(*sorted(reached(_code(read_page(sys.argv[1])))), sep="\n")
