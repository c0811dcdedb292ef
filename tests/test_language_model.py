"""Compiled models: steps of training, losses, reading, in both precisions and compilers."""

from dataclasses import replace
from functools import cache, partial

import numpy as np
import pytensor
import pytest

import by_hand
from small_models import (
    BATCH,
    HALF,
    ONE_HOT,
    SENTENCES,
    THIRD,
    TIED,
    TWO_LAYERS,
    differentiate,
    memory_of,
    sentence,
    weights,
)
from support import float64_in, part, read_case
from unrolled import compute, rnn_by_hand
from unrolled.gradient_check import check_gradients, relative_error
from unrolled.language_model import LanguageModel
from unrolled.layers import Settings, draw_masks, initialize
from unrolled.streams import Batch, Stream
from unrolled.training import evaluate
from unrolled.updates import RULES, rmsprop

# Each takes seconds to compile.
two_models = pytest.mark.parametrize(
    "settings", [ONE_HOT, TWO_LAYERS], ids=["one-hot", "two layers"]
)


@cache
def _compiled(dtype, settings, **how):
    """A model in the precision that is in force, for all tests that need such a one."""
    return LanguageModel(settings, weights(settings), **how)


def model_of(settings, values=None, clip=0.0, optimizer="sgd", **how):
    """A model at its start, whose functions may have been compiled by an earlier test."""
    how.update(clip=clip, optimizer=optimizer)
    model = _compiled(pytensor.config.floatX, settings, **how)
    start = weights(settings) if values is None else values
    model.restart(how.get("seed", 0), start)
    return model


def norm_of(slopes):
    return np.sqrt(sum((g**2).sum() for g in slopes.values()))


# ------------------------------------------------------------------------ Theano 1.0.5


@pytest.mark.parametrize("case", ["repeated", "distinct"])
def test_training_against_theano_1_0_5_and_by_hand(case, float64, optimized):
    recorded = read_case("rnn", case)
    x, y, rate = recorded["x"], recorded["y"], float(recorded["learning_rate"])
    start = part(recorded, "start")
    untouched = {name: p.copy() for name, p in start.items()}
    hand = rnn_by_hand.Parameters(**{name: p.copy() for name, p in start.items()})
    model = LanguageModel(Settings(*start["U"].shape), start)

    losses = []
    for _ in range(11):
        if len(losses) == 10:
            trained = model.values()
        loss_by_hand = rnn_by_hand.loss(hand, x, y)
        losses.append(float(model.step(sentence(x, y), rate)))
        assert losses[-1] == pytest.approx(loss_by_hand, rel=1e-12)
        rnn_by_hand.step(hand, x, y, rate)
        # Equal parameters after each step: the gradients agree too.
        for name, p in model.values().items():
            assert relative_error(p, getattr(hand, name)) < 1e-12
        if len(losses) == 1:
            for name, slope in part(recorded, "gradient").items():
                found = (start[name] - model.values()[name]) / rate
                assert relative_error(found, slope) < 1e-6

    assert losses == pytest.approx(recorded["losses"], rel=1e-6)
    for name, end in part(recorded, "end").items():
        assert relative_error(trained[name], end) < 1e-6
    # What a model starts from is its caller's, and stays as it is.
    assert all(np.array_equal(start[name], p) for name, p in untouched.items())


GATED = {
    "gru": ("two layers", Settings(11, 5, 4, "gru", layers=2), "rmsprop"),
    "lstm": ("one layer", Settings(11, 6, 4, "lstm"), "sgd"),
}


