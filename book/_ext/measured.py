"""What a GPU showed, from the records in ``book/_measured`` (``tools/records.py``).

``{measured} PART``
    a box that says where and when, shows the part's tables, and holds the text of its body. A page
    that a GPU made shows that GPU's record, others the newest. Where no GPU has measured the part,
    the box says so, and its body is left out.
``{measured}`NAME```
    a number, or words, of that record.

A page is built anew when a record changes; it is not executed for that.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.errors import ExtensionError
from sphinx.util.docutils import SphinxDirective, SphinxRole

import records
from outputs import provenance_of
from page_foot import day
from records import Record
from unrolled.tables import Table

Measured = dict[str, Any]

WHOSE = {"ours": "ours", "eager": "PyTorch, eager", "graph": "PyTorch, CUDA graph"}
LARGE, LAYER = "1000", 4 * 5000 * 1000
"""Hidden units of chapter 2's large problem, and the bytes of its hidden layer in float32."""


def record_for(page: str) -> Record | None:
    """The record that a page shows: of the GPU that made it, else the newest."""
    kept = records.of_gpus()
    made = provenance_of(page)
    own = [record for record in kept if made and record.name == made.name]
    return next(iter(own + kept), None)


# ---------------------------------------------------------------------------------------- tables


def _ms(seconds: float) -> str:
    return f"{1e3 * seconds:.2f}"


def _us(seconds: float) -> str:
    return f"{1e6 * seconds:,.0f}"


def _two(number: float) -> str:
    """Two digits, for a ratio of noisy numbers."""
    return f"{float(f'{number:.2g}'):,g}"


def _network(of: Measured) -> list[Table]:
    tables = []
    for hidden, steps in of["network"].items():
        slow = steps["NumPy, by hand"][0]
        rows = [
            [name, _ms(median), f"{_ms(least)} to {_ms(most)}", _two(slow / median)]
            for name, (median, least, most) in steps.items()
        ]
        first = f"5,000 points, {int(hidden):,} hidden units"
        heads = [first, "a step (ms)", "fastest to slowest", "times as fast"]
        tables.append(Table(heads, rows))
    return tables


def _roofs(of: Measured) -> list[Table]:
    rows = [
        [name.upper(), f"{flops / 1e9:,.0f}", f"{moved / 1e9:,.0f}", f"{flops / moved:.0f}"]
        for name, (flops, moved) in of["roofs"].items()
    ]  # fmt: skip
    return [Table(["at best", "Gflop/s", "GB/s", "corner (operations per byte)"], rows)]


def _toll(of: Measured) -> list[Table]:
    sent = [
        [f"{size:,} bytes to it", _us(seconds)] for size, seconds in of["toll"]["sent"]
    ]
    call = ["a call of an empty function", _us(of["toll"]["call"])]
    return [Table(["toll of the GPU", "µs"], [call, *sent])]


def _sentence(of: Measured) -> list[Table]:
    by_hand, rows = of["sentence"]["by hand"], []
    for name, seconds in of["sentence"].items():
        if name != "pieces":
            named = name if name == "by hand" else f"Theano, {name.upper()}"
            rows.append([named, _ms(seconds), _two(by_hand / seconds)])
    return [Table(["one sentence of 20 words", "a step (ms)", "times as fast"], rows)]


def _minibatches(of: Measured) -> list[Table]:
    rows = [
        [
            f"{cell.upper()}, B = {B}", f"{one['words/s']:,.0f}", _ms(one["seconds"]),
            f"{one['pieces']:,}", f"{one['first']:.1f}",
        ]
        for cell, by_batch in of["minibatches"].items()
        for B, one in by_batch.items()
    ]  # fmt: skip
    heads = ["cell", "words/s", "a step (ms)", "pieces", "first step (s)"]
    return [Table(heads, rows), *_torch(of)]


def _torch(of: Measured) -> list[Table]:
    rows = []
    for B, peers in of.get("torch", {}).items():
        ours = of["minibatches"]["gru"][B]["seconds"]
        for name, seconds in {"ours": ours, **peers}.items():
            cells = f"B = {B}, {WHOSE[name]}", _ms(seconds), f"{seconds / ours:.2f}"
            rows.append(cells)
    heads = ["on the same windows", "a step (ms)", "by ours"]
    return [Table(heads, rows)] if rows else []


def _job(of: Measured) -> list[Table]:
    job = of["job"]
    row = [
        f"{job['epochs']} epochs",
        f"{job['words'] / 1e6:.1f}",
        f"{job['seconds']:.1f}",
    ]
    return [Table(["the plays, 50 units", "million words", "seconds"], [row])]


#: The tables of each part.
TABLES: dict[str, Callable[[Measured], list[Table]]] = {
    "network": _network,
    "roofs": _roofs,
    "toll": _toll,
    "sentence": _sentence,
    "minibatches": _minibatches,
    "job": _job,
}


# ------------------------------------------------------------------------------- numbers in prose


def _step(of: Measured, device: str) -> float:
    """The median step of the large network on a device, in seconds."""
    return of["network"][LARGE][f"PyTensor, JAX, {device.upper()}"][0]


