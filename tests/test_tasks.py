import numpy as np
import pytest

from unrolled.language_model import LanguageModel
from unrolled.layers import Settings, initialize
from unrolled.streams import Batch
from unrolled.tasks import echo, learn, parity, recall, share_right


def test_echo_asks_for_the_letter_k_steps_before():
    x, y, mask, start = echo(3, np.random.default_rng(0), T=8, B=5)
    assert set(np.unique(x)) <= {0, 1, 2, 3}
    assert (y[3:] == x[:5]).all()
    assert (mask == (np.arange(8) >= 3)[:, None]).all()
    assert (start == (np.arange(8) == 0)[:, None]).all()


def test_an_echo_without_delay_counts_everywhere():
    x, y, mask, _ = echo(0, np.random.default_rng(0), T=4, B=2)
    assert (x == y).all()
    assert mask.all()


def test_parity_counts_the_ones_so_far():
    x, y, mask, start = parity(6, np.random.default_rng(1), B=3)
    for t in range(6):
        assert (y[t] == [sum(bits) % 2 for bits in x[: t + 1].T]).all()
    assert mask.all()
    assert (start == (np.arange(6) == 0)[:, None]).all()


@pytest.mark.parametrize(("k", "T"), [(1, None), (6, None), (3, 10), (9, 10)])
def test_recall_asks_once_for_the_only_letter(k, T):
    x, y, mask, start = recall(k, np.random.default_rng(2), T=T, B=40)
    steps = T or k + 1
    assert x.shape == y.shape == mask.shape == (steps, 40)
    assert set(x[steps - 1 - k]) == {0, 1, 2, 3}
    assert (y[-1] == x[steps - 1 - k]).all()
    assert set(np.delete(x, steps - 1 - k, axis=0).flat) == {4, 5}
    assert mask[-1].all()
    assert not mask[:-1].any()
    assert (start == (np.arange(steps) == 0)[:, None]).all()


@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "rmsprop", "adam"])
def test_a_model_that_restarts_learns_as_when_it_was_new(optimizer):
    settings = Settings(vocabulary=6, hidden=4)
    model = LanguageModel(settings, seed=3, clip=1.0, optimizer=optimizer)
    make = lambda random: recall(2, random, B=8)  # noqa: E731
    new = learn(model, make, steps=5, learning_rate=0.1)
    model.restart(1)
    assert not np.array_equal(learn(model, make, steps=5, learning_rate=0.1), new)
    for again in ((3,), (0, initialize(settings, seed=3))):
        model.restart(*again)
        assert np.array_equal(learn(model, make, steps=5, learning_rate=0.1), new)
        assert model.steps == 5


def test_a_network_learns_to_remember_one_letter():
    model = LanguageModel(Settings(vocabulary=4, hidden=16), clip=1.0)
    losses = learn(model, lambda random: echo(1, random), steps=300)
    assert losses[0] == pytest.approx(np.log(4), abs=0.15)
    assert losses[-1] < 0.1
    assert share_right(model, echo(1, np.random.default_rng(5), B=50)) == 1


def test_steps_that_do_not_count_do_not_spoil_the_share():
    model = LanguageModel(Settings(vocabulary=4, hidden=3))
    x, y, mask, _ = echo(2, np.random.default_rng(0), T=6, B=40)
    share = share_right(model, Batch.apart(x, y, mask))
    y[:2] = (y[:2] + 1) % 4
    assert share_right(model, Batch.apart(x, y, mask)) == share
    assert 0 < share < 1
