"""A file becomes documents, or one line says what is wrong with it."""

import bz2
import csv
import gzip
import io
import lzma
import os
import tarfile
import textwrap
from pathlib import Path

import pytest

from unrolled import documents
from unrolled.documents import zstd
from unrolled.errors import UserError

PACKED = [
    (".gz", gzip.compress, "gzip"),
    (".xz", lzma.compress, "xz"),
    (".zst", zstd.compress, "zstd"),
]


def split(content, name="a.csv", column="body", encoding="utf-8"):
    if isinstance(content, str):
        content = content.encode()
    path = Path(name)
    if documents.is_table(path):
        return documents.of_table(path, content, column, encoding)
    return documents.of_text(documents.decode(path, content, encoding), lines=False)


def complaint(call, *arguments, **options):
    """The one line that a bad file gets."""
    with pytest.raises(UserError) as caught:
        call(*arguments, **options)
    message = str(caught.value)
    assert "\n" not in message
    return message


# ------------------------------------------------------------------------------------ text files


@pytest.mark.parametrize("name", ["a.txt", "story", "a.csv.txt"])
def test_documents_of_a_text_are_its_paragraphs(name):
    text = "\n\nOne line\nof two.\n \t\n\nB. And C.\r\n\r\nThe end\n"
    assert split(text, name) == ["One line\nof two.", "B. And C.", "The end"]


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16", "utf-8-sig"])
def test_other_encodings(encoding):
    content = "Un café.\n\nDeux cafés.".encode(encoding)
    assert split(content, "a.txt", encoding=encoding) == ["Un café.", "Deux cafés."]


def test_a_mark_at_the_beginning_is_no_text():
    assert split("\ufeffUn café.", "a.txt") == ["Un café."]


# ------------------------------------------------------------------------------------- CSV files


def test_rows_of_a_reddit_csv():
    content = (
        '\ufeffbody\r\n"I said ""no"".\r\n\r\nTwice, even."\r\nplain\r\n\r\n"a, b"\r\n'
    )
    expected = ['I said "no".\n\nTwice, even.', "plain", "a, b"]
    assert split(content, "reddit.CSV") == expected


def test_a_column_among_others():
    content = "id, text ,score\n1,one,5\n\n3,three,6\n4,four,7\n5,,8\n"
    assert split(content, column="text") == ["one", "three", "four"]


def test_a_row_of_a_megabyte():
    limit = csv.field_size_limit()
    row = "word " * 200_000
    assert split(f'body\none\n"{row}"\nthree\n') == ["one", row.strip(), "three"]
    assert csv.field_size_limit() == limit


def test_csv_without_the_column():
    message = complaint(split, "author,text\nme,you\n")
    assert message.startswith("column='body': a.csv has no such column: expected ")
    assert "'author', 'text'" in message


@pytest.mark.parametrize("ending", ["", "\n"])
def test_quote_that_never_closes(ending):
    limit = csv.field_size_limit()
    content = f'body\n"a\nb"\n"never closed\nthree\nfour{ending}'
    message = complaint(split, content)
    assert "a.csv, line 4" in message
    assert "quote" in message
    assert csv.field_size_limit() == limit


@pytest.mark.parametrize(
    ("row", "found"),
    [
        ("2", "found 1 columns: expected 2"),
        ("1,Well, I think so", "found 3 columns: expected 2"),
        ('1,"Well", I think so', "found 3 columns: expected 2"),
        ('1,"a "fix"."', "expected after"),
    ],
)
def test_row_that_is_not_like_the_others(row, found):
    """A comma in a text without quotes, or a quote that is not doubled, would cut the text."""
    message = complaint(split, f"id,body\n1,one\n{row}\n3,three\n")
    assert "a.csv, line 3" in message
    assert found in message


def test_text_with_commas_in_the_first_column():
    rows = "Hello there, my friend. How are you?,7\n" * 40
    message = complaint(split, "body,score\n" + rows)
    assert "a.csv, line 2: found 3 columns: expected 2" in message


def test_csv_without_a_header():
    content = '1,"one, two"\n2,three\n'
    assert split(content, column="1") == ["one, two", "three"]
    message = complaint(split, content, column="2")
    assert message.startswith("column='2': a.csv has no such column: expected one of ")
    assert "a number from 0 to 1" in message


