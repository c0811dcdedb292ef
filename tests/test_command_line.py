"""python -m unrolled: train, generate, score; and settings as options of a command."""

import ast
import csv
import gzip
import io
import json
import math
import os
import shlex
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from test_models import as_version_2
from unrolled import __main__, checkpoint, command_line, fields, files, models, text
from unrolled.errors import UserError
from unrolled.models import Epoch
from unrolled.options import RATES
from unrolled.spacing import SIGNS
from unrolled.training import Trainer, schedule
from unrolled.vocabulary import Vocabulary

PACKAGE = Path(command_line.__file__).parent
SMALL = [
    *["--hidden", "8", "--embedding", "4", "--batch", "8", "--window", "12"],
    *["--epochs", "2"],
]
SAYINGS = [
    'The cat sat on the mat, and "purred" loudly.',
    "The dog ran after the cat.",
    "A dog sat on a mat.",
    "The Cat ran.",
    "It's the dog, not the cat, that ran!",
]


@pytest.fixture(autouse=True)
def on_the_processor(monkeypatch):
    monkeypatch.setenv("UNROLLED_DEVICE", "cpu")


def saying(i):
    """The i-th of 60 sentences that all differ."""
    return "Ho " * (i // 20) + "Ha " * (i // 5 % 4) + SAYINGS[i % 5]


def texts(folder):
    """A CSV as that of the original tutorial, and a text file, each of 60 sentences."""
    with open(folder / "comments.csv", "w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["id", "body"])
        for i in range(20):
            one, two, three = (saying(3 * i + k) for k in range(3))
            rows.writerow([i, f"{one} {two}\n\n{three}"])
    paragraphs = "\n\n".join(map(saying, range(60)))
    (folder / "sayings.txt").write_text(paragraphs, encoding="utf-8")


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder with texts, and the models csv, lower and character trained on them."""
    folder = tmp_path_factory.mktemp("home")
    texts(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        patch.chdir(folder)
        for arguments in (
            ["comments.csv", "--output", "csv"],
            ["sayings.txt", "--lower", "--vocabulary", "12", "--output", "lower"],
            ["sayings.txt", "--level", "character", "--output", "character"],
        ):
            patch.setattr(sys, "argv", ["unrolled", "train", *arguments, *SMALL])
            __main__.main()
    return folder


@pytest.fixture
def unrolled(home, monkeypatch, capsys):
    """Run a command in the folder with the models."""
    monkeypatch.chdir(home)
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "cache"))

    def run(*arguments, stdin=b""):
        monkeypatch.setattr(sys, "argv", ["unrolled", *map(str, arguments)])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        status = 0
        try:
            command_line.run(__main__.main, name="unrolled")
        except SystemExit as end:
            status = end.code or 0
        out, err = capsys.readouterr()
        return SimpleNamespace(status=status, out=out, err=err)

    return run


def works(done):
    assert done.status == 0, done.err
    return done.out


def mistake(done, *says):
    """A mistake is one line and status 2."""
    assert done.status == 2
    assert done.err.count("\n") == 1
    assert done.err.endswith("\n")
    assert done.out == ""
    for what in says:
        assert what in done.err


# ---------------------------------------------------------------------------------------- train


def test_train_says_what_it_does_and_leaves_a_model(unrolled, home, tmp_path):
    done = unrolled("train", "comments.csv", *SMALL, "--output", tmp_path / "a" / "b")
    out = works(done)
    assert "device: cpu (" in out
    assert "text: comments.csv; sentences: 54 training, 3 validation, 3 test" in out
    assert "all are taken" in out
    assert "cover 100.0% of the training text" in out
    assert f"in {tmp_path / 'a' / 'b' / 'best.npz'}" in out
    assert [line.split(":")[0] for line in done.err.splitlines()] == [
        "epoch   1",
        "epoch   2",
    ]
    files = sorted(file.name for file in (tmp_path / "a" / "b").iterdir())
    assert files == ["best.npz", "last.npz"]
    # The same command once more gives the same numbers.
    for name in files:
        again, _ = checkpoint.load(tmp_path / "a" / "b" / name)
        before, _ = checkpoint.load(home / "csv" / name)
        assert all(np.array_equal(again[p], before[p]) for p in before)


GATED = {
    "gru": [
        *["--cell", "gru", "--layers", "2", "--dropout", "0.2"],
        *["--optimizer", "adam", "--embedding", "4"],
    ],
    "lstm": [
        *["--cell", "lstm", "--tied", "--embedding", "8"],
        *["--optimizer", "rmsprop", "--clip", "1"],
    ],
}


@pytest.mark.parametrize("cell", GATED)
def test_gated_models_are_trained_and_go_on(unrolled, cell, tmp_path):
    options = [*SMALL, "--epochs", "1", *GATED[cell], "--output", tmp_path]
    works(unrolled("train", "comments.csv", *options))
    arrays, about = checkpoint.load(tmp_path / "last.npz")
    told = about["options"]
    assert told["model"]["cell"] == cell
    rate, steps = RATES[told["optimizer"]], about["state"]["steps"]
    assert steps > 4
    last = rate * schedule(1 - 0.5 / steps)
    assert about["state"]["learning_rate"] == pytest.approx(last, rel=1e-9)
    assert ("U2" in arrays, "V" in arrays) == (cell == "gru", cell != "lstm")
    assert any(name.startswith("mean of squares/") for name in arrays)
    # Of two layers, or the state and the memory of one.
    assert arrays["states of training/8"].shape == (2, 8, 8)
    # What is said again may be said, if it is the same.
    resume = ["train", "--resume", tmp_path, "--epochs", "2"]
    done = unrolled(*resume, *GATED[cell])
    works(done)
    assert "epoch   2:" in done.err
    assert "epoch   1:" not in done.err
    assert works(unrolled("generate", tmp_path, "--count", "2")).count("\n") == 2
    assert "all: perplexity" in works(
        unrolled("score", tmp_path, stdin=b"The cat ran.\n")
    )


def test_the_summary_shows_what_was_read(unrolled, tmp_path):
    posts = [
        f"post number {n} has no end" + " or so" * (9 * (n % 4 == 0)) for n in range(30)
    ]
    (tmp_path / "posts.txt").write_text("\n".join(posts * 2))
    done = unrolled("train", tmp_path / "posts.txt", *SMALL, "--output", tmp_path / "a")
    out = works(done)
    assert "each line is a text of its own" in out
    assert "  reads: post number 0 has no end or so or so" in out
    assert "  reads: post number 1 has no end\n" in out
    assert "repeats: 27 training sentences stand there before; 1 validation" in out


def test_a_text_of_unknown_words_is_a_warning(unrolled, tmp_path):
    sentences = [chr(0x4E00 + n) * 9 + "。" for n in range(40)]
    (tmp_path / "zh.txt").write_text("\n\n".join(sentences))
    words = [tmp_path / "zh.txt", *SMALL, "--output"]
    done = unrolled("train", *words, tmp_path / "a")
    works(done)
    assert "warning: most of the validation text is unknown" in done.err
    assert "--level character" in done.err


def test_a_folder_is_one_trainings(unrolled, home):
    with files.alone(home / "csv"):
        mistake(
            unrolled("train", "--resume", "csv"), "csv: another training is at work"
        )


def test_a_training_goes_on_from_either_file(unrolled, home, tmp_path):
    shutil.copytree(home / "csv", tmp_path / "csv")
    for name in ("best.npz", "last.npz", ""):
        out = works(unrolled("train", "--resume", tmp_path / "csv" / name))
        assert "all 2 epochs are done: for more, give --epochs" in out


def test_a_text_that_has_moved(unrolled, home, tmp_path):
    shutil.copy(home / "comments.csv", tmp_path / "mine.csv")
    folder = tmp_path / "model"
    works(unrolled("train", tmp_path / "mine.csv", *SMALL, "--output", folder))
    (tmp_path / "mine.csv").rename(tmp_path / "moved.csv")
    again = ["--resume", folder, "--epochs", "3"]
    mistake(unrolled("train", *again), "mine.csv: no such file: if the text has moved")
    works(unrolled("train", tmp_path / "moved.csv", *again))


@pytest.fixture
def several(home, tmp_path):
    """A text file, a folder of a text and a table, and a packed text."""
    content = (home / "sayings.txt").read_bytes()
    (tmp_path / "more").mkdir()
    (tmp_path / "a.txt").write_bytes(content)
    (tmp_path / "more" / "b.txt").write_bytes(content.replace(b"cat", b"fox"))
    (tmp_path / "more" / "c.csv").write_bytes((home / "comments.csv").read_bytes())
    (tmp_path / "d.txt.gz").write_bytes(gzip.compress(content.replace(b"cat", b"hen")))
    return [tmp_path / name for name in ("a.txt", "more", "d.txt.gz")]


@pytest.mark.parametrize("large", [False, True])
def test_several_texts_are_trained_on_and_found_again(
    unrolled, several, tmp_path, monkeypatch, large
):
    if large:
        monkeypatch.setattr(text, "LARGE", 0)
    folder = tmp_path / "model"
    out = works(unrolled("train", *several, *SMALL, "--output", folder))
    assert "text: a.txt and 2 more; sentences: 213 training, 12 valid" in out
    done = unrolled("train", "--resume", folder, "--epochs", "3")
    assert "epoch   3" in done.err, done.err
    assert models.load(folder).source.source == tuple(map(str, several))
    several[0].rename(tmp_path / "moved.txt")
    again = unrolled("train", "--resume", folder, "--epochs", "4")
    mistake(again, "a.txt: no such file: if the text has moved, give its path before")
    several[0] = tmp_path / "moved.txt"
    works(unrolled("train", *several, "--resume", folder, "--epochs", "4"))
    several[2].write_bytes(gzip.compress(b"Another text.\n\nA longer one."))
    done = unrolled("train", *several, "--resume", folder, "--epochs", "5")
    assert done.status == 2
    assert "the text (moved.txt and 2 more) has changed" in done.err


def test_a_text_among_several_that_is_none(unrolled, several, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "more" / "picture.txt").write_bytes(b"GIF89a\0\0\0\1\0\0")
    for wrong, says in (
        (tmp_path / "nowhere.txt", "nowhere.txt: no such file"),
        (tmp_path / "empty", "empty: a folder without a text"),
        (tmp_path / "more", "picture.txt, line 1: found a NUL character"),
    ):
        done = unrolled("train", several[0], wrong, *SMALL, "--output", tmp_path / "m")
        mistake(done, says)
    assert not (tmp_path / "m").exists()


def test_what_no_text_of_several_has_a_use_for(unrolled, several):
    texts, table = [several[0], several[2]], several[1] / "c.csv"
    mistake(unrolled("train", *texts, "--column", "x"), "only .csv, .tsv", "leave it")
    mistake(unrolled("train", table, table, "--lines"), "each row is a text of its own")


def test_a_text_from_the_standard_input(unrolled, home, tmp_path):
    folder, given = tmp_path / "model", (home / "sayings.txt").read_bytes()
    done = unrolled("train", "-", *SMALL, "--output", folder, stdin=given)
    assert "text: standard-input; sentences: " in works(done)
    again = ["--resume", folder, "--epochs", "3"]
    mistake(unrolled("train", *again), "standard input: give it again, with - before")
    assert "epoch   3" in unrolled("train", "-", *again, stdin=given).err
    assert "has changed" in unrolled("train", "-", *again, stdin=given[:-9]).err


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (b"", "unrolled: standard input: the file is empty"),
        (b"one\ntw\0o", "unrolled: standard input, line 2: found a NUL character"),
        (b"caf\xe9", "unrolled: --encoding utf-8: standard input: byte 3"),
        (b"One.", "unrolled: standard input: found 1 different sentences"),
    ],
)
def test_a_mistake_in_the_standard_input(unrolled, tmp_path, given, says):
    folder = tmp_path / "model"
    mistake(unrolled("train", "-", "--output", folder, stdin=given), says)
    mistake(unrolled("train", "-", "-", stdin=given), "unrolled: -: given twice")
    assert not folder.exists()


def test_a_text_that_is_no_path(unrolled, home, tmp_path):
    resumed = ["--resume", home / "csv"]
    for more in ([], resumed):
        mistake(unrolled("train", "", *more), "'': expected a path")
        mistake(unrolled("train", "sayings.txt", "", *more), "'': expected a path")
        mistake(unrolled("train", "shakespeare", "sayings.txt", *more), "no other text")


def test_a_training_cut_off_in_its_first_epoch_can_write(unrolled, home, tmp_path):
    (tmp_path / "last.npz").write_bytes((home / "csv" / "last.npz").read_bytes())
    assert works(unrolled("generate", tmp_path, "--count", "2")).count("\n") == 2


def test_printed_commands_can_be_pasted(unrolled, monkeypatch, tmp_path):
    folder = tmp_path / "it's a # model"
    out = works(unrolled("train", "comments.csv", *SMALL, "--output", folder))
    command = shlex.split(out.rpartition("write with it: ")[2])
    assert command == [sys.argv[0], "generate", str(folder)]
    monkeypatch.setattr(sys, "argv", [str(PACKAGE / "__main__.py")])
    assert command_line.called() == f"{shlex.quote(sys.executable)} -m unrolled"


def test_a_model_is_not_overwritten(unrolled, home):
    files = {file: file.read_bytes() for file in (home / "csv").iterdir()}
    done = unrolled("train", "comments.csv", *SMALL, "--output", "csv")
    mistake(done, "csv: holds a model already", "--resume csv", "--output")
    assert {file: file.read_bytes() for file in (home / "csv").iterdir()} == files


def test_nothing_of_others_is_lost_in_the_folder(unrolled, home, tmp_path):
    """A model without its training, and what another program has not finished."""
    shutil.copy(home / "csv" / "best.npz", tmp_path)
    words = ["train", "comments.csv", *SMALL, "--output", tmp_path]
    mistake(unrolled(*words), "best.npz: a model, which would be lost", "--output")
    (tmp_path / "best.npz").rename(tmp_path / "mine.npz")
    (tmp_path / "film.part").touch()
    (tmp_path / "last.npz.0123abcd.part").touch()
    works(unrolled(*words))
    names = ["best.npz", "film.part", "last.npz", "mine.npz"]
    assert sorted(file.name for file in tmp_path.iterdir()) == names


def test_a_finished_training_gets_more_epochs(unrolled, home, tmp_path):
    for name in ("last.npz", "best.npz"):
        (tmp_path / name).write_bytes((home / "csv" / name).read_bytes())
    # What is said again may be said, if it is the same.
    said = [
        "--hidden",
        "8",
        "--level",
        "word",
        "--learning-rate",
        "4",
        "--window",
        "12",
    ]
    resume = ["train", "--resume", tmp_path / "last.npz"]
    done = unrolled(*resume, "comments.csv", *said, "--epochs", "3")
    works(done)
    assert "epoch   3" in done.err
    assert "epoch   2" not in done.err
    # Where the text is has not to be told once more.
    assert "perplexity" in works(unrolled("train", "--resume", tmp_path))
    _, about = checkpoint.load(tmp_path / "last.npz")
    assert about["version"] == 3
    assert about["source"]["source"] == "comments.csv"
    history = about["state"]["history"]
    assert len(history) == 3
    assert (
        history[:2] == checkpoint.load(home / "csv" / "last.npz")[1]["state"]["history"]
    )


@pytest.mark.parametrize("with_source", [True, False, None])
def test_a_training_of_an_earlier_format_does_not_go_on(
    unrolled, home, tmp_path, with_source
):
    """Of the second format, or of the first: with a source, and a program's without one."""
    for name in ("last.npz", "best.npz"):
        (tmp_path / name).write_bytes((home / "csv" / name).read_bytes())
        as_version_2(tmp_path / name)
        if with_source is not None:
            first_format(tmp_path / name, with_source)
    files = {file: file.read_bytes() for file in tmp_path.iterdir()}
    for given in ([tmp_path], [tmp_path / "last.npz", "comments.csv", "--epochs", "3"]):
        done = unrolled("train", "--resume", *given)
        mistake(done, f"{tmp_path}/last.npz: was begun by an earlier version", "anew")
    assert {file: file.read_bytes() for file in tmp_path.iterdir()} == files
    # It still writes, the very same, and it still scores.
    arguments = ["--count", "2", "--seed", "1"]
    expected = works(unrolled("generate", "csv", *arguments))
    assert works(unrolled("generate", tmp_path, *arguments)) == expected
    expected = works(unrolled("score", "csv", stdin=b"The cat ran.\n"))
    assert works(unrolled("score", tmp_path, stdin=b"The cat ran.\n")) == expected


def test_a_training_may_carry_its_memory_on(unrolled, tmp_path):
    options = [*SMALL, "--carry", "--output", tmp_path]
    works(unrolled("train", "comments.csv", *options))
    _, about = checkpoint.load(tmp_path / "last.npz")
    assert (about["options"]["carry"], about["options"]["window"]) == (True, 12)
    done = unrolled("train", "--resume", tmp_path, "--carry", "--epochs", "3")
    works(done)
    assert "epoch   3" in done.err


def first_format(path, with_source=True):
    """Write a checkpoint of the second format anew, as the first one had it."""
    arrays, about = checkpoint.load(path)
    options = {**about["options"].pop("model"), **about["options"]}
    # Without a learning rate of its own, an optimizer had the usual one.
    options["rate"] = options.pop("learning_rate") or RATES[options["optimizer"]]
    old = {
        "format": "unrolled checkpoint",
        "version": 1,
        **({"source": about["source"]} if with_source else {}),
        "options": options,
        "text": {
            "level": about["source"]["level"],
            "fingerprint": about["fingerprint"],
        },
        "vocabulary": about["vocabulary"],
        "state": about["state"],
    }
    np.savez(path, about=np.array(json.dumps(old, ensure_ascii=False)), **arrays)


def test_a_checkpoint_of_the_future_is_one_line(unrolled, home, tmp_path):
    arrays, about = checkpoint.load(home / "csv" / "last.npz")
    for name in ("last.npz", "best.npz"):
        checkpoint.save(tmp_path / name, arrays, {**about, "version": 4})
    for command in (["train", "--resume"], ["generate"], ["score"]):
        mistake(unrolled(*command, tmp_path), "has version 4 of the format")


def test_all_is_read_and_prepared_once(unrolled, home, tmp_path, monkeypatch):
    calls = []

    def count(known_as, owner, name):
        real = getattr(owner, name)

        def counted(*given):
            calls.append(known_as)
            return real(*given)

        monkeypatch.setattr(owner, name, counted)

    for owner, name in (
        (checkpoint, "load"),
        (text, "load"),
        (Vocabulary, "build"),
        (Vocabulary, "encode"),
    ):
        count(f"{owner.__name__}.{name}", owner, name)
    one = Epoch(1, 4.0, 1.0, 1.0, 1.0, 1.0)
    monkeypatch.setattr(Trainer, "run", lambda self: self.state.history.append(one))
    # 54 sentences for training and 3 for validation.
    prepared = {"unrolled.text.load": 1, "Vocabulary.encode": 57}
    works(unrolled("train", "comments.csv", *SMALL, "--output", tmp_path))
    assert Counter(calls) == {**prepared, "Vocabulary.build": 1}
    calls.clear()
    works(unrolled("train", "--resume", "csv", "--epochs", "3"))
    assert Counter(calls) == {**prepared, "unrolled.checkpoint.load": 1}


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--hidden", "9"], "--hidden 9: the training that goes on has 8"),
        (["--lower"], "--lower: the training that goes on has False"),
        (["--level", "character"], "--level character: the training"),
        (["--learning-rate", "0.1"], "--learning-rate 0.1: the training that"),
        (["--window", "35"], "--window 35: the training that goes on has 12"),
        (["--carry"], "--carry: the training that goes on has False"),
        (["--output", "elsewhere"], "--output elsewhere: the training"),
        (["--cell", "lstm"], "--cell lstm: the training that goes on has rnn"),
        (["--layers", "2"], "--layers 2: the training that goes on has 1"),
        (["--dropout", "0.5"], "--dropout 0.5: the training that goes on has 0"),
        (["--tied"], "--tied: the training that goes on has False"),
        (["--optimizer", "adam"], "--optimizer adam: the training"),
        (["sayings.txt"], "the text (sayings.txt) has changed since it was begun"),
        (["missing.txt"], "missing.txt: no such file"),
    ],
)
def test_a_training_goes_on_as_it_began(unrolled, home, options, says):
    files = {file: file.read_bytes() for file in (home / "csv").iterdir()}
    done = unrolled("train", "--resume", "csv", *options)
    assert done.status == 2
    assert says in done.err
    assert done.err.count("\n") == 1
    assert done.out == ""
    assert {file: file.read_bytes() for file in (home / "csv").iterdir()} == files


