"""A text larger than memory is what a small one is, but stands in files."""

import json
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from support import clean_environment
from unrolled import corpus, documents, files, kept, large, shakespeare, text, training
from unrolled.corpus import Source
from unrolled.errors import UserError
from unrolled.options import Options
from unrolled.vocabulary import Vocabulary

PARTS = ("train", "validation", "test")


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """An empty cache for each test."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "unrolled"


@pytest.fixture
def everything_is_large(monkeypatch):
    monkeypatch.setattr(text, "LARGE", 0)


@pytest.fixture
def fable(tmp_path):
    """A small text, all of whose sentences differ."""
    path = tmp_path / "fable.txt"
    path.write_text("\n\n".join(f"The fox saw {i} grapes." for i in range(60)))
    return path


def all_of(loaded):
    return [sentence for part in PARTS for sentence in getattr(loaded, part)]


# ------------------------------------------------------------------------------- the same results


@pytest.fixture(scope="module")
def speeches():
    """Some speeches, of which many come again."""
    some = [speech.text for _, speech in zip(range(150), shakespeare.speeches())]
    return "\n\n".join([*some, *some[:40], *some[5:30], *some[120:]])


@pytest.fixture(params=[("word", False), ("word", True), ("character", True)])
def both(request, speeches, tmp_path, monkeypatch):
    """A text in memory, and the same in files."""
    (tmp_path / "a.txt").write_text(speeches)
    level, lower = request.param
    source = Source(str(tmp_path / "a.txt"), level, lower)
    small = text.load(source)
    monkeypatch.setattr(text, "LARGE", 0)
    return small, text.load(source)


def test_a_large_text_has_the_sentences_of_a_small_one(both):
    small, big = both
    assert small.fingerprint != big.fingerprint
    assert small.source == big.source
    for name in PARTS:
        expected, found = getattr(small, name), getattr(big, name)
        assert (type(expected), type(found)) == (list, kept.Sentences)
        assert (len(found), list(found)) == (len(expected), expected)
        assert found == expected != found[1:]
        assert (found[3], found[-1]) == (expected[3], expected[-1])
        assert list(found[2:20:3]) == expected[2:20:3]
        with pytest.raises(IndexError):
            found[len(found)]


def test_a_large_text_has_the_counts_of_a_small_one(both):
    def counts(loaded):
        vocabulary = Vocabulary.build(loaded.train, 60)
        return (
            vocabulary.tokens,
            vocabulary.coverage(loaded.validation),
            corpus.repeats(loaded.train),
            corpus.repeats(loaded.validation, loaded.train),
        )

    small, big = map(counts, both)
    assert small == big
    assert small[1] < 1 or both[0].source.level == "character"
    assert small[2] > 50


@pytest.mark.parametrize("carry", [False, True])
def test_a_large_text_has_the_batches_of_a_small_one(both, carry):
    options = Options(batch=7, window=11, carry=carry)
    vocabulary = Vocabulary.build(both[0].train, 300)
    small, big = (
        training.stream_of(loaded.train, vocabulary, options) for loaded in both
    )
    assert (small.words, len(small)) == (big.words, len(big))
    for done in (0, 4):
        windows = zip(
            small.epoch(1, 2).since(done), big.epoch(1, 2).since(done), strict=True
        )
        for one, other in windows:
            for expected, found in zip(one, other):
                assert expected.dtype == found.dtype
                assert np.array_equal(expected, found)


def test_the_beginning_of_a_large_text_tells_where_sentences_end(
    tmp_path, everything_is_large, monkeypatch
):
    ends = "I saw Dr. Fox with {} grapes. The grapes saw Fox."
    (tmp_path / "a.txt").write_text("\n\n".join(map(ends.format, range(99))))
    monkeypatch.setattr(large, "LEARNED", 4000)
    sentences = all_of(text.load(Source(str(tmp_path / "a.txt"))))
    assert ["I", "saw", "Dr.", "Fox", "with", "98", "grapes", "."] in sentences


# ----------------------------------------------------------------------------- counts of many words


def test_the_rarest_of_too_many_words_are_forgotten(tmp_path, monkeypatch):
    monkeypatch.setattr(large, "MOST", 50)
    words, rows = large.Words(), []
    for i in range(100):
        rows.append(words.number([["often", f"once{i}", "always"]]))
    often, _, always = zip(*(row.tolist() for row in rows))
    assert len(set(often)) == len(set(always)) == 1
    np.concatenate(rows).tofile(tmp_path / "numbers")
    tokens = words.close(tmp_path / "numbers")
    assert tokens[4:6] == ["often", "always"]
    assert 6 < len(tokens) < 50
    # Each that is remembered stands in its place, and "" in those of all others.
    found = [tokens[i] for i in np.fromfile(tmp_path / "numbers", np.int32)]
    expected = [f"once{i}" for i in range(100)]
    assert found[::3] == ["often"] * 100
    assert found[2::3] == ["always"] * 100
    assert found[1::3] == [word if word in tokens else "" for word in expected]


def test_forgotten_words_are_unknown(tmp_path, everything_is_large, monkeypatch):
    lines = [f"fox{i} saw fox{i} and grapes" for i in range(40)]
    (tmp_path / "a.txt").write_text("\n\n".join(lines))
    monkeypatch.setattr(large, "MOST", 20)
    monkeypatch.setattr(large, "_BATCH", 100)
    loaded = text.load(Source(str(tmp_path / "a.txt")))
    vocabulary = Vocabulary.build(loaded.train)
    assert "" not in vocabulary.tokens
    assert set(vocabulary.tokens[4:7]) == {"saw", "and", "grapes"}
    assert len(vocabulary) < 4 + 3 + 36
    # All foxes are two fifths.
    assert 3 / 5 <= vocabulary.coverage(loaded.train) < 1


# ------------------------------------------------------------------------------ piece by piece


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize(
    ("name", "encoding", "content"),
    [
        ("a.txt", "utf-8", "\ufeffUn café.\r\n \t\r\n\r\nB\r\nC. “No”\rD\n\n\n\nfin \n"),
        ("a.txt", "utf-16", "Un café.\n\nDeux “cafés” 🍇.\n"),
        ("a.csv", "utf-8", 'id,body\r\n1,"a ""b""\n\nc, é"\n\n2,d\n3,'),
        ("a.jsonl", "utf-8", '{"body": "é\\n\\nb"}\n\n"c"\n'),
        ("a.json", "utf-8", '[{"body": "é"},\n "c"]'),
    ],
)  # fmt: skip
@pytest.mark.parametrize("lines", [False, True])
def test_it_does_not_matter_where_the_pieces_end(
    tmp_path, monkeypatch, name, encoding, content, lines, size
):
    path = tmp_path / name
    path.write_bytes(content.encode(encoding))
    whole = list(documents.read(path, "body", encoding, lines))
    assert len(whole) > 1
    monkeypatch.setattr(documents, "_CHUNK", size)
    assert list(documents.read(path, "body", encoding, lines)) == whole


@pytest.mark.parametrize("size", [1, 2, 5, 1000])
def test_a_mistake_is_found_where_it_is(tmp_path, monkeypatch, size):
    path = tmp_path / "a.txt"
    monkeypatch.setattr(documents, "_CHUNK", size)
    for content, where in (
        ("é\né".encode() + b"caf\xe9 \n", "byte 8 (0xe9)"),
        ("aé".encode()[:-1], "byte 1 (0xc3)"),
        (b"a\r\nb\rc\0", "line 3: found a NUL character"),
        (b" \n\r\n ", "only blanks"),
    ):
        path.write_bytes(content)
        with pytest.raises(UserError) as caught:
            list(documents.read(path, "body", "utf-8"))
        assert where in str(caught.value)


def test_a_paragraph_without_end_is_cut_where_a_line_ends(monkeypatch):
    monkeypatch.setattr(documents, "LONGEST", 9)
    assert documents.of_text("one two\nthree four", lines=False) == [
        "one two",
        "three four",
    ]
    assert "".join(documents.in_text(["abc"] * 9, lines=False)) == "abc" * 9


# ------------------------------------------------------------------------------------- the files


def entry_of(cache):
    (entry,) = cache.glob(f"text-{kept.FORMAT}-*")
    return entry


def forget(monkeypatch):
    """Whoever reads the text once more fails."""
    monkeypatch.setattr(large, "keep", None)


def test_the_second_time_it_comes_from_its_files(
    fable, everything_is_large, monkeypatch
):
    first = text.load(Source(str(fable)))
    forget(monkeypatch)
    assert text.load(Source(str(fable))) == first
    with pytest.raises(TypeError):
        text.load(Source(str(fable), lower=True))


@pytest.mark.parametrize(
    "name", [kept.NUMBERS, kept.TOKENS, kept.SIZES, *kept.TABLES, kept.SUMS]
)
@pytest.mark.parametrize("damage", ["cut", "emptied", "changed", "gone"])
def test_damaged_files_are_made_again(
    fable, cache, everything_is_large, capfd, name, damage
):
    sentences = all_of(text.load(Source(str(fable))))
    assert "once" in capfd.readouterr().err
    file = entry_of(cache) / name
    whole = file.read_bytes()
    if damage == "gone":
        file.unlink()
    else:
        middle = len(whole) // 2
        changed = whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :]
        file.write_bytes(
            {"cut": whole[:middle], "emptied": b"", "changed": changed}[damage]
        )
    assert all_of(text.load(Source(str(fable)))) == sentences
    assert "once" in capfd.readouterr().err
    assert len(list(cache.glob("text-*"))) == 1


def test_a_text_that_was_cut_off_is_made_anew(fable, cache, everything_is_large):
    """As by a power failure, of this or another text."""
    expected = all_of(text.load(Source(str(fable))))
    entry = entry_of(cache)
    entry.rename(entry.with_name(entry.name + files.UNFINISHED))
    (cache / f"text-of-another{files.UNFINISHED}").mkdir()
    assert all_of(text.load(Source(str(fable)))) == expected
    assert list(cache.glob("text-*")) == [entry]


def test_two_do_not_write_the_same_files(fable, cache, everything_is_large):
    text.load(Source(str(fable)))
    entry = entry_of(cache)
    unfinished = entry.with_name(entry.name + files.UNFINISHED)
    entry.rename(unfinished)
    with files.alone(unfinished), pytest.raises(UserError, match="is at work here"):
        text.load(Source(str(fable)))
    assert unfinished.exists()


def test_an_interruption_leaves_nothing(fable, cache, everything_is_large, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(large.Words, "number", interrupt)
    with pytest.raises(KeyboardInterrupt):
        text.load(Source(str(fable)))
    assert list(cache.glob("text-*")) == []


def test_files_that_cannot_be_written(
    fable, tmp_path, everything_is_large, monkeypatch
):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(UserError, match=r"cannot be written .*XDG_CACHE_HOME"):
        text.load(Source(str(fable)))


def test_a_full_disk_leaves_nothing(fable, cache, everything_is_large, monkeypatch):
    def full(folder):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(kept, "sums", full)
    with pytest.raises(UserError, match=r"cannot be written \(No space left"):
        text.load(Source(str(fable)))
    assert list(cache.glob("text-*")) == []


def test_a_text_that_is_removed_meanwhile_is_read_to_its_end(
    fable, cache, everything_is_large
):
    loaded = text.load(Source(str(fable)))
    for file in entry_of(cache).iterdir():
        file.unlink()
    assert len(all_of(loaded)) == 60


def test_a_changed_text_is_another(fable, everything_is_large):
    first = text.load(Source(str(fable)))
    fable.write_text(fable.read_text().replace("59 grapes", "60 grapes"))
    other = text.load(Source(str(fable)))
    assert first.fingerprint != other.fingerprint
    assert other.test[-1] == ["The", "fox", "saw", "60", "grapes", "."]


def test_too_little_text(tmp_path, cache, everything_is_large):
    (tmp_path / "a.txt").write_text("One.\n\nTwo.\n\nOne.")
    with pytest.raises(UserError, match="found 2 different sentences: expected 3"):
        text.load(Source(str(tmp_path / "a.txt")))
    assert list(cache.glob("text-*")) == []


# ------------------------------------------------------------------------------------ the memory

CHILD = """
    import json, resource, sys
    from unrolled import text
    from unrolled.corpus import Source
    from unrolled.streams import Stream
    from unrolled.vocabulary import Vocabulary

    def peak():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

    before = peak()
    text.LARGE = int(sys.argv[2])
    loaded = text.load(Source(sys.argv[1], "character"))
    vocabulary = Vocabulary.build(loaded.train)
    if not isinstance(loaded.train, list):
        stream = Stream(loaded.train.encoded(vocabulary))
        windows = iter(stream.epoch(0, 0))
        for _ in range(500):
            next(windows)
    print(json.dumps([len(loaded.train), peak() - before]))
"""


def test_the_memory_does_not_grow_with_the_text(tmp_path):
    path = tmp_path / "a.txt"
    with open(path, "w") as file:
        for i in range(60_000):
            file.write(f"{i} foxes saw 🍇, {'and more ' * 110}\n\n")
    size = path.stat().st_size / 2**20
    environment = clean_environment(XDG_CACHE_HOME=str(tmp_path / "memory"))

    def run(limit):
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(CHILD), path, str(limit)],
            env={**environment, "PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    (sentences, grown), (expected, before) = run(text.LARGE), run(2**40)
    assert sentences == expected
    # All in MiB.
    assert size > 50
    assert grown < 80
    assert before > 3 * grown
