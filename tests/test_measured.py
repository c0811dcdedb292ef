"""What a GPU showed: measured by one program, kept in a file, shown on pages."""

import json
import sys
from dataclasses import asdict, replace

import pytest
from sphinx.errors import ExtensionError
from sphinx.testing.util import SphinxTestApp

import measured
import records
from pages import ROOT
from records import Record
from support import clean_environment, run

PROGRAM = ROOT / "benchmarks" / "measure.py"


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder with what the program has measured on this machine's processor."""
    folder = tmp_path_factory.mktemp("measured")
    environment = clean_environment(UNROLLED_BUDGET="smoke", UNROLLED_DEVICE="cpu")
    run(sys.executable, PROGRAM, "--folder", folder, env=environment)
    return folder


@pytest.fixture(scope="module")
def record(home):
    """That of the processor, which stands in for a GPU's: what it did is there under both names."""
    (path,) = home.glob("*.json")
    found = Record.read(path)
    assert path == found.path(home)
    assert found.device == "cpu"
    of = found.measured
    of["roofs"]["gpu"], of["sentence"]["gpu"] = (
        of["roofs"]["cpu"],
        of["sentence"]["cpu"],
    )
    of["network"]["1000"] = of["network"]["10"]
    for steps in of["network"].values():
        steps["PyTensor, JAX, GPU"] = steps["PyTensor, JAX, CPU"]
    return replace(found, device="gpu", name="A GPU")


def test_every_part_is_measured(record):
    assert {*measured.TABLES} <= record.measured.keys()
    for median, fastest, slowest in record.measured["network"]["5"].values():
        assert 0 < fastest <= median <= slowest
    for by_batch in record.measured["minibatches"].values():
        for one in by_batch.values():
            assert one["first"] > one["seconds"] > 0
            assert one["pieces"] > 50
    assert record.measured["job"]["loss"] < 5.7  # log 300


def test_every_number_and_table_can_be_told(record):
    for name, tell in measured.SAID.items():
        assert tell(record.measured, "gpu"), name
    for name, tables in measured.TABLES.items():
        assert tables(record.measured), name
    assert measured.SAID["device"](record.measured, "gpu") == "1"
    (table,) = measured.TABLES["job"](record.measured)
    assert table.rows[0][0] == "1 epochs"


@pytest.mark.parametrize(
    ("eager", "says"),
    [
        (
            {"2": 2.0, "8": 3.0},
            "is faster than eager PyTorch's: 2.0 times at B = 2 and",
        ),
        (
            {"2": 0.5, "8": 0.9},
            "is slower than eager PyTorch's: it is as fast 0.5 times",
        ),
        ({"2": 0.5, "8": 2.0}, "is faster than eager PyTorch's at one size and slower"),
        ({}, "was not compared with PyTorch's there"),
    ],
)
def test_the_words_follow_what_was_measured(eager, says):
    of = {"minibatches": {"gru": {"2": {"seconds": 1.0}, "8": {"seconds": 1.0}}}}
    if eager:
        of["torch"] = {B: {"eager": seconds} for B, seconds in eager.items()}
    assert measured.against_eager(of).startswith(says)


def test_pytorch_stands_beside_ours(record):
    with_peer = {**record.measured, "torch": {"2": {"eager": 1.0, "graph": 0.5}}}
    _, table = measured.TABLES["minibatches"](with_peer)
    named = [row[0] for row in table.rows]
    assert named == [
        "B = 2, ours",
        "B = 2, PyTorch, eager",
        "B = 2, PyTorch, CUDA graph",
    ]


def test_a_run_goes_on_with_the_same_code_alone(tmp_path, record):
    kept = replace(record, commit="0123456789")
    kept.write(tmp_path)
    assert json.loads(kept.path(tmp_path).read_text()) == asdict(kept)
    same = replace(kept, measured={})
    assert same.goes_on(tmp_path) == kept
    for change in ({"commit": "9876543210"}, {"budget": "gpu"}):
        assert replace(same, **change).goes_on(tmp_path).measured == {}
    local = replace(same, commit=f"0123456789{records.LOCAL}")
    local.write(tmp_path)
    assert local.goes_on(tmp_path).measured == {}


def test_pages_show_the_newest_gpu_or_the_one_that_made_them(
    tmp_path, monkeypatch, record
):
    old = replace(record, name="Old GPU", date="2026-01-01")
    new = replace(record, name="New GPU", date="2026-02-01")
    processor = replace(record, name="A CPU", device="cpu", date="2026-03-01")
    for one in (old, new, processor):
        one.write(tmp_path)
    monkeypatch.setattr(records, "HOME", tmp_path)
    monkeypatch.setattr(measured, "provenance_of", lambda page: None)
    assert measured.record_for("a page of nobody") == new
    monkeypatch.setattr(measured, "provenance_of", lambda page: old)
    assert measured.record_for("a page of the old one") == old
    monkeypatch.setattr(records, "HOME", tmp_path / "empty")
    assert measured.record_for("a page") is None


PAGE = """# A page

```{measured} toll job
It takes {measured}`job_seconds` seconds.
```
"""


def build(folder, text):
    """A page's HTML."""
    folder.mkdir()
    (folder / "conf.py").write_text("extensions = ['myst_parser', 'measured']\n")
    (folder / "index.md").write_text(text)
    SphinxTestApp(srcdir=folder, freshenv=True).build()
    return (folder / "_build" / "html" / "index.html").read_text()


def test_the_box_says_where_and_when_and_shows_tables(tmp_path, monkeypatch, record):
    monkeypatch.setattr(records, "of_gpus", lambda: [record])
    page = build(tmp_path / "book", PAGE)
    assert f"A GPU, beside {record.cores} cores of" in page
    assert "4,000 bytes to it" in page
    assert f"It takes {record.measured['job']['seconds']:.0f} seconds." in page


def test_what_was_not_measured_is_not_told(tmp_path, monkeypatch, record):
    part = replace(record, measured={"toll": record.measured["toll"]})
    monkeypatch.setattr(records, "of_gpus", lambda: [part])
    page = build(tmp_path / "book", PAGE)
    assert "No GPU has measured this yet" in page
    assert "It takes" not in page
    with pytest.raises(ExtensionError, match="`job_seconds` is not measured"):
        build(tmp_path / "other", "# A page\n\n{measured}`job_seconds`\n")


def test_the_kept_records_hold(record):
    kept = [Record.read(path) for path in records.HOME.glob("*.json")]
    assert kept
    for one in kept:
        assert one.measured.keys() <= {*measured.TABLES, "torch"}
        assert records.LOCAL not in one.commit
        for part in one.measured.keys() & measured.TABLES.keys():
            assert measured.TABLES[part](one.measured)
