"""Samples as files store them to those that the engine takes: gray or RGB, with or without alpha, 8 or 16 bits."""

from __future__ import annotations

import math
from pathlib import Path

import pyvips

from . import formats
from .decoding import field, open_image
from .formats import Format

PLAIN = ("scrgb", "srgb", "rgb", "b-w", "grey16", "rgb16", "multiband")
"""What libvips takes samples of gray and RGB for, of which only the profile says what they are."""
LAB = ("lab", "labs")
WHITE = {"char": 127, "short": 32767}
"""The largest of signed samples. (Of 32 bits they are counts, mostly, and nothing says how much is white.)"""
NEARLY, FARTHEST = 1e-3, 0.5
"""How far float samples may lie outside of black and white by rounding, and at all: the engine takes a bit more."""


def without_spots(path: Path, image: pyvips.Image, notes: list[str]) -> pyvips.Image:
    """Colors and alpha alone: other channels of TIFF files, as saved selections and spot colors, are left out."""
    colors = 4 if image.interpretation == "cmyk" else 1 if image.bands < 3 else 3
    extra = formats.extra_samples(formats.tiff_directory(path))
    if image.bands <= colors or image.interpretation == "multiband":
        return image
    alpha = not extra or extra[0] in (formats.ASSOCIATED_ALPHA, formats.UNASSOCIATED_ALPHA)  # OpenCV says nothing
    kept = colors + alpha
    if image.bands > kept:
        notes.append(f"{path}: {image.bands - kept} of its channels, no colors and no transparency, are left out")
        return image.extract_band(0, n=kept)
    return image


def taken(path: Path, format: Format, image: pyvips.Image, fail_on: str, notes: list[str]) -> pyvips.Image:
    """The same picture in samples of 8 or 16 bits or of float in which black is 0 and white 1, encoded as they were.

    Raises ValueError for signed samples below 0 and for floats far beyond black and white.
    """
    if image.format in ("uchar", "ushort") or image.interpretation in LAB:
        return image
    if format.name != "TIFF" or image.interpretation not in PLAIN or image.format == "int":
        raise ValueError(f"{path} has {image.format} samples; convert it to 8 or 16 bits per channel")
    gray = image.bands < 3
    if image.format == "uint":
        notes.append(f"{path}: its samples of 32 bits are taken as 16 bits")
        return (image / 65537).rint().cast("ushort").copy(interpretation="grey16" if gray else "rgb16")
    found = open_image(path, format, "sequential", fail_on).stats()  # a reading of its own, in the order of the file
    lowest, highest = found.getpoint(0, 0)[0], found.getpoint(1, 0)[0]
    if image.format in WHITE:
        if lowest < 0:
            raise ValueError(
                f"{path} has samples from {lowest:g}, and nothing says what is black; convert it to 0…65535"
            )
        wide, white = image.format != "char", WHITE[str(image.format)]
        scaled = (image * ((65535 if wide else 255) / white)).rint().cast("ushort" if wide else "uchar")
        return scaled.copy(interpretation=("grey16" if gray else "rgb16") if wide else ("b-w" if gray else "srgb"))
    if not math.isfinite(found.getpoint(2, 0)[0]):  # the sum
        raise ValueError(f"{path} has float samples that are infinite or no numbers; convert it to 0…1")
    if lowest < -FARTHEST or highest > 1 + FARTHEST:
        raise ValueError(
            f"{path} has float samples from {lowest:.4g} to {highest:.4g}, far beyond black and white, 0…1, for which "
            "networks are made; develop or scale it to that"
        )
    if lowest < -NEARLY or highest > 1 + NEARLY:
        notes.append(f"{path}: what is darker than black or brighter than white in it is kept in TIFF alone")
    return image.cast("float").copy(interpretation="b-w" if gray else "srgb")


def gray_or_rgb(path: Path, image: pyvips.Image) -> pyvips.Image:
    """The same picture as one or three channels, with or without alpha."""
    wide = image.format == "ushort"
    if wide and str(field(image, "vips-loader")).startswith("heifload"):
        image = _full_range(image)
    if image.interpretation == "cmyk":
        return image.icc_transform("srgb", embedded=True, input_profile="cmyk", depth=16 if wide else 8)
    if image.interpretation in LAB:
        return image.colourspace("lab").icc_export(output_profile="srgb", depth=16)
    if image.interpretation not in ("srgb", "rgb", "rgb16", "b-w", "grey16", "multiband"):
        image = image.colourspace("rgb16" if wide else "srgb")
    if image.bands > 4:
        raise ValueError(f"{path} has {image.bands} channels; convert it to gray or RGB, with or without alpha")
    return image


def _full_range(image: pyvips.Image) -> pyvips.Image:
    """10 and 12 bits, which libvips shifts to the left, such that white is white."""
    white = 65536 - (1 << 16 - (field(image, "bits-per-sample") or 16))
    return (image * (65535 / white)).rint().cast("ushort").copy(interpretation=image.interpretation)
