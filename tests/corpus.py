"""Photo files of every kind as other programs write them: Pillow, libvips and OpenCV, without thinlens."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyvips
from numpy.typing import NDArray
from PIL import Image

XMP = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'></x:xmpmeta>"
PILLOW = {
    ".jpg": ("L", "RGB", "CMYK"),
    ".png": ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"),
    ".webp": ("RGB", "RGBA"),
    ".tif": ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16"),
    ".avif": ("RGB", "RGBA"),
}
VIPS = {".jpg": (8,), ".png": (8, 16), ".webp": (8,), ".tif": (8, 16), ".avif": (8, 16)}
NO_GRAY = (".webp", ".avif")
"""Formats of color alone."""
MODES = ("L", "LA", "RGB", "RGBA")
OPENCV = {".jpg": ("L", "RGB"), ".png": MODES[:1] + MODES[2:], ".webp": ("RGB", "RGBA"), ".tif": ("L", "RGB", "RGBA")}


@dataclass(frozen=True)
class Case:
    """One kind of file; `mode` as Pillow calls it."""

    encoder: str
    suffix: str
    mode: str
    bits: int = 8
    profile: bool = False
    orientation: int = 1

    def __str__(self) -> str:
        profile = " profile" if self.profile else ""
        return f"{self.encoder} {self.suffix[1:]} {self.mode} {self.bits}{profile} {self.orientation}"

    @property
    def lossless(self) -> bool:
        return self.suffix in (".png", ".tif") and self.mode != "P"  # Pillow merges colors

    @property
    def transparent(self) -> bool:
        return self.mode in ("LA", "RGBA")

    @property
    def color(self) -> bool:
        return self.mode in ("RGB", "RGBA", "P", "CMYK")


def cases() -> Iterator[Case]:
    """Every encoder with each of its formats, modes and depths, plain, with a profile and turned."""
    for suffix, modes in PILLOW.items():
        for mode in modes:
            yield from _variants(Case("pillow", suffix, mode, 16 if mode == "I;16" else 8))
    for suffix, depths in VIPS.items():
        for mode in MODES:
            for bits in depths:
                if suffix != ".jpg" or mode in ("L", "RGB"):
                    yield from _variants(Case("libvips", suffix, mode, bits))
    for suffix, modes in OPENCV.items():
        for mode in modes:
            yield Case("opencv", suffix, mode)
            if suffix in (".png", ".tif"):
                yield Case("opencv", suffix, mode, 16)


def _variants(case: Case) -> Iterator[Case]:
    orientations = (1, 6) if case.suffix == ".avif" else range(1, 9)  # AVIF takes long to encode
    for orientation in orientations:
        yield replace(case, orientation=orientation)
        if case.mode in MODES and (case.color or case.suffix not in NO_GRAY):
            yield replace(case, orientation=orientation, profile=True)


def picture(case: Case, height: int = 20, width: int = 28) -> NDArray[Any]:
    """What the file holds, before it is turned: `(H, W, 4)` uint8 or uint16, smooth, because some formats are lossy."""
    y, x = np.mgrid[:height, :width]
    red, green, blue = 40 + 6 * x, 30 + 8 * y, 200 - 5 * x
    if not case.color:
        green = blue = red
    samples = np.dstack([red, green, blue, 255 - 3 * x - 2 * y if case.transparent else np.full_like(x, 255)])
    if case.mode == "1":
        samples[..., :3] = (samples[..., :3] > 100) * 255
    return samples.astype(np.uint8) if case.bits == 8 else (samples * 257).astype(np.uint16)


def profile() -> bytes:
    """Display P3, as libvips carries it."""
    image = pyvips.Image.black(1, 1, bands=3).copy(interpretation="srgb")
    data: bytes = image.icc_transform("p3", input_profile="srgb").get("icc-profile-data")
    return data


def gray_profile() -> bytes:
    """A gray profile of gamma 2.2, the least that ICC.1:2010 asks of one."""

    def text(kind: bytes, value: bytes) -> bytes:
        return kind + bytes(4) + value

    description = text(b"desc", (5).to_bytes(4, "big") + b"gray\0" + bytes(78))
    tags = [
        (b"desc", description),
        (b"cprt", text(b"text", b"none\0")),
        (b"wtpt", text(b"XYZ ", b"\0\0\xf6\xd6\0\1\0\0\0\0\xd3\x2d")),
        (b"kTRC", text(b"curv", b"\0\0\0\1\2\x33")),
    ]
    table, data, start = len(tags).to_bytes(4, "big"), b"", 132 + 12 * len(tags)
    for name, value in tags:
        table += name + (start + len(data)).to_bytes(4, "big") + len(value).to_bytes(4, "big")
        data += value + bytes(-len(value) % 4)
    size = (start + len(data)).to_bytes(4, "big")
    head = size + bytes(4) + b"\2\x10\0\0mntrGRAYXYZ " + bytes(12) + b"acsp" + bytes(28)
    return head + b"\0\0\xf6\xd6\0\1\0\0\0\0\xd3\x2d" + bytes(48) + table + data


def encode(case: Case, path: Path) -> None:
    """Write the case's picture; `path` ends as its suffix."""
    {"pillow": _pillow, "libvips": _vips, "opencv": _opencv}[case.encoder](case, path)


