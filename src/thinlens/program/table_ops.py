"""The operations of networks that are tables: look-up, shift-and-sum, rescale.

They compute in the integers of an integer program, which sees a picture as 8-bit values times 2**FRACTION_BITS; what a
table is indexed by are the nearest 8-bit values, its *levels*. `ShiftAndSum` also stands in the float program of the
network that was tabulated.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .operation import Arithmetic, Operand, Operation, ValueType, check_grows

LookupInterpolation: TypeAlias = Literal["none", "simplex"]
Border: TypeAlias = Literal["reflect", "edge"]

LARGEST_TABLE = 64 << 20
"""Bytes: a table that is larger fits no cache, and is no table of ours."""
LEVELS = 256


@dataclass(frozen=True, eq=False)
class Lookup(Operation):
    """Rows of tables, indexed by the levels of one or some pixels of the source: one row for each pattern.

    `offsets` is `(patterns, indices, 3)` int32: channel, y and x of each indexing pixel, relative to the pixel that is
    computed; beyond the picture it is reflected, without repeating the edge, or the edge is repeated. `table` is
    `(tables, rows, outputs)` int8 or int16: one table for each pattern, or one that all share, as the four rotations of
    a picture do. A level is divided by `interval`, which is a power of two:

    - interpolation "none": the row is that of the quotients, the first indexing pixel slowest, of 256 / interval each;
    - "simplex": there is a row for each sample 0, interval, …, 256 of each indexing pixel, and the result is
      interpolated between the indices + 1 corners of the simplex in which the levels lie [Jo2021]: exactly, as it comes
      times `interval`.

    The result has `patterns · outputs` channels, a pattern's together, or where `summed` the sum of all patterns.
    """

    arithmetic: ClassVar[tuple[Arithmetic, ...]] = ("integer",)
    source: Operand
    table: NDArray[np.int8] | NDArray[np.int16]
    offsets: NDArray[np.int32]
    interval: int = 1
    interpolation: LookupInterpolation = "none"
    border: Border = "reflect"
    summed: bool = False

    @property
    def samples(self) -> int:
        """Rows along each indexing pixel."""
        return LEVELS // self.interval + (self.interpolation == "simplex")

    def picture_channels(self) -> int:
        """A picture of one channel: tables of three would be larger than memory."""
        return 1

    def result(self, *inputs: ValueType) -> ValueType:
        (source,) = inputs
        check_grows(source)
        if self.offsets.ndim != 3 or self.offsets.shape[2] != 3 or self.offsets.size == 0:
            raise ValueError(f"offsets must be (patterns, indices, 3), got {self.offsets.shape}")
        if self.table.ndim != 3 or self.table.size == 0:
            raise ValueError(f"table must be (tables, rows, outputs), got {self.table.shape}")
        if self.table.nbytes > LARGEST_TABLE:
            raise ValueError(f"a table of {self.table.nbytes >> 20} MB is too large: at most {LARGEST_TABLE >> 20} MB")
        if self.interval not in (1, 2, 4, 8, 16, 32, 64, 128):
            raise ValueError(f"interval must be a power of two in 1…128, got {self.interval}")
        patterns, indices, _ = self.offsets.shape
        tables, rows, outputs = self.table.shape
        if tables not in (1, patterns):
            raise ValueError(f"{tables} tables do not fit {patterns} patterns: one for all or one for each")
        if rows != self.samples**indices:
            raise ValueError(
                f"a table indexed by {indices} pixels with an interval of {self.interval} has "
                f"{self.samples**indices} rows, not {rows}"
            )
        channels = self.offsets[..., 0]
        if channels.min() < 0 or channels.max() >= source.channels:
            raise ValueError(f"offsets name channel {channels.max()}, the source has {source.channels}")
        reach = int(np.abs(self.offsets[..., 1:]).max())
        if reach > LEVELS:
            raise ValueError(f"an indexing pixel {reach} away is too far: at most {LEVELS}")
        return ValueType(
            outputs if self.summed else patterns * outputs, source.scale, source.reach + Fraction(reach, source.scale)
        )


@dataclass(frozen=True, eq=False)
class ShiftAndSum(Operation):
    """Overlapping patches of high-resolution pixels, summed: EC-LUT's expanded convolution, or a mere pixel shuffle.

    The channels of the source are `rotations` times `maps` times `scale`² values: for each rotation, 1 map or 9, each
    the sub-pixels of a pixel. A map is shuffled by `scale`; map k of nine, k = 3(dy + 1) + (dx + 1), is shifted by
    (dy, dx) · `step` high-resolution pixels; what that uncovers is filled by reflection of the map, without repeating
    its edge, or, `border` "edge", by its outermost values before the shuffle, for a step of `scale`. Rotation r
    means that all this was said of the picture turned by r · 90° counterclockwise, and is turned back. The result is
    the sum of all.
    """

    source: Operand
    scale: int
    maps: int = 9
    step: int = 1
    rotations: int = 1
    border: Border = "reflect"

    def result(self, *inputs: ValueType) -> ValueType:
        (source,) = inputs
        check_grows(source)
        if self.scale < 1 or self.maps not in (1, 9) or self.rotations not in (1, 2, 4) or self.step < 1:
            raise ValueError("scale and step must be at least 1, maps 1 or 9, rotations 1, 2 or 4")
        if self.step > 2 * self.scale:
            raise ValueError(f"a step of {self.step} leaves gaps between patches: at most {2 * self.scale}")
        if self.border == "edge" and self.maps == 9 and self.step != self.scale:
            raise ValueError(f"the edge can be repeated for a step of {self.scale}, not of {self.step}")
        wanted = self.rotations * self.maps * self.scale**2
        if source.channels != wanted:
            raise ValueError(f"needs {wanted} channels, got {source.channels}")
        high = source.scale * self.scale
        reach = Fraction(self.step if self.maps == 9 else 0, high)
        return ValueType(1, high, source.reach + reach)

    @property
    def kernel(self) -> int:
        """Side of the square of places that maps are shifted to: 1 or 3."""
        return 3 if self.maps == 9 else 1

    def rotate(self, y: int, x: int, rotation: int) -> tuple[int, int]:
        """A step (y, x) in the picture turned by `rotation` · 90°, as a step in the picture itself."""
        for _ in range(rotation):
            y, x = x, -y
        return y, x

    def sub_pixel(self, row: int, column: int, rotation: int) -> int:
        """Which of the `scale`² values of a pixel is that of sub-pixel (row, column), under a rotation."""
        for _ in range(rotation):
            row, column = self.scale - 1 - column, row
        return row * self.scale + column

    def places(self) -> NDArray[np.int32]:
        """`(rotations, maps · scale²)`: for each value of a pixel in the picture itself, which one of a rotation's
        values comes to its place when the picture is turned back."""
        shifts = [(k // 3 - 1, k % 3 - 1) for k in range(9)] if self.maps == 9 else [(0, 0)]
        sub_pixels = range(self.scale)
        result: list[list[int]] = []
        for rotation in range(self.rotations):
            turned = [self.rotate(y, x, rotation) for y, x in shifts]
            result.append(
                [
                    turned.index(shift) * self.scale**2 + self.sub_pixel(row, column, rotation)
                    for shift in shifts
                    for row in sub_pixels
                    for column in sub_pixels
                ]
            )
        return np.array(result, np.int32)


@dataclass(frozen=True, eq=False)
class Rescale(Operation):
    """`clip((value · multiplier + 2**(shift-1)) >> shift, minimum, maximum)`, without the rounding where `shift` is 0.

    The products are exact. Where a range of wide sums is brought to that of 8 bits, once and at the end.
    """

    arithmetic: ClassVar[tuple[Arithmetic, ...]] = ("integer",)
    source: Operand
    multiplier: int
    shift: int
    minimum: int = -(1 << 31)
    maximum: int = (1 << 31) - 1

    def result(self, *inputs: ValueType) -> ValueType:
        (source,) = inputs
        if not 0 <= self.shift <= 31 or not 1 <= self.multiplier < 1 << 31 or self.minimum >= self.maximum:
            raise ValueError(
                f"shift {self.shift} must be in 0…31, multiplier {self.multiplier} in 1…2147483647 and minimum "
                f"{self.minimum} below maximum {self.maximum}"
            )
        if self.minimum < -(1 << 31) or self.maximum >= 1 << 31:
            raise ValueError("minimum and maximum must be of 32 bits")
        return source


def fits_16_bits(tables: list[NDArray[Any]]) -> bool:
    """Whether no choice of one row of each of the tables `(tables, rows, outputs)` takes their sum out of 16 bits.

    Parts of it may leave them: additions of 16 bits wrap around, and come back.
    """
    highest = sum(table.max(axis=1).sum(axis=0, dtype=np.int64) for table in tables)
    lowest = sum(table.min(axis=1).sum(axis=0, dtype=np.int64) for table in tables)
    return bool(np.max(highest) <= 32767 and np.min(lowest) >= -32768)
