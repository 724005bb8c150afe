"""What color pictures need: luma, and the bicubic enlargement of AddChroma.

Float sums are strict: compilers may else add in one order at the edges of a picture and in another inside.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import halide as hl
import numpy as np
from numpy.typing import NDArray

from ..program import FRACTION_BITS
from ..program.ops import LUMA_WEIGHTS, UPSAMPLE_UNIT
from ..program.reference import LUMA_WEIGHTS_16, bicubic_taps, bicubic_taps_integer


def luma(rgb: list[hl.Expr], integer: bool) -> hl.Expr:
    """Full-range BT.601 luma of red, green and blue in the unit of the source; integers to whole 8-bit values."""
    if not integer:
        terms = [value * hl.f32(weight) for value, weight in zip(rgb, LUMA_WEIGHTS, strict=True)]
        return hl.strict_float(terms[0] + terms[1] + terms[2])
    shift = 16 + FRACTION_BITS
    total = sum((hl.i64(value) * w for w, value in zip(LUMA_WEIGHTS_16, rgb, strict=True)), hl.i64(1 << shift - 1))
    return hl.i32((total >> shift) << FRACTION_BITS)


def bicubic_taps_of(scale: int, integer: bool) -> NDArray[Any]:
    """The taps of `Upsample` for bicubic interpolation."""
    return bicubic_taps_integer(scale) if integer else bicubic_taps(scale).astype(np.float32)


def bicubic_sum(value: Callable[[int], hl.Expr], phase: hl.Expr | int, scale: int, integer: bool) -> hl.Expr:
    """Σ weight · value(t) over the offsets t = -2…2, for the sub-pixel position `phase` of `scale`."""
    return taps_sum(value, phase, bicubic_taps_of(scale, integer), integer)


def taps_sum(value: Callable[[int], hl.Expr], phase: hl.Expr | int, taps: NDArray[Any], integer: bool) -> hl.Expr:
    """Σ weight · value(t) over the offsets t around 0, with the weights `(positions, offsets)` of a position."""
    if not isinstance(phase, int):
        return hl.mux(phase, [taps_sum(value, index, taps, integer) for index in range(len(taps))])
    radius = taps.shape[1] // 2
    offsets = zip(range(-radius, radius + 1), taps[phase], strict=True)
    terms = [_product(value(t), float(w), integer) for t, w in offsets if w]
    total = sum(terms[1:], terms[0])
    return total if integer else hl.strict_float(total)


def _product(value: hl.Expr, weight: float, integer: bool) -> hl.Expr:
    if not integer:
        return value * hl.f32(weight)
    if weight == UPSAMPLE_UNIT:
        return value
    if value.type() == hl.Int(16):
        return hl.rounding_mul_shift_right(value, hl.i16(int(weight)), hl.u16(15))
    return hl.i32((hl.i64(value) * int(weight) + (1 << 14)) >> 15)
