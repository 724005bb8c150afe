"""Metadata in JPEG files: segments before the picture, of at most 65,533 bytes each."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from typing import BinaryIO

from . import exif, iptc, xmp
from .model import Metadata, Resolution, Text, sensible
from .texts import COMMENT

BEGINNING = b"\xff\xd8"
APP0, APP1, APP13, COM, SOS, EOI = 0xE0, 0xE1, 0xED, 0xFE, 0xDA, 0xD9
LARGEST = 65_533
XMP = b"http://ns.adobe.com/xap/1.0/\0"
EXTENDED_XMP = b"http://ns.adobe.com/xmp/extension/\0"
"""Before parts of an XMP packet that is too long for one segment: a digest, its length, where the part begins."""
JFIF = b"JFIF\0"
PHOTOSHOP = b"Photoshop 3.0\0"
LARGEST_EXIF = LARGEST - len(exif.PREFIX)
PIECE = 65_000
"""Bytes of a longer XMP packet in one segment."""
INCH, CENTIMETER = 1, 2
"""The units of a resolution."""
EVEN = 1e-4
"""How far, relatively, a resolution may be from whole numbers to pass for them."""


def read(file: BinaryIO) -> tuple[Metadata, Resolution]:
    """What the segments of a file say, as far as they can be read."""
    block, packet, density = None, None, None
    extended: dict[bytes, dict[int, bytes]] = {}
    resources, texts = b"", list[Text]()
    for marker, data in _segments(file):
        if marker == APP0 and data.startswith(JFIF) and len(data) >= 12:
            density = density or _resolution(data)
        elif marker == APP1 and data.startswith(exif.PREFIX):
            block = block or exif.bare(data)
        elif marker == APP1 and data.startswith(XMP):
            packet = packet or data[len(XMP) :]
        elif marker == APP1 and data.startswith(EXTENDED_XMP) and len(data) > len(EXTENDED_XMP) + 40:
            head = len(EXTENDED_XMP)
            offset = int.from_bytes(data[head + 36 : head + 40], "big")
            extended.setdefault(data[head : head + 32], {})[offset] = data[head + 40 :]
        elif marker == APP13 and data.startswith(PHOTOSHOP):
            resources += data[len(PHOTOSHOP) :]
        elif marker == COM and (text := _text(data)):
            texts.append(Text(COMMENT, text))
    found = Metadata(block, _whole(packet, extended), iptc.resources(resources), tuple(texts))
    return found, (exif.resolution(block) if block else None) or density


def edited(metadata: Metadata, resolution: Resolution, head: bytes, _ended: bool) -> bytes | None:
    """The beginning of a file with metadata in it; None as long as it is too short for that."""
    if len(head) < 20:
        return None
    at = 2
    if head[2:4] == bytes((0xFF, APP0)):
        at += 2 + int.from_bytes(head[4:6], "big")
        if len(head) < at:
            return None
    return BEGINNING + b"".join(_written(metadata, resolution)) + head[at:]


def _segments(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Markers and contents of the segments before the picture."""
    file.seek(len(BEGINNING))
    while file.read(1) == b"\xff":
        while (marker := file.read(1)) == b"\xff":
            pass
        size = int.from_bytes(file.read(2), "big") - 2
        if marker in (b"", bytes([SOS]), bytes([EOI])) or size < 0:
            return
        if marker[0] in (APP0, APP1, APP13, COM):
            yield marker[0], file.read(size)
        else:
            file.seek(size, 1)


def _whole(packet: bytes | None, extended: dict[bytes, dict[int, bytes]]) -> bytes | None:
    """A packet with the parts that it names."""
    parsed = xmp.parse(packet) if packet and extended else None
    if packet is None or parsed is None:
        return packet
    digest = (parsed.value(xmp.EXTENSION) or "").encode()
    parts = extended.get(digest, {})
    second = xmp.parse(b"".join(parts[offset] for offset in sorted(parts)))
    return packet if second is None else parsed.merged(second)


def _text(data: bytes) -> str:
    data = data.partition(b"\0")[0]
    try:
        return data.decode().strip()
    except UnicodeDecodeError:
        return data.decode("latin-1").strip()


def _written(metadata: Metadata, resolution: Resolution) -> Iterator[bytes]:
    yield _segment(APP0, JFIF + b"\1\2" + struct.pack(">BHHBB", *_density(resolution), 0, 0))
    if metadata.exif:
        yield _segment(APP1, exif.PREFIX + metadata.exif)
    if metadata.xmp:
        yield from _xmp_segments(metadata.xmp)
    resources = iptc.packed(metadata.resources)
    step = LARGEST - len(PHOTOSHOP)
    for at in range(0, len(resources), step):
        yield _segment(APP13, PHOTOSHOP + resources[at : at + step])
    for text in metadata.texts:
        coded = text.value.encode()
        for at in range(0, len(coded), LARGEST):
            yield _segment(COM, coded[at : at + LARGEST])


def _xmp_segments(packet: bytes) -> Iterator[bytes]:
    limit = LARGEST - len(XMP)
    if len(packet) <= limit:
        yield _segment(APP1, XMP + packet)
        return
    parsed = xmp.parse(packet)
    divided = None if parsed is None else parsed.divided(limit)
    if divided is None:
        return
    first, second = divided
    yield _segment(APP1, XMP + first)
    named = xmp.parse(first)
    digest = "" if named is None else named.value(xmp.EXTENSION) or ""
    for at in range(0, len(second), PIECE):
        place = digest.encode() + struct.pack(">II", len(second), at)
        yield _segment(APP1, EXTENDED_XMP + place + second[at : at + PIECE])


def _resolution(jfif: bytes) -> Resolution:
    unit = {INCH: 25.4, CENTIMETER: 10.0}.get(jfif[7], math.nan)
    across, down = struct.unpack_from(">HH", jfif, 8)
    return sensible(across / unit, down / unit)


def _density(resolution: Resolution) -> tuple[int, int, int]:
    """Unit and whole numbers of pixels: for each inch, or centimeter where only that comes out even."""
    if resolution is None:
        return 0, 1, 1
    choices = [
        (sum(abs(round(value * factor) / factor / value - 1) for value in resolution), unit, factor)
        for unit, factor in ((INCH, 25.4), (CENTIMETER, 10.0))
    ]
    _, unit, factor = choices[0] if choices[0][0] < EVEN else min(choices)
    across, down = (min(max(round(value * factor), 1), 65_535) for value in resolution)
    return unit, across, down


def _segment(marker: int, data: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data
