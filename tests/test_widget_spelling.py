import numpy as np
import pytest

from unrolled.rnn_by_hand import Parameters, forward, initialize
from unrolled.vocabulary import END, START, Vocabulary
from unrolled.widgets import WidgetData

LETTERS = Vocabulary.build([*"abcdefghijklmnopqrstuvwxyz"])
MODEL = "document.querySelector('.widget').model"


@pytest.fixture
def speller(live):
    """The model with random weights that are large enough to matter; its page and weights."""
    drawn = initialize(C=len(LETTERS), H=16, seed=3)
    content = {"alphabet": LETTERS.tokens, **drawn._asdict()}
    for name in ("V", "c"):
        content[name] = 3 * content[name]
    rounded = WidgetData("spelling", **content).content
    parameters = Parameters(*(np.array(rounded[p]) for p in Parameters._fields))
    return lambda **options: (live("spelling", **options, **content), parameters)


@pytest.mark.parametrize("word", ["", "q", "thought", "zzzzzzzzzzzzzzzz"])
def test_the_browser_reads_as_python_does(speller, word):
    page, parameters = speller()
    page.get_by_label("Word").fill(word)
    found = page.evaluate(f"{MODEL}.now")
    x = [START, *LETTERS.encode(word)]
    s, o = forward(parameters, np.array(x))
    y = [*x[1:], END]
    assert (found["x"], found["y"]) == (x, y)
    assert np.abs(np.array(found["s"]) - s).max() < 1e-12
    assert np.abs(np.array(found["o"]) - o).max() < 1e-12
    surprises = -np.log(o[np.arange(len(y)), y])
    assert np.abs(np.array(found["surprises"]) - surprises).max() < 1e-10


def test_what_is_said_and_drawn_is_what_was_computed(speller):
    page, parameters = speller()
    s, o = forward(parameters, np.array([START, *LETTERS.encode("thought")]))
    assert page.evaluate(f"{MODEL}.step") == 4  # read: start, t, h, o; next is u
    u = LETTERS.encode("u")[0]
    said = page.locator("p[role=status]").inner_text()
    assert "Step 4 of 8, which reads o." in said
    assert f"a surprise of {-np.log(o[3, u]):.2f} nats" in said
    drawn = page.locator("svg[aria-label^='The network']")
    numbers = ", ".join(f"{value:.2f}" for value in s[3]).replace("-", "−")
    assert f"after step 4: {numbers}." in drawn.get_attribute("aria-label")
    chances = page.locator("svg[aria-label^='Next letter']")
    label = chances.get_attribute("aria-label").removeprefix("Next letter: ")
    shown = [one.split()[0] for one in label.split(", ")]
    names = ["end" if t == "</s>" else t for t in LETTERS.tokens]
    assert shown[:6] == [names[k] for k in np.argsort(-o[3])[:6]]
    assert {"end", "u"} <= set(shown)
    assert chances.locator("rect").count() == len(shown)


def test_the_same_word_with_another_first_letter_is_compared(speller):
    page, parameters = speller()
    page.get_by_label("Compare with").fill("bought")
    one, two = (
        forward(parameters, np.array([START, *LETTERS.encode(word)]))[0]
        for word in ("thought", "bought")
    )
    apart = np.abs(one[:7] - two).mean(axis=1)
    texts = page.locator("svg[aria-label^='The network'] text").all_text_contents()
    for value in apart:
        assert f"{value:.2f}" in texts
    said = page.locator("p[role=status]").inner_text()
    assert f"“bought” at this step, the units differ by {apart[3]:.2f}" in said


def test_the_keyboard_is_enough(speller):
    page, _ = speller()
    page.get_by_label("Word").focus()
    page.keyboard.press("End")
    page.keyboard.type("s")
    page.keyboard.press("Tab")  # to the word to compare with
    page.keyboard.type("th")
    assert page.evaluate(f"{MODEL}.now.word") == "thoughts"
    page.keyboard.press("Tab")  # to Back
    page.keyboard.press("Enter")
    assert page.evaluate(f"{MODEL}.step") == 3
    page.keyboard.press("Tab")  # to Next
    page.keyboard.press("Space")
    page.keyboard.press("Space")
    assert page.evaluate(f"{MODEL}.step") == 5
    page.keyboard.press("Tab")  # to the slider
    page.keyboard.press("End")
    assert page.evaluate(f"{MODEL}.step") == 9
    slider = page.get_by_role("slider")
    assert slider.get_attribute("aria-valuetext") == "9 of 9"
    assert "Step 9 of 9" in page.locator("p[role=status]").inner_text()
    page.get_by_role("button", name="Next").press("Enter")  # there is no further step
    assert page.evaluate(f"{MODEL}.step") == 9


def test_what_is_typed_stays_letters(speller):
    page, _ = speller()
    page.get_by_label("Compare with").fill("<img src=x onerror=alert(1)>")
    page.get_by_label("Word").fill("<b>Über-Größe</b> 42")
    assert page.get_by_label("Word").input_value() == "bbergreb"
    assert page.get_by_label("Compare with").input_value() == "imgsrcxonerroral"
    assert page.locator(".widget img, .widget b").count() == 0
    said = page.locator("p[role=status]").inner_text()
    assert said.startswith("Only letters from a to z are read, at most 16.")
    page.get_by_label("Word").fill("abc")
    assert page.locator("p[role=status]").inner_text().startswith("Step ")


def test_who_types_at_the_end_sees_the_guess_move_on(speller):
    page, _ = speller()
    page.get_by_label("Word").fill("")
    page.get_by_label("Word").press_sequentially("th-e")
    assert page.evaluate(f"{MODEL}.now.word") == "the"
    assert page.evaluate(f"{MODEL}.step") == 4


def test_the_longest_word_scrolls_in_its_own_box(speller):
    page, _ = speller(width=360)
    page.get_by_label("Word").fill("incomprehensible")
    page.get_by_role("slider").press("End")
    widths = "[document.documentElement.scrollWidth, innerWidth]"
    scroll, window = page.evaluate(widths)
    assert scroll <= window
    box = page.get_by_role("group", name="The unrolled network")
    inside = (
        "(box) => [box.scrollLeft + box.clientWidth, box.scrollWidth, box.tabIndex]"
    )
    seen, wide, tab = box.evaluate(inside)
    assert wide > 600
    assert seen == pytest.approx(wide, abs=2)  # the chosen step is in sight
    assert tab == 0
