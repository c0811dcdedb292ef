#!/usr/bin/env python3
"""Chapter 5: how far errors travel in a recurrent network, and which cells learn a long memory.

First follows errors back through untrained networks on random words, and prints what is left of
them in each step. Then trains cells to recall a letter, and prints their losses. Writes a figure
of each.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import matplotlib

# Figures become files: no window, no screen needed.
matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np

from unrolled import (
    command_line,
    fields,
    jacobians,
    layers,
    machine,
    rnn_by_hand,
    tasks,
)
from unrolled.cells import CELLS
from unrolled.errors import UserError
from unrolled.figures import charts, style
from unrolled.language_model import LanguageModel

#: Words, words of a sentence, and sentences of the measurement.
WORDS, LENGTH, SENTENCES = 100, 40, 20


@dataclass(frozen=True)
class Trial:
    """What this script can be told."""

    cells: tuple[Annotated[str, fields.one_of(CELLS)], ...] = ("rnn", "gru", "lstm")
    """Kinds of units that learn."""
    distances: tuple[fields.Positive, ...] = (5, 20, 40)
    """Steps between the letter and the question."""
    radius: fields.Amount | None = None
    """Scale every W to this spectral radius; without it, W is as it is drawn."""
    hidden: fields.Positive = 32
    """Hidden units, H."""
    steps: fields.Positive = 600
    """Steps of training, with Adam."""
    learning_rate: fields.Amount = 0.01
    """Of Adam, η."""
    seed: fields.Natural = 0
    """Of data and weights."""
    output: fields.File = Path("figures/backpropagation-through-time")
    """Folder for the figures."""

    def __post_init__(self) -> None:
        fields.check(self)
        if self.radius == 0:
            raise UserError(
                "no error passes a W of zeros: expected a number above 0", radius=0
            )


def follow(kind: str, hidden: int, radius: float | None, seed: int) -> jacobians.Fading:
    """Send errors back through an untrained network whose W is of a kind."""
    random = np.random.default_rng(seed)
    p = rnn_by_hand.initialize(WORDS, hidden, seed)
    p = p._replace(W=jacobians.recurrent_weights(kind, hidden, random, radius))
    runs = []
    for _ in range(SENTENCES):
        x, y = random.integers(WORDS, size=(2, LENGTH))
        runs.append((*rnn_by_hand.forward(p, x), y))
    return jacobians.fading(p.W, p.V, runs, LENGTH - 10)


def train(cell: str, distances: list[int], chosen) -> dict[int, np.ndarray]:
    """The losses of a cell that learns to recall, for each distance."""
    settings = layers.Settings(vocabulary=6, hidden=chosen.hidden, cell=cell)
    model = LanguageModel(settings, clip=1.0, optimizer="adam")
    T, losses = max(distances) + 10, {}
    for k in distances:
        parameters = layers.initialize(settings, chosen.seed)
        if cell == "relu":
            # As its authors start it.
            parameters["W"] = np.eye(chosen.hidden)
        model.restart(chosen.seed, parameters)
        losses[k] = tasks.learn(
            model,
            lambda random, k=k: tasks.recall(k, random, T),
            chosen.steps,
            chosen.learning_rate,
            chosen.seed,
        )
        command_line.check_loss(losses[k][-1], chosen.steps, chosen.learning_rate)
        end = losses[k][-50:].mean()
        print(f"{cell:4} recall {k:3}: loss {losses[k][0]:.3f} -> {end:.3f}")
    return losses


def main() -> None:
    """Read the settings, measure, train, report."""
    chosen = command_line.parse(Trial(), __doc__)
    style.use_house_style()
    where = machine.describe()
    print(f"device: {where.device} ({where.name})")

    print("W           radius  σ₁     bound  measured (factor per step)")
    norms = {}
    for kind in jacobians.KINDS:
        found = follow(kind, chosen.hidden, chosen.radius, chosen.seed)
        norms[kind] = found.norms
        print(
            f"{kind:11}{found.radius:6.3f}{found.largest:7.3f}"
            f"{found.bound:8.3f}{found.factor:8.3f}"
        )
    figure, ax = plt.subplots()
    charts.norms_by_distance(ax, norms)
    print("wrote", style.save(figure, chosen.output / "norms.png"))

    distances = sorted(set(chosen.distances))
    figure, axes = plt.subplots(
        1, len(distances), sharey=True, squeeze=False, figsize=(7.4, 3)
    )
    for cell in dict.fromkeys(chosen.cells):
        for ax, (k, losses) in zip(
            axes[0], train(cell, distances, chosen).items(), strict=True
        ):
            ax.plot(losses, label=cell)
            ax.set(title=f"k = {k}", xlabel="step")
    axes[0, 0].set_ylabel("loss (nats)")
    axes[0, -1].legend()
    print("wrote", style.save(figure, chosen.output / "recall.png"))


if __name__ == "__main__":
    command_line.run(main)
