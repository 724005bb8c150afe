"""Premultiplied color: enlarged so, the hidden color of transparent pixels cannot bleed into visible ones."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def premultiply(pixels: NDArray[Any], alpha: NDArray[Any]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """`(H, W)` or `(H, W, 3)` pixels and `(H, W)` alpha, uint8 or uint16: the products and alpha, float32 in [0, 1]."""
    share = np.divide(alpha, np.iinfo(alpha.dtype).max, dtype=np.float32)
    color = np.divide(pixels, np.iinfo(pixels.dtype).max, dtype=np.float32)
    return color * _for_channels(share, pixels), share


def unpremultiply(
    color: NDArray[np.float32], alpha: NDArray[np.float32], dtype: np.dtype[Any]
) -> tuple[NDArray[Any], NDArray[Any]]:
    """The inverse of `premultiply`: pixels and alpha of `dtype`, clipped and rounded; black where alpha is zero."""
    peak = np.iinfo(dtype).max
    whole = np.floor(alpha.clip(0, 1) * peak + 0.5)
    # dividing by the rounded alpha gives the product back exactly when a viewer multiplies by it
    share = _for_channels(whole / peak, color)
    straight = np.divide(color, share, out=np.zeros_like(color), where=share > 0)
    return np.floor(straight.clip(0, 1) * peak + 0.5).astype(dtype), whole.astype(dtype)


def _for_channels(plane: NDArray[Any], pixels: NDArray[Any]) -> NDArray[Any]:
    return plane if pixels.ndim == 2 else plane[..., None]
