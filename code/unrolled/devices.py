r"""Many devices: each works on its own columns of a batch, and sums cross between them.

The loss of a batch is a mean over its words, so its gradient is a sum that can be cut: n devices
that hold the same parameters take B/n columns each, and add up what they found. ::

    device 1   x[:, :B/n]         ->  its part of loss and gradients  \
    device 2   x[:, B/n:2 B/n]    ->  its part of loss and gradients   +  ->  one and the same step
    ...                                                               /

A *mesh* lays the devices out along two axes. Along ``data`` they take columns. Along
``vocabulary`` they share the tables that have a row for each word, where these are too large for
one device. The devices may belong to several processes, on several machines.

The engine is JAX's own: its shardings, its ``shard_map``, and XLA's sums over devices. Without a
mesh, which is ``None`` then, nothing here does anything.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import socket
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import jax
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from pytensor.graph.basic import Apply
from pytensor.graph.op import Op
from pytensor.link.jax.dispatch import jax_funcify

from unrolled import fields, machine
from unrolled.errors import UserError

#: The axes of a mesh.
DATA, VOCABULARY = AXES = ("data", "vocabulary")
#: How the arrays of a batch, (T, B), and the states of its rows, (B, H), are cut.
COLUMNS, ROWS = (None, DATA), (DATA,)
#: How a table with a row for each word is cut.
TABLE = (VOCABULARY,)
#: Seconds without a sign of life after which a process counts as dead.
HEARTBEAT = 10
#: Seconds in which the first process has to answer.
PATIENCE = 120

# ------------------------------------------------------------------------------------ the mesh


def mesh(count: int | None = None, vocabulary_shards: int = 1) -> Mesh:
    """Lay devices out in a mesh.

    Parameters
    ----------
    count : int, optional
        Devices of each process. Left out: all that it has.
    vocabulary_shards : int
        Devices that hold one copy of the large tables together.

    Returns
    -------
    Mesh
        Of shape (devices / vocabulary_shards, vocabulary_shards).

    Raises
    ------
    UserError
        If there are not so many, or not everywhere, or they don't divide.
    """
    kind = machine.device()
    found = [
        jax.local_devices(process, backend=kind)
        for process in range(jax.process_count())
    ]
    own = len(jax.local_devices(backend=kind))
    if (count or 0) > own:
        raise UserError(f"there are {own} of kind {kind} here", devices=count)
    if len({len(each[:count]) for each in found}) > 1:
        raise UserError(f"not every process has {own} devices, as this one has")
    chosen = [device for each in found for device in each[:count]]
    shards = vocabulary_shards
    check_divides("devices", len(chosen), shards, vocabulary_shards=shards)
    return Mesh(np.reshape(chosen, (-1, shards)), AXES)


def check_divides(what: str, size: int, parts: int, **argument: Any) -> None:
    """Refuse a size that cannot be cut in equal parts.

    Raises
    ------
    UserError
        If it cannot.
    """
    if rest := size % parts:
        would = [n for n in (size - rest, size - rest + parts) if n]
        raise UserError(
            f"cannot cut {size:,} {what} in {parts} equal parts; "
            f"{' or '.join(f'{n:,}' for n in would)} would do",
            **argument,
        )


def shares(mesh: Mesh | None) -> int:
    """In how many shares a batch is cut."""
    return mesh.shape[DATA] if mesh else 1


def columns(mesh: Mesh | None) -> NamedSharding | None:
    """Where the columns of a batch are."""
    return NamedSharding(mesh, PartitionSpec(*COLUMNS)) if mesh else None


def own_columns(mesh: Mesh | None, B: int) -> slice:
    """The columns of a batch of B that this process needs, for all of its devices.

    Raises
    ------
    UserError
        If B columns cannot be shared evenly.
    """
    if mesh is None:
        return slice(0, B)
    check_divides("rows", B, shares(mesh), batch=B)
    places = NamedSharding(mesh, PartitionSpec(DATA)).addressable_devices_indices_map(
        (B,)
    )
    bounds = [columns.indices(B) for (columns,) in places.values()]
    return slice(min(b[0] for b in bounds), max(b[1] for b in bounds))


# ----------------------------------------------------------------------------------- the graph


class Total(Op):
    """The sum of what all devices have computed; on one, the thing itself."""

    __props__ = ()

    def make_node(self, x: Any) -> Apply:
        """A variable of the same type."""
        return Apply(self, [x], [x.type()])

    def perform(self, node: Apply, inputs: list[Any], outputs: list[list[Any]]) -> None:
        """What one device does."""
        outputs[0][0] = inputs[0]


@jax_funcify.register(Total)
def _total(op: Total, **_: Any) -> Callable[[Any], Any]:
    def total(x: Any) -> Any:
        # XLA cannot sum over an axis of one device beside another axis.
        return jax.lax.psum(x, DATA) if jax.lax.axis_size(DATA) > 1 else x

    return total


def total(mesh: Mesh | None) -> Callable[[Any], Any]:
    """What sums a symbolic variable over all devices of a mesh."""
    return Total() if mesh else lambda x: x


def cut(variable: Any, axes: Sequence[str | None]) -> Any:
    """Say along which axis of a mesh each axis of a symbolic variable is cut.

    What is cut along ``data`` has, as a symbol, the shape that one device sees. What nothing is
    said of is whole on each device.
    """
    variable.tag.axes = tuple(axes)
    return variable


def axes(variable: Any) -> Sequence[str | None]:
    """What :func:`cut` was told of a symbolic variable."""
    return getattr(variable.tag, "axes", ())


def spec(variable: Any) -> PartitionSpec:
    """How a symbolic variable is cut, as JAX says it."""
    return PartitionSpec(*axes(variable))


def sharding(variable: Any, mesh: Mesh) -> NamedSharding:
    """Where the parts of a symbolic variable are."""
    return NamedSharding(mesh, spec(variable))


def whole_shape(variable: Any, mesh: Mesh | None) -> tuple[int, ...]:
    """The shape of all devices' parts of a symbolic variable together."""
    shape = list(variable.type.shape)
    for i, axis in enumerate(spec(variable)):
        shape[i] *= shares(mesh) if axis == DATA else 1
    return tuple(shape)


