"""What XMP says of the picture it belongs to, made true of the result: its way up, its size, and what is gone."""

from __future__ import annotations

import re

from .xmp import EXTENSION, Packet, parse

TIFF, EXIF = "http://ns.adobe.com/tiff/1.0/", "http://ns.adobe.com/exif/1.0/"
PANORAMA = "http://ns.google.com/photos/1.0/panorama/"
DEPTH = "http://ns.google.com/photos/1.0/depthmap/"
REGIONS = "http://www.metadataworkinggroup.com/schemas/regions/"
ORIENTATION = f"{TIFF} Orientation"
UPRIGHT = "1"
FORMAT = "http://purl.org/dc/elements/1.1/ format"
WIDTHS = (f"{TIFF} ImageWidth", f"{EXIF} PixelXDimension")
HEIGHTS = (f"{TIFF} ImageLength", f"{EXIF} PixelYDimension")
GONE = re.compile(
    r"http://ns\.google\.com/photos/1\.0/camera/ (Motion|Micro)|"
    r"http://ns\.google\.com/photos/1\.0/container/|"
    r"http://ns\.google\.com/photos/dd/1\.0/|"
    r"http://ns\.oplus\.com/photos/1\.0/camera/ |"
    r"http://ns\.adobe\.com/hdr-gain-map/1\.0/ |"
    r"http://ns\.adobe\.com/xap/1\.0/ Thumbnails"
)
"""Properties of what lies in a file beside its picture, and is not written again: the video of a motion photo, a gain
map, depth maps of their own; and thumbnails, which need not be upright."""
NOT_TURNED = (PANORAMA, DEPTH, REGIONS)
"""Namespaces of what is said in places of the picture as it was stored: where in a panorama it is, how far what is,
who stands where."""


def turned(xmp: bytes) -> bytes:
    """XMP of a picture that has been turned upright; as it is if not well-formed."""
    packet = parse(xmp)
    if packet is None:
        return xmp
    places = {each.name: None for each in packet.properties if each.name.startswith(NOT_TURNED)}
    return packet.changed({**places, ORIENTATION: UPRIGHT})


def of_result(xmp: bytes, size: tuple[int, int], media_type: str) -> bytes:
    """XMP of an upright picture of this width and height, as such a file; as it is if not well-formed."""
    packet = parse(xmp)
    if packet is None:
        return xmp
    changes: dict[str, str | None] = {ORIENTATION: UPRIGHT, FORMAT: media_type, EXTENSION: None}
    changes |= {each.name: None for each in packet.properties if GONE.match(each.name)}
    for names, pixels in zip((WIDTHS, HEIGHTS), size, strict=True):
        changes |= dict.fromkeys(names, str(pixels))
    return packet.changed(changes | _panorama(packet, size))


def _panorama(packet: Packet, size: tuple[int, int]) -> dict[str, str | None]:
    """The part of a panorama that a picture is, in its own pixels; nothing of it where that cannot be said."""
    changes: dict[str, str | None] = {}
    for pixels, length, start in zip(size, ("Width", "Height"), ("Left", "Top"), strict=True):
        names = {
            "part": f"CroppedAreaImage{length}Pixels",
            "start": f"CroppedArea{start}Pixels",
            "whole": f"FullPano{length}Pixels",
            "valid start": f"LargestValidInteriorRect{start}",
            "valid": f"LargestValidInteriorRect{length}",
        }
        found = {what: packet.value(f"{PANORAMA} {name}") for what, name in names.items()}
        said = {what: _number(value) for what, value in found.items() if value is not None}
        before = said.get("part", said.get("whole"))
        if not said:
            continue
        if before is None or before < 1 or None in said.values():
            return {each.name: None for each in packet.properties if each.name.startswith(PANORAMA)}
        scaled = {what: round((value or 0) * pixels / before) for what, value in said.items()}
        scaled["part"] = pixels
        scaled["whole"] = max(scaled.get("whole", pixels), scaled.get("start", 0) + pixels)
        scaled["valid"] = min(scaled.get("valid", pixels), pixels - scaled.get("valid start", 0))
        changes |= {f"{PANORAMA} {names[what]}": str(scaled[what]) for what in said}
    return changes


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
