"""When a page's outputs are out of date, and what happens when a cell fails."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "book" / "_tools"))
import chapters  # noqa: E402

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
    monkeypatch.setattr(chapters, "BOOK", tmp_path)
    monkeypatch.setattr(chapters, "PACKAGE", tmp_path)
    files = {
        "page.md": PAGE,
        "outer.py": OUTER,
        "inner.py": "one = 1\n",
        "other.py": "",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)

    def fingerprint(device="cpu", budget="cpu"):
        chapters._module.cache_clear()
        return chapters.fingerprint("page", device, budget)

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


def test_a_module_that_the_page_does_not_import_is_none_of_its_business(
    book, tmp_path
):
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


@pytest.fixture
def clone(tmp_path):
    """A copy of the book with one short page, and a way to execute it."""
    shutil.copytree(ROOT / "code", tmp_path / "code")
    shutil.copytree(ROOT / "book" / "_tools", tmp_path / "book" / "_tools")
    page = tmp_path / "book" / "page.md"
    page.write_text(
        PAGE.replace("from unrolled.outer import value\nprint(value())", "1 + 1")
    )

    def execute(*options):
        return subprocess.run(
            [sys.executable, "book/_tools/execute.py", *options],
            cwd=tmp_path, capture_output=True, text=True,
        )  # fmt: skip

    return page, tmp_path / "_build" / "executed" / "page.ipynb", execute


def test_only_what_changed_is_executed_and_a_failure_costs_nothing(
    clone, monkeypatch
):
    for variable in ("UNROLLED_BUILD", "UNROLLED_DEVICE", "UNROLLED_BUDGET"):
        monkeypatch.delenv(variable, raising=False)
    page, executed, execute = clone
    assert "Executing 1 of 1 pages" in execute().stdout
    assert execute().stdout == "Outputs are up to date.\n"
    good = executed.read_bytes()

    page.write_text(page.read_text().replace("1 + 1", "1 / 0"))
    failed = execute()
    assert failed.returncode == 1
    assert "book/page.md: a cell failed" in failed.stderr
    assert "ZeroDivisionError" in failed.stderr
    assert "\x1b" not in failed.stderr
    assert executed.read_bytes() == good

    page.write_text(page.read_text().replace("1 / 0", "1 + 1"))
    assert execute().stdout == "Outputs are up to date.\n"


def test_an_unknown_page_is_a_line_and_status_2(clone):
    _, _, execute = clone
    wrong = execute("pgae")
    assert wrong.returncode == 2
    assert wrong.stderr == "no page 'pgae': there are page\n"


def test_a_page_comes_after_the_one_that_it_needs():
    pages = chapters.executed_pages()
    waiting = {page: chapters.page_before(page) for page in pages}
    assert waiting["introduction-to-rnns"] == "rnn-language-model"
    for page, before in waiting.items():
        if before:
            assert pages.index(before) < pages.index(page)


def test_a_page_depends_on_the_page_before_it(book, tmp_path):
    """A change of one page makes the page that uses its results stale."""
    _, edit = book
    later = PAGE.replace("kernelspec:", "after: page\nkernelspec:")
    (tmp_path / "later.md").write_text(later)
    assert chapters.executed_pages() == ["page", "later"]
    before = chapters.fingerprint("later", "cpu", "cpu")
    edit("page.md", "print(value())", "print(2 * value())")
    assert chapters.fingerprint("later", "cpu", "cpu") != before
