"""The chapter scripts, run as a reader runs them."""

import os
import runpy
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import matplotlib
import numpy as np
import pytest

from unrolled import machine, shakespeare

CODE = Path(__file__).parents[1] / "code"
SCRIPTS = {
    "network_from_scratch.py": [
        "--passes",
        "60",
        "--hidden",
        "4",
        "--points",
        "40",
    ],
    "theano_and_the_gpu.py": ["--passes", "5", "--hidden", "4", "--points", "40"],
    "introduction_to_rnns.py": [
        "--steps", "30", "--hidden", "4", "--difficulties", "1", "--seeds", "2",
    ],
    "rnn_language_model.py": [
        "--vocabulary", "100", "--hidden", "8", "--embedding", "8", "--epochs", "1",
        "--repeats", "1",
    ],
    "backpropagation_through_time.py": [
        "--steps", "5", "--hidden", "4", "--distances", "2", "--cells", "rnn",
        "--seeds", "2",
    ],
    "gru_and_lstm.py": [
        "--vocabulary", "100", "--epochs", "1", "--layers", "1",
        "--dropout", "0.1", "--cells", "gru",
    ],
    "many_devices.py": [
        "--devices", "2", "--steps", "3", "--largest", "4000", "--vocabulary", "100",
        "--batch", "4", "--window", "5",
    ],
}  # fmt: skip


