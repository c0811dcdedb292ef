#!/usr/bin/env python3
"""Sweep learning rates: for each optimizer and cell, some rates and some seeds, at equal epochs.

Shows the validation perplexity after the last epoch, mean and range over the seeds. The rates that
the package starts from, ``unrolled.options.RATES``, come out of this table.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated

import numpy as np
from contest import print_machine

from unrolled import command_line, fields, recipes, shakespeare, training
from unrolled.cells import CELLS
from unrolled.language_model import LanguageModel
from unrolled.layers import Settings
from unrolled.options import RATES
from unrolled.options import Options as Training
from unrolled.probability import perplexity
from unrolled.streams import Stream
from unrolled.updates import RULES
from unrolled.vocabulary import Vocabulary


def halving(progress: float, validation: list[float]) -> float:
    """Half the rate from each epoch on that did not lower the validation loss."""
    worse = sum(after >= before for before, after in pairwise(validation))
    return 0.5**worse


#: From the share of the training that is done, and the validation losses so far, to the share of
#: the learning rate that a step takes.
SCHEDULES = {
    "cosine": lambda progress, validation: training.schedule(progress),
    "linear": lambda progress, validation: 1 - progress,
    "halving": halving,
    "constant": lambda progress, validation: 1.0,
}


@dataclass(frozen=True)
class Options:
    """What this sweep can be told."""

    cells: tuple[Annotated[str, fields.one_of(CELLS)], ...] = ("rnn", "gru", "lstm")
    """Kinds of recurrent unit."""
    optimizers: tuple[Annotated[str, fields.one_of(RULES)], ...] = tuple(RULES)
    """How a step follows the gradient."""
    rates: tuple[fields.Amount, ...] = ()
    """Learning rates (default: a third of the package's own, it, and three times it)."""
    schedule: Annotated[str, fields.one_of(SCHEDULES)] = "cosine"
    """How the rate changes in training."""
    seeds: fields.Positive = 3
    """Trainings of each."""
    epochs: fields.Positive = 6
    """Times through the text."""
    batch: fields.Positive = 32
    """Rows, B."""
    window: fields.Positive = 35
    """Words of a window, T."""
    every: fields.Positive = 6
    """Train on each so manieth sentence."""
    vocabulary: Annotated[int, fields.whole(5)] = 2500
    """Words of the vocabulary, C."""
    hidden: fields.Positive = 128
    """Hidden units, and entries of the embedding."""
    clip: fields.Amount = 0.5
    """Longest gradient that a step follows; 0: any."""


def streams(options: Options) -> tuple[int, Stream, Stream]:
    """The size of the vocabulary, and the text for training and for validation."""
    text = recipes.every(shakespeare.load(), options.every)
    vocabulary = Vocabulary.build(text.train, options.vocabulary)
    laid_out = Training(batch=options.batch, window=options.window)
    train, validation = (
        training.stream_of(part, vocabulary, laid_out)
        for part in (text.train, text.validation)
    )
    return len(vocabulary), train, validation


def train(
    model: LanguageModel, rate: float, seed: int, texts: tuple[Stream, Stream], options
) -> float:
    """The validation perplexity after a training, or infinity where it goes astray."""
    model.restart(seed)
    schedule, validation = SCHEDULES[options.schedule], []
    for epoch in range(options.epochs):
        windows = texts[0].epoch(seed, epoch)
        for i, batch in enumerate(windows):
            progress = (epoch + (i + 0.5) / len(windows)) / options.epochs
            model.step(batch, rate * schedule(progress, validation))
        validation.append(training.evaluate(model, texts[1]))
    with np.errstate(over="ignore"):
        return perplexity(validation[-1])


def main() -> None:
    """Read the options, train them all, report."""
    options = command_line.parse(Options(), __doc__)
    C, *texts = streams(options)
    print_machine()
    print(f"{texts[0].words:,} words an epoch, {options.epochs} epochs", flush=True)
    print(
        f"{'':30}validation perplexity of {options.seeds} seeds: mean, lowest, highest"
    )
    for optimizer in options.optimizers:
        own = RATES[optimizer]
        for cell in options.cells:
            settings = Settings(C, options.hidden, options.hidden, cell)
            model = LanguageModel(settings, clip=options.clip, optimizer=optimizer)
            for rate in options.rates or (own / 3, own, own * 3):
                found = [
                    train(model, rate, seed, texts, options)
                    for seed in range(options.seeds)
                ]
                print(
                    f"{optimizer:10}{cell:16}{rate:<8.3g}"
                    f"{np.mean(found):10.1f}{min(found):10.1f}{max(found):10.1f}",
                    flush=True,
                )


if __name__ == "__main__":
    command_line.run(main)
