#!/usr/bin/env python3
"""Kill training, freezing and building at random moments, and fill the disk under them.

What was kept may not be damaged, and the next run goes on. At the end stands a table of counts; a
damage is told, and is exit status 1. A small disk is a tmpfs, which only root can mount::

    make torture                       # for half an hour, or more
    make torture ROUNDS="--kills 5 --disks 2"
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import nbformat

import ordeals
from small_book import Book
from unrolled import command_line, fields

#: Bytes of the small disk.
SIZE = 300 * 2**20
#: A run in peace after so many that were struck.
PEACE = 5
#: What may become of a run: it was killed, or ended before; the disk was full, or was not; in
#: peace, it went on to its end. Or something that was kept is damaged.
COUNTED = KILLED, BEFORE, STOPPED, ENOUGH, WENT_ON, DAMAGED = (
    *("killed", "ended before", "stopped", "had room enough", "went on", "DAMAGED"),
)


@dataclass(frozen=True)
class Options:
    """What this can be told."""

    kills: fields.Natural = 50
    """Kills of each: training, freezing, building."""
    disks: fields.Natural = 20
    """Full disks, for each."""
    seed: fields.Natural = 0
    """Another seed strikes at other moments."""


class Work:
    """Something that runs again and again in a folder, and keeps what it made."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def next_run(self) -> dict:
        """What is to run next, as ``Popen`` takes it, with all that it writes on the small disk."""
        command = self.command()
        for name in ("TMPDIR", "XDG_CACHE_HOME"):
            command["env"][name] = str(self.home / "elsewhere")
        (self.home / "elsewhere").mkdir(exist_ok=True)
        return command

    def command(self) -> dict:
        """The command of it."""
        raise NotImplementedError

    def check(self) -> None:
        """Assert that what is kept is whole."""
        raise NotImplementedError

    def check_end(self) -> None:
        """Assert that a run that came to its end made what it should, and find new work."""
        raise NotImplementedError


class Train(Work):
    """Trainings that go on where they were cut off, each to the same parameters."""

    epochs = 6

    def __init__(self, home: Path) -> None:
        super().__init__(home)
        self.text = ordeals.write_text(home / "text.txt", 2000)
        self.expected, self.number, self.done = {}, 0, (0, 0)
        self.choose()

    def choose(self) -> None:
        """Begin a new training, with another optimizer."""
        self.optimizer = list(ordeals.ORDEALS)[self.number % len(ordeals.ORDEALS)]
        self.folder = self.home / f"model-{self.number}"
        self.number, self.done = self.number + 1, (0, 0)
        if self.optimizer not in self.expected:
            spared = self.home / f"spared-{self.optimizer}"
            begun = ordeals.begin(
                self.text, spared, self.optimizer, self.epochs, ordeals.WRITE
            )
            ordeals.finish(ordeals.start(begun))
            self.expected[self.optimizer] = ordeals.result(spared)

    def command(self) -> dict:
        """Begin, or go on where there is a checkpoint."""
        if (self.folder / "last.npz").exists():
            return ordeals.go_on(self.folder, ordeals.READ)
        every = ("--save-every", "0")
        chosen = self.optimizer, self.epochs, ordeals.READ
        return ordeals.begin(self.text, self.folder, *chosen, *every)

    def check(self) -> None:
        """A checkpoint can be read, and nothing that was saved is lost."""
        if self.done > (0, 0) or (self.folder / "last.npz").exists():
            before, self.done = self.done, ordeals.done(self.folder)
            assert self.done >= before, f"{before} was lost"
        if self.done >= (1, 0):
            ordeals.checkpoint.load(self.folder / "best.npz")

    def check_end(self) -> None:
        """The same parameters, bit for bit, as of a training that nobody cut off."""
        assert not ordeals.parts(self.folder)
        ordeals.assert_same(ordeals.result(self.folder), self.expected[self.optimizer])
        shutil.rmtree(self.folder)
        self.choose()


class Freeze(Work):
    """Freezing two pages, whose code is another each time."""

    def __init__(self, home: Path) -> None:
        super().__init__(home)
        self.book = Book(home)
        self.number = 0
        self.change()

    def change(self) -> None:
        """Write other code into the pages."""
        self.number += 1
        for page in ("one", "two"):
            self.book.write(page, f"n = {self.number}\nn * n")

    def command(self) -> dict:
        """Freeze them."""
        return self.book.command("--freeze")

    def check(self) -> None:
        """Each page that is kept has the outputs of its own code, old or new."""
        for folder in ("book/_frozen", "_build/executed"):
            for path in (self.home / folder).glob("*.ipynb"):
                notebook = nbformat.read(path, as_version=4)
                nbformat.validate(notebook)
                cell = notebook.cells[-1]
                number = int(cell.source.split()[2])
                assert cell.outputs[0].data["text/plain"] == str(number**2), path
        frozen = list((self.home / "book/_frozen").glob("*.ipynb"))
        assert self.number == 1 or len(frozen) == 2, f"only {frozen} are left"

    def check_end(self) -> None:
        """Nothing is left of what was cut off, and both pages are new."""
        assert not list(self.home.rglob("*.part"))
        for page in ("one", "two"):
            assert f"n = {self.number}\\n" in self.book.frozen(page).read_text()
        self.change()


