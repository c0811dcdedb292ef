"""What a GPU showed when chapter 2 was last made on one.

Readers have a processor at the least; few builds have a GPU. ``tools/gpu_run.py`` keeps what a page
measured on a GPU in ``data/gpu_run.json``, with the machine, the day and the commit, and a page
made on a processor shows that record.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def kept() -> dict[str, Any]:
    """Read the record of the last run on a GPU.

    Returns
    -------
    dict
        ``made``: ``name`` of the GPU, ``driver``, ``processor``, ``cores``, ``date``, ``commit``,
        ``budget`` and ``versions``. ``measured``: ``steps``, from a name to the median, fastest and
        slowest step in seconds; ``roofs``, from a device to its operations and bytes per second;
        ``call``, an empty call in seconds; ``sent``, pairs of bytes and the seconds that they need
        to the device.
    """
    path = Path(__file__).parent / "data" / "gpu_run.json"
    return json.loads(path.read_text(encoding="utf-8"))
