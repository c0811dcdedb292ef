"""Train a recurrent language model on a text, write sentences with it, and score sentences."""

from __future__ import annotations

import argparse
import contextlib
import csv
import io
import json
import math
import sys
from pathlib import Path
from typing import Any, TextIO

from unrolled import backend, corpus, script, training
from unrolled.cells import CELLS
from unrolled.language_model import LanguageModel
from unrolled.sampling import Score, detokenize, generate, score, tokenize
from unrolled.script import UserError, amount, part, whole
from unrolled.updates import RULES
from unrolled.vocabulary import Vocabulary

#: Of the text; those of the model and its training are :class:`unrolled.training.Options`.
TEXT = {
    "source": "shakespeare",
    "level": "word",
    "lower": False,
    "column": "body",
    "encoding": "utf-8",
}
OPTIONS = training.Options()
#: Words and characters of a sentence, at most, where nothing else is asked for.
LONGEST = {"word": 100, "character": 500}


def share(text: str) -> float:
    """Read a number above 0 and up to 1, for an option's ``type``."""
    with contextlib.suppress(ValueError):
        if 0 < float(text) <= 1:
            return float(text)
    raise argparse.ArgumentTypeError(f"{text!r}: expected a number above 0 and up to 1")


# --------------------------------------------------------------------------------------- train


def add_train(commands: Any) -> None:
    """Add the command ``train``. Options that are not given stay out of the namespace."""
    parser = commands.add_parser(
        "train",
        help="train a model on a text",
        description="Train a language model and keep it in a folder.",
        argument_default=argparse.SUPPRESS,
    )
    add = parser.add_argument_group("text").add_argument
    add("source", nargs="?", metavar="TEXT", help=".txt or .csv (Shakespeare)")
    add("--level", choices=corpus.LEVELS, help="what a token is (word)")
    add("--lower", action="store_true", help="turn capitals into small letters")
    add("--column", help=f"of a CSV ({TEXT['column']})")
    add("--encoding", help=f"of the file ({TEXT['encoding']})")
    add("--vocabulary", type=whole(5), help=f"its size ({OPTIONS.vocabulary})")
    add = parser.add_argument_group("model").add_argument
    add("--cell", choices=CELLS, help=f"kind of recurrent unit ({OPTIONS.cell})")
    add("--hidden", type=whole(1), help=f"hidden units ({OPTIONS.hidden})")
    add(
        "--embedding",
        type=whole(0),
        help=f"entries of a word's vector; 0: one-hot words ({OPTIONS.embedding})",
    )
    add("--layers", type=whole(1), help=f"recurrent layers ({OPTIONS.layers})")
    add("--dropout", type=part, help="hidden between layers in training, 0 to 1 (0)")
    add("--tied", action="store_true", help="embedding and output share one table")
    add = parser.add_argument_group("training").add_argument
    add("--epochs", type=whole(1), help=f"times through the text ({OPTIONS.epochs})")
    add("--batch", type=whole(1), help=f"sentences a minibatch ({OPTIONS.batch})")
    add(
        "--longest",
        type=whole(1),
        help=f"tokens after which a sentence is cut ({OPTIONS.longest})",
    )
    add("--optimizer", choices=RULES, help=f"({OPTIONS.optimizer})")
    rates = ", ".join(f"{name} {rate:g}" for name, rate in training.RATES.items())
    add("--rate", type=amount, help=f"first learning rate η ({rates})")
    add("--clip", type=amount, help=f"longest gradient, 0: any ({OPTIONS.clip})")
    add("--seed", type=whole(0), help=f"of weights and order ({OPTIONS.seed})")
    add = parser.add_argument_group("files").add_argument
    add("--output", type=Path, help="folder for the model (models/NAME)")
    add("--resume", type=Path, metavar="FOLDER", help="go on with a training")
    add("--save-every", type=amount, help="seconds between checkpoints (60)")
    parser.set_defaults(run=train)


