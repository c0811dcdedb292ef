"""`make` on a machine with little or nothing: the environment, and what is said without it.

A house of one file and one tiny dependency stands in for the book, so that installing takes
seconds and needs no network.
"""

import ast
import json
import os
import shutil
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MAKE = shutil.which("make")
PYTHON = os.path.realpath(sys.executable)

# A Python that is what PROBE in environment.py is told, and does everything else.
STUB = """#!/bin/sh
case "$*" in
    *ensurepip*) echo "{probe}";;
    *) exec "{python}" "$@";;
esac
"""

BACKEND = """
import shutil

def build_editable(folder, *settings):
    shutil.copy("wheels/house-1-py3-none-any.whl", folder)
    return "house-1-py3-none-any.whl"
"""


def write_wheel(folder, name, version):
    folder.mkdir(exist_ok=True)
    info = f"{name}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    kind = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{name}.py", f"version = {version}\n")
        wheel.writestr(f"{info}/METADATA", metadata)
        wheel.writestr(f"{info}/WHEEL", kind)
        wheel.writestr(f"{info}/RECORD", "")


def build_house(folder):
    """The Makefile and environment.py, with next to nothing to install."""
    (folder / "tools").mkdir(parents=True)
    for name in ("Makefile", "tools/environment.py"):
        shutil.copy(ROOT / name, folder / name)
    for name in ("brick", "tile", "house"):
        write_wheel(folder / "wheels", name, 1)
    (folder / "backend.py").write_text(BACKEND)
    (folder / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
        '[project]\nname = "house"\nversion = "1"\n'
    )
    (folder / "requirements.txt").write_text("brick==1\n")
    (folder / "requirements-test.txt").write_text("tile==1\n")
    return folder


def make(folder, *arguments, pythons=None, **variables):
    """Run make where the PATH holds its tools and the given Pythons, and nothing else."""
    programs = folder / "bin"
    shutil.rmtree(programs, ignore_errors=True)
    programs.mkdir()
    for tool in ("awk", "sed"):
        (programs / tool).symlink_to(shutil.which(tool))
    for name, probe in (pythons or {}).items():
        (programs / name).write_text(STUB.format(probe=probe, python=PYTHON))
        (programs / name).chmod(0o755)
    environment = {
        "PATH": str(programs),
        "HOME": str(folder),
        "UNROLLED_DEVICE": "cpu",
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": "wheels",
        **variables,
    }
    return subprocess.run(
        [MAKE, *arguments], cwd=folder, env=environment, capture_output=True, text=True
    )


def probe(version, venv=1):
    return " ".join(map(str, [*version, venv, PYTHON]))


OLD = probe((3, 9, 18))
HERE = probe(sys.version_info[:3])


def error(result):
    """What a failed run says, beside make's own last line."""
    assert result.returncode == 2
    line, last = result.stderr.splitlines()
    assert last.startswith("make: ***")
    return line


@pytest.fixture
def bare(tmp_path):
    return build_house(tmp_path / "a house")


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """A house with its environment, made among leftovers of other environments."""
    folder = build_house(tmp_path_factory.mktemp("made") / "a house")
    result = make(
        folder,
        "environment",
        pythons={"python3": OLD, "python3.12": HERE},
        PYTHONPATH="/nowhere",
        PYTHONHOME="/nowhere",
        VIRTUAL_ENV="/nowhere",
        CONDA_PREFIX="/nowhere",
        PIP_USER="1",
    )
    assert result.returncode == 0, result.stderr
    assert "Making the environment .venv with python3.12" in result.stdout
    return folder


def installed(folder):
    python = folder / ".venv" / "bin" / "python"
    listing = subprocess.check_output(
        [python, "-I", "-m", "pip", "list", "--format", "json"], text=True
    )
    names = {package["name"] for package in json.loads(listing)}
    return names & {"brick", "tile", "house"}


# ----------------------------------------------------------------- what make says


def test_make_alone_lists_the_targets(bare):
    lines = make(bare).stdout.splitlines()
    targets = "html test freeze serve scripts-help bench lock clean distclean"
    assert [line.split()[1] for line in lines] == targets.split()
    assert all(len(line.split()) > 4 for line in lines)


def test_no_python(bare):
    assert error(make(bare, "html")).startswith("Error: there is no python3 here")


def test_python_too_old(bare):
    line = error(make(bare, "html", pythons={"python3": OLD}))
    assert line == (
        "Error: python3 (Python 3.9.18) is too old: "
        "install Python 3.11 to 3.13, or name it with PYTHON="
    )


def test_python_without_venv(bare):
    pythons = {"python3": probe((3, 11, 2), venv=0)}
    line = error(make(bare, "test", pythons=pythons))
    assert "python3 (Python 3.11.2) lacks its venv module" in line
    assert "apt install python3.11-venv" in line


def test_python_asked_for_is_missing(bare):
    line = error(make(bare, "html", "PYTHON=nope", pythons={"python3": HERE}))
    assert line.startswith("Error: nope is no Python that runs")


def test_folder_of_something_else_is_left_alone(bare):
    line = error(make(bare, "html", "VENV=wheels", pythons={"python3": HERE}))
    assert line.startswith("Error: wheels holds something else")
    assert list((bare / "wheels").iterdir())


def test_old_pythons_can_read_the_script():
    source = (ROOT / "tools" / "environment.py").read_text()
    ast.parse(source, feature_version=(3, 6))


# ------------------------------------------------------------------ what it installs


def test_installs_the_pins_and_the_package(house):
    assert {"brick", "house"} <= installed(house)


def test_nothing_is_installed_twice(house):
    log = house / "_build" / "install.log"
    before = log.stat().st_mtime_ns
    for name in ("requirements.txt", "pyproject.toml"):
        (house / name).touch()
    start = time.perf_counter()
    result = make(house, "environment")  # no Python but its own is needed
    seconds = time.perf_counter() - start
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert log.stat().st_mtime_ns == before
    assert seconds < 1  # it takes 0.05 on an idle machine


def test_test_tools_come_on_top_and_stay(house):
    result = make(house, "test-environment")
    assert "Installing requirements.txt and requirements-test.txt" in result.stdout
    assert installed(house) == {"brick", "tile", "house"}
    assert make(house, "environment").stdout == ""


def test_interrupted_installation_is_completed(house):
    (packages,) = house.glob(".venv/lib/python*/site-packages")
    (packages / "brick.py").unlink()
    (packages / "brick-1.dist-info" / "INSTALLER").unlink()
    (house / ".venv" / "installed.txt").unlink()
    assert make(house, "environment").returncode == 0
    assert (packages / "brick.py").exists()
    assert make(house, "environment").stdout == ""


def test_unreachable_index(house):
    pins = house / "requirements.txt"
    before = pins.read_text()
    pins.write_text("absent==1\n")
    index = {"PIP_INDEX_URL": "http://127.0.0.1:9", "PIP_RETRIES": "1"}
    try:
        line = error(make(house, "environment", PIP_NO_INDEX="0", **index))
        assert line.startswith("Error: the package index cannot be reached")
        assert line.endswith("[_build/install.log]")
        line = error(make(house, "environment"))
        assert line.startswith("Error: the package index has no absent==1 for this")
    finally:
        pins.write_text(before)
    assert make(house, "environment").returncode == 0  # mended without a network
