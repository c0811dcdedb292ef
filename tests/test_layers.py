"""The graphs: word losses and their gradients, starting values, and what dropout hides."""

from dataclasses import replace

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest

import by_hand
from small_models import (
    BATCH,
    HALF,
    ONE_HOT,
    ROWS,
    SENTENCES,
    THIRD,
    TIED,
    TWO_LAYERS,
    batch_of,
    differentiate,
    sentence,
    weights,
)
from support import part, read_case
from unrolled import compute, rnn_by_hand
from unrolled.errors import UserError
from unrolled.gradient_check import check_gradients, relative_error
from unrolled.layers import (
    Settings,
    draw_masks,
    initialize,
    look_up,
    shapes,
    unroll,
    word_losses,
)

# Each takes seconds to compile. Every kind of cell, of input and of output table is among them,
# and each kind of cell with a second layer.
MODELS = {
    "one-hot": ONE_HOT,
    "embedding": replace(TWO_LAYERS, layers=1),
    "two layers": TWO_LAYERS,
    "two layers, one-hot, relu": replace(ONE_HOT, cell="relu", layers=2),
    "two layers, one-hot, gru": replace(ONE_HOT, cell="gru", layers=2),
    "tied, gru": TIED,
    "two layers, gru-reset-after": replace(TWO_LAYERS, cell="gru-reset-after"),
    "one-hot, lstm": replace(ONE_HOT, cell="lstm"),
    "two layers, tied, lstm": replace(TIED, cell="lstm", layers=2),
}


# -------------------------------------------------------------------------------- settings


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (
            {"vocabulary": 0},
            "vocabulary=0: expected a whole number from 1 to 4,294,967,295",
        ),
        ({"hidden": 0}, "hidden=0: expected a whole number from 1 to 4,294,967,295"),
        (
            {"embedding": -1},
            "embedding=-1: expected a whole number from 0 to 4,294,967,295",
        ),
        (
            {"cell": "tanh"},
            "cell='tanh': expected one of rnn, relu, gru, gru-reset-aft",
        ),
        ({"layers": 0}, "layers=0: expected a whole number from 1 to 4,294,967,295"),
        ({"dropout": 1.0}, "dropout=1.0: expected a number from 0 to below 1"),
        ({"embedding": 3, "tied": True}, "embedding=3, hidden=5: have to be the same"),
        ({"tied": True}, "embedding=0, hidden=5: have to be the same"),
    ],
)
def test_settings_that_cannot_be(wrong, message):
    with pytest.raises(UserError) as caught:
        replace(ONE_HOT, **wrong)
    assert str(caught.value).startswith(message)


# ---------------------------------------------------------------------- the gradients


def test_graph_of_one_sentence_is_the_model_by_hand(float64):
    values, (x, y) = weights(ONE_HOT), SENTENCES[0]
    hand = rnn_by_hand.Parameters(**values)
    _, loss, slopes = differentiate(ONE_HOT, values, sentence(x, y))
    assert loss == pytest.approx(rnn_by_hand.loss(hand, x, y), rel=1e-12)
    for name, slope in (
        rnn_by_hand.gradients(hand, np.array(x), np.array(y))._asdict().items()
    ):
        assert relative_error(slopes[name], slope) < 1e-12


@pytest.mark.parametrize("batch", [BATCH, ROWS], ids=["side by side", "in rows"])
@pytest.mark.parametrize("settings", MODELS.values(), ids=MODELS)
def test_losses_and_gradients_of_the_graph_by_hand(settings, batch, float64):
    # Weights so large that no slope drowns in the rounding of the loss.
    values = {name: 2 * p for name, p in weights(settings).items()}
    losses, loss, slopes = differentiate(settings, values, batch)
    assert losses.shape == batch.x.shape
    expected = by_hand.word_losses(settings, values, batch)
    assert losses * batch.mask == pytest.approx(expected, rel=1e-12)
    assert loss == pytest.approx(by_hand.mean_loss(settings, values, batch), rel=1e-12)
    errors = check_gradients(
        lambda p: by_hand.mean_loss(settings, dict(zip(values, p)), batch),
        list(values.values()),
        list(slopes.values()),
        step=3e-5,
    )
    assert len(errors) == len(values) == len(initialize(settings))
    assert max(errors) < 1e-8


