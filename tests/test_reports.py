"""How scores of sentences are written."""

import csv
import io
import json
import math

import pytest

from unrolled import reports
from unrolled.models import Epoch
from unrolled.sampling import Score

LINES = ["The “cat”, ran.", "A"]
SCORES = [
    Score(["The", '"', "ran", "</s>"], [True, True, False, True], [0.5, 1.0, 2.0, 0.5]),
    Score(["A", "</s>"], [True, True], [0.25, 1.25]),
]


def written(format, lines=LINES, scores=SCORES):
    file = io.StringIO(newline="")
    reports.FORMATS[format](file, lines, scores)
    return file.getvalue()


def test_text_is_for_people():
    total = math.exp(5.5 / 6)
    assert written("text").splitlines() == [
        "The “cat”, ran.",
        "  perplexity 2.7, log-probability -4.00 nats",
        '  The 0.50, " 1.00, ran (unknown) 2.00, </s> 0.50',
        "A",
        "  perplexity 2.1, log-probability -1.50 nats",
        "  A 0.25, </s> 1.25",
        f"all: perplexity {total:.1f} over 6 tokens",
    ]


def test_csv_has_a_row_for_each_word():
    text = written("csv")
    assert "\r" not in text
    header, *rows = csv.reader(io.StringIO(text, newline=""))
    assert header == ["sentence", "position", "word", "known", "surprise"]
    assert rows == [
        ["1", "1", "The", "1", "0.500000"],
        ["1", "2", '"', "1", "1.000000"],
        ["1", "3", "ran", "0", "2.000000"],
        ["1", "4", "</s>", "1", "0.500000"],
        ["2", "1", "A", "1", "0.250000"],
        ["2", "2", "</s>", "1", "1.250000"],
    ]


def test_json_holds_all_and_no_escapes():
    text = written("json")
    assert "“cat”" in text
    assert text.endswith("\n")
    first, second = json.loads(text)
    assert first["text"] == LINES[0]
    assert first["log_probability"] == -4
    assert first["perplexity"] == pytest.approx(math.e)
    assert first["words"][2] == {"word": "ran", "known": False, "surprise": 2.0}
    assert [word["word"] for word in second["words"]] == ["A", "</s>"]


def test_json_holds_no_control_characters():
    line = "".join(map(chr, [*range(32), *range(127, 160)])) + "é"
    text = written("json", [line], SCORES)
    assert not set(line[:-1].replace("\n", "")) & set(text)
    assert "é" in text
    assert json.loads(text)[0]["text"] == line


def test_a_perplexity_beyond_all_numbers_is_null():
    one = Score(["</s>"], [True], [1e5])
    assert json.loads(written("json", [""], [one]))[0]["perplexity"] is None
    assert "perplexity inf" in written("text", [""], [one])
    reports.history_as_json(file := io.StringIO(), [Epoch(1, 1.0, 1e5, 2.0, 1.0, 9.0)])
    (epoch,) = json.loads(file.getvalue())
    assert (epoch["loss"], epoch["perplexity"]) == (1e5, None)


def test_a_history_is_written_whole_in_every_format():
    history = [Epoch(1, 0.5, 2.0, 1.0, 3.0, 70.0), Epoch(2, 0.25, 1.0, 0.5, 3.0, 71.0)]
    written = {}
    for format, report in reports.HISTORIES.items():
        report(file := io.StringIO(newline=""), history)
        written[format] = file.getvalue()
    assert written["text"].splitlines() == [str(epoch) for epoch in history]
    known = {
        "epoch": 2, "learning_rate": 0.25, "loss": 1.0, "validation": 0.5, "seconds": 3.0,
        "words_per_second": 71.0, "perplexity": math.exp(1.0),
        "validation_perplexity": math.exp(0.5),
    }  # fmt: skip
    assert json.loads(written["json"])[1] == pytest.approx(known)
    rows = list(csv.DictReader(io.StringIO(written["csv"], newline="")))
    assert rows[1] == {name: str(value) for name, value in known.items()}
