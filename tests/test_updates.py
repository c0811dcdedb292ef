import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest

from unrolled import compute
from unrolled.gradient_check import relative_error
from unrolled.updates import (
    RULES,
    adam,
    clip_norm,
    gradients_of,
    momentum,
    rmsprop,
    sgd,
)


@pytest.mark.parametrize("mode", compute.MODES)
def test_sgd_is_the_formula(mode, float64):
    a0, b0 = np.array([1.0, -2.0]), np.array([[0.5], [3.0]])
    a, b = compute.shared(a0, "a"), compute.shared(b0, "b")
    loss = (a**2).sum() + 3 * (a[:, None] * b).sum()
    step = compute.function([], loss, sgd(loss, [a, b], 0.1), mode=mode)

    assert float(step()) == pytest.approx((a0**2).sum() + 3 * (a0 * b0[:, 0]).sum())
    # Both slopes are taken before either parameter moves.
    assert compute.value_of(a) == pytest.approx(a0 - 0.1 * (2 * a0 + 3 * b0[:, 0]))
    assert compute.value_of(b) == pytest.approx(b0 - 0.1 * 3 * a0[:, None])


def test_sgd_takes_a_learning_rate_that_changes():
    a, rate = compute.shared(1.0, "a"), pt.scalar("rate")
    step = compute.function([rate], updates=sgd(a**2, [a], rate))
    for value in (0.5, 0.25, 0.125):
        a.set_value(np.float32(1))
        step(np.float32(value))
        assert compute.value_of(a) == 1 - value * 2


def test_sgd_takes_a_learning_rate_from_an_array():
    a = compute.shared(np.ones(3), "a")
    rate = np.linspace(0, 1, 3)[1]  # a float64 of NumPy, beside float32 parameters
    compute.function([], updates=sgd((a**2).sum(), [a], rate))()
    assert compute.value_of(a).dtype == np.float32
    assert compute.value_of(a).tolist() == [0, 0, 0]


def test_sgd_refuses_a_parameter_that_the_loss_does_not_know():
    a, b = compute.shared(1.0, "a"), compute.shared(2.0, "b")
    with pytest.raises(pytensor.gradient.DisconnectedInputError):
        sgd(a**2, [a, b], 0.1)


# -------------------------------------------------------------------------- given gradients


def test_gradients_of_a_loss_and_of_a_list():
    a, b = compute.shared(1.0, "a"), compute.shared([2.0, 3.0], "b")
    loss = a**2 + a * b.sum()
    derived = compute.function([], gradients_of(loss, [a, b]))()
    assert float(derived[0]) == 7
    assert np.asarray(derived[1]).tolist() == [1, 1]
    given = [pt.ones(()), pt.ones(2)]
    assert gradients_of(given, [a, b]) == given
    assert gradients_of(tuple(given), [a, b]) == given


def test_sgd_follows_the_gradients_it_is_given(float64):
    a, b = compute.shared(1.0, "a"), compute.shared([2.0, 3.0], "b")
    slopes = [pt.constant(4.0), pt.constant(np.array([-1.0, 10.0]))]
    compute.function([], updates=sgd(slopes, [a, b], 0.5))()
    assert compute.value_of(a) == -1
    assert compute.value_of(b).tolist() == [2.5, -2]


def test_sgd_wants_a_gradient_for_each_parameter():
    a, b = compute.shared(1.0, "a"), compute.shared(2.0, "b")
    with pytest.raises(ValueError, match="shorter"):
        sgd([pt.ones(())], [a, b], 0.1)


# --------------------------------------------------------------------------- rows of a table


@pytest.mark.parametrize("taken", [[1, 3], [3, 1, 3], [[0, 2], [2, 2]]])
def test_sgd_on_rows_is_sgd_on_the_table(taken, float64):
    start = np.arange(1.0, 9.0).reshape(4, 2)
    tables = []
    for by_rows in (True, False):
        table = compute.shared(start, "table")
        rows = table[np.array(taken, "int32")]
        # Each row counts by its place: the slopes of one taken twice are not equal.
        weight = np.arange(1.0, 1 + np.size(taken)).reshape(*np.shape(taken), 1)
        loss = (rows**2 * weight).sum()
        updates = sgd(loss, [rows if by_rows else table], 0.1)
        compute.function([], loss, updates)()
        tables.append(compute.value_of(table))
    assert tables[0] == pytest.approx(tables[1], rel=1e-14)
    moved = np.isin(np.arange(4), taken)
    assert np.array_equal((tables[0] != start).all(axis=1), moved)
    assert np.array_equal(tables[0][~moved], start[~moved])


