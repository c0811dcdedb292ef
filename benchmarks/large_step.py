#!/usr/bin/env python3
"""Time one step of gradient descent on chapter 2's large problem, ours beside the peers'.

5,000 points, 1,000 hidden units, float32. All contestants start from the same weights, must agree
on the loss, and take their turns in rounds, so that a busy moment of the machine hits them alike.
The peers live in interpreters of their own (see benchmarks/README.md).
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from sklearn.datasets import make_moons
from tqdm import tqdm

from unrolled import backend
from unrolled.network import initialize
from unrolled.script import UserError, run, whole

PEERS = Path(__file__).parent / "peers"
#: Theano uses one thread outside of matrix products, unless it is told to use all cores.
THEANO = {
    "Theano 1.0.5, default": "floatX=float32",
    "Theano 1.0.5, all cores": "floatX=float32,openmp=True",
}
#: How many times as fast as a peer ours should be; the fastest row of the peer counts.
TARGETS = {"PyTorch": 1, "Theano": 5}
#: More than this many other programs at work, on average, and the ratios are distorted: with
#: fewer cores to itself, a contestant that uses them all loses more than one that uses one.
BUSY = 0.5


class Contestant:
    """A process that takes steps when asked.

    Raises
    ------
    UserError
        If it cannot start, or what it says is no loss.
    """

    def __init__(self, name: str, python: str, *arguments: str, **variables: str):
        self.name, self.times = name, []
        threads = {"OMP_NUM_THREADS": str(backend.cores())}
        try:
            self.process = subprocess.Popen(
                [python, *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                env={**os.environ, **threads, **variables},
            )
        except OSError as error:
            raise UserError(
                f"{name}: cannot run {python}: {error.strerror}"
            ) from error
        try:
            self.loss = float(self.process.stdout.readline())
        except ValueError:
            last = (
                self.process.communicate()[1].strip() or "no output"
            ).splitlines()[-1]
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


def write_problem(path: Path) -> None:
    """Write points, classes and starting weights for all contestants."""
    X, y = make_moons(5000, noise=0.20, random_state=0)
    start = initialize(2, 1000, 2)._asdict()
    arrays = {"X": X, **start, "rate": 0.1, "penalty": 2e-6}
    arrays = {name: np.asarray(value, "float32") for name, value in arrays.items()}
    np.savez(path, y=y.astype("int32"), **arrays)


def contestants(
    problem: str, torch: str | None, theano: str | None
) -> list[Contestant]:
    """Start all that can take part."""
    here, ours = sys.executable, str(PEERS / "our_step.py")
    started = [
        Contestant(
            "PyTensor, JAX (ours)",
            here,
            ours,
            problem,
            "JAX",
            UNROLLED_DEVICE="cpu",
        ),
        Contestant(
            "PyTensor, NUMBA", here, ours, problem, "NUMBA", UNROLLED_DEVICE="cpu"
        ),
        Contestant("NumPy, by hand", here, str(PEERS / "numpy_step.py"), problem),
    ]
    if torch:
        script = str(PEERS / "torch_step.py")
        started.append(Contestant("PyTorch, eager", torch, script, problem))
    if theano:
        script = str(PEERS / "theano_step.py")
        for name, flags in THEANO.items():
            started.append(
                Contestant(name, theano, script, problem, THEANO_FLAGS=flags)
            )
    return started


def report(field: list[Contestant]) -> None:
    """Print the table, and what became of the targets."""
    machine = backend.describe()
    versions = ", ".join(
        f"{name} {number}" for name, number in machine["versions"].items()
    )
    print(f"{machine['processor']}, {machine['cores']} cores; {versions}")
    ours = np.median(field[0].times)
    print(f"{'':24}{'median':>9}{'quartiles':>18}{'/ ours':>9}")
    ratios = {}
    for one in field:
        low, middle, high = np.quantile(one.times, [0.25, 0.5, 0.75])
        ratios[one.name] = middle / ours
        print(
            f"{one.name:24}{middle:6.1f} ms{low:9.1f} to {high:6.1f}{middle / ours:8.2f}x"
        )
    for peer, target in TARGETS.items():
        rows = [name for name in ratios if name.startswith(peer)]
        if rows:
            best = min(rows, key=ratios.get)
            verdict = "met" if ratios[best] >= target else "MISSED"
            print(f"target: at least {target} x as fast as {best}: {verdict}")
        else:
            print(f"{peer}: not measured (see --help)")


def main() -> None:
    """Read the options, run the rounds, report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--torch", metavar="PYTHON", help="an interpreter with PyTorch"
    )
    parser.add_argument(
        "--theano", metavar="PYTHON", help="an interpreter with Theano 1.0.5"
    )
    parser.add_argument(
        "--rounds", type=whole(1), default=10, help="turns each (default: 10)"
    )
    parser.add_argument(
        "--steps", type=whole(1), default=10, help="a turn (default: 10)"
    )
    options = parser.parse_args()
    load = os.getloadavg()[0]
    if load > BUSY:
        print(f"The machine was at work in the last minute (load {load:.1f}).")
        print("If it still is, the ratios are distorted.")
    field = []
    with tempfile.TemporaryDirectory() as folder:
        problem = Path(folder) / "problem.npz"
        write_problem(problem)
        print("starting and compiling ...", flush=True)
        try:
            field = contestants(str(problem), options.torch, options.theano)
            for one in field:
                if not np.isclose(one.loss, field[0].loss, rtol=1e-4):
                    raise UserError(
                        f"{one.name}: loss {one.loss}, ours is {field[0].loss}"
                    )
                one.take(3)  # the first steps compile and fill caches
            for _ in tqdm(range(options.rounds), unit=" rounds"):
                for one in field:
                    one.times += one.take(options.steps)
        finally:
            for one in field:
                one.process.kill()
    report(field)


if __name__ == "__main__":
    run(main)
