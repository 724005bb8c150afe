"""What forms of tables share: from patches of high-resolution pixels, one for each low-resolution pixel, to lines.

A patch covers the 3×3 low-resolution pixels around its own, `scale`² values each, and is added to those of its
neighbors. Its values lie by block row, a whole number of vectors each, then block column, sub-pixel row and column: so
a look-up is some contiguous vectors, and so is what neighbors add to one another.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import halide as hl
import numpy as np
from numpy.typing import NDArray

from ...program import FRACTION_BITS
from .. import frame as frames
from ..frame import ROW, Frame, X, Y

LANE, SLICE = hl.Var("lane"), hl.Var("slice")
VECTOR = 16
"""Values of 16 bits that lanes of a patch are filled up to: a vector of AVX2, two of NEON."""


def lanes(scale: int) -> int:
    """Values of a block row of a patch, filled up."""
    return -(-3 * scale**2 // VECTOR) * VECTOR


def in_lanes(maps: NDArray[Any], scale: int) -> NDArray[Any]:
    """Rows of nine maps, `(…, 9 · scale²)`, as rows of lanes, `(…, 3, lanes)`, zeros in what fills them up."""
    rows = maps.reshape(*maps.shape[:-1], 3, 3 * scale**2)
    return np.pad(rows, [(0, 0)] * (rows.ndim - 1) + [(0, lanes(scale) - rows.shape[-1])])


@dataclass(frozen=True)
class Overlap:
    """Patches, summed: along y, then along x to lines of high-resolution pixels, int16.

    `patch[lane, slice, x, y]`, `columns[lane, x, y]` and `high[X, row, y]`, X in high-resolution pixels.
    """

    scale: int
    patch: hl.Func
    columns: hl.Func
    high: hl.Func


def overlap(scale: int, patch: hl.Func) -> Overlap:
    """Map (dy, dx) of a pixel's patch belongs to the pixel at (y + dy, x + dx)."""
    columns, high = hl.Func("columns"), hl.Func("high")
    columns[LANE, X, Y] = patch[LANE, 0, X, Y + 1] + patch[LANE, 1, X, Y] + patch[LANE, 2, X, Y - 1]
    s = scale
    parts = [columns[i * s * s + ROW * s + X % s, X // s - (i - 1), Y] for i in range(3)]
    high[X, ROW, Y] = parts[0] + parts[1] + parts[2]
    return Overlap(scale, patch, columns, high)


def element_of(multiplier: int) -> Callable[..., hl.Expr]:
    """What to store of a sum, which times `multiplier` is a value of the program, and of its chroma."""
    half = 1 << FRACTION_BITS - 1

    def element(total: hl.Expr, chroma: hl.Expr | None = None) -> hl.Expr:
        value = hl.i16_sat(hl.i32(total) * multiplier) if multiplier > 1 else total
        if chroma is not None:
            value = hl.saturating_add(value, chroma)
        return hl.u8_sat(hl.saturating_add(value, hl.i16(half)) >> FRACTION_BITS)

    return element


def schedule_line(frame: Frame, scale: int, tile: hl.LoopLevel, row: hl.LoopLevel) -> None:
    """The line of a row, from sums that lie as high-resolution pixels do, and the chroma."""
    if frame.picture.channels == 1:
        frame.line.bound(ROW, 0, scale).vectorize(X, 64, hl.TailStrategy.RoundUp)
    else:
        frames.schedule_chroma(frame, 32)
        frame.gray.compute_at(tile)
        frame.chroma.compute_at(row).store_at(tile)
        frame.rows.compute_at(row)
        frames.schedule_line(frame, 32)
    frame.line.compute_at(row)


def schedule_overlap(made: Overlap, frame: Frame, row: hl.LoopLevel, tile: hl.LoopLevel) -> None:
    """A row at a time, patches kept for the three rows that read them."""
    s, x, column = made.scale, hl.Var("x_low"), hl.Var("column")
    width = lanes(s)
    made.patch.bound(LANE, 0, width).bound(SLICE, 0, 3).compute_at(row).store_at(tile)
    made.patch.reorder_storage(LANE, SLICE, X, Y)
    made.columns.bound(LANE, 0, width).compute_at(row).vectorize(LANE, VECTOR).reorder(LANE, X, Y)
    made.high.bound(ROW, 0, s).compute_at(row).split(X, x, column, s, hl.TailStrategy.RoundUp)
    made.high.reorder(column, ROW, x, Y).vectorize(column).unroll(ROW)
