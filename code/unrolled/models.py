"""A model with all that belongs to it, and how it is kept."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from jax.sharding import Mesh

from unrolled import checkpoint, devices, fields, layers
from unrolled.corpus import Corpus, Source
from unrolled.errors import UserError
from unrolled.language_model import LanguageModel
from unrolled.layers import Settings
from unrolled.options import Options
from unrolled.probability import perplexity
from unrolled.vocabulary import Vocabulary


@dataclass(frozen=True)
class Epoch:
    """What came of one epoch."""

    epoch: fields.Positive
    """Its number, from 1 on."""
    learning_rate: fields.Amount
    """In its middle."""
    loss: fields.Amount
    """Of the training text, in nats per word, while the model learned."""
    validation: fields.Amount
    """Of the validation text after the epoch, in nats per word."""
    seconds: fields.Amount
    words_per_second: fields.Amount

    def __post_init__(self) -> None:
        fields.check(self)

    def __str__(self) -> str:
        return (
            f"epoch {self.epoch:3}: perplexity {perplexity(self.loss):8.1f}, "
            f"validation {perplexity(self.validation):8.1f}, "
            f"learning rate {self.learning_rate:.4g}, "
            f"{self.words_per_second:,.0f} words/s, {self.seconds:.0f} s"
        )


@dataclass
class State:
    """How far a training is."""

    learning_rate: fields.Amount = 0.0
    """Of the last step."""
    steps: fields.Natural = 0
    """Steps taken."""
    epoch: fields.Natural = 0
    """Epochs done."""
    position: fields.Natural = 0
    """Windows done of the next epoch."""
    total: fields.Amount = 0.0
    """Sum of the losses over the words of this epoch so far."""
    words: fields.Natural = 0
    """Their number."""
    seconds: fields.Amount = 0.0
    """Seconds of training in this epoch so far."""
    history: list[Epoch] = field(default_factory=list)
    """What came of each epoch done."""

    def __post_init__(self) -> None:
        fields.check(self)

    @property
    def best(self) -> float:
        """The lowest validation loss of all epochs done; infinite before the first."""
        return min((row.validation for row in self.history), default=math.inf)


@dataclass
class Trained:
    """A model, trained or not yet, and all that it depends on."""

    model: LanguageModel
    vocabulary: Vocabulary
    options: Options
    source: Source
    """The text that it learns from, and how that is read."""
    fingerprint: str
    """Of that text."""
    state: State

    def save(self, path: Path, to_go_on: bool = True) -> None:
        """Write a checkpoint; of several processes, which all have to call this, the first does.

        Parameters
        ----------
        path : Path
        to_go_on : bool
            Keep what the optimizer remembers, too.

        Raises
        ------
        UserError, ValueError
            As for :func:`unrolled.checkpoint.save`.
        """
        arrays = self.model.values()
        if to_go_on:
            arrays |= self.model.remembered()
        about = {
            "options": asdict(self.options),
            "source": asdict(self.source),
            "fingerprint": self.fingerprint,
            "vocabulary": list(self.vocabulary.tokens),
            "state": asdict(self.state),
        }
        if devices.is_first():
            checkpoint.save(path, arrays, about)


def start(
    corpus: Corpus,
    options: Options,
    kind: type[LanguageModel] = LanguageModel,
    mesh: Mesh | None = None,
) -> Trained:
    """Make a model for a text: its vocabulary, and parameters drawn at random."""
    vocabulary = Vocabulary.build(corpus.train, options.model.vocabulary)
    model = _model(options, len(vocabulary), kind=kind, mesh=mesh)
    return Trained(
        model, vocabulary, options, corpus.source, corpus.fingerprint, State()
    )


def restart(trained: Trained, seed: int) -> Trained:
    """Begin anew from another seed, with the same compiled functions.

    To compile a model may take longer than to train it; so one can serve many trials.

    Parameters
    ----------
    trained : Trained
        Its model is given away: what it was trained to is lost, unless it was saved.
    seed : int
    """
    trained.model.restart(seed)
    options = fields.changed(trained.options, seed=seed)
    return replace(trained, options=options, state=State())


def load(path: Path, to_go_on: bool = False, mesh: Mesh | None = None) -> Trained:
    """Read a model from a checkpoint.

    Parameters
    ----------
    path : Path
        A file, or a folder with the file ``best.npz``.
    to_go_on : bool
        It is to be trained further.
    mesh : Mesh, optional
        The devices that do so, whichever have begun.

    Raises
    ------
    UserError
        If there is no such file, or it holds no model; or it is to go on, and was begun by a
        version that laid the text out in another way.
    """
    if path.is_dir():
        # Before the end of the first epoch there is no best.
        names = ("best.npz", "last.npz")
        path /= next((name for name in names if (path / name).exists()), names[0])
    arrays, about = checkpoint.load(path)
    if to_go_on and about["version"] < 3:
        raise UserError(
            f"{path}: was begun by an earlier version of this program: it can still write and "
            "score sentences, but to train further, begin anew"
        )
    try:
        if about["version"] == 1:
            about = _from_version_1(about)
        if about["version"] < 3:
            about = _from_version_2(about)
        settings = Settings(**about["options"].pop("model"))
        options = Options(settings, **about["options"])
        vocabulary = Vocabulary(list(map(_text, about["vocabulary"])))
        source, fingerprint = _source(about["source"]), _text(about["fingerprint"])
        history = [Epoch(**row) for row in about["state"].pop("history")]
        state = State(**about["state"], history=history)
    except (AttributeError, KeyError, TypeError, ValueError, UserError) as error:
        raise UserError(f"{path}: holds no model of this program: {error}") from error
    try:
        _check_sizes(fields.changed(settings, vocabulary=len(vocabulary)), arrays)
        # What a mesh cannot share is no fault of the file.
        model = _model(options, len(vocabulary), arrays, mesh=mesh)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path}: holds no model of this program: {error}") from error
    return Trained(model, vocabulary, options, source, fingerprint, state)


def _model(
    options: Options,
    C: int,
    arrays: dict[str, np.ndarray] | None = None,
    kind: type[LanguageModel] = LanguageModel,
    mesh: Mesh | None = None,
) -> LanguageModel:
    # Or fail before the work.
    devices.own_columns(mesh, options.batch)
    settings = fields.changed(options.model, vocabulary=C)
    return kind(settings, arrays, options.seed, options.clip, options.optimizer, mesh)


def _check_sizes(settings: Settings, arrays: dict[str, np.ndarray]) -> None:
    """Compare tables with the settings, before any is drawn in the size that a file claims."""
    if settings.layers > len(arrays):
        raise ValueError(f"layers={settings.layers}: found {len(arrays)} arrays")
    for name, shape in layers.shapes(settings).items():
        found = np.shape(arrays[name])
        if found != shape:
            raise ValueError(f"{name} {found}: expected {shape}")


def _source(about: dict[str, Any]) -> Source:
    """A text's source; lines were not told apart once, and JSON knows no tuples."""
    about = {"lines": False, **about}
    if isinstance(about.get("source"), list):
        about["source"] = tuple(about["source"])
    if about.get("source") == ():
        raise ValueError("source=[]: expected a text")
    return Source(**about)


def _text(value: Any) -> str:
    """A value that has to be text; JSON may hold any other."""
    if not isinstance(value, str):
        raise TypeError(f"{value!r}: expected text")
    return value


def _from_version_1(about: dict[str, Any]) -> dict[str, Any]:
    """What a checkpoint says, from its first format: the model's settings had no place apart."""
    options, text = dict(about["options"]), about["text"]
    options["learning_rate"] = options.pop("rate")
    model = {name: options.pop(name) for name in fields.flat(Options().model)}
    source = {**about.get("source", {}), "level": text["level"]}
    return {
        **about,
        "options": {"model": model, **options},
        "source": source,
        "fingerprint": text["fingerprint"],
    }


def _from_version_2(about: dict[str, Any]) -> dict[str, Any]:
    """What a checkpoint says, from the format of models whose sentences lay in buckets."""
    options = dict(about["options"])
    for name in ("buckets", "longest"):
        del options[name]
    return {**about, "options": options}
