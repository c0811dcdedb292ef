"""Drawings of computation graphs."""

import matplotlib.pyplot as plt
import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest

from unrolled.figures import graph


@pytest.fixture
def formula():
    """The product of tanh(X W), which has the name a, with itself, and the gradients."""
    X, W = pt.matrix("X", shape=(5, 2)), pt.matrix("W", shape=(2, 3))
    a = pt.tanh(X @ W)
    a.name = "a"
    loss = (a * a).sum()
    return [loss, *pytensor.grad(loss, [X, W])]


def labels(ax):
    return [text.get_text() for text in ax.texts if text.get_text()]


def drawn(outputs):
    figure, ax = plt.subplots()
    graph.draw_graph(outputs, ax)
    plt.close(figure)
    return labels(ax)


def test_operations_are_counted_once():
    x = pt.scalar("x")
    square = x * x
    assert graph.count_operations([x]) == 0
    assert graph.count_operations([square]) == 1
    assert graph.count_operations([square + square, square]) == 2


def test_what_has_a_name_shows_it(formula):
    said = drawn(formula[:1])
    assert said.count("tanh → a") == 1
    assert {"X", "W", "dot", "×", "sum", "output"} <= set(said)


def test_an_output_shows_its_name_in_its_box():
    x = pt.scalar("x")
    square = x * x
    square.name = "y"
    assert sorted(drawn([square])) == ["x", "y", "×"]


def test_edges_lead_down_and_no_two_labels_share_a_place(formula):
    names, kinds, edges = graph._collect(formula)
    places = graph._place(kinds, edges)
    assert len(places) == len(names)
    assert all(places[start, 1] < places[end, 1] for start, end in edges)
    for row in np.unique(places[:, 1]):
        gaps = np.diff(np.sort(places[places[:, 1] == row, 0]))
        assert (gaps >= 1).all()


def test_a_new_figure_grows_with_the_graph(formula):
    sizes = []
    for outputs in (formula[:1], formula):
        graph.draw_graph(outputs)
        sizes.append(plt.gcf().get_size_inches().prod())
        plt.close()
    assert sizes[0] < sizes[1]
