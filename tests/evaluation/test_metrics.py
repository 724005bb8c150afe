"""PSNR and SSIM against their definitions, written down plainly, and against scikit-image."""

from __future__ import annotations

from math import exp, log10

import numpy as np
import pytest

from thinlens.evaluation.metrics import psnr, ssim


def noisy(seed: int, shape: tuple[int, int] = (24, 31)) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    truth = draw.random(shape) * 219 + 16
    return (truth + draw.normal(0, 12, shape)).clip(0, 255), truth


def test_psnr_by_hand() -> None:
    assert psnr(np.full((2, 2), 10.0), np.full((2, 2), 15.0), data_range=255) == pytest.approx(20 * log10(255 / 5))
    assert psnr(np.array([[0, 255]], np.uint8), np.array([[1, 254]], np.uint8), data_range=255) == pytest.approx(
        20 * log10(255)
    )
    assert psnr(np.ones((2, 2)), np.ones((2, 2)), data_range=1) == float("inf")


def test_ssim_window_by_window() -> None:
    """Every window on its own: weighted means, variances and covariance, straight from the article."""
    result, truth = noisy(0, (15, 14))
    window = np.array([[exp(-((y - 5) ** 2 + (x - 5) ** 2) / (2 * 1.5**2)) for x in range(11)] for y in range(11)])
    window /= window.sum()
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    values = []
    for y, x in np.ndindex(5, 4):
        a, b = result[y : y + 11, x : x + 11], truth[y : y + 11, x : x + 11]
        mean_a, mean_b = (window * a).sum(), (window * b).sum()
        variance_a, variance_b = (window * (a - mean_a) ** 2).sum(), (window * (b - mean_b) ** 2).sum()
        covariance = (window * (a - mean_a) * (b - mean_b)).sum()
        values.append(
            (2 * mean_a * mean_b + c1)
            * (2 * covariance + c2)
            / ((mean_a**2 + mean_b**2 + c1) * (variance_a + variance_b + c2))
        )
    assert ssim(result, truth, data_range=255) == pytest.approx(np.mean(values), abs=1e-12)


@pytest.mark.parametrize(("seed", "shape", "data_range"), [(0, (24, 31), 255), (1, (11, 40), 255), (2, (37, 12), 219)])
def test_scikit_image_agrees(seed: int, shape: tuple[int, int], data_range: float) -> None:
    """Its settings for the article's SSIM: a Gaussian window of σ 1.5, and moments divided by n rather than n - 1.

    It truncates the Gaussian at 3.5 σ, which is 5 pixels at each side, our 11×11, and leaves out 5 pixels around the
    picture from the mean, where windows do not fit: so only whole windows count, and no treatment of the border does.
    """
    metrics = pytest.importorskip("skimage.metrics")
    result, truth = noisy(seed, shape)
    wanted = metrics.structural_similarity(
        result,
        truth,
        data_range=data_range,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        K1=0.01,
        K2=0.03,
    )
    assert ssim(result, truth, data_range=data_range) == pytest.approx(wanted, abs=1e-12)
    wanted = metrics.peak_signal_noise_ratio(truth, result, data_range=data_range)
    assert psnr(result, truth, data_range=data_range) == pytest.approx(wanted, abs=1e-12)


def test_ssim_properties() -> None:
    result, truth = noisy(1)
    assert ssim(truth, truth, data_range=255) == pytest.approx(1)
    assert ssim(result, truth, data_range=255) == pytest.approx(ssim(truth, result, data_range=255))
    assert ssim(result / 255, truth / 255, data_range=1) == pytest.approx(ssim(result, truth, data_range=255))
    assert ssim(255 - truth, truth, data_range=255) < 0
    small = np.array(result, np.uint8)
    assert ssim(small, truth, data_range=255) == pytest.approx(ssim(small.astype(float), truth, data_range=255))


def test_refusals() -> None:
    for metric in (psnr, ssim):
        with pytest.raises(ValueError, match="two \\(H, W\\) planes of one size"):
            metric(np.zeros((12, 12)), np.zeros((12, 13)), data_range=1)
        with pytest.raises(ValueError, match="two \\(H, W\\) planes"):
            metric(np.zeros((12, 12, 3)), np.zeros((12, 12, 3)), data_range=1)
        with pytest.raises(TypeError):
            metric(np.zeros((12, 12)), np.zeros((12, 12)))  # type: ignore[call-arg]
    with pytest.raises(ValueError, match="at least 11×11"):
        ssim(np.zeros((10, 12)), np.zeros((10, 12)), data_range=1)
