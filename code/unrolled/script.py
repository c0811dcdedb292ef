"""What the chapter scripts share: their options, and errors in one line."""

from __future__ import annotations

import argparse
import contextlib
import errno
import math
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn


class UserError(Exception):
    """Something the user can mend; the message says what and how."""


def whole(low: int, high: int = 2**32 - 1) -> Callable[[str], int]:
    """Make a reader of whole numbers between two bounds, for an option's ``type``."""

    def read(text: str) -> int:
        with contextlib.suppress(ValueError):
            if low <= int(text) <= high:
                return int(text)
        raise argparse.ArgumentTypeError(
            f"{text!r}: expected a whole number from {low} up"
        )

    return read


def amount(text: str) -> float:
    """Read a number that is finite and not below zero, for an option's ``type``.

    Raises
    ------
    argparse.ArgumentTypeError
        If the text is anything else.
    """
    with contextlib.suppress(ValueError):
        if 0 <= float(text) < math.inf:
            return float(text)
    raise argparse.ArgumentTypeError(f"{text!r}: expected a number from 0 up")


def part(text: str) -> float:
    """Read a share from 0 to below 1, for an option's ``type``.

    Raises
    ------
    argparse.ArgumentTypeError
        If the text is anything else.
    """
    with contextlib.suppress(ValueError):
        if 0 <= float(text) < 1:
            return float(text)
    raise argparse.ArgumentTypeError(f"{text!r}: expected a number from 0 to below 1")


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, and leaves the rest to ``--help``."""

    def error(self, message: str) -> NoReturn:
        """End the program."""
        self.exit(2, f"{self.prog}: {message} (see --help)\n")


def options(description: str, figures: str) -> argparse.ArgumentParser:
    """The options that every script has.

    Parameters
    ----------
    description : str
        The script's docstring; the help shows its first line.
    figures : str
        The folder for figures where ``--output`` names none.
    """
    parser = Parser(
        description=description.splitlines()[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--seed", type=whole(0), default=0, help="of data and weights")
    parser.add_argument(
        "--output", type=Path, default=Path(figures), help="the folder for figures"
    )
    return parser


def parse(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """Read the command line, and make the folder for figures before any work is done.

    Raises
    ------
    OSError
        If the folder cannot be made.
    """
    chosen = parser.parse_args()
    chosen.output.mkdir(parents=True, exist_ok=True)
    return chosen


def check_loss(loss: float, passes: int) -> None:
    """Stop a training that has gone astray.

    Raises
    ------
    UserError
        If the loss is infinite or not a number.
    """
    if not math.isfinite(loss):
        raise UserError(
            f"the loss is {loss} after {passes} passes: choose a smaller --rate"
        )


def write_text(path: Path, text: str) -> None:
    """Write a file beside its place, then move it there: whole or not at all.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    unfinished = path.with_name(path.name + ".part")
    try:
        unfinished.write_text(text, encoding="utf-8", newline="")
        unfinished.replace(path)
    finally:  # after Ctrl-C, too
        unfinished.unlink(missing_ok=True)


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
    from unrolled.backend import BackendError  # here, for it brings JAX along

    if sys.stdout:  # no character is too strange for it
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        main()
        print(end="", flush=True)  # now, while the errors of it are caught
    except KeyboardInterrupt:
        print("\ninterrupted", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:
        pass
    except (BackendError, UserError, OSError, MemoryError) as error:
        print(f"{name or Path(sys.argv[0]).name}: {error}", file=sys.stderr)
        sys.exit(2)
    finally:
        try:
            print(end="", flush=True)
        except OSError:
            # Python would try to write the rest on its way out, and complain.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
