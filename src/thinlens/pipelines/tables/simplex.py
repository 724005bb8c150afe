"""Tables of samples, interpolated along the simplex, without shifted maps: SR-LUT-S.

For each rotation, the places of the corners' rows and their weights are found for vectors of pixels, by a network that
sorts the remainders, and kept as a line; then a pixel takes one contiguous load and one product of 16 bits for each
corner. Sums stay in the orientation of the table until they are written. Largest sum: 4 rotations · 127 · interval,
8,128 for the published 16, which fits 16 bits.
"""

from __future__ import annotations

from dataclasses import dataclass

import halide as hl
import numpy as np
from numpy.typing import NDArray

from ...program import AddChroma, Lookup, Luma, Program, Rescale, ShiftAndSum
from .. import frame as frames
from ..constants import Constants
from ..form import Form
from ..frame import ROW, Frame, X, Y
from ..many_layers.chain import schedule_tiles
from ..picture import Picture
from ..processor import Processor
from . import plain
from .pairs import WIDTH, element_of, mirrored
from .patches import LANE, schedule_line

ROTATIONS = 4
CORNER = hl.Var("corner")
LARGEST = 8
"""How far an indexing pixel is at most: the reflection of one that is farther is not of this form."""


@dataclass(frozen=True)
class Samples:
    """What the form needs to know of a program: `rows` is `(rows, scale²)` int8."""

    rows: NDArray[np.int8]
    lookup: Lookup
    shuffle: ShiftAndSum
    rescale: Rescale


@dataclass(frozen=True)
class Stages:
    """The look-ups between the stages of their frame."""

    frame: Frame
    gray: hl.Func
    places: list[hl.Func]
    weights: list[hl.Func]
    sums: list[hl.Func]
    high: hl.Func
    constants: Constants

    @property
    def output(self) -> hl.Func:
        """The last stage."""
        return self.frame.output


def match(program: Program) -> Samples | None:
    """The program as a table of samples under four rotations, if it is that."""
    ops, value = list(program.ops), 0
    if program.channels == 3:
        match ops:
            case [Luma(source=0), *between, AddChroma(source=last, picture=0)] if last == len(ops) - 1:
                ops, value = between, 1
            case _:
                return None
    match ops:
        case [
            Lookup(interpolation="simplex", border="reflect", summed=False) as lookup,
            ShiftAndSum(rotations=4, maps=1) as shuffle,
            Rescale() as rescale,
        ]:
            pass
        case _:
            return None
    if [op.operands() for op in ops] != [(value,), (value + 1,), (value + 2,)]:
        return None
    if lookup.table.dtype != np.int8 or len(lookup.table) != 1 or lookup.interval > 32:
        return None
    largest = 4 * int(np.abs(lookup.table.astype(np.int16)).max()) * lookup.interval
    if np.abs(lookup.offsets[..., 1:]).max() > LARGEST or largest * rescale.multiplier >= (1 << 31) - (1 << 16):
        return None
    if rescale.shift > 16:
        return None
    return Samples(lookup.table[0].astype(np.int8), lookup, shuffle, rescale)


def algorithm(net: Samples, picture: Picture, source: hl.ImageParam, processor: Processor) -> Stages:
    """The stages for uint8 pictures; the output is `(W * channels * scale, H * scale)` as stored."""
    s = net.shuffle.scale
    frame, constants = frames.begin(picture, source, s, integer=True), Constants()
    rows = constants.buffer(net.rows.reshape(-1))
    unknown = constants.buffer(np.zeros(1, np.uint32))[hl.Expr(0)]  # see layers
    gray = hl.Func("levels")
    gray[X, Y] = frames.level(picture, source, mirrored(X, picture.width(source)), mirrored(Y, picture.height(source)))
    places, weights, sums = (
        [hl.Func(f"{name}_{r}") for r in range(ROTATIONS)] for name in ("places", "weights", "sums")
    )
    corners = net.lookup.offsets.shape[1] + 1
    for rotation in range(ROTATIONS):
        levels = [hl.i32(gray[X + x, Y + y]) for _, y, x in net.lookup.offsets[rotation].tolist()]
        found = plain.simplex(net.lookup, levels)
        places[rotation][CORNER, X, Y] = hl.u32(hl.mux(CORNER, [place for place, _ in found])) * (s * s) + unknown
        weights[rotation][CORNER, X, Y] = hl.i16(hl.mux(CORNER, [weight for _, weight in found]))
        terms: list[hl.Expr] = []
        for corner in range(corners):
            place = hl.i32(places[rotation][corner, X, Y]) + LANE
            entry = hl.i16(rows[hl.unsafe_promise_clamped(place, 0, net.rows.size - 1)])
            terms.append(entry * weights[rotation][corner, X, Y])
        sums[rotation][LANE, X, Y] = sum(terms[1:], terms[0])
    high, column, last = hl.Func("high"), X % s, s - 1
    turned = (
        ROW * s + column,
        (last - column) * s + ROW,
        (last - ROW) * s + last - column,
        column * s + last - ROW,
    )
    parts = [hl.Expr(sums[rotation][lane, X // s, Y]) for rotation, lane in enumerate(turned)]
    high[X, ROW, Y] = parts[0] + parts[1] + parts[2] + parts[3]
    frames.finish(frame, lambda x, column: hl.Expr(high[x * s + column, ROW, Y]), element_of(net.rescale))
    return Stages(frame, gray, places, weights, sums, high, constants)


def schedule(net: Samples, stages: Stages, processor: Processor, tasks: hl.Expr) -> None:
    """Down a tile a row at a time: corners of a row for vectors of pixels, then a pixel after the other."""
    frame, s = stages.frame, net.shuffle.scale
    x, column = hl.Var("x_low"), hl.Var("column")
    corners = net.lookup.offsets.shape[1] + 1
    tile, row = schedule_tiles(frame, WIDTH, tasks)
    stages.gray.compute_at(tile).vectorize(X, 32)
    for places, weights, sums in zip(stages.places, stages.weights, stages.sums, strict=True):
        for func in (places, weights):
            func.bound(CORNER, 0, corners).unroll(CORNER).vectorize(X, processor.lanes)
            func.reorder_storage(X, CORNER, Y).reorder(CORNER, X, Y)
        places.compute_at(row)
        weights.compute_at(row)
        sums.compute_at(stages.high, x).bound(LANE, 0, s * s).vectorize(LANE)
    high = stages.high.compute_at(row).bound(ROW, 0, s).split(X, x, column, s, hl.TailStrategy.RoundUp)
    high.reorder(column, ROW, x, Y).vectorize(column).unroll(ROW)
    schedule_line(frame, s, tile, row)


FORM = Form(match, algorithm, schedule)
