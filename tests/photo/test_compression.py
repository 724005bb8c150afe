"""What the headers of files say of their compression, against what the encoders were told."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import pytest
import pyvips
from PIL import Image

from jpeg import jpeg, scene
from thinlens.photo import Compression, compression
from thinlens.sources.quality import standard_table

PICTURE = scene(48, 64)


def of(tmp_path: Path, data: bytes) -> Compression | None:
    (tmp_path / "photo").write_bytes(data)
    return compression(tmp_path / "photo")


def table_of(tmp_path: Path, data: bytes) -> np.ndarray:
    found = of(tmp_path, data)
    assert found is not None and found.format == "JPEG" and found.table is not None
    return found.table


@pytest.mark.parametrize("quality", [1, 30, 50, 75, 95, 100])
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0}, {"restart_marker_rows": 1}])
def test_the_tables_of_libjpeg(tmp_path: Path, quality: int, options: dict[str, int]) -> None:
    np.testing.assert_array_equal(table_of(tmp_path, jpeg(PICTURE, quality, **options)), standard_table(quality))


@pytest.mark.parametrize("pixels", [PICTURE[..., 0], np.dstack([PICTURE, PICTURE[..., :1]])], ids=["gray", "CMYK"])
def test_other_colors(tmp_path: Path, pixels: np.ndarray) -> None:
    buffer = io.BytesIO()
    Image.fromarray(pixels, "L" if pixels.ndim == 2 else "CMYK").save(buffer, "JPEG", quality=60)
    np.testing.assert_array_equal(table_of(tmp_path, buffer.getvalue()), standard_table(60))


def test_any_table_in_its_order(tmp_path: Path) -> None:
    table = np.arange(1, 65)
    data = jpeg(PICTURE, qtables=[table.tolist()] * 2)
    np.testing.assert_array_equal(table_of(tmp_path, data), table.reshape(8, 8))


def test_steps_of_two_bytes(tmp_path: Path) -> None:
    data = jpeg(PICTURE, 60)
    start = data.index(b"\xff\xdb")
    size = int.from_bytes(data[start + 2 : start + 4], "big")
    steps = np.frombuffer(data[start + 5 : start + 69], np.uint8)
    wide = b"\xff\xdb" + struct.pack(">HB", 2 + 1 + 128, 0x10) + steps.astype(">u2").tobytes()
    rest = data[start + 2 + size :]
    other = b"" if size == 67 else b"\xff\xdb" + struct.pack(">H", size - 65) + data[start + 69 : start + 2 + size]
    np.testing.assert_array_equal(table_of(tmp_path, data[:start] + wide + other + rest), standard_table(60))


def test_the_table_of_a_thumbnail_is_not_the_pictures(tmp_path: Path) -> None:
    exif = b"Exif\0\0" + jpeg(PICTURE, 20)
    data = jpeg(PICTURE, 85)
    segment = b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif
    np.testing.assert_array_equal(table_of(tmp_path, data[:2] + segment + data[2:]), standard_table(85))


def test_a_table_that_is_said_twice_is_the_last(tmp_path: Path) -> None:
    low, high = jpeg(PICTURE, 20), jpeg(PICTURE, 85)
    start = low.index(b"\xff\xdb")
    segment = low[start : start + 2 + int.from_bytes(low[start + 2 : start + 4], "big")]
    np.testing.assert_array_equal(table_of(tmp_path, high[:2] + segment + high[2:]), standard_table(85))


@pytest.mark.parametrize("quality", [30, 75, 95])
def test_webp(tmp_path: Path, quality: int) -> None:
    image = pyvips.Image.new_from_array(PICTURE, interpretation="srgb")
    found = [of(tmp_path, image.webpsave_buffer(Q=q, effort=4)) for q in (quality, quality - 10)]
    assert all(each is not None and each.format == "WebP" for each in found)
    finer, coarser = (each.index for each in found if each is not None)
    assert 0 <= finer < coarser <= 127
    with_profile = of(tmp_path, image.icc_transform("srgb", input_profile="srgb").webpsave_buffer(Q=quality, effort=4))
    assert with_profile is not None and with_profile.index == finer
    assert of(tmp_path, image.webpsave_buffer(lossless=True)) is None


@pytest.mark.parametrize("shape", [(48, 64), (70, 300)])
@pytest.mark.parametrize("encoder", ["libvips", "pillow"])
def test_avif(tmp_path: Path, encoder: str, shape: tuple[int, int]) -> None:
    pixels = scene(*shape)
    image = pyvips.Image.new_from_array(pixels, interpretation="srgb")
    indices: list[int] = []
    for quality in (90, 60, 30):
        buffer = io.BytesIO()
        if encoder == "pillow":
            Image.fromarray(pixels).save(buffer, "AVIF", quality=quality, speed=10)
        else:
            buffer.write(image.heifsave_buffer(compression="av1", Q=quality, effort=0))
        found = of(tmp_path, buffer.getvalue())
        assert found is not None and found.format == "AVIF"
        indices.append(found.index)
    assert 0 < indices[0] < indices[1] < indices[2] <= 255
    assert max(np.diff(indices)) < 140


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_formats_without_loss_say_nothing(tmp_path: Path, suffix: str) -> None:
    Image.fromarray(PICTURE).save(tmp_path / f"photo{suffix}")
    assert compression(tmp_path / f"photo{suffix}") is None


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "AVIF"])
def test_whatever_is_damaged_says_nothing_or_something(tmp_path: Path, kind: str) -> None:
    buffer = io.BytesIO()
    Image.fromarray(PICTURE).save(buffer, kind)
    whole = buffer.getvalue()
    random = np.random.default_rng(0)
    for count in range(0, min(len(whole), 400), 7):
        of(tmp_path, whole[:count])
        changed = bytearray(whole)
        for _ in range(4):
            changed[int(random.integers(min(len(whole), 700)))] = int(random.integers(256))
        of(tmp_path, bytes(changed))
