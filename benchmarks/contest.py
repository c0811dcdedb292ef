"""What the benchmarks share: contestants in processes of their own that take turns, and the table.

All contestants start from the same weights, must agree on the loss, and take their turns in
rounds, so that a busy moment of the machine hits them alike. The peers live in interpreters of
their own (see README.md).
"""

import contextlib
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from unrolled import fields, machine
from unrolled.errors import UserError

PEERS = Path(__file__).parent / "peers"
#: Theano uses one thread outside of matrix products, unless it is told to use all cores.
THEANO = {"default": "floatX=float32", "all cores": "floatX=float32,openmp=True"}
#: More than this many other programs at work, on average, and the ratios are distorted: with
#: fewer cores to itself, a contestant that uses them all loses more than one that uses one.
BUSY = 0.5


class Contestant:
    """A process that takes steps when asked.

    Parameters
    ----------
    name : str
        For the table; a target counts against all names that start with a peer's.
    python : str
        The interpreter.
    script : str
        A file in ``peers``.
    *arguments : str
        Of the script.
    **variables : str
        Of the environment.

    Raises
    ------
    UserError
        If it cannot start, or what it says is no loss.
    """

    def __init__(
        self, name: str, python: str, script: str, *arguments: str, **variables: str
    ):
        self.name, self.times, self.peak = name, [], None
        ours = {"OMP_NUM_THREADS": str(machine.cores()), "UNROLLED_DEVICE": "cpu"}
        try:
            self.process = subprocess.Popen(
                [python, str(PEERS / script), *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                env={**os.environ, **ours, **variables},
            )
        except OSError as error:
            raise UserError(f"{name}: cannot run {python}: {error.strerror}") from error
        try:
            self.loss = float(self.process.stdout.readline())
        except ValueError:
            last = (self.process.communicate()[1].strip() or "no output").splitlines()[
                -1
            ]
            raise UserError(f"{name}: {python}: {last}") from None

    def take(self, steps: int) -> list[float]:
        """The milliseconds of so many steps.

        Raises
        ------
        UserError
            If the process has ended.
        """
        self.process.stdin.write(f"{steps}\n")
        self.process.stdin.flush()
        times = [float(word) for word in self.process.stdout.readline().split()]
        if len(times) != steps:
            raise UserError(f"{self.name}: stopped in the middle of the run")
        return times

    def look_at_memory(self) -> None:
        """Note the most memory it has held so far, in MB, where Linux tells (VmHWM)."""
        with contextlib.suppress(OSError):
            status = Path(f"/proc/{self.process.pid}/status").read_text()
            kilobytes = re.search(r"VmHWM:\s+(\d+) kB", status)
            self.peak = int(kilobytes[1]) / 1024 if kilobytes else None


# ---------------------------------------------------------------------------------- before


@dataclass(frozen=True)
class Contest:
    """What every contest can be told."""

    rounds: fields.Positive = 10
    """Turns each."""
    steps: fields.Positive = 10
    """Steps a turn."""
    torch: str | None = None
    """Interpreter with PyTorch."""
    theano: str | None = None
    """Interpreter with Theano 1.0.5."""


def warn_if_busy() -> None:
    """Say so if the machine was at work."""
    load = os.getloadavg()[0]
    if load > BUSY:
        print(f"The machine was at work in the last minute (load {load:.1f}).")
        print("If it still is, the ratios are distorted.")


def single(value: np.ndarray) -> np.ndarray:
    """An array in float32; whole numbers in int32."""
    value = np.asarray(value)
    whole_numbers = np.issubdtype(value.dtype, np.integer)
    return value.astype("int32" if whole_numbers else "float32")


# ------------------------------------------------------------------------------------ during


def hold(
    problem: Mapping[str, np.ndarray],
    entries: list[Callable[[str], Contestant]],
    rounds: int,
    steps: int,
) -> list[Contestant]:
    """Let contestants take turns.

    Parameters
    ----------
    problem : mapping of str to array
        What they all start from: they get a file with these, in single precision.
    entries : list of callables
        Each starts one contestant on the problem's path.
    rounds, steps : int
        The number of turns, and of steps in each.

    Raises
    ------
    UserError
        If one fails, or starts at another loss than the first.
    """
    warn_if_busy()
    field = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "problem.npz"
        np.savez(path, **{name: single(value) for name, value in problem.items()})
        print("starting and compiling ...", flush=True)
        try:
            for entry in entries:
                field.append(entry(str(path)))
                check(field[-1], field[0])
            for _ in tqdm(range(rounds), unit=" rounds"):
                for one in field:
                    one.times += one.take(steps)
            for one in field:
                one.look_at_memory()
        finally:
            for one in field:
                one.process.kill()
    return field


def check(one: Contestant, first: Contestant) -> None:
    """Hold a contestant to the first one's loss, if it has one, and let it warm up."""
    if not (np.isnan(one.loss) or np.isclose(one.loss, first.loss, rtol=1e-4)):
        raise UserError(f"{one.name}: loss {one.loss}, ours is {first.loss}")
    # The first steps compile and fill caches.
    one.take(3)


# ------------------------------------------------------------------------------------- after


def print_machine() -> None:
    """One line on the processor and the versions."""
    here = machine.describe()
    versions = ", ".join(f"{name} {number}" for name, number in here.versions.items())
    print(f"{here.processor}, {here.cores} cores; {versions}")


def report(
    field: list[Contestant],
    targets: Mapping[str, float],
    limit: float | None = None,
    words: int | None = None,
) -> None:
    """Print the table, and what became of the targets.

    Parameters
    ----------
    field : list of Contestant
        Ours first.
    targets : mapping of str to float
        How many times as fast as a peer ours should be; the peer's fastest row counts.
    limit : float, optional
        The milliseconds that ours may take.
    words : int, optional
        In a step; the table then tells words per second.
    """
    print_machine()
    middle = {one.name: float(np.median(one.times)) for one in field}
    ours = middle[field[0].name]
    rate = f"{'words/s':>11}" if words else ""
    print(f"{'':44}{'median':>10}{'quartiles':>20}{'/ ours':>9}{rate}{'peak':>9}")
    for one in field:
        low, high = np.quantile(one.times, [0.25, 0.75])
        rate = f"{1e3 * words / middle[one.name]:11,.0f}" if words else ""
        peak = f"{one.peak:6.0f} MB" if one.peak else ""
        print(
            f"{one.name:44}{middle[one.name]:7.2f} ms{low:9.2f} to {high:7.2f}"
            f"{middle[one.name] / ours:8.2f}x{rate}{peak}"
        )
    if limit is not None:
        print(f"target: at most {limit} ms: {verdict(ours <= limit)}")
    for peer, target in targets.items():
        rows = [name for name in middle if name.startswith(peer)]
        if rows:
            best = min(rows, key=middle.get)
            met = verdict(middle[best] / ours >= target)
            print(f"target: at least {target} x as fast as {best}: {met}")
        else:
            print(f"{peer}: not measured (see --help)")


def verdict(met: bool) -> str:
    """A word on a target."""
    return "met" if met else "MISSED"


def entry(
    name: str, python: str, script: str, *arguments: str, **variables: str
) -> Callable[[str], Contestant]:
    """A contestant to be: its script gets the problem's path, and then its own arguments."""
    return lambda problem: Contestant(
        name, python, script, problem, *arguments, **variables
    )


def theano_entries(
    python: str | None, script: str
) -> Iterator[Callable[[str], Contestant]]:
    """A recurrent model's Theano rows: output inside or behind the loop, one core or all."""
    for place in ("inside", "behind") if python else ():
        for name, flags in THEANO.items():
            title = f"Theano 1.0.5, output {place} the loop, {name}"
            yield entry(title, python, script, place, THEANO_FLAGS=flags)


HERE = sys.executable
