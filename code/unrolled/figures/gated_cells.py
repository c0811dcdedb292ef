"""Drawings of the gated cells, in one style: boxes compute gates, circles act on vectors.

Every line is a vector of H numbers. A dot is where a line divides; lines that cross without a dot
do not meet.
"""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.patches import Circle, FancyBboxPatch

from unrolled.figures.style import COLORS, GRAY

Place = tuple[float, float]
#: Half the width of a box, and the radius of a circle.
HALF, RADIUS = 0.32, 0.2


def _box(ax: Axes, place: Place, label: str, color: str) -> None:
    """A layer: what it reads times its weights, plus biases, through σ or tanh."""
    x, y = place
    shape = FancyBboxPatch(
        (x - HALF, y - HALF),
        2 * HALF,
        2 * HALF,
        boxstyle="round,pad=0,rounding_size=0.1",
        facecolor="white",
        edgecolor=color,
        lw=1.8,
        zorder=2,
    )
    ax.add_patch(shape)
    ax.text(x, y, label, ha="center", va="center", zorder=3)


def _act(ax: Axes, place: Place, label: str, color: str = GRAY) -> None:
    """An operation, entry by entry."""
    ax.add_patch(
        Circle(place, RADIUS, facecolor="white", edgecolor=color, lw=1.4, zorder=2)
    )
    small = len(label) > 3 and not label.startswith("$")
    ax.text(
        *place, label, ha="center", va="center", zorder=3, fontsize=7 if small else 10
    )


def _line(ax: Axes, *places: Place, color: str = GRAY, dots: bool = True) -> None:
    """An arrow along corners. What it comes to is drawn over its end.

    With ``dots`` a dot stands where it begins: there it leaves another line.
    """
    xs, ys = zip(*places)
    ax.plot(xs[:-1], ys[:-1], color=color, lw=1.3, ls="-", zorder=1)
    look = {"arrowstyle": "-|>", "color": color, "lw": 1.3, "shrinkA": 0}
    look["shrinkB"] = 0
    ax.annotate("", places[-1], places[-2], arrowprops=look, zorder=1)
    if dots:
        ax.plot(*places[0], "o", color=color, ms=3.5, zorder=2)


def _name(ax: Axes, place: Place, label: str, side: str) -> None:
    """The name of a vector, beside the end of its line."""
    ax.annotate(
        label,
        place,
        xytext={"left": (-4, 0), "right": (4, 0), "below": (0, -5)}[side],
        textcoords="offset points",
        ha={"left": "right", "right": "left", "below": "center"}[side],
        va="top" if side == "below" else "center",
    )


def lstm_cell(ax: Axes) -> None:
    """Draw one step of an LSTM: the memory runs along the top, the gates stand below it."""
    memory, gate, bus, out = 3.4, 1.3, 0.4, 2.35
    state_color, memory_color = COLORS[0], COLORS[1]
    # What all gates read: the last state and the input.
    _line(ax, (0, bus), (1.6, bus), (1.6, gate - HALF), color=state_color, dots=False)
    for start, x in ((1.6, 2.9), (2.9, 4.1), (4.1, 5.4)):
        corners = (start, bus), (x, bus), (x, gate - HALF)
        _line(ax, *corners, color=state_color)
    _line(ax, (0.8, -0.4), (0.8, bus), color=state_color, dots=False)
    ax.plot(0.8, bus, "o", color=state_color, ms=3.5)
    # The memory: f keeps, i ⊙ g adds.
    _line(ax, (0, memory), (1.6 - RADIUS, memory), color=memory_color, dots=False)
    _line(ax, (1.6, memory), (3.5 - RADIUS, memory), color=memory_color, dots=False)
    _line(ax, (3.5, memory), (7.4, memory), color=memory_color, dots=False)
    _line(ax, (1.6, gate), (1.6, memory - RADIUS), dots=False)
    _line(ax, (2.9, gate), (2.9, out), (3.5 - RADIUS, out), dots=False)
    _line(ax, (4.1, gate), (4.1, out), (3.5 + RADIUS, out), dots=False)
    _line(ax, (3.5, out), (3.5, memory - RADIUS), dots=False)
    # The output: o shows a part of it.
    _line(ax, (6.4, memory), (6.4, 2.85 + RADIUS), color=memory_color)
    _line(ax, (6.4, 2.85), (6.4, 1.9 + RADIUS), dots=False)
    _line(ax, (5.4, gate), (5.4, 1.9), (6.4 - RADIUS, 1.9), dots=False)
    _line(ax, (6.4, 1.9), (7.4, 1.9), color=state_color, dots=False)
    for x, label in ((1.6, "$f$"), (2.9, "$i$"), (4.1, "$g$"), (5.4, "$o$")):
        _box(ax, (x, gate), label, COLORS[3] if label == "$g$" else COLORS[2])
    for place, label in (
        ((1.6, memory), "⊙"),
        ((3.5, out), "⊙"),
        ((3.5, memory), "+"),
        ((6.4, 2.85), "tanh"),
        ((6.4, 1.9), "⊙"),
    ):
        _act(ax, place, label)
    _name(ax, (0, memory), "$c_{t-1}$", "left")
    _name(ax, (7.4, memory), "$c_t$", "right")
    _name(ax, (0, bus), "$s_{t-1}$", "left")
    _name(ax, (0.8, -0.4), "$x_t$", "below")
    _name(ax, (7.4, 1.9), "$s_t$", "right")
    _frame(ax)