def train(given: dict[str, Any]) -> None:
    """Train, or go on training."""
    folder = given.pop("resume", None)
    save_every = given.pop("save_every", 60.0)
    resume = folder is not None
    if resume:
        folder = folder.parent if folder.name == "last.npz" else folder
        source, options = _resumed(folder, given)
    else:
        source = {name: given.pop(name, value) for name, value in TEXT.items()}
        default = Path("models") / Path(source["source"]).stem
        folder = given.pop("output", default)
        if (folder / "last.npz").exists():
            raise UserError(
                f"{folder}: holds a model already: go on with --resume {folder}, "
                "or choose another --output"
            )
        options = _options(given)
    text = corpus.load(**source)
    folder.mkdir(parents=True, exist_ok=True)  # or fail before the work
    _introduce(text, options)
    about = {"source": source}
    done = training.fit(
        text, options, folder, resume, about=about, save_every=save_every
    )
    _conclude(folder, done.state)


def _options(given: dict[str, Any]) -> training.Options:
    """The options of a new training."""
    options = OPTIONS._replace(**given)
    if options.tied and options.embedding != options.hidden:
        raise UserError(
            f"--tied: --embedding {options.embedding} and --hidden {options.hidden} "
            "have to be the same"
        )
    if "rate" not in given:
        options = options._replace(rate=training.RATES[options.optimizer])
    return options


def _resumed(
    folder: Path, given: dict[str, Any]
) -> tuple[dict[str, Any], training.Options]:
    """The text and the options that a training began with."""
    about = training.load(folder / "last.npz").about
    source = {**TEXT, **about.get("source", {})}
    options = training.Options(**about["options"])
    # The file may have moved, and there may be time for more epochs.
    source["source"] = given.pop("source", source["source"])
    options = options._replace(epochs=given.pop("epochs", options.epochs))
    own = {**source, **options._asdict(), "output": folder}
    for name, value in given.items():
        if value != own[name]:
            flag = "--" + name.replace("_", "-")
            raise UserError(
                f"{flag} {value}: the training that goes on has {own[name]}; leave it out"
            )
    return source, options


def _introduce(text: corpus.Corpus, options: training.Options) -> None:
    """Say what will be trained on what."""
    where = backend.describe()
    print(f"device: {where['device']} ({where['name']})")
    counts = ", ".join(
        f"{len(part):,} {name}"
        for name, part in zip(("training", "validation", "test"), text[2:5])
    )
    print(f"text: {text.name}; sentences: {counts}")
    known = Vocabulary.build(text.train, options.vocabulary)
    if len(known) < options.vocabulary:
        print(f"vocabulary: the text has only {len(known):,}; all are taken")
    print(
        f"vocabulary: {len(known):,}, which cover {known.coverage(text.train):.1%} of the "
        f"training text and {known.coverage(text.validation):.1%} of the validation text"
    )
    print(f"a uniform guess has perplexity {len(known):,}", flush=True)


def _conclude(folder: Path, state: training.State) -> None:
    """Say what came of it, and what to do with it."""
    best = min(state.history, key=lambda row: row["validation"])
    print(
        f"best: validation perplexity {training.perplexity(best['validation']):.1f} "
        f"after epoch {best['epoch']}, in {folder / 'best.npz'}"
    )
    print(f"write with it: python -m unrolled generate {folder}")


# ------------------------------------------------------------------------------------ generate


