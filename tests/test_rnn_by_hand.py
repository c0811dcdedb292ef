from itertools import pairwise

import numpy as np
import pytest

from support import made_by, part, read_case
from unrolled.gradient_check import check_gradients, relative_error
from unrolled.rnn_by_hand import Parameters, forward, gradients, initialize, loss, step

NAMES = Parameters._fields
C, H = 11, 5
REPEATED = np.array([0, 3, 7, 3, 3, 9, 10, 0])
FOLLOWING = np.array([3, 7, 3, 3, 9, 10, 0, 1])


def weights(C=C, H=H):
    """Parameters with no zero among them."""
    random = np.random.RandomState(3)
    return Parameters(
        *(p + 0.1 * random.randn(*p.shape) for p in initialize(C, H, seed=1))
    )


def truncated_loss(p, held, x, y, truncation):
    """The loss of which truncated gradients are the slope.

    The loss of step t is computed from the state k + 1 steps earlier, which stays what it was
    under the parameters `held`, however the parameters `p` change.
    """
    states, _ = forward(held, x)
    total = 0.0
    for t in range(len(x)):
        first = max(t - truncation, 0)
        s = states[first - 1] if first > 0 else np.zeros(len(p.b))
        for word in x[first : t + 1]:
            s = np.tanh(p.U[word] + s @ p.W + p.b)
        z = p.V @ s + p.c
        total += np.log(np.exp(z).sum()) - z[y[t]]
    return total / len(x)


@pytest.fixture(scope="module", params=["repeated", "distinct"])
def recorded(request):
    """One case of what Theano 1.0.5 computed, by name."""
    return read_case("rnn", request.param)


# ----------------------------------------------------------------------------- states and loss


def test_forward_is_the_equations_word_by_word():
    U, W, b, V, c = p = weights()
    s, o = forward(p, REPEATED)
    assert s.shape == (len(REPEATED), H)
    assert o.shape == (len(REPEATED), C)

    state = np.zeros(H)
    for t, word in enumerate(REPEATED):
        one_hot = np.eye(C)[word]
        state = np.tanh(one_hot @ U + state @ W + b)
        scores = np.exp(V @ state + c)
        assert s[t] == pytest.approx(state, rel=1e-14)
        assert o[t] == pytest.approx(scores / scores.sum(), rel=1e-13)


def test_initial_weights_are_small_and_even():
    p = initialize(C=400, H=100, seed=2)
    assert [q.shape for q in p] == [(400, 100), (100, 100), (100,), (400, 100), (400,)]
    assert not p.b.any()
    assert not p.c.any()
    for q in (p.U, p.W, p.V):
        assert 0.99 / np.sqrt(100) < np.abs(q).max() <= 1 / np.sqrt(100)
        assert q.std() == pytest.approx(1 / np.sqrt(3 * 100), rel=0.02)


def test_a_seed_draws_the_same_weights():
    first, again, other = (initialize(C, H, seed) for seed in (0, 0, 1))
    assert all(np.array_equal(p, q) for p, q in zip(first, again))
    assert not np.array_equal(first.U, other.U)


def test_loss_of_a_model_that_knows_nothing():
    zeros = Parameters(*(np.zeros_like(p) for p in weights()))
    assert loss(zeros, REPEATED, FOLLOWING) == pytest.approx(np.log(C), rel=1e-14)


def test_loss_at_the_start_is_nearly_that_of_a_model_that_knows_nothing():
    random = np.random.RandomState(0)
    x, y = random.randint(2000, size=(2, 40))
    p = initialize(2000, 50)
    assert loss(p, x, y) == pytest.approx(np.log(2000), rel=0.02)
    assert loss(p, x, y) != np.log(2000)


def test_loss_does_not_see_what_comes_later():
    p = weights()
    s, o = forward(p, REPEATED)
    s_short, o_short = forward(p, REPEATED[:5])
    assert np.array_equal(s[:5], s_short)
    assert o[:5] == pytest.approx(o_short, rel=1e-14)


# ------------------------------------------------------------------------------- the gradients


@pytest.mark.parametrize(
    ("x", "y"),
    [
        (REPEATED, FOLLOWING),
        (np.arange(6), np.arange(1, 7)),
        (np.array([4, 4, 4, 4]), np.array([4, 4, 4, 2])),
        (np.array([5, 2]), np.array([2, 0])),
        (np.array([8]), np.array([3])),
    ],
    ids=["repeated", "distinct", "one word again and again", "two", "one"],
)
def test_gradients_against_finite_differences(x, y):
    p = weights()
    by_hand = gradients(p, x, y)
    assert [g.shape for g in by_hand] == [q.shape for q in p]
    if len(x) == 1:
        assert not by_hand.W.any()  # the only state before it is zero
    errors = check_gradients(lambda q: loss(Parameters(*q), x, y), p, by_hand)
    assert len(errors) == 5
    assert max(errors) < 1e-8


@pytest.mark.parametrize("truncation", [0, 1, 2, 4, 6])
def test_truncated_gradients_against_finite_differences(truncation):
    p = weights()
    by_hand = gradients(p, REPEATED, FOLLOWING, truncation)
    assert truncated_loss(p, p, REPEATED, FOLLOWING, truncation) == pytest.approx(
        loss(p, REPEATED, FOLLOWING), rel=1e-13
    )
    errors = check_gradients(
        lambda q: truncated_loss(Parameters(*q), p, REPEATED, FOLLOWING, truncation),
        p,
        by_hand,
    )
    assert len(errors) == 5
    assert max(errors) < 1e-8


