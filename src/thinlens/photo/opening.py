"""Photo files to pixels: what `formats.FORMATS` has, through libvips, whole or in bands.

Whatever a decoder warns of ends the reading, as pixels may be wrong; asked to keep what is damaged, it is a note.
"""

from __future__ import annotations

import math
import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
import pyvips
from numpy.typing import NDArray

from . import formats, metadata
from .colors import tag_of
from .compression import webp
from .forks import using_libvips
from .formats import Format, format_of
from .metadata import Metadata, exif
from .metadata.png import BEGINNING as PNG
from .photo import Details, Photo, split

STRIP = 256
"""Rows that are decoded at a time to see whether a file is whole."""
END = b"\xff\xd9"
"""The end marker of JPEG files."""
FILLING = bytes(range(1, 250))
"""Bytes that are no marker, whatever is before them."""
LAST_ROWS = 64
"""Of a JPEG: two rows of its largest blocks."""
UPRIGHT = 1
"""The EXIF orientation of pixels that are stored as they are shown."""
SIDEWAYS = (5, 6, 7, 8)
"""Those of pixels whose rows are shown as columns."""
GAIN_MAPS = (b"http://ns.adobe.com/hdr-gain-map/", b"urn:iso:std:iso:ts:21496:-1")
"""What says, in XMP or in a segment, that a JPEG file is followed by a gain map: Ultra HDR, as phones take it."""
SEGMENTS = 1 << 17
"""Bytes at the beginning of a JPEG file that it is said in."""
UNREAD = ("samples out of range", "not a whole number of bytes", "bad labq format")
"""What libvips says of TIFF files of 64-bit floats, 12 bits and 8-bit Lab."""
FLOATS = ("scrgb", "srgb", "rgb", "b-w", "multiband")
"""What libvips takes float samples of gray and RGB for, of which only the profile says what they are."""
NEARLY = 1e-3
"""How far float samples may lie outside of black and white, by rounding."""
LIMIT = 2500.0
"""Megapixels that a photo and its result may have at most, unless a caller allows more."""
WHOLE = 1 / 10
"""Its share that a photo may have whose file must be decoded whole: interlaced, or AVIF."""


