#!/usr/bin/env python3
"""Bring the outputs of the book's pages up to date, or freeze them.

Outputs have two homes. ``_build/executed`` holds the pages that were executed on this machine, and
``book/_frozen`` those that were frozen, on any machine, and are part of the repository. For each
page the one of the two that belongs to its code goes to the site. A page with neither is executed.
"""

from __future__ import annotations

import functools
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import nbformat

import kernel
from alone import take
from fingerprint import fingerprint
from pages import BUILD, EXECUTED, FROZEN, device_of, executed_pages, show
from plan import Step, machine, read, step_to_freeze, step_to_show, why_stale
from provenance import Provenance, commit, local_changes, private_words
from unrolled import command_line, files
from unrolled.errors import UserError
from unrolled.shakespeare import load


def write(notebook: nbformat.NotebookNode, folder: Path, page: str) -> Path:
    """Write an executed page; one that is there already is replaced in one go, or stays."""
    path = folder / f"{page}.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    with files.replacing(path) as file:
        file.write(f"{nbformat.writes(notebook)}\n".encode())
    return path


def remove_unfinished() -> None:
    """Remove what runs that were killed had begun to write."""
    for folder in (EXECUTED, FROZEN):
        for left in folder.rglob(f"*{files.UNFINISHED}"):
            left.unlink()


def tell(steps: list[Step]) -> None:
    """Say what would be done."""
    for step in steps:
        print(f"{step.page}: {'' if step.outputs else 'to be executed, '}{step.why}")
    print("EXECUTE=dry: nothing was executed.")


@functools.cache
def find_words() -> None:
    """Find the words of the plays; else the first page to need them would say that it does."""
    load()


def execute(page: str, number: str) -> nbformat.NotebookNode:
    """Execute a page on this machine and keep it.

    Raises
    ------
    kernel.PageError
        If a cell fails. What was kept before stays.
    """
    here = machine(device_of(page))
    mark = fingerprint(page, here["device"], here["budget"])
    if "unrolled.shakespeare.load" in mark:
        find_words()
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
        # Somebody may have edited them while the page was executed.
        refuse_local_changes()
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


def main() -> None:
    """Do what was asked; exit status 1 if a cell failed, 2 for a wrong request."""
    parser = command_line.Parser(description=__doc__.splitlines()[0])
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
    try:
        if options.execute != "dry":
            take(BUILD)
            remove_unfinished()
        (freeze if options.freeze else update)(chosen, options.execute)
    except kernel.PageError as error:
        print(f"\n{error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print(
            "\nStopped. Finished pages are kept; the next run goes on.", file=sys.stderr
        )
        sys.exit(130)


if __name__ == "__main__":
    command_line.run(main, name="Error")
