"""Chains of layers in float32.

Feature maps are planar, x innermost, vectors along x, weights scalars that are broadcast. The sums of a block, some
channels of some vectors, stay in registers while one loop runs over input channels and taps. With 12 channels of 2
vectors that is 24 multiply-adds for 14 loads, and the processor can do two of each in a cycle: the multiply-adds are
the limit.

Multiply-adds for each low-resolution pixel: eSR-CNN_C4_D3_S6 1,965, and 9 tanh and a softmax, which need the same
units; ESPCN_D16_S32 6,160, and 48 tanh; ECBSR_M4_C16 9,936; FSRCNN_D56_S12_M4 12,464, without the zeros in its last
kernels, which are left out. What share of a machine's peak that makes is in benchmarks/results/speed.md.

Tried and left: rows in pairs by the minimal filtering F(2, 3) [Winograd1980] [Lavin2016], which take a third fewer
multiply-adds for 3×3 kernels. Reading and adding the rows ate most of it: a tenth of the time of ECBSR and ESPCN
was saved (Xeon, Sapphire Rapids, 2026-11-21), for twice the time to build, and results that depend on which row is the
first.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import halide as hl
import numpy as np
from numpy.typing import NDArray

from ...program import Program
from .. import frame as frames
from ..activation import activate
from ..constants import Constants
from ..form import Form
from ..frame import ROW, SHIFT, C, Frame, X, Y
from ..picture import Picture
from ..processor import Processor
from . import chain, row_sums
from .chain import WIDEST, Layer, ManyLayers
from .register_block import RegisterBlock, block_of, blocks_of
from .row_sums import Group

TYPICAL = (1280, 1920, 3840)
"""Widths of pictures for which tiles are to come out even."""
OUTER, INNER, BLOCK = (hl.Var(name) for name in ("outer", "inner", "block"))
Value = Callable[[hl.Expr, int, hl.Expr], hl.Expr]


@dataclass(frozen=True)
class Sums:
    """`count` sums `[x, y, c]` of products: first in registers, then of some pixels."""

    count: int
    block: RegisterBlock
    taps: hl.RDom
    columns: int
    registers: hl.Func
    pixels: hl.Func


@dataclass(frozen=True)
class Stage:
    """A layer: its sums, and what they make for the layer that reads it. The last layer has no feature map;
    `by_rows` its sums are those of single rows of kernels."""

    layer: Layer
    sums: list[Sums]
    features: hl.Func | None = None
    reader: Layer | None = None
    by_rows: bool = False

    @property
    def vectors(self) -> int:
        """Vectors of pixels that are computed together, at most."""
        return max(sums.block.vectors for sums in self.sums)


@dataclass(frozen=True)
class Stages:
    """The layers between the stages of their frame."""

    frame: Frame
    first: hl.Func
    layers: list[Stage]
    constants: Constants
    lanes: int

    @property
    def output(self) -> hl.Func:
        """The last stage."""
        return self.frame.output


def match(program: Program) -> ManyLayers | None:
    """A float chain without quantized layers."""
    net = chain.match(program)
    return net if net is not None and all(layer.quantization is None for layer in net.layers) else None


def algorithm(net: ManyLayers, picture: Picture, source: hl.ImageParam, processor: Processor) -> Stages:
    """The stages; the output is `(W * channels * scale, H * scale)` as stored."""
    frame = frames.begin(picture, source, net.scale, integer=False)
    lanes, most = processor.lanes, 26 if processor.registers == 32 else 12
    stages = Stages(frame, hl.Func("features"), [], Constants(), lanes)
    gray = hl.Expr(frame.gray[X, Y])
    stages.first[X, Y, C] = gray if net.layers[0].repeats_edges else _padded(gray, net.layers[0], stages)
    below, blocks = stages.first, blocks_of(net, most)
    *inner, last = net.layers
    for layer, block, reader in zip(inner, blocks, net.layers[1:], strict=False):
        stages.layers.append(_stage(layer, block, below, reader, stages))
        below = stages.layers[-1].features
        assert below is not None
    groups = row_sums.match(last) if inner else None
    if groups is not None:
        value = _last_by_rows(last, groups, net.scale, most, below, stages)
    else:
        value = _last(last, net.scale, blocks[-1], below, stages)
    frames.finish(frame, chain.upscaled(net, frame, value), frames.float_element(picture))
    return stages


def _stage(layer: Layer, block: RegisterBlock, source: hl.Func, reader: Layer, stages: Stages) -> Stage:
    """A layer on its source; `reader` is the layer that reads its result."""
    sums, result = _whole(layer, block, source, stages), stages.constants.stage("features")
    value, op = hl.Expr(sums.pixels[X, Y, C]), layer.activation
    if reader.repeats_edges:
        value = _nearest_column(sums.pixels, reader.kernel // 2, stages.frame)
    if op is not None:
        value = activate(value, op.function, None if op.slope is None else stages.constants.buffer(op.slope)[C])
    result[X, Y, C] = value if reader.repeats_edges else _padded(value, reader, stages)
    return Stage(layer, [sums], result, reader)


def _last(layer: Layer, scale: int, block: RegisterBlock, source: hl.Func, stages: Stages) -> Value:
    """The last layer; returns its result as `chain.upscaled` wants it."""
    sums = _whole(layer, block, source, stages)
    stages.layers.append(Stage(layer, [sums]))
    return lambda x, c, column: hl.Expr(sums.pixels[x, Y, (c * scale + ROW) * scale + column])


def _last_by_rows(layer: Layer, groups: list[Group], scale: int, most: int, source: hl.Func, stages: Stages) -> Value:
    """The same by sums of single rows of kernels."""
    radius, op = layer.kernel // 2, layer.convolution
    sums, addends = list[Sums](), dict[int, list[tuple[hl.Func, int, int]]]()

    def read(x: hl.Expr, _: hl.Expr, z: hl.Expr) -> hl.Expr:
        return source[X + x - radius, Y, z]

    for group in groups:
        rows = np.stack([op.weight[output, :, row] for output, row in group.sums])[:, :, None]
        sums.append(_sums(rows, None, block_of(len(rows), most), group.columns, read, stages))
        for index, (output, tap) in enumerate(group.sums):
            addends.setdefault(output, []).append((sums[-1].pixels, index, tap))
    stages.layers.append(Stage(layer, sums, by_rows=True))

    def row(tap: int) -> hl.Expr:
        if layer.repeats_edges:
            return chain.nearest_row(tap, radius, stages.frame, stages.constants, ROW)
        return Y + tap - radius

    def total(x: hl.Expr, output: int) -> hl.Expr:
        parts = [hl.Expr(func[x, row(tap), index]) for func, index, tap in addends.get(output, [])]
        return sum(parts, hl.f32(0 if op.bias is None else float(op.bias[output])))

    def value(x: hl.Expr, c: int, column: hl.Expr) -> hl.Expr:
        rows = [[total(x, (c * scale + i) * scale + j) for j in range(scale)] for i in range(scale)]
        return hl.mux(ROW, [hl.mux(column, totals) for totals in rows])

    return value


def _whole(layer: Layer, block: RegisterBlock, source: hl.Func, stages: Stages) -> Sums:
    """The sums over all taps, bias and all."""
    radius = layer.kernel // 2
    bare = source is stages.first or not layer.repeats_edges

    def read(x: hl.Expr, y: hl.Expr, z: hl.Expr) -> hl.Expr:
        row = Y + y - radius if bare else chain.nearest_row(y, radius, stages.frame, stages.constants, y)
        return source[X + x - radius, row, z]

    op = layer.convolution
    return _sums(op.weight, op.bias, block, range(layer.kernel), read, stages)


def _sums(
    weight: NDArray[Any],
    bias: NDArray[Any] | None,
    block: RegisterBlock,
    columns: range,
    read: Callable[[hl.Expr, hl.Expr, hl.Expr], hl.Expr],
    stages: Stages,
) -> Sums:
    """Sums of what is `read` at a column, a row and an input, weights `(count, inputs, rows, columns)`, float32."""
    outputs, inputs, height, _ = weight.shape
    count = -(-outputs // block.channels) * block.channels
    spread, start = np.zeros((*weight.shape[1:], count), np.float32), np.zeros(count, np.float32)
    spread[..., :outputs] = np.moveaxis(weight, 0, -1)
    if bias is not None:
        start[:outputs] = bias
    weights, starts = stages.constants.buffer(spread), stages.constants.buffer(start)
    registers, pixels = stages.constants.stage("registers"), stages.constants.stage("sums")
    taps = hl.RDom([(columns.start, len(columns)), (0, height), (0, inputs)])
    registers[X, Y, C] = starts[C]
    registers[X, Y, C] += weights[C, taps.x, taps.y, taps.z] * read(taps.x, taps.y, taps.z)
    pixels[X, Y, C] = registers[X, Y, C]
    return Sums(count, block, taps, len(columns), registers, pixels)


def _padded(value: hl.Expr, reader: Layer, stages: Stages) -> hl.Expr:
    """A feature map that is zero outside the picture, or what the layer that reads it wants there."""
    if reader.kernel == 1:
        return value
    pad_value = reader.convolution.pad_value
    padding = hl.f32(0) if pad_value is None else stages.constants.buffer(pad_value)[C]
    return hl.select(stages.frame.inside, value, padding)


def _nearest_column(sums: hl.Func, radius: int, frame: Frame) -> hl.Expr:
    """The sums, repeated for `radius` columns beside the picture: vectors are loaded from elsewhere, not rearranged.

    `a ^ b == 0` says that a is b in a way that Halide draws no conclusions from.
    """
    value, width = hl.Expr(sums[X, Y, C]), frame.picture.width(frame.source)
    for d in range(1, radius + 1):
        right = hl.select(X ^ (width - 1 + d) == 0, sums[X - d, Y, C], value)
        value = hl.select(X ^ -d == 0, sums[X + d, Y, C], right)
    return value


def schedule(net: ManyLayers, stages: Stages, processor: Processor, tasks: hl.Expr) -> None:
    """Each layer a row at a time, a row in blocks of pixels, a block in blocks of channels.

    Lines of feature maps that are an even number of vectors apart cost up to 40 % more (Xeon, Sapphire Rapids).
    """
    frame, lanes = stages.frame, stages.lanes
    width = _width(net, stages, processor)
    extents = _extents(stages, width)
    tile, row = chain.schedule_tiles(frame, width, tasks)
    frames.schedule_line(frame, lanes)
    frame.line.compute_at(row).never_partition_all()
    if stages.layers[-1].by_rows:
        frame.line.unroll(frames.ROW)
    frames.schedule_chroma(frame, lanes)
    frame.gray.compute_at(row).store_at(tile)
    if frame.picture.channels == 3:
        frame.chroma.compute_at(row).store_at(tile)
        frame.rows.compute_at(row)
    stages.first.compute_at(row).store_at(tile).bound(C, 0, 1).vectorize(X, lanes)
    for index, stage in enumerate(stages.layers):
        for sums in stage.sums:
            _schedule_sums(sums, lanes)
            if stage.features is None:
                sums.pixels.compute_at(row)
            if stage.by_rows:
                _keep_lines(sums.pixels, extents[index], lanes).store_at(tile)
        if stage.features is None or stage.reader is None:
            continue
        (sums,) = stage.sums
        sums.pixels.compute_at(row if stage.reader.repeats_edges else hl.LoopLevel(stage.features, BLOCK))
        stage.features.split(X, BLOCK, X, stage.vectors * lanes, SHIFT).reorder(X, C, BLOCK, Y)
        stage.features.vectorize(X, lanes).unroll(X).never_partition_all()
        if stage.reader.kernel == 1:
            following = stages.layers[index + 1]
            in_rows = following.features is None or following.reader is None or following.reader.repeats_edges
            stage.features.compute_at(following.sums[0].pixels if in_rows else following.features, BLOCK)
        else:
            _keep_lines(stage.features, extents[index], lanes).compute_at(row).store_at(tile)


def _keep_lines(func: hl.Func, extent: int, lanes: int) -> hl.Func:
    """Lines of `extent` pixels, an odd number of vectors: channels would else compete for the same places in the
    cache."""
    extent = extent // lanes * lanes + lanes
    return func.bound_storage(X, extent if extent // lanes % 2 else extent + lanes).reorder_storage(X, C, Y)


def _schedule_sums(sums: Sums, lanes: int) -> None:
    block, pixels, registers, taps = sums.block, sums.pixels, sums.registers, sums.taps
    pixels.bound(C, 0, sums.count).split(C, OUTER, INNER, block.channels).split(
        X, BLOCK, X, block.vectors * lanes, SHIFT
    )
    pixels.reorder(X, INNER, OUTER, BLOCK, Y).vectorize(X, lanes).unroll(X).unroll(INNER).never_partition_all()
    registers.compute_at(pixels, OUTER).vectorize(X, lanes).unroll(X).unroll(C).never_partition_all()
    update = registers.update().reorder(X, C, taps.x, taps.y, taps.z)
    update.vectorize(X, lanes).unroll(X).unroll(C)
    if sums.columns == 3:
        update.unroll(taps.x)


def _width(net: ManyLayers, stages: Stages, processor: Processor) -> int:
    """Pixels across a tile: what the cache holds, and within that where the least of the blocks is wasted."""
    most = max(min(processor.room // (4 * sum(map(_lines, stages.layers))), WIDEST), 16 * net.reach(0), 64)

    def cost(width: int) -> float:
        parts = {part for whole in TYPICAL for part in (width, whole % width) if part}
        work = dict.fromkeys(parts, 0)
        for part in parts:
            for stage, extent in zip(stages.layers, _extents(stages, part), strict=True):
                block = stage.vectors * stages.lanes
                work[part] += -(-extent // block) * block * stage.layer.convolution.weight.size
        return sum((whole // width * work[width] + work.get(whole % width, 0)) / whole for whole in TYPICAL)

    return min(range(most // 2, most + 1), key=cost)


def _lines(stage: Stage) -> int:
    """Lines of feature maps that are kept for a layer."""
    layer = stage.layer
    if layer.kernel == 1:
        return 0
    if stage.by_rows:
        return layer.inputs * 2 + sum(sums.count for sums in stage.sums) * (layer.kernel + 1)
    return layer.inputs * (layer.kernel + 1)


def _extents(stages: Stages, width: int) -> list[int]:
    """How many pixels across each layer needs for a tile, blocks at the end of a line not counted."""
    extents, extent = list[int](), -(-width // stages.lanes) * stages.lanes
    for stage in reversed(stages.layers):
        if stage.reader is not None:
            extent += stage.reader.kernel // 2 * (4 if stage.reader.repeats_edges else 2)
        extent = max(extent, stage.vectors * stages.lanes)
        extents.insert(0, extent)
    return extents


FORM = Form(match, algorithm, schedule)
