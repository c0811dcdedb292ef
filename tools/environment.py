"""Make the environment that builds and tests the book, and bring it up to date.

    python tools/environment.py VENV requirements.txt [requirements-test.txt ...]

`make` starts this with any Python at hand. It chooses the Python to build with, makes the
virtual environment VENV, and installs the requirements and the package itself into it. What
is installed is noted in VENV/installed.txt, written last: while that note holds, there is
nothing to do, and an installation that was cut short is completed by the next run.

A Python too old for the book must still read this file to say so, hence the syntax of
Python 3.6 and the standard library alone.
"""

import fcntl
import hashlib
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from shutil import rmtree, which

OLDEST, NEWEST = (3, 11), (3, 13)  # the pins are resolved and tested for these
RANGE = "Python {}.{} to {}.{}".format(*OLDEST, *NEWEST)
LOG = Path("_build", "install.log")  # what pip says in full
PACKAGES = "lib/python*/site-packages/*.dist-info"

# Prints the version, whether virtual environments can be made, and the path.
PROBE = """
import sys
try: import venv, ensurepip
except ImportError: venv = None
print(*sys.version_info[:3], int(venv is not None), sys.executable)
"""

# What the log says, and what it means. The first that matches is told.
FAILURES = (
    (
        "No space left on device|Disk quota exceeded",
        "the disk is full: the environment takes 1.5 GB, with CUDA 6 GB",
    ),
    (
        "subprocess-exited-with-error",
        "a package has no build for this Python and machine, and could not be built: "
        "choose another Python with PYTHON=",
    ),
    (
        "[Cc]onnection broken|Max retries exceeded|timed out|ssl certificate|SSLError",
        "the package index cannot be reached: look at the network, and at pip's settings "
        "where there is a proxy or an index of your own (pip config list)",
    ),
    (
        r"No matching distribution found for (?P<what>\S+)",
        "the package index has no {what} for this Python and machine: "
        "choose another Python with PYTHON=",
    ),
    (r"(?m)^(?:ERROR|Error): (?P<what>.+)", "{what}"),
)


class InstallError(Exception):
    """What is wrong, and what to do, in one line."""


# ----------------------------------------------------------------- which Python


class Interpreter:
    """A Python that answers: its version, and whether it can make environments."""

    def __init__(self, command):
        reply = subprocess.check_output(
            [command, "-I", "-c", PROBE], stderr=subprocess.DEVNULL
        )
        *numbers, self.path = reply.decode().split(None, 4)
        self.path = self.path.strip()
        self.version = tuple(map(int, numbers[:2]))
        self.name = "{} (Python {}.{}.{})".format(command, *numbers[:3])
        self.has_venv = numbers[3] == "1"


def interpreter(command):
    """The Python behind a command, or None where there is none."""
    try:
        return Interpreter(command) if which(command) else None
    except (OSError, subprocess.CalledProcessError, ValueError):
        return None


def choose(asked):
    """The Python to build with: the one asked for, else the best on the PATH."""
    names = [asked] if asked else ["python3", "python3.13", "python3.12", "python3.11"]
    found = [python for python in map(interpreter, names) if python]
    if not found:
        raise InstallError(
            f"{names[0]} is no Python that runs: install {RANGE}, or name it with PYTHON="
        )
    fit = [python for python in found if python.version >= OLDEST]
    if not fit:
        raise InstallError(
            f"{found[0].name} is too old: install {RANGE}, or name it with PYTHON="
        )
    ready = [python for python in fit if python.has_venv]
    if not ready:
        raise InstallError(
            "{} lacks its venv module: install it (Debian and Ubuntu: apt install "
            "python{}.{}-venv), or name another Python with PYTHON=".format(
                fit[0].name, *fit[0].version
            )
        )
    ready.sort(key=lambda python: python.version > NEWEST)  # stable: in range first
    if ready[0].version > NEWEST:
        print(f"{ready[0].name} is newer than {RANGE}, which the pins are made for")
    return ready[0]


# ------------------------------------------------------------ what is to be there


def sees_gpu():
    """Whether the chapters may run on an NVIDIA GPU here, and JAX needs CUDA for it."""
    asked = os.environ.get("UNROLLED_DEVICE", "").strip().lower()
    if asked:
        return asked == "gpu"
    return os.path.exists("/dev/nvidiactl") or os.path.exists(
        "/usr/lib/wsl/lib/libcuda.so.1"
    )


def note(version, requirements):
    """The lines of VENV/installed.txt: all that the environment depends on."""
    files = ["pyproject.toml", *requirements]
    return ["Python {}.{}".format(*version), "in " + os.getcwd()] + [
        name + " " + hashlib.sha256(Path(name).read_bytes()).hexdigest()
        for name in files
    ]


def is_current(venv, requirements, asked):
    """Whether the environment is whole, up to date and of the Python asked for."""
    if Path(sys.prefix).resolve() != venv.resolve():
        return False  # started by another Python: that of the environment does not run
    python = interpreter(asked) if asked else None
    if asked and (python is None or python.version != sys.version_info[:2]):
        return False
    try:
        there = (venv / "installed.txt").read_text().splitlines()
    except OSError:
        return False
    return set(note(sys.version_info[:2], requirements)) <= set(there)


