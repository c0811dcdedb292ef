"""Repairs of what others write fail loudly when they find nothing to repair."""

import sys
from types import SimpleNamespace

import pytest
from sphinx.errors import ExtensionError

import figures
from pages import ROOT
from repair import replaced
from support import run

CONF = f"""
import sys
sys.path[:0] = [{str(ROOT / "book/_ext")!r}]
extensions = ["repair"]
templates_path = ["templates"]
"""
PAGE = """{% extends "!page.html" %}
{% block body %}{{ super() | replaced(OLD, "<b>new</b>") }}{% endblock %}
"""


def test_only_the_first_place_is_repaired():
    assert replaced("a b a", "a", "c") == "c b a"


@pytest.mark.parametrize("old, status", [("<h1>", 0), ("<no such tag>", 2)])
def test_a_repair_that_matches_nothing_stops_a_build(tmp_path, old, status):
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "page.html").write_text(PAGE.replace("OLD", repr(old)))
    (tmp_path / "conf.py").write_text(CONF)
    (tmp_path / "index.rst").write_text("A title\n=======\n")
    done = run(sys.executable, "-m", "sphinx", "-q", tmp_path, tmp_path / "out")
    assert done.returncode == status
    if status:
        assert f"there is no {old!r} here" in done.stderr
    else:
        assert "<b>new</b>" in (tmp_path / "out" / "index.html").read_text()


def test_a_site_whose_dots_are_no_circles_is_not_finished(tmp_path):
    (tmp_path / "_images").mkdir()
    (tmp_path / "_images" / "a.svg").write_text("<svg><use href='#dot'/></svg>")
    app = SimpleNamespace(builder=SimpleNamespace(name="html"), outdir=tmp_path)
    with pytest.raises(ExtensionError, match="no dot"):
        figures.lighten(app, None)
