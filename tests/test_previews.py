"""What a link leads to, shown beside it."""

CARD = ".link-preview"


def hover(opened, link):
    found = opened.locator(f"article a{link}").first
    found.scroll_into_view_if_needed()
    found.hover()
    opened.wait_for_selector(CARD)
    return found, opened.locator(CARD)


def test_a_figure_and_an_equation_of_the_same_page(visit):
    opened = visit("network-from-scratch")
    link, card = hover(opened, "[href='#fig-before-after']")
    assert card.locator("img").evaluate(
        "(image) => image.complete && image.naturalWidth > 0"
    )
    assert "Fig." in card.inner_text()
    assert link.get_attribute("aria-describedby") == card.get_attribute("id")
    _, card = hover(opened, ".internal[href='#equation-eq-forward']")
    opened.wait_for_selector(f"{CARD} math")
    ids = opened.evaluate(
        "[...document.querySelectorAll('[id]')].map((node) => node.id)"
    )
    assert len(ids) == len(set(ids))


def test_a_term_and_a_source_of_other_pages(visit):
    opened = visit("gru-and-lstm")
    _, card = hover(opened, "[href^='glossary.html#']")
    assert len(card.inner_text()) > 40
    opened.mouse.move(0, 0)
    opened.wait_for_selector(CARD, state="detached")
    _, card = hover(opened, "[href^='bibliography.html#']")
    assert len(card.inner_text()) > 40


def test_the_keyboard_opens_and_escape_closes(visit):
    opened = visit("network-from-scratch")
    link = opened.locator("article a[href='#fig-before-after']").first
    opened.keyboard.press("Tab")  # from here on the keyboard leads
    link.focus()
    opened.wait_for_selector(CARD)
    opened.keyboard.press("Escape")
    opened.wait_for_selector(CARD, state="detached")
    assert link.evaluate("(link) => document.activeElement === link")
    assert link.get_attribute("aria-describedby") is None


def test_a_card_stays_in_a_narrow_window(visit):
    opened = visit("network-from-scratch", width=360)
    _, card = hover(opened, "[href='#fig-before-after']")
    box = card.bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 360
    assert opened.evaluate("document.documentElement.scrollWidth") <= 360


def test_axe_finds_nothing_beside_a_card(visit):
    from axe_playwright_python.sync_playwright import Axe

    opened = visit("network-from-scratch")
    hover(opened, "[href='#fig-before-after']")
    opened.wait_for_timeout(300)  # it fades in
    found = Axe().run(opened, {"include": [[CARD]]}).response["violations"]
    assert not found
