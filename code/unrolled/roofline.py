"""What a computation waits for: arithmetic, memory, or the start of the next piece of work."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from unrolled import devices, machine, timing


class Roof(NamedTuple):
    """What a device does at best, each per second: operations, and bytes moved."""

    operations: float
    bytes: float

    @property
    def corner(self) -> float:
        """The operations per byte from which on arithmetic is the limit :cite:p:`williams2009`."""
        return self.operations / self.bytes


def roof(on: str | None = None) -> Roof:
    """Measure a device with a large matrix product, and with a pass over a large array.

    Parameters
    ----------
    on : {"cpu", "gpu"}, optional
        Left out: the device that computes.

    Returns
    -------
    Roof
        In float32, as the device multiplies by default: many GPUs do so in TF32.
    """
    side, long = {"cpu": (1500, 100_000_000), "gpu": (8192, 400_000_000)}[
        on or machine.device()
    ]
    # Bound to the device: what is merely made there is computed with on JAX's default device.
    place = machine.jax_device(on)
    square, array = (
        jnp.ones(shape, "float32", device=place) for shape in ((side, side), long)
    )
    product, negate = jax.jit(jnp.matmul), jax.jit(jnp.negative, donate_argnums=0)

    def pass_over():
        nonlocal array
        # In place: new memory would have to be cleared first.
        array = negate(array)
        return array

    multiply = timing.measure(lambda: product(square, square), repeats=5).median
    move = timing.measure(pass_over, repeats=5).median
    return Roof(2 * side**3 / multiply, 2 * array.nbytes / move)


#: Instructions that name or regroup values and compute nothing.
_FREE = {"parameter", "constant", "tuple", "get-tuple-element", "bitcast"}
_HEAD = re.compile(r"^(ENTRY )?%?([\w.-]+) \(.*\) -> .* \{$", re.M)
_INSTRUCTION = re.compile(
    r"^\s+(?:ROOT )?%?[\w.-]+ = .*?[\]})] ([a-z][\w-]*)\(.*$", re.M
)


def program_of(compiled: Callable[..., Any], on: str | None = None) -> Any:
    """What XLA makes of a compiled function, for one device, or for each of a mesh.

    Parameters
    ----------
    compiled : callable
        From :func:`unrolled.compute.function`, in ``JAX`` mode. It is compiled once more.
    on : {"cpu", "gpu"}, optional
        Left out: the device that computes.

    Returns
    -------
    jax.stages.Compiled
        It knows its text, and the memory that it takes.
    """
    # PyTensor's own linker knows of no mesh.
    mesh = getattr(compiled.maker.linker, "mesh", None)
    shapes = [
        jax.ShapeDtypeStruct(
            devices.whole_shape(variable, mesh),
            variable.type.dtype,
            sharding=devices.sharding(variable, mesh) if mesh else None,
        )
        for variable in compiled.maker.fgraph.inputs
    ]
    with jax.default_device(machine.jax_device(on)):
        return compiled.vm.jit_fn.lower(*shapes).compile()


def pieces_of_work(compiled: Callable[..., Any], on: str | None = None) -> int:
    """Count the pieces of work that one call of a compiled function consists of.

    Parameters
    ----------
    compiled, on
        As for :func:`program_of`.
    """
    return pieces_in(program_of(compiled, on).as_text())


def pieces_in(program: str) -> int:
    """Count the pieces of work in a program's text.

    They are the instructions of the program that XLA makes for a device, each as often as its loop
    turns. What XLA has fused is one piece. On a GPU a piece is, roughly, a kernel to launch.
    """
    entry, body = _computations(program)

    def count(name: str) -> int:
        total = _pieces_outside_loops(body[name])
        for turns, condition, inside in _loops(body[name]):
            total += turns * (count(condition) + count(inside))
        return total

    return count(entry)


def pieces_of_turns(program: str) -> list[int]:
    """The pieces of work in the body of each loop of a program, in the order of its text."""
    entry, body = _computations(program)
    return [_pieces_outside_loops(body[inside]) for _, _, inside in _loops(body[entry])]


def _computations(program: str) -> tuple[str, dict[str, str]]:
    """The name of the computation that a program begins with, and the text of each."""
    heads = list(_HEAD.finditer(program))
    ends = [head.start() for head in heads[1:]] + [len(program)]
    body = {head[2]: program[head.end() : end] for head, end in zip(heads, ends)}
    return next(head[2] for head in heads if head[1]), body


def _pieces_outside_loops(body: str) -> int:
    found = (line[1] for line in _INSTRUCTION.finditer(body))
    # Of a piece that runs beside others there is a start, and a wait until it is done.
    return sum(
        name not in _FREE and name != "while" and not name.endswith("-done")
        for name in found
    )


def _loops(body: str) -> list[tuple[int, str, str]]:
    """For each loop how often it turns, and the names of its condition and its body."""
    found = []
    for line in _INSTRUCTION.finditer(body):
        if line[1] == "while":
            turns = int(re.search(r'"known_trip_count":\{"n":"(\d+)"', line[0])[1])
            loop = re.search(r"condition=%?([\w.-]+), body=%?([\w.-]+)", line[0])
            found.append((turns, loop[1], loop[2]))
    return found
