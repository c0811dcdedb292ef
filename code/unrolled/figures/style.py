"""The book's house style.

Backgrounds are transparent and inks are dark: the site turns them light in its dark mode. The
colors stay apart for color-blind eyes, and markers or line styles always say the same thing again.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
from matplotlib.figure import Figure

INK = "#24292f"
GRAY = "#6b7280"
#: The classes' and curves' colors, in order of use (after Okabe and Ito, 2008).
COLORS = ("#0072b2", "#d55e00", "#009e73", "#a3478c", "#8a6d00", "#3b9ecf")
MARKERS = ("o", "^", "s", "D", "v", "P")
LINES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 1)))

STYLE: Mapping[str, Any] = {
    "figure.figsize": (6.4, 3.6),
    "figure.facecolor": "none",
    "figure.constrained_layout.use": True,
    "savefig.facecolor": "none",
    "axes.facecolor": "none",
    "axes.edgecolor": GRAY,
    "axes.labelcolor": INK,
    "axes.titlesize": "medium",
    "axes.titlecolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": False,
    "axes.prop_cycle": mpl.cycler(color=COLORS) + mpl.cycler(linestyle=LINES),
    "font.size": 10,
    "font.sans-serif": ["DejaVu Sans"],
    "mathtext.fontset": "stix",
    "text.color": INK,
    "xtick.color": GRAY,
    "ytick.color": GRAY,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "svg.fonttype": "path",
    # The same figure is the same file.
    "svg.hashsalt": "unrolled",
}


def use_house_style() -> None:
    """Set matplotlib's defaults to the book's, and notebook figures to SVG."""
    mpl.rcParams.update(STYLE)
    if "inline" in mpl.get_backend():
        from matplotlib_inline.backend_inline import set_matplotlib_formats

        set_matplotlib_formats("svg")


def save(figure: Figure, path: Path) -> Path:
    """Write a figure to a file on white ground, making its folder where it is missing.

    Parameters
    ----------
    figure : matplotlib Figure
    path : Path
        The ending names the format, such as ``.png`` or ``.svg``.

    Returns
    -------
    Path
        The path.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, facecolor="white", dpi=150)
    plt.close(figure)
    return path
