"""What the book times. Its pages and ``make measure`` call the same functions."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import numpy as np

from unrolled import compute, machine, network, timing
from unrolled.language_model import LanguageModel
from unrolled.network import Parameters
from unrolled.streams import Batch


def network_steps(
    parameters: Parameters, X: np.ndarray, y: np.ndarray, rate: float, penalty: float
) -> dict[str, Callable[[], Any]]:
    """One step of gradient descent: by hand, and compiled for each device.

    Parameters
    ----------
    parameters : Parameters
        In the precision to compute in.
    X : array, N × D
    y : array of int, (N,)
    rate, penalty : float
        The learning rate, and λ.

    Returns
    -------
    dict of str to callable
        ``"NumPy, by hand"``, ``"PyTensor, JAX, CPU"``, and where there is one the GPU's.
    """

    def by_hand():
        slopes = network.gradients(parameters, X, y, penalty)
        return [p - rate * g for p, g in zip(parameters, slopes)]

    steps = {"NumPy, by hand": by_hand}
    for device in machine.devices():
        compiled = network.TheanoNetwork(parameters, X, y, rate, penalty, on=device)
        steps[f"PyTensor, JAX, {device.upper()}"] = compiled.step
    return steps


class Toll(NamedTuple):
    """What the device that computes asks for before it computes anything."""

    call: float
    """Seconds of a call of the smallest function there is."""
    sent: list[tuple[int, float]]
    """Numbers of bytes, and the seconds to hand so many over."""


def toll() -> Toll:
    """Time a call of the smallest function, and handing arrays to the device."""
    nothing = compute.function([], compute.shared(0.0, "zero") + 1)
    call = timing.measure(nothing, repeats=200).median
    sent = []
    for size in (1000, 1_000_000):
        array = np.ones(size, "float32")
        hand_over = partial(jax.device_put, array, machine.jax_device())
        handed = timing.measure(hand_over)
        sent.append((array.nbytes, handed.median))
    return Toll(call, sent)


def _take_step(model: LanguageModel, batch: Batch) -> None:
    """A step at rate 0, which stays where it is, with all its work done."""
    model.step(batch, 0.0)
    timing.wait([p.get_value(borrow=True) for p in model.parameters.values()])


def step_seconds(model: LanguageModel, batch: Batch, repeats: int = 7) -> float:
    """Time a training step on a batch: the median, in seconds."""
    return timing.measure(lambda: _take_step(model, batch), repeats).median


def first_step_seconds(model: LanguageModel, batch: Batch) -> float:
    """Time a model's first step on a batch of some shape, which is compiled for it, in seconds."""
    begin = time.perf_counter()
    _take_step(model, batch)
    return time.perf_counter() - begin


def random_words(vocabulary: int, T: int, B: int) -> Batch:
    """B rows of T words drawn at random, each with a next word: work like any other text's."""
    x, y = np.random.default_rng(0).integers(4, vocabulary, (2, T, B)).astype("int32")
    return Batch.apart(x, y)
