"""Documents become sentences of words, once: the next time they come from the cache."""

import re

import pytest

from unrolled import corpus
from unrolled.corpus import Source
from unrolled.errors import UserError

PARTS = ("train", "validation", "test")


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """An empty cache for each test."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "unrolled"


def assemble(*groups, name="fox.txt", **how):
    """A corpus of one or three groups of documents."""
    mark = corpus.fingerprint(repr(groups).encode(), how)
    groups = [list(documents) for documents in groups]
    return corpus.assemble(Source(name, **how), mark, lambda: groups)


def all_of(loaded):
    return [sentence for part in PARTS for sentence in getattr(loaded, part)]


def fable(sentences):
    """Sentences with numbers. A word that always comes with a period is an abbreviation."""
    forms = ("The fox saw {} grapes.", "All {} grapes saw the fox.")
    return " ".join(forms[i % 2].format(i) for i in range(sentences))


# ------------------------------------------------------------------------------------- the parts


def test_text_is_split_in_its_order():
    loaded = assemble([fable(40)], name="folder/fox.txt")
    assert (loaded.name, loaded.source) == ("fox.txt", Source("folder/fox.txt"))
    assert [len(getattr(loaded, part)) for part in PARTS] == [36, 2, 2]
    assert loaded.train[0] == ["The", "fox", "saw", "0", "grapes", "."]
    assert loaded.train[1] == ["All", "1", "grapes", "saw", "the", "fox", "."]
    numbers = [word for words in all_of(loaded) for word in words if word.isdigit()]
    assert numbers == [str(i) for i in range(40)]


def test_each_part_has_a_sentence():
    loaded = assemble([fable(3)])
    assert [len(getattr(loaded, part)) for part in PARTS] == [1, 1, 1]
    with pytest.raises(UserError) as caught:
        assemble([fable(2)])
    assert str(caught.value).startswith(
        "fox.txt: found 2 different sentences: expected 3 or more"
    )
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("level", corpus.LEVELS)
def test_equal_documents_stand_in_one_part(level):
    documents = [f"The fox ate {n} grapes" for n in range(20)]
    for repeated in (documents * 50, [d for d in documents for _ in range(50)]):
        loaded = assemble(repeated, level=level)
        parts = [getattr(loaded, part) for part in PARTS]
        assert [len(part) for part in parts] == [900, 50, 50]
        train, validation, test = ({tuple(s) for s in part} for part in parts)
        assert not (train & validation or train & test or validation & test)
    with pytest.raises(UserError, match="found 2 different"):
        assemble(["One"] * 9 + ["Two"] * 9, level=level)


def test_where_nothing_is_repeated_the_text_is_split_as_it_stands():
    loaded = assemble([fable(40), fable(60).replace("fox", "cat")])
    assert [len(getattr(loaded, part)) for part in PARTS] == [90, 5, 5]


def test_repeats_are_counted():
    sentences = [["a"], ["b"], ["a"], ["a"]]
    assert corpus.repeats(sentences) == 2
    assert corpus.repeats([["b"], ["c"], ["c"]], sentences) == 2
    assert corpus.repeats(["ab", "ab"]) == 1


@pytest.mark.parametrize("level", corpus.LEVELS)
def test_parts_that_are_given_are_kept(level):
    groups = ["One."], ["Two.", "Three."], ["Four."]
    loaded = assemble(*groups, level=level)
    parts = [[["".join(words)] for words in getattr(loaded, part)] for part in PARTS]
    assert parts == [[[document] for document in group] for group in groups]


# ------------------------------------------------------------------------------------- the words


def test_sentences_do_not_cross_documents():
    documents = ["A heading", "One line\nof two. And more", "The end"]
    assert all_of(assemble(documents)) == [
        ["A", "heading"],
        ["One", "line", "of", "two", "."],
        ["And", "more"],
        ["The", "end"],
    ]


def test_characters_are_whole_documents():
    documents = ["One line\nof two.", "B. And C.", "The end"]
    loaded = assemble(documents, level="character")
    assert all_of(loaded) == documents
    lowered = assemble(documents, level="character", lower=True)
    assert lowered.train == ["one line\nof two."]


def test_quotation_marks_stay_quotation_marks():
    loaded = assemble(['He said "no" twice.', "She did.", '"Yes," he said.'])
    assert loaded.train == [["He", "said", '"', "no", '"', "twice", "."]]
    assert loaded.test == [['"', "Yes", ",", '"', "he", "said", "."]]


def test_sentences_hold_signs_where_blanks_are_unexpected():
    loaded = assemble(["Wait -- what?", "I can not.", "The end"])
    assert loaded.train == [["Wait", "<blank>", "--", "what", "?"]]
    assert loaded.validation == [["I", "can", "<blank>", "not", "."]]


def test_sentence_ends_are_learned_from_the_text():
    text = "I saw Dr. Fox with grapes. The grapes saw Fox. " * 50
    sentences = all_of(assemble([text]))
    assert len(sentences) == 100
    assert sentences[0] == ["I", "saw", "Dr.", "Fox", "with", "grapes", "."]


def test_lower_case_comes_after_the_sentences():
    text = "I ran. He ran! No."
    assert all_of(assemble([text])) == [
        ["I", "ran", "."],
        ["He", "ran", "!"],
        ["No", "."],
    ]
    lowered = all_of(assemble([text], lower=True))
    assert lowered == [["i", "ran", "."], ["he", "ran", "!"], ["no", "."]]


# ------------------------------------------------------------------------------------- the cache


def test_a_fingerprint_knows_content_and_reading():
    marks = {
        corpus.fingerprint(content, *reading)
        for content in (b"", b"a", b"ab")
        for reading in ((), ("word",), ("word", False), ("word", True), (["word"],))
    }
    assert len(marks) == 15
    assert all(re.fullmatch("[0-9a-f]{64}", mark) for mark in marks)
    assert corpus.fingerprint(b"a", 1) == corpus.fingerprint(b"a", 1)


def test_second_time_is_from_the_cache(cache):
    source, read = Source("a.txt"), lambda: [['He said "naïve". ' + fable(20)]]
    first = corpus.assemble(source, "mark", read)
    assert len(list(cache.iterdir())) == 1
    # This one would fail if called.
    assert corpus.assemble(source, "mark", None) == first
    assert corpus.assemble(source, "another", read).train == first.train
    assert len(list(cache.iterdir())) == 2


@pytest.mark.parametrize("damage", ["cut", "emptied", "changed", "another file"])
def test_damaged_entry_is_made_again(cache, damage):
    first = assemble([fable(20)])
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
    assert assemble([fable(20)]) == first
    assert entry.read_bytes() == whole


def test_entry_of_another_shape_is_made_again(cache):
    first = assemble([fable(20)])
    (entry,) = cache.iterdir()
    assemble(["One. Two. Three."])
    (other,) = set(cache.iterdir()) - {entry}
    corpus.np.savez(entry, words=[1])
    assert assemble([fable(20)]) == first
    assert other.exists()


def test_folder_that_cannot_be_made_is_no_error(tmp_path, monkeypatch):
    file = tmp_path / "a.txt"
    file.touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(file))
    loaded = assemble([fable(20)])
    assert loaded.train[0] == ["The", "fox", "saw", "0", "grapes", "."]


def test_full_disk_leaves_nothing_behind(cache, monkeypatch):
    def full(file, **arrays):
        file.write(b"half of it")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(corpus.np, "savez", full)
    assert len(all_of(assemble([fable(20)]))) == 20
    assert list(cache.iterdir()) == []


def test_cache_is_under_the_home_folder_by_default(tmp_path, monkeypatch):
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assemble([fable(20)])
    assert len(list((tmp_path / "home/.cache/unrolled").glob("*.npz"))) == 1


def test_a_long_text_is_announced_once(capfd, monkeypatch):
    # In characters; really, it would take seconds.
    monkeypatch.setattr(corpus, "_LONG", 5000)
    assemble([fable(250)])
    assert re.fullmatch("tokenizing.*\n", capfd.readouterr().err)
    assemble([fable(250)])
    assemble([fable(10)])
    assert capfd.readouterr() == ("", "")
