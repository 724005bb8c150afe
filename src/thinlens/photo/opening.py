"""Photo files to pixels: JPEG, PNG, WebP, TIFF and AVIF through libvips, whole or in bands."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyvips
from numpy.typing import NDArray

from . import metadata
from .metadata import Metadata, exif
from .photo import Details, Photo, split

PNG = b"\x89PNG\r\n\x1a\n"
BEGINNINGS = (b"\xff\xd8\xff", PNG, b"RIFF", b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
"""How JPEG, PNG, WebP (and other RIFF files), TIFF and BigTIFF files begin."""
BOXES = b"ftyp"
"""What stands after the first four bytes of AVIF and HEIC files."""
HEIC = tuple(BOXES + brand for brand in (b"heic", b"heix", b"heim", b"heis"))
"""What stands there in HEIC files, which few builds of libvips can read, for patents."""
LOADERS = ("jpegload", "pngload", "webpload", "tiffload", "heifload")
FORMATS = "JPEG, PNG, WebP, TIFF or AVIF"
UPRIGHT = 1
"""The EXIF orientation of pixels that are stored as they are shown."""
SIDEWAYS = (5, 6, 7, 8)
"""Those of pixels whose rows are shown as columns."""
LIMIT = 2500.0
"""Megapixels that a photo and its result may have at most, unless a caller allows more."""
WHOLE = 1 / 10
"""Its share that a photo may have whose file must be decoded whole: interlaced, or AVIF."""


@dataclass(frozen=True, eq=False)
class Opened:
    """A photo file whose pixels are not read yet: upright, gray or RGB, with or without alpha, 8 or 16 bits.

    They can be read once, whole or in bands; ValueError if the file turns out to be damaged.
    """

    path: Path
    image: pyvips.Image
    details: Details

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels, upright."""
        return self.image.width, self.image.height

    @property
    def shape(self) -> tuple[int, ...]:
        """`(H, W)`, or `(H, W, channels)`."""
        image = self.image
        return (image.height, image.width) if image.bands == 1 else (image.height, image.width, image.bands)

    @property
    def dtype(self) -> np.dtype[Any]:
        """uint8 or uint16."""
        return np.dtype(np.uint16 if self.image.format == "ushort" else np.uint8)

    @property
    def bytes(self) -> int:
        """Of all pixels."""
        return math.prod(self.shape) * self.dtype.itemsize

    @property
    def color(self) -> bool:
        """Whether it is RGB, not gray."""
        return self.image.bands >= 3

    @property
    def transparent(self) -> bool:
        """Whether the last channel is alpha."""
        return self.image.bands in (2, 4)

    def read(self) -> Photo:
        """The whole photo."""
        pixels, alpha = split(next(self.bands(self.image.height)))
        return Photo(pixels, alpha, self.details.metadata, self.details.resolution, self.details.profile)

    def bands(self, rows: int) -> Iterator[NDArray[Any]]:
        """Bands of so many rows, `(rows, W)`, or `(rows, W, channels)` with alpha last; the last may be lower."""
        image = self.image
        try:
            if rows >= image.height:
                yield image.numpy().reshape(self.shape)
                return
            region = pyvips.Region.new(image)
            for top in range(0, image.height, rows):
                count = min(rows, image.height - top)
                samples = np.frombuffer(region.fetch(0, top, image.width, count), self.dtype)
                yield samples.reshape(count, *self.shape[1:])
        except pyvips.Error:
            raise _damaged(self.path) from None


def open_photo(path: str | os.PathLike[str], limit: float = LIMIT) -> Opened:
    """Open a photo and turn it upright; CMYK and other color models become sRGB by their profile.

    Raises OSError if the file is not there or not to be opened, ValueError if it is no single picture of 8 or 16 bits
    per channel in a format of `FORMATS`, or has more than `limit` megapixels (a tenth of it if the file has to be
    decoded whole: interlaced ones and AVIF).
    """
    path = Path(path)
    _check_beginning(path)
    try:
        image = _open(path, "sequential")
        whole = _field(image, "interlaced") or _field(image, "vips-loader").startswith("heifload")
        check_megapixels(path, (image.width, image.height), limit, WHOLE if whole else 1)
        with open(path, "rb") as file:
            found, resolution = metadata.read(file)
        orientation = _orientation(image, found)
        if orientation != UPRIGHT:
            # turning reads out of order: libvips decodes into memory, and large files onto the disk
            image = _open(path, "random").copy()
            image.set_type(pyvips.GValue.gint_type, "orientation", orientation)
            image = image.autorot()
        image = _gray_or_rgb(path, image)
    except pyvips.Error:
        raise _damaged(path) from None
    if orientation != UPRIGHT:
        found = metadata.turned(found)
    if orientation in SIDEWAYS and resolution:
        resolution = resolution[1], resolution[0]
    return Opened(path, image, Details(found, resolution, _field(image, "icc-profile-data")))


