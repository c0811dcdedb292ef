"""Which device computes, and what machine this is.

The environment variable ``UNROLLED_DEVICE`` chooses the device: ``cpu`` or ``gpu``. Unset, it is
the GPU if JAX sees one, else the CPU.
"""

from __future__ import annotations

import contextlib
import os
import platform
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version

import jax

from unrolled.errors import UserError

DEVICES = ("cpu", "gpu")


def wish(variable: str, allowed: Sequence[str]) -> str | None:
    """The value of an environment variable, or None where it is unset or empty.

    Raises
    ------
    UserError
        If it is none of the allowed words.
    """
    value = os.environ.get(variable, "").strip().lower()
    if value and value not in allowed:
        raise UserError(f"{variable}={value}: expected one of {', '.join(allowed)}")
    return value or None


def device() -> str:
    """Name the device that computes.

    Returns
    -------
    str
        ``"gpu"`` or ``"cpu"``.

    Raises
    ------
    UserError
        If ``UNROLLED_DEVICE=gpu`` and JAX sees no GPU, or the variable holds another word.
    """
    wanted = wish("UNROLLED_DEVICE", DEVICES)
    if wanted == "cpu":
        return "cpu"
    found = "gpu" if _backend() in ("gpu", "cuda", "rocm") else "cpu"
    if wanted == "gpu" and found == "cpu":
        raise _no_gpu("UNROLLED_DEVICE=gpu")
    return found


def _backend() -> str:
    """What JAX computes on, which its own ``JAX_PLATFORMS`` may prescribe.

    Raises
    ------
    UserError
        If there is none such.
    """
    try:
        return jax.default_backend()
    except (RuntimeError, AssertionError) as error:
        asked = os.environ.get("JAX_PLATFORMS", "")
        raise UserError(
            f"JAX_PLATFORMS={asked}: JAX finds no such device: unset it, or install what it needs"
        ) from error


def _no_gpu(wanted: str) -> UserError:
    return UserError(
        f"{wanted}, but JAX sees no GPU: install the CUDA build of JAX "
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
    UserError
        If there is no such device.
    """
    _backend()
    try:
        return jax.devices(name or device())[0]
    except RuntimeError as error:
        raise _no_gpu(f"device {name!r}") from error


def devices() -> list[str]:
    """All devices that take part: the CPU, and the GPU where it is the one that computes."""
    return ["cpu", "gpu"] if device() == "gpu" else ["cpu"]


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


@dataclass(frozen=True)
class Machine:
    """The machine and the versions, for a page's foot and a benchmark's head."""

    device: str
    """``"cpu"`` or ``"gpu"``."""
    name: str
    """What the device is called."""
    driver: str
    """Of a GPU, where it can be told; else empty."""
    processor: str
    cores: int
    versions: dict[str, str]
    """By the package's name."""


def describe() -> Machine:
    """Describe the machine at hand.

    Raises
    ------
    UserError
        As for :func:`device`.
    """
    where = device()
    versions = {"Python": platform.python_version()}
    for package in ("PyTensor", "JAX", "NumPy", "scikit-learn", "Matplotlib"):
        versions[package] = version(package)
    return Machine(
        device=where,
        name=jax_device("gpu").device_kind if where == "gpu" else processor(),
        driver=driver() if where == "gpu" else "",
        processor=processor(),
        cores=cores(),
        versions=versions,
    )


if os.environ.get("UNROLLED_DEVICE", "").strip().lower() == "cpu":
    # Do not even look for a GPU.
    jax.config.update("jax_platforms", "cpu")
