import math
import signal
import threading
from dataclasses import replace
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest

from unrolled import checkpoint, models, training
from unrolled.corpus import Corpus, Source
from unrolled.errors import UserError
from unrolled.fields import changed
from unrolled.language_model import LanguageModel
from unrolled.layers import Settings
from unrolled.models import Epoch, State, Trained, load
from unrolled.options import Options
from unrolled.streams import Stream
from unrolled.training import WARM_UP, Trainer, evaluate, fit, schedule
from unrolled.vocabulary import SPECIAL, Vocabulary

WORDS = [a + b for a in "kmpt" for b in "aeio"]


def sentences(count, length=7, seed=0):
    """Sentences of one length, in which a word allows three next ones."""
    random = np.random.default_rng(seed)
    made = []
    for _ in range(count):
        numbers = [int(random.integers(len(WORDS)))]
        for step in random.integers(3, size=length - 1):
            numbers.append((5 * numbers[-1] + int(step)) % len(WORDS))
        made.append([WORDS[i] for i in numbers])
    return made


SMALL = Settings(vocabulary=8000, hidden=12, embedding=5)
CORPUS = Corpus(
    Source("small.txt"), sentences(960), sentences(40, seed=1), sentences(3), "print"
)
# Sentences have 8 steps, and most go on in the next window.
OPTIONS = Options(SMALL, epochs=3, batch=16, window=6, learning_rate=3.0)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A training of three epochs, and its folder."""
    folder = tmp_path_factory.mktemp("models") / "small"
    done = fit(CORPUS, OPTIONS, folder, quiet=True)
    return SimpleNamespace(**vars(done), folder=folder)


def same(found, expected):
    return found.keys() == expected.keys() and all(
        np.array_equal(found[name], value) for name, value in expected.items()
    )


# ---------------------------------------------------------------------------------- what it learns


def test_the_loss_falls_on_a_text_that_can_be_learned(trained):
    history = trained.state.history
    assert [row.epoch for row in history] == [1, 2, 3]
    losses = [row.loss for row in history]
    assert losses == sorted(losses, reverse=True)
    # The first word is one of 16, the next six are each one of 3, and the end is certain.
    best = (math.log(16) + 6 * math.log(3)) / 8
    assert best < losses[-1] < best + 0.5


def test_the_validation_loss_is_measured_after_each_epoch(trained):
    assert all(0 < row.validation < 4 for row in trained.state.history)
    text = training.stream_of(CORPUS.validation, trained.vocabulary, OPTIONS)
    assert evaluate(trained.model, text) == trained.state.history[-1].validation


def test_a_text_is_laid_out_as_the_options_say(trained):
    for carry in (False, True):
        chosen = changed(OPTIONS, batch=3, window=5, carry=carry)
        text = training.stream_of(CORPUS.validation, trained.vocabulary, chosen)
        assert (text.B, text.T, text.carry) == (3, 5, carry)
        assert (len(text), text.words) == (40, 40 * 8)
        first = next(iter(text.in_order())).y[:, 0]
        assert (
            first.tolist()
            == trained.vocabulary.encode(CORPUS.validation[0][:5]).tolist()
        )


def test_an_untrained_model_is_as_good_as_guessing(trained):
    C = len(trained.vocabulary)
    start = LanguageModel(changed(SMALL, vocabulary=C))
    text = training.stream_of(CORPUS.validation, trained.vocabulary, OPTIONS)
    assert evaluate(start, text) == pytest.approx(math.log(C), abs=0.05)


def test_evaluate_is_the_mean_of_losses_by_hand(trained):
    E, U, W, b, V, c = (trained.model.values()[name] for name in "EUWbVc")
    losses = []
    for sentence in CORPUS.validation:
        numbers = [1, *trained.vocabulary.encode(sentence), 2]
        s = np.zeros(SMALL.hidden)
        for x, y in pairwise(numbers):
            s = np.tanh(E[x].astype(float) @ U + s @ W + b)
            z = V @ s + c
            losses.append(math.log(np.exp(z).sum()) - z[y])
    found = trained.state.history[-1].validation
    assert found == pytest.approx(np.mean(losses), rel=1e-5)


def test_files_hold_the_last_and_the_best_epoch(trained):
    assert sorted(file.name for file in trained.folder.iterdir()) == [
        "best.npz",
        "last.npz",
    ]
    last = load(trained.folder / "last.npz")
    assert same(last.model.values(), trained.model.values())
    assert last.state == trained.state
    best = load(trained.folder)
    row = min(trained.state.history, key=lambda row: row.validation)
    assert best.state.history[-1] == row
    assert best.vocabulary.tokens == trained.vocabulary.tokens
    assert (best.options, best.source) == (OPTIONS, Source("small.txt"))
    assert best.fingerprint == "print"


def test_a_trained_model_gets_more_epochs(trained, tmp_path):
    more = changed(OPTIONS, epochs=4)
    resumed = []
    for _ in range(2):
        begun = load(trained.folder / "last.npz", to_go_on=True)
        resumed.append(fit(CORPUS, more, tmp_path, begun, quiet=True))
    assert load(tmp_path / "last.npz").options == more
    first, second = resumed
    assert same(first.model.values(), second.model.values())
    history = first.state.history
    assert history[:3] == trained.state.history
    assert len(history) == 4
    # From the middle of the fall on: a rate of its own, not the 0 where the training had ended.
    # Each row has the rate in the middle of its epoch, of the training that it was part of.
    assert history[2].learning_rate == pytest.approx(3.0 * schedule(2.5 / 3))
    assert history[3].learning_rate == pytest.approx(3.0 * schedule(3.5 / 4))
    assert history[3].loss < history[2].loss


def test_the_same_seed_gives_the_same_numbers_and_another_one_others(trained):
    again, other = (
        fit(CORPUS, changed(OPTIONS, seed=seed), quiet=True).model.values()
        for seed in (0, 1)
    )
    assert same(again, trained.model.values())
    for name, value in other.items():
        assert not np.array_equal(value, again[name]), name


GATED = replace(
    changed(OPTIONS, cell="gru", layers=2, dropout=0.3),
    optimizer="adam",
    learning_rate=0.01,
    epochs=2,
)


def test_a_gated_model_with_dropout_and_adam_goes_on_bit_for_bit(tmp_path, monkeypatch):
    at_once = fit(CORPUS, GATED, quiet=True)
    # In the second epoch of 80 windows, in the middle of sentences.
    step, before = LanguageModel.step, 105

    def press(model, *rest):
        if model.steps == before:
            signal.raise_signal(signal.SIGINT)
        return step(model, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(LanguageModel, "step", press)
        with pytest.raises(KeyboardInterrupt):
            fit(CORPUS, GATED, tmp_path, quiet=True)
    cut = load(tmp_path / "last.npz", to_go_on=True)
    assert (cut.state.epoch, cut.state.position, cut.state.steps) == (1, 26, 106)
    # To go on takes the optimizer's memory and the states, to write sentences does not.
    assert same(cut.model.remembered(), memory_in(tmp_path / "last.npz"))
    assert len(cut.model.remembered()) == 2 * len(cut.model.values()) + 2
    assert cut.model.remembered()["steps/all"] == 106
    states = cut.model.remembered()["states of training/16"]
    assert states.shape == (2, 16, 12)
    assert states.all()
    assert memory_in(tmp_path / "best.npz") == {}

    resumed = fit(CORPUS, GATED, tmp_path, cut, quiet=True)
    assert resumed.model.steps == at_once.model.steps == 160
    assert resumed.state.steps == at_once.state.steps == 160
    assert same(resumed.model.values(), at_once.model.values())
    assert same(resumed.model.remembered(), at_once.model.remembered())
    for row, good in zip(resumed.state.history, at_once.state.history, strict=True):
        for name in ("epoch", "learning_rate", "loss", "validation"):
            assert getattr(row, name) == getattr(good, name)
    losses = [row.loss for row in resumed.state.history]
    assert losses == sorted(losses, reverse=True)


def memory_in(path):
    """What a file holds beside the parameters."""
    arrays, _ = checkpoint.load(path)
    return {name: value for name, value in arrays.items() if "/" in name}


@pytest.mark.parametrize(
    ("name", "value", "had"),
    [
        ("seed", 1, 0),
        ("hidden", 13, 12),
        ("cell", "lstm", "rnn"),
        ("layers", 2, 1),
        ("dropout", 0.5, 0.0),
        ("optimizer", "adam", "sgd"),
        ("learning_rate", 2.0, 3.0),
        ("batch", 8, 16),
        ("window", 35, 6),
        ("carry", True, False),
    ],
)
def test_it_goes_on_with_the_same_options_only(trained, name, value, had):
    message = refused(trained, CORPUS, changed(OPTIONS, **{name: value}))
    expected = f"the training that goes on has {had}; leave it out"
    assert message == f"{name}={value!r}: {expected}"


def test_it_goes_on_with_the_same_text_only(trained):
    other = CORPUS._replace(fingerprint="other")
    message = refused(trained, other, OPTIONS)
    assert message.startswith("the text (small.txt) has changed since it was begun")


def refused(trained, corpus, options):
    """The message that a training is refused with; its files stay as they were."""
    files = {file: file.read_bytes() for file in trained.folder.iterdir()}
    begun = load(trained.folder / "last.npz")
    with pytest.raises(UserError) as caught:
        fit(corpus, options, trained.folder, begun, quiet=True)
    assert {file: file.read_bytes() for file in trained.folder.iterdir()} == files
    return str(caught.value)


def test_a_learning_rate_may_be_told_that_was_the_optimizers_own():
    model = changed(SMALL, vocabulary=20)
    begun = models.start(CORPUS, Options(model, batch=16))
    training.check_options(begun, Options(model, batch=16, learning_rate=4.0))


def test_a_text_with_fewer_sentences_than_rows_is_learned_too():
    small = CORPUS._replace(train=CORPUS.train[:15], validation=CORPUS.validation[:1])
    done = fit(small, changed(OPTIONS, epochs=30), quiet=True)
    assert done.state.steps == done.model.steps == 30 * 2
    first, *_, last = done.state.history
    assert last.loss < first.loss - 0.5
    numbers = [*done.model.values().values(), *done.model.remembered().values()]
    assert all(np.isfinite(value).all() for value in numbers)
    assert math.isfinite(last.validation)


@pytest.mark.parametrize("part", ["train", "validation"])
def test_a_text_without_sentences_is_refused(part):
    with pytest.raises(UserError, match=r"^found no sentences: expected more text$"):
        fit(CORPUS._replace(**{part: []}), OPTIONS, quiet=True)


PLAIN = changed(OPTIONS, epochs=1)
CARRIED = changed(PLAIN, carry=True)


@pytest.mark.parametrize(
    "options",
    [PLAIN, CARRIED, changed(GATED, epochs=1)],
    ids=["sgd", "carried", "adam"],
)
def test_another_seed_compiles_nothing_and_is_as_new(options, compiled):
    text = CORPUS._replace(train=CORPUS.train[:96])

    def outcome(done):
        rows = [
            (row.learning_rate, row.loss, row.validation) for row in done.state.history
        ]
        told = {"history": rows, "steps": done.state.steps}
        return told | done.model.values() | done.model.remembered()

    first = fit(text, options, quiet=True)
    found = [outcome(first)]
    trained = first
    with compiled() as again:
        for seed in (1, options.seed):
            trained = models.restart(trained, seed)
            assert (trained.options, trained.state) == (
                changed(options, seed=seed),
                State(),
            )
            trained = fit(text, trained.options, begun=trained, quiet=True)
            found.append(outcome(trained))
    assert again == []
    with compiled() as anew:
        new = outcome(fit(text, changed(options, seed=1), quiet=True))
    # One function that trains and one that measures: so it would have been noticed.
    assert len(anew) >= 2
    once, other, back = found
    assert same(other, new)
    assert same(back, once)
    assert not np.array_equal(other["history"], once["history"])


def test_what_was_trained_before_a_restart_keeps_its_history():
    begun = models.start(CORPUS, OPTIONS)
    begun.state.history.append(Epoch(1, 3.0, 2.0, 2.0, 1.0, 1.0))
    anew = models.restart(begun, 1)
    assert anew.state.history == []
    assert len(begun.state.history) == 1
    assert (anew.fingerprint, anew.source) == (begun.fingerprint, begun.source)
    assert anew.vocabulary is begun.vocabulary
    # It goes on with its own seed only.
    with pytest.raises(UserError, match=r"^seed=0: the training that goes on has 1"):
        fit(CORPUS, OPTIONS, begun=anew, quiet=True)


# ---------------------------------------------------------------------------- the learning rate


def test_the_rate_rises_evenly_and_falls_along_half_a_cosine():
    assert schedule(0) == 0
    assert schedule(WARM_UP) == (1 + math.cos(math.pi * WARM_UP)) / 2 > 0.99
    for share in (0.1, 0.5, 0.9):
        fallen = (1 + math.cos(math.pi * WARM_UP * share)) / 2
        assert schedule(share * WARM_UP) == pytest.approx(share * fallen, rel=1e-12)
    assert schedule(0.25) == pytest.approx((2 + math.sqrt(2)) / 4, rel=1e-12)
    assert schedule(0.5) == pytest.approx(0.5, rel=1e-12)
    assert schedule(0.75) == pytest.approx((2 - math.sqrt(2)) / 4, rel=1e-12)
    assert schedule(1) == 0
    rising, falling = np.linspace(0, WARM_UP, 50), np.linspace(WARM_UP, 1, 500)
    assert (np.diff([*map(schedule, rising)]) > 0).all()
    assert (np.diff([*map(schedule, falling)]) < 0).all()


def test_a_file_that_moved_is_found_again(trained, monkeypatch):
    moved = CORPUS._replace(source=Source("elsewhere/small.txt"))
    begun = load(trained.folder / "last.npz")
    monkeypatch.setattr(Trainer, "run", lambda _: None)
    assert fit(moved, OPTIONS, begun=begun, quiet=True).source == moved.source


def test_a_text_is_prepared_once(trained, tmp_path, monkeypatch):
    built, encoded = [], []
    build, encode = Vocabulary.build, Vocabulary.encode
    monkeypatch.setattr(Trainer, "run", lambda _: None)
    monkeypatch.setattr(
        Vocabulary, "build", lambda *given: built.append(1) or build(*given)
    )
    monkeypatch.setattr(
        Vocabulary, "encode", lambda *given: encoded.append(1) or encode(*given)
    )
    fit(CORPUS, OPTIONS, quiet=True)
    sentences = len(CORPUS.train) + len(CORPUS.validation)
    assert (len(built), len(encoded)) == (1, sentences)
    begun = load(trained.folder / "last.npz")
    fit(CORPUS, OPTIONS, begun=begun, quiet=True)
    assert (len(built), len(encoded)) == (1, 2 * sentences)


# -------------------------------------------------------------- the loop, with a model that is none


class Actor:
    """Stands in for a model: plays given validation losses, and writes down what it is told."""

    def __init__(self, validation=(), loss=1.0):
        self.validation, self.loss = list(validation), loss
        self.seen, self.rates = [], []
        self.parameters = np.zeros(3)
        self.before_step = {}

    def step(self, batch, learning_rate):
        self.before_step.get(len(self.seen), lambda: None)()
        self.seen.append(batch)
        self.rates.append(learning_rate)
        self.parameters = self.parameters + 1
        return np.float32(self.loss)

    def losses(self, batch):
        # One batch of one word: see `rehearse`.
        return np.array([[self.validation.pop(0) if self.validation else 1.0]])

    def values(self):
        return {"p": self.parameters}

    def remembered(self):
        return {}


# 10 windows of 4 sentences of 4 steps each.
NUMBERS = [np.full(3, i, np.int32) for i in range(4, 44)]


def rehearse(actor, epochs=1, state=None, **trainer):
    """A trainer for an actor; the validation text is a window with one word."""
    training_, validation = Stream(NUMBERS, 4, 4), Stream([np.zeros(0, np.int32)], 1)
    options = Options(epochs=epochs, learning_rate=8.0)
    vocabulary, state = Vocabulary(SPECIAL), state or State()
    trained = Trained(actor, vocabulary, options, Source(), "print", state)
    return Trainer(trained, training_, validation, quiet=True, **trainer)


def told(batches):
    """Which sentences were in which batch."""
    return [tuple(batch.x[1].tolist()) for batch in batches]


def planned(steps, epochs):
    """The rates of these steps of a training, in the middle of each."""
    return [8 * schedule((step + 0.5) / (10 * epochs)) for step in steps]


def test_each_step_has_the_rate_of_its_place():
    losses = [9, 8, 8.5, 7]
    actor = Actor(losses)
    history = rehearse(actor, 4).run().history
    assert [row.validation for row in history] == losses
    assert actor.rates == pytest.approx(planned(range(40), 4), rel=1e-12)
    # What is told of an epoch is the rate in its middle.
    middle = [8 * schedule((epoch + 0.5) / 4) for epoch in range(4)]
    assert [row.learning_rate for row in history] == pytest.approx(middle)
    assert actor.rates[0] < actor.rates[1] < actor.rates[2] > actor.rates[3]
    assert 0 < actor.rates[-1] < 0.02


def test_more_epochs_stretch_the_fall_of_the_rate():
    first = Actor()
    state = rehearse(first, 2).run()
    assert first.rates == pytest.approx(planned(range(20), 2), rel=1e-12)
    more = Actor()
    state = rehearse(more, 5, state).run()
    assert more.rates == pytest.approx(planned(range(20, 50), 5), rel=1e-12)
    assert more.rates[0] > 4 > first.rates[-1]
    assert state.steps == 50
    assert [row.epoch for row in state.history] == [1, 2, 3, 4, 5]


def test_the_rate_knows_how_many_windows_each_epoch_has():
    # Sentences of all lengths are cut into rows at other places in each order.
    lengths = np.random.default_rng(0).integers(1, 40, size=30)
    text = Stream([np.full(n, 7, np.int32) for n in lengths], 4, 3)
    counts = [len(text.epoch(0, epoch)) for epoch in range(6)]
    assert len(set(counts)) > 1
    actor = Actor()
    trainer = rehearse(actor, 6)
    trainer.training = text
    trainer.run()
    expected = [
        8 * schedule((epoch + (number + 0.5) / count) / 6)
        for epoch, count in enumerate(counts)
        for number in range(count)
    ]
    assert actor.rates == pytest.approx(expected, rel=1e-12)
    assert trainer.state.steps == sum(counts)


def test_best_is_the_epoch_with_the_lowest_validation_loss(tmp_path):
    losses = [3, 2, 2.5, 1.99, 1.99, 5]
    for count, best in enumerate([1, 2, 2, 4, 4, 4], 1):
        folder = tmp_path / str(count)
        rehearse(Actor(losses), count, folder=folder).run()
        arrays, about = checkpoint.load(folder / "best.npz")
        assert len(about["state"]["history"]) == best
        assert np.array_equal(arrays["p"], np.full(3, 10.0 * best))
        arrays, about = checkpoint.load(folder / "last.npz")
        assert len(about["state"]["history"]) == count
        assert np.array_equal(arrays["p"], np.full(3, 10.0 * count))


def test_each_epoch_brings_all_sentences_in_another_order():
    actor = Actor()
    rehearse(actor, 2).run()
    first, second = told(actor.seen[:10]), told(actor.seen[10:])
    assert first != second
    assert sorted(sum(first, ())) == sorted(sum(second, ())) == list(range(4, 44))


def test_the_history_weighs_batches_by_their_words():
    text = [np.full(2, 7, np.int32)] * 5
    actor = Actor()
    actor.step = lambda batch, _: np.float32(batch.mask.sum())
    trainer = rehearse(actor)
    # Rows of 9 and 6 words: 12 words in one window, 3 in the other.
    trainer.training = Stream(text, 2, 6)
    (row,) = trainer.run().history
    assert row.loss == (12 * 12 + 3 * 3) / 15


def interrupted_after(count, folder, **options):
    """Train, and press Ctrl-C while a batch is at work."""
    actor = Actor()
    actor.before_step = {count - 1: lambda: signal.raise_signal(signal.SIGINT)}
    trainer = rehearse(actor, 3, folder=folder, **options)
    with pytest.raises(KeyboardInterrupt):
        trainer.run()
    return actor, trainer


@pytest.mark.parametrize("count", [1, 4, 10, 17, 20])
def test_ctrl_c_saves_and_the_rest_follows_later(count, tmp_path):
    spared = Actor()
    expected = rehearse(spared, 3).run()
    handler = signal.getsignal(signal.SIGINT)
    actor, _ = interrupted_after(count, tmp_path)
    assert signal.getsignal(signal.SIGINT) is handler
    assert len(actor.seen) == count
    arrays, about = checkpoint.load(tmp_path / "last.npz")
    history = [Epoch(**row) for row in about["state"].pop("history")]
    state = State(**about["state"], history=history)
    assert state.epoch * 10 + state.position == state.steps == count
    rest = Actor()
    rest.parameters = arrays["p"]
    found = rehearse(rest, 3, state=state, folder=tmp_path).run()
    assert told(actor.seen) + told(rest.seen) == told(spared.seen)
    assert actor.rates + rest.rates == spared.rates
    assert found.steps == expected.steps == 30
    assert np.array_equal(rest.parameters, spared.parameters)
    for row, good in zip(found.history, expected.history, strict=True):
        for name in ("epoch", "learning_rate", "loss", "validation"):
            assert getattr(row, name) == getattr(good, name)


@pytest.fixture
def ctrl_c():
    """Python's own answer to Ctrl-C, which is switched off where tests run in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield signal.default_int_handler
    signal.signal(signal.SIGINT, before)


