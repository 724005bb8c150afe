"""Metadata in PNG files [W3C2025]: chunks, and profiles that ImageMagick and others write as texts."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from contextlib import suppress
from typing import BinaryIO

from . import exif, iptc
from .model import IPTC_NAA, Metadata, Resolution, Resource, Text, sensible

BEGINNING = b"\x89PNG\r\n\x1a\n"
TEXTS = (b"tEXt", b"zTXt", b"iTXt")
XMP = "XML:com.adobe.xmp"
RAW = "Raw profile type "
METER = 1
"""The unit of a resolution, if it has one."""
TAIL = 1 << 16
"""Bytes at the end of a file in which the end of its picture is looked for."""
LARGEST = 8_000_000
"""Bytes of a text, so that a small file cannot fill the memory; libpng takes no more, either."""
LARGEST_COMPRESSED = 1_000_000
"""Bytes of a text that is compressed; Pillow opens no file with longer ones."""
LINE = 36
"""Bytes of a line of a profile that is a text."""


def read(file: BinaryIO) -> tuple[Metadata, Resolution]:
    """What the chunks of a file say, as far as they can be read; they may stand behind the picture, too."""
    block, packet, density = None, None, None
    profiles: dict[str, bytes] = {}
    texts = list[Text]()
    for kind, data in _chunks(file):
        if kind == b"eXIf":
            block = block or exif.bare(data)
        if kind == b"pHYs" and len(data) == 9 and data[8] == METER:
            density = sensible(*(value / 1000 for value in struct.unpack_from(">II", data)))
        text = _text(kind, data)
        if text is None:
            continue
        if text.key == XMP:
            packet = packet or text.value.encode()
        elif text.key.startswith(RAW):
            profiles[text.key.removeprefix(RAW).lower()] = _profile(text.value)
        else:
            texts.append(text)
    for name in ("exif", "app1"):
        block = block or exif.bare(profiles.get(name, b""))
    raw_xmp = next((profiles[name] for name in ("xmp", "app1") if b"<x:xmpmeta" in profiles.get(name, b"")), None)
    if packet is None and raw_xmp is not None:
        packet = raw_xmp[raw_xmp.index(b"<") :]
    resources = next((found for name in ("iptc", "8bim") if (found := _resources(profiles.get(name, b"")))), ())
    found = Metadata(block, packet, resources, tuple(texts))
    return found, density or (exif.resolution(block) if block else None)


def edited(metadata: Metadata, resolution: Resolution, head: bytes, ended: bool) -> bytes | None:
    """The beginning of a file with metadata in it, before the picture; None as long as it is too short for that."""
    at = len(BEGINNING)
    kept = [head[:at]]
    while at + 8 <= len(head) and head[at + 4 : at + 8] != b"IDAT":
        end = at + 12 + int.from_bytes(head[at : at + 4], "big")
        if not (resolution is None and head[at + 4 : at + 8] == b"pHYs"):
            kept.append(head[at:end])
        at = end
    if at + 8 > len(head) and not ended:
        return None
    return b"".join((*kept, *_written(metadata), head[at:]))


def _chunks(file: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    """The chunks that may have metadata, but for those that are damaged."""
    file.seek(len(BEGINNING))
    in_picture = False
    while len(head := file.read(8)) == 8 and head[4:] != b"IEND":
        size = int.from_bytes(head[:4], "big")
        if head[4:] not in (b"eXIf", b"pHYs", *TEXTS):
            if head[4:] == b"IDAT" and not in_picture:
                in_picture, size = True, _up_to_the_last(file, size)
            file.seek(size + 4, 1)
            continue
        data, check = file.read(size), file.read(4)
        if len(data) == size and check == struct.pack(">I", zlib.crc32(data, zlib.crc32(head[4:]))):
            yield head[4:], data


def _up_to_the_last(file: BinaryIO, size: int) -> int:
    """Bytes from the content of the first chunk of a picture to the end of that of its last.

    There may be 100,000 of them, so the last is looked for from the end of the file, and taken if the chunks behind it
    end with the file; if not, it is the first, and one follows after the other.
    """
    here = file.tell()
    end = file.seek(0, 2)
    start = file.seek(max(here + size, end - TAIL))
    tail = file.read(TAIL)
    file.seek(here)
    at = last = tail.rfind(b"IDAT") - 4
    while 0 <= at < len(tail) and tail[at + 4 : at + 8] != b"IEND":
        at += 12 + int.from_bytes(tail[at : at + 4], "big")
    if last < 0 or at + 12 != len(tail):
        return size
    return start + last + 8 + int.from_bytes(tail[last : last + 4], "big") - here


def _text(kind: bytes, data: bytes) -> Text | None:
    key, _, rest = data.partition(b"\0")
    keyword = key.decode("latin-1")
    if kind not in TEXTS or not keyword or len(data) > LARGEST:
        return None
    with suppress(zlib.error, UnicodeDecodeError):
        if kind == b"tEXt":
            return Text(keyword, rest.decode("latin-1"))
        if kind == b"zTXt":
            return Text(keyword, _inflated(rest[1:]).decode("latin-1"), compressed=True)
        compressed = rest[:1] == b"\1"
        language, _, rest = rest[2:].partition(b"\0")
        translated, _, rest = rest.partition(b"\0")
        value = (_inflated(rest) if compressed else rest).decode()
        return Text(keyword, value, compressed, language.decode("latin-1"), translated.decode())
    return None


def _inflated(data: bytes) -> bytes:
    found = zlib.decompressobj()
    value = found.decompress(data, LARGEST)
    if not found.eof:
        raise zlib.error("cut short, or too long")
    return value


def _profile(text: str) -> bytes:
    """A profile that is written as a text: its name, its length, and its bytes in hexadecimal digits."""
    parts = text.split(maxsplit=2)
    with suppress(ValueError):
        return bytes.fromhex(parts[2]) if len(parts) == 3 else b""
    return b""


def _resources(profile: bytes) -> tuple[Resource, ...]:
    """Image resources, or bare IPTC, as a profile."""
    if profile.startswith(b"\x1c"):
        return (Resource(IPTC_NAA, b"", profile),)
    return iptc.resources(profile)


def _written(metadata: Metadata) -> Iterator[bytes]:
    if metadata.exif:
        yield _chunk(b"eXIf", metadata.exif)
    if metadata.xmp:
        yield _text_chunk(Text(XMP, metadata.xmp.decode("utf-8", "replace")), international=True)
    if metadata.resources:
        resources = iptc.packed(metadata.resources)
        lines = [resources[at : at + LINE].hex() for at in range(0, len(resources), LINE)]
        profile = f"\niptc\n{len(resources):8}\n" + "\n".join(lines) + "\n"
        yield _text_chunk(Text(f"{RAW}iptc", profile, compressed=True))
    yield from map(_text_chunk, metadata.texts)


def _text_chunk(text: Text, international: bool = False) -> bytes:
    """The plainest chunk that holds a text."""
    key = text.key.encode("latin-1", "replace")[:79] + b"\0"
    value = text.value.replace("\0", "")
    international |= bool(text.language or text.translated) or any(each > "\xff" for each in value)
    coded = value.encode("utf-8" if international else "latin-1", "replace")
    compressed = text.compressed and len(coded) <= LARGEST_COMPRESSED
    if compressed:
        coded = zlib.compress(coded)
    if not international:
        return _chunk(b"zTXt", key + b"\0" + coded) if compressed else _chunk(b"tEXt", key + coded)
    described = text.language.encode("latin-1", "replace") + b"\0" + text.translated.encode() + b"\0"
    return _chunk(b"iTXt", key + bytes((compressed, 0)) + described + coded)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(data, zlib.crc32(kind)))
