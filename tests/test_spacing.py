"""A line that is cut into words and joined again is the same line."""

import re

import numpy as np
import pytest

from unrolled import shakespeare
from unrolled.spacing import BLANK, GLUE, SIGNS, cut, join, without_signs

# What people write, and how many signs it takes at most.
WRITTEN = [
    ("", 0),
    ("'Little' again!", 0),
    ("Don’t you think it’s “fine”?", 0),
    ('A "fix".', 0),
    ("Wait -- what?", 1),
    ("Wait--what? Wait—what? Yes — no, 5–6.", 3),
    ("well... maybe; well… maybe", 0),
    ("See https://example.org/a?b=c&d=e#f, or www.example.org.", 5),
    ("Write to me@example.org, or to @me.", 1),
    ("<b>bold</b> and <br/>, and <unk>", 2),
    ("**very** good, *so* good, _so_ good, `code`", 3),
    ('I said "no", and she said, "Why?"', 0),
    ("He said: 'She said \"no\".'", 0),
    ("He is 5'11\" tall.", 1),
    ("It costs $5.00, 3,50 € or £4 (20% off) at 10:30.", 0),
    ("I cannot, can not, gonna, wanna go, gimme, it's, they'll.", 1),
    ("'Tis so, for 'twas the dogs' tails. Th' end, rock 'n' roll.", 1),
    ("‘Single’, «deux», „drei“, ¿qué?", 4),
    ("Où ? Là : « oui »", 4),
    ("[link](http://example.org) [1] {a: 1}", 1),
    (":) ;-) <3 -> >=", 8),
    ("AT&T, C#, C++, a/b, x=y; #1 #tag", 3),
    ("!!! ??? ?! ...", 3),
    ("''quoted'' ``TeX'' '''", 3),
    ("a . b , c ; d", 3),
]


def in_one_line(text):
    """What a line is, but for the white space."""
    return " ".join(text.split())


@pytest.mark.parametrize(("line", "signs"), WRITTEN)
def test_what_people_write_comes_back(line, signs):
    tokens = cut(line)
    assert join(tokens) == in_one_line(line)
    assert sum(token in SIGNS for token in tokens) <= signs
    # In small letters, too: the rule does not look at capitals.
    assert join([token.lower() for token in tokens]) == in_one_line(line.lower())


@pytest.mark.parametrize(
    ("line", "tokens"),
    [
        ("The cat, sat.", "The cat , sat ."),
        ("Don’t", "Do n’t"),
        ("Don't", "Do n't"),
        ("A “fix”.", "A “ fix ” ."),
        ('A "fix".', 'A " fix " .'),
        ("'Little' again!", "' Little ' again !"),
        ("the dogs' tails", "the dogs ' tails"),
        ("wait--what", "wait -- what"),
        ("wait -- what", "wait <blank> -- what"),
        ("can not", "can <blank> not"),
        ("AT&T", "AT <glue> & <glue> T"),
        # Brackets are cut off, so that no text holds a sign.
        ("<glue> <blank>", "< glue > < blank >"),
    ],
)
def test_tokens_are_words_marks_and_few_signs(line, tokens):
    assert cut(line) == tokens.split()
    assert join(tokens.split()) == line


def test_runs_of_white_space_count_as_one_blank():
    assert cut(" \tOne  line\nof\u00a0two. ") == ["One", "line", "of", "two", "."]
    assert cut(" \n") == []
    assert join([]) == ""


ALPHABET = (
    "aAtsdn19  ''\"\"’‘“”`.,-–—!?:;()<>[]{}*&@#$%/\\_…«»„¿"
    "\n\t\r\x00\x1c\x85\u00a0\u2028\u200b\ufeff\u0301ßéİſ한😀"
)
PIECES = ("'s", "n't", "can", "not", "'tis", "--", "...", "http://", *SIGNS, "''", "``")


def test_any_text_comes_back():
    random = np.random.default_rng(0)
    choices = np.array([*ALPHABET, *PIECES], dtype=object)
    for length in random.integers(1, 16, size=5_000):
        line = "".join(random.choice(choices, length))
        tokens = cut(line)
        assert join(tokens) == in_one_line(line), repr(line)
        assert not any(re.search(r"\s", token) for token in tokens)
        # No sign is there without need.
        for i in np.flatnonzero([token in SIGNS for token in tokens]):
            assert join(tokens[:i] + tokens[i + 1 :]) != join(tokens), repr(line)


def test_the_lines_of_the_plays_come_back_with_few_signs():
    said = [s.text for s in shakespeare.speeches() if s.play in shakespeare.VALIDATION]
    lines = [line for text in said for line in text.split("\n")]
    assert len(lines) > 5_000
    cuts = [cut(line) for line in lines]
    changed = [line for line, tokens in zip(lines, cuts) if join(tokens) != line]
    assert changed == []
    tokens = [token for one in cuts for token in one]
    assert 0 < sum(token in SIGNS for token in tokens) < 0.003 * len(tokens)


def test_signs_may_stand_anywhere():
    """As a model may write them."""
    assert join([BLANK, "a", GLUE, BLANK, "b", BLANK, GLUE, "c", BLANK]) == "a bc"
    assert join(list(SIGNS)) == ""
    assert without_signs([BLANK, "a", GLUE, "b"]) == ["a", "b"]


def test_the_first_tokens_may_be_left_out():
    tokens = ["(", "a", GLUE, "b", ",", "c", ")"]
    assert join(tokens) == "(ab, c)"
    parts = ["(ab, c)", "ab, c)", "b, c)", "b, c)", ", c)", " c)", ")", ""]
    assert [join(tokens, start) for start in range(8)] == parts
