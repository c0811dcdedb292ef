"""Shared variables and compiled functions, in one precision.

PyTensor builds the graphs and JAX compiles them, for the CPU and the GPU alike. The rest of the
package asks this module to make variables and functions, and never asks which machine it is on.
"""

from __future__ import annotations

import atexit
import ctypes
import functools
import platform
import shutil
import tempfile
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
import pytensor

# Now: on import, it sets JAX's precision to its own liking.
import pytensor.link.jax.dispatch
import pytensor.link.utils
from pytensor.compile.mode import Mode, get_mode
from pytensor.graph.rewriting.basic import dfs_rewriter, node_rewriter
from pytensor.link.jax.linker import JAXLinker
from pytensor.tensor.elemwise import CAReduce

from unrolled import devices, machine
from unrolled.errors import UserError

MODES = ("JAX", "NUMBA")


@functools.cache
def _sources() -> str:
    """A folder that goes with this process."""
    folder = tempfile.mkdtemp(prefix="unrolled-sources-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _source_file(**options: Any) -> Any:
    """A file in that folder."""
    return tempfile.NamedTemporaryFile(**{"dir": _sources(), **options})


# PyTensor writes the source of each graph, and of each fused operation, to a file of its own in the
# system's temporary folder, where it would stay: some hundreds for a chapter.
pytensor.link.utils.NamedTemporaryFile = _source_file


def use_precision(dtype: str) -> None:
    """Set the type of all floating-point numbers in graphs built from now on.

    Parameters
    ----------
    dtype : {"float32", "float64"}
        ``float32`` for speed, ``float64`` where digits are compared: gradient checks and parity.

    Raises
    ------
    ValueError
        If ``dtype`` is another word.
    """
    if dtype not in ("float32", "float64"):
        raise ValueError(f"dtype={dtype!r}: expected 'float32' or 'float64'")
    pytensor.config.floatX = dtype


@node_rewriter([CAReduce])
def _sum_in_own_precision(fgraph, node):
    """Let sums of float32 numbers accumulate in float32.

    PyTensor sums them in float64 unless told otherwise, which a GPU is slow at.
    """
    if node.outputs[0].dtype == "float32" and node.op.acc_dtype == "float64":
        return [node.op.clone(acc_dtype="float32")(*node.inputs)]
    return None


class _InPlaceLinker(JAXLinker):
    """Lets a step write the new values of shared variables over the old ones.

    JAX would keep both until the step is done: twice the memory, and time to fill it. On a mesh,
    each device runs the step on its part.
    """

    def __init__(
        self, options: dict[str, Any] | None, mesh: jax.sharding.Mesh | None
    ) -> None:
        super().__init__()
        self.options, self.mesh = options, mesh

    def jit_compile(self, fn: Callable[..., Any]) -> Callable[..., Any]:
        updated = (self.fgraph.update_mapping or {}).values()
        placed = {}
        if self.mesh:
            fn, shardings = devices.spread(fn, self.fgraph, self.mesh)
            placed = {"out_shardings": tuple(shardings)}
        return jax.jit(
            fn, donate_argnums=tuple(updated), compiler_options=self.options, **placed
        )


def _compiler(
    mode: str, options: dict[str, Any] | None, mesh: jax.sharding.Mesh | None
) -> Mode:
    """PyTensor's mode of this name, with the two changes above."""
    found = get_mode(mode)
    if mode == "JAX":
        found = Mode(_InPlaceLinker(options, mesh), found.provided_optimizer)
    return found.register((dfs_rewriter(_sum_in_own_precision), 99.0))


def shared(value: np.ndarray | float, name: str) -> pytensor.compile.SharedVariable:
    """Make a shared variable: a value that lives on, and that functions can update.

    Parameters
    ----------
    value : array of any shape
        Floating-point numbers take the precision in force, whole numbers become int32.
    name : str
        The symbol that graphs show.

    Returns
    -------
    Shared variable
        Of the value's own, fixed shape, since JAX compiles for fixed shapes only.
    """
    value = np.asarray(value)
    dtype = (
        "int32" if np.issubdtype(value.dtype, np.integer) else pytensor.config.floatX
    )
    return pytensor.shared(value.astype(dtype), name=name, shape=value.shape)


def value_of(variable: pytensor.compile.SharedVariable) -> np.ndarray:
    """Copy a shared variable's value back from its device or devices, as a NumPy array."""
    return devices.gather(variable.get_value(borrow=True))


def assign(variable: pytensor.compile.SharedVariable, value: np.ndarray) -> None:
    """Give a shared variable another value, on the device where it is.

    From NumPy's hands a function would take it as an input of another kind, and be compiled anew.

    Parameters
    ----------
    variable : shared variable
    value : array
        Of its shape; of what the devices of a mesh share, the shape of the whole.
    """
    # A copy, for a function may write over it.
    value, before = np.array(value, variable.dtype), variable.get_value(borrow=True)
    if isinstance(before, jax.Array):
        value = devices.place(value, before.sharding)
    # Its own set_value would take it back to NumPy.
    variable.container.storage[0] = value


def function(
    inputs: Sequence[Any],
    outputs: Any = None,
    updates: Sequence[tuple[Any, Any]] = (),
    mode: str = "JAX",
    on: str | None = None,
    soon: bool = False,
    mesh: jax.sharding.Mesh | None = None,
) -> Callable[..., Any]:
    """Compile a graph into a function.

    Parameters
    ----------
    inputs : sequence of symbolic variables
        What the function takes, in this order. Values must have the variables' types: they are
        not checked again at each call.
    outputs : symbolic variable or list of them, optional
        What it returns.
    updates : sequence of (shared variable, new value) pairs, optional
        What it changes, after the outputs were computed.
    mode : {"JAX", "NUMBA"}
        The compiler. ``JAX`` serves CPU and GPU; ``NUMBA`` is PyTensor's default, on the CPU.
    on : {"cpu", "gpu"}, optional
        The device for ``JAX``. Left out: the one that computes. All shared variables
        move there, once.
    soon : bool
        On a GPU, do not try out which way to multiply matrices is the fastest: that takes longer
        than all the rest of the compilation.
    mesh : Mesh, optional
        From :func:`unrolled.devices.mesh`, for ``JAX``: the devices that compute, in the place of
        one. The graph is that of one device, with :func:`unrolled.devices.total` where sums cross
        from device to device.

    Returns
    -------
    Callable
        The compiled function. In ``JAX`` mode a call returns before the work is done: see
        :func:`unrolled.timing.wait`.

    Raises
    ------
    UserError
        If the mode is unknown or the device is missing.
    """
    if mode not in MODES:
        raise UserError(f"expected one of {', '.join(MODES)}", mode=mode)
    place = machine.jax_device(on) if mode == "JAX" else None
    untried = soon and place is not None and place.platform == "gpu"
    options = {"xla_gpu_autotune_level": 0} if untried else None
    compiled = pytensor.function(
        inputs, outputs, updates=list(updates), mode=_compiler(mode, options, mesh)
    )
    compiled.trust_input = True
    if place is not None:
        # A variable that no call updates would stay in NumPy's hands, and would
        # cross to the GPU anew at each call.
        for variable in compiled.get_shared():
            value = variable.get_value(borrow=True)
            where = devices.sharding(variable, mesh) if mesh else place
            variable.container.storage[0] = devices.place(value, where)
    return compiled


def _keep_memory() -> None:
    """Let the C library keep freed memory for the next step.

    By default glibc returns large blocks to the system at once. A training step asks for the same
    blocks again, and the system clears every page of them anew: half of the time of a step whose
    scores fill tens of megabytes. The three settings are in the manual page mallopt(3): one arena,
    since only the main one can hold large blocks, never a mapping of their own, and no trimming.
    """
    if platform.libc_ver()[0] == "glibc":
        mallopt = ctypes.CDLL(None).mallopt
        arena_max, mmap_max, trim_threshold = -8, -4, -1
        mallopt(arena_max, 1)
        mallopt(mmap_max, 0)
        mallopt(trim_threshold, -1)


_keep_memory()
# Graphs name the type of every number they hold, so JAX need not shorten any of them.
jax.config.update("jax_enable_x64", True)
use_precision("float32")
