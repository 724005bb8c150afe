"""One-layer programs in fixed point: uint8 pixels times int8 weights, four products at a time.

Processors have an instruction for the sum of four such products (x86 vpdpbusd). So four rows of the picture are
interleaved, a byte of each in turn, and two low-resolution rows share them: with a kernel of 3 the rows y-1…y+2 serve
both y and y+1. Weights of 16 bits are split in a high and a low byte and take two such instructions.
benchmarks/README.md says what sets the floor of the time, benchmarks/results/speed.md has what was measured.
"""

from __future__ import annotations

from dataclasses import dataclass

import halide as hl
import numpy as np
from numpy.typing import NDArray

from ...program import FRACTION_BITS, Program
from .. import frame as frames
from ..constants import Constants
from ..form import Form
from ..frame import COLUMN, ROW, C, Frame, X, Y
from ..picture import Picture
from ..processor import Processor
from . import layer as layers
from .layer import OneLayer

ROWS = 2
"""Low-resolution rows that share the interleaved rows of the picture."""
BYTE, GROUP = hl.Var("byte"), hl.Var("group")


@dataclass(frozen=True)
class Stages:
    """The layer between the stages of its frame."""

    frame: Frame
    padded: hl.Func
    quads: hl.Func
    sums: hl.Func
    constants: Constants

    @property
    def output(self) -> hl.Func:
        """The last stage."""
        return self.frame.output


def match(program: Program) -> OneLayer | None:
    """A fixed-point program of one layer whose products the form can compute exactly."""
    layer = layers.match(program)
    if layer is None or layer.shift is None or layer.shift < FRACTION_BITS:
        return None
    return layer if int(layer.weight.max()) < 127 * 256 + 128 else None


def parts(layer: OneLayer) -> int:
    """Bytes per weight, 1 or 2."""
    return 1 if int(layer.weight.min()) >= -128 and int(layer.weight.max()) <= 127 else 2


def algorithm(layer: OneLayer, picture: Picture, source: hl.ImageParam, processor: Processor) -> Stages:
    """The stages for uint8 pictures; the output is `(W * channels * scale, H * scale)` as stored."""
    frame, constants = frames.begin(picture, source, layer.scale, integer=True, row_group=ROWS), Constants()
    padded = layers.padded(layer, frame)
    weight = _weights(layer)
    weights, starts = constants.buffer(weight), constants.buffer(_start(layer, picture.channels == 3))
    quads, sums = hl.Func("quads"), hl.Func("sums")
    radius = layer.kernel // 2
    quads[BYTE, X, Y, GROUP] = padded[X, Y * ROWS + GROUP * 4 + BYTE - radius]
    taps = hl.RDom([(0, 4), (0, layer.kernel), (0, weight.shape[2])])
    pixel = hl.i32(quads[taps.x, X + taps.y - radius, Y, taps.z])
    sums[X, Y, ROW, COLUMN, C] = starts[C, COLUMN, ROW % layer.scale]
    sums[X, Y, ROW, COLUMN, C] += pixel * hl.i32(weights[taps.x, C, taps.y, taps.z, COLUMN, ROW])

    def largest(x: hl.Expr, column: hl.Expr) -> hl.Expr:
        values = [hl.Expr(sums[x, Y, ROW, column, c]) for c in range(layer.channels)]
        if parts(layer) == 2:
            values = [low + (sums[x, Y, ROW, column, c + layer.channels] << 8) for c, low in enumerate(values)]
        result = values[0]
        for value in values[1:]:
            result = hl.max(result, value)
        return result

    shift = layer.shift or 0

    def element(total: hl.Expr, chroma: hl.Expr | None = None) -> hl.Expr:
        if chroma is None:
            return hl.u8_sat(total >> shift)
        result = hl.saturating_add(hl.i16_sat(total >> (shift - FRACTION_BITS)), chroma)
        return hl.u8_sat(hl.saturating_add(result, hl.i16(1 << FRACTION_BITS - 1)) >> FRACTION_BITS)

    frames.finish(frame, largest, element)
    return Stages(frame, padded, quads, sums, constants)


def schedule(layer: OneLayer, stages: Stages, processor: Processor, tasks: hl.Expr) -> None:
    """The sums of all sub-pixels of one high-resolution row, for as many low-resolution pixels as registers allow."""
    sums = stages.sums
    count = layer.channels * parts(layer) * layer.scale
    vector = 64 if count <= 4 else 32 if count <= 12 else 16
    block, rows = layers.schedule(stages.frame, vector, 16, tasks)
    stages.padded.compute_at(block).vectorize(X, 64)
    stages.quads.compute_at(rows).bound(BYTE, 0, 4).reorder(BYTE, X, GROUP, Y).unroll(BYTE).vectorize(X, 64)
    sums.compute_at(stages.frame.line, ROW).vectorize(X, vector).unroll(C).unroll(COLUMN)
    byte, x, group = sums.rvars(0)
    update = sums.update().reorder(byte, C, COLUMN, X, x, group)
    update.atomic().vectorize(byte).vectorize(X, vector).unroll(C).unroll(COLUMN)


def _weights(layer: OneLayer) -> NDArray[np.int8]:
    """Weights as `[byte, channel, x, group, column, row]` for Halide, all low bytes before the high bytes.

    The row counts the high-resolution rows of `ROWS` low-resolution rows; weights are zero where a row of a group is
    outside of the kernel.
    """
    s, k = layer.scale, layer.kernel
    weight = layer.weight.astype(np.int32).reshape(layer.channels, s, s, k, k)
    if parts(layer) == 2:
        high = (weight + 128) >> 8
        weight = np.concatenate([weight - (high << 8), high])
    groups = -(-(k + ROWS - 1) // 4)
    spread = np.zeros((ROWS, len(weight), s, s, groups * 4, k), np.int8)
    for low in range(ROWS):
        spread[low, :, :, :, low : low + k] = weight
    grouped = spread.reshape(ROWS, len(weight), s, s, groups, 4, k)
    low, c, row, column, group, byte, x = range(7)
    ordered = grouped.transpose(low, row, column, group, x, c, byte)
    return ordered.reshape(ROWS * s, s, groups, k, len(weight), 4).copy()


def _start(layer: OneLayer, color: bool) -> NDArray[np.int32]:
    """What the sums begin with, as `[channel, column, row]` for Halide: the bias and the halves that rounding needs.

    The reference computes (64·sum + bias + half) >> shift and, for luma, adds 32 and shifts by 6 more; here the
    sum stays as it is, and what is added to it is divided by 64: both shifts become one, exactly.
    """
    s, shift = layer.scale, layer.shift or 0
    bias = np.zeros(len(layer.weight), np.int64) if layer.bias is None else layer.bias.astype(np.int64)
    half = bias + (1 << shift - 1)
    if not color:
        half += 1 << shift + FRACTION_BITS - 1
    start = (half >> FRACTION_BITS).reshape(layer.channels, s, s)
    if parts(layer) == 2:
        start = np.concatenate([start, np.zeros_like(start)])
    return start.transpose(1, 2, 0).astype(np.int32).copy()


FORM = Form(match, algorithm, schedule)
