"""One style sheet for the site, with what its pages and scripts use of the theme's 450 kB.

A rule stays if every class, id and tag that its selector names occurs on a page or in a script.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import partial
from pathlib import Path

import tinycss2
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

SHEET = "_static/book.css"
#: What the theme's templates would load beside what Sphinx knows of.
BEFORE = ["basic.css", "styles/pydata-sphinx-theme.css"]
#: Names that stand in selectors and need to be found nowhere.
ANYWHERE = {"from", "to", "html", "body"}
#: The scripts that give elements names while a page is open.
SCRIPTS = [
    *("scripts/pydata-sphinx-theme.js", "doctools.js", "copybutton.js"),
    *("page.js", "previews.js", "search.js", "place.js"),
]

#: What pages would link to, without this.
_sheets: list[str] = []


def link_one(app: Sphinx, _page, _template, context: dict, _tree) -> None:
    """Give a page one sheet, and keep the names of those that it would have had."""
    if app.builder.name == "html":
        sheets = sorted(context["css_files"], key=lambda sheet: sheet.priority)
        _sheets[:] = [str(sheet.filename).removeprefix("_static/") for sheet in sheets]
        context["css_files"] = [SHEET]


# --------------------------------------------------------------------------- what is used


def names_in_pages(pages: Iterable[str]) -> set[str]:
    """All classes, ids and tags of pages."""
    found: set[str] = set()
    for text in pages:
        for _, value in re.findall(r"""\b(?:class|id)=(["'])(.*?)\1""", text):
            found.update(value.split())
        found.update(tag.lower() for tag in re.findall(r"<([a-zA-Z][\w-]*)", text))
    return found


def names_in_scripts(scripts: Iterable[str]) -> set[str]:
    """All words in the strings of scripts, which may become classes, ids and tags."""
    found: set[str] = set()
    for text in scripts:
        for string in re.findall(r'"[^"\n]*"|\'[^\'\n]*\'|`[^`]*`', text):
            found.update(re.findall(r"[a-zA-Z][\w-]*", string))
    return found


def needs(selector: list) -> set[str]:
    """The classes, ids and tags without which a selector matches nothing."""
    found, before = set(), ""
    for token in selector:
        if token.type == "ident" and before == ".":
            found.add(token.value)
        elif token.type == "ident" and before != ":":
            found.add(token.lower_value)
        elif token.type == "hash":
            found.add(token.value)
        before = token.value if token.type == "literal" else ""
    return found


def purge(rules: list, names: set[str]) -> str:
    """The rules that may match something, in few characters."""
    kept = []
    for rule in rules:
        if rule.type == "qualified-rule":
            selectors = [one for one in _split(rule.prelude) if needs(one) <= names]
            if selectors and (body := _text(rule.content)):
                kept.append(f"{','.join(map(_text, selectors))}{{{body}}}")
        elif rule.type == "at-rule" and rule.content is not None:
            head = f"@{rule.at_keyword} {_text(rule.prelude)}"
            if rule.lower_at_keyword in ("media", "supports"):
                inner = tinycss2.parse_rule_list(rule.content, True, True)
                body = purge(inner, names)
            else:
                body = _text(rule.content)
            if body:
                kept.append(f"{head}{{{body}}}")
        elif rule.type == "error":
            raise ExtensionError(f"style_sheet: {rule.message}")
    return "\n".join(kept)


def _split(prelude: list) -> list[list]:
    """The selectors of a rule: what commas part."""
    parts: list[list] = [[]]
    for token in prelude:
        if token.type == "literal" and token.value == ",":
            parts.append([])
        else:
            parts[-1].append(token)
    return parts


def _text(tokens: list) -> str:
    return re.sub(r"\s+", " ", tinycss2.serialize(tokens)).strip()


def without_unused_variables(css: str, scripts: str) -> str:
    """Drop the variables that nothing asks for, and then those that only these asked for."""
    deeper = r"\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\)"
    value = rf"""(?:[^;{{}}"'()]|"[^"]*"|'[^']*'|{deeper})*"""
    definition = re.compile(rf"(?<=[{{;])\s*(--[\w-]+)\s*:{value}(?:;|(?=\}}))")
    asked = set(re.findall(r"--[\w-]+", scripts))

    def keep(found: re.Match, used: set[str]) -> str:
        return found[0] if found[1] in used else ""

    before = ""
    while css != before:
        used = asked | set(re.findall(r"var\(\s*(--[\w-]+)", css))
        before, css = css, definition.sub(partial(keep, used=used), css)
    return re.sub(r"[^{}\n]*\{\s*\}\n?", "", css)


def without_unused_animations(css: str) -> str:
    """Drop animations that no rule names."""
    for name in set(re.findall(r"@keyframes ([\w-]+)", css)):
        if len(re.findall(rf"(?<![\w-]){re.escape(name)}(?![\w-])", css)) < 2:
            body = r"\{(?:[^{}]|\{[^{}]*\})*\}\n?"
            css = re.sub(rf"@keyframes {name}{body}", "", css)
    return css


def without_icon_fonts(css: str) -> str:
    """Drop the fonts of the theme's icons: unrolled.css draws the dozen that pages show.

    Raises
    ------
    ExtensionError
        If there are none: the theme has its icons otherwise now.
    """
    css, found = re.subn(r"@font-face ?\{[^}]*Font Awesome[^}]*\}\n?", "", css)
    if not found:
        raise ExtensionError("style_sheet: the theme has no fonts of icons any more")
    return css


# ------------------------------------------------------------------------------- the sheet


def write(app: Sphinx, error: Exception | None) -> None:
    """Write the one sheet: every build writes some pages, such as 404.html, and has the names.

    Raises
    ------
    ExtensionError
        If a sheet or script that is expected is not there.
    """
    if error or app.builder.name != "html":
        return
    out = Path(app.outdir)
    static = out / "_static"
    pages = (path.read_text(encoding="utf-8") for path in out.rglob("*.html"))
    paths = [static / name for name in (*BEFORE, *_sheets)]
    scripts = [*(static / name for name in SCRIPTS), *static.glob("widgets/*.js")]
    if missing := [path.name for path in (*paths, *scripts) if not path.exists()]:
        raise ExtensionError(f"style_sheet: there is no {', '.join(missing)}")
    code = [path.read_text(encoding="utf-8") for path in scripts]
    names = names_in_pages(pages) | names_in_scripts(code) | ANYWHERE
    text = "\n".join(path.read_text(encoding="utf-8") for path in paths)
    css = purge(tinycss2.parse_stylesheet(text, True, True), names)
    css = without_unused_variables(css, "".join(code))
    css = without_unused_animations(without_icon_fonts(css))
    (out / SHEET).write_text(css, encoding="utf-8")


def setup(app: Sphinx) -> dict:
    """Add it to Sphinx, after the theme, which names its sheets and writes the colors of code."""
    app.connect("html-page-context", link_one, priority=900)
    app.connect("build-finished", write, priority=900)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
