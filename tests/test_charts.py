"""Charts: names of lines that stand clear of each other."""

from itertools import pairwise

import matplotlib

matplotlib.use("agg")
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.text import Text

from unrolled.figures import charts


@pytest.mark.parametrize("scale", ["linear", "log"])
def test_names_of_close_lines_do_not_touch(scale):
    figure, ax = plt.subplots()
    ax.plot([1, 2, 3], [60, 400, 80])
    ax.set_yscale(scale)
    values = {"unigram": 230.0, "trigram": 93.1, "bigram": 94.6}
    charts.levels(ax, values)
    figure.draw_without_rendering()
    lines = {line.get_ydata()[0] for line in ax.lines[1:]}
    assert lines == set(values.values())
    # Without the lines that lead to them.
    boxes = {text.get_text(): Text.get_window_extent(text) for text in ax.texts}
    assert boxes.keys() == values.keys()
    order = [boxes[name] for name in ("trigram", "bigram", "unigram")]
    assert all(low.y1 <= high.y0 for low, high in pairwise(order))
    # A name that has room stands at its line, and all stand beside the chart.
    for name in ("unigram", "trigram"):
        _, height = ax.transData.transform((2, values[name]))
        assert np.isclose((boxes[name].y0 + boxes[name].y1) / 2, height, atol=2)
    assert all(box.x0 > ax.get_window_extent().x1 for box in order)
    plt.close(figure)


def test_shares_stand_with_their_intervals():
    figure, ax = plt.subplots()
    charts.shares(ax, [1, 2, 3], [0, 4, 8], 8, label="one")
    line, _, (bars,) = ax.containers[0]
    assert line.get_ydata().tolist() == [0, 0.5, 1]
    for share, bar in zip((0, 0.5, 1), bars.get_segments()):
        (_, low), (_, high) = bar
        assert 0 <= low <= share <= high <= 1
        assert high - low > 0.3
    assert ax.get_legend_handles_labels()[1] == ["one"]
    plt.close(figure)


def test_a_band_has_its_lines_color_and_its_ends():
    figure, ax = plt.subplots()
    x, band = np.arange(3), (np.array([0.0, 1, 2]), np.array([2.0, 3, 4]))
    charts.line_with_band(ax, x, np.array([1.0, 2, 3]), band, "RNN", 1)
    charts.line_with_band(ax, x, np.array([5.0, 5, 5]), band, "GRU", 2)
    first, second = ax.lines
    assert [line.get_label() for line in ax.lines] == ["RNN", "GRU"]
    assert first.get_color() != second.get_color()
    assert first.get_marker() != second.get_marker()
    for line, area in zip(ax.lines, ax.collections):
        assert np.allclose(area.get_facecolor()[0, :3], to_rgb(line.get_color()))
        heights = area.get_paths()[0].vertices[:, 1]
        assert (heights.min(), heights.max()) == (0, 4)
    plt.close(figure)
