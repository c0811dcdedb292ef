#!/usr/bin/env python3
"""Chapter 2: train with a compiled step of gradient descent, and time it beside NumPy's.

Prints the loss and the times, and writes two figures: the losses and the times.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import matplotlib

# Figures become files: no window, no screen needed.
matplotlib.use("Agg")

import matplotlib.pyplot as plt
from sklearn.datasets import make_moons
from tqdm import tqdm

from unrolled import command_line, compute, fields, machine, network, timing
from unrolled.figures import charts, style


@dataclass(frozen=True)
class Settings:
    """What this script can be told."""

    hidden: fields.Positive = 1000
    """Hidden units, H."""
    points: Annotated[int, fields.whole(2)] = 5000
    """Points to learn from."""
    passes: fields.Positive = 200
    """Steps of gradient descent, each over all points."""
    repeats: fields.Positive = 20
    """Steps that are timed."""
    learning_rate: fields.Amount = 0.05
    """Step's length per unit of slope, η."""
    mode: Annotated[str, fields.one_of(compute.MODES)] = "JAX"
    """Compiler."""
    seed: fields.Natural = 0
    """Of points and weights."""
    output: fields.File = Path("figures/theano-and-the-gpu")
    """Folder for the figures."""


def main() -> None:
    """Read the settings, time, train, report."""
    chosen = command_line.parse(Settings(), __doc__)
    style.use_house_style()
    where = machine.describe()
    print(f"device: {where.device} ({where.name})")

    X, y = make_moons(chosen.points, noise=0.20, random_state=chosen.seed)
    X = X.astype("float32")
    start = network.initialize(2, chosen.hidden, 2, chosen.seed)
    start = network.Parameters(*(value.astype("float32") for value in start))
    print(f"compiling for {chosen.mode} ...", flush=True)
    compiled = network.TheanoNetwork(
        start, X, y, chosen.learning_rate, mode=chosen.mode
    )

    losses = []
    for i in tqdm(range(chosen.passes), unit=" passes"):
        losses.append(float(compiled.step()))
        command_line.check_loss(losses[-1], i, chosen.learning_rate)
    print(f"loss {losses[0]:.6f} -> {float(compiled.loss()):.6f}")

    times = {
        "NumPy": timing.measure(lambda: network.gradients(start, X, y), chosen.repeats),
        chosen.mode: timing.measure(compiled.step, chosen.repeats),
    }
    for name, t in times.items():
        print(
            f"{name:6} {1e3 * t.median:9.3f} ms per step "
            f"({1e3 * t.fastest:.3f} to {1e3 * t.slowest:.3f} in {t.repeats})"
        )

    figure, ax = plt.subplots(figsize=(6.4, 2.2))
    ax.barh(
        list(times), [1e3 * t.median for t in times.values()], color=style.COLORS[0]
    )
    ax.set(xlabel="milliseconds per step")
    print("wrote", style.save(figure, chosen.output / "step-times.png"))
    figure, ax = plt.subplots()
    charts.loss_curve(ax, {chosen.mode: (range(1, chosen.passes + 1), losses)})
    print("wrote", style.save(figure, chosen.output / "loss.png"))


if __name__ == "__main__":
    command_line.run(main)
