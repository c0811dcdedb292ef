from pathlib import Path

import pytest

from unrolled.errors import UserError


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({}, "no such file"),
        ({"encoding": "utf9"}, "encoding='utf9': no such file"),
        ({"batch": 9}, "batch=9: no such file"),
        ({"embedding": 3, "hidden": 4}, "embedding=3, hidden=4: no such file"),
    ],
)
def test_an_error_begins_with_the_argument_that_is_wrong(arguments, told):
    with pytest.raises(UserError) as caught:
        raise UserError("no such file", **arguments)
    assert str(caught.value) == told


def test_a_command_can_tell_an_error_in_its_own_words():
    error = UserError("cannot be read", source=Path("plays.txt"))
    assert error.message == "cannot be read"
    assert error.arguments == {"source": Path("plays.txt")}