def test_a_text_that_changed_is_noticed(unrolled, home, tmp_path):
    text = tmp_path / "text.txt"
    text.write_text("\n\n".join(SAYINGS * 4))
    options = ["--level", "character", *SMALL, "--output", tmp_path / "model"]
    works(unrolled("train", text, *options))
    files = {file: file.read_bytes() for file in (tmp_path / "model").iterdir()}
    text.write_text("\n\n".join(SAYINGS * 4) + "?")
    done = unrolled("train", "--resume", tmp_path / "model", "--epochs", "3")
    assert done.status == 2
    assert "the text (text.txt) has changed since it was begun" in done.err
    assert {file: file.read_bytes() for file in files} == files


def test_a_learning_rate_that_is_too_high(unrolled, home, tmp_path):
    options = [*SMALL, "--learning-rate", "1e30", "--clip", "0", "--output", tmp_path]
    done = unrolled("train", "comments.csv", *options, "--save-every", "0")
    assert done.status == 2
    assert done.err.startswith("unrolled: --learning-rate 1e+30: ")
    assert "in epoch 1, after batch" in done.err
    assert done.err.count("\n") == 1
    for file in tmp_path.iterdir():
        for value in checkpoint.load(file)[0].values():
            assert np.isfinite(value).all()


def test_a_batch_larger_than_the_text(unrolled, home, tmp_path):
    options = [*SMALL, "--batch", "55", "--output", tmp_path]
    assert "54 training" in works(unrolled("train", "comments.csv", *options))
    for file in tmp_path.iterdir():
        for value in checkpoint.load(file)[0].values():
            assert np.isfinite(value).all()


