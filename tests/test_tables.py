"""Tables of results, as text and as HTML."""

import pytest
from bs4 import BeautifulSoup

from unrolled import tables

HEADS = ["model", "perplexity", "words/s", "says"]
ROWS = [["RNN", "99.3", "12,000", "odd"], ["<GRU>", "101.25", "–", "3 of <4>"]]


def test_text_has_columns_of_one_width():
    lines = repr(tables.Table(HEADS, ROWS, best=0)).splitlines()
    assert lines == [
        "model  perplexity  words/s  says",
        "RNN          99.3   12,000  odd  (best)",
        "<GRU>      101.25        –  3 of <4>",
    ]


def test_html_names_rows_and_columns_and_marks_the_best():
    page = BeautifulSoup(tables.Table(HEADS, ROWS, best=1)._repr_html_(), "html.parser")
    assert [th.text for th in page.find_all("th", scope="col")] == HEADS
    names = [th.text for th in page.find_all("th", scope="row")]
    assert names == ["RNN", "<GRU> best"]
    (marked,) = page.find_all("tr", class_="best")
    assert marked.th.text == "<GRU> best"
    numbers = [cell.text for cell in page.find_all("td", class_="number")]
    assert numbers == ["99.3", "12,000", "101.25", "–"]
    assert page.find_all("td", class_=None)[-1].text == "3 of <4>"


def test_an_empty_corner_is_no_heading():
    page = BeautifulSoup(
        tables.Table(["", "a"], [["b", "1"]])._repr_html_(), "html.parser"
    )
    assert page.thead.td.text == ""
    assert len(page.thead.find_all("th")) == 1


def test_a_row_with_a_cell_too_few_is_refused():
    with pytest.raises(ValueError, match="each row has to have 2 cells"):
        tables.Table(["a", "b"], [["1", "2"], ["1"]])


def test_a_terminal_gets_text(capsys):
    tables.show(["a", "b"], [["x", "1.0"]])
    assert capsys.readouterr().out == "a    b\nx  1.0\n"
