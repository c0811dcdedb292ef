#!/usr/bin/env python3
"""The memory and the pieces of work of one training step, by XLA's own account.

B rows of T words, 8,000 words in the vocabulary, stochastic gradient descent with the gradient
clipped. What a process holds at most, beside PyTorch's, is in the tables of minibatch.py. With
--gpu the program is one for an H100, which need not be there.
"""

from dataclasses import dataclass
from typing import Annotated

import jax
import numpy as np
from contest import print_machine

from unrolled import command_line, fields, roofline
from unrolled.cells import CELLS
from unrolled.language_model import LanguageModel
from unrolled.layers import Settings
from unrolled.streams import Batch

C = 8000


@dataclass(frozen=True)
class Options:
    """What this measurement can be told."""

    cells: tuple[Annotated[str, fields.one_of(CELLS)], ...] = ("rnn", "gru", "lstm")
    """Kinds of recurrent unit."""
    hidden: tuple[fields.Positive, ...] = (128, 512)
    """Sizes of the embedding and of the hidden layer."""
    batch: fields.Positive = 32
    """Rows, B."""
    window: fields.Positive = 35
    """Words of a row, T."""
    gpu: bool = False
    """Of a program for an H100."""


def main() -> None:
    """Read the options, compile, report."""
    options = command_line.parse(Options(), __doc__)
    T, B = options.window, options.batch
    program_of = roofline.program_of
    if options.gpu:
        import absent_gpu

        # A program that is kept could not be read back for a GPU that is not there.
        jax.config.update("jax_enable_compilation_cache", False)
        program_of = absent_gpu.program_of
    batch = Batch.apart(*np.zeros((2, T, B), np.int32))
    print_machine()
    heads = "temporary", "parameters", "pieces of work", "in a turn, and back"
    print(f"{f'B={B}, T={T}':24}", *(f"{head:>14}" for head in heads))
    for cell in options.cells:
        for H in options.hidden:
            step = LanguageModel(Settings(C, H, H, cell), clip=5.0).compiled_step(batch)
            program = program_of(step)
            memory = program.memory_analysis()
            text = program.as_text()
            turns = " + ".join(map(str, roofline.pieces_of_turns(text)))
            print(
                f"{cell:16}H = {H:<4}",
                f"{memory.temp_size_in_bytes / 1e6:11.1f} MB",
                f"{memory.output_size_in_bytes / 1e6:11.1f} MB",
                f"{roofline.pieces_in(text):14,}",
                f"{turns:>19}",
            )


if __name__ == "__main__":
    command_line.run(main)
