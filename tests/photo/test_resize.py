"""What is left between a network's size and the wanted one."""

from __future__ import annotations

import numpy as np
import pytest

from thinlens.photo import Photo, resize, resize_photo


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("channels", [(), (3,)], ids=["gray", "rgb"])
@pytest.mark.parametrize("size", [(1, 1), (17, 40), (53, 71), (60, 89), (61, 91)])
def test_flat_pictures_stay_flat_at_any_size(dtype: type, channels: tuple[int, ...], size: tuple[int, int]) -> None:
    level = 0.37 if dtype == np.float32 else np.iinfo(dtype).max // 3
    found = resize(np.full((90, 60, *channels), level, dtype), size)
    assert found.dtype == dtype
    assert found.shape == (size[1], size[0], *channels)
    np.testing.assert_allclose(found.astype(float), level, rtol=1e-3, atol=0 if dtype == np.float32 else 1)


def test_every_size_is_met_exactly() -> None:
    picture = np.zeros((97, 89), np.uint8)
    for length in range(1, 98):
        assert resize(picture, (length, length)).shape == (length, length)


@pytest.mark.parametrize("factor", [0.3, 0.45, 0.7])
def test_what_is_too_fine_for_the_size_becomes_gray(factor: float) -> None:
    stripes = np.tile(np.array([[0, 255], [255, 0]], np.uint8), (150, 150))
    side = round(300 * factor)
    found = resize(stripes, (side, side))[10:-10, 10:-10]
    assert np.abs(found.astype(int) - 127).max() < 12
    ramp = np.tile(np.linspace(0, 1, 300, dtype=np.float32), (300, 1))
    expected = (np.arange(side) + 0.5) / side * 300 / 299 - 0.5 / 299
    np.testing.assert_allclose(resize(ramp, (side, side))[20, 10:-10], expected[10:-10], atol=2e-3)


def test_float_pictures_are_not_clipped() -> None:
    found = resize(np.linspace(-1, 3, 300, dtype=np.float32).reshape(1, 300).repeat(300, 0), (200, 200))
    assert found.min() < -0.9
    assert found.max() > 2.9


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("color", [False, True])
@pytest.mark.parametrize("hidden", [0, 1])
def test_hidden_colors_do_not_come_to_light(dtype: type, color: bool, hidden: int) -> None:
    peak = np.iinfo(dtype).max
    pixels = np.full((30, 30, 3) if color else (30, 30), peak // 2, dtype)
    alpha = np.full((30, 30), peak, dtype)
    pixels[:, :15], alpha[:, :15] = hidden * peak, 0
    found = resize_photo(Photo(pixels, alpha), (20, 22))
    assert found.alpha is not None
    assert found.pixels.dtype == found.alpha.dtype == dtype
    visible = found.alpha > peak // 50
    assert visible.any()
    assert not visible.all()
    assert np.abs(found.pixels[visible].astype(int) - peak // 2).max() <= peak // 100
