"""The operations of color tables, and of what chooses one for a photo [Zeng2020].

A photo is looked at as a thumbnail; from there on values have a fixed extent, whatever the photo's size, down to a few
weights, `(N, 1, 1)`, which mix basis tables into one. A color table is `(size, size, size, 3)` float32: what becomes of
a color by its red, green and blue, slowest to fastest, with red, green and blue of the result last.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import ClassVar, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .operation import Arithmetic, Operand, Operation, ValueType, check_vector, fixed

Interpolation: TypeAlias = Literal["trilinear", "tetrahedral"]

FLOAT: tuple[Arithmetic, ...] = ("float",)
SIZES = range(2, 257)
"""Entries along each side that a color table may have."""
QUANTILES = tuple(number / 20 for number in range(1, 20))
"""5 %, 10 %, …, 95 %."""
LUMA_BANDS = 4
HUES = 6
"""Red, yellow, green, cyan, blue, magenta."""
SCARCE = 0.01
"""The share of all pixels that is added to those of a luma band, so that few pixels say little."""
FLATTEST = 0.05
"""The least slope of grays that are made steady: of none at all, rounding would make a step back here and there."""
FEATURES = 6 * len(QUANTILES) + 3 * LUMA_BANDS + HUES
"""What `ColorStatistics` gives: 132."""


@dataclass(frozen=True, eq=False)
class Thumbnail(Operation):
    """An RGB picture of any size as one of `size` × `size` pixels, by plain bilinear interpolation.

    Pixel i of a side lies at `(i + 0.5) · length / size - 0.5` of the picture's, at least 0, between two neighbors, the
    last one repeated: what torch calls bilinear with align_corners=False. Nothing is averaged, so that colors are
    spread as in the photo itself, and published predictors have learned from such thumbnails; it reads 4 · size² pixels
    of a photo of any size.
    """

    arithmetic: ClassVar[tuple[Arithmetic, ...]] = FLOAT
    source: Operand
    size: int

    def picture_channels(self) -> int:
        return 3

    def result(self, *inputs: ValueType) -> ValueType:
        (source,) = inputs
        if source.channels != 3:
            raise ValueError(f"needs 3 channels, got {source.channels}")
        if self.size < 1:
            raise ValueError(f"size must be at least 1, got {self.size}")
        return fixed(3, (self.size, self.size))


@dataclass(frozen=True, eq=False)
class StridedConvolution(Operation):
    """Correlate planes of fixed extent at every `stride`-th position, with `padding` zeros around them.

    `weight` is `(out, in, kernel, kernel)` and `bias` `(out,)`, float32. A side of n becomes
    `(n + 2·padding - kernel) // stride + 1`.
    """

    arithmetic: ClassVar[tuple[Arithmetic, ...]] = FLOAT
    source: Operand
    weight: NDArray[np.float32]
    bias: NDArray[np.float32] | None = None
    stride: int = 1
    padding: int = 0

    def result(self, *inputs: ValueType) -> ValueType:
        (source,) = inputs
        extent, shape = _planes(source), self.weight.shape
        if len(shape) != 4 or shape[2] != shape[3] or self.weight.size == 0:
            raise ValueError(f"weight must be (out, in, kernel, kernel), got {shape}")
        if shape[1] != source.channels:
            raise ValueError(f"weight takes {shape[1]} channels, its source has {source.channels}")
        if not np.isfinite(self.weight).all():
            raise ValueError("weights must be finite")
        check_vector("bias", self.bias, shape[0])
        if self.stride < 1 or self.padding < 0:
            raise ValueError(f"stride {self.stride} must be at least 1 and padding {self.padding} at least 0")
        sides = tuple((length + 2 * self.padding - shape[2]) // self.stride + 1 for length in extent)
        if min(sides) < 1:
            raise ValueError(f"a kernel of {shape[2]} does not fit into {source.size} with padding {self.padding}")
        return fixed(shape[0], sides)


@dataclass(frozen=True, eq=False)
class InstanceNorm(Operation):
    """Normalize each plane of fixed extent: `(value - mean) / sqrt(variance + epsilon) · weight + bias`.

    Mean and variance (divided by the number of pixels) are those of the plane; `weight` and `bias` are `(channels,)`
    float32.
    """

    arithmetic: ClassVar[tuple[Arithmetic, ...]] = FLOAT
    source: Operand
    weight: NDArray[np.float32]
    bias: NDArray[np.float32]
    epsilon: float

    def result(self, *inputs: ValueType) -> ValueType:
        (source,) = inputs
        _planes(source)
        check_vector("weight", self.weight, source.channels)
        check_vector("bias", self.bias, source.channels)
        if not isfinite(self.epsilon) or self.epsilon <= 0:
            raise ValueError(f"epsilon must be a number above 0, got {self.epsilon}")
        return source


@dataclass(frozen=True, eq=False)
class ColorStatistics(Operation):
    """What the colors of a thumbnail are like, as `FEATURES` channels of one pixel. Its values are clamped to [0, 1].

    In this order: the `QUANTILES` of red, of green, of blue, of luma (BT.601), of chroma (the largest of the three
    minus the smallest) and of saturation (chroma / the largest, 0 for black), between two pixels in proportion; then,
    for each of `LUMA_BANDS` equal bands of luma, the sums of red - luma, then, for each band, those of blue - luma,
    both divided by the number of its pixels plus `SCARCE` of all, then the share of its pixels; then, for each of
    `HUES`, the mean of chroma · max(0, 1 - distance) over all pixels, where the distance between neighboring hues is 1.
    """

    arithmetic: ClassVar[tuple[Arithmetic, ...]] = FLOAT
    source: Operand

    def result(self, *inputs: ValueType) -> ValueType:
        (source,) = inputs
        _planes(source)
        if source.channels != 3:
            raise ValueError(f"needs 3 channels, got {source.channels}")
        return fixed(FEATURES, (1, 1))


@dataclass(frozen=True, eq=False)
class MixTables(Operation):
    """One color table: the sum of basis tables, each times its weight, a channel of a source of one pixel.

    `tables` is `(N, size, size, size, 3)` float32. With `steepest` cells are halved, trilinearly, and grays then made
    steady: from one entry of the diagonal to the next each channel rises, at least `FLATTEST` and at most `steepest`
    times as fast as the gray does. What that adds to a gray is added to all colors whose mean coordinate it is.
    """

    arithmetic: ClassVar[tuple[Arithmetic, ...]] = FLOAT
    source: Operand
    tables: NDArray[np.float32]
    steepest: float | None = None

    def result(self, *inputs: ValueType) -> ValueType:
        (source,) = inputs
        shape = self.tables.shape
        size = shape[1] if len(shape) == 5 else 0
        if shape[1:] != (size, size, size, 3) or size not in SIZES:
            raise ValueError(f"tables must be (N, size, size, size, 3) with a size of 2…256, got {shape}")
        if not np.isfinite(self.tables).all():
            raise ValueError("tables must be finite")
        if self.steepest is not None and not 1 <= self.steepest < 256:
            raise ValueError(f"steepest must be in 1…256, got {self.steepest}")
        if self.steepest is not None and 2 * size - 1 not in SIZES:
            raise ValueError(f"cells of a table of {size} cannot be halved: it would have more than 256 entries a side")
        if source.extent != (1, 1) or source.channels != shape[0]:
            raise ValueError(
                f"{shape[0]} tables need {shape[0]} channels × [1×1], got {source.channels} channels × {source.size}"
            )
        if self.steepest is not None:
            size = 2 * size - 1
        return fixed(3, (size, size, size))


@dataclass(frozen=True, eq=False)
class ColorTable(Operation):
    """Each color of RGB planes by what a color table makes of it, interpolated between its entries.

    The first entry of each side stands for 0, the last for `upper`; colors are clamped to [0, 1]. Between entries the
    result is trilinear, of all eight corners of a cell, or tetrahedral, of four: along the way from the lowest corner
    to the highest that takes the axes in the order of the fractions, the largest first.
    """

    arithmetic: ClassVar[tuple[Arithmetic, ...]] = FLOAT
    table_operands: ClassVar[tuple[str, ...]] = ("table",)
    source: Operand
    table: Operand
    interpolation: Interpolation = "trilinear"
    upper: float = 1.0

    def picture_channels(self) -> int:
        return 3

    def result(self, *inputs: ValueType) -> ValueType:
        source, _ = inputs
        if source.channels != 3:
            raise ValueError(f"needs 3 channels, got {source.channels}")
        if not isfinite(self.upper) or self.upper < 1:
            raise ValueError(f"upper must be at least 1, got {self.upper}")
        return source


COLOR_OPERATIONS: tuple[type[Operation], ...] = (
    Thumbnail,
    StridedConvolution,
    InstanceNorm,
    ColorStatistics,
    MixTables,
    ColorTable,
)
"""The operations of this file. Adaptive programs have them, which go through look-up kernels and no other pipelines."""


def _planes(source: ValueType) -> tuple[int, ...]:
    """The extent of a source; ValueError if it has none."""
    if source.extent is None:
        raise ValueError("needs planes of fixed extent, as a Thumbnail gives, got planes as large as the picture")
    return source.extent
