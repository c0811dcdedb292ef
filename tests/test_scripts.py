"""The chapter scripts, run as a reader runs them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

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
    "introduction_to_rnns.py": ["--steps", "30", "--hidden", "4", "--difficulties", "1"],
    "rnn_language_model.py": [
        "--sentences", "300", "--vocabulary", "100", "--hidden", "8", "--epochs", "1",
        "--repeats", "1",
    ],
    "backpropagation_through_time.py": [
        "--steps", "5", "--hidden", "4", "--distances", "2", "--cells", "rnn",
    ],
    "gru_and_lstm.py": [
        "--sentences", "300", "--vocabulary", "100", "--epochs", "1", "--layers", "1",
        "--dropout", "0.1", "--cells", "gru",
    ],
}  # fmt: skip


def run(script: str, *options: str, **variables: str) -> subprocess.CompletedProcess:
    environment = {**os.environ, "UNROLLED_DEVICE": "cpu", **variables}
    command = [sys.executable, "-W", "error", str(CODE / script), *options]
    return subprocess.run(command, capture_output=True, text=True, env=environment)


@pytest.mark.parametrize("script", SCRIPTS)
def test_help_names_every_option_with_its_default(script):
    done = run(script, "--help")
    assert done.returncode == 0
    for option in (*SCRIPTS[script][::2], "--hidden", "--seed", "--output"):
        assert option in done.stdout
    assert "(default: 0)" in done.stdout


@pytest.mark.parametrize("script", SCRIPTS)
def test_it_trains_reports_and_writes_figures(script, tmp_path):
    folder = tmp_path / "deep" / "folder"
    done = run(script, *SCRIPTS[script], "--output", str(folder))
    assert done.returncode == 0, done.stderr
    assert "loss" in done.stdout
    pictures = sorted(folder.glob("*.png"))
    assert len(pictures) == 2
    for picture in pictures:
        assert picture.read_bytes().startswith(b"\x89PNG")
        assert str(picture) in done.stdout


def test_the_classic_recipe_is_the_default(tmp_path):
    done = run("network_from_scratch.py", "--passes", "1001", "--output", str(tmp_path))
    assert "loss after 1 pass: 0.432387" in done.stdout
    assert "loss after 1,001 passes: 0.068947" in done.stdout


@pytest.mark.parametrize(
    ("script", "options", "says"),
    [
        ("network_from_scratch.py", ["--passes", "0"], "from 1 up"),
        ("network_from_scratch.py", ["--seed", "-1"], "from 0 up"),
        ("network_from_scratch.py", ["--noise", "nan"], "from 0 up"),
        ("network_from_scratch.py", ["--points", "many"], "'many'"),
        ("network_from_scratch.py", ["--rate", "1e9"], "choose a smaller --rate"),
        ("theano_and_the_gpu.py", ["--mode", "C"], "--mode"),
        ("introduction_to_rnns.py", ["--task", "sleep"], "--task"),
        ("introduction_to_rnns.py", ["--difficulties", "30"], "--difficulties"),
        ("rnn_language_model.py", ["--vocabulary", "4"], "from 5 up"),
        ("gru_and_lstm.py", ["--cells", "brain"], "--cells"),
        ("gru_and_lstm.py", ["--dropout", "1"], "--dropout: '1'"),
        ("gru_and_lstm.py", ["--optimizer", "luck"], "--optimizer"),
        ("backpropagation_through_time.py", ["--cells", "brain"], "--cells"),
        ("backpropagation_through_time.py", ["--distances", "0"], "from 1 up"),
        ("backpropagation_through_time.py", ["--radius", "0"], "above 0"),
        ("theano_and_the_gpu.py", ["--rate", "1e38", "--points", "50"], "--rate"),
    ],
)
def test_a_mistake_is_one_line_and_status_2(script, options, says, tmp_path):
    done = run(script, "--output", str(tmp_path / "figures"), *options)
    assert done.returncode == 2
    assert says in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_a_file_in_the_way_is_found_before_the_work(tmp_path):
    (tmp_path / "figures").write_text("mine")
    done = run("network_from_scratch.py", "--output", str(tmp_path / "figures"))
    assert done.returncode == 2
    assert "figures" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert (tmp_path / "figures").read_text() == "mine"


def test_a_wrong_device_is_named(tmp_path):
    done = run(
        "theano_and_the_gpu.py", "--output", str(tmp_path), UNROLLED_DEVICE="quantum"
    )
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].endswith(
        "UNROLLED_DEVICE=quantum: expected one of cpu, gpu"
    )