def test_a_batch_is_the_mean_of_its_sentences_by_their_words(float64):
    values = weights(ONE_HOT)
    hand = rnn_by_hand.Parameters(**values)
    _, loss, slopes = differentiate(ONE_HOT, values, BATCH)
    words = [len(x) for x, _ in SENTENCES]
    losses = [rnn_by_hand.loss(hand, *one) for one in SENTENCES]
    assert loss == pytest.approx(np.average(losses, weights=words), rel=1e-12)
    each = [rnn_by_hand.gradients(hand, *map(np.array, one)) for one in SENTENCES]
    for name, slope in slopes.items():
        expected = np.average([getattr(g, name) for g in each], axis=0, weights=words)
        assert relative_error(slope, expected) < 1e-12


def test_padding_changes_nothing(float64):
    values = weights(TWO_LAYERS)
    _, loss, slopes = differentiate(TWO_LAYERS, values, BATCH)
    # Other words where there are none, in more steps and more columns.
    longer = batch_of(SENTENCES, T=9, B=5, seed=4)
    _, padded_loss, padded_slopes = differentiate(TWO_LAYERS, values, longer)
    assert padded_loss == pytest.approx(loss, rel=1e-13)
    for name, slope in slopes.items():
        assert relative_error(padded_slopes[name], slope) < 1e-12


@pytest.mark.parametrize("settings", [ONE_HOT, TIED], ids=["one-hot", "tied, gru"])
def test_a_sentence_in_a_row_with_others_is_as_alone(settings, float64):
    values = weights(settings)
    losses, *_ = differentiate(settings, values, ROWS)
    # Row 1 is the first sentence, row 2 the second and twice the third, row 3 these turned.
    alone = [differentiate(settings, values, sentence(*s))[0][:, 0] for s in SENTENCES]
    for b, order in enumerate([(0,), (1, 2, 2), (2, 1)]):
        expected = np.concatenate([alone[i] for i in order])
        assert losses[: len(expected), b] == pytest.approx(expected, rel=1e-13)


def test_unroll_goes_on_from_states_that_are_given(float64):
    settings, values = TWO_LAYERS, weights(TWO_LAYERS)
    p = {name: compute.shared(value, name) for name, value in values.items()}
    x = np.random.RandomState(5).randint(11, size=(6, 3)).astype("int32")

    def run(x, start):
        """The last layer's states, and the end of each layer."""
        start = [pt.constant(s) for s in start]
        s, end = unroll(settings, p, look_up(p, x), start, pt.ones(x.shape))
        return [np.asarray(value) for value in compute.function([], [s, *end])()]

    zeros = [np.zeros((3, settings.hidden))] * 2
    s, *end = run(x, zeros)
    s1, *middle = run(x[:2], zeros)
    s2, *end2 = run(x[2:], middle)
    assert relative_error(np.concatenate([s1, s2]), s) < 1e-14
    assert relative_error(np.array(end2), np.array(end)) < 1e-14
    assert np.array_equal(end[1], s[-1])


# ----------------------------------------------------------------------- Theano 1.0.5


def test_gradients_of_a_gru_against_theano_1_0_5(float64):
    recorded = read_case("gru", "two layers")
    start = part(recorded, "start")
    batch = sentence(recorded["x"], recorded["y"])
    settings = Settings(11, hidden=5, embedding=4, cell="gru", layers=2)
    _, loss, slopes = differentiate(settings, start, batch)
    assert loss == pytest.approx(recorded["losses"][0], rel=1e-6)
    for name, slope in part(recorded, "gradient").items():
        assert relative_error(slopes[name], slope) < 1e-6, name


# Theano's own way to truncate, on PyTensor. In JAX mode it fails an assertion; Python computes it
# without a compiler.
@pytensor.config.change_flags(mode="FAST_COMPILE", cxx="")
def slopes_by_position(truncate_gradient):
    """The recorded model's loss, differentiated by the row that each position looks up: (T, H)."""
    recorded = read_case("rnn", "distinct")
    p = {
        name: compute.shared(value, name)
        for name, value in part(recorded, "start").items()
    }
    rows = p["U"][recorded["x"]]
    states = pytensor.scan(
        lambda a, s, W: pt.tanh(a + s @ W),
        sequences=[rows + p["b"]],
        outputs_info=[pt.zeros_like(p["b"])],
        non_sequences=[p["W"]],
        truncate_gradient=truncate_gradient,
        return_updates=False,
    )
    y = pt.constant(recorded["y"][:, None].astype("int32"))
    loss = word_losses(p, states[:, None, :], y).mean()
    return pytensor.function([], pytensor.grad(loss, rows))()


