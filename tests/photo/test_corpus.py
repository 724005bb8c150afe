"""What other programs have written goes through thinlens without loss: format, depth, alpha, profile, orientation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import pyvips

from corpus import NO_GRAY, XMP, Case, cases, encode, picture, turned
from thinlens import run
from thinlens.photo import read
from thinlens.program import Convolution, PixelShuffle, Program

NEAREST = Program("nearest", (Convolution(0, np.ones((4, 1, 1, 1), np.float32)), PixelShuffle(1, 2)))
CASES = list(cases())


@pytest.mark.parametrize("case", CASES, ids=str)
def test_pixels_and_all_that_belongs_to_them_stay(tmp_path: Path, case: Case) -> None:
    low, high = tmp_path / f"low{case.suffix}", tmp_path / f"high{case.suffix}"
    encode(case, low)
    run.upscale_file(low, high, model=NEAREST)
    expected = turned(picture(case), case.orientation).astype(float)
    first, second = read(low), read(high)
    for found, shown, slack in ((first, expected, 3), (second, expected.repeat(2, 0).repeat(2, 1), 5)):
        assert found.pixels.dtype == (np.uint16 if case.bits == 16 else np.uint8)
        assert found.pixels.shape[:2] == shown.shape[:2]
        assert found.pixels.ndim == (3 if case.color or case.suffix in NO_GRAY else 2)
        unit = 257 if case.bits == 16 else 1
        pixels = found.pixels if found.pixels.ndim == 3 else found.pixels[..., None]
        if case.mode == "CMYK":  # Pillow knows no profiles: the inks are only roughly the colors
            assert np.abs(pixels - shown[..., :3]).mean() < 30
        elif case.lossless and shown is expected:
            np.testing.assert_array_equal(pixels, shown[..., : pixels.shape[2]])
        elif case.lossless:  # chroma interpolated
            assert np.abs(pixels - shown[..., : pixels.shape[2]]).mean() < slack * unit
        else:
            assert np.abs(pixels - shown[..., :3]).mean() < slack * unit
        if case.transparent:
            assert found.alpha is not None
            assert np.abs(found.alpha - shown[..., 3]).mean() < slack * unit
        else:
            assert found.alpha is None
    _check_metadata(case, low, high)


def _check_metadata(case: Case, low: Path, high: Path) -> None:
    before, after = (pyvips.Image.new_from_file(str(path)) for path in (low, high))
    names = set(after.get_fields())
    assert "orientation" not in names or after.get("orientation") == 1
    if case.profile:
        assert after.get("icc-profile-data") == before.get("icc-profile-data")
    if case.encoder == "opencv":
        return
    if case.encoder == "libvips":
        assert after.get("xmp-data") == XMP
    if case.suffix not in NO_GRAY or case.encoder == "libvips":  # Pillow writes no resolution there
        assert read(high).resolution == pytest.approx((10, 10), rel=1e-3)
    if case.suffix != ".tif":
        assert after.get("exif-ifd0-Artist").startswith("Ada ")
        assert after.get("exif-ifd2-PixelXDimension").startswith(f"{after.width} ")
        assert after.get("exif-ifd2-PixelYDimension").startswith(f"{after.height} ")


@pytest.mark.parametrize("suffix", NO_GRAY)
@pytest.mark.parametrize("mode", ["L", "LA"])
def test_gray_profiles_are_applied_where_there_is_no_gray(tmp_path: Path, suffix: str, mode: str) -> None:
    case = Case("libvips", ".png", mode, profile=True)
    encode(case, tmp_path / "low.png")
    run.upscale_file(tmp_path / "low.png", tmp_path / f"high{suffix}", model=NEAREST)
    low = pyvips.Image.new_from_file(str(tmp_path / "low.png")).extract_band(0)
    expected = low.icc_transform("srgb", embedded=True).numpy().repeat(2, 0).repeat(2, 1).astype(float)
    found = read(tmp_path / f"high{suffix}")
    assert np.abs(found.pixels - expected).mean() < 3
    assert (found.alpha is not None) == case.transparent
    assert found.profile is None or b"RGB " in found.profile[:20]


def test_the_corpus_is_large() -> None:
    assert len(CASES) > 400
