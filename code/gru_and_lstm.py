#!/usr/bin/env python3
"""Chapter 6: train language models with plain, GRU and LSTM cells alike, beside n-gram models.

Trains one model after the other on Shakespeare for the same number of epochs, prints a table of
perplexities and a sentence from each, and writes two figures: the curves, and the states
of the last model over a line.
"""

import matplotlib

matplotlib.use("Agg")  # figures become files; no window, no screen needed

import matplotlib.pyplot as plt
import numpy as np

from unrolled import corpus, inside, plotting, sampling, script, training
from unrolled.ngrams import KneserNey
from unrolled.updates import RULES
from unrolled.vocabulary import START, Vocabulary

CELLS = ("rnn", "gru", "lstm")


def read_options():
    """Read the command line."""
    parser = script.options(__doc__, "figures/gru-and-lstm")
    default = training.Options()
    add = parser.add_argument
    add("--cells", choices=CELLS, nargs="+", default=list(CELLS), help="to compare")
    for name, kind, value, help in (
        ("vocabulary", script.whole(5), default.vocabulary, "its size"),
        ("hidden", script.whole(1), default.hidden, "hidden units, and embedding"),
        ("layers", script.whole(1), 1, "recurrent layers"),
        ("dropout", script.part, 0.0, "share hidden between layers in training"),
        ("epochs", script.whole(1), 4, "times through the text"),
    ):
        add(f"--{name}", type=kind, default=value, help=help)
    add("--tied", action="store_true", help="one table for embedding and output")
    add("--optimizer", choices=RULES, default="rmsprop", help="how to step")
    add(
        "--rate",
        type=script.amount,
        help="first learning rate η (without it: the optimizer's own)",
    )
    add("--sentences", type=script.whole(1), help="to train on, not all")
    return script.parse(parser)


def draw_curves(histories, baselines, picture) -> None:
    """Draw the validation perplexity after each epoch, and n-gram models as lines."""
    figure, ax = plt.subplots()
    for cell, history in histories.items():
        epochs = [row["epoch"] for row in history]
        values = [training.perplexity(row["validation"]) for row in history]
        ax.semilogy(epochs, values, marker="o", label=cell)
    for name, value in baselines.items():
        ax.axhline(value, color=plotting.GRAY, linewidth=1, linestyle="-")
        ax.text(epochs[0], value, name, va="bottom", color=plotting.GRAY)
    ax.set(xlabel="epoch", ylabel="validation perplexity")
    ax.legend()
    print("wrote", plotting.save(figure, picture))


def draw_states(
    model, vocabulary, picture, line="My lord, I know not what to do."
) -> None:
    """Draw what the first units hold while they read a line."""
    words = sampling.tokenize(line)
    x = np.array([START, *vocabulary.encode(words)], dtype=np.int32)
    s = inside.states(model, x[:, None])[:, 0, :16]
    figure, ax = plt.subplots()
    image = ax.imshow(s.T, cmap="PuOr", vmin=-1, vmax=1, aspect="auto")
    ax.set_xticks(range(len(x)), ["<s>", *words], rotation=45, ha="right")
    ax.set(ylabel="hidden unit")
    figure.colorbar(image, label="state")
    print("wrote", plotting.save(figure, picture))


def main() -> None:
    """Read the options, train each cell, compare."""
    chosen = read_options()
    plotting.use_house_style()
    plays = corpus.load()
    plays = plays._replace(train=plays.train[: chosen.sentences])
    given = {
        name: value
        for name, value in vars(chosen).items()
        if name in training.Options._fields and value is not None
    }
    options = training.Options(
        **{"rate": training.RATES[chosen.optimizer], **given}, embedding=chosen.hidden
    )
    vocabulary = Vocabulary.build(plays.train, options.vocabulary)
    encoded, held_out = (
        [vocabulary.encode(sentence) for sentence in part]
        for part in (plays.train, plays.validation)
    )
    baselines = {
        name: KneserNey(encoded, len(vocabulary), order).perplexity(held_out)
        for order, name in ((2, "bigram"), (3, "trigram"))
    }
    for name, value in baselines.items():
        print(f"{name}: validation loss {np.log(value):.3f}, perplexity {value:.1f}")
    histories = {}
    for cell in chosen.cells:
        done = training.fit(plays, options._replace(cell=cell))
        histories[cell] = done.state.history
        best = done.state.best
        print(
            f"{cell}: validation loss {best:.3f}, "
            f"perplexity {training.perplexity(best):.1f}"
        )
        for words in sampling.generate(
            done.model, vocabulary, 2, temperature=0.7, longest=30, seed=chosen.seed
        ):
            print("·", sampling.detokenize(words))
    draw_curves(histories, baselines, chosen.output / "perplexity.png")
    draw_states(done.model, vocabulary, chosen.output / "states.png")


if __name__ == "__main__":
    script.run(main)
