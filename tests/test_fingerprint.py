"""When a page's outputs are out of date."""

import ast
import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest

import definitions
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


def test_device_and_budget_count(book):
    fingerprint, _ = book
    before = fingerprint()
    assert fingerprint(device="gpu") != before
    assert fingerprint(budget="smoke") != before


def test_data_counts_for_those_that_name_it(book, tmp_path):
    fingerprint, edit = book
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "text.txt").write_text("To be")
    before = fingerprint()
    assert "data/text.txt" not in before
    edit("inner.py", "one = 1", "one = open('text.txt')")
    reads = fingerprint()
    (tmp_path / "data" / "text.txt").write_text("or not to be")
    assert prints.changes(reads, fingerprint()) == "data/text.txt"
    edit("inner.py", "open('text.txt')", "1  # not text.txt")
    assert "data/text.txt" not in fingerprint()
    edit("page.md", "print(value())", "print(open('code/data/text.txt'))")
    assert "data/text.txt" in fingerprint()


def test_a_page_comes_after_the_one_that_it_needs():
    order = pages.executed_pages()
    waiting = {page: pages.page_before(page) for page in order}
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
    assert prints.changes(before, fingerprint()) == "unrolled.inner.one"
    edit("page.md", "print(value())", "print(2 * value())")
    assert prints.changes(before, fingerprint()) == "its code, unrolled.inner.one"
    now = fingerprint(device="gpu")
    assert prints.changes(fingerprint(), now) == "the device"
    assert prints.changes(now, now) == ""


def test_many_changes_are_told_in_few_words():
    then, now = ({f"name {i}": str(i + j) for i in range(9)} for j in (0, 1))
    assert prints.changes(then, now) == "name 0, name 1, name 2, name 3 and 5 more"


# ------------------------------------------------------------ which definitions a page reaches

DEEP = """
import sys
from unrolled import low
from unrolled.low import constant as renamed

TABLE = {}

def top(x: "low.never" = renamed):
    \"\"\"Say.\"\"\"
    return middle(x)

def middle(x):
    from unrolled import late
    return low.work(x) + late.work(x)

def apart(x):
    return low.other(x)

class Kind:
    field: int = 3
    \"\"\"What the field means.\"\"\"

    def method(self):
        return low.by_method()

@low.decorate
def decorated():
    pass

TABLE["apart"] = apart
low.register(apart)
"""
LOW = """
constant = 1
never = 2

def work(x): return x
def other(x): return -x
def by_method(): return 5
def decorate(f): return f
def register(f): return None
def unused(): return 6
"""


@pytest.fixture
def deep(tmp_path, monkeypatch):
    """What cells reach in a small package, by what it is called."""
    monkeypatch.setattr(prints, "PACKAGE", tmp_path)
    (tmp_path / "inside").mkdir()
    for name, text in {
        "__init__.py": "",
        "deep.py": DEEP,
        "low.py": LOW,
        "late.py": "def work(x): return x\n",
        "inside/__init__.py": "",
        "inside/room.py": "from unrolled import low\ndef paint(): return low.work(0)\n",
    }.items():
        (tmp_path / name).write_text(text)

    def reached(cells):
        found = prints.reached(cells)
        return {name.removeprefix("unrolled.") for name in found}

    return reached


#: What runs when deep.py is imported, whatever is taken from it.
ON_IMPORT = {"the import of unrolled.deep", "low.register", "deep.apart", "low.other"}


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (
            "from unrolled import deep\ndeep.top()",
            {"deep.top", "deep.middle", "low.work", "late.work", "low.constant"},
        ),
        (
            "from unrolled.deep import top as t\nt()",
            {"deep.top", "deep.middle", "low.work", "late.work", "low.constant"},
        ),
        (
            "import unrolled.deep\nunrolled.deep.middle(1)",
            {"deep.middle", "low.work", "late.work"},
        ),
        ("from unrolled import deep as d\nd.Kind()", {"deep.Kind", "low.by_method"}),
        (
            "from unrolled import deep\ndeep.decorated",
            {"deep.decorated", "low.decorate"},
        ),
        ("from unrolled import deep\nprint(deep.TABLE)", {"deep.TABLE"}),
    ],
)
def test_a_page_reaches_through_modules(deep, cells, expected):
    assert deep(cells) == expected | ON_IMPORT


def test_packages_and_names_that_are_handed_on(deep):
    cells = "from unrolled.inside import room\nroom.paint()"
    assert deep(cells) == {"inside.room.paint", "low.work"}
    assert deep("from unrolled.inside.room import low\nlow.work") >= {"low.work"}
    assert deep("from unrolled.inside import room\nroom.low.work") >= {"low.work"}


def test_a_module_that_is_handed_on_counts_whole(deep):
    whole = {
        f"low.{line.split('(')[0][4:]}" for line in LOW.split("\n") if "def" in line
    }
    assert deep("from unrolled import low\nvars(low)") >= whole
    assert deep("from unrolled.low import *") >= whole


