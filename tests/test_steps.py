"""What the drawings of steps say."""

import numpy as np
from matplotlib import pyplot as plt

from unrolled.figures import steps


def test_each_round_of_a_scan_doubles_what_a_place_has_taken_in():
    figure, ax = plt.subplots()
    steps.scan_rounds(ax, 6)
    numbers = [int(text.get_text()) for text in ax.texts]
    rows = np.array(numbers).reshape(-1, 6)
    assert [row.tolist() for row in rows] == [
        [1, 1, 1, 1, 1, 1],
        [1, 2, 2, 2, 2, 2],
        [1, 2, 3, 4, 4, 4],
        [1, 2, 3, 4, 5, 6],
    ]
    # One slanted line for each place that joins with another.
    slanted = [line for line in ax.lines if np.ptp(line.get_xdata())]
    assert len(slanted) == 5 + 4 + 2
    plt.close(figure)


def test_who_sees_whom_marks_the_starts():
    figure, ax = plt.subplots()
    seen, start = np.tri(4, dtype=bool), np.array([1, 0, 1, 0])
    steps.who_sees_whom(ax, seen, start)
    assert ax.lines[0].get_xdata().tolist() == [0.5, 2.5]
    (mesh,) = ax.collections
    drawn = ~np.ma.getmaskarray(mesh.get_array().reshape(4, 4))
    assert np.array_equal(drawn & np.isfinite(mesh.get_array().reshape(4, 4)), seen)
    plt.close(figure)
