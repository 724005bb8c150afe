"""Photo files to pixels: what `formats.FORMATS` has, whole or in bands.

Whatever a decoder warns of ends the reading, as pixels may be wrong; asked to keep what is damaged, it is a note.
"""

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

from . import formats, metadata
from .checksums import damaged_chunks
from .colors import tag_of
from .compression import webp
from .decoding import damage, damaged, field, open_image, strictness
from .forks import using_libvips
from .formats import format_of
from .gain_map import has_gain_map
from .metadata import NOTHING, Metadata, exif
from .metadata.png import BEGINNING as PNG
from .metadata.png import TEXTS
from .others import reader
from .photo import Details, Photo, split
from .samples import gray_or_rgb, taken, without_spots

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
    """A photo file whose pixels are not read yet: upright, gray or RGB, with or without alpha, 8 or 16 bits or float.

    They can be read once, whole or in bands; ValueError if the file turns out to be damaged. `notes` are sentences
    about what of the file is not taken.
    """

    path: Path
    image: pyvips.Image
    details: Details
    notes: tuple[str, ...] = ()

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
        """uint8, uint16 or float32."""
        return np.dtype({"uchar": np.uint8, "ushort": np.uint16, "float": np.float32}[str(self.image.format)])

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
        details = self.details
        return Photo(pixels, alpha, details.metadata, details.resolution, details.profile, details.lossless)

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
        except pyvips.Error as error:
            raise damaged(self.path, error) from None


def open_photo(path: str | os.PathLike[str], limit: float = LIMIT, *, keep_damaged: bool = False) -> Opened:
    """Open a photo and turn it upright; CMYK and other color models become sRGB by their profile.

    Raises OSError if the file is not there or not to be opened, ImportError if its format needs an extra that is not
    installed, ValueError if it is no single picture in a format of `formats.FORMATS`, or has more than `limit`
    megapixels (a tenth of it if the file has to be decoded whole: interlaced ones, AVIF and all that is not libvips').
    Of a file that is damaged or cut short `keep_damaged` takes what can be read, with a note; it is decoded once more
    for that.
    """
    path = Path(path)
    _check_beginning(path)
    using_libvips()
    format, notes = format_of(path), list[str]()
    fail_on = strictness(path, format)
    try:
        other = reader(path, format)
        stored = None if other is None else other(path)
        if stored is not None:
            check_megapixels(path, stored.size, limit, WHOLE)
            notes += [f"{path}: {note}" for note in stored.notes]
        if keep_damaged and (why := damage(path, format)):
            fail_on = "none"
            notes.append(why)
        image = open_image(path, format, "sequential", fail_on)
        whole = field(image, "interlaced") or format.name == "AVIF"
        check_megapixels(path, (image.width, image.height), limit, WHOLE if whole else 1)
        with open(path, "rb") as file:
            found, resolution = metadata.read(file)
        if stored is not None:
            found = stored.metadata if found == NOTHING else found
            resolution = resolution or stored.resolution
        if format.name == "PNG" and set(damaged_chunks(path)) & set(TEXTS):
            notes.append(f"{path}: a text in it is damaged, and left out")
        if format.name == "JPEG" and has_gain_map(path):
            notes.append(f"{path}: its gain map, for displays of high dynamic range, is left out")
        orientation = _orientation(image, found)
        if orientation != UPRIGHT:
            # turning reads out of order: libvips decodes into memory, and large files onto the disk
            image = open_image(path, format, "random", fail_on).copy()
            image.set_type(pyvips.GValue.gint_type, "orientation", orientation)
            image = image.autorot()
        if format.name == "TIFF":
            image = without_spots(path, image, notes)
        image = taken(path, format, image, fail_on, notes)
        image = gray_or_rgb(path, image)
    except pyvips.Error as error:
        raise damaged(path, error) from None
    profile = field(image, "icc-profile-data")
    if profile is None and (tag := tag_of(path)) is not None:
        profile = tag.as_profile(1 if image.bands < 3 else 3)
    if orientation != UPRIGHT or format.name == "HEIC":  # whose decoder turns it
        found = metadata.turned(found)
    if orientation in SIDEWAYS and resolution:
        resolution = resolution[1], resolution[0]
    lossless = format.name == "WebP" and webp.is_lossless(path)
    return Opened(path, image, Details(found, resolution, profile, lossless), tuple(notes))


def read(path: str | os.PathLike[str], limit: float = LIMIT, *, keep_damaged: bool = False) -> Photo:
    """Read a photo; see `open_photo`."""
    return open_photo(path, limit, keep_damaged=keep_damaged).read()


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
        moving = beginning[4:] == formats.FTYP + b"avis" or (beginning.startswith(PNG) and _is_animated(file))
    if moving:
        raise ValueError(f"{path} is animated; save the picture to enlarge as a file of its own")


def _is_animated(file: BinaryIO) -> bool:
    """Whether a PNG file says before its picture that it has several, where libvips sees a single one."""
    file.seek(len(PNG))
    while len(head := file.read(8)) == 8 and head[4:] != b"IDAT":
        if head[4:] == b"acTL":
            return int.from_bytes(file.read(4), "big") > 1
        file.seek(int.from_bytes(head[:4], "big") + 4, os.SEEK_CUR)
    return False


def _orientation(image: pyvips.Image, found: Metadata) -> int:
    """How the stored picture has to be turned; libvips does not see what PNG files have as a text."""
    said = field(image, "orientation")
    if said is None and found.exif and str(field(image, "vips-loader")).startswith("pngload"):
        said = exif.orientation(found.exif)
    return said or UPRIGHT