def spread(
    fn: Callable[..., Any], fgraph: Any, mesh: Mesh
) -> tuple[Callable[..., Any], list]:
    """Let each device run a program on its part of what is cut along ``data``.

    Along ``vocabulary`` XLA itself cuts the program.

    Parameters
    ----------
    fn : callable
        The program for one device.
    fgraph : FunctionGraph
        Its graph. Matrices that it returns belong to a batch; what else it returns is the same on
        all devices.
    mesh : Mesh

    Returns
    -------
    program : callable
        From whole arrays to whole arrays.
    shardings : list of NamedSharding
        Where its outputs are.
    """
    updated = fgraph.update_mapping or {}
    inputs = [spec(variable) for variable in fgraph.inputs]
    outputs = [
        inputs[updated[i]]
        if i in updated
        else PartitionSpec(*(COLUMNS if variable.ndim == 2 else ()))
        for i, variable in enumerate(fgraph.outputs)
    ]

    def along_data(specs: list[PartitionSpec]) -> tuple[PartitionSpec, ...]:
        return tuple(
            PartitionSpec(*(axis if axis == DATA else None for axis in one))
            for one in specs
        )

    program = jax.shard_map(
        fn,
        mesh=mesh,
        in_specs=along_data(inputs),
        out_specs=along_data(outputs),
        axis_names={DATA},
        # It cannot follow what the loop over time carries.
        check_vma=False,
    )
    return program, [NamedSharding(mesh, one) for one in outputs]


# ---------------------------------------------------------------------------------- the values


def place(value: Any, where: Any) -> jax.Array:
    """Put an array, which each process knows, where it belongs: a device, or a sharding."""
    if isinstance(where, NamedSharding) and isinstance(value, np.ndarray):
        return jax.make_array_from_callback(
            value.shape, where, lambda index: value[index]
        )
    return jax.device_put(value, where)


