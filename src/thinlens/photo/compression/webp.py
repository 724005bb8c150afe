"""How hard a WebP file was compressed: the base index of its quantizers, from the first bits of its VP8 frame."""

from __future__ import annotations

import os
from typing import BinaryIO

SEGMENTS = 4
HEADER = 128
"""Bytes of a frame in which its header's fields up to the quantizers lie."""


def base_index(file: BinaryIO) -> int | None:
    """The index, 0 to 127, that the luma of a lossy WebP file was quantized with; None for any other file.

    Where the frame has segments with quantizers of their own, it is the mean of theirs ([Bankoski2011], 9.3, 9.6).
    """
    if file.read(4) != b"RIFF":
        return None
    file.seek(12)
    while len(head := file.read(8)) == 8:
        size = int.from_bytes(head[4:], "little")
        if head[:4] == b"VP8 ":
            return _of_frame(file.read(min(size, HEADER)))
        if head[:4] == b"VP8L":
            return None
        file.seek(size + size % 2, 1)
    return None


def is_lossless(path: str | os.PathLike[str]) -> bool:
    """Whether the picture of a file is in the lossless kind of WebP."""
    with open(path, "rb") as file:
        if file.read(4) != b"RIFF":
            return False
        file.seek(12)
        while len(head := file.read(8)) == 8 and head[:4] != b"VP8 ":
            if head[:4] == b"VP8L":
                return True
            size = int.from_bytes(head[4:], "little")
            file.seek(size + size % 2, 1)
    return False


def _of_frame(frame: bytes) -> int | None:
    if len(frame) < 12 or frame[0] & 1 or frame[3:6] != b"\x9d\x01\x2a":
        return None  # cut short, or not a key frame
    bits = _Bits(frame[10:])
    bits.number(2)  # color space, clamping
    absolute, own = False, [0] * SEGMENTS
    if segmented := bits.number(1):
        map_follows, values_follow = bits.number(1), bits.number(1)
        if values_follow:
            absolute = bool(bits.number(1))
            own = [bits.signed(7) if bits.number(1) else 0 for _ in range(SEGMENTS)]
            for _ in range(SEGMENTS):  # of the loop filter
                if bits.number(1):
                    bits.signed(6)
        if map_follows:
            for _ in range(SEGMENTS - 1):
                if bits.number(1):
                    bits.number(8)
    bits.number(1 + 6 + 3)  # kind, level and sharpness of the loop filter
    if bits.number(1) and bits.number(1):  # how it differs between kinds of blocks
        for _ in range(8):
            if bits.number(1):
                bits.signed(6)
    bits.number(2)  # partitions
    base = bits.number(7)
    if not segmented:
        return base
    each = own if absolute else [base + difference for difference in own]
    return round(sum(min(max(index, 0), 127) for index in each) / SEGMENTS)


class _Bits:
    """The boolean decoder of VP8 ([Bankoski2011], 7), for bits that are 0 or 1 alike."""

    def __init__(self, data: bytes) -> None:
        self._data, self._next = data, 2
        self._value = int.from_bytes(data[:2].ljust(2, b"\0"), "big")
        self._range, self._used = 255, 0

    def number(self, count: int) -> int:
        """An unsigned number of so many bits, the highest first."""
        result = 0
        for _ in range(count):
            result = 2 * result + self._bit()
        return result

    def signed(self, count: int) -> int:
        """A number of so many bits, then its sign."""
        size = self.number(count)
        return -size if self._bit() else size

    def _bit(self) -> int:
        split = 1 + ((self._range - 1) * 128 >> 8)
        bit = self._value >= split << 8
        if bit:
            self._range -= split
            self._value -= split << 8
        else:
            self._range = split
        while self._range < 128:
            self._value, self._range, self._used = self._value << 1, self._range << 1, self._used + 1
            if self._used == 8:
                self._used = 0
                if self._next < len(self._data):
                    self._value |= self._data[self._next]
                self._next += 1
        return int(bit)
