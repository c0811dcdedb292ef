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
import textwrap
from collections.abc import Callable, Iterable
from dataclasses import dataclass, is_dataclass
from functools import cache
from itertools import pairwise
from numbers import Integral, Real
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

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


def _as_digits(read: Callable[[str], Any]) -> Callable[[str], Any]:
    """Read a number; Python alone takes 1_0 for 10."""

    def strictly(text: str) -> Any:
        if "_" in text:
            raise ValueError
        return read(text)

    return strictly


def whole(low: int) -> Kind:
    """Whole numbers of 32 bits from a bound up."""
    high = 2**32 - 1
    expected = f"a whole number from {low} to {high:,}"
    return Kind(_as_digits(int), lambda n: low <= n <= high, expected, "N")


def one_of(names: Iterable[str]) -> Kind:
    """A word out of some."""
    words = tuple(names)
    expected = f"one of {', '.join(words)}"
    return Kind(str, lambda word: word in words, expected, "WORD", words)


def number(allows: Callable[[float], bool], expected: str) -> Kind:
    """Real numbers out of some range."""
    return Kind(_as_digits(float), allows, expected, "X")


def _path(text: str) -> Path:
    if not text:
        # Path would take it for the folder of work.
        raise ValueError
    return Path(text)


#: Models compute in float32, which holds no larger number.
LARGEST = 3.4e38
#: Whether or not, where None is a third case.
SWITCH = Kind(bool, lambda value: isinstance(value, bool), "True or False", "")

Switch = Annotated[bool, SWITCH]
Natural = Annotated[int, whole(0)]
Positive = Annotated[int, whole(1)]
Amount = Annotated[
    float, number(lambda x: 0 <= x < LARGEST, "a number from 0 up, below 3.4e38")
]
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


#: What values have these types, and that in words. To Python itself True is a whole number.
PLAIN = {
    bool: (lambda x: isinstance(x, bool), "True or False"),
    int: (
        lambda x: isinstance(x, Integral) and not isinstance(x, bool),
        "a whole number",
    ),
    float: (lambda x: isinstance(x, Real) and not isinstance(x, bool), "a number"),
    str: (lambda x: isinstance(x, str), "text"),
}


def _fits(value: Any, hint: Any) -> bool:
    """Whether a value has a field's type, as far as that is made of plain ones."""
    if get_origin(hint) in (Union, UnionType):
        return any(_fits(value, part) for part in get_args(hint))
    if get_origin(hint) is tuple:
        part = get_args(hint)[0]
        return isinstance(value, tuple) and all(_fits(one, part) for one in value)
    if hint in PLAIN:
        return PLAIN[hint][0](value)
    return isinstance(value, hint) if isinstance(hint, type) else True


def _expected(hint: Any) -> str:
    """A field's type in words."""
    parts = get_args(hint) or (hint,)
    return next((PLAIN[part][1] for part in parts if part in PLAIN), str(hint))


def check(settings: Any) -> None:
    """Check that each field of a dataclass has a value of its type, and of its kind.

    Raises
    ------
    UserError
        If one has not.
    """
    known = kinds(type(settings))
    for name, hint in get_type_hints(type(settings)).items():
        value, kind = getattr(settings, name), known.get(name)
        if not _fits(value, hint):
            expected = kind.expected if kind else _expected(hint)
            raise UserError(f"expected {expected}", **{name: value})
        for one in value if isinstance(value, tuple) else (value,):
            if kind and one is not None and not kind.allows(one):
                raise UserError(f"expected {kind.expected}", **{name: one})


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
