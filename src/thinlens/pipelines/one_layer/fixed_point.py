"""One-layer programs in fixed point: uint8 pixels times weights of one or two bytes, as the processor multiplies them.

Rows of the picture are interleaved, as many as there are products in an instruction, and two low-resolution rows share
them: with four and a kernel of 3 the rows y-1…y+2 serve both y and y+1. Where sums of 16 bits are enough, they take
half the registers and half the instructions; where they are not, or there is a sum of four products, sums have 32 bits.
The result is the same. benchmarks/README.md says what sets the floor of the time, benchmarks/results/speed.md has what
was measured.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import halide as hl
import numpy as np
from numpy.typing import NDArray

from ...program import FRACTION_BITS, Program
from .. import frame as frames
from ..constants import Constants
from ..form import Form
from ..frame import COLUMN, ROW, C, Frame, X, Y
from ..picture import Picture
from ..processor import PAIRS, Processor
from . import layer as layers
from .layer import OneLayer

ROWS = 2
"""Low-resolution rows that share the interleaved rows of the picture."""
PART, GROUP = hl.Var("part"), hl.Var("group")


@dataclass(frozen=True)
class Stages:
    """The layer between the stages of its frame."""

    frame: Frame
    padded: hl.Func
    interleaved: hl.Func
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


@dataclass(frozen=True)
class Products:
    """How products are summed: those of `size` rows of pixels, less `offset`, at a time, weights in so many `parts`."""

    size: int
    pixel: hl.Type
    weight: np.dtype[Any]
    total: hl.Type
    offset: int = 0
    parts: int = 1


def products(layer: OneLayer, processor: Processor) -> Products:
    """What a processor does quickest, of what is exact for these weights."""
    packing, small = processor.packing, int(layer.weight.min()) >= -128 and int(layer.weight.max()) <= 127
    if processor.disguise:  # what is written for this processor itself has no sums of four
        packing = PAIRS
    if packing.size == 4:
        return Products(4, packing.type, packing.weight_dtype, hl.Int(32), packing.offset, 1 if small else 2)
    if small and fits_16_bits(layer):
        if packing.offset:  # smlal of bytes, whose sums have 16 bits
            return Products(1, packing.type, packing.weight_dtype, hl.Int(16), packing.offset)
        # pmaddubsw: the sum of two products of bytes, saturated, which here it never is
        return Products(2, hl.UInt(8), np.dtype(np.int8), hl.Int(16))
    if small:
        return Products(packing.size, packing.type, packing.weight_dtype, hl.Int(32), packing.offset)
    return Products(1 if packing.offset else packing.size, hl.Int(16), np.dtype(np.int16), hl.Int(32))


def fits_16_bits(layer: OneLayer) -> bool:
    """Whether no picture takes a sum, or any part of it, out of 16 bits."""
    rows = layer.weight.reshape(len(layer.weight), -1).astype(np.int64)
    start = _start(layer, rounded=True)
    highest = 255 * np.maximum(rows, 0).sum(axis=1).max() + max(start.max(), 0)
    lowest = 255 * np.minimum(rows, 0).sum(axis=1).min() + min(start.min(), 0)
    return bool(highest <= 32767 and lowest >= -32768)


def algorithm(layer: OneLayer, picture: Picture, source: hl.ImageParam, processor: Processor) -> Stages:
    """The stages for uint8 pictures; the output is `(W * channels * scale, H * scale)` as stored."""
    frame, constants = frames.begin(picture, source, layer.scale, integer=True, row_group=ROWS), Constants()
    padded, how = layers.padded(layer, frame), products(layer, processor)
    weight = _weights(layer, how)
    rounded = picture.channels == 1 or fits_16_bits(layer)  # before the chroma: then no sum is clipped that was not
    start = _start(layer, rounded).reshape(layer.channels, layer.scale, layer.scale)
    start = start + how.offset * layer.weight.sum(axis=(1, 2), dtype=np.int64).reshape(start.shape)
    if how.parts == 2:
        start = np.concatenate([start, np.zeros_like(start)])
    ordered = start.transpose(1, 2, 0).astype(np.int16 if how.total.bits() == 16 else np.int32)
    weights, starts = constants.buffer(weight), constants.buffer(ordered)
    interleaved, sums = hl.Func("interleaved"), hl.Func("sums")
    radius = layer.kernel // 2
    pixel = padded[X, Y * ROWS + GROUP * how.size + PART - radius]
    interleaved[PART, X, Y, GROUP] = hl.cast(how.pixel, hl.i16(pixel) - how.offset if how.offset else pixel)
    taps = hl.RDom([(0, how.size), (0, layer.kernel), (0, weight.shape[2])])
    left, right = interleaved[taps.x, X + taps.y - radius, Y, taps.z], weights[taps.x, C, taps.y, taps.z, COLUMN, ROW]
    product = hl.cast(how.total, left) * hl.cast(how.total, right)
    sums[X, Y, ROW, COLUMN, C] = starts[C, COLUMN, ROW % layer.scale]
    total = hl.Expr(sums[X, Y, ROW, COLUMN, C])
    saturates = how.total.bits() == 16 and how.size == 2
    sums[X, Y, ROW, COLUMN, C] = hl.saturating_add(total, product) if saturates else total + product

    def largest(x: hl.Expr, column: hl.Expr) -> hl.Expr:
        values = [hl.Expr(sums[x, Y, ROW, column, c]) for c in range(layer.channels)]
        if how.parts == 2:
            values = [low + (sums[x, Y, ROW, column, c + layer.channels] << 8) for c, low in enumerate(values)]
        result = values[0]
        for value in values[1:]:
            result = hl.max(result, value)
        return result

    shift = layer.shift or 0

    def element(total: hl.Expr, chroma: hl.Expr | None = None) -> hl.Expr:
        if chroma is None:
            return hl.u8_sat(total >> shift)
        luma = hl.i16_sat(total >> (shift - FRACTION_BITS)) if shift > FRACTION_BITS else hl.i16_sat(total)
        result = hl.saturating_add(luma, chroma)
        if not rounded:
            result = hl.saturating_add(result, hl.i16(1 << FRACTION_BITS - 1))
        return hl.u8_sat(result >> FRACTION_BITS)

    frames.finish(frame, largest, element)
    return Stages(frame, padded, interleaved, sums, constants)


def schedule(layer: OneLayer, stages: Stages, processor: Processor, tasks: hl.Expr) -> None:
    """The sums of all sub-pixels of one high-resolution row, for as many low-resolution pixels as registers allow."""
    sums, how = stages.sums, products(layer, processor)
    count = layer.channels * how.parts * layer.scale
    lanes, most = processor.lanes * 32 // how.total.bits(), 24 if processor.registers == 32 else 12
    vector = next((size for size in (64, 32, 16) if count * size <= most * lanes), 16)
    block, rows = layers.schedule(stages.frame, vector, 16, tasks)
    stages.padded.compute_at(block).vectorize(X, 16)  # at the edges of the picture elements are gathered one by one
    interleaved = stages.interleaved.compute_at(rows).hoist_storage(block).bound(PART, 0, how.size)
    interleaved.reorder(PART, X, GROUP, Y).unroll(PART).vectorize(X, 64)
    stages.frame.line.hoist_storage(block)
    sums.compute_at(stages.frame.line, ROW).vectorize(X, vector).unroll(C).unroll(COLUMN)
    part, x, group = sums.rvars(0)
    update = sums.update().reorder(part, C, COLUMN, X, x, group)
    # a saturating sum is not associative, but one that never saturates is
    update.atomic(how.total.bits() == 16).vectorize(part).vectorize(X, vector).unroll(C).unroll(COLUMN)
    if layer.kernel == 3 and how.total.bits() == 16:
        update.unroll(x)


def _weights(layer: OneLayer, how: Products) -> NDArray[Any]:
    """Weights as `[part, channel, x, group, column, row]` for Halide, all low bytes before the high bytes.

    The row counts the high-resolution rows of `ROWS` low-resolution rows; weights are zero where a row of a group is
    outside of the kernel.
    """
    s, k = layer.scale, layer.kernel
    weight = layer.weight.astype(np.int32).reshape(layer.channels, s, s, k, k)
    if how.parts == 2:
        high = (weight + 128) >> 8
        weight = np.concatenate([weight - (high << 8), high])
    groups = -(-(k + ROWS - 1) // how.size)
    spread = np.zeros((ROWS, len(weight), s, s, groups * how.size, k), how.weight)
    for low in range(ROWS):
        spread[low, :, :, :, low : low + k] = weight
    grouped = spread.reshape(ROWS, len(weight), s, s, groups, how.size, k)
    low, c, row, column, group, part, x = range(7)
    ordered = grouped.transpose(low, row, column, group, x, c, part)
    return ordered.reshape(ROWS * s, s, groups, k, len(weight), how.size).copy()


def _start(layer: OneLayer, rounded: bool) -> NDArray[np.int64]:
    """What each sum begins with: the bias and the halves that rounding needs, that of the last one where `rounded`.

    The reference computes (64·sum + bias + half) >> shift, adds chroma in color, adds 32 and shifts by 6 more; here the
    sum stays as it is, and what is added to it is divided by 64: both shifts become one, exactly.
    """
    shift = layer.shift or 0
    bias = np.zeros(len(layer.weight), np.int64) if layer.bias is None else layer.bias.astype(np.int64)
    halves = (1 << shift - 1) + (1 << shift + FRACTION_BITS - 1 if rounded else 0)
    return (bias + halves) >> FRACTION_BITS


FORM = Form(match, algorithm, schedule)
