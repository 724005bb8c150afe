"""Samples as files store them to those that the engine takes: gray or RGB, with or without alpha, 8 or 16 bits."""

from __future__ import annotations

import math
from pathlib import Path

import pyvips

from . import formats
from .decoding import field, open_image
from .formats import Format

FLOATS = ("scrgb", "srgb", "rgb", "b-w", "multiband")
"""What libvips takes float samples of gray and RGB for, of which only the profile says what they are."""
NEARLY = 1e-3
"""How far float samples may lie outside of black and white, by rounding."""


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


def sixteen_bits(path: Path, format: Format, image: pyvips.Image, fail_on: str, notes: list[str]) -> pyvips.Image:
    """Samples of float in [0, 1] and of 32 bits as 16 bits, with a note; they stay encoded as the profile says.

    Raises ValueError for other floats: what is brighter than white would be lost.
    """
    if format.name != "TIFF" or image.format not in ("float", "uint"):
        return image
    kind = "grey16" if image.bands < 3 else "rgb16"
    if image.format == "uint":
        notes.append(f"{path}: its samples of 32 bits are taken as 16 bits")
        return (image / 65537).rint().cast("ushort").copy(interpretation=kind)
    if image.interpretation not in FLOATS:
        return image
    found = open_image(path, format, "sequential", fail_on).stats()  # a reading of its own, in the order of the file
    lowest, highest = found.getpoint(0, 0)[0], found.getpoint(1, 0)[0]
    if lowest < -NEARLY or highest > 1 + NEARLY or not math.isfinite(found.getpoint(2, 0)[0]):  # the sum
        raise ValueError(
            f"{path} has float samples from {lowest:.4g} to {highest:.4g}, more than black to white, which would be "
            "lost; develop or scale it to 0…1"
        )
    notes.append(f"{path}: its float samples are taken as 16 bits")
    return (image * 65535).rint().cast("ushort").copy(interpretation=kind)


def gray_or_rgb(path: Path, image: pyvips.Image) -> pyvips.Image:
    """The same picture as one or three channels of 8 or 16 bits, with or without alpha."""
    if image.format not in ("uchar", "ushort"):
        raise ValueError(f"{path} has {image.format} samples; convert it to 8 or 16 bits per channel")
    wide = image.format == "ushort"
    if wide and field(image, "vips-loader").startswith("heifload"):
        image = _full_range(image)
    if image.interpretation == "cmyk":
        return image.icc_transform("srgb", embedded=True, input_profile="cmyk", depth=16 if wide else 8)
    if image.interpretation not in ("srgb", "rgb", "rgb16", "b-w", "grey16", "multiband"):
        image = image.colourspace("rgb16" if wide else "srgb")
    if image.bands > 4:
        raise ValueError(f"{path} has {image.bands} channels; convert it to gray or RGB, with or without alpha")
    return image


def _full_range(image: pyvips.Image) -> pyvips.Image:
    """10 and 12 bits, which libvips shifts to the left, such that white is white."""
    white = 65536 - (1 << 16 - (field(image, "bits-per-sample") or 16))
    return (image * (65535 / white)).rint().cast("ushort").copy(interpretation=image.interpretation)
