"""A model with all that belongs to it, and how it is kept."""

import json
import math
from dataclasses import asdict

import numpy as np
import pytest

from small_models import memory_of
from unrolled import checkpoint, devices, models
from unrolled.corpus import Corpus, Source
from unrolled.errors import UserError
from unrolled.fields import changed
from unrolled.layers import Settings, initialize
from unrolled.models import Epoch, State
from unrolled.options import Options
from unrolled.sampling import generate
from unrolled.streams import Batch
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


def refusal(path, **how):
    """The one line with which a file is refused; None if it is not."""
    try:
        models.load(path, **how)
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
    [("sgd", None, 4.0), ("adam", None, 0.012), ("adam", 0.5, 0.5)],
)
def test_a_new_model_has_the_first_learning_rate(optimizer, learning_rate, first):
    given = {"optimizer": optimizer, "learning_rate": learning_rate}
    begun = models.start(CORPUS, changed(OPTIONS, **given))
    assert begun.options.first_learning_rate == first
    # No step has been taken with it.
    assert begun.state == State() == State(0.0, 0, 0, 0, 0.0, 0, 0.0, [])
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
    assert State(history=rows).best == 2


# --------------------------------------------------------------------------------- on the disk


def test_a_model_that_was_saved_comes_back(tmp_path):
    begun = models.start(CORPUS, OPTIONS)
    begun.state = State(2.0, 8, 1, 3, 4.5, 6, 7.5, history=[ROW])
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


@pytest.mark.parametrize("to_go_on", [True, False])
def test_states_of_training_come_back_for_who_goes_on(tmp_path, to_go_on):
    x = np.array([[1, 4], [5, 4], [4, 5]], "int32")
    begun = models.start(CORPUS, changed(OPTIONS, cell="lstm", layers=2))
    begun.model.step(Batch.apart(x, x), 0.1)
    begun.save(tmp_path / "last.npz", to_go_on)
    found = models.load(tmp_path / "last.npz", to_go_on).model
    expected = begun.model.remembered()
    assert list(expected) == ["states of training/2"]
    assert expected["states of training/2"].shape == (4, 2, 2)
    assert expected["states of training/2"].all()
    # The next step goes on from them.
    rest = Batch.apart(x, x)._replace(start=np.zeros((3, 2), "float32"))
    good = begun.model.step(rest, 0.1)
    if to_go_on:
        assert found.remembered().keys() == expected.keys()
        for name, value in found.remembered().items():
            assert np.array_equal(value, expected[name])
        assert found.step(rest, 0.1) == good
        for name, value in found.values().items():
            assert np.array_equal(value, begun.model.values()[name])
    else:
        assert found.remembered() == {}
        assert found.step(rest, 0.1) != good


def test_states_of_another_shape_are_refused(tmp_path):
    path = tmp_path / "last.npz"
    parameters = initialize(Settings(6, 2, 3))
    for shape, fits in (
        ((1, 3, 2), True),
        ((2, 3, 2), False),
        ((1, 4, 2), False),
        ((1, 3, 1), False),
        ((3, 2), False),
    ):
        model_file(path, {**parameters, "states of training/3": np.ones(shape)})
        assert bool(refusal(path)) != fits, shape
        assert bool(refusal(path, to_go_on=True)) != fits, shape
    for name in ("states of training/many", "states of training/-1", "states/3"):
        model_file(path, {**parameters, name: np.ones((1, 3, 2))})
        assert refusal(path), name


def test_devices_that_cannot_share_a_model_are_named(tmp_path):
    """And the file is not blamed."""
    options = changed(OPTIONS, batch=8)
    models.start(CORPUS, options).save(tmp_path / "last.npz")
    with pytest.raises(UserError, match="batch=8: cannot cut 8 rows in 3 equal parts"):
        models.load(tmp_path / "last.npz", mesh=devices.mesh(3))


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
        {"options": {**good, "window": 0}},
        {"options": {**good, "buckets": 8, "longest": 80}},
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
        {"state": {"rate": 1.0, "history": []}},
        {"state": None},
        {"vocabulary": [*SPECIAL, "a", 5]},
        {"source": 5},
        {"source": {"source": 5}},
        {"source": {"source": []}},
        {"source": {"source": ["a.txt", 6]}},
        {"source": {"encoding": 5}},
        {"source": {"column": None}},
        {"fingerprint": 5},
        {"options": {**good, "epochs": 2.5}},
        {"options": {**good, "batch": True}},
        {"options": {**good, "clip": None}},
        {"options": {**good, "optimizer": ["sgd"]}},
        *(
            {"state": {"history": [], name: value}}
            for name, values in {
                "steps": (-5, 1.5, "x", None),
                "epoch": ("x", -1),
                "position": (-1, [3]),
                "words": (-1, True),
                "total": ("x", -1.0),
            }.items()
            for value in values
        ),
        *(
            {"state": {"history": [{**asdict(ROW), name: value}]}}
            for name in asdict(ROW)
            for value in ("x", None, -1, [1])
        ),
        {"arrays": {"E": np.ones((6, 3))}},
    ):
        model_file(path, **changes)
        assert refusal(path), changes


