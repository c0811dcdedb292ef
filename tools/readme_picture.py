#!/usr/bin/env python3
"""Copy the first figure of the book's front page to where the README shows it."""

from pages import BOOK, shown
from unrolled import command_line, files
from unrolled.errors import UserError


def main() -> None:
    """Take the figure from the page that the site shows.

    Raises
    ------
    UserError
        If the site shows none yet.
    """
    page = shown("index")
    if page is None:
        raise UserError("the front page has no outputs yet. Run: make html")
    pictures = [
        output.data["image/svg+xml"]
        for cell in page.cells
        for output in cell.get("outputs", [])
        if "image/svg+xml" in output.get("data", {})
    ]
    with files.replacing(BOOK / "_static" / "readme.svg") as file:
        file.write(pictures[0].encode())


if __name__ == "__main__":
    command_line.run(main, name="Error")
