from functools import cache, partial

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from pytensor.compile.mode import Mode
from pytensor.link.vm import VMLinker

import by_hand
from support import float64_in, read_case
from unrolled import compute, rnn_by_hand
from unrolled.batches import Batch, Batches
from unrolled.cells import CELLS
from unrolled.gradient_check import check_gradients, relative_error
from unrolled.language_model import LanguageModel
from unrolled.layers import (
    Settings,
    draw_masks,
    initialize,
    look_up,
    mean_loss,
    unroll,
    word_losses,
)
from unrolled.training import evaluate
from unrolled.updates import RULES, rmsprop

ONE_HOT = Settings(C=11, H=5)
EMBEDDING = Settings(C=11, H=4, D=3)
TWO_LAYERS = Settings(C=11, H=4, D=3, layers=2)
TIED = Settings(C=11, H=3, D=3, cell="gru", tied=True)
MODELS = {
    "one-hot": ONE_HOT,
    "embedding": EMBEDDING,
    "two layers": TWO_LAYERS,
    "two layers, one-hot": Settings(C=11, H=4, layers=2),
    "two layers, relu": TWO_LAYERS._replace(cell="relu"),
    "one-hot, gru": ONE_HOT._replace(cell="gru"),
    "two layers, gru": TWO_LAYERS._replace(cell="gru"),
    "tied, gru": TIED,
    "one-hot, gru-reset-after": ONE_HOT._replace(cell="gru-reset-after"),
    "two layers, gru-reset-after": TWO_LAYERS._replace(cell="gru-reset-after"),
    "one-hot, lstm": ONE_HOT._replace(cell="lstm"),
    "two layers, lstm": TWO_LAYERS._replace(cell="lstm"),
    "two layers, tied, lstm": TIED._replace(cell="lstm", layers=2),
}
models = pytest.mark.parametrize("settings", MODELS.values(), ids=MODELS.keys())
# Each takes seconds to compile.
two_models = pytest.mark.parametrize(
    "settings", [ONE_HOT, TWO_LAYERS], ids=["one-hot", "two layers"]
)

# Three sentences of 7, 4 and 1 words, with words that come again.
SENTENCES = [
    ([0, 3, 7, 3, 3, 9, 10], [3, 7, 3, 3, 9, 10, 1]),
    ([7, 7, 2, 0], [7, 2, 0, 4]),
]
SENTENCES += [([5], [5])]


def weights(settings, seed=1):
    """Parameters with no zero among them."""
    random = np.random.RandomState(3)
    start = initialize(settings, seed)
    return {name: p + 0.1 * random.randn(*p.shape) for name, p in start.items()}


def batch_of(sentences, T=7, B=None, seed=0):
    """Sentences side by side. The padding is random words: only the mask says it is none."""
    B = B or len(sentences)
    random = np.random.RandomState(seed)
    x, y = random.randint(ONE_HOT.C, size=(2, T, B)).astype("int32")
    mask = np.zeros((T, B), "float32")
    for b, (words, following) in enumerate(sentences):
        x[: len(words), b], y[: len(words), b] = words, following
        mask[: len(words), b] = 1
    return Batch(x, y, mask)


BATCH = batch_of(SENTENCES)


@cache
def differentiated(settings, *shape):
    """Compile the mean loss and its gradients, of whole tables, as functions of both."""
    p = {
        name: pt.tensor(name, shape=value.shape)
        for name, value in initialize(settings).items()
    }
    x, y, mask = batch = [
        pt.tensor(name, dtype=dtype, shape=shape)
        for name, dtype in zip(Batch._fields, ("int32", "int32", "float32"))
    ]
    count = settings.layers * CELLS[settings.cell].states
    start = [pt.zeros((shape[1], settings.H)) for _ in range(count)]
    s, _ = unroll(settings, p, look_up(p, x), start)
    loss = mean_loss(word_losses(p, s, y), mask)
    slopes = pytensor.grad(loss, list(p.values()))
    return compute.function([*p.values(), *batch], [loss, *slopes])


def loss_and_slopes(settings, values, batch):
    """The mean loss of a batch and its gradients, in float64, as the graph gives them."""
    assert pytensor.config.floatX == "float64"
    compiled = differentiated(settings, *batch.x.shape)
    loss, *slopes = compiled(*values.values(), *batch)
    return float(loss), {name: np.asarray(g) for name, g in zip(values, slopes)}


