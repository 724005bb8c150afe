"""Tables of pairs whose patches reach less than half a block into their neighbors: EC-LUT by pixel, SR-LUT-V.

The nine maps of a row overlap within it, so they are summed before: a row is a patch of `scale` + 2 · margin rows of
sub-pixels, each of `pitch` values. The table is kept twice, the second time turned by 90°, and a rotation by 180° is
the same row read from its other end: so the four rows of a pixel lie alike, and are added to one patch as they come.
A value of the result is then that of one patch, and at most one more along y and one along x. Largest sum: 4 · 9
entries of int8, 4,608.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import halide as hl
import numpy as np
from numpy.typing import NDArray

from ...program import FRACTION_BITS, Program
from .. import frame as frames
from ..color import bicubic_sum
from ..constants import Constants
from ..form import Form
from ..frame import ROW, C, Frame, X, Y
from ..many_layers.chain import schedule_tiles
from ..picture import Picture
from ..processor import Processor
from . import pairs
from .pairs import ROTATIONS, Pairs, element_of, folded, mirrored
from .patches import LANE, VECTOR, schedule_line
from .plain import shifts as nine_shifts
from .plain import sub_pixels

BLOCK = 16
"""Sub-pixels at the edge that are computed at a time."""
WIDTH = 256
"""Low-resolution pixels across a tile."""


@dataclass(frozen=True)
class Edge:
    """Where an update of the output goes along an edge, and what it reads, which is computed along `along`."""

    place: hl.RVar
    exact: hl.Func
    difference: hl.Func
    along: hl.Var


@dataclass(frozen=True)
class Stages:
    """The look-ups between the stages of their frame."""

    frame: Frame
    gray: hl.Func
    places: list[hl.Func]
    patch: hl.Func
    columns: list[hl.Func]
    high: hl.Func
    edges: list[Edge]
    constants: Constants

    @property
    def output(self) -> hl.Func:
        """The last stage."""
        return self.frame.output


def match(program: Program) -> Pairs | None:
    """The program as a table of pairs under four rotations, if it is that and its patches reach no farther."""
    found = pairs.match(program)
    return found if found is not None and 2 * found.margin <= found.scale else None


PLACE = hl.Var("place")


def algorithm(net: Pairs, picture: Picture, source: hl.ImageParam, processor: Processor) -> Stages:
    """The stages for uint8 pictures; the output is `(W * channels * scale, H * scale)` as stored."""
    frame, constants = frames.begin(picture, source, net.scale, integer=True), Constants()
    width, height = picture.width(source), picture.height(source)
    s, margin = net.scale, net.margin
    side, pitch, table = s + 2 * margin, _pitch(net), _rows(net)
    wide = table.shape[2]
    # rows are also read from their end, where the lanes that fill them up come from before their beginning
    rows = constants.buffer(np.concatenate([np.zeros(wide, table.dtype), table.reshape(-1)]))
    unknown = constants.buffer(np.zeros(1, np.uint32))[hl.Expr(0)]  # see layers
    gray = hl.Func("levels")
    gray[X, Y] = frames.level(picture, source, mirrored(X, width), mirrored(Y, height))
    places = [hl.Func(f"places_{rotation}") for rotation in range(ROTATIONS)]
    for rotation, (place, pixels) in enumerate(zip(places, net.pixels.tolist(), strict=True)):
        first, second = (hl.u32(gray[X + x, Y + y]) for y, x in pixels)
        copy = rotation % 2 * table.shape[1]
        place[X, Y] = (first * 256 + second + copy) * wide + unknown

    def from_row(rotation: int) -> hl.Expr:
        start = hl.i32(places[rotation][X, Y]) + wide
        place = start + (LANE if rotation < 2 else (side - 1) * (pitch + 1) - LANE)
        return hl.i16(rows[hl.unsafe_promise_clamped(place, 0, table.size + wide - 1)])

    patch = hl.Func("patch")
    patch[LANE, X, Y] = (from_row(0) + from_row(2)) + (from_row(1) + from_row(3))

    columns = [hl.Func(f"columns_{row}") for row in range(s)]
    for row, column in enumerate(columns):
        total = patch[(row + margin) * pitch + LANE, X, Y]
        if row < margin:
            total = total + patch[(row + margin + s) * pitch + LANE, X, Y - 1]
        if row >= s - margin:
            total = total + patch[(row + margin - s) * pitch + LANE, X, Y + 1]
        column[LANE, X, Y] = total

    def of_row(row: int, place: int) -> hl.Expr:
        total = hl.Expr(columns[row][place + margin, X, Y])
        if place < margin:
            total = total + columns[row][place + margin + s, X - 1, Y]
        if place >= s - margin:
            total = total + columns[row][place + margin - s, X + 1, Y]
        return total

    high = hl.Func("high")
    high[X, PLACE, ROW, Y] = hl.mux(
        ROW, [hl.mux(PLACE, [of_row(row, place) for place in range(s)]) for row in range(s)]
    )

    def upscaled(x: hl.Expr, column: hl.Expr) -> hl.Expr:
        return hl.Expr(high[x, column, ROW, Y])

    frames.finish(frame, upscaled, element_of(net.rescale))
    edges = _define_edges(net, frame, constants) if margin else []
    return Stages(frame, gray, places, patch, columns, high, edges, constants)


def schedule(net: Pairs, stages: Stages, processor: Processor, tasks: hl.Expr) -> None:
    """Down a tile a row at a time; patches are kept for the three rows that read them."""
    frame, s = stages.frame, net.scale
    x, block = hl.Var("x_low"), hl.Var("block")
    tile, row = schedule_tiles(frame, WIDTH, tasks)
    stages.gray.compute_at(tile).vectorize(X, 32)
    for func in stages.places:
        func.compute_at(row).store_at(tile).fold_storage(Y, 4).vectorize(X, processor.lanes)
    patch = stages.patch.compute_at(row).store_at(tile).fold_storage(Y, 4).bound(LANE, 0, _lanes(net))
    patch.vectorize(LANE, min(VECTOR, _lanes(net))).unroll(LANE).reorder(LANE, X, Y)
    for column in stages.columns:
        column.compute_at(row).bound(LANE, 0, _pitch(net)).bound_storage(LANE, _pitch(net)).vectorize(LANE, _pitch(net))
        column.reorder(LANE, X, Y)
    high = stages.high.compute_at(row).bound(ROW, 0, s).bound(PLACE, 0, s)
    high.reorder_storage(PLACE, X, ROW, Y)
    block = hl.Var("block")
    high.split(X, block, x, 16, hl.TailStrategy.RoundUp).reorder(PLACE, x, ROW, block, Y).unroll(PLACE).vectorize(
        x
    ).unroll(ROW)
    schedule_line(frame, s, tile, row)
    for index, edge in enumerate(stages.edges):
        edge_block, inner = hl.RVar("edge_block"), hl.RVar("inner")
        frame.output.update(index).split(edge.place, edge_block, inner, BLOCK, hl.TailStrategy.GuardWithIf)
        edge.exact.compute_at(frame.output, edge_block).vectorize(edge.along, BLOCK)
        for rotation in range(ROTATIONS):
            edge.exact.update(rotation).vectorize(edge.along, BLOCK)
        if frame.picture.channels > 1:
            edge.difference.compute_at(frame.output, edge_block)


def _define_edges(net: Pairs, frame: Frame, constants: Constants) -> list[Edge]:
    """The outermost sub-pixels, where maps are reflected, written once more when all others are there: value by value.

    Returns what the two updates of the output are made of, of rows and of columns.
    """
    s, margin, picture, source = net.scale, net.margin, frame.picture, frame.source
    channels, width, height = picture.channels, picture.width(source), picture.height(source)
    own = constants.buffer(net.maps.reshape(-1))
    whole = replace(net.shuffle, maps=9)
    shifts, turned = (constants.buffer(array) for array in (nine_shifts(whole), sub_pixels(net.shuffle)))
    made: list[Edge] = []
    for name, along, across in (("rows", width, height), ("columns", height, width)):
        edge = hl.RDom([(0, channels), (0, along * s), (0, margin), (0, 2)])
        channel, place, depth, side = edge.x, edge.y, edge.z, edge.w
        exact, difference = hl.Func(f"exact_{name}"), hl.Func(f"difference_{name}")
        k = hl.RDom([(0, 9)]).x
        exact[X, Y] = hl.i16(0)
        for rotation, pixels in enumerate(net.pixels.tolist()):
            y, x = folded(Y - shifts[0, k, rotation], height * s), folded(X - shifts[1, k, rotation], width * s)
            levels = [
                hl.i32(frames.level(picture, source, folded(x // s + right, width), folded(y // s + down, height)))
                for down, right in pixels
            ]
            row = ((levels[0] * 256 + levels[1]) * 9 + k) * (s * s) + turned[x % s, y % s, rotation]
            exact[X, Y] += hl.i16(own[hl.unsafe_promise_clamped(row, 0, own.width() - 1)])
        elements = [hl.i16(picture.element(source, X, Y, c)) for c in range(channels)]
        gray = hl.i16(frames.level(picture, source, X, Y))
        difference[X, Y, C] = (hl.mux(C, elements) - gray) << FRACTION_BITS
        # not a select, whose bounds are the whole picture
        outer = hl.clamp(depth + side * (across * s - 1 - 2 * depth), 0, across * s - 1)
        x, y = (place, outer) if name == "rows" else (outer, place)
        frame.output[x * channels + channel, y] = _stored(net, frame, exact, difference, (x, y, channel))
        made.append(Edge(place, exact, difference, X if name == "rows" else Y))
    return made


def _stored(
    net: Pairs, frame: Frame, exact: hl.Func, difference: hl.Func, place: tuple[hl.Expr, hl.Expr, hl.Expr]
) -> hl.Expr:
    """The element of a channel at a sub-pixel (x, y), of its sum and, in color, the chroma around."""
    (x, y, channel), s, element = place, net.scale, element_of(net.rescale)
    if frame.picture.channels == 1:
        return element(hl.Expr(exact[x, y]))

    def row(t: int) -> hl.Expr:
        return bicubic_sum(lambda u: hl.Expr(difference[x // s + t, y // s + u, channel]), y % s, s, True)

    return element(hl.Expr(exact[x, y]), bicubic_sum(row, x % s, s, True))


def _pitch(net: Pairs) -> int:
    """Values that a row of sub-pixels of a patch is filled up to: a power of two."""
    side = net.scale + 2 * net.margin
    return 1 << (side - 1).bit_length()


def _lanes(net: Pairs) -> int:
    """Values of a patch, filled up to a vector, or to whole ones."""
    values = (net.scale + 2 * net.margin) * _pitch(net)
    return -(-values // VECTOR) * VECTOR if values > VECTOR else 1 << (values - 1).bit_length()


def _rows(net: Pairs) -> NDArray[np.int16]:
    """`(2, 65536, lanes)`: patches as they are, and turned back by 90°."""
    s, step, pitch = net.scale, net.margin, _pitch(net)
    side = s + 2 * step
    patch = np.zeros((len(net.maps), side, side), np.int16)
    for k in range(9) if step else (4,):
        y, x = (step * part for part in divmod(k, 3))
        patch[:, y : y + s, x : x + s] += net.maps[:, k].reshape(-1, s, s)
    both = np.stack([patch, np.rot90(patch, -1, axes=(1, 2))])
    rows = np.zeros((2, len(patch), _lanes(net)), np.int16)
    filled = np.pad(both, [(0, 0)] * 3 + [(0, pitch - side)]).reshape(2, len(patch), -1)
    rows[:, :, : filled.shape[2]] = filled
    return rows


FORM = Form(match, algorithm, schedule)