def test_a_number_that_is_the_name_of_a_column():
    assert split("5,0\nfive,nought\n", column="0") == ["nought"]
    assert split("5,7\nfive,seven\n", column="7") == ["seven"]
    assert split("0,1\nnought,one\n", column="1") == ["one"]
    # The first line is a row: it has a text, with a number beside it.
    assert split("I like it,0\nSo so,1\n", column="0") == ["I like it", "So so"]


def test_two_columns_of_one_name():
    message = complaint(split, "body,id, body\none,1,two\n")
    assert message.startswith("column='body': a.csv, line 1: found 2 columns of this ")
    assert split("id,body,id\n1,one,2\n") == ["one"]
    assert split("same,same\nx,y\n", column="1") == ["same", "y"]


@pytest.mark.parametrize("mark", [";", "\t"])
def test_columns_that_another_mark_parts(mark):
    content = f"id{mark}body\n1{mark}one, two; and\n".replace("; and", ", and")
    assert split(content) == ["one, two, and"]
    if mark == "\t":
        assert split(content, "a.tsv") == ["one, two, and"]
        assert split("one, two\tx\n", "a.tsv", column="0") == ["one, two"]


# ----------------------------------------------------------------------------------------- JSON


def test_json_lines():
    content = (
        '{"id": "c1", "body": "It rains. “We” stay."}\n\n"plain"\n{"body": null}\n'
    )
    assert split(content, "a.jsonl") == ["It rains. “We” stay.", "plain"]
    assert split(content.splitlines()[0], "a.ndjson", column="id") == ["c1"]


def test_json_array():
    assert split('["one", {"body": "two"}]', "a.json") == ["one", "two"]


@pytest.mark.parametrize(
    ("name", "content", "found"),
    [
        ("a.jsonl", '{"body": "one"}\n{"text": "two"}\n', "a.jsonl, line 2 has no such column"),
        ("a.jsonl", '{"body": "one"}\nnot\n', "a.jsonl, line 2: no JSON"),
        ("a.jsonl", '{"body": 3}\n', "a.jsonl, line 1: found 3: expected a text"),
        ("a.jsonl", '{"body": "\\ud800"}\n', "a.jsonl, line 1: found half a character"),
        ("a.json", '{"body": "one"}', "a.json: expected a JSON array"),
        ("a.json", '{"body": "one"}\n{"body": "two"}', "more than one JSON value: expected an"),
        ("a.json", '["one", 2]', "a.json, item 2: found 2: expected a text"),
        ("a.json", "[" * 100_000, "a.json: no JSON"),
        ("a.json", '[{"body": "a", "body": "b"}]', "no JSON (found the key 'body' twice"),
        ("a.jsonl", '"a"\n{"id": 1, "id": 1}', "line 2: no JSON (found the key 'id' twice"),
    ],
)  # fmt: skip
def test_json_that_is_no_table(name, content, found):
    assert found in complaint(split, content, name)


# --------------------------------------------------------------------------------- lines, packed


POSTS = ["first!", "I think that this is the best of all of them", "no", "why not though",
         "the rain in spain stays mainly in the plain", "lol", "same here"] * 3  # fmt: skip


def test_one_text_a_line_is_seen():
    assert documents.one_a_line("\n".join(POSTS))
    assert documents.of_text("\n".join(POSTS), lines=True) == POSTS
    wrapped = textwrap.fill(" ".join(POSTS * 9), 60)
    assert not documents.one_a_line(wrapped)
    assert not documents.one_a_line("\n\n".join(POSTS))
    assert not documents.one_a_line("\n".join(POSTS[:3]))


def test_packed_files(tmp_path):
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(b"body\none\ntwo\n"))
    assert documents.is_table(path)
    content = documents.read_bytes(path)
    assert documents.of_table(path, content, "body", "utf-8") == ["one", "two"]
    path.write_bytes(path.read_bytes()[:-9])
    assert "a damaged gzip file" in complaint(documents.read_bytes, path)


@pytest.mark.parametrize(("ending", "pack", "kind"), PACKED)
def test_each_way_of_packing(tmp_path, ending, pack, kind):
    path = tmp_path / f"a.csv{ending}"
    path.write_bytes(pack(b"body\none\ntwo\n" * 9))
    assert documents.is_table(path)
    assert documents.read_bytes(path) == b"body\none\ntwo\n" * 9
    path.write_bytes(path.read_bytes()[:-9])
    assert f"a damaged {kind} file" in complaint(documents.read_bytes, path)
    # It is told by its first bytes.
    (tmp_path / "a.csv").write_bytes(pack(b"body\none\n"))
    assert documents.read_bytes(tmp_path / "a.csv") == b"body\none\n"


