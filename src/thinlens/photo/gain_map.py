"""Gain maps, of which displays of high dynamic range make brighter pictures: Ultra HDR, as phones take it."""

from __future__ import annotations

from pathlib import Path

GAIN_MAPS = (b"http://ns.adobe.com/hdr-gain-map/", b"urn:iso:std:iso:ts:21496:-1")
"""What says, in XMP or in a segment, that a JPEG file is followed by a gain map."""
SEGMENTS = 1 << 17
"""Bytes at the beginning of a JPEG file that it is said in."""


def has_gain_map(path: Path) -> bool:
    with open(path, "rb") as file:
        head = file.read(SEGMENTS)
    return any(name in head for name in GAIN_MAPS)
