#!/usr/bin/env python3
"""Chapter 3: train a recurrent network on tasks that need a memory, echo or parity.

Prints the share of right answers and writes two figures: the losses and those shares.
"""

import matplotlib

matplotlib.use("Agg")  # figures become files; no window, no screen needed

import matplotlib.pyplot as plt
import numpy as np

from unrolled import backend, plotting, script
from unrolled.language_model import LanguageModel, Settings
from unrolled.tasks import accuracy, echo, learn, parity

#: For each task: what makes a batch of a difficulty, its classes, what the difficulty is called.
TASKS = {
    "echo": (echo, 4, "delay k (steps)"),
    "parity": (parity, 2, "T, bits of a sequence"),
}


def main() -> None:
    """Read the options, train once for each difficulty, report."""
    parser = script.options(__doc__, "figures/introduction-to-rnns")
    parser.add_argument("--task", choices=TASKS, default="echo", help="what to learn")
    parser.add_argument(
        "--difficulties",
        type=script.whole(1),
        nargs="+",
        default=[1, 2, 4, 6, 8],
        help="delays of the echo, or lengths for parity",
    )
    parser.add_argument("--hidden", type=script.whole(1), default=16, help="units")
    parser.add_argument(
        "--steps", type=script.whole(1), default=2000, help="of gradient descent"
    )
    parser.add_argument(
        "--rate", type=script.amount, default=1.0, help="learning rate η"
    )
    chosen = script.parse(parser)
    if chosen.task == "echo" and max(chosen.difficulties) >= 30:
        raise script.UserError(
            f"--difficulties {max(chosen.difficulties)}: an echo's sequence has 30 steps, "
            "so expected delays from 1 to 29"
        )
    plotting.use_house_style()
    make, classes, difficulty = TASKS[chosen.task]
    where = backend.describe()
    print(f"device: {where['device']} ({where['name']})")

    curves, shares = {}, []
    for d in chosen.difficulties:
        model = LanguageModel(
            Settings(classes, chosen.hidden), seed=chosen.seed, clip=1
        )
        losses = learn(
            model,
            lambda random, d=d: make(d, random),
            chosen.steps,
            chosen.rate,
            chosen.seed,
        )
        script.check_loss(losses[-1], chosen.steps)
        shares.append(accuracy(model, make(d, np.random.default_rng(99), B=500)))
        curves[f"{chosen.task} {d}"] = (range(1, chosen.steps + 1), losses)
        print(
            f"{chosen.task} {d:2}: loss {losses[0]:.3f} -> {losses[-1]:.3f}, "
            f"right {shares[-1]:.1%}",
            flush=True,
        )

    figure, ax = plt.subplots()
    plotting.loss_curve(ax, curves, x="step")
    print("wrote", plotting.save(figure, chosen.output / "loss.png"))
    figure, ax = plt.subplots()
    ax.plot(chosen.difficulties, shares, "-o")
    ax.axhline(1 / classes, color=plotting.GRAY, linestyle="--", linewidth=1)
    ax.set(xlabel=difficulty, ylabel="share of right answers", ylim=(0, 1.05))
    print("wrote", plotting.save(figure, chosen.output / "right-answers.png"))


if __name__ == "__main__":
    script.run(main)
