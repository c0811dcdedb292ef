"""Trainings in processes of their own, for tests that cut them off."""

import os
import random
import subprocess
import sys
import time

import numpy as np

from unrolled import checkpoint
from unrolled.files import UNFINISHED

# A window is shorter than a sentence: the states at its end matter, too.
OPTIONS = [
    *["--level", "character", "--batch", "64"],
    *["--hidden", "32", "--embedding", "8"],
]
#: Each optimizer has something else to remember.
ORDEALS = {
    "adam": ["--optimizer", "adam", "--dropout", "0.2", "--carry"],
    "rmsprop": ["--optimizer", "rmsprop"],
    "momentum": ["--optimizer", "momentum", "--carry"],
}
#: What XLA compiled is written to a folder; or it is only read there, for a process that is killed
#: while it writes would leave half a file; or each process compiles anew.
WRITE = {"JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0"}
READ = {"JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "1e9"}
ANEW = {"JAX_ENABLE_COMPILATION_CACHE": "false"}
#: Seconds that a training may take, at most, where all goes well, on a machine that has much else
#: to do.
PATIENCE = 300


def write_text(path, paragraphs):
    """Paragraphs of 39 characters: words that come in a certain order, mostly."""
    chance = random.Random(0)
    words = [a + b + c for a in "kmt" for b in "aio" for c in "nst"]
    lines = []
    for _ in range(paragraphs):
        i, line = chance.randrange(27), []
        for _ in range(10):
            line.append(words[i])
            i = (5 * i + chance.randrange(3)) % 27
        lines.append(" ".join(line))
    path.write_text("\n\n".join(lines))
    return path


def command(folder, compiled, *options):
    """How a user starts a training."""
    environment = {
        **os.environ,
        "UNROLLED_DEVICE": "cpu",
        # XLA computes with so many threads. Another number would round otherwise, so it may not
        # depend on how many cores happen to be there when a process starts.
        "NPROC": "2",
        "JAX_COMPILATION_CACHE_DIR": str(folder.parent / "compiled"),
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
        **compiled,
    }
    words = [sys.executable, "-W", "error", "-m", "unrolled", "train", *options]
    return {"args": words, "env": environment, "text": True}


def begin(text, folder, optimizer, epochs, compiled, *options):
    """The command that begins a training."""
    given = [*OPTIONS, *ORDEALS[optimizer], "--epochs", str(epochs), *options]
    return command(folder, compiled, str(text), *given, "--output", str(folder))


def go_on(folder, compiled):
    """The command that goes on with one."""
    return command(folder, compiled, "--resume", str(folder), "--save-every", "0")


def start(command):
    return subprocess.Popen(
        **command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )


def finish(process):
    """Wait until a training is done; what it said."""
    _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, errors
    return errors


def stamp(path):
    """When a file was written last."""
    return path.stat().st_mtime_ns if path.exists() else 0


def wait_for(path, process, since=0):
    """Wait for a process to write a file; whether it did so before it ended."""
    give_up = time.monotonic() + PATIENCE
    while stamp(path) <= since:
        if process.poll() is not None:
            return False
        assert time.monotonic() < give_up
        time.sleep(0.0005)
    return True


def parts(folder):
    """The checkpoints that are being written, or were when their process was killed."""
    return set(folder.glob(f"last.npz.*{UNFINISHED}"))


def done(folder):
    """The epochs and windows that the last checkpoint, which must be whole, has behind it."""
    state = checkpoint.load(folder / "last.npz")[1]["state"]
    return state["epoch"], state["position"]


def result(folder):
    """All that a training leaves but the time it took."""
    left = {}
    for name in ("last", "best"):
        arrays, about = checkpoint.load(folder / f"{name}.npz")
        state = about.pop("state")
        state.pop("seconds")
        for row in state["history"]:
            row.pop("seconds")
            row.pop("words_per_second")
        left[name] = arrays, about, state
    return left


def assert_same(found, expected):
    for name in ("last", "best"):
        arrays, *others = found[name]
        good, *good_others = expected[name]
        assert arrays.keys() == good.keys()
        for parameter, value in good.items():
            assert arrays[parameter].dtype == value.dtype
            assert np.array_equal(arrays[parameter], value), parameter
        assert others == good_others