def test_a_row_that_was_taken_twice_moves_twice(float64):
    table = compute.shared(np.zeros((3, 2)), "table")
    rows = table[np.array([2, 0, 2], "int32")]
    slopes = pt.constant(np.array([[1.0, 2.0], [4.0, 8.0], [16.0, 32.0]]))
    compute.function([], updates=sgd([slopes], [rows], 1.0))()
    assert compute.value_of(table).tolist() == [[-4, -8], [0, 0], [-17, -34]]


# ------------------------------------------------------- rules that remember something

A0, B0 = np.array([1.0, -2.0]), np.array([[0.5], [3.0]])


def slopes_by_hand(a, b):
    """Of the loss (a^2)_sum + 3 (a b)_sum + 1e-8 b_sum: some are steep, and one nearly level."""
    return [2 * a + 3 * b[:, 0], 3 * a[:, None] + 1e-8]


def build(rule, **constants):
    """Two parameters, the rule's memory, and a function of η that takes a step and tells the loss.

    The function can be built several times, over the same variables.
    """
    parameters, memory = [compute.shared(A0, "a"), compute.shared(B0, "b")], {}
    a, b = parameters
    loss = (a**2).sum() + 3 * (a[:, None] * b).sum() + 1e-8 * b.sum()
    eta = pt.scalar("eta")

    def function(mode="JAX"):
        updates = rule(loss, parameters, eta, memory, **constants)
        return compute.function([eta], loss, updates, mode=mode)

    return parameters, memory, function


def momentum_by_hand(p, g, m, t, eta, friction=0.1):
    m["velocity"] = (1 - friction) * m.get("velocity", 0) - eta * g
    return p + m["velocity"]


def rmsprop_by_hand(p, g, m, t, eta, decay=0.9, epsilon=1e-12):
    m["mean of squares"] = decay * m.get("mean of squares", 0) + (1 - decay) * g**2
    return p - eta * g / np.sqrt(m["mean of squares"] + epsilon)


def adam_by_hand(p, g, m, t, eta, beta1=0.9, beta2=0.999, epsilon=1e-8):
    m["mean"] = beta1 * m.get("mean", 0) + (1 - beta1) * g
    m["mean of squares"] = beta2 * m.get("mean of squares", 0) + (1 - beta2) * g**2
    mean, squares = (m["mean"] / (1 - beta1**t), m["mean of squares"] / (1 - beta2**t))
    return p - eta * mean / (np.sqrt(squares) + epsilon)


BY_HAND = {
    "momentum": momentum_by_hand,
    "rmsprop": rmsprop_by_hand,
    "adam": adam_by_hand,
}
OTHERS = {
    "momentum": {"friction": 0.5},
    "rmsprop": {"decay": 0.5, "epsilon": 0.1},
    "adam": {"beta1": 0.5, "beta2": 0.7, "epsilon": 0.1},
}
RATES = [0.1, 0.1, 0.05, 0.02, 0.2, 0.01]
rules = pytest.mark.parametrize("name", BY_HAND)


def run_by_hand(name, **constants):
    """The two parameters after a step at each rate, and what is remembered of them."""
    values, memories = [A0, B0], [{}, {}]
    for t, eta in enumerate(RATES, 1):
        # Both slopes are taken before either parameter moves.
        triples = list(zip(values, slopes_by_hand(*values), memories))
        rule = BY_HAND[name]
        values = [rule(p, g, m, t, eta, **constants) for p, g, m in triples]
    remembered = {
        f"{what}/{p}": value
        for p, memory in zip("ab", memories)
        for what, value in memory.items()
    }
    if name == "adam":
        remembered["steps/all"] = len(RATES)
    return values, remembered


def check_run(name, parameters, memory, tolerance, **constants):
    values, remembered = run_by_hand(name, **constants)
    for found, expected in zip(parameters, values):
        assert relative_error(compute.value_of(found), expected) < tolerance
    assert memory.keys() == remembered.keys()
    for what, expected in remembered.items():
        found = compute.value_of(memory[what])
        assert memory[what].name == what
        assert found.dtype == pytensor.config.floatX
        assert relative_error(found, expected) < tolerance


@rules
@pytest.mark.parametrize("mode", compute.MODES)
def test_a_rule_is_the_formula_step_after_step(name, mode, float64):
    parameters, memory, function = build(RULES[name])
    step = function(mode)
    for eta in RATES:
        step(np.asarray(eta))
    check_run(name, parameters, memory, 1e-13)


@rules
def test_a_rule_takes_other_constants(name, float64):
    parameters, memory, function = build(RULES[name], **OTHERS[name])
    step = function()
    for eta in RATES:
        step(np.asarray(eta))
    check_run(name, parameters, memory, 1e-13, **OTHERS[name])


