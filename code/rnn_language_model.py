#!/usr/bin/env python3
"""Chapter 4: train a recurrent language model on Shakespeare, beside n-gram models.

Times a step by hand and compiled, trains with checkpoints, prints perplexities and new sentences,
and writes two figures: the perplexities and the words per second by batch size.
"""

from dataclasses import dataclass
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
    rnn_by_hand,
    sampling,
    shakespeare,
    timing,
    training,
)
from unrolled.errors import UserError
from unrolled.figures import style
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

    training: Options = Options()
    sentences: fields.Positive | None = None
    """Sentences to train on; without it, all."""
    repeats: fields.Positive = 10
    """Steps that are timed."""
    resume: bool = False
    """Go on with the training in the folder."""
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
    for name, perplexity in baselines.items():
        ax.axhline(perplexity, color=style.GRAY, linewidth=1)
        ax.text(epochs[-1], perplexity, name, ha="right", va="bottom")
    ax.set(xlabel="epoch", ylabel="perplexity")
    ax.legend()
    print("wrote", style.save(figure, picture))


def main() -> None:
    """Read the settings, time, train, compare, write."""
    chosen = command_line.parse(Trial(), __doc__)
    style.use_house_style()
    last, options = chosen.output / "last.npz", chosen.training
    if last.exists() and not chosen.resume:
        raise UserError(
            f"{chosen.output}: holds a model already: choose --resume or another --output"
        )
    begun = models.load(last, to_go_on=True) if chosen.resume else None

    text = shakespeare.load()
    text = text._replace(train=text.train[: chosen.sentences])
    compare_speed(options.model, chosen.repeats, chosen.output / "speed.png")
    training.fit(text, options, chosen.output, begun)

    best = models.load(chosen.output)
    vocabulary, state = best.vocabulary, best.state
    encoded = [vocabulary.encode(sentence) for sentence in text.train]
    held_out = [vocabulary.encode(sentence) for sentence in text.validation]
    baselines = {
        name: KneserNey(encoded, len(vocabulary), order).perplexity(held_out)
        for order, name in ((1, "unigram"), (2, "bigram"), (3, "trigram"))
    }
    for name, perplexity in {**baselines, "RNN": np.exp(state.best)}.items():
        print(
            f"{name}: validation loss {np.log(perplexity):.3f}, perplexity {perplexity:.1f}"
        )
    for words in sampling.generate(
        best.model, vocabulary, count=5, temperature=0.8, longest=30, seed=options.seed
    ):
        print("·", sampling.detokenize(words))
    draw_history(state.history, baselines, chosen.output / "perplexity.png")


if __name__ == "__main__":
    command_line.run(main)
