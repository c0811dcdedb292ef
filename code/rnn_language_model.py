#!/usr/bin/env python3
"""Chapter 4: train a recurrent language model on Shakespeare, beside n-gram models.

Times a step by hand and compiled, trains with checkpoints, prints perplexities and new sentences,
and writes two figures: the perplexities and the words per second by batch size.
"""

import matplotlib

matplotlib.use("Agg")  # figures become files; no window, no screen needed

import matplotlib.pyplot as plt
import numpy as np

from unrolled import backend, corpus, numpy_rnn, plotting, sampling, script, training
from unrolled.batches import Batch
from unrolled.language_model import LanguageModel, Settings
from unrolled.ngrams import KneserNey

STEPS = 20  # words of the sentence that is timed


def random_batch(C: int, B: int) -> Batch:
    """Words drawn at random, for timing: what they are does not matter."""
    x, y = np.random.default_rng(0).integers(4, C, (2, STEPS, B)).astype("int32")
    return Batch(x, y, np.ones((STEPS, B), "float32"))


def seconds_per_step(model: LanguageModel, batch: Batch, repeats: int) -> float:
    """The median time of a compiled step, with the update of all parameters."""

    def step():
        model.step(batch, 0.0)
        return [p.get_value(borrow=True) for p in model.parameters.values()]

    return backend.measure(step, repeats).median


def compare_speed(C: int, H: int, repeats: int, picture) -> None:
    """Print and draw what compiling and minibatches buy."""
    x, y, _ = random_batch(C, 1)
    by_hand = numpy_rnn.initialize(C, H)
    t = backend.measure(
        lambda: numpy_rnn.step(by_hand, x[:, 0], y[:, 0], 0.0, truncation=4), repeats
    ).median
    print(f"one sentence of {STEPS} words by hand: {1e3 * t:.2f} ms")
    model = LanguageModel(Settings(C, H))
    sizes, rates = (1, 4, 16, 32), []
    for B in sizes:
        t = seconds_per_step(model, random_batch(C, B), repeats)
        rates.append(STEPS * B / t)
        print(f"{B:3} compiled: {1e3 * t:.2f} ms, {rates[-1]:,.0f} words/s")
    figure, ax = plt.subplots()
    ax.loglog(sizes, rates, "-o")
    ax.set(xlabel="B, sentences in a batch", ylabel="words per second")
    print("wrote", plotting.save(figure, picture))


def draw_history(history, baselines, picture) -> None:
    """Draw the perplexities after each epoch, and those of the n-gram models as lines."""
    epochs = [row["epoch"] for row in history]
    figure, ax = plt.subplots()
    for key, label in (("loss", "training"), ("validation", "validation")):
        ax.semilogy(epochs, [np.exp(row[key]) for row in history], "-o", label=label)
    for name, perplexity in baselines.items():
        ax.axhline(perplexity, color=plotting.GRAY, linewidth=1)
        ax.text(epochs[-1], perplexity, name, ha="right", va="bottom")
    ax.set(xlabel="epoch", ylabel="perplexity")
    ax.legend()
    print("wrote", plotting.save(figure, picture))


def main() -> None:
    """Read the options, time, train, compare, write."""
    parser = script.options(__doc__, "figures/rnn-language-model")
    default = training.Options()
    for name, kind, help in (
        ("vocabulary", script.whole(5), "its size"),
        ("hidden", script.whole(1), "hidden units"),
        ("epochs", script.whole(1), "times through the text"),
        ("batch", script.whole(1), "sentences a minibatch"),
        ("rate", script.amount, "first learning rate η"),
    ):
        parser.add_argument(
            f"--{name}", type=kind, default=getattr(default, name), help=help
        )
    parser.add_argument(
        "--sentences", type=script.whole(1), help="to train on, not all"
    )
    parser.add_argument(
        "--repeats", type=script.whole(1), default=10, help="timed steps"
    )
    parser.add_argument("--resume", action="store_true", help="go on in --output")
    chosen = script.parse(parser)
    plotting.use_house_style()
    if (chosen.output / "last.npz").exists() and not chosen.resume:
        raise script.UserError(
            f"{chosen.output}: holds a model already: choose --resume or another --output"
        )

    plays = corpus.load()
    plays = plays._replace(train=plays.train[: chosen.sentences])
    compare_speed(
        chosen.vocabulary, chosen.hidden, chosen.repeats, chosen.output / "speed.png"
    )
    given = {k: v for k, v in vars(chosen).items() if k in default._fields}
    options = default._replace(**given, embedding=chosen.hidden)
    training.fit(plays, options, chosen.output, chosen.resume)

    model, vocabulary, state, _ = training.load(chosen.output)
    encoded = [vocabulary.encode(sentence) for sentence in plays.train]
    held_out = [vocabulary.encode(sentence) for sentence in plays.validation]
    baselines = {
        name: KneserNey(encoded, len(vocabulary), order).perplexity(held_out)
        for order, name in ((1, "unigram"), (2, "bigram"), (3, "trigram"))
    }
    for name, perplexity in {**baselines, "RNN": np.exp(state.best)}.items():
        print(
            f"{name}: validation loss {np.log(perplexity):.3f}, perplexity {perplexity:.1f}"
        )
    for words in sampling.generate(
        model, vocabulary, count=5, temperature=0.8, longest=30, seed=chosen.seed
    ):
        print("·", sampling.detokenize(words))
    draw_history(state.history, baselines, chosen.output / "perplexity.png")


if __name__ == "__main__":
    script.run(main)