def _bus(of: Measured) -> float:
    """Bytes a second to the device, from the two sizes."""
    (few, soon), (many, late) = of["toll"]["sent"]
    return (many - few) / abs(late - soon)


def _rows(of: Measured) -> tuple[str, float]:
    """The GRU's largest and least number of rows, and its gain in words a second."""
    (few, one), *_, (many, other) = of["minibatches"]["gru"].items()
    return f"{many} rows in place of {few}", other["words/s"] / one["words/s"]


def against_eager(of: Measured) -> str:
    """How our GRU's step compares with PyTorch's, in words."""
    if "torch" not in of:
        return "was not compared with PyTorch's there"
    ours = {B: of["minibatches"]["gru"][B]["seconds"] for B in of["torch"]}
    gains = {B: peers["eager"] / ours[B] for B, peers in of["torch"].items()}
    told = " and ".join(f"{gain:.1f} times at B = {B}" for B, gain in gains.items())
    if min(gains.values()) > 1:
        return f"is faster than eager PyTorch's: {told}"
    if max(gains.values()) < 1:
        return f"is slower than eager PyTorch's: it is as fast {told}"
    return f"is faster than eager PyTorch's at one size and slower at another: {told}"


def _whole(of: Measured, device: str) -> float:
    """What a device's step leaves after its call."""
    return max(0.0, _step(of, device) - of["toll"]["call"])


#: What a page can say of a record; the second argument names its device.
SAID: dict[str, Callable[[Measured, str], str]] = {
    "compiler": lambda of, _: (
        f"{of['network'][LARGE]['NumPy, by hand'][0] / _step(of, 'cpu'):.1f}"
    ),
    "device": lambda of, on: f"{_step(of, 'cpu') / _step(of, on):.0f}",
    "memory": lambda of, on: f"{of['roofs'][on][1] / of['roofs']['cpu'][1]:.0f}",
    "toll": lambda of, on: f"{of['toll']['call'] / _step(of, on):.0%}",
    "passes": lambda of, on: f"{_whole(of, on) * of['roofs'][on][1] / LAYER:.0f}",
    "bus": lambda of, _: f"{_bus(of) / 1e9:.1f}",
    "bus_steps": lambda of, on: f"{LAYER / _bus(of) / _step(of, on):.0f}",
    "call": lambda of, _: _us(of["toll"]["call"]),
    "tflops": lambda of, on: f"{of['roofs'][on][0] / 1e12:.0f}",
    "sentence_gain": lambda of, on: (
        f"{of['sentence']['by hand'] / of['sentence'][on]:.0f}"
    ),
    "sentence_piece": lambda of, on: (
        f"{1e6 * of['sentence'][on] / of['sentence']['pieces']:.1f}"
    ),
    "job_seconds": lambda of, _: f"{of['job']['seconds']:.0f}",
    "rows": lambda of, _: _rows(of)[0],
    "rows_gain": lambda of, _: f"{_rows(of)[1]:.0f}",
    "against_eager": lambda of, _: against_eager(of),
    # A window of the record has 24 words, and the loop goes over it forward and back.
    "turn": lambda of, _: _us(
        (next(iter(of["minibatches"]["gru"].values()))["seconds"] - of["toll"]["call"])
        / (2 * 24)
    ),
}


# ------------------------------------------------------------------------------------- on the page


def _depend(env: BuildEnvironment) -> None:
    for path in sorted(records.HOME.glob("*.json")):
        env.note_dependency(str(path))


def _where(record: Record) -> str:
    return (
        f"{record.name}, beside {record.cores} cores of {record.processor}; "
        f"{day(record.date)}, JAX {record.versions['JAX']}, commit {record.commit}:"
    )


class MeasuredBox(SphinxDirective):
    """A box with what a GPU showed."""

    has_content = True
    required_arguments = 1
    optional_arguments = 5

    def run(self) -> list[nodes.Node]:
        """Make the box."""
        _depend(self.env)
        record = record_for(self.env.docname)
        parts = [part for part in self.arguments if record and part in record.measured]
        box = nodes.admonition(classes=["measured"])
        box += nodes.title("", "What a GPU showed")
        if len(parts) < len(self.arguments):
            text = "No GPU has measured this yet; on one, `make measure` does."
            box += self.parse_text_to_nodes(text)
            return [box]
        text = _where(record)
        box += nodes.paragraph(text, text)
        for table in (one for part in parts for one in TABLES[part](record.measured)):
            html = f'<div class="cell_output">{table._repr_html_()}</div>'
            box += nodes.raw("", html, format="html")
        box += self.parse_content_to_nodes()
        return [box]


class MeasuredNumber(SphinxRole):
    """A number of the record that the page shows."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """Make the text; unknown names and parts that are not measured fail the build."""
        _depend(self.env)
        record = record_for(self.env.docname)
        try:
            text = SAID[self.text](record.measured, record.device)
        except (KeyError, AttributeError) as error:
            said = f"{self.env.docname}: {{measured}}`{self.text}` is not measured"
            raise ExtensionError(said) from error
        return [nodes.Text(text)], []


def setup(app: Sphinx) -> dict:
    """Add it to Sphinx."""
    app.add_directive("measured", MeasuredBox)
    app.add_role("measured", MeasuredNumber())
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
