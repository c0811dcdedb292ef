"""Which device computes, in which precision, and how much work the book asks of it.

PyTensor builds the graphs and JAX compiles them, for the CPU and the GPU alike. The rest of the
package asks this module to make variables and functions, and never asks which machine it is on.

Three environment variables steer it from outside:

``UNROLLED_DEVICE``
    ``cpu`` or ``gpu``. Unset: the GPU if JAX sees one, else the CPU.
``UNROLLED_BUDGET``
    ``smoke`` (seconds, for tests), ``cpu`` (minutes) or ``gpu`` (the real thing).
    Unset: the name of the device.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import subprocess
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import Any, NamedTuple, TypeVar

import jax
import numpy as np
import pytensor
import pytensor.link.jax.dispatch  # now: on import, it sets JAX's precision to its own liking
from pytensor.compile.mode import Mode, get_mode
from pytensor.graph.rewriting.basic import dfs_rewriter, node_rewriter
from pytensor.link.jax.linker import JAXLinker
from pytensor.tensor.elemwise import CAReduce

Choice = TypeVar("Choice")

DEVICES = ("cpu", "gpu")
BUDGETS = ("smoke", "cpu", "gpu")
MODES = ("JAX", "NUMBA")


class BackendError(RuntimeError):
    """What was asked for is not to be had on this machine; the message says what to do."""


def _setting(variable: str, allowed: Sequence[str]) -> str | None:
    """The value of an environment variable, or None where it is unset or empty."""
    value = os.environ.get(variable, "").strip().lower()
    if value and value not in allowed:
        raise BackendError(f"{variable}={value}: expected one of {', '.join(allowed)}")
    return value or None


# ---------------------------------------------------------------------------------- the device


def device() -> str:
    """Name the device that computes.

    Returns
    -------
    str
        ``"gpu"`` or ``"cpu"``.

    Raises
    ------
    BackendError
        If ``UNROLLED_DEVICE=gpu`` and JAX sees no GPU, or the variable holds another word.
    """
    wanted = _setting("UNROLLED_DEVICE", DEVICES)
    if wanted == "cpu":
        return "cpu"
    found = "gpu" if jax.default_backend() in ("gpu", "cuda", "rocm") else "cpu"
    if wanted == "gpu" and found == "cpu":
        raise _no_gpu("UNROLLED_DEVICE=gpu")
    return found


def _no_gpu(wish: str) -> BackendError:
    return BackendError(
        f"{wish}, but JAX sees no GPU: install the CUDA build of JAX "
        "(pip install -r requirements-gpu.txt) and an NVIDIA driver, or choose cpu"
    )


def jax_device(name: str | None = None) -> jax.Device:
    """Find the first JAX device of a kind.

    Parameters
    ----------
    name : {"cpu", "gpu"}, optional
        Left out: the device that computes.

    Raises
    ------
    BackendError
        If there is no such device.
    """
    try:
        return jax.devices(name or device())[0]
    except RuntimeError as error:
        raise _no_gpu(f"device {name!r}") from error


def devices() -> list[str]:
    """All devices that take part: the CPU, and the GPU where it is the one that computes."""
    return ["cpu", "gpu"] if device() == "gpu" else ["cpu"]


# ---------------------------------------------------------------------------------- the budget


def budget_name() -> str:
    """Name the budget in force: ``"smoke"``, ``"cpu"`` or ``"gpu"``.

    Raises
    ------
    BackendError
        If ``UNROLLED_BUDGET`` holds another word.
    """
    return _setting("UNROLLED_BUDGET", BUDGETS) or device()


def budget(smoke: Choice, cpu: Choice, gpu: Choice) -> Choice:
    """Choose how much work to do.

    Parameters
    ----------
    smoke, cpu, gpu
        The amount for tests, for a processor and for a GPU: of any one type.

    Returns
    -------
    The amount that belongs to :func:`budget_name`.
    """
    return {"smoke": smoke, "cpu": cpu, "gpu": gpu}[budget_name()]


# ------------------------------------------------------------------------ precision and graphs


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

    JAX would keep both until the step is done: twice the memory, and time to fill it.
    """

    def jit_compile(self, fn: Callable[..., Any]) -> Callable[..., Any]:
        updated = (self.fgraph.update_mapping or {}).values()
        return jax.jit(fn, donate_argnums=tuple(updated))


