"""`make` on a machine with little or nothing: the environment, and what is said without it.

Scripts stand in for Pythons. They note what pip is asked to install, and install nothing.
"""

import fcntl
import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
MAKE = shutil.which("make")
FILES = (
    "Makefile",
    "pyproject.toml",
    "tools/alone.py",
    *(path.name for path in ROOT.glob("*.txt")),
)

STUB = """#!/bin/sh
case "$*" in
    -c*) exec "{real}" -c "import sys; sys.version_info = {version}; {more}; $2";;
    tools/alone.py*) exec "{real}" "$@";;
    "-m venv"*) rm -rf "$4"; mkdir -p "$4/bin"; cp "$0" "$4/bin/python"; touch "$4/pyvenv.cfg";;
    *install*) echo "$*" "$PIP_TARGET$PYTHONPATH" >> pip.log; [ ! -e offline ];;
    *) echo "$PYTHONPATH";;
esac
"""
OLD, GOOD, OTHER = (3, 9), (3, 12), (3, 13)
NO_VENV = "sys.modules['venv'] = None"
BASE = ["-r requirements.txt", "-e ."]


@pytest.fixture
def make(tmp_path):
    """Run make in a house where the PATH holds the Pythons given, and little else."""
    house = tmp_path / "a house"
    (house / "bin").mkdir(parents=True)
    (house / "tools").mkdir()
    for name in FILES:
        shutil.copy(ROOT / name, house / name)
    for tool in ("awk", "cat", "cp", "ls", "mkdir", "rm", "touch"):
        (house / "bin" / tool).symlink_to(shutil.which(tool))

    def run(*arguments, pythons=None, more="pass", **variables):
        for name, version in (pythons or {}).items():
            stub = STUB.format(real=sys.executable, version=version, more=more)
            (house / "bin" / name).write_text(stub)
            (house / "bin" / name).chmod(0o755)
        (house / "pip.log").write_text("")
        env = {"PATH": str(house / "bin"), "UNROLLED_DEVICE": "cpu", **variables}
        done = subprocess.run(
            [MAKE, *arguments], cwd=house, env=env, capture_output=True, text=True
        )
        asked = (house / "pip.log").read_text().splitlines()
        done.installed = [" ".join(line.split()[-2:]) for line in asked]
        return done

    run.house = house
    return run


def test_make_alone_lists_the_targets(make):
    lines = make().stdout.splitlines()
    targets = "html test torture freeze serve scripts-help bench measure lock clean "
    targets += "distclean parity"
    assert [line.split()[1] for line in lines] == targets.split()
    assert all(len(line.split()) > 4 for line in lines)


@pytest.mark.parametrize(
    "path", [*(ROOT / ".github/workflows").glob("*.yml")], ids=lambda path: path.stem
)
def test_workflows_ask_for_what_there_is(make, path):
    workflow = yaml.safe_load(path.read_text(encoding="utf-8"))
    steps = [step for job in workflow["jobs"].values() for step in job["steps"]]
    said = "\n".join(step.get("run", "") for step in steps)
    targets = {line.split()[1] for line in make().stdout.splitlines()}
    assert {*re.findall(r"\bmake ([a-z-]+)", said)} <= targets
    files = re.findall(r"(?:-r |^)(\S+\.in|\.ci/\w+)", said, re.M)
    assert all((ROOT / file).is_file() for file in files)


@pytest.mark.parametrize(
    ("arguments", "found", "more"),
    [
        ((), {}, "pass"),
        ((), {"python3": OLD}, "pass"),
        ((), {"python3": GOOD}, NO_VENV),
        (("PYTHON=nope",), {"python3": GOOD}, "pass"),
        (("PYTHON=python3",), {"python3": (3, 14), "python3.12": GOOD}, "pass"),
    ],
)
def test_without_a_fit_python_one_line_says_what_is_needed(
    make, arguments, found, more
):
    failed = make("html", *arguments, pythons=found, more=more)
    line, *rest = failed.stderr.splitlines()
    assert line.startswith("Error: no Python 3.11 to 3.13 with its venv module")
    assert all(re.match(r"make(\[1])?: \*\*\*", one) for one in rest)
    assert failed.returncode == 2


def test_a_folder_of_something_else_is_left_alone(make):
    failed = make("html", "VENV=bin", pythons={"python3": GOOD})
    assert failed.stderr.startswith("Error: bin holds something else")
    assert failed.returncode == 2
    assert (make.house / "bin" / "python3").exists()


def test_what_is_installed_once_stays(make):
    """Made with the first Python that is fit, whatever another environment has left behind."""
    found = {"python3": OLD, "python3.12": GOOD}
    left = {"PIP_TARGET": "/nowhere", "PYTHONPATH": "/nowhere"}
    first = make("environment", pythons=found, **left)
    assert "Making the environment .venv with python3.12" in first.stdout
    assert first.installed == BASE
    assert make("test-environment").installed == ["-r requirements-test.txt"]
    (make.house / "bin" / "python3.12").unlink()
    for target in ("environment", "test-environment"):
        again = make(target)
        assert (again.installed, again.stdout, again.stderr) == ([], "", "")


def test_who_comes_second_waits_for_the_environment(make):
    folder = make.house / ".venv"
    folder.mkdir()
    handle = os.open(folder, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    with ThreadPoolExecutor() as pool:
        second = pool.submit(make, "environment", pythons={"python3": GOOD})
        with pytest.raises(TimeoutError):
            second.result(2)
        os.close(handle)
        done = second.result()
    assert done.stdout.startswith(f"Another build is at work in {folder}: waiting")
    assert done.installed == BASE


def test_an_interrupted_installation_is_made_good(make):
    (make.house / "offline").touch()
    failed = make("environment", pythons={"python3": GOOD})
    assert (failed.returncode, failed.installed) == (2, BASE[:1])
    (make.house / "offline").unlink()
    part = make.house / ".venv/lib/python3.12/site-packages/half-1.dist-info"
    part.mkdir(parents=True)
    assert make("environment").installed == BASE
    assert not part.exists()
    assert make("environment").installed == []


def test_what_changed_is_installed_again(make):
    make("environment", pythons={"python3": GOOD, "python3.13": OTHER})
    assert make("environment", "PYTHON=python3").installed == []
    assert make("environment", "PYTHON=python3.13").installed == BASE
    assert make("environment").installed == []
    shutil.rmtree(make.house / ".venv" / "bin")  # its Python was removed, say
    assert make("environment").installed == BASE


def test_a_gpu_brings_its_packages(make):
    make("environment", pythons={"python3": GOOD})
    assert make("environment", "DEVICE=gpu").installed == ["-r requirements-gpu.txt"]
    assert make("environment", "DEVICE=cpu").installed == []


def test_without_an_environment_a_python_runs_with_what_it_has(make):
    asked = ("scripts-help", "VENV=", "PYTHON=python3")
    done = make(*asked, pythons={"python3": GOOD}, PYTHONPATH="site")
    assert done.stdout.splitlines()[0] == f"{make.house}/code:site"
    assert done.installed == []
