"""Low-resolution pictures made from high-resolution ones: bicubic resizing as MATLAB's `imresize` does it.

The kernel is cubic convolution with a = -0.5 [Keys1981]. Shrinking widens it by the scale, against aliasing; weights
add up to 1; beyond the border the picture is mirrored, its edge pixel repeated (MATLAB's "symmetric"). Rows are
resized first, then columns, in floating point with a single rounding at the end.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..program.reference import bicubic_taps, cubic

Image = NDArray[Any]


def crop_to_multiple(image: Image, scale: int) -> Image:
    """The top left part, a view, whose height and width are the largest multiples of `scale`."""
    height, width = (size - size % scale for size in image.shape[:2])
    return image[:height, :width]


def downscale(image: Image, scale: int) -> Image:
    """Shrink `(H, W)` or `(H, W, 3)` uint8, float32 or float64 of any range by a whole number, with antialiasing.

    Returns `(H / scale, W / scale[, 3])` of the same dtype; uint8 is rounded and clipped, floats are not.
    """
    if any(size == 0 or size % scale for size in image.shape[:2]):
        raise ValueError(f"{image.shape[:2]} is not a multiple of {scale}; use crop_to_multiple first")
    return _resize(image, shrink_taps(scale), scale)


def upscale_bicubic(image: Image, scale: int) -> Image:
    """Enlarge `(H, W)` or `(H, W, 3)` uint8, float32 or float64 of any range by a whole number.

    Returns `(H · scale, W · scale[, 3])` of the same dtype; uint8 is rounded and clipped, floats are not. It differs
    from the engine's bicubic, which repeats the edge, in the outermost two pixels of the picture only.
    """
    return _resize(image, enlarge_taps(scale), 1)


def shrink_taps(scale: int) -> NDArray[np.float64]:
    """`(1, scale + 2·pad)`: weights of the pixels from pad before a block of `scale` pixels to pad after it."""
    pad = 2 * scale
    position = np.arange(-pad, scale + pad) - (scale - 1) / 2
    weights = cubic(np.abs(position) / scale)
    return (weights / weights.sum())[None]


def enlarge_taps(scale: int) -> NDArray[np.float64]:
    """`(scale, 5)`: for each sub-pixel position, the weights of the pixels from 2 before to 2 after."""
    weights = bicubic_taps(scale)
    return weights / weights.sum(axis=1, keepdims=True)


def _resize(image: Image, taps: NDArray[np.float64], stride: int) -> Image:
    if image.dtype not in (np.uint8, np.float32, np.float64):
        raise TypeError(f"an image must be uint8, float32 or float64, got {image.dtype}")
    result = image.astype(np.float32) if image.dtype == np.uint8 else image
    for axis in (0, 1):
        result = _filter(result, taps.astype(result.dtype), stride, axis)
    if image.dtype == np.uint8:
        return np.clip(np.floor(result + np.float32(0.5)), 0, 255).astype(np.uint8)
    return result


def _filter(image: Image, taps: Image, stride: int, axis: int) -> Image:
    """Along one axis: a position every `stride` pixels, each answering one pixel for every row of taps."""
    count = image.shape[axis] // stride
    pad = (taps.shape[1] - stride) // 2
    padded = np.pad(image, [(pad, pad) if i == axis else (0, 0) for i in range(image.ndim)], mode="symmetric")
    shape = list(image.shape)
    shape[axis] = count
    phases = np.zeros((len(taps), *shape), image.dtype)
    for phase, row in zip(phases, taps, strict=True):
        for offset in np.flatnonzero(row):
            taken = slice(offset, offset + stride * count, stride)
            phase += row[offset] * padded[(slice(None),) * axis + (taken,)]
    shape[axis] *= len(taps)
    return np.moveaxis(phases, 0, axis + 1).reshape(shape)
