"""Bicubic interpolation as programs [Keys1981]."""

from __future__ import annotations

import numpy as np

from .ops import Convolution, Padding, PixelShuffle, Upsample
from .program import Program
from .reference import bicubic_taps, bicubic_taps_integer


def bicubic(scale: int, padding: Padding = "edge") -> Program:
    """The program of bicubic interpolation (a = -0.5) by a whole number: scale² fixed filters and a pixel shuffle."""
    taps = bicubic_taps(scale)
    kernels = np.einsum("iy,jx->ijyx", taps, taps).reshape(scale**2, 1, *taps.shape[1:] * 2).astype(np.float32)
    return Program(f"Bicubic_s{scale}", (Convolution(0, kernels, padding=padding), PixelShuffle(1, scale)))


def shifted_bicubic(scale: int, shift: tuple[float, float] = (0.0, 0.0)) -> Program:
    """The same along one axis after the other, which is quicker, the edge repeated; in integers for uint8 pictures.

    The result is sampled `shift` pixels of the source further to the right and further down, which is how chroma lies
    that is not in the middle of its luma; each less than 1/2 + 1/(2 · scale).
    """
    across, down = (bicubic_taps(scale, by).astype(np.float32) for by in shift)
    fixed_across, fixed_down = (bicubic_taps_integer(scale, by) for by in shift)
    name = f"Bicubic_s{scale}"
    return Program(name, (Upsample(0, down, across),), Program(name, (Upsample(0, fixed_down, fixed_across),)))
