"""The site in a real browser: reachable, readable, private, and quick to come."""

import gzip
import re
from pathlib import Path

import pytest

import figures
from support import CHAPTERS, PAGES, serve


@pytest.mark.parametrize("page", PAGES)
def test_no_page_is_wider_than_a_phone(visit, page):
    opened = visit(page, width=360)
    over = "document.documentElement.scrollWidth - window.innerWidth"
    assert opened.evaluate(over) <= 0


@pytest.mark.parametrize("page", PAGES)
def test_pages_opened_from_disk_ask_for_files_and_nobody_else(visit, page):
    opened = visit(page)
    opened.mouse.wheel(0, 100_000)
    opened.wait_for_timeout(200)
    assert [url for url in opened.asked if not url.startswith(("file:", "data:"))] == []


@pytest.mark.parametrize("page", ["gru-and-lstm", "appendix/colophon", "search"])
def test_the_site_works_under_a_path(chromium, build, page):
    with serve(build) as address:
        opened = chromium.new_page()
        failed = []
        opened.on("response", lambda it: it.ok or failed.append(it.url))
        opened.goto(f"{address}/html/{page}.html", wait_until="networkidle")
        assert failed == []
        home = opened.locator("a.navbar-brand").evaluate("(link) => link.href")
        assert home == f"{address}/html/index.html"
        opened.close()


def test_a_page_that_is_loaded_works_without_the_server(visit, served):
    opened = visit("gru-and-lstm")
    opened.goto(f"{served}/gru-and-lstm.html", wait_until="networkidle")
    writer = opened.locator(".widget[data-widget=writer]")
    writer.scroll_into_view_if_needed()
    opened.wait_for_selector(".widget.live")
    opened.context.set_offline(True)
    letters = "document.querySelector('.widget.live').innerText.length"
    before = opened.evaluate(letters)
    writer.get_by_role("button", name="Write").click()
    opened.wait_for_function(f"{letters} > {before} + 20")
    opened.locator("details.solution summary").first.click()
    assert opened.locator("details.solution pre").first.is_visible()
    assert opened.locator("article math").first.is_visible()


@pytest.mark.parametrize("page", ["index", *CHAPTERS])
def test_nothing_moves_while_a_page_comes(visit, page):
    opened = visit(page, width=412)
    shift = opened.evaluate(
        """() => new Promise((done) => {
            let sum = 0;
            new PerformanceObserver((list) => {
                for (const one of list.getEntries()) sum += one.value;
            }).observe({type: "layout-shift", buffered: true});
            setTimeout(() => done(sum), 500);
        })"""
    )
    assert shift < 0.01


@pytest.mark.parametrize("page", ["index", *CHAPTERS])
def test_pages_are_light(visit, build, page):
    """At most 300 kB compressed without figures, 1 MB with all of them."""
    opened = visit(page)
    opened.evaluate(
        "document.querySelectorAll('img').forEach((i) => i.loading = 'eager')"
    )
    opened.wait_for_load_state("networkidle")
    sizes = {
        url: len(gzip.compress(Path(url.removeprefix("file://")).read_bytes()))
        for url in {url.split("?")[0].split("#")[0] for url in opened.asked}
        if url.startswith("file:")
    }
    figures = sum(size for url, size in sizes.items() if "/_images/" in url)
    assert sum(sizes.values()) - figures <= 300_000
    assert sum(sizes.values()) <= 1_000_000


@pytest.mark.parametrize("page", CHAPTERS)
def test_figures_wait_and_have_their_size(visit, page):
    images = visit(page).evaluate(
        "[...document.querySelectorAll('article img')].map("
        "(i) => [i.loading, i.getAttribute('width'), i.getAttribute('height')])"
    )
    assert len(images) >= 4
    assert all(width and height for _, width, height in images)
    assert all(loading == "lazy" for loading, *_ in images[1:])


