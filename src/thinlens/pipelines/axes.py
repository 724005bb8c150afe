"""Planes enlarged along one axis after the other (`Upsample`), in one pass from stored elements to stored elements.

Bicubic interpolation by 2 takes 5 multiply-adds for each element of the result, 3 of them along the row; 8-bit elements
take them 32 at a time (pmulhrsw of AVX-512): for each chroma plane of 1708×960, 0.41 MB, 77,000 products and about
90,000 cycles in the loop along rows, half as many in the one along columns.
"""

from __future__ import annotations

from dataclasses import dataclass

import halide as hl
import numpy as np

from ..program import FRACTION_BITS, Program, Upsample
from ..program.ops import UPSAMPLE_UNIT
from .color import taps_sum
from .constants import Constants
from .form import Form
from .frame import ROW, WHOLE, X, Y, float_element, schedule_blocks
from .picture import Picture
from .processor import Processor

BLOCK = 16
"""Rows of the source in a block."""
HIGHEST = 255 << FRACTION_BITS


@dataclass(frozen=True)
class Stages:
    """`padded[x, y]` is the plane with its edge repeated, `rows[x, y, row]` is enlarged along y, `line[x, y, row]`
    along x too, as stored."""

    picture: Picture
    source: hl.ImageParam
    padded: hl.Func
    rows: hl.Func
    line: hl.Func
    output: hl.Func
    constants: Constants


def match(program: Program) -> Upsample | None:
    """A program of nothing else, for one plane; integers must stay within 16 bits, whatever the plane."""
    (op, *others) = program.ops
    if others or not isinstance(op, Upsample) or program.channels != 1:
        return None
    if program.integer:
        largest = [np.abs(taps.astype(np.int64)).sum(axis=1).max() / UPSAMPLE_UNIT for taps in (op.down, op.across)]
        if (HIGHEST + 16) * largest[0] * largest[1] + 16 > 2**15 - 1:
            return None
    return op


def algorithm(op: Upsample, picture: Picture, source: hl.ImageParam, processor: Processor) -> Stages:
    """The stages; the output is `(W * scale, H * scale)` as stored."""
    integer, s = op.down.dtype == np.int32, op.scale
    padded, rows, line, output = (hl.Func(name) for name in ("padded", "rows", "line", "output"))
    padded[X, Y] = picture.element(source, X, Y, 0)

    def value(y: hl.Expr) -> hl.Expr:
        element = hl.Expr(padded[X, y])
        return hl.i16(element) << FRACTION_BITS if integer else picture.decode(element, integer=False)

    def stored(total: hl.Expr) -> hl.Expr:
        if not integer:
            return float_element(picture)(total)
        return hl.u8_sat(hl.saturating_add(total, hl.i16(1 << FRACTION_BITS - 1)) >> FRACTION_BITS)

    rows[X, Y, ROW] = taps_sum(lambda t: value(Y + t), ROW, op.down, integer)
    line[X, Y, ROW] = stored(taps_sum(lambda t: hl.Expr(rows[X // s + t, Y, ROW]), X % s, op.across, integer))
    output[X, Y] = line[X, Y // s, Y % s]
    return Stages(picture, source, padded, rows, line, output, Constants())


def schedule(op: Upsample, stages: Stages, processor: Processor, tasks: hl.Expr) -> None:
    """Lines of a row of the source together, in vectors along x, all positions of a vector side by side."""
    s, integer = op.scale, op.down.dtype == np.int32
    vector = processor.lanes * (2 if integer else 1)
    yb, ys = schedule_blocks(stages.output, stages.picture, stages.source, s, 1, BLOCK, tasks)
    xi, j, block = (hl.Var(name) for name in ("xi", "j", "block"))
    stages.padded.compute_at(stages.output, yb).vectorize(X, 16)  # at the edges elements are gathered one by one
    for stage in (stages.rows, stages.line):
        stage.compute_at(stages.output, ys).hoist_storage(stages.output, yb).bound(ROW, 0, s)
    stages.rows.reorder(ROW, X, Y).unroll(ROW).vectorize(X, vector)
    line = stages.line
    line.split(X, xi, j, s, WHOLE).split(xi, block, xi, vector, WHOLE).reorder(j, xi, block, ROW, Y)
    line.unroll(j).vectorize(xi).unroll(ROW)


FORM = Form(match, algorithm, schedule)
