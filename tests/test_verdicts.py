"""All wordings between which the pages choose, each where it belongs."""

import numpy as np
import pytest

from unrolled import verdicts
from unrolled.intervals import Spread

LOW, NEAR, HIGH = Spread(1, 0.9, 1.1), Spread(1.15, 1.12, 1.2), Spread(3, 2.9, 3.1)
WIDE = Spread(3, 1.2, 6)


def test_a_verdict_wants_the_means_farther_apart_than_the_seeds():
    assert verdicts.verdict(LOW, HIGH) == "better"
    assert verdicts.verdict(HIGH, LOW) == "worse"
    # All seeds lie on one side.
    assert verdicts.verdict(LOW, NEAR) == "undecided"
    assert verdicts.verdict(LOW, WIDE) == "undecided"
    assert verdicts.verdict(LOW, LOW) == "undecided"


def test_equals_are_rarely_told_apart():
    """Less than once in ten times with three seeds each, as chapter 6 says."""
    draws = np.random.default_rng(0).normal(size=(2000, 2, 3))
    apart = [
        verdicts.verdict(Spread.of(one), Spread.of(other)) != "undecided"
        for one, other in draws
    ]
    assert 0.02 < np.mean(apart) < 0.08


def test_ranks_say_who_is_told_from_the_next():
    assert verdicts.ranked({"C": HIGH, "A": LOW, "B": NEAR}) == (
        "A (1.0), not told from B (1.1), ahead of C (3.0)"
    )
    assert verdicts.ranked({"A": LOW}) == "A (1.0)"
    assert verdicts.beside("better", "the GRU") == "better than the GRU"
    assert verdicts.beside("undecided", "the GRU") == "not told from the GRU"


def test_names_are_listed():
    assert verdicts.list_of(["A", "B", "C"]) == "A, B and C"
    assert verdicts.list_of(["A"]) == "A"
    assert verdicts.list_of([]) == "none"


@pytest.mark.parametrize(
    ("one", "other", "said"),
    [
        (1.0, 1.05, "takes as long as"),
        (1.0, 2.5, "is 2.5 times as fast as"),
        (3.0, 2.0, "is 1.5 times as slow as"),
    ],
)
def test_times_are_compared(one, other, said):
    assert verdicts.paced(one, other) == said


@pytest.mark.parametrize(
    ("factor", "said"),
    [
        (0.4, "not half as much"),
        (0.6, "about as much"),
        (1.9, "about as much"),
        (2.0, "a few times as much"),
        (99.0, "tens of times as much"),
        (400.0, "hundreds of times as much"),
        (4e4, "thousands of times as much"),
    ],
)
def test_factors_are_told_in_tens(factor, said):
    assert verdicts.in_tens(factor) == said


def test_tables_may_decide_between_optimizers():
    assert "leaves it out" in verdicts.dropout(0.3)
    assert "added" in verdicts.dropout(0.0)
    assert "do not change" in verdicts.interplay("worse", "worse")
    assert "depends" in verdicts.interplay("undecided", "worse")


def test_a_rise_is_a_mark_of_gates_only_where_the_plain_network_has_none():
    fresh = {"RNN": 0.5, "GRU": 0.6}
    up, same = Spread(0.8, 0.7, 0.9), Spread(0.5, 0.4, 0.6)
    assert "no mark of gates" in verdicts.rise(fresh, {"RNN": up, "GRU": up}, "RNN")
    alone = verdicts.rise(fresh, {"RNN": same, "GRU": up}, "RNN")
    assert alone.endswith("those of GRU alone")
    assert "none" in verdicts.rise(fresh, {"RNN": same, "GRU": same}, "RNN")


def test_a_gain_is_larger_where_words_and_seeds_say_so():
    random = np.random.default_rng(0)
    none, much = random.normal([[[0]], [[0.5]]], 1, (2, 3, 400))
    assert verdicts.gained(much, none) == "larger"
    assert verdicts.gained(none, much) == "smaller"
    assert verdicts.gained(none, none + random.normal(0, 1, 400)) == "undecided"
    # One seed of three lies on the other side.
    assert verdicts.gained(much - [[0], [0], [1.0]], none) == "undecided"


def test_letters_are_compared_with_counting_and_with_the_own_text():
    assert verdicts.spelled(2.0, 2.4, 1.9) == (
        "wins over counting on the test plays by 0.40 bits"
    )
    assert "better than new ones" in verdicts.spelled(2.5, 2.4, 2.1)
    assert "not trained out" in verdicts.spelled(2.5, 2.4, 2.4)
    assert "hardly" in verdicts.late_letters(1.0, 1.01)
    assert "may help" in verdicts.late_letters(1.0, 1.5)
    assert "yet to learn" in verdicts.late_letters(1.5, 1.0)


def test_what_an_untrained_network_tells_is_named():
    told = {("a vowel", "trained"): 0.9, ("a vowel", "untrained"): 0.5}
    assert "every feature" in verdicts.told_untrained(told)
    told |= {("a name", "trained"): 0.9, ("a name", "untrained"): 0.88}
    assert verdicts.told_untrained(told).endswith("in: a name")


def test_depth_optimizers_and_cuts_are_judged():
    low, high = Spread(40, 39, 41), Spread(96, 95, 97)
    assert "can do more" in verdicts.depth(low, high)
    assert "more slowly" in verdicts.depth(high, low)
    assert "not told" in verdicts.depth(low, low)
    assert "turns" in verdicts.at_stake([4, 9], [7, 5])
    assert "does not turn" in verdicts.at_stake([6, 7], [5, 4])
    assert verdicts.cost(Spread(1.02, 1.01, 1.03)).startswith("the cuts cost a factor")
    assert "undecided" in verdicts.cost(Spread(1.02, 0.99, 1.03))
    assert "nothing" in verdicts.cost(Spread(0.9, 0.8, 0.95))
