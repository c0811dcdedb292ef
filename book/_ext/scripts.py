"""Scripts wait until the page is there, and leave alone what is ours."""

from pathlib import Path

from sphinx.application import Sphinx

from repair import replaced

#: One hides the contents while a remark in the margin is in sight, and folds the list of chapters,
#: which page.js does; the other marks words that a search page was asked for.
LEFT_OUT = ("sphinx-book-theme.js", "sphinx_highlight.js")
#: The theme's script looks which blocks scroll, and lets the keyboard reach those alone. But it
#: looks before they are drawn, and lays out the whole page for it; page.js waits for each.
THEME = "_static/scripts/pydata-sphinx-theme.js"
MARKS = (
    '["pre",".nboutput > .output_area",".cell_output > .output",'
    '".jp-RenderedHTMLCommon",".pst-scrollable-table-container"]'
)
MENDED = '[":not(*)"/* page.js knows better */]'


def defer(app: Sphinx, _page, _template, context: dict, _tree) -> None:
    """Let all scripts wait; those that only tell the theme what it need not know go."""
    if app.builder.name != "html":
        return
    kept = []
    for script in context["script_files"]:
        told = script.attributes.get("body", "")
        if told.startswith("DOCUMENTATION_OPTIONS."):
            continue
        if Path(str(script.filename)).name.partition("?")[0] in LEFT_OUT:
            continue
        if script.filename:
            script.attributes["defer"] = "defer"
        kept.append(script)
    context["script_files"] = kept


def mend_theme(app: Sphinx, error: Exception | None) -> None:
    """Take the blocks of code out of the theme's hands."""
    if error or app.builder.name != "html":
        return
    path = Path(app.outdir, THEME)
    text = path.read_text(encoding="utf-8")
    # A build that goes on from another one finds it mended.
    if MENDED not in text:
        path.write_text(replaced(text, MARKS, MENDED), encoding="utf-8")


def setup(app: Sphinx) -> dict:
    """Add it to Sphinx."""
    app.connect("html-page-context", defer, priority=900)
    app.connect("build-finished", mend_theme)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
