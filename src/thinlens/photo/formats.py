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
HEIC = (b"heic", b"heix", b"heim", b"heis")
"""Brands of HEIC files."""
SEQUENCES = (b"hevc", b"hevx", b"avis", b"msf1")
"""Brands of files whose first picture is one of a sequence."""
TGA_SUFFIXES = (".tga", ".targa", ".icb", ".vda", ".vst")
TGA_KINDS, TGA_DEPTHS = (1, 2, 3, 9, 10, 11), (8, 15, 16, 24, 32)
BMP_HEADERS = tuple(size.to_bytes(4, "little") for size in (12, 40, 52, 56, 64, 108, 124))
HEAD = 64
"""Bytes that say what a file is."""
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
    """Its name, libvips' operation that reads it from a source, and whether a file that begins so is one.

    Formats without an operation are those of `others.READERS`. `suffixes` are those that names have to end in where
    other files may begin so, too; `usual` is what the names of results end in by default.
    """

    name: str
    loader: str
    begins: Callable[[bytes], bool]
    usual: str
    suffixes: tuple[str, ...] = ()


def _starts(*beginnings: bytes) -> Callable[[bytes], bool]:
    return lambda head: head.startswith(beginnings)


def _is_heic(head: bytes) -> bool:
    """By the first brand, or by another if the first says nothing of how the picture is coded."""
    if head[4:8] != FTYP:
        return False
    others = head[16 : int.from_bytes(head[:4], "big")]
    generic = head[8:12] in (b"mif1", b"mif2", b"MiHE", b"MiPr", b"1pic")
    return head[8:12] in HEIC or (generic and b"avif" not in others and any(brand in others for brand in HEIC))


def _is_tga(head: bytes) -> bool:
    return len(head) > 17 and head[1] < 2 and head[2] in TGA_KINDS and head[16] in TGA_DEPTHS


FORMATS = (
    Format("JPEG", "jpegload_source", _starts(b"\xff\xd8\xff"), ".jpg"),
    Format("PNG", "pngload_source", _starts(png.BEGINNING), ".png"),
    Format("WebP", "webpload_source", lambda head: head[:4] == b"RIFF" and head[8:12] == b"WEBP", ".webp"),
    Format("TIFF", "tiffload_source", _starts(b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"), ".tif"),
    Format("HEIC", "", _is_heic, ".jpg"),
    Format("AVIF", "heifload_source", lambda head: head[4:8] == FTYP, ".avif"),
    Format("GIF", "gifload_source", _starts(b"GIF8"), ".png"),
    Format("PNM", "", lambda head: head[:1] == b"P" and head[1:2] in b"1234567" and head[2:3].isspace(), ".png"),
    Format("BMP", "", lambda head: head[:2] == b"BM" and head[14:18] in BMP_HEADERS, ".png"),
    Format("JPEG 2000", "", _starts(b"\0\0\0\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51"), ".png"),
    Format("PSD", "", _starts(b"8BPS\0\1", b"8BPS\0\2"), ".png"),
    Format("TGA", "", _is_tga, ".png", TGA_SUFFIXES),
)
"""All that is read."""
NAMES = ", ".join(each.name for each in FORMATS[:-1]) + " or " + FORMATS[-1].name


READ_SUFFIXES = (
    *(".jfif", ".jpe", ".mpo", ".jpg_large", ".heic", ".heif", ".hif", ".bmp", ".jp2", ".j2k", ".j2c", ".jpx"),
    *(".psd", ".pbm", ".pgm", ".ppm", ".pnm", ".pam", *TGA_SUFFIXES),
)
"""Further suffixes of photos that are taken out of folders."""
OTHER_SUFFIXES = (
    *RAW,
    *(".jxl", ".dib", ".gif", ".psb", ".xcf", ".pfm", ".exr", ".hdr", ".svg", ".ico", ".qoi", ".pcx", ".sgi"),
)
"""Suffixes of pictures that are not taken out of folders: not read, or, as GIF, seldom a photo."""


def format_of(path: Path) -> Format:
    """The format of a file, by its content. Raises ValueError, with the way out where there is one, if it is none."""
    with open(path, "rb") as file:
        head = file.read(HEAD)
        raw = path.suffix.lower() in RAW or head.startswith(RAW_BEGINNINGS) or head[4:12] == FTYP + b"crx "
        if raw or _is_undeveloped(file, head):
            raise ValueError(
                f"{path} is a camera's raw file, whose picture is not developed yet; develop it, with darktable or "
                "RawTherapee say, and enlarge the TIFF"
            )
    if head[4:8] == FTYP and head[8:12] in SEQUENCES:
        raise ValueError(f"{path} is animated; save the picture to enlarge as a file of its own")
    for each in FORMATS:
        if each.begins(head) and (not each.suffixes or path.suffix.lower() in each.suffixes):
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
