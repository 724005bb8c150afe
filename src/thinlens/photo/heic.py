"""HEIC, which iPhones take, by pi-heif: decoders of HEVC are left out of the builds of libvips that pip has."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyvips

from .stored import EXTRA, Stored, full_range, image_from, straight

BEGINNING = 1 << 17
"""Bytes that hold the box `meta`, nearly always; more are read for nothing but a note."""
GAIN_MAPS = (b"urn:com:apple:photo:2020:aux:hdrgainmap", b"tmap")
GAIN_MAP = "its gain map, for displays of high dynamic range, is left out"


def stored(path: Path) -> Stored:
    """What the file says. Raises ImportError without pi-heif, ValueError if it is not one picture, or damaged."""
    try:
        import pi_heif
    except ModuleNotFoundError:
        raise ImportError(f"{path} is HEIC, which needs pi-heif: pip install '{EXTRA}'") from None
    data = path.read_bytes()
    try:
        file = pi_heif.open_heif(data, convert_hdr_to_8bit=False)
        image: Any = file[file.primary_index]
        size = image.size
    except Exception as error:  # whatever a decoder makes of bytes that are no picture
        raise pyvips.Error("libheif cannot read it", str(error)) from None
    if len(file) > 1:
        raise ValueError(f"{path} holds {len(file)} pictures; save the one to enlarge as a file of its own")
    notes = (GAIN_MAP,) if any(name in data[:BEGINNING] for name in GAIN_MAPS) else ()
    return Stored(size, partial(_decode, image), notes)


def _decode(image: Any, strict: bool) -> pyvips.Image:
    """Upright already, as the file says how to turn it."""
    try:
        samples = np.array(image)[:, : image.size[0]]  # a copy: the memory is the decoder's
    except Exception as error:
        raise pyvips.Error("libheif cannot decode it", str(error)) from None
    mode, bits = image.mode.split(";")[0], image.info["bit_depth"]
    if samples.dtype == np.uint16:
        samples = full_range(samples >> (16 - bits), bits)
    if mode.endswith("a"):
        samples = straight(samples)
    return image_from(samples, image.info.get("icc_profile"))