def test_truncate_gradient_keeps_the_last_steps_of_the_sentence_only(float64):
    recorded = read_case("rnn", "distinct")
    T, k = len(recorded["x"]), int(recorded["truncate_gradient"])
    full, truncated = slopes_by_position(-1), slopes_by_position(k)
    assert (T, k) == (10, 4)
    # Without truncation each word matters; with it, only the last four do, and they fully.
    assert full.any(axis=1).all()
    assert truncated.any(axis=1).tolist() == [False] * 6 + [True] * 4
    assert relative_error(truncated[-k:], full[-k:]) < 1e-12
    # Theano 1.0.5 says the same, and the truncation by hand is another.
    assert relative_error(truncated, recorded["truncated"]) < 1e-12
    hand = rnn_by_hand.Parameters(**part(recorded, "start"))
    x, y = recorded["x"], recorded["y"]
    assert relative_error(full, rnn_by_hand.gradients(hand, x, y).U[x]) < 1e-12
    by_steps = rnn_by_hand.gradients(hand, x, y, truncation=k).U[x]
    assert by_steps.any(axis=1).all()
    assert relative_error(truncated, by_steps) > 0.1


# --------------------------------------------------------------------- starting values


def test_initial_parameters_have_their_names_and_shapes():
    shapes = {name: p.shape for name, p in initialize(TWO_LAYERS).items()}
    assert shapes == {
        "E": (11, 3),
        "U": (3, 4),
        "W": (4, 4),
        "b": (4,),
        "U2": (4, 4),
        "W2": (4, 4),
        "b2": (4,),
        "V": (11, 4),
        "c": (11,),
    }
    shapes = {name: p.shape for name, p in initialize(ONE_HOT).items()}
    assert shapes == {"U": (11, 5), "W": (5, 5), "b": (5,), "V": (11, 5), "c": (11,)}
    # A tied model has one table.
    assert list(initialize(TIED)) == ["E", "U", "W", "b", "c"]


def test_a_seed_draws_the_same_weights():
    first, again, other = (initialize(TWO_LAYERS, seed) for seed in (0, 0, 1))
    assert all(np.array_equal(first[name], again[name]) for name in first)
    assert not any(np.array_equal(first[name], other[name]) for name in ("E", "W", "V"))


# ---------------------------------------------------------------------------- dropout


def test_masks_hide_a_share_and_keep_the_mean():
    settings = Settings(11, hidden=40, embedding=30, layers=2, dropout=0.3)
    masks = [np.asarray(m) for m in draw_masks(settings, 20, 50, seed=1, step=2)]
    assert [m.shape for m in masks] == [(20, 50, n) for n in (30, 40, 40)]
    for mask in masks:
        assert mask.dtype == np.float32
        assert np.unique(mask) == pytest.approx([0, 1 / 0.7], rel=1e-6)
        # Of n entries a share of 0.3 is hidden, give or take five times sqrt(0.3 * 0.7 / n).
        spread = 5 * np.sqrt(0.3 * 0.7 / mask.size)
        assert (mask == 0).mean() == pytest.approx(0.3, abs=spread)
        assert mask.mean() == pytest.approx(1, abs=spread / 0.7)
    # Each step in time and each sentence has entries of its own.
    assert (masks[0][0] != masks[0][1]).any()
    assert (masks[0][:, 0] != masks[0][:, 1]).any()
    assert (masks[1] != masks[2]).any()


def test_masks_follow_from_the_seed_and_the_step():
    def drawn(seed, step):
        return np.concatenate(
            [np.asarray(m).ravel() for m in draw_masks(HALF, 7, 3, seed, step)]
        )

    assert np.array_equal(drawn(1, 2), drawn(1, 2))
    for other in ((1, 3), (2, 2), (2, 1)):
        assert not np.array_equal(drawn(1, 2), drawn(*other))
    assert draw_masks(replace(HALF, dropout=0.0), 7, 3, 1, 2) == []


def test_one_hot_words_are_not_hidden():
    assert [m.shape for m in draw_masks(THIRD, 7, 3, 1, 2)] == [(7, 3, 5)]


@pytest.mark.parametrize(
    "settings",
    [
        Settings(9, 4),
        Settings(9, 4, embedding=3, cell="lstm", layers=2),
        Settings(9, 4, embedding=4, cell="gru-reset-after", tied=True),
    ],
    ids=["one-hot", "two layers", "tied"],
)
def test_shapes_are_those_of_what_is_drawn(settings):
    drawn = {name: value.shape for name, value in initialize(settings).items()}
    assert list(drawn.items()) == list(shapes(settings).items())
