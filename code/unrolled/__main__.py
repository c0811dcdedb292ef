"""Train a recurrent language model on a text, write sentences with it, and score sentences."""

from __future__ import annotations

import contextlib
import io
import math
import shlex
import shutil
import signal
import sys
import tempfile
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from jax.sharding import Mesh

from unrolled import (
    __version__,
    command_line,
    devices,
    documents,
    fields,
    files,
    machine,
    models,
    reports,
    sampling,
    spacing,
    text,
    training,
)
from unrolled.command_line import visible
from unrolled.corpus import Corpus, Source, repeats
from unrolled.devices import Processes
from unrolled.errors import UserError
from unrolled.models import Trained
from unrolled.options import Options
from unrolled.probability import perplexity

#: What may be another where a training goes on: the file may have moved.
MAY_CHANGE = ("source", "epochs", "resume", "save_every")
#: What a text is called that comes from there.
STANDARD_INPUT = "standard-input"
#: The share of a text that must be known, or there is a warning.
FEW_KNOWN = 0.5
#: Words and characters of a sentence, at most, where nothing else is asked for.
LONGEST = {"word": 100, "character": 500}
#: Seconds in which all processes have to be there; after 300, JAX ends the program with pages of
#: its own.
TOGETHER = 280

# --------------------------------------------------------------------------------------- train


@dataclass(frozen=True)
class Files:
    """Where a training is kept."""

    output: fields.File | None = None
    """Folder for the model (default: models/NAME, of the first text)."""
    resume: fields.File | None = None
    """Folder of a training to go on with."""
    save_every: fields.Amount = 60.0
    """Seconds between checkpoints."""


@dataclass(frozen=True)
class Training:
    """What ``train`` can be told."""

    text: Source = Source()
    training: Options = Options()
    files: Files = Files()
    processes: Processes = Processes()


def train(given: dict[str, Any]) -> None:
    """Train a language model on a text (-: the standard input), and keep it in a folder."""
    own = [name for name in fields.flat(Processes()) if name in given]
    chosen = Processes(**{name: given.pop(name) for name in own})
    _check_devices(chosen, given)
    with contextlib.ExitStack() as held:
        mesh = _started(chosen, held)
        stopped = _train(given, mesh)
    if stopped == signal.SIGINT:
        raise KeyboardInterrupt


def _check_devices(chosen: Processes, given: dict[str, Any]) -> None:
    """Refuse more devices than can have work, before a CPU passes for so many."""
    if "resume" in given and "batch" not in given:
        # The checkpoint knows.
        return
    batch, shards = given.get("batch", Options().batch), chosen.vocabulary_shards
    most = batch * shards
    if (chosen.devices or 0) > most:
        raise UserError(
            f"expected at most {most:,}, for a batch has {batch:,} rows",
            devices=chosen.devices,
        )


def _started(chosen: Processes, held: contextlib.ExitStack) -> Mesh | None:
    """Start what was chosen: see :func:`unrolled.devices.started`.

    JAX waits for other processes in code that hears no Ctrl-C: so it waits in a thread.
    """
    if not chosen.distributed:
        return held.enter_context(devices.started(chosen))
    found: list[Mesh] = []
    wrong: list[Exception] = []

    def start() -> None:
        try:
            found.append(held.enter_context(devices.started(chosen)))
        except Exception as error:
            wrong.append(error)

    starting = threading.Thread(target=start, daemon=True)
    starting.start()
    starting.join(1)
    if starting.is_alive() and chosen.process == 0:
        others = (
            f"all {chosen.processes} processes" if chosen.processes else "the others"
        )
        waits = f"waiting for {others} at {chosen.coordinator}, {TOGETHER} s at most"
        print(waits, file=sys.stderr, flush=True)
    # In slices: a signal that comes just before a wait is heard after it.
    until = time.monotonic() + TOGETHER
    while starting.is_alive() and time.monotonic() < until:
        starting.join(0.2)
    if starting.is_alive():
        raise UserError(
            f"not all processes were there within {TOGETHER} s: start them together"
        )
    for error in wrong:
        raise error
    return found[0]


