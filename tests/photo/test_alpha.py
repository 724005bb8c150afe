"""Premultiplied color and back."""

from __future__ import annotations

import numpy as np
import pytest

from thinlens.photo import premultiply, unpremultiply


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [(), (3,)], ids=["gray", "rgb"])
def test_round_trip_keeps_all_that_is_visible(dtype: type, channels: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    peak = np.iinfo(dtype).max
    pixels = rng.integers(0, peak + 1, (64, 64, *channels)).astype(dtype)
    alpha = rng.integers(1, peak + 1, (64, 64)).astype(dtype)
    alpha[:8], alpha[8:16] = 0, peak
    color, share = premultiply(pixels, alpha)
    assert color.dtype == share.dtype == np.float32
    found, found_alpha = unpremultiply(color, share, pixels.dtype)
    np.testing.assert_array_equal(found_alpha, alpha, strict=True)
    np.testing.assert_array_equal(found[8:], pixels[8:], strict=True)
    assert not found[:8].any()


def test_out_of_range_values_are_clipped() -> None:
    color = np.array([[-0.1, 0.6, 1.2]], np.float32)
    alpha = np.array([[0.5, 0.5, 1.1]], np.float32)
    pixels, found = unpremultiply(color, alpha, np.dtype(np.uint8))
    assert pixels.tolist() == [[0, 255, 255]]
    assert found.tolist() == [[128, 128, 255]]
