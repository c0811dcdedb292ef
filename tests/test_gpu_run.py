"""What chapter 2 measured on a GPU, kept for readers without one."""

import json

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

import gpu_run as keeper
from provenance import Provenance
from unrolled import gpu_run
from unrolled.errors import UserError

MEASURED = {
    "steps": {"NumPy, by hand": [0.03, 0.02, 0.04], "PyTensor, JAX, GPU": [2e-4, 1e-4, 1e-3]},
    "roofs": {"cpu": [1e12, 3e10], "gpu": [3e14, 2e12]},
    "call": 7e-05,
    "sent": [[4000, 3e-4], [4000000, 8e-4]],
}  # fmt: skip


def page(device="gpu", measured=MEASURED):
    """An executed page, as ``glue`` leaves it."""
    notebook = new_notebook(cells=[new_code_cell("2"), new_code_cell("glue(...)")])
    if measured:
        prefix = "application/papermill.record/"
        notebook.cells[1].outputs = [
            new_output(
                "display_data",
                data={f"{prefix}text/plain": repr(measured)},
                metadata={"scrapbook": {"mime_prefix": prefix, "name": "measured"}},
            )
        ]
    Provenance(
        fingerprint={}, device=device, name="A GPU", driver="1.2", processor="A CPU",
        cores=4, versions={"JAX": "0.1"}, budget="gpu", date="2026-01-02",
        commit="0123456789", seconds=1.5,
    ).write_to(notebook)  # fmt: skip
    return notebook


@pytest.fixture
def homes(tmp_path, monkeypatch):
    """Folders of executed and of frozen pages, and the file that is kept."""
    for name in ("EXECUTED", "FROZEN"):
        monkeypatch.setattr(keeper, name, tmp_path / name.lower())
        (tmp_path / name.lower()).mkdir()
    monkeypatch.setattr(keeper, "KEPT", tmp_path / "gpu_run.json")
    return tmp_path


def test_a_page_made_on_a_gpu_is_kept_with_its_provenance(homes, capsys):
    nbformat.write(page(), homes / "frozen" / f"{keeper.PAGE}.ipynb")
    keeper.main()
    kept = json.loads((homes / "gpu_run.json").read_text())
    assert kept["measured"] == MEASURED
    assert kept["made"] == {
        "name": "A GPU", "driver": "1.2", "processor": "A CPU", "cores": 4,
        "date": "2026-01-02", "commit": "0123456789", "budget": "gpu",
        "versions": {"JAX": "0.1"},
    }  # fmt: skip
    assert capsys.readouterr().out == "gpu_run.json: A GPU, 2026-01-02\n"


def test_a_page_made_on_a_processor_is_passed_over(homes):
    nbformat.write(page("cpu"), homes / "executed" / f"{keeper.PAGE}.ipynb")
    nbformat.write(page(), homes / "frozen" / f"{keeper.PAGE}.ipynb")
    keeper.main()
    assert (homes / "gpu_run.json").exists()


@pytest.mark.parametrize(
    ("found", "says"),
    [
        (None, "theano-and-the-gpu has no outputs"),
        (page("cpu"), "was made on a cpu, not on a GPU"),
        (page(measured=None), "'measured'"),
    ],
)
def test_where_no_gpu_measured_anything_nothing_is_written(homes, found, says):
    if found:
        nbformat.write(found, homes / "frozen" / f"{keeper.PAGE}.ipynb")
    with pytest.raises(UserError, match=says):
        keeper.main()
    assert not (homes / "gpu_run.json").exists()


def test_the_kept_run_is_whole():
    kept = gpu_run.kept()
    assert kept["made"].keys() == set(keeper.MADE)
    assert kept["measured"].keys() == MEASURED.keys()
    assert kept["measured"]["roofs"].keys() == {"cpu", "gpu"}
    for median, fastest, slowest in kept["measured"]["steps"].values():
        assert 0 < fastest <= median <= slowest
    assert MEASURED["steps"].keys() < kept["measured"]["steps"].keys()
    small, large = kept["measured"]["sent"]
    assert small < large
