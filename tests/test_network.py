from itertools import pairwise

import numpy as np
import pytest
from sklearn.datasets import make_moons

from parity import network_slopes
from support import float64_in, made_by, read_case
from unrolled import compute
from unrolled.gradient_check import check_gradients, relative_error
from unrolled.network import (
    Parameters,
    TheanoNetwork,
    accuracy,
    forward,
    gradients,
    initialize,
    loss,
    predict,
    theano_scores,
    train,
)
from unrolled.probability import softmax

NAMES = Parameters._fields

# Two classes in the plane, three classes of four features: N, D, H, C.
PROBLEMS = [(20, 2, 5, 2), (24, 4, 6, 3)]


def problem(N, D, H, C):
    """Random examples, and parameters with no zero among them."""
    random = np.random.RandomState(3)
    X, y = random.randn(N, D), random.randint(C, size=N)
    start = initialize(D, H, C, seed=1)
    return Parameters(*(p + 0.1 * random.randn(*p.shape) for p in start)), X, y


def descend(network, updates):
    """The losses before each update and after the last."""
    return [*(float(network.step()) for _ in range(updates)), float(network.loss())]


@pytest.fixture(scope="module", params=["moons", "clusters"])
def recorded(request):
    """One case of what Theano 1.0.5 computed, by name."""
    return read_case("network", request.param)


def recorded_parameters(recorded):
    """The parameters at the start, the gradients there, and the parameters at the end."""
    for what in ("start", "gradient", "end"):
        yield Parameters(*(recorded[f"{what}/{name}"] for name in NAMES))


# ------------------------------------------------------------------------------- the gradients


@pytest.mark.parametrize("regularization", [0.0, 0.3])
@pytest.mark.parametrize("shape", PROBLEMS)
def test_gradients_by_hand_against_finite_differences(shape, regularization):
    parameters, X, y = problem(*shape)
    by_hand = gradients(parameters, X, y, regularization)
    errors = check_gradients(
        lambda p: loss(Parameters(*p), X, y, regularization), parameters, by_hand
    )
    assert len(errors) == 4
    assert max(errors) < 1e-8


@pytest.mark.parametrize("regularization", [0.0, 0.3])
@pytest.mark.parametrize("shape", PROBLEMS)
def test_gradients_of_the_graph(shape, regularization, float64):
    parameters, X, y = problem(*shape)
    value, slopes = network_slopes(parameters, X, y, regularization)
    assert value == pytest.approx(loss(parameters, X, y, regularization), rel=1e-12)

    for slope, by_hand in zip(slopes, gradients(parameters, X, y, regularization)):
        assert relative_error(slope, by_hand) < 1e-12
    errors = check_gradients(
        lambda p: loss(Parameters(*p), X, y, regularization), parameters, slopes
    )
    assert len(errors) == 4
    assert max(errors) < 1e-8


def test_training_the_graph_is_training_by_hand(float64):
    start, X, y = problem(*PROBLEMS[1])
    network = TheanoNetwork(start, X, y, 0.5, regularization=0.1)
    for by_hand in train(start, X, y, 0.5, passes=30, regularization=0.1):
        expected = loss(by_hand, X, y, 0.1)
        network.step()
        assert float(network.loss()) == pytest.approx(expected, rel=1e-12)
    for trained, p in zip(network.values(), by_hand):
        assert relative_error(trained, p) < 1e-12


# -------------------------------------------------------------------------------- Theano 1.0.5


def test_numpy_against_theano_1_0_5(recorded):
    X, y, rate = recorded["X"], recorded["y"], recorded["learning_rate"]
    regularization = recorded["regularization"]
    start, slopes, end = recorded_parameters(recorded)
    by_hand = gradients(start, X, y, regularization)
    path = [start, *train(start, X, y, rate, 10, regularization)]
    losses = [loss(p, X, y, regularization) for p in path]

    assert all(relative_error(g, slope) < 1e-6 for g, slope in zip(by_hand, slopes))
    assert losses == pytest.approx(recorded["losses"], rel=1e-6)
    assert all(relative_error(p, last) < 1e-6 for p, last in zip(path[-1], end))


def test_gradients_of_the_graph_against_theano_1_0_5(recorded, float64):
    start, slopes, _ = recorded_parameters(recorded)
    regularization = float(recorded["regularization"])
    value, by_graph = network_slopes(
        start, recorded["X"], recorded["y"], regularization
    )
    assert value == pytest.approx(recorded["losses"][0], rel=1e-6)
    assert all(relative_error(g, slope) < 1e-6 for g, slope in zip(by_graph, slopes))


