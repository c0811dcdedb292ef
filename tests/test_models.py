"""A model with all that belongs to it, and how it is kept."""

import json
import math
from dataclasses import asdict

import numpy as np
import pytest

from unrolled import checkpoint, models
from unrolled.corpus import Corpus, Source
from unrolled.errors import UserError
from unrolled.fields import changed
from unrolled.layers import Settings, initialize
from unrolled.models import Epoch, State
from unrolled.options import Options
from unrolled.updates import RULES
from unrolled.vocabulary import SPECIAL

CORPUS = Corpus(
    Source("small.txt", lower=True), [["b", "a"], ["a"]], [["a"]], [["b"]], "print"
)
OPTIONS = Options(Settings(vocabulary=50, hidden=2, embedding=3), clip=0.0, seed=4)
ROW = Epoch(1, 4.0, 2.5, 2.25, 1.5, 1000.0)


def model_file(path, arrays=None, **changes):
    """A checkpoint that a training might have written, with something changed."""
    about = {
        "options": asdict(OPTIONS),
        "source": asdict(Source()),
        "fingerprint": "f",
        "vocabulary": [*SPECIAL, "a", "b"],
        "state": {"learning_rate": 1.0, "history": []},
    }
    about = {name: changes.get(name, value) for name, value in about.items()}
    about = {name: value for name, value in about.items() if value is not None}
    checkpoint.save(path, arrays or initialize(Settings(6, 2, 3)), about)


def refusal(path):
    """The one line with which a file is refused; None if it is not."""
    try:
        models.load(path)
    except UserError as error:
        message = str(error)
        assert message.startswith(f"{path}: holds no model of this program: ")
        assert "\n" not in message
        return message
    return None


# -------------------------------------------------------------------------------- a new model


def test_a_new_model_knows_the_words_of_its_text():
    begun = models.start(CORPUS, OPTIONS)
    # The text has fewer words than the options allow.
    assert begun.vocabulary.tokens == (*SPECIAL, "a", "b")
    assert begun.model.settings == changed(OPTIONS.model, vocabulary=6)
    assert begun.options == OPTIONS
    assert (begun.source, begun.fingerprint) == (CORPUS.source, "print")
    for name, value in initialize(begun.model.settings, seed=4).items():
        assert np.array_equal(begun.model.values()[name], value.astype("float32"))


def test_a_vocabulary_is_as_large_as_asked():
    begun = models.start(CORPUS, changed(OPTIONS, vocabulary=5))
    assert begun.vocabulary.tokens == (*SPECIAL, "a")


@pytest.mark.parametrize(
    ("optimizer", "learning_rate", "first"),
    [("sgd", None, 4.0), ("adam", None, 0.004), ("adam", 0.5, 0.5)],
)
def test_a_new_model_has_the_first_learning_rate(optimizer, learning_rate, first):
    given = {"optimizer": optimizer, "learning_rate": learning_rate}
    begun = models.start(CORPUS, changed(OPTIONS, **given))
    assert begun.state == State(learning_rate=first)
    assert begun.state.best == math.inf


# -------------------------------------------------------------------------------------- epochs


def test_an_epoch_is_told_in_a_line():
    assert str(ROW) == (
        "epoch   1: perplexity     12.2, validation      9.5, learning rate 4, "
        "1,000 words/s, 2 s"
    )


def test_a_loss_beyond_all_bounds_can_be_told():
    assert "perplexity      inf" in str(Epoch(1, 2.0, 1e5, 2.0, 1.0, 10.0))


def test_best_is_the_lowest_validation_loss():
    rows = [Epoch(i, 1.0, 1.0, loss, 1.0, 1.0) for i, loss in enumerate([3, 2, 5], 1)]
    assert State(1.0, history=rows).best == 2


# --------------------------------------------------------------------------------- on the disk


def test_a_model_that_was_saved_comes_back(tmp_path):
    begun = models.start(CORPUS, OPTIONS)
    begun.state = State(2.0, 1, 3, 4.5, 6, 7.5, history=[ROW])
    begun.save(tmp_path / "best.npz")
    # A folder stands for its file best.npz.
    for path in (tmp_path, tmp_path / "best.npz"):
        found = models.load(path)
        for name, value in begun.model.values().items():
            assert np.array_equal(found.model.values()[name], value)
        assert found.model.settings == begun.model.settings
        assert (found.model.seed, found.model.clip) == (4, 0.0)
        assert found.model.rule is RULES["sgd"]
        assert found.vocabulary.tokens == begun.vocabulary.tokens
        for name in ("options", "source", "fingerprint", "state"):
            assert getattr(found, name) == getattr(begun, name)


def test_only_who_goes_on_needs_what_the_optimizer_remembers(tmp_path):
    parameters = initialize(Settings(6, 2, 3))
    memory = {f"velocity/{name}": p + 1 for name, p in parameters.items()}
    given = asdict(changed(OPTIONS, optimizer="momentum"))
    model_file(tmp_path / "last.npz", {**parameters, **memory}, options=given)
    begun = models.load(tmp_path / "last.npz")
    assert begun.model.remembered().keys() == memory.keys()
    begun.save(tmp_path / "again.npz")
    begun.save(tmp_path / "best.npz", to_go_on=False)
    assert checkpoint.load(tmp_path / "again.npz")[0].keys() == {*parameters, *memory}
    assert checkpoint.load(tmp_path / "best.npz")[0].keys() == parameters.keys()