BELOW = """
def one(): return 1
def two(): return 2
"""


@pytest.fixture
def layered(book, tmp_path):
    """The book with another outer module, of whose definitions the page calls f."""
    fingerprint, edit = book

    def write(outer):
        (tmp_path / "below.py").write_text(BELOW)
        (tmp_path / "outer.py").write_text(f"{outer}\n")
        edit("page.md", "outer import value", "outer import f as value")
        return fingerprint, edit

    return write


@pytest.mark.parametrize(
    ("above", "old", "new"),
    [
        ("from math import sin as s\ndef f(): return s(1)", "import sin", "import cos"),
        (
            "from unrolled.below import one as x, two as y\ndef f(): return x() - y()",
            "one as x, two as y",
            "two as x, one as y",
        ),
        (
            "from unrolled.below import one\none = keep(one, 1)\ndef f(): return one()",
            "one, 1",
            "one, 2",
        ),
        ("n = 1\nn += 1\ndef f(): return n", "+= 1", "+= 2"),
        ("n, m = 1, 2\ndef f(): return m", "1, 2", "1, 3"),
        ("n: int = 1\ndef f(): return n", "= 1", "= 2"),
        ("if a:\n    n = 1\nelse:\n    n = 2\ndef f(): return n", "n = 2", "n = 3"),
        ("TABLE = {}\nTABLE['a'] = 1\ndef f(): return TABLE", "= 1", "= 2"),
        ("def f(x=1): return x", "x=1", "x=2"),
        ("N = 1\ndef f(x=N): return x", "N = 1", "N = 2"),
        ("class A: n = 1\nclass f(A): pass", "n = 1", "n = 2"),
        ("class A:\n    n: B\nB = 1\ndef f(): return A", "B = 1", "B = 2"),
        ("def g(f): return 1\n@g\ndef f(): pass", "return 1", "return 2"),
        ("@one\ndef f(): return 1", "@one", "@two"),
        (
            "@show\ndef f(x): pass\n@f.register(int)\ndef _(x): return 1",
            "return 1",
            "return 2",
        ),
        ("async def g(): return 1\ndef f(): return g()", "return 1", "return 2"),
        # These act on others when the module is imported, whatever is taken from it.
        ("import os\nos.environ['a'] = 'b'\ndef f(): pass", "'b'", "'c'"),
        ("from unrolled import below\nbelow.n = 1\ndef f(): pass", "n = 1", "n = 2"),
        ("configure(1)\ndef f(): pass", "configure(1)", "configure(2)"),
    ],
)
def test_what_a_definition_depends_on(layered, above, old, new):
    fingerprint, edit = layered(above)
    before = fingerprint()
    edit("outer.py", old, new)
    assert fingerprint() != before


@pytest.mark.parametrize(
    "above",
    [
        "try:\n    from unrolled import below\nexcept E: pass\ndef f(): return below.one()",
        "def f():\n    from unrolled.below import one\n    return one()",
        "import unrolled.below as b\ndef f(): return b.one()",
        "from unrolled import below\ndef f(name): return getattr(below, name)()",
        "from unrolled import below\ndef f(): return below.__dict__",
        "from unrolled.below import *\ndef f(): return one()",
        "from unrolled.below import one\ndef f(one=0): return one()",
        # A name that has two meanings may have either.
        "from unrolled import below as b\ndef f():\n    b.one()\n\n"
        "def g():\n    from unrolled import other as b",
    ],
)
def test_ways_to_another_module(layered, above):
    fingerprint, edit = layered(above)
    before = fingerprint()
    edit("below.py", "return 1", "return -1")
    assert prints.changes(before, fingerprint()) == "unrolled.below.one"


@pytest.mark.parametrize(
    "above",
    [
        "def f(x: below.one) -> below.one: pass",
        "def f(): pass\n\n\ndef g(): return below.one()",
        "def f(): pass\n\n\nnumber = below.one()",
        "def f(): pass\n\n\n@below.one\ndef g(): pass",
    ],
)
def test_what_no_cell_needs(layered, above):
    fingerprint, edit = layered(f"from unrolled import below\n{above}")
    before = fingerprint()
    edit("below.py", "return 1", "return -1")
    assert fingerprint() == before


def test_cells_may_give_a_name_two_meanings(deep):
    cells = (
        "from unrolled import low as x\nx.work\nfrom unrolled import late as x\nx.work"
    )
    assert deep(cells) == {"low.work", "late.work"}


def test_a_module_that_is_handed_on_takes_along_what_it_imports(deep):
    assert deep("from unrolled.inside.room import *\nlow.unused()") >= {"low.unused"}
    assert deep("import unrolled\nprint(vars(unrolled))") >= {"inside.room.paint"}


def test_imports_are_written_out():
    with pytest.raises(ValueError, match=r"from \. import low"):
        definitions.read_module("unrolled.deep", "from . import low")


