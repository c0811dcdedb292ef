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
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from unrolled import checkpoint
from unrolled.batches import Batches
from unrolled.language_model import LanguageModel
from unrolled.progress import Progress
from unrolled.script import UserError

#: Seconds between two looks at the loss, the clock and the keyboard.
LOOK_EVERY = 0.2


class Plan(NamedTuple):
    """How to train."""

    #: Times that every sentence is seen.
    epochs: int = 10
    #: Of the first epoch; see :func:`train`.
    learning_rate: float = 10.0
    #: Of the order of the batches.
    seed: int = 0
    #: Seconds between checkpoints within an epoch.
    save_every: float = 60.0


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
    """The mean loss over all words of a text, in nats; its exponential is the perplexity."""
    return (
        sum(float(model.losses(batch).sum()) for batch in batches) / batches.tokens
    )


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

    After each epoch the validation loss is measured. Where it is no better than the best before,
    the learning rate is halved.

    Parameters
    ----------
    model : LanguageModel
        It is changed.
    training, validation : Batches
    plan : Plan
    state : State, optional
        Where a training was cut off. Left out: the beginning.
    folder : Path, optional
        For the checkpoints ``last.npz``, from which a training goes on, and ``best.npz``, the
        model with the lowest validation loss. Left out: none are written.
    about : dict, optional
        What else belongs into the checkpoints, such as the vocabulary.
    quiet : bool
        Show no progress.
    """

    def __init__(
        self,
        model: LanguageModel,
        training: Batches,
        validation: Batches,
        plan: Plan,
        state: State | None = None,
        folder: Path | None = None,
        about: dict[str, Any] | None = None,
        quiet: bool = False,
    ) -> None:
        self.model, self.plan = model, plan
        self.training, self.validation = training, validation
        self.state = state or State(plan.learning_rate)
        self.folder, self.about = folder, about or {}
        self.progress = Progress(len(training), quiet)

    def run(self) -> State:
        """Train for as many epochs as the plan says, and return the state with its history.

        Raises
        ------
        KeyboardInterrupt
            After Ctrl-C, once the batch at work is done and saved.
        UserError
            If the loss is no number, or a checkpoint cannot be written.
        """
        with _interruptible() as interrupted:
            while self.state.epoch < self.plan.epochs:
                self._train_epoch(interrupted)
                self._finish_epoch(evaluate(self.model, self.validation))
        return self.state

    def save(self, name: str = "last") -> None:
        """Write ``name.npz`` in the folder, if there is one."""
        if self.folder:
            about = {**self.about, "state": asdict(self.state)}
            checkpoint.save(self.folder / f"{name}.npz", self.model.values(), about)

    def _train_epoch(self, interrupted: threading.Event) -> None:
        """Go through what is left of the epoch, looking up now and then."""
        state, plan = self.state, self.plan
        batches = self.training.epoch(plan.seed, state.epoch, skip=state.position)
        self.progress.begin(state.epoch + 1, state.position)
        pending: list[
            tuple[Any, int]
        ] = []  # the device works on while we queue more
        looked = saved = time.monotonic()
        for batch in batches:
            loss = self.model.step(batch, state.learning_rate)
            pending.append((loss, int(batch.mask.sum())))
            now = time.monotonic()
            if now - looked < LOOK_EVERY and not interrupted.is_set():
                continue
            self._settle(pending, looked)
            looked = now
            if now - saved >= plan.save_every:
                self.save()
                saved = now
            if interrupted.is_set():
                self.save()
                self.progress.end()
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
            self.progress.end()
            last = self.folder and self.folder / "last.npz"
            kept = (
                f"; {last} holds the last good state"
                if last and last.exists()
                else ""
            )
            raise UserError(
                f"the loss is {state.total} in epoch {state.epoch + 1}, after batch "
                f"{state.position}: choose a smaller learning rate{kept}"
            )
        self.progress.show(state.position, state.total / max(state.words, 1), words)

    def _finish_epoch(self, validation: float) -> None:
        """Write the epoch down, lower the learning rate if it did not help, and save."""
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
        if validation >= best:
            state.learning_rate /= 2
        self.progress.end(describe(row))
        if validation < best:
            self.save("best")
        self.save()


def describe(row: dict[str, float]) -> str:
    """One line on one epoch of a history."""
    return (
        f"epoch {row['epoch']:3}: perplexity {math.exp(row['loss']):8.1f}, "
        f"validation {math.exp(row['validation']):8.1f}, "
        f"learning rate {row['learning_rate']:.4g}, "
        f"{row['words_per_second']:,.0f} words/s, {row['seconds']:.0f} s"
    )
