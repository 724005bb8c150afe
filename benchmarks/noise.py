"""What networks do to noise, and whether the weights for JPEG help; writes results/noise.md.

python benchmarks/noise.py FOLDER

Pictures of FOLDER are shrunk to a half, get noise of the same standard deviation in each channel, are rounded to 8 bits
and enlarged again. Gaussian noise is alike everywhere; of Poisson noise, that of photons, the variance grows with the
value, and σ is that of mid gray.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import thinlens
from thinlens import models
from thinlens.data.benchmarks import open_benchmark
from thinlens.data.degrade import crop_to_multiple, downscale, upscale_bicubic
from thinlens.evaluation import Protocol
from thinlens.evaluation.metrics import psnr
from thinlens.evaluation.protocol import studio_luma
from thinlens.evaluation.speed import machine

RESULT = Path(__file__).parent / "results" / "noise.md"
SIGMAS = (0, 2, 5, 10)
SCALE, MID_GRAY = 2, 128
PRESETS = ("balanced", "best")
Pixels = NDArray[np.uint8]


def gaussian(picture: Pixels, sigma: float, random: np.random.Generator) -> Pixels:
    """The picture with noise alike everywhere."""
    return to_bytes(picture + sigma * random.standard_normal(picture.shape))


def poisson(picture: Pixels, sigma: float, random: np.random.Generator) -> Pixels:
    """The picture as so many photons that mid gray has this standard deviation."""
    if sigma == 0:
        return picture
    photons = MID_GRAY / sigma**2
    return to_bytes(random.poisson(picture * photons) / photons)


def to_bytes(values: NDArray[np.float64]) -> Pixels:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


NOISES: dict[str, Callable[[Pixels, float, np.random.Generator], Pixels]] = {"Gaussian": gaussian, "Poisson": poisson}


def enlargers() -> dict[str, Callable[[Pixels], Pixels]]:
    """Bicubic, and each preset with each of its weights."""
    found: dict[str, Callable[[Pixels], Pixels]] = {"bicubic": lambda low: upscale_bicubic(low, SCALE)}
    for preset in PRESETS:
        for source in models.sources(preset, SCALE):
            if source.startswith(("clean", "jpeg")):
                found[f"{preset}, {source}"] = lambda low, p=preset, s=source: thinlens.upscale(low, SCALE, p, s)
    return found


def measured(folder: str) -> dict[tuple[str, int], dict[str, float]]:
    """Mean PSNR of luma, by the protocol, for each kind and strength of noise."""
    pictures = [crop_to_multiple(picture, SCALE) for _, picture in open_benchmark(folder).pictures()]
    runs, inside = enlargers(), (slice(SCALE, -SCALE), slice(SCALE, -SCALE))
    found: dict[tuple[str, int], dict[str, float]] = {}
    for kind, noise in NOISES.items():
        for sigma in SIGMAS:
            lows = [noise(downscale(p, SCALE), sigma, np.random.default_rng(i)) for i, p in enumerate(pictures)]
            found[kind, sigma] = {}
            for name, run in runs.items():
                scores = [
                    psnr(studio_luma(run(low))[inside], studio_luma(high)[inside], data_range=Protocol().data_range)
                    for low, high in zip(lows, pictures, strict=True)
                ]
                found[kind, sigma][name] = float(np.mean(scores))
            print(kind, sigma, {name: round(value, 2) for name, value in found[kind, sigma].items()}, file=sys.stderr)
    return found


def markdown(found: dict[tuple[str, int], dict[str, float]], name: str) -> str:
    """The content of noise.md."""
    columns = list(found)
    lines = [
        "# Noise",
        "",
        f"{name}, ×{SCALE}, {machine()}, {date.today().isoformat()}; made by `benchmarks/noise.py`.",
    ]
    lines += [
        "PSNR of luma in dB by the protocol of `thinlens.evaluate`: of bicubic, and how much more others have.",
        "",
    ]
    lines += [f"| | {' | '.join(f'{kind}, σ {sigma}' for kind, sigma in columns)} |", f"|---|{'---:|' * len(columns)}"]
    for model in found[columns[0]]:
        cells = [found[column][model] - (0 if model == "bicubic" else found[column]["bicubic"]) for column in columns]
        sign = "" if model == "bicubic" else "+"
        lines.append(f"| {model} | {' | '.join(f'{cell:{sign}.2f}' for cell in cells)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    RESULT.write_text(markdown(measured(sys.argv[1]), Path(sys.argv[1]).name), encoding="utf-8")