def test_a_second_ctrl_c_ends_at_once(tmp_path, ctrl_c):
    def press_twice():
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    actor = Actor()
    actor.before_step = {4: press_twice}
    handler = ctrl_c
    with pytest.raises(KeyboardInterrupt):
        rehearse(actor, folder=tmp_path).run()
    # The fifth batch was not even finished.
    assert len(actor.seen) == 4
    assert list(tmp_path.iterdir()) == []
    assert signal.getsignal(signal.SIGINT) is handler


def test_ctrl_c_while_validating_is_heard_in_the_next_epoch(tmp_path):
    actor = Actor()
    losses = actor.losses

    def press(batch):
        signal.raise_signal(signal.SIGINT)
        return losses(batch)

    actor.losses = press
    with pytest.raises(KeyboardInterrupt):
        rehearse(actor, 2, folder=tmp_path).run()
    assert len(actor.seen) == 11
    state = checkpoint.load(tmp_path / "last.npz")[1]["state"]
    assert (state["epoch"], state["position"]) == (1, 1)


def test_a_trainer_works_in_a_thread(tmp_path):
    trainer = rehearse(Actor([3, 2]), 2, folder=tmp_path)
    handler = signal.getsignal(signal.SIGINT)
    thread = threading.Thread(target=trainer.run)
    thread.start()
    thread.join()
    assert trainer.state.epoch == 2
    assert signal.getsignal(signal.SIGINT) is handler
    assert (tmp_path / "best.npz").exists()