def sentence(x, y):
    """A batch of one sentence."""
    column = np.asarray(x, "int32")[:, None], np.asarray(y, "int32")[:, None]
    return Batch(*column, np.ones(column[0].shape, "float32"))


def norm_of(slopes):
    return np.sqrt(sum((g**2).sum() for g in slopes.values()))


def recorded_parameters(recorded, what):
    """Parameters by name, and what the rule remembers of them where it does."""
    return {
        name.removeprefix(f"{what}/"): value
        for name, value in recorded.items()
        if name.startswith(f"{what}/")
    }


# ---------------------------------------------------------------------- the gradients


def test_graph_of_one_sentence_is_the_model_by_hand(float64):
    values, (x, y) = weights(ONE_HOT), SENTENCES[0]
    hand = rnn_by_hand.Parameters(**values)
    loss, slopes = loss_and_slopes(ONE_HOT, values, sentence(x, y))
    assert loss == pytest.approx(rnn_by_hand.loss(hand, x, y), rel=1e-12)
    for name, slope in (
        rnn_by_hand.gradients(hand, np.array(x), np.array(y))._asdict().items()
    ):
        assert relative_error(slopes[name], slope) < 1e-12


@models
def test_gradients_of_the_graph_against_finite_differences(settings, float64):
    # Weights so large that no slope drowns in the rounding of the loss.
    values = {name: 2 * p for name, p in weights(settings).items()}
    loss, slopes = loss_and_slopes(settings, values, BATCH)
    assert loss == pytest.approx(by_hand.mean_loss(settings, values, BATCH), rel=1e-12)
    errors = check_gradients(
        lambda p: by_hand.mean_loss(settings, dict(zip(values, p)), BATCH),
        list(values.values()),
        list(slopes.values()),
        step=3e-5,
    )
    assert len(errors) == len(values) == len(initialize(settings))
    assert max(errors) < 1e-8


def test_a_batch_is_the_mean_of_its_sentences_by_their_words(float64):
    values = weights(ONE_HOT)
    hand = rnn_by_hand.Parameters(**values)
    loss, slopes = loss_and_slopes(ONE_HOT, values, BATCH)
    words = [len(x) for x, _ in SENTENCES]
    losses = [rnn_by_hand.loss(hand, *one) for one in SENTENCES]
    assert loss == pytest.approx(np.average(losses, weights=words), rel=1e-12)
    each = [rnn_by_hand.gradients(hand, *map(np.array, one)) for one in SENTENCES]
    for name, slope in slopes.items():
        expected = np.average([getattr(g, name) for g in each], axis=0, weights=words)
        assert relative_error(slope, expected) < 1e-12


@two_models
def test_padding_changes_nothing(settings, float64):
    values = weights(settings)
    loss, slopes = loss_and_slopes(settings, values, BATCH)
    longer = batch_of(SENTENCES, T=9, B=5, seed=4)  # other words where there are none
    padded_loss, padded_slopes = loss_and_slopes(settings, values, longer)
    assert padded_loss == pytest.approx(loss, rel=1e-13)
    for name, slope in slopes.items():
        assert relative_error(padded_slopes[name], slope) < 1e-12


# ----------------------------------------------------------------------- Theano 1.0.5


@pytest.mark.parametrize("case", ["repeated", "distinct"])
def test_gradients_of_the_graph_against_theano_1_0_5(case, float64):
    recorded = read_case("rnn", case)
    start = recorded_parameters(recorded, "start")
    C, H = start["U"].shape
    batch = sentence(recorded["x"], recorded["y"])
    loss, slopes = loss_and_slopes(Settings(C, H), start, batch)
    assert loss == pytest.approx(recorded["losses"][0], rel=1e-6)
    for name, slope in recorded_parameters(recorded, "gradient").items():
        assert relative_error(slopes[name], slope) < 1e-6


@pytest.mark.parametrize(
    ("case", "mode"),
    [
        ("repeated", "JAX"),
        ("distinct", "JAX"),
        ("repeated", "NUMBA"),  # which takes half a minute to compile it
    ],
)
def test_training_against_theano_1_0_5_and_by_hand(case, mode, float64):
    recorded = read_case("rnn", case)
    x, y, rate = recorded["x"], recorded["y"], float(recorded["learning_rate"])
    start = recorded_parameters(recorded, "start")
    hand = rnn_by_hand.Parameters(**{name: p.copy() for name, p in start.items()})
    model = LanguageModel(Settings(*start["U"].shape), start, mode=mode)

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

    assert losses == pytest.approx(recorded["losses"], rel=1e-6)
    for name, end in recorded_parameters(recorded, "end").items():
        assert relative_error(trained[name], end) < 1e-6


