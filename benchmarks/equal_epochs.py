#!/usr/bin/env python3
"""Train our language model and PyTorch's alike on Shakespeare, and compare validation perplexity.

Same equations, same starting weights, same windows in the same order, same learning rate and
clipping: after each epoch the two must be equally good. PyTorch has no way to begin a sentence in
the middle of a window, so both carry the memory from each sentence to the next. The seconds are
those of training, ours in the first epoch with those of compiling.
"""

import math
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from contest import PEERS, print_machine, single, verdict

from unrolled import command_line, fields, shakespeare, timing
from unrolled.errors import UserError
from unrolled.language_model import LanguageModel
from unrolled.layers import Settings, initialize
from unrolled.streams import Batch, Stream, Windows
from unrolled.training import evaluate
from unrolled.vocabulary import Vocabulary

#: The recurrent units whose equations PyTorch's layers share.
CELLS = ("rnn", "gru-reset-after", "lstm")
#: How far apart the two validation perplexities may be, as a share of PyTorch's.
TARGET = 0.005


@dataclass(frozen=True)
class Options:
    """What this comparison can be told."""

    cell: Annotated[str, fields.one_of(CELLS)] = "rnn"
    """Recurrent unit, one that PyTorch has, too."""
    epochs: fields.Positive = 3
    """Times through the text."""
    sentences: fields.Natural = 6000
    """Sentences to train on; 0: all."""
    vocabulary: Annotated[int, fields.whole(5)] = 8000
    """Words of the vocabulary, C."""
    hidden: fields.Positive = 128
    """Hidden units, and entries of the embedding."""
    learning_rate: fields.Amount = 1.0
    """Step's length per unit of slope, η."""
    clip: fields.Amount = 0.25
    """Longest gradient that a step follows; 0: any."""
    torch: str | None = None
    """Interpreter with PyTorch."""


def read_text(sentences: int, words: int) -> tuple[int, Stream, Stream]:
    """The size of the vocabulary, and the texts for training and for validation."""
    text = shakespeare.load()
    train = text.train[: sentences or None]
    vocabulary = Vocabulary.build(train, words)
    parts = ([vocabulary.encode(s) for s in part] for part in (train, text.validation))
    training, validation = (Stream(part, carry=True) for part in parts)
    return len(vocabulary), training, validation


def stacked(windows: Windows, name: str) -> dict[str, np.ndarray]:
    """All windows as four arrays."""
    return {
        f"{name}/{part}": np.stack(arrays)
        for part, arrays in zip(Batch._fields, zip(*windows))
    }


def write_problem(
    path: Path,
    start: dict[str, np.ndarray],
    training: Stream,
    validation: Stream,
    options: Options,
) -> None:
    """Write what PyTorch starts from: weights, all windows in order, settings."""
    arrays = {
        **start,
        **stacked(validation.in_order(), "validation"),
        **{
            "rate": options.learning_rate,
            "clip": options.clip,
            "epochs": options.epochs,
        },
    }
    for epoch in range(options.epochs):
        arrays |= stacked(training.epoch(0, epoch), f"epoch{epoch}")
    np.savez(path, **{name: single(value) for name, value in arrays.items()})


def train(
    model: LanguageModel, training: Stream, validation: Stream, options: Options
) -> Iterator[tuple[float, float]]:
    """Our validation loss after each epoch, in nats per word, and the seconds of training."""
    for epoch in range(options.epochs):
        start = time.perf_counter()
        for batch in training.epoch(0, epoch):
            loss = model.step(batch, options.learning_rate)
        timing.wait(loss)
        seconds = time.perf_counter() - start
        yield evaluate(model, validation), seconds


def peer(python: str, problem: Path, cell: str) -> Iterator[tuple[float, float]]:
    """PyTorch's, from a process of its own.

    Raises
    ------
    UserError
        If it fails.
    """
    command = [python, str(PEERS / "torch_epochs.py"), str(problem), cell]
    try:
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
    except OSError as error:
        raise UserError(f"PyTorch: cannot run {python}: {error.strerror}") from error
    with process:
        for line in process.stdout:
            loss, seconds = map(float, line.split())
            yield loss, seconds
        errors = process.stderr.read().strip()
    if process.returncode:
        raise UserError(f"PyTorch: {python}: {(errors or 'failed').splitlines()[-1]}")


def report(ours: list[tuple[float, float]], theirs: list[tuple[float, float]]) -> None:
    """Print an epoch a line, and what became of the target."""
    print_machine()
    print(f"{'validation perplexity':>24}{'ours':>10}{'seconds':>9}", end="")
    print(f"{'PyTorch':>10}{'seconds':>9}{'apart':>9}" if theirs else "")
    apart = []
    for epoch, (loss, seconds) in enumerate(ours):
        print(f"{f'epoch {epoch + 1}':>24}{math.exp(loss):10.2f}{seconds:9.1f}", end="")
        if theirs:
            other, their_seconds = theirs[epoch]
            apart.append(math.exp(loss - other) - 1)
            print(
                f"{math.exp(other):10.2f}{their_seconds:9.1f}{apart[-1]:9.3%}", end=""
            )
        print()
    if theirs:
        met = verdict(max(map(abs, apart)) <= TARGET)
        print(f"target: within {TARGET:.1%} of PyTorch after each epoch: {met}")
    else:
        print("PyTorch: not measured (see --help)")


def main() -> None:
    """Read the options, train both, report."""
    options = command_line.parse(Options(), __doc__)
    C, training, validation = read_text(options.sentences, options.vocabulary)
    settings = Settings(C, options.hidden, options.hidden, options.cell)
    start = initialize(settings)
    print(f"{training.words:,} words an epoch", flush=True)
    theirs = []
    with tempfile.TemporaryDirectory() as folder:
        if options.torch:
            problem = Path(folder) / "problem.npz"
            write_problem(problem, start, training, validation, options)
            theirs = list(peer(options.torch, problem, options.cell))
            if len(theirs) != options.epochs:
                raise UserError("PyTorch: stopped in the middle of the run")
    model = LanguageModel(settings, start, clip=options.clip)
    ours = list(train(model, training, validation, options))
    report(ours, theirs)


if __name__ == "__main__":
    command_line.run(main)