class Build(Freeze):
    """Building a site and its EPUB from two pages, whose code is another each time."""

    def __init__(self, home: Path) -> None:
        super().__init__(home)
        self.book.make_site()

    def change(self) -> None:
        """Write other code into one page; the other needs a figure."""
        self.number += 1
        self.book.write("two", f"n = {self.number}\nn * n")

    def command(self) -> dict:
        """Do what a user does."""
        command = self.book.command()
        options = ["VENV=", f"PYTHON={sys.executable}"]
        return {**command, "args": ["make", "html", *options]}

    def check(self) -> None:
        """Pages that were executed are whole."""
        for path in (self.home / "_build/executed").glob("*.ipynb"):
            nbformat.validate(nbformat.read(path, as_version=4))

    def files(self) -> dict[str, bytes]:
        """The site: all files but the EPUB, which holds the time."""
        site = self.home / "_build/html"
        return {
            path.relative_to(site).as_posix(): path.read_bytes()
            for path in site.rglob("*")
            if path.is_file() and path.suffix != ".epub"
        }

    def check_end(self) -> None:
        """The site is that which is built from nothing."""
        assert (self.home / "_build/html/downloads/unrolled.epub").stat().st_size
        assert f">{self.number**2}\n" in self.files()["two.html"].decode()
        found = self.files()
        shutil.rmtree(self.home / "_build/html")
        shutil.rmtree(self.home / "_build/doctrees")
        run_in_peace(self)
        anew = self.files()
        differ = {n for n in {**found, **anew} if found.get(n) != anew.get(n)}
        assert not differ, f"unlike those built from nothing: {sorted(differ)}"
        self.change()


# ---------------------------------------------------------------------------- runs, and strikes


def run_in_peace(work: Work) -> float:
    """Let a run come to its end; the seconds that it took."""
    start = time.monotonic()
    done = subprocess.run(**work.next_run(), capture_output=True)
    assert done.returncode == 0, f"the next run ended with\n{done.stdout}{done.stderr}"
    return time.monotonic() - start


def kill_once(work: Work, seconds: float) -> str:
    """Kill a run, with all that it started, after some seconds; what became of it."""
    process = subprocess.Popen(
        **work.next_run(),
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        status = process.wait(seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return KILLED
    assert status == 0, f"ended with status {status}"
    return BEFORE


def fill_once(work: Work, room: int) -> str:
    """Run on a disk with so many bytes left; what became of it."""
    filler = work.home / "filler"
    free = shutil.disk_usage(work.home).free
    with filler.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, max(free - room, 1))
    try:
        done = subprocess.run(**work.next_run(), capture_output=True)
    finally:
        filler.unlink()
    return STOPPED if done.returncode else ENOUGH


def rehearse(work: Work) -> tuple[float, int]:
    """The seconds of a run in peace, and more bytes than it adds to the disk."""
    # One that finds nothing prepared.
    run_in_peace(work)
    work.check_end()
    before = shutil.disk_usage(work.home).free
    seconds = run_in_peace(work)
    added = before - shutil.disk_usage(work.home).free
    work.check_end()
    return seconds, max(2 * added, 2**18)


def strike(work: Work, kills: int, disks: int, chance: random.Random) -> Counter:
    """Strike a work again and again, and count what became of it."""
    counts, (seconds, room) = Counter(), rehearse(work)
    for number in range(1, kills + disks + 1):
        with told(counts, f"{type(work).__name__}, blow {number}"):
            if number <= kills:
                became = kill_once(work, chance.uniform(0, seconds))
            else:
                left = chance.randrange(room)
                became = fill_once(work, left)
                room = left if became == ENOUGH and left else room
            counts[became] += 1
            work.check()
            ended = became in (BEFORE, ENOUGH)
            if not ended and number % PEACE == 0:
                run_in_peace(work)
                counts[WENT_ON] += 1
                ended = True
            if ended:
                work.check_end()
    return counts


@contextlib.contextmanager
def told(counts: Counter, where: str) -> Iterator[None]:
    """Count a damage, and tell it at once."""
    try:
        yield
    except Exception as error:
        counts[DAMAGED] += 1
        print(f"{where}: {type(error).__name__}: {error}", file=sys.stderr, flush=True)


# ------------------------------------------------------------------------------------- campaigns


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[bool]:
    """Mount a small disk in a folder; whether that could be done."""
    command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(folder)]
    mounted = not subprocess.run(command, capture_output=True).returncode
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)


def campaign(work: type[Work], options: Options, seed: str) -> Counter:
    """All strikes on one work."""
    with (
        tempfile.TemporaryDirectory(prefix="torture-") as folder,
        small_disk(Path(folder)) as mounted,
    ):
        if not mounted and options.disks:
            print("no full disks: a small one can be mounted by root alone", flush=True)
        disks = options.disks if mounted else 0
        return strike(work(Path(folder)), options.kills, disks, random.Random(seed))


def main() -> None:
    """Read the options, strike, report."""
    options = command_line.parse(Options(), __doc__)
    start = time.monotonic()
    with ThreadPoolExecutor() as pool:
        running = {
            work: pool.submit(
                campaign, work, options, f"{options.seed} {work.__name__}"
            )
            for work in (Train, Freeze, Build)
        }
    print(" " * 8, *(f"{head:>15}" for head in COUNTED))
    for work, future in running.items():
        counts = [f"{future.result()[head]:>15}" for head in COUNTED]
        print(f"{work.__name__:<8}", *counts)
    print(f"seed {options.seed}, {time.monotonic() - start:.0f} s")
    sys.exit(any(future.result()[DAMAGED] for future in running.values()))


if __name__ == "__main__":
    command_line.run(main)
