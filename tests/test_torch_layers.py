"""Ours beside PyTorch's own layers, with the weights copied over.

PyTorch is no part of the book's environment. UNROLLED_TORCH names an interpreter that has it:

    python3.11 -m venv .venv-torch && .venv-torch/bin/pip install torch numpy
    UNROLLED_TORCH=.venv-torch/bin/python make test
"""

import os
import subprocess
from pathlib import Path

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest

from unrolled import compute
from unrolled.cells import CELLS
from unrolled.gradient_check import relative_error
from unrolled.layers import Settings, layer_names, unroll

TORCH = os.environ.get("UNROLLED_TORCH")
pytestmark = pytest.mark.skipif(
    not TORCH, reason="UNROLLED_TORCH names no interpreter that has PyTorch"
)
T, B, D, H, LAYERS = 9, 4, 6, 5, 2
#: Our cell, PyTorch's layer, and where in ours each block of PyTorch's stands.
LAYER_OF = {
    "rnn": ("RNN", [0]),
    "gru-reset-after": ("GRU", [1, 0, 2]),  # theirs: r, z, h
    "lstm": ("LSTM", [0, 1, 3, 2]),  # theirs: i, f, g, o
}
TOLERANCES = {"float32": 1e-5, "float64": 1e-10}


def parameters_of(cell):
    """Weights and biases of both layers, by our names, in float64."""
    random, made = np.random.RandomState(7), {}
    columns = CELLS[cell].gates * H
    for layer in range(1, LAYERS + 1):
        U, W, b = layer_names(layer)
        made[U] = random.randn(D if layer == 1 else H, columns) / 2
        made[W] = random.randn(H, columns) / 2
        made[b] = random.randn(len(CELLS[cell].biases) * H) / 2
    return made


def arrays_of(cell):
    """What goes in, the states before, and how much each output counts."""
    random = np.random.RandomState(8)
    arrays = {"inputs": random.randn(T, B, D), "count": random.randn(T, B, H)}
    for i in range(CELLS[cell].states):
        arrays[f"start{i}"] = random.randn(LAYERS, B, H) / 2
    return arrays


def as_theirs(cell, ours):
    """Our parameters, or their slopes, by PyTorch's names and in its order: transposed."""
    order, gates = LAYER_OF[cell][1], CELLS[cell].gates
    made = {}
    for k in range(LAYERS):
        U, W, b = (ours[name] for name in layer_names(k + 1))
        for name, M in ((f"weight_ih_l{k}", U), (f"weight_hh_l{k}", W)):
            blocks = np.split(M, gates, axis=1)
            made[name] = np.concatenate([blocks[i].T for i in order])
        blocks = np.split(b, len(CELLS[cell].biases))
        made[f"bias_ih_l{k}"] = np.concatenate([blocks[i] for i in order])
        # Of PyTorch's second bias only the part inside the reset gate has one of ours.
        second = np.zeros_like(made[f"bias_ih_l{k}"])
        if len(blocks) > gates:
            second[-H:] = blocks[gates]
        made[f"bias_hh_l{k}"] = second
    return made


@pytest.fixture(scope="module")
def theirs(tmp_path_factory):
    """What PyTorch computes: by cell and precision, and then by name."""
    folder, problem = tmp_path_factory.mktemp("torch"), {}
    for cell, (layer, _) in LAYER_OF.items():
        arrays = {**arrays_of(cell), **as_theirs(cell, parameters_of(cell))}
        for dtype in TOLERANCES:
            case = f"{cell} {dtype}"
            problem[f"{case}/layer"] = np.array(layer)
            for name, value in arrays.items():
                problem[f"{case}/{name}"] = value.astype(dtype)
    np.savez(folder / "cases.npz", **problem)
    script = Path(__file__).with_name("torch_layers.py")
    subprocess.run(
        [TORCH, script, folder / "cases.npz", folder / "results.npz"], check=True
    )
    with np.load(folder / "results.npz", allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def ours(cell):
    """The same with our graphs, by the names that PyTorch's results have, in floatX."""
    values = {**parameters_of(cell), **arrays_of(cell)}
    floats = {k: v.astype(pytensor.config.floatX) for k, v in values.items()}
    graph = {k: pt.tensor(k, shape=value.shape) for k, value in floats.items()}
    count = CELLS[cell].states
    start = [graph[f"start{i}"][k] for k in range(LAYERS) for i in range(count)]
    settings = Settings(2, H, D, cell, LAYERS)
    s, end = unroll(settings, graph, graph["inputs"], start, pt.ones((T, B)))
    # No slope is asked for the count.
    asked = [name for name in graph if name != "count"]
    number = (s * graph["count"]).sum()
    slopes = pytensor.grad(number, [graph[name] for name in asked])
    run = compute.function(list(graph.values()), [s, *end, *slopes])
    s, *rest = map(np.asarray, run(*floats.values()))
    end, slopes = rest[: LAYERS * count], dict(zip(asked, rest[LAYERS * count :]))
    found = {"outputs": s, "slope/inputs": slopes["inputs"]}
    for i in range(count):
        found[f"end{i}"] = np.stack(end[i::count])
        found[f"slope/start{i}"] = slopes[f"start{i}"]
    own = as_theirs(cell, slopes)
    return found | {f"slope/{name}": value for name, value in own.items()}


@pytest.mark.parametrize(
    ("cell", "dtype"),
    # Each takes seconds to compile.
    [*((cell, "float64") for cell in LAYER_OF), ("gru-reset-after", "float32")],
)
def test_outputs_and_slopes_are_those_of_pytorch(cell, dtype, theirs, optimized):
    try:
        compute.use_precision(dtype)
        found = ours(cell)
    finally:
        compute.use_precision("float32")
    case = f"{cell} {dtype}/"
    names = {n.removeprefix(case) for n in theirs if n.startswith(case)}
    assert names == found.keys()
    for name, value in found.items():
        expected = theirs[case + name]
        assert value.dtype == expected.dtype == dtype
        if name.startswith("slope/bias_hh"):
            # Of their second bias we have the part inside the reset gate only.
            inside = H * (len(CELLS[cell].biases) - CELLS[cell].gates)
            value, expected = value[-inside:], expected[-inside:]
            if not inside:
                continue
        assert relative_error(value, expected) < TOLERANCES[dtype], name
