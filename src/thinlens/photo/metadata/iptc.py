"""IPTC datasets [IPTC2014] and the Photoshop image resources [Adobe2019] that they come in; IPTC as XMP [IPTC2024]."""

from __future__ import annotations

import struct
from collections.abc import Iterable

from .model import IPTC_NAA, Resource
from .xmp import EMPTY, Packet, array_property, parse, text_property

SIGNATURES = (b"8BIM", b"PHUT", b"DCSR", b"AgHg", b"MeSa")
"""What image resources begin with: Photoshop's, and those of the few others that write some."""
CAPTION_DIGEST, COPYRIGHTED, ADDRESS = 0x0425, 0x040A, 0x040B
PATHS = range(2000, 3000)
"""Clipping paths and their name; their places are fractions of the picture."""
RECORD, UTF8 = 2, b"\x1b%G"
DC, PHOTOSHOP = "http://purl.org/dc/elements/1.1/", "http://ns.adobe.com/photoshop/1.0/"
CORE = "http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/"
NAMESPACES = {"dc": DC, "photoshop": PHOTOSHOP, "Iptc4xmpCore": CORE}
PROPERTIES = {
    5: ("dc:title", "Alt"),
    10: ("photoshop:Urgency", ""),
    15: ("photoshop:Category", ""),
    20: ("photoshop:SupplementalCategories", "Bag"),
    25: ("dc:subject", "Bag"),
    40: ("photoshop:Instructions", ""),
    55: ("photoshop:DateCreated", ""),
    80: ("dc:creator", "Seq"),
    85: ("photoshop:AuthorsPosition", ""),
    90: ("photoshop:City", ""),
    92: ("Iptc4xmpCore:Location", ""),
    95: ("photoshop:State", ""),
    100: ("Iptc4xmpCore:CountryCode", ""),
    101: ("photoshop:Country", ""),
    103: ("photoshop:TransmissionReference", ""),
    105: ("photoshop:Headline", ""),
    110: ("photoshop:Credit", ""),
    115: ("photoshop:Source", ""),
    116: ("dc:rights", "Alt"),
    120: ("dc:description", "Alt"),
    122: ("photoshop:CaptionWriter", ""),
}
"""The XMP property of each dataset of the second record, and the kind of its array, if it has several values."""
DATE = 55


def resources(data: bytes) -> tuple[Resource, ...]:
    """Image resources from bytes: those that say something of the picture, up to the first that is damaged."""
    found: list[Resource] = []
    at = 0
    while at + 12 <= len(data) and data.startswith(SIGNATURES, at):
        number, name_length = struct.unpack_from(">HB", data, at + 4)
        name = data[at + 7 : at + 7 + name_length]
        at += 6 + (1 + name_length + 1) // 2 * 2
        if at + 4 > len(data):
            break
        (size,) = struct.unpack_from(">I", data, at)
        content = data[at + 4 : at + 4 + size]
        if len(content) < size:
            break
        at += 4 + size + size % 2
        if number in (IPTC_NAA, CAPTION_DIGEST, COPYRIGHTED, ADDRESS) or number in PATHS:
            found.append(Resource(number, name, content))
    return tuple(found)


def packed(found: Iterable[Resource]) -> bytes:
    """Image resources as bytes."""
    blocks: list[bytes] = []
    for each in found:
        name = bytes([len(each.name)]) + each.name
        name += bytes(len(name) % 2)
        head = struct.pack(">4sH", b"8BIM", each.number) + name + struct.pack(">I", len(each.data))
        blocks.append(head + each.data + bytes(len(each.data) % 2))
    return b"".join(blocks)


def datasets(iptc: bytes) -> list[tuple[int, int, bytes]]:
    """Record, number and value of each dataset, up to the first that is damaged."""
    found: list[tuple[int, int, bytes]] = []
    at = 0
    while at + 5 <= len(iptc) and iptc[at] == 0x1C:
        record, number, size = struct.unpack_from(">BBH", iptc, at + 1)
        at += 5
        if size & 0x8000:  # then this is how many bytes the size has
            more = size & 0x7FFF
            size = int.from_bytes(iptc[at : at + more], "big")
            at += more
        if at + size > len(iptc):
            break
        found.append((record, number, iptc[at : at + size]))
        at += size
    return found


def joined(found: Iterable[tuple[int, int, bytes]]) -> bytes:
    """Datasets as bytes."""
    blocks: list[bytes] = []
    for record, number, value in found:
        size = struct.pack(">H", len(value)) if len(value) < 0x8000 else struct.pack(">HI", 0x8004, len(value))
        blocks.append(bytes((0x1C, record, number)) + size + value)
    return b"".join(blocks)


def as_xmp(iptc: bytes, xmp: bytes | None) -> bytes | None:
    """XMP with what IPTC says and it does not, for formats without IPTC; None if nothing comes of it."""
    packet = EMPTY if xmp is None else parse(xmp)
    if packet is None:
        return xmp
    found = datasets(iptc)
    utf8 = any(record == 1 and number == 90 and value == UTF8 for record, number, value in found)
    values: dict[int, list[str]] = {}
    for record, number, value in found:
        if record == RECORD and number in PROPERTIES and (text := _text(value, utf8)):
            values.setdefault(number, []).append(_date(text) if number == DATE else text)
    inner = b"".join(_property(packet, number, texts) for number, texts in values.items())
    return packet.added(inner, NAMESPACES) or None


def _property(packet: Packet, number: int, texts: list[str]) -> bytes:
    name, kind = PROPERTIES[number]
    prefix, local = name.split(":")
    if any(each.name == f"{NAMESPACES[prefix]} {local}" for each in packet.properties):
        return b""
    return array_property(name, kind, texts[:1] if kind == "Alt" else texts) if kind else text_property(name, texts[0])


def _text(value: bytes, utf8: bool) -> str:
    """Text of what encoding it says; where it says none, UTF-8 if it can be, else Windows'."""
    try:
        text = value.decode()
    except UnicodeDecodeError:
        text = value.decode("utf-8" if utf8 else "cp1252", "replace")
    return "".join(each for each in text if each.isprintable() or each in "\n\t").strip()


def _date(text: str) -> str:
    return f"{text[:4]}-{text[4:6]}-{text[6:8]}" if len(text) == 8 and text.isdecimal() else text