@pytest.mark.parametrize(
    ("case", "mode"),
    # NUMBA takes half a minute to compile each.
    [("moons", "JAX"), ("clusters", "JAX"), ("clusters", "NUMBA")],
)
def test_training_the_graph_against_theano_1_0_5(case, mode, float64):
    recorded = read_case("network", case)
    X, y, rate = recorded["X"], recorded["y"], float(recorded["learning_rate"])
    start, _, end = recorded_parameters(recorded)
    regularization = float(recorded["regularization"])
    network = TheanoNetwork(start, X, y, rate, regularization, mode=mode)
    losses = [float(network.step()) for _ in range(10)]
    trained = network.values()
    # The loss before the step, which is that after ten.
    losses.append(float(network.step()))

    assert losses == pytest.approx(recorded["losses"], rel=1e-6)
    assert all(relative_error(p, last) < 1e-6 for p, last in zip(trained, end))
    path = [start, *train(start, X, y, rate, 10, regularization)]
    by_hand = [loss(p, X, y, regularization) for p in path]
    assert losses == pytest.approx(by_hand, rel=1e-12)
    assert all(relative_error(p, q) < 1e-12 for p, q in zip(trained, path[-1]))


def test_record_is_of_theano_1_0_5_and_of_a_training_that_works(recorded):
    assert made_by("network").startswith("Theano 1.0.5,")
    assert recorded["losses"].shape == (11,)
    assert all(before > after for before, after in pairwise(recorded["losses"]))


# --------------------------------------------------------------------------- the classic recipe


def test_classic_recipe_gives_the_classic_losses():
    np.random.seed(0)
    X, y = make_moons(200, noise=0.20)
    start = initialize(2, 3, 2, seed=0)
    # The recipe's step is 0.01 along the slope of the summed loss: 200 times that of the mean.
    # Its penalty, 0.01/2 for each squared weight, is also beside the sum.
    path = train(start, X, y, 0.01 * 200, passes=20_000, regularization=0.01 / 200)
    losses = {
        i: loss(p, X, y, 0.01 / 200)
        for i, p in enumerate(path)
        if i in (0, 1000, 19_000)
    }
    assert losses[0] == pytest.approx(0.432387, abs=5e-7)
    assert losses[1000] == pytest.approx(0.068947, abs=5e-7)
    assert 0.0705 < losses[19_000] < 0.0720


def test_trained_network_tells_the_moons_apart():
    X, y = make_moons(200, noise=0.20, random_state=0)
    *_, trained = train(initialize(2, 3, 2), X, y, 1.0, passes=2000)
    unseen = make_moons(1000, noise=0.20, random_state=1)
    assert accuracy(trained, *unseen) > 0.95


# ------------------------------------------------------------------------------ starting values


def test_initial_weights_keep_the_scale_of_their_inputs():
    W1, b1, W2, b2 = initialize(100, 400, 50, seed=2)
    assert [p.shape for p in (W1, b1, W2, b2)] == [(100, 400), (400,), (400, 50), (50,)]
    assert W1.std() == pytest.approx(1 / np.sqrt(100), rel=0.02)
    assert W2.std() == pytest.approx(1 / np.sqrt(400), rel=0.02)
    assert not b1.any()
    assert not b2.any()


def test_a_seed_draws_the_same_weights_and_leaves_other_dice_alone():
    np.random.seed(7)
    untouched = np.random.rand()
    np.random.seed(7)
    first, again, other = (initialize(3, 4, 2, seed) for seed in (0, 0, 1))
    assert np.random.rand() == untouched
    assert all(np.array_equal(p, q) for p, q in zip(first, again))
    assert not np.array_equal(first.W1, other.W1)


# ----------------------------------------------------------------------- what the loss promises


@pytest.mark.parametrize("C", [2, 3, 10])
def test_loss_of_a_network_that_knows_nothing(C):
    N, D, H = 30, 4, 5
    zeros = Parameters(np.zeros((D, H)), np.zeros(H), np.zeros((H, C)), np.zeros(C))
    X, y = np.random.RandomState(0).randn(N, D), np.arange(N) % C
    assert loss(zeros, X, y) == pytest.approx(np.log(C), rel=1e-14)
    assert float(TheanoNetwork(zeros, X, y, 0.1).loss()) == pytest.approx(np.log(C))
    assert forward(zeros, X)[1] == pytest.approx(np.full((N, C), 1 / C))


def test_penalty_weighs_weights_and_not_biases():
    parameters, X, y = problem(*PROBLEMS[0])
    penalty = loss(parameters, X, y, 0.4) - loss(parameters, X, y)
    squares = (parameters.W1**2).sum() + (parameters.W2**2).sum()
    assert penalty == pytest.approx(0.2 * squares)


def test_graph_of_a_network_that_is_sure_and_wrong():
    # One hidden unit says about 1 for every example, and its scores are far apart: the
    # probability of class 1 is too small for a float, its logarithm is not.
    start = Parameters(
        np.zeros((2, 1)), np.array([9.0]), np.array([[500.0, -500.0]]), np.zeros(2)
    )
    network = TheanoNetwork(start, np.ones((3, 2)), np.array([1, 1, 1]), 0.1)
    assert float(network.loss()) == pytest.approx(1000)
    network.step()
    assert all(np.isfinite(p).all() for p in network.values())


# ------------------------------------------------------------------------- what training changes


def test_training_by_hand_does_not_change_where_it_starts():
    start, X, y = problem(*PROBLEMS[0])
    arrays = [*start, X, y]
    before = [array.copy() for array in arrays]
    path = list(train(start, X, y, 0.5, passes=3, regularization=0.1))
    assert len(path) == 3
    assert loss(path[-1], X, y, 0.1) < loss(start, X, y, 0.1)
    assert all(np.array_equal(array, copy) for array, copy in zip(arrays, before))


