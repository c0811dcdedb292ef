"""When a page's outputs are out of date."""

import ast
import shutil
import subprocess
from pathlib import Path

import pytest

import fingerprint as prints
import pages

PAGE = """---
file_format: mystnb
kernelspec:
  name: python3
---
# A page

```{code-cell} ipython3
from unrolled.outer import value
print(value())
```
"""
OUTER = 'from unrolled import inner\n\n\ndef value():\n    """Say."""\n    return inner.one\n'


@pytest.fixture
def book(tmp_path, monkeypatch):
    """A book of one page over a package of three modules."""
    monkeypatch.setattr(pages, "BOOK", tmp_path)
    monkeypatch.setattr(prints, "PACKAGE", tmp_path)
    files = {
        "page.md": PAGE,
        "outer.py": OUTER,
        "inner.py": "one = 1\n",
        "other.py": "",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)

    def fingerprint(device="cpu", budget="cpu"):
        prints._module.cache_clear()
        return prints.fingerprint("page", device, budget)

    def edit(name, old, new):
        text = (tmp_path / name).read_text()
        assert old in text
        (tmp_path / name).write_text(text.replace(old, new))

    return fingerprint, edit


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("page.md", "# A page", "# A better page"),
        ("outer.py", '"""Say."""', '"""Say more."""'),
        ("outer.py", "return inner.one", "return inner.one  # why"),
    ],
)
def test_words_cost_no_execution(book, name, old, new):
    fingerprint, edit = book
    before = fingerprint()
    edit(name, old, new)
    assert fingerprint() == before


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("page.md", "print(value())", "print(2 * value())"),
        ("outer.py", "return inner.one", "return -inner.one"),
        ("inner.py", "one = 1", "one = 2"),  # imported by an imported module
    ],
)
def test_code_does(book, name, old, new):
    fingerprint, edit = book
    before = fingerprint()
    edit(name, old, new)
    assert fingerprint() != before


def test_a_module_that_the_page_does_not_import_is_none_of_its_business(book, tmp_path):
    fingerprint, _ = book
    before = fingerprint()
    (tmp_path / "other.py").write_text("two = 2\n")
    assert fingerprint() == before


def test_device_budget_and_data_count(book, tmp_path):
    fingerprint, _ = book
    before = fingerprint()
    assert fingerprint(device="gpu") != before
    assert fingerprint(budget="smoke") != before
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "text.txt").write_text("To be")
    assert fingerprint() != before


def test_a_page_comes_after_the_one_that_it_needs():
    order = pages.executed_pages()
    waiting = {page: pages.page_before(page) for page in pages}
    assert waiting["introduction-to-rnns"] == "rnn-language-model"
    for page, before in waiting.items():
        if before:
            assert order.index(before) < order.index(page)


def test_a_page_depends_on_the_page_before_it(book, tmp_path):
    """A change of one page makes the page that uses its results stale."""
    _, edit = book
    later = PAGE.replace("kernelspec:", "after: page\nkernelspec:")
    (tmp_path / "later.md").write_text(later)
    assert pages.executed_pages() == ["page", "later"]
    before = prints.fingerprint("later", "cpu", "cpu")
    edit("page.md", "print(value())", "print(2 * value())")
    assert prints.fingerprint("later", "cpu", "cpu") != before


def test_a_fingerprint_says_what_changed(book):
    fingerprint, edit = book
    before = fingerprint()
    edit("inner.py", "one = 1", "one = 2")
    assert prints.changes(before, fingerprint()) == "unrolled.inner"
    edit("page.md", "print(value())", "print(2 * value())")
    assert prints.changes(before, fingerprint()) == "its code, unrolled.inner"
    now = fingerprint(device="gpu")
    assert prints.changes(fingerprint(), now) == "the device"
    assert prints.changes(now, now) == ""


SNIPPET = """
def f(x, /, *rest: int, key=None, **more) -> str:
    with open(x) as file, file:
        match rest:
            case [first, *_] if first > 0:
                return f"{first!r:>{key}} {more['a']} \\n" + rf"{x}\\d"
    try:
        return (yield from [y := 1, *rest])
    except* ValueError:
        raise
class A: pass
"""


@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13"])
def test_every_python_reads_the_same(version):
    """Outputs frozen under one Python hold under the others."""
    here = prints._as_text(ast.parse(SNIPPET))
    python = shutil.which(f"python{version}")
    if not python or subprocess.run([python, "-c", ""], capture_output=True).returncode:
        pytest.skip(f"no Python {version} here")
    source = Path(prints.__file__).read_text(encoding="utf-8")
    function = ast.get_source_segment(
        source,
        next(
            node
            for node in ast.parse(source).body
            if getattr(node, "name", "") == "_as_text"
        ),
    )
    there = subprocess.run(
        [python, "-c", f"import ast\nfrom typing import Any\n{function}\n"
         f"print(_as_text(ast.parse({SNIPPET!r})))"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert there.stdout.rstrip("\n") == here
