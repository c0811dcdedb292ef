"""Sphinx configuration of the book: ``sphinx-build -c . book _build/html``."""

import logging
import os
import sys
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).parent
sys.path[:0] = [str(ROOT / part) for part in ("book/_ext", "tools", "code")]

import unrolled  # noqa: E402
from pages import BUILD  # noqa: E402

# The styles for code set up logging when they are loaded, and PyTensor would tell everything.
logging.getLogger("pytensor").setLevel(logging.WARNING)

project = "Unrolled"
author = "the authors of Unrolled"
copyright = "2026, the authors of Unrolled. Text CC BY 4.0, code MIT"
release = version = unrolled.__version__
language = "en"

extensions = [
    "myst_nb",
    "notfound.extension",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "sphinxcontrib.bibtex",
    # Ours, one a file in book/_ext. First who may build; then what stands on pages,
    "unfinished",
    "outputs",
    "page_foot",
    "measured",
    "source",
    "solution",
    "opening",
    "aside",
    "live_model",
    "mathml",
    "code_blocks",
    "figures",
    "sections",
    # then what is mended on them; valid_html after MyST-NB, whose boxes it writes anew,
    "repair",
    "valid_html",
    "descriptions",
    "toolbar",
    "scripts",
    "style_sheet",
    # and what is made of them.
    "previews",
    "search_index",
    "downloads",
    "epub",
]
# Says when each page changed last.
if (ROOT / ".git").exists():
    extensions.append("sphinx_last_updated_by_git")
exclude_patterns = ["_frozen", "_measured", "_ext", "_static", "_templates"]
templates_path = ["book/_templates"]
# A shallow clone has no dates.
suppress_warnings = ["mystnb.unknown_mime_type", "git"]

# Chapters are executed by tools/execute.py, which knows when they are out of date, and leaves
# their outputs in MyST-NB's cache.
nb_execution_mode = "cache"
nb_execution_cache_path = str(BUILD / "cache")
nb_execution_raise_on_error = True
nb_execution_timeout = -1
nb_merge_streams = True
# What is not the idea stands behind a line.
nb_code_prompt_show = "Show the code of this figure"
nb_code_prompt_hide = "Hide the code of this figure"

myst_enable_extensions = [
    "attrs_block",
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
# The docstrings say more: shapes and units.
autodoc_typehints = "none"
napoleon_google_docstring = False

bibtex_bibfiles = ["book/references.bib"]
bibtex_default_style = "unsrtalpha"
bibtex_reference_style = "author_year"

# The last: blank lines that would end a function at Python's prompt (code_blocks.py).
copybutton_exclude = ".linenos, .gp, .go, .skip"

html_theme = "sphinx_book_theme"
html_theme_options = {
    "logo": {"text": "Unrolled"},
    # The parts of a page, each a template, of the theme's or of book/_templates.
    "article_header_start": ["toggle-primary-sidebar"],
    "article_header_end": ["article-header-buttons"],
    "navbar_persistent": [],
    "primary_sidebar_end": [],
    "footer_content_items": ["copyright", "last-updated"],
    "back_to_top_button": False,
    "show_toc_level": 2,
    "search_bar_text": "Search the book",
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
# What is light or dark where no script says so.
html_context = {"default_mode": "light"}
html_title = "Unrolled"
html_last_updated_fmt = "%B %d, %Y"
git_last_updated_timezone = "UTC"
html_logo = "book/_static/logo.svg"
html_favicon = "book/_static/logo.svg"
html_static_path = ["book/_static"]
html_css_files = ["unrolled.css"]
html_js_files = ["page.js", "search.js", "place.js"]
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False

# Where the site stands, if that is known: SITE_URL=https://example.org/unrolled/. Search engines
# and link previews want whole addresses; nothing else needs one.
html_baseurl = os.environ.get("SITE_URL", "")
notfound_urls_prefix = urlsplit(html_baseurl).path.rstrip("/") + "/"
# The book's repository, if it is known: REPOSITORY_URL=https://github.com/OWNER/NAME. Notebooks
# can then be opened in Colab and Binder, and every page edited.
repository = os.environ.get("REPOSITORY_URL", "")
if html_baseurl:
    html_baseurl = html_baseurl.rstrip("/") + "/"
    extensions += ["sphinx_sitemap", "sphinxext.opengraph"]
    sitemap_url_scheme = "{link}"
    ogp_site_url = html_baseurl
    card = {"image": "_static/logo.png", "image_mini": "_static/logo.png"}
    ogp_social_cards = {**card, "line_color": "#00609a"}

epub_author = "The authors of Unrolled"
epub_description = (
    "Neural networks and recurrent neural networks, from NumPy to the GPU"
)
epub_basename = "unrolled"
epub_contributor = epub_publisher = epub_author
epub_copyright = copyright
epub_identifier = epub_uid = "unrolled"
# What is cited stands in the bibliography.
epub_show_urls = "no"
epub_css_files = ["epub.css"]
epub_use_index = False