GATED = {
    "gru": ("two layers", Settings(11, 5, 4, "gru", layers=2), "rmsprop"),
    "lstm": ("one layer", Settings(11, 6, 4, "lstm"), "sgd"),
}


@pytest.mark.parametrize(("cell", "of_cell"), GATED.items(), ids=GATED)
def test_gated_models_against_theano_1_0_5(cell, of_cell, float64, monkeypatch):
    # As the tutorial has it; ours is smaller.
    monkeypatch.setitem(RULES, "rmsprop", partial(rmsprop, epsilon=1e-6))
    case, settings, rule = of_cell
    recorded = read_case(cell, case)
    start, end = (
        recorded_parameters(recorded, "start"),
        recorded_parameters(recorded, "end"),
    )
    batch = sentence(recorded["x"], recorded["y"])
    _, slopes = loss_and_slopes(settings, start, batch)
    for name, slope in recorded_parameters(recorded, "gradient").items():
        assert relative_error(slopes[name], slope) < 1e-6, name

    model = LanguageModel(settings, start, rule=rule)
    rate, losses = float(recorded["learning_rate"]), []
    for _ in range(10):
        losses.append(float(model.step(batch, rate)))
    losses.append(model.losses(batch).mean())
    assert losses == pytest.approx(recorded["losses"], rel=1e-6)
    assert losses[-1] < 0.9 * losses[0]
    trained = model.values() | model.remembered()
    assert trained.keys() == end.keys()
    for name, value in end.items():
        assert relative_error(trained[name], value) < 1e-6, name


# Theano's own way to truncate, on PyTensor. In JAX mode it fails an assertion; Python computes it
# without a compiler.
PYTHON = Mode(VMLinker(use_cloop=False, c_thunks=False), "fast_compile")


def slopes_by_position(truncate_gradient):
    """The recorded model's loss, differentiated by the row that each position looks up: (T, H)."""
    recorded = read_case("rnn", "distinct")
    p = {
        name: compute.shared(value, name)
        for name, value in recorded_parameters(recorded, "start").items()
    }
    rows = p["U"][recorded["x"]]
    states = pytensor.scan(
        lambda a, s, W: pt.tanh(a + s @ W),
        sequences=[rows + p["b"]],
        outputs_info=[pt.zeros_like(p["b"])],
        non_sequences=[p["W"]],
        truncate_gradient=truncate_gradient,
        return_updates=False,
        mode=PYTHON,
    )
    y = pt.constant(recorded["y"][:, None].astype("int32"))
    loss = word_losses(p, states[:, None, :], y).mean()
    return pytensor.function([], pytensor.grad(loss, rows), mode=PYTHON)()


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
    hand = rnn_by_hand.Parameters(**recorded_parameters(recorded, "start"))
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


def test_a_seed_draws_the_same_weights():
    first, again, other = (
        LanguageModel(TWO_LAYERS, seed=seed).values() for seed in (0, 0, 1)
    )
    assert all(np.array_equal(first[name], again[name]) for name in first)
    assert not any(np.array_equal(first[name], other[name]) for name in ("E", "W", "V"))


@two_models
def test_loss_at_the_start_is_nearly_that_of_a_model_that_knows_nothing(settings):
    settings = settings._replace(C=2000, H=50)
    random = np.random.RandomState(0)
    x, y = random.randint(2000, size=(2, 10, 4)).astype("int32")
    losses = LanguageModel(settings).losses(Batch(x, y, np.ones((10, 4), "float32")))
    assert losses.mean() == pytest.approx(np.log(2000), rel=0.02)
    assert losses.std() > 0


def test_perplexity_of_a_model_that_knows_nothing_is_its_number_of_words():
    random = np.random.RandomState(0)
    sentences = [random.randint(4, 11, size=n) for n in (1, 2, 2, 3, 5, 6, 8, 9, 9)]
    batches = Batches(sentences, B=4, buckets=2)
    assert batches.padding > 0
    zeros = {name: np.zeros_like(p) for name, p in initialize(ONE_HOT).items()}
    perplexity = np.exp(evaluate(LanguageModel(ONE_HOT, zeros), batches))
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
    parameters = initialize(EMBEDDING)
    change(parameters)
    with pytest.raises(ValueError, match=r"^parameters .*: expected "):
        LanguageModel(EMBEDDING, parameters)


