#!/usr/bin/env python3
"""Chapter 3: train a recurrent network on tasks that need a memory, echo or parity.

Prints the share of right answers and writes two figures: the losses and those shares.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import matplotlib

# Figures become files: no window, no screen needed.
matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np

from unrolled import command_line, fields, machine, tasks
from unrolled.errors import UserError
from unrolled.figures import charts, style
from unrolled.language_model import LanguageModel
from unrolled.layers import Settings

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
    steps: fields.Positive = 2000
    """Steps of gradient descent."""
    learning_rate: fields.Amount = 1.0
    """Step's length per unit of slope, η."""
    seed: fields.Natural = 0
    """Of data and weights."""
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

    curves, shares = {}, []
    for d in chosen.difficulties:
        model = LanguageModel(
            Settings(classes, chosen.hidden), seed=chosen.seed, clip=1
        )
        losses = tasks.learn(
            model,
            lambda random, d=d: make(d, random),
            chosen.steps,
            chosen.learning_rate,
            chosen.seed,
        )
        command_line.check_loss(losses[-1], chosen.steps, chosen.learning_rate)
        shares.append(
            tasks.share_right(model, make(d, np.random.default_rng(99), B=500))
        )
        curves[f"{chosen.task} {d}"] = (range(1, chosen.steps + 1), losses)
        print(
            f"{chosen.task} {d:2}: loss {losses[0]:.3f} -> {losses[-1]:.3f}, "
            f"right {shares[-1]:.1%}",
            flush=True,
        )

    figure, ax = plt.subplots()
    charts.loss_curve(ax, curves, x="step")
    print("wrote", style.save(figure, chosen.output / "loss.png"))
    figure, ax = plt.subplots()
    ax.plot(chosen.difficulties, shares, "-o")
    ax.axhline(1 / classes, color=style.GRAY, linestyle="--", linewidth=1)
    ax.set(xlabel=difficulty, ylabel="share of right answers", ylim=(0, 1.05))
    print("wrote", style.save(figure, chosen.output / "right-answers.png"))


if __name__ == "__main__":
    command_line.run(main)
