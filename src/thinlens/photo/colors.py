"""What a file says of its colors without a profile: gAMA, cHRM and cICP in PNG files, nclx in AVIF and HEIC files.

What is not sRGB becomes a profile, which all formats carry; high dynamic range is not to be had in 8 or 16 bits of
sRGB-like values, so it is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from .icc import BT709, CODED, CURVES, HDR, SRGB_CURVE, Curve, Primaries, gray_profile, profile
from .metadata import boxes, png

SRGB_GAMMA = 1 / 2.2
"""What files of sRGB have in gAMA, which cannot say more."""
UNSPECIFIED = 2
LARGEST_META = 1 << 24
"""Bytes of a box `meta`: more than any honest one has."""


@dataclass(frozen=True)
class Tag:
    """Primaries and curve that are not those of sRGB, and what says so."""

    primaries: Primaries
    curve: Curve
    name: str

    def as_profile(self, channels: int) -> bytes:
        """An ICC profile for one channel, gray, or three."""
        return gray_profile(self.curve, self.name) if channels == 1 else profile(self.primaries, self.curve, self.name)


def tag_of(path: Path) -> Tag | None:
    """The tag of a file without a profile; None where there is none, or sRGB's. Raises ValueError for HDR."""
    with open(path, "rb") as file:
        beginning = file.read(12)
        if beginning.startswith(png.BEGINNING):
            return _of_png(path, file)
        if beginning[4:8] == boxes.BEGINNING:
            return _of_boxes(path, file)
    return None


def _of_png(path: Path, file: BinaryIO) -> Tag | None:
    found = dict(_color_chunks(file))
    if len(coded := found.get(b"cICP", b"")) == 4:
        return _coded(path, coded[0], coded[1], "cICP")
    if b"sRGB" in found or b"iCCP" in found:
        return None
    primaries, curve = BT709, SRGB_CURVE
    if len(chunk := found.get(b"cHRM", b"")) == 32:
        numbers = [int.from_bytes(chunk[at : at + 4], "big") / 100_000 for at in range(0, 32, 4)]
        white, red, green, blue = zip(numbers[::2], numbers[1::2], strict=True)
        if min(white[1], red[1], green[1], blue[1]) > 0:
            primaries = Primaries(red, green, blue, white)
    if len(chunk := found.get(b"gAMA", b"")) == 4 and (gamma := int.from_bytes(chunk, "big") / 100_000) > 0:
        curve = SRGB_CURVE if abs(gamma - SRGB_GAMMA) < 2e-3 else (1 / gamma,)
    return _unless_srgb(primaries, curve, "gAMA and cHRM of PNG")


def _color_chunks(file: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    """The chunks before the picture that say something of colors."""
    file.seek(len(png.BEGINNING))
    while len(head := file.read(8)) == 8 and head[4:] != b"IDAT":
        size = int.from_bytes(head[:4], "big")
        if head[4:] in (b"cICP", b"sRGB", b"cHRM", b"gAMA"):
            yield head[4:], file.read(min(size, 64))
            file.seek(max(0, size - 64) + 4, 1)
        else:
            if head[4:] == b"iCCP":
                yield b"iCCP", b""
            file.seek(size + 4, 1)


def _of_boxes(path: Path, file: BinaryIO) -> Tag | None:
    """Of the first color box of numbers among the properties; profiles are libvips' to read."""
    file.seek(0)
    while len(head := file.read(8)) == 8:
        size = int.from_bytes(head[:4], "big")
        if size < 8 or size > LARGEST_META:
            if size != 1:
                return None
            size = int.from_bytes(file.read(8), "big") - 8
        if head[4:] == b"meta":
            content = file.read(min(size - 8, LARGEST_META))
            at = content.find(b"colrnclx")
            if at < 0 or b"colrprof" in content or b"colrrICC" in content:
                return None
            coded = content[at + 8 : at + 14]
            primaries, transfer = (int.from_bytes(coded[start : start + 2], "big") for start in (0, 2))
            return _coded(path, primaries, transfer, "nclx")
        file.seek(size - 8, 1)
    return None


def _coded(path: Path, primaries: int, transfer: int, name: str) -> Tag | None:
    if transfer in HDR:
        raise ValueError(
            f"{path} has a high dynamic range ({HDR[transfer]}), which would be lost; convert it to sRGB or Display P3"
        )
    known = CODED.get(BT709_CODE if primaries == UNSPECIFIED else primaries)
    curve = CURVES.get(SRGB_CODE if transfer == UNSPECIFIED else transfer)
    if known is None or curve is None:
        raise ValueError(
            f"{path} has colors of a kind that is not known ({name} {primaries}, {transfer}); convert it to sRGB first"
        )
    return _unless_srgb(known, curve, f"{name} {primaries}, {transfer}")


BT709_CODE, SRGB_CODE = 1, 13


def _unless_srgb(primaries: Primaries, curve: Curve, name: str) -> Tag | None:
    return None if primaries.near(BT709) and curve == SRGB_CURVE else Tag(primaries, curve, name)
