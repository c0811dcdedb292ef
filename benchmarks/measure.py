#!/usr/bin/env python3
"""Time what chapters 2, 4, 6 and 7 tell of a GPU, and keep it in book/_measured.

One part after another, the shortest first, each kept at once: a run that was cut short goes on
where it stopped, as long as the code is the same. On a GPU it takes some three minutes.
"""

from __future__ import annotations

import importlib.util
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from contest import HERE, entry, hold
from sklearn.datasets import make_moons

from unrolled import (
    budget,
    command_line,
    compute,
    fields,
    machine,
    measurements,
    network,
    recipes,
    rnn_by_hand,
    roofline,
    timing,
)
from unrolled.errors import UserError
from unrolled.language_model import LanguageModel
from unrolled.layers import Settings
from unrolled.network import Parameters
from unrolled.streams import Stream
from unrolled.vocabulary import Vocabulary

sys.path.insert(0, str(Path(__file__).parents[1] / "tools"))
import provenance
import records
from records import Record

#: The model of chapter 6's tables of speed, without its cell, and a window's length.
C, H, T = 8000, 128, 24
RULE, RATE, CLIP = "rmsprop", 0.001, 5.0
CELLS = ("gru", "lstm", "rnn")


@dataclass(frozen=True)
class Options:
    """What this program can be told."""

    seconds: fields.Positive = 180
    """No part begins after so many."""
    torch: str | None = None
    """Interpreter with PyTorch; left out: this one, where it has it."""
    folder: str = str(records.HOME)
    """Where the file is kept."""


def roofs(_: Options) -> dict[str, Any]:
    """Operations and bytes a second of each device, at best."""
    return {device: list(roofline.roof(device)) for device in machine.devices()}


def toll(_: Options) -> dict[str, Any]:
    """An empty call, and two arrays handed over."""
    return measurements.toll()._asdict()


def network_steps(_: Options) -> dict[str, Any]:
    """The step of chapter 2's network, by its hidden units: median, fastest, slowest."""
    N = budget.choose(smoke=200, cpu=5000, gpu=5000)
    X, y = make_moons(N, noise=0.20, random_state=0)
    X = X.astype("float32")
    sizes = budget.choose(smoke=(5, 10), cpu=(30, 1000), gpu=(30, 1000, 10_000))
    return {
        f"{hidden}": {
            name: timing.measure(step, repeats=10)[:3]
            for name, step in measurements.network_steps(
                Parameters(
                    *(v.astype("float32") for v in network.initialize(2, hidden, 2))
                ),
                X, y, 0.1, 2e-6,
            ).items()
        }
        for hidden in sizes
    }  # fmt: skip


def sentence(_: Options) -> dict[str, Any]:
    """The step of chapter 4's first network on one sentence: by hand, and on each device."""
    words = budget.choose(smoke=300, cpu=C, gpu=C)
    batch = measurements.random_words(words, 20, 1)
    start = rnn_by_hand.initialize(words, 100)
    x, y = batch.x[:, 0], batch.y[:, 0]
    by_hand = timing.measure(
        lambda: rnn_by_hand.step(start, x, y, 0.0, truncation=4), repeats=10
    )
    found = {"by hand": by_hand.median}
    for device in machine.devices():
        model = LanguageModel(Settings(words, 100), seed=0, on=device)
        found[device] = measurements.step_seconds(model, batch, 50)
        found["pieces"] = roofline.pieces_of_work(model.compiled_step(batch), device)
    return found


def _minibatch(cell: str, B: int) -> dict[str, Any]:
    """What the device that computes does with a cell and B rows."""
    settings = Settings(
        *budget.choose(smoke=(300, 8, 8), cpu=(C, H, H), gpu=(C, H, H)), cell
    )
    model = LanguageModel(settings, seed=0, clip=CLIP, optimizer=RULE)
    batch = measurements.random_words(settings.vocabulary, T, B)
    first = measurements.first_step_seconds(model, batch)
    seconds = measurements.step_seconds(model, batch, 20)
    pieces = roofline.pieces_of_work(model.compiled_step(batch))
    return {
        "first": first, "seconds": seconds, "words/s": T * B / seconds, "pieces": pieces,
    }  # fmt: skip


