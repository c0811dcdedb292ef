"""The network that chapter 3 builds in a cell, against the package's."""

import re

import numpy as np
import pytest

from pages import ROOT
from unrolled import rnn_by_hand
from unrolled.gradient_check import check_gradients, relative_error
from unrolled.probability import softmax
from unrolled.rnn_by_hand import Parameters

C, H, T = 7, 4, 6


def cell(name: str = "network") -> str:
    """A cell's code, as the page shows it."""
    page = (ROOT / "book" / "introduction-to-rnns.md").read_text(encoding="utf-8")
    return re.search(rf":name: character-{name}\n(.*?)```", page, re.DOTALL).group(1)


@pytest.fixture(scope="module")
def network():
    """What the cell defines."""
    names = {"np": np, "softmax": softmax, "Parameters": Parameters}
    names["symbols"] = "\nabcdef"
    names["number"] = {symbol: i for i, symbol in enumerate(names["symbols"])}
    exec(cell(), names)
    return names


@pytest.fixture
def text():
    """Parameters without a zero, x and y of two rows, and states to begin with."""
    random = np.random.default_rng(4)
    shapes = (C, H), (H, H), (H,), (C, H), (C,)
    p = Parameters(*(random.uniform(-1, 1, shape) for shape in shapes))
    x, y = random.integers(C, size=(2, T, 2))
    return p, x, y, random.uniform(-1, 1, (2, H))


def test_it_has_sixty_lines():
    cells = map(cell, ("text", "network", "parameters", "training"))
    lines = "".join(cells).splitlines()
    assert 55 <= sum(bool(line.strip()) for line in lines) <= 60


def test_it_reads_as_the_network_by_hand(network, text):
    p, x, _, _ = text
    states, o = network["read"](p, x, np.zeros((2, H)))
    assert not states[0].any()
    for row in (0, 1):
        s_by_hand, o_by_hand = rnn_by_hand.forward(p, x[:, row])
        assert states[1:, row] == pytest.approx(s_by_hand, rel=1e-13)
        assert o[:, row] == pytest.approx(o_by_hand, rel=1e-13)


def test_its_gradients_are_those_by_hand(network, text):
    p, x, y, _ = text
    loss, slopes, _ = network["gradients"](p, x, y, np.zeros((2, H)))
    by_hand = [rnn_by_hand.gradients(p, x[:, row], y[:, row]) for row in (0, 1)]
    losses = [rnn_by_hand.loss(p, x[:, row], y[:, row]) for row in (0, 1)]
    assert loss == pytest.approx(np.mean(losses), rel=1e-13)
    for slope, first, second in zip(slopes, *by_hand, strict=True):
        assert relative_error(slope, (first + second) / 2) < 1e-13


def test_its_gradients_against_finite_differences(network, text):
    p, x, y, s = text
    _, slopes, after = network["gradients"](p, x, y, s)
    assert np.array_equal(after, network["read"](p, x, s)[0][-1])
    errors = check_gradients(
        lambda q: network["gradients"](Parameters(*q), x, y, s)[0], p, slopes
    )
    assert len(errors) == 5
    assert max(errors) < 1e-8


def test_it_writes_what_it_is_sure_of(network):
    # After each symbol the next one, whatever was before.
    p = Parameters(
        U=20 * np.eye(C), W=np.zeros((C, C)), b=np.full(C, -10.0),
        V=200 * np.roll(np.eye(C), 1, axis=0), c=np.zeros(C),
    )  # fmt: skip
    assert network["write"](p, 9, np.random.default_rng(0)) == "abcdef\nab"
