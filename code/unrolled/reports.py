"""How scores of sentences, and histories of trainings, are written: as text, as CSV, as JSON."""

from __future__ import annotations

import csv
import dataclasses
import json
import math
import re
from typing import TextIO

from unrolled.models import Epoch
from unrolled.probability import perplexity
from unrolled.sampling import Score


def as_text(file: TextIO, lines: list[str], scores: list[Score]) -> None:
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
        f"all: perplexity {perplexity(total / count):.1f} over {count} tokens",
        file=file,
    )


def as_csv(file: TextIO, lines: list[str], scores: list[Score]) -> None:
    """Write a row for each word."""
    rows = csv.writer(file, lineterminator="\n")
    rows.writerow(["sentence", "position", "word", "known", "surprise"])
    for i, one in enumerate(scores, 1):
        for t, (word, known, surprise) in enumerate(zip(*one), 1):
            rows.writerow([i, t, word, int(known), f"{surprise:.6f}"])


def as_json(file: TextIO, lines: list[str], scores: list[Score]) -> None:
    """Write a list with an object for each sentence."""
    sentences = [
        {
            "text": line,
            "log_probability": one.log_probability,
            "perplexity": _number(one.perplexity),
            "words": [
                {"word": word, "known": known, "surprise": surprise}
                for word, known, surprise in zip(*one)
            ],
        }
        for line, one in zip(lines, scores)
    ]
    text = json.dumps(sentences, ensure_ascii=False, indent=1)
    # JSON itself leaves these control characters as they are, and some terminals obey them.
    print(re.sub("[\x7f-\x9f]", lambda c: f"\\u{ord(c[0]):04x}", text), file=file)


def _number(value: float) -> float | None:
    """A number as JSON can hold it."""
    return value if math.isfinite(value) else None


#: The formats by name.
FORMATS = {"text": as_text, "csv": as_csv, "json": as_json}


# ------------------------------------------------------------------------------------ histories


def history_as_text(file: TextIO, history: list[Epoch]) -> None:
    """Write a line for each epoch, or that there is none."""
    if not history:
        print("no epoch is done yet", file=file)
    for epoch in history:
        print(epoch, file=file)


def history_as_csv(file: TextIO, history: list[Epoch]) -> None:
    """Write a row for each epoch."""
    heads = [*(field.name for field in dataclasses.fields(Epoch)), *PERPLEXITIES]
    rows = csv.DictWriter(file, heads, lineterminator="\n")
    rows.writeheader()
    rows.writerows(map(_columns, history))


def history_as_json(file: TextIO, history: list[Epoch]) -> None:
    """Write a list with an object for each epoch."""
    epochs = [
        {name: _number(value) for name, value in _columns(epoch).items()}
        for epoch in history
    ]
    json.dump(epochs, file, indent=1)
    file.write("\n")


#: What is written beside the losses, which are in nats per word.
PERPLEXITIES = {"perplexity": "loss", "validation_perplexity": "validation"}


def _columns(epoch: Epoch) -> dict[str, float]:
    """What is known of an epoch, by name."""
    known = dataclasses.asdict(epoch)
    return known | {k: perplexity(known[loss]) for k, loss in PERPLEXITIES.items()}


HISTORIES = {"text": history_as_text, "csv": history_as_csv, "json": history_as_json}
