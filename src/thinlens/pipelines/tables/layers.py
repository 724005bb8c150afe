"""Two layers of tables of single values: rows of int16 added up, nothing multiplied.

A feature map is kept as the place of its row in the second tables, so that a look-up is one load of that place and one
addition for each vector of its row. For `LUT_s2_K5_C16` on AVX2 a pixel of the source takes 25 look-ups of one vector
and 17 of three; benchmarks/results/tables.md has what was measured.
"""

from __future__ import annotations

from dataclasses import dataclass

import halide as hl
import numpy as np
from numpy.typing import NDArray

from ...program import FRACTION_BITS, Add, AddChroma, Lookup, Luma, Program, Rescale, ShiftAndSum, fits_16_bits
from .. import frame as frames
from ..constants import Constants
from ..form import Form
from ..frame import C, Frame, X, Y
from ..many_layers.chain import schedule_tiles
from ..picture import Picture
from ..processor import Processor
from .patches import LANE, SLICE, VECTOR, Overlap, element_of, in_lanes, lanes, overlap, schedule_line, schedule_overlap


@dataclass(frozen=True)
class Layers:
    """What the form needs to know of a program.

    `first` is `(places, 256, maps)` with the place of each, `offsets`, `(places, 2)`, y and x. Sums, after `half` is
    added, lose `bits` and become an index into `second`, `(maps, levels, 9 · scale²)`. `own` is `(256, 9 · scale²)`, by
    the pixel itself.
    """

    first: NDArray[np.int16]
    offsets: NDArray[np.int32]
    bits: int
    half: int
    second: NDArray[np.int16]
    own: NDArray[np.int16]
    scale: int
    multiplier: int


@dataclass(frozen=True)
class Stages:
    """The layers between the stages of their frame."""

    frame: Frame
    places: hl.Func
    sums: hl.Func
    maps: hl.Func
    total: hl.Func
    overlap: Overlap
    constants: Constants

    @property
    def output(self) -> hl.Func:
        """The last stage."""
        return self.frame.output


def match(program: Program) -> Layers | None:
    """The program as two layers of tables whose sums fit 16 bits, if it is that."""
    ops, value = list(program.ops), 0
    if program.channels == 3:
        match ops:
            case [Luma(source=0), *between, AddChroma(source=last, picture=0)] if last == len(ops) - 1:
                ops, value = between, 1
            case _:
                return None
    match ops:
        case [
            Lookup(interval=1, interpolation="none", border="edge", summed=True) as first,
            Rescale(shift=0, minimum=0, maximum=highest) as index,
            Lookup(interpolation="none", summed=True) as second,
            Lookup(interval=1, interpolation="none") as own,
            Add(),
            ShiftAndSum(maps=9, rotations=1, border="edge") as shuffle,
            Rescale(shift=0, minimum=-32768, maximum=32767) as last,
        ]:
            pass
        case _:
            return None
    reads = [op.operands() for op in ops]
    wanted = [(0,), (1,), (2,), (0,), (3, 4), (5,), (6,)]
    if reads != [tuple(number + value for number in numbers) for numbers in wanted]:
        return None
    maps = len(second.table)
    each = np.stack([np.arange(maps), np.zeros(maps), np.zeros(maps)], axis=1)[:, None]
    if first.table.shape[2] != maps or second.offsets.shape != each.shape or (second.offsets != each).any():
        return None
    if own.offsets.shape != (1, 1, 3) or own.offsets.any() or first.offsets.shape[1] != 1:
        return None
    if highest != 255 << FRACTION_BITS or len(first.table) != len(first.offsets) or len(own.table) != 1:
        return None
    bits = FRACTION_BITS - (index.multiplier.bit_length() - 1) + second.interval.bit_length() - 1
    half = (1 << FRACTION_BITS - 1) // index.multiplier
    if index.multiplier & (index.multiplier - 1) or index.multiplier > 32 or last.multiplier >= 1 << 16:
        return None
    nine = [table.table.reshape(*table.table.shape[:2], 9, -1) for table in (second, own)]
    if not fits_16_bits([first.table, np.full((1, 1, maps), half)]) or not fits_16_bits(
        [table[:, :, k] for table in nine for k in range(9)]
    ):
        return None
    tables = (op.table.astype(np.int16) for op in (first, second, own))
    one, two, three = tables
    return Layers(one, first.offsets[:, 0, 1:], bits, half, two, three[0], shuffle.scale, last.multiplier)