@rules
def test_a_rule_in_float32(name):
    parameters, memory, function = build(RULES[name])
    step = function()
    for eta in RATES:
        assert step(np.float32(eta)).dtype == np.float32
    assert {compute.value_of(p).dtype for p in parameters} == {np.dtype("float32")}
    check_run(name, parameters, memory, 1e-4)


@rules
def test_functions_that_share_a_memory_are_one_training(name, float64):
    # As the shapes of minibatches: each has a function of its own.
    parameters, memory, function = build(RULES[name])
    first, second = function(), function()
    for i, eta in enumerate(RATES):
        (first, second)[i % 2](np.asarray(eta))
    check_run(name, parameters, memory, 1e-13)


@rules
def test_a_memory_is_zero_at_first_and_of_the_parameters_shapes(name):
    _, memory, function = build(RULES[name])
    assert memory == {}
    function()
    shapes = {"a": (2,), "b": (2, 1), "all": ()}
    assert memory
    for what, value in memory.items():
        assert value.type.shape == shapes[what.split("/")[1]]
        assert not compute.value_of(value).any()


def test_sgd_remembers_nothing():
    _, memory, function = build(sgd)
    function()(np.float32(0.1))
    assert memory == {}


@rules
def test_a_rule_goes_on_from_a_memory_that_it_finds(name, float64):
    parameters, memory, function = build(RULES[name])
    step = function()
    for eta in RATES[:3]:
        step(np.asarray(eta))
    later, found, function = build(RULES[name])
    for p, value in zip(later, map(compute.value_of, parameters)):
        p.set_value(value)
    for what, value in memory.items():
        found[what] = compute.shared(compute.value_of(value), what)
    step = function()
    for eta in RATES[3:]:
        step(np.asarray(eta))
    check_run(name, later, found, 1e-13)


@rules
def test_a_rule_wants_a_gradient_for_each_parameter(name):
    a, b = compute.shared(1.0, "a"), compute.shared(2.0, "b")
    with pytest.raises(ValueError, match="shorter"):
        RULES[name]([pt.ones(())], [a, b], 0.1, {})


def after(rule, slopes, eta=0.5, **constants):
    """Where a parameter that starts at zero is after steps of these slopes."""
    p, slope, memory = compute.shared(0.0, "p"), pt.scalar("slope"), {}
    updates = rule([slope], [p], eta, memory, **constants)
    step = compute.function([slope], updates=updates)
    places = []
    for value in slopes:
        step(np.asarray(value, pytensor.config.floatX))
        places.append(float(compute.value_of(p)))
    return np.array(places)


def test_a_velocity_grows_to_one_over_friction_times_the_step(float64):
    places = after(momentum, [1.0] * 200, friction=0.2)
    assert places[-2] - places[-1] == pytest.approx(0.5 / 0.2, rel=1e-12)


@pytest.mark.parametrize("steep", [1e-2, 1.0, 1e5])
def test_steps_have_one_length_however_steep_the_slope(steep, float64):
    places = after(rmsprop, [steep] * 200)
    assert places[-2] - places[-1] == pytest.approx(0.5, rel=0.01)
    # Adam's are so from the first step on.
    places = after(adam, [steep] * 3)
    assert places == pytest.approx([-0.5, -1, -1.5], rel=1e-5)


@rules
def test_no_slope_no_step(name):
    places = after(RULES[name], [0.0] * 3)
    assert not places.any()


# -------------------------------------------------------------------------------- clipping


def clipped(gradients, limit):
    """What becomes of some gradients, and their norm."""
    graphs, norm = clip_norm([compute.shared(g, "g") for g in gradients], limit)
    norm, *values = compute.function([], [norm, *graphs])()
    return [np.asarray(value) for value in values], float(norm)


def test_a_long_gradient_is_shortened_and_keeps_its_direction(float64):
    gradients = [np.array([3.0, 0.0]), np.array([[0.0], [4.0]]), np.array(12.0)]
    values, norm = clipped(gradients, 2.6)
    assert norm == pytest.approx(13)  # of all of them together, and before clipping
    for value, gradient in zip(values, gradients):
        assert value == pytest.approx(0.2 * gradient, rel=1e-15)


@pytest.mark.parametrize("limit", [13.0, 14.0, 1e9])
def test_a_gradient_that_is_short_enough_is_left_alone(limit):
    gradients = [np.array([3.0, 0.0]), np.array([[0.0], [4.0]]), np.array(12.0)]
    values, norm = clipped(gradients, limit)
    assert norm == 13
    assert all(np.array_equal(v, g) for v, g in zip(values, gradients))
    assert {value.dtype for value in values} == {np.dtype("float32")}


def test_a_gradient_of_zero_stays_zero():
    values, norm = clipped([np.zeros(3), np.zeros((2, 2))], 1.0)
    assert norm == 0
    assert all(np.array_equal(v, np.zeros_like(v)) for v in values)