def place_columns(mesh: Mesh, own: np.ndarray) -> jax.Array:
    """Make one array on all devices, (T, B, ...), of the columns that each process has."""
    B = whole_width(mesh, own.shape[1])
    first = own_columns(mesh, B).start

    def part(index: tuple[slice, ...]) -> np.ndarray:
        start, stop, _ = index[1].indices(B)
        return own[:, start - first : stop - first]

    shape = (own.shape[0], B, *own.shape[2:])
    return jax.make_array_from_callback(shape, columns(mesh), part)


def whole_width(mesh: Mesh | None, own: int) -> int:
    """How many columns a batch has, of which this process has so many."""
    columns = own_columns(mesh, shares(mesh))
    return own * shares(mesh) // (columns.stop - columns.start)


def gather(value: Any) -> np.ndarray:
    """Copy an array back from all devices, whole, to each process that asks; all have to."""
    if not isinstance(value, jax.Array) or value.is_fully_replicated:
        return np.array(value)
    # On the devices themselves it would take the room that shards are to save.
    parts = {str(part.index): part for part in value.addressable_shards}
    if sum(part.data.size for part in parts.values()) < value.size:
        return np.array(_gathered(value, tiled=True))
    whole = np.empty(value.shape, value.dtype)
    for part in parts.values():
        whole[part.index] = part.data
    return whole


def _gathered(value: Any, **how: Any) -> np.ndarray:
    """What all processes have, at each of them; a partner that is gone is always the same error."""
    try:
        return multihost_utils.process_allgather(value, **how)
    except ValueError as error:
        # So JAX calls a connection that breaks before a call has returned.
        raise jax.errors.JaxRuntimeError(str(error)) from error


# ------------------------------------------------------------------------------- the processes


@dataclass(frozen=True)
class Processes:
    """The devices that train, and the processes that they belong to."""

    devices: fields.Positive | None = None
    """Devices of each process that share its part of every batch, or simulated ones on a CPU
    (default: one; with --distributed all)."""
    vocabulary_shards: fields.Positive = 1
    """Devices that hold one copy of the large tables together."""
    distributed: bool = False
    """This is one of several processes; SLURM and Open MPI say which."""
    coordinator: str = ""
    """HOST:PORT of process 0, where neither says it."""
    processes: fields.Positive | None = None
    """How many there are, where neither says it."""
    process: fields.Natural | None = None
    """Which this is, from 0 on, where neither says it."""


@contextlib.contextmanager
def started(chosen: Processes) -> Iterator[Mesh | None]:
    """Start what was chosen, and give its mesh; None where one device works alone.

    Raises
    ------
    UserError
        If settings don't go together, or processes don't find each other.
    """
    _check(chosen)
    several = chosen.devices or chosen.vocabulary_shards > 1 or chosen.distributed
    if not several:
        yield None
        return
    if chosen.distributed:
        _join(chosen)
    # Where a CPU computes it passes for many; nothing may have been computed before.
    jax.config.update("jax_num_cpu_devices", chosen.devices or 1)
    try:
        yield mesh(chosen.devices, chosen.vocabulary_shards)
    except jax.errors.JaxRuntimeError as error:
        if not chosen.distributed:
            raise
        why = str(error).strip().partition("\n")[0]
        raise UserError(
            f"another process is gone, or cannot be reached ({why}): "
            "what is saved can go on with --resume"
        ) from error
    if chosen.distributed:
        # All have come to the same end, and none needs the others any more.
        jax.distributed.shutdown()


def _check(chosen: Processes) -> None:
    """Refuse what says how processes find each other, where there is but one."""
    for name in ("coordinator", "processes", "process"):
        if getattr(chosen, name) not in ("", None) and not chosen.distributed:
            raise UserError(
                "one process alone needs none: add --distributed, or leave it out",
                **{name: getattr(chosen, name)},
            )


def _join(chosen: Processes) -> None:
    """Find the other processes.

    Raises
    ------
    UserError
        If nothing says where they are, or the first does not answer.
    """
    # JAX would keep SIGTERM to itself.
    jax.config.update("jax_enable_preemption_service", False)
    where = _told(chosen) if chosen.coordinator else {}
    try:
        jax.distributed.initialize(**where, heartbeat_timeout_seconds=HEARTBEAT)
    except ValueError as error:
        raise UserError(
            "found neither SLURM nor Open MPI: give --coordinator, --processes and --process",
            distributed=True,
        ) from error
    except RuntimeError as error:
        raise UserError(f"the processes did not find each other: {error}") from error


