import sys

import jax
import numpy as np
import pytensor.tensor as pt
import pytest

from support import clean_environment, run
from unrolled import compute, machine
from unrolled.errors import UserError

no_gpu = pytest.mark.skipif(jax.default_backend() != "cpu", reason="there is a GPU")


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


def test_an_assigned_value_is_a_copy_on_the_device_and_nothing_is_compiled(caplog):
    a = compute.shared([1.0, 2.0], "a")
    grow = compute.function([], a.sum(), [(a, a + 1)])
    assert float(grow()) == 3
    value = np.array([5.0, 6.0], "float32")
    with jax.log_compiles(), caplog.at_level("WARNING"):
        compute.assign(a, value)
        assert a.get_value(borrow=True).devices() == {machine.jax_device()}
        assert [float(grow()) for _ in range(2)] == [11, 13]
        assert "Compiling" not in caplog.text
        # It would have been said.
        compute.function([], a.sum() + 1)()
        assert "Compiling" in caplog.text
    assert value.tolist() == [5, 6]
    assert compute.value_of(a).tolist() == [7, 8]


@pytest.mark.parametrize("mode", compute.MODES)
def test_sums_of_float32_numbers_stay_in_float32(mode):
    X = pt.matrix("X")
    outputs = [(X.sum(), 21), (X.mean(axis=1), [2, 5])]
    # NUMBA takes ten seconds to compile each of these.
    if mode == "JAX":
        outputs += [(X.sum(axis=0), [5, 7, 9]), (X.mean(), 3.5)]
        outputs += [(X.prod(), 720), (X.max(), 6)]
    graphs, expected = zip(*outputs)
    sums = compute.function([X], list(graphs), mode=mode)
    for node in sums.maker.fgraph.toposort():
        assert getattr(node.op, "acc_dtype", None) != "float64"
    value = np.arange(1, 7, dtype="float32").reshape(2, 3)
    results = [np.asarray(result) for result in sums(value)]
    assert {result.dtype for result in results} == {np.dtype("float32")}
    assert [result.tolist() for result in results] == list(expected)


def test_unknown_mode():
    with pytest.raises(UserError, match="mode='C': expected one of JAX, NUMBA"):
        compute.function([], pt.constant(1.0), mode="C")


@no_gpu
@pytest.mark.parametrize("shares", [True, False])
def test_function_for_a_gpu_that_is_not_there(shares):
    x = pt.vector("x")
    graph = x * compute.shared(2.0, "a") if shares else x * 2
    with pytest.raises(UserError, match=r"requirements-gpu\.txt"):
        compute.function([x], graph, on="gpu")


@pytest.mark.parametrize("mode", ["JAX", "NUMBA"])
def test_programs_leave_no_files_behind(tmp_path, mode):
    """PyTensor writes their sources to files, and leaves them."""
    code = f"""
import os, numpy as np, pytensor.tensor as pt
from unrolled import compute
x = pt.matrix("x", shape=(2, 2))
f = compute.function([x], pt.tanh(x) + 1, mode={mode!r})
print(f(np.zeros((2, 2), x.dtype)).sum())
print([name[:17] for name in os.listdir({str(tmp_path)!r})])
"""
    environment = clean_environment(TMPDIR=str(tmp_path), UNROLLED_DEVICE="cpu")
    said = run(sys.executable, "-c", code, env=environment)
    assert said.stdout.split("\n")[:2] == ["4.0", "['unrolled-sources-']"]
    assert list(tmp_path.iterdir()) == []
