"""Chapters 4 and 5 choose some sentences by what came out: each choice is made here."""

import ast

import numpy as np
import pytest

from pages import code_cells, read_page
from unrolled.timing import Timing


def functions(page, *names):
    """Some functions that a page's cells define."""
    definitions = [
        node
        for cell in code_cells(read_page(page))
        for node in ast.parse(cell.source).body
        if isinstance(node, ast.FunctionDef) and node.name in names
    ]
    assert sorted(node.name for node in definitions) == sorted(names)
    found = {"np": np}
    exec(compile(ast.Module(definitions, []), page, "exec"), found)
    return [found[name] for name in names]


def test_where_a_band_holds_zero():
    _, kept_at = functions("rnn-language-model", "listed", "kept_at")
    assert kept_at([0, 1, 2], [1, 1, 1], [2, 2, 2]) == "above 0 at 0, 1 and 2 tokens"
    mixed = kept_at([0, 1, 2, 3], [2, 1, -1, -2], [3, 2, 1, -1])
    assert mixed.startswith("above 0 at 0 and 1 tokens, and below it at 3; where it")
    assert kept_at([0], [-1], [1]).startswith("above 0 at no length; where it holds 0")


def test_what_a_batch_bought():
    (gained,) = functions("rnn-language-model", "gained")
    sizes = (1, 4, 16)
    assert gained("cpu", sizes, [10, 20, 15], 8) == (
        "On the CPU the rate is highest at B = 4, 2.0 times that of B = 1 and not 4 times,"
        " before the line; at B = 16 it has fallen by 25%"
    )
    assert gained("gpu", sizes, [10, 50, 200], 8) == (
        "On the GPU the rate is highest at B = 16, 20.0 times that of B = 1,"
        " beyond the line"
    )


def test_who_is_ahead():
    (ahead,) = functions("rnn-language-model", "ahead")
    assert ahead("below", "above", (5, 25)) == (
        "ahead from every seed after 5 passes, behind from every seed after 25"
    )
    assert ahead("undecided", "undecided", (1, 2)).startswith(
        "neither ahead nor behind"
    )


@pytest.mark.parametrize(
    "broken, uncoupled, said",
    [
        (0, 0, ("No seed", "nothing breaks", "nothing broke")),
        (2, 0, ("2 of the 3 seeds", "no seed breaks down", "a higher loss")),
        (3, 1, ("All seeds", "seeds break down, too", "a higher loss")),
        (0, 1, ("No seed", "seeds break down, and", "nothing broke")),
    ],
)
def test_what_broke(broken, uncoupled, said):
    names = "breaking", "through_time", "showing"
    breaking, through_time, showing = functions("backpropagation-through-time", *names)
    sentences = (
        breaking(broken, 3),
        through_time(broken, uncoupled),
        showing(broken, finite=True),
    )
    for part, sentence in zip(said, sentences, strict=True):
        assert part in sentence


def test_a_loss_that_is_no_number_has_broken_down():
    names = "break_down", "showing"
    break_down, showing = functions("backpropagation-through-time", *names)
    assert break_down([3.0, 3.9, np.nan, np.inf], sound=[3.2, 3.3]) == 3
    assert "NaN" in showing(1, finite=False)


def test_what_the_recall_tells():
    page = "backpropagation-through-time"
    names = "foretold", "in_the_way", "odd_one", "tie"
    foretold, in_the_way, odd_one, tie = functions(page, *names)
    assert "speaks against" in foretold(3, 0)
    assert "goes with how soon" in foretold(3, 1)
    assert "does not foretell" in foretold(1, 1)
    assert in_the_way("undecided", "later").startswith("Neither")
    assert in_the_way("sooner", "later").startswith(
        "It learns sooner with so small an ε,"
    )
    assert "ε and without clipping" in in_the_way("sooner", "sooner")
    assert odd_one(True, "later").endswith("and learns later")
    assert "as soon, as far" in odd_one(True, "undecided")
    assert odd_one(False, "sooner").startswith("keeps less")
    assert "story" in tie("sooner", "undecided")
    assert "from the start" in tie("sooner", "sooner")
    assert tie("undecided", "later").endswith("alone learns later.")


def test_whether_the_table_is_to_blame():
    (blamed,) = functions("rnn-language-model", "blamed_on_the_table")
    step, bare = Timing(0.010, 0.009, 0.020, 10), Timing(0.006, 0.005, 0.008, 10)
    assert blamed(step, bare) == "each step is shorter, in the median by 40%"
    assert "does not show" in blamed(step, bare._replace(slowest=0.010))
    assert "does not show" in blamed(bare, step)
