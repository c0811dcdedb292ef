"""Executing and freezing: what is kept, what is made anew, and what a failure costs."""

import getpass
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nbformat
import pytest

import pages
from provenance import private_words
from small_book import Book

ROOT = Path(__file__).parents[1]


@pytest.fixture
def book(tmp_path, monkeypatch):
    monkeypatch.setattr(pages, "BOOK", tmp_path / "book")
    return Book(tmp_path)


@pytest.fixture(scope="module")
def once_frozen(tmp_path_factory):
    """A book whose pages are frozen."""
    book = Book(tmp_path_factory.mktemp("frozen"))
    frozen = book.execute("--freeze")
    assert frozen.returncode == 0, frozen.stderr
    return book


@pytest.fixture
def frozen_book(once_frozen, book):
    """A copy of it."""
    shutil.copytree(once_frozen.folder, book.folder, dirs_exist_ok=True)
    return book


def test_only_what_changed_is_executed_and_a_failure_costs_nothing(book):
    assert "Executing 2 of 2 pages" in book.execute().stdout
    assert book.execute().stdout == "Outputs are up to date.\n"
    good = book.executed("one").read_bytes()

    book.write("one", "1 + 1", "half = 1 / 2\n1 / 0")
    failed = book.execute()
    assert failed.returncode == 1
    assert re.search(
        r"^book/one\.md:11: cell 2 of 2 failed after \d+ s\.$", failed.stderr, re.M
    )
    assert "half = 1 / 2" in failed.stderr  # the traceback
    assert "ZeroDivisionError" in failed.stderr
    assert "\x1b" not in failed.stderr
    assert book.executed("one").read_bytes() == good

    book.write("one", "1 + 1")
    assert book.execute().stdout == "Outputs are up to date.\n"


def test_a_cell_that_kills_its_process_is_named(book):
    book.write("one", "import os\nos._exit(3)")
    failed = book.execute("one")
    assert failed.returncode == 1
    assert "book/one.md:8: cell 1 of 1 failed" in failed.stderr


def test_frozen_outputs_are_shown_as_they_are(frozen_book):
    book = frozen_book
    assert not list(book.folder.rglob("*.part"))
    shutil.rmtree(book.folder / "_build")
    thawed = book.execute("--execute", "never")
    assert (
        thawed.stdout
        == "Frozen outputs hold for 2 of 2 pages.\nOutputs are up to date.\n"
    )
    assert book.output("one") == "2"
    assert book.made("one")["frozen"] is True
    assert not book.executed("one").exists()


def test_a_stale_page_is_executed_and_says_why(frozen_book):
    book = frozen_book
    shutil.rmtree(book.folder / "_build")
    book.write("one", "1 + 2")
    refused = book.execute("--execute", "never")
    assert refused.returncode == 2
    assert refused.stderr == (
        "Error: EXECUTE=never, but frozen outputs do not hold: "
        "one (changed since: its code). Run: make freeze\n"
    )
    mended = book.execute()
    assert "Frozen outputs hold for 1 of 2 pages." in mended.stdout
    assert "one: executed, changed since: its code" in mended.stdout
    assert book.output("one") == "3"
    assert book.made("one")["frozen"] is False
    assert book.made("one")["stale"] == "changed since: its code"
    assert book.made("two")["frozen"] is True
    assert "Outputs are up to date." in book.execute().stdout
    assert book.made("one")["stale"] == "changed since: its code"


def test_what_was_cut_short_on_its_way_to_the_site_goes_there_again(frozen_book):
    book = frozen_book
    book.execute()
    for path in (book.folder / "_build" / "cache" / "executed").rglob("*.ipynb"):
        path.write_text(path.read_text()[:50])
    (book.folder / "_build" / "cache.unfinished").touch()
    mended = book.execute()
    assert (mended.returncode, mended.stderr) == (0, "")
    assert book.output("one") == "2"
    assert not (book.folder / "_build" / "cache.unfinished").exists()


def test_words_and_captions_leave_frozen_outputs_alone(frozen_book):
    book = frozen_book
    page = book.folder / "book" / "one.md"
    page.write_text(page.read_text().replace("# A page", "# A better page"))
    page.write_text(page.read_text().replace("ipython3\n", "ipython3\n:tags: [a]\n\n"))
    assert book.execute("--execute", "never").returncode == 0
    assert pages.code_cells(book.shown("one"))[0].metadata["tags"] == ["a"]
    assert book.output("one") == "2"


def test_always_ignores_what_is_frozen(frozen_book):
    book = frozen_book
    made = book.execute("--execute", "always")
    assert "Executing 2 of 2 pages" in made.stdout
    assert book.made("one")["frozen"] is False
    assert book.made("one")["stale"] == ""


def test_freezing_goes_on_where_it_was_stopped(book):
    book.execute("--freeze", "one")
    assert not book.frozen("two").exists()
    before = book.frozen("one").read_bytes()
    again = book.execute("--freeze")
    assert "one: frozen already" in again.stdout
    assert "book/_frozen/two.ipynb" in again.stdout
    assert book.frozen("one").read_bytes() == before