def start(script: str, *options: str, **variables: str) -> subprocess.CompletedProcess:
    """Run a script in a process of its own."""
    here = {"UNROLLED_DEVICE": "cpu", "UNROLLED_BUDGET": "smoke"}
    environment = {**os.environ, **here, **variables}
    command = [sys.executable, "-W", "error", str(CODE / script), *options]
    return subprocess.run(command, capture_output=True, text=True, env=environment)


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    """Run a script in this process, which has what it imports already."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("UNROLLED_DEVICE", "cpu")
    monkeypatch.setenv("UNROLLED_BUDGET", "smoke")

    def run(script, *options):
        monkeypatch.setattr(sys, "argv", [str(CODE / script), *options])
        status = 0
        with matplotlib.rc_context(), np.errstate():
            try:
                runpy.run_path(str(CODE / script), run_name="__main__")
            except SystemExit as end:
                status = end.code or 0
        out, err = capsys.readouterr()
        return SimpleNamespace(status=status, out=out, err=err)

    return run


def test_all_scripts_are_run_here():
    assert {path.name for path in CODE.glob("*.py")} == SCRIPTS.keys()


@pytest.mark.parametrize("folder", ["code", "tools", "benchmarks", "tests"])
def test_whatever_can_be_run_tells_mistakes_in_a_line(folder):
    """And takes a reader who has seen enough, as ``head``, for none."""
    # PyTorch's Python and the one that makes an environment know nothing of ours.
    elsewhere = ["torch_layers.py", "alone.py"]
    for path in (CODE.parent / folder).glob("*.py"):
        _, main, run = path.read_text(encoding="utf-8").partition("\nif __name__ ==")
        if main and path.name not in elsewhere:
            assert "\n    command_line.run(main" in run, path


@pytest.mark.parametrize("script", SCRIPTS)
def test_help_names_every_option_with_its_default(run, script, tmp_path):
    done = run(script, "--help")
    assert done.status == 0
    for option in (*SCRIPTS[script][::2], "--hidden", "--learning-rate", "--seed"):
        assert f"\n  {option} " in done.out
    assert "\n  --output PATH" in done.out
    assert "(default: 0)" in done.out
    figures = f"figures/{script.removesuffix('.py').replace('_', '-')}"
    # It may be broken into two lines.
    assert f"(default:{figures})" in "".join(done.out.split())
    assert "None" not in done.out
    # To ask for help makes no folder.
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def trials(tmp_path_factory):
    """What each script printed and drew, run by a reader: its process and its folder."""
    folders = {script: tmp_path_factory.mktemp("deep") / "folder" for script in SCRIPTS}
    # Else two of them would look for its words at the same time.
    shakespeare.load()
    with ThreadPoolExecutor(machine.cores()) as pool:
        started = {
            script: pool.submit(start, script, *options, "--output", str(folder))
            for (script, options), folder in zip(SCRIPTS.items(), folders.values())
        }
    return {script: (run.result(), folders[script]) for script, run in started.items()}


@pytest.mark.parametrize("script", SCRIPTS)
def test_it_trains_reports_and_writes_figures(script, trials):
    done, folder = trials[script]
    assert done.returncode == 0, done.stderr
    assert "loss" in done.stdout
    pictures = sorted(folder.glob("*.png"))
    assert len(pictures) == 2
    for picture in pictures:
        assert picture.read_bytes().startswith(b"\x89PNG")
        assert str(picture) in done.stdout


def test_a_second_run_goes_on(trials, run):
    _, folder = trials["rnn_language_model.py"]
    again = [*SCRIPTS["rnn_language_model.py"], "--output", str(folder)]
    done = run("rnn_language_model.py", *again)
    assert done.status == 0, done.err
    assert f"{folder}: 1 epochs are done: going on" in done.out
    files = {file: file.read_bytes() for file in folder.iterdir()}
    done = run("rnn_language_model.py", *again, "--hidden", "9")
    assert done.status == 2
    assert "--hidden 9: the training that goes on has 8" in done.err
    assert {file: file.read_bytes() for file in folder.iterdir()} == files


def test_the_classic_recipe_is_the_default(run):
    done = run("network_from_scratch.py", "--passes", "1001")
    assert done.status == 0, done.err
    assert "loss after 1 pass: 0.432387" in done.out
    assert "loss after 1,001 passes: 0.068947" in done.out


@pytest.mark.parametrize(
    ("script", "options", "says"),
    [
        (
            "network_from_scratch.py",
            ["--passes", "0"],
            "--passes: '0': expected a whole",
        ),
        ("network_from_scratch.py", ["--passes", "0"], "from 1 to"),
        ("network_from_scratch.py", ["--seed", "-1"], "from 0 to"),
        ("network_from_scratch.py", ["--noise", "nan"], "from 0 up"),
        ("network_from_scratch.py", ["--points", "many"], "'many'"),
        ("network_from_scratch.py", ["--regularization", "-1"], "--regularization"),
        (
            "network_from_scratch.py",
            ["--learning-rate", "1e9"],
            "--learning-rate 1000000000.0: the loss is ",
        ),
        ("network_from_scratch.py", ["--rate", "2"], "--rate"),
        ("theano_and_the_gpu.py", ["--mode", "C"], "--mode"),
        (
            "theano_and_the_gpu.py",
            ["--learning-rate", "1e38", "--points", "50", "--hidden", "50"],
            "--learning-rate 1e+38: the loss is ",
        ),
        ("introduction_to_rnns.py", ["--task", "sleep"], "--task"),
        (
            "introduction_to_rnns.py",
            ["--difficulties", "30"],
            "--difficulties 30: an echo",
        ),
        ("rnn_language_model.py", ["--vocabulary", "4"], "--vocabulary 4: expected a "),
        ("rnn_language_model.py", ["--vocabulary", "4"], "from 5 up"),
        (
            "rnn_language_model.py",
            ["--tied", "--hidden", "8"],
            "--embedding 16, --hidden 8",
        ),
        ("gru_and_lstm.py", ["--cells", "brain"], "--cells"),
        ("gru_and_lstm.py", ["--dropout", "1"], "--dropout: '1'"),
        ("gru_and_lstm.py", ["--optimizer", "luck"], "--optimizer"),
        ("many_devices.py", ["--devices", "0"], "--devices: '0'"),
        ("backpropagation_through_time.py", ["--cells", "brain"], "--cells"),
        ("backpropagation_through_time.py", ["--distances", "0"], "from 1 to"),
        ("backpropagation_through_time.py", ["--radius", "0"], "--radius 0: no error"),
        ("backpropagation_through_time.py", ["--radius", "0"], "above 0"),
    ],
)
def test_a_mistake_is_one_line_and_status_2(run, script, options, says):
    done = run(script, "--output", "figures", *options)
    assert done.status == 2
    assert says in done.err.splitlines()[-1]
    assert done.err.splitlines()[-1].startswith(f"{script}: ")
    assert "Traceback" not in done.err


def test_a_file_in_the_way_is_found_before_the_work(run, tmp_path):
    (tmp_path / "figures").write_text("mine")
    done = run("network_from_scratch.py", "--output", str(tmp_path / "figures"))
    assert done.status == 2
    assert "figures" in done.err.splitlines()[-1]
    assert "Traceback" not in done.err
    assert (tmp_path / "figures").read_text() == "mine"


@pytest.mark.parametrize("script", list(SCRIPTS)[2:])
def test_without_options_the_budget_counts(run, script, monkeypatch):
    """The first two take seconds on any machine."""
    told = {run(script, "--help").out}
    monkeypatch.setenv("UNROLLED_BUDGET", "cpu")
    told.add(run(script, "--help").out)
    assert len(told) == 2
    monkeypatch.setenv("UNROLLED_BUDGET", "tiny")
    done = run(script)
    assert done.status == 2
    said = "UNROLLED_BUDGET=tiny: expected one of smoke, cpu, gpu"
    assert done.err == f"{script}: {said}\n"


def test_a_wrong_device_is_named(tmp_path):
    done = start(
        "theano_and_the_gpu.py", "--output", str(tmp_path), UNROLLED_DEVICE="quantum"
    )
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].endswith(
        "UNROLLED_DEVICE=quantum: expected one of cpu, gpu"
    )
