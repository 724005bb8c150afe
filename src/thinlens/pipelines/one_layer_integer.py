"""The fused form of one-layer programs in integers: uint8 pixels times 8-bit weights, four products at a time.

Processors have an instruction for the sum of four such products (x86 vpdpbusd, ARM sdot and usdot). So four rows of
the picture are interleaved, a byte of each in turn, and two low rows share them: with a kernel of 3 the rows y-1…y+2
serve both y and y+1. Weights of 16 bits are split in a high and a low byte and take two such instructions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import halide as hl
import numpy as np
from numpy.typing import NDArray

from ..program import FRACTION_BITS
from ..program.reference import LUMA_WEIGHTS_16
from .color import bicubic_sum
from .one_layer import OneLayer
from .picture import Picture

X, Y, C, R, G, ROW, COLUMN = (hl.Var(name) for name in ("x", "y", "c", "r", "g", "row", "column"))
ROWS = 2
"""Low rows that share the interleaved rows of the picture."""


@dataclass(frozen=True)
class Stages:
    """The stages of a fused pipeline, in the order of the flow; `arrays` keeps the weights alive."""

    padded: hl.Func
    quads: hl.Func
    chroma: hl.Func | None
    rows: hl.Func | None
    sums: hl.Func
    line: hl.Func
    output: hl.Func
    arrays: list[NDArray[Any]]


def parts(layer: OneLayer) -> int:
    """Bytes per weight, 1 or 2; 0 if the fused form cannot compute the layer exactly."""
    lowest, highest = int(layer.weight.min()), int(layer.weight.max())
    if layer.shift is None or layer.shift < FRACTION_BITS or highest >= 127 * 256 + 128:
        return 0
    return 1 if lowest >= -128 and highest <= 127 else 2


def algorithm(layer: OneLayer, picture: Picture, source: hl.ImageParam) -> Stages:
    """The stages for uint8 pictures. Output as in `one_layer.algorithm`."""
    s, shift, channels = layer.scale, layer.shift or 0, picture.channels
    color = channels == 3
    weight = _weights(layer)
    start = _start(layer, color)
    width, height = picture.width(source), picture.height(source)

    def level(x: hl.Expr, y: hl.Expr, c: int) -> hl.Expr:
        return picture.element(source, x, y, c)

    def gray(x: hl.Expr, y: hl.Expr) -> hl.Expr:
        if not color:
            return level(x, y, 0)
        products = [hl.u32(level(x, y, c)) * hl.u32(LUMA_WEIGHTS_16[c]) for c in range(3)]
        return hl.u8((products[0] + products[1] + products[2] + (1 << 15)) >> 16)

    padded, quads, sums = hl.Func("padded"), hl.Func("quads"), hl.Func("sums")
    inside = (X >= 0) & (X < width) & (Y >= 0) & (Y < height)
    padded[X, Y] = gray(X, Y) if layer.padding == "edge" else hl.select(inside, gray(X, Y), hl.u8(0))
    radius = layer.kernel // 2
    quads[R, X, Y, G] = padded[X, Y * ROWS + G * 4 + R - radius]
    taps = hl.RDom([(0, 4), (0, layer.kernel), (0, weight.shape[2])])
    weights, starts = hl.Buffer(weight), hl.Buffer(start)
    sums[X, Y, ROW, COLUMN, C] = starts[C, COLUMN, ROW % s]
    sums[X, Y, ROW, COLUMN, C] += hl.i32(quads[taps.x, X + taps.y - radius, Y, taps.z]) * hl.i32(
        weights[taps.x, C, taps.y, taps.z, COLUMN, ROW]
    )

    low, side = X // channels // s, X // channels % s

    def total(c: int) -> hl.Expr:
        part = [hl.Expr(sums[low, Y, ROW, side, n]) for n in (c, c + layer.maps)]
        return part[0] if parts(layer) == 1 else part[0] + (part[1] << 8)

    largest = total(0)
    for c in range(1, layer.maps):
        largest = hl.max(largest, total(c))
    line, output = hl.Func("line"), hl.Func("output")
    chroma, rows = None, None
    if not color:
        line[X, Y, ROW] = _round(largest, shift)
    else:
        chroma, rows = hl.Func("chroma"), hl.Func("rows")
        difference = hl.mux(C, [hl.i16(level(X, Y, c)) for c in range(3)]) - hl.i16(gray(X, Y))
        chroma[X, Y, C] = difference << FRACTION_BITS
        rows[X, Y, C, ROW] = bicubic_sum(lambda t: hl.Expr(chroma[X, Y + t, C]), ROW, s, integer=True)
        across = bicubic_sum(lambda t: hl.Expr(rows[low + t, Y * ROWS + ROW // s, X % 3, ROW % s]), side, s, True)
        result = hl.saturating_add(hl.i16_sat(largest >> (shift - FRACTION_BITS)), across)
        line[X, Y, ROW] = hl.u8_sat(hl.saturating_add(result, hl.i16(1 << FRACTION_BITS - 1)) >> FRACTION_BITS)
    output[X, Y] = line[X, Y // (s * ROWS), Y % (s * ROWS)]
    return Stages(padded, quads, chroma, rows, sums, line, output, [weight, start])


def _round(total: hl.Expr, shift: int) -> hl.Expr:
    """Levels from sums that already hold the half to round with. Up to 7 bits, 16-bit saturation is out of range."""
    return hl.u8_sat(hl.i16_sat(total) >> shift) if shift <= 7 else hl.u8_sat(hl.i16_sat(total >> shift))


def _weights(layer: OneLayer) -> NDArray[np.int8]:
    """Weights as `[row in group, map, x, group, j, i]` for Halide, the map's low bytes before its high bytes.

    `i` counts the high rows of `ROWS` low rows; weights are zero where a row of the group is outside of the kernel.
    """
    s, k = layer.scale, layer.kernel
    wide = layer.weight.astype(np.int32).reshape(layer.maps, s, s, k, k)
    high = (wide + 128) >> 8
    both = np.concatenate([wide - (high << 8), high]) if parts(layer) == 2 else wide
    groups = -(-(k + ROWS - 1) // 4)
    spread = np.zeros((ROWS, len(both), s, s, groups * 4, k), np.int8)
    for row in range(ROWS):
        spread[row, :, :, :, row : row + k] = both
    grouped = spread.reshape(ROWS, len(both), s, s, groups, 4, k)
    row, c, i, j, group, tap, x = range(7)
    return np.ascontiguousarray(grouped.transpose(row, i, j, group, x, c, tap)).reshape(ROWS * s, s, groups, k, -1, 4)


def _start(layer: OneLayer, color: bool) -> NDArray[np.int32]:
    """What the sums begin with, as `[map, j, i]` for Halide: the bias and the halves that rounding needs.

    The reference computes (64·sum + bias + half) >> shift and, for gray, adds 32 and shifts by 6 more; here the
    sum stays as it is, and what is added to it is divided by 64: both shifts become one, exactly.
    """
    s, shift = layer.scale, layer.shift or 0
    bias = np.zeros(len(layer.weight), np.int64) if layer.bias is None else layer.bias.astype(np.int64)
    half = bias + (1 << shift - 1)
    if not color:
        half += 1 << shift + FRACTION_BITS - 1
    start = (half >> FRACTION_BITS).reshape(layer.maps, s, s)
    if parts(layer) == 2:
        start = np.concatenate([start, np.zeros_like(start)])
    return start.transpose(1, 2, 0).astype(np.int32).copy()


def schedule(layer: OneLayer, picture: Picture, stages: Stages, tasks: hl.Expr, height: hl.Expr) -> None:
    """Blocks of low rows in parallel; per vector of low pixels, all sub-pixels of a high row in registers.

    As in `one_layer.schedule`, only the last stage knows where the picture ends.
    """
    s, block = layer.scale, 16
    count = layer.maps * parts(layer)
    vector = 64 if s * count <= 4 else 32 if s * count <= 12 else 16
    guard, whole = hl.TailStrategy.GuardWithIf, hl.TailStrategy.RoundUp
    yb, yi, yl, i, task = hl.Var("yb"), hl.Var("yi"), hl.Var("yl"), hl.Var("i"), hl.Var("task")
    blocks = (height + block - 1) // block
    output, line, sums = stages.output, stages.line, stages.sums
    output.split(Y, yb, yi, block * s, guard).split(yb, task, yb, (blocks + tasks - 1) // tasks, guard)
    output.split(yi, yl, i, s * ROWS, guard).vectorize(X, 64, hl.TailStrategy.PredicateStores)
    output.parallel(task).never_partition([task, yb, yl, i])

    xo, xi, j = hl.Var("xo"), hl.Var("xi"), hl.Var("j")
    line.compute_at(output, yl).bound(ROW, 0, s * ROWS)
    if picture.channels == 1:
        line.split(X, xi, j, s, whole).split(xi, xo, xi, vector, whole)
        line.reorder(j, xi, ROW, xo, Y).unroll(j).vectorize(xi)
    else:
        c = hl.Var("c")
        line.split(X, xi, c, 3, whole).split(xi, xi, j, s, whole).split(xi, xo, xi, vector, whole)
        line.reorder(c, j, xi, ROW, xo, Y).unroll(c).unroll(j).vectorize(xi)
    sums.compute_at(line, ROW).vectorize(X, vector).unroll(C).unroll(COLUMN)
    update = sums.update()
    r, rx, rg = sums.rvars(0)
    update.reorder(r, C, COLUMN, X, rx, rg).atomic().vectorize(r).vectorize(X, vector).unroll(C).unroll(COLUMN)
    stages.quads.compute_at(output, yl).bound(R, 0, 4).reorder(R, X, G, Y).unroll(R).vectorize(X, 64)
    stages.padded.compute_at(output, yb).vectorize(X, 64)
    if stages.chroma is not None and stages.rows is not None:
        stages.chroma.compute_at(output, yb).bound(C, 0, 3).reorder(C, X, Y).unroll(C).vectorize(X, 32)
        stages.rows.compute_at(output, yl).bound(C, 0, 3).bound(ROW, 0, s).reorder(ROW, X, C, Y).unroll(ROW)
        stages.rows.vectorize(X, 32)
