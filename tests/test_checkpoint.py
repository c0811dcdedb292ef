import json
import os
import subprocess
import sys

import numpy as np
import pytest

from test_models import model_file
from unrolled import checkpoint, models
from unrolled.errors import UserError

ARRAYS = {
    "E": np.random.default_rng(0).random((3, 4), dtype=np.float32),
    "c": np.arange(5, dtype=np.float64),
}
ABOUT = {"words": ["é", "\u2014", "<s>", '"'], "rate": 0.1, "state": {"epoch": 3}}


@pytest.fixture
def path(tmp_path):
    """A good checkpoint."""
    checkpoint.save(tmp_path / "last.npz", ARRAYS, ABOUT)
    return tmp_path / "last.npz"


def same(found, expected):
    return found.keys() == expected.keys() and all(
        found[name].dtype == value.dtype and np.array_equal(found[name], value)
        for name, value in expected.items()
    )


def fails(path, load=checkpoint.load):
    """The message of the one-line error that names the file."""
    with pytest.raises(UserError) as caught:
        load(path)
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    return message


def test_what_was_saved_comes_back(path):
    arrays, about = checkpoint.load(path)
    assert same(arrays, ARRAYS)
    assert {name: about[name] for name in ABOUT} == ABOUT
    assert [file.name for file in path.parent.iterdir()] == ["last.npz"]


def test_a_new_file_replaces_the_old_one_and_folders_are_made(path):
    checkpoint.save(path, {"E": ARRAYS["E"] + 1}, {})
    assert np.array_equal(checkpoint.load(path)[0]["E"], ARRAYS["E"] + 1)
    deep = path.parent / "deep" / "folder" / "last.npz"
    checkpoint.save(deep, ARRAYS, ABOUT)
    assert same(checkpoint.load(deep)[0], ARRAYS)


def test_it_needs_no_pickle(path):
    with np.load(path, allow_pickle=False) as file:
        assert json.loads(str(file["about"]))["format"] == "unrolled checkpoint"


# ------------------------------------------------------------------------------- damaged files


def test_a_file_cut_off_anywhere_is_damaged(path):
    content = path.read_bytes()
    for length in [*range(0, len(content), 7), len(content) - 1]:
        path.write_bytes(content[:length])
        fails(path)


def test_a_changed_byte_is_noticed_or_does_not_matter(tmp_path):
    path = tmp_path / "best.npz"
    model_file(path)
    content = path.read_bytes()
    good, _ = checkpoint.load(path)
    random = np.random.default_rng(1)
    damaged = []
    for place in range(0, len(content), 3):
        changed = bytearray(content)
        changed[place] ^= int(random.integers(1, 256))
        path.write_bytes(changed)
        try:
            arrays, _ = checkpoint.load(path)
        except UserError as error:
            assert str(error) == f"{path}: is damaged, or no checkpoint of this program"
            damaged.append(place)
            continue
        # Such as the time of day in the archive's list; or the length of that list, which no
        # checksum protects: then a model lacks parameters.
        assert all(np.array_equal(value, good[name]) for name, value in arrays.items())
        if arrays.keys() != good.keys():
            assert "holds no model" in fails(path, models.load)
    assert len(damaged) > len(content) / 6


def test_numbers_changed_under_a_right_length_are_noticed(path):
    content = path.read_bytes()
    place = content.index(ARRAYS["E"].tobytes())
    for offset in range(ARRAYS["E"].nbytes):
        damaged = bytearray(content)
        damaged[place + offset] ^= 1
        path.write_bytes(damaged)
        assert "damaged" in fails(path)


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (np.full(5, np.nan, "float32"), "c holds infinity or NaN"),
        (np.array([-np.inf]), "c holds infinity or NaN"),
        # More than float32, in which models compute, can hold.
        (np.array([1e39]), "c holds infinity or NaN"),
        (np.ones(5, complex), "c is of type complex128: expected real numbers"),
        (np.ones(5, bool), "c is of type bool: expected real numbers"),
        (np.array(["1"]), "c is of type <U1: expected real numbers"),
    ],
)
def test_what_is_no_finite_real_number_is_refused(path, value, says):
    with np.load(path) as file:
        about = file["about"]
    np.savez(path, about=about, **{**ARRAYS, "c": value})
    assert fails(path) == f"{path}: holds no model of this program: {says}"


class Trap:
    """Would make a folder when unpickled."""

    def __init__(self, folder):
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder),)


