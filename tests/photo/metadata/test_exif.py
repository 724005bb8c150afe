"""EXIF blocks that are changed where they stand; and whatever else may pass for metadata."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from containers import NEAREST, PIXELS, TARGETS, chunk, dataset, jpeg, png, resource, with_segments
from thinlens import run
from thinlens.photo import Metadata, Photo, Text, metadata, read, write
from thinlens.photo.metadata import exif
from thinlens.photo.metadata.model import Resource

NOTE = b"maker's note " * 9


def camera(order: str, thumbnail: bytes, behind: bytes = b"") -> tuple[bytes, int]:
    """A block as cameras write it, turned, with a maker's note and a thumbnail; and where the note is."""

    def table(*entries: tuple[int, int, int, int], next_: int = 0) -> bytes:
        fields = [
            struct.pack(order + ("HHIHxx" if kind == 3 else "HHII"), tag, kind, count, value)
            for tag, kind, count, value in entries
        ]
        return struct.pack(order + "H", len(entries)) + b"".join(fields) + struct.pack(order + "I", next_)

    main, inner, note = 8, 8 + 2 + 5 * 12 + 4, 8 + 66 + 2 + 3 * 12 + 4
    second = note + len(NOTE) + len(NOTE) % 2
    resolution = second + 2 + 2 * 12 + 4
    picture = resolution + 16
    block = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(order + "I", main)
    block += table(
        (0x0100, 3, 1, 20), (0x0112, 3, 1, 6), (0x011A, 5, 1, resolution), (0x011B, 5, 1, resolution + 8),
        (0x8769, 4, 1, inner), next_=second,
    )  # fmt: skip
    block += table((0x8827, 3, 1, 100), (0x927C, 7, len(NOTE), note), (0xA002, 3, 1, 20))
    block += NOTE + bytes(len(NOTE) % 2)
    block += table((0x0201, 4, 1, picture), (0x0202, 4, 1, len(thumbnail)))
    block += struct.pack(order + "4I", 300, 1, 150, 1)
    assert len(block) == picture
    return block + thumbnail + behind, note


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("target", TARGETS)
def test_a_camera_s_block_is_that_of_the_result(tmp_path: Path, order: str, target: str) -> None:
    thumbnail = jpeg(PIXELS[::2, ::2])
    block, note = camera(order, thumbnail)
    low, high = tmp_path / "low.jpg", tmp_path / f"high{target}"
    low.write_bytes(with_segments(jpeg(), (0xE1, b"Exif\0\0" + block)))
    run.upscale_file(low, high, model=NEAREST)
    with Image.open(high) as image:
        assert image.size == (24, 40)
        found = image.getexif()
        inner = found.get_ifd(0x8769)
        assert (found.get(0x0112, 1), inner[0xA002], inner[0xA003], inner[0x8827]) == (1, 24, 40, 100)
        assert inner[0x927C] == NOTE
        if target != ".tif":
            assert (found[0x0100], found[0x011A], found[0x011B]) == (24, 150, 300)
    stored = read(high).metadata.exif
    assert stored is not None
    assert thumbnail[-60:] not in high.read_bytes()
    if target != ".tif":
        assert stored[note : note + len(NOTE)] == NOTE


def test_thumbnails_are_cut_off_or_blank() -> None:
    thumbnail = b"\xff\xd8" + b"t" * 100
    cut = exif.upright(camera("<", thumbnail)[0])
    assert len(cut) == len(camera("<", b"")[0])
    kept = exif.upright(camera("<", thumbnail, b"behind")[0])
    assert b"ttt" not in kept
    assert kept.endswith(bytes(102) + b"behind")


def test_changes_that_fit_move_nothing() -> None:
    block = exif.upright(camera(">", b"")[0])
    sized = exif.of_size(block, (2400, 4000))
    assert sized[: len(block) - 16].count(NOTE) == 1
    assert exif.of_size(sized, (9, 7)) == exif.of_size(exif.of_size(sized, (1, 1)), (9, 7))
    assert len(exif.of_size(sized, (9, 7))) == len(sized)
    assert exif.of_resolution(sized, (150 / 25.4, 300 / 25.4), add=True) != sized
    assert exif.of_resolution(sized, (300 / 25.4, 150 / 25.4), add=True) == sized


def test_a_block_too_long_for_jpeg_loses_its_long_values(tmp_path: Path) -> None:
    found = Image.Exif()
    found[0x013B] = "Ada"
    found.get_ifd(0x8769)[0x927C] = bytes(70_000)
    block = exif.bare(found.tobytes())
    write(Photo(PIXELS, metadata=Metadata(exif=block)), tmp_path / "photo.jpg")
    write(Photo(PIXELS, metadata=Metadata(exif=block)), tmp_path / "photo.png")
    assert Image.open(tmp_path / "photo.jpg").getexif()[0x013B] == "Ada"
    assert len(Image.open(tmp_path / "photo.png").getexif().get_ifd(0x8769)[0x927C]) == 70_000


