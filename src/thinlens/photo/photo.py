"""A photograph in memory: its pixels, and all that belongs to them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .metadata import NOTHING, Metadata, Resolution


@dataclass(frozen=True)
class Details:
    """What a photo file holds beside pixels.

    `resolution` is horizontal and vertical pixels per millimeter, None where the file says none; `profile` is an ICC
    profile, None for sRGB. `lossless` is whether the format can have losses and the file has none.
    """

    metadata: Metadata = NOTHING
    resolution: Resolution = None
    profile: bytes | None = None
    lossless: bool = False


@dataclass(frozen=True, eq=False)
class Photo:
    """A photograph, upright.

    `pixels` is `(H, W)` gray or `(H, W, 3)` RGB, uint8 or uint16, in memory float32 too, encoded as the ICC profile
    says, sRGB without one; `alpha` is `(H, W)` of the same dtype, not premultiplied. Metadata, resolution, profile and
    lossless are as in `Details`.
    """

    pixels: NDArray[Any]
    alpha: NDArray[Any] | None = None
    metadata: Metadata = NOTHING
    resolution: Resolution = None
    profile: bytes | None = None
    lossless: bool = False

    @property
    def details(self) -> Details:
        """All but the pixels."""
        return Details(self.metadata, self.resolution, self.profile, self.lossless)


def stack(pixels: NDArray[Any], alpha: NDArray[Any] | None) -> NDArray[Any]:
    """`(H, W)` or `(H, W, 3)`, and alpha `(H, W)` as a last channel, if there is one."""
    return pixels if alpha is None else np.dstack([pixels, alpha])


def split(samples: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """What `stack` has put together: `(H, W)`, `(H, W, 2)`, `(H, W, 3)` or `(H, W, 4)` to pixels and alpha."""
    if samples.ndim == 2 or samples.shape[2] == 3:
        return samples, None
    pixels = samples[..., 0] if samples.shape[2] == 2 else samples[..., :3]
    return np.ascontiguousarray(pixels), np.ascontiguousarray(samples[..., -1])
