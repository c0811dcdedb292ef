"""The texts and the trained models that the chapters on recurrent networks share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from unrolled import budget, fields, models, shakespeare, training
from unrolled.corpus import Corpus
from unrolled.errors import UserError
from unrolled.files import cache_folder
from unrolled.layers import Settings
from unrolled.models import Trained
from unrolled.options import Options


def plays() -> Corpus:
    """The plays, as words; every sixth training sentence on a CPU, and few under ``smoke``."""
    return every(shakespeare.load(), budget.choose(smoke=33, cpu=6, gpu=1))


def dialogue() -> Corpus:
    """The plays, as characters: speeches, each after a line with its speaker's name."""
    return every(shakespeare.load("character"), budget.choose(smoke=100, cpu=6, gpu=1))


def every(text: Corpus, step: int) -> Corpus:
    """A text with each step-th sentence for training; under ``smoke`` of the other parts, too."""
    others = budget.choose(smoke=step, cpu=1, gpu=1)
    return text._replace(
        train=text.train[::step],
        validation=text.validation[::others],
        test=text.test[::others],
        fingerprint=f"{text.fingerprint}, 1 in {step}",
    )


def options(**changes: Any) -> Options:
    """How chapter 4 trains its language model, as far as the budget goes, but for the changes."""
    tiny = Settings(vocabulary=500, hidden=16, embedding=16)
    start = budget.choose(
        smoke=Options(tiny, epochs=2),
        cpu=fields.changed(Options(), vocabulary=2500, epochs=6),
        gpu=Options(batch=256, window=24, epochs=20),
    )
    return fields.changed(start, **changes)


def variants() -> dict[str, Options]:
    """The models of chapter 6: cells, then tricks, each added to those before."""
    epochs = budget.choose(smoke=2, cpu=3, gpu=20)
    plain = options(epochs=epochs, optimizer="rmsprop")
    gru = fields.changed(plain, cell="gru")
    adam = fields.changed(gru, optimizer="adam")
    tied = fields.changed(adam, tied=True)
    share = budget.choose(smoke=0.2, cpu=0.2, gpu=0.4)
    found = {
        "RNN": plain,
        "GRU": gru,
        "LSTM": fields.changed(plain, cell="lstm"),
        "GRU, two layers": fields.changed(gru, layers=2),
        "GRU + Adam": adam,
        "GRU + Adam, tied": tied,
        "GRU + Adam, tied, dropout": fields.changed(tied, dropout=share),
    }
    size = {"hidden": 512, "embedding": 512, "layers": 2}
    large = fields.changed(tied, **size, dropout=0.5, epochs=30)
    more = {"GRU, two layers of 512, all tricks": large}
    return found | budget.choose(smoke={}, cpu={}, gpu=more)


def characters() -> Options:
    """How chapter 6 trains its model of characters."""
    start = budget.choose(
        smoke=Options(Settings(60, 16, 8), batch=8, epochs=1),
        cpu=Options(Settings(90, 128, 32), window=100, epochs=3),
        gpu=Options(Settings(90, 256, 64), window=100, batch=128, epochs=20),
    )
    return fields.changed(start, cell="gru", optimizer="adam")


def folder(name: str = "rnn-language-model") -> Path:
    """Where a trained model is left for the other chapters."""
    return cache_folder() / f"{name}-{budget.name()}"


def language_model() -> Trained:
    """The model of chapter 4, with the parameters of its best epoch.

    It is read from :func:`folder`, or trained where chapter 4 has not left it there.
    """
    corpus = plays()
    try:
        trained = models.load(folder())
        if (trained.fingerprint, trained.options) == (corpus.fingerprint, options()):
            return trained
    except UserError:
        # Nothing there, or not to be read: train.
        pass
    training.fit(corpus, options(), folder())
    return models.load(folder())
