"""The transformer beside its equations, word by word, and what it must not see."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from small_models import BATCH, ROWS, reads_as_it_measures
from support import float64_in
from unrolled.errors import UserError
from unrolled.gradient_check import check_gradients
from unrolled.layers import Settings
from unrolled.streams import Batch
from unrolled.transformer import HEADS, PLACES, Transformer, initialize

SMALL = Settings(vocabulary=11, hidden=8, embedding=8, layers=2)


def weights(seed=1):
    random = np.random.default_rng(3)
    return {
        name: p + 0.1 * random.standard_normal(p.shape)
        for name, p in initialize(SMALL, seed).items()
    }


def norm(x):
    return (x - x.mean()) / np.sqrt(x.var() + 1e-5)


def one_sentence(p, words):
    """Log-probabilities after each word of a sentence: (n, C)."""
    H, d = SMALL.hidden, SMALL.hidden // HEADS
    x = [p["E"][word] + p["P"][place] for place, word in enumerate(words)]
    for i in range(1, SMALL.layers + 1):
        qkv = [norm(v) @ p[f"A{i}"] for v in x]
        found = []
        for t in range(len(x)):
            heads = []
            for head in range(HEADS):
                part = slice(head * d, (head + 1) * d)
                q = qkv[t][:H][part]
                scores = [q @ qkv[j][H : 2 * H][part] / d**0.5 for j in range(t + 1)]
                share = np.exp(scores) / np.exp(scores).sum()
                heads.append(
                    sum(w * qkv[j][2 * H :][part] for j, w in enumerate(share))
                )
            found.append(x[t] + np.concatenate(heads) @ p[f"O{i}"])
        x = [
            v + np.maximum(0, norm(v) @ p[f"F{i}"] + p[f"b{i}"]) @ p[f"G{i}"]
            for v in found
        ]
    z = np.array([norm(v) @ p["V"].T + p["c"] for v in x])
    return z - np.log(np.exp(z).sum(axis=1, keepdims=True))


def losses_by_hand(p, batch):
    """The words' losses, each sentence by itself."""
    losses = np.zeros(batch.x.shape)
    for b in range(batch.x.shape[1]):
        starts = [*np.flatnonzero(batch.start[:, b]), len(batch.x)]
        for first, end in pairwise(starts):
            log_o = one_sentence(p, batch.x[first:end, b])
            said = log_o[np.arange(end - first), batch.y[first:end, b]]
            losses[first:end, b] = -said
    return losses * batch.mask


@pytest.mark.parametrize("batch", [BATCH, ROWS], ids=["side by side", "in rows"])
def test_losses_are_those_of_each_sentence_by_itself(batch, float64):
    p = weights()
    found = Transformer(SMALL, p).losses(batch)
    assert np.abs(found - losses_by_hand(p, batch)).max() < 1e-10


def test_a_step_follows_the_gradient_of_the_equations(float64):
    p, rate = weights(), 0.5
    model = Transformer(SMALL, p)
    model.step(ROWS, rate)
    slopes = [(p[name] - after) / rate for name, after in model.values().items()]
    shown = {name: v[:7] if name == "P" else v for name, v in p.items()}
    slopes = [v[:7] if name == "P" else v for name, v in zip(p, slopes)]

    def loss(values):
        losses = losses_by_hand(dict(zip(p, values)), ROWS)
        return losses.sum() / ROWS.mask.sum()

    assert max(check_gradients(loss, list(shown.values()), slopes, step=3e-5)) < 1e-6


def test_a_later_word_changes_no_earlier_prediction(float64):
    model = Transformer(SMALL, weights())
    random = np.random.default_rng(0)
    x, y = random.integers(11, size=(2, 7, 3)).astype("int32")
    before = model.losses(Batch.apart(x, y))
    for t in range(7):
        other = x.copy()
        other[t] = (x[t] + 1) % 11
        after = model.losses(Batch.apart(other, y))
        assert np.array_equal(after[:t], before[:t])
        assert (after[t] != before[t]).all()
        # It does reach those after it.
        assert (after[t:] != before[t:]).all()


def test_a_word_changes_no_prediction_in_another_sentence(float64):
    model = Transformer(SMALL, weights())
    before = model.losses(ROWS)
    x = ROWS.x.copy()
    # Row 2 holds three sentences; its second starts at step 4.
    assert ROWS.start[:, 1].tolist() == [1, 0, 0, 0, 1, 1, 0]
    x[:4, 1] = (x[:4, 1] + 1) % 11
    after = model.losses(ROWS._replace(x=x))
    assert (after[:4, 1] != before[:4, 1]).all()
    assert np.array_equal(after[4:], before[4:])
    assert np.array_equal(np.delete(after, 1, axis=1), np.delete(before, 1, axis=1))


def test_reading_word_by_word_is_the_window(float64):
    reads_as_it_measures(Transformer(SMALL, weights()), rel=1e-10)


def test_reading_forgets_the_first_of_more_words_than_there_are_places():
    model = Transformer(SMALL)
    words = np.random.default_rng(0).integers(11, size=PLACES + 5).astype("int32")
    states = model.start(1)
    for word in words:
        _, states = model.read(np.array([word]), states)
    assert states[0].tolist() == [words[-PLACES:].tolist()]


def test_windows_have_to_fit_the_places():
    with pytest.raises(UserError, match=f"window={PLACES + 1}: .* {PLACES}"):
        x = np.zeros((PLACES + 1, 1), "int32")
        Transformer(SMALL).losses(Batch.apart(x, x))


@pytest.mark.parametrize("wrong", [{"embedding": 4}, {"embedding": 6, "hidden": 6}])
def test_sizes_that_cannot_be(wrong):
    with pytest.raises(UserError, match="have to be the same, and a multiple of 4"):
        initialize(replace(SMALL, **wrong))


def test_float32_graphs_have_no_float64_anywhere():
    model = Transformer(SMALL, clip=0.5, optimizer="adam")
    found = float64_in(model.compiled_step(BATCH))
    # PyTensor's definition of the softmax, which JAX does not use, adds up in float64.
    assert {what for _, what in found} <= {"accumulator"}


def test_nothing_is_carried_from_step_to_step(float64):
    model = Transformer(SMALL, weights())
    one, two = (model.losses(BATCH) for _ in range(2))
    assert np.array_equal(one, two)
    model.step(BATCH, 0.1)
    assert model.remembered() == {}
