#!/usr/bin/env python3
"""Chapter 7: train a model on several devices and on one, and weigh what they exchange.

Takes the same steps on one device and on several, where there are no others on simulated ones of
the processor. Prints how far the losses are apart, and where the devices meet in a step; times
their exchange; and writes two figures: that time against the bytes, and the efficiency that
follows from it.
"""

from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import jax
import matplotlib

# Figures become files: no window, no screen needed.
matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec

from unrolled import (
    command_line,
    devices,
    fields,
    models,
    recipes,
    roofline,
    timing,
    traffic,
    training,
)
from unrolled.devices import DATA
from unrolled.figures import style
from unrolled.options import Options

#: Devices that the processor passes for, where nothing else is asked for.
SIMULATED = 4


@dataclass(frozen=True)
class Trial:
    """What this script can be told."""

    devices: fields.Positive | None = None
    """How many share a batch (default: all GPUs; of a processor, four simulated ones)."""
    steps: fields.Positive = 10
    """Steps to take on one and on all."""
    largest: fields.Positive = 16_000_000
    """Bytes of the largest array that they exchange."""
    training: Options = field(default_factory=recipes.gru)
    output: fields.File = Path("figures/many-devices")
    """Folder for the figures."""


def train(corpus, options, mesh, steps):
    """Take some steps: the losses, the seconds of a step, and the step as it is compiled."""
    begun = models.start(corpus, options, mesh=mesh)
    text = training.stream_of(corpus.train, begun.vocabulary, options)
    windows = [window for window, _ in zip(text.epoch(options.seed, 0), range(steps))]
    rate = options.first_learning_rate
    losses = [float(begun.model.step(window, rate)) for window in windows]
    pace = timing.measure(lambda: begun.model.step(windows[0], 0.0), repeats=7).median
    return np.array(losses), pace, begun.model.compiled_step(windows[0])


def time_exchanges(mesh, largest):
    """The seconds in which the devices of a mesh sum arrays of so many bytes."""
    sizes = np.unique(np.geomspace(4, max(largest, 4), 10).astype(int) // 4 * 4)
    where, call = NamedSharding(mesh, PartitionSpec(DATA)), traffic.all_reduce(mesh)
    seconds = []
    for size in sizes:
        x = jax.device_put(np.ones((mesh.size, size // 4), "float32"), where)
        seconds.append(timing.measure(partial(call, x), repeats=15).median)
    return sizes, np.array(seconds)


def draw_exchanges(sizes, seconds, link, picture) -> None:
    """Draw the times of an exchange, and the line through them."""
    figure, ax = plt.subplots()
    ax.loglog(sizes, 1e3 * seconds, "o")
    ax.loglog(sizes, 1e3 * link.seconds(sizes), "-")
    ax.set(xlabel="bytes of each device", ylabel="time of an all-reduce (ms)")
    print("wrote", style.save(figure, picture))


def draw_efficiency(words_per_second, exchange, words, picture) -> None:
    """Draw which share of a step devices work that have so many words each, here marked."""
    figure, ax = plt.subplots()
    many = np.geomspace(words / 100, 100 * words, 200)
    share = traffic.efficiency(many / words_per_second, exchange)
    ax.semilogx(many, 100 * share)
    ax.axvline(words, color=style.GRAY, linestyle=":")
    ax.set(xlabel="words a step and device", ylabel="efficiency (%)", ylim=(0, 103))
    print("wrote", style.save(figure, picture))


def main() -> None:
    """Read the settings, train twice, compare."""
    chosen = command_line.parse(Trial(), __doc__)
    style.use_house_style()
    jax.config.update("jax_num_cpu_devices", chosen.devices or SIMULATED)
    mesh = devices.mesh(chosen.devices)
    options, corpus = chosen.training, recipes.plays()
    devices.own_columns(mesh, options.batch)  # or fail before the work
    alone, pace, _ = train(corpus, options, None, chosen.steps)
    shared, together, step = train(corpus, options, mesh, chosen.steps)
    apart = np.abs(shared / alone - 1).max()
    print(f"loss after {chosen.steps} steps: {alone[-1]:.6f} on one device,", end=" ")
    print(f"{shared[-1]:.6f} on {mesh.size}; at most {apart:.0e} of it apart")
    for one in traffic.crossings(roofline.program_of(step)):
        place = "at each turn of a loop" if one.in_loop else "once a step"
        print(f"they meet {place}: {one.kind}, {one.bytes:,} bytes")
    print(f"a step: {1e3 * pace:.1f} ms on one, {1e3 * together:.1f} ms on {mesh.size}")
    sizes, seconds = time_exchanges(mesh, chosen.largest)
    link = traffic.fit_link(sizes, seconds)
    print(
        f"an all-reduce: {1e6 * link.wait:,.0f} µs, "
        f"and {link.bandwidth / 1e9:.2f} GB a second"
    )
    draw_exchanges(sizes, seconds, link, chosen.output / "all-reduce.png")
    words = options.batch * options.window
    # The number of words, and the gradients.
    exchange = link.seconds(4) + link.seconds(4 * recipes.count(options.model))
    picture = chosen.output / "efficiency.png"
    draw_efficiency(words / pace, exchange, words, picture)


if __name__ == "__main__":
    command_line.run(main)
