"""Photo files with metadata, written and read without thinlens."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from thinlens.program import Convolution, PixelShuffle, Program

NEAREST = Program("nearest", (Convolution(0, np.ones((4, 1, 1, 1), np.float32)), PixelShuffle(1, 2)))
PIXELS = np.random.default_rng(0).integers(0, 256, (12, 20, 3)).astype(np.uint8)
TARGETS = [".jpg", ".png", ".tif", ".webp", ".avif"]


def dataset(record: int, number: int, value: bytes) -> bytes:
    return struct.pack(">BBBH", 0x1C, record, number, len(value)) + value


def with_segments(content: bytes, *segments: tuple[int, bytes]) -> bytes:
    """JPEG with segments after its beginning."""
    written = b"".join(struct.pack(">BBH", 255, marker, len(data) + 2) + data for marker, data in segments)
    return content[:2] + written + content[2:]


def jpeg(pixels: Any = PIXELS, **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=95, **options)
    return buffer.getvalue()


def resource(number: int, data: bytes) -> bytes:
    return struct.pack(">4sHxxI", b"8BIM", number, len(data)) + data + bytes(len(data) % 2)


def segments(path: Path) -> list[tuple[int, bytes]]:
    """The segments of a JPEG file before its picture."""
    content, at, found = path.read_bytes(), 2, list[tuple[int, bytes]]()
    while content[at + 1] != 0xDA:
        size = int.from_bytes(content[at + 2 : at + 4], "big")
        found.append((content[at + 1], content[at + 4 : at + 2 + size]))
        at += 2 + size
    return found


def chunks(path: Path) -> list[tuple[bytes, bytes]]:
    """The chunks of a PNG file, whose checksums are right."""
    content, at, found = path.read_bytes(), 8, list[tuple[bytes, bytes]]()
    while at < len(content):
        size = int.from_bytes(content[at : at + 4], "big")
        kind, data = content[at + 4 : at + 8], content[at + 8 : at + 8 + size]
        assert int.from_bytes(content[at + 8 + size : at + 12 + size], "big") == zlib.crc32(kind + data)
        found.append((kind, data))
        at += 12 + size
    return found


def xmp_of(path: Path) -> bytes:
    with Image.open(path) as image:
        if image.format == "PNG":
            return image.info.get("XML:com.adobe.xmp", "").encode()
        found = image.info.get("xmp", b"")
        return found if isinstance(found, bytes) else found.encode()


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(*extra: tuple[bytes, bytes], behind: tuple[tuple[bytes, bytes], ...] = ()) -> bytes:
    """A PNG file without a resolution, with chunks before and behind its picture."""
    rows = b"".join(b"\0" + row.tobytes() for row in PIXELS)
    content = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 20, 12, 8, 2, 0, 0, 0))
    content += b"".join(chunk(*each) for each in extra) + chunk(b"IDAT", zlib.compress(rows))
    return content + b"".join(chunk(*each) for each in behind) + chunk(b"IEND", b"")
