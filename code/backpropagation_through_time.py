#!/usr/bin/env python3
"""Chapter 5: how far errors travel in a recurrent network, and which cells learn a long memory.

First follows errors back through untrained networks on random words, and prints what is left of
them in each step. Then trains cells to recall a letter, each from several seeds, and prints how
many of these learn. Writes a figure of each.
"""

from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Annotated

import matplotlib

# Figures become files: no window, no screen needed.
matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np

from unrolled import (
    budget,
    command_line,
    fields,
    jacobians,
    machine,
    rnn_by_hand,
    tasks,
)
from unrolled.cells import CELLS
from unrolled.errors import UserError
from unrolled.figures import charts, style
from unrolled.intervals import wilson
from unrolled.language_model import LanguageModel
from unrolled.layers import Settings

#: Words, words of a sentence, and sentences of the measurement.
WORDS, LENGTH, SENTENCES = 100, 40, 20


@dataclass(frozen=True)
class Trial:
    """What this script can be told."""

    cells: tuple[Annotated[str, fields.one_of(CELLS)], ...] = ("rnn", "gru", "lstm")
    """Kinds of units that learn."""
    distances: tuple[fields.Positive, ...] = (6, 12, 24)
    """Steps between the letter and the question."""
    radius: fields.Amount | None = None
    """Scale every W to this spectral radius; without it, W is as it is drawn."""
    hidden: fields.Positive = 16
    """Hidden units, H."""
    steps: fields.Positive = field(
        default_factory=lambda: budget.choose(smoke=50, cpu=2000, gpu=2000)
    )
    """Steps that a training may take, with Adam."""
    learning_rate: fields.Amount = 0.01
    """Of Adam, η."""
    seeds: fields.Positive = field(
        default_factory=lambda: budget.choose(smoke=2, cpu=8, gpu=8)
    )
    """Trainings of each cell at each distance, from other weights on other data."""
    seed: fields.Natural = 0
    """Of the first training."""
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


def identity(parameters: dict[str, np.ndarray]) -> None:
    """Start rectified units as their authors do."""
    parameters["W"] = np.eye(len(parameters["W"]))


def train(cell: str, distances: list[int], chosen: Trial) -> list[int]:
    """How many of the seeds learn to recall, for each distance."""
    settings = Settings(vocabulary=6, hidden=chosen.hidden, cell=cell)
    model = LanguageModel(settings, clip=1.0, optimizer="adam")
    counts = []
    for k in distances:
        found = tasks.trials(
            model,
            partial(tasks.recall, k, T=max(distances) + 1),
            chosen.steps,
            chosen.learning_rate,
            range(chosen.seed, chosen.seed + chosen.seeds),
            identity if cell == "relu" else None,
        )
        for trial in found:
            last = trial.losses[-1]
            command_line.check_loss(last, len(trial.losses), chosen.learning_rate)
        counts.append(sum(trial.learned for trial in found))
        low, high = wilson(counts[-1], chosen.seeds)
        ends = [trial.losses[-tasks.OVER :].mean() for trial in found]
        print(
            f"{cell:4} recall {k:3}: {counts[-1]} of {chosen.seeds} learn "
            f"({low:.0%} to {high:.0%}), "
            f"loss at the end {min(ends):.3f} to {max(ends):.3f}",
            flush=True,
        )
    return counts


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
    figure, ax = plt.subplots()
    for i, cell in enumerate(dict.fromkeys(chosen.cells)):
        counts = train(cell, distances, chosen)
        look = {"label": cell, "marker": style.MARKERS[i % len(style.MARKERS)]}
        # Side by side, so that no interval hides another.
        places = np.arange(len(distances)) + 0.08 * i
        charts.shares(ax, places, counts, chosen.seeds, **look)
    ax.set_xticks(range(len(distances)), distances)
    ax.set(xlabel="distance k (steps)", ylabel="share of seeds that learn")
    ax.legend()
    print("wrote", style.save(figure, chosen.output / "recall.png"))


if __name__ == "__main__":
    command_line.run(main)
