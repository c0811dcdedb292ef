"""How far a training is, in a terminal, in a notebook and in a log."""

import fcntl
import inspect
import os
import re
import struct
import sys
import termios
from types import SimpleNamespace

import nbformat
from nbclient import NotebookClient

from unrolled import progress
from unrolled.progress import Progress


def two_epochs(batches=20):
    """What a training of two epochs tells its progress."""
    shown = Progress()
    for epoch in (1, 2):
        shown.begin(epoch, 0, batches)
        for position in range(1, batches + 1):
            shown.show(position, 5.0 / epoch, 100)
        shown.end(f"epoch {epoch} is done")


def test_a_log_has_plain_lines(capsys, monkeypatch):
    monkeypatch.setattr(progress, "LOG_EVERY", 0)
    two_epochs()
    out, log = capsys.readouterr()
    lines = log.splitlines()
    assert out == ""
    assert len(lines) == 42
    assert re.fullmatch(
        r"epoch 1: batch 7 of 20, loss 5\.000, [\d,]+ words/s, 0:0\d left", lines[6]
    )
    assert lines[20] == "epoch 1 is done"
    assert "\r" not in log
    assert "\x1b" not in log


def test_a_log_has_a_line_a_minute(capsys, monkeypatch):
    now = [0.0]
    clock = SimpleNamespace(monotonic=lambda: now[0])
    monkeypatch.setattr(progress, "time", clock)
    shown = Progress()
    # Resumed.
    shown.begin(1, 300, 600)
    for position in range(301, 451):
        now[0] += 1.0
        shown.show(position, 2.0, 50)
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        "epoch 1: batch 360 of 600, loss 2.000, 50 words/s, 4:00 left",
        "epoch 1: batch 420 of 600, loss 2.000, 50 words/s, 3:00 left",
    ]


def test_epochs_may_have_other_numbers_of_batches(capsys, monkeypatch):
    monkeypatch.setattr(progress, "LOG_EVERY", 0)
    shown = Progress()
    for epoch, batches in ((1, 20), (2, 21)):
        shown.begin(epoch, 0, batches)
        shown.show(5, 2.0, 50)
        shown.end()
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("epoch 1: batch 5 of 20, ")
    assert second.startswith("epoch 2: batch 5 of 21, ")


def test_a_terminal_without_a_width_is_a_log(monkeypatch):
    master, slave = os.openpty()
    with open(slave, "w", encoding="utf-8") as terminal:
        monkeypatch.setattr(sys, "stderr", terminal)
        assert Progress().place == "log"
    os.close(master)


def test_a_terminal_has_a_bar(monkeypatch):
    master, slave = os.openpty()
    size = struct.pack("HHHH", 24, 120, 0, 0)
    fcntl.ioctl(slave, termios.TIOCSWINSZ, size)
    with open(slave, "w", encoding="utf-8") as terminal:
        monkeypatch.setattr(sys, "stderr", terminal)
        shown = Progress()
        assert shown.place == "terminal"
        shown.begin(1, 0, 20)
        for position in range(1, 21):
            shown.show(position, 4.321, 100)
            shown.bar.refresh()
        shown.end("epoch 1 is done")
        terminal.flush()
        os.set_blocking(master, False)
        text = b""
        for piece in iter(lambda: read_some(master), b""):
            text += piece
    os.close(master)
    text = text.decode()
    half = next(part for part in text.split("\r") if "10/20" in part)
    assert re.search(r"epoch 1: +50%\|.*\| 10/20 \[\d\d:\d\d<\d\d:\d\d", half)
    assert re.search(r"loss 4\.321, [\d,]+ words/s", half)
    # The bar is wiped out, and the epoch's line is left.
    assert re.search(r"\r +\repoch 1 is done\r?\n$", text)


def read_some(master):
    try:
        return os.read(master, 65536)
    except OSError:
        # Nothing is left.
        return b""


def test_a_notebook_has_one_output_that_changes():
    source = inspect.getsource(two_epochs) + "two_epochs()"
    source = f"from unrolled.progress import Progress\n{source}"
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
    messages = []
    client = NotebookClient(notebook, timeout=60, kernel_name="python3")
    process_message = client.process_message

    def listen(message, *rest):
        messages.append(message["msg_type"])
        return process_message(message, *rest)

    client.process_message = listen
    client.execute()
    (output,) = notebook.cells[0].outputs
    assert output.data == {"text/plain": "epoch 1 is done\nepoch 2 is done"}
    assert messages.count("display_data") == 1
    assert messages.count("update_display_data") == 41
