"""The live model of chapter 1: a network that learns the two moons in the page."""

import numpy as np
import pytest
from sklearn.datasets import make_moons

from unrolled.network import Parameters, accuracy, forward, initialize, loss, train
from unrolled.widgets import WidgetData

SIZES = (1, 2, 3, 5, 10, 20, 50)
X, y = make_moons(200, noise=0.20, random_state=0)
X_new, y_new = make_moons(300, noise=0.20, random_state=1)
DATA = {"X": X, "y": y, "X_new": X_new, "y_new": y_new, "eta": 2.0, "lam": 5e-5}
DATA["starts"] = [initialize(2, H, 2) for H in SIZES]
#: The same, with the digits that the page gets.
ROUNDED = WidgetData("moons", **DATA).content
MODEL = "document.querySelector('.widget').model"


@pytest.fixture
def moons(live):
    """The model's page, for a given number of passes."""

    def open_page(passes=20_000, **more):
        return live("moons", **DATA, passes=passes, **more)

    return open_page


def status(page):
    return page.locator("[role=status]").inner_text()


@pytest.mark.parametrize("H", [3, 50])
def test_the_page_trains_as_numpy_does(moons, H):
    page = moons()
    points, classes = np.array(ROUNDED["X"]), np.array(ROUNDED["y"])
    held_out = np.array(ROUNDED["X_new"]), np.array(ROUNDED["y_new"])
    start = Parameters(*map(np.array, ROUNDED["starts"][SIZES.index(H)]))
    run = list(train(start, points, classes, 2.0, 200, 5e-5))
    page.evaluate(f"{MODEL}.reset({H})")
    for done, more in ((1, 1), (200, 199)):
        page.evaluate(f"{MODEL}.train({more}); {MODEL}.look()")
        here, there = page.evaluate(f"{MODEL}"), run[done - 1]
        assert (here["H"], here["pass"]) == (H, done)
        assert page.evaluate(f"{MODEL}.loss()") == pytest.approx(
            loss(there, points, classes, 5e-5), rel=1e-6
        )
        for name, value in there._asdict().items():
            np.testing.assert_allclose(here["parameters"][name], value, rtol=1e-6)
        assert here["own"]["accuracy"] == pytest.approx(
            accuracy(there, points, classes)
        )
        assert here["held"]["accuracy"] == pytest.approx(accuracy(there, *held_out))
        assert here["held"]["crossEntropy"] == pytest.approx(
            loss(there, *held_out), rel=1e-6
        )


def test_the_boundary_lies_where_the_verdict_changes(moons):
    """Ask the network on both sides of the line that is drawn."""
    page = moons()
    page.evaluate(f"{MODEL}.train(300); {MODEL}.look()")
    line = page.locator("svg.plot").first.locator("path.curve[style*=currentColor]")
    corners = line.get_attribute("d").replace("L", "M").split("M")[1:]
    pixels = np.array([corner.split(",") for corner in corners], float)
    low, high = (
        f(np.vstack([X, X_new[:200]]).round(5), axis=0) for f in (np.min, np.max)
    )
    height = float(page.locator("svg.plot").first.get_attribute("viewBox").split()[3])
    # From the picture's frame (52, 10, 10, 38 px) back to the plane.
    share = np.column_stack([pixels[:, 0] - 52, height - 38 - pixels[:, 1]])
    places = low - 0.3 + share / [278, height - 48] * (high - low + 0.6)
    W1, b1, W2, b2 = map(np.array, page.evaluate(f"{MODEL}.parameters").values())
    scores = np.tanh(places @ W1 + b1) @ W2 + b2
    lead = np.abs(scores[:, 1] - scores[:, 0])  # up to some 10 elsewhere
    assert len(places) > 50
    assert lead.max() < 0.1


@pytest.mark.parametrize("H", [1, 3, 50])
def test_hidden_answers_are_seen_along_the_plane(moons, H):
    page = moons()
    page.evaluate(f"{MODEL}.reset({H}); {MODEL}.train(300); {MODEL}.look()")
    for _ in range(5):  # the direction along the plane settles
        places = np.array(page.evaluate(f"{MODEL}.hidden({ROUNDED['X']})"))
    parameters = Parameters(
        *map(np.array, page.evaluate(f"{MODEL}.parameters").values())
    )
    a1, p = forward(parameters, np.array(ROUNDED["X"]))
    w = parameters.W2[:, 1] - parameters.W2[:, 0]
    lead = np.log(p[:, 1] / p[:, 0])
    distance = lead / np.linalg.norm(w) / np.sqrt(H)
    np.testing.assert_allclose(places[:, 0], distance, atol=1e-6)
    in_plane = a1 - np.outer(a1 @ w, w) / (w @ w)
    in_plane -= in_plane.mean(axis=0)
    most = np.linalg.svd(in_plane, compute_uv=False)[0] / np.sqrt(H)
    # As spread out as it can be.
    assert np.linalg.norm(places[:, 1]) == pytest.approx(most, rel=1e-3, abs=1e-6)


def test_the_keyboard_is_enough(moons):
    page = moons(passes=300)
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowLeft")  # from 3 units to 2
    assert page.evaluate(f"{MODEL}.H") == 2
    assert page.locator("input").get_attribute("aria-valuetext") == "2"
    assert status(page).startswith("Hidden units: 2.")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.evaluate(f"{MODEL}.pass") == 1
    assert status(page).startswith("Paused at pass 1.")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.textContent") == "Pause"
    page.wait_for_function(f"{MODEL}.pass >= 300", timeout=60_000)
    page.wait_for_function(f"!{MODEL}.playing")
    assert status(page).startswith("Done at pass 300.")
    assert page.evaluate("document.activeElement.textContent") == "Play"
    history = page.evaluate(f"{MODEL}.history")
    assert history[-1]["pass"] == 300
    assert history[-1]["own"]["crossEntropy"] < history[0]["own"]["crossEntropy"]
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    assert page.evaluate(f"{MODEL}.pass") == 0
    assert status(page).startswith("Back at the start.")


def test_it_pauses_and_goes_on(moons):
    page = moons()
    page.get_by_role("button", name="Play").click()
    page.wait_for_function(f"{MODEL}.pass > 10", timeout=60_000)
    page.get_by_role("button", name="Pause").click()
    stopped = page.evaluate(f"{MODEL}.pass")
    page.wait_for_timeout(300)
    assert page.evaluate(f"{MODEL}.pass") == stopped
    assert status(page).startswith(f"Paused at pass {stopped}.")
    page.get_by_role("button", name="Play").click()
    page.wait_for_function(f"{MODEL}.pass > {stopped}", timeout=60_000)


def test_it_fits_a_phone(moons):
    page = moons(width=360)
    page.evaluate(f"{MODEL}.train(100); {MODEL}.look()")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
