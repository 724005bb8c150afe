"""The degradation against MATLAB's algorithm, written down independently as one matrix per axis."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from thinlens.data.degrade import crop_to_multiple, downscale, enlarge_taps, shrink_taps, upscale_bicubic


def imresize(image: Any, factor: float) -> Any:
    """As MATLAB documents it: for every output pixel the places and weights of its inputs, mirrored at the border."""
    result = np.asarray(image, np.float64)
    for axis in (0, 1):
        size = result.shape[axis]
        stretch = min(factor, 1)
        matrix = np.zeros((round(size * factor), size))
        for row in range(len(matrix)):
            center = (row + 0.5) / factor - 0.5
            reach = np.arange(np.floor(center - 2 / stretch), np.ceil(center + 2 / stretch) + 1).astype(int)
            t = np.abs(reach - center) * stretch
            weights = np.where(
                t <= 1, 1.5 * t**3 - 2.5 * t**2 + 1, np.where(t <= 2, -0.5 * t**3 + 2.5 * t**2 - 4 * t + 2, 0)
            )
            mirrored = reach % (2 * size)
            mirrored = np.where(mirrored < size, mirrored, 2 * size - 1 - mirrored)
            np.add.at(matrix[row], mirrored, weights / weights.sum())
        result = np.moveaxis(np.tensordot(matrix, result, axes=(1, axis)), 0, axis)
    return result


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (5, 2), (6, 9, 3)])
def test_against_matlab(scale: int, shape: tuple[int, ...]) -> None:
    draw = np.random.default_rng(0)
    high = draw.random((shape[0] * scale, shape[1] * scale, *shape[2:]))
    np.testing.assert_allclose(downscale(high, scale), imresize(high, 1 / scale), atol=1e-12)
    low = draw.random(shape)
    np.testing.assert_allclose(upscale_bicubic(low, scale), imresize(low, scale), atol=1e-12)
    np.testing.assert_allclose(downscale(high.astype(np.float32), scale), imresize(high, 1 / scale), atol=1e-6)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_eight_bits_are_rounded_once_at_the_end(scale: int) -> None:
    high = np.random.default_rng(1).integers(0, 256, (24, 36, 3), dtype=np.uint8)
    for result, exact in (
        (downscale(high, scale), imresize(high, 1 / scale)),
        (upscale_bicubic(high, scale), imresize(high, scale)),
    ):
        assert result.dtype == np.uint8
        assert np.abs(result - exact.clip(0, 255)).max() <= 0.5 + 1e-4


def test_overshoot_is_clipped_at_eight_bits_only() -> None:
    edge = np.zeros((16, 16), np.uint8)
    edge[:, 8:] = 255
    assert downscale(edge / 255.0, 2).max() > 1.01 and downscale(edge, 2).max() == 255


@pytest.mark.parametrize("scale", [1, 2, 3, 4])
def test_weights_add_up_and_flat_pictures_stay(scale: int) -> None:
    np.testing.assert_allclose(shrink_taps(scale).sum(axis=1), 1)
    np.testing.assert_allclose(enlarge_taps(scale).sum(axis=1), 1)
    for level in (0, 1, 100, 255):
        flat = np.full((12, 12, 3), level, np.uint8)
        assert np.all(downscale(flat, scale) == level) and np.all(upscale_bicubic(flat, scale) == level)


def test_the_kernel_at_scale_two_by_hand() -> None:
    expected = np.array([0, -3, -9, 29, 111, 111, 29, -9, -3, 0]) / 256
    np.testing.assert_allclose(shrink_taps(2)[0], expected, atol=1e-12)


def test_strides_and_the_source_stay_untouched() -> None:
    high = np.random.default_rng(2).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    before = high.copy()
    view = high[::-1, ::-1]
    np.testing.assert_array_equal(downscale(view, 2), downscale(np.ascontiguousarray(view), 2))
    np.testing.assert_array_equal(downscale(view, 2), downscale(high, 2)[::-1, ::-1])
    np.testing.assert_array_equal(high, before)


def test_crop() -> None:
    image = np.arange(35).reshape(5, 7)
    np.testing.assert_array_equal(crop_to_multiple(image, 3), image[:3, :6])
    assert crop_to_multiple(image, 1).shape == (5, 7)


def test_refusals() -> None:
    with pytest.raises(ValueError, match="not a multiple of 2; use crop_to_multiple first"):
        downscale(np.zeros((4, 5)), 2)
    with pytest.raises(ValueError, match="crop_to_multiple"):
        downscale(np.zeros((0, 4)), 2)
    with pytest.raises(TypeError, match="must be uint8, float32 or float64, got int64"):
        downscale(np.zeros((4, 4), np.int64), 2)