def test_a_model_that_fits_into_no_memory(unrolled, tmp_path):
    # One table of 80 MB is drawn, and the next would have 728 TiB.
    sizes = ["--hidden", "10000000", "--embedding", "1"]
    done = unrolled("train", "sayings.txt", *sizes, "--output", tmp_path)
    mistake(done, "--hidden 10000000: not enough memory")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "required"),
        (["trian"], "'trian'"),
        (["train", "missing.txt"], "missing.txt: no such file"),
        (["train", "latin.txt"], "--encoding utf-8: latin.txt: byte 3 (0xe9)"),
        (["train", "comments.csv", "--column", "text"], "--column text: comments.csv"),
        (["train", "comments.csv", "--column", "text"], "'id', 'body'"),
        (["train", "sayings.txt", "--encoding", "utf-9"], "--encoding utf-9: unknown"),
        (["train", "sayings.txt", "--vocabulary", "0"], "--vocabulary: '0'"),
        (["train", "sayings.txt", "--vocabulary", "3"], "--vocabulary 3: expected"),
        (
            ["train", "sayings.txt", "--devices", "100000000"],
            "--devices 100000000: expected at most 32, for a batch has 32 rows",
        ),
        (["train", "sayings.txt", "--hidden", "1_0"], "--hidden: '1_0'"),
        (["train", "sayings.txt", "--clip", "1e300"], "--clip: '1e300'"),
        (["train", "sayings.txt", "--hidden", "0"], "--hidden: '0'"),
        (["train", "sayings.txt", "--epochs", "many"], "--epochs: 'many'"),
        (["train", "sayings.txt", "--window", "0"], "--window: '0'"),
        (["train", "sayings.txt", "--carry", "yes"], "yes"),
        (["train", "sayings.txt", "--buckets", "1"], "--buckets"),
        (["train", "sayings.txt", "--learning-rate", "nan"], "--learning-rate: 'nan'"),
        (["train", "sayings.txt", "--rate", "1"], "--rate"),
        (["train", "sayings.txt", "--clip", "-1"], "--clip: '-1'"),
        (["train", "sayings.txt", "--cell", "gate"], "--cell"),
        (["train", "sayings.txt", "--layers", "0"], "--layers: '0'"),
        (["train", "sayings.txt", "--layers", "two"], "--layers: 'two'"),
        (["train", "sayings.txt", "--dropout", "1"], "--dropout: '1'"),
        (["train", "sayings.txt", "--dropout", "-0.1"], "--dropout: '-0.1'"),
        (["train", "sayings.txt", "--dropout", "nan"], "--dropout: 'nan'"),
        (["train", "sayings.txt", "--dropout", "some"], "--dropout: 'some'"),
        (["train", "sayings.txt", "--optimizer", "newton"], "--optimizer"),
        (["train", "sayings.txt", "--tied", "yes"], "yes"),
        (
            ["train", "sayings.txt", "--tied", "--embedding", "4"],
            "--embedding 4, --hidden 128: have to be the same",
        ),
        (
            ["train", "sayings.txt", "--tied", "--embedding", "0"],
            "--embedding 0, --hidden 128: have to be the same",
        ),
        (
            ["train", "sayings.txt", "--tied", "--hidden", "8"],
            "--embedding 128, --hidden 8: have to be the same",
        ),
        (["train", "sayings.txt", "--seed", "-1"], "--seed: '-1'"),
        (["train", "sayings.txt", "--save-every", "inf"], "--save-every: 'inf'"),
        (
            ["train", "sayings.txt", "--output", "sayings.txt/a"],
            "--output sayings.txt: a file: expected a folder",
        ),
        (["train", "--resume", "nowhere"], "nowhere/last.npz: No such file"),
        (["train", "--resume", "sayings.txt"], "sayings.txt/last.npz: Not a directory"),
        (
            ["train", "sayings.txt", "--column", "body"],
            "--column body: sayings.txt: only",
        ),
        (["train", "comments.csv", "--lines"], "--lines: comments.csv: each row is"),
        (["train", "--encoding", "latin-1"], "--encoding latin-1: the plays are read"),
        (["train", "sayings.txt", "--output", ""], "--output: '': expected a path"),
        (["train", ""], "SOURCE: '': expected a path"),
        (["train", "sayings.txt", ""], "SOURCE: '': expected a path"),
        (["score", "csv", ""], "TEXT: '': expected a path"),
        (["generate", ""], "model: '': expected a path"),
        (["generate"], "model"),
        (["generate", "nowhere"], "nowhere: No such file"),
        (["generate", "sayings.txt"], "sayings.txt: is damaged, or no checkpoint"),
        (["generate", "cache"], "cache/best.npz: No such file"),
        (["generate", "csv", "--temperature", "-1"], "--temperature: '-1'"),
        (["generate", "csv", "--top-p", "2"], "--top-p: '2'"),
        (["generate", "csv", "--top-p", "0"], "--top-p: '0'"),
        (["generate", "csv", "--top-k", "0"], "--top-k: '0'"),
        (["generate", "csv", "--count", "0"], "--count: '0'"),
        (["generate", "csv", "--longest", "0"], "--longest: '0'"),
        (["generate", "csv", "--seed", "x"], "--seed: 'x'"),
        (
            ["generate", "csv", "--prompt", "The cat sat", "--longest", "3"],
            "--longest 3: the prompt alone has 3 tokens: expected more",
        ),
        (
            ["generate", "csv", "--prompt", "cat " * 100],
            "--longest 100: the prompt alone has 100 tokens: expected more",
        ),
        (["score", "csv", "missing.txt"], "missing.txt: no such file"),
        (["score", "csv", "latin.txt"], "--encoding utf-8: latin.txt: byte 3 (0xe9)"),
        (["score", "csv"], "standard input: the file is empty"),
        (["score", "csv", "comments.csv"], "comments.csv: a table: expected a text"),
        (["score", "csv", "csv"], "csv: a folder"),
        (["score", "csv", "--format", "xml"], "--format"),
        (["score", "csv", "sayings.txt", "--output", "."], "directory"),
        (
            ["score", "csv", "sayings.txt", "--output", "no/where"],
            "no/where: no such folder",
        ),
        (["history", "csv", "--output", "csv/last.npz"], "csv/last.npz: is read here"),
        (["history", "csv/best.npz", "--output", "csv/last.npz"], "would be lost"),
        (["score", "csv/last.npz", "--output", "csv/best.npz"], "would be lost"),
        (
            ["score", "csv", "sayings.txt", "--output", "csv/../sayings.txt"],
            "--output csv/../sayings.txt: is read here, and would be lost",
        ),
    ],
)
def test_a_mistake_is_one_line_and_status_2(unrolled, home, arguments, says):
    (home / "latin.txt").write_bytes("Un été.\n".encode("latin-1"))
    files = sorted(home.rglob("*"))
    mistake(unrolled(*arguments), says)
    assert sorted(home.rglob("*")) == files


