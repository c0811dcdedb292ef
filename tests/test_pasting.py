"""Blocks of code, copied with their button, can be pasted at Python's prompt and at IPython's."""

import ast
import code
import sys
from io import StringIO

import pytest
from bs4 import BeautifulSoup
from IPython.core.inputtransformer2 import TransformerManager
from pygments.lexers import PythonLexer

from code_blocks import LightFormatter
from support import PAGES, clean_environment, run

PYTHON = "div.highlight-python pre"


def copied(block):
    """What the button copies of a block: without what is marked, and without its last newline."""
    for needless in block.select(".skip"):
        needless.decompose()
    return block.get_text().removesuffix("\n")


class Prompt(code.InteractiveConsole):
    """Reads what is typed, and keeps it instead of running it."""

    def __init__(self):
        super().__init__()
        self.read, self.errors = [], []

    def runcode(self, compiled):
        self.read.append("\n".join(self.buffer))

    def showsyntaxerror(self, *arguments, **options):
        self.errors.append("\n".join(self.buffer))

    def paste(self, text):
        """Type a text, and press Enter."""
        for line in text.split("\n"):
            self.push(line)
        assert not self.errors
        # It waits for nothing more.
        assert not self.buffer
        return ast.dump(ast.parse("\n".join(self.read)))


EXAMPLES = {
    "a blank line in a function": "def f():\n    a = 1\n\n    return a\n\n\nf()\n",
    "a decorator": "@f\ndef g():\n\n    return 1\n\ng()\n",
    "no line after a loop": "for i in x:\n    print(i)\nprint(x)\n",
    "a loop in a line": "for i in x: print(i)\nprint(x)\n",
    "another branch": "if a:\n    b = 1\n\nelse:\n    b = 2\nb\n",
    "a comment at the end": "while x:\n    x -= 1\n    # Done.\nx\n",
    "a string": 'def f():\n    """One.\n\n    Two.\n    """\n\n    return """\n\n"""\n',
    "methods": "class A:\n    def f(self):\n        pass\n\n    def g(self):\n        pass\n",
    "cases": "match x:\n    case 1:\n        y = 2\n\n    case _:\n        y = 3\ny\n",
    "brackets": "x = [\n    1,\n\n    2,\n]\nx\n",
    "a string at top level": "x = '''\n\n'''\nx\n",
}


def copied_example(name):
    written = StringIO()
    LightFormatter(set()).format(PythonLexer().get_tokens(EXAMPLES[name]), written)
    return copied(BeautifulSoup(written.getvalue(), "html.parser").pre)


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_copied_block_is_what_stands_there(name):
    written = ast.dump(ast.parse(EXAMPLES[name]))
    assert Prompt().paste(copied_example(name)) == written


def test_python_itself_reads_them_one_after_another():
    typed = "f = lambda g: g\nx = a = 0\n" + "\n".join(map(copied_example, EXAMPLES))
    done = run(
        *(sys.executable, "-i", "-q"), input=f"{typed}\n", env=clean_environment()
    )
    assert "TypeError: 'int' object is not iterable" in done.stderr
    assert "SyntaxError" not in done.stderr
    assert "IndentationError" not in done.stderr


@pytest.mark.parametrize("page", PAGES)
def test_every_block_can_be_pasted(build, page):
    """As it was written, at both prompts."""
    html = (build / "html" / f"{page}.html").read_text(encoding="utf-8")
    for block in BeautifulSoup(html, "html.parser").select(f"article {PYTHON}"):
        written = ast.dump(ast.parse(block.get_text()))
        text = copied(block)
        assert Prompt().paste(text) == written
        ipython = TransformerManager()
        assert ipython.check_complete(text)[0] != "invalid"
        assert ast.dump(ast.parse(ipython.transform_cell(text))) == written


def test_the_button_copies_what_is_pasted_here(visit):
    opened = visit("network-from-scratch")
    opened.evaluate(
        "addEventListener('copy', () => window.copied = getSelection().toString())"
    )
    for block in opened.locator(f"{PYTHON}:has(.skip)").all()[:3]:
        block.hover()
        block.locator("xpath=..").locator(".copybtn").click()
        html = BeautifulSoup(block.evaluate("(pre) => pre.outerHTML"), "html.parser")
        assert opened.evaluate("copied") == copied(html.pre)
