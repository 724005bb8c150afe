"""JPEG files that are never on a disk: what pictures have been through, for scores and training."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyvips
from numpy.typing import NDArray


def as_jpeg(pixels: NDArray[np.uint8], quality: int, subsampled: bool = True) -> bytes:
    """`(H, W)` gray or `(H, W, 3)` RGB uint8 as a JPEG file: tables of the standard scaled to a quality from 1 to 100.

    `subsampled` is 4:2:0, else 4:4:4. Raises ValueError for any other quality.
    """
    if not 1 <= quality <= 100:
        raise ValueError(f"the quality of JPEG must be from 1 to 100, got {quality}")
    kind = "b-w" if pixels.ndim == 2 else "srgb"
    image = pyvips.Image.new_from_array(np.ascontiguousarray(pixels), interpretation=kind)
    return image.jpegsave_buffer(Q=quality, subsample_mode="on" if subsampled else "off")


def decoded(data: bytes) -> NDArray[Any]:
    """The pixels of a file, `(H, W)` or `(H, W, channels)`, as they are stored."""
    return pyvips.Image.new_from_buffer(data, "").numpy()
