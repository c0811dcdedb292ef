"""Several processes that train one model: they agree, they end together, and nothing is lost."""

import re
import signal
import socket
import subprocess
import sys
import time

import pytest

from support import clean_environment, run
from unrolled import checkpoint, devices
from unrolled.errors import UserError

#: Seconds for anything that has to happen, on a machine that has much else to do.
PATIENCE = 240
#: Seconds in which the end of one process has to end the others.
SOON = 15
GONE = re.compile(
    r"unrolled: another process is gone, or cannot be reached \(.+\): "
    r"what is saved can go on with --resume"
)
OPTIONS = [
    *["--hidden", "8", "--embedding", "8", "--vocabulary", "44", "--batch", "8"],
    *[
        "--window",
        "6",
        "--dropout",
        "0.2",
        "--optimizer",
        "adam",
        "--save-every",
        "0.5",
    ],
]


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    path = tmp_path_factory.mktemp("text") / "rain.txt"
    lines = [
        f"It rains in town {i % 17} and on hill {i % 23} today." for i in range(600)
    ]
    path.write_text("\n\n".join(lines))
    return path


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def by_flags(i, port):
    return [
        "--coordinator",
        f"127.0.0.1:{port}",
        "--processes",
        "2",
        "--process",
        str(i),
    ], {}


def by_slurm(i, port):
    # JAX takes the port from the number of the job.
    return [], {
        "SLURM_JOB_ID": str(port % 4096), "SLURM_STEP_NODELIST": "localhost",
        "SLURM_NTASKS": "2", "SLURM_PROCID": str(i), "SLURM_LOCALID": "0",
    }  # fmt: skip


def by_open_mpi(i, port):
    # Version 5 says how many there are, and not where.
    return ["--coordinator", f"127.0.0.1:{port}"], {
        "OMPI_COMM_WORLD_SIZE": "2", "OMPI_COMM_WORLD_RANK": str(i),
    }  # fmt: skip


@pytest.fixture
def start(tmp_path):
    """Start two processes of one training; they are ended with the test."""
    started = []

    def start_two(*options, how=by_flags, differ=("", "")):
        port = free_port()
        for i in range(2):
            own, more = how(i, port)
            command = [sys.executable, "-m", "unrolled", "train", "--distributed", *own]
            with (tmp_path / f"told {i}").open("wb") as errors:
                process = subprocess.Popen(
                    [*command, *map(str, options), *differ[i].split()],
                    stdout=subprocess.PIPE,
                    stderr=errors,
                    text=True,
                    cwd=tmp_path,
                    env=clean_environment(UNROLLED_DEVICE="cpu", **more),
                )
            started.append(process)
        return started[-2:]

    yield start_two
    for process in started:
        process.kill()
        process.communicate()


def until(happened, running):
    """Wait for something that a process does."""
    end = time.monotonic() + PATIENCE
    while not happened():
        assert running.poll() is None
        assert time.monotonic() < end
        time.sleep(0.05)


def told(tmp_path, i):
    """What a process said of an error: its last line."""
    lines = (
        (tmp_path / f"told {i}").read_text().replace("\r", "\n").strip().splitlines()
    )
    assert "Traceback" not in "".join(lines)
    return lines[-1] if lines else ""


def state(folder):
    """How far the training in a folder is."""
    return checkpoint.load(folder / "last.npz")[1]["state"]


def test_a_training_goes_from_two_processes_to_one(text, tmp_path, start):
    """Asked back, killed, stopped by hand: it goes on, and ends as on one device alone."""
    folder, alone = tmp_path / "together", tmp_path / "alone"
    how = ["--resume", folder, "--save-every", "0.5"]

    # A cluster that wants a machine back tells one process.
    options = [text, *OPTIONS, "--epochs", "10"]
    first, second = start(*options, "--output", folder, how=by_slurm)
    until(lambda: (folder / "last.npz").exists() and state(folder)["epoch"] > 0, first)
    second.send_signal(signal.SIGTERM)
    assert [p.wait(PATIENCE) for p in (first, second)] == [0, 0]
    assert "go on with it" in (tmp_path / "told 0").read_text()
    assert "perplexity" not in second.stdout.read()

    # One is killed.
    before = state(folder)
    more = ["--devices", "2", "--vocabulary-shards", "2"]
    first, second = start(*how, *more, how=by_open_mpi)
    until(lambda: state(folder)["steps"] > before["steps"], first)
    second.kill()
    killed = time.monotonic()
    assert first.wait(PATIENCE) == 2
    assert time.monotonic() - killed < SOON
    assert GONE.fullmatch(told(tmp_path, 0))

    # Ctrl-C reaches one of them.
    before = state(folder)
    first, second = start(*how)
    until(lambda: state(folder)["steps"] > before["steps"], first)
    first.send_signal(signal.SIGINT)
    assert [p.wait(PATIENCE) for p in (first, second)] == [130, 130]

    # The rest, and all of it, on one device.
    assert len(state(folder)["history"]) < 10
    for rest in (how, [*options, "--output", alone]):
        run(
            *(sys.executable, "-m", "unrolled", "train", *rest),
            cwd=tmp_path, env=clean_environment(UNROLLED_DEVICE="cpu"), check=True,
        )  # fmt: skip
    ours, theirs = (state(where)["history"] for where in (folder, alone))
    assert ours[0]["loss"] == pytest.approx(theirs[0]["loss"], rel=1e-4)
    for one, other in zip(ours, theirs, strict=True):
        assert one["validation"] == pytest.approx(other["validation"], rel=0.02)


