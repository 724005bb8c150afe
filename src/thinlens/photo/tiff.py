"""EXIF in TIFF files, which libvips neither reads nor writes.

TIFF [Adobe1992] and BigTIFF: a file is a header, then directories of tagged values. EXIF [CIPA2023] outside of TIFF is
such a file too, after the six bytes `Exif\\0\\0`, so one pair of functions serves both.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from io import BytesIO
from typing import BinaryIO, TypeAlias

import numpy as np

PREFIX = b"Exif\0\0"
DESCRIPTIVE = (270, 271, 272, 305, 306, 315, 33432)
"""Tags of the main directory that say what a picture is, not how it is stored: description to copyright."""
EXIF, GPS = 0x8769, 0x8825
"""Tags of the main directory that point to others."""
POINTERS = (EXIF, GPS, 0xA005)
WIDTH, HEIGHT = 0xA002, 0xA003
"""Tags of the EXIF directory: the size of the picture."""
LONG, LONG8 = 4, 16
WORDS = {1: 1, 2: 1, 3: 2, 4: 4, 5: 4, 6: 1, 7: 1, 8: 2, 9: 4, 10: 4, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
"""Bytes that are one number, for each type of value; a ratio (5, 10) is two numbers."""
LARGEST_BLOB, LARGEST_VALUE = 65_000, 32_000
"""Bytes that a JPEG file can take as EXIF, and that one value may take of them."""
MOST_ENTRIES = 1000
"""More than any honest directory has."""


@dataclass(frozen=True)
class Entry:
    """A value: its type and, in little-endian order, its bytes."""

    type: int
    data: bytes


Directory: TypeAlias = dict[int, Entry]


@dataclass(frozen=True)
class _Layout:
    """Byte order, `<` or `>`, and whether it is BigTIFF."""

    order: str
    big: bool

    @property
    def count(self) -> struct.Struct:
        """How many entries a directory has."""
        return struct.Struct(f"{self.order}{'Q' if self.big else 'H'}")

    @property
    def offset(self) -> struct.Struct:
        """Where something is in the file, and how many values an entry has."""
        return struct.Struct(f"{self.order}{'Q' if self.big else 'I'}")

    @property
    def start(self) -> int:
        """Where the header says where the first directory is."""
        return 8 if self.big else 4


def read_exif(file: BinaryIO) -> bytes | None:
    """What a TIFF file says about its picture, as an EXIF block that begins with `PREFIX`; None if nothing readable."""
    try:
        main, exif, gps = _read(file)
    except (struct.error, ValueError, OverflowError):
        return None
    main = {tag: entry for tag, entry in main.items() if tag in DESCRIPTIVE}
    if not (main or exif or gps):
        return None
    block = BytesIO(PREFIX)
    block.seek(len(PREFIX))
    block.write(b"II*\0" + bytes(4))
    _write(block, len(PREFIX), _Layout("<", False), main, exif, gps)
    blob = block.getvalue()
    return blob if len(blob) <= LARGEST_BLOB else None


def add_exif(path: str | os.PathLike[str], exif_block: bytes, size: tuple[int, int]) -> None:
    """Add what an EXIF block says to a TIFF file with a picture of this width and height; nothing if it is damaged."""
    try:
        added, exif, gps = _read(BytesIO(exif_block.removeprefix(PREFIX)))
    except (struct.error, ValueError, OverflowError):
        return
    for tag, length in zip((WIDTH, HEIGHT), size, strict=True):
        exif[tag] = Entry(LONG, struct.pack("<I", length))
    with open(path, "r+b") as file:
        layout, offset = _header(file)
        main = _directory(file, layout, offset)
        main |= {tag: entry for tag, entry in added.items() if tag in DESCRIPTIVE}
        file.seek(0, os.SEEK_END)
        _write(file, 0, layout, main, exif, gps)


def _read(file: BinaryIO) -> tuple[Directory, Directory, Directory]:
    """The main directory, that of EXIF and that of GPS, of a TIFF file."""
    layout, offset = _header(file)
    main = _directory(file, layout, offset)
    others: list[Directory] = []
    for tag in (EXIF, GPS):
        pointer = int.from_bytes(main[tag].data, "little") if tag in main else 0
        found = _directory(file, layout, pointer) if pointer else {}
        others.append({name: e for name, e in found.items() if name not in POINTERS and len(e.data) <= LARGEST_VALUE})
    return main, others[0], others[1]


def _header(file: BinaryIO) -> tuple[_Layout, int]:
    file.seek(0)
    head = file.read(16)
    layout = _Layout("<" if head[:2] == b"II" else ">", head[2:4] in (b"+\0", b"\0+"))
    return layout, layout.offset.unpack_from(head, layout.start)[0]


def _directory(file: BinaryIO, layout: _Layout, offset: int) -> Directory:
    """The values of the directory at an offset."""
    count, number = layout.count, layout.offset
    file.seek(offset)
    entries = count.unpack(file.read(count.size))[0]
    if entries > MOST_ENTRIES:
        raise ValueError("too many entries")
    size = 4 + 2 * number.size
    table = file.read(entries * size)
    found: Directory = {}
    for start in range(0, entries * size, size):
        tag, type_ = struct.unpack_from(layout.order + "HH", table, start)
        if type_ not in WORDS:
            continue
        values = number.unpack_from(table, start + 4)[0]
        length = values * WORDS[type_] * (2 if type_ in (5, 10) else 1)
        data = table[start + 4 + number.size : start + size]
        if length > number.size:
            at = file.seek(number.unpack(data)[0])
            if at + length > file.seek(0, os.SEEK_END):
                continue  # beyond the end of the file
            file.seek(at)
            data = file.read(length)
        found[tag] = Entry(type_, _swapped(data[:length], layout, type_))
    return found


def _write(file: BinaryIO, base: int, layout: _Layout, main: Directory, exif: Directory, gps: Directory) -> None:
    """Append directories to a TIFF file that starts at `base`, and let the header point to the main one."""
    main = {tag: entry for tag, entry in main.items() if tag not in POINTERS}
    for tag, directory in ((EXIF, exif), (GPS, gps)):
        if directory:
            at = _append(file, base, layout, directory)
            main[tag] = Entry(LONG, struct.pack("<I", at)) if at < 2**32 else Entry(LONG8, struct.pack("<Q", at))
    offset = _append(file, base, layout, main)
    file.seek(base + layout.start)
    file.write(layout.offset.pack(offset))


def _append(file: BinaryIO, base: int, layout: _Layout, directory: Directory) -> int:
    """Write a directory at the end of a file; returns where, counted from `base`."""
    count, number = layout.count, layout.offset
    offset = file.tell() - base
    if offset % 2:
        file.write(b"\0")
        offset += 1
    table, values = count.pack(len(directory)), b""
    after = offset + count.size + len(directory) * (4 + 2 * number.size) + number.size
    for tag, entry in sorted(directory.items()):
        data = _swapped(entry.data, layout, entry.type)
        length = len(data) // (WORDS[entry.type] * (2 if entry.type in (5, 10) else 1))
        table += struct.pack(layout.order + "HH", tag, entry.type) + number.pack(length)
        if len(data) <= number.size:
            table += data.ljust(number.size, b"\0")
        else:
            table += number.pack(after + len(values))
            values += data + bytes(len(data) % 2)
    file.write(table + number.pack(0) + values)
    return offset


def _swapped(data: bytes, layout: _Layout, type_: int) -> bytes:
    """Between little-endian order and that of a file."""
    if layout.order == "<" or WORDS[type_] == 1:
        return data
    return np.frombuffer(data, f">u{WORDS[type_]}").astype(f"<u{WORDS[type_]}").tobytes()
