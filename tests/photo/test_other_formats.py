"""Formats that others than libvips read: by an independent decode, or by the samples that the file was made of."""

from __future__ import annotations

import struct
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

from thinlens import upscale_file
from thinlens.photo import open_photo, read
from thinlens.photo.icc import CODED, SRGB_CURVE, profile
from thinlens.photo.metadata import exif

HEIC = Path(__file__).parent / "files" / "turned.heic"
"""Of x265: `gradient` by 64x48, quality 90, 4:4:4, to be turned (EXIF and irot say 6), artist Ada."""
NOISE = np.random.default_rng(0).integers(0, 256, (20, 31, 4)).astype(np.uint8)


def gradient() -> NDArray[np.uint8]:
    y, x = np.mgrid[:48, :64]
    return np.dstack([40 + 3 * x, 30 + 4 * y, 200 - 2 * x]).astype(np.uint8)


def test_heic_is_upright_and_keeps_its_metadata(tmp_path: Path) -> None:
    opened = open_photo(HEIC)
    found = opened.read().pixels
    expected = np.rot90(gradient(), -1)
    assert found.shape == expected.shape
    assert np.abs(found.astype(int) - expected).mean() < 3
    assert opened.details.metadata.exif is not None
    assert exif.orientation(opened.details.metadata.exif) in (None, 1)
    path = tmp_path / "photo.HEIC"
    path.write_bytes(HEIC.read_bytes())
    upscale_file(path, tmp_path / "larger.jpg", model="fast")
    with Image.open(tmp_path / "larger.jpg") as image:
        assert image.size == (96, 128)
        assert image.getexif()[0x13B] == "Ada"


@pytest.mark.parametrize("cut", [40, 600, 900])
def test_damaged_heic(tmp_path: Path, cut: int) -> None:
    (tmp_path / "photo.heic").write_bytes(HEIC.read_bytes()[:cut])
    with pytest.raises(ValueError, match="damaged or cut short|is not a"):
        read(tmp_path / "photo.heic")


def test_heic_says_its_colors_by_numbers(tmp_path: Path) -> None:
    data, path = HEIC.read_bytes(), tmp_path / "photo.heic"
    at = data.index(b"colrnclx") + 8
    path.write_bytes(data[:at] + struct.pack(">HH", 12, 13) + data[at + 4 :])
    assert read(path).profile == profile(CODED[12], SRGB_CURVE, "nclx 12, 13")
    for transfer, name in ((16, "PQ"), (18, "HLG")):
        path.write_bytes(data[:at] + struct.pack(">HH", 9, transfer) + data[at + 4 :])
        with pytest.raises(ValueError, match=rf"high dynamic range \({name}\)"):
            read(path)


def psd(path: Path, mode: int, samples: NDArray[np.uint8], layers: int = 0, resources: bytes = b"") -> Path:
    """The merged picture alone, and a count of layers, of which there are none."""
    height, width, channels = samples.shape
    head = b"8BPS" + struct.pack(">H6xHIIHH", 1, channels, height, width, 8, mode) + bytes(4)
    info = struct.pack(">IIh2x", 8, 4, layers) if layers else bytes(4)
    made = head + struct.pack(">I", len(resources)) + resources + info + bytes(2)
    path.write_bytes(made + np.moveaxis(samples, 2, 0).tobytes())
    return path


def test_psd(tmp_path: Path) -> None:
    path, colors, alpha = tmp_path / "photo.psd", NOISE[..., :3], NOISE[..., 3:]
    packet = b"<x:xmpmeta/>"
    resource = b"8BIM" + struct.pack(">HHI", 1060, 0, len(packet)) + packet
    opened = open_photo(psd(path, 3, colors, resources=resource))
    assert opened.details.metadata.xmp == packet
    np.testing.assert_array_equal(opened.read().pixels, colors)
    opened = open_photo(psd(path, 3, NOISE))  # a selection
    assert opened.notes == (f"{path}: 1 of its channels, no colors, are left out",)
    np.testing.assert_array_equal(opened.read().pixels, colors)
    matted = np.rint(colors * (alpha / 255) + 255 - alpha).astype(np.uint8)
    found = read(psd(path, 3, np.dstack([matted, alpha]), layers=-1))  # transparency, on white
    np.testing.assert_array_equal(found.alpha, alpha[..., 0])
    assert found.alpha is not None
    assert np.abs(found.pixels.astype(int) - colors)[found.alpha > 200].max() <= 1
    lab = np.zeros((2, 2, 3), np.uint8) + np.array([138, 128 + 81, 128 + 70], np.uint8)  # red: 54, 81, 70
    assert np.abs(read(psd(path, 9, lab)).pixels.astype(int) - (255, 0, 0)).max() <= 5


