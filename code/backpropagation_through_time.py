#!/usr/bin/env python3
"""Chapter 5: how far errors travel in a recurrent network, and which cells learn a long memory.

First follows errors back through untrained networks on random words, and prints what is left of
them in each step. Then trains cells to recall a letter, and prints their losses. Writes a figure
of each.
"""

import matplotlib

matplotlib.use("Agg")  # figures become files; no window, no screen needed

import matplotlib.pyplot as plt
import numpy as np

from unrolled import backend, numpy_rnn, plotting, script
from unrolled.cells import CELLS
from unrolled.language_model import LanguageModel, Settings, initialize
from unrolled.tasks import learn, recall, restart
from unrolled.time_gradients import KINDS, Fading, fading, recurrent_weights

#: Words, words of a sentence, and sentences of the measurement.
WORDS, LENGTH, SENTENCES = 100, 40, 20


def follow(kind: str, hidden: int, radius: float | None, seed: int) -> Fading:
    """Send errors back through an untrained network whose W is of a kind."""
    random = np.random.default_rng(seed)
    p = numpy_rnn.initialize(WORDS, hidden, seed)
    p = p._replace(W=recurrent_weights(kind, hidden, random, radius))
    runs = []
    for _ in range(SENTENCES):
        x, y = random.integers(WORDS, size=(2, LENGTH))
        runs.append((*numpy_rnn.forward(p, x), y))
    return fading(p.W, p.V, runs, LENGTH - 10)


def train(cell: str, distances: list[int], chosen) -> dict[int, np.ndarray]:
    """The losses of a cell that learns to recall, for each distance."""
    settings = Settings(C=6, H=chosen.hidden, cell=cell)
    model = LanguageModel(settings, clip=1.0, rule="adam")
    T, losses = max(distances) + 10, {}
    for k in distances:
        parameters = initialize(settings, chosen.seed)
        if cell == "relu":  # as its authors start it
            parameters["W"] = np.eye(chosen.hidden)
        restart(model, parameters)
        losses[k] = learn(
            model,
            lambda random, k=k: recall(k, random, T),
            chosen.steps,
            chosen.rate,
            chosen.seed,
        )
        script.check_loss(losses[k][-1], chosen.steps)
        end = losses[k][-50:].mean()
        print(f"{cell:4} recall {k:3}: loss {losses[k][0]:.3f} -> {end:.3f}")
    return losses


def options():
    """Read the command line."""
    parser = script.options(__doc__, "figures/backpropagation-through-time")
    parser.add_argument(
        "--cells",
        choices=CELLS,
        nargs="+",
        default=["rnn", "gru", "lstm"],
        help="what learns",
    )
    parser.add_argument(
        "--distances",
        type=script.whole(1),
        nargs="+",
        default=[5, 20, 40],
        help="steps between the letter and the question",
    )
    parser.add_argument(
        "--radius",
        type=script.amount,
        help="scale every W to this spectral radius; None: as it is drawn",
    )
    parser.add_argument("--hidden", type=script.whole(1), default=32, help="units")
    parser.add_argument(
        "--steps", type=script.whole(1), default=600, help="of training, with Adam"
    )
    parser.add_argument(
        "--rate", type=script.amount, default=0.01, help="learning rate η"
    )
    chosen = script.parse(parser)
    if chosen.radius == 0:
        raise script.UserError(
            "--radius 0: no error passes a W of zeros, expected a number above 0"
        )
    return chosen


def main() -> None:
    """Read the options, measure, train, report."""
    chosen = options()
    plotting.use_house_style()
    where = backend.describe()
    print(f"device: {where['device']} ({where['name']})")

    print("W           radius  σ₁     bound  measured (factor per step)")
    norms = {}
    for kind in KINDS:
        found = follow(kind, chosen.hidden, chosen.radius, chosen.seed)
        norms[kind] = found.norms
        print(
            f"{kind:11}{found.radius:6.3f}{found.largest:7.3f}"
            f"{found.bound:8.3f}{found.rate:8.3f}"
        )
    figure, ax = plt.subplots()
    plotting.norms_by_distance(ax, norms)
    print("wrote", plotting.save(figure, chosen.output / "norms.png"))

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
    print("wrote", plotting.save(figure, chosen.output / "recall.png"))


if __name__ == "__main__":
    script.run(main)
