#!/usr/bin/env python3
"""Time the start of a training on Shakespeare whose words are cached, up to the first compilation.

Each start is a new process: Python, the imports, the words, the vocabulary, the minibatches.
"""

import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass

import numpy as np
from contest import print_machine, verdict, warn_if_busy

from unrolled import command_line, fields, shakespeare
from unrolled.errors import UserError

#: Seconds, at most.
TARGET = 1.0
#: The command line, as it is, but for the end: instead of compiling it says that it would.
TRAIN = """
import os, runpy, sys
from unrolled.language_model import LanguageModel

def build(*shape):
    print("compiling", flush=True)
    os._exit(0)

LanguageModel._build_step = build
runpy.run_module("unrolled", run_name="__main__", alter_sys=True)
"""


@dataclass(frozen=True)
class Options:
    """What this measurement can be told."""

    rounds: fields.Positive = 10
    """Starts."""


def start() -> float:
    """The seconds that one start takes."""
    with tempfile.TemporaryDirectory() as folder:
        before = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-c", TRAIN, "train", "--output", folder],
            capture_output=True,
            text=True,
            env={**os.environ, "UNROLLED_DEVICE": "cpu"},
        )
        seconds = time.perf_counter() - before
    if not done.stdout.endswith("compiling\n"):
        raise UserError(f"the training did not start: {done.stderr}")
    return seconds


def main() -> None:
    """Read the options, start again and again, report."""
    options = command_line.parse(Options(), __doc__)
    warn_if_busy()
    shakespeare.load()
    times = [start() for _ in range(options.rounds)]
    print_machine()
    low, middle, high = np.quantile(times, [0.25, 0.5, 0.75])
    print(f"from the command to the compiler: median {middle:.2f} s, ", end="")
    print(f"quartiles {low:.2f} to {high:.2f} s")
    print(f"target: at most {TARGET:g} s: {verdict(middle <= TARGET)}")


if __name__ == "__main__":
    command_line.run(main)
