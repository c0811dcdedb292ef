"""What a user can mend: one class of errors, told in one line."""

from __future__ import annotations

from typing import Any


class UserError(Exception):
    """Something that the user can mend; the message says what was found and what is expected.

    Parameters
    ----------
    message : str
        One line.
    **arguments
        The argument that is wrong, by its name, with its value: ``encoding="utf8"``. The message
        then begins with it. The command line, where arguments are called differently, tells it
        with a name of its own.
    """

    def __init__(self, message: str, **arguments: Any) -> None:
        told = [f"{name}={value!r}" for name, value in arguments.items()]
        super().__init__(f"{', '.join(told)}: {message}" if told else message)
        self.message, self.arguments = message, arguments
