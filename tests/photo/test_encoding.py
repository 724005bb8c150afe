"""How results are compressed: the quality, without loss, and what a format cannot do."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from thinlens import enhance_file, upscale_file
from thinlens.photo import USUAL, Encoding, Photo, check_target, compression, read, write

NOISE = np.random.default_rng(0).integers(0, 256, (40, 30, 4)).astype(np.uint8)
PHOTO, CLEAR = Photo(NOISE[..., :3]), Photo(NOISE[..., :3], NOISE[..., 3])


@pytest.mark.parametrize("suffix", [".jpg", ".webp", ".avif"])
def test_a_lower_quality_is_a_smaller_file(tmp_path: Path, suffix: str) -> None:
    sizes: list[int] = []
    for quality in (20, 60, 100):
        write(PHOTO, tmp_path / f"photo{suffix}", Encoding(quality))
        sizes.append((tmp_path / f"photo{suffix}").stat().st_size)
    assert sizes == sorted(set(sizes))


def test_the_quality_of_jpeg_is_that_of_pillow(tmp_path: Path) -> None:
    write(PHOTO, tmp_path / "ours.jpg", Encoding(70))
    Image.fromarray(NOISE[..., :3]).save(tmp_path / "theirs.jpg", quality=70)
    ours, theirs = (compression(tmp_path / name) for name in ("ours.jpg", "theirs.jpg"))
    assert ours and theirs and ours.table is not None and theirs.table is not None
    np.testing.assert_array_equal(ours.table, theirs.table)


@pytest.mark.parametrize("suffix", [".webp", ".avif"])
def test_without_loss(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"photo{suffix}"
    write(CLEAR, path, Encoding(lossless=True))
    found = read(path)
    np.testing.assert_array_equal(found.pixels, CLEAR.pixels)
    assert found.alpha is not None and CLEAR.alpha is not None
    np.testing.assert_array_equal(found.alpha, CLEAR.alpha)


def test_webp_without_loss_stays_so_unless_a_quality_is_given(tmp_path: Path) -> None:
    Image.fromarray(NOISE[..., :3]).save(tmp_path / "low.webp", lossless=True)
    assert read(tmp_path / "low.webp").lossless
    upscale_file(tmp_path / "low.webp", tmp_path / "high.webp", model="fast")
    upscale_file(tmp_path / "low.webp", tmp_path / "high.png", model="fast")
    np.testing.assert_array_equal(_decoded(tmp_path / "high.webp"), _decoded(tmp_path / "high.png"))
    upscale_file(tmp_path / "low.webp", tmp_path / "lossy.webp", model="fast", quality=50)
    assert compression(tmp_path / "lossy.webp")
    enhance_file(tmp_path / "low.webp", tmp_path / "better.webp")
    assert read(tmp_path / "better.webp").lossless


def test_large_photos_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(PHOTO, tmp_path / "low.webp", Encoding(lossless=True))
    upscale_file(tmp_path / "low.webp", tmp_path / "whole.webp", model="fast")
    monkeypatch.setattr("thinlens.run.IN_ONE_PIECE", 0)
    upscale_file(tmp_path / "low.webp", tmp_path / "bands.webp", model="fast")
    np.testing.assert_array_equal(_decoded(tmp_path / "bands.webp"), _decoded(tmp_path / "whole.webp"))


def test_what_a_format_would_ignore_is_refused(tmp_path: Path) -> None:
    for suffix in (".png", ".tif"):
        check_target(tmp_path / f"photo{suffix}", Encoding(lossless=True))  # as it is anyway
        with pytest.raises(ValueError, match="without loss; leave the quality out"):
            check_target(tmp_path / f"photo{suffix}", Encoding(90))
    with pytest.raises(ValueError, match="JPEG has losses; write PNG"):
        check_target(tmp_path / "photo.jpg", Encoding(lossless=True))
    with pytest.raises(ValueError, match="contradict each other"):
        Encoding(90, lossless=True)
    for quality in (0, 101):
        with pytest.raises(ValueError, match=f"from 1 to 100, got {quality}"):
            Encoding(quality)
    assert USUAL == Encoding()


def _decoded(path: Path) -> np.ndarray:
    """By another program."""
    return np.asarray(Image.open(io.BytesIO(path.read_bytes())).convert("RGB"))
