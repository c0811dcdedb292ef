import numpy as np
import pytest

from unrolled.gradient_check import numerical_gradient, relative_error
from unrolled.jacobians import (
    KINDS,
    error_norms,
    factor_per_step,
    fading,
    jacobian,
    largest_singular_value,
    recurrent_weights,
    spectral_radius,
    state_errors,
    step_jacobian,
)
from unrolled.rnn_by_hand import forward, gradients, initialize

C, H = 9, 5
X = np.array([0, 3, 7, 3, 5, 8, 2, 1])
Y = np.array([3, 7, 3, 5, 8, 2, 1, 4])


@pytest.fixture
def p():
    """A network whose states are well away from zero."""
    p = initialize(C, H, seed=4)
    return p._replace(U=2 * p.U, b=np.linspace(-0.3, 0.4, H))


def go_on(p, s, words):
    """The states from a given state on."""
    states = []
    for word in words:
        s = np.tanh(p.U[word] + s @ p.W + p.b)
        states.append(s)
    return states


def loss_of_step(p, s_k, k, t):
    """L_t when the state at step k is held at s_k."""
    s = [s_k, *go_on(p, s_k, X[k + 1 : t + 1])][-1]
    z = p.V @ s + p.c
    return np.log(np.exp(z).sum()) - z[Y[t]]


# ------------------------------------------------------------------------------------ weights


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("radius", [0.5, 1.3])
def test_weights_get_the_radius_that_was_asked_for(kind, radius):
    W = recurrent_weights(kind, 20, np.random.default_rng(0), radius)
    assert W.shape == (20, 20)
    assert spectral_radius(W) == pytest.approx(radius)


@pytest.mark.parametrize(
    ("kind", "variance"),
    [("uniform", 1 / 3), ("glorot", 1.0), ("gaussian", 1.0), ("orthogonal", 1.0)],
)
def test_weights_have_the_variance_of_their_kind(kind, variance):
    W = recurrent_weights(kind, 200, np.random.default_rng(1))
    assert W.mean() == pytest.approx(0, abs=0.002)
    assert W.var() * 200 == pytest.approx(variance, rel=0.05)


def test_orthogonal_weights_keep_every_length():
    W = recurrent_weights("orthogonal", 12, np.random.default_rng(2))
    assert pytest.approx(np.eye(12), abs=1e-12) == W @ W.T
    assert largest_singular_value(W) == pytest.approx(1)


def test_identity_is_the_identity():
    W = recurrent_weights("identity", 4, np.random.default_rng(0))
    assert np.array_equal(W, np.eye(4))


def test_weights_of_an_unknown_kind():
    with pytest.raises(ValueError, match="'zero': expected one of uniform"):
        recurrent_weights("zero", 4, np.random.default_rng(0))


def test_radius_and_singular_value_of_a_matrix_that_tells_them_apart():
    W = np.array([[0.5, 10.0], [0.0, -0.6]])
    assert spectral_radius(W) == pytest.approx(0.6)
    assert largest_singular_value(W) > 10
    turn = np.array([[0.0, 2.0], [-2.0, 0.0]])  # the eigenvalues are 2i and -2i
    assert spectral_radius(turn) == pytest.approx(2)


# ---------------------------------------------------------------------------------- Jacobians


@pytest.mark.parametrize(("k", "t"), [(0, 1), (2, 3), (0, 7), (3, 6), (4, 4)])
def test_jacobian_against_finite_differences(p, k, t):
    s, _ = forward(p, X)
    found = jacobian(p.W, s, k, t)
    for j in range(H):

        def unit(s_k, j=j):
            return [s_k, *go_on(p, s_k, X[k + 1 : t + 1])][-1][j]

        slopes = numerical_gradient(unit, s[k])
        assert found[:, j] == pytest.approx(slopes, rel=1e-6, abs=1e-10)