def test_a_memory_of_other_names_or_shapes_is_refused():
    parameters = initialize(ONE_HOT)
    memory = {f"mean of squares/{k}": np.ones_like(p) for k, p in parameters.items()}
    model = LanguageModel(ONE_HOT, parameters | memory, rule="rmsprop")
    assert model.remembered().keys() == memory.keys()
    for name, value in (("W", np.ones((5, 4))), ("W2", np.ones((5, 5)))):
        wrong = memory | {f"mean of squares/{name}": value}
        with pytest.raises(ValueError, match=r"^memory .*: expected "):
            LanguageModel(ONE_HOT, parameters | wrong, rule="rmsprop")


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
    loss, slopes = loss_and_slopes(settings, values, BATCH)
    model = LanguageModel(settings, values)
    assert float(model.step(BATCH, 0.5)) == pytest.approx(loss, rel=1e-12)
    for name, p in model.values().items():
        assert relative_error(p, values[name] - 0.5 * slopes[name]) < 1e-12

    table = next(iter(values))  # E, or U where words are one-hot
    unseen = ~np.isin(np.arange(settings.C), BATCH.x)
    assert unseen.any()
    assert np.array_equal(model.values()[table][unseen], values[table][unseen])


@pytest.mark.parametrize(
    ("settings", "limit", "scale"),
    [(ONE_HOT, 0.25, 0.25), (TWO_LAYERS, 0.5, 0.5), (EMBEDDING, 2, 1)],
    ids=["one-hot, shortened", "two layers, shortened", "short enough"],
)
def test_step_with_a_clipped_gradient(settings, limit, scale, float64):
    values = weights(settings)
    _, slopes = loss_and_slopes(settings, values, BATCH)
    model = LanguageModel(settings, values, clip=limit * norm_of(slopes))
    model.step(BATCH, 0.5)
    for name, p in model.values().items():
        expected = values[name] - 0.5 * scale * slopes[name]
        assert relative_error(p, expected) < 1e-12


def test_step_returns_the_loss_before_it_and_lowers_it():
    model = LanguageModel(TWO_LAYERS, clip=5.0)
    losses = [float(model.step(BATCH, 0.5)) for _ in range(60)]
    assert losses[1] < losses[0]
    assert losses[-1] < losses[0] / 2
    mean = model.losses(BATCH).sum() / BATCH.mask.sum()
    assert float(model.step(BATCH, 0.5)) == pytest.approx(mean, rel=1e-5)


def test_step_leaves_alone_where_it_started():
    values = weights(ONE_HOT)
    before = {name: p.copy() for name, p in values.items()}
    model = LanguageModel(ONE_HOT, values)
    at_start = model.values()
    model.step(BATCH, 0.5)
    for name, p in before.items():
        assert np.array_equal(values[name], p)
        # What `values` returned is a copy, not a window on the model.
        assert np.array_equal(at_start[name], p.astype("float32"))
        assert not np.array_equal(model.values()[name], at_start[name])


def test_shapes_share_one_model(float64):
    values, rate = weights(EMBEDDING), 0.5
    model = LanguageModel(EMBEDDING, values)
    for one in (BATCH, sentence(*SENTENCES[1]), BATCH):
        _, slopes = loss_and_slopes(EMBEDDING, values, one)
        model.step(one, rate)
        values = {name: p - rate * slopes[name] for name, p in values.items()}
    for name, p in model.values().items():
        assert relative_error(p, values[name]) < 1e-12


@pytest.mark.parametrize(("cell", "rule"), [("gru", "rmsprop"), ("lstm", "adam")])
def test_numba_trains_as_jax_does(cell, rule, float64):
    settings, trained = EMBEDDING._replace(cell=cell), []
    for mode in compute.MODES:
        model = LanguageModel(settings, weights(settings), rule=rule, mode=mode)
        losses = [float(model.step(BATCH, 0.01)) for _ in range(3)]
        assert losses == sorted(losses, reverse=True)
        trained.append({"loss": losses, **model.values(), **model.remembered()})
    jax, numba = trained
    assert jax.keys() == numba.keys()
    assert any("/" in name for name in jax)
    for name, value in jax.items():
        assert relative_error(value, numba[name]) < 1e-12, name