@pytest.mark.parametrize(("cell", "of_cell"), GATED.items(), ids=GATED)
def test_gated_models_against_theano_1_0_5(
    cell, of_cell, float64, optimized, monkeypatch
):
    # As the tutorial has it; ours is smaller.
    monkeypatch.setitem(RULES, "rmsprop", partial(rmsprop, epsilon=1e-6))
    case, settings, optimizer = of_cell
    recorded = read_case(cell, case)
    start, end = (part(recorded, "start"), part(recorded, "end"))
    batch = sentence(recorded["x"], recorded["y"])
    model = LanguageModel(settings, start, optimizer=optimizer)
    rate, losses = float(recorded["learning_rate"]), []
    for _ in range(10):
        losses.append(float(model.step(batch, rate)))
        # The first step of plain descent tells the gradient; that of the GRU is in test_layers.
        if len(losses) == 1 and optimizer == "sgd":
            for name, slope in part(recorded, "gradient").items():
                found = (start[name] - model.values()[name]) / rate
                assert relative_error(found, slope) < 1e-6, name
    trained = model.values() | memory_of(model)
    assert trained.keys() == end.keys()
    for name, value in end.items():
        assert relative_error(trained[name], value) < 1e-6, name
    # The loss before the step, which is that after ten.
    losses.append(float(model.step(batch, rate)))
    assert losses == pytest.approx(recorded["losses"], rel=1e-6)
    assert losses[-1] < 0.9 * losses[0]


# --------------------------------------------------------------------- starting values


def test_a_seed_draws_the_same_model():
    first, again, other = (
        LanguageModel(TWO_LAYERS, seed=seed).values() for seed in (0, 0, 1)
    )
    assert all(np.array_equal(first[name], again[name]) for name in first)
    assert not any(np.array_equal(first[name], other[name]) for name in ("E", "W", "V"))


@two_models
def test_loss_at_the_start_is_nearly_that_of_a_model_that_knows_nothing(settings):
    settings = replace(settings, vocabulary=2000, hidden=50)
    random = np.random.RandomState(0)
    x, y = random.randint(2000, size=(2, 10, 4)).astype("int32")
    losses = LanguageModel(settings).losses(Batch.apart(x, y))
    assert losses.mean() == pytest.approx(np.log(2000), rel=0.02)
    assert losses.std() > 0


def test_perplexity_of_a_model_that_knows_nothing_is_its_number_of_words():
    random = np.random.RandomState(0)
    sentences = [random.randint(4, 11, size=n) for n in (1, 2, 2, 3, 5, 6, 8, 9, 9)]
    text = Stream(sentences, B=4, T=5)
    assert text.in_order().padding > 0
    zeros = {name: np.zeros_like(p) for name, p in initialize(ONE_HOT).items()}
    perplexity = np.exp(evaluate(LanguageModel(ONE_HOT, zeros), text))
    assert perplexity == pytest.approx(11, rel=1e-6)


@pytest.mark.parametrize(
    "change",
    [
        lambda p: p.pop("W"),
        lambda p: p.update(W3=p["W"]),
        lambda p: p.update(W=p["W"][:, :-1]),
        lambda p: p.update(V=p["V"].T),
        lambda p: p.update(b=p["b"][None, :]),
    ],
    ids=["missing", "unknown", "too narrow", "transposed", "of two dimensions"],
)
def test_parameters_of_other_names_or_shapes_are_refused(change):
    parameters = initialize(TWO_LAYERS)
    change(parameters)
    with pytest.raises(ValueError, match=r"^parameters .*: expected "):
        LanguageModel(TWO_LAYERS, parameters)


def test_no_parameters_are_not_parameters_left_out():
    with pytest.raises(ValueError, match=r"^parameters \{\}: expected "):
        LanguageModel(TWO_LAYERS, {})


def test_a_memory_of_other_names_or_shapes_is_refused():
    parameters = initialize(ONE_HOT)
    memory = {f"mean of squares/{k}": np.ones_like(p) for k, p in parameters.items()}
    model = LanguageModel(ONE_HOT, parameters | memory, optimizer="rmsprop")
    assert model.remembered().keys() == memory.keys()
    for name, value in (("W", np.ones((5, 4))), ("W2", np.ones((5, 5)))):
        wrong = memory | {f"mean of squares/{name}": value}
        with pytest.raises(ValueError, match=r"^memory .*: expected "):
            LanguageModel(ONE_HOT, parameters | wrong, optimizer="rmsprop")


