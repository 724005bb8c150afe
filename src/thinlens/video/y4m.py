"""Raw frames in a stream, YUV4MPEG2: a line for the film, a line for each frame, its planes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from .film import Film
from .frames import Layout, Plane
from .tags import FULL

NAMES = {
    "gray": "mono",
    "gray10le": "mono10",
    "gray12le": "mono12",
    "yuv411p": "411",
    "yuv422p": "422",
    "yuv444p": "444",
    "yuva444p": "444alpha",
    "yuv420p10le": "420p10",
    "yuv422p10le": "422p10",
    "yuv444p10le": "444p10",
    "yuv420p12le": "420p12",
    "yuv422p12le": "422p12",
    "yuv444p12le": "444p12",
}
LOCATED = {"center": "420jpeg", "topleft": "420paldv"}
"""Names of 4:2:0 of 8 bits, which say where chroma lies; to the left in all other cases."""


def header(film: Film, layout: Layout, size: tuple[int, int]) -> bytes:
    """The first line. Raises ValueError for a format that has no name."""
    name = LOCATED.get(film.tags.location or "", "420mpeg2") if layout.name == "yuv420p" else NAMES.get(layout.name)
    if name is None:
        raise ValueError(f"raw streams cannot hold {layout.name}; write to a file, or give --pixel-format yuv420p")
    aspect = film.tags.aspect
    shape = f"{aspect.numerator}:{aspect.denominator}" if aspect else "0:0"
    color = "FULL" if film.tags.range == FULL else "LIMITED"
    rate = f"{film.rate.numerator}:{film.rate.denominator}"
    return f"YUV4MPEG2 W{size[0]} H{size[1]} F{rate} Ip A{shape} C{name} XCOLORRANGE={color}\n".encode()


def write(stream: BinaryIO, first: bytes, frames: Iterator[list[Plane]]) -> None:
    """Write a film: its first line, and its frames as planes. Raises BrokenPipeError when nobody reads any more."""
    stream.write(first)
    for planes in frames:
        stream.write(b"FRAME\n")
        for plane in planes:
            stream.write(plane.tobytes())
    stream.flush()