def test_a_bmp_that_pillow_does_not_read_is_not_called_damaged(tmp_path: Path) -> None:
    Image.fromarray(NOISE[..., :3]).save(tmp_path / "photo.bmp")
    data = bytearray((tmp_path / "photo.bmp").read_bytes())
    data[30] = 6  # its compression
    (tmp_path / "photo.bmp").write_bytes(data)
    with pytest.raises(ValueError, match="is BMP of a kind that Pillow does not read; save it as PNG"):
        open_photo(tmp_path / "photo.bmp")


def test_psd_whose_transparency_hides_all(tmp_path: Path) -> None:
    path = psd(tmp_path / "photo.psd", 3, NOISE * np.array([1, 1, 1, 0], np.uint8), layers=-1)
    np.testing.assert_array_equal(read(path).pixels, NOISE[..., :3])


def test_lab_of_8_bits_in_tiff(tmp_path: Path) -> None:
    lab = np.zeros((2, 2, 3), np.uint8) + np.array([138, 81, 70], np.uint8)
    lab[1] = (128, 0, 0)
    tifffile.imwrite(tmp_path / "photo.tif", lab, photometric="cielab")
    found = read(tmp_path / "photo.tif").pixels.astype(int)
    assert np.abs(found[0] - (255, 0, 0)).max() <= 5
    assert np.abs(found[1] - 120).max() <= 1  # L of 50.2


def test_gray_of_12_bits_in_tiff(tmp_path: Path) -> None:
    pytest.importorskip("imagecodecs")
    values = np.arange(0, 4096, 65, dtype=np.uint16).reshape(8, 8)
    tifffile.imwrite(tmp_path / "photo.tif", values, photometric="minisblack", bitspersample=12)
    np.testing.assert_array_equal(read(tmp_path / "photo.tif").pixels, np.rint(values * (65535 / 4095)))


@pytest.mark.parametrize(
    ("name", "mode", "options"),
    [
        ("photo.bmp", "RGB", {}),
        ("photo.bmp", "L", {}),
        ("photo.bmp", "P", {}),
        ("photo.tga", "RGB", {}),
        ("photo.tga", "RGBA", {"compression": "tga_rle"}),
        ("photo.jp2", "RGB", {"irreversible": False}),
        ("photo.jp2", "L", {"irreversible": False}),
        ("photo.ppm", "RGB", {}),
        ("photo.pgm", "L", {}),
        ("photo.pbm", "1", {}),
    ],
)
def test_the_right_picture(tmp_path: Path, name: str, mode: str, options: dict[str, Any]) -> None:
    image = Image.fromarray(NOISE).convert("RGBA" if mode == "RGBA" else "RGB").convert(mode)
    image.save(tmp_path / name, **options)
    found = read(tmp_path / name)
    shown = np.asarray(image.convert("RGBA"))
    color = found.pixels if found.pixels.ndim == 3 else np.repeat(found.pixels[..., None], 3, 2)
    np.testing.assert_array_equal(color, shown[..., :3])
    if mode == "RGBA":
        np.testing.assert_array_equal(found.alpha, shown[..., 3])


