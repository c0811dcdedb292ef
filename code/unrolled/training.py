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
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from unrolled import checkpoint
from unrolled.batches import Batches
from unrolled.corpus import LEVELS, Corpus, Sentence
from unrolled.language_model import LanguageModel, Settings
from unrolled.progress import Progress
from unrolled.script import UserError
from unrolled.vocabulary import Vocabulary

#: What an epoch must take off the validation loss, in nats, for the learning rate to stay: a tenth
#: of the perplexity. Mikolov et al. (2010), section 2, halve it once nothing *significant* is won.
ENOUGH = 0.1
#: Seconds between two looks at the loss, the clock and the keyboard.
LOOK_EVERY = 0.2


class Options(NamedTuple):
    """A model and how to train it: all that its numbers depend on, beside the text."""

    #: Words of the vocabulary, the special ones among them.
    vocabulary: int = 8000
    #: The kind of recurrent unit: a name in :data:`unrolled.cells.CELLS`.
    cell: str = "rnn"
    #: Hidden units of a layer.
    hidden: int = 128
    #: Entries of a word's embedding; 0: words are one-hot.
    embedding: int = 128
    #: Recurrent layers.
    layers: int = 1
    #: The share of entries hidden between layers in training.
    dropout: float = 0.0
    #: Whether the embedding also serves as the output table V.
    tied: bool = False
    #: Times that every sentence is seen.
    epochs: int = 10
    #: Sentences of a minibatch.
    batch: int = 32
    #: Shapes of minibatches, at most; each has to be compiled.
    buckets: int = 8
    #: Tokens after which a sentence is cut into pieces.
    longest: int = 80
    #: How a step follows the gradient: a name in :data:`unrolled.updates.RULES`.
    optimizer: str = "sgd"
    #: The learning rate of the first epoch; see :class:`Trainer`.
    rate: float = 4.0
    #: The longest gradient that a step follows; 0: any.
    clip: float = 0.5
    #: Of the first parameters and of the order of the batches.
    seed: int = 0


#: For each optimizer a learning rate that suits the other defaults.
RATES = {"sgd": Options().rate, "momentum": 0.4, "rmsprop": 0.004, "adam": 0.004}


@dataclass
class State:
    """How far a training is."""

    #: The learning rate now.
    learning_rate: float
    #: Epochs done, and batches done of the next.
    epoch: int = 0
    position: int = 0
    #: Sum of the losses over the words of this epoch so far, and their number.
    total: float = 0.0
    words: int = 0
    #: Seconds of training in this epoch so far.
    seconds: float = 0.0
    #: One row for each epoch done: its number, learning rate, loss and validation loss (nats
    #: per word), seconds, and words per second.
    history: list[dict[str, float]] = field(default_factory=list)

    @property
    def best(self) -> float:
        """The lowest validation loss of all epochs done; infinite before the first."""
        return min((row["validation"] for row in self.history), default=math.inf)


def evaluate(model: LanguageModel, batches: Batches) -> float:
    """The mean loss over all words of a text, in nats."""
    return sum(float(model.losses(batch).sum()) for batch in batches) / batches.tokens


def perplexity(loss: float) -> float:
    """The exponential of a mean loss in nats: as unsure as between so many equal choices."""
    return math.exp(loss) if loss < 709 else math.inf  # the largest number is e^709.8


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
    model : LanguageModel
        It is changed.
    training, validation : Batches
    options : Options
        Of which the epochs, the rate and the seed count here.
    state : State, optional
        Where a training was cut off. Left out: the beginning.
    folder : Path, optional
        For the checkpoints ``last.npz``, from which a training goes on, and ``best.npz``, the
        model with the lowest validation loss. Left out: none are written.
    about : dict, optional
        What else belongs into the checkpoints, such as the vocabulary.
    save_every : float
        Seconds between checkpoints within an epoch.
    quiet : bool
        Show no progress.
    """

    def __init__(
        self,
        model: LanguageModel,
        training: Batches,
        validation: Batches,
        options: Options,
        state: State | None = None,
        folder: Path | None = None,
        about: dict[str, Any] | None = None,
        save_every: float = 60.0,
        quiet: bool = False,
    ) -> None:
        self.model, self.options = model, options
        self.training, self.validation = training, validation
        self.state = state or State(options.rate)
        self.folder, self.about = folder, about or {}
        self.save_every = save_every
        self.progress = Progress(len(training), quiet)

    def run(self) -> State:
        """Train for as many epochs as the options say, and return the state with its history.

        Raises
        ------
        KeyboardInterrupt
            After Ctrl-C, once the batch at work is done and saved.
        UserError
            If the loss is no number, or a checkpoint cannot be written.
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
        about = {**self.about, "state": asdict(self.state)}
        arrays = self.model.values()
        if name == "last":  # to go on it takes what the optimizer remembers, too
            arrays |= self.model.remembered()
        try:
            checkpoint.save(self.folder / f"{name}.npz", arrays, about)
        except ValueError as error:
            raise self._astray(str(error)) from error

    def _astray(self, what: str) -> UserError:
        """The error that ends a training whose numbers are none any more."""
        last = self.folder and self.folder / "last.npz"
        kept = last and last.exists() and f"; {last} holds the last good state"
        return UserError(
            f"{what} in epoch {self.state.epoch + 1}, after batch "
            f"{self.state.position}: choose a smaller learning rate{kept or ''}"
        )

    def _train_epoch(self, interrupted: threading.Event) -> None:
        """Go through what is left of the epoch, looking up now and then."""
        state = self.state
        batches = self.training.epoch(
            self.options.seed, state.epoch, skip=state.position
        )
        self.progress.begin(state.epoch + 1, state.position)
        pending: list[tuple[Any, int]] = []  # the device works on while we queue more
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
        if not math.isfinite(state.total):
            raise self._astray(f"the loss is {state.total}")
        self.progress.show(state.position, state.total / max(state.words, 1), words)

    def _finish_epoch(self, validation: float) -> None:
        """Write the epoch down, lower the learning rate if it did not help, and save."""
        if not math.isfinite(validation):
            raise self._astray(f"the validation loss is {validation}")
        state, best = self.state, self.state.best
        row = {
            "epoch": state.epoch + 1,
            "learning_rate": state.learning_rate,
            "loss": state.total / state.words,
            "validation": validation,
            "seconds": state.seconds,
            "words_per_second": state.words / max(state.seconds, 1e-9),
        }
        state.history.append(row)
        state.epoch, state.position = state.epoch + 1, 0
        state.total, state.words, state.seconds = 0.0, 0, 0.0
        if validation > best - ENOUGH:
            state.learning_rate /= 2
        self.progress.end(describe(row))
        if validation < best:
            self.save("best")
        self.save()