def add_generate(commands: Any) -> None:
    """Add the command ``generate``."""
    parser = commands.add_parser(
        "generate",
        help="write sentences",
        description="Write sentences with a trained model, one a line.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("model", type=Path, help="a folder or file that train wrote")
    add("--prompt", default="", help="how each sentence begins")
    add("--count", type=whole(1), default=10, help="sentences")
    add("--temperature", type=amount, default=1.0, help="0: the likeliest words")
    unset = argparse.SUPPRESS  # not in the namespace, and without a default to show
    add(
        "--top-k",
        type=whole(1),
        default=unset,
        help="draw from so many likeliest words",
    )
    add("--top-p", type=share, default=unset, help="draw from so much probability")
    add(
        "--longest",
        type=whole(1),
        default=unset,
        help="tokens of a sentence (default: "
        + ", ".join(f"{count} at level {level}" for level, count in LONGEST.items())
        + ")",
    )
    add("--seed", type=whole(0), default=0, help="another seed writes others")
    parser.set_defaults(run=write)


def _load(path: Path) -> tuple[LanguageModel, Vocabulary, str, bool]:
    """A trained model, and the level and the case of its text."""
    model, vocabulary, _, about = training.load(path)
    # What a program trained, rather than this command, has no source.
    lower = about.get("source", TEXT)["lower"]
    return model, vocabulary, about["text"]["level"], lower


def write(given: dict[str, Any]) -> None:
    """Write sentences."""
    model, vocabulary, level, lower = _load(given.pop("model"))
    prompt = tokenize(given.pop("prompt"), level, lower)
    for word in prompt:
        if word not in vocabulary:
            print(f"not in the vocabulary: {word}", file=sys.stderr)
    longest = given.pop("longest", LONGEST[level])
    for words in generate(model, vocabulary, prompt=prompt, longest=longest, **given):
        print(detokenize(words, level))


# --------------------------------------------------------------------------------------- score


def add_score(commands: Any) -> None:
    """Add the command ``score``."""
    parser = commands.add_parser(
        "score",
        help="say how likely sentences are",
        description="Score sentences, one a line: their probability, and each word's surprise.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("model", type=Path, help="a folder or file that train wrote")
    add("text", nargs="?", default="-", help="a file; -: the standard input")
    add("--encoding", default="utf-8", help="of the text")
    add("--format", choices=WRITERS, default="text", help="of the result")
    add("--output", type=Path, default=argparse.SUPPRESS, help="a file for the result")
    parser.set_defaults(run=rate)


def rate(given: dict[str, Any]) -> None:
    """Score sentences."""
    model, vocabulary, level, lower = _load(given["model"])
    lines = _lines(given["text"], given["encoding"])
    scores = score(model, vocabulary, (tokenize(line, level, lower) for line in lines))
    result = io.StringIO(newline="")
    WRITERS[given["format"]](result, lines, scores)
    if "output" in given:
        script.write_text(given["output"], result.getvalue())
    else:
        print(result.getvalue(), end="")


def _lines(path: str, encoding: str) -> list[str]:
    """The lines of a file or of the standard input that are not blank."""
    if path == "-":
        content, path = sys.stdin.buffer.read(), "standard input"
    else:
        content = corpus.read_bytes(Path(path))
    text = corpus.decode(path, content, encoding)
    return [line for line in text.split("\n") if line.strip()]


def write_text(file: TextIO, lines: list[str], scores: list[Score]) -> None:
    """Write each sentence's perplexity and its words with their surprise."""
    for line, one in zip(lines, scores):
        print(
            f"{line}\n  perplexity {one.perplexity:.1f}, "
            f"log-probability {one.log_probability:.2f} nats",
            file=file,
        )
        words = (
            f"{word}{'' if known else ' (unknown)'} {surprise:.2f}"
            for word, known, surprise in zip(*one)
        )
        print("  " + ", ".join(words), file=file)
    total = sum(-one.log_probability for one in scores)
    count = sum(len(one.words) for one in scores)
    print(
        f"all: perplexity {training.perplexity(total / count):.1f} over {count} tokens",
        file=file,
    )


def write_csv(file: TextIO, lines: list[str], scores: list[Score]) -> None:
    """Write a row for each word."""
    rows = csv.writer(file, lineterminator="\n")
    rows.writerow(["sentence", "position", "word", "known", "surprise"])
    for i, one in enumerate(scores, 1):
        for t, (word, known, surprise) in enumerate(zip(*one), 1):
            rows.writerow([i, t, word, int(known), f"{surprise:.6f}"])


def write_json(file: TextIO, lines: list[str], scores: list[Score]) -> None:
    """Write a list with an object for each sentence."""
    sentences = [
        {
            "text": line,
            "log_probability": one.log_probability,
            "perplexity": one.perplexity if one.perplexity < math.inf else None,
            "words": [
                {"word": word, "known": known, "surprise": surprise}
                for word, known, surprise in zip(*one)
            ],
        }
        for line, one in zip(lines, scores)
    ]
    json.dump(sentences, file, ensure_ascii=False, indent=1)
    file.write("\n")


WRITERS = {"text": write_text, "csv": write_csv, "json": write_json}


def main() -> None:
    """Read the command line and do what it says."""
    parser = script.Parser(prog="python -m unrolled", description=__doc__)
    commands = parser.add_subparsers(title="commands", required=True)
    for add in (add_train, add_generate, add_score):
        add(commands)
    given = vars(parser.parse_args())
    given.pop("run")(given)


if __name__ == "__main__":
    script.run(main, name="unrolled")
