"""Small tasks for which we know what has to be remembered, and how long.

Each task makes fresh random :class:`unrolled.streams.Batch` es, so that nothing can be learned by
heart. Classes are numbered from 0; a mask says at which steps an answer counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

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


#: A loss below this, as a mean over so many steps, says that a task is learned.
LEARNED, OVER = 0.05, 50


def learn(
    model: LanguageModel,
    make_batch: Callable[[np.random.Generator], Batch],
    steps: int,
    learning_rate: float = 1.0,
    seed: int = 0,
    enough: float = 0.0,
) -> np.ndarray:
    """Train a model on fresh batches, until the last losses are below ``enough`` or for all steps.

    Returns
    -------
    array of shape (steps taken,)
        The loss before each step, in nats.
    """
    random, losses = np.random.default_rng(seed), []
    for step in range(1, steps + 1):
        losses.append(model.step(make_batch(random), learning_rate))
        # Now and then: to look at a loss is to wait for it.
        if step % OVER == 0 and np.mean(losses[-OVER:]) < enough:
            break
    return np.array(losses)


class Trial(NamedTuple):
    """How one training went."""

    #: Before each step that was taken, in nats.
    losses: np.ndarray
    #: Of the answers to new sequences.
    share_right: float
    #: At the end, by name.
    parameters: dict[str, np.ndarray]

    @property
    def learned(self) -> bool:
        """Whether the last losses are below :data:`LEARNED`."""
        return bool(self.losses[-OVER:].mean() < LEARNED)


def trials(
    model: LanguageModel,
    make_batch: Callable[..., Batch],
    steps: int,
    learning_rate: float,
    seeds: Iterable[int] = range(5),
    change: Callable[[dict[str, np.ndarray]], None] | None = None,
) -> list[Trial]:
    """Train one model again and again, from other weights and on other data.

    A training that has learned its task ends there.

    Parameters
    ----------
    model : LanguageModel
        Of any cell; compiled once, it starts anew from each seed.
    make_batch : callable
        From a generator, and perhaps a number of sequences B, to a batch: ``partial(echo, 6)``.
    steps : int
        The most that a training may take.
    learning_rate : float
    seeds : iterable of int
    change : callable, optional
        Changes the parameters that a seed has drawn, in place, before the first step.

    Returns
    -------
    list of Trial
        One for each seed. All answer the same new sequences.
    """
    results = []
    for seed in seeds:
        parameters = model.initialize(model.settings, seed)
        if change:
            change(parameters)
        model.restart(seed, parameters)
        losses = learn(model, make_batch, steps, learning_rate, seed, LEARNED)
        # No training draws from this seed.
        test = make_batch(np.random.default_rng(99), B=500)
        results.append(Trial(losses, share_right(model, test), model.values()))
    return results


def share_right(model: LanguageModel, batch: Batch) -> float:
    """The share of the steps that count at which the likeliest class is right."""
    states, right = model.start(batch.x.shape[1]), 0.0
    for x, y, mask, _ in zip(*batch):
        log_o, states = model.read(x, states)
        right += ((np.asarray(log_o).argmax(axis=1) == y) * mask).sum()
    return float(right / batch.mask.sum())
