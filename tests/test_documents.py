"""A file becomes documents, or one line says what is wrong with it."""

import csv
from pathlib import Path

import pytest

from unrolled import documents
from unrolled.errors import UserError


def split(content, name="a.csv", column="body", encoding="utf-8"):
    if isinstance(content, str):
        content = content.encode()
    return documents.split(Path(name), content, column, encoding)


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
    content = "id, text ,score\n1,one,5\n2,\n3,three,6\n4,four,7\n5,,8\n"
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


def test_row_that_is_too_short():
    message = complaint(split, "id,body\n1,one\n2\n")
    assert "a.csv, line 3" in message
    assert "found 1 columns: expected 2" in message


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