def gru_cell(ax: Axes) -> None:
    """Draw one step of a GRU: the state itself runs along the top."""
    state, gate, bus, reset, inverse = 3.4, 1.3, 0.4, 2.3, 2.85
    color = COLORS[0]
    _line(ax, (0, state), (3.2 - RADIUS, state), color=color, dots=False)
    _line(ax, (3.2, state), (6.4 - RADIUS, state), color=color, dots=False)
    _line(ax, (6.4, state), (7.4, state), color=color, dots=False)
    # r and z read the state and the input; h reads the input, and what r lets through.
    _line(ax, (0.5, state), (0.5, bus), (1.5, bus), (1.5, gate - HALF), color=color)
    _line(ax, (1.5, bus), (3.2, bus), (3.2, gate - HALF), color=color)
    _line(ax, (0.9, -0.4), (0.9, bus), color=color, dots=False)
    ax.plot(0.9, bus, "o", color=color, ms=3.5)
    _line(ax, (0.9, -0.15), (5.0, -0.15), (5.0, gate - HALF), color=color)
    _line(ax, (0.5, reset), (1.5 - RADIUS, reset), color=color)
    _line(ax, (1.5, gate), (1.5, reset - RADIUS), dots=False)
    _line(ax, (1.5, reset), (5.0, reset), (5.0, gate + HALF), dots=False)
    # z keeps the state, 1 - z takes the candidate.
    _line(ax, (3.2, gate), (3.2, state - RADIUS), dots=False)
    _line(ax, (3.2, inverse), (4.7 - RADIUS, inverse))
    _line(
        ax,
        (4.7, inverse),
        (5.8, inverse),
        (5.8, reset),
        (6.4 - RADIUS, reset),
        dots=False,
    )
    _line(ax, (5.0, gate), (6.4, gate), (6.4, reset - RADIUS), dots=False)
    _line(ax, (6.4, reset), (6.4, state - RADIUS), dots=False)
    for x, label in ((1.5, "$r$"), (3.2, "$z$"), (5.0, "$h$")):
        _box(ax, (x, gate), label, COLORS[3] if label == "$h$" else COLORS[2])
    for place, label in (
        ((1.5, reset), "⊙"),
        ((3.2, state), "⊙"),
        ((4.7, inverse), "1−"),
        ((6.4, reset), "⊙"),
        ((6.4, state), "+"),
    ):
        _act(ax, place, label)
    _name(ax, (0, state), "$s_{t-1}$", "left")
    _name(ax, (7.4, state), "$s_t$", "right")
    _name(ax, (0.9, -0.4), "$x_t$", "below")
    _frame(ax)


def _frame(ax: Axes) -> None:
    """Room for the drawing and its names, and no axes."""
    ax.set(xlim=(-0.9, 8.1), ylim=(-0.85, 3.9), aspect="equal")
    ax.axis("off")