def test_states_of_another_shape_are_refused():
    parameters = initialize(TWO_LAYERS)
    states = {"states of training/3": np.full((2, 3, 4), 0.5, "float32")}
    model = LanguageModel(TWO_LAYERS, parameters | states)
    assert model.remembered().keys() == states.keys()
    assert np.array_equal(model.remembered()["states of training/3"], *states.values())
    for wrong in (
        {"states of training/3": np.ones((1, 3, 4))},
        {"states of training/3": np.ones((2, 4, 3))},
        {"states of training/3": np.ones((2, 3, 5))},
        {"states of training/3": np.ones((3, 4))},
        {"states of training/4": np.ones((2, 3, 4))},
        {"states of training/0.5": np.ones((2, 3, 4))},
        {"states of training/": np.ones((2, 3, 4))},
        {**states, "states of training/2": np.ones((2, 3, 4))},
    ):
        with pytest.raises(ValueError):
            LanguageModel(TWO_LAYERS, parameters | wrong)
    # What measuring carries is nobody's to give.
    with pytest.raises(ValueError, match=r"^memory .*: expected "):
        LanguageModel(TWO_LAYERS, parameters | {"states of measuring/3": np.ones(2)})


def test_parameters_may_come_in_any_order():
    parameters = weights(TWO_LAYERS)
    turned = dict(reversed(parameters.items()))
    values = LanguageModel(TWO_LAYERS, turned).values()
    assert list(values) == list(parameters)
    for name, value in values.items():
        assert np.array_equal(value, parameters[name].astype("float32"))


# ---------------------------------------------------------------------------- training


@two_models
def test_step_that_moves_looked_up_rows_is_the_step_of_the_whole_table(
    settings, float64
):
    values = weights(settings)
    _, loss, slopes = differentiate(settings, values, BATCH)
    model = model_of(settings)
    assert float(model.step(BATCH, 0.5)) == pytest.approx(loss, rel=1e-12)
    for name, p in model.values().items():
        assert relative_error(p, values[name] - 0.5 * slopes[name]) < 1e-12

    # E, or U where words are one-hot.
    table = next(iter(values))
    unseen = ~np.isin(np.arange(settings.vocabulary), BATCH.x)
    assert unseen.any()
    assert np.array_equal(model.values()[table][unseen], values[table][unseen])


def test_step_with_a_clipped_gradient(float64):
    # The first gradient is shortened to half of its length, the second is short enough.
    steep, level = (
        {name: size * p for name, p in weights(TWO_LAYERS).items()} for size in (4, 0.1)
    )
    (_, _, long), (_, _, short) = (
        differentiate(TWO_LAYERS, values, BATCH) for values in (steep, level)
    )
    limit = 0.5 * norm_of(long)
    assert norm_of(short) < limit
    model = model_of(TWO_LAYERS, clip=limit)
    for values, slopes, scale in ((steep, long, 0.5), (level, short, 1)):
        model.set_values(values)
        model.step(BATCH, 0.5)
        for name, p in model.values().items():
            expected = values[name] - 0.5 * scale * slopes[name]
            assert relative_error(p, expected) < 1e-12


def test_step_returns_the_loss_before_it_and_lowers_it():
    model = model_of(TWO_LAYERS, clip=1.0)
    losses = [float(model.step(BATCH, 0.5)) for _ in range(60)]
    assert losses[1] < losses[0]
    assert losses[-1] < losses[0] / 2
    mean = model.losses(BATCH).sum() / BATCH.mask.sum()
    assert float(model.step(BATCH, 0.5)) == pytest.approx(mean, rel=1e-5)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_step_leaves_alone_where_it_started(dtype):
    values = {name: p.astype(dtype) for name, p in weights(ONE_HOT).items()}
    before = {name: p.copy() for name, p in values.items()}
    try:
        compute.use_precision(dtype)
        model = model_of(ONE_HOT, values)
        at_start = model.values()
        model.step(BATCH, 0.5)
    finally:
        compute.use_precision("float32")
    for name, p in before.items():
        assert np.array_equal(values[name], p)
        # What `values` returned is a copy, not a window on the model.
        assert np.array_equal(at_start[name], p)
        assert not np.array_equal(model.values()[name], at_start[name])