def test_chapters_are_readable_without_scripts(visit):
    opened = visit("network-from-scratch", java_script_enabled=False)
    assert opened.locator("article math").first.is_visible()
    assert opened.locator("article figure img").first.is_visible()
    opened.locator("details.solution summary").first.click()
    assert opened.locator("details.solution pre").first.is_visible()


def test_the_list_of_chapters_is_there_without_scripts(visit):
    opened = visit("gru-and-lstm", width=360, java_script_enabled=False)
    link = opened.get_by_role("link", name="Implementing a neural network from scratch")
    assert link.first.is_visible()
    link.first.click()
    assert opened.url.endswith("/network-from-scratch.html")


@pytest.mark.parametrize("side", ["primary", "secondary"])
def test_the_keyboard_opens_the_drawers_of_a_narrow_page(visit, side):
    opened = visit("gru-and-lstm", width=360)
    button = opened.locator(f"button.{side}-toggle")
    dialog = opened.locator(f"#pst-{side}-sidebar-modal")
    button.focus()
    opened.keyboard.press("Enter")
    opened.wait_for_function("document.activeElement.closest('dialog')")
    assert dialog.locator("a").first.is_visible()
    opened.keyboard.press("Escape")
    opened.wait_for_function("!document.querySelector('dialog[open]')")
    assert button.evaluate("(button) => document.activeElement === button")


# ------------------------------------------------------------------------------ the toolbar

LOOK = """(node) => {
  const { left, right, height } = node.getBoundingClientRect();
  return { left, right, height, ground: getComputedStyle(node).backgroundColor };
}"""


@pytest.mark.parametrize("width", [1300, 360])
def test_menus_open_with_a_look_and_close(visit, width):
    opened = visit("gru-and-lstm", width=width)
    menus = opened.locator(".menu:visible")
    assert menus.count() == (1 if width == 360 else 2)
    for menu in menus.all():
        summary, entries = menu.locator("summary"), menu.locator("ul")
        assert entries.is_hidden()
        summary.focus()
        opened.keyboard.press("Enter")
        look = entries.evaluate(LOOK)
        assert look["ground"] not in ("transparent", "rgba(0, 0, 0, 0)")
        assert 0 <= look["left"] < look["right"] <= width
        first = entries.locator("a, button").first
        assert first.evaluate(LOOK)["height"] >= 24
        opened.keyboard.press("Escape")
        assert entries.is_hidden()
        assert summary.evaluate("(node) => document.activeElement === node")
        summary.click()
        opened.mouse.click(5, 850)
        assert entries.is_hidden()


def test_a_phone_has_four_icons_beside_that_of_the_chapters(visit):
    opened = visit("gru-and-lstm", width=360)
    assert opened.locator(".article-header-buttons .btn:visible").count() <= 4


def test_an_icon_says_what_it_does(visit):
    opened = visit("gru-and-lstm")
    for icon in opened.locator("[data-tip]:visible").all():
        icon.hover()
        tip = "(node) => getComputedStyle(node, '::after').content"
        assert icon.get_attribute("data-tip") in icon.evaluate(tip)
        assert icon.get_attribute("aria-label")
        mask = "(node) => getComputedStyle(node.querySelector('span')).maskImage"
        assert icon.evaluate(mask).startswith("url(")


def test_light_and_dark_are_chosen_and_kept(visit):
    opened = visit("gru-and-lstm")
    theme = "document.documentElement.dataset.theme"
    for mode in ("Dark", "Light"):
        opened.get_by_label("Light or dark").click()
        opened.get_by_role("button", name=mode, exact=True).click()
        assert opened.evaluate(theme) == mode.lower()
        opened.reload()
        assert opened.evaluate(theme) == mode.lower()


@pytest.mark.parametrize("width", [1300, 360])
def test_the_gradient_of_w_is_three_actions_away(visit, width):
    opened = visit("appendix/colophon", width=width)
    if width > 600:
        opened.keyboard.press("Control+k")
    else:
        opened.locator(".article-header-buttons [aria-label=Search]").click()
    opened.keyboard.type("gradients of W")
    opened.wait_for_selector(".search-hits a")
    with opened.expect_navigation():
        opened.keyboard.press("Enter")
    assert opened.url.endswith("backpropagation-through-time.html#w-u-and-b")


