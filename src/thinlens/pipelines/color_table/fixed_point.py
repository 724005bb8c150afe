"""The look-up for uint8 pictures, in fixed point: within one level of the reference.

Weights have 14 bits after the point, entries 5 bits after that of a level. Two entries beside each other along blue are
multiplied by their weights and added by one instruction (pmaddwd), for four channels and two corners by green at a
time. So a color takes two loads of 32 bytes, two products and a few additions, for both interpolations alike.
"""

from __future__ import annotations

from dataclasses import dataclass

import halide as hl
import numpy as np

from ...program import Interpolation
from ..picture import Picture
from . import look_up
from .look_up import CORNER, C, Stages, X, Y
from .packing import FIXED_POINT_LANES, LEVEL_BITS, POSITION_BITS

WEIGHT_BITS = 14
BLOCK = 64
"""Pixels that go through the stages together."""
AT_A_TIME = 4
"""Pixels whose sums are written one after the other, without a loop."""
GREEN = hl.Var("green")


@dataclass(frozen=True)
class FixedPoint:
    """The stages of the look-up, and the sums of a pixel, those of the corners by green apart."""

    stages: Stages
    partial: hl.Func
    taps: hl.RDom


def algorithm(interpolation: Interpolation) -> FixedPoint:
    """The look-up of `(W * 3, H)` uint8 in a table of `packing.fixed_point`.

    Its numbers are the entries along a side of the table, and the step of a level (`packing.step`).
    """
    picture = Picture(np.dtype(np.uint8), 3)
    source, table = picture.source(), look_up.table_parameter(hl.Int(16))
    size, level = hl.Param(hl.Int(32), "size"), hl.Param(hl.Int(32), "step")
    position, cell, weights, partial, sums, elements = (
        hl.Func(name) for name in ("position", "cell", "weights", "partial", "sums", "elements")
    )
    cells = size - 1
    position[X, Y, C] = hl.min(hl.i32(look_up.element(picture, source, C)) * level, cells << POSITION_BITS)
    places = [hl.Expr(position[X, Y, c]) for c in range(3)]
    low = [hl.min(place >> POSITION_BITS, cells - 1) for place in places]
    rounding = POSITION_BITS - WEIGHT_BITS
    fractions = [
        hl.i16((place - (first << POSITION_BITS) + (1 << rounding - 1)) >> rounding)
        for place, first in zip(places, low, strict=True)
    ]
    lanes = FIXED_POINT_LANES
    cell[X, Y] = look_up.place(((low[0] * cells + low[1]) * cells + low[2]) * lanes)

    def product(first: hl.Expr, second: hl.Expr) -> hl.Expr:
        """By one instruction (pmulhrsw, sqrdmulh). Twice 1 is cut to 1 - 2**-15 in it, which changes no product."""
        return hl.rounding_mul_shift_right(first, hl.saturating_add(second, second), hl.u16(15))

    chosen = look_up.weigh(interpolation, fractions, hl.i16(1 << WEIGHT_BITS), product)
    weights[CORNER, X, Y] = hl.mux(CORNER, chosen)

    taps = hl.RDom([(0, 2), (0, 2)])  # along blue and along red
    first = hl.unsafe_promise_clamped(cell[X, Y], 0, (cells * cells * cells - 1) * lanes)
    value = hl.i32(table[first + taps.y * (cells * cells * lanes) + (GREEN * 4 + C) * 2 + taps.x])
    shift = WEIGHT_BITS + LEVEL_BITS
    partial[GREEN, C, X, Y] = hl.select(GREEN == 0, hl.i32(1 << shift - 1), hl.i32(0))
    partial[GREEN, C, X, Y] += value * hl.i32(weights[taps.x + GREEN * 2 + taps.y * 4, X, Y])
    sums[C, X, Y] = partial[0, C, X, Y] + partial[1, C, X, Y]
    elements[C, X, Y] = hl.u8_sat(sums[C, X, Y] >> shift)
    line, output = look_up.finish(elements)
    inputs = [source, table, size, level]
    stages = Stages(picture, inputs, position, cell, weights, sums, elements, line, output)
    return FixedPoint(stages, partial, taps)


def schedule(pixel: FixedPoint, tasks: hl.Expr) -> None:
    """All that is summed for a pixel in registers."""
    stages, partial, taps = pixel.stages, pixel.partial, pixel.taps
    look_up.schedule(stages, BLOCK, tasks)
    inner = hl.Var("inner")
    stages.sums.split(X, X, inner, AT_A_TIME).reorder(C, inner, X).vectorize(C).unroll(inner)
    partial.compute_at(stages.sums, inner).bound(GREEN, 0, 2).bound(C, 0, 4)
    partial.reorder_storage(C, GREEN, X, Y).reorder(C, GREEN, X, Y).vectorize(C).vectorize(GREEN)
    update = partial.update().reorder(taps.x, C, GREEN, X, Y, taps.y)
    update.atomic().vectorize(taps.x).vectorize(C).vectorize(GREEN).unroll(taps.y)
