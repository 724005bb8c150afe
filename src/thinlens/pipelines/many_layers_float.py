"""Chains of layers in float32.

Maps are planar, x innermost, vectors along x, weights scalars that are broadcast. The sums of a block, some channels of
some vectors, stay in registers while one loop runs over input channels and taps. With 12 channels of 2 vectors that is
24 multiply-adds for 14 loads, and the processor can do two of each in a cycle: the multiply-adds are the limit.

Multiply-adds for each low pixel, and the least time of 1920×1080 ×2 at the 180 GMAC/s that 2 threads of a Xeon
(Sapphire Rapids, 2 cores) were measured to do: eSR-CNN_C4_D3_S6 1,965, 23 ms, and 9 tanh and a softmax, which need
the same units; ESPCN_D16_S32 6,160, 71 ms, and 48 tanh, 10 ms; ECBSR_M4_C16 9,936, 114 ms; FSRCNN_D56_S12_M4 12,464,
144 ms, without the zeros in its last kernels, which are left out. The pictures are 10 MB: 1 ms.

Tried and left: rows in pairs by the minimal filtering F(2, 3) [Winograd1980] [Lavin2016], which take a third fewer
multiply-adds for 3×3 kernels. Reading and adding the rows ate most of it: ECBSR 125 to 113 ms, ESPCN 86 to 79, the
others the same, for twice the time to build, and results that depend on which row is the first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import halide as hl
import numpy as np
from numpy.typing import NDArray

from . import frame as frames
from . import many_layers
from .activation import activate
from .frame import ROW, SHIFT, C, Frame, X, Y
from .many_layers import CACHE, WIDEST, Layer, ManyLayers
from .parts import parts_of
from .picture import Picture

TYPICAL = (1280, 1920, 3840)
"""Widths of pictures for which tiles are to come out even."""
OUTER, INNER, BLOCK, LANE = (hl.Var(name) for name in ("outer", "inner", "block", "lane"))


@dataclass(frozen=True)
class Shape:
    """What of a layer is computed in registers: `channels` outputs of `vectors` vectors of pixels."""

    channels: int
    vectors: int


@dataclass(frozen=True)
class Stage:
    """A layer: sums in registers, sums of some pixels, and the map for the layer that reads it (the last: none)."""

    layer: Layer
    shape: Shape
    passes: list[hl.RDom]
    registers: hl.Func
    sums: hl.Func
    map: hl.Func | None
    reader: Layer | None


@dataclass(frozen=True)
class Stages:
    """The layers between the stages of their frame; `arrays` keeps the weights alive."""

    frame: Frame
    first: hl.Func
    layers: list[Stage]
    arrays: list[NDArray[Any]]
    lanes: int

    @property
    def output(self) -> hl.Func:
        """The last stage."""
        return self.frame.output

    def buffer(self, array: NDArray[Any]) -> hl.Buffer:
        """An array as a Halide buffer, which keeps no reference of its own."""
        self.arrays.append(np.array(array, order="C"))
        return hl.Buffer(self.arrays[-1])


def algorithm(net: ManyLayers, picture: Picture, source: hl.ImageParam) -> Stages:
    """The stages; the output is `(W * channels * scale, H * scale)` as stored."""
    frame = frames.begin(picture, source, net.scale, integer=False)
    lanes, registers = _machine()
    stages = Stages(frame, hl.Func("map"), [], [], lanes)
    gray = hl.Expr(frame.gray[X, Y])
    stages.first[X, Y, C] = gray if net.layers[0].repeats_edges else _outside(gray, net.layers[0], stages)
    below, shapes = stages.first, _shapes(net, registers)
    for layer, shape, reader in zip(net.layers, shapes, (*net.layers[1:], None), strict=True):
        stage = _stage(layer, shape, below, reader, stages)
        stages.layers.append(stage)
        below = stage.map or stage.sums

    def last(x: hl.Expr, c: int, column: hl.Expr) -> hl.Expr:
        return hl.Expr(below[x, Y, (c * net.scale + ROW) * net.scale + column])

    frames.finish(frame, many_layers.high(net, frame, last), frames.float_element(picture))
    return stages


def _stage(layer: Layer, shape: Shape, source: hl.Func, reader: Layer | None, stages: Stages) -> Stage:
    """A layer on its source; `reader` is the layer that reads its result."""
    weight, bias = _weights(layer, shape.channels)
    weights, biases = stages.buffer(weight), stages.buffer(bias)
    registers, sums, result = hl.Func("registers"), hl.Func("sums"), None
    radius = layer.kernel // 2
    edges = layer.repeats_edges and source is not stages.first
    registers[X, Y, C] = biases[C]
    passes: list[hl.RDom] = []
    for part in parts_of(layer, shape.channels):
        columns, rows = part.columns, part.rows
        maps = [] if part.whole else [(0, len(part.right)), (0, len(part.down))]
        taps = hl.RDom([(columns.start, len(columns)), (rows.start, len(rows)), (0, layer.inputs), *maps])
        row = many_layers.nearest_row(taps.y, radius, stages.frame, stages.buffer) if edges else Y + taps.y - radius
        c = C if part.whole else (taps[4] + part.down.start) * part.side + taps[3] + part.right.start
        registers[X, Y, c] += weights[c, taps.x, taps.y, taps.z] * source[X + taps.x - radius, row, taps.z]
        passes.append(taps)
    sums[X, Y, C] = registers[X, Y, C]
    if reader is not None:
        value, op = hl.Expr(sums[X, Y, C]), layer.activation
        if reader.repeats_edges:
            value = _nearest_column(sums, reader.kernel // 2, stages.frame)
        if op is not None:
            value = activate(value, op.function, None if op.slope is None else stages.buffer(op.slope)[C])
        result = hl.Func("map")
        result[X, Y, C] = value if reader.repeats_edges else _outside(value, reader, stages)
    return Stage(layer, shape, passes, registers, sums, result, reader)


def _outside(value: hl.Expr, reader: Layer, stages: Stages) -> hl.Expr:
    """A map that is zero outside the picture, or what the layer that reads it wants there."""
    if reader.kernel == 1:
        return value
    outside = reader.convolution.outside
    return hl.select(stages.frame.inside, value, hl.f32(0) if outside is None else stages.buffer(outside)[C])


def _nearest_column(sums: hl.Func, radius: int, frame: Frame) -> hl.Expr:
    """The sums, repeated for `radius` columns beside the picture: vectors are loaded from elsewhere, not rearranged.

    `a ^ b == 0` says that a is b in a way that Halide draws no conclusions from.
    """
    value, width = hl.Expr(sums[X, Y, C]), frame.picture.width(frame.source)
    for d in range(1, radius + 1):
        right = hl.select(X ^ (width - 1 + d) == 0, sums[X - d, Y, C], value)
        value = hl.select(X ^ -d == 0, sums[X + d, Y, C], right)
    return value


# 1920×1080 → 3840×2160, luma uint8, 2 threads of a Xeon (Sapphire Rapids, 2 cores), zeros outside or edges repeated:
# eSR-CNN_s2_C4_D3_S6 30 and 32 ms, ESPCN_s2_D16_S32 81 and 88, ECBSR_s2_M4_C16 118 and 136, FSRCNN_s2_D56_S12_M4
# 189 and 217. Lines of maps that are an even number of vectors apart cost up to 40 % more.
def schedule(net: ManyLayers, stages: Stages, tasks: hl.Expr) -> None:
    """Each layer a row at a time, a row in blocks of pixels, a block in blocks of channels."""
    frame, lanes = stages.frame, stages.lanes
    width = _width(net, stages)
    extents = _extents(stages, width)
    tile, row = many_layers.schedule_tiles(frame, net, width, tasks)
    frames.schedule_line(frame, lanes)
    frame.line.compute_at(row).never_partition_all()
    frames.schedule_chroma(frame, lanes)
    frame.gray.compute_at(row).store_at(tile)
    if frame.picture.channels == 3:
        frame.chroma.compute_at(row).store_at(tile)
        frame.rows.compute_at(row)
    stages.first.compute_at(row).store_at(tile).bound(C, 0, 1).vectorize(X, lanes)
    for index, stage in enumerate(stages.layers):
        _schedule_sums(stage, lanes)
        if stage.map is None or stage.reader is None:
            stage.sums.compute_at(row)
            continue
        stage.sums.compute_at(row if stage.reader.repeats_edges else hl.LoopLevel(stage.map, BLOCK))
        stage.map.split(X, BLOCK, X, stage.shape.vectors * lanes, SHIFT).reorder(X, C, BLOCK, Y)
        stage.map.vectorize(X, lanes).unroll(X).never_partition_all()
        if stage.reader.kernel == 1:
            next_stage = stages.layers[index + 1]
            in_rows = next_stage.map is None or next_stage.reader is None or next_stage.reader.repeats_edges
            stage.map.compute_at(next_stage.sums if in_rows else next_stage.map, BLOCK)
        else:
            # An odd number of vectors: channels would else compete for the same places in the cache.
            extent = extents[index] // lanes * lanes + lanes
            stage.map.bound_storage(X, extent if extent // lanes % 2 else extent + lanes).reorder_storage(X, C, Y)
            stage.map.compute_at(row).store_at(tile)


def _schedule_sums(stage: Stage, lanes: int) -> None:
    shape, sums, registers = stage.shape, stage.sums, stage.registers
    count = -(-stage.layer.outputs // shape.channels) * shape.channels
    sums.bound(C, 0, count).split(C, OUTER, INNER, shape.channels).split(X, BLOCK, X, shape.vectors * lanes, SHIFT)
    sums.reorder(X, INNER, OUTER, BLOCK, Y).vectorize(X, lanes).unroll(X).unroll(INNER).never_partition_all()
    registers.compute_at(sums, OUTER).vectorize(X, lanes).unroll(X).unroll(C).never_partition_all()
    for index, taps in enumerate(stage.passes):
        maps = (C,) if len(stage.passes) == 1 else (taps[3], taps[4])
        update = registers.update(index).reorder(X, *maps, taps.x, taps.y, taps.z)
        update.vectorize(X, lanes).unroll(X)
        for variable in maps:
            update.unroll(variable)
        if stage.layer.kernel == 3:
            update.unroll(taps.x)


def _machine() -> tuple[int, int]:
    """Floats in a vector and vector registers of the processor that pipelines are made for."""
    target = hl.get_jit_target_from_environment()
    lanes = target.natural_vector_size(hl.Float(32))
    return lanes, 32 if lanes == 16 or target.arch == hl.TargetArch.ARM else 16


def _shapes(net: ManyLayers, registers: int) -> list[Shape]:
    """The shape of each layer; where the next layer has 1×1 kernels, its blocks are made of whole blocks of this."""
    shapes: list[Shape] = []
    for layer, following in zip(reversed(net.layers), (None, *reversed(net.layers[1:])), strict=True):
        multiple = shapes[-1].vectors if following is not None and following.kernel == 1 else 0
        most = registers - 6 if registers == 32 else registers - 4
        least = layer.outputs if len(parts_of(layer, most)) > 1 else 1
        shapes.append(_shape(layer.outputs, most, multiple, least))
    return shapes[::-1]


def _shape(outputs: int, most: int, multiple: int, least: int) -> Shape:
    """The shape of `least` channels or more, of at most `most` sums, that takes the fewest cycles for each vector;
    `multiple`, unless 0, must hold whole numbers of it.

    A pass over one tap takes two multiply-adds or two loads in a cycle (vectors of pixels count twice, because they
    cross cache lines), five instructions of any kind, and at least the four cycles that a sum takes.
    """

    def cost(shape: Shape) -> float:
        products, loads = shape.channels * shape.vectors, shape.channels + 2 * shape.vectors
        instructions = products + shape.channels + shape.vectors + 6
        cycles = max(products / 2, loads / 2, instructions / 5, 4) + 0.7
        return -(-outputs // shape.channels) * cycles / shape.vectors + 0.01 * shape.vectors

    choices = [Shape(c, v) for v in range(1, 9) for c in range(least, min(outputs, most // v) + 1)]
    return min((shape for shape in choices if multiple % shape.vectors == 0), key=cost)


def _width(net: ManyLayers, stages: Stages) -> int:
    """Low pixels across a tile: what the cache holds, and within that where the least of the blocks is wasted."""
    lines = [layer.inputs * (layer.kernel + 1) for layer in net.layers if layer.kernel > 1]
    most = max(min(CACHE // (4 * sum(lines)), WIDEST), 16 * net.reach(0), 64)

    def cost(width: int) -> float:
        parts = {part for whole in TYPICAL for part in (width, whole % width) if part}
        work = dict.fromkeys(parts, 0)
        for part in parts:
            for stage, extent in zip(stages.layers, _extents(stages, part), strict=True):
                block = stage.shape.vectors * stages.lanes
                work[part] += -(-extent // block) * block * stage.layer.convolution.weight.size
        return sum((whole // width * work[width] + work.get(whole % width, 0)) / whole for whole in TYPICAL)

    return min(range(most // 2, most + 1), key=cost)


def _extents(stages: Stages, width: int) -> list[int]:
    """How many pixels across each layer needs for a tile, blocks at the end of a line not counted."""
    extents, extent = list[int](), -(-width // stages.lanes) * stages.lanes
    for stage in reversed(stages.layers):
        if stage.reader is not None:
            extent += stage.reader.kernel // 2 * (4 if stage.reader.repeats_edges else 2)
        extent = max(extent, stage.shape.vectors * stages.lanes)
        extents.insert(0, extent)
    return extents


def _weights(layer: Layer, multiple: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Weights as `[output, x, y, input]` and bias for Halide, zeros for what is missing to a multiple of outputs."""
    op = layer.convolution
    count = -(-layer.outputs // multiple) * multiple
    weight = np.zeros((layer.inputs, layer.kernel, layer.kernel, count), np.float32)
    weight[..., : layer.outputs] = op.weight.transpose(1, 2, 3, 0)
    bias = np.zeros(count, np.float32)
    if op.bias is not None:
        bias[: layer.outputs] = op.bias
    return weight, bias
