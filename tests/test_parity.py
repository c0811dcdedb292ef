"""What `make parity` says of right and wrong numbers. The record stands in for Theano."""

import shutil
from pathlib import Path

import numpy as np
import pytest

import parity
from parity import MODELS, errors, too_large, train_network_by_hand
from support import REFERENCE, read_case, run

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("model", MODELS)
def test_record_agrees_with_itself(model):
    for case in parity.read_cases(model).values():
        assert set(errors(case, case).values()) == {0}


@pytest.mark.parametrize(
    ("name", "quantity"),
    [
        ("losses", "losses"),
        ("gradient/E", "gradients"),
        ("end/W2", "parameters after ten updates"),
        ("end/mean of squares/b", "parameters after ten updates"),
    ],
)
def test_one_wrong_array_is_told(name, quantity):
    recorded = read_case("gru", "two layers")
    for factor in (1 + 1e-5, np.nan):
        found = recorded | {name: recorded[name] * factor}
        assert list(too_large(errors(found, recorded))) == [quantity]
    for found in ({}, {name: recorded[name][1:]}):
        rest = {key: value for key, value in recorded.items() if key != name}
        assert too_large(errors(rest | found, recorded)) == {quantity: np.inf}


@pytest.fixture
def live(tmp_path, monkeypatch):
    """A folder as Theano leaves it, and a parity.py that computes the NumPy network alone."""
    shutil.copy(REFERENCE / "network.npz", tmp_path)
    network = parity.Model("3-layer network", train_network_by_hand)
    monkeypatch.setattr(parity, "MODELS", {"network": network})
    monkeypatch.setattr(parity, "TABLE", tmp_path / "parity.md")
    monkeypatch.setattr("sys.argv", ["parity.py", str(tmp_path)])
    return tmp_path


def test_numbers_that_agree(live, capsys, float64):
    parity.main()
    table = (live / "parity.md").read_text()
    assert table.startswith("Made on ")
    assert table.count("| 3-layer network |") == 6
    assert capsys.readouterr().out.startswith(table)


def test_a_gradient_that_differs_is_exit_status_1(live, float64):
    with np.load(live / "network.npz") as file:
        arrays = dict(file)
    arrays["moons/gradient/W1"] *= 1 + 1e-5
    np.savez(live / "network.npz", **arrays)
    # A message in place of a number is status 1.
    with pytest.raises(SystemExit, match="Error: not all of these are below 1e-06"):
        parity.main()
    wrong = "| 3-layer network | moons | gradients | – | 1.0e-05 | 1.0e-05 |"
    assert wrong in (live / "parity.md").read_text()


@pytest.mark.parametrize(
    ("missing", "said"),
    [("PYTHON38", "there is no Python 3.8"), ("PATH", "there is no C++ compiler")],
)
def test_make_parity_on_a_machine_without(missing, said, tmp_path):
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("make", "sh"):
        (tools / name).symlink_to(shutil.which(name))
    if missing != "PATH":
        (tools / "g++").symlink_to(shutil.which("true"))
    names = (f"THEANO_VENV={tmp_path / 'theano'}", "PYTHON38=nope")
    done = run("make", "parity", *names, cwd=ROOT, env={"PATH": str(tools)})
    assert done.returncode == 2
    line, last = done.stderr.splitlines()
    assert line.startswith(f"Error: {said}")
    assert last.startswith("make: ***")
