"""A model and how to train it."""

import dataclasses
import re

import pytest

from unrolled.errors import UserError
from unrolled.fields import changed, flat, meanings
from unrolled.layers import Settings
from unrolled.options import RATES, Options
from unrolled.updates import RULES
from unrolled.vocabulary import SPECIAL


def test_options_of_the_same_values_are_equal_and_none_can_be_set():
    assert Options() == Options(Settings(8000, 128, 128), epochs=10)
    assert Options() != changed(Options(), hidden=127)
    assert hash(Options()) == hash(Options())
    with pytest.raises(dataclasses.FrozenInstanceError):
        Options().epochs = 3


def test_each_optimizer_has_a_learning_rate():
    assert RATES.keys() == RULES.keys()
    for optimizer, rate in RATES.items():
        assert Options(optimizer=optimizer).first_learning_rate == rate
        chosen = Options(optimizer=optimizer, learning_rate=0.125)
        assert chosen.first_learning_rate == 0.125
    assert Options(learning_rate=0.0).first_learning_rate == 0


def test_every_learning_rate_is_told():
    told = " ".join(meanings(Options)["learning_rate"].split())
    for optimizer, rate in RATES.items():
        number = re.escape(f"{rate:g}")
        assert re.search(rf"\b{optimizer}\b[^\d,]* {number}(?!\.?\d)", told)


def test_every_setting_has_a_meaning():
    told = {**meanings(Options), **meanings(Settings)}
    assert flat(Options()).keys() <= told.keys()
    assert all(told.values())


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (
            {"vocabulary": 0},
            "vocabulary=0: expected a whole number from 1 to 4,294,967,295",
        ),
        ({"vocabulary": 4}, "vocabulary=4: expected a whole number from 5 up, for 4"),
        ({"hidden": 0}, "hidden=0: expected a whole number from 1 to 4,294,967,295"),
        (
            {"embedding": -1},
            "embedding=-1: expected a whole number from 0 to 4,294,967,295",
        ),
        ({"cell": "gate"}, "cell='gate': expected one of rnn, relu, gru"),
        ({"layers": 0}, "layers=0: expected a whole number from 1 to 4,294,967,295"),
        ({"dropout": 1.0}, "dropout=1.0: expected a number from 0 to below 1"),
        ({"dropout": float("nan")}, "dropout=nan: expected a number from 0 to below"),
        ({"tied": True, "hidden": 8}, "embedding=128, hidden=8: have to be the same"),
        ({"carry": 1}, "carry=1: expected True or False"),
        ({"tied": "yes"}, "tied='yes': expected True or False"),
        ({"epochs": 0}, "epochs=0: expected a whole number from 1 to 4,294,967,295"),
        ({"batch": 0}, "batch=0: expected a whole number from 1 to 4,294,967,295"),
        ({"window": 0}, "window=0: expected a whole number from 1 to 4,294,967,295"),
        ({"optimizer": "luck"}, "optimizer='luck': expected one of sgd, momentum"),
        ({"learning_rate": -1.0}, "learning_rate=-1.0: expected a number from 0 up"),
        ({"learning_rate": float("inf")}, "learning_rate=inf: expected a number"),
        ({"clip": float("nan")}, "clip=nan: expected a number from 0 up"),
        ({"seed": -1}, "seed=-1: expected a whole number from 0 to 4,294,967,295"),
    ],
)
def test_a_value_that_is_not_allowed_is_told_in_a_line(changes, says):
    with pytest.raises(UserError) as caught:
        changed(Options(), **changes)
    assert str(caught.value).startswith(says)
    assert "\n" not in str(caught.value)


def test_the_smallest_model_knows_one_word():
    assert len(SPECIAL) == 4
    small = Options(Settings(vocabulary=5, hidden=1), epochs=1, clip=0.0, seed=0)
    assert flat(small)["vocabulary"] == 5