COMMANDS = {
    "train": __main__.Training(),
    "generate": __main__.Writing(),
    "score": __main__.Scoring(),
    "history": __main__.Result(),
}
#: Settings that are given without a name.
POSITIONAL = {"train": "source", "score": "text"}


@pytest.mark.parametrize("command", COMMANDS)
def test_help_tells_every_setting_its_meaning_and_its_default(unrolled, command):
    out = works(unrolled(command, "--help"))
    told = squeezed(out)
    assert "None" not in out
    assert ("model" in out) == (command != "train" or "model:" in out)
    for part in parts_of(COMMANDS[command]):
        meanings = fields.meanings(type(part))
        for name, value in vars(part).items():
            if fields.is_dataclass(value):
                # A group of options.
                assert f"\n{name}:\n" in out
                continue
            if name == POSITIONAL.get(command):
                assert f"\n  {name.upper()} " in out
            else:
                assert f"\n  {command_line.flag(name)}" in out
            meaning = meanings[name].rstrip(".")
            if value not in (None, "", False):
                meaning += f" (default: {value})"
            assert squeezed(meaning) in told


def parts_of(settings):
    """A dataclass and those in it."""
    yield settings
    for value in vars(settings).values():
        if fields.is_dataclass(value):
            yield from parts_of(value)