def test_packed_files_of_several_pieces(tmp_path):
    """As pigz, pixz and `cat a.gz b.gz` leave them."""
    for ending, pack, _ in PACKED:
        path = tmp_path / f"a.txt{ending}"
        path.write_bytes(pack(b"one ") + pack(b"two"))
        assert documents.read_bytes(path) == b"one two"
    # xz fills up with zeros.
    path = tmp_path / "a.txt.xz"
    path.write_bytes(
        lzma.compress(b"one ") + bytes(8) + lzma.compress(b"two") + bytes(4)
    )
    assert documents.read_bytes(path) == b"one two"


@pytest.mark.parametrize(("ending", "pack", "kind"), PACKED)
def test_nothing_after_a_packed_piece_is_dropped(tmp_path, ending, pack, kind):
    path = tmp_path / f"a.txt{ending}"
    one, two = pack(b"one "), pack(b"two" * 99)
    rests = [b"plain text", two[:-5]]
    if kind != "zstd":
        # Where there is a checksum.
        rests.append(two[:-9] + bytes([two[-9] ^ 1]) + two[-8:])
    for rest in rests:
        path.write_bytes(one + rest)
        assert f"a damaged {kind} file" in complaint(documents.read_bytes, path)


@pytest.mark.parametrize("kind", [b"\x50", b"\x5f"])
def test_a_frame_without_text(tmp_path, kind):
    """Zstandard's "skippable" frames may stand anywhere."""
    path = tmp_path / "a.txt.zst"
    frame = kind + b"\x2a\x4d\x18" + b"\4\0\0\0" + b"note"
    path.write_bytes(frame + zstd.compress(b"one ") + frame + zstd.compress(b"two"))
    assert documents.read_bytes(path) == b"one two"


def test_much_text_in_a_small_file(tmp_path, monkeypatch):
    """It comes in pieces, however well it is packed."""
    monkeypatch.setattr(documents, "_CHUNK", 64)
    for ending, pack, _ in PACKED:
        path = tmp_path / f"a.txt{ending}"
        path.write_bytes(pack(b"0123456789" * 999))
        pieces = list(documents.chunks(path))
        assert b"".join(pieces) == b"0123456789" * 999
        assert max(map(len, pieces)) == 64


# -------------------------------------------------------------------------------------- folders


def test_a_folder_is_its_texts(tmp_path):
    names = ["b.txt", "a.md", "c/d/e.csv.gz", "c/a.TXT.zst", "c/x.jsonl.xz"]
    others = [
        "picture.png",
        "story",
        "b.txt.bak",
        ".hidden.txt",
        "c/.git/a.txt",
        "x.gz",
    ]
    for name in (*names, *others):
        (tmp_path / "texts" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "texts" / name).touch()
    (tmp_path / "texts" / "folder.txt").mkdir()
    (tmp_path / "story").touch()
    found = documents.found([str(tmp_path / "story"), str(tmp_path / "texts")])
    expected = ["a.md", "b.txt", "c/a.TXT.zst", "c/d/e.csv.gz", "c/x.jsonl.xz"]
    assert found == [
        tmp_path / "story",
        *(tmp_path / "texts" / name for name in expected),
    ]


def test_a_folder_without_texts(tmp_path):
    (tmp_path / "picture.png").touch()
    message = complaint(documents.found, [str(tmp_path)])
    assert f"{tmp_path}: a folder without a text: expected " in message
    assert ".txt, .md, .csv" in message