@pytest.mark.parametrize("truncation", [0, 1, 2, 4, 6])
def test_truncation_takes_effect(truncation):
    p = weights()
    full = gradients(p, REPEATED, FOLLOWING)
    short = gradients(p, REPEATED, FOLLOWING, truncation)
    # What the first step loses would reach W through the state before it, which is zero.
    before = ("U", "W", "b") if truncation < 6 else ("U", "b")
    for name in before:
        assert relative_error(getattr(full, name), getattr(short, name)) > 1e-6
    for name in ("V", "c"):  # these come after the states
        assert np.array_equal(getattr(full, name), getattr(short, name))


@pytest.mark.parametrize("truncation", [7, 8, 100])
def test_truncation_at_the_start_of_the_sentence_is_none(truncation):
    p = weights()
    full = gradients(p, REPEATED, FOLLOWING)
    long = gradients(p, REPEATED, FOLLOWING, truncation)
    assert all(np.array_equal(f, g) for f, g in zip(full, long))


@pytest.mark.parametrize("truncation", [0, 1, 3, 6])
def test_truncation_lets_an_error_reach_so_many_steps_back(truncation):
    T = 8
    U, W, b, V, c = weights(C=T + 1)
    # A model whose prediction is certain and right, except after the last word: word T is
    # predicted always, and it follows always but the last time. Only there is an error.
    c = c + 800 * (np.arange(T + 1) == T)
    p = Parameters(U, W, b, V, c)
    x, y = np.arange(T), np.full(T, T)
    y[-1] = 0
    moved = gradients(p, x, y, truncation).U.any(axis=1)
    assert moved[:T].tolist() == [t >= T - 1 - truncation for t in range(T)]
    assert not moved[T]  # it never comes in


def test_words_that_do_not_come_in_get_no_gradient():
    slopes = gradients(weights(), REPEATED, FOLLOWING).U
    came = np.isin(np.arange(C), REPEATED)
    assert np.array_equal(slopes.any(axis=1), came)


def test_a_repeated_word_gets_the_sum_of_its_places():
    p, x = weights(), REPEATED
    # The same model, but each place of the sentence has a word of its own with the same row.
    apart = p._replace(U=p.U[x])
    slopes = gradients(apart, np.arange(len(x)), FOLLOWING).U
    together = gradients(p, x, FOLLOWING).U
    for word in set(x.tolist()):
        assert together[word] == pytest.approx(slopes[x == word].sum(axis=0))


def test_gradients_change_nothing():
    p, x, y = weights(), REPEATED.copy(), FOLLOWING.copy()
    before = [array.copy() for array in (*p, x, y)]
    gradients(p, x, y)
    gradients(p, x, y, truncation=2)
    assert all(np.array_equal(a, b) for a, b in zip((*p, x, y), before))


# ------------------------------------------------------------------------------------ training


@pytest.mark.parametrize("truncation", [None, 0, 3])
def test_step_is_the_formula_in_place(truncation):
    p = weights()
    arrays, before = list(p), [q.copy() for q in p]
    slopes = gradients(p, REPEATED, FOLLOWING, truncation)
    assert step(p, REPEATED, FOLLOWING, 0.25, truncation) is None
    for array, q, old, slope in zip(arrays, p, before, slopes):
        assert array is q
        assert np.array_equal(q, old - 0.25 * slope)


@pytest.mark.parametrize("truncation", [None, 3])
def test_steps_lower_the_loss(truncation):
    p = weights()
    losses = [loss(p, REPEATED, FOLLOWING)]
    for _ in range(50):
        step(p, REPEATED, FOLLOWING, 0.5, truncation)
        losses.append(loss(p, REPEATED, FOLLOWING))
    assert all(after < before for before, after in pairwise(losses))
    assert losses[-1] < losses[0] / 2


# -------------------------------------------------------------------------------- Theano 1.0.5


def test_training_by_hand_against_theano_1_0_5(recorded):
    x, y, rate = recorded["x"], recorded["y"], recorded["learning_rate"]
    p = Parameters(**part(recorded, "start"))
    slopes = Parameters(**part(recorded, "gradient"))
    end = Parameters(**part(recorded, "end"))
    for by_hand, by_theano in zip(gradients(p, x, y), slopes):
        assert relative_error(by_hand, by_theano) < 1e-6

    losses = [loss(p, x, y)]
    for _ in range(10):
        step(p, x, y, rate)
        losses.append(loss(p, x, y))
    assert losses == pytest.approx(recorded["losses"], rel=1e-6)
    assert all(relative_error(q, last) < 1e-6 for q, last in zip(p, end))


def test_record_is_of_theano_1_0_5_and_of_a_training_that_works(recorded):
    assert made_by("rnn").startswith("Theano 1.0.5,")
    assert recorded["losses"].shape == (11,)
    assert all(before > after for before, after in pairwise(recorded["losses"]))


def test_truncation_of_theano_1_0_5_is_another():
    recorded = read_case("rnn", "distinct")
    x, y, k = recorded["x"], recorded["y"], int(recorded["truncate_gradient"])
    p = Parameters(**part(recorded, "start"))
    # No word comes twice: a row of U is a position of the sentence.
    full = gradients(p, x, y).U[x]
    by_hand = gradients(p, x, y, truncation=k).U[x]
    by_theano = recorded["truncated"]
    T = len(x)

    # By hand, the error of each step counts, and every word that caused one has a gradient.
    assert by_hand.any(axis=1).tolist() == [True] * T
    # Theano keeps the whole gradient of the last k words, and nothing of those before.
    assert by_theano.any(axis=1).tolist() == [False] * (T - k) + [True] * k
    assert relative_error(by_theano[-k:], full[-k:]) < 1e-12
    assert relative_error(by_theano, by_hand) > 0.1
