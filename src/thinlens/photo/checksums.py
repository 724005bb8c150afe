"""What decoders of libvips do not notice: checksums of PNG chunks, JPEG files that end before their end marker."""

from __future__ import annotations

import os
import zlib
from pathlib import Path

import numpy as np
import pyvips
from numpy.typing import NDArray

from .metadata.png import BEGINNING as PNG

END = b"\xff\xd9"
"""The end marker of JPEG files."""
FILLING = bytes(range(1, 250))
"""Bytes that are no marker, whatever is before them."""
LAST_ROWS = 64
"""Of a JPEG: two rows of its largest blocks."""


def checksums_hold(path: Path) -> bool:
    """Whether the chunks of a PNG file beside its pixels, which libvips checks, are whole: libpng leaves out others.

    One may say how the picture is to be turned, or its colors.
    """
    with open(path, "rb") as file:
        file.seek(len(PNG))
        while len(head := file.read(8)) == 8:
            size = int.from_bytes(head[:4], "big")
            if head[4:] == b"IDAT":
                file.seek(size + 4, os.SEEK_CUR)
                continue
            data, end = file.read(size), file.read(4)
            if len(end) == 4 and zlib.crc32(data, zlib.crc32(head[4:])) != int.from_bytes(end, "big"):
                return False
            if head[4:] == b"IEND":
                break
    return True


def with_end(path: Path, data: bytes, access: str, fail_on: str) -> pyvips.Image:
    """A JPEG that has no end marker. If it lacks no more, bytes between the rest and the marker change nothing.

    Of what ends within its last blocks libjpeg warns too late for libvips to notice.
    """
    if fail_on != "none":
        as_it_is, filled = (_bottom(data + more + END) for more in (b"", FILLING))
        if not np.array_equal(as_it_is, filled):
            raise pyvips.Error("the last blocks are cut short", str(path))
    return pyvips.Image.jpegload_buffer(data + END, access=access, fail_on=fail_on)


def _bottom(data: bytes) -> NDArray[np.uint8]:
    """The last rows of a JPEG."""
    image = pyvips.Image.jpegload_buffer(data, access="sequential", fail_on="none")
    rows = min(LAST_ROWS, image.height)
    return image.crop(0, image.height - rows, image.width, rows).numpy()