def squeezed(text):
    """A text without blanks: help is broken into lines anywhere."""
    return "".join(text.split())


def test_version(unrolled):
    assert works(unrolled("--version")) == f"unrolled {version('unrolled')}\n"


def test_help_tells_every_learning_rate(unrolled):
    out = works(unrolled("train", "--help"))
    told = out[out.index("\n  --learning-rate") : out.index("\n  --clip")]
    for optimizer, rate in RATES.items():
        assert optimizer in told
        assert f"{rate:g}" in told


# ------------------------------------------------------------------------------------- generate


def test_sentences_come_one_a_line(unrolled):
    out = works(unrolled("generate", "csv", "--count", "7", "--seed", "1"))
    assert out.count("\n") == 7
    assert works(unrolled("generate", "csv", "--count", "7", "--seed", "1")) == out
    assert works(unrolled("generate", "csv", "--count", "7", "--seed", "2")) != out
    likeliest = ["--temperature", "0", "--count", "2", "--longest", "5"]
    one, two = works(unrolled("generate", "csv", *likeliest)).splitlines()
    assert one == two
    for option, value in (("--top-k", 3), ("--top-p", 0.5), ("--longest", 2)):
        assert works(unrolled("generate", "csv", "--count", 2, option, value))


def test_a_prompt_may_hold_unknown_words(unrolled):
    done = unrolled("generate", "csv", "--prompt", "The unicorn sat,", "--count", "2")
    assert all(line.startswith("The unicorn sat,") for line in works(done).splitlines())
    assert done.err == "not in the vocabulary: unicorn\n"


def test_control_characters_are_told_and_not_obeyed(unrolled, home, tmp_path):
    assert command_line.visible("é\x1b[2J\x9b\n\t", "\t") == "é\\x1b[2J\\x9b\\n\t"
    arrays, about = checkpoint.load(home / "csv" / "best.npz")
    about["vocabulary"][4:] = [f"a\x1b]0;{i}" for i in about["vocabulary"][4:]]
    checkpoint.save(tmp_path / "best.npz", arrays, about)
    out = works(unrolled("generate", tmp_path, "--count", "3"))
    assert r"a\x1b]0;" in out
    assert "\x1b" not in out
    text = tmp_path / "a\x1b[2J.txt"
    text.write_text("\n\n".join(f"\x1b[2J {saying(i)}" for i in range(60)))
    done = unrolled("train", text, *SMALL, "--output", tmp_path / "model")
    assert works(done).count(r"\x1b[2J") >= 4
    assert "\x1b" not in done.out
    mistake(unrolled("train", "a\x1b\n.txt"), r"unrolled: a\x1b\n.txt: no such file")
    mistake(unrolled("train", "a.txt", "--a\x1b\nb"), r"--a\x1b\nb")


