"""How hard a JPEG file was compressed: the steps of its quantization, by the segments of [ITU1992], annex B."""

from __future__ import annotations

import os
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

ZIGZAG = sorted(((y, x) for y in range(8) for x in range(8)), key=lambda p: (sum(p), p[0] if sum(p) % 2 else p[1]))
"""Rows and columns of the coefficients in the order in which they stand in JPEG files."""
START, FRAMES, TABLES, SCAN, END = 0xD8, (0xC0, 0xC1, 0xC2, 0xC9, 0xCA), 0xDB, 0xDA, 0xD9
"""Markers of JPEG files; the frames are those of the DCT."""
LONE = (0x01, *range(0xD0, 0xD8))
"""Markers that stand alone, without a segment."""


def luma_table(file: BinaryIO) -> NDArray[np.float64] | None:
    """The steps `(8, 8)` that the first component of a JPEG file was quantized with, None if they are not found.

    Only the segments of the file itself are read, not those inside them, where thumbnails lie.
    """
    tables: dict[int, NDArray[np.float64]] = {}
    wanted: int | None = None
    if file.read(2) != bytes((0xFF, START)):
        return None
    while (marker := _marker(file)) not in (None, END):
        if marker in LONE:
            continue
        size = int.from_bytes(file.read(2), "big") - 2
        if size < 0:
            return None
        if marker == TABLES:
            tables |= _tables(file.read(size))
        elif marker in FRAMES:
            frame = file.read(size)
            wanted = frame[8] if len(frame) > 8 else None
        elif marker == SCAN:
            return None if wanted is None else tables.get(wanted)
        else:
            file.seek(size, os.SEEK_CUR)
    return None


def _marker(file: BinaryIO) -> int | None:
    """The next marker; any number of 0xFF may stand before it."""
    if file.read(1) != b"\xff":
        return None
    while (byte := file.read(1)) == b"\xff":
        pass
    return byte[0] if byte else None


def _tables(segment: bytes) -> dict[int, NDArray[np.float64]]:
    """The tables of a segment by their number, 64 steps of one or two bytes each, in zigzag order."""
    found: dict[int, NDArray[np.float64]] = {}
    while segment:
        wide, number = segment[0] >> 4, segment[0] & 15
        end = 1 + 64 * (1 + bool(wide))
        if len(segment) < end:
            break
        steps = np.frombuffer(segment[1:end], ">u2" if wide else np.uint8)
        if not steps.all():
            break
        table = np.empty((8, 8))
        table[tuple(zip(*ZIGZAG, strict=True))] = steps
        found[number] = table
        segment = segment[end:]
    return found
