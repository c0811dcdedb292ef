"""Builds that meet in one folder, and builds that were cut short."""

import subprocess
import sys
import time

import pytest

from pages import ROOT
from support import clean_environment, run

ALONE = ROOT / "tools" / "alone.py"
CONF = f"""
import sys
sys.path[:0] = [{str(ROOT / "tools")!r}, {str(ROOT / "book/_ext")!r}]
extensions = ["unfinished"]
"""
HOLD = "import pathlib, time; pathlib.Path('held').touch(); time.sleep({})"


def hold(folder, seconds):
    """Start a command that has a folder for itself for a while."""
    (folder / "held").unlink(missing_ok=True)
    work = [sys.executable, "-c", HOLD.format(seconds)]
    held = subprocess.Popen([sys.executable, ALONE, "out", *work], cwd=folder)
    while not (folder / "held").exists():
        assert held.poll() is None
        time.sleep(0.01)
    return held


def ask(folder, *command):
    """Run a command that needs the folder, and say what it printed."""
    words = [sys.executable, ALONE, "out", *command]
    return run(*words, cwd=folder, env=clean_environment())


def test_the_second_waits_for_the_first_and_says_so(tmp_path):
    first = hold(tmp_path, 600)
    command = [sys.executable, ALONE, "out", sys.executable, "-c", "print('done')"]
    second = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    says = f"Another build is at work in {tmp_path / 'out'}: waiting for it ...\n"
    assert second.stdout.readline() == says
    assert second.poll() is None
    first.terminate()
    first.wait()
    assert second.communicate()[0] == "done\n"


def test_who_was_killed_stands_in_nobodys_way(tmp_path):
    first = hold(tmp_path, 600)
    first.kill()
    first.wait()
    assert ask(tmp_path, "echo", "done").stdout == "done\n"


def test_what_a_build_starts_does_not_wait_for_it(tmp_path):
    nested = [sys.executable, str(ALONE), "out", "echo", "done"]
    assert ask(tmp_path, *nested).stdout == "done\n"


@pytest.fixture
def site(tmp_path):
    """Build a site of one page: gives what was said."""
    (tmp_path / "conf.py").write_text(CONF)
    (tmp_path / "index.rst").write_text("A page\n======\n\nSome text.\n")

    def build():
        folder = tmp_path / "out"
        paths = ("-d", folder / "doctrees", tmp_path, folder / "html")
        environment = clean_environment(UNROLLED_BUILD=str(folder))
        return run(sys.executable, "-m", "sphinx", "-q", *paths, env=environment)

    build.page = tmp_path / "out" / "html" / "index.html"
    build.mark = tmp_path / "out" / "html.unfinished"
    build.conf = tmp_path / "conf.py"
    return build


def test_what_a_killed_build_left_is_built_anew(site):
    assert site().stdout == ""
    assert not site.mark.exists()
    whole = site.page.read_text()
    site.page.write_text(whole[:100])
    site.mark.touch()
    assert site().stdout == "The last build was cut short: all pages are built anew.\n"
    assert site.page.read_text() == whole
    assert not site.mark.exists()


def test_so_is_what_one_left_that_failed(site):
    kill = "def setup(app): app.connect('html-page-context', lambda *_: 1 / 0)\n"
    site.conf.write_text(CONF + kill)
    assert site().returncode == 2
    assert site.mark.exists()
    site.conf.write_text(CONF)
    assert "cut short" in site().stdout
    assert "Some text" in site.page.read_text()
