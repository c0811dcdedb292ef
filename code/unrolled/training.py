"""The training loop: epochs, validation, a learning rate that rises and falls, checkpoints.

The order of the windows follows from the seed and the epoch alone, and the parameters from that
order. So a training that was cut off goes on to the very same numbers: the checkpoint says how
many windows of which epoch are done, and holds the states that the next one begins with.
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

from unrolled import devices, fields, models
from unrolled.corpus import Corpus, Sentence
from unrolled.errors import UserError
from unrolled.kept import Sentences
from unrolled.language_model import LanguageModel
from unrolled.models import Epoch, State, Trained
from unrolled.options import Options
from unrolled.probability import perplexity
from unrolled.progress import Progress
from unrolled.streams import Stream
from unrolled.vocabulary import Vocabulary

#: The share of a training in which the learning rate rises.
WARM_UP = 0.05
#: Seconds between two looks at the loss, the clock and the signals, about.
LOOK_EVERY = 0.2


def schedule(progress: float) -> float:
    r"""The share of the learning rate that a step takes.

    It rises evenly at first, while a rule such as Adam has seen few gradients, and then falls
    along half a cosine to 0:

    .. math:: \min\Bigl(1, \frac{p}{w}\Bigr) \cdot \frac{1 + \cos \pi p}{2}

    Parameters
    ----------
    progress : float
        p, the share of the training's steps that are done, from 0 to 1; w is :data:`WARM_UP`.

    References
    ----------
    Loshchilov and Hutter (2017), "SGDR: stochastic gradient descent with warm restarts",
    equation (5), without restarts; the rise: Goyal et al. (2017), "Accurate, large minibatch SGD",
    section 2.2.
    """
    return min(1.0, progress / WARM_UP) * (1 + math.cos(math.pi * progress)) / 2


def evaluate(model: LanguageModel, text: Stream) -> float:
    """The mean loss over all words of a text, in nats."""
    return sum(float(model.losses(b).sum()) for b in text.in_order()) / text.words


class Stopped(KeyboardInterrupt):
    """A training that a signal has stopped, once the batch at work was done and saved.

    Attributes
    ----------
    signal : int
        SIGINT, which is Ctrl-C, or SIGTERM, with which a machine is asked back.
    """

    def __init__(self, number: int) -> None:
        super().__init__()
        self.signal = number


@contextlib.contextmanager
def _stoppable() -> Iterator[list[int]]:
    """Keep the first signal to stop in a list that the loop can look at; a second one stops."""
    asked: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return

    def ask(number: int, _: Any) -> None:
        asked.append(number)
        restore()

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    before = {n: signal.signal(n, ask) for n in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked
    finally:
        restore()


class Trainer:
    """Trains a model, epoch by epoch.

    The learning rate follows :func:`schedule`. After each epoch the validation loss is measured.

    Parameters
    ----------
    trained : Trained
        The model and how far its training is. It is changed.
    training, validation : Stream
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
        training: Stream,
        validation: Stream,
        folder: Path | None = None,
        save_every: float = 60.0,
        quiet: bool = False,
    ) -> None:
        self.trained, self.folder, self.save_every = trained, folder, save_every
        self.model, self.options = trained.model, trained.options
        self.state = trained.state
        self.training, self.validation = training, validation
        self.progress = Progress(quiet or not devices.is_first())

    def run(self) -> State:
        """Train for as many epochs as the options say, and return the state with its history.

        Raises
        ------
        Stopped
            After Ctrl-C or SIGTERM.
        UserError
            If the perplexity is infinite or no number, or a checkpoint cannot be written.
        """
        try:
            with _stoppable() as asked:
                while self.state.epoch < self.options.epochs:
                    self._train_epoch(asked)
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

    def _rate(self, epochs: float) -> float:
        """The learning rate after so many epochs."""
        share = schedule(epochs / self.options.epochs)
        return self.options.first_learning_rate * share

    def _train_epoch(self, asked: list[int]) -> None:
        """Go through what is left of the epoch, looking up now and then."""
        state = self.state
        windows = self.training.epoch(self.options.seed, state.epoch)
        self._check_place(len(windows))
        self.progress.begin(state.epoch + 1, state.position, len(windows))
        # The device works on while we queue more.
        pending: list[tuple[Any, int]] = []
        look, looked, saved = state.position, time.monotonic(), time.monotonic()
        for number, batch in enumerate(windows.since(state.position), state.position):
            state.learning_rate = self._rate(
                state.epoch + (number + 0.5) / len(windows)
            )
            loss = self.model.step(batch, state.learning_rate)
            pending.append((loss, windows.words(number)))
            # Processes that train together look, save and stop after the same step.
            if number < look and (devices.several() or not asked):
                continue
            count = len(pending)
            self._settle(pending, looked)
            now = time.monotonic()
            stop, waited, step = devices.agree(
                max(asked, default=0), now - saved, (now - looked) / count
            )
            if stop or waited >= self.save_every:
                self.save()
                saved = time.monotonic()
            if stop:
                raise Stopped(int(stop))
            look, looked = number + max(1, int(LOOK_EVERY / step)), time.monotonic()
        self._settle(pending, looked)

    def _check_place(self, windows: int) -> None:
        """Refuse a place in the epoch where no training can have been."""
        position, words = self.state.position, self.state.words
        if position > windows or (position > 0) != (words > 0):
            last = self.folder / "last.npz" if self.folder else "the state"
            raise UserError(
                f"{last}: holds no model of this program: window {position:,} of {windows:,} "
                f"after {words:,} words"
            )

    def _settle(self, pending: list[tuple[Any, int]], since: float) -> None:
        """Wait for the batches that were queued, and count them as done."""
        state, words = self.state, 0
        for loss, count in pending:
            state.total += float(loss) * count
            words += count
        state.position += len(pending)
        state.steps += len(pending)
        state.words += words
        state.seconds += time.monotonic() - since
        pending.clear()
        loss = state.total / max(state.words, 1)
        if not math.isfinite(perplexity(loss)):
            raise self._astray(f"the loss is {loss}")
        self.progress.show(state.position, loss, words)

    def _finish_epoch(self, validation: float) -> None:
        """Write the epoch down, and save."""
        if not math.isfinite(perplexity(validation)):
            raise self._astray(f"the validation loss is {validation}")
        state, best = self.state, self.state.best
        row = Epoch(
            epoch=state.epoch + 1,
            learning_rate=self._rate(state.epoch + 0.5),
            loss=state.total / state.words,
            validation=validation,
            seconds=state.seconds,
            words_per_second=state.words / max(state.seconds, 1e-9),
        )
        state.history.append(row)
        state.epoch, state.position = state.epoch + 1, 0
        state.total, state.words, state.seconds = 0.0, 0, 0.0
        self.progress.end(str(row))
        if validation < best:
            self.save("best")
        self.save()