def test_the_plays_go_with_no_other_text(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.txt").write_text("One.")
    message = complaint(documents.found, ["a.txt", "shakespeare"])
    assert message.startswith("shakespeare: goes with no other text: expected ")
    (tmp_path / "shakespeare").write_text("Two.")
    assert len(documents.found(["a.txt", "shakespeare"])) == 2


@pytest.mark.parametrize("others", [(), ("a.txt",)])
def test_an_empty_path_is_no_folder(tmp_path, monkeypatch, others):
    """So the shell passes an unset "$VARIABLE"."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.txt").write_text("One.")
    assert complaint(documents.found, [*others, ""]).startswith("'': expected a path")
    assert documents.found(["."]) == [Path("a.txt")]


def test_a_pipe_is_read_once_only(tmp_path):
    os.mkfifo(tmp_path / "pipe.txt")
    message = complaint(documents.found, [str(tmp_path / "pipe.txt")])
    assert "pipe.txt: a pipe or a device: expected a file" in message


# ------------------------------------------------------------------------------------- bad files


def test_missing_file(tmp_path):
    message = complaint(documents.read_bytes, tmp_path / "nowhere.txt")
    assert "nowhere.txt: no such file" in message
    assert "shakespeare" in message


def test_folder(tmp_path):
    assert f"{tmp_path}: a folder" in complaint(documents.read_bytes, tmp_path)


def test_file_that_cannot_be_read(tmp_path):
    (tmp_path / "a.txt").write_text("A file is no folder.")
    message = complaint(documents.read_bytes, tmp_path / "a.txt" / "b.txt")
    assert "cannot be read (Not a directory)" in message


def test_empty_file(tmp_path):
    (tmp_path / "a.txt").touch()
    assert "a.txt: the file is empty" in complaint(
        documents.read_bytes, tmp_path / "a.txt"
    )


@pytest.mark.parametrize("name", ["a.txt", "a.csv"])
@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b" \r\n\t\n ", "only blanks"),
        (b"\xef\xbb\xbf", "only blanks"),
        (b"body\ncaf\xe9\n", "byte 8 (0xe9) is no text in this encoding"),
        ("body".encode("utf-16"), "byte 0 (0xff) is no text in this encoding"),
        (b"body\none\ntw\0o\n", "line 3: found a NUL character"),
    ],
)
def test_no_text_in_the_file(name, content, found):
    message = complaint(split, content, name)
    assert name in message
    assert found in message
    # Only where another encoding may help.
    assert message.startswith("encoding='utf-8': ") == ("this encoding" in found)


@pytest.mark.parametrize("encoding", ["klingon", "rot13"])
def test_unknown_encoding(encoding):
    message = complaint(split, "body\none\n", encoding=encoding)
    assert message.startswith(f"encoding={encoding!r}: unknown: expected ")


def tar():
    with tarfile.open(fileobj=(file := io.BytesIO()), mode="w") as archive:
        archive.addfile(tarfile.TarInfo("a.txt"))
    return file.getvalue()


# Without the time, which would make it another test in each process that collects tests.
TWICE = gzip.compress(gzip.compress(b"one", mtime=0), mtime=0)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"PAR1...", "a Parquet table"),
        (b"PK\x03\x04...", "a zip archive"),
        (b"%PDF-1.7", "a PDF"),
        (b"SQLite format 3\0", "an SQLite database"),
        (tar(), "a tar archive"),
        (gzip.compress(tar(), mtime=0), "a tar archive"),
        (bz2.compress(b"one"), "packed by bzip2"),
        (bz2.compress(b""), "packed by bzip2"),
        *((lzma.compress(b"1", lzma.FORMAT_ALONE, preset=n), "packed by lzma") for n in (0, 6, 9)),
        (TWICE, "packed twice, the second time by gzip"),
        (lzma.compress(zstd.compress(b"one")), "packed twice, the second time by zstd"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_text(tmp_path, content, what):
    (tmp_path / "a.txt").write_bytes(content)
    message = complaint(documents.read_bytes, tmp_path / "a.txt")
    assert f"a.txt: {what}" in message
    assert message.endswith(": expected text; save it as .txt or .csv")


def test_texts_that_begin_as_other_files_do(tmp_path):
    for text in ("BZh", "BZh9", "P*M", "].", "]\n" * 99, "x" * 256 + "ustar"):
        for encoding in ("utf-8", "utf-16-le", "utf-32-le"):
            (tmp_path / "a.txt").write_bytes(content := text.encode(encoding))
            assert documents.read_bytes(tmp_path / "a.txt") == content


@pytest.mark.parametrize(
    ("encoding", "advice"),
    [("utf-16-le", "utf-16-le"), ("utf-16-be", "utf-16-be"), ("utf-16", "utf-16"),
     ("latin-1", "cp1252")],
)  # fmt: skip
def test_another_encoding_is_named(encoding, advice):
    content = "Un café. Deux cafés.".encode(encoding)
    message = complaint(split, content, "a.txt")
    assert f"such as {advice}" in message
    assert split(content, "a.txt", encoding=advice) == ["Un café. Deux cafés."]


def test_half_a_character():
    message = complaint(split, r"a \ud800 b", "a.txt", encoding="unicode_escape")
    assert message.startswith("encoding='unicode_escape': a.txt: character 2")