def test_shapes_share_one_model(float64):
    values, rate = weights(ONE_HOT), 0.5
    model = model_of(ONE_HOT)
    for one in (BATCH, sentence(*SENTENCES[1]), BATCH):
        if one is BATCH:
            _, _, slopes = differentiate(ONE_HOT, values, one)
        else:
            hand = rnn_by_hand.Parameters(**values)
            x, y = map(np.array, SENTENCES[1])
            slopes = rnn_by_hand.gradients(hand, x, y)._asdict()
        model.step(one, rate)
        values = {name: p - rate * slopes[name] for name, p in values.items()}
    for name, p in model.values().items():
        assert relative_error(p, values[name]) < 1e-12


def test_numba_trains_as_jax_does(float64):
    # It takes a minute to compile this step, which is the smallest; of a gated cell, much more.
    trained = []
    for model in (model_of(ONE_HOT), model_of(ONE_HOT, mode="NUMBA")):
        losses = [float(model.step(BATCH, 0.1)) for _ in range(3)]
        assert losses == sorted(losses, reverse=True)
        trained.append({"loss": losses, **model.values()})
    jax, numba = trained
    assert jax.keys() == numba.keys()
    for name, value in jax.items():
        assert relative_error(value, numba[name]) < 1e-12, name


# ----------------------------------------------------------------- dropout, tied tables


@pytest.mark.parametrize("settings", [HALF, THIRD], ids=["two layers", "one-hot"])
def test_a_step_with_dropout_is_the_model_by_hand_with_the_masks(settings, float64):
    # By hand, the masks lie on what goes from layer to layer, and never on what a cell hands to
    # itself: were they there too, the parameters would move elsewhere.
    seed, rate = 5, 0.5
    model = model_of(settings, seed=seed)
    for step in range(2):
        masks = [np.asarray(m) for m in draw_masks(settings, 7, 3, seed, step)]
        before = model.values()
        loss = by_hand.mean_loss(settings, before, BATCH, masks)
        assert float(model.step(BATCH, rate)) == pytest.approx(loss, rel=1e-12)
    slopes = [(p - before[k]) / -rate for k, p in model.values().items()]
    errors = check_gradients(
        lambda p: by_hand.mean_loss(settings, dict(zip(before, p)), BATCH, masks),
        list(before.values()),
        slopes,
    )
    assert max(errors) < 1e-7
    assert model.steps == 2


def test_nothing_is_hidden_where_nothing_is_trained(float64):
    values = weights(HALF)
    model, spared = model_of(HALF, seed=5), model_of(replace(HALF, dropout=0.0))
    assert model.losses(BATCH) == pytest.approx(
        by_hand.word_losses(HALF, values, BATCH), rel=1e-12
    )
    words = BATCH.x[0]
    (found, states), (expected, spared_states) = (
        one.read(words, one.start(3)) for one in (model, spared)
    )
    assert np.array_equal(found, expected)
    assert all(np.array_equal(a, b) for a, b in zip(states, spared_states))
    assert model.steps == 0


def test_a_tied_model_has_one_table(float64):
    values = weights(TIED)
    model = model_of(TIED)
    assert list(model.values()) == ["E", "U", "W", "b", "c"]
    _, loss, slopes = differentiate(TIED, values, BATCH)
    assert float(model.step(BATCH, 0.5)) == pytest.approx(loss, rel=1e-12)
    for name, p in model.values().items():
        assert relative_error(p, values[name] - 0.5 * slopes[name]) < 1e-12
    # Words that were never read move too: their scores were computed.
    unseen = ~np.isin(np.arange(11), BATCH.x)
    moved = model.values()["E"][unseen] != values["E"][unseen]
    assert unseen.any()
    assert moved.all()


# ----------------------------------------------------- what is carried from batch to batch


def windows_of(seed, count, T=7, B=3):
    """Batches that follow one another; a sentence starts with the first, and a few later on."""
    random = np.random.RandomState(seed)
    x, y = random.randint(11, size=(2, count, T, B)).astype("int32")
    start = (random.rand(count, T, B) < 0.1).astype("float32")
    # Only in one row of all does a sentence start where a later batch does.
    start[:, 0], start[0, 0], start[-1, 0, 1] = 0, 1, 1
    return [Batch(*one) for one in zip(x, y, np.ones_like(start), start)]


def joined(windows):
    """One batch of all."""
    return Batch(*map(np.concatenate, zip(*windows)))


