"""Where chroma lies between luma, and enlarging it to any size so that it stays there."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .frames import Plane


def shift_of(location: str | None, across: int, down: int) -> tuple[float, float]:
    """How far a chroma sample lies from the middle of the luma samples that it stands for, right and down.

    In chroma samples. Without a location it is that of H.264 and MPEG-2: at the left, halfway down.
    """
    sideways = 0.0 if location in ("center", "top", "bottom") else -(across - 1) / (2 * across)
    up = (down - 1) / (2 * down)
    upwards = {"topleft": -up, "top": -up, "bottomleft": up, "bottom": up}.get(location or "left", 0.0)
    return sideways, upwards


def resampled(plane: Plane, shape: tuple[int, int], offset: tuple[float, float], peak: int) -> Plane:
    """A plane in another size by bicubic interpolation (a = -0.5), widened where it shrinks; the edge is repeated.

    `offset` is that of `shift_of`, before and after.
    """
    result = plane.astype(np.float32)
    for axis, by in ((0, offset[1]), (1, offset[0])):
        indices, weights = _taps(result.shape[axis], shape[axis], by)
        total = None
        for index, weight in zip(indices, weights, strict=True):
            part = np.take(result, index, axis=axis) * (weight[:, None] if axis == 0 else weight)
            total = part if total is None else total + part
        assert total is not None
        result = total
    return np.clip(np.floor(result + np.float32(0.5)), 0, peak).astype(plane.dtype)


def _taps(source: int, target: int, offset: float) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """`(taps, target)`: which samples each new one is made of, and with which weights."""
    ratio = source / target
    width = max(1.0, ratio)
    places = (np.arange(target) + 0.5 + offset) * ratio - 0.5 - offset
    reach = int(np.ceil(2 * width))
    first = np.floor(places).astype(np.int64) - reach + 1
    indices = first[None] + np.arange(2 * reach)[:, None]
    weights = _cubic(np.abs(indices - places[None]) / width)
    weights /= weights.sum(axis=0, keepdims=True)
    return np.clip(indices, 0, source - 1), weights.astype(np.float32)


def _cubic(distance: NDArray[Any]) -> NDArray[Any]:
    near = 1 - 2.5 * distance**2 + 1.5 * distance**3
    far = 2 - 4 * distance + 2.5 * distance**2 - 0.5 * distance**3
    return np.where(distance < 1, near, np.where(distance < 2, far, 0.0))