# ----------------------------------------------------------------- dropout, tied tables

HALF = TWO_LAYERS._replace(cell="gru", dropout=0.5)
THIRD = Settings(C=11, H=5, cell="lstm", dropout=0.3)


def test_masks_hide_a_share_and_keep_the_mean():
    settings = Settings(C=11, H=40, D=30, layers=2, dropout=0.3)
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
    assert draw_masks(HALF._replace(dropout=0.0), 7, 3, 1, 2) == []


@pytest.mark.parametrize("settings", [HALF, THIRD], ids=["two layers", "one-hot"])
def test_a_step_with_dropout_is_the_model_by_hand_with_the_masks(settings, float64):
    # By hand, the masks lie on what goes from layer to layer, and never on what a cell hands to
    # itself: were they there too, the parameters would move elsewhere.
    values, seed, rate = weights(settings), 5, 0.5
    model = LanguageModel(settings, values, seed)
    for step in range(2):
        masks = [np.asarray(m) for m in draw_masks(settings, 7, 3, seed, step)]
        before = model.values()
        loss = by_hand.mean_loss(settings, before, BATCH, masks)
        assert float(model.step(BATCH, rate)) == pytest.approx(loss, rel=1e-12)
        slopes = [(p - before[k]) / -rate for k, p in model.values().items()]
        errors = check_gradients(
            lambda p: by_hand.mean_loss(
                settings,
                dict(zip(values, p)),
                BATCH,
                masks,  # noqa: B023
            ),
            list(before.values()),
            slopes,
        )
        assert max(errors) < 1e-7
    assert model.steps == 2


def test_nothing_is_hidden_where_nothing_is_trained(float64):
    values = weights(HALF)
    model, spared = (
        LanguageModel(settings, values)
        for settings in (HALF, HALF._replace(dropout=0.0))
    )
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
    assert list(values) == ["E", "U", "W", "b", "c"]
    model = LanguageModel(TIED, values)
    loss, slopes = loss_and_slopes(TIED, values, BATCH)
    assert float(model.step(BATCH, 0.5)) == pytest.approx(loss, rel=1e-12)
    for name, p in model.values().items():
        assert relative_error(p, values[name] - 0.5 * slopes[name]) < 1e-12
    # Words that were never read move too: their scores were computed.
    unseen = ~np.isin(np.arange(11), BATCH.x)
    moved = model.values()["E"][unseen] != values["E"][unseen]
    assert unseen.any()
    assert moved.all()


def test_a_tied_table_has_one_width():
    with pytest.raises(ValueError, match="embedding has 3 entries, the state 4"):
        initialize(EMBEDDING._replace(tied=True))
    with pytest.raises(ValueError, match="embedding has 0 entries, the state 5"):
        initialize(ONE_HOT._replace(tied=True))


# ------------------------------------------------------------------- losses and reading


@models
def test_losses_word_by_word(settings, float64):
    values = weights(settings)
    model = LanguageModel(settings, values)
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
    values = weights(settings)
    model = LanguageModel(settings, values)
    x, y = np.random.RandomState(6).randint(11, size=(2, 5, 3)).astype("int32")
    losses = model.losses(Batch(x, y, np.ones((5, 3), "float32")))

    states = model.start(3)
    assert [s.shape for s in states] == [(3, settings.H)] * settings.layers
    assert not any(s.any() for s in states)
    for t in range(5):
        log_probabilities, states = model.read(x[t], states)
        log_probabilities = np.asarray(log_probabilities)
        assert log_probabilities.shape == (3, 11)
        assert np.exp(log_probabilities).sum(axis=1) == pytest.approx(1, rel=1e-12)
        assert -log_probabilities[range(3), y[t]] == pytest.approx(losses[t], rel=1e-12)
    assert [s.shape for s in states] == [(3, settings.H)] * settings.layers


def test_reading_depends_on_the_states_and_changes_none(float64):
    model = LanguageModel(TWO_LAYERS, weights(TWO_LAYERS))
    words, start = np.array([3, 3], "int32"), model.start(2)
    first, states = model.read(words, start)
    again, _ = model.read(words, start)
    second, _ = model.read(words, states)
    assert np.array_equal(first, again)
    assert not np.allclose(first, second)
    assert not any(s.any() for s in start)


