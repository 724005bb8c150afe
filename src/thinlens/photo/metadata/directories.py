"""Directories of tagged values, which TIFF files [Adobe1992], BigTIFF files and EXIF blocks [CIPA2023] are made of."""

from __future__ import annotations

import struct
from contextlib import suppress
from dataclasses import dataclass
from typing import BinaryIO, TypeAlias

import numpy as np

EXIF, GPS, INTEROPERABILITY = 0x8769, 0x8825, 0xA005
"""Tags of the main directory, and of that of EXIF, that point to others."""
POINTERS = (EXIF, GPS, INTEROPERABILITY)
BYTE, ASCII, SHORT, LONG, RATIONAL, UNDEFINED, LONG8 = 1, 2, 3, 4, 5, 7, 16
WORDS = {1: 1, 2: 1, 3: 2, 4: 4, 5: 4, 6: 1, 7: 1, 8: 2, 9: 4, 10: 4, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
"""Bytes that are one number, for each type of value; a ratio (5, 10) is two numbers."""
MOST_ENTRIES = 1000
"""More than any honest directory has."""
MOST_BYTES = 1 << 28
"""More than the values of any honest directory have."""
DAMAGED = (struct.error, ValueError, IndexError, OverflowError)
"""What reading directories that are none raises."""


@dataclass(frozen=True)
class Entry:
    """A value: its type and, in little-endian order, its bytes."""

    type: int
    data: bytes


Directory: TypeAlias = dict[int, Entry]


@dataclass(frozen=True)
class Layout:
    """Byte order, `<` or `>`, and whether it is BigTIFF."""

    order: str
    big: bool = False

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

    @property
    def entry(self) -> int:
        """Bytes of an entry."""
        return 4 + 2 * self.offset.size


def entry(type_: int, *values: int) -> Entry:
    """A value of whole numbers; of a ratio, numerator and denominator."""
    return Entry(type_, b"".join(value.to_bytes(WORDS[type_], "little") for value in values))


def numbers(found: Entry) -> list[int]:
    """The unsigned whole numbers of a value; of ratios, numerators and denominators in turn."""
    size = WORDS[found.type]
    return [int.from_bytes(found.data[at : at + size], "little") for at in range(0, len(found.data), size)]


def length(type_: int, values: int) -> int:
    """Bytes of so many values."""
    return values * WORDS[type_] * (2 if type_ in (5, 10) else 1)


def swapped(data: bytes, layout: Layout, type_: int) -> bytes:
    """Between little-endian order and that of a file."""
    if layout.order == "<" or WORDS[type_] == 1:
        return data
    return np.frombuffer(data, f">u{WORDS[type_]}").astype(f"<u{WORDS[type_]}").tobytes()


def header(file: BinaryIO) -> tuple[Layout, int]:
    """The layout, and where the first directory is. Raises ValueError if it is no TIFF structure."""
    file.seek(0)
    head = file.read(16)
    if head[:2] not in (b"II", b"MM"):
        raise ValueError("no TIFF structure")
    layout = Layout("<" if head[:2] == b"II" else ">", head[2:4] in (b"+\0", b"\0+"))
    return layout, layout.offset.unpack_from(head, layout.start)[0]


def directory(file: BinaryIO, layout: Layout, offset: int) -> Directory:
    """The values of the directory at an offset; those that lie beyond the end of the file are left out."""
    count, number = layout.count, layout.offset
    file.seek(offset)
    entries = count.unpack(file.read(count.size))[0]
    if entries > MOST_ENTRIES:
        raise ValueError("too many entries")
    table = file.read(entries * layout.entry)
    end, total = file.seek(0, 2), 0
    found: Directory = {}
    for start in range(0, entries * layout.entry, layout.entry):
        tag, type_ = struct.unpack_from(layout.order + "HH", table, start)
        if type_ not in WORDS:
            continue
        size = length(type_, number.unpack_from(table, start + 4)[0])
        data = table[start + 4 + number.size : start + layout.entry]
        if size > number.size:
            at = number.unpack(data)[0]
            if at + size > end:
                continue
            file.seek(at)
            data = file.read(size)
            total += size
            if total > MOST_BYTES:
                raise ValueError("too large values")
        found[tag] = Entry(type_, swapped(data[:size], layout, type_))
    return found


def following(file: BinaryIO, layout: Layout, offset: int) -> int:
    """Where the directory after the one at an offset is, 0 after the last."""
    file.seek(offset)
    entries = layout.count.unpack(file.read(layout.count.size))[0]
    file.seek(offset + layout.count.size + entries * layout.entry)
    return layout.offset.unpack(file.read(layout.offset.size))[0]


def described(file: BinaryIO) -> tuple[Directory, Directory, Directory]:
    """The main directory, that of EXIF and that of GPS, without pointers; empty where there is none to read."""
    layout, offset = header(file)
    main = directory(file, layout, offset)
    others: list[Directory] = []
    for tag in (EXIF, GPS):
        found: Directory = {}
        with suppress(*DAMAGED):
            found = directory(file, layout, numbers(main[tag])[0]) if tag in main else {}
        others.append({name: value for name, value in found.items() if name not in POINTERS})
    return {tag: value for tag, value in main.items() if tag not in POINTERS}, others[0], others[1]


def write(file: BinaryIO, layout: Layout, main: Directory, exif: Directory, gps: Directory) -> None:
    """Append directories to a TIFF structure, and let its header point to the main one."""
    file.seek(0, 2)
    main = dict(main)
    for tag, found in ((EXIF, exif), (GPS, gps)):
        if found:
            at = _append(file, layout, found)
            main[tag] = entry(LONG, at) if at < 2**32 else entry(LONG8, at)
    offset = _append(file, layout, main)
    file.seek(layout.start)
    file.write(layout.offset.pack(offset))


def _append(file: BinaryIO, layout: Layout, found: Directory) -> int:
    """Write a directory at the end of a file; returns where."""
    count, number = layout.count, layout.offset
    offset = file.tell()
    if offset % 2:
        file.write(b"\0")
        offset += 1
    table, values = count.pack(len(found)), b""
    after = offset + count.size + len(found) * layout.entry + number.size
    for tag, value in sorted(found.items()):
        data = swapped(value.data, layout, value.type)
        table += struct.pack(layout.order + "HH", tag, value.type)
        table += number.pack(len(data) // length(value.type, 1))
        if len(data) <= number.size:
            table += data.ljust(number.size, b"\0")
        else:
            table += number.pack(after + len(values))
            values += data + bytes(len(data) % 2)
    file.write(table + number.pack(0) + values)
    return offset