@pytest.mark.parametrize("text", ["plain", "Köln 画"])
@pytest.mark.parametrize("order", ["<", ">"])
def test_comments(text: str, order: str) -> None:
    block = exif.with_comment(camera(order, b"")[0], text)
    found = Image.Exif()
    found.load(b"Exif\0\0" + block)
    comment = found.get_ifd(0x8769)[0x9286]
    code, coding = (b"ASCII\0\0\0", "ascii") if text.isascii() else (b"UNICODE\0", f"utf-16-{'lb'[order == '>']}e")
    assert (comment[:8], comment[8:].decode(coding)) == (code, text)
    assert exif.with_comment(block, "another") == block


def samples(folder: Path) -> list[bytes]:
    """Small files of every format with metadata of every kind."""
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    xmp += b'<rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"/></rdf:RDF></x:xmpmeta>'
    iptc = dataset(2, 5, b"A bird") + dataset(2, 55, b"20261126")
    block, _ = camera("<", jpeg(PIXELS[:2, :2]))
    everything = Metadata(block, xmp, (Resource(0x0404, b"", iptc),), (Text("Comment", "é"), Text("k", "v", True)))
    found = [
        with_segments(jpeg(), (0xE1, b"Exif\0\0" + block), (0xED, b"Photoshop 3.0\0" + resource(0x0404, iptc))),
        png((b"tEXt", b"Raw profile type exif\0\nexif\n%8d\n%s\n" % (len(block), block.hex().encode()))),
    ]
    for suffix in TARGETS:
        write(Photo(PIXELS, metadata=everything, resolution=(10, 10)), folder / f"photo{suffix}")
        found.append((folder / f"photo{suffix}").read_bytes())
    return found


def test_damage_is_left_out_or_passed_on(tmp_path: Path) -> None:
    """Whatever a file holds, it can be read, fitted for each format and written; what is written can be read again."""
    files = samples(tmp_path)
    random = np.random.default_rng(0)
    frames = {"jpeg": jpeg(), "png": png()}
    frames |= {name: files[2 + TARGETS.index(f".{name}")] for name in ("webp", "avif")}
    for number in range(400):
        content = bytearray(files[number % len(files)])
        for _ in range(int(random.integers(1, 5))):
            at = int(random.integers(12, min(len(content), 1500)))
            length = int(random.integers(1, 9))
            content[at : at + length] = random.bytes(length) if random.random() < 0.5 else b"\xff" * length
        found, resolution = metadata.read(io.BytesIO(bytes(content)))
        found = metadata.turned(found) if number % 2 else found
        for name, frame in frames.items():
            form = metadata.FORMATS[name]
            fitted = metadata.fitted(found, form, (40, 24), resolution)
            assert form.edit is not None
            changed = form.edit(fitted, resolution, frame, True)
            assert changed is not None
            again, _ = metadata.read(io.BytesIO(changed))
            if name == "png":
                assert (again.exif, again.resources) == (fitted.exif, fitted.resources)
        if number % 10 == 0:
            write(Photo(PIXELS, metadata=found, resolution=resolution), tmp_path / "again.tif")
            np.testing.assert_array_equal(read(tmp_path / "again.tif").pixels, PIXELS)


def test_the_end_of_a_png_picture_is_found_among_many_chunks(tmp_path: Path) -> None:
    """However many chunks it has, and whatever stands behind it."""
    content = png()
    start = content.index(b"IDAT") - 4
    size = int.from_bytes(content[start : start + 4], "big")
    pieces = b"".join(chunk(b"IDAT", content[at : at + 7]) for at in range(start + 8, start + 8 + size, 7))
    text = (chunk(b"tEXt", b"a\0IDAT"), chunk(b"tEXt", b"b\0" + b"IDAT" * 20_000), chunk(b"iTXt", b"c\0\0\0\0\0d"))
    whole = content[:start] + pieces + b"".join(text) + chunk(b"IEND", b"")
    assert size > 70
    for end, count in ((len(whole), 3), (len(whole) - 12, 3), (len(whole) + 5, 3), (len(whole) - 20, 2)):
        (tmp_path / "photo.png").write_bytes((whole + b"trail")[:end])
        with open(tmp_path / "photo.png", "rb") as file:
            found, _ = metadata.read(file)
        assert [each.key for each in found.texts] == ["a", "b", "c"][:count]
