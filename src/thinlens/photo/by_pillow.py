"""BMP, TGA, JPEG 2000 and PSD, by Pillow, which the builds of libvips that pip has do not read."""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import pyvips
from numpy.typing import NDArray

from .metadata import NOTHING, Metadata, Resolution, iptc, sensible
from .stored import EXTRA, Stored, image_from, image_from_lab

PER_INCH = 25.4
EMBEDDED_PROFILE = b"DEBM"
"""What a BMP header of version 5 calls a color space whose profile is in the file."""
BMP_VERSION_5 = 124
"""Bytes of its header."""
LONGEST_BOXES = 1 << 24
"""Bytes of a JPEG 2000 file in which its profile and depth are looked for."""
PSD_MODES = {0: "bitmap", 1: "grayscale", 2: "indexed color", 3: "RGB", 4: "CMYK", 8: "duotone", 9: "Lab"}
PSD_COLORS = {0: 1, 1: 1, 2: 1, 3: 3, 4: 4, 8: 1, 9: 3}
RGB, EXIF, XMP = 3, 1058, 1060
"""Photoshop's number of a color mode, and of image resources."""
UNSUPPORTED = ("Unsupported", "unknown TGA")
"""How Pillow's errors begin that are of no damage."""
_lock = Lock()
"""Whether Pillow takes files that are cut short is a setting of the process."""


def stored(name: str, path: Path) -> Stored:
    """What a file in a format, one of `OPENERS`, says. Raises ImportError without Pillow, else as `Stored`."""
    if find_spec("PIL") is None:
        raise ImportError(f"{path} is {name}, which needs Pillow: pip install '{EXTRA}'")
    try:
        return OPENERS[name](path, path.read_bytes())
    except (ValueError, MemoryError, pyvips.Error):
        raise
    except Exception as error:  # whatever a decoder makes of bytes that are no picture
        if str(error).startswith(UNSUPPORTED):
            raise ValueError(f"{path} is {name} of a kind that Pillow does not read; save it as PNG") from None
        raise pyvips.Error("Pillow cannot read it", str(error)) from None


def _bmp(path: Path, data: bytes) -> Stored:
    from PIL import BmpImagePlugin

    image = BmpImagePlugin.BmpImageFile(BytesIO(data))
    profile = None
    if int.from_bytes(data[14:18], "little") >= BMP_VERSION_5 and data[70:74] == EMBEDDED_PROFILE:
        offset, size = struct.unpack_from("<II", data, 126)
        profile = data[14 + offset : 14 + offset + size]
    return Stored(image.size, partial(_decode, image, profile), (), NOTHING, _resolution(image))


def _tga(path: Path, data: bytes) -> Stored:
    from PIL import TgaImagePlugin

    image = TgaImagePlugin.TgaImageFile(BytesIO(data))
    return Stored(image.size, partial(_decode, image, None))


def _jpeg_2000(path: Path, data: bytes) -> Stored:
    from PIL import Jpeg2KImagePlugin

    image = Jpeg2KImagePlugin.Jpeg2KImageFile(BytesIO(data))
    boxes = data[:LONGEST_BOXES]
    profile, notes = None, list[str]()
    if (at := boxes.find(b"colr\2", 0, boxes.find(b"jp2c"))) > 0:
        profile = boxes[at + 7 : at - 4 + int.from_bytes(boxes[at - 4 : at], "big")]
    if (at := boxes.find(b"\xff\x4f\xff\x51")) >= 0 and (boxes[at + 42] & 127) > 7 and image.mode != "I;16":
        notes.append(f"its {(boxes[at + 42] & 127) + 1} bits are taken as 8 bits")
    return Stored(image.size, partial(_decode, image, profile), tuple(notes), NOTHING, _resolution(image))


