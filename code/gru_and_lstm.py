#!/usr/bin/env python3
"""Chapter 6: train language models with plain, GRU and LSTM cells alike, beside n-gram models.

Trains one model after the other on Shakespeare for the same number of epochs, prints a table of
perplexities and a sentence from each, and writes two figures: the curves, and the states
of the last model over a line.
"""

from dataclasses import dataclass, field
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
    probes,
    recipes,
    sampling,
    shakespeare,
    training,
)
from unrolled.figures import charts, style
from unrolled.ngrams import KneserNey
from unrolled.options import Options
from unrolled.probability import perplexity
from unrolled.vocabulary import START, Vocabulary

CELLS = ("rnn", "gru", "lstm")


@dataclass(frozen=True)
class Trial:
    """What this script can be told."""

    cells: tuple[Annotated[str, fields.one_of(CELLS)], ...] = CELLS
    """Kinds of units to compare."""
    training: Options = field(default_factory=recipes.gru)
    all: bool = False
    """Train on all of the plays; without it, on as much as the budget has."""
    output: fields.File = Path("figures/gru-and-lstm")
    """Folder for the figures."""


def draw_curves(histories, baselines, picture) -> None:
    """Draw the validation perplexity after each epoch, and n-gram models as lines."""
    figure, ax = plt.subplots()
    for cell, history in histories.items():
        epochs = [row.epoch for row in history]
        values = [perplexity(row.validation) for row in history]
        ax.semilogy(epochs, values, marker="o", label=cell)
    ax.set(xlabel="epoch", ylabel="validation perplexity")
    ax.legend()
    charts.levels(ax, baselines)
    print("wrote", style.save(figure, picture))


def draw_states(
    model, vocabulary, picture, line="My lord, I know not what to do."
) -> None:
    """Draw what the first units hold while they read a line."""
    words = sampling.tokenize(line)
    x = np.array([START, *vocabulary.encode(words)], dtype=np.int32)
    s = probes.states(model, x[:, None])[:, 0, :16]
    figure, ax = plt.subplots()
    image = ax.imshow(s.T, cmap="PuOr", vmin=-1, vmax=1, aspect="auto")
    ax.set_xticks(range(len(x)), ["<s>", *words], rotation=45, ha="right")
    ax.set(ylabel="hidden unit")
    figure.colorbar(image, label="state")
    print("wrote", style.save(figure, picture))


def main() -> None:
    """Read the settings, train each cell, compare."""
    chosen = command_line.parse(Trial(), __doc__, without=("cell",))
    style.use_house_style()
    text = shakespeare.load() if chosen.all else recipes.plays()
    options = chosen.training
    vocabulary = Vocabulary.build(text.train, options.model.vocabulary)
    encoded, held_out = (
        [vocabulary.encode(sentence) for sentence in part]
        for part in (text.train, text.validation)
    )
    baselines = {
        name: KneserNey(encoded, len(vocabulary), order).perplexity(held_out)
        for order, name in ((2, "bigram"), (3, "trigram"))
    }
    for name, value in baselines.items():
        print(f"{name}: validation loss {np.log(value):.3f}, perplexity {value:.1f}")
    histories = {}
    for cell in chosen.cells:
        done = training.fit(text, fields.changed(options, cell=cell))
        histories[cell] = done.state.history
        best = done.state.best
        print(f"{cell}: validation loss {best:.3f}, perplexity {perplexity(best):.1f}")
        for words in sampling.generate(
            done.model, vocabulary, 2, temperature=0.7, longest=30, seed=options.seed
        ):
            print("·", sampling.detokenize(words))
    draw_curves(histories, baselines, chosen.output / "perplexity.png")
    draw_states(done.model, vocabulary, chosen.output / "states.png")


if __name__ == "__main__":
    command_line.run(main)