@pytest.mark.parametrize(
    ("claim", "says"),
    [
        ({"layers": 10**7}, "layers=10000000: found 6 arrays"),
        ({"hidden": 10**9}, "U (3, 2): expected (3, 1000000000)"),
        ({"embedding": 10**9}, "E (6, 3): expected (6, 1000000000)"),
        ({"layers": 2}, "'U2'"),
        ({"cell": "lstm"}, "U (3, 2): expected (3, 8)"),
    ],
)
def test_sizes_that_are_claimed_are_not_drawn(tmp_path, monkeypatch, claim, says):
    path = tmp_path / "best.npz"
    model_file(path, options=asdict(changed(OPTIONS, **claim)))
    monkeypatch.setattr(models, "_model", None)
    assert refusal(path) == f"{path}: holds no model of this program: {says}"


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


# -------------------------------------------------------------------------- the second format


def as_version_2(path, **changes):
    """Write a checkpoint of today anew, as the second format had it: buckets, and no states."""
    arrays, about = checkpoint.load(path)
    arrays = {
        k: v for k, v in arrays.items() if not k.startswith("states of training/")
    }
    for name in ("window", "carry"):
        del about["options"][name]
    about["options"] |= {"buckets": 8, "longest": 80}
    del about["state"]["steps"]
    about |= {"version": 2, **changes}
    np.savez(path, about=np.array(json.dumps(about, ensure_ascii=False)), **arrays)


def earlier(path):
    """The one line with which a file is refused that a training would go on from."""
    with pytest.raises(UserError) as caught:
        models.load(path, to_go_on=True)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(
        f"{path}: was begun by an earlier version of this program"
    )
    assert message.endswith("begin anew")


def test_a_file_of_the_second_format_is_for_use_only(tmp_path):
    path = tmp_path / "last.npz"
    begun = models.start(CORPUS, changed(OPTIONS, optimizer="momentum", batch=16))
    x = np.array([[1, 4], [5, 4], [4, 5]], "int32")
    begun.model.step(Batch.apart(x, x), 0.1)
    begun.state = State(2.0, 0, 1, 3, 4.5, 6, 7.5, history=[ROW])
    begun.save(path)
    as_version_2(path)
    assert checkpoint.load(path)[1]["version"] == 2
    found = models.load(path)
    for name in ("options", "source", "fingerprint", "state"):
        assert getattr(found, name) == getattr(begun, name)
    assert found.vocabulary.tokens == begun.vocabulary.tokens
    for name, value in begun.model.values().items():
        assert np.array_equal(found.model.values()[name], value)
    assert found.model.remembered().keys() == memory_of(begun.model).keys()
    how = {"count": 3, "longest": 9, "seed": 1}
    written, expected = (
        generate(one.model, one.vocabulary, **how) for one in (found, begun)
    )
    assert written == expected
    earlier(path)


@pytest.mark.parametrize("missing", ["buckets", "longest"])
def test_half_a_file_of_the_second_format_is_refused(tmp_path, missing):
    path = tmp_path / "last.npz"
    models.start(CORPUS, OPTIONS).save(path)
    as_version_2(path)
    assert not refusal(path)
    arrays, about = checkpoint.load(path)
    del about["options"][missing]
    checkpoint.save(path, arrays, about)
    assert refusal(path)


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
        (
            {"source": SOURCE},
            Source("tales.csv", "character", True, "text", "latin-1", False),
        ),
        # What a program trained, rather than the command line, does not say its source.
        ({}, Source(level="character", lines=False)),
        ({"note": "ours"}, Source(level="character", lines=False)),
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
        optimizer="adam",
        learning_rate=0.01,
        clip=1.0,
        seed=5,
    )
    earlier(path)
    assert (found.source, found.fingerprint) == (source, "print")
    assert found.vocabulary.tokens == (*SPECIAL, "a", "é")
    assert found.state == State(0.005, 0, 1, 2, 3.5, 4, 5.5, [ROW])
    for name, value in arrays.items():
        assert np.array_equal(found.model.values()[name], value.astype("float32"))
    # It is written in the format of today.
    found.save(path)
    assert checkpoint.load(path)[1]["version"] == 3
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
