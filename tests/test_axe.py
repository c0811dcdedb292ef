"""axe-core finds nothing to mend on any page: wide and narrow, light and dark."""

import json

import pytest

from support import PAGES

#: Marks words whose contrast axe is to judge: up to three of each look. It looks behind each word,
#: which takes it nearly all its time, and all that its verdict depends on is the same for the rest.
MARK_LOOKS = """() => {
  const properties = ["color", "backgroundColor", "backgroundImage", "opacity", "position",
    "textShadow", "fontSize", "fontWeight"];
  const looks = {};
  for (const node of document.body.querySelectorAll("*")) {
    node.removeAttribute("data-look");
    const says = (child) => child.nodeType === Node.TEXT_NODE && child.data.trim();
    if (![...node.childNodes].some(says)) continue;
    if (!node.checkVisibility({ visibilityProperty: true })) continue;
    const chain = [];
    for (let up = node; up; up = up.parentElement) {
      const style = getComputedStyle(up);
      const look = properties.map((property) => style[property]).join();
      if (chain.at(-1) !== look) chain.push(look);
    }
    looks[chain.join(";")] ??= 0;
    if (looks[chain.join(";")]++ < 3) node.dataset.look = "";
  }
}"""


def violations(opened, context=None, **options):
    """What axe finds on a page, in short."""
    from axe_playwright_python.sync_playwright import Axe

    # To describe all that is well takes axe longer than to find what is not.
    options["resultTypes"] = ["violations"]
    found = Axe().run(opened, context, options).response["violations"]
    said = [(v["id"], [n["html"][:90] for n in v["nodes"]][:3]) for v in found]
    return json.dumps(said, indent=1) if said else ""


def lay_out(opened, width):
    """Lay out all of a page.

    What is not laid out yet is not known to scroll (see page.js), and axe takes it for stuck. Now
    all is, and gets another width, so that it is measured.
    """
    opened.add_style_tag(content="* { content-visibility: visible !important }")
    opened.set_viewport_size({"width": width, "height": 900})
    opened.wait_for_timeout(300)


@pytest.mark.parametrize("page", PAGES)
def test_axe_finds_nothing(visit, served, page):
    opened = visit(page, at=served)
    lay_out(opened, 1260)
    rules = {"target-size": {"enabled": True}, "color-contrast": {"enabled": False}}
    assert not violations(opened, rules=rules)
    for scheme in ("light", "dark"):
        opened.emulate_media(color_scheme=scheme)
        opened.evaluate(MARK_LOOKS)
        looks = {"include": [["[data-look]"]]}
        assert not violations(opened, looks, runOnly=["color-contrast"])
    # The other rule that looks at colors; the rest is the same in the dark.
    assert not violations(opened, runOnly=["link-in-text-block"])


@pytest.mark.parametrize("page", PAGES)
def test_axe_finds_nothing_on_a_phone(visit, served, page):
    # What depends on the width: the rest is as on a wide page.
    opened = visit(page, width=380, at=served)
    lay_out(opened, 360)
    rules = ["scrollable-region-focusable", "target-size", "region", "bypass"]
    assert not violations(opened, runOnly=rules)
    opened.evaluate(MARK_LOOKS)
    looks = {"include": [["[data-look]"]]}
    assert not violations(opened, looks, runOnly=["color-contrast"])
