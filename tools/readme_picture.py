#!/usr/bin/env python3
"""Copy the first figure of the book's front page to where the README shows it."""

from pages import BOOK, shown


def main() -> None:
    """Take the figure from the page that the site shows (run make html first)."""
    pictures = [
        output.data["image/svg+xml"]
        for cell in shown("index").cells
        for output in cell.get("outputs", [])
        if "image/svg+xml" in output.get("data", {})
    ]
    (BOOK / "_static" / "readme.svg").write_text(pictures[0], encoding="utf-8")


if __name__ == "__main__":
    main()