def _train(given: dict[str, Any], mesh: Mesh | None) -> int:
    """Train on one device, or on a mesh; the signal that has stopped it, or 0."""
    with contextlib.ExitStack() as held:
        if not devices.is_first():
            # One process speaks for all.
            held.enter_context(contextlib.redirect_stdout(None))
        if "source" in given:
            if given["source"].count("-") > 1:
                raise UserError("-: given twice: expected the standard input once")
            one, *more = (
                held.enter_context(_standard_input()) if source == "-" else source
                for source in given["source"]
            )
            given["source"] = (one, *more) if more else one
        if "resume" in given:
            folder = given["resume"]
            if folder.name in ("best.npz", "last.npz"):
                folder = folder.parent
            _hold(folder, held)
            begun = models.load(folder / "last.npz", to_go_on=True, mesh=mesh)
            chosen = _going_on(begun, folder, given)
            plays = _found_again(chosen.text)
        else:
            chosen = fields.changed(Training(), **given)
            _check_used(chosen.text, given)
            folder = (
                chosen.files.output
                or Path("models") / Path(chosen.text.sources[0]).stem
            )
            _check_folder(folder)
            _check_free(folder)
            plays = text.load(chosen.text)
            with training.memory_told(chosen.training):
                begun = models.start(plays, chosen.training, mesh=mesh)
            # Or fail before the work.
            folder.mkdir(parents=True, exist_ok=True)
            _hold(folder, held)
            _check_free(folder)
        versions, save_every = machine.describe().versions, chosen.files.save_every
        own = versions, chosen.training, save_every, mesh and mesh.shape
        devices.check_alike(str((*own, plays.fingerprint, begun.state.steps)))
        # After that: where one process alone has another text, all hear of it.
        training.check_text(begun, plays)
        _introduce(plays, begun)
        if begun.state.epoch >= chosen.training.epochs:
            print(f"all {begun.state.epoch} epochs are done: for more, give --epochs")
        try:
            training.fit(plays, chosen.training, folder, begun, save_every)
        except training.Stopped as stopped:
            _conclude_early(folder)
            return stopped.signal
        _conclude(folder, begun)
        return 0


def _hold(folder: Path, held: contextlib.ExitStack) -> None:
    """Keep other trainings out of a folder; of several processes one writes, and does so."""
    if devices.is_first():
        held.enter_context(files.alone(folder))


def _check_used(source: Source, given: dict[str, Any]) -> None:
    """Refuse what says how to read a text, where that text has no use for it."""
    told = " ".join(source.sources)
    if source.source == "shakespeare":
        useless, why = ("column", "encoding", "lines"), "the plays are read as they are"
    else:
        tables = {documents.is_table(file) for file in documents.found(source.sources)}
        useless, why = (), ""
        if tables == {True}:
            useless, why = ("lines",), f"{told}: each row is a text of its own"
        if tables == {False}:
            with_columns = ", ".join(documents.TABLES)
            useless, why = ("column",), f"{told}: only {with_columns} have columns"
    for name in useless:
        if name in given:
            raise UserError(f"{why}: leave it out", **{name: given[name]})


def _check_folder(folder: Path) -> None:
    """Refuse a folder that cannot be made, for a file is in its place."""
    there = next((path for path in (folder, *folder.parents) if path.exists()), None)
    if there and not there.is_dir():
        raise UserError("a file: expected a folder", output=there)


def _check_free(folder: Path) -> None:
    """Refuse to write over a model."""
    if devices.is_first() and (folder / "last.npz").exists():
        raise UserError(
            f"{folder}: holds a model already: go on with --resume {shlex.quote(str(folder))}, "
            "or choose another --output"
        )
    if devices.is_first() and (folder / "best.npz").exists():
        raise UserError(
            f"{folder / 'best.npz'}: a model, which would be lost: choose another --output"
        )


def _going_on(begun: Trained, folder: Path, given: dict[str, Any]) -> Training:
    """The settings of a training that goes on: its own, where nothing else is allowed."""
    own = Training(begun.source, begun.options, Files(output=folder))
    had = {**fields.flat(own), "learning_rate": begun.options.first_learning_rate}
    asked = {name: given[name] for name in given if name not in MAY_CHANGE}
    training.check_same({name: had[name] for name in asked}, asked)
    return fields.changed(own, **given)


@contextlib.contextmanager
def _standard_input() -> Iterator[str]:
    """Keep the standard input in a file, which can be read more than once.

    Whoever gave it knows no such file: errors tell it by its name.
    """
    with tempfile.TemporaryDirectory(prefix="unrolled-") as folder:
        path = Path(folder, STANDARD_INPUT)
        with path.open("wb") as file:
            shutil.copyfileobj(sys.stdin.buffer, file)
        try:
            yield str(path)
        except UserError as error:
            told = error.message.replace(str(path), "standard input")
            raise UserError(told, **error.arguments) from None


def _found_again(source: Source) -> Corpus:
    """The text of a training that goes on."""
    for path in source.sources:
        if path == "shakespeare" or Path(path).exists():
            continue
        if Path(path).name == STANDARD_INPUT:
            raise UserError(
                "the text came from the standard input: give it again, with - before --resume"
            )
        raise UserError(
            f"{path}: no such file: if the text has moved, give its path before --resume"
        )
    return text.load(source)


