import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path

import jax
import numpy as np
import pytensor.tensor as pt
import pytest

from unrolled import backend, budget, compute, machine, timing
from unrolled.errors import UserError

no_gpu = pytest.mark.skipif(jax.default_backend() != "cpu", reason="there is a GPU")


@pytest.fixture(autouse=True)
def unset(monkeypatch):
    monkeypatch.delenv("UNROLLED_DEVICE", raising=False)
    monkeypatch.delenv("UNROLLED_BUDGET", raising=False)


# ------------------------------------------------------------------------- device and budget


@pytest.mark.parametrize(
    ("variable", "ask", "allowed"),
    [
        ("UNROLLED_DEVICE", machine.device, "cpu, gpu"),
        ("UNROLLED_BUDGET", budget.name, "smoke, cpu, gpu"),
    ],
)
def test_bad_word_in_the_environment(variable, ask, allowed, monkeypatch):
    monkeypatch.setenv(variable, "abacus")
    with pytest.raises(UserError) as error:
        ask()
    assert str(error.value) == f"{variable}=abacus: expected one of {allowed}"


@no_gpu
def test_gpu_that_is_not_there(monkeypatch):
    monkeypatch.setenv("UNROLLED_DEVICE", "gpu")
    for ask in (machine.device, budget.name, machine.describe):
        with pytest.raises(UserError, match=r"requirements-gpu\.txt") as error:
            ask()
        assert "\n" not in str(error.value)


@no_gpu
@pytest.mark.parametrize("shares", [True, False])
def test_function_for_a_gpu_that_is_not_there(shares):
    x = pt.vector("x")
    graph = x * compute.shared(2.0, "a") if shares else x * 2
    with pytest.raises(UserError, match=r"requirements-gpu\.txt"):
        compute.function([x], graph, on="gpu")


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
    code = "import unrolled.backend, jax; print(jax.default_backend())"
    environment = os.environ | {
        "UNROLLED_DEVICE": "cpu",
        "PYTHONPATH": str(Path(backend.__file__).parents[1]),
    }
    asked = subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert asked.stdout.strip() == "cpu"


@pytest.mark.parametrize("name", budget.BUDGETS)
def test_budget_chooses(name, monkeypatch):
    monkeypatch.setenv("UNROLLED_BUDGET", name)
    assert budget.name() == name
    amounts = {"smoke": 1, "cpu": 20, "gpu": 300}
    assert budget.choose(**amounts) == amounts[name]


def test_budget_is_that_of_the_device_unless_asked_for(monkeypatch):
    monkeypatch.setenv("UNROLLED_DEVICE", "cpu")
    assert budget.choose(smoke="little", cpu="some", gpu="much") == "some"
    monkeypatch.setenv("UNROLLED_BUDGET", "smoke")
    assert budget.choose(smoke="little", cpu="some", gpu="much") == "little"


# -------------------------------------------------------------------------------- precision


@pytest.mark.parametrize("word", ["float16", "double", "", None])
def test_no_other_precision(word):
    with pytest.raises(ValueError, match="expected 'float32' or 'float64'"):
        compute.use_precision(word)
    assert compute.shared(1.0, "a").dtype == "float32"


@pytest.mark.parametrize("mode", compute.MODES)
def test_precision_really_changes(mode):
    def one_and_a_little():
        a, b = compute.shared(1.0, "a"), compute.shared(1e-12, "b")
        return compute.function([], a + b, mode=mode)()

    assert one_and_a_little().dtype == np.float32
    assert one_and_a_little() == 1
    try:
        compute.use_precision("float64")
        assert one_and_a_little().dtype == np.float64
        assert float(one_and_a_little()) == 1 + 1e-12
    finally:
        compute.use_precision("float32")
    assert one_and_a_little().dtype == np.float32


# ----------------------------------------------------------- shared variables and functions


def test_shared_has_the_type_and_shape_of_its_value():
    whole = compute.shared(np.arange(3), "y")
    real = compute.shared(np.zeros((2, 4)), "X")
    assert (whole.dtype, whole.type.shape) == ("int32", (3,))
    assert (real.dtype, real.type.shape) == ("float32", (2, 4))
    assert real.name == "X"


