"""What photo files say goes from each format to each, read back by Pillow and by readers written here."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image, IptcImagePlugin, TiffImagePlugin
from PIL.PngImagePlugin import PngInfo

from containers import (
    NEAREST,
    PIXELS,
    TARGETS,
    chunks,
    dataset,
    jpeg,
    png,
    resource,
    segments,
    with_segments,
    xmp_of,
)
from thinlens import run
from thinlens.photo import Metadata, Photo, Resource, Text, read, write

DC, PHOTOSHOP = "{http://purl.org/dc/elements/1.1/}", "{http://ns.adobe.com/photoshop/1.0/}"
IPTC_DATASETS = {5: b"A bird", 25: b"tree", 80: b"Ada", 90: b"K\xc3\xb6ln", 116: b"(c) Ada", 120: b"A bird in a tree"}


IPTC = dataset(1, 90, b"\x1b%G") + b"".join(dataset(2, number, value) for number, value in IPTC_DATASETS.items())


def iptc_of(path: Path) -> dict[int, bytes]:
    """By Pillow; of a PNG file, from the text that ImageMagick and exiftool have it in."""
    with Image.open(path) as image:
        if image.format == "PNG":
            name, length, digits = image.info["Raw profile type iptc"].split(maxsplit=2)
            profile = bytes.fromhex(digits)
            assert (name, int(length)) == ("iptc", len(profile))
            image.info["photoshop"] = {0x0404: profile[12 : 12 + int.from_bytes(profile[8:12], "big")]}
            found = IptcImagePlugin.getiptcinfo(fake_jpeg(image.info["photoshop"]))
        else:
            found = IptcImagePlugin.getiptcinfo(image)
    assert found is not None
    return {number: value for (record, number), value in found.items() if record == 2}


def fake_jpeg(resources: dict[int, bytes]) -> Any:
    blocks = b"Photoshop 3.0\0" + b"".join(resource(number, data) for number, data in resources.items())
    return Image.open(io.BytesIO(with_segments(jpeg(), (0xED, blocks))))


def source_with_iptc(path: Path) -> Path:
    blocks = resource(0x0404, IPTC)
    match path.suffix:
        case ".jpg":
            path.write_bytes(with_segments(jpeg(), (0xED, b"Photoshop 3.0\0" + resource(0x03ED, bytes(16)) + blocks)))
        case ".tif":
            tags = TiffImagePlugin.ImageFileDirectory_v2()
            tags[33723] = IPTC
            tags.tagtype[33723] = 7
            Image.fromarray(PIXELS).save(path, tiffinfo=tags)
        case _:
            info = PngInfo()
            info.add_text("Raw profile type iptc", f"\niptc\n{len(blocks):8}\n{blocks.hex()}\n", zip=True)
            Image.fromarray(PIXELS).save(path, pnginfo=info)
    return path


@pytest.mark.parametrize("source", [".jpg", ".png", ".tif"])
@pytest.mark.parametrize("target", TARGETS)
def test_iptc_stays_or_becomes_xmp(tmp_path: Path, source: str, target: str) -> None:
    low, high = source_with_iptc(tmp_path / f"low{source}"), tmp_path / f"high{target}"
    run.upscale_file(low, high, model=NEAREST)
    assert Image.open(high).size == (40, 24)
    if target in (".webp", ".avif"):
        tree = ElementTree.fromstring(xmp_of(high))
        said = {each.tag: [text for text in each.itertext() if text.strip()] for each in tree.iter()}
        assert said[f"{DC}title"] == ["A bird"]
        assert said[f"{DC}subject"] == ["tree"]
        assert said[f"{DC}creator"] == ["Ada"]
        assert said[f"{DC}rights"] == ["(c) Ada"]
        assert said[f"{DC}description"] == ["A bird in a tree"]
        assert said[f"{PHOTOSHOP}City"] == ["Köln"]
    else:
        assert iptc_of(high) == IPTC_DATASETS
        assert read(high).metadata.iptc == IPTC


def test_iptc_in_words_of_a_big_endian_tiff(tmp_path: Path) -> None:
    """Photoshop's type for it is a word of four bytes, which some programs swap, and most do not."""
    padded = IPTC + bytes(-len(IPTC) % 4)
    for written in (padded, b"".join(padded[at : at + 4][::-1] for at in range(0, len(padded), 4))):
        entries = [(256, 3, 1, struct.pack(">Hxx", 2)), (257, 3, 1, struct.pack(">Hxx", 1)), (258, 3, 1, b"\0\x08\0\0")]
        entries += [(262, 3, 1, b"\0\1\0\0"), (273, 4, 1, struct.pack(">I", 8)), (279, 4, 1, struct.pack(">I", 2))]
        entries += [(33723, 4, len(written) // 4, struct.pack(">I", 16 + 2 + 12 * 7 + 4))]
        table = struct.pack(">H", 7) + b"".join(struct.pack(">HHI", *each[:3]) + each[3] for each in entries)
        path = tmp_path / "photo.tif"
        path.write_bytes(b"MM\0*" + struct.pack(">I", 16) + bytes(8) + table + bytes(4) + written)
        assert read(path).metadata.iptc == IPTC


def test_long_resources_go_through_several_segments(tmp_path: Path) -> None:
    long = b"".join(dataset(2, 25, b"k%d" % number * 100) for number in range(600))
    path_name = Resource(2999, b"", b"\5Path1")
    write(Photo(PIXELS, metadata=Metadata(resources=(Resource(0x0404, b"", long), path_name))), tmp_path / "photo.jpg")
    assert len([data for marker, data in segments(tmp_path / "photo.jpg") if marker == 0xED]) > 1
    assert read(tmp_path / "photo.jpg").metadata.resources == (Resource(0x0404, b"", long), path_name)


TEXTS = [
    (b"tEXt", b"parameters\0a tree with a bird, Steps: 40"),
    (b"tEXt", b"Copyright\0(c) Ada"),
    (b"iTXt", b"Title\0\0\0de\0Titel\0" + "Gemälde 画".encode()),
    (b"zTXt", b"Description\0\0" + zlib.compress(b"long text")),
    (b"tEXt", b"prompt\0" + b'{"3": {"inputs": {}}}' * 200),
]


@pytest.mark.parametrize("behind", [False, True])
def test_texts_stay_from_png_to_png(tmp_path: Path, behind: bool) -> None:
    low, high = tmp_path / "low.png", tmp_path / "high.png"
    low.write_bytes(png(behind=tuple(TEXTS)) if behind else png(*TEXTS))
    run.upscale_file(low, high, model=NEAREST)
    found = chunks(high)
    assert [kind for kind, _ in found if kind[1:] in (b"EXt", b"TXt")] == [kind for kind, _ in TEXTS]
    assert [each for each in found if each[0] in (b"tEXt", b"iTXt")] == [each for each in TEXTS if each[0] != b"zTXt"]
    kinds = [kind for kind, _ in found]
    assert max(kinds.index(kind) for kind in (b"tEXt", b"iTXt", b"zTXt")) < kinds.index(b"IDAT")
    with Image.open(high) as image:
        assert image.info["Description"] == "long text"
        assert image.info["Title"] == "Gemälde 画"


def test_results_have_no_texts_that_others_refuse(tmp_path: Path) -> None:
    """Pillow opens no file with a compressed text of more than 1 MB, libpng takes no text of more than 8 MB."""
    low, high = tmp_path / "low.png", tmp_path / "high.png"
    long = [(b"a", 900_000), (b"b", 3_000_000), (b"c", 9_000_000)]
    low.write_bytes(png(*((b"zTXt", name + b"\0\0" + zlib.compress(b"x" * size)) for name, size in long)))
    run.upscale_file(low, high, model=NEAREST)
    with Image.open(high) as image:
        assert {name: len(value) for name, value in image.info.items()} == {"a": 900_000, "b": 3_000_000}


@pytest.mark.parametrize("target", [".jpg", ".tif", ".webp", ".avif"])
def test_texts_become_xmp_and_a_comment(tmp_path: Path, target: str) -> None:
    low, high = tmp_path / "low.png", tmp_path / f"high{target}"
    low.write_bytes(png(*TEXTS, (b"tEXt", b"date:create\x002026-11-26")))
    run.upscale_file(low, high, model=NEAREST)
    tree = ElementTree.fromstring(xmp_of(high))
    said = {each.tag: [text for text in each.itertext() if text.strip()] for each in tree.iter()}
    assert said[f"{DC}title"] == ["Gemälde 画"]
    assert said[f"{DC}rights"] == ["(c) Ada"]
    assert said[f"{DC}description"] == ["long text"]
    with Image.open(high) as image:
        comment = image.getexif().get_ifd(0x8769)[0x9286]
    assert comment.startswith(b"ASCII\0\0\0parameters: a tree with a bird, Steps: 40\nprompt: {")
    assert b"date:" not in comment


def test_what_image_generators_write_stays_readable_for_them(tmp_path: Path) -> None:
    low, high = tmp_path / "low.png", tmp_path / "high.jpg"
    low.write_bytes(png((b"iTXt", b"parameters\0\0\0\0\0" + "ein Gemälde 画".encode())))
    run.upscale_file(low, high, model=NEAREST)
    with Image.open(high) as image:
        comment = image.getexif().get_ifd(0x8769)[0x9286]
    assert (comment[:8], comment[8:].decode("utf-16-be")) == (b"UNICODE\0", "ein Gemälde 画")


def test_texts_too_long_for_exif_become_comments_of_a_jpeg(tmp_path: Path) -> None:
    low, high = tmp_path / "low.png", tmp_path / "high.jpg"
    low.write_bytes(png((b"tEXt", b"workflow\0" + b"w" * 100_000)))
    run.upscale_file(low, high, model=NEAREST)
    assert b"".join(data for marker, data in segments(high) if marker == 0xFE) == b"workflow: " + b"w" * 100_000


@pytest.mark.parametrize("target", TARGETS)
def test_comments_of_a_jpeg_stay(tmp_path: Path, target: str) -> None:
    low, high = tmp_path / "low.jpg", tmp_path / f"high{target}"
    low.write_bytes(with_segments(jpeg(), (0xFE, "Taken by Ada, Köln".encode())))
    run.upscale_file(low, high, model=NEAREST)
    with Image.open(high) as image:
        if target == ".jpg":
            assert image.info["comment"] == "Taken by Ada, Köln".encode()
        elif target == ".png":
            assert image.info["Comment"] == "Taken by Ada, Köln"
        else:
            comment = image.getexif().get_ifd(0x8769)[0x9286]
            assert (comment[:8], comment[8:].decode("utf-16-be")) == (b"UNICODE\0", "Taken by Ada, Köln")


def test_comments_of_other_encodings_are_still_text(tmp_path: Path) -> None:
    (tmp_path / "low.jpg").write_bytes(with_segments(jpeg(), (0xFE, b"K\xf6ln\0junk"), (0xFE, b"\0")))
    assert read(tmp_path / "low.jpg").metadata.texts == (Text("Comment", "Köln"),)


@pytest.mark.parametrize("suffix", TARGETS)
def test_nothing_is_invented(tmp_path: Path, suffix: str) -> None:
    low, high = tmp_path / "low.png", tmp_path / f"high{suffix}"
    low.write_bytes(png())
    run.upscale_file(low, high, model=NEAREST)
    found = read(high)
    assert found.metadata == Metadata()
    assert found.resolution is None
    with Image.open(high) as image:
        assert len(image.getexif()) == 0 or suffix == ".tif"
        assert "dpi" not in image.info or image.info["dpi"] in ((1, 1), (1.0, 1.0))
    if suffix == ".png":
        assert {kind for kind, _ in chunks(high)} == {b"IHDR", b"IDAT", b"IEND"}


@pytest.mark.parametrize("suffix", TARGETS)
@pytest.mark.parametrize("resolution", [(300 / 25.4, 300 / 25.4), (11.811, 5.906), (10.0, 12.0)])
def test_resolution_stays(tmp_path: Path, suffix: str, resolution: tuple[float, float]) -> None:
    write(Photo(PIXELS, resolution=resolution), tmp_path / f"photo{suffix}")
    assert read(tmp_path / f"photo{suffix}").resolution == pytest.approx(resolution, rel=2e-4)


@pytest.mark.parametrize("name", [b"exif", b"APP1"])
@pytest.mark.parametrize("target", TARGETS)
def test_exif_that_is_a_text_is_read(tmp_path: Path, name: bytes, target: str) -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x013B] = 6, "Ada"
    block = exif.tobytes()
    lines = b"\n".join(block.hex().encode()[at : at + 72] for at in range(0, 2 * len(block), 72))
    text = b"\n%s\n%8d\n%s\n" % (name.lower(), len(block), lines)
    low, high = tmp_path / "low.png", tmp_path / f"high{target}"
    low.write_bytes(png((b"zTXt", b"Raw profile type " + name + b"\0\0" + zlib.compress(text))))
    run.upscale_file(low, high, model=NEAREST)
    with Image.open(high) as image:
        assert image.size == (24, 40)
        assert image.getexif()[0x013B] == "Ada"
        assert image.getexif().get(0x0112, 1) == 1
    assert read(low).pixels.shape == (20, 12, 3)
    np.testing.assert_array_equal(read(low).pixels, np.rot90(PIXELS, -1))


def test_damaged_metadata_harm_no_picture(tmp_path: Path) -> None:
    """What cannot be read is left out, and what can, is not."""
    random = np.random.default_rng(1)
    exif = Image.Exif()
    exif[0x013B] = "Ada"
    block = exif.tobytes()
    xmp = b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta xmlns:x='adobe:ns:meta/'><a"
    for number in range(40):
        damaged = bytearray(block + resource(0x0404, IPTC))
        for at in random.integers(6, len(damaged), 4):
            damaged[at] = random.integers(256)
        parts = [(0xE1, bytes(damaged)), (0xED, b"Photoshop 3.0\0" + bytes(damaged[len(block) :])), (0xE1, xmp)]
        low, high = tmp_path / "low.jpg", tmp_path / f"high{number}{TARGETS[number % 5]}"
        low.write_bytes(with_segments(jpeg(), *parts))
        run.upscale_file(low, high, model=NEAREST)
        assert read(high).pixels.shape in ((24, 40, 3), (40, 24, 3))
