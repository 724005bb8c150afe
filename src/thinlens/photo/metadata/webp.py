"""Metadata in WebP files [Google2024]: chunks of a RIFF file, of which a first one, VP8X, says that they are there."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO

from . import exif
from .model import Metadata, Resolution

BEGINNING = b"RIFF"
EXTENDED = b"VP8X"
HAS_EXIF, HAS_XMP, HAS_ALPHA = 8, 4, 16


def read(file: BinaryIO) -> tuple[Metadata, Resolution]:
    """What the chunks of a file say, as far as they can be read."""
    file.seek(12)
    found: dict[bytes, bytes] = {}
    while len(head := file.read(8)) == 8:
        size = int.from_bytes(head[4:], "little")
        if head[:4] in (b"EXIF", b"XMP "):
            found.setdefault(head[:4], file.read(size))
            file.seek(size % 2, 1)
        else:
            file.seek(size + size % 2, 1)
    block = exif.bare(found.get(b"EXIF", b""))
    return Metadata(block, found.get(b"XMP ") or None), exif.resolution(block) if block else None


def edited(metadata: Metadata, _resolution: Resolution, head: bytes, ended: bool) -> bytes | None:
    """A whole file with metadata in it; None as long as it is not whole."""
    if not ended:
        return None
    chunks = dict(_chunks(head))
    added = {b"EXIF": metadata.exif, b"XMP ": metadata.xmp}
    if not any(added.values()):
        return head
    extended = bytearray(chunks.pop(EXTENDED, None) or _extended(chunks))
    extended[0] |= (HAS_EXIF if metadata.exif else 0) | (HAS_XMP if metadata.xmp else 0)
    whole = {EXTENDED: bytes(extended), **chunks, **{kind: data for kind, data in added.items() if data}}
    body = b"".join(kind + struct.pack("<I", len(data)) + data + bytes(len(data) % 2) for kind, data in whole.items())
    return BEGINNING + struct.pack("<I", 4 + len(body)) + b"WEBP" + body


def _chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 12
    while at + 8 <= len(content):
        size = int.from_bytes(content[at + 4 : at + 8], "little")
        yield content[at : at + 4], content[at + 8 : at + 8 + size]
        at += 8 + size + size % 2


def _extended(chunks: dict[bytes, bytes]) -> bytes:
    """The chunk VP8X of a file without one: flags, width and height less one."""
    if b"VP8L" in chunks:
        bits = int.from_bytes(chunks[b"VP8L"][1:5], "little")
        flags, width, height = HAS_ALPHA * (bits >> 28 & 1), bits & 0x3FFF, bits >> 14 & 0x3FFF
    else:
        width, height = (value & 0x3FFF for value in struct.unpack_from("<HH", chunks[b"VP8 "], 6))
        flags, width, height = 0, width - 1, height - 1
    return bytes([flags, 0, 0, 0]) + width.to_bytes(3, "little") + height.to_bytes(3, "little")
