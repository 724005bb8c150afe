"""What was silently wrong: damaged files, codecs that are lacking, raw files, channels that are no alpha, colors."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pyvips
from numpy.typing import NDArray
from PIL import Image, ImageCms

from thinlens.photo import open_photo, read
from thinlens.photo.icc import CODED, SRGB_CURVE, profile

tifffile = pytest.importorskip("tifffile")


def pixels() -> NDArray[np.uint8]:
    noise = np.random.default_rng(0).integers(-9, 10, (60, 80, 3))
    ramp = np.add.outer(np.arange(60) * 2, np.arange(80))[..., None] * np.array([1.0, 0.8, 0.5])
    return np.clip(ramp + 20 + noise, 0, 255).astype(np.uint8)


def tiff(path: Path, samples: NDArray[Any] | None = None, **options: Any) -> Path:
    tifffile.imwrite(path, pixels() if samples is None else samples, **{"photometric": "rgb", **options})
    return path


def encoded(format: str, **options: Any) -> bytes:
    buffer = BytesIO()
    Image.fromarray(pixels()).save(buffer, format, **options)
    return buffer.getvalue()


def refusal(path: Path) -> str:
    with pytest.raises(ValueError) as error:
        read(path)
    return str(error.value)


def damaged(path: Path, data: bytes, start: float = 0.5, count: int = 60) -> Path:
    """With zeros in the middle."""
    at = int(len(data) * start)
    path.write_bytes(data[:at] + bytes(count) + data[at + count :])
    return path


@pytest.mark.parametrize(("code", "name"), [(50000, "zstd"), (34925, "LZMA"), (34887, "LERC"), (34712, "JPEG 2000")])
def test_a_codec_that_is_lacking_is_named(
    code: int, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = bytearray(tiff(tmp_path / "photo.tif").read_bytes())
    at = data.index(struct.pack("<HHI", 259, 3, 1)) + 8
    data[at : at + 2] = struct.pack("<H", code)
    (tmp_path / "photo.tif").write_bytes(bytes(data))
    monkeypatch.setattr("thinlens.photo.other_tiff.find_spec", lambda _: None)
    for keep_damaged in (False, True):
        with pytest.raises(
            ImportError, match=f"compressed by {name}, which needs tifffile and imagecodecs: pip install"
        ):
            open_photo(tmp_path / "photo.tif", keep_damaged=keep_damaged)
    monkeypatch.undo()
    if _has_imagecodecs():
        assert "damaged" in refusal(tmp_path / "photo.tif")  # it is not compressed at all


@pytest.mark.parametrize("compression", [None, "lzw", "deflate", "packbits"])
@pytest.mark.parametrize("tiled", [False, True])
def test_tiff_files_cut_short_are_refused_or_kept_with_a_note(
    compression: str | None, tiled: bool, tmp_path: Path
) -> None:
    if compression in ("lzw", "packbits") and not _has_imagecodecs():
        pytest.skip("tifffile writes LZW and PackBits by imagecodecs, which is not installed")
    layout: dict[str, Any] = {"tile": (16, 16)} if tiled else {"rowsperstrip": 8}
    path = tiff(tmp_path / "photo.tif", compression=compression, **layout)
    np.testing.assert_array_equal(read(path).pixels, pixels())
    assert open_photo(path, keep_damaged=True).notes == ()
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 2 // 3])
    assert "damaged or cut short; give --keep-damaged" in refusal(path)
    opened = open_photo(path, keep_damaged=True)
    assert len(opened.notes) == 1 and "what could be read of it was taken" in opened.notes[0]
    np.testing.assert_array_equal(opened.read().pixels[:8], pixels()[:8])


def _has_imagecodecs() -> bool:
    from importlib.util import find_spec

    return find_spec("imagecodecs") is not None


def test_checksums_of_png_are_checked(tmp_path: Path) -> None:
    assert "damaged" in refusal(damaged(tmp_path / "photo.png", encoded("PNG")))
    data = bytearray(encoded("PNG"))
    end = data.rindex(b"IEND") - 4
    data[end - 1] ^= 255  # the checksum of the last chunk of pixels, which alone are right
    (tmp_path / "sum.png").write_bytes(bytes(data))
    assert "damaged" in refusal(tmp_path / "sum.png")


def test_a_damaged_chunk_that_says_how_a_picture_is_turned_is_not_left_out(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = bytearray(encoded("PNG", exif=exif))
    assert read(_written(tmp_path / "whole.png", data)).pixels.shape == (80, 60, 3)
    data[data.index(b"eXIf") + 5] ^= 1
    assert "damaged" in refusal(_written(tmp_path / "photo.png", data))
    assert open_photo(tmp_path / "photo.png", keep_damaged=True).notes


def _written(path: Path, data: bytes | bytearray) -> Path:
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_that_lacks_nothing_but_its_end_marker_is_a_picture(progressive: bool, tmp_path: Path) -> None:
    data = encoded("JPEG", quality=90, progressive=progressive)
    whole, ended, cut = (tmp_path / f"{name}.jpg" for name in ("whole", "ended", "cut"))
    whole.write_bytes(data)
    ended.write_bytes(data[:-2])
    for lost in (3, 9, 40):
        cut.write_bytes(data[:-lost])
        assert "damaged or cut short" in refusal(cut), lost
    cut.write_bytes(data[: len(data) * 2 // 3])
    np.testing.assert_array_equal(read(ended).pixels, read(whole).pixels)
    assert "damaged or cut short" in refusal(cut)
    assert open_photo(cut, keep_damaged=True).notes
    whole.write_bytes(data[:-2] + bytes(5) + data[-2:])  # filled up before the end, as some cameras do
    np.testing.assert_array_equal(read(whole).pixels, read(ended).pixels)


def test_raw_files_are_not_their_thumbnails(tmp_path: Path) -> None:
    dng = tiff(tmp_path / "photo.tif", extratags=[(50706, "B", 4, (1, 4, 0, 0), True)])
    nef = tmp_path / "photo.nef"
    nef.write_bytes(tiff(tmp_path / "other.tif").read_bytes())
    raf = tmp_path / "photo.jpg"
    raf.write_bytes(b"FUJIFILMCCD-RAW 0201" + bytes(100))
    for path in (dng, nef, raf):
        assert "is a camera's raw file" in refusal(path) and "RawTherapee" in refusal(path)


@pytest.mark.parametrize(("kind", "kept"), [("unspecified", False), ("unassalpha", True)])
def test_a_fourth_channel_that_is_no_transparency_is_left_out_with_a_note(
    kind: str, kept: bool, tmp_path: Path
) -> None:
    selection = np.full((60, 80, 1), 7, np.uint8)
    path = tiff(tmp_path / "photo.tif", np.concatenate([pixels(), selection], axis=2), extrasamples=[kind])
    opened = open_photo(path)
    photo = opened.read()
    np.testing.assert_array_equal(photo.pixels, pixels())
    assert (photo.alpha is not None) == kept and bool(opened.notes) != kept


def with_chunks(path: Path, *chunks: tuple[bytes, bytes]) -> Path:
    data = encoded("PNG")
    made = b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )
    path.write_bytes(data[:33] + made + data[33:])
    return path


P3 = struct.pack(">8I", 31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000)
BT709 = struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)


def in_srgb(data: bytes, values: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """By an independent color engine."""
    source = ImageCms.ImageCmsProfile(BytesIO(data))
    made = ImageCms.profileToProfile(Image.fromarray(values), source, ImageCms.createProfile("sRGB"))
    return np.asarray(made)


def test_tags_of_colors_become_a_profile(tmp_path: Path) -> None:
    srgb = struct.pack(">I", 45455)
    for chunks in ((), ((b"gAMA", srgb),), ((b"gAMA", srgb), (b"cHRM", BT709)), ((b"cICP", bytes([1, 13, 0, 1])),)):
        assert read(with_chunks(tmp_path / "photo.png", *chunks)).profile is None
    red = np.array([[[255, 0, 0], [200, 180, 60], [128, 128, 128]]], np.uint8)
    for chunks in (((b"gAMA", srgb), (b"cHRM", P3)), ((b"cICP", bytes([12, 13, 0, 1])),)):
        found = read(with_chunks(tmp_path / "photo.png", *chunks)).profile
        assert found is not None
        seen = in_srgb(found, red)[0].astype(int)
        # Display P3 in sRGB: full red is clipped, (200, 180, 60) has a stronger yellow (by the matrices), gray stays
        assert np.abs(seen - np.array([[255, 0, 0], [204, 179, 8], [128, 128, 128]])).max() <= 3
    linear = read(with_chunks(tmp_path / "photo.png", (b"gAMA", struct.pack(">I", 100000)))).profile
    assert linear is not None
    assert abs(int(in_srgb(linear, np.full((1, 1, 3), 55, np.uint8))[0, 0, 0]) - 128) <= 1


@pytest.mark.parametrize(("transfer", "name"), [(16, "PQ"), (18, "HLG")])
def test_high_dynamic_range_is_refused(transfer: int, name: str, tmp_path: Path) -> None:
    path = with_chunks(tmp_path / "photo.png", (b"cICP", bytes([9, transfer, 0, 1])))
    assert refusal(path).startswith(f"{path} has a high dynamic range ({name})")


def test_avif_says_its_colors_by_numbers(tmp_path: Path) -> None:
    path = tmp_path / "photo.avif"
    Image.fromarray(pixels()).save(path, quality=95)
    data = path.read_bytes()
    at = data.index(b"colrnclx") + 8
    for code, transfer in ((12, 13), (9, 16)):
        path.write_bytes(data[:at] + struct.pack(">HH", code, transfer) + data[at + 4 :])
        if transfer == 16:
            assert "high dynamic range (PQ)" in refusal(path)
        else:
            assert read(path).profile == profile(CODED[12], SRGB_CURVE, "nclx 12, 13")


def test_a_smaller_copy_is_no_second_picture(tmp_path: Path) -> None:
    path = tmp_path / "photo.tif"
    with tifffile.TiffWriter(path) as file:
        file.write(pixels(), photometric="rgb")
        file.write(pixels()[::4, ::4], photometric="rgb", subfiletype=1)
    np.testing.assert_array_equal(read(path).pixels, pixels())
    with tifffile.TiffWriter(path) as file:
        file.write(pixels(), photometric="rgb")
        file.write(pixels()[::-1], photometric="rgb")
    assert "holds 2 pictures" in refusal(path)


def test_of_an_ultra_hdr_jpeg_the_picture_is_taken_and_its_gain_map_is_said_to_be_left_out(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    light = (pixels() / 255).astype(np.float32) ** 2.2
    pyvips.Image.new_from_array(light, interpretation="scrgb").uhdrsave(str(path))
    opened = open_photo(path)
    assert len(opened.notes) == 1 and "gain map" in opened.notes[0]
    with Image.open(path) as shown:
        seen = np.asarray(shown.convert("RGB")).astype(int)
    assert np.abs(opened.read().pixels.astype(int) - seen).max() <= 2
