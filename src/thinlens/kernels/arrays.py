"""Arrays as kernels take them: what is a picture, and rows of contiguous elements of any array."""

from __future__ import annotations

import os
from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

TYPES = tuple(np.dtype(name) for name in ("uint8", "uint16", "float32"))
MANY_TASKS = 256
"""Tasks for all threads of the machine: more than there are threads, so that the quick ones take over from the slow."""
FARTHEST = 1.0
"""How far beyond [0, 1] values of a float picture may be: results overshoot a little."""
LARGEST = 2**31 - 1
"""Elements that a picture may have: kernels count them in 32 bits."""


def check_picture(picture: NDArray[Any]) -> int:
    """How many channels a picture has, 1 or 3; TypeError or ValueError, in a sentence, if it is none."""
    if not isinstance(picture, np.ndarray):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"a picture must be a NumPy array, got {type(picture).__name__}: give np.asarray(picture)")
    if picture.dtype not in TYPES:
        raise TypeError(f"a picture must be uint8, uint16 or float32, got {picture.dtype}: convert it with astype")
    if picture.ndim not in (2, 3) or (picture.ndim == 3 and picture.shape[2] != 3):
        raise ValueError(f"a picture must be (H, W) luma or (H, W, 3) RGB, got shape {picture.shape}")
    if 0 in picture.shape:
        raise ValueError(f"a picture must have at least one pixel, got shape {picture.shape}")
    if picture.dtype == np.float32:
        _finite_range(picture)
    return 1 if picture.ndim == 2 else 3


def check_range(picture: NDArray[Any]) -> None:
    """ValueError, in a sentence, if values of a float32 picture are far outside [0, 1], as those of 0…255 are."""
    lowest, highest = _finite_range(picture)
    if lowest < -FARTHEST or highest > 1 + FARTHEST:
        raise ValueError(
            f"a float picture has values from 0 to 1, got {lowest:g} to {highest:g}: divide it by what "
            "stands for white, as 255"
        )


def _finite_range(picture: NDArray[Any]) -> tuple[float, float]:
    """The lowest and the highest value. Raises ValueError if one is not finite."""
    lowest, highest = float(picture.min()), float(picture.max())
    if not np.isfinite((lowest, highest)).all():
        raise ValueError("a picture must not hold NaN or infinity: replace them with np.nan_to_num")
    return lowest, highest


def check_features(features: NDArray[Any]) -> int:
    """How many channels feature maps have; ValueError, in a sentence, if they are none."""
    if features.ndim != 3 or 0 in features.shape:
        raise ValueError(f"feature maps must be (H, W, C) with at least one pixel, got shape {features.shape}")
    if not np.isfinite(features).all():
        raise ValueError("feature maps must not hold NaN or infinity: replace them with np.nan_to_num")
    return features.shape[2]


def computed(
    picture: NDArray[Any],
    shape: tuple[int, ...],
    out: NDArray[Any] | None,
    threads: int | None,
    kernel: Callable[[NDArray[Any], NDArray[Any], int], None],
) -> NDArray[Any]:
    """What a kernel, given source, target and tasks, makes of a picture of any strides, in `out` if that is given.

    The result has this shape. Raises ValueError if `out` does not fit, the result is too large, or no thread
    may work.
    """
    if prod(shape) > LARGEST:
        raise ValueError(f"a result of {shape[1]}x{shape[0]} has more than 2**31 elements: enlarge it in bands")
    if threads is not None and threads < 1:
        raise ValueError(f"threads must be at least 1, got {threads}")
    if out is None:
        out = np.empty(shape, picture.dtype)
    elif out.shape != shape or out.dtype != picture.dtype or not out.flags.writeable:
        raise ValueError(f"out must be a writable array {shape} {picture.dtype}, got {out.shape} {out.dtype}")
    elif np.may_share_memory(picture, out):
        picture = picture.copy()
    target = out if _addressable(out) else np.empty(shape, out.dtype)
    source = picture if _addressable(picture) else np.array(picture, order="C")
    tasks = MANY_TASKS if threads is None or threads >= (os.cpu_count() or 1) else threads
    kernel(source, target, tasks)
    if target is not out:
        out[...] = target
    return out


def _addressable(array: NDArray[Any]) -> bool:
    """Whether a kernel can use the array as it is: rows of contiguous elements, one below the other in memory."""
    size = array.itemsize
    inner = (size,) if array.ndim == 2 else (array.shape[2] * size, size)
    row = array.shape[1] * inner[0]
    stride = array.strides[0]
    below = array.shape[0] == 1 or (row <= stride <= LARGEST * size and stride % size == 0)
    return array.strides[1:] == inner and below and array.flags.aligned
