#!/usr/bin/env python3
"""Chapter 4: train a recurrent language model on Shakespeare, beside n-gram models.

Times a step by hand and compiled, trains with checkpoints, prints perplexities and new sentences,
and writes two figures: the perplexities and the words per second by batch size. Where its folder
holds a training, it goes on with that.
"""

from dataclasses import dataclass, field
from pathlib import Path

import matplotlib

# Figures become files: no window, no screen needed.
matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np

from unrolled import (
    command_line,
    fields,
    models,
    recipes,
    rnn_by_hand,
    sampling,
    shakespeare,
    timing,
    training,
)
from unrolled.figures import charts, style
from unrolled.language_model import LanguageModel
from unrolled.layers import Settings
from unrolled.ngrams import KneserNey
from unrolled.options import Options
from unrolled.streams import Batch

#: Words of the sentence that is timed.
STEPS = 20


@dataclass(frozen=True)
class Trial:
    """What this script can be told."""

    training: Options = field(default_factory=recipes.options)
    all: bool = False
    """Train on all of the plays; without it, on as much as the budget has."""
    repeats: fields.Positive = 10
    """Steps that are timed."""
    output: fields.File = Path("figures/rnn-language-model")
    """Folder for the figures and the model."""


def random_batch(C: int, B: int) -> Batch:
    """Words drawn at random, for timing: what they are does not matter."""
    x, y = np.random.default_rng(0).integers(4, C, (2, STEPS, B)).astype("int32")
    return Batch.apart(x, y)


def seconds_per_step(model: LanguageModel, batch: Batch, repeats: int) -> float:
    """The median time of a compiled step, with the update of all parameters."""

    def step():
        model.step(batch, 0.0)
        return [p.get_value(borrow=True) for p in model.parameters.values()]

    return timing.measure(step, repeats).median


def compare_speed(settings: Settings, repeats: int, picture) -> None:
    """Print and draw what compiling and minibatches buy."""
    C, H = settings.vocabulary, settings.hidden
    x, y, *_ = random_batch(C, 1)
    by_hand = rnn_by_hand.initialize(C, H)
    t = timing.measure(
        lambda: rnn_by_hand.step(by_hand, x[:, 0], y[:, 0], 0.0, truncation=4), repeats
    ).median
    print(f"one sentence of {STEPS} words by hand: {1e3 * t:.2f} ms")
    model = LanguageModel(Settings(C, H))
    sizes, rates = (1, 4, 16, 32), []
    for B in sizes:
        t = seconds_per_step(model, random_batch(C, B), repeats)
        rates.append(STEPS * B / t)
        print(f"{B:3} compiled: {1e3 * t:.2f} ms, {rates[-1]:,.0f} words/s")
    figure, ax = plt.subplots()
    ax.loglog(sizes, rates, "-o")
    ax.set(xlabel="B, sentences in a batch", ylabel="words per second")
    print("wrote", style.save(figure, picture))


def draw_history(history, baselines, picture) -> None:
    """Draw the perplexities after each epoch, and those of the n-gram models as lines."""
    epochs = [row.epoch for row in history]
    figure, ax = plt.subplots()
    for key, label in (("loss", "training"), ("validation", "validation")):
        ax.semilogy(
            epochs, [np.exp(getattr(row, key)) for row in history], "-o", label=label
        )
    ax.set(xlabel="epoch", ylabel="perplexity")
    ax.legend()
    charts.levels(ax, baselines)
    print("wrote", style.save(figure, picture))


def main() -> None:
    """Read the settings, time, train, compare, write."""
    chosen = command_line.parse(Trial(), __doc__)
    style.use_house_style()
    options, last = chosen.training, chosen.output / "last.npz"
    begun = models.load(last, to_go_on=True) if last.exists() else None
    if begun:
        training.check_options(begun, options)
        print(f"{chosen.output}: {begun.state.epoch} epochs are done: going on")
    text = shakespeare.load() if chosen.all else recipes.plays()
    compare_speed(options.model, chosen.repeats, chosen.output / "speed.png")
    training.fit(text, options, chosen.output, begun)

    best = models.load(chosen.output)
    vocabulary, history = best.vocabulary, best.state.history
    encoded = {
        part: [vocabulary.encode(sentence) for sentence in getattr(text, part)]
        for part in ("train", "validation", "test")
    }
    counted = {
        name: KneserNey(encoded["train"], len(vocabulary), order)
        for order, name in ((1, "unigram"), (2, "bigram"), (3, "trigram"))
    }
    losses = {
        name: np.log(one.perplexity(encoded["test"])) for name, one in counted.items()
    }
    stream = training.stream_of(text.test, vocabulary, options)
    losses["RNN"] = training.evaluate(best.model, stream)
    for name, loss in losses.items():
        print(f"{name}: test loss {loss:.3f}, perplexity {np.exp(loss):.1f}")
    for words in sampling.generate(
        best.model, vocabulary, count=5, temperature=0.8, longest=30, seed=options.seed
    ):
        print("·", sampling.detokenize(words))
    baselines = {
        name: one.perplexity(encoded["validation"]) for name, one in counted.items()
    }
    draw_history(history, baselines, chosen.output / "perplexity.png")


if __name__ == "__main__":
    command_line.run(main)