@pytest.mark.parametrize("settings", [TWO_LAYERS, THIRD], ids=["two layers", "lstm"])
def test_a_step_goes_on_from_the_states_of_the_one_before(settings, float64):
    # A state is a number that the step before has left, and no gradient goes back there.
    model, states, rate = model_of(settings), None, 0.5
    for step, batch in enumerate(windows_of(2, 3)):
        masks = [np.asarray(m) for m in draw_masks(settings, 7, 3, 0, step)]
        before, given = model.values(), states
        losses, states = by_hand.read(settings, before, batch, masks, given)
        assert float(model.step(batch, rate)) == pytest.approx(losses.mean(), rel=1e-12)
        found = model.remembered()["states of training/3"]
        # By hand, of each row and layer; in the model, of each layer a matrix of all rows.
        expected = [np.concatenate(row) for row in states]
        assert np.moveaxis(found, 0, 1) == pytest.approx(np.array(expected), rel=1e-12)
    slopes = [(p - before[k]) / -rate for k, p in model.values().items()]
    errors = check_gradients(
        lambda p: by_hand.mean_loss(
            settings, dict(zip(before, p)), batch, masks, given
        ),
        list(before.values()),
        slopes,
    )
    assert max(errors) < 1e-7


@two_models
def test_losses_go_on_from_the_states_of_the_call_before(settings, float64):
    values, windows = weights(settings), windows_of(3, 3)
    model = model_of(settings)
    expected = by_hand.word_losses(settings, values, joined(windows))
    for _ in range(2):
        found = np.concatenate([model.losses(batch) for batch in windows])
        assert found == pytest.approx(expected, rel=1e-12)
    # Each number of rows has states of its own.
    alone = sentence(*SENTENCES[0])
    first = model.losses(windows[0])
    model.losses(alone)
    again = np.concatenate([first, *map(model.losses, windows[1:])])
    assert again == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("carry", [False, True], ids=["apart", "carried"])
def test_a_text_in_windows_is_measured_as_its_rows_by_hand(carry, float64):
    random = np.random.RandomState(0)
    sentences = [random.randint(4, 11, size=n) for n in (1, 12, 2, 3, 5, 16, 8, 9, 9)]
    text = Stream(sentences, B=3, T=7, carry=carry)
    assert len(text.in_order()) > 3
    values = weights(TWO_LAYERS)
    rows = joined(text.in_order())
    losses = by_hand.word_losses(TWO_LAYERS, values, rows)
    found = evaluate(model_of(TWO_LAYERS), text)
    assert found == pytest.approx(losses.sum() / text.words, rel=1e-12)


@pytest.mark.parametrize(
    ("settings", "optimizer"),
    [(TWO_LAYERS, "sgd"), (HALF, "adam")],
    ids=["sgd", "adam"],
)
def test_measuring_disturbs_no_later_step(settings, optimizer):
    first, second, third, *others = windows_of(4, 5)
    found = []
    for measured in ([], others):
        model = model_of(settings, clip=1.0, optimizer=optimizer)
        losses = []
        for batch in (first, second, third):
            losses.append(float(model.step(batch, 0.1)))
            for other in measured:
                model.losses(other)
                model.read(other.x[0], model.start(3))
        found.append({"losses": losses, **model.values(), **model.remembered()})
    spared, disturbed = found
    assert "states of training/3" in spared
    assert spared.keys() == disturbed.keys()
    for name, value in spared.items():
        assert np.array_equal(disturbed[name], value), name
    # Nor does a step disturb what is being measured.
    model = model_of(settings, clip=1.0, optimizer=optimizer)
    expected = [model.losses(batch) for batch in (first, second)][-1]
    model.losses(first)
    model.step(third, 0.0)
    assert np.array_equal(model.losses(second), expected)


def learn_and_measure(model):
    """All that follows from a model: of steps, of measuring, and what it remembers."""
    # No sentence starts with the first: a new model's states are zeros.
    _, first, second, *others = windows_of(5, 5)
    steps = [float(model.step(batch, 0.1)) for batch in (first, second, second)]
    losses = [model.losses(batch) for batch in others]
    read, _ = model.read(first.x[0], model.start(3))
    found = {"steps": steps, "losses": losses, "read": read, "count": model.steps}
    return found | model.values() | model.remembered()


