"""The text and the trained model that the chapters on recurrent networks share."""

from __future__ import annotations

from pathlib import Path

from unrolled import backend, training
from unrolled.corpus import Corpus, cache_folder, load
from unrolled.script import UserError
from unrolled.training import Options, Trained


def shakespeare() -> Corpus:
    """The plays, as words; only their beginning under the budget ``smoke``."""
    corpus = load()
    sentences = backend.budget(smoke=1500, cpu=None, gpu=None)
    return corpus._replace(
        train=corpus.train[:sentences], validation=corpus.validation[:sentences]
    )


def options() -> Options:
    """How chapter 4 trains its language model, as far as the budget goes."""
    small = Options(vocabulary=500, hidden=16, embedding=16, buckets=2, longest=30)
    return backend.budget(
        smoke=small._replace(epochs=2),
        cpu=Options(epochs=4),
        gpu=Options(epochs=20),
    )


def folder() -> Path:
    """Where chapter 4 leaves its model for the other chapters."""
    return cache_folder() / f"rnn-language-model-{backend.budget_name()}"


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
