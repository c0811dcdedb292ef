"""Drawings of computation graphs, from top to bottom."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import igraph
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from pytensor.scalar import Composite
from pytensor.tensor.elemwise import CAReduce

from unrolled.figures.style import COLORS, GRAY


def _op_name(op: Any) -> str:
    """A short name for an operation, such as ``tanh`` or ``dot``."""
    # A matrix product over a batch is a matrix product.
    op = getattr(op, "core_op", op)
    # Axes added, dropped or exchanged, no number touched.
    if hasattr(op, "new_order"):
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
                label = _op_name(node.op)
                if variable.name and variable not in outputs:
                    label += f" → {variable.name}"
                numbers[node] = add(label, "operation", node.inputs)
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
    # One below the lowest of the sources.
    layer = [0] * len(kinds)
    for start, end in sorted(edges, key=lambda edge: edge[1]):
        layer[end] = max(layer[end], layer[start] + 1)
    # Data: just above its first use.
    for node, kind in enumerate(kinds):
        if kind in ("input", "constant"):
            layer[node] = min(layer[end] for start, end in edges if start == node) - 1
    graph = igraph.Graph(n=len(kinds), edges=edges, directed=True)
    layout = graph.layout_sugiyama(layers=layer)
    # The rest are bends of long edges.
    places = np.array(layout.coords)[: len(kinds)]
    # Neighbors may stand closer than their labels are wide.
    for row in np.unique(places[:, 1]):
        beside = sorted(np.flatnonzero(places[:, 1] == row), key=lambda i: places[i, 0])
        for left, right in pairwise(beside):
            places[right, 0] = max(places[right, 0], places[left, 0] + 1)
    return places


def count_operations(outputs: Sequence[Any]) -> int:
    """Count the operations of a PyTensor graph, each once however often its result is used."""
    return sum(kind == "operation" for kind in _collect(outputs)[1])


def draw_graph(outputs: Sequence[Any], ax: Axes | None = None) -> None:
    """Draw a PyTensor graph from top to bottom: data in boxes, operations without.

    A result with a name has it behind its operation, and an arrow between.

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
        size = (0.7 * (right - left) + 1.2, 0.48 * (bottom - top) + 0.6)
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
