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
KINDS = (
    "all-reduce",
    "all-gather",
    "reduce-scatter",
    "all-to-all",
    "collective-permute",
)

_HEAD = re.compile(r"^(ENTRY )?%?([\w.-]+) \(.*\) -> .* \{$", re.M)
_DEFINED = re.compile(
    r"^\s+(?:ROOT )?%?([\w.-]+) = (.*?[\]})]) ([a-z][\w-]*)\((.*)$", re.M
)
_USES = re.compile(
    r"(?:calls|to_apply|condition|body|true_computation|false_computation)=%?([\w.-]+)"
)
_TURNS = re.compile(r'"known_trip_count":\{"n":"(\d+)"')
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
    _, body = _computations(program)
    loops = [one for lines in body.values() for one in lines if one.kind == "while"]
    repeated, todo = set(), {name for loop in loops for name in loop.uses}
    while todo:
        repeated |= todo
        todo = {n for name in todo for one in body[name] for n in one.uses} - repeated
    return [
        Crossing(one.kind.removesuffix("-start"), one.bytes, name in repeated)
        for name, lines in body.items()
        for one in lines
        if one.kind.removesuffix("-start") in KINDS
    ]


def operations(program: Any) -> int:
    """Count the operations of one device in the matrix products of a program.

    A product in a loop counts at each turn. (What ``program.cost_analysis()`` says takes the
    inside of a loop once.)

    Parameters
    ----------
    program : jax.stages.Compiled
        For a processor: on a GPU, products are calls of a library.
    """
    entry, body = _computations(program)

    def count(name: str) -> int:
        shapes, total = {one.name: one.shape for one in body[name]}, 0
        for one in body[name]:
            if one.kind == "dot":
                along = re.search(r"lhs_contracting_dims=\{([\d,]*)\}", one.rest)[1]
                left = shapes[re.search(r"%?([\w.-]+)[,)]", one.rest)[1]]
                summed = math.prod(left[int(axis)] for axis in along.split(","))
                total += 2 * math.prod(one.shape) * summed
            total += one.turns * sum(map(count, one.uses))
        return total

    return count(entry)


class _Instruction(NamedTuple):
    """A line of a program as XLA writes it."""

    name: str
    arrays: str
    kind: str
    rest: str

    @property
    def bytes(self) -> int:
        """Of its result: ``f32[1000,64]{1,0}``, or several arrays in brackets."""
        return sum(
            (int(bits) // 8 if bits else 1) * math.prod(_axes(shape))
            for _, bits, shape in _ARRAY.findall(self.arrays)
        )

    @property
    def shape(self) -> list[int]:
        """Of its result, or of the first of several."""
        found = _ARRAY.search(self.arrays)
        return _axes(found[3]) if found else []

    @property
    def uses(self) -> list[str]:
        """The computations that it runs."""
        return _USES.findall(self.rest)

    @property
    def turns(self) -> int:
        """How often it runs them."""
        found = _TURNS.search(self.rest)
        return int(found[1]) if found else 1


def _axes(shape: str) -> list[int]:
    return [int(n) for n in shape.split(",") if n]


def _computations(program: Any) -> tuple[str, dict[str, list[_Instruction]]]:
    """What a program begins with, and the lines of all its computations."""
    text = program.as_text()
    heads = list(_HEAD.finditer(text))
    ends = [head.start() for head in heads[1:]] + [len(text)]
    body = {
        head[2]: [
            _Instruction(*found) for found in _DEFINED.findall(text[head.end() : end])
        ]
        for head, end in zip(heads, ends)
    }
    return next(head[2] for head in heads if head[1]), body


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
    """The time to exchange something: a wait, and then so many bytes a second.

    Whether the wait is that of one message or of a whole exchange is for the user to say. A step,
    too, is a wait and then so many words a second.
    """

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


def ring(link: Link, size: float, N: int) -> float:
    r"""The time in which N devices in a ring sum arrays of ``size`` bytes.

    Each cuts its array in N parts. In N - 1 rounds the sums of the parts grow from neighbor to
    neighbor, and in N - 1 more they are handed around; the link's wait is that of a message:

    .. math:: 2 (N - 1) \left( \text{wait} + \frac{\text{size}}{N \cdot \text{bandwidth}} \right)

    References
    ----------
    Patarasuk and Yuan (2009), "Bandwidth optimal all-reduce algorithms for clusters of
    workstations".
    """
    return 2 * (N - 1) * link.seconds(size / N)


def efficiency(work: float, exchange: float) -> float:
    """The share of a step in which a device works, where it exchanges only after its work.

    What its work waits for itself, such as the start of a program, counts as work.
    """
    return work / (work + exchange)