def _introduce(plays: Corpus, begun: Trained) -> None:
    """Say what will be trained on what."""
    where, known = machine.describe(), begun.vocabulary
    spread = begun.model.mesh and f", on {begun.model.mesh.size} of them"
    print(f"device: {where.device} ({where.name}){spread or ''}")
    parts = {
        "training": plays.train,
        "validation": plays.validation,
        "test": plays.test,
    }
    counts = ", ".join(f"{len(part):,} {name}" for name, part in parts.items())
    print(f"text: {visible(plays.name)}; sentences: {counts}")
    if plays.source.lines:
        print("each line is a text of its own (--no-lines: blank lines part them)")
    for sentence in plays.train[:3]:
        read = sampling.detokenize(sentence, plays.source.level)
        print("  reads:", visible(textwrap.shorten(read, 76, placeholder=" …")))
    again, seen = repeats(plays.train), repeats(plays.validation, plays.train)
    print(
        f"repeats: {again:,} training sentences stand there before; {seen:,} validation "
        "sentences stand in the training text, or before"
    )
    if len(known) < begun.options.model.vocabulary:
        print(f"vocabulary: the text has only {len(known):,}; all are taken")
    print(
        f"vocabulary: {len(known):,}, which cover {known.coverage(plays.train):.1%} of the "
        f"training text and {known.coverage(plays.validation):.1%} of the validation text"
    )
    if known.coverage(plays.validation) < FEW_KNOWN and devices.is_first():
        print(
            "warning: most of the validation text is unknown: a script that parts no words wants "
            "--level character, another text a larger --vocabulary",
            file=sys.stderr,
        )
    print(f"a uniform guess has perplexity {len(known):,}", flush=True)


def _conclude_early(folder: Path) -> None:
    """Say how to go on with a training that was interrupted."""
    if devices.is_first() and (folder / "last.npz").exists():
        print(f"\nkept in {folder}; go on with it:", file=sys.stderr)
        print(_command("train", "--resume", folder), file=sys.stderr, end="")


def _command(*words: str | Path) -> str:
    """A command of this program, to be pasted at a prompt."""
    return f"{command_line.called()} {shlex.join(map(str, words))}"


def _conclude(folder: Path, done: Trained) -> None:
    """Say what came of it, and what to do with it."""
    best = min(done.state.history, key=lambda epoch: epoch.validation)
    print(
        f"best: validation perplexity {perplexity(best.validation):.1f} "
        f"after epoch {best.epoch}, in {folder / 'best.npz'}"
    )
    print(f"write with it: {_command('generate', folder)}")


# ------------------------------------------------------------------------------------ generate


@dataclass(frozen=True)
class Writing:
    """What ``generate`` can be told."""

    prompt: str = ""
    """How each sentence begins."""
    count: fields.Positive = 10
    """Sentences."""
    temperature: fields.Amount = 1.0
    """0: the likeliest words."""
    top_k: fields.Positive | None = None
    """Draw from so many likeliest words."""
    top_p: fields.Share | None = None
    """Draw from so much probability."""
    longest: fields.Positive | None = None
    """Tokens of a sentence (default: 100 at level word, 500 at level character)."""
    seed: fields.Natural = 0
    """Another seed writes others."""


def generate(given: dict[str, Any]) -> None:
    """Write sentences with a trained model, one a line."""
    trained = models.load(given.pop("model"))
    chosen = fields.changed(Writing(), **given)
    level = trained.source.level
    longest = chosen.longest or LONGEST[level]
    prompt = sampling.tokenize(chosen.prompt, level, trained.source.lower)
    if len(prompt) >= longest:
        tokens = f"{len(prompt):,} token{'s' * (len(prompt) > 1)}"
        raise UserError(
            f"the prompt alone has {tokens}: expected more", longest=longest
        )
    # Each once.
    for word in dict.fromkeys(spacing.without_signs(prompt)):
        if word not in trained.vocabulary:
            print(f"not in the vocabulary: {visible(word)}", file=sys.stderr)
    asked = {**fields.flat(chosen), "prompt": prompt, "longest": longest}
    # As it was typed; the blank after it depends on what follows.
    typed = chosen.prompt.rstrip() if level == "word" else chosen.prompt
    for tokens in sampling.generate(trained.model, trained.vocabulary, **asked):
        written = typed + sampling.detokenize(tokens, level, start=len(prompt))
        # A stranger's model may know any characters.
        print(visible(written, but="\n\t"))


# --------------------------------------------------------------------------- score and history


