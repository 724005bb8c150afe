"""What decoders of libvips do not notice, or take for worse than it is: checksums of PNG chunks, how JPEG files end."""

from __future__ import annotations

import os
import zlib
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pyvips
from numpy.typing import NDArray

from .metadata.png import BEGINNING as PNG

END = b"\xff\xd9"
"""The end marker of JPEG files."""
FILLINGS = (bytes(range(1, 250)), bytes(range(249, 0, -1)))
"""Bytes that are no marker, whatever is before them: beginning with zeros, and with ones."""
LAST_ROWS = 64
"""Of a JPEG: two rows of its largest blocks."""


SEQUENTIAL = (0xC0, 0xC1)
"""Markers of JPEG frames that have all of a block in one scan."""
START_OF_SCAN = 0xDA
WHOLE_SPECTRUM = b"\0\x3f\0"
"""The last parameters of such a scan: all coefficients, all bits."""


def damaged_chunks(path: Path) -> list[bytes]:
    """The kinds of chunks of a PNG file, beside its pixels, which libvips checks, whose checksums are wrong.

    libpng leaves them out. One may say how the picture is to be turned, or its colors.
    """
    found: list[bytes] = []
    with open(path, "rb") as file:
        file.seek(len(PNG))
        while len(head := file.read(8)) == 8:
            size = int.from_bytes(head[:4], "big")
            if head[4:] == b"IDAT":
                file.seek(size + 4, os.SEEK_CUR)
                continue
            data, end = file.read(size), file.read(4)
            if len(end) == 4 and zlib.crc32(data, zlib.crc32(head[4:])) != int.from_bytes(end, "big"):
                found.append(head[4:])
            if head[4:] == b"IEND":
                break
    return found


def odd_scan(file: BinaryIO) -> int | None:
    """Where the parameters of the first scan of a JPEG file begin, if they are others than a sequential one has.

    Some phones write zeros, which decoders warn of and go on; all is in that scan whatever they are.
    """
    file.seek(2)
    sequential = False
    while (head := file.read(4))[:1] == b"\xff" and len(head) == 4:
        size = int.from_bytes(head[2:], "big")
        sequential |= head[1] in SEQUENTIAL
        if head[1] != START_OF_SCAN:
            file.seek(size - 2, os.SEEK_CUR)
            continue
        odd = sequential and size > len(WHOLE_SPECTRUM) + 2 and file.read(size - 2)[-3:] != WHOLE_SPECTRUM
        return file.tell() - len(WHOLE_SPECTRUM) if odd else None
    return None


def with_end(path: Path, data: bytes, access: str, fail_on: str) -> pyvips.Image:
    """A JPEG that has no end marker. If it lacks no more, bytes between the rest and the marker change nothing.

    Of what ends within its last blocks libjpeg warns too late for libvips to notice.
    """
    if fail_on != "none":
        stuffed = data + b"\0" if data.endswith(b"\xff") else data  # not the beginning of a marker, then
        as_it_is, *filled = map(_bottom, (data + END, *(stuffed + more + END for more in FILLINGS)))
        if not all(np.array_equal(as_it_is, each) for each in filled):
            raise pyvips.Error("the last blocks are cut short", str(path))
    return pyvips.Image.jpegload_buffer(data + END, access=access, fail_on=fail_on)


def _bottom(data: bytes) -> NDArray[np.uint8]:
    """The last rows of a JPEG."""
    image = pyvips.Image.jpegload_buffer(data, access="sequential", fail_on="none")
    rows = min(LAST_ROWS, image.height)
    return image.crop(0, image.height - rows, image.width, rows).numpy()
