"""Where the outputs of each page come from: what holds, and what is to be executed, and why."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import NamedTuple

import nbformat

from fingerprint import changes, fingerprint
from pages import EXECUTED, FROZEN, code_of, device_of, read_page
from provenance import Provenance
from unrolled.errors import UserError

# A process of its own asks about the machine: one that has asked JAX for the GPU keeps most of
# the GPU's memory, and the pages would find none.
ASK = """
import dataclasses, json, sys
from unrolled import budget, errors, machine
try:
    print(json.dumps({**dataclasses.asdict(machine.describe()), "budget": budget.name()}))
except errors.UserError as error:
    sys.exit(str(error))
"""
# Where there is an NVIDIA driver (the second: under WSL). Only then is it worth asking.
DRIVERS = ("/dev/nvidiactl", "/usr/lib/wsl/lib/libcuda.so.1")


@cache
def machine(device: str = "") -> dict:
    """Device, budget and versions with which pages would be executed now.

    Parameters
    ----------
    device : str
        Where a page asks for one: see :func:`pages.device_of`.

    Raises
    ------
    UserError
        If a device or budget was asked for that is not to be had.
    """
    wish = {"UNROLLED_DEVICE": device} if device else {}
    asked = subprocess.run(
        [sys.executable, "-c", ASK],
        capture_output=True,
        text=True,
        env={**os.environ, **wish},
    )
    if asked.returncode:
        raise UserError(asked.stderr.strip().rpartition("\n")[2])
    return json.loads(asked.stdout)


# ----------------------------------------------------------------------------------- notebooks


def read(folder: Path, page: str) -> nbformat.NotebookNode | None:
    """An executed page with its provenance; None where there is none, or none to be read."""
    unreadable = (ValueError, KeyError, TypeError, AttributeError)
    with contextlib.suppress(OSError, nbformat.ValidationError, *unreadable):
        notebook = nbformat.read(folder / f"{page}.ipynb", as_version=4)
        nbformat.validate(notebook)
        made = replace(Provenance.of(notebook), frozen=folder == FROZEN)
        if isinstance(made.fingerprint, dict):
            made.write_to(notebook)
            return notebook
    return None


# ---------------------------------------------------------------------------- what still holds


def why_stale(
    page: str, notebook: nbformat.NotebookNode, device: str, budget: str
) -> str:
    """What a page's outputs no longer agree with, in words; empty where they hold."""
    now = fingerprint(page, device, budget)
    if changed := changes(Provenance.of(notebook).fingerprint, now):
        return f"changed since: {changed}"
    if code_of(notebook) != code_of(read_page(page)):
        return "its cells are not those of the page"
    return ""


def why_missing(page: str) -> str:
    """Why there are no frozen outputs of a page."""
    there = (FROZEN / f"{page}.ipynb").exists()
    return "what is frozen cannot be read" if there else "nothing is frozen"


def why_not_frozen(page: str, notebook: nbformat.NotebookNode | None, wish: str) -> str:
    """Why frozen outputs are not to be shown; empty where they are.

    They hold on every machine, unless DEVICE= or BUDGET= asks for others, or there is a GPU here
    and they were made without one.
    """
    if notebook is None:
        return why_missing(page)
    made_on = Provenance.of(notebook).device
    own = device_of(page)
    device = own or os.environ.get("UNROLLED_DEVICE", "").strip().lower() or made_on
    budget = os.environ.get("UNROLLED_BUDGET", "").strip().lower() or device
    cpu = made_on == "cpu" and not own
    better = wish != "never" and cpu and any(map(os.path.exists, DRIVERS))
    if better and machine()["device"] == "gpu":
        return "there is a GPU here, and the outputs were frozen without one"
    return why_stale(page, notebook, device, budget)


def why_not_ours(page: str, notebook: nbformat.NotebookNode) -> str:
    """Why outputs are not those that this machine would make; empty where they are."""
    here = machine(device_of(page))
    return why_stale(page, notebook, here["device"], here["budget"])


def why_not_kept(page: str, notebook: nbformat.NotebookNode | None) -> str:
    """Why a page is to be frozen anew; empty where what is frozen stays."""
    if notebook is None:
        return why_missing(page)
    if Provenance.of(notebook).local:
        return "frozen with local changes that no commit holds"
    return why_not_ours(page, notebook)


def executed_here(page: str) -> nbformat.NotebookNode | None:
    """The page as it was executed on this machine, where that holds."""
    notebook = read(EXECUTED, page)
    return notebook if notebook and not why_not_ours(page, notebook) else None


# --------------------------------------------------------------------------------- what to do


class Step(NamedTuple):
    """A page and the outputs that it has; those of a page without any are to be made."""

    page: str
    outputs: nbformat.NotebookNode | None
    why: str

    @property
    def frozen(self) -> bool:
        """Whether the outputs are frozen ones."""
        return self.outputs is not None and Provenance.of(self.outputs).frozen


def step_to_show(page: str, wish: str) -> Step:
    """Find out what to do to show a page."""
    if wish == "always":
        return Step(page, None, "as EXECUTE=always says")
    frozen = read(FROZEN, page)
    stale = why_not_frozen(page, frozen, wish)
    if not stale:
        return Step(page, frozen, "frozen outputs hold")
    ours = executed_here(page) if wish != "never" else None
    return Step(page, ours, "executed here already" if ours else stale)


def step_to_freeze(page: str, wish: str) -> Step:
    """Find out what to do to freeze a page."""
    if wish == "always":
        return Step(page, None, "as EXECUTE=always says")
    frozen = read(FROZEN, page)
    stale = why_not_kept(page, frozen)
    if not stale:
        return Step(page, frozen, "frozen already")
    ours = executed_here(page)
    if ours and not Provenance.of(ours).local:
        return Step(page, ours, "executed here already")
    return Step(page, None, stale)