def _icc(case: Case) -> bytes:
    return profile() if case.color else gray_profile()


def _channels(case: Case) -> NDArray[Any]:
    samples = picture(case)
    kept = {"L": [0], "LA": [0, 3], "RGB": [0, 1, 2], "RGBA": [0, 1, 2, 3]}[case.mode]
    return samples[..., kept[0]] if len(kept) == 1 else np.ascontiguousarray(samples[..., kept])


def _pillow(case: Case, path: Path) -> None:
    samples = picture(case)
    image = Image.fromarray(samples[..., 0]) if case.bits == 16 else Image.fromarray(samples, "RGBA")
    if case.mode == "P":
        image = image.convert("RGB").quantize(256)
    elif case.bits == 8:
        image = image.convert("RGB").convert(case.mode) if not case.transparent else image.convert(case.mode)
    exif = Image.Exif()
    exif[0x0112], exif[0x013B] = case.orientation, "Ada"
    exif.get_ifd(0x8769)[0xA002] = 28
    options: dict[str, Any] = {"exif": exif, "dpi": (254, 254)}
    if case.profile:
        options["icc_profile"] = _icc(case)
    if case.suffix in (".jpg", ".webp", ".avif"):
        options["quality"] = 95
    image.save(path, **options)


def _vips(case: Case, path: Path) -> None:
    kind = ("rgb16" if case.bits == 16 else "srgb") if case.color else ("grey16" if case.bits == 16 else "b-w")
    image = pyvips.Image.new_from_array(_channels(case), interpretation=kind).copy(xres=10, yres=10)
    image.set_type(pyvips.GValue.gint_type, "orientation", case.orientation)
    image.set_type(pyvips.GValue.gstr_type, "exif-ifd0-Artist", "Ada (Ada, ASCII, 4 components, 4 bytes)")
    image.set_type(pyvips.GValue.blob_type, "xmp-data", XMP)
    if case.profile:
        image.set_type(pyvips.GValue.blob_type, "icc-profile-data", _icc(case))
    lossy = {} if case.suffix in (".png", ".tif") else {"Q": 95}
    deep = {"bitdepth": 10} if case.suffix == ".avif" and case.bits == 16 else {}
    image.write_to_file(str(path), **lossy, **deep)


def _opencv(case: Case, path: Path) -> None:
    samples = _channels(case)
    if case.color:
        samples = samples[..., [2, 1, 0, 3][: samples.shape[2]]]
    assert cv2.imwrite(str(path), samples)


def turned(samples: NDArray[Any], orientation: int) -> NDArray[Any]:
    """`(H, W, …)` as stored to as shown, by the EXIF orientation."""
    if orientation >= 5:
        samples = samples.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        samples = samples[:, ::-1]
    if orientation in (3, 4, 7, 8):
        samples = samples[::-1]
    return samples