@pytest.mark.parametrize(
    ("settings", "optimizer"),
    [(TWO_LAYERS, "sgd"), (TWO_LAYERS, "momentum"), (TIED, "rmsprop"), (HALF, "adam")],
    ids=["sgd", "momentum", "rmsprop", "adam with dropout"],
)
def test_a_model_that_restarts_is_as_a_new_one(settings, optimizer, compiled):
    def new(seed, parameters=None):
        how = {"clip": 1.0, "optimizer": optimizer}
        return LanguageModel(settings, parameters, seed=seed, **how)

    model = new(3)
    first = learn_and_measure(model)
    given = weights(settings)
    untouched = {name: value.copy() for name, value in given.items()}
    found = []
    with compiled() as again:
        for seed, parameters in ((1, None), (3, None), (1, given)):
            model.restart(seed, parameters)
            found.append(learn_and_measure(model))
    assert again == []
    with compiled() as anew:
        expected = [learn_and_measure(new(1)), first, learn_and_measure(new(1, given))]
    assert len(anew) >= 2 * 3
    for one, other in zip(found, expected, strict=True):
        assert one.keys() == other.keys()
        for name, value in other.items():
            assert np.array_equal(one[name], value), name
    assert not np.array_equal(found[0]["losses"], found[1]["losses"])
    assert not np.array_equal(found[0]["losses"], found[2]["losses"])
    # What it starts from is its caller's.
    assert all(np.array_equal(given[name], p) for name, p in untouched.items())


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_restart_leaves_alone_what_it_was_given(dtype):
    try:
        compute.use_precision(dtype)
        model = model_of(ONE_HOT)
        model.step(BATCH, 0.5)
        values = {name: p.astype(dtype) for name, p in weights(ONE_HOT).items()}
        before = {name: p.copy() for name, p in values.items()}
        for put in (
            partial(model.restart, 0, values),
            partial(model.set_values, values),
        ):
            put()
            model.step(BATCH, 0.5)
            model.step(BATCH, 0.5)
            for name, p in before.items():
                assert np.array_equal(values[name], p)
                assert not np.array_equal(model.values()[name], p)
    finally:
        compute.use_precision("float32")


def test_a_restart_from_other_shapes_is_refused():
    model = model_of(ONE_HOT)
    before = model.values()
    for wrong in ({"W": np.ones((5, 4))}, {"W3": np.ones((5, 5))}):
        with pytest.raises(ValueError, match=r"^parameters .*: expected "):
            model.restart(1, weights(ONE_HOT) | wrong)
    assert all(np.array_equal(before[name], p) for name, p in model.values().items())


# ------------------------------------------------------------------- losses and reading


@two_models
def test_losses_word_by_word(settings, float64):
    values = weights(settings)
    model = model_of(settings)
    losses = model.losses(BATCH)
    assert losses.shape == BATCH.x.shape
    assert losses == pytest.approx(
        by_hand.word_losses(settings, values, BATCH), rel=1e-12
    )
    assert not losses[BATCH.mask == 0].any()
    # They are measured, and nothing moves.
    assert np.array_equal(model.losses(BATCH), losses)
    assert all(np.array_equal(p, values[name]) for name, p in model.values().items())


@two_models
def test_reading_word_by_word_is_the_unrolled_graph(settings, float64):
    model = model_of(settings)
    x, y = np.random.RandomState(6).randint(11, size=(2, 7, 3)).astype("int32")
    losses = model.losses(Batch.apart(x, y))

    states = model.start(3)
    assert [s.shape for s in states] == [(3, settings.hidden)] * settings.layers
    assert not any(s.any() for s in states)
    for t in range(7):
        log_probabilities, states = model.read(x[t], states)
        log_probabilities = np.asarray(log_probabilities)
        assert log_probabilities.shape == (3, 11)
        assert np.exp(log_probabilities).sum(axis=1) == pytest.approx(1, rel=1e-12)
        assert -log_probabilities[range(3), y[t]] == pytest.approx(losses[t], rel=1e-12)
    assert [s.shape for s in states] == [(3, settings.hidden)] * settings.layers


