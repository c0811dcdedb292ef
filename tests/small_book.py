"""A book of two short pages, for tests of what executes, freezes and builds."""

import json
import os
import shutil
import subprocess
import sys

import pages
from pages import ROOT

HEAD = "---\nfile_format: mystnb\nkernelspec:\n  name: python3\n---\n# A page\n\n"
CELL = "```{code-cell} ipython3\n%s\n```\n"
# Of a site.
DOTS = """import matplotlib.pyplot as plt
from unrolled.figures import style

style.use_house_style()
plt.plot([1, 2, 3], [1, 3, 2], "o");"""
CONTENTS = "\n```{toctree}\none\ntwo\nbibliography\n```\n"
BIBLIOGRAPHY = "# References\n\n```{bibliography}\n```\n"


class Book:
    """A copy of the book's tools and code with two short pages, and ways to execute them."""

    def __init__(self, folder):
        self.folder = folder
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / "code", folder / "code", ignore=ignored)
        (folder / "book").mkdir()
        shutil.copytree(ROOT / "tools", folder / "tools", ignore=ignored)
        self.write("one", "1 + 1")
        self.write("two", "2 + 2")

    def write(self, page, *cells, front=""):
        head = HEAD.replace(
            "kernelspec:", f"{front}\nkernelspec:" if front else "kernelspec:"
        )
        text = head + "".join(CELL % cell for cell in cells)
        (self.folder / "book" / f"{page}.md").write_text(text)

    def make_site(self):
        """Add what ``make html`` needs: how the book is built, and a front page with a figure."""
        for name in ("_ext", "_static", "_templates"):
            shutil.copytree(ROOT / "book" / name, self.folder / "book" / name)
        for name in ("Makefile", "conf.py", "book/references.bib"):
            shutil.copy(ROOT / name, self.folder / name)
        (self.folder / "book" / "bibliography.md").write_text(BIBLIOGRAPHY)
        self.write("index", DOTS)
        with (self.folder / "book" / "index.md").open("a") as file:
            file.write(CONTENTS)

    def command(self, *options, **variables):
        kept = {k: v for k, v in os.environ.items() if not k.startswith("UNROLLED")}
        return {
            "args": [sys.executable, "tools/execute.py", *options],
            "cwd": self.folder,
            "env": {
                **kept,
                "PYTHONPATH": str(self.folder / "code"),
                "UNROLLED_BUDGET": "smoke",
                **variables,
            },
            "text": True,
        }

    def execute(self, *options, **variables):
        return subprocess.run(
            **self.command(*options, **variables), capture_output=True
        )

    def frozen(self, page):
        return self.folder / "book" / "_frozen" / f"{page}.ipynb"

    def executed(self, page):
        return self.folder / "_build" / "executed" / f"{page}.ipynb"

    def shown(self, page):
        return pages.shown(page, self.folder / "_build")

    def made(self, page):
        return self.shown(page)["metadata"]["unrolled"]

    def output(self, page):
        return pages.code_cells(self.shown(page))[0].outputs[0].data["text/plain"]

    def pretend(self, page, **changes):
        """Rewrite a frozen page's provenance, as if another machine had made it."""
        notebook = json.loads(self.frozen(page).read_text())
        made = notebook["metadata"]["unrolled"]
        made.update(changes)
        if "device" in changes:
            made["fingerprint"]["the device"] = changes["device"]
        if "budget" in changes:
            made["fingerprint"]["the budget"] = changes["budget"]
        self.frozen(page).write_text(json.dumps(notebook))

    def git(self, *arguments):
        who = ("-c", "user.name=A", "-c", "user.email=a@example.org")
        command = ["git", *who, *arguments]
        return subprocess.check_output(command, cwd=self.folder, text=True).strip()

    def commit(self):
        self.git("add", "book", "code")
        self.git("commit", "-qm", "A book")
        return self.git("rev-parse", "--short=10", "HEAD")