def algorithm(net: Layers, picture: Picture, source: hl.ImageParam, processor: Processor) -> Stages:
    """The stages for uint8 pictures; the output is `(W * channels * scale, H * scale)` as stored."""
    frame, constants = frames.begin(picture, source, net.scale, integer=True), Constants()
    names = ("places", "sums", "maps", "total", "patch")
    places, sums, maps, total, patch = (hl.Func(name) for name in names)
    count, levels, _ = net.second.shape
    wide, filled = lanes(net.scale), _filled(count)
    first = np.zeros((*net.first.shape[:2], filled), np.int16)
    first[..., :count] = net.first
    first_rows, second_rows, own_rows = (
        constants.buffer(array)
        for array in (
            first.reshape(-1),
            in_lanes(net.second, net.scale).reshape(-1),
            in_lanes(net.own, net.scale).reshape(-1),
        )
    )
    # Halide guards indices that it has the bounds of from what memory holds before it is written: it must not see them
    unknown = constants.buffer(np.zeros(1, np.uint16))[hl.Expr(0)]
    # where the row of a pixel begins in a first table; beyond the picture, as everything, those of its edge
    places[X, Y] = hl.u16(frame.gray[X, Y]) * filled + unknown
    x = hl.clamp(X, 0, picture.width(source) - 1)
    y = hl.clamp(Y, 0, picture.height(source) - 1)
    rows = [
        first_rows[
            hl.unsafe_promise_clamped(hl.i32(places[x + dx, y + dy]) + tap * 256 * filled + C, 0, first.size - 1)
        ]
        for tap, (dy, dx) in enumerate(net.offsets.tolist())
    ]
    sums[C, X, Y] = sum(rows, hl.i16(net.half))
    index = hl.clamp(sums[C, X, Y] >> net.bits, 0, levels - 1)
    maps[C, X, Y] = hl.u16(index) * (3 * wide) + unknown
    own = hl.i32(frame.gray[x, y]) * (3 * wide) + SLICE * wide + LANE
    total[LANE, SLICE, X, Y] = own_rows[hl.unsafe_promise_clamped(own, 0, own_rows.width() - 1)]
    each = hl.RDom([(0, count)]).x
    start = hl.i32(maps[each, X, Y]) + each * levels * 3 * wide
    total[LANE, SLICE, X, Y] += second_rows[
        hl.unsafe_promise_clamped(start + SLICE * wide + LANE, 0, count * levels * 3 * wide - 1)
    ]
    patch[LANE, SLICE, X, Y] = total[LANE, SLICE, X, Y]
    made = overlap(net.scale, patch)
    frames.finish(
        frame, lambda x, column: hl.Expr(made.high[x * net.scale + column, frames.ROW, Y]), element_of(net.multiplier)
    )
    return Stages(frame, places, sums, maps, total, made, constants)


def schedule(net: Layers, stages: Stages, processor: Processor, tasks: hl.Expr) -> None:
    """Down a tile a row at a time; all vectors of a row of a table stay in registers while rows are added."""
    frame, made = stages.frame, stages.overlap
    count = len(net.second)
    tile, row = schedule_tiles(frame, _width(net, processor), tasks)
    schedule_overlap(made, frame, row, tile)
    patch, total, sums = made.patch, stages.total, stages.sums
    patch.reorder(LANE, SLICE, X, Y).vectorize(LANE, VECTOR).unroll(LANE).unroll(SLICE)
    total.compute_at(patch, X).vectorize(LANE, VECTOR).unroll(LANE).unroll(SLICE)
    update, each = total.update(), total.rvars(0)[0]
    update.reorder(LANE, SLICE, each, X, Y).vectorize(LANE, VECTOR).unroll(LANE).unroll(SLICE).unroll(each)
    stages.maps.compute_at(patch, Y).bound(C, 0, _filled(count)).vectorize(C, _filled(count)).reorder(C, X, Y)
    sums.compute_at(stages.maps, X).vectorize(C)
    stages.places.compute_at(tile).vectorize(X, 32).bound_storage(X, _width(net, processor) + 64)
    schedule_line(frame, net.scale, tile, row)


def _width(net: Layers, processor: Processor) -> int:
    """Low-resolution pixels across a tile, so that half of the second-level cache's room holds their patches."""
    return min(max(processor.room // 2 // (4 * 3 * lanes(net.scale) * 2), 64), 512) // 32 * 32


def _filled(maps: int) -> int:
    return -(-maps // 8) * 8


FORM = Form(match, algorithm, schedule)
