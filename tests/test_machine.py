import json
import os
import platform
import subprocess
import sys
from dataclasses import FrozenInstanceError, asdict
from pathlib import Path

import jax
import pytest

from unrolled import machine
from unrolled.errors import UserError

no_gpu = pytest.mark.skipif(jax.default_backend() != "cpu", reason="there is a GPU")


@pytest.fixture(autouse=True)
def unset(monkeypatch):
    monkeypatch.delenv("UNROLLED_DEVICE", raising=False)


def test_bad_word_in_the_environment(monkeypatch):
    monkeypatch.setenv("UNROLLED_DEVICE", "abacus")
    with pytest.raises(UserError) as error:
        machine.device()
    assert str(error.value) == "UNROLLED_DEVICE=abacus: expected one of cpu, gpu"


@no_gpu
def test_gpu_that_is_not_there(monkeypatch):
    monkeypatch.setenv("UNROLLED_DEVICE", "gpu")
    for ask in (machine.device, machine.describe):
        with pytest.raises(UserError, match=r"requirements-gpu\.txt") as error:
            ask()
        assert "\n" not in str(error.value)


@no_gpu
def test_device_is_the_cpu_where_there_is_nothing_else(monkeypatch):
    assert machine.device() == "cpu"
    monkeypatch.setenv("UNROLLED_DEVICE", "")
    assert machine.device() == "cpu"


@pytest.mark.parametrize("word", ["cpu", "CPU", " cpu "])
def test_cpu_can_be_asked_for_anywhere(word, monkeypatch):
    monkeypatch.setenv("UNROLLED_DEVICE", word)
    assert machine.device() == "cpu"
    assert machine.jax_device().platform == "cpu"


def test_cpu_asked_for_at_the_start_keeps_jax_away_from_the_gpu():
    code = "import unrolled.machine, jax; print(jax.default_backend())"
    environment = os.environ | {
        "UNROLLED_DEVICE": "cpu",
        "PYTHONPATH": str(Path(machine.__file__).parents[1]),
    }
    asked = subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert asked.stdout.strip() == "cpu"


def test_description_says_what_computed():
    described = machine.describe()
    assert described.device == machine.device()
    assert described.name
    assert described.processor == machine.processor() != ""
    assert 1 <= described.cores <= os.cpu_count()
    assert described.versions["Python"] == platform.python_version()
    assert described.versions["JAX"] == jax.__version__
    assert set(described.versions) == {
        "Python", "PyTensor", "JAX", "NumPy", "scikit-learn", "Matplotlib",
    }  # fmt: skip


def test_description_of_a_processor_has_no_driver(monkeypatch):
    monkeypatch.setenv("UNROLLED_DEVICE", "cpu")
    described = machine.describe()
    assert (described.name, described.driver) == (machine.processor(), "")


def test_description_can_be_kept_as_json_and_does_not_change():
    described = machine.describe()
    kept = json.loads(json.dumps(asdict(described)))
    assert machine.Machine(**kept) == described == machine.describe()
    with pytest.raises(FrozenInstanceError):
        described.name = "abacus"


def test_description_names_no_host_and_no_path():
    text = json.dumps(asdict(machine.describe()))
    assert platform.node() not in text
    for path in (Path.home(), Path.cwd(), sys.prefix, sys.executable):
        assert str(path) not in text
