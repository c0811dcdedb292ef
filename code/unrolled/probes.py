"""Look inside a trained language model: its states, its gates, its gradients, its word vectors.

T steps of B sequences, H hidden units. :func:`states` are those of the last layer; the other
functions that take a model are for one recurrent layer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt

from unrolled import compute
from unrolled.cells import CELLS
from unrolled.intervals import bootstrap
from unrolled.language_model import LanguageModel
from unrolled.layers import look_up, unroll, word_losses

#: The gates' names, in the order of their blocks; the last block is the candidate.
GATES = {"gru": ("z", "r"), "lstm": ("i", "f", "o")}


def states(model: LanguageModel, x: np.ndarray) -> np.ndarray:
    """The state after each word.

    Parameters
    ----------
    model : LanguageModel
    x : int32 array of shape (T, B)

    Returns
    -------
    array of shape (T, B, H)
    """
    words = pt.tensor("x", dtype="int32", shape=x.shape)
    start = [pt.zeros((x.shape[1], model.settings.hidden)) for _ in model.start(1)]
    rows = look_up(model.parameters, words)
    s, _ = unroll(model.settings, model.parameters, rows, start, pt.ones(x.shape))
    return np.asarray(compute.function([words], s)(x))


def gates(model: LanguageModel, x: np.ndarray) -> dict[str, np.ndarray]:
    r"""How far each gate is open at each word: :math:`\sigma(x_t U + s_{t-1} W + b)`.

    Parameters
    ----------
    model : LanguageModel
        Of cell ``gru`` or ``lstm``.
    x : int32 array of shape (T,)

    Returns
    -------
    dict of str to array of shape (T, H)
        By the gate's name; each number is between 0 (shut) and 1 (open).
    """
    H, p = model.settings.hidden, model.values()
    s = states(model, x[:, None])[:, 0]
    before = np.concatenate([np.zeros((1, H)), s[:-1]])
    rows = p["E"][x] @ p["U"] if "E" in p else p["U"][x]
    sums = rows + before @ p["W"] + p["b"]
    names = GATES[model.settings.cell]
    return {
        name: 1 / (1 + np.exp(-sums[:, i * H : (i + 1) * H]))
        for i, name in enumerate(names)
    }


def error_by_distance(model: LanguageModel, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    r"""How much of the last word's error reaches each earlier state.

    To each state a nudge of zero is added; the gradient with respect to the nudge is
    :math:`\partial L_T / \partial s_t`. What a cell carries counts as one state: of an LSTM,
    :math:`s_t` and :math:`c_t` together.

    Parameters
    ----------
    model : LanguageModel
    x, y : int32 arrays of shape (T, B)
        The words, and the words that follow; only the last row of y counts.

    Returns
    -------
    array of shape (T,)
        By the distance from the last step, from 0 on: the geometric mean over the B sequences of
        the gradient's length.
    """
    return distance_probe(model, *x.shape)(x, y)


def distance_probe(
    model: LanguageModel, T: int, B: int
) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """:func:`error_by_distance` of a model, compiled once for texts of one shape.

    It follows the model's parameters, whatever values they are given afterwards.
    """
    p = model.parameters
    words, following = (pt.tensor(n, dtype="int32", shape=(T, B)) for n in "xy")
    count = CELLS[model.settings.cell].states
    nudges = [pt.zeros((T, B, model.settings.hidden)) for _ in range(count)]
    trace = _nudged(model, look_up(p, words), nudges)
    loss = word_losses(p, trace[0][-1:], following[-1:]).sum()
    slopes = pytensor.grad(loss, nudges)
    compiled = compute.function([words, following], slopes, soon=True)

    def measure(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        found = compiled(x, y)
        squares = sum((np.asarray(g, np.float64) ** 2).sum(axis=2) for g in found)
        return np.exp(0.5 * np.log(squares).mean(axis=1))[::-1]

    return measure


def _nudged(model: LanguageModel, rows: Any, nudges: list[Any]) -> list[Any]:
    """The states over time, with something added to each."""
    cell, p = CELLS[model.settings.cell], model.parameters
    n, columns = cell.states, cell.gates * model.settings.hidden

    def step(a: Any, *others: Any) -> tuple[Any, ...]:
        added, before = others[:n], others[n:]
        return tuple(s + e for s, e in zip(cell.step(a, *before), added))

    trace = pytensor.scan(
        step,
        sequences=[(rows @ p["U"] if "E" in p else rows) + p["b"][:columns], *nudges],
        outputs_info=[pt.zeros_like(e[0]) for e in nudges],
        non_sequences=[p["W"]],
        return_updates=False,
        strict=True,
    )
    return trace if isinstance(trace, list) else [trace]


def tell_tale_units(
    s: np.ndarray, features: Mapping[str, np.ndarray]
) -> dict[str, tuple[int, float]]:
    """For each feature of a text, the hidden unit that follows it most closely.

    Parameters
    ----------
    s : array of shape (N, H)
        States, one for each place in the text.
    features : mapping of str to array of shape (N,)
        What could be told of each place.

    Returns
    -------
    dict of str to (unit, correlation)
        Pearson's correlation, of which the largest absolute value counts.
    """
    z = (s - s.mean(axis=0)) / (s.std(axis=0) + 1e-12)
    found = {}
    for name, feature in features.items():
        f = (feature - feature.mean()) / (feature.std() + 1e-12)
        r = f @ z / len(f)
        unit = int(np.abs(r).argmax())
        found[name] = unit, float(r[unit])
    return found


def read_out(
    s: np.ndarray, feature: np.ndarray, new_s: np.ndarray, new_feature: np.ndarray
) -> float:
    """How well a linear function of all units follows a feature in new text: a linear probe.

    Parameters
    ----------
    s : array of shape (N, H)
        States, to which the function is fitted by least squares.
    feature : array of shape (N,)
    new_s, new_feature : arrays of shape (M, H) and (M,)
        Where it is tried.

    Returns
    -------
    float
        Pearson's correlation of the function's values and the new feature.

    References
    ----------
    Alain and Bengio (2016), "Understanding intermediate layers using linear classifier probes".
    """
    with_constant, new = (np.insert(one, 0, 1, axis=1) for one in (s, new_s))
    line, *_ = np.linalg.lstsq(with_constant, feature, rcond=None)
    return float(np.corrcoef(new @ line, new_feature)[0, 1])


def mean_where(
    values: np.ndarray, chosen: np.ndarray, block: int = 1000
) -> tuple[float, float, float]:
    """The mean of some values of a text, and its bootstrap interval over blocks of the text.

    Parameters
    ----------
    values : array of shape (N,)
    chosen : bool array of shape (N,)
        Which of them count; one at least.
    block : int
        How many neighboring values are drawn together, since they depend on each other.

    Returns
    -------
    mean, low, high : float
    """
    at = np.flatnonzero(chosen)
    size = len(values) // block + 1
    counts = np.bincount(at // block, minlength=size)
    sums = np.bincount(at // block, values[at], size)

    def mean(sums: np.ndarray, counts: np.ndarray) -> float:
        return float(sums.sum() / max(counts.sum(), 1))

    return mean(sums, counts), *bootstrap(mean, sums, counts, draws=300)


def neighbors(table: np.ndarray, word: int, count: int = 5) -> np.ndarray:
    r"""The words whose vectors point in most nearly the same direction.

    Parameters
    ----------
    table : array of shape (C, D)
        Such as E.
    word : int
        A row of it.
    count : int

    Returns
    -------
    int array of shape (count,)
        The nearest first, by the cosine of the angle; the word itself is not among them.
    """
    unit = table / np.linalg.norm(table, axis=1, keepdims=True)
    cosine = unit @ unit[word]
    cosine[word] = -np.inf
    return cosine.argsort()[::-1][:count]


#: What a character's place can be called by: functions from a text to a number for each character.
FEATURES: dict[str, Callable[[str], np.ndarray]] = {
    "in the speaker's name": lambda text: np.arange(len(text)) < text.find("\n"),
    "characters since the line began": lambda text: _since(text, "\n"),
    "characters since the word began": lambda text: _since(text, " \n"),
    "characters since a comma or stop": lambda text: _since(text, ",.;:?!\n"),
    "after a vowel": lambda text: _after(text, "aeiouAEIOU"),
    "in a capitalized word": lambda text: _capitalized(text),
}


def _since(text: str, marks: str) -> np.ndarray:
    """How many characters ago one of the marks stood."""
    count, counts = 0, []
    for character in text:
        count = 0 if character in marks else count + 1
        counts.append(count)
    return np.array(counts, dtype=np.float64)


def _after(text: str, marks: str) -> np.ndarray:
    """Whether the character before is one of the marks."""
    return np.array([before in marks for before in "\n" + text[:-1]])


def _capitalized(text: str) -> np.ndarray:
    """Whether a character belongs to a word that begins with a capital."""
    inside, found = False, []
    for before, character in zip(" " + text, text):
        if not before.isalpha():
            inside = character.isupper()
        found.append(inside and character.isalpha())
    return np.array(found)
