"""The scan without a loop beside the loop, and the minGRU beside its equations."""

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest

from small_models import BATCH, ROWS, TWO_LAYERS, reads_as_it_measures
from support import float64_in
from unrolled import compute
from unrolled.gradient_check import check_gradients
from unrolled.parallel import MinGRU, initialize, scan
from unrolled.streams import Batch

B, H = 3, 4


def looped(k, a, start):
    """The same recurrence, a step at a time."""
    return pytensor.scan(
        lambda k, a, s: k * s + a,
        sequences=[k, a],
        outputs_info=[start],
        return_updates=False,
    )


def compiled(run, T):
    """States, and the slopes of a weighted sum of them."""
    inputs = [pt.tensor(shape=(T, B, H)), pt.tensor(shape=(T, B, H))]
    inputs.append(pt.tensor(shape=(B, H)))
    s = run(*inputs)
    weights = np.random.default_rng(1).standard_normal((T, B, H))
    loss = (s * weights.astype(pytensor.config.floatX)).sum()
    return compute.function(inputs, [s, *pytensor.grad(loss, inputs)])


def numbers(T):
    random = np.random.default_rng(0)
    k = random.random((T, B, H))
    # A sentence starts.
    k[T // 2, 0] = 0
    return [k, random.standard_normal((T, B, H)), random.standard_normal((B, H))]


@pytest.mark.parametrize("T", [1, 2, 7, 8, 35])
def test_states_and_gradients_are_those_of_the_loop(T, float64):
    ours, theirs = (compiled(run, T)(*numbers(T)) for run in (scan, looped))
    assert ours[0].shape == (T, B, H)
    for found, expected in zip(ours, theirs, strict=True):
        assert np.abs(np.asarray(found) - np.asarray(expected)).max() < 1e-10


def test_gradients_against_finite_differences(float64):
    values = numbers(7)
    found = [np.asarray(v) for v in compiled(scan, 7)(*values)]
    weights = np.random.default_rng(1).standard_normal((7, B, H))

    def number(values):
        k, a, s = values
        total = 0.0
        for t in range(7):
            s = k[t] * s + a[t]
            total += (s * weights[t]).sum()
        return total

    assert max(check_gradients(number, values, found[1:])) < 1e-8


def test_the_shape_is_known_and_float32_stays_so():
    s = scan(*(pt.tensor(shape=(5, B, H)) for _ in range(2)), pt.tensor(shape=(B, H)))
    assert s.type.shape == (5, B, H)
    assert float64_in(compiled(scan, 5)) == []
    model = MinGRU(TWO_LAYERS, clip=0.5, optimizer="adam")
    assert float64_in(model.compiled_step(BATCH)) == []


# ------------------------------------------------------------------------------ the model


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def losses_by_hand(p, batch):
    """The words' losses of a model of two layers, by its equations, from zero states."""
    H = TWO_LAYERS.hidden
    T, rows = batch.x.shape
    s = [np.zeros((rows, H)), np.zeros((rows, H))]
    losses = np.zeros((T, rows))
    for t in range(T):
        inputs = p["E"][batch.x[t]]
        for i, number in enumerate(("", "2")):
            a = inputs @ p[f"U{number}"] + p[f"b{number}"]
            z, h = sigmoid(a[:, :H]), a[:, H:]
            before = (1 - batch.start[t])[:, None] * s[i]
            inputs = s[i] = z * before + (1 - z) * h
        o = np.exp(inputs @ p["V"].T + p["c"])
        losses[t] = np.log(o.sum(axis=1)) - np.log(o[np.arange(rows), batch.y[t]])
    return losses


def weights(seed=1):
    random = np.random.default_rng(3)
    return {
        name: p + 0.1 * random.standard_normal(p.shape)
        for name, p in initialize(TWO_LAYERS, seed).items()
    }


def test_parameters_are_a_gru_s_without_what_reads_the_state():
    H, D = TWO_LAYERS.hidden, TWO_LAYERS.embedding
    shapes = {name: value.shape for name, value in initialize(TWO_LAYERS).items()}
    assert shapes == {
        "E": (11, D), "U": (D, 2 * H), "b": (2 * H,), "U2": (H, 2 * H), "b2": (2 * H,),
        "V": (11, H), "c": (11,),
    }  # fmt: skip
    assert not np.array_equal(
        initialize(TWO_LAYERS, 1)["U"], initialize(TWO_LAYERS)["U"]
    )


@pytest.mark.parametrize("batch", [BATCH, ROWS], ids=["side by side", "in rows"])
def test_losses_are_those_of_the_equations(batch, float64):
    p = weights()
    found = MinGRU(TWO_LAYERS, p).losses(batch)
    expected = losses_by_hand(p, batch) * batch.mask
    assert np.abs(found - expected).max() < 1e-10


def test_a_step_follows_the_gradient_of_the_equations(float64):
    p, rate = weights(), 0.5
    model = MinGRU(TWO_LAYERS, p)
    model.step(ROWS, rate)
    slopes = [(p[name] - after) / rate for name, after in model.values().items()]

    def loss(values):
        losses = losses_by_hand(dict(zip(p, values)), ROWS)
        return (losses * ROWS.mask).sum() / ROWS.mask.sum()

    assert max(check_gradients(loss, list(p.values()), slopes, step=3e-5)) < 1e-7


def test_windows_of_a_text_are_the_text(float64):
    model = MinGRU(TWO_LAYERS, weights())
    whole = model.losses(ROWS)
    pieces = [Batch(*(part[t : t + 2] for part in ROWS)) for t in (0, 2, 4)]
    again = MinGRU(TWO_LAYERS, weights())
    found = np.concatenate([again.losses(piece) for piece in pieces])
    assert np.abs(found - whole[:6]).max() < 1e-12


def test_reading_word_by_word_is_the_scan(float64):
    reads_as_it_measures(MinGRU(TWO_LAYERS, weights()), rel=1e-12)


def test_a_restart_draws_a_min_gru_and_not_a_gru():
    model = MinGRU(TWO_LAYERS)
    before = model.values()
    model.restart(1)
    model.restart(0)
    for name, value in model.values().items():
        assert np.array_equal(value, before[name])
