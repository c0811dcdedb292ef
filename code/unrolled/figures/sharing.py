"""How devices share a batch, and the tables of the words."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from unrolled.figures.style import COLORS, GRAY, INK


def shared_batch(ax: Axes, mask: np.ndarray, n: int) -> None:
    """Draw which words of a batch, where its mask (T, B) is 1, each of n devices takes.

    Below stands what becomes of them: n gradients, one sum, n times the same step.
    """
    T, B = mask.shape
    width = B / n
    for i, color in enumerate(COLORS[:n]):
        columns = slice(i * B // n, (i + 1) * B // n)
        for t, b in zip(*np.nonzero(mask[:, columns])):
            place = columns.start + b + 0.08, t + 0.08
            ax.add_patch(Rectangle(place, 0.84, 0.84, color=color, linewidth=0))
        middle = (i + 0.5) * width
        words = int(mask[:, columns].sum())
        ax.text(middle, -0.4, f"device {i + 1}", color=color, ha="center", va="bottom")
        ax.text(middle, T + 0.9, f"{words} words", ha="center", va="top")
        for start, end in (
            ((middle, T + 3), (B / 2 + (middle - B / 2) / 3, T + 5.6)),
            ((B / 2 + (middle - B / 2) / 3, T + 7.6), (middle, T + 10.2)),
        ):
            arrow = {"arrowstyle": "->", "color": color, "linewidth": 1.4}
            ax.annotate("", end, start, arrowprops=arrow)
        ax.text(middle, T + 10.4, "its step", ha="center", va="top")
    for i in range(1, n):
        ax.plot([i * width] * 2, [-0.3, T + 0.3], "-", color=GRAY, linewidth=0.8)
    ax.text(
        B / 2, T + 6.6, "two sums: of the words; of losses and gradients",
        ha="center", va="center", color=INK,
        bbox={"boxstyle": "round", "facecolor": "none", "edgecolor": GRAY},
    )  # fmt: skip
    ax.set(xlim=(-0.2, B + 0.2), ylim=(T + 12, -1.6), yticks=[0.5, T - 0.5])
    ax.set(yticklabels=["step 1", f"step {T}"], xticks=[])
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)


def mesh(ax: Axes, data: int, vocabulary: int) -> None:
    """Draw what each device of a mesh has of the batch, above, and of a table, at its left."""
    for i in range(data):
        for j in range(vocabulary):
            ax.add_patch(
                Rectangle(
                    (i + 0.06, j + 0.06), 0.88, 0.88, facecolor="none", edgecolor=INK
                )
            )
            number = i * vocabulary + j + 1
            ax.text(i + 0.5, j + 0.5, number, ha="center", va="center")
    for i, color in zip(range(data), COLORS):
        ax.add_patch(Rectangle((i + 0.06, -0.34), 0.88, 0.22, color=color, linewidth=0))
    for j in range(vocabulary):
        ax.add_patch(
            Rectangle(
                (-0.34, j + 0.06), 0.22, 0.88, facecolor="none", edgecolor=GRAY,
                hatch=("///", "...", "\\\\\\", "ooo")[j % 4],
            )
        )  # fmt: skip
    middle = data / 2 - 0.15
    ax.set(xlim=(middle - 2.4, middle + 2.4), ylim=(4.1, -0.6))
    ax.set_title(f"{data} × {vocabulary}")
    ax.set_aspect("equal")
    ax.axis("off")