def test_control_characters_in_scores(unrolled, tmp_path, monkeypatch):
    """A person sees them told; a program gets them as they are."""
    lines = "The\x1b[2J cat\x9b\tran.\n"

    def scored(*arguments):
        return works(unrolled("score", "csv", *arguments, stdin=lines.encode()))

    shown = {name: scored("--format", name) for name in ("text", "csv", "json")}
    assert shown["text"].startswith("The\\x1b[2J cat\\x9b\tran.\n  perplexity")
    assert "The\x1b" in shown["csv"]
    scored("--output", tmp_path / "scores.txt")
    assert (tmp_path / "scores.txt").read_text(encoding="utf-8") == shown["text"]
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert scored("--format", "csv") == command_line.visible(shown["csv"], "\n")
    for name in ("text", "json"):
        assert scored("--format", name) == shown[name]
    scored("--format", "csv", "--output", tmp_path / "scores.csv")
    assert (tmp_path / "scores.csv").read_text(encoding="utf-8") == shown["csv"]


def test_a_file_that_looks_like_an_option(unrolled, monkeypatch, home):
    (home / "-x.txt").write_text("")
    mistake(unrolled("train", "-x.txt"), "-x.txt (a file: ./-x.txt) (see --help)")
    (home / "-x.txt").unlink()
    assert "a file" not in unrolled("train", "-x.txt").err


def test_a_prompt_may_begin_with_a_dash(unrolled):
    for given in (["--prompt", "-Zounds!"], ["--prompt=-Zounds!"]):
        done = unrolled("generate", "csv", *given, "--count", "1")
        assert works(done).startswith("-")
    assert unrolled("generate", "csv", "--prompt", "--count", "1").status == 2


def test_an_unknown_word_is_told_once(unrolled):
    done = unrolled("generate", "csv", "--prompt", "zebra zebra", "--count", "1")
    assert done.err == "not in the vocabulary: zebra\n"


@pytest.mark.parametrize(
    "prompt", ["Don’t the", "  The  cat", '"The', "The -- cat", "the &cat", "the'"]
)
def test_a_prompt_is_shown_as_it_was_typed(unrolled, prompt):
    for model in ("csv", "lower", "character"):
        arguments = ["--prompt", prompt, "--count", "5"]
        done = unrolled("generate", model, *arguments)
        lines = works(done).splitlines()
        assert len(lines) == 5
        assert all(line.startswith(prompt) for line in lines)
        assert not any(sign in done.out + done.err for sign in SIGNS)
        assert len(set(lines)) > 1


def test_a_lower_case_model_lowers_its_prompt(unrolled):
    done = unrolled("generate", "lower", "--prompt", "The CAT", "--count", "3")
    out = works(done)
    # They are in its vocabulary.
    assert done.err == ""
    written = [line.removeprefix("The CAT") for line in out.splitlines()]
    assert all(part == part.lower() for part in written)
    lowered = works(unrolled("generate", "lower", "--prompt", "the cat", "--count", 3))
    assert [f"the cat{part}" for part in written] == lowered.splitlines()


def test_a_character_model_writes_characters(unrolled):
    arguments = ["--prompt", "The c", "--longest", "30", "--count", "3"]
    lines = works(unrolled("generate", "character", *arguments)).splitlines()
    assert all(line.startswith("The c") and 5 <= len(line) <= 30 for line in lines)


# ---------------------------------------------------------------------------------------- score

LINES = 'The "unicorn", she said, sat.\n\n   \nThe cat ran.\r\nA\n'
WORDS = [
    ["The", '"', "unicorn", '"', ",", "she", "said", ",", "sat", ".", "</s>"],
    ["The", "cat", "ran", ".", "</s>"],
    ["A", "</s>"],
]


def test_json_can_be_read_back(unrolled):
    def refuse(what):
        raise AssertionError(f"{what} is not JSON")

    out = works(unrolled("score", "csv", "--format", "json", stdin=LINES.encode()))
    sentences = json.loads(out, parse_constant=refuse)
    assert [one["text"] for one in sentences] == [
        'The "unicorn", she said, sat.',
        "The cat ran.",
        "A",
    ]
    for one in sentences:
        surprises = [word["surprise"] for word in one["words"]]
        assert one["log_probability"] == pytest.approx(-sum(surprises))
        mean = sum(surprises) / len(surprises)
        assert one["perplexity"] == pytest.approx(math.exp(mean))
    assert [[word["word"] for word in one["words"]] for one in sentences] == WORDS
    unknown = [
        word["word"] for one in sentences for word in one["words"] if not word["known"]
    ]
    assert unknown == ["unicorn", "she", "said"]


def test_all_formats_hold_the_same_numbers(unrolled):
    def result(format):
        arguments = ["score", "csv", "-", "--format", format]
        return works(unrolled(*arguments, stdin=LINES.encode()))

    sentences = json.loads(result("json"))
    rows = list(csv.DictReader(io.StringIO(result("csv"), newline="")))
    expected = [
        {
            "sentence": str(i),
            "position": str(t),
            "word": word["word"],
            "known": str(int(word["known"])),
            "surprise": f"{word['surprise']:.6f}",
        }
        for i, one in enumerate(sentences, 1)
        for t, word in enumerate(one["words"], 1)
    ]
    assert rows == expected
    text = result("text").splitlines()
    assert text[3] == "The cat ran."
    assert f"perplexity {sentences[1]['perplexity']:.1f}, " in text[4]
    first = sentences[1]["words"][0]["surprise"]
    assert text[5].startswith(f"  The {first:.2f}, cat ")
    assert "unicorn (unknown) " in text[2]
    total = -sum(one["log_probability"] for one in sentences)
    assert text[-1] == f"all: perplexity {math.exp(total / 18):.1f} over 18 tokens"


def test_a_history_has_all_epochs_in_every_format(unrolled, home, tmp_path):
    text = works(unrolled("history", "csv")).splitlines()
    epochs = json.loads(works(unrolled("history", "csv", "--format", "json")))
    assert [one["epoch"] for one in epochs] == [*range(1, len(text) + 1)]
    for line, one in zip(text, epochs):
        assert line.startswith(f"epoch {one['epoch']:3}: perplexity ")
        assert f"validation {one['validation_perplexity']:8.1f}" in line
        assert one["perplexity"] == pytest.approx(math.exp(one["loss"]))
    result = tmp_path / "history.csv"
    asked = ["--format", "csv", "--output", result]
    assert works(unrolled("history", home / "csv" / "last.npz", *asked)) == ""
    with result.open(newline="") as file:
        rows = [*csv.DictReader(file)]
    expected = [{name: str(value) for name, value in one.items()} for one in epochs]
    assert rows == expected
    mistake(unrolled("history", "nothing"), "nothing")