def describe(row: dict[str, float]) -> str:
    """One line on one epoch of a history."""
    return (
        f"epoch {row['epoch']:3}: perplexity {perplexity(row['loss']):8.1f}, "
        f"validation {perplexity(row['validation']):8.1f}, "
        f"learning rate {row['learning_rate']:.4g}, "
        f"{row['words_per_second']:,.0f} words/s, {row['seconds']:.0f} s"
    )


# ---------------------------------------------------------------- from a text to a trained model


class Trained(NamedTuple):
    """What a training gives, or what its file holds."""

    model: LanguageModel
    vocabulary: Vocabulary
    state: State
    about: dict[str, Any]


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
    resume: bool = False,
    **trainer: Any,
) -> Trained:
    """Train a language model on a text.

    Parameters
    ----------
    corpus : Corpus
    options : Options
    folder : Path, optional
        Where the checkpoints go: see :class:`Trainer`.
    resume : bool
        Go on from ``last.npz`` in the folder, which must come from this text and these options
        (of which the epochs alone may differ).
    **trainer
        ``about``, ``save_every`` and ``quiet``, as for :class:`Trainer`.

    Returns
    -------
    Trained
        With the parameters of the last epoch; the best ones are in ``best.npz``.

    Raises
    ------
    UserError
        If the checkpoint does not fit, or as for :meth:`Trainer.run`.
    """
    if resume:
        model, vocabulary, state, about = load(folder / "last.npz")
        _check_same(folder / "last.npz", about, corpus, options)
    else:
        vocabulary = Vocabulary.build(corpus.train, options.vocabulary)
        model = _model(options, len(vocabulary))
        state = State(options.rate)
    training = batches_of(corpus.train, vocabulary, options)
    model.steps = state.epoch * len(training) + state.position
    validation = batches_of(corpus.validation, vocabulary, options, like=training)
    about = {
        **trainer.pop("about", {}),
        "options": options._asdict(),
        "text": {"level": corpus.level, "fingerprint": corpus.fingerprint},
        "vocabulary": list(vocabulary.tokens),
    }
    run = Trainer(model, training, validation, options, state, folder, about, **trainer)
    return Trained(model, vocabulary, run.run(), about)


def _model(
    options: Options, C: int, arrays: dict[str, np.ndarray] | None = None
) -> LanguageModel:
    settings = Settings(
        C,
        options.hidden,
        options.embedding,
        options.cell,
        options.layers,
        options.dropout,
        options.tied,
    )
    return LanguageModel(
        settings, arrays, options.seed, options.clip or None, options.optimizer
    )


def load(path: Path) -> Trained:
    """Read a trained model from a checkpoint.

    Parameters
    ----------
    path : Path
        A file, or a folder with the file ``best.npz``.

    Raises
    ------
    UserError
        If there is no such file, or it holds no model.
    """
    path = path / "best.npz" if path.is_dir() else path
    arrays, about = checkpoint.load(path)
    try:
        options = Options(**about["options"])
        vocabulary = Vocabulary(about["vocabulary"])
        model = _model(options, len(vocabulary), arrays)
        if about["text"]["level"] not in LEVELS:
            raise ValueError(f"unknown level {about['text']['level']!r}")
        return Trained(model, vocabulary, State(**about["state"]), about)
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path}: holds no model of this program: {error}") from error


def _check_same(
    path: Path, about: dict[str, Any], corpus: Corpus, options: Options
) -> None:
    """Refuse to go on with another text or other options."""
    if about["text"]["fingerprint"] != corpus.fingerprint:
        raise UserError(f"{path}: the text ({corpus.name}) has changed since")
    for name, value in about["options"].items():
        if name != "epochs" and getattr(options, name) != value:
            raise UserError(
                f"{path}: {name} was {value}, not {getattr(options, name)}: "
                "a training goes on with its own"
            )
