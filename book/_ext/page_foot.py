"""At the foot of a page: where and when its outputs were made.

``{provenance}``
    says it of the page where it stands.
``{executed-pages}``
    lists it for all pages.
"""

from datetime import date

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from outputs import note_outputs, provenance_of
from pages import BOOK, executed_pages
from provenance import Provenance


def day(iso: str) -> str:
    """A date as people write it."""
    day = date.fromisoformat(iso)
    return f"{day:%B} {day.day}, {day.year}"


def _versions(made: Provenance) -> str:
    return ", ".join(f"{name} {number}" for name, number in made.versions.items())


def _machine(made: Provenance) -> str:
    if made.device == "gpu":
        driver = f", driver {made.driver}" if made.driver else ""
        return f"a GPU ({made.name}{driver})"
    return f"a CPU ({made.name}, {made.cores} cores)"


def _sentences(made: Provenance) -> str:
    commit = f", commit {made.commit}" if made.commit else ""
    said = (
        f"The outputs on this page were made on {day(made.date)} on {_machine(made)} "
        f"in {made.seconds:,.0f} s, with {_versions(made)}; "
        f"budget “{made.budget}”{commit}. "
    )
    if made.frozen:
        said += "They were frozen then, and are shown as they were."
    else:
        said += "They were made for this build of the site."
    if made.stale:
        said += f" Its frozen outputs are out of date ({made.stale}), and not shown."
    return said


class ProvenanceLine(SphinxDirective):
    """Say where and when the outputs of this page were made."""

    def run(self) -> list[nodes.Node]:
        """Make the lines at the foot of the page."""
        made = provenance_of(self.env.docname)
        if made is None:
            return []
        text = _sentences(made)
        return [nodes.paragraph(text, text, classes=["provenance"])]


def _row(page: str, made: Provenance) -> str:
    frozen = "yes" if made.frozen else "no, stale" if made.stale else "no"
    return (
        f"| {{doc}}`/{page}` | {_machine(made)} | {day(made.date)} "
        f"| {frozen} | {made.seconds:,.0f} |"
    )


class ExecutedPages(SphinxDirective):
    """List all executed pages: device, day, seconds; and the versions they were made with."""

    def run(self) -> list[nodes.Node]:
        """Make the table."""
        order = (BOOK / "index.md").read_text(encoding="utf-8")
        pages = sorted(executed_pages(), key=lambda page: order.find(f"\n{page}\n"))
        for page in pages:
            note_outputs(self.env, page)
        made = {page: one for page in pages if (one := provenance_of(page))}
        total = sum(one.seconds for one in made.values())
        lines = [
            "| page | device | made on | frozen | seconds |",
            "|:--|:--|:--|:--|--:|",
            *(_row(page, one) for page, one in made.items()),
            f"| **all** | | | | **{total:,.0f}** |",
            "",
            *(
                f"Made with {one}."
                for one in sorted(set(map(_versions, made.values())))
            ),
        ]
        return self.parse_text_to_nodes("\n".join(lines))


def setup(app: Sphinx) -> dict:
    """Add it to Sphinx."""
    app.add_directive("provenance", ProvenanceLine)
    app.add_directive("executed-pages", ExecutedPages)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