def test_a_history_without_an_epoch_says_so(unrolled, home, tmp_path):
    arrays, about = checkpoint.load(home / "csv" / "best.npz")
    checkpoint.save(tmp_path / "last.npz", arrays, {**about, "state": {"history": []}})
    assert works(unrolled("history", tmp_path)) == "no epoch is done yet\n"
    assert works(unrolled("history", tmp_path, "--format", "json")) == "[]\n"


COMPLETE = """
source ./completions
complete=$(complete -p unrolled | sed 's/.*-F \\([^ ]*\\).*/\\1/')
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
$complete unrolled "${@: -1}" "${@: -2:1}"
echo "${COMPREPLY[*]}"
"""


@pytest.mark.parametrize(
    ("words", "completed"),
    [
        ([""], "train generate score history"),
        (["train", "--optimizer", ""], " ".join(RATES)),
        (["score", "model", "--for"], "--format"),
    ],
)
def test_a_shell_completes_commands_and_words(tmp_path, words, completed):
    pytest.importorskip("shtab")
    asked = ["--shell", "bash", "--prog", "unrolled", "unrolled.__main__.parser"]
    written = subprocess.check_output([sys.executable, "-m", "shtab", *asked])
    (tmp_path / "completions").write_bytes(written)
    typed = ["bash", "-c", COMPLETE, "bash", "unrolled", *words]
    done = subprocess.check_output(typed, cwd=tmp_path, text=True)
    assert done.strip() == completed


def test_a_file_is_scored_into_a_file(unrolled, home, tmp_path):
    (tmp_path / "lines.txt").write_bytes(LINES.encode("utf-16"))
    result = tmp_path / "scores.json"
    result.write_text("old")
    arguments = ["score", "csv", tmp_path / "lines.txt", "--format", "json"]
    done = unrolled(*arguments, "--encoding", "utf-16", "--output", result)
    assert works(done) == ""
    assert len(json.loads(result.read_text(encoding="utf-8"))) == 3
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        "lines.txt",
        "scores.json",
    ]


def test_a_model_that_overflows_has_no_scores(unrolled, home, tmp_path):
    arrays, about = checkpoint.load(home / "csv" / "best.npz")
    large = {name: np.full_like(value, 3e38) for name, value in arrays.items()}
    checkpoint.save(tmp_path / "best.npz", large, about)
    done = unrolled("score", tmp_path, stdin=b"The cat ran.\n")
    mistake(done, f"{tmp_path}: holds numbers too large to compute with")


def test_the_standard_input_may_be_packed_as_a_file_is(unrolled):
    packed = unrolled("score", "csv", stdin=gzip.compress(LINES.encode()))
    assert works(packed) == works(unrolled("score", "csv", stdin=LINES.encode()))
    mistake(unrolled("score", "csv", stdin=b"%PDF-1.7"), "standard input: a PDF")


def test_a_result_does_not_take_the_standard_input_with_it(home, tmp_path):
    text = tmp_path / "lines.txt"
    text.write_bytes(LINES.encode())
    with text.open() as stdin:
        done = process(home, "score", "csv", "--output", text, stdin=stdin)
    assert done.returncode == 2
    assert b"is read here, and would be lost" in done.stderr
    assert text.read_bytes() == LINES.encode()


def test_characters_and_capitals_are_those_of_the_model(unrolled):
    def words(model):
        done = unrolled("score", model, "--format", "json", stdin="The Cät".encode())
        (one,) = json.loads(works(done))
        return [(word["word"], word["known"]) for word in one["words"]]

    assert words("character") == [
        *[(letter, True) for letter in "The C"],
        ("ä", False),
        ("t", True),
        ("</s>", True),
    ]
    assert words("lower") == [("the", True), ("cät", False), ("</s>", True)]


# ------------------------------------------------------------------------- what needs a process


def process(home, *arguments, python=(), **options):
    command = [sys.executable, "-W", "error", *(python or ("-m", "unrolled"))]
    command += map(str, arguments)
    environment = {
        **os.environ,
        "UNROLLED_DEVICE": "cpu",
        "XDG_CACHE_HOME": str(home / "cache"),
        **options.pop("env", {}),
    }
    return subprocess.run(
        command, cwd=home, env=environment, stderr=subprocess.PIPE, **options
    )


def test_a_reader_may_have_seen_enough(home):
    reading, writing = os.pipe()
    os.close(reading)
    done = process(home, "generate", "csv", stdout=writing)
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
def test_a_full_disk_for_the_result(home):
    with open("/dev/full", "w") as full:
        done = process(home, "generate", "csv", stdout=full)
    assert done.returncode == 2
    assert done.stderr == b"unrolled: [Errno 28] No space left on device\n"


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_streams_may_be_closed(home, tmp_path, closed):
    """What is meant for them gets into no file."""
    options = ["comments.csv", *SMALL, "--output", str(tmp_path)]
    words = [sys.executable, "-m", "unrolled", "train", *options]
    done = subprocess.run(f"{shlex.join(words)} {closed}", shell=True, cwd=home)
    assert done.returncode == 0
    arrays, _ = checkpoint.load(tmp_path / "last.npz")
    expected, _ = checkpoint.load(home / "csv" / "last.npz")
    assert all(np.array_equal(arrays[name], expected[name]) for name in expected)


def test_a_device_that_jax_may_not_use(home):
    done = process(
        home, "generate", "csv", env={"JAX_PLATFORMS": "cuda", "UNROLLED_DEVICE": ""}
    )
    assert done.returncode == 2
    assert done.stderr.startswith(b"unrolled: JAX_PLATFORMS=cuda: JAX finds no such")
    assert done.stderr.count(b"\n") == 1


@pytest.mark.skipif(sys.platform != "linux", reason="limits of memory are Linux's")
def test_a_training_that_does_not_fit_into_memory(home, tmp_path):
    """XLA's own error, of a limit that the system sets."""
    sizes = ["--batch", "512", "--window", "256", "--hidden", "4096"]
    words = [sys.executable, "-m", "unrolled", "train", "sayings.txt", *sizes]
    command = f"ulimit -v 6000000; {shlex.join([*words, '--output', str(tmp_path)])}"
    done = subprocess.run(command, shell=True, cwd=home, capture_output=True)
    assert done.returncode == 2
    last = done.stderr.decode().splitlines()[-1]
    assert last.startswith(
        "unrolled: --batch 512, --window 256, --vocabulary 8000, --hid"
    )
    assert "not enough memory" in last


