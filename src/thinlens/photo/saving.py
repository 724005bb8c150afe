"""Pixels to photo files: JPEG, PNG, WebP, TIFF and AVIF through libvips, whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias, cast

import numpy as np
import pyvips
from numpy.typing import NDArray

from ..files import appearing
from . import formats, metadata
from .forks import using_libvips
from .photo import Details, Photo, split, stack
from .resize import resize_image

PROFILE = "icc-profile-data"
BUFFER = 1 << 18
"""Bytes that are written at a time."""
ONLY_PROFILE = 8
"""The metadata that libvips is to write: no more than the ICC profile."""
Target: TypeAlias = Any
"""Where libvips writes to: a `pyvips.TargetCustom`, or the name of a file where it has to go back."""
CODED_TWICE = 100_000_000
"""Pixels up to which JPEG files get Huffman codes of their own, for which all coefficients are kept in memory."""
CLASSIC_TIFF = 3_900_000_000
"""Bytes of pixels that a TIFF file of 32-bit offsets holds for sure."""


@dataclass(frozen=True)
class Encoding:
    """How a result is compressed where its format leaves that open.

    `quality` is 1 to 100, for JPEG, WebP and AVIF, None for that of `write`; `lossless` is for WebP and AVIF.
    """

    quality: int | None = None
    lossless: bool = False

    def __post_init__(self) -> None:
        if self.quality is not None and self.lossless:
            raise ValueError("a quality and lossless contradict each other; give one of them")
        if self.quality is not None and not 1 <= self.quality <= 100:
            raise ValueError(f"the quality is a number from 1 to 100, got {self.quality}")

    def options(self, quality: int, lossless: bool = False) -> dict[str, Any]:
        """What libvips is to be told, for a format whose usual quality this is; lossless if the source is."""
        if self.lossless or (lossless and self.quality is None):
            return {"lossless": True}
        return {"Q": quality if self.quality is None else self.quality}


USUAL = Encoding()
"""Nothing asked for."""


class UnfinishedError(OSError):
    """Writing a file broke off half-way: a full disk, a picture too large for the format. Nothing was left behind."""


def write(photo: Photo, path: str | os.PathLike[str], encoding: Encoding = USUAL) -> None:
    """Write a photo in the format that the name ends in; the file appears whole or not at all.

    PNG and TIFF are lossless and keep 16 bits; JPEG is written at quality 95 without chroma subsampling, WebP at
    quality 95, or without loss if the photo comes from such a file, both with 8 bits, AVIF at quality 85 with 8 or 10
    bits, unless the encoding says otherwise. JPEG has no transparency: the photo is laid on white. Raises OSError or
    ValueError as `check_target` and `check_size`, and UnfinishedError if writing breaks off.
    """
    path = Path(path)
    check_target(path, encoding)
    check_size(path, (photo.pixels.shape[1], photo.pixels.shape[0]))
    with replacing(path) as temporary:
        save(image_of(stack(photo.pixels, photo.alpha)), path, temporary, photo.details, encoding)


def resize_photo(photo: Photo, size: tuple[int, int]) -> Photo:
    """The photo with another width and height; see `resize.resize_image`."""
    if photo.pixels.shape[1::-1] == size:
        return photo
    samples = stack(photo.pixels, photo.alpha)
    image = resize_image(image_of(samples), size, transparent=photo.alpha is not None)
    pixels, alpha = split(image.numpy().reshape(size[1], size[0], *samples.shape[2:]))
    return replace(photo, pixels=pixels, alpha=alpha)


def check_target(path: str | os.PathLike[str], encoding: Encoding = USUAL) -> None:
    """Raise OSError or ValueError, naming the remedy, if a photo cannot be written to this path, or not so."""
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise ValueError(f"cannot write {path}: the name must end in {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}")
    if encoding.quality is not None and suffix not in LOSSY:
        raise ValueError(f"cannot write {path} with a quality: {suffix} is without loss; leave the quality out")
    if encoding.lossless and suffix in JPEG:
        raise ValueError(f"cannot write {path} lossless: JPEG has losses; write PNG, TIFF, WebP or AVIF")
    if path.is_dir():
        raise IsADirectoryError(f"cannot write {path}: a folder has this name")
    if not path.parent.exists():
        raise FileNotFoundError(f"cannot write {path}: create the folder {path.parent} first")
    if not path.parent.is_dir():
        raise NotADirectoryError(f"cannot write {path}: {path.parent} is not a folder")
    if not os.access(path.parent, os.W_OK):
        raise PermissionError(f"cannot write {path}: you may not write to the folder {path.parent}")


def ending_of(path: Path) -> str:
    """What the name of a photo's result ends in: what its own does, if that can be written, else by its content.

    What is no picture keeps its ending; it is refused when it is opened.
    """
    if path.suffix.lower() in SUFFIXES:
        return path.suffix
    with suppress(OSError, ValueError):
        return formats.USUAL_SUFFIXES[formats.format_of(path).name]
    return path.suffix


def check_size(path: str | os.PathLike[str], size: tuple[int, int]) -> None:
    """Raise ValueError if the format that the name ends in has no pictures of this width and height."""
    largest = _LARGEST.get(Path(path).suffix.lower())
    if largest is not None and max(size) > largest:
        raise ValueError(
            f"cannot write {path}: {size[0]}x{size[1]} is too large for the format, which ends at {largest} pixels a "
            "side; write PNG or TIFF"
        )


@contextmanager
def replacing(path: Path) -> Generator[str, None, None]:
    """A temporary name beside a path, whose file takes its place in the end, or is removed if anything goes wrong."""
    hint = "is the disk full, or the picture too large for the format?"
    written = False
    try:
        with appearing(path) as temporary:
            try:
                yield str(temporary)
            except pyvips.Error as error:
                reason = str(error.detail).strip().splitlines()[0].removeprefix(f"{temporary}: ")
                raise UnfinishedError(f"cannot write {path}: {reason} ({hint})") from None
            written = True
    except OSError as error:
        if not written:
            raise
        raise UnfinishedError(f"cannot write {path}: {error.strerror} ({hint})") from None


def image_of(samples: NDArray[Any]) -> pyvips.Image:
    """Pixels, with alpha as a last channel, as a libvips image that says what they are."""
    using_libvips()
    wide, gray = samples.dtype == np.uint16, samples.ndim == 2 or samples.shape[2] == 2
    kind = ("grey16" if wide else "b-w") if gray else ("rgb16" if wide else "srgb")
    return pyvips.Image.new_from_array(np.ascontiguousarray(samples), interpretation=kind)


def save(image: pyvips.Image, path: Path, temporary: str, details: Details, encoding: Encoding = USUAL) -> None:
    """Write an image under a temporary name in the format that the path ends in; pyvips.Error if that fails."""
    resolution = metadata.sensible(*details.resolution) if details.resolution else None
    across, down = resolution or (1.0, 1.0)
    image = image.copy(xres=across, yres=down)
    if details.profile is not None:
        image.set_type(pyvips.GValue.blob_type, PROFILE, cast(Any, details.profile))
    form, saver = _SAVERS[path.suffix.lower()]
    encode = partial(saver, encoding=encoding, lossless=details.lossless)
    found = metadata.fitted(details.metadata, form, (image.width, image.height), resolution)
    try:
        if form.edit is None:
            encode(image, temporary)
            metadata.add_to_tiff(temporary, found, resolution)
        else:
            with open(temporary, "wb", BUFFER) as file:
                _Stream(file, partial(form.edit, found, resolution)).take(image, encode)
    except OSError as error:
        raise pyvips.Error("cannot write", error.strerror or str(error)) from None


class _Stream:
    """A file whose beginning is changed before it is written; all behind it is written as it comes."""

    def __init__(self, file: BinaryIO, edit: Callable[[bytes, bool], bytes | None]) -> None:
        self._file, self._edit, self._head = file, edit, b""
        self._passing = False
        self._error: OSError | None = None

    def take(self, image: pyvips.Image, encode: Callable[[pyvips.Image, Target], None]) -> None:
        """Write what an encoder makes of an image. Raises OSError, or pyvips.Error if the encoder fails."""
        target = pyvips.TargetCustom()
        target.on_write(self._write)
        try:
            encode(image, target)
        except pyvips.Error:
            if self._error is None:
                raise
            raise self._error from None
        if not self._passing:
            self._try(True)

    def _write(self, data: bytes | bytearray | memoryview) -> int:
        """Bytes taken; -1 after an error, which cannot be raised through libvips."""
        try:
            if self._passing:
                self._file.write(data)
            else:
                self._head += data
                self._try(False)
        except OSError as error:
            self._error = error
            return -1
        return len(data)

    def _try(self, ended: bool) -> None:
        changed = self._edit(self._head, ended)
        if changed is not None:
            self._file.write(changed)
            self._passing, self._head = True, b""


def _eight_bits(image: pyvips.Image) -> pyvips.Image:
    """16 bits rounded to 8; what has 8 stays."""
    if image.format == "uchar":
        return image
    kind = "b-w" if image.bands < 3 else "srgb"
    return ((image + 128) / 257).floor().cast("uchar").copy(interpretation=kind)


def _without_gray_profile(image: pyvips.Image) -> pyvips.Image:
    """For formats that have no gray: what a profile for gray says is applied, as it cannot be kept."""
    if image.bands >= 3 or not image.get_typeof(PROFILE):
        return image
    return image.icc_transform("srgb", embedded=True, depth=16 if image.format == "ushort" else 8)


def _save_jpeg(image: pyvips.Image, target: Target, encoding: Encoding, lossless: bool) -> None:
    image = _eight_bits(image)
    if image.hasalpha():
        image = image.flatten(background=[255])
    coded_twice = image.width * image.height <= CODED_TWICE
    options = encoding.options(95)
    image.jpegsave_target(target, keep=ONLY_PROFILE, subsample_mode="off", optimize_coding=coded_twice, **options)


def _save_png(image: pyvips.Image, target: Target, encoding: Encoding, lossless: bool) -> None:
    image.pngsave_target(target, keep=ONLY_PROFILE)


def _save_webp(image: pyvips.Image, target: Target, encoding: Encoding, lossless: bool) -> None:
    options = encoding.options(95, lossless)
    exact = "lossless" in options  # what is under transparent pixels, too
    image = _eight_bits(_without_gray_profile(image))
    image.webpsave_target(target, keep=ONLY_PROFILE, smart_subsample=True, exact=exact, **options)


def _save_tiff(image: pyvips.Image, path: Target, encoding: Encoding, lossless: bool) -> None:
    size = image.width * image.height * image.bands * (2 if image.format == "ushort" else 1)
    image.tiffsave(path, keep=ONLY_PROFILE, compression="deflate", predictor="horizontal", bigtiff=size > CLASSIC_TIFF)


def _save_avif(image: pyvips.Image, target: Target, encoding: Encoding, lossless: bool) -> None:
    depth, options = 10 if image.format == "ushort" else 8, encoding.options(85)
    plain = _without_gray_profile(image)
    plain.heifsave_target(target, keep=ONLY_PROFILE, compression="av1", bitdepth=depth, subsample_mode="off", **options)


_SAVERS: dict[str, tuple[metadata.Format, Callable[..., None]]] = {
    ".jpg": (metadata.FORMATS["jpeg"], _save_jpeg),
    ".jpeg": (metadata.FORMATS["jpeg"], _save_jpeg),
    ".png": (metadata.FORMATS["png"], _save_png),
    ".webp": (metadata.FORMATS["webp"], _save_webp),
    ".tif": (metadata.FORMATS["tiff"], _save_tiff),
    ".tiff": (metadata.FORMATS["tiff"], _save_tiff),
    ".avif": (metadata.FORMATS["avif"], _save_avif),
}
SUFFIXES = tuple(_SAVERS)
"""What the names of photo files end in, in lower case."""
JPEG = (".jpg", ".jpeg")
LOSSY = (*JPEG, ".webp", ".avif")
"""Those with a quality."""
_LARGEST = {".jpg": 65500, ".jpeg": 65500, ".webp": 16383, ".avif": 16384}
"""Pixels along a side."""
