"""The training loop: epochs, validation, a falling learning rate, checkpoints.

The order of the batches follows from the seed and the epoch alone, and the parameters from that
order. So a training that was cut off goes on to the very same numbers: the checkpoint says how
many batches of which epoch are done.
"""

from __future__ import annotations

import contextlib
import math
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from unrolled import fields, models
from unrolled.batches import Batches
from unrolled.corpus import Corpus, Sentence
from unrolled.errors import UserError
from unrolled.language_model import LanguageModel
from unrolled.models import Epoch, State, Trained
from unrolled.options import Options
from unrolled.probability import perplexity
from unrolled.progress import Progress
from unrolled.vocabulary import Vocabulary

#: What an epoch must take off the validation loss, in nats, for the learning rate to stay: a tenth
#: of the perplexity. Mikolov et al. (2010), section 2, halve it once nothing *significant* is won.
ENOUGH = 0.1
#: Seconds between two looks at the loss, the clock and the keyboard.
LOOK_EVERY = 0.2


def evaluate(model: LanguageModel, batches: Batches) -> float:
    """The mean loss over all words of a text, in nats."""
    return sum(float(model.losses(batch).sum()) for batch in batches) / batches.tokens


@contextlib.contextmanager
def _interruptible() -> Iterator[threading.Event]:
    """Turn the first Ctrl-C into an event that the loop can look at; a second one interrupts."""
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return

    def ask(*_: Any) -> None:
        asked.set()
        signal.signal(signal.SIGINT, before)

    before = signal.signal(signal.SIGINT, ask)
    try:
        yield asked
    finally:
        signal.signal(signal.SIGINT, before)


class Trainer:
    """Trains a model, epoch by epoch.

    After each epoch the validation loss is measured. Where it is not lower than the best before
    by :data:`ENOUGH`, the learning rate is halved.

    Parameters
    ----------
    trained : Trained
        The model and how far its training is. It is changed.
    training, validation : Batches
    folder : Path, optional
        For the checkpoints ``last.npz``, from which a training goes on, and ``best.npz``, the
        model with the lowest validation loss. Left out: none are written.
    save_every : float
        Seconds between checkpoints within an epoch.
    quiet : bool
        Show no progress.
    """

    def __init__(
        self,
        trained: Trained,
        training: Batches,
        validation: Batches,
        folder: Path | None = None,
        save_every: float = 60.0,
        quiet: bool = False,
    ) -> None:
        self.trained, self.folder, self.save_every = trained, folder, save_every
        self.model, self.options = trained.model, trained.options
        self.state = trained.state
        self.training, self.validation = training, validation
        self.progress = Progress(len(training), quiet)

    def run(self) -> State:
        """Train for as many epochs as the options say, and return the state with its history.

        Raises
        ------
        KeyboardInterrupt
            After Ctrl-C, once the batch at work is done and saved.
        UserError
            If the perplexity is infinite or no number, or a checkpoint cannot be written.
        """
        try:
            with _interruptible() as interrupted:
                while self.state.epoch < self.options.epochs:
                    self._train_epoch(interrupted)
                    self._finish_epoch(evaluate(self.model, self.validation))
        finally:
            self.progress.end()
        return self.state

    def save(self, name: str = "last") -> None:
        """Write ``name.npz`` in the folder, if there is one."""
        if not self.folder:
            return
        try:
            self.trained.save(self.folder / f"{name}.npz", to_go_on=name == "last")
        except ValueError as error:
            raise self._astray(str(error)) from error

    def _astray(self, what: str) -> UserError:
        """The error that ends a training whose numbers are none any more."""
        last = self.folder and self.folder / "last.npz"
        kept = last and last.exists() and f"; {last} holds the last good state"
        return UserError(
            f"{what} in epoch {self.state.epoch + 1}, after batch "
            f"{self.state.position}: choose a smaller one{kept or ''}",
            learning_rate=self.options.first_learning_rate,
        )

    def _train_epoch(self, interrupted: threading.Event) -> None:
        """Go through what is left of the epoch, looking up now and then."""
        state = self.state
        batches = self.training.epoch(
            self.options.seed, state.epoch, skip=state.position
        )
        self.progress.begin(state.epoch + 1, state.position)
        # The device works on while we queue more.
        pending: list[tuple[Any, int]] = []
        looked = saved = time.monotonic()
        for batch in batches:
            loss = self.model.step(batch, state.learning_rate)
            pending.append((loss, int(batch.mask.sum())))
            if time.monotonic() - looked < LOOK_EVERY and not interrupted.is_set():
                continue
            self._settle(pending, looked)
            if time.monotonic() - saved >= self.save_every:
                self.save()
                saved = time.monotonic()
            looked = time.monotonic()
            if interrupted.is_set():
                self.save()
                raise KeyboardInterrupt
        self._settle(pending, looked)

    def _settle(self, pending: list[tuple[Any, int]], since: float) -> None:
        """Wait for the batches that were queued, and count them as done."""
        state, words = self.state, 0
        for loss, count in pending:
            state.total += float(loss) * count
            words += count
        state.position += len(pending)
        state.words += words
        state.seconds += time.monotonic() - since
        pending.clear()
        loss = state.total / max(state.words, 1)
        if not math.isfinite(perplexity(loss)):
            raise self._astray(f"the loss is {loss}")
        self.progress.show(state.position, loss, words)

    def _finish_epoch(self, validation: float) -> None:
        """Write the epoch down, lower the learning rate if it did not help, and save."""
        if not math.isfinite(perplexity(validation)):
            raise self._astray(f"the validation loss is {validation}")
        state, best = self.state, self.state.best
        row = Epoch(
            epoch=state.epoch + 1,
            learning_rate=state.learning_rate,
            loss=state.total / state.words,
            validation=validation,
            seconds=state.seconds,
            words_per_second=state.words / max(state.seconds, 1e-9),
        )
        state.history.append(row)
        state.epoch, state.position = state.epoch + 1, 0
        state.total, state.words, state.seconds = 0.0, 0, 0.0
        if validation > best - ENOUGH:
            state.learning_rate /= 2
        self.progress.end(str(row))
        if validation < best:
            self.save("best")
        self.save()


