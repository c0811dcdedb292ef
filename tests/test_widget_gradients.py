"""The live model of chapter 5: one error on its way back through time."""

import itertools
import json
from pathlib import Path

import numpy as np
import pytest

from unrolled import rnn_by_hand
from unrolled.jacobians import (
    error_norms,
    factor_per_step,
    largest_singular_value,
    recurrent_weights,
    state_errors,
)
from unrolled.widgets import WidgetData

STYLE = Path(__file__).parents[1] / "book" / "_static" / "unrolled.css"
KINDS = {"normally distributed": "gaussian", "orthogonal": "orthogonal"}


def content(T=40, H=24, C=30, seed=1):
    """What the chapter hands over, for words that were drawn."""
    random = np.random.default_rng(seed)
    p = rnn_by_hand.initialize(C, H, seed)
    x, y = random.integers(C, size=(2, T))
    W = {
        name: recurrent_weights(kind, H, random, radius=1)
        for name, kind in KINDS.items()
    }
    sizes = {name: largest_singular_value(drawn) for name, drawn in W.items()}
    return {"a": p.U[x] + p.b, "V": p.V, "c": p.c, "y": y[-1], "W": W, "sigma_1": sizes}


def expected(handed, kind, radius, furthest):
    """The same by the package, from what the page got: numbers of five digits."""
    given = json.loads(json.dumps(WidgetData("gradients", **handed).content))
    a, V, c = (np.array(given[name]) for name in "aVc")
    W = radius * np.array(given["W"][kind])
    p = rnn_by_hand.Parameters(a, W, np.zeros(len(W)), V, c)
    s, o = rnn_by_hand.forward(p, np.arange(len(a)))  # a row of U for each step
    errors = state_errors(V, o, np.full(len(a), given["y"]))
    norms = error_norms(W, s, errors, furthest)[:, -1]
    return norms / norms[0], (1 - s**2).max(), largest_singular_value(W)


def test_the_page_follows_the_error_as_the_package_does(live):
    handed = content()
    page = live("gradients", **handed)
    follow = "([kind, radius]) => document.querySelector('.widget').model.follow(kind, radius)"
    d = np.arange(31)
    for kind, radius in itertools.product(KINDS, (0.2, 1.0, 2.5)):
        found = page.evaluate(follow, [kind, radius])
        norms, gamma, sigma = expected(handed, kind, radius, 30)
        np.testing.assert_allclose(found["norms"], norms, rtol=1e-8)
        assert found["rate"] == pytest.approx(factor_per_step(norms), rel=1e-8)
        assert found["gamma"] == pytest.approx(gamma, rel=1e-10)
        assert found["sigma"] == pytest.approx(sigma, rel=1e-4)  # of five digits
        bound = (found["sigma"] * gamma) ** d
        np.testing.assert_allclose(found["bound"], bound, rtol=1e-9)
        np.testing.assert_allclose(found["powers"], radius**d, rtol=1e-9)
        assert np.all(norms <= bound * (1 + 1e-3))


def test_it_is_worked_by_the_keyboard_and_says_what_it_found(live):
    handed = content()
    page = live("gradients", **handed)
    said = page.locator("[role=status]")
    first = said.text_content()
    assert first.startswith("After 20 steps 0.0")
    assert "it vanishes" in first

    page.keyboard.press("Tab")
    page.keyboard.press("ArrowRight")  # the other kind of W
    page.keyboard.press("Tab")
    page.keyboard.press("End")  # the largest radius
    page.keyboard.press("Tab")
    page.keyboard.press("Home")  # the smallest distance
    page.wait_for_function(
        "document.querySelector('[role=status]').textContent.startsWith('After 1 step ')"
    )
    model = page.evaluate(
        "(({kind, radius, distance, norms}) => ({kind, radius, distance, norms}))"
        "(document.querySelector('.widget').model)"
    )
    assert model["kind"] == "orthogonal"
    assert (model["radius"], model["distance"]) == (2.5, 1)
    norms, *_ = expected(handed, "orthogonal", 2.5, 30)
    fate = "explodes" if factor_per_step(norms) > 1.05 else "stays about level"
    assert f"{float(f'{norms[1]:.2g}'):g} " in said.text_content()
    assert fate in said.text_content()


def test_short_sentences_and_saturated_units(live):
    handed = content(T=12)
    handed["a"] = np.where(handed["a"] < 0, -100.0, 100.0)  # all slopes are zero
    page = live("gradients", **handed)
    assert page.locator("input[type=range]").last.get_attribute("max") == "11"
    said = page.locator("[role=status]").text_content()
    assert said.startswith("After 11 steps 0 of the error is left")
    drawn = page.locator("svg.plot path.curve").evaluate_all(
        "paths => paths.map(path => path.getAttribute('d'))"
    )
    assert len(drawn) == 3
    assert not any("NaN" in d for d in drawn)


def test_a_narrow_page_is_not_widened(live):
    page = live("gradients", width=360, **content())
    page.add_style_tag(content=STYLE.read_text(encoding="utf-8"))
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