def test_values_are_copied_in_and_out():
    value = np.ones(3, dtype="float32")
    a = compute.shared(value, "a")
    value[:] = 7
    assert compute.value_of(a).tolist() == [1, 1, 1]
    compute.value_of(a)[:] = 8
    assert compute.value_of(a).tolist() == [1, 1, 1]


@pytest.mark.parametrize("mode", compute.MODES)
def test_updates_come_after_the_outputs_and_all_at_once(mode):
    a, b = compute.shared([1.0, 2.0], "a"), compute.shared([3.0, 4.0], "b")
    swap = compute.function([], a.sum(), [(a, b), (b, a)], mode=mode)
    assert [float(swap()) for _ in range(3)] == [3, 7, 3]
    assert compute.value_of(a).tolist() == [3, 4]
    assert compute.value_of(b).tolist() == [1, 2]


def test_function_moves_every_shared_variable_to_the_device():
    a, b = compute.shared([1.0, 2.0], "a"), compute.shared(3.0, "b")
    compute.function([], a.sum(), [(b, b + a.sum())])
    for variable in (a, b):
        value = variable.get_value(borrow=True)
        assert value.devices() == {machine.jax_device()}


@pytest.mark.parametrize("mode", compute.MODES)
def test_sums_of_float32_numbers_stay_in_float32(mode):
    X = pt.matrix("X")
    outputs = [X.sum(), X.sum(axis=0), X.mean(), X.mean(axis=1), X.prod(), X.max()]
    sums = compute.function([X], outputs, mode=mode)
    for node in sums.maker.fgraph.toposort():
        assert getattr(node.op, "acc_dtype", None) != "float64"
    value = np.arange(1, 7, dtype="float32").reshape(2, 3)
    results = [np.asarray(result) for result in sums(value)]
    assert {result.dtype for result in results} == {np.dtype("float32")}
    assert [result.tolist() for result in results] == [
        21, [5, 7, 9], 3.5, [2, 5], 720, 6,
    ]  # fmt: skip


def test_unknown_mode():
    with pytest.raises(UserError, match="mode='C': expected one of JAX, NUMBA"):
        compute.function([], pt.constant(1.0), mode="C")


# ----------------------------------------------------------------------------------- timing


class Slow:
    """A result that is not there yet when the call returns, as on a GPU."""

    waits = 0

    def block_until_ready(self):
        time.sleep(0.02)
        Slow.waits += 1
        return self


def test_measure_counts_its_calls_and_waits_for_each():
    calls, Slow.waits = [], 0
    timing = timing.measure(lambda: calls.append(1) or Slow(), repeats=5, warm_up=2)
    assert len(calls) == 7
    assert Slow.waits == 7
    assert timing.repeats == 5
    assert 0.02 <= timing.fastest <= timing.median <= timing.slowest


def test_measure_does_not_count_the_warm_up():
    seconds = iter([0.2, 0, 0, 0])
    timing = timing.measure(lambda: time.sleep(next(seconds)), repeats=3, warm_up=1)
    assert timing.slowest < 0.2


def test_wait_returns_what_it_waited_for():
    results = [jax.numpy.ones(3), np.ones(2), 5]
    assert timing.wait(results)[2] == 5
    assert timing.wait(results[0]).tolist() == [1, 1, 1]


# ------------------------------------------------------------------------------ the machine


def test_description_says_what_computed():
    described = machine.describe()
    assert described["device"] == machine.device()
    assert described["name"]
    assert described["processor"] == machine.processor() != ""
    assert 1 <= described["cores"] <= os.cpu_count()
    assert described["versions"]["Python"] == platform.python_version()
    assert described["versions"]["JAX"] == jax.__version__
    assert set(described["versions"]) == {
        "Python", "PyTensor", "JAX", "NumPy", "scikit-learn", "Matplotlib",
    }  # fmt: skip


def test_description_names_no_host_and_no_path():
    text = json.dumps(machine.describe())
    assert platform.node() not in text
    for path in (Path.home(), Path.cwd(), sys.prefix, sys.executable):
        assert str(path) not in text
