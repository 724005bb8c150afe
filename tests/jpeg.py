"""Pictures for tests of sources, and JPEG files of them by Pillow."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def scene(height: int, width: int, seed: int = 0) -> NDArray[np.uint8]:
    """Something like a photo: noise at all scales, weaker the finer, `(H, W, 3)`, with colors that change slowly."""
    random = np.random.default_rng(seed)
    frequencies = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None]) + 0.5 / max(height, width)
    planes: list[NDArray[Any]] = []
    for power, spread in ((1.3, 38), (1.8, 12), (1.8, 12)):
        spectrum = np.fft.rfft2(random.normal(size=(height, width))) / frequencies**power
        plane = np.fft.irfft2(spectrum, s=(height, width))
        planes.append(plane / plane.std() * spread)
    luma, blue, red = planes
    colors = np.stack([luma + red, luma - 0.4 * blue - 0.6 * red, luma + blue], axis=2) + 128
    return np.clip(np.rint(colors), 0, 255).astype(np.uint8)


def jpeg(pixels: NDArray[np.uint8], quality: int = 75, **options: Any) -> bytes:
    """As a JPEG file, 4:2:0; options are those of Pillow, where `qtables` take the place of the quality."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=-1 if "qtables" in options else quality, **options)
    return buffer.getvalue()


def decoded(data: bytes) -> NDArray[np.uint8]:
    """The pixels of a file."""
    return np.asarray(Image.open(io.BytesIO(data)))