@dataclass(frozen=True, eq=False)
class Opened:
    """A photo file whose pixels are not read yet: upright, gray or RGB, with or without alpha, 8 or 16 bits.

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
            raise _damaged(self.path, error) from None


def open_photo(path: str | os.PathLike[str], limit: float = LIMIT, *, keep_damaged: bool = False) -> Opened:
    """Open a photo and turn it upright; CMYK and other color models become sRGB by their profile.

    Raises OSError if the file is not there or not to be opened, ValueError if it is no single picture of 8 or 16 bits
    per channel in a format of `formats.FORMATS`, or has more than `limit` megapixels (a tenth of it if the file has to
    be decoded whole: interlaced ones and AVIF). Of a file that is damaged or cut short `keep_damaged` takes what can be
    read, with a note; it is decoded once more for that.
    """
    path = Path(path)
    _check_beginning(path)
    using_libvips()
    format, notes = format_of(path), list[str]()
    fail_on = _strictness(path, format)
    try:
        if keep_damaged and (why := _damage(path, format)):
            fail_on = "none"
            notes.append(why)
        image = _open(path, format, "sequential", fail_on)
        whole = _field(image, "interlaced") or _field(image, "vips-loader").startswith("heifload")
        check_megapixels(path, (image.width, image.height), limit, WHOLE if whole else 1)
        with open(path, "rb") as file:
            found, resolution = metadata.read(file)
        if format.name == "JPEG" and _has_gain_map(path):
            notes.append(f"{path}: its gain map, for displays of high dynamic range, is left out")
        orientation = _orientation(image, found)
        if orientation != UPRIGHT:
            # turning reads out of order: libvips decodes into memory, and large files onto the disk
            image = _open(path, format, "random", fail_on).copy()
            image.set_type(pyvips.GValue.gint_type, "orientation", orientation)
            image = image.autorot()
        if format.name == "TIFF":
            image = _without_spots(path, image, notes)
        image = _sixteen_bits(path, format, image, fail_on, notes)
        image = _gray_or_rgb(path, image)
    except pyvips.Error as error:
        raise _damaged(path, error) from None
    profile = _field(image, "icc-profile-data")
    if profile is None and (tag := tag_of(path)) is not None:
        profile = tag.as_profile(1 if image.bands < 3 else 3)
    if orientation != UPRIGHT:
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
    """Whether a PNG file has an animation control chunk before its picture, where libvips sees a single picture."""
    file.seek(len(PNG))
    while len(head := file.read(8)) == 8 and head[4:] != b"IDAT":
        if head[4:] == b"acTL":
            return True
        file.seek(int.from_bytes(head[:4], "big") + 4, os.SEEK_CUR)
    return False


def _damaged(path: Path, error: pyvips.Error) -> ValueError:
    text = str(error)
    if "not configured" in text or "not implemented" in text:
        number = formats.value(formats.tiff_directory(path), formats.COMPRESSION)
        name = formats.COMPRESSIONS.get(number or 0, f"the method {number}")
        return ValueError(
            f"{path} is compressed by {name}, which this build of libvips cannot decode; save it with deflate, LZW or "
            "without compression"
        )
    if any(said in text for said in UNREAD):
        return ValueError(
            f"{path} has samples of a kind that this build of libvips cannot decode; convert it to 8 or 16 bits per "
            "channel"
        )
    return ValueError(f"{path} is damaged or cut short; give --keep-damaged to take what can be read")


def _damage(path: Path, format: Format) -> str | None:
    """What a file that is damaged is noted by, None for one that is whole; it is decoded to see."""
    try:
        image = _open(path, format, "sequential", _strictness(path, format))
        region = pyvips.Region.new(image)
        for top in range(0, image.height, STRIP):
            region.fetch(0, top, image.width, min(STRIP, image.height - top))
    except pyvips.Error as error:
        if "cannot decode" in str(_damaged(path, error)):
            raise
        return f"{path} is damaged or cut short: what could be read of it was taken, the rest is gray, black or wrong"
    return None


def _open(path: Path, format: Format, access: str, fail_on: str) -> pyvips.Image:
    """The file as a lazy image; only a single picture is taken."""
    image = _lazy(path, format, access, fail_on)
    pages = _field(image, "n-pages") or 1
    if format.name == "TIFF" and pages > 1:
        pages -= formats.smaller_copies(path)
    if pages > 1:
        what = "is animated" if format.name == "GIF" else f"holds {pages} pictures"
        raise ValueError(f"{path} {what}; save the one to enlarge as a file of its own")
    return image


def _strictness(path: Path, format: Format) -> str:
    """What ends the reading of a file: all that its decoder warns of, as the pixels may be wrong.

    libtiff also warns of metadata; where damage is an error, not a warning (strips, most codecs), only errors count.
    """
    if format.name != "TIFF":
        return "warning"
    found = formats.tiff_directory(path)
    warned = formats.TILE_WIDTH in found or formats.value(found, formats.COMPRESSION) in formats.WARNED
    return "warning" if warned else "error"


def _lazy(path: Path, format: Format, access: str, fail_on: str) -> pyvips.Image:
    """The file, to be decoded when it is asked for. A JPEG that lacks its end marker, and maybe no more, gets one."""
    if format.name == "JPEG":
        with open(path, "rb") as file:
            file.seek(max(0, path.stat().st_size - len(END)))
            if file.read() != END:
                file.seek(0)
                return _ended(path, file.read(), access, fail_on)
    if format.name == "PNG" and fail_on != "none" and not _checksums_hold(path):
        raise pyvips.Error("the checksum of a chunk is wrong", str(path))
    # a source, because libvips reads options from brackets at the end of plain file names
    source = pyvips.Source.new_from_file(cast(str, os.fsencode(path)))
    return getattr(pyvips.Image, format.loader)(source, access=access, fail_on=fail_on)


def _ended(path: Path, data: bytes, access: str, fail_on: str) -> pyvips.Image:
    """A JPEG that has no end marker. If it lacks no more, bytes between the rest and the marker change nothing.

    Of what ends within its last blocks libjpeg warns too late for libvips to notice.
    """
    if fail_on != "none":
        as_it_is, filled = (_bottom(data + more + END) for more in (b"", FILLING))
        if not np.array_equal(as_it_is, filled):
            raise pyvips.Error("the last blocks are cut short", str(path))
    return pyvips.Image.jpegload_buffer(data + END, access=access, fail_on=fail_on)


def _bottom(data: bytes) -> NDArray[np.uint8]:
    """The last rows of a JPEG."""
    image = pyvips.Image.jpegload_buffer(data, access="sequential", fail_on="none")
    rows = min(LAST_ROWS, image.height)
    return image.crop(0, image.height - rows, image.width, rows).numpy()


def _checksums_hold(path: Path) -> bool:
    """Whether the chunks of a PNG file beside its pixels, which libvips checks, are whole: libpng leaves out others.

    One may say how the picture is to be turned, or its colors.
    """
    with open(path, "rb") as file:
        file.seek(len(PNG))
        while len(head := file.read(8)) == 8:
            size = int.from_bytes(head[:4], "big")
            if head[4:] == b"IDAT":
                file.seek(size + 4, os.SEEK_CUR)
                continue
            data, end = file.read(size), file.read(4)
            if len(end) == 4 and zlib.crc32(data, zlib.crc32(head[4:])) != int.from_bytes(end, "big"):
                return False
            if head[4:] == b"IEND":
                break
    return True


def _without_spots(path: Path, image: pyvips.Image, notes: list[str]) -> pyvips.Image:
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


def _sixteen_bits(path: Path, format: Format, image: pyvips.Image, fail_on: str, notes: list[str]) -> pyvips.Image:
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
    found = _open(path, format, "sequential", fail_on).stats()  # a reading of its own, in the order of the file
    lowest, highest = found.getpoint(0, 0)[0], found.getpoint(1, 0)[0]
    if lowest < -NEARLY or highest > 1 + NEARLY or not math.isfinite(found.getpoint(2, 0)[0]):  # the sum
        raise ValueError(
            f"{path} has float samples from {lowest:.4g} to {highest:.4g}, more than black to white, which would be "
            "lost; develop or scale it to 0…1"
        )
    notes.append(f"{path}: its float samples are taken as 16 bits")
    return (image * 65535).rint().cast("ushort").copy(interpretation=kind)


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


def _has_gain_map(path: Path) -> bool:
    with open(path, "rb") as file:
        head = file.read(SEGMENTS)
    return any(name in head for name in GAIN_MAPS)


def _orientation(image: pyvips.Image, found: Metadata) -> int:
    """How the stored picture has to be turned; libvips does not see what PNG files have as a text."""
    said = _field(image, "orientation")
    if said is None and found.exif and _field(image, "vips-loader").startswith("pngload"):
        said = exif.orientation(found.exif)
    return said or UPRIGHT


def _field(image: pyvips.Image, name: str) -> Any:
    """A field by its name, None without it. (Not from a list of all: comments may have names that are no text.)"""
    return image.get(name) if image.get_typeof(name) else None
