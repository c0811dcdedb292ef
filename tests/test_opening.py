"""How long a chapter takes."""

import pytest
from docutils import nodes
from sphinx.errors import ExtensionError

import opening
from amounts import Amount, amount


def cell(*classes):
    code = nodes.literal_block("", "\n".join(["a = 1"] * 100))
    return nodes.container(
        "",
        nodes.container("", code, classes=["cell_input"]),
        classes=["cell", *classes],
    )


def test_what_is_in_sight_is_counted():
    words = nodes.paragraph("", "word " * 1000)
    assert amount(words) == Amount(words=1000)
    assert amount(cell()) == Amount(lines=100)
    assert amount(cell("tag_hide-input")) == Amount()
    rows = nodes.raw("", "<table><tr><td>1</td></tr><tr></tr></table>", format="html")
    printed = nodes.container("", rows, nodes.image(), classes=["cell_output"])
    both = nodes.section("", words, cell(), nodes.math_block("", "a = b"), printed)
    assert amount(both) == Amount(words=1000, lines=102, formulas=1, pictures=1)


def test_words_code_and_formulas_take_their_time():
    words = nodes.paragraph("", "word " * 1000)
    assert opening.minutes(nodes.section("", words)) == 5
    assert opening.minutes(nodes.section("", words, cell())) == 10
    formulas = [nodes.math_block("", "a = b") for _ in range(20)]
    assert opening.minutes(nodes.section("", words, cell(), *formulas)) == 15
    assert opening.minutes(nodes.section("", nodes.paragraph("", "Short."))) == 5


def test_a_picture_that_the_chapter_does_not_make_is_named():
    document = nodes.section()
    with pytest.raises(ExtensionError, match="no figure fig-nowhere"):
        opening.picture(document, "fig-nowhere")
