"""Photo files: JPEG, PNG, WebP and TIFF through libvips, with depth, transparency, profile and metadata kept."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias, cast

import numpy as np
import pyvips
from numpy.typing import NDArray

from .temporary import appearing

Value: TypeAlias = bytes | str

BEGINNINGS = (b"\xff\xd8\xff", b"\x89PNG\r\n", b"RIFF", b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
"""How JPEG, PNG, WebP (and other RIFF files), TIFF and BigTIFF files begin."""
LOADERS = ("jpegload", "pngload", "webpload", "tiffload")
KEPT = ("exif-data", "icc-profile-data", "xmp-data", "iptc-data", "photoshop-data", "resolution-unit")
"""The metadata that outlives enlarging, by libvips' names."""
STALE = ("jpeg-thumbnail-data", "exif-ifd1-")
"""The metadata inside EXIF that does not: the thumbnail need not be upright."""
UPRIGHT = 1
"""The EXIF orientation of pixels that are stored as they are shown."""


class UnfinishedError(OSError):
    """Writing a file broke off half-way: a full disk, a picture too large for the format. Nothing was left behind."""


@dataclass(frozen=True, eq=False)
class Photo:
    """A photograph, upright.

    `pixels` is `(H, W)` gray or `(H, W, 3)` RGB, uint8 or uint16, encoded as the ICC profile in the metadata says,
    sRGB without one; `alpha` is `(H, W)` of the same dtype, not premultiplied. `metadata` has libvips' names and
    values; `resolution` is horizontal and vertical pixels per millimeter, 72 dpi where the file says none.
    """

    pixels: NDArray[Any]
    alpha: NDArray[Any] | None = None
    metadata: Mapping[str, Value] = field(default_factory=dict[str, Value])
    resolution: tuple[float, float] = (72 / 25.4, 72 / 25.4)


def read(path: str | os.PathLike[str]) -> Photo:
    """Read a photo and turn it upright; CMYK and other color models become sRGB by their profile.

    Raises OSError if the file is not there or not to be opened, ValueError if it is no complete JPEG, PNG, WebP or
    TIFF picture of 8 or 16 bits per channel.
    """
    path = Path(path)
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder, not a photo")
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist")
    if path.stat().st_size == 0:
        raise ValueError(f"{path} is empty")
    with open(path, "rb") as file:
        known = file.read(6).startswith(BEGINNINGS)
    if not known:
        raise ValueError(f"{path} is not a JPEG, PNG, WebP or TIFF picture")
    try:
        image = _open(path)
        image = _upright(_gray_or_rgb(path, image))
        samples: NDArray[Any] = image.numpy()
    except pyvips.Error:
        raise ValueError(f"{path} is damaged or cut short") from None
    samples = samples if samples.ndim == 3 else samples[..., None]
    colors = 1 if image.bands < 3 else 3
    pixels = np.ascontiguousarray(samples[..., 0] if colors == 1 else samples[..., :3])
    alpha = np.ascontiguousarray(samples[..., colors]) if image.bands > colors else None
    kept = {name: value for name in KEPT if (value := _field(image, name)) is not None}
    return Photo(pixels, alpha, kept, _resolution(image.xres, image.yres))


def write(photo: Photo, path: str | os.PathLike[str]) -> None:
    """Write a photo in the format that the name ends in; the file appears whole or not at all.

    PNG and TIFF are lossless and keep 16 bits; JPEG is written at quality 95 without chroma subsampling, WebP at
    quality 95, both with 8 bits. JPEG has no transparency: the photo is laid on white. Raises OSError or ValueError
    as `check_target`, and UnfinishedError if writing breaks off.
    """
    path = Path(path)
    check_target(path)
    save = _SAVERS[path.suffix.lower()]
    with appearing(path) as temporary:
        try:
            save(photo, str(temporary))
        except pyvips.Error as error:
            reason = str(error.detail).strip().splitlines()[0].removeprefix(f"{temporary}: ")
            hint = "is the disk full, or the picture too large for the format?"
            raise UnfinishedError(f"cannot write {path}: {reason} ({hint})") from None


def check_target(path: str | os.PathLike[str]) -> None:
    """Raise OSError or ValueError, naming the remedy, if a photo cannot be written to this path."""
    path = Path(path)
    if path.suffix.lower() not in SUFFIXES:
        raise ValueError(f"cannot write {path}: the name must end in {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}")
    if path.is_dir():
        raise IsADirectoryError(f"cannot write {path}: a folder has this name")
    if not path.parent.exists():
        raise FileNotFoundError(f"cannot write {path}: create the folder {path.parent} first")
    if not path.parent.is_dir():
        raise NotADirectoryError(f"cannot write {path}: {path.parent} is not a folder")
    if not os.access(path.parent, os.W_OK):
        raise PermissionError(f"cannot write {path}: you may not write to the folder {path.parent}")