def minibatches(_: Options) -> dict[str, Any]:
    """The step of chapter 6's cells, by B: seconds of the first and of others, and its pieces."""
    every, first = budget.choose(
        smoke=((4,), (2,)), cpu=((32,), (1, 128)), gpu=((256,), (32,))
    )
    return {
        cell: {
            f"{B}": _minibatch(cell, B)
            for B in sorted((every + first) if cell == "gru" else every)
        }
        for cell in CELLS
    }


def job(_: Options) -> dict[str, Any]:
    """The training of 2015, fifty epochs of a network of 50 units; on a CPU a part of it."""
    text = recipes.plays()
    words, B = budget.choose(smoke=(300, 8), cpu=(C, 32), gpu=(C, 256))
    epochs = budget.choose(smoke=1, cpu=1, gpu=50)
    vocabulary = Vocabulary.build(text.train, words)
    stream = Stream([vocabulary.encode(one) for one in text.train], B, T)
    model = LanguageModel(Settings(words, 50), seed=0, clip=CLIP, optimizer="adam")
    # Compiled before the clock starts.
    measurements.first_step_seconds(model, next(iter(stream.epoch(0, 0))))
    begin = time.perf_counter()
    for epoch in range(epochs):
        losses = [model.step(window, 0.002) for window in stream.epoch(0, epoch)]
        timing.wait(losses)
    seconds = time.perf_counter() - begin
    mean = float(np.mean([float(loss) for loss in losses]))
    return {
        "epochs": epochs, "words": epochs * stream.words, "seconds": seconds, "loss": mean,
    }  # fmt: skip


def torch(options: Options) -> dict[str, Any]:
    """PyTorch's steps on the same windows, on the same device: eager, and as a CUDA graph."""
    python = options.torch or HERE
    ways = (
        {"eager": "cuda", "graph": "graph"}
        if machine.device() == "gpu"
        else {"eager": "cpu"}
    )
    found = {}
    for B in budget.choose(smoke=(2,), cpu=(32,), gpu=(32, 256)):
        words = budget.choose(smoke=300, cpu=C, gpu=C)
        batch = measurements.random_words(words, T, B)
        model = LanguageModel(
            Settings(words, H, H, "gru"), seed=0, clip=CLIP, optimizer=RULE
        )
        problem = {
            **model.values(),
            "x": batch.x,
            "y": batch.y,
            "rate": RATE,
            "clip": CLIP,
        }
        rows = [
            entry(name, python, "torch_minibatch.py", "gru", RULE, device)
            for name, device in ways.items()
        ]
        field = hold(problem, rows, rounds=1, steps=20)
        found[f"{B}"] = {one.name: float(np.median(one.times)) / 1e3 for one in field}
    return found


PARTS: dict[str, Callable[[Options], dict[str, Any]]] = {
    "toll": toll,
    "roofs": roofs,
    "network": network_steps,
    "sentence": sentence,
    "minibatches": minibatches,
    "job": job,
    "torch": torch,
}


def main() -> None:
    """Measure what is not measured yet, as long as there is time."""
    options = command_line.parse(Options(), __doc__)
    compute.use_precision("float32")
    home = Path(options.folder)
    made = {"budget": budget.name(), "date": date.today().isoformat()}
    here = Record(**asdict(machine.describe()), **made, commit=provenance.commit())
    record = here.goes_on(home)
    begin = time.perf_counter()
    print(f"{record.name}, budget {record.budget}:")
    for name, part in PARTS.items():
        if name in record.measured:
            print(f"{name:12} measured before")
            continue
        if name == "torch" and not (options.torch or importlib.util.find_spec("torch")):
            print(f"{name:12} left out: not installed (--torch names an interpreter)")
            continue
        if time.perf_counter() - begin > options.seconds:
            print(f"{name:12} left out: no time; run it again")
            continue
        started = time.perf_counter()
        try:
            record.measured[name] = part(options)
        except UserError as error:
            print(f"{name:12} left out: {error}")
            continue
        record.write(home)
        print(f"{name:12} {time.perf_counter() - started:6.1f} s", flush=True)
    print(record.path(home))


if __name__ == "__main__":
    command_line.run(main)
