"""Text as a user has it: the embedded plays by their name, any other by its path."""

import pytest

from unrolled import shakespeare, text
from unrolled.corpus import Source
from unrolled.errors import UserError

PARTS = ("train", "validation", "test")


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """An empty cache for each test."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def load(tmp_path):
    """Write a file of text or bytes and load it: load(name, content, **how)."""

    def load(name, content, **how):
        if isinstance(content, str):
            content = content.encode()
        (tmp_path / name).write_bytes(content)
        return text.load(Source(str(tmp_path / name), **how))

    return load


def all_of(loaded):
    return [sentence for part in PARTS for sentence in getattr(loaded, part)]


FABLE = "The fox saw grapes. All grapes saw the fox. No fox ate."


def test_a_text_file(load, tmp_path):
    loaded = load("fox.txt", FABLE)
    assert loaded.source == Source(str(tmp_path / "fox.txt"), lines=False)
    assert (loaded.name, loaded.source.level) == ("fox.txt", "word")
    assert [getattr(loaded, part) for part in PARTS] == [
        [["The", "fox", "saw", "grapes", "."]],
        [["All", "grapes", "saw", "the", "fox", "."]],
        [["No", "fox", "ate", "."]],
    ]
    assert load("story", FABLE).train == loaded.train


def test_lines_are_told_apart(load):
    posts = [
        f"post {n} has no end" + " and more" * (5 * (n % 4 == 0)) for n in range(20)
    ]
    content = "\n".join(posts)
    found, asked = load("a.txt", content), load("b.txt", content, lines=True)
    assert found.source.lines
    assert len(all_of(found)) == 20
    assert found.fingerprint == asked.fingerprint
    together = load(
        "a.txt", content + ".\n\nThe cat sat. It slept. It woke.", lines=False
    )
    assert len(all_of(together)) == 3
    assert together.fingerprint != found.fingerprint


def test_sentences_do_not_cross_paragraphs(load):
    content = "A heading\n\nOne line\nof two. And more\n \t\n\nThe end\n"
    assert all_of(load("a.txt", content)) == [
        ["A", "heading"],
        ["One", "line", "of", "two", "."],
        ["And", "more"],
        ["The", "end"],
    ]


def test_characters_are_whole_paragraphs(load):
    content = "\n\nOne line\nof two.\n\n\nB. And C.\r\n\r\nThe end\n"
    loaded = load("a.txt", content, level="character")
    assert loaded.source.level == "character"
    assert all_of(loaded) == ["One line\nof two.", "B. And C.", "The end"]
    lowered = load("a.txt", content, level="character", lower=True)
    assert lowered.train == ["one line\nof two."]


def test_sentences_do_not_cross_rows_of_a_csv(load):
    content = "body\nOne. Two\nThree\nFour.\n"
    expected = [["One", "."], ["Two"], ["Three"], ["Four", "."]]
    assert all_of(load("a.csv", content)) == expected


def test_a_csv_is_read_by_its_column_and_its_encoding(load):
    content = "id,text\n1,café\n2,thé\n3,eau\n".encode("latin-1")
    how = {"level": "character", "column": "text", "encoding": "latin-1"}
    assert all_of(load("a.csv", content, **how)) == ["café", "thé", "eau"]


def test_a_fingerprint_knows_text_and_settings_and_not_the_name(load):
    first = load("a.txt", FABLE)
    assert first == load("a.txt", FABLE)
    assert first.fingerprint == load("b.txt", FABLE).fingerprint
    others = [
        load("a.txt", FABLE + " More."),
        load("a.txt", FABLE, lower=True),
        load("a.txt", FABLE, encoding="ascii"),
        load("a.txt", FABLE + "\n\nB\n\nC", level="character"),
        load("a.csv", "body\n" + FABLE),
        load("a.csv", "body,more\n" + FABLE.replace(".", ".,\n"), column="body"),
        load("a.csv", "body\n" + FABLE, lower=True),
    ]
    assert len({loaded.fingerprint for loaded in (first, *others)}) == 8
    assert others[0].test[-1] == ["More", "."]
    assert others[1].train[0][0] == "the"


def test_the_plays_go_by_their_name():
    loaded = text.load(Source(level="character", lower=True))
    assert loaded == shakespeare.load("character", lower=True)
    assert loaded.name == "shakespeare"


def test_several_files_are_one_text(load, tmp_path):
    load("a.txt", FABLE)
    load("b.csv", "body\nOne\nTwo\nThree\n")
    load("c.txt", "\n".join(f"post {n}" + " more" * n for n in range(20)))
    paths = [str(tmp_path / name) for name in ("a.txt", "b.csv", "c.txt")]
    one, two, posts = (all_of(text.load(Source(path))) for path in paths)
    together = text.load(Source(tuple(paths)))
    # Each is read as it looks.
    assert all_of(together) == [*one, *two, *posts]
    assert (len(posts), together.source.lines) == (20, None)
    assert together.name == "a.txt and 2 more"
    assert text.load(Source(tuple(paths[1:]))).source.lines
    turned = text.load(Source((paths[1], paths[0], paths[2])))
    assert all_of(turned) == [*two, *one, *posts]
    assert turned.fingerprint != together.fingerprint


def test_equal_texts_of_several_files_stand_in_one_part(load, tmp_path):
    content = "\n\n".join(f"The fox ate {n} grapes" for n in range(40))
    for name in "ab":
        load(f"{name}.txt", content)
    loaded = text.load(Source((str(tmp_path / "a.txt"), str(tmp_path / "b.txt"))))
    train, validation, test = (set(map(tuple, getattr(loaded, p))) for p in PARTS)
    assert [len(part) for part in (train, validation, test)] == [36, 2, 2]
    assert not (train & validation or train & test or validation & test)


def test_a_folder_is_a_text(load, tmp_path):
    (tmp_path / "texts").mkdir()
    load("texts/b.txt", FABLE)
    (tmp_path / "texts" / "a.txt").write_text("The dog slept.")
    loaded = text.load(Source(str(tmp_path / "texts")))
    assert loaded.train[0] == ["The", "dog", "slept", "."]
    assert loaded.name == "texts"
    assert loaded.fingerprint != load("texts/b.txt", FABLE).fingerprint


@pytest.mark.parametrize("content", ["body\n", "body\n\n  \n", 'body\n""\n"x"\n'])
def test_csv_with_too_few_rows(load, content):
    with pytest.raises(
        UserError, match=r"a\.csv: found .* rows .*: expected 3 or more"
    ):
        load("a.csv", content, level="character")


@pytest.mark.parametrize("name", ["a.txt", "a.csv"])
def test_empty_file(load, name):
    with pytest.raises(UserError, match=f"{name}: the file is empty"):
        load(name, b"")


def test_missing_file(tmp_path):
    path = tmp_path / "nowhere.txt"
    with pytest.raises(UserError, match=f"{path}: no such file"):
        text.load(Source(str(path)))


def test_unknown_level():
    with pytest.raises(UserError, match="level='letter': expected one of word, char"):
        Source(level="letter")
