"""Bicubic interpolation as a program: scale² fixed filters and a pixel shuffle [Keys1981]."""

from __future__ import annotations

import numpy as np

from .ops import Convolution, Padding, PixelShuffle
from .program import Program
from .reference import bicubic_taps


def bicubic(scale: int, padding: Padding = "edge", shift: tuple[float, float] = (0.0, 0.0)) -> Program:
    """The program of bicubic interpolation (a = -0.5) by a whole number.

    The result is sampled `shift` pixels of the source further to the right and further down, which is how chroma lies
    that is not in the middle of its luma; each less than 1/2 + 1/(2 · scale).
    """
    across, down = (bicubic_taps(scale, by) for by in shift)
    kernels = np.einsum("iy,jx->ijyx", down, across).reshape(scale**2, 1, *down.shape[1:] * 2).astype(np.float32)
    return Program(f"Bicubic_s{scale}", (Convolution(0, kernels, padding=padding), PixelShuffle(1, scale)))
