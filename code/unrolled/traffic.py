r"""What crosses between devices in a step, how long that takes, and when it pays to have several.

Devices that share a batch meet in each step to add up their gradients. What XLA makes of a graph
says how often they meet, and over how much. ::

    a step of n devices  =  its work on a share of the batch  +  an all-reduce of all gradients
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.sharding import Mesh, PartitionSpec
from scipy.optimize import nnls

from unrolled.devices import DATA

#: What devices can do together, as XLA calls it.
KINDS = "all-reduce|all-gather|reduce-scatter|all-to-all|collective-permute"

_HEAD = re.compile(r"^(?:ENTRY )?%?([\w.-]+) \(.*\) -> .* \{$", re.M)
_CALL = re.compile(rf"^\s+(?:ROOT )?%?[\w.-]+ = (.*?) ({KINDS})(?:-start)?\(", re.M)
_LOOP = re.compile(r" while\(.*?condition=%?([\w.-]+), body=%?([\w.-]+)")
_USES = re.compile(
    r"(?:calls|to_apply|condition|body|true_computation|false_computation)=%?([\w.-]+)"
)
_ARRAY = re.compile(r"\b(pred|[a-z]+?(\d+))\w*\[([\d,]*)\]")


class Crossing(NamedTuple):
    """Devices meet, and exchange arrays."""

    kind: str
    """One of :data:`KINDS`."""
    bytes: int
    """Of what a device has after it."""
    in_loop: bool
    """Whether it happens at each turn of a loop."""


def crossings(program: Any) -> list[Crossing]:
    """Read in a program for several devices where they meet.

    Parameters
    ----------
    program : jax.stages.Compiled
        Such as :func:`unrolled.roofline.program_of` gives.
    """
    text = program.as_text()
    heads = list(_HEAD.finditer(text))
    ends = [head.start() for head in heads[1:]] + [len(text)]
    body = {head[1]: text[head.end() : end] for head, end in zip(heads, ends)}
    repeated, todo = set(), {name for pair in _LOOP.findall(text) for name in pair}
    while todo:
        repeated |= todo
        todo = {used for name in todo for used in _USES.findall(body[name])} - repeated
    return [
        Crossing(call[2], _bytes(call[1]), name in repeated)
        for name, lines in body.items()
        for call in _CALL.finditer(lines)
    ]


def _bytes(arrays: str) -> int:
    """The bytes of arrays as XLA writes them: ``f32[1000,64]{1,0}``, or several in brackets."""
    return sum(
        (int(bits) // 8 if bits else 1)
        * int(np.prod([int(n) for n in shape.split(",") if n]))
        for _, bits, shape in _ARRAY.findall(arrays)
    )


def operations(program: Any) -> float:
    """The operations of one device in a program, as XLA counts them."""
    return program.cost_analysis()["flops"]


def all_reduce(mesh: Mesh) -> Callable[[Any], Any]:
    """A program that sums over all devices of a mesh and does nothing else.

    It takes an array (devices, ...), of which each device has its own row, and gives the sum of
    the rows, (1, ...), to all.
    """
    cut, everywhere = PartitionSpec(DATA), PartitionSpec()
    return jax.jit(
        jax.shard_map(
            lambda row: jax.lax.psum(row, DATA),
            mesh=mesh,
            in_specs=cut,
            out_specs=everywhere,
        )
    )


class Link(NamedTuple):
    """The time to exchange something: a wait, and then so many bytes a second."""

    wait: float
    """Seconds, however little there is to exchange."""
    bandwidth: float
    """Bytes per second."""

    def seconds(self, size: float) -> float:
        """The time for so many bytes."""
        return self.wait + size / self.bandwidth


def fit_link(sizes: Sequence[float], seconds: Sequence[float]) -> Link:
    """Lay the line of a :class:`Link` through measured times.

    Each point counts by how far the line misses it in proportion: the times may span factors of
    thousands, and the smallest are to matter as much as the largest.
    """
    sizes, seconds = np.asarray(sizes, float), np.asarray(seconds, float)
    rows = np.column_stack([np.ones_like(sizes), sizes]) / seconds[:, None]
    # Neither can be negative, however the clock jitters.
    (wait, slope), _ = nnls(rows, np.ones_like(sizes))
    return Link(float(wait), float(1 / slope) if slope else math.inf)


def ring(link: Link, size: float, n: int) -> float:
    r"""The time in which n devices in a ring sum arrays of ``size`` bytes over all of them.

    Each cuts its array in n parts. In n - 1 rounds the sums of the parts grow from neighbor to
    neighbor, and in n - 1 more they are handed around:

    .. math:: 2 (n - 1) \left( \text{wait} + \frac{\text{size}}{n \cdot \text{bandwidth}} \right)

    References
    ----------
    Patarasuk and Yuan (2009), "Bandwidth optimal all-reduce algorithms for clusters of
    workstations".
    """
    return 2 * (n - 1) * link.seconds(size / n)


def efficiency(work: float, exchange: float) -> float:
    """The share of a step in which a device works, where it exchanges only after its work."""
    return work / (work + exchange)
