"""How far a training is, told in the way that suits the place: terminal, notebook or log."""

from __future__ import annotations

import math
import os
import sys
import time
from typing import Any

from tqdm import tqdm

#: Seconds between two lines of a log.
LOG_EVERY = 60.0


def _in_notebook() -> bool:
    """Whether a Jupyter kernel runs this code."""
    if "IPython" not in sys.modules:
        return False
    from IPython import get_ipython

    return hasattr(get_ipython(), "kernel")


def _in_terminal() -> bool:
    """Whether someone looks at a terminal that is wide enough for anything."""
    # Some that only pretend to be one are 0 columns wide.
    return sys.stderr.isatty() and os.get_terminal_size(sys.stderr.fileno())[0] > 0


class Progress:
    """Shows how far an epoch is, its loss, words per second and the time left.

    In a terminal it is a bar. In a notebook it is one line that changes, and that the epoch's
    result replaces. In a log it is a line a minute, and one for each epoch.

    Parameters
    ----------
    quiet : bool
        Say nothing.
    """

    def __init__(self, quiet: bool = False) -> None:
        self.quiet = quiet
        self.place = (
            "notebook" if _in_notebook() else "terminal" if _in_terminal() else "log"
        )
        self.line: Any = None
        self.lines: list[str] = []
        self.bar: tqdm | None = None

    def begin(self, epoch: int, position: int, batches: int) -> None:
        """Begin an epoch of so many batches, or the rest of one from a position on."""
        self.epoch, self.first, self.words = epoch, position, 0
        self.batches = batches
        self.started = self.shown = time.monotonic()
        if self.place == "terminal" and not self.quiet:
            self.bar = tqdm(
                total=self.batches,
                initial=position,
                desc=f"epoch {epoch}",
                unit=" batches",
                leave=False,
                dynamic_ncols=True,
            )

    def show(self, position: int, loss: float, words: int) -> None:
        """Show how far the epoch is: batches done, their mean loss, words since the last call."""
        now = time.monotonic()
        self.words += words
        seconds = max(now - self.started, 1e-9)
        rate = f"{self.words / seconds:,.0f} words/s"
        if self.quiet:
            return
        if self.bar is not None:
            self.bar.set_postfix_str(f"loss {loss:.3f}, {rate}", refresh=False)
            self.bar.update(position - self.bar.n)
            return
        if self.place == "log" and now - self.shown < LOG_EVERY:
            return
        self.shown = now
        done = max(position - self.first, 1)
        left = math.ceil(seconds / done * (self.batches - position))
        self._say(
            f"epoch {self.epoch}: batch {position} of {self.batches}, loss {loss:.3f}, "
            f"{rate}, {left // 60}:{left % 60:02} left",
            lasting=False,
        )

    def end(self, result: str = "") -> None:
        """End the epoch; ``result`` is what remains to be read of it."""
        if self.bar is not None:
            self.bar.close()
            self.bar = None
        if result and not self.quiet:
            self._say(result, lasting=True)

    def _say(self, text: str, lasting: bool) -> None:
        if self.place != "notebook":
            print(text, file=sys.stderr, flush=True)
            return
        from IPython.display import display

        shown = {"text/plain": "\n".join([*self.lines, text])}
        if lasting:
            self.lines.append(text)
        if self.line is None:
            self.line = display(shown, raw=True, display_id=True)
        else:
            self.line.update(shown, raw=True)