def test_reading_depends_on_the_states_and_changes_none(float64):
    model = model_of(TWO_LAYERS)
    words, start = np.array([3, 3, 3], "int32"), model.start(3)
    first, states = model.read(words, start)
    again, _ = model.read(words, start)
    second, _ = model.read(words, states)
    assert np.array_equal(first, again)
    assert not np.allclose(first, second)
    assert not any(s.any() for s in start)


# ---------------------------------------------------------------------------- precision


@pytest.mark.parametrize(
    ("settings", "clip", "optimizer"),
    [
        (ONE_HOT, 0.0, "sgd"),
        (TWO_LAYERS, 1.0, "sgd"),
        (replace(ONE_HOT, cell="relu"), 0.0, "sgd"),
        (HALF, 1.0, "rmsprop"),
        (replace(TIED, cell="gru-reset-after", dropout=0.2), 0.0, "momentum"),
        (THIRD, 1.0, "adam"),
    ],
    ids=lambda value: getattr(value, "cell", value),
)
def test_float32_graphs_have_no_float64_anywhere(settings, clip, optimizer):
    model = model_of(settings, clip=clip, optimizer=optimizer)
    assert float64_in(model.compiled_step(BATCH)) == []
    memory = {value.dtype for value in model.remembered().values()}
    assert memory <= {np.dtype("float32")}
    assert model.step(BATCH, 0.5).dtype == np.float32
    assert {p.dtype for p in model.values().values()} == {np.dtype("float32")}


@pytest.mark.parametrize(
    ("settings", "optimizer"),
    [(TWO_LAYERS, "sgd"), (THIRD, "adam")],
    ids=["two layers", "one-hot, lstm"],
)
def test_float32_losses_and_reading_are_in_float32(settings, optimizer):
    model = model_of(settings, clip=1.0, optimizer=optimizer)
    assert float64_in(model._function(model._build_losses, *BATCH.x.shape)) == []
    assert model.losses(BATCH).dtype == np.float32
    read = model.read(BATCH.x[0], model.start(3))
    assert {value.dtype for value in (read[0], *read[1])} == {np.dtype("float32")}


def test_float64_model_computes_in_float64(float64):
    model = model_of(ONE_HOT)
    assert model.step(BATCH, 0.5).dtype == np.float64
    assert {p.dtype for p in model.values().values()} == {np.dtype("float64")}


@pytest.mark.parametrize(
    ("settings", "clip"), [(ONE_HOT, 0.0), (TWO_LAYERS, 1.0)], ids=["any", "clipped"]
)
def test_float32_model_is_close_to_the_gradients_in_float64(settings, clip):
    values = weights(settings)
    model = model_of(settings, clip=clip)
    loss = float(model.step(BATCH, 0.5))
    assert loss == pytest.approx(by_hand.mean_loss(settings, values, BATCH), rel=1e-5)
    try:
        compute.use_precision("float64")
        _, _, slopes = differentiate(settings, values, BATCH)
    finally:
        compute.use_precision("float32")
    scale = min(1, clip / norm_of(slopes)) if clip else 1
    for name, p in model.values().items():
        assert relative_error(p, values[name] - 0.5 * scale * slopes[name]) < 1e-5


def test_model_that_is_sure_and_wrong(optimized):
    # Its states are near 1, and its scores hundreds apart: the probability of the word that comes
    # is too small for a float, its logarithm is not.
    values = {name: np.zeros_like(p) for name, p in weights(ONE_HOT).items()}
    values["b"] += 9
    values["V"][0], values["V"][1] = 100, -100
    model = model_of(ONE_HOT, values)
    x, ones = BATCH.x, np.ones(BATCH.x.shape)
    right, wrong = (Batch.apart(x, np.full_like(x, word)) for word in (0, 1))
    assert model.losses(wrong) == pytest.approx(1000 * ones, rel=1e-5)
    assert model.losses(right) == pytest.approx(0 * ones, abs=1e-5)
    assert float(model.step(wrong, 0.1)) == pytest.approx(1000, rel=1e-5)
    assert all(np.isfinite(p).all() for p in model.values().values())
    log_probabilities, _ = model.read(x[0], model.start(3))
    assert np.isfinite(log_probabilities).all()
