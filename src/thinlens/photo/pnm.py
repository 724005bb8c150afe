"""Pictures of the Netpbm family: PBM, PGM and PPM, as text or bytes, and PAM [Netpbm2024]."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyvips
from numpy.typing import NDArray

from .stored import Stored, image_from

LONGEST_HEADER = 1 << 16
NUMBER = re.compile(rb"(?:\s|#[^\n\r]*[\n\r])*(\d+)")
"""The next number of a header, behind white space and comments."""
FIELD = re.compile(rb"(\w+)[ \t]+([^\n]*)\n")
CHANNELS = {"1": 1, "2": 1, "3": 3, "4": 1, "5": 1, "6": 3}
BITMAPS, TEXTS = ("1", "4"), ("1", "2", "3")


@dataclass(frozen=True)
class _Header:
    """Its kind, the digit behind the P, the size, the channels, the value of white, and where pixels begin."""

    kind: str
    width: int
    height: int
    channels: int
    white: int
    begin: int


def stored(path: Path) -> Stored:
    """What the header says. Raises ValueError if it is not right."""
    with open(path, "rb") as file:
        head = file.read(LONGEST_HEADER)
    header = _pam(head) if head.startswith(b"P7") else _numbers(head)
    if header is None:
        raise ValueError(f"{path} has a header that no PNM picture has; save it as PNG")
    return Stored((header.width, header.height), partial(_decode, path, header))


def _numbers(head: bytes) -> _Header | None:
    kind, at, found = head[1:2].decode("latin-1"), 2, list[int]()
    while len(found) < (2 if kind in BITMAPS else 3):
        match = NUMBER.match(head, at)
        if match is None:
            return None
        found.append(int(match[1]))
        at = match.end()
    width, height, white = (*found, 1)[:3]
    right = 0 < width and 0 < height and 0 < white < 65536
    return _Header(kind, width, height, CHANNELS[kind], white, at + 1) if right else None


def _pam(head: bytes) -> _Header | None:
    end = head.find(b"ENDHDR\n")
    fields = dict(FIELD.findall(head[:end])) if end > 0 else {}
    try:
        width, height, depth, white = (int(fields[name]) for name in (b"WIDTH", b"HEIGHT", b"DEPTH", b"MAXVAL"))
    except (KeyError, ValueError):
        return None
    right = 0 < width and 0 < height and 0 < depth < 5 and 0 < white < 65536
    return _Header("7", width, height, depth, white, end + len(b"ENDHDR\n")) if right else None


def _decode(path: Path, header: _Header, strict: bool) -> pyvips.Image:
    data = path.read_bytes()[header.begin :]
    row = header.width * header.channels
    packed = (row + 7) // 8 if header.kind == "4" else row  # values in a stored row
    if header.kind in TEXTS:
        values = _of_text(data, header, strict)
    else:
        values = np.frombuffer(data, ">u2" if header.white > 255 else np.uint8, len(data) // (1 + (header.white > 255)))
    if strict and len(values) < packed * header.height:
        raise pyvips.Error("the picture is cut short", str(path))
    whole = np.zeros(packed * header.height, values.dtype)
    taken = values[: len(whole)]
    whole[: len(taken)] = taken
    if header.kind == "4":
        whole = np.unpackbits(whole.reshape(header.height, packed), axis=1)[:, :row]
    samples = _scaled(whole, header)
    shape = (header.height, header.width, header.channels)
    return image_from(samples.reshape(shape if header.channels > 1 else shape[:2]))


def _of_text(data: bytes, header: _Header, strict: bool) -> NDArray[Any]:
    """The numbers of a text; those of bitmaps need no white space between them."""
    plain = re.sub(rb"#[^\n\r]*", b"", data)
    parts = re.findall(rb"[01]" if header.kind == "1" else rb"\S+", plain)
    try:
        return np.array([int(part) for part in parts], np.uint16)
    except (ValueError, OverflowError):
        if strict:
            raise pyvips.Error("a value is no number", "PNM") from None
        return np.array([int(part) if part.isdigit() else 0 for part in parts]).clip(0, 65535).astype(np.uint16)


def _scaled(values: NDArray[Any], header: _Header) -> NDArray[Any]:
    """As 8 or 16 bits, such that white is white."""
    if header.kind in BITMAPS:
        return np.where(values > 0, 0, 255).astype(np.uint8)
    values = np.minimum(values, header.white)
    if header.white == 65535:
        return values.astype(np.uint16)
    if header.white > 255:
        return np.rint(values * (65535 / header.white)).astype(np.uint16)
    return np.rint(values * (255 / header.white)).astype(np.uint8)
