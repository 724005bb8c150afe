"""The operations of upsampling by sampling (DySample [Liu2023]): see `ops` for what an operation is."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import ceil, isfinite
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from .operation import Arithmetic, Operand, Operation, ValueType, check_grows


@dataclass(frozen=True, eq=False)
class PointSample(Operation):
    """Read every pixel of a `scale` times larger result from the source, at its own place plus an offset.

    The channels of the source are `groups` equal groups, each of which has offsets of its own: `offsets` has two
    channels for each group, all of x (to the right), then all of y (down), at the size of the result, in pixels of the
    source. Between pixels the source is interpolated bilinearly; beyond its edge, the edge is repeated. Without offsets
    it is bilinear interpolation.

    Offsets are clamped to -bound…bound, so that what a pixel can read is known beforehand: from it follows the halo,
    for a picture in bands. Validation could prove a bound only from the weights of the convolution that gives the
    offsets, for the worst of all pictures, and that is many times more than offsets ever are. Clamping costs two
    instructions.
    """

    arithmetic: ClassVar[tuple[Arithmetic, ...]] = ("float",)
    source: Operand
    offsets: Operand
    groups: int
    scale: int
    bound: float

    @property
    def centers(self) -> NDArray[np.float32]:
        """`(scale,)`: how far the centers of the sub-pixels of a pixel are from its own, in pixels."""
        return ((np.arange(self.scale) - (self.scale - 1) / 2) / self.scale).astype(np.float32)

    @property
    def reach(self) -> int:
        """How many pixels of the source beyond a pixel's own are read, in each direction."""
        return ceil(Fraction(self.bound) + Fraction(self.scale - 1, 2 * self.scale))

    def result(self, *inputs: ValueType) -> ValueType:
        source, offsets = inputs
        check_grows(source)
        check_grows(offsets)
        if self.groups < 1 or self.scale < 1:
            raise ValueError(f"groups and scale must be at least 1, got {self.groups} and {self.scale}")
        if not isfinite(self.bound) or self.bound < 0:
            raise ValueError(f"bound must be a number from 0 on, got {self.bound}")
        if source.channels % self.groups:
            raise ValueError(f"{source.channels} channels are not {self.groups} equal groups")
        if offsets.channels != 2 * self.groups or offsets.scale != source.scale * self.scale:
            raise ValueError(
                f"needs offsets of {2 * self.groups} channels × {source.scale * self.scale}, "
                f"got {offsets.channels} channels × {offsets.scale}"
            )
        reach = max(source.reach + Fraction(self.reach, source.scale), offsets.reach)
        return ValueType(source.channels, offsets.scale, reach)


@dataclass(frozen=True, eq=False)
class Multiply(Operation):
    """The product of two values of the same size, channel by channel."""

    arithmetic: ClassVar[tuple[Arithmetic, ...]] = ("float",)
    source: Operand
    other: Operand

    def result(self, *inputs: ValueType) -> ValueType:
        first, second = inputs
        check_grows(first)
        check_grows(second)
        if (first.channels, first.scale) != (second.channels, second.scale):
            raise ValueError(
                f"cannot multiply {first.channels} channels × {first.scale} "
                f"by {second.channels} channels × {second.scale}"
            )
        return ValueType(first.channels, first.scale, max(first.reach, second.reach))


@dataclass(frozen=True, eq=False)
class Slice(Operation):
    """Channels `start` to `stop` - 1 of a source that has `channels`.

    It is how a program reads several things at a time, as features and their offsets: side by side, as the channels of
    its one picture.
    """

    source: Operand
    channels: int
    start: int
    stop: int

    def picture_channels(self) -> int:
        return self.channels

    def result(self, *inputs: ValueType) -> ValueType:
        (source,) = inputs
        check_grows(source)
        if self.channels != source.channels:
            raise ValueError(f"takes {self.channels} channels, its source has {source.channels}")
        if not 0 <= self.start < self.stop <= self.channels:
            raise ValueError(f"channels {self.start} to {self.stop} - 1 are not among {self.channels}")
        return ValueType(self.stop - self.start, source.scale, source.reach)
