"""Bicubic interpolation as a program: scale² fixed filters and a pixel shuffle [Keys1981]."""

from __future__ import annotations

import numpy as np

from .ops import Convolution, Padding, PixelShuffle
from .program import Program
from .reference import bicubic_taps


def bicubic(scale: int, padding: Padding = "edge") -> Program:
    """The program of bicubic interpolation (a = -0.5) by a whole number."""
    taps = bicubic_taps(scale)
    kernels = np.einsum("iy,jx->ijyx", taps, taps).reshape(scale**2, 1, *taps.shape[1:] * 2).astype(np.float32)
    return Program(f"Bicubic_s{scale}", (Convolution(0, kernels, padding=padding), PixelShuffle(1, scale)))
