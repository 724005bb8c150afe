"""Transparency: what it hides must not come to light when a photo is enlarged."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyvips
from numpy.typing import NDArray

from .bands import Stage
from .forks import using_libvips
from .photo import split, stack

SIGMA, SMALLEST = 2.0, 0.01
"""The standard deviation in pixels of the Gaussian that colors spread by, and its amplitude where it is cut off."""
REACH = 6
"""How far it reaches then, in pixels: beyond the halo of any one-layer network."""


def bleed(pixels: NDArray[Any], alpha: NDArray[Any]) -> NDArray[Any]:
    """Give fully transparent pixels the color of the visible ones around them; these stay as they are.

    `pixels` is `(H, W)` or `(H, W, 3)` and `alpha` `(H, W)`, uint8, uint16 or float32, not premultiplied.
    Enlarged so, and its alpha apart, a photo has no fringes of hidden color, whatever a network makes of edges.
    (Premultiplied color has: wherever a network's edges are sharper than those of alpha.)
    """
    if alpha.all():
        return pixels
    using_libvips()
    visible = pyvips.Image.new_from_array(np.ascontiguousarray(alpha)).cast("float")
    color = pyvips.Image.new_from_array(np.ascontiguousarray(pixels))
    weight = visible.gaussblur(SIGMA, min_ampl=SMALLEST, precision="float")
    spread = (color * visible).gaussblur(SIGMA, min_ampl=SMALLEST, precision="float") / weight
    spread = spread if color.format == "float" else (spread + 0.5).floor().cast(color.format)
    mixed = (visible > 0).ifthenelse(color, spread)
    return mixed.numpy().reshape(pixels.shape)


def _bleed(samples: NDArray[Any]) -> NDArray[Any]:
    pixels, alpha = split(samples)
    return samples if alpha is None else stack(bleed(pixels, alpha), alpha)


BLEED = Stage(_bleed, halo=REACH, scale=1)
"""`bleed` on pixels with alpha as their last channel."""