def test_the_contents_lead_to_the_gradient_of_w(visit):
    opened = visit("index", width=360)
    opened.get_by_label("Chapters", exact=True).click()
    opened.get_by_role("link", name="backpropagation through time").first.click()
    opened.get_by_label("Contents of this page").click()
    opened.get_by_role("dialog").get_by_role("link", name="W, U and b").click()
    assert opened.url.endswith("backpropagation-through-time.html#w-u-and-b")


#: What a reader may ask, and a place among the first three that answers.
ASKED = {
    "gradient of W": "backpropagation-through-time.html#w-u-and-b",
    "exploding gradients": "backpropagation-through-time.html#exploding-and-clipping",
    "vanishing gradient": "glossary.html#term-vanishing-gradient",
    "derivative of softmax": "backpropagation-through-time.html#from-the-loss-to-the-scores",
    "perplexity": "glossary.html#term-perplexity",
    "train on my own text": "rnn-language-model.html#your-own-text",
    "minibatches": "rnn-language-model.html#minibatches",
    "gpu": "appendix/running-on-a-gpu.html",
    "lst": "gru-and-lstm.html#the-lstm",
    "overfiting": "network-from-scratch.html#a-knob-against-overfitting",
    "clip_norm": "appendix/api.html#unrolled.updates.clip_norm",
}


def test_the_search_ranks_what_answers_first(visit):
    opened = visit("preface")
    opened.keyboard.press("Control+k")
    field = opened.locator("#pst-search-dialog input")
    first = """(before) => {
      const links = [...document.querySelectorAll(".search-hits a")].map((a) => a.href);
      return links.join() !== before && links.slice(0, 3);
    }"""
    missed, before = {}, ""
    for query, place in ASKED.items():
        field.fill(query)
        hits = opened.wait_for_function(first, arg=before).json_value()
        before = opened.evaluate(
            "[...document.querySelectorAll('.search-hits a')].map((a) => a.href).join()"
        )
        if not any(hit.endswith(place) for hit in hits):
            missed[query] = hits
    assert not missed


def test_the_search_page_answers_its_address_and_what_finds_nothing_says_so(visit):
    opened = visit("search")
    opened.goto(f"{opened.url}?q=forget+gate")
    opened.wait_for_selector(".search-hits a")
    assert "forget gate" in opened.locator(".search-hits a").first.inner_text()
    opened.locator(".bd-search-container input").fill("xyzzyx")
    opened.get_by_text("Nothing was found.").wait_for()
    assert opened.locator(".search-hits a").count() == 0


def test_the_contents_follow_the_reading(visit):
    opened = visit("gru-and-lstm")
    ids = opened.evaluate(
        "[...document.querySelectorAll('article > section > section')].map((n) => n.id)"
    )
    at = "document.querySelector('.page-toc a.active, .page-toc .active > a')?.hash"
    for one in (ids[1], ids[5]):
        # Again, where a figure that comes late has moved the place.
        there = f"document.getElementById('{one}').scrollIntoView()"
        opened.wait_for_function(f"() => {{ {there}; return {at} === '#{one}'; }}")


def test_what_scrolls_can_be_reached_and_code_has_its_height_before_it_is_seen(visit):
    opened = visit("theano-and-the-gpu", width=360)
    found = opened.evaluate(
        """async () => {
          const nodes = [...document.querySelectorAll("article pre, article .math-block")]
            .filter((node) => !node.closest("details:not([open])"));
          const height = (node) => node.getBoundingClientRect().height;
          const before = nodes.map(height), stuck = [], moved = [];
          for (const [i, node] of nodes.entries()) {
            node.scrollIntoView({ block: "center" });
            await new Promise((done) => setTimeout(done, 100));
            const scrolls = node.scrollWidth > node.clientWidth + 1;
            if (scrolls !== (node.tabIndex === 0)) stuck.push(node.textContent);
            const moves = Math.abs(height(node) - before[i]) > 1;
            if (node.matches("pre") && moves) moved.push(node.textContent);
          }
          return { count: nodes.length, stuck, moved };
        }"""
    )
    assert found["count"] > 60 and not found["stuck"] and not found["moved"]


