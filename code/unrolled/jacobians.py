r"""How errors change on their way back through time, in a plain recurrent network.

A small change of a state changes the next state by a matrix, the Jacobian of one step. With the
states as rows, as everywhere in the book, ::

    s_t = tanh(x_t U + s_{t-1} W + b)        (H,)
    ds_t/ds_{t-1} = W diag(1 - s_t^2)        (H, H)    row i: what unit i of s_{t-1} changes

and over several steps by the product of these matrices. The functions here make weights W to
experiment with, and measure what such products do to errors.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

#: What :func:`recurrent_weights` can draw.
KINDS = ("uniform", "glorot", "gaussian", "orthogonal", "identity")


def recurrent_weights(
    kind: str, H: int, random: np.random.Generator, radius: float | None = None
) -> np.ndarray:
    r"""Draw a matrix W from state to state.

    Parameters
    ----------
    kind : str
        ``uniform``: evenly from :math:`\pm 1/\sqrt{H}`. ``glorot``: evenly from
        :math:`\pm\sqrt{6 / 2H}`. ``gaussian``: normal, with the variance 1/H. ``orthogonal``: a
        random rotation or reflection. ``identity``: the identity.
    H : int
        Hidden units.
    random : numpy Generator
    radius : float, optional
        Scale the matrix to this :func:`spectral_radius`. Left out: leave it as drawn.

    Returns
    -------
    array of shape (H, H)

    Raises
    ------
    ValueError
        If the kind is none of :data:`KINDS`.

    References
    ----------
    Glorot and Bengio (2010), equation (16); Saxe, McClelland and Ganguli (2014) for the
    orthogonal matrices; Le, Jaitly and Hinton (2015) for the identity.
    """
    if kind in ("uniform", "glorot"):
        limit = np.sqrt(1 / H) if kind == "uniform" else np.sqrt(6 / (H + H))
        W = random.uniform(-limit, limit, (H, H))
    elif kind == "gaussian":
        W = random.normal(0, np.sqrt(1 / H), (H, H))
    elif kind == "orthogonal":
        Q, R = np.linalg.qr(random.normal(size=(H, H)))
        # So that no direction is preferred.
        W = Q * np.sign(np.diag(R))
    elif kind == "identity":
        W = np.eye(H)
    else:
        raise ValueError(f"kind={kind!r}: expected one of {', '.join(KINDS)}")
    return W if radius is None else W * (radius / spectral_radius(W))


def spectral_radius(W: np.ndarray) -> float:
    """The largest absolute value of an eigenvalue of W (H, H): its growth in the long run."""
    return float(np.abs(np.linalg.eigvals(W)).max())


def largest_singular_value(W: np.ndarray) -> float:
    """The most that a product with W (H, H) can lengthen a vector: its growth in one step."""
    return float(np.linalg.norm(W, ord=2))


# ------------------------------------------------------------------------------ the Jacobians


def step_jacobian(W: np.ndarray, s: np.ndarray) -> np.ndarray:
    r"""How the state after a step depends on the state before it.

    .. math:: \frac{\partial s_t}{\partial s_{t-1}} = W \operatorname{diag}(1 - s_t^2)

    Parameters
    ----------
    W : array of shape (H, H)
    s : array of shape (H,)
        :math:`s_t`, the state *after* the step.

    Returns
    -------
    array of shape (H, H)
        Row i, column j: the slope of unit j of :math:`s_t` in unit i of :math:`s_{t-1}`.
    """
    return W * (1 - s**2)


def jacobian(W: np.ndarray, s: np.ndarray, k: int, t: int) -> np.ndarray:
    r"""How the state at step t depends on that at an earlier step k.

    .. math::
        \frac{\partial s_t}{\partial s_k} = \prod_{j=k+1}^{t} W \operatorname{diag}(1 - s_j^2)

    Parameters
    ----------
    W : array of shape (H, H)
    s : array of shape (T, H)
        All states of a sequence.
    k, t : int
        From 0 to T - 1, and k not after t.

    Returns
    -------
    array of shape (H, H)
        Row i, column j: the slope of unit j of :math:`s_t` in unit i of :math:`s_k`. The identity
        where k is t.
    """
    product = np.eye(len(W))
    for j in range(k + 1, t + 1):
        product = product @ step_jacobian(W, s[j])
    return product


# --------------------------------------------------------------------------------- the errors


def state_errors(V: np.ndarray, o: np.ndarray, y: np.ndarray) -> np.ndarray:
    r"""The slope of each step's own loss in its own state.

    .. math:: \frac{\partial L_t}{\partial s_t} = (o_t - e_{y_t})\, V

    Parameters
    ----------
    V : array of shape (C, H)
    o : array of shape (T, C)
        The probabilities.
    y : int array of shape (T,)
        The words that came.

    Returns
    -------
    array of shape (T, H)
        Of :math:`L_t`, not of the mean: nothing is divided by T.
    """
    return o @ V - V[y]


def error_norms(
    W: np.ndarray, s: np.ndarray, errors: np.ndarray, furthest: int
) -> np.ndarray:
    r"""The length of :math:`\partial L_t/\partial s_{t-d}`, by the distance d.

    .. math::
        \frac{\partial L_t}{\partial s_{k-1}}
        = \Bigl(\frac{\partial L_t}{\partial s_k} \odot (1 - s_k^2)\Bigr) W^\top

    Parameters
    ----------
    W : array of shape (H, H)
    s : array of shape (T, H)
        The states of a sequence.
    errors : array of shape (T, H)
        From :func:`state_errors`.
    furthest : int
        The largest distance, less than T.

    Returns
    -------
    array of shape (furthest + 1, T - furthest)
        Row d: the norms at distance d, for every step t that has as many as ``furthest`` before
        it. So the rows tell of the same losses.
    """
    T, error = len(s), errors[furthest:]
    norms = [np.linalg.norm(error, axis=1)]
    for d in range(furthest):
        # The states that this error has reached.
        at = slice(furthest - d, T - d)
        error = (error * (1 - s[at] ** 2)) @ W.T
        norms.append(np.linalg.norm(error, axis=1))
    return np.array(norms)


class Fading(NamedTuple):
    """How errors shrink or grow with the distance, and what bounds that."""

    #: The spectral radius of W.
    radius: float
    #: The largest singular value of W.
    largest: float
    #: The largest slope of tanh at any state that was visited, and the mean slope.
    slope: float
    mean_slope: float
    #: The geometric mean of the norms at each distance, relative to distance 0.
    norms: np.ndarray

    @property
    def bound(self) -> float:
        """The factor per step that no error's growth exceeds: largest times slope."""
        return self.largest * self.slope

    @property
    def factor(self) -> float:
        """The factor per step of the straight line through the norms, on a log scale."""
        return factor_per_step(self.norms)


