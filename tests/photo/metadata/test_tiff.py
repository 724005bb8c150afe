"""EXIF in TIFF files, against Pillow, which reads and writes it."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pyvips
from PIL import Image

from thinlens import run
from thinlens.photo import Metadata, Photo, read, write
from thinlens.photo.metadata import add_to_tiff, tiff
from thinlens.program import Convolution, PixelShuffle, Program

NEAREST = Program("nearest", (Convolution(0, np.ones((4, 1, 1, 1), np.float32)), PixelShuffle(1, 2)))
PIXELS = np.random.default_rng(0).integers(0, 256, (12, 20, 3)).astype(np.uint8)
MAIN = {271: "Lens & Co", 272: "Thin", 315: "Ada", 33432: "CC0"}
EXIF: dict[int, Any] = {0x829D: 2.8, 0x9003: "2026:11:21 12:00:00", 0x8827: 100, 0x927C: bytes(range(100))}
GPS: dict[int, Any] = {1: "N", 2: (47.0, 30.0, 15.5)}


def described() -> Image.Exif:
    exif = Image.Exif()
    exif.update(MAIN)
    exif.get_ifd(0x8769).update(EXIF)
    exif.get_ifd(0x8825).update(GPS)
    return reloaded(exif)


def reloaded(exif: Image.Exif) -> Image.Exif:
    """With the pointers to its directories, without which Pillow forgets these in TIFF files."""
    again = Image.Exif()
    again.load(exif.tobytes())
    return again


def check(path: Path, size: tuple[int, int] | None) -> None:
    exif = Image.open(path).getexif()
    assert {tag: exif[tag] for tag in MAIN} == MAIN
    inner = exif.get_ifd(0x8769)
    assert inner[0x829D] == pytest.approx(2.8)
    assert {tag: inner[tag] for tag in list(EXIF)[1:]} == {tag: EXIF[tag] for tag in list(EXIF)[1:]}
    position = exif.get_ifd(0x8825)
    assert position[1] == "N"
    assert [float(part) for part in position[2]] == [47.0, 30.0, 15.5]
    if size is not None:
        assert (inner[0xA002], inner[0xA003]) == size


@pytest.mark.parametrize("source", [".tif", ".jpg", ".png", ".webp"])
@pytest.mark.parametrize("target", [".tif", ".jpg", ".png", ".webp", ".avif"])
def test_exif_goes_from_tiff_and_to_it(tmp_path: Path, source: str, target: str) -> None:
    low, high = tmp_path / f"low{source}", tmp_path / f"high{target}"
    Image.fromarray(PIXELS).save(low, exif=described())
    check(low, None)
    run.upscale_file(low, high, model=NEAREST)
    check(high, (40, 24))
    assert Image.open(high).size == (40, 24)
    if source == target == ".tif":
        np.testing.assert_array_equal(np.asarray(Image.open(high)), read(high).pixels)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("big", [False, True])
def test_all_byte_orders_and_sizes(tmp_path: Path, order: str, big: bool) -> None:
    """A TIFF file of one strip, written here, is read and added to."""
    path = tmp_path / "photo.tif"
    number, count = ("Q", "Q") if big else ("I", "H")
    start = 16 if big else 8
    entries = [(256, 3, 20), (257, 3, 12), (258, 3, 8), (259, 3, 1), (262, 3, 1), (273, 4, start), (277, 3, 1)]
    entries += [(278, 3, 12), (279, 4, 240)]
    magic = {"<": b"II", ">": b"MM"}[order]
    head = magic + (struct.pack(order + "HHHQ", 43, 8, 0, start + 240) if big else struct.pack(order + "HI", 42, 248))
    table = struct.pack(order + count, len(entries))
    for tag, type_, value in entries:
        field = struct.pack(order + ("H" if type_ == 3 else "I"), value).ljust(struct.calcsize(order + number), b"\0")
        table += struct.pack(order + "HH" + number, tag, type_, 1) + field
    path.write_bytes(head + PIXELS[..., 0].tobytes() + table + bytes(8))
    with open(path, "rb") as file:
        assert tiff.read(file) == (Metadata(), None)
    add_to_tiff(path, Metadata(described().tobytes().removeprefix(b"Exif\0\0")), (1, 1))
    np.testing.assert_array_equal(pyvips.Image.new_from_file(str(path)).numpy(), PIXELS[..., 0])
    if not (big and order == ">"):  # which Pillow does not read
        check(path, None)
    with open(path, "rb") as file:
        block = tiff.read(file)[0].exif
    assert block is not None
    again = Image.Exif()
    again.load(block)
    assert {tag: again[tag] for tag in MAIN} == MAIN


@pytest.mark.parametrize("length", range(0, 200, 7))
def test_damaged_blocks_add_nothing_or_a_part(tmp_path: Path, length: int) -> None:
    path = tmp_path / "photo.tif"
    block = described().tobytes().removeprefix(b"Exif\0\0")[:length]
    write(Photo(PIXELS, metadata=Metadata(block)), path)
    np.testing.assert_array_equal(read(path).pixels, PIXELS)


def test_damaged_files_have_no_exif() -> None:
    for content in (b"", b"II*\0", b"II*\0\xff\xff\xff\xff", b"MM\0+" + bytes(12), b"II*\0\x08\0\0\0\xff\xff"):
        assert tiff.read(io.BytesIO(content)) == (Metadata(), None)


def test_a_value_too_large_for_jpeg_is_left_out(tmp_path: Path) -> None:
    exif = described()
    exif.get_ifd(0x8769)[0x9286] = b"ASCII\0\0\0" + bytes(70_000)
    Image.fromarray(PIXELS).save(tmp_path / "low.tif", exif=reloaded(exif))
    write(read(tmp_path / "low.tif"), tmp_path / "high.jpg")
    check(tmp_path / "high.jpg", (20, 12))