def test_pnm_of_all_kinds(tmp_path: Path) -> None:
    path = tmp_path / "photo.pnm"
    path.write_bytes(b"P2 # a comment\n3 1\n# another\n15\n0 5 15\n")
    np.testing.assert_array_equal(read(path).pixels, [[0, 85, 255]])
    path.write_bytes(b"P5 2 1 65535\n" + np.array([1, 65535], ">u2").tobytes())
    np.testing.assert_array_equal(read(path).pixels, np.array([[1, 65535]], np.uint16), strict=True)
    path.write_bytes(b"P1 3 1 1 0 1")
    np.testing.assert_array_equal(read(path).pixels, [[0, 255, 0]])
    path.write_bytes(b"P6 2 2 255\n" + bytes(5))
    with pytest.raises(ValueError, match="cut short"):
        read(path)
    assert "cut short" in open_photo(path, keep_damaged=True).notes[0]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_float_tiff_stays_float(tmp_path: Path, dtype: type) -> None:
    samples = (NOISE[..., :3] / 255).astype(dtype)
    tifffile.imwrite(tmp_path / "low.tif", samples, photometric="rgb")
    np.testing.assert_allclose(read(tmp_path / "low.tif").pixels, samples, atol=1e-6)
    upscale_file(tmp_path / "low.tif", tmp_path / "high.tif", model="fast")
    found = tifffile.imread(tmp_path / "high.tif")
    assert found.dtype == np.float32 and found.shape == (40, 62, 3)
    upscale_file(tmp_path / "low.tif", tmp_path / "high.png", model="fast")
    assert np.abs(np.clip(found, 0, 1) * 65535 - read(tmp_path / "high.png").pixels).max() <= 1


def test_large_float_tiff_in_bands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tifffile.imwrite(tmp_path / "low.tif", (NOISE[..., :3] / 255).astype(np.float32), photometric="rgb")
    upscale_file(tmp_path / "low.tif", tmp_path / "whole.tif", model="fast")
    monkeypatch.setattr("thinlens.run.IN_ONE_PIECE", 0)
    upscale_file(tmp_path / "low.tif", tmp_path / "bands.tif", model="fast")
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "bands.tif"), tifffile.imread(tmp_path / "whole.tif"))


def test_floats_far_beyond_white_are_refused(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "photo.tif", np.full((4, 4), 3, np.float32))
    with pytest.raises(ValueError, match="far beyond black and white"):
        read(tmp_path / "photo.tif")


def test_other_samples_of_tiff(tmp_path: Path) -> None:
    path = tmp_path / "photo.tif"
    values = NOISE[..., 0].astype(np.uint32)
    tifffile.imwrite(path, values * (2**32 // 255 - 1), photometric="minisblack")
    assert np.abs(read(path).pixels / 257 - values).max() < 0.6
    tifffile.imwrite(path, (values * 128).astype(np.int16), photometric="minisblack")
    assert np.abs(read(path).pixels / 65535 - values * 128 / 32767).max() < 1e-4
    tifffile.imwrite(path, np.array([[-5, 5]], np.int16), photometric="minisblack")
    with pytest.raises(ValueError, match="nothing says what is black"):
        read(path)
    tifffile.imwrite(path, NOISE[..., :3], photometric="rgb", compression="zstd")
    np.testing.assert_array_equal(read(path).pixels, NOISE[..., :3])
    planes = np.moveaxis(NOISE[..., :3], -1, 0)
    tifffile.imwrite(path, planes, photometric="rgb", planarconfig="separate", tile=(16, 16))
    np.testing.assert_array_equal(read(path).pixels, NOISE[..., :3])


@pytest.mark.parametrize(
    ("name", "extra"), [("photo.heic", "formats"), ("photo.bmp", "formats"), ("photo.tif", "tiff")]
)
def test_without_the_extra_it_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, extra: str) -> None:
    path = tmp_path / name
    if name.endswith("heic"):
        path.write_bytes(HEIC.read_bytes())
    elif name.endswith("bmp"):
        Image.fromarray(NOISE[..., :3]).save(path)
    else:
        tifffile.imwrite(path, NOISE[..., :3], photometric="rgb", compression="zstd")
    monkeypatch.setitem(sys.modules, "pi_heif", None)
    for module in ("by_pillow", "other_tiff"):
        monkeypatch.setattr(f"thinlens.photo.{module}.find_spec", lambda _: None)
    with pytest.raises(ImportError, match=rf"pip install 'thinlens\[{extra}\]'"):
        open_photo(path)


@pytest.mark.parametrize(("name", "result"), [("a.bmp", ".png"), ("a.heic", ".jpg"), ("a.ppm", ".png")])
def test_results_have_a_usual_ending(tmp_path: Path, name: str, result: str) -> None:
    from thinlens.photo import ending_of

    path = tmp_path / name
    if name.endswith("heic"):
        path.write_bytes(HEIC.read_bytes())
    else:
        Image.fromarray(NOISE[..., :3]).save(path)
    assert ending_of(path) == result