# -------------------------------------------------------------- from a text to a trained model


def stream_of(
    sentences: Sequence[Sentence],
    vocabulary: Vocabulary,
    options: Options,
    rows: slice = slice(None),
) -> Stream:
    """Encode sentences, and lay them out as the options say."""
    if isinstance(sentences, Sentences):
        encoded = sentences.encoded(vocabulary)
    else:
        encoded = [vocabulary.encode(sentence) for sentence in sentences]
    return Stream(encoded, options.batch, options.window, options.carry, rows)


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
        differ), from :func:`unrolled.models.start` or :func:`unrolled.models.restart`. Left out: a
        new one.

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
        with memory_told(options):
            begun = models.start(corpus, options)
    else:
        check_options(begun, options)
        check_text(begun, corpus)
        # The file may have moved.
        begun.options, begun.source = options, corpus.source
    rows = devices.own_columns(begun.model.mesh, options.batch)
    training, validation = (
        stream_of(part, begun.vocabulary, options, rows)
        for part in (corpus.train, corpus.validation)
    )
    if options.batch > training.words:
        raise UserError(
            f"more rows than the {training.words:,} words of the text",
            batch=options.batch,
        )
    begun.model.steps = begun.state.steps
    with memory_told(options):
        Trainer(begun, training, validation, folder, save_every, quiet).run()
    return begun


@contextlib.contextmanager
def memory_told(options: Options) -> Iterator[None]:
    """Say what to make smaller where the memory of the device does not suffice.

    Raises
    ------
    UserError
        If it does not.
    """
    try:
        yield
    except (MemoryError, RuntimeError, ValueError) as error:
        # XLA has no class of its own for it, and NumPy none for more than can be counted.
        words = ("RESOURCE_EXHAUSTED", "array is too big", "Maximum allowed")
        told = any(word in str(error) for word in words)
        if not isinstance(error, MemoryError) and not told:
            raise
        raise UserError(
            "not enough memory for so many words at a time: choose a smaller one",
            batch=options.batch,
            window=options.window,
            vocabulary=options.model.vocabulary,
            hidden=options.model.hidden,
        ) from error


def check_text(begun: Trained, corpus: Corpus) -> None:
    """Refuse to go on with another text.

    Raises
    ------
    UserError
        If it is not the one that the model has begun to learn from.
    """
    if begun.fingerprint != corpus.fingerprint:
        raise UserError(
            f"the text ({corpus.name}) has changed since it was begun, "
            "or is cut into other words by now"
        )


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