# -------------------------------------------------------------- from a text to a trained model


def batches_of(
    sentences: Sequence[Sentence],
    vocabulary: Vocabulary,
    options: Options,
    like: Batches | None = None,
) -> Batches:
    """Encode sentences and pack them into minibatches as the options say.

    With ``like``, which are those for training, they are for a measurement: they get the same
    shapes, and a text that is too small for one batch gets a smaller one.
    """
    encoded = [vocabulary.encode(sentence) for sentence in sentences]
    B = options.batch if like is None else min(options.batch, len(sentences))
    return Batches(encoded, B, options.buckets, options.longest, like)


def fit(
    corpus: Corpus,
    options: Options,
    folder: Path | None = None,
    begun: Trained | None = None,
    save_every: float = 60.0,
    quiet: bool = False,
) -> Trained:
    """Train a language model on a text.

    Parameters
    ----------
    corpus : Corpus
    options : Options
    folder, save_every, quiet
        As for :class:`Trainer`.
    begun : Trained, optional
        A model of this text and these options to go on with (of which the epochs alone may
        differ). Left out: a new one.

    Returns
    -------
    Trained
        With the parameters of the last epoch; the best ones are in ``best.npz``.

    Raises
    ------
    UserError
        If what was begun does not fit, or as for :meth:`Trainer.run`.
    """
    if begun is None:
        begun = models.start(corpus, options)
    else:
        check_options(begun, options)
        if begun.fingerprint != corpus.fingerprint:
            raise UserError(f"the text ({corpus.name}) has changed since it was begun")
        # The file may have moved.
        begun.options, begun.source = options, corpus.source
    state, model = begun.state, begun.model
    training = batches_of(corpus.train, begun.vocabulary, options)
    validation = batches_of(corpus.validation, begun.vocabulary, options, like=training)
    model.steps = state.epoch * len(training) + state.position
    Trainer(begun, training, validation, folder, save_every, quiet).run()
    return begun


def check_options(begun: Trained, options: Options) -> None:
    """Refuse to go on with other options; only of the epochs there may be more.

    Raises
    ------
    UserError
        If an option is another.
    """
    had, asked = (
        {**fields.flat(one), "learning_rate": one.first_learning_rate}
        for one in (begun.options, options)
    )
    check_same(had, {**asked, "epochs": begun.options.epochs})


def check_same(had: dict[str, Any], asked: dict[str, Any]) -> None:
    """Refuse settings that are not those of a training that goes on.

    Raises
    ------
    UserError
        If one differs.
    """
    for name, value in had.items():
        if asked[name] != value:
            raise UserError(
                f"the training that goes on has {value}; leave it out",
                **{name: asked[name]},
            )
