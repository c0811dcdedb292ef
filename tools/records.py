"""What was measured on machines that are rarely at hand, one file for each device.

``make measure`` writes them (``benchmarks/measure.py``), and pages show those of a GPU.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pages import BOOK
from provenance import LOCAL, Made
from unrolled import files

HOME = BOOK / "_measured"


@dataclass(frozen=True, kw_only=True)
class Record(Made):
    """The measurements of one device, and where they come from.

    Attributes
    ----------
    measured : dict
        From the name of a part to what ``benchmarks/measure.py`` says of it. A part may be missing.
    """

    measured: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> Record:
        """Read a file."""
        return cls(**json.loads(path.read_text(encoding="utf-8")))

    def path(self, home: Path) -> Path:
        """Where it is kept in a folder: under the name of the device."""
        name = re.sub(r"[^a-z0-9]+", "-", self.name.lower()).strip("-")
        return home / f"{name}.json"

    def write(self, home: Path) -> None:
        """Write it to its file, whole or not at all."""
        home.mkdir(exist_ok=True)
        with files.replacing(self.path(home)) as file:
            file.write((json.dumps(asdict(self), indent=1) + "\n").encode())

    def goes_on(self, home: Path) -> Record:
        """What is kept of the same code on the same device, to be added to; else this one."""
        if self.path(home).exists() and not self.commit.endswith(LOCAL):
            kept = Record.read(self.path(home))
            if (kept.commit, kept.budget) == (self.commit, self.budget):
                return kept
        return self


def of_gpus() -> list[Record]:
    """All that are kept of GPUs, the newest first."""
    found = [Record.read(path) for path in sorted(HOME.glob("*.json"))]
    gpus = [record for record in found if record.device == "gpu"]
    return sorted(gpus, key=lambda record: record.date, reverse=True)