def test_checkpoints_come_as_often_as_asked(tmp_path, monkeypatch):
    monkeypatch.setattr(training, "LOOK_EVERY", 0)
    saved = []
    for save_every, count in ((0.0, 10 + 2), (3600.0, 2)):
        trainer = rehearse(Actor(), folder=tmp_path, save_every=save_every)
        monkeypatch.setattr(trainer, "save", lambda name="last": saved.append(name))
        trainer.run()
        assert len(saved) == count
        assert saved[-2:] == ["best", "last"]
        saved.clear()


# ------------------------------------------------------------------------- numbers that are none


def astray(trainer):
    """The message of a training that ends without a result; the files stay as they were."""
    files = {file: file.read_bytes() for file in trainer.folder.iterdir()}
    with pytest.raises(UserError) as caught:
        trainer.run()
    assert {file: file.read_bytes() for file in trainer.folder.iterdir()} == files
    message = str(caught.value)
    assert message.startswith("learning_rate=8.0: ")
    assert "choose a smaller one" in message
    assert f"{trainer.folder / 'last.npz'} holds the last good state" in message
    assert "\n" not in message
    return message


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_loss_that_is_none_names_epoch_and_batch(bad, tmp_path, monkeypatch):
    monkeypatch.setattr(training, "LOOK_EVERY", 0)
    rehearse(Actor(), folder=tmp_path).run()
    actor = Actor()
    state = State(epoch=1, history=[Epoch(1, 8.0, 1.0, 1.0, 1.0, 1.0)])
    trainer = rehearse(actor, 3, state, folder=tmp_path)
    actor.before_step = {6: lambda: setattr(actor, "loss", bad)}
    assert f"the loss is {bad} in epoch 2, after batch 7" in astray(trainer)