def strange_files(folder):
    """Files that are no checkpoints, by name."""
    contents = {"text": b"once upon a time\n", "empty": b"", "zip": b"PK\x05\x06"}
    for name, content in contents.items():
        (folder / f"{name}.npz").write_bytes(content)
    np.savez(folder / "foreign.npz", weights=np.ones(3))
    np.savez(folder / "about.npz", about=np.arange(3))
    np.savez(folder / "list.npz", about=np.array("[1, 2]"))
    np.savez(folder / "other.npz", about=np.array('{"format": "another"}'))
    nameless = json.dumps({"format": "unrolled checkpoint"})
    np.savez(folder / "no version.npz", about=np.array(nameless))
    np.savez(
        folder / "pickled.npz", about=np.array([Trap(folder / "sprung")], dtype=object)
    )
    np.savez(folder / "deep.npz", about=np.array("[" * 100_000))
    with open(folder / "array.npz", "wb") as file:
        np.save(file, np.ones(3))
    with open(folder / "pickle.npz", "wb") as file:
        np.save(file, np.array([Trap(folder / "sprung")], dtype=object))
    (folder / "folder.npz").mkdir()
    return sorted(folder.iterdir())


@pytest.mark.parametrize("load", [checkpoint.load, models.load])
def test_what_is_no_checkpoint_is_refused(load, tmp_path):
    files = strange_files(tmp_path)
    assert len(files) == 13
    for path in files:
        # Of a folder, a trained model is its file best.npz.
        named = path / "best.npz" if path.is_dir() and load is models.load else path
        with pytest.raises(UserError) as caught:
            load(path)
        assert str(caught.value).startswith(f"{named}: ")
        assert "\n" not in str(caught.value)
    assert not (tmp_path / "sprung").exists()
    assert "No such file" in fails(tmp_path / "missing.npz", load)


@pytest.mark.parametrize("version", [0, 4, "3", None, [1]])
def test_another_version_is_named(path, version):
    checkpoint.save(path, ARRAYS, {**ABOUT, "version": version})
    message = fails(path)
    assert f"has version {version} of the format" in message
    assert "reads versions 1 to 3" in message


@pytest.mark.parametrize("version", [1, 2, 3])
def test_versions_that_can_be_read_are_told(path, version):
    checkpoint.save(path, ARRAYS, {**ABOUT, "version": version})
    arrays, about = checkpoint.load(path)
    assert same(arrays, ARRAYS)
    assert about["version"] == version


# ------------------------------------------------------------------------- what cannot be saved


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_no_number_that_is_none_is_saved(path, bad):
    before = path.read_bytes()
    with pytest.raises(ValueError, match="c holds infinity or NaN"):
        checkpoint.save(path, {**ARRAYS, "c": np.array([1.0, bad])}, ABOUT)
    with pytest.raises(ValueError):
        checkpoint.save(path, ARRAYS, {"loss": bad})
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == ["last.npz"]


FULL_DISK = """
import resource, signal, sys
import numpy as np
from pathlib import Path
from unrolled import checkpoint
from unrolled.command_line import run

def main():
    # A file can grow to so many bytes, and then the disk is as good as full.
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]),) * 2)
    checkpoint.save(Path(sys.argv[1]), {"E": np.ones((200, 1000))}, {"words": "a" * 50_000})

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
run(main, "unrolled")
"""


@pytest.mark.parametrize(
    ("limit", "before"), [(0, True), (100_000, False), (1_500_000, True)]
)
def test_a_full_disk_leaves_the_old_file(path, limit, before):
    path = path if before else path.with_name("new.npz")
    files = {file: file.read_bytes() for file in path.parent.iterdir()}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", FULL_DISK, str(path), str(limit)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    untouched = "; the checkpoint from before is untouched" if before else ""
    assert (
        done.stderr
        == f"unrolled: {path}: cannot be written: File too large{untouched}\n"
    )
    assert {file: file.read_bytes() for file in path.parent.iterdir()} == files


def test_a_place_that_cannot_be_written_to_is_named(tmp_path):
    (tmp_path / "file").write_text("mine")
    for path in (tmp_path / "file" / "last.npz", tmp_path / "folder.npz"):
        (tmp_path / "folder.npz").mkdir(exist_ok=True)
        with pytest.raises(UserError, match="cannot be written") as caught:
            checkpoint.save(path, ARRAYS, ABOUT)
        assert str(path) in str(caught.value)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["file", "folder.npz"]


def test_an_interruption_leaves_no_part(path, monkeypatch):
    before = path.read_bytes()

    def interrupt(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        checkpoint.save(path, {"E": np.ones(3)}, {})
    assert [file.name for file in path.parent.iterdir()] == ["last.npz"]
    assert path.read_bytes() == before