def test_a_failing_chapter_keeps_its_frozen_outputs(frozen_book):
    book = frozen_book
    before = book.frozen("two").read_bytes()
    book.write("one", "1 + 2")
    book.write("two", "1 / 0")
    failed = book.execute("--freeze")
    assert failed.returncode == 1
    assert "book/two.md:8: cell 1 of 1 failed" in failed.stderr
    assert book.frozen("two").read_bytes() == before
    assert "its code" not in book.execute("one").stdout  # one was frozen anew


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_a_killed_run_loses_only_the_chapter_in_progress(frozen_book, how):
    book = frozen_book
    old = book.frozen("two").read_bytes()
    book.write("one", "1 + 2")
    slow = "import os, pathlib, time\npathlib.Path('pid').write_text(str(os.getpid()))"
    book.write("two", slow, "time.sleep(600)")
    pid = book.folder / "book" / "pid"
    running = subprocess.Popen(
        **book.command("--freeze"), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    for _ in range(600):
        if pid.exists() and pid.read_text():
            break
        time.sleep(0.1)
    running.send_signal(how)
    _, said = running.communicate(timeout=60)
    assert running.returncode != 0
    if how == signal.SIGINT:
        assert said.strip().endswith("the next run goes on.")
        assert "Traceback" not in said
    kernel = Path("/proc") / pid.read_text()
    for _ in range(100):  # nothing computes on behind the reader's back
        if not kernel.exists():
            break
        time.sleep(0.1)
    assert not kernel.exists()

    assert json.loads(book.frozen("one").read_text())["cells"]
    assert book.frozen("two").read_bytes() == old
    book.write("two", "2 + 3")
    again = book.execute("--freeze")
    assert "one: frozen already" in again.stdout
    assert again.returncode == 0


def test_outputs_of_another_device_are_shown_with_its_name(frozen_book):
    """A GPU's outputs, on a machine without one."""
    book = frozen_book
    shutil.rmtree(book.folder / "_build")
    book.pretend("one", device="gpu", budget="gpu", name="NVIDIA H100")
    book.pretend("two", device="gpu", budget="smoke")
    plain = {"UNROLLED_BUDGET": "", "UNROLLED_DEVICE": ""}
    refused = book.execute("--execute", "never", **plain)
    assert "two (changed since: the budget)" in refused.stderr
    assert "one (" not in refused.stderr
    assert book.execute("--execute", "never", "one", **plain).returncode == 0
    assert book.made("one")["name"] == "NVIDIA H100"

    # Whoever asks for this machine's outputs gets them, and nothing is called stale for that.
    book.execute("one", UNROLLED_DEVICE="cpu", UNROLLED_BUDGET="cpu")
    assert book.made("one")["device"] == "cpu"
    assert book.made("one")["stale"] == ""


def test_a_page_that_asks_for_a_processor_gets_it_where_a_gpu_is_asked_for(book):
    book.write("one", "1 + 1", front="device: cpu")
    (book.folder / "book" / "two.md").unlink()
    done = book.execute("--freeze", UNROLLED_DEVICE="cpu")
    assert done.returncode == 0, done.stderr
    assert book.execute(UNROLLED_DEVICE="gpu").stdout.endswith("up to date.\n")
    assert book.made("one")["device"] == "cpu"


def test_what_is_no_frozen_page_is_not_shown(book):
    empty = '{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}'
    book.frozen("one").parent.mkdir()
    for text in ("", "not a notebook", "[]", empty):
        book.frozen("one").write_text(text)
        refused = book.execute("--execute", "never", "one")
        assert refused.returncode == 2
        assert "one (what is frozen cannot be read)" in refused.stderr
    assert book.execute("one").returncode == 0
    assert book.output("one") == "2"


def test_outputs_of_other_cells_are_not_shown(frozen_book):
    """A frozen page whose cells were edited by hand."""
    book = frozen_book
    notebook = json.loads(book.frozen("one").read_text())
    code = [c for c in notebook["cells"] if c["cell_type"] == "code"]
    code[0]["source"] = ["3 + 3"]
    book.frozen("one").write_text(json.dumps(notebook))
    refused = book.execute("--execute", "never", "one")
    assert "one (its cells are not those of the page)" in refused.stderr


def test_outputs_that_name_the_machine_are_not_frozen(book):
    book.write("one", "import os\nprint(os.getcwd())")
    refused = book.execute("--freeze", "one")
    assert refused.returncode == 2
    assert "one is not frozen: its outputs name this machine (" in refused.stderr
    assert refused.stderr.count("\n") == 1
    assert not book.frozen("one").exists()


@pytest.mark.parametrize(
    ("text", "private"),
    [
        (f"{ROOT}/book/page.md", True),
        (f"{Path.home()}/notes.txt", True),
        (f"{sys.prefix}/lib/python", True),
        (f"{tempfile.gettempdir()}/ipykernel_1/2.py", True),
        (f"{getpass.getuser()}@example", True),
        ("the square root of a GPU, in code/unrolled and _build/x", False),
        (f"the {getpass.getuser()} of it", False),
    ],
)
def test_private_words_are_found(text, private):
    outputs = [nbformat.v4.new_output("stream", text=text)]
    cell = nbformat.v4.new_code_cell("1", outputs=outputs)
    found = private_words(nbformat.v4.new_notebook(cells=[cell]))
    assert bool(found) == private


def test_a_host_is_a_private_word(monkeypatch):
    outputs = [nbformat.v4.new_output("stream", text="on node-17, a gpu")]
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell("1", outputs=outputs)]
    )
    for host, private in (("node-17", ["node-17"]), ("node-1", []), ("gpu", [])):
        monkeypatch.setattr(socket, "gethostname", lambda host=host: host)
        assert private_words(notebook) == private


