#!/usr/bin/env python3
"""Chapter 3: train a recurrent network on tasks that need a memory, echo or parity.

Trains from several seeds, prints the shares of right answers, and writes two figures: the losses
of the first seed, and the shares with a band from the worst to the best seed.
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

from unrolled import budget, command_line, fields, machine, tasks
from unrolled.cells import CELLS
from unrolled.errors import UserError
from unrolled.figures import charts, style
from unrolled.language_model import LanguageModel
from unrolled.layers import Settings
from unrolled.updates import RULES

#: For each task: what makes a batch of a difficulty, its classes, what the difficulty is called.
TASKS = {
    "echo": (tasks.echo, 4, "delay k (steps)"),
    "parity": (tasks.parity, 2, "T, bits of a sequence"),
}


@dataclass(frozen=True)
class Trial:
    """What this script can be told."""

    task: Annotated[str, fields.one_of(TASKS)] = "echo"
    """What to learn."""
    difficulties: tuple[fields.Positive, ...] = (1, 2, 4, 6, 8)
    """Delays of the echo, or lengths for parity."""
    hidden: fields.Positive = 16
    """Hidden units, H."""
    cell: Annotated[str, fields.one_of(CELLS)] = "rnn"
    """Kind of recurrent unit."""
    optimizer: Annotated[str, fields.one_of(RULES)] = "sgd"
    """Rule that makes a step of a gradient."""
    learning_rate: fields.Amount = 1.0
    """Step's length per unit of slope, η; 0.01 suits adam."""
    steps: fields.Positive = field(
        default_factory=lambda: budget.choose(smoke=50, cpu=2000, gpu=2000)
    )
    """Steps that a training may take."""
    seeds: fields.Positive = field(
        default_factory=lambda: budget.choose(smoke=2, cpu=5, gpu=5)
    )
    """Trainings, each from other weights on other data."""
    seed: fields.Natural = 0
    """Of the first training."""
    output: fields.File = Path("figures/introduction-to-rnns")
    """Folder for the figures."""

    def __post_init__(self) -> None:
        fields.check(self)
        if self.task == "echo" and max(self.difficulties) >= 30:
            raise UserError(
                "an echo's sequence has 30 steps: expected delays from 1 to 29",
                difficulties=max(self.difficulties),
            )


def main() -> None:
    """Read the settings, train once for each difficulty, report."""
    chosen = command_line.parse(Trial(), __doc__)
    style.use_house_style()
    make, classes, difficulty = TASKS[chosen.task]
    where = machine.describe()
    print(f"device: {where.device} ({where.name})")

    model = LanguageModel(
        Settings(classes, chosen.hidden, cell=chosen.cell),
        clip=1.0,
        optimizer=chosen.optimizer,
    )
    curves, shares = {}, []
    for d in chosen.difficulties:
        found = tasks.trials(
            model,
            partial(make, d),
            chosen.steps,
            chosen.learning_rate,
            range(chosen.seed, chosen.seed + chosen.seeds),
        )
        for trial in found:
            last = trial.losses[-1]
            command_line.check_loss(last, len(trial.losses), chosen.learning_rate)
        shares.append([trial.share_right for trial in found])
        losses = found[0].losses
        curves[f"{chosen.task} {d}"] = (range(1, len(losses) + 1), losses)
        print(
            f"{chosen.task} {d:2}: right {np.mean(shares[-1]):.1%} "
            f"({min(shares[-1]):.1%} to {max(shares[-1]):.1%}), "
            f"learned {sum(trial.learned for trial in found)} of {len(found)}",
            flush=True,
        )

    figure, ax = plt.subplots()
    charts.loss_curve(ax, curves, x="step")
    print("wrote", style.save(figure, chosen.output / "loss.png"))
    figure, ax = plt.subplots()
    ax.plot(chosen.difficulties, np.mean(shares, axis=1), "-o")
    least, most = np.min(shares, axis=1), np.max(shares, axis=1)
    ax.fill_between(chosen.difficulties, least, most, alpha=0.2)
    ax.axhline(1 / classes, color=style.GRAY, linestyle="--", linewidth=1)
    ax.set(xlabel=difficulty, ylabel="share of right answers", ylim=(0, 1.05))
    print("wrote", style.save(figure, chosen.output / "right-answers.png"))


if __name__ == "__main__":
    command_line.run(main)
