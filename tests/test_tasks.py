from functools import partial

import numpy as np
import pytest

from unrolled.language_model import LanguageModel
from unrolled.layers import Settings, initialize
from unrolled.streams import Batch
from unrolled.tasks import (
    LEARNED,
    OVER,
    echo,
    learn,
    parity,
    recall,
    share_right,
    trials,
)


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


def test_learning_ends_where_the_losses_are_low_enough():
    model = LanguageModel(Settings(vocabulary=4, hidden=16), clip=1.0)
    losses = learn(model, partial(echo, 1), steps=1000, enough=0.2)
    assert len(losses) % OVER == 0
    assert len(losses) < 1000
    assert losses[-OVER:].mean() < 0.2 <= losses[-2 * OVER : -OVER].mean()


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_each_trial_is_a_training_from_its_seed_alone(cell):
    settings = Settings(vocabulary=2, hidden=3, cell=cell)
    model = LanguageModel(settings, clip=1.0, optimizer="adam")
    make = partial(parity, 4)
    two = trials(model, make, steps=6, learning_rate=0.1, seeds=(0, 5))
    model.restart(1)
    (alone,) = trials(model, make, steps=6, learning_rate=0.1, seeds=[5])
    assert np.array_equal(alone.losses, two[1].losses)
    assert alone.share_right == two[1].share_right
    assert not np.array_equal(two[0].losses, two[1].losses)
    fresh = LanguageModel(settings, seed=5, clip=1.0, optimizer="adam")
    assert np.array_equal(learn(fresh, make, 6, 0.1, seed=5), alone.losses)
    test = make(np.random.default_rng(99), B=500)
    assert share_right(fresh, test) == alone.share_right
    for name, value in fresh.values().items():
        assert np.array_equal(value, alone.parameters[name])


def test_trials_start_from_changed_parameters():
    model = LanguageModel(Settings(vocabulary=2, hidden=3))

    def forget(parameters):
        for p in parameters.values():
            p[:] = 0

    (trial,) = trials(model, partial(parity, 4), 1, 0.0, [0], forget)
    assert trial.losses == pytest.approx(np.log(2), rel=1e-5)
    assert not any(p.any() for p in trial.parameters.values())


def test_a_trial_that_learns_says_so_and_ends():
    model = LanguageModel(Settings(vocabulary=4, hidden=16), clip=1.0)
    (trial,) = trials(model, partial(echo, 1), 1000, 1.0, [0])
    assert trial.learned
    assert trial.losses[-OVER:].mean() < LEARNED
    assert len(trial.losses) < 1000
    assert trial.share_right == 1
    (short,) = trials(model, partial(echo, 1), 10, 1.0, [0])
    assert not short.learned
    assert np.array_equal(short.losses, trial.losses[:10])


def test_steps_that_do_not_count_do_not_spoil_the_share():
    model = LanguageModel(Settings(vocabulary=4, hidden=3))
    x, y, mask, _ = echo(2, np.random.default_rng(0), T=6, B=40)
    share = share_right(model, Batch.apart(x, y, mask))
    y[:2] = (y[:2] + 1) % 4
    assert share_right(model, Batch.apart(x, y, mask)) == share
    assert 0 < share < 1