def read(path: str | os.PathLike[str], limit: float = LIMIT) -> Photo:
    """Read a photo; see `open_photo`."""
    return open_photo(path, limit).read()


def check_megapixels(path: str | os.PathLike[str], size: tuple[int, int], limit: float, share: float = 1) -> None:
    """Raise ValueError, naming the option to raise it, if a picture has more megapixels than this share of a limit."""
    found = size[0] * size[1] / 1e6
    if found > limit * share:
        kind = "a picture" if share == 1 else "one that is decoded whole"
        raise ValueError(
            f"{path}: {size[0]}x{size[1]} is more than the {limit * share:g} megapixels that {kind} may have; "
            f"if it is meant, raise the limit with --limit {math.ceil(found / share)}"
        )


def _check_beginning(path: Path) -> None:
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder, not a photo")
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist")
    if path.stat().st_size == 0:
        raise ValueError(f"{path} is empty")
    with open(path, "rb") as file:
        beginning = file.read(12)
        moving = beginning[4:] == BOXES + b"avis" or (beginning.startswith(PNG) and _is_animated(file))
    if beginning.startswith(b"GIF8"):
        raise ValueError(f"{path} is a GIF; save the picture to enlarge as PNG")
    if not beginning.startswith(BEGINNINGS) and beginning[4:8] != BOXES:
        raise ValueError(f"{path} is not a {FORMATS} picture")
    if moving:
        raise ValueError(f"{path} is animated; save the picture to enlarge as a file of its own")


def _is_animated(file: BinaryIO) -> bool:
    """Whether a PNG file has an animation control chunk before its picture, where libvips sees a single picture."""
    file.seek(len(PNG))
    while len(head := file.read(8)) == 8 and head[4:] != b"IDAT":
        if head[4:] == b"acTL":
            return True
        file.seek(int.from_bytes(head[:4], "big") + 4, os.SEEK_CUR)
    return False


def _damaged(path: Path) -> ValueError:
    with open(path, "rb") as file:
        brand = file.read(12)[4:]
    if brand in HEIC:
        return ValueError(f"{path} is HEIC, which this build of libvips may not decode; save it as JPEG or AVIF")
    return ValueError(f"{path} is damaged or cut short")


def _open(path: Path, access: str) -> pyvips.Image:
    """The file as a lazy image; its format is told by its content, and only a single picture is taken."""
    # a source, because libvips reads options from brackets at the end of plain file names
    source = pyvips.Source.new_from_file(str(path))
    image = pyvips.Image.new_from_source(source, "", access=access, fail_on="truncated")
    if not _field(image, "vips-loader").startswith(LOADERS):
        raise ValueError(f"{path} is not a {FORMATS} picture")
    pages = _field(image, "n-pages") or 1
    if pages > 1:
        raise ValueError(f"{path} holds {pages} pictures; save the one to enlarge as a file of its own")
    return image


def _gray_or_rgb(path: Path, image: pyvips.Image) -> pyvips.Image:
    """The same picture as one or three channels of 8 or 16 bits, with or without alpha."""
    if image.format not in ("uchar", "ushort"):
        raise ValueError(f"{path} has {image.format} samples; convert it to 8 or 16 bits per channel")
    wide = image.format == "ushort"
    if wide and _field(image, "vips-loader").startswith("heifload"):
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
    white = 65536 - (1 << 16 - (_field(image, "bits-per-sample") or 16))
    return (image * (65535 / white)).rint().cast("ushort").copy(interpretation=image.interpretation)


def _orientation(image: pyvips.Image, found: Metadata) -> int:
    """How the stored picture has to be turned; libvips does not see what PNG files have as a text."""
    said = _field(image, "orientation")
    if said is None and found.exif and _field(image, "vips-loader").startswith("pngload"):
        said = exif.orientation(found.exif)
    return said or UPRIGHT


def _field(image: pyvips.Image, name: str) -> Any:
    """A field by its name, None without it. (Not from a list of all: comments may have names that are no text.)"""
    return image.get(name) if image.get_typeof(name) else None
