"""Where a page's toolbar leads."""

import re
from types import SimpleNamespace

import pytest
from sphinx.errors import ConfigError

import toolbar

BOOK = "https://github.com/someone/book"


def addresses(menu):
    return {item["text"]: item["url"] for item in menu}


def test_a_chapter_has_its_files():
    menus = toolbar.menus("appendix/from-theano-to-pytensor", "", "")
    assert addresses(menus["download"]) == {
        "Notebook": "../downloads/from-theano-to-pytensor.ipynb",
        "Script": "../downloads/from-theano-to-pytensor.py",
        "The whole book as EPUB": "../downloads/unrolled.epub",
    }
    assert menus["run"] == menus["source"] == []
    assert all(item["download"] for item in menus["download"])


def test_colab_binder_and_the_source_are_offered_where_the_repository_is_known():
    menus = toolbar.menus("gru-and-lstm", BOOK, "gru-and-lstm.md")
    run, source = addresses(menus["run"]), addresses(menus["source"])
    assert "/someone/book/blob/notebooks/gru-and-lstm.ipynb" in run["Open in Colab"]
    assert "/gh/someone/book/notebooks?labpath=gru-" in run["Open in Binder"]
    assert source["The repository"] == BOOK
    assert source["Edit this page"] == f"{BOOK}/edit/main/book/gru-and-lstm.md"
    assert source["Report a mistake"].startswith(f"{BOOK}/issues/new?")
    assert not any(item["download"] for item in menus["run"] + menus["source"])


def test_a_page_without_code_or_source_offers_neither():
    menus = toolbar.menus("search", BOOK, "")
    assert menus["run"] == []
    assert list(addresses(menus["download"])) == ["The whole book as EPUB"]
    assert "Edit this page" not in addresses(menus["source"])


@pytest.mark.parametrize(
    "address", ["github.com/a/b", "https://github.com/a", "https://x.org/a/b"]
)
def test_an_address_that_is_no_repository_is_named(address):
    config = SimpleNamespace(repository=address)
    with pytest.raises(ConfigError, match=f"REPOSITORY_URL={re.escape(address)}"):
        toolbar.check_repository(None, config)