def test_unroll_goes_on_from_states_that_are_given(float64):
    settings, values = TWO_LAYERS, weights(TWO_LAYERS)
    p = {name: compute.shared(value, name) for name, value in values.items()}
    x = np.random.RandomState(5).randint(11, size=(6, 3)).astype("int32")

    def run(x, start):
        """The last layer's states, and the end of each layer."""
        s, end = unroll(settings, p, look_up(p, x), [pt.constant(s) for s in start])
        return [np.asarray(value) for value in compute.function([], [s, *end])()]

    zeros = [np.zeros((3, settings.H))] * 2
    s, *end = run(x, zeros)
    s1, *middle = run(x[:2], zeros)
    s2, *end2 = run(x[2:], middle)
    assert relative_error(np.concatenate([s1, s2]), s) < 1e-14
    assert relative_error(np.array(end2), np.array(end)) < 1e-14
    assert np.array_equal(end[1], s[-1])


# ---------------------------------------------------------------------------- precision


@pytest.mark.parametrize(
    ("settings", "clip", "rule"),
    [
        (ONE_HOT, None, "sgd"),
        (TWO_LAYERS, 1.0, "sgd"),
        (TWO_LAYERS._replace(cell="relu"), None, "sgd"),
        (HALF, 1.0, "rmsprop"),
        (TIED._replace(cell="gru-reset-after", dropout=0.2), None, "momentum"),
        (THIRD, 1.0, "adam"),
    ],
    ids=lambda value: getattr(value, "cell", value),
)
def test_float32_graphs_have_no_float64_anywhere(settings, clip, rule):
    model = LanguageModel(settings, weights(settings), clip=clip, rule=rule)
    assert float64_in(model._function(model._build_step, *BATCH.x.shape)) == []
    assert float64_in(model._function(model._build_losses, *BATCH.x.shape)) == []
    memory = {value.dtype for value in model.remembered().values()}
    assert memory <= {np.dtype("float32")}
    assert model.step(BATCH, 0.5).dtype == np.float32
    assert model.losses(BATCH).dtype == np.float32
    read = model.read(BATCH.x[0], model.start(3))
    assert {value.dtype for value in (read[0], *read[1])} == {np.dtype("float32")}
    assert {p.dtype for p in model.values().values()} == {np.dtype("float32")}


def test_float64_model_computes_in_float64(float64):
    model = LanguageModel(ONE_HOT, weights(ONE_HOT))
    assert model.step(BATCH, 0.5).dtype == np.float64
    assert {p.dtype for p in model.values().values()} == {np.dtype("float64")}


@pytest.mark.parametrize("clip", [None, 1.0])
def test_float32_model_is_close_to_the_gradients_in_float64(clip):
    values = weights(EMBEDDING)
    model = LanguageModel(EMBEDDING, values, clip=clip)
    loss = float(model.step(BATCH, 0.5))
    assert loss == pytest.approx(by_hand.mean_loss(EMBEDDING, values, BATCH), rel=1e-5)
    try:
        compute.use_precision("float64")
        _, slopes = loss_and_slopes(EMBEDDING, values, BATCH)
    finally:
        compute.use_precision("float32")
    scale = 1 if clip is None else min(1, clip / norm_of(slopes))
    for name, p in model.values().items():
        assert relative_error(p, values[name] - 0.5 * scale * slopes[name]) < 1e-5


def test_model_that_is_sure_and_wrong():
    # Its states are near 1, and its scores hundreds apart: the probability of the word that comes
    # is too small for a float, its logarithm is not.
    values = {name: np.zeros_like(p) for name, p in weights(ONE_HOT).items()}
    values["b"] += 9
    values["V"][0], values["V"][1] = 100, -100
    model = LanguageModel(ONE_HOT, values)
    wrong = sentence([2, 3, 4], [1, 1, 1])
    right = sentence([2, 3, 4], [0, 0, 0])
    assert model.losses(wrong) == pytest.approx(np.full((3, 1), 1000), rel=1e-5)
    assert model.losses(right) == pytest.approx(np.zeros((3, 1)), abs=1e-5)
    assert float(model.step(wrong, 0.1)) == pytest.approx(1000, rel=1e-5)
    assert all(np.isfinite(p).all() for p in model.values().values())
    log_probabilities, _ = model.read(np.array([2], "int32"), model.start(1))
    assert np.isfinite(log_probabilities).all()
