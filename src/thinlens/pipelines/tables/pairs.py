"""Tables indexed by pairs of pixels, EC-LUT by block: rows of one table for each rotation of the picture.

The patch of a row lies as in `patches`, for the picture as the table sees it. Block rows of patches that meet are
summed; a rotation by 180° more is read from the other end of its rows, so that two orientations remain, of which a
value for each sub-pixel is turned back in the end. So a pixel takes three look-ups of a vector or two for each
rotation, all of one table. Patches that reach less far have a form of their own (`margins`). Largest sum: 4 · 9 entries
of int8, 4,608.

The frame that shifted maps leave is filled by reflection of the maps, which is computed value by value.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import halide as hl
import numpy as np
from numpy.typing import NDArray

from ...program import FRACTION_BITS, AddChroma, Lookup, Luma, Program, Rescale, ShiftAndSum
from .. import frame as frames
from ..constants import Constants
from ..form import Form
from ..frame import ROW, Frame, X, Y
from ..many_layers.chain import schedule_tiles
from ..picture import Picture
from ..processor import Processor
from .patches import LANE, VECTOR, in_lanes, lanes, schedule_line
from .plain import shifts as nine_shifts
from .plain import sub_pixels

ROTATIONS = 4
WIDTH = 256
"""Low-resolution pixels across a tile."""
RADIUS = 1
"""How far the second pixel of a pair is at most."""


@dataclass(frozen=True)
class Pairs:
    """What the form needs to know of a program: `maps` is `(65536, 9, scale²)` int8, `pixels` `(4, 2, 2)`, y and x of
    the pair under each rotation."""

    maps: NDArray[np.int8]
    pixels: NDArray[np.int32]
    shuffle: ShiftAndSum
    rescale: Rescale

    @property
    def scale(self) -> int:
        """Of the shuffle."""
        return self.shuffle.scale

    @property
    def margin(self) -> int:
        """How far a pixel's patch reaches beyond it, in sub-pixels."""
        return self.shuffle.step if self.shuffle.maps == 9 else 0


@dataclass(frozen=True)
class Stages:
    """The look-ups between the stages of their frame."""

    frame: Frame
    gray: hl.Func
    places: list[hl.Func]
    columns: list[hl.Func]
    sums: list[hl.Func]
    high: hl.Func
    exact: hl.Func
    constants: Constants

    @property
    def output(self) -> hl.Func:
        """The last stage."""
        return self.frame.output


def match(program: Program) -> Pairs | None:
    """The program as a table of pairs under four rotations, if it is that."""
    ops, value = list(program.ops), 0
    if program.channels == 3:
        match ops:
            case [Luma(source=0), *between, AddChroma(source=last, picture=0)] if last == len(ops) - 1:
                ops, value = between, 1
            case _:
                return None
    match ops:
        case [
            Lookup(interval=1, interpolation="none", border="reflect", summed=False) as lookup,
            ShiftAndSum(rotations=4, border="reflect") as shuffle,
            Rescale() as rescale,
        ]:
            pass
        case _:
            return None
    if [op.operands() for op in ops] != [(value,), (value + 1,), (value + 2,)]:
        return None
    if lookup.table.dtype != np.int8 or len(lookup.table) != 1 or lookup.offsets.shape[1] != 2:
        return None
    if np.abs(lookup.offsets[..., 1:]).max() > RADIUS or shuffle.step > shuffle.scale:
        return None
    if rescale.multiplier >= 1 << 18 or rescale.shift > 16:  # 4,608 times it fits int32
        return None
    maps = np.zeros((lookup.table.shape[1], 9, shuffle.scale**2), np.int8)
    middle = slice(None) if shuffle.maps == 9 else slice(4, 5)
    maps[:, middle] = lookup.table[0].reshape(len(maps), shuffle.maps, -1)
    return Pairs(maps, lookup.offsets[..., 1:], shuffle, rescale)


