"""The two ends of every pipeline: pictures in, pictures out.

A picture enters and leaves as rows of contiguous elements, gray or interleaved RGB: `(W * channels, H)` in Halide's
order, uint8, uint16 or float32. Feature maps do so too, all channels of a pixel side by side, float32.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import halide as hl
import numpy as np

from ..program import FRACTION_BITS

TYPES = {np.dtype(np.uint8): hl.UInt(8), np.dtype(np.uint16): hl.UInt(16), np.dtype(np.float32): hl.Float(32)}


@dataclass(frozen=True)
class Picture:
    """What a pipeline is built for: the element type and the number of interleaved channels: 1, 3, or any number of
    feature maps. Of integers `bits` may be in use (None: all), from the lowest on, as in frames of 10 bits in 16."""

    dtype: np.dtype[Any]
    channels: int
    bits: int | None = None

    @property
    def peak(self) -> int:
        """The highest stored integer."""
        return int(np.iinfo(self.dtype).max) if self.bits is None else 2**self.bits - 1

    def source(self) -> hl.ImageParam:
        """The input of a pipeline."""
        source = hl.ImageParam(TYPES[self.dtype], 2, "source")
        source.dim(0).set_min(0).set_stride(1)
        source.dim(1).set_min(0)
        return source

    def width(self, source: hl.ImageParam) -> hl.Expr:
        """Width of the picture in pixels."""
        return source.dim(0).extent() // self.channels

    def height(self, source: hl.ImageParam) -> hl.Expr:
        """Height of the picture in pixels."""
        return source.dim(1).extent()

    def element(self, source: hl.ImageParam, x: hl.Expr, y: hl.Expr, c: hl.Expr | int) -> hl.Expr:
        """The element of channel c at (x, y), edges repeated, as it is stored."""
        column = hl.clamp(x, 0, self.width(source) - 1)
        return source[column * self.channels + c, hl.clamp(y, 0, self.height(source) - 1)]

    def decode(self, element: hl.Expr, integer: bool) -> hl.Expr:
        """A stored element as the value a program computes with."""
        if integer:
            return hl.i32(element) << FRACTION_BITS
        if self.dtype == np.float32:
            return element
        return hl.f32(element) * hl.f32(float(np.float32(1 / self.peak)))

    def encode(self, value: hl.Expr, integer: bool) -> hl.Expr:
        """The value of a program as an element to store."""
        if integer:
            return hl.u8_sat((value + (1 << FRACTION_BITS - 1)) >> FRACTION_BITS)
        if self.dtype == np.float32:
            return value
        peak = float(self.peak)
        level = hl.clamp(value * hl.f32(peak) + hl.f32(0.5), hl.f32(0), hl.f32(peak))
        return hl.cast(TYPES[self.dtype], hl.cast(hl.Int(32), level))
