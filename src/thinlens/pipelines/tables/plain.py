"""The operations of tables for the plain form: value by value, correct, not fast."""

from __future__ import annotations

import halide as hl
import numpy as np

from ...program import FRACTION_BITS, Lookup, Rescale, ShiftAndSum


def reflected(place: hl.Expr, length: hl.Expr) -> hl.Expr:
    """A place in 0…length-1, reflected at both ends as often as it takes, without repeating them."""
    period = hl.max(2 * (length - 1), 1)
    wrapped = place % period
    return hl.clamp(hl.min(wrapped, period - wrapped), 0, length - 1)


def level(value: hl.Expr) -> hl.Expr:
    """The 8-bit value that indexes tables."""
    return (hl.clamp(value, 0, 255 << FRACTION_BITS) + (1 << FRACTION_BITS - 1)) >> FRACTION_BITS


def row(op: Lookup, levels: list[hl.Expr]) -> hl.Expr:
    """The row of a table, without interpolation."""
    result = levels[0] // op.interval
    for each in levels[1:]:
        result = result * op.samples + each // op.interval
    return result


def simplex(op: Lookup, levels: list[hl.Expr]) -> list[tuple[hl.Expr, hl.Expr]]:
    """The rows of the corners of the simplex in which the levels lie, and what each weighs."""
    remainders = [each % op.interval for each in levels]
    strides = [hl.Expr(op.samples ** (len(levels) - 1 - index)) for index in range(len(levels))]
    for end in range(len(levels) - 1, 0, -1):  # a network that sorts, the largest remainder first
        for index in range(end):
            swap = remainders[index] < remainders[index + 1]
            for values in (remainders, strides):
                first, second = values[index], values[index + 1]
                values[index : index + 2] = [hl.select(swap, second, first), hl.select(swap, first, second)]
    corner = row(op, levels)
    befores: list[hl.Expr] = [hl.Expr(op.interval), *remainders]
    corners: list[tuple[hl.Expr, hl.Expr]] = []
    for index, before in enumerate(befores):
        after = befores[index + 1] if index < len(levels) else hl.Expr(0)
        corners.append((corner, before - after))
        if index < len(levels):
            corner = corner + strides[index]
    return corners


def shifts(op: ShiftAndSum) -> np.ndarray[tuple[int, ...], np.dtype[np.int32]]:
    """`(rotations, maps, 2)`: where each map goes, y and x in high-resolution pixels."""
    nine = [(k // 3 - 1, k % 3 - 1) for k in range(9)] if op.maps == 9 else [(0, 0)]
    places = [[op.rotate(y * op.step, x * op.step, r) for y, x in nine] for r in range(op.rotations)]
    return np.array(places, np.int32)


def sub_pixels(op: ShiftAndSum) -> np.ndarray[tuple[int, ...], np.dtype[np.int32]]:
    """`(rotations, scale, scale)`: which value of a map is that of each sub-pixel."""
    s = range(op.scale)
    return np.array([[[op.sub_pixel(y, x, r) for x in s] for y in s] for r in range(op.rotations)], np.int32)


def rescaled(value: hl.Expr, op: Rescale) -> hl.Expr:
    """A product, rounded, clipped; int32."""
    product = hl.i64(value) * op.multiplier
    if op.shift:
        product = (product + (1 << op.shift - 1)) >> op.shift
    return hl.i32(hl.clamp(product, hl.i64(op.minimum), hl.i64(op.maximum)))
