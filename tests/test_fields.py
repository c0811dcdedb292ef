"""Settings: what values they may have, what they mean, and how to change some of many."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import pytest

from unrolled import fields
from unrolled.errors import UserError


@dataclass(frozen=True)
class Paint:
    """A dataclass that stands in another."""

    color: Annotated[str, fields.one_of(["red", "green"])] = "red"
    """What one sees, of
    two."""
    gloss: fields.Part = 0.0
    """Share of light."""

    def __post_init__(self) -> None:
        fields.check(self)


@dataclass(frozen=True)
class Wall:
    """All that settings can be."""

    paint: Paint = Paint()
    """How it looks."""
    bricks: fields.Positive = 10
    """Number of them."""
    holes: tuple[fields.Natural, ...] = (1, 2)
    """Where."""
    height: fields.Amount | None = None
    """From the ground."""
    plan: fields.File | None = None
    """A drawing."""
    name: str = "east"
    """What to call it."""
    old: bool = False
    """Whether it is."""

    def __post_init__(self) -> None:
        fields.check(self)


@dataclass(frozen=True)
class House(Wall):
    """Has all that a wall has."""

    name: str = "home"
    """Where one lives."""
    roof: fields.Share = 1.0
    """How much of it is there."""


# ------------------------------------------------------------------------------ kinds of values


@pytest.mark.parametrize(
    ("kind", "allowed", "refused", "expected"),
    [
        (
            fields.Natural,
            [0, 7, 2**32 - 1],
            [-1, 2**32],
            "a whole number from 0 to 4,294,967,295",
        ),
        (
            fields.Positive,
            [1, 2**32 - 1],
            [0, -3, 2**32],
            "a whole number from 1 to 4,294,967,295",
        ),
        (
            fields.Amount,
            [0.0, 1e38],
            [-1e-9, 1e39, math.inf, math.nan],
            "a number from 0",
        ),
        (fields.Part, [0.0, 0.999], [1.0, -0.1, math.nan], "from 0 to below 1"),
        (fields.Share, [1e-9, 1.0], [0.0, 1.1, math.nan], "above 0 and up to 1"),
        (
            Annotated[int, fields.whole(5)],
            [5],
            [4],
            "a whole number from 5 to 4,294,967,295",
        ),
        (Annotated[str, fields.one_of("ab")], ["a", "b"], ["c", ""], "one of a, b"),
    ],
)
def test_a_kind_allows_some_values_and_says_which(kind, allowed, refused, expected):
    (kind,) = kind.__metadata__
    assert all(map(kind.allows, allowed))
    assert not any(map(kind.allows, refused))
    assert expected in kind.expected
    for value in allowed:
        assert kind.read(str(value)) == value


@pytest.mark.parametrize("kind", [fields.Natural, fields.Amount])
def test_a_number_is_written_without_underscores(kind):
    (kind,) = kind.__metadata__
    assert kind.read("10") == 10
    with pytest.raises(ValueError):
        kind.read("1_0")


def test_a_word_is_one_of_few():
    kind = fields.one_of({"left": 1, "right": 2})
    assert kind.words == ("left", "right")
    assert fields.whole(0).words == ()


def test_kinds_stand_in_the_types():
    found = fields.kinds(Wall)
    assert found.keys() == {"bricks", "holes", "height", "plan"}
    assert found["bricks"].expected == "a whole number from 1 to 4,294,967,295"
    assert found["holes"].expected == "a whole number from 0 to 4,294,967,295"
    assert found["height"].expected == "a number from 0 up, below 3.4e38"
    assert found["plan"].read("a/b") == Path("a/b")
    assert fields.kinds(House).keys() == {*found, "roof"}


# ------------------------------------------------------------------------------------- meanings


def test_meanings_are_the_strings_below_the_fields():
    assert fields.meanings(Paint) == {
        "color": "What one sees, of\ntwo.",
        "gloss": "Share of light.",
    }


def test_meanings_are_inherited():
    found = fields.meanings(House)
    assert found["name"] == "Where one lives."
    assert found["roof"] == "How much of it is there."
    assert found["bricks"] == "Number of them."


def test_meanings_of_a_class_inside_a_function():
    @dataclass
    class Local:
        """Indented."""

        size: int = 1
        """How
        large."""
        weight: int = 2
        # Not a string: without a meaning.
        place: int = 3

    assert fields.meanings(Local) == {"size": "How\nlarge."}


# ---------------------------------------------------------------------------------------- check


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"bricks": 0}, "bricks=0: expected a whole number from 1 to 4,294,967,295"),
        (
            {"holes": (3, -1)},
            "holes=-1: expected a whole number from 0 to 4,294,967,295",
        ),
        ({"height": -2.0}, "height=-2.0: expected a number from 0 up, below 3.4e38"),
        (
            {"height": "high"},
            "height='high': expected a number from 0 up, below 3.4e38",
        ),
        (
            {"bricks": 2.5},
            "bricks=2.5: expected a whole number from 1 to 4,294,967,295",
        ),
        (
            {"bricks": True},
            "bricks=True: expected a whole number from 1 to 4,294,967,295",
        ),
        ({"holes": [3]}, "holes=[3]: expected a whole number from 0 to 4,294,967,295"),
        ({"name": 5}, "name=5: expected text"),
        ({"old": 1}, "old=1: expected True or False"),
    ],
)
def test_a_value_that_is_not_of_its_kind_is_told(given, says):
    with pytest.raises(UserError) as caught:
        Wall(**given)
    assert str(caught.value) == says
    assert caught.value.arguments.keys() == given.keys()


def test_none_and_what_has_no_kind_are_not_checked():
    assert Wall(height=None, name="", holes=(), plan=None).height is None


# ----------------------------------------------------------------------------- flat and changed


def test_flat_names_all_settings_and_no_dataclass():
    assert fields.flat(Wall()) == {
        "color": "red",
        "gloss": 0.0,
        "bricks": 10,
        "holes": (1, 2),
        "height": None,
        "plan": None,
        "name": "east",
        "old": False,
    }


def test_settings_are_changed_wherever_they_stand():
    wall = Wall(bricks=3)
    new = fields.changed(wall, color="green", height=2.0, old=True)
    assert new == Wall(Paint("green"), bricks=3, height=2.0, old=True)
    # What was is left as it was.
    assert wall == Wall(bricks=3)
    assert fields.changed(wall) == wall
    assert type(fields.changed(House(), color="green")) is House


@pytest.mark.parametrize("name", ["colour", "paint", "read"])
def test_a_name_that_is_no_setting_is_refused(name):
    with pytest.raises(TypeError, match=f"there is no setting '{name}'"):
        fields.changed(Wall(), bricks=3, **{name: 1})


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"bricks": 0}, "bricks=0: expected a whole number from 1 to 4,294,967,295"),
        ({"color": "blue"}, "color='blue': expected one of red, green"),
        ({"gloss": 1.0, "bricks": 2}, "gloss=1.0: expected a number from 0 to below 1"),
    ],
)
def test_a_change_is_checked_wherever_it_stands(changes, says):
    with pytest.raises(UserError) as caught:
        fields.changed(Wall(), **changes)
    assert str(caught.value) == says
