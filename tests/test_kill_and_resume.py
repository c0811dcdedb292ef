"""A training that is cut off ends with the very same parameters (for longer: `make torture`)."""

import signal
import time

import pytest

import ordeals
from ordeals import ANEW, PATIENCE, READ, WRITE, begin, done, finish, go_on, parts

EPOCHS = 8


@pytest.fixture
def start():
    """Start a process; what a failed test has left running is ended."""
    processes = []

    def start(command):
        processes.append(ordeals.start(command))
        return processes[-1]

    yield start
    for process in processes:
        if process.poll() is None:
            process.kill()
            process.communicate()


def kill(process):
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL


def wait_for_part(folder, process):
    """Wait until a process writes a checkpoint."""
    before = parts(folder)
    while not parts(folder) - before:
        assert process.poll() is None
        time.sleep(0.0005)


def test_a_training_killed_again_and_again_ends_with_the_same_numbers(tmp_path, start):
    text = ordeals.write_text(tmp_path / "text.txt", 2000)
    spared, killed = tmp_path / "spared", tmp_path / "killed"
    said = finish(start(begin(text, spared, "adam", EPOCHS, WRITE)))
    # Beside a line for each epoch there is one a minute, on a slow machine.
    lines = [line for line in said.splitlines() if ": batch " not in line]
    assert len(lines) == EPOCHS
    expected = ordeals.result(spared)
    assert len(expected["last"][2]["history"]) == EPOCHS
    assert any("/" in array for array in expected["last"][0])
    assert expected["last"][0]["states of training/64"].all()

    last, seen = killed / "last.npz", []
    # While it trains, or validates, ...
    process = start(begin(text, killed, "adam", EPOCHS, READ, "--save-every", "0"))
    assert ordeals.wait_for(last, process)
    kill(process)
    seen.append(done(killed))
    # ... while it writes: what it writes over is whole; ...
    process = start(go_on(killed, READ))
    wait_for_part(killed, process)
    kill(process)
    seen.append(done(killed))
    # ... and once more, politely.
    process = start(go_on(killed, READ))
    assert ordeals.wait_for(last, process, since=ordeals.stamp(last))
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert errors.endswith("\ninterrupted\n")
    assert not parts(killed)
    seen.append(done(killed))
    # Nothing that was saved is lost.
    assert seen == sorted(seen)
    assert seen[-1] < (EPOCHS, 0)
    # The rest comes from what this very process compiled.
    finish(start(go_on(killed, ANEW)))
    ordeals.assert_same(ordeals.result(killed), expected)
