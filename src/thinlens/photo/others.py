"""Formats that are not libvips' to read."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from . import by_pillow, heic, other_tiff, pnm
from .formats import Format, tiff_directory
from .stored import Stored

READERS: dict[str, Callable[[Path], Stored]] = {
    "HEIC": heic.stored,
    "PNM": pnm.stored,
    **{name: partial(by_pillow.stored, name) for name in by_pillow.OPENERS},
}
"""By the names of `formats.FORMATS`; each raises OSError, ImportError, ValueError or pyvips.Error."""


def reader(path: Path, format: Format) -> Callable[[Path], Stored] | None:
    """What reads a file; None if libvips does."""
    if format.name == "TIFF" and other_tiff.needed(tiff_directory(path)):
        return other_tiff.stored
    return READERS.get(format.name)
