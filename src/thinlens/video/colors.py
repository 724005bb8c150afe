"""What stored samples of a film stand for: red, green and blue by its matrix and range, and where chroma lies.

Matrices are those of ISO/IEC 23091-2, 8.3, by the weights of red and blue in luma.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .film import Film
from .frames import Plane
from .tags import FULL, UNSPECIFIED

WEIGHTS = {
    1: (0.2126, 0.0722),
    4: (0.30, 0.11),
    5: (0.299, 0.114),
    6: (0.299, 0.114),
    7: (0.212, 0.087),
    9: (0.2627, 0.0593),
}
"""The weights of red and blue in luma, by codes of matrices."""
BT601, BT709 = 6, 1
LARGE = (1280, 576)
"""Columns and rows above which players take BT.709 for films that do not name their matrix."""
PQ, HLG = 16, 18
WIDE = (9, 11, 12)
"""Codes of the primaries of BT.2020, DCI-P3 and Display P3."""
Samples = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Encoding:
    """Stored samples of a pixel, in the order of planes, are `zero + matrix @ (red, green, blue)`, these in [0, 1]."""

    matrix: Samples
    zero: Samples

    def to_rgb(self, samples: Samples) -> Samples:
        """`(…, 3)` samples as red, green and blue, encoded as for display; beyond [0, 1] what no display shows."""
        return (samples - self.zero) @ np.linalg.inv(self.matrix).T

    def from_rgb(self, colors: Samples) -> Samples:
        """The samples of colors, not rounded."""
        return colors @ self.matrix.T + self.zero


def encoding_of(film: Film) -> Encoding:
    """The encoding of a film. Raises ValueError, in a sentence, for films that are not of standard range and colors."""
    tags, layout = film.tags, film.layout
    if tags.transfer in (PQ, HLG) or tags.primaries in WIDE:
        raise ValueError(f"{film.path} has high dynamic range or wide colors: leave --enhance out, which knows neither")
    unit = 2.0 ** (layout.bits - 8)
    black, white, chroma = (0.0, 256 * unit - 1, 256 * unit - 1)
    is_rgb = layout.kinds.count("luma") == 3
    if tags.range != FULL and not (is_rgb and tags.range == 0):
        black, white, chroma = 16 * unit, 235 * unit, 224 * unit
    if is_rgb:
        return Encoding((white - black) * np.eye(3)[[1, 2, 0]], np.full(3, black))
    code = tags.matrix
    if code == UNSPECIFIED:
        code = BT709 if film.size[0] >= LARGE[0] or film.size[1] > LARGE[1] else BT601
    if code not in WEIGHTS:
        raise ValueError(f"{film.path} has a matrix of code {code}, which --enhance does not know: leave it out")
    red, blue = WEIGHTS[code]
    luma = np.array([red, 1 - red - blue, blue])
    differences = np.stack([(np.eye(3)[2] - luma) / (2 * (1 - blue)), (np.eye(3)[0] - luma) / (2 * (1 - red))])
    matrix = np.stack([(white - black) * luma, *(chroma * differences)])
    return Encoding(matrix, np.array([black, 128 * unit, 128 * unit]))


def at_chroma(plane: Plane, shape: tuple[int, int], factors: tuple[int, int], offset: tuple[float, float]) -> Plane:
    """A luma plane at the places of chroma samples: the mean around them, weights falling off linearly.

    `factors` are how many luma samples there are for one of chroma, down and across; `offset` is that of
    `siting.shift_of`.
    """
    result: NDArray[Any] = plane
    for axis, (factor, by) in enumerate(zip(factors, offset[::-1], strict=True)):
        if factor == 1:
            continue
        place, reach = (0.5 + by) * factor - 0.5, (factor + 1) / 2
        taps = np.arange(int(np.ceil(place - reach)), int(np.floor(place + reach)) + 1)
        weights = 1 - np.abs(taps - place) / reach
        before, count = max(0, -int(taps[0])), shape[axis]
        after = max(0, (count - 1) * factor + int(taps[-1]) - result.shape[axis] + 1)
        padded = np.pad(result, [(before, after) if i == axis else (0, 0) for i in range(2)], mode="edge")
        total: Any = np.float32(0.5 if result.dtype == plane.dtype else 0)
        for tap, weight in zip(taps, weights / weights.sum(), strict=True):
            if weight > 1e-6:
                first = before + int(tap)
                part = slice(first, first + (count - 1) * factor + 1, factor)
                total = total + np.float32(weight) * (padded[part] if axis == 0 else padded[:, part])
        result = total
    return result.astype(plane.dtype)
