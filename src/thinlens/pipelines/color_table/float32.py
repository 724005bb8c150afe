"""The look-up in float32: uint16 and float32 pictures, and uint8 where a table exceeds what fixed point holds.

Each entry is a vector of four values, so a corner takes one load and one product for all channels. There are eight of
them for both interpolations; in tetrahedral four have the weight 0, which is quicker than to find out which.
"""

from __future__ import annotations

import halide as hl
import numpy as np

from ...program import Interpolation
from ..picture import Picture
from . import look_up
from .look_up import CORNER, CORNERS, C, Stages, X, Y

BLOCK = 32
AT_A_TIME = 4


def algorithm(dtype: np.dtype[np.generic], interpolation: Interpolation) -> Stages:
    """The look-up of `(W * 3, H)` of a dtype in a table of `packing.float32`.

    A further input, `(3, 2)` float32, has what red, green and blue are multiplied by to get their position, and what is
    added then; the number is the entries along a side of the table.
    """
    picture = Picture(dtype, 3)
    source, table = picture.source(), look_up.table_parameter(hl.Float(32))
    lines, size = hl.ImageParam(hl.Float(32), 2, "lines"), hl.Param(hl.Int(32), "size")
    lines.dim(0).set_bounds(0, 3).set_stride(1)
    lines.dim(1).set_bounds(0, 2).set_stride(3)
    position, cell, weights, sums, elements = (
        hl.Func(name) for name in ("position", "cell", "weights", "sums", "elements")
    )
    cells = size - 1
    value = picture.decode(look_up.element(picture, source, C), integer=False)
    position[X, Y, C] = hl.clamp(value * lines[C, 0] + lines[C, 1], hl.f32(0), hl.f32(cells))
    places = [hl.Expr(position[X, Y, c]) for c in range(3)]
    low = [hl.min(hl.i32(place), cells - 1) for place in places]
    fractions = [place - hl.f32(first) for place, first in zip(places, low, strict=True)]
    cell[X, Y] = look_up.place(((low[0] * size + low[1]) * size + low[2]) * 4)
    chosen = look_up.weigh(interpolation, fractions, hl.f32(1), lambda first, second: first * second)
    weights[CORNER, X, Y] = hl.mux(CORNER, chosen)
    total = hl.f32(0)
    last = ((cells - 1) * size + cells - 1) * size + cells - 1
    first = hl.unsafe_promise_clamped(cell[X, Y], 0, last * 4)
    for number, (red, green, blue) in enumerate(CORNERS):
        total += table[first + ((red * size + green) * size + blue) * 4 + C] * weights[number, X, Y]
    sums[C, X, Y] = total
    elements[C, X, Y] = picture.encode(sums[C, X, Y], integer=False)
    line, output = look_up.finish(elements)
    return Stages(picture, [source, table, lines, size], position, cell, weights, sums, elements, line, output)


def schedule(stages: Stages, tasks: hl.Expr) -> None:
    """All that is summed for a pixel in registers."""
    look_up.schedule(stages, BLOCK, tasks)
    inner = hl.Var("inner")
    stages.sums.split(X, X, inner, AT_A_TIME).reorder(C, inner, X).vectorize(C).unroll(inner)
