"""What a page's toolbar leads to: its notebook and script, services that run it, and its source."""

import re

from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.errors import ConfigError

from downloads import downloadable

#: Where the publisher puts the notebooks, in the repository, for the services that open them there.
BRANCH = "notebooks"
COLAB = "https://colab.research.google.com/github"
BINDER = "https://mybinder.org/v2/gh"


def entry(text: str, url: str) -> dict:
    """A line of a menu."""
    return {"text": text, "url": url, "download": "://" not in url}


def menus(page: str, repository: str, source: str) -> dict[str, list[dict]]:
    """The menus of a page: their lines, with addresses as seen from the page.

    Parameters
    ----------
    page : str
    repository : str
        The address of the book's repository, or nothing.
    source : str
        The page's file in ``book``, or nothing where it has none.
    """
    up = "../" * page.count("/")
    name = page.rpartition("/")[2]
    project = repository.removeprefix("https://github.com/")
    found = {"run": [], "download": [], "source": []}
    if page in downloadable():
        found["download"] = [
            entry("Notebook", f"{up}downloads/{name}.ipynb"),
            entry("Script", f"{up}downloads/{name}.py"),
        ]
        if project:
            notebook = f"{name}.ipynb"
            found["run"] = [
                entry("Open in Colab", f"{COLAB}/{project}/blob/{BRANCH}/{notebook}"),
                entry(
                    "Open in Binder", f"{BINDER}/{project}/{BRANCH}?labpath={notebook}"
                ),
            ]
    book = entry("The whole book as EPUB", f"{up}downloads/unrolled.epub")
    found["download"].append(book)
    if project:
        issue = f"{repository}/issues/new?title=On%20{name}&body=Page%3A%20{page}"
        found["source"] = [
            entry("The repository", repository),
            entry("Report a mistake", issue),
        ]
        if source:
            edit = entry("Edit this page", f"{repository}/edit/main/book/{source}")
            found["source"].append(edit)
    return found


def fill(app: Sphinx, page: str, _template, context: dict, _tree) -> None:
    """Give the menus to the template."""
    suffix = context.get("page_source_suffix")
    source = f"{page}{suffix}" if suffix else ""
    context["toolbar"] = menus(page, app.config.repository, source)


def check_repository(_app: Sphinx, config: Config) -> None:
    """Colab and Binder know repositories of one host by owner and name."""
    address = config.repository = config.repository.rstrip("/")
    if address and not re.fullmatch(r"https://github\.com/[\w.-]+/[\w.-]+", address):
        raise ConfigError(
            f"REPOSITORY_URL={address}: an address such as https://github.com/OWNER/NAME is wanted"
        )


def setup(app: Sphinx) -> dict:
    """Add it to Sphinx."""
    app.add_config_value("repository", "", "html", str)
    app.connect("config-inited", check_repository)
    app.connect("html-page-context", fill)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
