"""What code defines, and what each definition mentions, as its text alone tells it.

A definition is a function, a class or a variable at the top of a module. It mentions each name in
its code that the module imports or binds, local variables of the same name included: that is more
than it uses, not less. Two things cannot be seen: what is looked up by text at run time, as in
``globals()["fit"]``, and what a call in an assignment or a decorator changes elsewhere.

Names stand for paths: ``np`` for ``numpy``, and in a module ``fit`` for ``unrolled.training.fit``.
One that is bound more than once stands for several.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any, NamedTuple

#: The paths that each name stands for; those of ``*`` are modules that give all they have.
Names = dict[str, set[str]]


class Code(NamedTuple):
    """Code that counts as one: a definition, or all that a module does when it is imported."""

    #: What of it counts, with the meaning of the names in it.
    text: str
    #: Paths, each with the attributes that are asked for: ``unrolled.training.fit``.
    mentions: set[str]
    strings: set[str]


class Module(NamedTuple):
    """What there is in a module."""

    definitions: dict[str, Code]
    on_import: Code | None
    names: Names
    #: The paths that it imports, in its functions too.
    imports: set[str]


DEFINES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
ASSIGNS = (ast.Assign, ast.AnnAssign, ast.AugAssign)
IMPORTS = (ast.Import, ast.ImportFrom)


# ---------------------------------------------------------------------- code, read as it counts


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
    """Whether a field is an annotation that nobody reads: those of functions.

    Those of fields are read when a command line is made, or settings are checked.
    """
    return (isinstance(tree, ast.arg) and field == "annotation") or (
        isinstance(tree, (ast.FunctionDef, ast.AsyncFunctionDef)) and field == "returns"
    )


def _without_strings(tree: ast.AST) -> ast.AST:
    """A syntax tree without strings that stand alone: docstrings, and those below a field."""
    for node in ast.walk(tree):
        for _, value in ast.iter_fields(node):
            if isinstance(value, list):
                value[:] = [one for one in value if not _is_string(one)]
    return tree


def _is_string(node: Any) -> bool:
    value = node.value if isinstance(node, ast.Expr) else None
    return isinstance(value, ast.Constant) and isinstance(value.value, str)


def _children(tree: ast.AST) -> Iterator[ast.AST]:
    """The nodes right below one that are evaluated."""
    for name, value in ast.iter_fields(tree):
        if not _is_annotation(tree, name):
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST):
                    yield child


def _walk(tree: ast.AST) -> Iterator[ast.AST]:
    yield tree
    for child in _children(tree):
        yield from _walk(child)


# ------------------------------------------------------------------------ what names stand for


def imported(tree: ast.AST) -> tuple[Names, set[str]]:
    """What the names stand for that code imports, anywhere in it, and all paths it imports."""
    names, paths = defaultdict(set), set()
    for node in ast.walk(tree):
        for alias in node.names if isinstance(node, IMPORTS) else ():
            path = alias.name
            if isinstance(node, ast.ImportFrom):
                if node.level:
                    raise ValueError(f"write this import out: {ast.unparse(node)}")
                path = node.module if path == "*" else f"{node.module}.{path}"
            paths.add(path)
            # `import jax.numpy` binds jax.
            whole = alias.asname or isinstance(node, ast.ImportFrom)
            short = path if whole else path.partition(".")[0]
            names[alias.asname or (alias.name if whole else short)].add(short)
    return names, paths


def _bound(node: ast.AST) -> Iterator[str]:
    """The names that a statement at the top of a module binds."""
    for one in [node] if isinstance(node, DEFINES) else _walk(node):
        if isinstance(one, DEFINES):
            yield one.name
        elif isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store):
            yield one.id


def _changed(node: ast.AST) -> Iterator[str]:
    """The names of what a statement changes in place; empty for what has none.

    ``RULES["sgd"] = sgd`` changes ``RULES``, and a function below ``@show.register`` changes
    ``show``.
    """
    if isinstance(node, DEFINES):
        for decorator in node.decorator_list:
            called = getattr(decorator, "func", decorator)
            if isinstance(called, ast.Attribute):
                yield _root(called)
        return
    for one in _walk(node):
        stored = isinstance(getattr(one, "ctx", None), ast.Store)
        if stored and isinstance(one, (ast.Attribute, ast.Subscript)):
            yield _root(one)


def _root(node: ast.AST) -> str:
    while isinstance(node, (ast.Attribute, ast.Subscript)):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def _chains(node: ast.AST) -> Iterator[list[str]]:
    """The names in code, each with the attributes after it: ``np``, ``random``, ``normal``."""
    chain, root = [], node
    while isinstance(root, ast.Attribute):
        chain.insert(0, root.attr)
        root = root.value
    if isinstance(root, ast.Name):
        yield [root.id, *chain]
    else:
        for child in _children(node):
            yield from _chains(child)


# ----------------------------------------------------------------------------- code and modules


def read_code(nodes: Iterable[ast.AST], names: Names) -> Code:
    """Read code whose names stand for paths."""
    mentions, meanings = set(names.get("*", ())), set()
    for root, *attributes in (chain for node in nodes for chain in _chains(node)):
        for path in names.get(root, ()):
            meanings.add((root, path))
            mentions.add(".".join([path, *attributes]))
    strings = {
        one.value
        for node in nodes
        for one in _walk(node)
        if isinstance(one, ast.Constant) and isinstance(one.value, str)
    }
    text = "\n".join([*map(_as_text, nodes), *map(str, sorted(meanings))])
    return Code(text, mentions, strings)


@cache
def read_module(name: str, text: str) -> Module:
    """Divide a module's code into definitions, and what it does when it is imported."""
    tree = _without_strings(ast.parse(text))
    names, imports = imported(tree)
    nodes = [node for node in tree.body if not isinstance(node, IMPORTS)]
    own = {bound for node in nodes for bound in _bound(node)}
    for bound in own:
        names[bound].add(f"{name}.{bound}")
    definitions, effects = defaultdict(list), []
    for node in nodes:
        touched = {*_bound(node), *_changed(node)}
        for bound in touched & own:
            definitions[bound].append(node)
        # A statement that changes what belongs to others acts on them, whoever asks for it.
        assigns = isinstance(node, ASSIGNS) and touched <= own
        if not (assigns or isinstance(node, DEFINES)):
            effects.append(node)
    return Module(
        {bound: read_code(those, names) for bound, those in definitions.items()},
        read_code(effects, names) if effects else None,
        dict(names),
        imports,
    )
