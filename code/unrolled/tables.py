"""Results in rows and columns: a real table on a page and in a notebook, aligned text elsewhere."""

import html
import re
from collections.abc import Iterable, Sequence

from IPython.display import display


class Table:
    """Cells of text under headings; the first of each row is its name.

    Parameters
    ----------
    heads : sequence of str
        The headings, with units where there are any; the first may be empty.
    rows : iterable of sequences of str
        One text for each heading. Numbers of a column with equally many decimals stand with their
        points below each other.
    best : int, optional
        The row to mark, counted from 0.

    Raises
    ------
    ValueError
        If a row has not as many cells as there are headings.
    """

    def __init__(
        self,
        heads: Sequence[str],
        rows: Iterable[Sequence[str]],
        best: int | None = None,
    ) -> None:
        self.heads, self.rows, self.best = list(heads), [list(r) for r in rows], best
        if any(len(row) != len(self.heads) for row in self.rows):
            raise ValueError(f"each row has to have {len(self.heads)} cells")
        # A column of numbers is aligned at its right; "–" stands for one that is not there.
        columns = list(zip(*self.rows))[1:]
        number = re.compile(r"[-+−±]?\d[\d,.e+−-]*\D{0,2}|–")
        self.right = [False, *(all(map(number.fullmatch, cells)) for cells in columns)]

    def __repr__(self) -> str:
        """The table as lines of text."""
        lines = [self.heads, *self.rows]
        widths = [max(map(len, cells)) for cells in zip(*lines)]
        marks = [
            "  (best)" if i == self.best else "" for i in range(-1, len(self.rows))
        ]
        return "\n".join(
            "  ".join(
                cell.rjust(width) if right else cell.ljust(width)
                for cell, width, right in zip(line, widths, self.right)
            ).rstrip()
            + mark
            for line, mark in zip(lines, marks)
        )

    def _repr_html_(self) -> str:
        """The table as HTML, for pages and notebooks."""
        head = "".join(
            f'<th{kind} scope="col">{html.escape(text)}</th>' if text else "<td></td>"
            for text, kind in zip(self.heads, self._kinds())
        )
        body = "".join(
            self._row(row, i == self.best) for i, row in enumerate(self.rows)
        )
        return (
            '<table class="docutils results">'
            f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        )

    def _kinds(self) -> list[str]:
        return [' class="number"' if right else "" for right in self.right]

    def _row(self, row: list[str], best: bool) -> str:
        name, *cells = map(html.escape, row)
        name += ' <span class="best">best</span>' if best else ""
        others = "".join(
            f"<td{kind}>{cell}</td>" for cell, kind in zip(cells, self._kinds()[1:])
        )
        mark = ' class="best"' if best else ""
        return f'<tr{mark}><th scope="row">{name}</th>{others}</tr>'


def show(
    heads: Sequence[str], rows: Iterable[Sequence[str]], best: int | None = None
) -> None:
    """Show a `Table` here: in a notebook as such, in a terminal as text."""
    display(Table(heads, rows, best))
