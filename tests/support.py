"""What more than one file of tests needs."""

import os
import subprocess
from pathlib import Path

import numpy as np

REFERENCE = Path(__file__).parent / "reference"


def read_case(model, case):
    """One case of what Theano 1.0.5 computed, by name."""
    with np.load(REFERENCE / f"{model}.npz", allow_pickle=False) as file:
        return {
            name.removeprefix(f"{case}/"): file[name]
            for name in file
            if name.startswith(f"{case}/")
        }


def made_by(model):
    """The versions that a reference was computed with."""
    with np.load(REFERENCE / f"{model}.npz", allow_pickle=False) as file:
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