def _open(path: Path) -> pyvips.Image:
    """The file as a lazy image; its format is told by its content, and only a single picture is taken."""
    # a source, because libvips reads options from brackets at the end of plain file names
    source = pyvips.Source.new_from_file(str(path))
    image = pyvips.Image.new_from_source(source, "", access="sequential", fail_on="truncated")
    if not _field(image, "vips-loader").startswith(LOADERS):
        raise ValueError(f"{path} is not a JPEG, PNG, WebP or TIFF picture")
    pages = _field(image, "n-pages") or 1
    if pages > 1:
        raise ValueError(f"{path} holds {pages} pictures; save the one to enlarge as a file of its own")
    return image


def _gray_or_rgb(path: Path, image: pyvips.Image) -> pyvips.Image:
    """The same picture as one or three channels of 8 or 16 bits, with or without alpha."""
    if image.format not in ("uchar", "ushort"):
        raise ValueError(f"{path} has {image.format} samples; convert it to 8 or 16 bits per channel")
    wide = image.format == "ushort"
    if image.interpretation == "cmyk":
        return image.icc_transform("srgb", embedded=True, input_profile="cmyk", depth=16 if wide else 8)
    if image.interpretation not in ("srgb", "rgb", "rgb16", "b-w", "grey16", "multiband"):
        image = image.colourspace("rgb16" if wide else "srgb")
    if image.bands > 4:
        raise ValueError(f"{path} has {image.bands} channels; convert it to gray or RGB, with or without alpha")
    return image


def _upright(image: pyvips.Image) -> pyvips.Image:
    if _field(image, "orientation") in (None, UPRIGHT):
        return image
    return image.copy_memory().autorot()  # turning reads out of order, which a file being decoded cannot


def _resolution(across: float, down: float) -> tuple[float, float]:
    """The resolution of a file, unless it is 1, which is libvips' way to say that there is none, or absurd."""
    known = 0.001 < min(across, down) and max(across, down) < 100_000 and not across == down == 1
    return (across, down) if known else Photo.resolution


def _field(image: pyvips.Image, name: str) -> Any:
    """A field by its name, None without it. (Not from a list of all: comments may have names that are no text.)"""
    return image.get(name) if image.get_typeof(name) else None


def _image(photo: Photo, *, bits: int, transparent: bool = True) -> pyvips.Image:
    """The photo as a libvips image with its metadata; fewer bits are rounded to, more are not made up."""
    pixels, alpha = photo.pixels, photo.alpha
    if bits == 8 and pixels.dtype == np.uint16:
        pixels, alpha = _eight_bits(pixels), None if alpha is None else _eight_bits(alpha)
    if alpha is not None:
        pixels = np.dstack([pixels, alpha])
    wide, gray = pixels.dtype == np.uint16, photo.pixels.ndim == 2
    kind = ("grey16" if wide else "b-w") if gray else ("rgb16" if wide else "srgb")
    image = pyvips.Image.new_from_array(np.ascontiguousarray(pixels), interpretation=kind)
    if alpha is not None and not transparent:
        image = image.flatten(background=[255])
    image = image.copy(xres=photo.resolution[0], yres=photo.resolution[1])
    for name, value in photo.metadata.items():
        type_ = pyvips.GValue.gstr_type if isinstance(value, str) else pyvips.GValue.blob_type
        image.set_type(type_, name, cast(Any, value))
    for name in image.get_fields():
        if name.startswith(STALE):
            image.remove(name)
    if "exif-data" in photo.metadata:  # which has brought back the orientation that the file had
        image.set_type(pyvips.GValue.gint_type, "orientation", UPRIGHT)
    return image


def _eight_bits(samples: NDArray[Any]) -> NDArray[np.uint8]:
    return ((samples.astype(np.uint32) + 128) // 257).astype(np.uint8)


def _save_jpeg(photo: Photo, path: str) -> None:
    image = _image(photo, bits=8, transparent=False)
    image.jpegsave(path, Q=95, subsample_mode="off", optimize_coding=True)


def _save_png(photo: Photo, path: str) -> None:
    _image(photo, bits=16).pngsave(path)


def _save_webp(photo: Photo, path: str) -> None:
    _image(photo, bits=8).webpsave(path, Q=95, smart_subsample=True)


def _save_tiff(photo: Photo, path: str) -> None:
    _image(photo, bits=16).tiffsave(path, compression="deflate", predictor="horizontal")


_SAVERS: dict[str, Callable[[Photo, str], None]] = {
    ".jpg": _save_jpeg,
    ".jpeg": _save_jpeg,
    ".png": _save_png,
    ".webp": _save_webp,
    ".tif": _save_tiff,
    ".tiff": _save_tiff,
}
SUFFIXES = tuple(_SAVERS)
"""What the names of photo files end in, in lower case."""
