#!/usr/bin/env python3
"""Time how fast a language model writes: 64 sentences at once, 8,000 words, 128 hidden units.

The weights are random, so hardly a sentence ends before its 50 words are written.
"""

import time
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from contest import print_machine, verdict, warn_if_busy

from unrolled import command_line, fields
from unrolled.cells import CELLS
from unrolled.language_model import LanguageModel
from unrolled.layers import Settings
from unrolled.sampling import TOGETHER, generate
from unrolled.vocabulary import SPECIAL, Vocabulary

C, H, LONGEST = 8000, 128, 50
#: Words a second, at least.
TARGET = 2000
WAYS = {
    "all words": {},
    "top_k=50": {"top_k": 50},
    "top_p=0.9": {"top_p": 0.9},
    "top_k=50, top_p=0.9": {"top_k": 50, "top_p": 0.9},
}


@dataclass(frozen=True)
class Options:
    """What this measurement can be told."""

    cell: Annotated[str, fields.one_of(CELLS)] = "rnn"
    """Kind of recurrent unit."""
    rounds: fields.Positive = 10
    """Turns each."""


def main() -> None:
    """Read the options, write in each way, report."""
    options = command_line.parse(Options(), __doc__)
    warn_if_busy()
    vocabulary = Vocabulary([*SPECIAL, *map(str, range(C - len(SPECIAL)))])
    model = LanguageModel(Settings(C, H, H, options.cell))
    # The first call compiles.
    generate(model, vocabulary, TOGETHER, longest=1)
    rates = {way: [] for way in WAYS}
    for seed in range(options.rounds):
        for way, how in WAYS.items():
            start = time.perf_counter()
            written = generate(
                model, vocabulary, TOGETHER, longest=LONGEST, seed=seed, **how
            )
            seconds = time.perf_counter() - start
            rates[way].append(sum(map(len, written)) / seconds)
    print_machine()
    print(f"{'':44}{'median':>16}{'quartiles':>20}")
    for way, measured in rates.items():
        low, middle, high = np.quantile(measured, [0.25, 0.5, 0.75])
        print(f"{way:44}{middle:8,.0f} words/s{low:10,.0f} to {high:6,.0f}")
    slowest = min(np.median(measured) for measured in rates.values())
    met = verdict(slowest >= TARGET)
    print(f"target: at least {TARGET:,} words/s, in each way: {met}")


if __name__ == "__main__":
    command_line.run(main)