def test_any_character_can_be_printed(home):
    arguments = ["--prompt", "The \u2014 cat \udc80", "--count", "1", "--longest", "6"]
    latin = {"PYTHONIOENCODING": "latin-1"}
    done = process(home, "generate", "csv", *arguments, stdout=-1, env=latin)
    assert done.returncode == 0
    assert done.stdout.startswith(rb"The \u2014 cat \udc80")
    assert b"Traceback" not in done.stderr


LIMITED = """
import resource, runpy, signal
from unrolled import checkpoint

def save(*checkpoint):
    # No file may grow any more: from here on the disk is as good as full.
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
    real(*checkpoint)

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
real, checkpoint.save = checkpoint.save, save
runpy.run_module("unrolled", run_name="__main__", alter_sys=True)
"""


def test_a_full_disk_while_training(home, tmp_path):
    for name in ("last.npz", "best.npz"):
        (tmp_path / name).write_bytes((home / "character" / name).read_bytes())
    files = {file: file.read_bytes() for file in tmp_path.iterdir()}
    options = ["train", "--resume", tmp_path, "--epochs", "3", "--save-every", "0"]
    done = process(home, *options, python=("-c", LIMITED), stdout=-1)
    assert done.returncode == 2
    last = done.stderr.decode().splitlines()[-1]
    assert last.startswith(f"unrolled: {tmp_path}/")
    assert last.endswith("File too large; the checkpoint from before is untouched")
    assert b"Traceback" not in done.stderr
    assert {file: file.read_bytes() for file in tmp_path.iterdir()} == files


# ------------------------------------------------------------- settings as options of a command


def ends(main):
    """The status with which a script ends."""
    with pytest.raises(SystemExit) as end:
        command_line.run(main, "unrolled")
    return end.value.code


def test_too_little_memory_is_one_line(monkeypatch, capsys):
    def main():
        np.zeros(2**50)

    assert ends(main) == 2
    assert capsys.readouterr().err.startswith("unrolled: Unable to allocate")


def test_ctrl_c_is_one_line_and_status_130(capsys):
    def main():
        raise KeyboardInterrupt

    assert ends(main) == 130
    assert capsys.readouterr().err == "\ninterrupted\n"


def test_a_mistake_of_ours_is_not_taken_for_the_users():
    def main():
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        command_line.run(main, "unrolled")


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (UserError("a.txt: no such file"), "a.txt: no such file"),
        (UserError("unknown", encoding="utf-9"), "--encoding utf-9: unknown"),
        (UserError("too often", save_every=0.5), "--save-every 0.5: too often"),
        (
            UserError("differ", hidden=3, embedding=4),
            "--hidden 3, --embedding 4: differ",
        ),
        (FileNotFoundError(2, "No such file"), "[Errno 2] No such file"),
    ],
)
def test_an_error_tells_its_arguments_as_they_are_given(error, told, capsys):
    assert command_line.told(error) == told

    def main():
        raise error

    assert ends(main) == 2
    assert capsys.readouterr().err == f"unrolled: {told}\n"


@dataclass(frozen=True)
class Dough:
    """What a script can be told."""

    eggs: fields.Natural = 2
    """Of hens, 100 % fresh."""
    rests: tuple[fields.Amount, ...] = (0.5, 1.0)
    """Hours, one
    after another."""
    sugar: bool = False
    """Make it sweet."""
    output: fields.File = Path("oven")
    """Where it goes."""

    def __post_init__(self):
        fields.check(self)
        if self.eggs > 12:
            raise UserError("a box holds 12", eggs=self.eggs)


def parsed(monkeypatch, *arguments, **options):
    monkeypatch.setattr(sys, "argv", ["bake.py", *map(str, arguments)])
    return command_line.parse(Dough(), "Bake.\n\nMuch more.", **options)


def test_settings_are_read_and_their_folder_is_made(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert parsed(monkeypatch) == Dough()
    assert (tmp_path / "oven").is_dir()
    deep = tmp_path / "a" / "b"
    given = ["--eggs", "3", "--rests", "2", "--sugar", "--output", deep]
    assert parsed(monkeypatch, *given) == Dough(3, (2.0,), True, deep)
    assert parsed(monkeypatch, "--rests", "1", "2").rests == (1.0, 2.0)
    assert deep.is_dir()


def test_values_that_do_not_go_together_make_no_folder(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError) as caught:
        parsed(monkeypatch, "--eggs", "13")
    assert command_line.told(caught.value) == "--eggs 13: a box holds 12"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (
            ["--eggs", "-1"],
            "--eggs: '-1': expected a whole number from 0 to 4,294,967,295",
        ),
        (
            ["--eggs", "few"],
            "--eggs: 'few': expected a whole number from 0 to 4,294,967,295",
        ),
        (["--rests", "1", "nan"], "--rests: 'nan': expected a number from 0 up"),
        (["--rests"], "--rests"),
        (["--flour", "1"], "--flour"),
    ],
)
def test_what_cannot_be_read_is_one_line(monkeypatch, capsys, arguments, says):
    with pytest.raises(SystemExit) as end:
        parsed(monkeypatch, *arguments)
    assert end.value.code == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("bake.py: ")
    assert says in err
    assert err.endswith(" (see --help)\n")
    assert err.count("\n") == 1


def test_help_is_made_of_the_settings(monkeypatch, capsys):
    with pytest.raises(SystemExit) as end:
        parsed(monkeypatch, "--help", without=("sugar",))
    assert end.value.code == 0
    out = squeezed(capsys.readouterr().out)
    for line in (
        "Bake.",
        "--eggs N  Of hens, 100 % fresh (default: 2)",
        "--rests X [X ...]  Hours, one after another (default: 0.5 1.0)",
        "--output PATH  Where it goes (default: oven)",
    ):
        assert squeezed(line) in out
    assert "Muchmore" not in out
    assert "sugar" not in out


def test_the_library_knows_no_command_line():
    """Only the command line reads arguments and names flags; the rest can be called by any."""
    modules = {path.stem: path for path in PACKAGE.rglob("*.py")}
    assert {"command_line", "__main__", "corpus", "charts"} <= modules.keys()
    for name, path in modules.items():
        if name in ("command_line", "__main__"):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import | ast.ImportFrom):
                named = [alias.name for alias in node.names]
                named.append(getattr(node, "module", None) or "")
                words = {word for one in named for word in one.split(".")}
                assert not words & {"argparse", "command_line", "__main__"}, path