def test_a_validation_loss_that_is_none_ends_the_training(tmp_path):
    rehearse(Actor(), folder=tmp_path).run()
    trainer = rehearse(Actor([math.nan]), folder=tmp_path)
    message = astray(trainer)
    assert "the validation loss is nan in epoch 1, after batch 10" in message


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_parameters_that_are_none_are_not_saved(bad, tmp_path, monkeypatch):
    monkeypatch.setattr(training, "LOOK_EVERY", 0)
    rehearse(Actor(), folder=tmp_path).run()
    actor = Actor()
    actor.before_step = {2: lambda: actor.parameters.__setitem__(1, bad)}
    trainer = rehearse(actor, folder=tmp_path, save_every=3600.0)
    trainer.training = Stream(NUMBERS[:12], 4, 4)
    assert "p holds infinity or NaN in epoch" in astray(trainer)


def test_a_real_training_that_goes_astray(tmp_path):
    # The numbers of float32 end at 3.4e38.
    wild = changed(OPTIONS, learning_rate=1e38, clip=0.0)
    with pytest.raises(UserError, match=r"in epoch 1, after batch \d+: choose a small"):
        fit(CORPUS, wild, tmp_path, quiet=True)
    assert list(tmp_path.iterdir()) == []


# ------------------------------------------------------------------------------------ progress


