"""The book's house style, and the figures that more than one chapter needs.

Backgrounds are transparent and inks are dark: the site turns them light in its dark mode. The
colors stay apart for color-blind eyes, and markers or line styles always say the same thing again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import igraph
import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from pytensor.scalar import Composite
from pytensor.tensor.elemwise import CAReduce

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
    "svg.hashsalt": "unrolled",  # the same figure is the same file
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


# ------------------------------------------------------------------------------ classification


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
    """Shade the plane by class probabilities and draw the line where the verdict changes.

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
    tints = 1 - 0.45 * (1 - np.array([to_rgb(color) for color in COLORS[: p.shape[1]]]))
    ax.imshow(
        (p @ tints).reshape(*x1.shape, 3).clip(0, 1),
        extent=(left, right, low, high),
        origin="lower",
        interpolation="bilinear",
    )
    for c in range(1 if p.shape[1] == 2 else 0, p.shape[1]):
        lead = p[:, c] - np.delete(p, c, axis=1).max(axis=1)  # above 0: class c wins
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


# ------------------------------------------------------------------------------------ diagrams


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


def _op_name(op: Any) -> str:
    """A short name for an operation, such as ``tanh`` or ``dot``."""
    op = getattr(op, "core_op", op)  # a matrix product over a batch is a matrix product
    if hasattr(op, "new_order"):  # axes added, dropped or exchanged, no number touched
        return "transpose" if op.is_transpose else "expand"
    scalar_op = getattr(op, "scalar_op", None)
    if isinstance(op, CAReduce):
        return {"add": "sum", "mul": "product"}.get(str(scalar_op), str(scalar_op))
    if isinstance(scalar_op, Composite):
        # An expression in i0, i1, …: several steps in one pass over memory.
        return str(scalar_op).removeprefix("Composite{").removesuffix("}")
    name = getattr(scalar_op, "name", None) or type(scalar_op or op).__name__
    return {"add": "+", "sub": "−", "mul": "×", "true_div": "÷"}.get(
        name.lower(), name.lower()
    )


def _collect(outputs: Sequence[Any]) -> tuple[list[str], list[str], list[tuple]]:
    """The labels, kinds and edges of a graph's nodes, each after all of its sources."""
    labels: list[str] = []
    kinds: list[str] = []
    edges: list[tuple[int, int]] = []
    numbers: dict[Any, int] = {}

    def add(label: str, kind: str, sources: Sequence[Any]) -> int:
        starts = [number_of(source) for source in sources]
        labels.append(label)
        kinds.append(kind)
        edges.extend((start, len(labels) - 1) for start in starts)
        return len(labels) - 1

    def number_of(variable: Any) -> int:
        node = variable.owner or variable
        if node not in numbers:
            if variable.owner is not None:
                numbers[node] = add(_op_name(node.op), "operation", node.inputs)
            elif hasattr(variable, "data"):
                more = " …" if np.size(variable.data) > 1 else ""
                first = np.ravel(variable.data)[0]
                numbers[node] = add(f"{first:.3g}{more}", "constant", [])
            else:
                numbers[node] = add(str(variable), "input", [])
        return numbers[node]

    for output in outputs:
        add(output.name or "output", "output", [output])
    return labels, kinds, edges


def _place(kinds: Sequence[str], edges: Sequence[tuple[int, int]]) -> np.ndarray:
    """Where each node stands, (nodes, 2): few crossings, and every edge leads down."""
    layer = [0] * len(kinds)  # one below the lowest of the sources
    for start, end in sorted(edges, key=lambda edge: edge[1]):
        layer[end] = max(layer[end], layer[start] + 1)
    for node, kind in enumerate(kinds):  # data: just above its first use
        if kind in ("input", "constant"):
            layer[node] = min(layer[end] for start, end in edges if start == node) - 1
    graph = igraph.Graph(n=len(kinds), edges=edges, directed=True)
    layout = graph.layout_sugiyama(layers=layer)
    return np.array(layout.coords)[: len(kinds)]  # the rest are bends of long edges


def draw_graph(outputs: Sequence[Any], ax: Axes | None = None) -> None:
    """Draw a PyTensor graph from top to bottom: data in boxes, operations without.

    Parameters
    ----------
    outputs : sequence of symbolic variables
        What the graph computes; it is followed back to its inputs.
    ax : matplotlib Axes, optional
        Left out: a new figure, in a size that suits the graph.
    """
    labels, kinds, edges = _collect(outputs)
    places = _place(kinds, edges)
    (left, top), (right, bottom) = places.min(axis=0), places.max(axis=0)
    if ax is None:
        size = (0.62 * (right - left) + 1.2, 0.48 * (bottom - top) + 0.6)
        _, ax = plt.subplots(figsize=size)
    look = {"arrowstyle": "-|>", "color": GRAY, "lw": 0.8, "shrinkA": 0, "shrinkB": 0}
    for start, end in edges:
        tail, head = places[start] + (0, 0.3), places[end] - (0, 0.3)
        ax.annotate("", head, tail, arrowprops=look)
    colors = {"input": COLORS[0], "constant": GRAY, "output": COLORS[1]}
    for place, label, kind in zip(places, labels, kinds):
        text = ax.text(*place, label, ha="center", va="center", fontsize=8)
        if kind in colors:
            text.set_color(colors[kind])
            text.set_bbox(
                {
                    "boxstyle": "round,pad=0.3",
                    "facecolor": "white",
                    "edgecolor": colors[kind],
                }
            )
    ax.set(xlim=(left - 0.8, right + 0.8), ylim=(bottom + 0.5, top - 0.5))
    ax.axis("off")
