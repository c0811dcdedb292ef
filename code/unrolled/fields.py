"""Settings: what values they may have, what they mean, and how to change some of many.

Settings are fields of dataclasses, which may stand in each other. A field's type says what values
it takes, and the string below the field what it means; the command line makes its options of
both. ::

    @dataclass(frozen=True)
    class Options:
        epochs: fields.Positive = 10
        \"\"\"Times that every sentence is seen.\"\"\"

        def __post_init__(self) -> None:
            fields.check(self)
"""

from __future__ import annotations

import ast
import dataclasses
import inspect
import math
import textwrap
from collections.abc import Callable, Iterable
from dataclasses import dataclass, is_dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from unrolled.errors import UserError


@dataclass(frozen=True)
class Kind:
    """A kind of values: how to read one from text, which are allowed, and that in words."""

    read: Callable[[str], Any]
    allows: Callable[[Any], bool]
    expected: str
    #: What stands for a value in the help of a command.
    symbol: str
    #: All words that are allowed, where they are few.
    words: tuple[str, ...] = ()


def whole(low: int) -> Kind:
    """Whole numbers of 32 bits from a bound up."""
    high = 2**32 - 1
    expected = f"a whole number from {low} to {high:,}"
    return Kind(int, lambda n: low <= n <= high, expected, "N")


def one_of(names: Iterable[str]) -> Kind:
    """A word out of some."""
    words = tuple(names)
    expected = f"one of {', '.join(words)}"
    return Kind(str, lambda word: word in words, expected, "WORD", words)


def number(allows: Callable[[float], bool], expected: str) -> Kind:
    """Real numbers out of some range."""
    return Kind(float, allows, expected, "X")


def _path(text: str) -> Path:
    if not text:
        # Path would take it for the folder of work.
        raise ValueError
    return Path(text)


#: Whether or not, where None is a third case.
SWITCH = Kind(bool, lambda value: isinstance(value, bool), "True or False", "")

Switch = Annotated[bool, SWITCH]
Natural = Annotated[int, whole(0)]
Positive = Annotated[int, whole(1)]
Amount = Annotated[float, number(lambda x: 0 <= x < math.inf, "a number from 0 up")]
Part = Annotated[float, number(lambda x: 0 <= x < 1, "a number from 0 to below 1")]
Share = Annotated[float, number(lambda x: 0 < x <= 1, "a number above 0 and up to 1")]
File = Annotated[Path, Kind(_path, lambda path: True, "a path", "PATH")]


@cache
def kinds(settings: type) -> dict[str, Kind]:
    """The kind of each field of a dataclass whose type names one."""
    found = {}
    for name, hint in get_type_hints(settings, include_extras=True).items():
        # `Amount | None` is a union of an annotated type and None.
        for part in (hint, *getattr(hint, "__args__", ())):
            for kind in getattr(part, "__metadata__", ()):
                found[name] = kind
    return found


def several(settings: type, name: str) -> bool:
    """Whether a field of a dataclass may hold more than one value."""
    hint = get_type_hints(settings)[name]
    return any(get_origin(part) is tuple for part in (hint, *get_args(hint)))


def meanings(settings: type) -> dict[str, str]:
    """What each field of a dataclass means: the string below it in the source code."""
    found = {}
    for base in reversed(settings.__mro__[:-1]):
        source = textwrap.dedent(inspect.getsource(base))
        for field, below in pairwise(ast.parse(source).body[0].body):
            if isinstance(field, ast.AnnAssign) and isinstance(below, ast.Expr):
                found[field.target.id] = inspect.cleandoc(below.value.value)
    return found


def check(settings: Any) -> None:
    """Check that each field of a dataclass has a value of its kind.

    Raises
    ------
    UserError
        If one has not.
    """
    for name, kind in kinds(type(settings)).items():
        value = getattr(settings, name)
        for one in value if isinstance(value, tuple) else (value,):
            if one is not None and not kind.allows(one):
                raise UserError(f"expected {kind.expected}", **{name: one})
    for name, hint in get_type_hints(type(settings)).items():
        if hint is bool and not isinstance(value := getattr(settings, name), bool):
            raise UserError("expected True or False", **{name: value})


def flat(settings: Any) -> dict[str, Any]:
    """All settings by name: a dataclass's own, and those of the dataclasses in it."""
    found = {}
    for field in dataclasses.fields(settings):
        value = getattr(settings, field.name)
        found.update(flat(value) if is_dataclass(value) else {field.name: value})
    return found


def changed(settings: Any, **changes: Any) -> Any:
    """The same settings but for some, wherever in the dataclass they stand.

    Raises
    ------
    TypeError
        If there is no setting of a name.
    UserError
        If a value is not of its kind.
    """
    if unknown := changes.keys() - flat(settings).keys():
        raise TypeError(f"there is no setting {sorted(unknown)[0]!r}")
    new = {}
    for field in dataclasses.fields(settings):
        value = getattr(settings, field.name)
        if is_dataclass(value):
            own = {name: changes[name] for name in flat(value) if name in changes}
            new[field.name] = changed(value, **own)
        elif field.name in changes:
            new[field.name] = changes[field.name]
    return dataclasses.replace(settings, **new)
