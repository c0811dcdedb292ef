#!/usr/bin/env python3
"""Chapter 2: train with a compiled step of gradient descent, and time it beside NumPy's.

Prints the loss and the times, and writes two figures: the losses and the times.
"""

import matplotlib

matplotlib.use("Agg")  # figures become files; no window, no screen needed

import matplotlib.pyplot as plt
from sklearn.datasets import make_moons
from tqdm import tqdm

from unrolled import backend, plotting, script
from unrolled.network import Parameters, TheanoNetwork, gradients, initialize


def main() -> None:
    """Read the options, time, train, report."""
    parser = script.options(__doc__, "figures/theano-and-the-gpu")
    parser.add_argument(
        "--hidden", type=script.whole(1), default=1000, help="hidden units"
    )
    parser.add_argument(
        "--points", type=script.whole(2), default=5000, help="to learn from"
    )
    parser.add_argument(
        "--passes", type=script.whole(1), default=200, help="over the data"
    )
    parser.add_argument(
        "--repeats", type=script.whole(1), default=20, help="timed steps"
    )
    parser.add_argument(
        "--rate", type=script.amount, default=0.05, help="learning rate η"
    )
    parser.add_argument(
        "--mode", choices=backend.MODES, default="JAX", help="the compiler"
    )
    chosen = script.parse(parser)
    plotting.use_house_style()
    where = backend.describe()
    print(f"device: {where['device']} ({where['name']})")

    X, y = make_moons(chosen.points, noise=0.20, random_state=chosen.seed)
    X = X.astype("float32")
    start = initialize(2, chosen.hidden, 2, chosen.seed)
    start = Parameters(*(value.astype("float32") for value in start))
    print(f"compiling for {chosen.mode} ...", flush=True)
    network = TheanoNetwork(start, X, y, chosen.rate, mode=chosen.mode)

    losses = []
    for i in tqdm(range(chosen.passes), unit=" passes"):
        losses.append(float(network.step()))
        script.check_loss(losses[-1], i)
    print(f"loss {losses[0]:.6f} -> {float(network.loss()):.6f}")

    times = {
        "NumPy": backend.measure(lambda: gradients(start, X, y), chosen.repeats),
        chosen.mode: backend.measure(network.step, chosen.repeats),
    }
    for name, t in times.items():
        print(
            f"{name:6} {1e3 * t.median:9.3f} ms per step "
            f"({1e3 * t.fastest:.3f} to {1e3 * t.slowest:.3f} in {t.repeats})"
        )

    figure, ax = plt.subplots(figsize=(6.4, 2.2))
    ax.barh(
        list(times), [1e3 * t.median for t in times.values()], color=plotting.COLORS[0]
    )
    ax.set(xlabel="milliseconds per step")
    print("wrote", plotting.save(figure, chosen.output / "step-times.png"))
    figure, ax = plt.subplots()
    plotting.loss_curve(ax, {chosen.mode: (range(1, chosen.passes + 1), losses)})
    print("wrote", plotting.save(figure, chosen.output / "loss.png"))


if __name__ == "__main__":
    script.run(main)