def algorithm(net: Pairs, picture: Picture, source: hl.ImageParam, processor: Processor) -> Stages:
    """The stages for uint8 pictures; the output is `(W * channels * scale, H * scale)` as stored."""
    frame, constants = frames.begin(picture, source, net.scale, integer=True), Constants()
    width, height = picture.width(source), picture.height(source)
    s, wide = net.scale, lanes(net.scale)
    table = _rows(net)
    slices = table.shape[1]
    # rows are also read from their end, where the lanes that fill them up come from before their beginning
    rows = constants.buffer(np.concatenate([np.zeros(slices * wide, table.dtype), table.reshape(-1)]))
    unknown = constants.buffer(np.zeros(1, np.uint32))[hl.Expr(0)]  # see layers
    gray = hl.Func("levels")
    gray[X, Y] = frames.level(picture, source, mirrored(X, width), mirrored(Y, height))
    places = [hl.Func(f"places_{rotation}") for rotation in range(ROTATIONS)]
    for place, pixels in zip(places, net.pixels.tolist(), strict=True):
        first, second = (hl.u32(gray[X + x, Y + y]) for y, x in pixels)
        place[X, Y] = (first * 256 + second) * (slices * wide) + unknown

    def from_row(rotation: int, y: int, x: int, lane: hl.Expr) -> hl.Expr:
        place = hl.i32(places[rotation][X + x, Y + y]) + slices * wide + lane
        return hl.i16(rows[hl.unsafe_promise_clamped(place, 0, table.size + slices * wide - 1)])

    def from_both(turn: int, j: int, slice: int) -> hl.Expr:
        """What two rotations by 180° add, the second the other way round, from where block row j comes."""
        y, x = net.shuffle.rotate(1 - j, 0, turn)
        back = (2 - slice) * wide + 3 * s * s - 1 - LANE
        return from_row(turn, y, x, slice * wide + LANE) + from_row(turn + 2, y, x, back)

    columns, sums = ([hl.Func(f"{name}_{turn}") for turn in range(2)] for name in ("columns", "sums"))
    for turn in range(2):
        columns[turn][LANE, X, Y] = from_both(turn, 0, 0) + from_both(turn, 1, 1) + from_both(turn, 2, 2)
        steps = [net.shuffle.rotate(0, 1 - i, turn) for i in range(3)]
        blocks = [hl.Expr(columns[turn][i * s * s + LANE, X + x, Y + y]) for i, (y, x) in enumerate(steps)]
        sums[turn][LANE, X, Y] = blocks[0] + blocks[1] + blocks[2]
    high, exact = hl.Func("high"), hl.Func("exact")
    # where a patch is the maps side by side, its row has them; else they have rows of their own
    own = None if net.shuffle.step == s else constants.buffer(net.maps.reshape(-1))

    def of_map(place: hl.Expr, k: hl.Expr, sub_pixel: hl.Expr) -> hl.Expr:
        if own is None:
            place = place + (k // 3 + 3) * wide + k % 3 * (s * s) + sub_pixel
            return rows[hl.unsafe_promise_clamped(place, 0, rows.width() - 1)]
        place = (place // (slices * wide) * 9 + k) * (s * s) + sub_pixel
        return own[hl.unsafe_promise_clamped(place, 0, own.width() - 1)]

    define_exact(exact, net, places, constants, (width, height), of_map)
    column = X % s
    total = sums[0][ROW * s + column, X // s, Y] + sums[1][(s - 1 - column) * s + ROW, X // s, Y]
    inner = (X // s > 0) & (X // s < width - 1) & (Y > 0) & (Y < height - 1)
    high[X, ROW, Y] = hl.select(inner, total, hl.Expr(exact[ROW * s + column, X // s, Y]))

    def upscaled(x: hl.Expr, column: hl.Expr) -> hl.Expr:
        return hl.Expr(high[x * s + column, ROW, Y])

    frames.finish(frame, upscaled, element_of(net.rescale))
    return Stages(frame, gray, places, columns, sums, high, exact, constants)


def schedule(net: Pairs, stages: Stages, processor: Processor, tasks: hl.Expr) -> None:
    """Down a tile a row at a time, a pixel after the other; what lies beyond the picture is computed and not used."""
    frame, s = stages.frame, net.scale
    wide, x, column = lanes(s), hl.Var("x_low"), hl.Var("column")
    tile, row = schedule_tiles(frame, WIDTH, tasks)
    stages.gray.compute_at(tile).vectorize(X, 32)
    for place in stages.places:
        place.compute_at(row).store_at(tile).fold_storage(Y, 4).vectorize(X, processor.lanes)
    for columns, sums in zip(stages.columns, stages.sums, strict=True):
        columns.compute_at(row).store_at(tile).bound(LANE, 0, wide)
        columns.vectorize(LANE, VECTOR).unroll(LANE).reorder(LANE, X, Y)
        sums.compute_at(stages.high, x).bound(LANE, 0, s * s).vectorize(LANE)
    exact = stages.exact.compute_at(stages.high, x).bound(LANE, 0, s * s).vectorize(LANE)
    for index in range(ROTATIONS):
        exact.update(index).vectorize(LANE)
    high = stages.high.compute_at(row).bound(ROW, 0, s).split(X, x, column, s, hl.TailStrategy.RoundUp)
    high.reorder(column, ROW, x, Y).vectorize(column).unroll(ROW)
    schedule_line(frame, s, tile, row)


def define_exact(
    exact: hl.Func,
    net: Pairs,
    places: list[hl.Func],
    constants: Constants,
    size: tuple[hl.Expr, hl.Expr],
    value: Callable[[hl.Expr, hl.Expr, hl.Expr], hl.Expr],
) -> None:
    """Sums of each sub-pixel, `[lane, x, y]`, with maps reflected at the edge of a picture of `size`.

    `value` gives that of a map and a sub-pixel in the row at a place.
    """
    s, (width, height) = net.scale, size
    whole = replace(net.shuffle, maps=9)
    shifts, turned = (constants.buffer(array) for array in (nine_shifts(whole), sub_pixels(net.shuffle)))
    k = hl.RDom([(0, 9)]).x
    exact[LANE, X, Y] = hl.i16(0)
    for rotation in range(ROTATIONS):
        y = folded(Y * s + LANE // s - shifts[0, k, rotation], height * s)
        x = folded(X * s + LANE % s - shifts[1, k, rotation], width * s)
        near = hl.clamp(x // s, X - 1, X + 1), hl.clamp(y // s, Y - 1, Y + 1)
        exact[LANE, X, Y] += hl.i16(value(hl.i32(places[rotation][near]), k, turned[x % s, y % s, rotation]))


def _rows(net: Pairs) -> NDArray[np.int16] | NDArray[np.int8]:
    """`(65536, 3, lanes)`: the block rows of patches."""
    return in_lanes(_patches(net), net.scale)


def _patches(net: Pairs) -> NDArray[np.int16] | NDArray[np.int8]:
    """`(65536, 9 · scale²)`: all that a pixel's maps add to the 3×3 pixels around it, block by block."""
    s, step = net.scale, net.shuffle.step
    if step == s:
        return net.maps.reshape(len(net.maps), -1)
    patch = np.zeros((len(net.maps), 3 * s, 3 * s), np.int16)
    for k in range(9):
        y, x = s + (k // 3 - 1) * step, s + (k % 3 - 1) * step
        patch[:, y : y + s, x : x + s] += net.maps[:, k].reshape(-1, s, s)
    blocks = patch.reshape(-1, 3, s, 3, s).transpose(0, 1, 3, 2, 4).reshape(len(patch), -1)
    return blocks.astype(np.int8) if np.abs(blocks).max() <= 127 else blocks


def mirrored(place: hl.Expr, length: hl.Expr) -> hl.Expr:
    """A place near the picture, reflected at its ends without repeating them."""
    return hl.select(hl.likely((place >= 0) & (place < length)), place, folded(place, length))


def folded(place: hl.Expr, length: hl.Expr) -> hl.Expr:
    """The same for places up to twice the length away: there and back."""
    once = hl.i32(hl.abs(place))
    back = hl.i32(hl.abs(hl.select(once < length, once, 2 * (length - 1) - once)))
    return hl.clamp(back, 0, length - 1)


def element_of(rescale: Rescale) -> Callable[..., hl.Expr]:
    """What to store of a sum and, in color, its chroma."""
    half = 1 << FRACTION_BITS - 1

    def element(total: hl.Expr, chroma: hl.Expr | None = None) -> hl.Expr:
        value = hl.i32(total) * rescale.multiplier
        if rescale.shift:
            value = (value + (1 << rescale.shift - 1)) >> rescale.shift
        value = hl.clamp(value, max(rescale.minimum, -(1 << 20)), min(rescale.maximum, 1 << 20))
        if chroma is not None:
            value = value + hl.i32(chroma)
        return hl.u8_sat((value + half) >> FRACTION_BITS)

    return element


FORM = Form(match, algorithm, schedule)
