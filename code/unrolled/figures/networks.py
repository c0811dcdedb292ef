"""Drawings of networks: circles are units, arrows are weights."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from matplotlib.axes import Axes
from matplotlib.patches import Circle

from unrolled.figures.style import COLORS, GRAY


def network_diagram(
    ax: Axes,
    layers: Sequence[Sequence[str]],
    titles: Sequence[str],
    weights: Sequence[str],
) -> None:
    """Draw a feed-forward network: a column of units per layer, a line per weight.

    Parameters
    ----------
    ax : matplotlib Axes
    layers : sequence of sequences of str
        The units' labels, layer by layer.
    titles : sequence of str
        A name above each layer.
    weights : sequence of str
        A name above the lines between each layer and the next.
    """
    tallest = max(map(len, layers))
    places = [
        [
            (2.4 * i, 0.9 * (j - (len(units) - 1) / 2))
            for j in reversed(range(len(units)))
        ]
        for i, units in enumerate(layers)
    ]
    for before, after in pairwise(places):
        for x0, y0 in before:
            for x1, y1 in after:
                ax.plot([x0, x1], [y0, y1], "-", color=GRAY, linewidth=0.8, zorder=1)
    for i, (units, column) in enumerate(zip(layers, places)):
        for label, place in zip(units, column):
            color = COLORS[i % len(COLORS)]
            ax.add_patch(
                Circle(
                    place, 0.32, facecolor="white", edgecolor=color, lw=1.8, zorder=2
                )
            )
            ax.text(*place, label, ha="center", va="center", zorder=3)
    top = 0.45 * tallest + 0.25
    for i, title in enumerate(titles):
        ax.text(2.4 * i, top, title, ha="center", va="bottom")
    for i, name in enumerate(weights):
        ax.text(2.4 * i + 1.2, -top, name, ha="center", va="top", color=GRAY)
    ax.set(xlim=(-0.9, 2.4 * (len(layers) - 1) + 0.9), ylim=(-top - 0.4, top + 0.4))
    ax.set_aspect("equal")
    ax.axis("off")


def unit(ax: Axes, place: tuple[float, float], label: str, color: str) -> None:
    """Draw a circle with a label in it; three dots stand alone."""
    if label != "…":
        ax.add_patch(
            Circle(place, 0.34, facecolor="white", edgecolor=color, lw=1.8, zorder=2)
        )
    ax.text(*place, label, ha="center", va="center", zorder=3)


def arrow(
    ax: Axes,
    tail: tuple[float, float],
    head: tuple[float, float],
    label: str = "",
    bend: float = 0.0,
) -> None:
    """Draw an arrow between two units, bent where asked, and a label beside its middle."""
    look = {"arrowstyle": "-|>", "color": GRAY, "lw": 1.1, "shrinkA": 15, "shrinkB": 15}
    look["connectionstyle"] = f"arc3,rad={bend}"
    ax.annotate("", head, tail, arrowprops=look, zorder=1)
    if label:
        (x0, y0), (x1, y1) = tail, head
        upward = abs(y1 - y0) > abs(x1 - x0)
        ax.annotate(
            label,
            ((x0 + x1) / 2, (y0 + y1) / 2),
            xytext=(4, 0) if upward else (0, 4),
            textcoords="offset points",
            ha="left" if upward else "center",
            va="center" if upward else "bottom",
            color=GRAY,
        )


def unrolled_network(
    ax: Axes,
    inputs: Sequence[str],
    states: Sequence[str],
    outputs: Sequence[str],
    weights: Sequence[str] = ("", "", ""),
    left: float = 0.0,
) -> None:
    """Draw a recurrent network, one column for each time step.

    Parameters
    ----------
    ax : matplotlib Axes
    inputs, states, outputs : sequences of str
        The labels at each step, of one length. Where a label is empty there is no unit.
    weights : sequence of three str
        What stands beside the arrows into, between and out of the states.
    left : float
        Where the first column stands, for several networks on one axes.
    """
    U, W, V = weights
    for t, (x, s, o) in enumerate(zip(inputs, states, outputs, strict=True)):
        here = left + 1.5 * t
        for label, y, color in zip((x, s, o), (0, 1.3, 2.6), COLORS):
            if label:
                unit(ax, (here, y), label, color)
        if x:
            arrow(ax, (here, 0), (here, 1.3), U)
        if o:
            arrow(ax, (here, 1.3), (here, 2.6), V)
        if t:
            arrow(ax, (here - 1.5, 1.3), (here, 1.3), W)
    ax.set(xlim=(-0.8, here + 0.8), ylim=(-0.5, 3.1), aspect="equal")
    ax.axis("off")


def folded_network(ax: Axes, weights: Sequence[str] = ("U", "W", "V")) -> None:
    """Draw a recurrent network as one column whose state feeds itself, at the left of ``ax``."""
    U, W, V = weights
    for label, y, color in zip(("$x$", "$s$", "$o$"), (0, 1.3, 2.6), COLORS):
        unit(ax, (0, y), label, color)
    arrow(ax, (0, 0), (0, 1.3), U)
    arrow(ax, (0, 1.3), (0, 2.6), V)
    loop = {"arrowstyle": "-|>", "color": GRAY, "lw": 1.1}
    loop["connectionstyle"] = "arc3,rad=1.8"
    ax.annotate("", (-0.28, 1.04), (-0.28, 1.56), arrowprops=loop)
    ax.text(-1.0, 1.3, W, ha="center", va="center", color=GRAY)
