"""The texts and the trained models that the chapters on recurrent networks share."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

from unrolled import budget, fields, layers, models, shakespeare, sweep, training
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
    """The plays, as characters: speeches, each after a line with its speaker's name.

    On a CPU the first sixth is for training, and little under ``smoke``. Speeches that follow
    each other stay together.
    """
    text = shakespeare.load("character")
    share = budget.choose(smoke=100, cpu=6, gpu=1)
    others = budget.choose(smoke=100, cpu=1, gpu=1)
    return text._replace(
        train=text.train[: len(text.train) // share],
        validation=text.validation[: len(text.validation) // others],
        test=text.test[: len(text.test) // others],
        fingerprint=f"{text.fingerprint}, the first 1 in {share}",
    )


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
        smoke=Options(tiny, epochs=2, optimizer="adam"),
        cpu=fields.changed(Options(), vocabulary=2500, epochs=4, optimizer="adam"),
        gpu=Options(batch=256, window=24, epochs=20, optimizer="adam"),
    )
    return fields.changed(start, **changes)


def count(settings: Settings) -> int:
    """How many parameters a recurrent model has."""
    return sum(math.prod(shape) for shape in layers.shapes(settings).values())


def as_large_as(settings: Settings, **changes: Any) -> Settings:
    """The settings with changes, and so many units that the size stays as it was."""
    size = count(settings)
    others = (
        fields.changed(settings, **changes, hidden=H)
        for H in range(2, 2 * settings.hidden)
    )
    return min(others, key=lambda other: abs(count(other) - size))


def gru() -> Options:
    """The GRU of chapter 6, of which its other models of words are changes."""
    settings = budget.choose(
        smoke=Settings(300, 12, 12, "gru"),
        cpu=Settings(1000, 64, 64, "gru"),
        gpu=Settings(8000, 256, 256, "gru"),
    )
    laid_out = budget.choose(smoke={}, cpu={}, gpu={"batch": 256, "window": 24})
    epochs = budget.choose(smoke=2, cpu=4, gpu=6)
    return Options(settings, epochs=epochs, optimizer="rmsprop", **laid_out)


def cells() -> dict[str, Options]:
    """The four networks that chapter 6 compares: of one size, each at its best rate."""
    same = gru()
    changes = {
        "RNN": {"cell": "rnn"},
        "GRU": {},
        "LSTM": {"cell": "lstm"},
        "two-layer GRU": {"layers": 2},
    }
    return _at_best_rates({
        name: replace(same, model=as_large_as(same.model, **change))
        for name, change in changes.items()
    })  # fmt: skip


def tricks() -> dict[str, Options]:
    """All tricks of chapter 6 together, each of them left out, and none; each at its best rate.

    Dropout is among them on the ``gpu`` budget, whose networks are large; elsewhere it is added.
    """
    among = budget.choose(smoke=False, cpu=False, gpu=True)
    share = budget.choose(smoke=0.2, cpu=0.2, gpu=0.3)
    everything = fields.changed(
        gru(), optimizer="adam", tied=True, dropout=share if among else 0.0
    )
    other = fields.changed(everything, dropout=0.0 if among else share)
    found = {
        "all tricks": everything,
        "RMSProp in place of Adam": fields.changed(everything, optimizer="rmsprop"),
        "two tables": fields.changed(everything, tied=False),
        "no dropout" if among else "all, and dropout": other,
        "none of them": gru(),
    }
    return _at_best_rates(found)


def _at_best_rates(models: dict[str, Options]) -> dict[str, Options]:
    """The same models, each with the best rate of the sweep, if it was among those swept."""
    swept = sweep.kept(budget.name())["perplexities"]
    best = {name: float(sweep.best(found)[0]) for name, found in swept.items()}
    return {
        name: replace(options, learning_rate=best.get(name))
        for name, options in models.items()
    }


def contest() -> dict[str, Options]:
    """The models of chapter 8's contest: of one size, each with its best optimizer and rate."""
    C, H = budget.choose(smoke=(200, 16), cpu=(1000, 64), gpu=(8000, 128))
    epochs = budget.choose(smoke=2, cpu=2, gpu=6)
    shared = options(vocabulary=C, hidden=H, embedding=H, epochs=epochs)
    found = {
        "GRU": fields.changed(shared, cell="gru"),
        "minGRU": fields.changed(shared, layers=3),
        "transformer": shared,
    }
    swept = sweep.kept(budget.name()).get("contest", {})
    for name, tried in swept.items():
        best = {rule: sweep.best(rates) for rule, rates in tried.items()}
        rule = min(best, key=lambda rule: best[rule][1])
        rate = float(best[rule][0])
        found[name] = fields.changed(found[name], optimizer=rule, learning_rate=rate)
    return found


def characters() -> Options:
    """How chapter 6 trains its model of characters: the text is read as one, play after play."""
    start = budget.choose(
        smoke=Options(Settings(60, 16, 8), batch=8, epochs=1, window=50),
        cpu=Options(Settings(90, 128, 32), window=64, epochs=3),
        gpu=Options(Settings(90, 240, 64, layers=2), window=100, batch=128, epochs=12),
    )
    return fields.changed(start, cell="gru", optimizer="adam", carry=True)


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
