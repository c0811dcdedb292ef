"""The charts that more than one chapter draws."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from unrolled.figures.style import COLORS, GRAY, INK, MARKERS
from unrolled.intervals import wilson


def scatter_classes(ax: Axes, X: np.ndarray, y: np.ndarray, size: float = 16) -> None:
    """Draw examples (N, 2), each class in y (N,) with a color and a marker of its own."""
    for c in np.unique(y):
        ax.scatter(
            *X[y == c].T,
            s=size,
            color=COLORS[c],
            marker=MARKERS[c],
            edgecolor="white",
            linewidth=0.4,
            label=f"class {c}",
        )
    ax.set(xlabel="$x_1$", ylabel="$x_2$", aspect="equal")


def decision_boundary(
    ax: Axes,
    probabilities: Callable[[np.ndarray], np.ndarray],
    X: np.ndarray,
    y: np.ndarray,
    size: float = 16,
) -> None:
    """Shade the plane where a classifier hesitates, and draw the line where its verdict changes.

    Its ground is white where it is sure of a class and gray where all are equally probable, so that
    no point lies on its own color.

    Parameters
    ----------
    ax : matplotlib Axes
    probabilities : callable
        From points (M, 2) to class probabilities (M, C).
    X, y : arrays of shape (N, 2) and (N,)
        The examples to draw on top.
    size : float
        The markers' area in square points.
    """
    (left, low), (right, high) = X.min(axis=0) - 0.4, X.max(axis=0) + 0.4
    x1, x2 = np.meshgrid(np.linspace(left, right, 160), np.linspace(low, high, 160))
    p = probabilities(np.column_stack([x1.ravel(), x2.ravel()]))
    C = p.shape[1]
    # 1 where all classes are equally probable.
    unsure = (1 - p.max(axis=1)) / (1 - 1 / C)
    ax.imshow(
        unsure.reshape(x1.shape),
        cmap="gray_r",
        vmin=0,
        vmax=2.5,
        extent=(left, right, low, high),
        origin="lower",
        interpolation="bilinear",
    )
    for c in range(1 if C == 2 else 0, C):
        # Above 0: class c wins.
        lead = p[:, c] - np.delete(p, c, axis=1).max(axis=1)
        ax.contour(x1, x2, lead.reshape(x1.shape), [0], colors=INK, linewidths=1.2)
    scatter_classes(ax, X, y, size)
    ax.set(xlim=(left, right), ylim=(low, high))


def loss_curve(
    ax: Axes,
    curves: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    x: str = "pass",
) -> None:
    """Draw losses over time.

    Parameters
    ----------
    ax : matplotlib Axes
    curves : mapping
        From a label to (passes, losses), two sequences of one length.
    x : str
        What the horizontal axis counts.
    """
    for label, (passes, losses) in curves.items():
        ax.plot(passes, losses, label=label)
    ax.set(xlabel=x, ylabel="loss (nats)")
    if len(curves) > 1:
        ax.legend()


def levels(ax: Axes, values: Mapping[str, float], gap: float = 0.08) -> None:
    """Draw horizontal lines, each with its name at its end, beyond the chart.

    It comes last, when the chart's scale and limits stand.

    Parameters
    ----------
    ax : matplotlib Axes
    values : mapping
        From a name to a height.
    gap : float
        How far apart two names have to be, as a share of the chart's height. Of lines that are
        closer, the upper one's name moves up, and a short line leads to it.
    """
    for value in values.values():
        ax.axhline(value, color=GRAY, linewidth=1, linestyle="-")
    x, place = ax.get_xlim()[1], -np.inf
    for name, value in sorted(values.items(), key=lambda item: item[1]):
        _, height = ax.transAxes.inverted().transform(
            ax.transData.transform((x, value))
        )
        place = max(height, place + gap)
        ax.annotate(
            name,
            (1, height),
            (1.03, place),
            "axes fraction",
            "axes fraction",
            arrowprops={"arrowstyle": "-", "color": GRAY, "relpos": (0, 0.5)}
            | {"shrinkA": 0, "shrinkB": 0},
            va="center",
            color=GRAY,
            annotation_clip=False,
        )


def surprise_bars(
    ax: Axes, words: Sequence[str], surprises: Sequence[float], color: str = COLORS[0]
) -> None:
    """Draw the surprise at each word of a sentence, in nats, as bars."""
    places = range(len(words))
    ax.bar(places, surprises, color=color, width=0.7)
    ax.set_xticks(places, words, rotation=40, ha="right", rotation_mode="anchor")
    ax.set_ylabel("surprise (nats)")
    ax.tick_params(axis="x", length=0)


def norms_by_distance(
    ax: Axes, curves: Mapping[str, Sequence[float]], mark_every: int = 5
) -> None:
    r"""Draw the length of :math:`\partial L_t/\partial s_{t-d}` by the distance d, on a log scale.

    Parameters
    ----------
    ax : matplotlib Axes
    curves : mapping
        From a label to the norms at the distances 0, 1, 2, …
    mark_every : int
        Steps between two markers.
    """
    for i, (label, norms) in enumerate(curves.items()):
        marker = MARKERS[i % len(MARKERS)]
        ax.semilogy(
            norms, label=label, marker=marker, markevery=mark_every, markersize=5
        )
    ax.set(xlabel="distance $t - k$ (steps)", ylabel="length of ∂$L_t$/∂$s_k$")
    ax.legend()


def shares(
    ax: Axes, x: Sequence[float], counts: Sequence[int], n: int, **look: Any
) -> None:
    """Draw how many out of n, as shares with their Wilson intervals.

    Parameters
    ----------
    ax : matplotlib Axes
    x : sequence of float
        Where each share stands.
    counts : sequence of int
        Successes, one number for each place, each from 0 to n.
    n : int
        Trials at each place.
    **look
        Of the line and its markers: ``label``, ``color``, ``marker``.
    """
    share = np.array(counts) / n
    low, high = np.array([wilson(k, n) for k in counts]).T
    # Rounding may leave an end on the wrong side of the share, by a hair.
    reach = np.maximum([share - low, high - share], 0)
    ax.errorbar(x, share, reach, elinewidth=0.9, linewidth=1.3, **look)
    ax.set_ylim(-0.03, 1.03)


def line_with_band(
    ax: Axes, x: np.ndarray, line: np.ndarray, band: np.ndarray, name: str, number: int
) -> None:
    """Draw a line (N,) over x (N,), and around it a band (2, N) from its low to its high end.

    The ``number`` sets the marker; the color is the next one of the axes.
    """
    (drawn,) = ax.plot(x, line, marker=MARKERS[number % len(MARKERS)], label=name)
    ax.fill_between(x, *band, color=drawn.get_color(), alpha=0.2, linewidth=0)
