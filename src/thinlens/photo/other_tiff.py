"""TIFF files that the builds of libvips that pip has do not read, by tifffile: their codecs, 64-bit floats, Lab."""

from __future__ import annotations

import logging
from collections.abc import Generator
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from threading import get_ident
from typing import Any

import numpy as np
import pyvips
from numpy.typing import NDArray

from . import formats
from .formats import ASSOCIATED_ALPHA
from .metadata.directories import Directory
from .stored import Stored, full_range, image_from, image_from_lab, straight

EXTRA = "thinlens[tiff]"
LACKING = (33003, 33004, 33005, 34712, 34887, 34925, 50000, 50002, 52546)
"""Compressions: JPEG 2000, LERC, LZMA, zstd, JPEG XL."""
BITS = (1, 2, 4, 8, 16, 32)
BITS_PER_SAMPLE, PHOTOMETRIC, PLANAR, SEPARATE = 258, 262, 284, 2
WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, INKS, LAB = 0, 1, 2, 5, 8
COLORS = {WHITE_IS_ZERO: 1, BLACK_IS_ZERO: 1, RGB: 3, INKS: 4, LAB: 3}
YCBCR_AS_RGB = 6
"""What JPEG and JPEG XL decode to RGB."""


def needed(found: Directory) -> bool:
    """Whether a file whose first directory this is is not libvips' to read."""
    bits = formats.value(found, BITS_PER_SAMPLE) or 1
    lab = formats.value(found, PHOTOMETRIC) == LAB and bits == 8
    return formats.value(found, formats.COMPRESSION) in LACKING or bits not in BITS or lab or _in_tiles(found)


def _in_tiles(found: Directory) -> bool:
    """Whether each channel has tiles of its own."""
    return formats.value(found, PLANAR) == SEPARATE and formats.TILE_WIDTH in found


def stored(path: Path) -> Stored:
    """What the first directory says. Raises ImportError without tifffile, ValueError for what it does not read."""
    found = formats.tiff_directory(path)
    number = formats.value(found, formats.COMPRESSION) or 1
    bits = formats.value(found, BITS_PER_SAMPLE) or 1
    what = f"is compressed by {formats.COMPRESSIONS.get(number, f'the method {number}')}"
    kind_of = "tiles of separate channels" if _in_tiles(found) else f"samples of {bits} bits of a kind"
    what = what if number in LACKING else f"has {kind_of}"
    if find_spec("tifffile") is None or find_spec("imagecodecs") is None:
        raise ImportError(f"{path} {what}, which needs tifffile and imagecodecs: pip install '{EXTRA}'")
    import tifffile

    try:
        with _reported(), tifffile.TiffFile(path) as file:
            page: Any = file.pages[0]
            size = page.imagewidth, page.imagelength
            count = len(file.pages) - formats.smaller_copies(path)
    except Exception as error:  # whatever a decoder makes of bytes that are no picture
        raise pyvips.Error("tifffile cannot read it", str(error)) from None
    if count > 1:
        raise ValueError(f"{path} holds {count} pictures; save the one to enlarge as a file of its own")
    kind = page.photometric
    if kind not in COLORS and kind != YCBCR_AS_RGB:
        raise ValueError(f"{path} {what}, and has colors of the kind {int(kind)}; save it with deflate, in RGB")
    return Stored(size, partial(_decode, path, size))


def _decode(path: Path, size: tuple[int, int], strict: bool) -> pyvips.Image:
    """Strictly, whatever tifffile reports is damage."""
    try:
        with _reported() as reports:
            image = _decoded(path, size)
    except MemoryError:
        raise
    except Exception as error:  # whatever a decoder makes of bytes that are no picture
        raise pyvips.Error("tifffile cannot decode it", str(error)) from None
    if strict and reports:
        raise pyvips.Error("tifffile reports damage", reports[0])
    return image


@contextmanager
def _reported() -> Generator[list[str], None, None]:
    """What tifffile reports meanwhile in this thread, which is not logged."""
    reports, thread = list[str](), get_ident()

    def keep(record: logging.LogRecord) -> bool:
        if record.thread != thread:
            return True
        reports.append(record.getMessage())
        return False

    logger = logging.getLogger("tifffile")
    logger.addFilter(keep)
    try:
        yield reports
    finally:
        logger.removeFilter(keep)


def _decoded(path: Path, size: tuple[int, int]) -> pyvips.Image:
    import tifffile

    with tifffile.TiffFile(path) as file:
        page: Any = file.pages[0]
        samples = np.asarray(page.asarray())
        separate = page.planarconfig == SEPARATE and samples.ndim == 3
        kind, bits, extra = int(page.photometric), page.bitspersample, [int(each) for each in page.extrasamples]
        profile: bytes | None = page.iccprofile
        turned = page.tags.valueof(274)
    samples = np.moveaxis(samples, 0, -1) if separate else samples
    channels = 1 if samples.ndim == 2 else samples.shape[2]
    if samples.shape[1::-1] != size or samples.ndim > 3 or channels < COLORS.get(kind, 3):
        raise ValueError(f"{samples.shape} is no picture of this kind")
    samples = samples.astype(samples.dtype.newbyteorder("="), copy=False)
    image = image_from_lab(_lab(samples)) if kind == LAB else _plain(samples, kind, bits, extra, profile)
    if turned:
        image.set_type(pyvips.GValue.gint_type, "orientation", int(turned))
    return image


def _lab(samples: NDArray[Any]) -> NDArray[np.float32]:
    """Of 8 bits: L from 0 to 255, a and b signed."""
    colors = samples[..., :3].astype(np.float32)
    colors[..., 0] *= 100 / 255
    colors[..., 1:] = samples[..., 1:3].view(np.int8)
    return colors


def _plain(samples: NDArray[Any], kind: int, bits: int, extra: list[int], profile: bytes | None) -> pyvips.Image:
    if samples.dtype.kind == "f":
        samples = samples.astype(np.float32)
    elif samples.dtype == np.uint16 and bits < 16:
        samples = full_range(samples, bits)
    if kind == WHITE_IS_ZERO:
        white = 1 if samples.dtype.kind == "f" else np.iinfo(samples.dtype).max
        samples = (white - samples).astype(samples.dtype)
    if extra[:1] == [ASSOCIATED_ALPHA] and samples.ndim == 3:
        colors = samples.shape[2] - len(extra)
        samples = np.concatenate([straight(samples[..., : colors + 1]), samples[..., colors + 1 :]], axis=2)
    return image_from(samples, profile, "cmyk" if kind == INKS else None)
