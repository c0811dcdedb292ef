#!/usr/bin/env python3
"""Chapter 1: train a 3-layer network, in NumPy, on the two moons.

Prints losses and accuracies and writes two figures: the losses and the boundary.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import matplotlib

# Figures become files: no window, no screen needed.
matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_moons
from tqdm import tqdm

from unrolled import command_line, fields, network
from unrolled.figures import charts, style


@dataclass(frozen=True)
class Settings:
    """What this script can be told."""

    hidden: fields.Positive = 3
    """Hidden units, H."""
    passes: fields.Positive = 20_000
    """Steps of gradient descent, each over all points."""
    points: Annotated[int, fields.whole(2)] = 200
    """Points to learn from."""
    noise: fields.Amount = 0.20
    """Of the moons."""
    learning_rate: fields.Amount = 2.0
    """Step's length per unit of slope, η."""
    regularization: fields.Amount = 5e-5
    """Strength of the penalty on large weights, λ."""
    seed: fields.Natural = 0
    """Of points and weights."""
    output: fields.File = Path("figures/network-from-scratch")
    """Folder for the figures."""


def main() -> None:
    """Read the settings, train, report."""
    chosen = command_line.parse(Settings(), __doc__)
    style.use_house_style()
    # A loss that overflows is reported below, in words.
    np.seterr(all="ignore")

    X, y = make_moons(chosen.points, noise=chosen.noise, random_state=chosen.seed)
    X_new, y_new = make_moons(5000, noise=chosen.noise, random_state=chosen.seed + 1)

    parameters = network.initialize(2, chosen.hidden, 2, chosen.seed)
    eta, lam = chosen.learning_rate, chosen.regularization
    # After every pass: a loss can leap for a few passes only.
    losses = []
    run = network.train(parameters, X, y, eta, chosen.passes, lam)
    bar = tqdm(run, total=chosen.passes, unit=" passes", mininterval=0.5)
    for i, parameters in enumerate(bar, start=1):
        losses.append(network.loss(parameters, X, y, lam))
        command_line.check_loss(losses[-1], i, eta)
        bar.set_postfix(loss=f"{losses[-1]:.4f}", refresh=False)

    print(f"loss after 1 pass: {losses[0]:.6f}")
    print(f"loss after {len(losses):,} passes: {losses[-1]:.6f}")
    print(
        f"right on the {len(X):,} points learned from: {network.accuracy(parameters, X, y):.1%}"
    )
    print(
        f"right on {len(X_new):,} new points: {network.accuracy(parameters, X_new, y_new):.1%}"
    )

    figure, ax = plt.subplots()
    charts.loss_curve(ax, {f"H = {chosen.hidden}": (range(1, len(losses) + 1), losses)})
    print("wrote", style.save(figure, chosen.output / "loss.png"))
    figure, ax = plt.subplots()
    charts.decision_boundary(
        ax, lambda points: network.forward(parameters, points)[1], X, y
    )
    print("wrote", style.save(figure, chosen.output / "boundary.png"))


if __name__ == "__main__":
    command_line.run(main)
