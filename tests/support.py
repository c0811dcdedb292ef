"""What more than one file of tests needs."""

import contextlib
import functools
import http.server
import os
import re
import subprocess
import sys
import threading
from collections import defaultdict
from pathlib import Path

import numpy as np

from pages import ROOT, executed_pages

REFERENCE = Path(__file__).parent / "reference"


def read_cases(model, folder=REFERENCE):
    """What Theano 1.0.5 computed for a model: its cases, each with arrays by name."""
    cases = defaultdict(dict)
    with np.load(folder / f"{model}.npz", allow_pickle=False) as file:
        for path in file:
            case, slash, name = path.partition("/")
            if slash:
                cases[case][name] = file[path]
    return dict(cases)


def read_case(model, case):
    """One case of what is recorded."""
    return read_cases(model)[case]


def part(case, what):
    """Copies of what a case holds under `start`, `gradient` or `end`, by name."""
    return {
        name.removeprefix(f"{what}/"): value.copy()
        for name, value in case.items()
        if name.startswith(f"{what}/")
    }


def made_by(model, folder=REFERENCE):
    """The versions that a reference was computed with."""
    with np.load(folder / f"{model}.npz", allow_pickle=False) as file:
        return str(file["made_by"])


def float64_in(compiled):
    """Every place in a compiled graph, inner graphs included, where float64 appears."""
    found = []

    def look(fgraph):
        for node in fgraph.toposort():
            for variable in (*node.inputs, *node.outputs):
                if getattr(variable.type, "dtype", None) == "float64":
                    found.append((node, variable))
            if getattr(node.op, "acc_dtype", None) == "float64":
                found.append((node, "accumulator"))
            for op in (node.op, getattr(node.op, "scalar_op", None)):
                if hasattr(op, "fgraph"):
                    look(op.fgraph)

    look(compiled.maker.fgraph)
    return found


def clean_environment(**more: str) -> dict[str, str]:
    """The environment without what a developer may have set."""
    kept = {
        k: v for k, v in os.environ.items() if not k.startswith(("UNROLLED", "PYTHON"))
    }
    return {**kept, "UNROLLED_BUDGET": "smoke", "MPLBACKEND": "agg", **more}


def run(*command: str | Path, **options) -> subprocess.CompletedProcess:
    return subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, **options
    )


def execute_pages(folder: Path) -> str:
    """Bring a book's outputs up to date: frozen ones where they hold, others under ``smoke``.

    Gives what was said. Raises ``AssertionError`` if a page fails.
    """
    smoke = clean_environment(UNROLLED_BUILD=str(folder))
    # Kernels bring their own display; MPLBACKEND would take it from them.
    del smoke["MPLBACKEND"]
    plain = {name: smoke[name] for name in smoke if name != "UNROLLED_BUDGET"}

    def execute(*arguments, env):
        done = run(sys.executable, ROOT / "tools/execute.py", *arguments, env=env)
        assert done.returncode == 0, done.stderr
        return done.stdout

    plan = execute("--execute", "dry", env=plain)
    holding = re.findall("^(.+): frozen outputs hold$", plan, re.M)
    stale = [page for page in executed_pages() if page not in holding]
    said = execute("--execute", "never", *holding, env=plain) if holding else ""
    return said + (execute(*stale, env=smoke) if stale else "")


# ------------------------------------------------------------------------------- the site

#: Pages of the site, as the browser asks for them without their ending.
PAGES = (
    "index", "preface", "notation", "glossary", "bibliography", "search", "genindex", "404",
    *(path.stem for path in sorted((ROOT / "book").glob("*-*.md"))),
    *(f"appendix/{path.stem}" for path in sorted((ROOT / "book/appendix").glob("*.md"))),
)  # fmt: skip
CHAPTERS = [page for page in PAGES if "-" in page and "/" not in page]


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *message):
        pass


@contextlib.contextmanager
def serve(folder):
    """A server of files; gives its address."""
    handler = functools.partial(Quiet, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
