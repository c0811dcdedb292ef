"""Settings from the command line, and errors in one line."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import math
import os
import shlex
import sys
import traceback
import unicodedata
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from unrolled import devices, fields
from unrolled.errors import UserError

S = TypeVar("S")


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, and leaves the rest to ``--help``."""

    def error(self, message: str) -> NoReturn:
        """End the program."""
        strange = message.partition("unrecognized arguments: ")[2].split()
        files = [f"./{word}" for word in strange if os.path.isfile(word)]
        hint = f" (a file: {' '.join(files)})" if files else ""
        self.exit(2, f"{self.prog}: {visible(message + hint)} (see --help)\n")

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Let a value begin with a dash, where an option asks for one and no option is called so.

        argparse knows it by ``--prompt=-x`` alone.
        """
        given, joined = list(sys.argv[1:] if args is None else args), []
        for word in given:
            before = self._option_string_actions.get(joined[-1]) if joined else None
            wants = before and before.nargs is None
            if (
                wants
                and word.startswith("-")
                and word not in self._option_string_actions
            ):
                joined[-1] += f"={word}"
            else:
                joined.append(word)
        return super().parse_known_args(joined, namespace)


def visible(text: str, but: str = "") -> str:
    r"""Text whose control characters are told, as ``\x1b``: a terminal would obey them.

    Parameters
    ----------
    text : str
    but : str
        Those that stay.
    """
    return "".join(
        repr(c)[1:-1] if unicodedata.category(c) == "Cc" and c not in but else c
        for c in text
    )


def called() -> str:
    """How this program is called, to be pasted at a prompt."""
    name = Path(sys.argv[0])
    words = (
        [str(name)] if name.name == "unrolled" else [sys.executable, "-m", "unrolled"]
    )
    return shlex.join(words)


def flag(name: str) -> str:
    """What a setting is called on the command line: ``save_every`` is ``--save-every``."""
    return "--" + name.replace("_", "-")


def add_settings(
    parser: argparse.ArgumentParser,
    settings: Any,
    positional: str = "",
    without: Collection[str] = (),
    group: Any = None,
) -> None:
    """Add an option for each field of a dataclass; a dataclass in it becomes a group of options.

    An option that is not given stays out of the namespace: :func:`unrolled.fields.changed` makes
    the settings of those that are.

    Parameters
    ----------
    parser : ArgumentParser
    settings : dataclass
        Its values are the defaults that the help tells, with what each field means.
    positional : str
        The setting that is given without a name, if it is given.
    without : collection of str
        Settings that are no options here.
    group : argument group, optional
        Where the options go. Left out: to the parser itself.
    """
    meanings, kinds = fields.meanings(type(settings)), fields.kinds(type(settings))
    for field in dataclasses.fields(settings):
        name, default = field.name, getattr(settings, field.name)
        if dataclasses.is_dataclass(default):
            own = parser.add_argument_group(name)
            add_settings(parser, default, positional, without, own)
        elif name not in without:
            look = _look(default, meanings[name], kinds.get(name))
            if name == positional:
                nargs = "*" if fields.several(type(settings), name) else "?"
                look |= {"nargs": nargs, "metavar": name.upper(), "type": path_text}
            (group or parser).add_argument(
                name if name == positional else flag(name),
                default=argparse.SUPPRESS,
                **look,
            )


def _look(default: Any, meaning: str, kind: fields.Kind | None) -> dict[str, Any]:
    """How argparse is told of a setting."""
    meaning = " ".join(meaning.split()).rstrip(".")
    if isinstance(default, bool):
        return {"action": "store_true", "help": meaning}
    if kind is fields.SWITCH:
        return {"action": argparse.BooleanOptionalAction, "help": meaning}
    several = isinstance(default, tuple)
    if default not in (None, ""):
        told = " ".join(map(str, default)) if several else default
        meaning = f"{meaning} (default: {told})"
    look = {"help": meaning.replace("%", "%%"), "nargs": "+" if several else None}
    if kind is None:
        return look | {"metavar": "TEXT"}
    if kind.words:
        return look | {"choices": kind.words}
    return look | {"type": _reader(kind), "metavar": kind.symbol}


def path_text(text: str) -> str:
    """A path as it was given; "" is none, such as a variable of the shell that is not set."""
    if not text:
        raise argparse.ArgumentTypeError("'': expected a path")
    return text


def _reader(kind: fields.Kind) -> Callable[[str], Any]:
    """What turns the text of an option into a value of a kind."""

    def read(text: str) -> Any:
        with contextlib.suppress(ValueError):
            value = kind.read(text)
            if kind.allows(value):
                return value
        raise argparse.ArgumentTypeError(f"{text!r}: expected {kind.expected}")

    return read


def parse(settings: S, about: str, without: Collection[str] = ()) -> S:
    """Read a script's settings, and make the folder ``output``, if it has one, before any work.

    Parameters
    ----------
    settings : dataclass
        The defaults.
    about : str
        The script's docstring; the help shows its first line.
    without : collection of str
        Settings that are no options here.

    Raises
    ------
    OSError
        If the folder cannot be made.
    UserError
        If values do not go together.
    """
    parser = Parser(description=about.splitlines()[0])
    add_settings(parser, settings, without=without)
    chosen = fields.changed(settings, **_given(parser))
    if hasattr(chosen, "output"):
        chosen.output.mkdir(parents=True, exist_ok=True)
    return chosen


def _given(parser: argparse.ArgumentParser) -> dict[str, Any]:
    """The options that were given; several values are a tuple, as in the dataclass."""
    given = vars(parser.parse_args())
    return {k: tuple(v) if isinstance(v, list) else v for k, v in given.items()}


def check_loss(loss: float, passes: int, learning_rate: float) -> None:
    """Stop a training that has gone astray.

    Raises
    ------
    UserError
        If the loss is infinite or not a number.
    """
    if not math.isfinite(loss):
        raise UserError(
            f"the loss is {loss} after {passes} passes: choose a smaller one",
            learning_rate=learning_rate,
        )


def told(error: Exception) -> str:
    """An error in one line, its arguments under their names on the command line."""
    if not isinstance(error, UserError) or not error.arguments:
        return str(error)
    flags = (
        flag(name) if value is True else f"{flag(name)} {value}"
        for name, value in error.arguments.items()
    )
    return f"{', '.join(flags)}: {error.message}"


def _fill_streams() -> None:
    """Put an empty file in the place of each standard stream that was closed, as by ``2>&-``.

    Else the next file to be opened would take its number, and get what is meant for it.
    """
    while (handle := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(handle)
    for number, (stream, how) in enumerate(
        (("stdin", "r"), ("stdout", "w"), ("stderr", "w"))
    ):
        if getattr(sys, stream) is None:
            setattr(
                sys, stream, os.fdopen(number, how, encoding="utf-8", closefd=False)
            )


def run(main: Callable[[], None], name: str = "") -> None:
    """Run a script. A mistake of its user is one line and exit status 2.

    An interruption by Ctrl-C is exit status 130. A reader who has seen enough, as in
    ``... | head``, is no mistake.

    Parameters
    ----------
    main : callable
    name : str
        Who speaks in that line. Left out: the file that runs.
    """
    _fill_streams()
    # No character is too strange for it.
    sys.stdout.reconfigure(errors="backslashreplace")
    try:
        main()
        # Now, while the errors of it are caught.
        print(end="", flush=True)
    except KeyboardInterrupt:
        print("\ninterrupted", file=sys.stderr)
        devices.leave(130)
    except BrokenPipeError:
        if devices.several():
            devices.leave(0)
    except (UserError, OSError, MemoryError) as error:
        who = name or Path(sys.argv[0]).name
        print(visible(f"{who}: {told(error)}"), file=sys.stderr)
        devices.leave(2)
    except Exception:
        if not devices.several():
            raise
        # A fault of ours, at which the others would wait for long.
        traceback.print_exc()
        devices.leave(1)
    finally:
        try:
            print(end="", flush=True)
        except OSError:
            # Python would try to write the rest on its way out, and complain.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
