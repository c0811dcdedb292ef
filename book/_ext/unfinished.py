"""One build at a time; and what a build leaves that was cut short, the next one makes anew.

Sphinx writes its files in place, and takes one that is newer than its page for whole: a build that
was killed, or for which the disk was full, could leave half a page for ever.
"""

import shutil
from pathlib import Path

from sphinx.application import Sphinx

from alone import take
from pages import BUILD


def mark_of(app: Sphinx) -> Path:
    """The file that is there while a build is at work, and after one that was cut short."""
    return Path(f"{app.outdir}.unfinished")


def begin(app: Sphinx) -> None:
    """Wait for our turn, then see to what the last build left."""
    take(BUILD)
    if mark_of(app).exists():
        print("The last build was cut short: all pages are built anew.", flush=True)
        for folder in (app.outdir, app.doctreedir):
            shutil.rmtree(folder, ignore_errors=True)
            Path(folder).mkdir()
    mark_of(app).touch()


def end(app: Sphinx, error: Exception | None) -> None:
    """All is written."""
    if not error:
        mark_of(app).unlink()


def setup(app: Sphinx) -> dict:
    """Add it to Sphinx, before it reads what the last build left."""
    begin(app)
    # After the others, which write files then.
    app.connect("build-finished", end, priority=999)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
