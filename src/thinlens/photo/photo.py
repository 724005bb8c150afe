"""A photograph in memory: its pixels, and all that belongs to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Value: TypeAlias = bytes | str
RESOLUTION = (72 / 25.4, 72 / 25.4)
"""Pixels per millimeter of a file that says none: 72 dpi."""


@dataclass(frozen=True)
class Details:
    """What a photo file holds beside pixels.

    `metadata` has libvips' names and values; `resolution` is horizontal and vertical pixels per millimeter, 72 dpi
    where the file says none.
    """

    metadata: Mapping[str, Value] = field(default_factory=dict[str, Value])
    resolution: tuple[float, float] = RESOLUTION


@dataclass(frozen=True, eq=False)
class Photo:
    """A photograph, upright.

    `pixels` is `(H, W)` gray or `(H, W, 3)` RGB, uint8 or uint16, encoded as the ICC profile in the metadata says,
    sRGB without one; `alpha` is `(H, W)` of the same dtype, not premultiplied. Metadata and resolution are as in
    `Details`.
    """

    pixels: NDArray[Any]
    alpha: NDArray[Any] | None = None
    metadata: Mapping[str, Value] = field(default_factory=dict[str, Value])
    resolution: tuple[float, float] = RESOLUTION


def stack(pixels: NDArray[Any], alpha: NDArray[Any] | None) -> NDArray[Any]:
    """`(H, W)` or `(H, W, 3)`, and alpha `(H, W)` as a last channel, if there is one."""
    return pixels if alpha is None else np.dstack([pixels, alpha])


def split(samples: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """What `stack` has put together: `(H, W)`, `(H, W, 2)`, `(H, W, 3)` or `(H, W, 4)` to pixels and alpha."""
    if samples.ndim == 2 or samples.shape[2] == 3:
        return samples, None
    pixels = samples[..., 0] if samples.shape[2] == 2 else samples[..., :3]
    return np.ascontiguousarray(pixels), np.ascontiguousarray(samples[..., -1])
