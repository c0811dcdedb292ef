"""One model, trained from several seeds, and what each of them says of a text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from unrolled import models, training
from unrolled.corpus import Corpus
from unrolled.language_model import LanguageModel
from unrolled.models import Epoch, Trained
from unrolled.options import Options
from unrolled.streams import Stream

#: What :meth:`unrolled.language_model.LanguageModel.values` gives.
Values = dict[str, np.ndarray]


class Run(NamedTuple):
    """What came of one seed."""

    #: What came of each epoch.
    history: list[Epoch]
    #: The parameters of the epoch with the lowest validation loss.
    best: Values
    #: The parameters after each of the epochs that were to be kept, by its number.
    kept: dict[int, Values]


class _Trainer(training.Trainer):
    """A trainer that keeps the parameters after some epochs."""

    keep: Sequence[int] = ()

    def save(self, name: str = "last") -> None:
        super().save(name)
        if not self.state.position and self.state.epoch in self.keep:
            self.kept[self.state.epoch] = self.model.values()
        if name == "best":
            self.best = self.model.values()


def train(
    corpus: Corpus,
    options: Options,
    folders: Sequence[Path | None],
    keep: Sequence[int] = (),
    quiet: bool = False,
    begun: Trained | None = None,
) -> tuple[Trained, list[Run]]:
    """Train one model from the seeds 0, 1, 2, ..., compiled once.

    Parameters
    ----------
    corpus : Corpus
    options : Options
        But for the seed.
    folders : sequence of Path or None
        One for each seed, for its checkpoints; None: it writes none.
    keep : sequence of int
        The numbers of epochs whose parameters to keep.
    quiet : bool
        Show no progress; else, that of the first seed.
    begun : Trained, optional
        A model of this text, perhaps of another kind, or compiled before. It is given away. Left
        out: a new one.

    Returns
    -------
    trained : Trained
        The model, to be given any of the parameters by ``set_values``.
    runs : list of Run

    Raises
    ------
    UserError, KeyboardInterrupt
        As for :meth:`unrolled.training.Trainer.run`.
    """
    begun = replace(begun or models.start(corpus, options), options=options)
    runs = []
    streams = [
        training.stream_of(part, begun.vocabulary, options)
        for part in (corpus.train, corpus.validation)
    ]
    for seed, folder in enumerate(folders):
        begun = models.restart(begun, seed)
        trainer = _Trainer(begun, *streams, folder, quiet=quiet or seed > 0)
        trainer.keep, trainer.kept = keep, {}
        state = trainer.run()
        runs.append(Run(state.history, trainer.best, trainer.kept))
    return begun, runs


def surprises(model: LanguageModel, text: Stream) -> np.ndarray:
    r"""The surprise at each word of a text and each END, :math:`-\log o_{t, y_t}`.

    Returns
    -------
    float64 array of shape (text.words,)
        In nats, in the order of the text.
    """
    windows = list(text.in_order())
    losses = np.concatenate([model.losses(window) for window in windows])
    real = np.concatenate([window.mask for window in windows]) > 0
    # A row holds sentences that follow each other.
    return losses.T[real.T].astype(np.float64)
