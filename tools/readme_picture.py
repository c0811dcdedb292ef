#!/usr/bin/env python3
"""Copy the first figure of the book's front page to where the README shows it."""

import nbformat

from pages import BOOK, BUILD


def main() -> None:
    """Take the figure from the executed page (run execute.py first)."""
    page = nbformat.read(BUILD / "executed" / "index.ipynb", nbformat.NO_CONVERT)
    pictures = [
        output.data["image/svg+xml"]
        for cell in page.cells
        for output in cell.get("outputs", [])
        if "image/svg+xml" in output.get("data", {})
    ]
    (BOOK / "_static" / "readme.svg").write_text(pictures[0], encoding="utf-8")


if __name__ == "__main__":
    main()