def test_a_bar_is_closed_when_a_training_fails(monkeypatch):
    actor = Actor(loss=math.nan)
    trainer = rehearse(actor)
    ended = []
    monkeypatch.setattr(trainer.progress, "end", lambda *_: ended.append(True))
    with pytest.raises(UserError):
        trainer.run()
    assert ended


def test_quiet_means_quiet(capsys):
    trainer = rehearse(Actor())
    trainer.run()
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("place", "says"),
    [
        ({"position": 10**9, "words": 5}, "window 1,000,000,000 of "),
        ({"position": 2, "words": 0}, "after 0 words"),
        ({"position": 0, "words": 9}, "after 9 words"),
    ],
)
def test_a_place_where_no_training_has_been_is_refused(tmp_path, place, says):
    begun = models.start(CORPUS, OPTIONS)
    begun.state = State(**place)
    with pytest.raises(UserError, match=says) as caught:
        fit(CORPUS, OPTIONS, tmp_path, begun, quiet=True)
    start = f"{tmp_path / 'last.npz'}: holds no model of this program: "
    assert str(caught.value).startswith(start)


def test_no_more_rows_than_words(monkeypatch):
    few = CORPUS._replace(train=CORPUS.train[:2])
    # Two sentences of 7 words, with their ends.
    assert fit(few, changed(OPTIONS, batch=16, epochs=1), quiet=True).state.epoch == 1
    monkeypatch.setattr(training, "Trainer", None)
    message = "batch=1000000000: more rows than the 16 words of the text"
    with pytest.raises(UserError, match=message):
        fit(few, changed(OPTIONS, batch=10**9), quiet=True)


@pytest.mark.parametrize("size", [2**25, 2**32])
def test_an_array_beyond_memory_or_beyond_counting_is_told_by_its_options(size):
    message = "hidden=12: not enough memory"
    with pytest.raises(UserError, match=message), training.memory_told(OPTIONS):
        np.random.default_rng(0).uniform(size=(size, size))


def test_another_mistake_is_not_taken_for_too_little_memory():
    with pytest.raises(ValueError, match="ours"), training.memory_told(OPTIONS):
        raise ValueError("ours")
