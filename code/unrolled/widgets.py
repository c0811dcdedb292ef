"""What a chapter gives to the live model on its page."""

from __future__ import annotations

import base64
import json
from typing import Any

import numpy as np

#: The type of such an output in a notebook. The build of the site looks for it.
MIME = "application/vnd.unrolled.widget+json"


class WidgetData:
    """The data of a live model: as an output it goes to the page, and says how large it is.

    Parameters
    ----------
    name : str
        Of the model on the page, such as ``"moons"``.
    **content : numbers, strings, lists, dicts and arrays
        What the model needs. Arrays of floats become nested lists of five digits; arrays of int8
        become base64 text, one byte a number, row by row.
    """

    def __init__(self, name: str, **content: Any) -> None:
        self.name, self.content = name, _plain(content)

    def script(self) -> str:
        """The script that hands the data to the page."""
        return script(self.name, self.content)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        size = len(json.dumps(self.content)) / 1000
        return {
            MIME: {"name": self.name, "content": self.content},
            "text/plain": f"{self.name}: {size:,.0f} kB for the model on this page",
        }


def script(name: str, content: Any) -> str:
    """The script that hands a model's data to the page."""
    return f"unrolled.data({json.dumps(name)}, {json.dumps(content)});\n"


def _plain(value: Any) -> Any:
    """The same content without arrays."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, np.ndarray) and value.dtype == np.int8:
        return base64.b64encode(value.tobytes()).decode()
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, (float, np.floating)):
        return float(f"{value:.5g}")
    return value.item() if isinstance(value, np.generic) else value
