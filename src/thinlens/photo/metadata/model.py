"""What a photo file says beside its pixels and their colors, the same for all formats."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

Resolution: TypeAlias = tuple[float, float] | None
"""Horizontal and vertical pixels per millimeter; None if there is none."""
IPTC_NAA = 0x0404
"""The image resource that holds IPTC."""


def sensible(across: float, down: float) -> Resolution:
    """A resolution, unless it is absurd or no number."""
    return (across, down) if all(0.001 < value < 100_000 for value in (across, down)) else None


@dataclass(frozen=True)
class Text:
    """A text with a keyword, as PNG files have them; the comments of a JPEG file are such, of the keyword `Comment`.

    `compressed` says how it was stored, `language` and `translated` (the keyword in that language) may be empty.
    """

    key: str
    value: str
    compressed: bool = False
    language: str = ""
    translated: str = ""


@dataclass(frozen=True)
class Resource:
    """A Photoshop image resource [Adobe2019]: its number, its name, mostly empty, and its bytes."""

    number: int
    name: bytes
    data: bytes


@dataclass(frozen=True)
class Metadata:
    """What a photo file says beside its pixels and their colors.

    `exif` is a TIFF structure [CIPA2023], without the `Exif\\0\\0` before it; `xmp` is one packet [Adobe2012], however
    long; `resources` are Photoshop's image resources, IPTC among them [IPTC2014]; `texts` are PNG's and JPEG's.
    """

    exif: bytes | None = None
    xmp: bytes | None = None
    resources: tuple[Resource, ...] = ()
    texts: tuple[Text, ...] = ()

    @property
    def iptc(self) -> bytes | None:
        """The IPTC datasets, if there are any."""
        return next((each.data for each in self.resources if each.number == IPTC_NAA), None)

    def __bool__(self) -> bool:
        return self != Metadata()


NOTHING = Metadata()