def _told(chosen: Processes) -> dict[str, Any]:
    """What JAX needs to know where a coordinator is given, and the address is right.

    Open MPI gives the address in some versions only, but how many processes there are in all.

    Raises
    ------
    UserError
        If a number is missing or wrong, or the address cannot be used.
    """
    address, count, number = chosen.coordinator, chosen.processes, chosen.process
    mpi = {
        name: int(os.environ.get(f"OMPI_COMM_WORLD_{name}", -1))
        for name in ("SIZE", "RANK", "LOCAL_SIZE", "LOCAL_RANK")
    }
    count = mpi["SIZE"] if count is None else count
    number = mpi["RANK"] if number is None else number
    if count < 1 or number < 0:
        raise UserError("needs --processes and --process, too", coordinator=address)
    if number >= count:
        raise UserError(f"expected a number below --processes {count}", process=number)
    _check_address(address, first=number == 0)
    return {
        "coordinator_address": address,
        "num_processes": count,
        "process_id": number,
        "cluster_detection_method": "deactivate",
        # Several processes of a machine take a GPU each, one takes all.
        "local_device_ids": [mpi["LOCAL_RANK"]] if mpi["LOCAL_SIZE"] > 1 else None,
    }


def _check_address(address: str, first: bool) -> None:
    """Refuse an address that cannot be used: JAX would end the program with pages of its own.

    Raises
    ------
    UserError
        If the port is taken, or nobody answers in time.
    """
    host, _, port = address.rpartition(":")
    if ":" in host and not (host.startswith("[") and host.endswith("]")):
        raise UserError(
            "expected HOST:PORT, an IPv6 address in [ ]", coordinator=address
        )
    if not host or not port.isdecimal() or not 0 < int(port) < 2**16:
        raise UserError("expected HOST:PORT", coordinator=address)
    try:
        if first:
            # Where the port is free, JAX will listen there.
            with socket.socket() as test:
                test.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                test.bind(("", int(port)))
            return
        deadline, told = time.monotonic() + PATIENCE, False
        while True:
            try:
                there = host.strip("[]"), int(port)
                socket.create_connection(there, timeout=5).close()
                return
            # A machine that is being started may have no name yet.
            except OSError:
                if time.monotonic() > deadline:
                    raise
                if not told:
                    waits = f"waiting for process 0 at {address}, {PATIENCE} s at most"
                    print(waits, file=sys.stderr, flush=True)
                    told = True
                time.sleep(0.2)
    except OSError as error:
        what = "cannot be used" if first else "process 0 does not answer there"
        raise UserError(
            f"{what}: {error.strerror or error}", coordinator=address
        ) from error


def several() -> bool:
    """Whether this is one of several processes."""
    return jax.distributed.is_initialized()


def is_first() -> bool:
    """Whether this process writes the files and talks to the user."""
    return not several() or jax.process_index() == 0


def agree(*values: float) -> list[float]:
    """For each value the largest of all processes; all have to ask at the same time."""
    if not several():
        return list(values)
    return _gathered(np.array(values)).max(axis=0).tolist()


def check_alike(what: str) -> None:
    """Refuse to train together with processes that were told something else.

    Parameters
    ----------
    what : str
        All that has to be the same.

    Raises
    ------
    UserError
        If it is not.
    """
    if several():
        digest = np.frombuffer(hashlib.sha256(what.encode()).digest(), np.int32)
        others = _gathered(digest)
        differ = np.flatnonzero((others != others[0]).any(axis=1))
        if len(differ):
            numbers = ", ".join(map(str, differ))
            raise UserError(
                f"process {numbers} has other options, another text or another version than "
                "process 0"
            )


def leave(status: int) -> NoReturn:
    """End this process, without waiting for others that can't go on either."""
    if several():
        for stream in filter(None, (sys.stdout, sys.stderr)):
            with contextlib.suppress(OSError):
                stream.flush()
        os._exit(status)
    sys.exit(status)
