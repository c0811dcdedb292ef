"""The glossary and the pages' links to it, read from their source."""

import re
from functools import cache
from pathlib import Path

import pytest

BOOK = Path(__file__).parents[1] / "book"
CHAPTERS = (
    "network-from-scratch",
    "theano-and-the-gpu",
    "introduction-to-rnns",
    "rnn-language-model",
    "backpropagation-through-time",
    "gru-and-lstm",
    "many-devices",
    "after-the-gates",
)
PAGES = (*CHAPTERS, "appendix/from-theano-to-pytensor")
GLOSSARY = re.compile(r"^```\{glossary\}\n:sorted:\n\n(.*?)^```$", re.M | re.S)
CELL = re.compile(r"^(`{3,})\{code-cell\}.*?^\1$", re.M | re.S)
LINK = re.compile(r"\{term\}`([^`<]+?)(?:\s*<([^>]+)>)?`")
PLACE = re.compile(r"chapter (\d), \[[^]]+\]\(([\w-]+)\.md#[\w-]+\)")


@cache
def source(page: str) -> str:
    return (BOOK / f"{page}.md").read_text(encoding="utf-8")


@cache
def glossary() -> list[tuple[list[str], str]]:
    """Each entry's terms and its definition."""
    (body,) = GLOSSARY.findall(source("glossary"))
    entries = []
    for block in body.strip().split("\n\n"):
        lines = block.splitlines()
        terms = [line for line in lines if not line.startswith("  ")]
        entries.append((terms, " ".join(line.strip() for line in lines[len(terms) :])))
    return entries


def linked(text: str) -> list[str]:
    """The entries that a text links, in order, each by its first term."""
    entry = {term.lower(): terms[0] for terms, _ in glossary() for term in terms}
    return [entry[(term or words).lower()] for words, term in LINK.findall(text)]


def test_entries_are_in_alphabetical_order_and_terms_are_unique():
    first = [terms[0].lower() for terms, _ in glossary()]
    assert first == sorted(first)
    every = [term.lower() for terms, _ in glossary() for term in terms]
    assert len(every) == len(set(every))


def test_each_entry_has_a_definition_and_says_where_it_is_at_work():
    for terms, definition in glossary():
        words, _, places = definition.rpartition(" See ")
        assert len(words) > 20, terms
        assert PLACE.search(places), terms
        for number, page in PLACE.findall(places):
            assert CHAPTERS[int(number) - 1] == page, terms
        assert terms[0] not in linked(definition), terms


def test_every_entry_is_linked_from_a_chapter():
    used = {entry for page in CHAPTERS for entry in linked(source(page))}
    assert used == {terms[0] for terms, _ in glossary()}


@pytest.mark.parametrize("page", PAGES)
def test_no_page_links_a_term_twice(page):
    entries = linked(source(page))
    assert len(entries) == len(set(entries))


@pytest.mark.parametrize("page", PAGES)
def test_links_stand_in_running_text(page):
    assert not any("{term}" in cell[0] for cell in CELL.finditer(source(page)))
    for line in CELL.sub("", source(page)).splitlines():
        assert "{term}" not in line or not line.startswith(("#", "|", "```", ":"))
