"""A training that is cut off again and again ends with the very same parameters."""

import os
import random
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
import pytest

from unrolled import checkpoint
from unrolled.files import UNFINISHED


class Ordeal(NamedTuple):
    """A training, and how often it is killed. Each optimizer has something else to remember."""

    kills: int
    epochs: int
    options: list[str]


ORDEALS = {
    "adam": Ordeal(7, 24, ["--optimizer", "adam", "--dropout", "0.2"]),
    "rmsprop": Ordeal(7, 24, ["--optimizer", "rmsprop"]),
    "momentum": Ordeal(7, 24, ["--optimizer", "momentum", "--carry"]),
}
# A window is shorter than a sentence: the states at its end matter, too.
OPTIONS = [
    *["--level", "character", "--batch", "64"],
    *["--hidden", "32", "--embedding", "8"],
]
#: What XLA compiled is written to a folder; or it is only read there, for a process that is killed
#: while it writes would leave half a file; or each process compiles anew.
WRITE = {"JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0"}
READ = {"JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "1e9"}
ANEW = {"JAX_ENABLE_COMPILATION_CACHE": "false"}
#: Seconds that a training may take, at most, where all goes well, on a machine that has much else
#: to do.
PATIENCE = 300


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    """4,000 paragraphs of 39 characters: words that come in a certain order, mostly."""
    chance = random.Random(0)
    words = [a + b + c for a in "kmt" for b in "aio" for c in "nst"]
    paragraphs = []
    for _ in range(4000):
        i, line = chance.randrange(27), []
        for _ in range(10):
            line.append(words[i])
            i = (5 * i + chance.randrange(3)) % 27
        paragraphs.append(" ".join(line))
    path = tmp_path_factory.mktemp("text") / "text.txt"
    path.write_text("\n\n".join(paragraphs))
    return path


PROCESSES = []


@pytest.fixture(autouse=True)
def nothing_left_behind():
    """End what a failed test has left running."""
    yield
    for process in PROCESSES:
        if process.poll() is None:
            process.kill()
            process.communicate()


def start(folder, compiled, *options):
    """Start a training as a user does."""
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
    process = subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "unrolled", "train", *options],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )
    PROCESSES.append(process)
    return process


def begin(text, folder, ordeal, compiled, *options):
    options = [*OPTIONS, *ordeal.options, *options, "--epochs", str(ordeal.epochs)]
    return start(folder, compiled, str(text), *options, "--output", str(folder))


def go_on(folder, compiled):
    return start(folder, compiled, "--resume", str(folder), "--save-every", "0")


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


def suffer(text, folder, ordeal, seed):
    """Train with a process that is killed at random moments until it had enough of it.

    Every third kill waits for a file that is being written. The others come up to a second
    after the first checkpoint: while it trains, compiles the validation, or validates.
    """
    chance = random.Random(seed)
    last = folder / "last.npz"
    kills = torn = 0
    done = []
    process = begin(text, folder, ordeal, READ, "--save-every", "0")
    while kills < ordeal.kills and wait_for(last, process, since=stamp(last)):
        if kills % 3 == 2:
            time.sleep(chance.uniform(0, 0.5))
            before = parts(folder)
            while not parts(folder) - before and process.poll() is None:
                time.sleep(0.0005)
        else:
            time.sleep(chance.uniform(0, 1) if kills % 3 else chance.uniform(0, 0.3))
        process.kill()
        process.communicate()
        if process.returncode != -signal.SIGKILL:
            break
        kills += 1
        torn += bool(parts(folder))
        # It is whole, whatever happened.
        _, about = checkpoint.load(last)
        state = about["state"]
        done.append((state["epoch"], state["position"]))
        process = go_on(folder, READ)
    # And once more, politely.
    assert wait_for(last, process, since=stamp(last))
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert errors.endswith("\ninterrupted\n")
    assert not parts(folder)
    state = checkpoint.load(last)[1]["state"]
    done.append((state["epoch"], state["position"]))
    # The rest comes from what this very process compiled.
    finish(go_on(folder, ANEW))
    return SimpleNamespace(kills=kills, torn=torn, done=done, result=result(folder))


def train_twice(text, folder, ordeal, seed):
    """Train in peace, then under kills: what the first one said and left, and the second."""
    said = finish(begin(text, folder / "spared", ordeal, WRITE))
    killed = suffer(text, folder / "killed", ordeal, seed)
    return said, result(folder / "spared"), killed


def test_a_training_killed_again_and_again_ends_with_the_same_numbers(text, tmp_path):
    with ThreadPoolExecutor(len(ORDEALS)) as pool:
        started = {
            name: pool.submit(train_twice, text, tmp_path / name, ordeal, seed)
            for seed, (name, ordeal) in enumerate(ORDEALS.items())
        }
    found = {name: future.result() for name, future in started.items()}
    assert sum(killed.kills for _, _, killed in found.values()) >= 20
    assert any(killed.torn for _, _, killed in found.values())
    for name, ordeal in ORDEALS.items():
        said, expected, killed = found[name]
        # Beside a line for each epoch there is one a minute, on a slow machine.
        lines = [line for line in said.splitlines() if ": batch " not in line]
        assert len(lines) == ordeal.epochs
        assert len(expected["last"][2]["history"]) == ordeal.epochs
        assert any("/" in array for array in expected["last"][0])
        assert expected["last"][0]["states of training/64"].all()
        assert killed.kills == ordeal.kills
        # Nothing that was saved is lost.
        assert killed.done == sorted(killed.done)
        assert killed.done[-1] < (ordeal.epochs, 0)
        assert_same(killed.result, expected)
