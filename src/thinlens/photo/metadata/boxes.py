"""Metadata in AVIF and HEIC files [ISO23008]: items that a box `meta` lists and locates; and in those of JPEG XL."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import BinaryIO

from . import exif
from .model import NOTHING, Metadata, Resolution

BEGINNING = b"ftyp"
"""After the first four bytes."""
XMP_TYPE = b"application/rdf+xml\0"
MOST_ITEMS = 10_000
DAMAGED = (struct.error, IndexError, KeyError, ValueError, OverflowError)


@dataclass(frozen=True)
class _Item:
    """Where an item's bytes are: in the file (0) or in the box `idat` (1), in pieces of offset and length."""

    number: int
    method: int
    pieces: tuple[tuple[int, int], ...]


def read(file: BinaryIO) -> tuple[Metadata, Resolution]:
    """What the items of a file say, or its boxes, as far as they can be read."""
    file.seek(0)
    found: dict[bytes, bytes] = {}
    try:
        while len(head := file.read(8)) == 8:
            size, kind = int.from_bytes(head[:4], "big"), head[4:]
            if size == 1:
                size = int.from_bytes(file.read(8), "big") - 8
            if kind == b"meta" and size >= 8:
                found |= _items(file, file.read(size - 8))
                break
            if kind in (b"Exif", b"xml "):
                found[kind] = file.read(size - 8 if size else -1)
            elif size < 8:
                break
            else:
                file.seek(size - 8, 1)
    except DAMAGED:
        return NOTHING, None
    block = found.get(b"Exif", b"")
    start = 4 + int.from_bytes(block[:4], "big")
    bare = exif.bare(block[start:]) or exif.bare(block[4:])
    return Metadata(bare, found.get(b"xml ") or None), exif.resolution(bare) if bare else None


def edited(metadata: Metadata, _resolution: Resolution, head: bytes, ended: bool) -> bytes | None:
    """A whole file with metadata as further items, whose bytes stand at its end; None as long as it is not whole."""
    if not ended:
        return None
    added: list[tuple[bytes, bytes]] = []
    if metadata.exif:
        added.append((b"Exif\0\0", struct.pack(">I", 0) + metadata.exif))
    if metadata.xmp:
        added.append((b"mime\0" + XMP_TYPE, metadata.xmp))
    if not added:
        return head
    whole = dict(_boxes(head))
    start, end = whole[b"meta"]
    meta = head[start + 12 : end]
    before = _meta(meta, added, 0, len(head))
    shift = len(before) - (end - start)
    changed = _meta(meta, added, shift, len(head) + shift)
    data = b"".join(content for _, content in added)
    return head[:start] + changed + head[end:] + _box(b"mdat", data)


def _meta(meta: bytes, added: list[tuple[bytes, bytes]], shift: int, end: int) -> bytes:
    """The box `meta` with further items, of a file whose bytes behind it move and that ended there."""
    places = dict(_boxes(meta))
    parts = {kind: meta[start + 8 : stop] for kind, (start, stop) in places.items()}
    items = [
        each if each.method else replace(each, pieces=tuple((at + shift, size) for at, size in each.pieces))
        for each in _located(parts[b"iloc"])
    ]
    first, at = max(each.number for each in items) + 1, end + 8
    infos, references = b"", b""
    primary = parts[b"pitm"][4:]
    for number, (kind, content) in enumerate(added, first):
        items.append(_Item(number, 0, ((at, len(content)),)))
        at += len(content)
        infos += _box(b"infe", b"\2\0\0\1" + struct.pack(">HH", number, 0) + kind)
        references += _box(b"cdsc", struct.pack(">HHH", number, 1, int.from_bytes(primary, "big")))
    wide = 4 if parts[b"iinf"][0] else 2
    count = int.from_bytes(parts[b"iinf"][4 : 4 + wide], "big") + len(added)
    parts[b"iinf"] = parts[b"iinf"][:4] + count.to_bytes(wide, "big") + parts[b"iinf"][4 + wide :] + infos
    parts[b"iref"] = parts.get(b"iref", bytes(4)) + references
    parts[b"iloc"] = _locations(items)
    return _box(b"meta", bytes(4) + b"".join(_box(kind, content) for kind, content in parts.items()))


def _items(file: BinaryIO, meta: bytes) -> dict[bytes, bytes]:
    """EXIF and XMP among the items of a box `meta`."""
    parts = {kind: meta[4:][start + 8 : stop] for kind, (start, stop) in _boxes(meta[4:])}
    located = {each.number: each for each in _located(parts[b"iloc"])}
    infos = parts[b"iinf"]
    found: dict[bytes, bytes] = {}
    entries = infos[8 if infos[0] else 6 :]
    for _, (start, stop) in _boxes(entries):
        version, info = entries[start + 8], entries[start + 12 : stop]
        number = int.from_bytes(info[: 4 if version == 3 else 2], "big")
        kind = info[6:] if version == 3 else info[4:]
        name = b"Exif" if kind.startswith(b"Exif") else b"xml " if XMP_TYPE in kind else b""
        if name and name not in found and number in located:
            found[name] = b"".join(_pieces(file, located[number], parts.get(b"idat", b"")))
    return found


def _pieces(file: BinaryIO, item: _Item, idat: bytes) -> Iterator[bytes]:
    for at, size in item.pieces:
        if item.method == 1:
            yield idat[at : at + size]
        else:
            file.seek(at)
            yield file.read(size)


def _located(box: bytes) -> list[_Item]:
    """The items of a box `iloc`."""
    version = box[0]
    sizes = box[4] >> 4, box[4] & 15, box[5] >> 4, box[5] & 15 if version else 0
    at = 6

    def number(size: int) -> int:
        nonlocal at
        at += size
        if at > len(box):
            raise ValueError("cut short")
        return int.from_bytes(box[at - size : at], "big")

    wide = 4 if version == 2 else 2
    items: list[_Item] = []
    for _ in range(min(number(wide), MOST_ITEMS)):
        name = number(wide)
        method = number(2) & 15 if version else 0
        number(2)
        base = number(sizes[2])
        pieces: list[tuple[int, int]] = []
        for _ in range(min(number(2), MOST_ITEMS)):
            number(sizes[3])
            offset = number(sizes[0])
            pieces.append((base + offset, number(sizes[1])))
        items.append(_Item(name, method, tuple(pieces)))
    return items


def _locations(items: list[_Item]) -> bytes:
    """A box `iloc` of these items, with offsets and lengths of four bytes."""
    box = bytes((1, 0, 0, 0, 0x44, 0)) + struct.pack(">H", len(items))
    for item in items:
        box += struct.pack(">HHHH", item.number, item.method, 0, len(item.pieces))
        box += b"".join(struct.pack(">II", *piece) for piece in item.pieces)
    return box


def _boxes(content: bytes) -> Iterator[tuple[bytes, tuple[int, int]]]:
    """The kinds of the boxes of some bytes, and where each begins and ends."""
    at = 0
    while at + 8 <= len(content):
        size = int.from_bytes(content[at : at + 4], "big") or len(content) - at
        if size == 1:
            size = int.from_bytes(content[at + 8 : at + 16], "big")
        if size < 8:
            return
        yield content[at + 4 : at + 8], (at, at + size)
        at += size


def _box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", 8 + len(content)) + kind + content
