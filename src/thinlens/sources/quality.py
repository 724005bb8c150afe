"""One measure for how hard a picture was compressed: the quality of a JPEG file that suffers as much.

Tables of JPEG files differ from one program and camera to the next; what they have in common is the error that they
make. So a table is compared with the scaled tables of the standard [ITU1992] by a norm, the mean squared error in a
typical photo. Its quality is that of the scaled table with the same norm, from 1 to 100 as libjpeg counts.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    from ..photo import Compression

STANDARD = np.array(
    [
        [16, 11, 10, 16, 24, 40, 51, 61],
        [12, 12, 14, 19, 26, 58, 60, 55],
        [14, 13, 16, 24, 40, 57, 69, 56],
        [14, 17, 22, 29, 51, 87, 80, 62],
        [18, 22, 37, 56, 68, 109, 103, 77],
        [24, 35, 55, 64, 81, 104, 113, 92],
        [49, 64, 78, 87, 103, 121, 120, 101],
        [72, 92, 95, 98, 112, 100, 103, 99],
    ]
)
"""The luma table of [ITU1992], annex K, which libjpeg scales to a quality."""
SPREAD, DECAY = 80.0, 1.4
"""The coefficients of photos that were shrunk have about the standard deviation SPREAD / r**DECAY at the frequency r;
measured on 24 training photos."""
INDICES = {
    "WebP": (
        *((0, 100.0), (2, 98.0), (6, 96.0), (12, 93.0), (18, 90.0), (28, 85.0)),
        *((32, 82.0), (41, 76.0), (51, 64.0), (64, 40.0), (87, 18.0), (127, 1.0)),
    ),
    "AVIF": (
        *((0, 100.0), (20, 97.0), (36, 96.0), (60, 92.0), (92, 87.0)),
        *((120, 80.0), (148, 66.0), (172, 36.0), (208, 15.0), (255, 1.0)),
    ),
}
"""Indices of quantizers, by format, and what they are worth, linear in between.

That is the quality of JPEG files with the same squared error of luma, the median of 14 training photos, shrunk; and up
to 7 more, as both formats smooth the edges of their blocks, and the sources for these qualities gain more."""


def quality(found: Compression) -> float:
    """What a file's compression is worth, 1 to 100."""
    if found.table is not None:
        return of_table(found.table)
    indices, qualities = zip(*INDICES[found.format], strict=True)
    return float(np.interp(found.index, indices, qualities))


def of_table(table: ArrayLike) -> float:
    """What an `(8, 8)` table of steps is worth, 1 to 100."""
    errors, qualities = _scale()
    return float(np.interp(np.log(_error(np.asarray(table, np.float64))), errors, qualities))


def of_ratio(ratio: float) -> float:
    """What the standard's table is worth times a ratio, whose steps are at least 1."""
    return of_table(np.maximum(STANDARD * ratio, 1))


def standard_table(quality: int) -> NDArray[np.int64]:
    """The luma table `(8, 8)` that libjpeg makes for a quality from 1 to 100, limited to a byte."""
    percent = 5000 // quality if quality < 50 else 200 - 2 * quality
    return np.clip((STANDARD * percent + 50) // 100, 1, 255)


def _error(table: NDArray[np.float64]) -> float:
    """The squared error that a table makes in a block: step² / 12, but no more than what was there."""
    frequency = np.hypot(*np.indices((8, 8)))
    frequency[0, 0] = 1e-9  # the mean is never small
    variance = (SPREAD / frequency**DECAY) ** 2
    loss = table**2 / 12
    return float(np.sum(variance * loss / (variance + loss)))


@cache
def _scale() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Logarithms of the errors of the standard's tables, rising, and their qualities."""
    qualities = np.arange(100, 0, -1.0)
    return np.log([_error(standard_table(int(quality)).astype(np.float64)) for quality in qualities]), qualities
