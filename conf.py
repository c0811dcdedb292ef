"""Sphinx configuration of the book: ``sphinx-build -c . book _build/html``."""

import sys
from pathlib import Path

ROOT = Path(__file__).parent
sys.path[:0] = [str(ROOT / "book" / "_tools"), str(ROOT / "code")]

import unrolled  # noqa: E402
from chapters import BUILD  # noqa: E402

project = "Unrolled"
author = "the authors of Unrolled"
copyright = "2026, the authors of Unrolled. Text CC BY 4.0, code MIT"
release = version = unrolled.__version__
language = "en"

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinxcontrib.bibtex",
    "unrolled_sphinx",
]
exclude_patterns = ["_frozen", "_tools", "_static"]
suppress_warnings = ["mystnb.unknown_mime_type"]

# Chapters are executed by book/_tools/execute.py, which knows when they are out of date, and
# MyST-NB finds their outputs in its cache.
nb_execution_mode = "cache"
nb_execution_cache_path = str(BUILD / "cache")
nb_execution_raise_on_error = True
nb_execution_timeout = -1
nb_merge_streams = True

myst_enable_extensions = [
    "attrs_inline",
    "colon_fence",
    "deflist",
    "dollarmath",
    "fieldlist",
]
myst_heading_anchors = 3
numfig = True
math_numfig = True
numfig_secnum_depth = 1
math_eqref_format = "({number})"

autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the docstrings say more: shapes and units
napoleon_google_docstring = False

bibtex_bibfiles = ["book/references.bib"]
bibtex_default_style = "unsrtalpha"
bibtex_reference_style = "author_year"

copybutton_exclude = ".linenos, .gp, .go"

html_theme = "sphinx_book_theme"
html_title = "Unrolled"
html_logo = "book/_static/logo.svg"
html_favicon = "book/_static/logo.svg"
html_static_path = ["book/_static"]
html_css_files = ["unrolled.css"]
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False
html_theme_options = {
    "logo": {"text": "Unrolled", "alt_text": ""},
    "use_download_button": False,
    "use_fullscreen_button": False,
    "show_toc_level": 2,
    "navbar_persistent": [],  # the search field of the sidebar is enough
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
