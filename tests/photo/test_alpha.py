"""Transparent pixels take the color around them."""

from __future__ import annotations

import numpy as np
import pytest

from thinlens.photo import bleed


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [(), (3,)], ids=["gray", "rgb"])
def test_visible_pixels_stay_and_hidden_ones_follow(dtype: type, channels: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    peak = np.iinfo(dtype).max
    pixels = rng.integers(0, peak + 1, (20, 30, *channels)).astype(dtype)
    pixels[:, :12] = peak // 3
    alpha = rng.integers(1, peak + 1, (20, 30)).astype(dtype)
    pixels[:, :6], alpha[:, :6] = peak, 0
    found = bleed(pixels, alpha)
    assert found.dtype == dtype
    np.testing.assert_array_equal(found[:, 6:], pixels[:, 6:])
    assert (found[:, 1:6] == peak // 3).all()


def test_opaque_and_invisible_photos_stay_the_size_they_are() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (5, 6, 3)).astype(np.uint8)
    np.testing.assert_array_equal(bleed(pixels, np.full((5, 6), 255, np.uint8)), pixels)
    assert bleed(pixels, np.zeros((5, 6), np.uint8)).shape == pixels.shape
    assert bleed(pixels[:1, :1], np.zeros((1, 1), np.uint8)).shape == (1, 1, 3)
    assert bleed(pixels[:1, :1, 0], np.zeros((1, 1), np.uint8)).shape == (1, 1)
