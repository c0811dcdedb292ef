"""Files that keep a training: arrays and a description of them, whole or not at all.

A checkpoint is one ``.npz`` file: the arrays by name, and ``about``, a JSON text. Neither can hold
anything but numbers and words, so a file from a stranger can be opened safely.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from unrolled import files
from unrolled.errors import UserError

#: What ``about`` begins with, in every file that this module wrote.
FORMAT = {"format": "unrolled checkpoint", "version": 3}
#: The versions that can be read.
VERSIONS = (1, 2, 3)
#: The largest number that a model can hold.
LARGEST = np.finfo(np.float32).max


def save(
    path: Path, arrays: Mapping[str, np.ndarray], about: Mapping[str, Any]
) -> None:
    """Write a checkpoint beside its place, then move it there.

    Whatever happens on the way, ``path`` holds the old file or the new one, and never a part.

    Parameters
    ----------
    path : Path
        Its folder is made where it is missing.
    arrays : mapping of str to array
    about : mapping
        What JSON can hold.

    Raises
    ------
    UserError
        If the file cannot be written. The old file, if there is one, is untouched.
    ValueError
        If there is an infinity or NaN among the numbers. The old file is untouched, too.
    """
    for name, value in arrays.items():
        if not np.isfinite(value).all():
            raise ValueError(f"{name} holds infinity or NaN")
    text = json.dumps({**FORMAT, **about}, ensure_ascii=False, allow_nan=False)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with files.replacing(path) as file:
            np.savez(file, about=np.array(text), **arrays)
    except OSError as error:
        kept = "; the checkpoint from before is untouched" if path.exists() else ""
        raise UserError(
            f"{path}: cannot be written: {error.strerror or error}{kept}"
        ) from error


def load(path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Read a checkpoint.

    Parameters
    ----------
    path : Path

    Returns
    -------
    arrays : dict of str to array
    about : dict

    Raises
    ------
    UserError
        If there is no such file, it is damaged, or :func:`save` did not write it: its arrays hold
        finite real numbers.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}") from error
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as entries:
            arrays = dict(entries)
        about = json.loads(str(arrays.pop("about")))
        if about["format"] != FORMAT["format"]:
            raise ValueError(about["format"])
        version = about["version"]
    except Exception as error:
        # A damaged file fails in many ways.
        raise UserError(
            f"{path}: is damaged, or no checkpoint of this program"
        ) from error
    if version not in VERSIONS:
        raise UserError(
            f"{path}: has version {version} of the format, this program reads versions "
            f"{VERSIONS[0]} to {VERSIONS[-1]}: was it written by a newer one?"
        )
    for name, value in arrays.items():
        if value.dtype.kind != "f":
            raise UserError(
                f"{path}: holds no model of this program: {name} is of type {value.dtype}: "
                "expected real numbers"
            )
        # Nor is NaN.
        if not (np.abs(value) <= LARGEST).all():
            raise UserError(
                f"{path}: holds no model of this program: {name} holds infinity or NaN"
            )
    return arrays, about