@dataclass(frozen=True)
class Result:
    """What becomes of a result; ``history`` can be told no more."""

    format: Annotated[str, fields.one_of(reports.FORMATS)] = "text"
    """Of the result. Control characters are told, as \\x1b, in text, and in csv on a terminal;
    else csv keeps them."""
    output: fields.File | None = None
    """A file for the result."""

    def write(self, report: Callable[..., None], *content: Any) -> None:
        """Write content in the words of a report."""
        file = io.StringIO(newline="")
        report(file, *content)
        result = file.getvalue()
        if self.format == "text" or (not self.output and sys.stdout.isatty()):
            # A stranger's sentences may hold any characters.
            result = visible(result, but="\n\t")
        if self.output:
            with files.replacing(self.output) as file:
                file.write(result.encode("utf-8"))
        else:
            print(result, end="")


@dataclass(frozen=True)
class Scoring(Result):
    """What ``score`` can be told."""

    text: str = "-"
    """A file with a sentence on each line; -: the standard input."""
    encoding: str = "utf-8"
    """Of the text."""


def score(given: dict[str, Any]) -> None:
    """Say how likely sentences are, and how surprising each word."""
    model = given.pop("model")
    chosen = fields.changed(Scoring(), **given)
    _check_result(chosen.output, model, Path(chosen.text))
    trained = models.load(model)
    source = trained.source
    lines = _lines(chosen.text, chosen.encoding)
    sentences = (sampling.tokenize(line, source.level, source.lower) for line in lines)
    scores = sampling.score(trained.model, trained.vocabulary, sentences)
    if not all(math.isfinite(one.log_probability) for one in scores):
        raise UserError(f"{model}: holds numbers too large to compute with")
    chosen.write(reports.FORMATS[chosen.format], lines, scores)


def history(given: dict[str, Any]) -> None:
    """Say how a training went, or how far it is, epoch by epoch."""
    model = given.pop("model")
    chosen = fields.changed(Result(), **given)
    _check_result(chosen.output, model)
    # The best model knows no later epochs.
    last = model / "last.npz"
    trained = models.load(last if last.exists() else model)
    chosen.write(reports.HISTORIES[chosen.format], trained.state.history)


def _check_result(output: Path | None, model: Path, *texts: Path) -> None:
    """Refuse a file for the result that cannot be made, or that would take what is read with it."""
    if output is None:
        return
    if not output.parent.is_dir():
        raise UserError("no such folder", output=output)
    folder = model if model.is_dir() else model.parent
    read = (model, folder / "best.npz", folder / "last.npz", *texts)
    if any(_same_file(output, path) for path in read):
        raise UserError(
            "is read here, and would be lost: choose another", output=output
        )


def _same_file(one: Path, other: Path) -> bool:
    """Whether two paths lead to one file; a terminal or a pipe, which keeps nothing, is none."""
    other = Path("/dev/stdin") if str(other) == "-" else other
    try:
        return one.is_file() and one.samefile(other)
    except OSError:
        return False


def _lines(path: str, encoding: str) -> list[str]:
    """The lines of a file or of the standard input that are not blank."""
    if path == "-":
        with _standard_input() as kept:
            return _lines(kept, encoding)
    content = documents.read_bytes(Path(path))
    if documents.is_table(Path(path)):
        raise UserError(
            f"{path}: a table: expected a text with a sentence on each line (the standard "
            "input is read as one)"
        )
    lines = documents.decode(path, content, encoding).split("\n")
    return [line for line in lines if line.strip()]


# ------------------------------------------------------------------------------- all commands


def parser() -> command_line.Parser:
    """What reads the command line (and of what shtab makes completions for a shell)."""
    parser = command_line.Parser(prog="python -m unrolled", description=__doc__)
    parser.add_argument(
        "--version", action="version", version=f"unrolled {__version__}"
    )
    commands = parser.add_subparsers(title="commands", required=True)

    def add(run: Any, settings: Any, positional: str = "") -> None:
        about = run.__doc__
        command = commands.add_parser(run.__name__, help=about, description=about)
        if run is not train:
            command.add_argument(
                "model",
                type=lambda text: Path(command_line.path_text(text)),
                help="folder or file of a training",
            )
        command_line.add_settings(command, settings, positional)
        command.set_defaults(run=run)

    add(train, Training(), "source")
    add(generate, Writing())
    add(score, Scoring(), "text")
    add(history, Result())
    return parser


def main() -> None:
    """Read the command line and do what it says."""
    given = vars(parser().parse_args())
    given.pop("run")(given)


def run() -> None:
    """Run the program, as the command ``unrolled`` does."""
    command_line.run(main, name="unrolled")


if __name__ == "__main__":
    run()
