"""To any size: what is left between the sizes that networks make and the one that is wanted."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyvips
from numpy.typing import NDArray

from .forks import using_libvips

PEAKS = {"uchar": 255, "ushort": 65535, "float": 1}
"""What is opaque, or white, in the formats of libvips."""


def resize(pixels: NDArray[Any], size: tuple[int, int]) -> NDArray[Any]:
    """`(H, W)`, `(H, W, 3)` uint8, uint16 or float32 to another width and height, same dtype; see `resize_image`."""
    using_libvips()
    image = pyvips.Image.new_from_array(np.ascontiguousarray(pixels))
    return resize_image(image, size).numpy().reshape(size[1], size[0], *pixels.shape[2:])


def resize_image(image: pyvips.Image, size: tuple[int, int], *, transparent: bool = False) -> pyvips.Image:
    """An image with another width and height, by Lanczos' kernel of three lobes, widened to shrink without aliasing.

    It works on the stored values, in gamma light, not in linear light: the networks have learned there how shrunk
    pictures look; in linear light the lobes would leave dark seams along bright edges; and it needs no profile. What
    linear light does better, the brightness of fine stripes, matters where pictures shrink a lot. Here they seldom
    shrink below two thirds. With a last channel of alpha, colors are weighted by it.
    """
    if (image.width, image.height) == size:
        return image
    peak = PEAKS[str(image.format)]
    pixels = image.premultiply(max_alpha=peak) if transparent else image.cast("float")  # rounded once, in the end
    pixels = pixels.resize(size[0] / image.width, vscale=size[1] / image.height, gap=0)
    pixels = pixels.unpremultiply(max_alpha=peak) if transparent else pixels
    pixels = pixels if image.format == "float" else pixels.rint().cast(image.format)
    return pixels.copy(interpretation=image.interpretation)
