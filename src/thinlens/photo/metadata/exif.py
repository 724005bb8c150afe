"""EXIF blocks [CIPA2023], changed where they stand.

Whatever is not to change keeps its place in the block, because makers' notes count offsets from its beginning.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from io import BytesIO

from .directories import (
    BYTE,
    DAMAGED,
    EXIF,
    LONG,
    MOST_ENTRIES,
    RATIONAL,
    SHORT,
    UNDEFINED,
    WORDS,
    Directory,
    Entry,
    Layout,
    described,
    directory,
    entry,
    header,
    length,
    numbers,
    swapped,
    write,
)
from .model import Resolution, sensible

PREFIX = b"Exif\0\0"
"""What stands before an EXIF block in JPEG files, and in some others."""
ORIENTATION, X_RESOLUTION, Y_RESOLUTION, RESOLUTION_UNIT = 0x0112, 0x011A, 0x011B, 0x0128
MAIN_SIZE, SIZE = (0x0100, 0x0101), (0xA002, 0xA003)
"""Width and height in the main directory, where some cameras repeat them, and in that of EXIF."""
THUMBNAIL, THUMBNAIL_LENGTH = 0x0201, 0x0202
COMMENT = 0x9286
INCH = 2
SAME = 1e-3
"""How far two resolutions may be apart and still be one."""
EMPTY = b"MM\0*\0\0\0\x08" + bytes(6)
"""A block that says nothing."""
LARGEST_VALUE = 32_000
"""Bytes that one value may have in a block that has to be made shorter."""


def bare(block: bytes) -> bytes | None:
    """A block without what stands before its TIFF structure; None if there is nothing that can be read."""
    block = block.removeprefix(PREFIX)
    try:
        layout, offset = header(BytesIO(block))
        directory(BytesIO(block), layout, offset)
    except DAMAGED:
        return None
    return None if layout.big else block


def orientation(block: bytes) -> int | None:
    """How the stored picture has to be turned, 1 to 8; None if the block does not say."""
    found = _first(_main(block), ORIENTATION, 0)
    return found if 1 <= found <= 8 else None


def upright(block: bytes) -> bytes:
    """The block of a picture that is stored as it is shown, without the thumbnail, which need not be."""
    changed = _Block(block)
    changed.remove_thumbnail()
    if ORIENTATION in _main(block):
        changed.set_main({ORIENTATION: entry(SHORT, 1)})
    return changed.content


def of_size(block: bytes, size: tuple[int, int]) -> bytes:
    """The block of a picture of this width and height."""
    main, changed = _main(block), _Block(block)
    repeated = {tag: entry(LONG, pixels) for tag, pixels in zip(MAIN_SIZE, size, strict=True) if tag in main}
    changed.set_main(repeated)
    changed.set_exif({tag: entry(LONG, pixels) for tag, pixels in zip(SIZE, size, strict=True)})
    return changed.content


def resolution(block: bytes) -> Resolution:
    """How many pixels per millimeter the block says."""
    return resolution_of(_main(block))


def resolution_of(main: Directory) -> Resolution:
    """How many pixels per millimeter a main directory says."""
    unit = {2: 25.4, 3: 10.0}.get(_first(main, RESOLUTION_UNIT, INCH), math.nan)
    return sensible(_ratio(main, X_RESOLUTION) / unit, _ratio(main, Y_RESOLUTION) / unit)


def of_resolution(block: bytes | None, wanted: tuple[float, float], *, add: bool) -> bytes | None:
    """The block of a picture of so many pixels per millimeter; where it says nothing of that, only if `add`."""
    main = _main(block) if block else {}
    said = resolution_of(main)
    if said and all(math.isclose(*pair, rel_tol=SAME) for pair in zip(said, wanted, strict=True)):
        return block
    if not add and not (X_RESOLUTION in main and Y_RESOLUTION in main):
        return block
    changed = _Block(block or EMPTY)
    changed.set_main(
        {
            X_RESOLUTION: _pixels_per_inch(wanted[0]),
            Y_RESOLUTION: _pixels_per_inch(wanted[1]),
            RESOLUTION_UNIT: entry(SHORT, INCH),
        }
    )
    return changed.content


def with_comment(block: bytes | None, text: str) -> bytes:
    """The block with a user comment; as it is if it has one."""
    block = block or EMPTY
    exif = _parts(block)[1]
    if COMMENT in exif and exif[COMMENT].data[8:].strip(b"\0 "):
        return block
    utf16 = "utf-16-le" if block.startswith(b"II") else "utf-16-be"
    coded = b"ASCII\0\0\0" + text.encode("ascii") if text.isascii() else b"UNICODE\0" + text.encode(utf16, "replace")
    changed = _Block(block)
    changed.set_exif({COMMENT: Entry(UNDEFINED, coded)})
    return changed.content


def shortened(block: bytes, limit: int) -> bytes | None:
    """The block if it has at most so many bytes, else without its long values; None if that is not enough."""
    if len(block) <= limit:
        return block
    main, exif, gps = ({tag: e for tag, e in part.items() if len(e.data) <= LARGEST_VALUE} for part in _parts(block))
    shorter = built(main, exif, gps)
    return shorter if len(shorter) <= limit else None


def built(main: Directory, exif: Directory, gps: Directory) -> bytes:
    """A block of these directories."""
    block = BytesIO(b"II*\0" + bytes(4))
    write(block, Layout("<"), main, exif, gps)
    return block.getvalue()


def _parts(block: bytes) -> tuple[Directory, Directory, Directory]:
    try:
        return described(BytesIO(block))
    except DAMAGED:
        return {}, {}, {}


def _main(block: bytes) -> Directory:
    file = BytesIO(block)
    return directory(file, *header(file))


def _first(main: Directory, tag: int, otherwise: int) -> int:
    found = numbers(main[tag])[:1] if tag in main else []
    return found[0] if found else otherwise


def _ratio(main: Directory, tag: int) -> float:
    found = numbers(main[tag]) if tag in main and main[tag].type == RATIONAL else []
    return found[0] / found[1] if len(found) > 1 and found[1] else math.nan


def _pixels_per_inch(pixels_per_millimeter: float) -> Entry:
    denominator = 10_000 if pixels_per_millimeter < 10_000 else 1  # in 32 bits each
    return entry(RATIONAL, round(pixels_per_millimeter * 25.4 * denominator), denominator)


class _Block:
    """A block that is changed in place: directories that grow move to its end, values never move."""

    def __init__(self, block: bytes) -> None:
        self._bytes = bytearray(block)
        self._layout, _ = header(BytesIO(block))

    @property
    def content(self) -> bytes:
        return bytes(self._bytes)

    def set_main(self, values: Mapping[int, Entry]) -> None:
        """Change or add values of the main directory."""
        self._set(self._layout.start, values)

    def set_exif(self, values: Mapping[int, Entry]) -> None:
        """Change or add values of the directory of EXIF, which is made if there is none."""
        pointer = self._places(self._number(self._layout.start)).get(EXIF)
        field = None if pointer is None else pointer + 8
        if field is None or not self._readable(self._number(field)):
            self.set_main({EXIF: entry(LONG, self._append(bytes(6)))})
            field = self._places(self._number(self._layout.start))[EXIF] + 8
        self._set(field, values)

    def remove_thumbnail(self) -> None:
        """The second directory is no longer pointed to; its picture is cut off, or blank where more follows it."""
        main = self._number(self._layout.start)
        field = main + 2 + 12 * len(self._tags(main))
        if field + 4 > len(self._bytes):
            return
        second = self._number(field)
        self._put("I", field, 0)
        found = directory(BytesIO(self.content), self._layout, second) if self._readable(second) else {}
        start, size = (_first(found, tag, 0) for tag in (THUMBNAIL, THUMBNAIL_LENGTH))
        end = start + size
        if not field < start < end <= len(self._bytes):
            return
        if end >= len(self._bytes) - 2:
            del self._bytes[start:]
        else:
            self._bytes[start:end] = bytes(size)

    def _set(self, pointer: int, values: Mapping[int, Entry]) -> None:
        """Change values of the directory to which a field points, or add them."""
        offset = self._number(pointer)
        places = self._places(offset)
        if missing := values.keys() - places.keys():
            table = {tag: bytes(self._bytes[at : at + 12]) for tag, at in places.items()}
            table |= {tag: struct.pack(f"{self._layout.order}HHII", tag, BYTE, 0, 0) for tag in missing}
            after = offset + 2 + 12 * len(self._tags(offset))
            rest = bytes(self._bytes[after : after + 4]).ljust(4, b"\0")
            count = self._layout.count.pack(len(table))
            offset = self._append(count + b"".join(table[tag] for tag in sorted(table)) + rest)
            self._put("I", pointer, offset)
            places = self._places(offset)
        for tag, value in values.items():
            self._set_entry(places[tag], value)

    def _set_entry(self, at: int, value: Entry) -> None:
        """Give the entry at this place a value; where the old one was, if there is room."""
        type_, count = self._get("HI", at + 2)
        room = length(type_, count) if type_ in WORDS else 0
        data = swapped(value.data, self._layout, value.type)
        self._put("HI", at + 2, value.type, len(data) // length(value.type, 1))
        if len(data) <= 4:
            self._bytes[at + 8 : at + 12] = data.ljust(4, b"\0")
            return
        place = self._number(at + 8)
        if not (len(data) <= room and place + len(data) <= len(self._bytes)):
            place = self._append(data)
            self._put("I", at + 8, place)
        self._bytes[place : place + len(data)] = data

    def _tags(self, offset: int) -> list[int]:
        """The tags of the directory at an offset, in its order."""
        (count,) = self._get("H", offset)
        if count > MOST_ENTRIES or offset + 2 + 12 * count > len(self._bytes):
            raise ValueError("no directory")
        return [self._get("H", offset + 2 + 12 * number)[0] for number in range(count)]

    def _places(self, offset: int) -> dict[int, int]:
        """Where the entries of the directory at an offset are."""
        return {tag: offset + 2 + 12 * number for number, tag in enumerate(self._tags(offset))}

    def _readable(self, offset: int) -> bool:
        try:
            return offset > 0 and bool(self._tags(offset))
        except DAMAGED:
            return False

    def _append(self, data: bytes) -> int:
        self._bytes += bytes(len(self._bytes) % 2)
        self._bytes += data
        return len(self._bytes) - len(data)

    def _number(self, at: int) -> int:
        return self._get("I", at)[0]

    def _get(self, form: str, at: int) -> tuple[int, ...]:
        return struct.unpack_from(self._layout.order + form, self._bytes, at)

    def _put(self, form: str, at: int, *values: int) -> None:
        struct.pack_into(self._layout.order + form, self._bytes, at, *values)