def test_modules_are_listed_with_those_that_they_import(deep, monkeypatch):
    monkeypatch.setattr(prints, "code_of", lambda cells: cells)
    cells = ["%magic", "from unrolled.inside import room", "from unrolled import deep"]
    assert prints.imported_modules(cells) == [
        "deep",
        "inside",
        "inside.room",
        "late",
        "low",
    ]


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    """The pages that an edit of the book's own package makes stale; it is undone again."""
    copy = tmp_path_factory.mktemp("code") / "unrolled"
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(prints.PACKAGE, copy, ignore=ignored)
    every = pages.executed_pages()

    def fingerprints():
        return {page: prints.fingerprint(page, "cpu", "cpu") for page in every}

    def stale(name, old, new):
        content = (copy / name).read_bytes()
        assert old.encode() in content
        (copy / name).write_bytes(content.replace(old.encode(), new.encode()))
        now = fingerprints()
        (copy / name).write_bytes(content)
        return {page for page in every if now[page] != before[page]}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(prints, "PACKAGE", copy)
        patch.setattr(prints, "read_page", cache(pages.read_page))
        before = fingerprints()
        yield stale


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("options.py", "Times that every sentence is seen.", "Passes."),
        ("layers.py", "Kind of recurrent unit.", "Cell."),
        ("network.py", " in Theano\n", " in a graph\n"),
        ("compute.py", "Compile a graph into a function.", "Compile it."),
        ("machine.py", "def processor() -> str:", "def processor() -> 'str | None':"),
        ("ngrams.py", "perplexity(self, sentences", "perplexity(self,  sentences"),
        (
            "training.py",
            "state.steps += len(pending)",
            "state.steps += len(pending)  # all",
        ),
    ],
)
def test_what_no_cell_reaches_makes_nothing_stale(real, name, old, new):
    assert real(name, old, new) == set()


NETWORK = {"network-from-scratch", "index", "theano-and-the-gpu"}
GRAPHS = {"theano-and-the-gpu", "appendix/from-theano-to-pytensor"}
# These use what rnn-language-model leaves behind.
AFTER = {"introduction-to-rnns", "backpropagation-through-time"}
GATED = "gru-and-lstm"
LAST = "after-the-gates"
# It runs the whole program, in processes of its own.
MANY = "many-devices"
RECURRENT = {"rnn-language-model", GATED, MANY, LAST, *AFTER}


@pytest.mark.parametrize(
    ("name", "old", "new", "expected"),
    [
        # Called by training.fit, by way of the trainer.
        ("training.py", "state.steps += len(pending)", "state.steps += 1", RECURRENT),
        ("probability.py", "z - z.max(", "z - z.min(", RECURRENT - {LAST} | NETWORK),
        ("quantization.py", "largest / 127", "largest / 126", {"gru-and-lstm"}),
        ("figures/graph.py", "fontsize=8", "fontsize=9", GRAPHS),
        # A method, a constant, what a module does on import, what a name stands for, the data.
        (
            "ngrams.py",
            "lower: np.ndarray) -> np.ndarray:\n",
            "lower: np.ndarray) -> np.ndarray:\n        C += 0\n",
            RECURRENT - {MANY},
        ),
        ("documents.py", 'if "\\0" in text:', 'if text.count("\\0"):', {MANY}),
        ("command_line.py", "several = isinstance", "several = not isinstance", {MANY}),
        ("__main__.py", '"character": 500', '"character": 600', {MANY}),
        ("traffic.py", "2 * (N - 1)", "2 * N", {MANY}),
        ("shakespeare.py", '"King John"', '"King Lear"', RECURRENT),
        ("compute.py", 'x64", True)', 'x64", False)', RECURRENT | NETWORK | GRAPHS),
        ("rnn_by_hand.py", "import numpy as", "import cupy as", AFTER | {"rnn-language-model"}),
        ("data/shakespeare.txt.xz", "7zXZ", "7zXY", RECURRENT),
    ],
)  # fmt: skip
def test_a_change_below_makes_those_pages_stale_that_reach_it(
    real, name, old, new, expected
):
    assert real(name, old, new) == expected


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
    here = definitions._as_text(ast.parse(SNIPPET))
    python = shutil.which(f"python{version}")
    if not python or subprocess.run([python, "-c", ""], capture_output=True).returncode:
        pytest.skip(f"no Python {version} here")
    source = Path(definitions.__file__).read_text(encoding="utf-8")
    functions = "\n".join(
        ast.get_source_segment(source, node)
        for node in ast.parse(source).body
        if getattr(node, "name", "") in ("_as_text", "_is_annotation")
    )
    there = subprocess.run(
        [python, "-c", f"import ast\nfrom typing import Any\n{functions}\n"
         f"print(_as_text(ast.parse({SNIPPET!r})))"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert there.stdout.rstrip("\n") == here