def test_jacobian_of_one_step_is_its_own_factor(p):
    s, _ = forward(p, X)
    assert jacobian(p.W, s, 2, 3) == pytest.approx(step_jacobian(p.W, s[3]))
    assert step_jacobian(p.W, s[3]) == pytest.approx(
        p.W @ np.diag(1 - s[3] ** 2), rel=1e-14
    )


# ------------------------------------------------------------------------------------- errors


def test_state_errors_against_finite_differences(p):
    s, o = forward(p, X)
    errors = state_errors(p.V, o, Y)
    for t in range(len(X)):
        slopes = numerical_gradient(lambda s_t, t=t: loss_of_step(p, s_t, t, t), s[t])
        assert relative_error(errors[t], slopes) < 1e-8


@pytest.mark.parametrize("furthest", [0, 1, 4, 7])
def test_error_norms_against_finite_differences(p, furthest):
    s, o = forward(p, X)
    norms = error_norms(p.W, s, state_errors(p.V, o, Y), furthest)
    assert norms.shape == (furthest + 1, len(X) - furthest)
    for d in range(furthest + 1):
        for column, t in enumerate(range(furthest, len(X))):
            slopes = numerical_gradient(
                lambda s_k, t=t, d=d: loss_of_step(p, s_k, t - d, t), s[t - d]
            )
            assert norms[d, column] == pytest.approx(np.linalg.norm(slopes), rel=1e-6)


def test_errors_times_jacobians_give_the_gradient_of_the_loop(p):
    s, o = forward(p, X)
    errors = state_errors(p.V, o, Y)
    before = np.vstack([np.zeros(H), s[:-1]])
    dW = np.zeros_like(p.W)
    for t in range(len(X)):
        for k in range(t + 1):
            at_k = errors[t] @ jacobian(p.W, s, k, t).T
            dW += np.outer(before[k], at_k * (1 - s[k] ** 2)) / len(X)
    assert relative_error(dW, gradients(p, X, Y).W) < 1e-13


# --------------------------------------------------------------------------------- the fading


def test_factor_of_a_geometric_series():
    assert factor_per_step(7 * 0.8 ** np.arange(12)) == pytest.approx(0.8)


def test_factor_where_nothing_is_left():
    assert factor_per_step(np.array([1.0, 0.5, 0.25, 0, 0])) == pytest.approx(0.5)
    assert factor_per_step(np.array([1.0, 0, 0])) == 0


def test_saturated_units_let_nothing_through(p):
    q = p._replace(b=np.full(H, 1e3))
    found = fading(q.W, q.V, [(*forward(q, X), Y)], 3)
    assert found.norms.tolist() == [1, 0, 0, 0]
    assert found.factor == found.mean_slope == 0


def test_a_nearly_linear_network_fades_by_the_factor_of_its_weights():
    p = initialize(C, 8, seed=1)
    W = 0.7 * recurrent_weights("orthogonal", 8, np.random.default_rng(0))
    p = p._replace(W=W, U=1e-4 * p.U)
    found = fading(W, p.V, [(*forward(p, X), Y)], 6)
    assert found.radius == pytest.approx(0.7)
    assert found.largest == pytest.approx(0.7)
    assert found.slope == pytest.approx(1, abs=1e-6)
    assert found.norms[0] == 1
    assert found.factor == pytest.approx(0.7, abs=1e-5)
    assert found.bound == pytest.approx(0.7, abs=1e-6)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("radius", [0.6, 1.0, 3.0])
def test_no_error_outgrows_the_bound(p, kind, radius):
    W = recurrent_weights(kind, H, np.random.default_rng(3), radius)
    q = p._replace(W=W)
    s, o = forward(q, X)
    found = fading(W, q.V, [(s, o, Y)], 6)
    norms = error_norms(W, s, state_errors(q.V, o, Y), 6)
    allowed = norms[0] * found.bound ** np.arange(7)[:, None]
    assert (norms <= allowed * (1 + 1e-12)).all()