def test_a_frozen_page_opens_in_jupyter(once_frozen):
    notebook = nbformat.read(once_frozen.frozen("one"), as_version=4)
    nbformat.validate(notebook)
    assert notebook.metadata["kernelspec"]["name"] == "python3"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["pgae"], "no page 'pgae': there are one, two"),
        (["--execute", "sometimes"], "invalid choice: 'sometimes'"),
        (["--freeze", "--execute", "never"], "nothing can be frozen"),
    ],
)
def test_a_wrong_request_is_a_line_and_status_2(book, options, said):
    wrong = book.execute(*options)
    assert wrong.returncode == 2
    assert said in wrong.stderr
    assert wrong.stderr.count("\n") == 1


def test_a_gpu_that_is_missing_is_a_line_and_status_2(book):
    wrong = book.execute(UNROLLED_DEVICE="gpu", JAX_PLATFORMS="cpu")
    assert wrong.returncode == 2
    assert "UNROLLED_DEVICE=gpu, but JAX sees no GPU" in wrong.stderr
    assert wrong.stderr.count("\n") == 1


def test_a_dry_run_says_what_would_be_done_and_why(frozen_book):
    book = frozen_book
    book.frozen("two").unlink()
    book.executed("two").unlink()
    before = sorted(book.folder.rglob("*.ipynb"))
    book.write("two", "2 + 3")
    dry = book.execute("--execute", "dry")
    assert dry.stdout.splitlines() == [
        "Frozen outputs hold for 1 of 2 pages.",
        "one: frozen outputs hold",
        "two: to be executed, nothing is frozen",
        "EXECUTE=dry: nothing was executed.",
    ]
    book.write("one", "1 + 2")
    dry = book.execute("--freeze", "--execute", "dry")
    assert "one: to be executed, changed since: its code" in dry.stdout
    assert sorted(book.folder.rglob("*.ipynb")) == before
    book.execute("two")
    dry = book.execute("--freeze", "--execute", "dry", "two")
    assert dry.stdout.splitlines()[0] == "two: executed here already"


def test_a_reader_who_has_seen_enough_is_no_mistake(book):
    """As ``head`` is, after a line."""
    for options in (["--execute", "dry"], ["--help"], ["one"]):
        reading, writing = os.pipe()
        os.close(reading)
        done = subprocess.run(
            **book.command(*options), stdout=writing, stderr=subprocess.PIPE
        )
        os.close(writing)
        assert (done.returncode, done.stderr) == (0, "")


def test_what_no_commit_holds_is_not_frozen(book):
    book.git("init", "-q")
    (book.folder / ".gitignore").write_text("__pycache__/\n")
    head = book.commit()
    book.write("one", "1 + 2")
    book.execute("one")  # a look at it is allowed, and says so
    assert book.made("one")["commit"] == f"{head} with local changes"
    refused = book.execute("--freeze")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr.startswith("Error: not frozen: book/one.md is not as in the")
    assert refused.stderr.count("\n") == 1
    assert not book.frozen("one").exists()

    head = book.commit()
    frozen = book.execute("--freeze", "one")
    assert "[1/1] one: 1 cells" in frozen.stdout  # not what was made before the commit
    made = json.loads(book.frozen("one").read_text())["metadata"]["unrolled"]
    assert made["commit"] == head
    assert book.execute("--freeze", "one").stdout == "one: frozen already\n"

    book.pretend("one", commit=f"{head} with local changes")
    again = book.execute("--freeze", "--execute", "dry", "one").stdout
    assert "one: executed here already" in again


def test_the_commit_travels_where_no_repository_does(book):
    book.execute("one", UNROLLED_COMMIT="0123456789")
    assert book.made("one")["commit"] == "0123456789"


FROZEN = sorted((ROOT / "book" / "_frozen").rglob("*.ipynb"))


@pytest.mark.parametrize("path", FROZEN, ids=lambda path: path.stem)
def test_what_the_repository_holds_names_no_machine(path):
    text = path.read_text(encoding="utf-8")
    found = re.findall(
        r"/(?:home|root|Users|tmp|usr|opt|mnt|work)/[\w./-]+|site-packages|\w+@\w+:",
        text,
    )
    assert not found


def test_the_repository_stays_small():
    assert sum(path.stat().st_size for path in FROZEN) < 15e6
