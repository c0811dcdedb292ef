#!/usr/bin/env python3
"""Bring the outputs of the book's pages up to date, or freeze them.

Outputs have two homes. ``_build/executed`` holds the pages that were executed on this machine, and
``book/_frozen`` those that were frozen, on any machine, and are part of the repository. For each
page the one of the two that belongs to its code goes to the site. A page with neither is executed.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import NamedTuple

import nbformat

import kernel
from fingerprint import changes, fingerprint
from origin import Provenance, commit, local_changes, private_words
from pages import BUILD, EXECUTED, FROZEN, code_of, executed_pages, read_page, show
from unrolled.command_line import Parser
from unrolled.errors import UserError
from unrolled.shakespeare import load

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
def machine() -> dict:
    """Device, budget and versions with which pages would be executed now.

    Raises
    ------
    UserError
        If a device or budget was asked for that is not to be had.
    """
    asked = subprocess.run([sys.executable, "-c", ASK], capture_output=True, text=True)
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


def write(notebook: nbformat.NotebookNode, folder: Path, page: str) -> Path:
    """Write an executed page; one that is there already is replaced in one go, or stays."""
    path = folder / f"{page}.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".part")
    nbformat.write(notebook, unfinished)
    return unfinished.replace(path)


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
    device = os.environ.get("UNROLLED_DEVICE", "").strip().lower() or made_on
    budget = os.environ.get("UNROLLED_BUDGET", "").strip().lower() or device
    better = wish != "never" and made_on == "cpu" and any(map(os.path.exists, DRIVERS))
    if better and machine()["device"] == "gpu":
        return "there is a GPU here, and the outputs were frozen without one"
    return why_stale(page, notebook, device, budget)


def why_not_ours(page: str, notebook: nbformat.NotebookNode) -> str:
    """Why outputs are not those that this machine would make; empty where they are."""
    here = machine()
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


def tell(steps: list[Step]) -> None:
    """Say what would be done."""
    for step in steps:
        print(f"{step.page}: {'' if step.outputs else 'to be executed, '}{step.why}")
    print("EXECUTE=dry: nothing was executed.")


def execute(page: str, number: str) -> nbformat.NotebookNode:
    """Execute a page on this machine and keep it.

    Raises
    ------
    kernel.PageError
        If a cell fails. What was kept before stays.
    """
    load()  # finds the words of the plays, once; else the first page to need them says that it does
    here = machine()
    mark = fingerprint(page, here["device"], here["budget"])
    made = {"date": datetime.now(UTC).date().isoformat(), "commit": commit()}
    start = time.perf_counter()
    notebook = kernel.run(page, number)
    seconds = round(time.perf_counter() - start, 1)
    print(f"{number} {page}: {seconds:.0f} s", flush=True)
    Provenance(fingerprint=mark, **here, **made, seconds=seconds).write_to(notebook)
    write(notebook, EXECUTED, page)
    return notebook


def show_executed(page: str, notebook: nbformat.NotebookNode) -> None:
    """Show outputs made here, and say at the page's foot what makes frozen ones out of date."""
    stale = ""
    if frozen := read(FROZEN, page):
        then = Provenance.of(frozen)
        stale = why_stale(page, frozen, then.device, then.budget)
    show(page, notebook, replace(Provenance.of(notebook), stale=stale))


def update(pages: list[str], wish: str) -> None:
    """Give each page's outputs to the site, and execute pages without any.

    Raises
    ------
    UserError
        If nothing may be executed, and the frozen outputs of a page do not hold.
    kernel.PageError
        If a cell fails.
    """
    steps = [step_to_show(page, wish) for page in pages]
    todo = [step for step in steps if step.outputs is None]
    if wish == "never" and todo:
        said = "; ".join(f"{step.page} ({step.why})" for step in todo)
        raise UserError(
            f"EXECUTE=never, but frozen outputs do not hold: {said}. Run: make freeze"
        )
    if held := sum(step.frozen for step in steps):
        print(f"Frozen outputs hold for {held} of {len(pages)} pages.")
    if wish == "dry":
        tell(steps)
        return
    for step in steps:
        if step.frozen:
            show(step.page, step.outputs, Provenance.of(step.outputs))
        elif step.outputs:
            show_executed(step.page, step.outputs)
    if not todo:
        print("Outputs are up to date.")
        return
    here = machine()
    print(
        f"Executing {len(todo)} of {len(pages)} pages on the {here['device']} "
        f"(budget: {here['budget']})."
    )
    for i, step in enumerate(todo, 1):
        number = f"[{i}/{len(todo)}]"
        print(f"{number} {step.page}: executed, {step.why}", flush=True)
        show_executed(step.page, execute(step.page, number))


def freeze(pages: list[str], wish: str) -> None:
    """Freeze pages as this machine makes them, and leave alone those that it has frozen already.

    Raises
    ------
    UserError
        If files differ from the last commit, or outputs would tell whose machine made them.
    kernel.PageError
        If a cell fails.
    """
    if wish == "dry":
        tell([step_to_freeze(page, wish) for page in pages])
        return
    refuse_local_changes()
    steps = [step_to_freeze(page, wish) for page in pages]
    for step in steps:
        if step.frozen:
            print(f"{step.page}: {step.why}")
    todo = [step for step in steps if not step.frozen]
    for i, (page, outputs, _) in enumerate(todo, 1):
        notebook = outputs or execute(page, f"[{i}/{len(todo)}]")
        refuse_local_changes()  # made while the page was executed
        if words := private_words(notebook):
            raise UserError(
                f"{page} is not frozen: its outputs name this machine ({', '.join(words)})"
            )
        replace(Provenance.of(notebook), frozen=True).write_to(notebook)
        size = write(notebook, FROZEN, page).stat().st_size
        print(f"book/_frozen/{page}.ipynb: {size / 1e6:.2f} MB", flush=True)


def refuse_local_changes() -> None:
    """Stop where outputs would be frozen that no commit can make again.

    Raises
    ------
    UserError
        If files differ from the last commit.
    """
    if changed := local_changes():
        more = f" and {len(changed) - 1} more" if len(changed) > 1 else ""
        raise UserError(
            f"not frozen: {changed[0]}{more} is not as in the last commit, and nobody could make "
            "the outputs again. Commit first"
        )


def main() -> int:
    """Do what was asked; 0 if it is done, 1 if a cell failed, 2 for a wrong request."""
    parser = Parser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "pages", nargs="*", help="such as network-from-scratch (default: all)"
    )
    parser.add_argument(
        "--freeze", action="store_true", help="write book/_frozen, for the repository"
    )
    parser.add_argument(
        "--execute",
        metavar="auto|always|never|dry",
        choices=("auto", "always", "never", "dry"),
        default="auto",
        help="execute pages without outputs that hold, all pages, or none; dry: say which",
    )
    options = parser.parse_args()
    pages = executed_pages()
    if unknown := set(options.pages) - set(pages):
        parser.error(f"no page {sorted(unknown)[0]!r}: there are {', '.join(pages)}")
    if options.freeze and options.execute == "never":
        parser.error("nothing can be frozen with EXECUTE=never")
    chosen = [page for page in pages if page in (options.pages or pages)]
    BUILD.mkdir(parents=True, exist_ok=True)
    try:
        (freeze if options.freeze else update)(chosen, options.execute)
    except UserError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2
    except kernel.PageError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(
            "\nStopped. Finished pages are kept; the next run goes on.", file=sys.stderr
        )
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