def _psd(path: Path, data: bytes) -> Stored:
    from PIL import PsdImagePlugin

    version, channels, bits, mode = struct.unpack(">H6xH8xHH", data[4:26])
    if version != 1 or mode not in PSD_MODES or bits not in (1, 8):
        kind = "of more than 8 bits" if mode in PSD_MODES and version == 1 else "of a kind"
        raise ValueError(f"{path} is a PSD file {kind} that Pillow does not read; save it as TIFF")
    image = PsdImagePlugin.PsdImageFile(BytesIO(data))
    colors, notes = PSD_COLORS[mode], list[str]()
    transparent = mode == RGB and channels == 4 and _hides(image)
    if channels > colors + transparent:
        notes.append(f"{channels - colors - transparent} of its channels, no colors, are left out")
    resources: dict[int, bytes] = {number: content for number, _, content in image.resources}
    start = 30 + int.from_bytes(data[26:30], "big")
    kept = iptc.resources(data[start + 4 : start + 4 + int.from_bytes(data[start : start + 4], "big")])
    found = Metadata(resources.get(EXIF), resources.get(XMP), kept)
    resolution = None
    if len(said := resources.get(1005, b"")) >= 12:
        across, down = struct.unpack(">I4xI", said[:12])
        resolution = sensible(across / 65536 / PER_INCH, down / 65536 / PER_INCH)
    profile = image.info.get("icc_profile")
    decode = partial(_decode, image, profile, matted=transparent, channels=colors + transparent)
    return Stored(image.size, decode, tuple(notes), found, resolution)


def _hides(image: Any) -> bool:
    """Whether the first channel beyond the colors is transparency: the number of layers is negative then."""
    if image._layers_position is None:
        return False
    image._fp.seek(image._layers_position)
    return int.from_bytes(image._fp.read(2), "big", signed=True) < 0


OPENERS: dict[str, Callable[[Path, bytes], Stored]] = {
    "BMP": _bmp,
    "TGA": _tga,
    "JPEG 2000": _jpeg_2000,
    "PSD": _psd,
}


def _resolution(image: Any) -> Resolution:
    across, down = image.info.get("dpi", (0, 0))
    return sensible(across / PER_INCH, down / PER_INCH)


def _decode(
    image: Any, profile: bytes | None, strict: bool, matted: bool = False, channels: int | None = None
) -> pyvips.Image:
    from PIL import ImageFile

    try:
        with _lock:
            ImageFile.LOAD_TRUNCATED_IMAGES = not strict
            try:
                image.load()
            finally:
                ImageFile.LOAD_TRUNCATED_IMAGES = False
        image = image.convert(_plain(image))
        # of Lab the channels one by one: an array of all has signs in some versions
        samples = np.dstack(image.split()) if image.mode == "LAB" else np.asarray(image)
    except MemoryError:
        raise
    except Exception as error:  # whatever a decoder makes of bytes that are no picture
        raise pyvips.Error("Pillow cannot decode it", str(error)) from None
    if channels is not None and samples.ndim == 3:
        samples = samples[..., :channels]
    if image.mode in ("LA", "RGBA") and samples.shape[2] in (2, 4) and not samples[..., -1].any():
        samples = samples[..., 0] if samples.shape[2] == 2 else samples[..., :3]
    if image.mode == "LAB":
        return image_from_lab(samples.astype(np.float32) * (100 / 255, 1, 1) - (0, 128, 128))
    matted = matted and samples.shape[2:] == (4,)
    return image_from(_unmatted(samples) if matted else samples, profile, "cmyk" if image.mode == "CMYK" else None)


def _plain(image: Any) -> str:
    """The mode that holds the samples of an image as they are, its palette applied."""
    if image.mode == "1":
        return "L"
    if image.mode in ("P", "PA"):
        return "RGBA" if image.mode == "PA" or image.palette.mode == "RGBA" or "transparency" in image.info else "RGB"
    return image.mode


def _unmatted(samples: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The merged picture of a PSD file as it is without the white that it was laid on."""
    alpha = samples[..., 3:].astype(np.float32)
    colors = (samples[..., :3] - (255 - alpha)) * (255 / np.maximum(alpha, 1))
    return np.dstack([np.rint(np.clip(colors, 0, 255)).astype(np.uint8), samples[..., 3:]])