# ------------------------------------------------------------------- installing


class Progress:
    """One line that is rewritten on a terminal, and a line now and then in a log."""

    def __init__(self):
        self.start = time.time()
        self.shown = self.start
        self.live = sys.stdout.isatty()

    def show(self, text):
        """Show where the work stands."""
        text = f"  {text} ({time.time() - self.start:.0f} s)"
        if self.live:
            print("\r\033[K" + text, end="", flush=True)
        elif time.time() - self.shown > 15:
            self.shown = time.time()
            print(text, flush=True)

    def end(self):
        """Leave the line to what is printed next."""
        if self.live:
            print("\r\033[K", end="", flush=True)


def stage(log, written):
    """Say in a few words how far pip is, from its log."""
    total = re.search("^Installing collected packages: (.+)", log, re.M)
    if total:
        count = total.group(1).count(",") + 1
        return f"writing package {min(written + 1, count)} of {count}"
    fetched = re.findall("^Collecting ([^ =;]+)", log, re.M)
    if log.rstrip().rpartition("\n")[2].startswith("WARNING: Retrying"):
        return "the package index does not answer, trying again"
    if not fetched:
        return "getting ready"
    return f"fetching package {len(fetched)}: {fetched[-1]}"


def whole(venv):
    """Packages that are there in full: pip writes INSTALLER after a package's files."""
    return {path.parent for path in venv.glob(PACKAGES + "/INSTALLER")}


def run(command, venv, progress):
    """Run a command with its output in the log; a failure is told in one line."""
    before = whole(venv)
    begin = LOG.stat().st_size
    with LOG.open("ab") as out:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT
        )
    try:
        while process.poll() is None:
            log = LOG.read_bytes()[begin:].decode(errors="replace")
            progress.show(stage(log, len(whole(venv) - before)))
            time.sleep(0.3)
    finally:  # stopped: nothing goes on behind the reader's back
        process.terminate()
        process.wait()
    progress.end()
    if process.returncode == 0:
        return
    log = LOG.read_bytes()[begin:].decode(errors="replace")
    for pattern, meaning in FAILURES:
        match = re.search(pattern, log)
        if match:
            reason = meaning.format(**match.groupdict())
            raise InstallError(f"{reason} [{LOG}]")
    raise InstallError("{} failed: see {}".format(" ".join(command[:4]), LOG))


def can_install(python):
    """Whether the environment's Python runs and has pip."""
    check = [python, "-I", "-c", "import pip"]
    try:
        return subprocess.call(check, stderr=subprocess.DEVNULL) == 0
    except OSError:
        return False


def install(venv, requirements, asked):
    """Bring the environment to what the requirements say."""
    python = str(venv / "bin" / "python")
    progress = Progress()
    LOG.write_bytes(b"")
    there = interpreter(python)
    wanted = interpreter(asked) if asked else there
    keep = (
        there is not None
        and wanted is not None
        and there.version == wanted.version >= OLDEST
        and can_install(python)
    )
    if not keep:
        chosen = choose(asked)
        if venv.exists() and not (venv / "pyvenv.cfg").exists() and any(venv.iterdir()):
            raise InstallError(
                f"{venv} holds something else: name another folder with VENV="
            )
        print(f"Making the environment {venv} with {chosen.name}", flush=True)
        run([chosen.path, "-I", "-m", "venv", "--clear", str(venv)], venv, progress)
        there = interpreter(python)

    stamp = venv / "installed.txt"
    if stamp.exists():
        stamp.unlink()
    # What an interruption left in part is installed again.
    for package in set(venv.glob(PACKAGES)) - whole(venv):
        rmtree(str(package))

    print("Installing " + " and ".join(requirements), flush=True)
    pip = [python, "-I", "-m", "pip", "install", "--no-input", "--progress-bar", "off"]
    pip += ["--disable-pip-version-check"]
    pins = [word for name in requirements for word in ("-r", name)]
    run([*pip, *pins], venv, progress)
    run([*pip, "--no-deps", "--no-build-isolation", "-e", "."], venv, progress)

    draft = venv / "installed.part"
    draft.write_text("\n".join(note(there.version, requirements)) + "\n")
    draft.rename(stamp)
    seconds = time.time() - progress.start
    print(f"The environment is ready ({seconds:.0f} s)", flush=True)


def main(arguments):
    """Install what is missing; the exit status is 0, or 2 with one line on the reason."""
    venv, requirements = Path(arguments[0]), arguments[1:]
    asked = os.environ.get("PYTHON", "").strip()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if sees_gpu():
        requirements.append("requirements-gpu.txt")
    try:
        if is_current(venv, requirements, asked):
            return 0
        LOG.parent.mkdir(exist_ok=True)
        with LOG.with_name("install.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # one installation at a time
            install(venv, requirements, asked)
    except (InstallError, OSError) as problem:
        print(f"Error: {problem}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nStopped. The next run goes on from here.", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
