"""How near one picture is to another: PSNR and SSIM on single planes.

scikit-image has both, and the tests compare; here they are a page of NumPy, and the base install needs no SciPy for it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Plane = NDArray[Any]

SSIM_WINDOW = 11
"""Pixels along each side of the window of `ssim`."""


def psnr(result: Plane, truth: Plane, *, data_range: float) -> float:
    """Peak signal-to-noise ratio in dB of two `(H, W)` planes whose values span `data_range`; inf if they are equal."""
    _same_size(result, truth)
    error = float(np.mean((result.astype(np.float64) - truth) ** 2))
    return float("inf") if error == 0 else float(10 * np.log10(data_range**2 / error))


def ssim(result: Plane, truth: Plane, *, data_range: float) -> float:
    """Structural similarity [Wang2004] of two `(H, W)` planes, at least 11×11, whose values span `data_range`.

    The mean over all places where the 11×11 Gaussian window (σ 1.5) fits, K1 = 0.01, K2 = 0.03, as in the authors'
    MATLAB program and the super-resolution literature.
    """
    _same_size(result, truth)
    if min(result.shape) < SSIM_WINDOW:
        raise ValueError(f"SSIM needs at least {SSIM_WINDOW}×{SSIM_WINDOW} pixels, got {result.shape}")
    a, b = result.astype(np.float64), truth.astype(np.float64)
    mean_a, mean_b, square_a, square_b, product = _windowed(np.stack([a, b, a * a, b * b, a * b]))
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    variances = square_a - mean_a**2 + square_b - mean_b**2
    covariance = product - mean_a * mean_b
    luminance = (2 * mean_a * mean_b + c1) / (mean_a**2 + mean_b**2 + c1)
    return float(np.mean(luminance * (2 * covariance + c2) / (variances + c2)))


def _windowed(planes: Plane) -> Plane:
    """Gaussian means of planes `(n, H, W)`, only where the whole window fits: `(n, H - 10, W - 10)`."""
    weights = np.exp(-((np.arange(SSIM_WINDOW) - SSIM_WINDOW // 2) ** 2) / (2 * 1.5**2))
    weights /= weights.sum()
    rows = np.einsum("nyxk,k->nyx", sliding_window_view(planes, SSIM_WINDOW, axis=1), weights)
    return np.einsum("nyxk,k->nyx", sliding_window_view(rows, SSIM_WINDOW, axis=2), weights)


def _same_size(result: Plane, truth: Plane) -> None:
    if result.ndim != 2 or result.shape != truth.shape:
        raise ValueError(f"metrics compare two (H, W) planes of one size, got {result.shape} and {truth.shape}")