def test_training_the_graph_does_not_change_where_it_starts(float64):
    start, X, y = problem(*PROBLEMS[0])
    arrays = [*start, X, y]
    before = [array.copy() for array in arrays]
    network = TheanoNetwork(start, X, y, 0.5)
    at_start = network.values()
    losses = descend(network, 3)
    assert losses[-1] < losses[0]
    assert all(np.array_equal(array, copy) for array, copy in zip(arrays, before))
    # What `values` returned earlier is a copy, not a window on the network.
    assert all(np.array_equal(p, q) for p, q in zip(at_start, start))


def test_step_returns_the_loss_before_it():
    start, X, y = problem(*PROBLEMS[0])
    network = TheanoNetwork(start, X, y, 0.2)
    for _ in range(3):
        before = float(network.loss())
        assert float(network.step()) == pytest.approx(before, rel=1e-6)
        assert float(network.loss()) < before


def test_loss_changes_nothing():
    start, X, y = problem(*PROBLEMS[0])
    network = TheanoNetwork(start, X, y, 0.2)
    before = network.values()
    assert float(network.loss()) == float(network.loss())
    assert all(np.array_equal(p, q) for p, q in zip(network.values(), before))


def test_same_seed_same_network_bit_for_bit():
    X, y = make_moons(100, noise=0.20, random_state=0)
    twins = []
    for _ in range(2):
        network = TheanoNetwork(initialize(2, 4, 2, seed=5), X, y, 0.5)
        losses = descend(network, 50)
        twins.append((losses, network.values()))
    assert twins[0][0] == twins[1][0]
    assert all(np.array_equal(p, q) for p, q in zip(twins[0][1], twins[1][1]))


# ---------------------------------------------------------------------------------- predictions


def test_predict_and_accuracy_by_hand():
    # The hidden units are the two features, squeezed; the scores are the hidden units.
    same = Parameters(np.eye(2), np.zeros(2), np.eye(2), np.zeros(2))
    X = np.array([[1.0, 0.0], [0.0, 1.0], [-2.0, -1.0], [3.0, 2.0]])
    assert predict(same, X).tolist() == [0, 1, 1, 0]
    assert accuracy(same, X, np.array([0, 1, 1, 1])) == 0.75


def test_graph_predicts_what_numpy_predicts_for_any_number_of_rows():
    start, X, y = problem(*PROBLEMS[1])
    network = TheanoNetwork(start, X, y, 0.5)
    random = np.random.RandomState(0)
    for rows in (1, 7, 50):
        unseen = random.randn(rows, 4).astype("float32")
        named = np.asarray(network.predict(unseen))
        assert named.shape == (rows,)
        assert np.array_equal(named, predict(start, unseen))


# ------------------------------------------------------------------------------------ precision


@pytest.mark.parametrize("mode", compute.MODES)
def test_float32_network_has_no_float64_anywhere(mode):
    start, X, y = problem(*PROBLEMS[1])
    assert X.dtype == np.float64
    network = TheanoNetwork(start, X, y, 0.5, regularization=0.1, mode=mode)
    for compiled in (network.step, network.loss, network.predict):
        assert float64_in(compiled) == []
    assert network.step().dtype == np.float32
    assert {p.dtype for p in network.values()} == {np.dtype("float32")}

    named = network.predict(X.astype("float32"))
    assert np.array_equal(named, predict(network.values(), X))


def test_float64_network_computes_in_float64(float64):
    start, X, y = problem(*PROBLEMS[1])
    network = TheanoNetwork(start, X, y, 0.5, regularization=0.1)
    assert float64_in(network.step)
    assert network.step().dtype == np.float64
    assert {p.dtype for p in network.values()} == {np.dtype("float64")}


def test_float32_network_is_close_to_the_float64_one_by_hand():
    start, X, y = problem(*PROBLEMS[1])
    network = TheanoNetwork(start, X, y, 0.2)
    *_, by_hand = train(start, X, y, 0.2, passes=20)
    descend(network, 20)
    for p, q in zip(network.values(), by_hand):
        assert relative_error(p, q) < 1e-5


def test_float32_network_takes_numbers_of_numpy():
    start, X, y = problem(*PROBLEMS[0])
    plain = TheanoNetwork(start, X, y, 0.5, regularization=0.25)
    rates = np.linspace(0, 1, 5)  # float64
    of_numpy = TheanoNetwork(start, X, y, rates[2], regularization=rates[1])
    assert descend(of_numpy, 3) == descend(plain, 3)


def test_scores_are_what_softmax_takes(float64):
    parameters, X, _ = problem(*PROBLEMS[1])
    shared = Parameters(*map(compute.shared, parameters, NAMES))
    z2 = compute.function([], theano_scores(shared, compute.shared(X, "X")))()
    assert relative_error(softmax(np.asarray(z2)), forward(parameters, X)[1]) < 1e-14
