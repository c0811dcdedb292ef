"""A file is written whole or not at all."""

import os
import threading
import time

import pytest

from unrolled import files
from unrolled.errors import UserError


def write(path, content):
    with files.replacing(path) as file:
        file.write(content)


def test_a_new_file_and_one_in_the_place_of_another(tmp_path):
    path = tmp_path / "result.txt"
    for content in (b"old\r\n", "é\n".encode(), b""):
        write(path, content)
        assert path.read_bytes() == content
        assert list(tmp_path.iterdir()) == [path]


def test_the_old_file_stands_while_the_new_one_is_written(tmp_path):
    path = tmp_path / "result.txt"
    write(path, b"old")
    with files.replacing(path) as file:
        file.write(b"new")
        file.flush()
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"


@pytest.mark.parametrize("error", [UnicodeError, OSError, KeyboardInterrupt])
@pytest.mark.parametrize("before", [True, False])
def test_what_fails_on_the_way_leaves_the_old_file_or_none(tmp_path, error, before):
    path = tmp_path / "result.txt"
    if before:
        write(path, b"old")
    with pytest.raises(error), files.replacing(path) as file:
        file.write(b"new")
        raise error
    assert [file.read_bytes() for file in tmp_path.iterdir()] == [b"old"] * before


def test_a_file_is_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch):
    path = tmp_path / "result.txt"
    write(path, b"old")
    on_disk, fsync = [], os.fsync

    def look(number):
        fsync(number)
        on_disk.append((path.read_bytes(), os.fstat(number).st_size))

    monkeypatch.setattr(os, "fsync", look)
    write(path, b"longer")
    assert on_disk == [(b"old", 6)]


def test_what_a_killed_process_left_is_no_obstacle(tmp_path):
    left = tmp_path / f"last.npz.0123abcd{files.UNFINISHED}"
    left.write_bytes(b"half of a result, cut off")
    others = tmp_path / f"film{files.UNFINISHED}"
    others.write_bytes(b"half of a film, which another program downloads")
    write(tmp_path / "last.npz", b"new")
    assert (tmp_path / "last.npz").read_bytes() == b"new"
    with files.alone(tmp_path):
        assert not left.exists()
    assert sorted(tmp_path.iterdir()) == [others, tmp_path / "last.npz"]


def test_two_writers_of_one_file(tmp_path):
    """Each has a whole file of its own, and the last one stays."""
    path = tmp_path / "result.txt"
    with files.replacing(path) as one:
        one.write(b"first " * 1000)
        write(path, b"second")
        assert path.read_bytes() == b"second"
    assert path.read_bytes() == b"first " * 1000
    assert list(tmp_path.iterdir()) == [path]


def test_a_pipe_is_written_into(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    write(pipe, b"through")
    reader.join()
    assert read == [b"through"]
    assert pipe.is_fifo()


def test_a_link_stays(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "result.txt")
    write(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "result.txt").read_bytes() == b"new"


def test_one_process_at_a_time(tmp_path):
    with (
        files.alone(tmp_path),
        pytest.raises(UserError, match="another training is at work"),
        files.alone(tmp_path),
    ):
        pass
    with files.alone(tmp_path), files.alone(tmp_path / "nowhere"):
        pass


def test_a_folder_in_the_way_is_named(tmp_path):
    with pytest.raises(IsADirectoryError) as caught:
        write(tmp_path, b"new")
    assert str(tmp_path) in str(caught.value)
    assert list(tmp_path.iterdir()) == []
    assert list(tmp_path.parent.glob("*.part")) == []


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        write(tmp_path / "nowhere" / "result.txt", b"new")


def test_who_comes_second_finds_made_what_the_first_made(tmp_path):
    made, path = [], tmp_path / "cache" / "text"

    def make():
        with files.in_turn(path.parent):
            if not path.exists():
                time.sleep(0.2)
                path.mkdir()
                made.append(path)

    both = [threading.Thread(target=make) for _ in range(2)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    assert made == [path]
