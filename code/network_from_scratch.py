#!/usr/bin/env python3
"""Chapter 1: train a 3-layer network, in NumPy, on the two moons.

Prints losses and accuracies and writes two figures: the losses and the boundary.
"""

import matplotlib

matplotlib.use("Agg")  # figures become files; no window, no screen needed

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_moons
from tqdm import tqdm

from unrolled import plotting, script
from unrolled.network import accuracy, forward, initialize, loss, train


def main() -> None:
    """Read the options, train, report."""
    parser = script.options(__doc__, "figures/network-from-scratch")
    parser.add_argument(
        "--hidden", type=script.whole(1), default=3, help="hidden units"
    )
    parser.add_argument(
        "--passes", type=script.whole(1), default=20_000, help="over the data"
    )
    parser.add_argument(
        "--points", type=script.whole(2), default=200, help="to learn from"
    )
    parser.add_argument(
        "--noise", type=script.amount, default=0.20, help="of the moons"
    )
    parser.add_argument(
        "--rate", type=script.amount, default=2.0, help="learning rate η"
    )
    parser.add_argument(
        "--penalty", type=script.amount, default=5e-5, help="L2 regularization λ"
    )
    chosen = script.parse(parser)
    plotting.use_house_style()
    np.seterr(all="ignore")  # a loss that overflows is reported below, in words

    X, y = make_moons(chosen.points, noise=chosen.noise, random_state=chosen.seed)
    X_new, y_new = make_moons(5000, noise=chosen.noise, random_state=chosen.seed + 1)

    network = initialize(2, chosen.hidden, 2, chosen.seed)
    passes, losses = [], []
    every = max(1, chosen.passes // 100)
    run = train(network, X, y, chosen.rate, chosen.passes, chosen.penalty)
    bar = tqdm(run, total=chosen.passes, unit=" passes", mininterval=0.5)
    for i, network in enumerate(bar, start=1):
        if i % every == 0 or i in (1, chosen.passes):
            passes.append(i)
            losses.append(loss(network, X, y, chosen.penalty))
            script.check_loss(losses[-1], i)
            bar.set_postfix(loss=f"{losses[-1]:.4f}", refresh=False)

    print(f"loss after {passes[0]:,} pass: {losses[0]:.6f}")
    print(f"loss after {passes[-1]:,} passes: {losses[-1]:.6f}")
    print(f"right on the {len(X):,} points learned from: {accuracy(network, X, y):.1%}")
    print(f"right on {len(X_new):,} new points: {accuracy(network, X_new, y_new):.1%}")

    figure, ax = plt.subplots()
    plotting.loss_curve(ax, {f"H = {chosen.hidden}": (passes, losses)})
    print("wrote", plotting.save(figure, chosen.output / "loss.png"))
    figure, ax = plt.subplots()
    plotting.decision_boundary(ax, lambda points: forward(network, points)[1], X, y)
    print("wrote", plotting.save(figure, chosen.output / "boundary.png"))


if __name__ == "__main__":
    script.run(main)
