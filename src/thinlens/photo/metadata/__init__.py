"""What photo files say beside pixels and colors: EXIF, XMP, IPTC, texts and comments, one model for all formats.

`read` takes it out of a file, `turned` and `fitted` make it true of the result and fit for its format, and an `Edit`
puts it into one.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import BinaryIO, TypeAlias

from . import boxes, exif, iptc, jpeg, picture, png, texts, tiff, webp
from .directories import DAMAGED
from .model import NOTHING, Metadata, Resolution, Resource, Text, sensible

__all__ = [
    "FORMATS",
    "NOTHING",
    "Edit",
    "Format",
    "Metadata",
    "Resolution",
    "Resource",
    "Text",
    "add_to_tiff",
    "fitted",
    "iptc",
    "read",
    "sensible",
    "turned",
]

Edit: TypeAlias = Callable[[Metadata, Resolution, bytes, bool], bytes | None]
"""From metadata, a resolution and the beginning of a file to the same with both in it; the last argument says whether
it is the whole file. None says that more of it is needed."""
add_to_tiff = tiff.add
MACHINE = re.compile("(date|exif|icc|jpeg|png|tiff|Thumb):")
"""Keywords that programs make of other metadata."""


@dataclass(frozen=True)
class Format:
    """What a format holds, beside EXIF and XMP, which all do; `edit` is None where the file has to be there first."""

    media_type: str
    edit: Edit | None
    resources: bool = False
    texts: bool = False
    comments: bool = False
    resolution: bool = False
    largest_exif: int = 2**31


FORMATS = {
    "jpeg": Format(
        "image/jpeg", jpeg.edited, resources=True, comments=True, resolution=True, largest_exif=jpeg.LARGEST_EXIF
    ),
    "png": Format("image/png", png.edited, resources=True, texts=True, comments=True, resolution=True),
    "webp": Format("image/webp", webp.edited),
    "tiff": Format("image/tiff", None, resources=True, resolution=True),
    "avif": Format("image/avif", boxes.edited),
}


def read(file: BinaryIO) -> tuple[Metadata, Resolution]:
    """What a file says, of whatever format; nothing if it is of none that is known, and only what can be read.

    A resolution of EXIF is taken before that of a JPEG file, after that of all others.
    """
    file.seek(0)
    head = file.read(12)
    if head.startswith(jpeg.BEGINNING):
        return jpeg.read(file)
    if head.startswith(png.BEGINNING):
        return png.read(file)
    if head.startswith(webp.BEGINNING):
        return webp.read(file)
    if head.startswith(tiff.BEGINNINGS):
        return tiff.read(file)
    if head[4:8] in (boxes.BEGINNING, b"JXL "):
        return boxes.read(file)
    return NOTHING, None


def turned(found: Metadata) -> Metadata:
    """What is said of a picture that was stored in another way than it is shown, and is turned upright now.

    What is said of places of the picture as it was stored is left out.
    """
    packet = picture.turned(found.xmp) if found.xmp else None
    kept = tuple(each for each in found.resources if each.number not in iptc.PATHS)
    return replace(found, exif=_upright(found.exif), xmp=packet, resources=kept)


def fitted(found: Metadata, format: Format, size: tuple[int, int], resolution: Resolution) -> Metadata:
    """What is said of an upright picture of this width and height, as a format holds it.

    What it has no place for goes into XMP, or EXIF's comment; what is said of thumbnails and of what is not carried
    along is left out.
    """
    block, packet, remaining = _upright(found.exif), found.xmp, found.texts
    if packet:
        packet = picture.of_result(packet, size, format.media_type)
    if block:
        block = exif.of_size(block, size)
    if resolution:
        block = exif.of_resolution(block, resolution, add=not format.resolution)
    if found.iptc and not format.resources:
        packet = iptc.as_xmp(found.iptc, packet)
    if not format.texts:
        comments = [text for text in remaining if text.key == texts.COMMENT]
        others = [text for text in remaining if text.key != texts.COMMENT and not MACHINE.match(text.key)]
        if others:
            packet, others = texts.as_xmp(others, packet)
        described = texts.as_exif(others if format.comments else (*others, *comments), block)
        if described is not None and len(described) > format.largest_exif:
            comments += [replace(text, value=f"{text.key}: {text.value}") for text in others]
        else:
            block = described
        remaining = tuple(comments) if format.comments else ()
    if block:
        block = exif.shortened(block, format.largest_exif)
    return Metadata(block, packet, found.resources if format.resources else (), remaining)


def _upright(block: bytes | None) -> bytes | None:
    try:
        return exif.upright(block) if block else None
    except DAMAGED:
        return None