def test_a_checkpoint_that_holds_no_model_is_refused(tmp_path):
    path = tmp_path / "best.npz"
    model_file(path)
    assert len(models.load(path).vocabulary) == 6
    good = asdict(OPTIONS)
    model = good["model"]
    for changes in (
        {"options": None},
        {"options": {"model": {**model, "cell": "perceptron"}}},
        {"options": {"model": {**model, "hidden": 3}}},
        {"options": {"model": {**model, "hidden": "many"}}},
        {"options": {"model": {**model, "attention": True}}},
        {"options": {"model": {"hidden": 2}}},
        {"options": {"model": [1, 2]}},
        {"options": {**good, "clip": -1.0}},
        {"options": {**good, "patience": 3}},
        {"options": [1, 2]},
        {"vocabulary": [*SPECIAL, "a"]},
        {"vocabulary": ["a", "b"]},
        {"vocabulary": 3},
        {"source": None},
        {"source": {"level": "syllable"}},
        {"source": {"alphabet": "latin"}},
        {"fingerprint": None},
        {"state": {}},
        {"state": {"learning_rate": 1.0}},
        {"state": {"learning_rate": 1.0, "history": [{"epoch": 1}]}},
        {"state": None},
        {"arrays": {"E": np.ones((6, 3))}},
    ):
        model_file(path, **changes)
        assert refusal(path), changes


def test_a_memory_that_is_not_the_optimizers_is_refused(tmp_path):
    path = tmp_path / "last.npz"
    parameters = initialize(Settings(6, 2, 3))

    def refused(memory, optimizer="momentum"):
        given = asdict(changed(OPTIONS, optimizer=optimizer))
        model_file(path, {**parameters, **memory}, options=given)
        return refusal(path)

    memory = {f"velocity/{name}": np.zeros_like(p) for name, p in parameters.items()}
    assert not refused(memory)
    # The best model goes without.
    assert not refused({})
    assert not refused({}, "adam")
    assert refused({**memory, "velocity/W": np.zeros((2, 3))})
    assert refused({**memory, "velocity/W": np.zeros(4)})
    assert refused({**memory, "velocity/W9": np.zeros((2, 2))})
    assert refused({**memory, "speed/W": np.zeros((2, 2))})
    assert refused({k: v for k, v in memory.items() if k != "velocity/W"})
    for other in ("sgd", "rmsprop", "adam"):
        assert refused(memory, other)


# ---------------------------------------------------------------------------- the first format


def version_1(path, **more):
    """Write a checkpoint as the first format had it."""
    about = {
        "format": "unrolled checkpoint",
        "version": 1,
        **more,
        "options": {
            "vocabulary": 8000,
            "cell": "gru",
            "hidden": 2,
            "embedding": 3,
            "layers": 1,
            "dropout": 0.25,
            "tied": False,
            "epochs": 7,
            "batch": 16,
            "buckets": 3,
            "longest": 40,
            "optimizer": "adam",
            "rate": 0.01,
            "clip": 1.0,
            "seed": 5,
        },
        "text": {"level": "character", "fingerprint": "print"},
        "vocabulary": [*SPECIAL, "a", "é"],
        "state": {
            "learning_rate": 0.005,
            "epoch": 1,
            "position": 2,
            "total": 3.5,
            "words": 4,
            "seconds": 5.5,
            "history": [
                {
                    "epoch": 1,
                    "learning_rate": 4.0,
                    "loss": 2.5,
                    "validation": 2.25,
                    "seconds": 1.5,
                    "words_per_second": 1000.0,
                }
            ],
        },
    }
    arrays = initialize(Settings(6, 2, 3, "gru"), seed=5)
    np.savez(path, about=np.array(json.dumps(about, ensure_ascii=False)), **arrays)
    return arrays


SOURCE = {
    "source": "tales.csv",
    "level": "character",
    "lower": True,
    "column": "text",
    "encoding": "latin-1",
}


@pytest.mark.parametrize(
    ("more", "source"),
    [
        ({"source": SOURCE}, Source("tales.csv", "character", True, "text", "latin-1")),
        # What a program trained, rather than the command line, does not say its source.
        ({}, Source(level="character")),
        ({"note": "ours"}, Source(level="character")),
    ],
)
def test_a_file_of_the_first_format_is_read(tmp_path, more, source):
    path = tmp_path / "last.npz"
    arrays = version_1(path, **more)
    found = models.load(path)
    assert found.options == Options(
        Settings(8000, 2, 3, "gru", 1, 0.25, False),
        epochs=7,
        batch=16,
        buckets=3,
        longest=40,
        optimizer="adam",
        learning_rate=0.01,
        clip=1.0,
        seed=5,
    )
    assert (found.source, found.fingerprint) == (source, "print")
    assert found.vocabulary.tokens == (*SPECIAL, "a", "é")
    assert found.state == State(0.005, 1, 2, 3.5, 4, 5.5, [ROW])
    for name, value in arrays.items():
        assert np.array_equal(found.model.values()[name], value.astype("float32"))
    # It is written in the format of today.
    found.save(path)
    assert checkpoint.load(path)[1]["version"] == 2
    assert models.load(path).state == found.state
    assert models.load(path).source == source


@pytest.mark.parametrize("missing", ["options", "text", "vocabulary", "state"])
def test_half_a_file_of_the_first_format_is_refused(tmp_path, missing):
    path = tmp_path / "last.npz"
    version_1(path)
    arrays, about = checkpoint.load(path)
    del about[missing]
    checkpoint.save(path, arrays, about)
    assert refusal(path)