def test_a_process_that_stands_still_does_not_hold_the_other(text, tmp_path, start):
    """JAX ends it, in words of its own, as soon as there is no sign of life."""
    folder = tmp_path / "model"
    first, second = start(text, *OPTIONS, "--epochs", "1000", "--output", folder)
    until((folder / "last.npz").exists, first)
    second.send_signal(signal.SIGSTOP)
    stopped = time.monotonic()
    assert first.wait(PATIENCE) == -signal.SIGABRT
    assert time.monotonic() - stopped < devices.HEARTBEAT + SOON
    assert state(folder)["steps"] > 0


def test_processes_with_other_texts_do_not_go_on(text, tmp_path, start):
    folder = tmp_path / "model"
    both = start(text, *OPTIONS, "--epochs", "1", "--output", folder)
    assert [process.wait(PATIENCE) for process in both] == [0, 0]
    other = tmp_path / "other.txt"
    other.write_text(text.read_text(encoding="utf-8") + "\n\nAnd more.", "utf-8")
    both = start("--resume", folder, "--epochs", "2", differ=(str(text), str(other)))
    assert [process.wait(PATIENCE) for process in both] == [2, 2]
    assert "another text" in told(tmp_path, 0)


@pytest.mark.parametrize("differ", [("--seed 1", "--seed 2"), ("", "--save-every 9")])
def test_processes_with_other_options_do_not_train(text, tmp_path, start, differ):
    both = start(text, *OPTIONS, "--output", tmp_path / "model", differ=differ)
    assert [process.wait(PATIENCE) for process in both] == [2, 2]
    expected = (
        "unrolled: process 1 has other options, another text or another version than "
        "process 0"
    )
    assert told(tmp_path, 0) == expected
    assert told(tmp_path, 1) == expected or GONE.fullmatch(told(tmp_path, 1))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            "--distributed",
            "--distributed: found neither SLURM nor Open MPI: give --coordinator, "
            "--processes and --process",
        ),
        (
            "--devices 4 --batch 30",
            "--batch 30: cannot cut 30 rows in 4 equal parts; 28 or 32 would do",
        ),
    ],
)
def test_a_mistake_is_one_line(options, message, text, tmp_path):
    command = (sys.executable, "-m", "unrolled", "train", text, *OPTIONS)
    environment = clean_environment(UNROLLED_DEVICE="cpu")
    done = run(*command, *options.split(), cwd=tmp_path, env=environment)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.strip().splitlines()[-1] == f"unrolled: {message}"
    assert not (tmp_path / "models").exists()


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        (
            {"coordinator": "127.0.0.1:9"},
            "coordinator='127.0.0.1:9': one process alone needs none: "
            "add --distributed, or leave it out",
        ),
        (
            {"distributed": True, "coordinator": "here", "processes": 2, "process": 0},
            "coordinator='here': expected HOST:PORT",
        ),
        (
            {
                **{"distributed": True, "coordinator": "::1:12346"},
                **{"processes": 2, "process": 1},
            },
            "coordinator='::1:12346': expected HOST:PORT, an IPv6 address in [ ]",
        ),
        (
            {"distributed": True, "coordinator": "127.0.0.1:9", "processes": 2},
            "coordinator='127.0.0.1:9': needs --processes and --process, too",
        ),
        (
            {
                **{"distributed": True, "coordinator": "127.0.0.1:9"},
                **{"processes": 2, "process": 2},
            },
            "process=2: expected a number below --processes 2",
        ),
    ],
)
def test_what_does_not_say_where_the_others_are(chosen, message):
    start = devices.started(devices.Processes(**chosen))
    with pytest.raises(UserError, match=f"^{re.escape(message)}$"), start:
        pass


@pytest.fixture
def alone(text, tmp_path):
    """Start the first of three processes without the others; it is ended with the test."""
    started = []

    def start(patience):
        address = f"127.0.0.1:{free_port()}"
        code = (
            f"from unrolled import __main__; __main__.TOGETHER = {patience}; "
            "__main__.run()"
        )
        where = ["--coordinator", address, "--processes", "3", "--process", "0"]
        process = subprocess.Popen(
            [sys.executable, "-c", code, "train", text, "--distributed", *where],
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
            env=clean_environment(UNROLLED_DEVICE="cpu"),
        )
        started.append(process)
        waits = f"waiting for all 3 processes at {address}, {patience} s at most\n"
        assert process.stderr.readline() == waits
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_others_who_do_not_come(alone):
    process = alone(2)
    says = "unrolled: not all processes were there within 2 s: start them together\n"
    assert process.communicate(timeout=PATIENCE)[1] == says
    assert process.returncode == 2


def test_who_waits_for_others_can_be_interrupted(alone):
    process = alone(600)
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=SOON)[1] == "\ninterrupted\n"
    assert process.returncode == 130


def test_nobody_answers(monkeypatch, capsys):
    monkeypatch.setattr(devices, "PATIENCE", 0.5)
    address = f"127.0.0.1:{free_port()}"
    with pytest.raises(UserError, match="process 0 does not answer there"):
        devices._check_address(address, first=False)
    # Once, from the start.
    waits = f"waiting for process 0 at {address}, 0.5 s at most\n"
    assert capsys.readouterr().err == waits


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="there is no IPv6")
def test_an_address_of_the_newer_kind_stands_in_brackets():
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as there:
        address = f"[::1]:{there.getsockname()[1]}"
        devices._check_address(address, first=False)


def test_a_name_that_is_known_only_after_a_while(monkeypatch):
    asked = []

    def connect(address, timeout):
        asked.append(address)
        if len(asked) < 3:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return socket.socket()

    monkeypatch.setattr(devices.socket, "create_connection", connect)
    devices._check_address("pod-0.pods:9911", first=False)
    assert asked == [("pod-0.pods", 9911)] * 3


def test_an_address_that_is_taken():
    with socket.create_server(("0.0.0.0", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(UserError, match="cannot be used"):
            devices._check_address(address, first=True)
