"""Metadata in TIFF files [Adobe1992] and BigTIFF files: values of the main directory, and directories of EXIF."""

from __future__ import annotations

import os
from io import BytesIO
from typing import BinaryIO

from . import exif, iptc
from .directories import (
    BYTE,
    DAMAGED,
    LONG,
    RATIONAL,
    SHORT,
    UNDEFINED,
    Directory,
    Entry,
    described,
    directory,
    entry,
    header,
    write,
)
from .model import IPTC_NAA, NOTHING, Metadata, Resolution, Resource

BEGINNINGS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
DESCRIPTIVE = (270, 271, 272, 305, 306, 315, 33432)
"""Tags of the main directory that say what a picture is, not how it is stored: description to copyright."""
XMP, IPTC, PHOTOSHOP = 700, 33723, 34377
ONE_TO_ONE = {282: entry(RATIONAL, 1, 1), 283: entry(RATIONAL, 1, 1), 296: entry(SHORT, 1)}
"""A resolution that is none: square pixels, no unit."""


def read(file: BinaryIO) -> tuple[Metadata, Resolution]:
    """What the directories of a file say, as far as they can be read."""
    try:
        main, inner, gps = described(file)
    except DAMAGED:
        return NOTHING, None
    kept = {tag: main[tag] for tag in DESCRIPTIVE if tag in main}
    block = exif.built(kept, inner, gps) if kept or inner or gps else None
    packet = main[XMP].data.rstrip(b"\0") if XMP in main else b""
    resources = iptc.resources(main[PHOTOSHOP].data) if PHOTOSHOP in main else ()
    bare = _iptc(main[IPTC]) if IPTC in main else b""
    if bare and all(each.number != IPTC_NAA for each in resources):
        resources = (Resource(IPTC_NAA, b"", bare), *resources)
    return Metadata(block, packet or None, resources), exif.resolution_of(main)


def add(path: str | os.PathLike[str], metadata: Metadata, resolution: Resolution) -> None:
    """Add metadata to a file: its directory is written again at its end."""
    added = {} if resolution else dict(ONE_TO_ONE)
    inner: Directory = {}
    gps: Directory = {}
    if metadata.exif:
        main, inner, gps = described(BytesIO(metadata.exif))
        added |= {tag: value for tag, value in main.items() if tag in DESCRIPTIVE}
    if metadata.xmp:
        added[XMP] = Entry(BYTE, metadata.xmp)
    if metadata.iptc:  # as whole words, because that is what Photoshop writes and others expect
        added[IPTC] = Entry(LONG, metadata.iptc + bytes(-len(metadata.iptc) % 4))
    if any(each.number != IPTC_NAA for each in metadata.resources):
        added[PHOTOSHOP] = Entry(UNDEFINED, iptc.packed(metadata.resources))
    if not (added or inner or gps):
        return
    with open(path, "r+b") as file:
        layout, offset = header(file)
        write(file, layout, directory(file, layout, offset) | added, inner, gps)


def _iptc(found: Entry) -> bytes:
    """IPTC, whose words some programs swap where the file's order is the other, and most do not."""
    data = found.data
    if found.type == LONG and data[:1] != b"\x1c":
        data = b"".join(data[at : at + 4][::-1] for at in range(0, len(data), 4))
    return iptc.joined(iptc.datasets(data))
