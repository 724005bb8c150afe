"""The formats that photo files may have, by how they begin, and who reads each."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from .metadata import directories, png
from .metadata.directories import DAMAGED, Directory, numbers

FTYP = b"ftyp"
HEIC = (b"heic", b"heix", b"heim", b"heis", b"hevc")
"""Brands of HEIC files, which the builds of libvips that pip has cannot decode, for patents."""
RAW = (
    *(".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dcr", ".dng", ".erf", ".iiq", ".kdc", ".mef", ".mos", ".mrw", ".nef"),
    *(".nrw", ".orf", ".pef", ".raf", ".raw", ".rw2", ".sr2", ".srf", ".srw", ".x3f"),
)
"""Suffixes of what cameras store before it is developed."""
RAW_BEGINNINGS = (b"FUJIFILMCCD-RAW", b"IIRO", b"IIRS", b"MMOR", b"IIU\0", b"FOVb", b"\0MRM")
SUB_IFDS, NEW_SUBFILE_TYPE, EXTRA_SAMPLES, COMPRESSION, TILE_WIDTH, DNG_VERSION = 330, 254, 338, 259, 322, 50706
REDUCED = 1
"""A bit of the subfile type: a smaller copy of another picture."""
ASSOCIATED_ALPHA, UNASSOCIATED_ALPHA = 1, 2
COMPRESSIONS = {
    **{1: "nothing", 5: "LZW", 7: "JPEG", 8: "deflate", 32773: "PackBits", 34712: "JPEG 2000", 34887: "LERC"},
    **{34925: "LZMA", 50000: "zstd", 50001: "WebP", 50002: "JPEG XL", 52546: "JPEG XL", 32946: "deflate"},
}
"""Names of what TIFF files are compressed by."""
WARNED = (2, 3, 4, 32773)
"""Those, CCITT's and PackBits, whose decoders of libtiff warn of what is damaged."""


@dataclass(frozen=True)
class Format:
    """Its name, libvips' operation that reads it from a source, and whether a file that begins so is one."""

    name: str
    loader: str
    begins: Callable[[bytes], bool]


def _starts(*beginnings: bytes) -> Callable[[bytes], bool]:
    return lambda head: head.startswith(beginnings)


FORMATS = (
    Format("JPEG", "jpegload_source", _starts(b"\xff\xd8\xff")),
    Format("PNG", "pngload_source", _starts(png.BEGINNING)),
    Format("WebP", "webpload_source", lambda head: head[:4] == b"RIFF" and head[8:12] == b"WEBP"),
    Format("TIFF", "tiffload_source", _starts(b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")),
    Format("AVIF", "heifload_source", lambda head: head[4:8] == FTYP and head[8:12] not in HEIC),
    Format("GIF", "gifload_source", _starts(b"GIF8")),
)
"""All that is read."""
NAMES = ", ".join(each.name for each in FORMATS[:-1]) + " or " + FORMATS[-1].name


READ_SUFFIXES = (".jfif", ".jpe", ".mpo", ".jpg_large")
"""Further suffixes of photos, JPEG files all, that are taken out of folders."""
OTHER_SUFFIXES = (
    *RAW,
    *(".heic", ".heif", ".hif", ".jxl", ".jp2", ".j2k", ".jpx", ".bmp", ".dib", ".gif", ".tga", ".psd", ".psb", ".xcf"),
    *(".pbm", ".pgm", ".ppm", ".pnm", ".pam", ".pfm", ".exr", ".hdr", ".svg", ".ico", ".qoi", ".pcx", ".sgi"),
)
"""Suffixes of pictures that are not taken out of folders: not read, or, as GIF, seldom a photo."""
USUAL_SUFFIXES = {"JPEG": ".jpg", "PNG": ".png", "WebP": ".webp", "TIFF": ".tif", "AVIF": ".avif", "GIF": ".png"}
"""What the name of a result ends in where its photo's name does not end in what can be written."""


def format_of(path: Path) -> Format:
    """The format of a file, by its content. Raises ValueError, with the way out where there is one, if it is none."""
    with open(path, "rb") as file:
        head = file.read(16)
        raw = path.suffix.lower() in RAW or head.startswith(RAW_BEGINNINGS) or head[4:12] == FTYP + b"crx "
        if raw or _is_undeveloped(file, head):
            raise ValueError(
                f"{path} is a camera's raw file, whose picture is not developed yet; develop it, with darktable or "
                "RawTherapee say, and enlarge the TIFF"
            )
    if head[4:8] == FTYP and head[8:12] in HEIC:
        raise ValueError(f"{path} is HEIC, which this build of libvips may not decode; save it as JPEG or AVIF")
    for each in FORMATS:
        if each.begins(head):
            return each
    raise ValueError(f"{path} is not a {NAMES} picture")


def tiff_directory(path: Path) -> Directory:
    """The values of the first directory of a TIFF file; empty if it cannot be read."""
    found: Directory = {}
    with suppress(*DAMAGED), open(path, "rb") as file:
        found = directories.directory(file, *directories.header(file))
    return found


def value(found: Directory, tag: int) -> int | None:
    """The first number of a value, None where there is none."""
    if tag not in found:
        return None
    with suppress(*DAMAGED, KeyError):
        return next(iter(numbers(found[tag])), None)
    return None


def extra_samples(found: Directory) -> list[int]:
    """What the channels beyond the colors are: 0 unspecified, 1 and 2 alpha."""
    return numbers(found[EXTRA_SAMPLES]) if EXTRA_SAMPLES in found else []


def smaller_copies(path: Path) -> int:
    """How many of the pictures of a TIFF file after the first are smaller copies of it."""
    count = 0
    with suppress(*DAMAGED), open(path, "rb") as file:
        layout, offset = directories.header(file)
        seen = {offset}
        while (offset := directories.following(file, layout, offset)) and offset not in seen:
            seen.add(offset)
            kind = value(directories.directory(file, layout, offset), NEW_SUBFILE_TYPE) or 0
            count += bool(kind & REDUCED)
    return count


def _is_undeveloped(file: BinaryIO, head: bytes) -> bool:
    """Whether a file that begins as TIFF holds a thumbnail first and its picture elsewhere, as raw files do."""
    if head[:2] not in (b"II", b"MM") or head[8:10] == b"CR":
        return head[8:10] == b"CR" and head[:2] == b"II"
    found: Directory = {}
    with suppress(*DAMAGED):
        found = directories.directory(file, *directories.header(file))
    thumbnail = bool((value(found, NEW_SUBFILE_TYPE) or 0) & REDUCED)
    return DNG_VERSION in found or (thumbnail and SUB_IFDS in found)