@pytest.mark.parametrize("page", CHAPTERS)
def test_a_link_into_a_page_leads_to_its_place(visit, page):
    opened = visit(page, width=360)
    places = "[...document.querySelectorAll('section section')].map(({ id }) => id)"
    ids = opened.evaluate(places)
    late = ids[2 * len(ids) // 3]
    opened.goto("about:blank")
    opened.goto(f"{opened.asked[0]}#{late}", wait_until="networkidle")
    top = "(id) => document.getElementById(id).getBoundingClientRect().top"
    opened.wait_for_timeout(500)  # a live model may have come in between
    assert 0 <= opened.evaluate(top, late) < 100
    # From there up and down, past sections that nobody has seen.
    for place in (ids[3], ids[-8], ids[6]):
        link = "(id) => document.querySelector(`a.headerlink[href='#${id}']`).click()"
        opened.evaluate(link, place)
        opened.wait_for_timeout(400)
        assert 0 <= opened.evaluate(top, place) < 100


def test_the_class_of_the_root_stays_from_first_to_last(visit):
    opened = visit("gru-and-lstm")
    before = opened.evaluate("document.querySelector('head script').textContent")
    assert 'root.className = "scripts"' in before
    assert opened.evaluate("document.documentElement.className") == "scripts"


def test_dots_of_figures_that_are_alike_are_one_path():
    curve = "C 1 2 3 4 5 6 \n" * 8
    use = '<use xlink:href="#{}" x="{}" y="{}" style="fill: {}"/>\n'.format
    dots = (
        f'<path id="dot" d="M 0 1.5 \n{curve}z\n" style="stroke: #fff"/>'
        '<path id="up" d="M 0 -1 \nL -1 1 \nL 1 1 \nz\n"/>'
        + use("dot", 3, 4, "#000") + use("dot", 5, 6, "#000") + use("dot", 7, 8, "#111")
        + use("up", 1, 2, "#222") + use("up", 3, 4, "#222") + use("tick", 5, 6, "#000")
    )  # fmt: skip
    light = figures.light(dots)
    circle = "a1.5 1.5 0 1 0 3 0a1.5 1.5 0 1 0 -3 0z"
    joined = (
        f'd="M1.50 4.00{circle}M3.50 6.00{circle}" style="fill: #000; stroke: #fff"/>'
    )
    assert joined in light
    assert (
        'd="M1.00 1.00l-1 2l2 0zM3.00 3.00l-1 2l2 0z" style="fill: #222; "/>' in light
    )
    # What stands alone stays.
    assert re.findall(r'<use xlink:href="#(\w+)"', light) == ["dot", "tick"]


def test_every_page_has_a_description_of_its_own(visit):
    said = {}
    for page in ("index", "preface", "notation", *CHAPTERS):
        text = visit(page).get_attribute("meta[name=description]", "content")
        assert 40 < len(text) <= 160
        said[text] = page
    assert len(said) == 3 + len(CHAPTERS)


def test_colors_follow_the_reader(visit):
    """Figures are dark ink on nothing; in the dark they are inverted."""
    look = "(node) => getComputedStyle(node).filter"
    light = visit("network-from-scratch").locator("article figure img").first
    dark = (
        visit("network-from-scratch", scheme="dark").locator("article figure img").first
    )
    assert light.evaluate(look) == "none"
    assert "invert" in dark.evaluate(look)


def test_code_is_dark_in_the_dark(visit):
    look = (
        "(node) => getComputedStyle(node).backgroundColor.match(/[0-9.]+/g).map(Number)"
    )
    for scheme, dark in (("light", False), ("dark", True)):
        page = visit("network-from-scratch", scheme=scheme)
        shade = page.locator("article div.highlight").first.evaluate(look)[:3]
        assert (max(shade) < 128) == dark


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_figure_opens_large_and_closes(visit, scheme):
    opened = visit("introduction-to-rnns", width=360, scheme=scheme)
    link = opened.locator("figure a.enlarge").first
    link.focus()
    opened.keyboard.press("Enter")
    large = opened.get_by_role("dialog", name="Fig.")
    picture = large.locator("img")
    assert picture.evaluate("(node) => node.clientWidth") > 700
    assert picture.get_attribute("alt") == link.locator("img").get_attribute("alt")
    inverted = "invert" in picture.evaluate("(node) => getComputedStyle(node).filter")
    assert inverted == (scheme == "dark")
    opened.keyboard.press("Escape")
    assert not large.is_visible()
    assert link.evaluate("(node) => node === document.activeElement")


def test_the_readers_place_is_kept_and_a_chapter_read_is_marked(visit, served):
    opened = visit("gru-and-lstm", at=served)
    opened.get_by_role("link", name="Looking inside").click()
    opened.wait_for_function(
        "localStorage.getItem('unrolled-place')?.includes('looking')"
    )
    opened.goto(f"{served}/index.html")
    go_on = opened.locator(".go-on a")
    assert "Looking inside" in go_on.inner_text()
    assert opened.locator(".bd-links .read").count() == 0
    go_on.click()
    opened.wait_for_url("**/gru-and-lstm.html#looking-inside")
    # What is laid out on the way may be higher than it was thought: the end moves on.
    end = opened.locator(".prev-next-footer").element_handle()
    while end.bounding_box()["y"] > 900:
        opened.keyboard.press("End")
        opened.wait_for_timeout(200)
    opened.wait_for_selector(".bd-links .current .read")
    opened.goto(f"{served}/preface.html")
    assert opened.locator(".bd-links .read").count() == 1


def test_what_another_left_in_the_browser_does_no_harm(visit, served):
    opened = visit("index", at=served)
    for kept in (
        "no JSON",
        '{"read": 3, "last": {"page": "gru-and-lstm.html"}}',
        "null",
    ):
        opened.evaluate("(kept) => localStorage.setItem('unrolled-place', kept)", kept)
        opened.reload()
        assert opened.locator(".bd-links .read").count() == 0


@pytest.mark.parametrize("page", CHAPTERS)
def test_a_chapter_opens_with_its_picture_and_its_time(visit, page):
    opened = visit(page)
    time = opened.locator("p.reading-time").inner_text()
    assert 20 <= int(re.fullmatch(r"Some (\d+) minutes to read\.", time)[1]) <= 120
    picture = opened.locator("article :is(p.opening-picture, figure) img").first
    assert picture.evaluate("(image) => image.getBoundingClientRect().top") < 700


def test_remarks_stand_beside_the_text_or_below_it(visit):
    for width, beside in ((1700, True), (1300, False), (360, False)):
        opened = visit("rnn-language-model", width=width)
        remark = opened.locator("aside.margin").first
        left = remark.evaluate("(node) => node.getBoundingClientRect().left")
        text = opened.locator("article p:not([class])").first
        right = text.evaluate("(node) => node.getBoundingClientRect().right")
        assert (left > right) == beside


NO_COLOR = "rgba(0, 0, 0, 0)"


@pytest.mark.parametrize("width", [1300, 360])
def test_tables_of_results_fit_and_are_named(visit, width):
    opened = visit("gru-and-lstm", width=width, scheme="dark")
    table = opened.locator("table.results").first
    table.scroll_into_view_if_needed()
    assert table.evaluate("(n) => n.getBoundingClientRect().right <= innerWidth")
    assert table.get_by_role("columnheader").count() > 2
    assert table.get_by_role("rowheader").count() > 2
    for box in (table, table.locator("xpath=..")):
        assert box.evaluate("(n) => getComputedStyle(n).backgroundColor") == NO_COLOR
    number = table.locator("td.number").first
    assert number.evaluate("(n) => getComputedStyle(n).textAlign") == "right"