def fading(
    W: np.ndarray,
    V: np.ndarray,
    runs: list[tuple[np.ndarray, np.ndarray, np.ndarray]],
    furthest: int,
) -> Fading:
    """Follow the errors of many sentences back in time.

    Parameters
    ----------
    W, V : arrays of shape (H, H) and (C, H)
    runs : list of (s, o, y)
        For each sentence the states (T, H), probabilities (T, C) and next words (T,).
    furthest : int
        The largest distance; shorter sentences must not be among the runs.

    Returns
    -------
    Fading
    """
    norms = [error_norms(W, s, state_errors(V, o, y), furthest) for s, o, y in runs]
    # Saturated units let nothing through: log 0.
    with np.errstate(divide="ignore"):
        typical = np.exp(np.log(np.concatenate(norms, axis=1)).mean(axis=1))
    slopes = 1 - np.concatenate([s for s, _, _ in runs]) ** 2
    return Fading(
        spectral_radius(W),
        largest_singular_value(W),
        float(slopes.max()),
        float(slopes.mean()),
        typical / typical[0],
    )


def factor_per_step(norms: np.ndarray) -> float:
    """Fit a straight line to the logarithms of norms (distances,); its factor per step.

    Norms of 0, which have no logarithm, are left out. If there are not two others, it is 0.
    """
    distances = np.flatnonzero(norms)
    if len(distances) < 2:
        return 0.0
    return float(np.exp(np.polyfit(distances, np.log(norms[distances]), 1)[0]))
