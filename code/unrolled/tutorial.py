"""The texts and the trained models that the chapters on recurrent networks share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from unrolled import backend, training
from unrolled.corpus import Corpus, cache_folder, load
from unrolled.script import UserError
from unrolled.training import RATES, Options, Trained


def shakespeare() -> Corpus:
    """The plays, as words; every sixth training sentence on a CPU, and few under ``smoke``."""
    return _every(load(), backend.budget(smoke=33, cpu=6, gpu=1))


def dialogue() -> Corpus:
    """The plays, as characters: speeches, each after a line with its speaker's name."""
    return _every(load(level="character"), backend.budget(smoke=100, cpu=6, gpu=1))


def _every(text: Corpus, step: int) -> Corpus:
    """Each step-th sentence for training; under ``smoke`` of the other parts, too."""
    others = backend.budget(smoke=step, cpu=1, gpu=1)
    return text._replace(
        train=text.train[::step],
        validation=text.validation[::others],
        test=text.test[::others],
        fingerprint=f"{text.fingerprint}, 1 in {step}",
    )


def options(**changes: Any) -> Options:
    """How chapter 4 trains its language model, as far as the budget goes, but for the changes."""
    small = Options(vocabulary=500, hidden=16, embedding=16, buckets=1, longest=30)
    start = backend.budget(
        smoke=small._replace(epochs=2),
        cpu=Options(vocabulary=2500, epochs=6),
        gpu=Options(epochs=20),
    )
    return start._replace(**changes)


def variants() -> dict[str, Options]:
    """The models of chapter 6: cells, then tricks, each added to those before."""
    epochs = backend.budget(smoke=2, cpu=3, gpu=20)
    buckets = backend.budget(smoke=1, cpu=3, gpu=8)  # few, for each has to be compiled
    plain = options(
        epochs=epochs, buckets=buckets, optimizer="rmsprop", rate=RATES["rmsprop"]
    )
    gru = plain._replace(cell="gru")
    adam = gru._replace(optimizer="adam", rate=RATES["adam"])
    tied = adam._replace(tied=True)
    share = backend.budget(smoke=0.2, cpu=0.2, gpu=0.4)
    found = {
        "RNN": plain,
        "GRU": gru,
        "LSTM": plain._replace(cell="lstm"),
        "GRU, two layers": gru._replace(layers=2),
        "GRU + Adam": adam,
        "GRU + Adam, tied": tied,
        "GRU + Adam, tied, dropout": tied._replace(dropout=share),
    }
    large = tied._replace(hidden=512, embedding=512, layers=2, dropout=0.5, epochs=30)
    more = {"GRU, two layers of 512, all tricks": large}
    return found | backend.budget(smoke={}, cpu={}, gpu=more)


def characters() -> Options:
    """How chapter 6 trains its model of characters."""
    return backend.budget(
        smoke=Options(vocabulary=60, hidden=16, embedding=8, buckets=1, longest=30),
        cpu=Options(vocabulary=90, hidden=128, embedding=32, buckets=1, longest=100),
        gpu=Options(vocabulary=90, hidden=256, embedding=64, buckets=2, longest=200),
    )._replace(
        cell="gru",
        optimizer="adam",
        rate=RATES["adam"],
        batch=backend.budget(smoke=8, cpu=32, gpu=64),
        epochs=backend.budget(smoke=1, cpu=3, gpu=20),
    )


def folder(name: str = "rnn-language-model") -> Path:
    """Where a trained model is left for the other chapters."""
    return cache_folder() / f"{name}-{backend.budget_name()}"


def language_model() -> Trained:
    """The model of chapter 4, with the parameters of its best epoch.

    It is read from :func:`folder`, or trained where chapter 4 has not left it there.
    """
    corpus = shakespeare()
    try:
        trained = training.load(folder())
        if trained.about["text"]["fingerprint"] == corpus.fingerprint and (
            trained.about["options"] == options()._asdict()
        ):
            return trained
    except UserError:
        pass  # nothing there, or not to be read: train
    training.fit(corpus, options(), folder())
    return training.load(folder())