def _compiler(mode: str) -> Mode:
    """PyTensor's mode of this name, with the two changes above."""
    found = get_mode(mode)
    if mode == "JAX":
        found = Mode(_InPlaceLinker(), found.provided_optimizer)
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
    """Copy a shared variable's value back from the device, as a NumPy array."""
    return np.array(variable.get_value(borrow=True))


def function(
    inputs: Sequence[Any],
    outputs: Any = None,
    updates: Sequence[tuple[Any, Any]] = (),
    mode: str = "JAX",
    on: str | None = None,
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
        The device for ``JAX``. Left out: :func:`device`. All shared variables move there, once.

    Returns
    -------
    Callable
        The compiled function. In ``JAX`` mode a call returns before the work is done: see
        :func:`wait`.

    Raises
    ------
    BackendError
        If the mode is unknown or the device is missing.
    """
    if mode not in MODES:
        raise BackendError(f"mode={mode!r}: expected one of {', '.join(MODES)}")
    compiled = pytensor.function(
        inputs, outputs, updates=list(updates), mode=_compiler(mode)
    )
    compiled.trust_input = True
    if mode == "JAX":
        place = jax_device(on)
        # A variable that no call updates would stay in NumPy's hands, and would
        # cross to the GPU anew at each call.
        for variable in compiled.get_shared():
            value = variable.get_value(borrow=True)
            variable.container.storage[0] = jax.device_put(value, place)
    return compiled


# -------------------------------------------------------------------------------------- timing


def wait(result: Any) -> Any:
    """Wait until ``result`` has really been computed, and return it."""
    return jax.block_until_ready(result)


class Timing(NamedTuple):
    """How long one call takes, in seconds, over ``repeats`` calls."""

    median: float
    fastest: float
    slowest: float
    repeats: int


def measure(call: Callable[[], Any], repeats: int = 20, warm_up: int = 3) -> Timing:
    """Time a function.

    Parameters
    ----------
    call : callable without arguments
    repeats : int
        Calls that count.
    warm_up : int
        Calls before them that do not: the first compiles, the next fill the caches.

    Returns
    -------
    Timing
        Median, fastest and slowest call, in seconds of wall-clock time.
    """
    for _ in range(warm_up):
        wait(call())
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        wait(call())
        seconds.append(time.perf_counter() - start)
    return Timing(float(np.median(seconds)), min(seconds), max(seconds), repeats)


# ---------------------------------------------------------------------------------- the memory


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


# --------------------------------------------------------------------------------- the machine


def processor() -> str:
    """The processor's name as the system gives it, such as ``"AMD EPYC 7B13"``."""
    with contextlib.suppress(OSError), open("/proc/cpuinfo", encoding="utf-8") as lines:
        for line in lines:
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def driver() -> str:
    """The version of NVIDIA's driver, such as ``"550.54.15"``; empty where it cannot be told."""
    ask = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    with contextlib.suppress(OSError):
        answer = subprocess.run(ask, capture_output=True, text=True)
        if answer.returncode == 0 and answer.stdout.strip():
            return answer.stdout.split()[0]
    return ""


def cores() -> int:
    """The number of processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def describe() -> dict[str, Any]:
    """Describe the machine and the versions, for a page's foot and a benchmark's head.

    Returns
    -------
    dict
        ``device`` (``"cpu"`` or ``"gpu"``), ``name`` (what it is called), ``driver`` (of a GPU,
        where it can be told), ``processor``, ``cores``, and ``versions``: a dict of package names
        to version strings.
    """
    where = device()
    versions = {"Python": platform.python_version()}
    for package in ("PyTensor", "JAX", "NumPy", "scikit-learn", "Matplotlib"):
        versions[package] = version(package)
    return {
        "device": where,
        "name": jax_device("gpu").device_kind if where == "gpu" else processor(),
        "driver": driver() if where == "gpu" else "",
        "processor": processor(),
        "cores": cores(),
        "versions": versions,
    }


_keep_memory()
if os.environ.get("UNROLLED_DEVICE", "").strip().lower() == "cpu":
    jax.config.update("jax_platforms", "cpu")  # do not even look for a GPU
# Graphs name the type of every number they hold, so JAX need not shorten any of them.
jax.config.update("jax_enable_x64", True)
use_precision("float32")
