"""Which steps of time work together: in a parallel scan, and in attention."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from unrolled.figures.style import COLORS, GRAY, INK


def scan_rounds(ax: Axes, T: int = 8) -> None:
    """Draw the rounds of :func:`unrolled.parallel.scan`, with the steps that each place took in."""
    taken, reach, labels = np.ones(T, int), 1, ["given"]
    while True:
        row = 1 - len(labels)
        for t, n in enumerate(taken):
            ax.text(t, row, n, ha="center", va="center")
        if reach >= T:
            break
        ends = row - 0.2, row - 0.8
        for t in range(T):
            ax.plot([t, t], ends, "-", color=GRAY, linewidth=1)
            if t >= reach:
                across = t - 0.85 * reach, t - 0.15 * reach
                ax.plot(across, ends, "-", color=COLORS[1], linewidth=1.4)
        labels.append(f"reach {reach}")
        taken[reach:] = taken[reach:] + taken[:-reach]
        reach *= 2
    ax.set(xticks=range(T), xticklabels=range(1, T + 1), xlabel="step")
    ax.set(yticks=range(0, -len(labels), -1), yticklabels=labels)
    ax.set_ylim(1 - len(labels) - 0.3, 0.3)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)


def who_sees_whom(ax: Axes, seen: np.ndarray, start: np.ndarray) -> None:
    """Draw which of T steps may look at which, (T, T), and where the sentences start, (T,)."""
    shade = np.where(seen, 1.0, np.nan)
    ax.pcolormesh(shade, cmap="Blues", vmin=0, vmax=2, edgecolor="white", linewidth=0.5)
    firsts = np.flatnonzero(start) + 0.5
    ax.plot(firsts, firsts, "o", color=INK, markersize=4)
    ticks = np.arange(0, len(seen), 2)
    ax.set(xticks=ticks + 0.5, xticklabels=ticks + 1, xlabel="step looked at")
    ax.set(yticks=ticks + 0.5, yticklabels=ticks + 1, ylabel="step that looks")
    ax.set_aspect("equal")
    ax.invert_yaxis()
