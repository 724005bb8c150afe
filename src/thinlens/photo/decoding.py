"""Photo files as lazy images of libvips. What a decoder warns of is an error, as pixels may be wrong."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, cast

import pyvips

from . import formats
from .checksums import END, WHOLE_SPECTRUM, damaged_chunks, odd_scan, with_end
from .formats import Format
from .metadata.png import TEXTS
from .others import reader

STRIP = 256
"""Rows that are decoded at a time to see whether a file is whole."""
UNREAD = ("samples out of range", "not a whole number of bytes", "bad labq format")
"""What libvips says of TIFF files of 64-bit floats, 12 bits and 8-bit Lab."""


def open_image(path: Path, format: Format, access: str, fail_on: str) -> pyvips.Image:
    """The file as a lazy image; only a single picture is taken."""
    image = _lazy(path, format, access, fail_on)
    pages = field(image, "n-pages") or 1
    if format.name == "TIFF" and pages > 1:
        pages -= formats.smaller_copies(path)
    if pages > 1:
        what = "is animated" if format.name == "GIF" else f"holds {pages} pictures"
        raise ValueError(f"{path} {what}; save the one to enlarge as a file of its own")
    return image


def strictness(path: Path, format: Format) -> str:
    """What ends the reading of a file: all that its decoder warns of, as the pixels may be wrong.

    libtiff also warns of metadata; where damage is an error, not a warning (strips, most codecs), only errors count.
    """
    if format.name != "TIFF":
        return "warning"
    found = formats.tiff_directory(path)
    warned = formats.TILE_WIDTH in found or formats.value(found, formats.COMPRESSION) in formats.WARNED
    return "warning" if warned else "error"


def damage(path: Path, format: Format) -> str | None:
    """What a file that is damaged is noted by, None for one that is whole; it is decoded to see."""
    try:
        image = open_image(path, format, "sequential", strictness(path, format))
        region = pyvips.Region.new(image)
        for top in range(0, image.height, STRIP):
            region.fetch(0, top, image.width, min(STRIP, image.height - top))
    except pyvips.Error as error:
        if "cannot decode" in str(damaged(path, error)):
            raise
        return f"{path} is damaged or cut short: what could be read of it was taken, the rest is gray, black or wrong"
    return None


def damaged(path: Path, error: pyvips.Error) -> ValueError:
    text = str(error)
    if "not configured" in text or "not implemented" in text:
        number = formats.value(formats.tiff_directory(path), formats.COMPRESSION)
        name = formats.COMPRESSIONS.get(number or 0, f"the method {number}")
        return ValueError(
            f"{path} is compressed by {name}, which this build of libvips cannot decode; save it with deflate, LZW or "
            "without compression"
        )
    if any(said in text for said in UNREAD):
        return ValueError(
            f"{path} has samples of a kind that this build of libvips cannot decode; convert it to 8 or 16 bits per "
            "channel"
        )
    return ValueError(f"{path} is damaged or cut short; give --keep-damaged to take what can be read")


def _lazy(path: Path, format: Format, access: str, fail_on: str) -> pyvips.Image:
    """The file, to be decoded when it is asked for. A JPEG that lacks its end marker, and maybe no more, gets one."""
    if other := reader(path, format):
        return other(path).decode(fail_on != "none")
    if format.name == "JPEG":
        with open(path, "rb") as file:
            if (at := odd_scan(file)) is not None and fail_on != "none":
                file.seek(0)
                data = bytearray(file.read())
                data[at : at + len(WHOLE_SPECTRUM)] = WHOLE_SPECTRUM
                decode = pyvips.Image.jpegload_buffer
                if data.endswith(END):
                    return decode(bytes(data), access=access, fail_on=fail_on)
                return with_end(path, bytes(data), access, fail_on)
            file.seek(max(0, path.stat().st_size - len(END)))
            if file.read() != END:
                file.seek(0)
                return with_end(path, file.read(), access, fail_on)
    if format.name == "PNG" and fail_on != "none" and set(damaged_chunks(path)) - set(TEXTS):
        raise pyvips.Error("the checksum of a chunk is wrong", str(path))
    # a source, because libvips reads options from brackets at the end of plain file names
    source = pyvips.Source.new_from_file(cast(str, os.fsencode(path)))
    return getattr(pyvips.Image, format.loader)(source, access=access, fail_on=fail_on)


def field(image: pyvips.Image, name: str) -> Any:
    """A field by its name, None without it. (Not from a list of all: comments may have names that are no text.)"""
    return image.get(name) if image.get_typeof(name) else None
