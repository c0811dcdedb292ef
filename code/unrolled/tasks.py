"""Small tasks for which we know what has to be remembered, and how long.

Each task makes fresh random :class:`unrolled.streams.Batch` es, so that nothing can be learned by
heart. Classes are numbered from 0; a mask says at which steps an answer counts.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from unrolled.language_model import LanguageModel
from unrolled.streams import Batch


def echo(k: int, random: np.random.Generator, T: int = 30, B: int = 32) -> Batch:
    """Say at each step which of four letters came k steps before.

    Parameters
    ----------
    k : int
        The delay, from 0 to T - 1. The first k steps do not count.
    random : numpy Generator
    T, B : int
        Steps of a sequence, and sequences.
    """
    x = random.integers(4, size=(T, B)).astype(np.int32)
    y, mask = np.zeros_like(x), np.zeros((T, B), np.float32)
    y[k:], mask[k:] = x[: T - k], 1
    return Batch.apart(x, y, mask)


def parity(T: int, random: np.random.Generator, B: int = 32) -> Batch:
    """Say at each step whether the number of ones among the bits so far is odd.

    Parameters
    ----------
    T, B : int
        Bits of a sequence, and sequences.
    random : numpy Generator
    """
    x = random.integers(2, size=(T, B)).astype(np.int32)
    odd = (x.cumsum(axis=0) % 2).astype(np.int32)
    return Batch.apart(x, odd)


def recall(
    k: int, random: np.random.Generator, T: int | None = None, B: int = 32
) -> Batch:
    """Name at the last step which of four letters came k steps before, among noise.

    Letters are 0 to 3. Everything else that comes in is 4 or 5, at random, and means nothing. Only
    the last step counts, so that no shorter memory is rewarded.

    Parameters
    ----------
    k : int
        The distance, from 1 to T - 1.
    random : numpy Generator
    T, B : int
        Steps of a sequence, and sequences. Without T, the letter is the first that comes in:
        T = k + 1.
    """
    T = k + 1 if T is None else T
    x = random.integers(4, 6, size=(T, B)).astype(np.int32)
    y, mask = np.zeros_like(x), np.zeros((T, B), np.float32)
    x[T - 1 - k] = y[-1] = random.integers(4, size=B)
    mask[-1] = 1
    return Batch.apart(x, y, mask)


def learn(
    model: LanguageModel,
    make_batch: Callable[[np.random.Generator], Batch],
    steps: int,
    learning_rate: float = 1.0,
    seed: int = 0,
) -> np.ndarray:
    """Train a model on fresh batches; the loss before each step: (steps,)."""
    random = np.random.default_rng(seed)
    losses = [model.step(make_batch(random), learning_rate) for _ in range(steps)]
    return np.array(losses)


def share_right(model: LanguageModel, batch: Batch) -> float:
    """The share of the steps that count at which the likeliest class is right."""
    states, right = model.start(batch.x.shape[1]), 0.0
    for x, y, mask, _ in zip(*batch):
        log_o, states = model.read(x, states)
        right += ((np.asarray(log_o).argmax(axis=1) == y) * mask).sum()
    return float(right / batch.mask.sum())
