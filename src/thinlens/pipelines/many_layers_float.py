"""Chains of layers in float32.

Maps are planar, x innermost, vectors along x, weights scalars that are broadcast. The sums of a block, some channels of
some vectors, stay in registers while one loop runs over input channels and taps. With 12 channels of 2 vectors that is
24 multiply-adds for 14 loads, and the processor can do two of each in a cycle: the multiply-adds are the limit.

Multiply-adds for each low pixel and the least time of 1920×1080 ×2 at the 177 GMAC/s that 2 threads of a Xeon (Sapphire
Rapids) were measured to do, with the 4 operations of 16 values a cycle that they have for everything else:
eSR-CNN_C4_D3_S6 1,965, 23 ms; ECBSR_M4_C16 9,936, 116 ms; ESPCN_D16_S32 6,160, 72 ms, and 48 tanh 11 ms;
FSRCNN_D56_S12_M4 12,464, 146 ms. The pictures are 10 MB: 1 ms.
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
from .frame import SHIFT, C, Frame, X, Y
from .many_layers import CACHE, WIDEST, Layer, ManyLayers
from .picture import Picture

OUTER, INNER, BLOCK, LANE = (hl.Var(name) for name in ("outer", "inner", "block", "lane"))


@dataclass(frozen=True)
class Shape:
    """What of a layer is computed in registers: `channels` outputs of `vectors` vectors of pixels."""

    channels: int
    vectors: int


@dataclass(frozen=True)
class Stage:
    """A layer: sums in registers, sums of a block of pixels, and the map that the next layer reads (the last: none).

    `edge` says that the map repeats its edges.
    """

    layer: Layer
    shape: Shape
    taps: hl.RDom
    registers: hl.Func
    sums: hl.Func
    map: hl.Func | None
    edge: bool


@dataclass(frozen=True)
class Stages:
    """The layers between the stages of their frame; `arrays` keeps the weights alive."""

    frame: Frame
    first: hl.Func
    stages: list[Stage]
    arrays: list[NDArray[Any]]
    lanes: int

    @property
    def output(self) -> hl.Func:
        """The last stage."""
        return self.frame.output


def algorithm(net: ManyLayers, picture: Picture, source: hl.ImageParam) -> Stages:
    """The stages; the output is `(W * channels * scale, H * scale)` as stored."""
    frame = frames.begin(picture, source, net.scale, integer=False)
    lanes, registers = _machine()
    shapes = _shapes(net, registers)
    first, arrays, stages = hl.Func("map"), list[NDArray[Any]](), list[Stage]()
    first[X, Y, C] = _extended(frame, net.layers[0], lambda x, y: hl.Expr(frame.gray[x, y]), arrays)
    below = first
    for layer, shape, following in zip(net.layers, shapes, (*net.layers[1:], None), strict=True):
        stage = _stage(frame, layer, shape, below, following, arrays)
        stages.append(stage)
        below = stage.map or stage.sums
    frames.finish(frame, many_layers.high(net, frame, below), frames.float_element(picture))
    return Stages(frame, first, stages, arrays, lanes)


def _stage(
    frame: Frame, layer: Layer, shape: Shape, source: hl.Func, following: Layer | None, arrays: list[NDArray[Any]]
) -> Stage:
    weight, bias = _weights(layer, shape.channels)
    weights, biases = _buffer(weight, arrays), _buffer(bias, arrays)
    registers, sums, result = hl.Func("registers"), hl.Func("sums"), None
    taps = hl.RDom([(0, layer.kernel), (0, layer.kernel), (0, layer.inputs)])
    radius = layer.kernel // 2
    registers[X, Y, C] = biases[C]
    registers[X, Y, C] += weights[C, taps.x, taps.y, taps.z] * source[X + taps.x - radius, Y + taps.y - radius, taps.z]
    sums[X, Y, C] = registers[X, Y, C]
    if following is not None:
        result = hl.Func("map")
        op = layer.activation
        slope = None if op is None or op.slope is None else _buffer(op.slope, arrays)[C]

        def value(x: hl.Expr, y: hl.Expr) -> hl.Expr:
            total = hl.Expr(sums[x, y, C])
            return total if op is None else activate(total, op.function, slope)

        result[X, Y, C] = _extended(frame, following, value, arrays)
    edge = following is not None and following.kernel > 1 and following.convolution.padding == "edge"
    return Stage(layer, shape, taps, registers, sums, result, edge)


def _extended(frame: Frame, reader: Layer, value: Any, arrays: list[NDArray[Any]]) -> hl.Expr:
    """A map inside the picture, and outside of it as the layer wants it that reads it."""
    op = reader.convolution
    if reader.kernel == 1:
        return value(X, Y)
    if op.padding == "edge":
        width, height = frame.picture.width(frame.source), frame.picture.height(frame.source)
        return value(hl.clamp(X, 0, width - 1), hl.clamp(Y, 0, height - 1))
    outside = hl.f32(0) if op.outside is None else _buffer(op.outside, arrays)[C]
    return hl.select(frame.inside, value(X, Y), outside)


def schedule(net: ManyLayers, stages: Stages, tasks: hl.Expr) -> None:
    """Each layer a row at a time, a row in blocks of pixels, a block in blocks of channels."""
    frame, lanes = stages.frame, stages.lanes
    tile, row = many_layers.schedule_tiles(frame, net, _width(net, stages), tasks)
    frames.schedule_line(frame, lanes)
    frame.line.compute_at(row).never_partition_all()
    frames.schedule_chroma(frame, lanes)
    frame.gray.compute_at(row).store_at(tile)
    if frame.picture.channels == 3:
        frame.chroma.compute_at(row).store_at(tile)
        frame.rows.compute_at(row)
    stages.first.compute_at(row).store_at(tile).bound(C, 0, 1).vectorize(X, lanes)
    blocks = [hl.LoopLevel(stage.map or stage.sums, BLOCK) for stage in stages.stages]
    for index, stage in enumerate(stages.stages):
        width = stage.shape.vectors * lanes
        if stage.map is None:
            stage.sums.compute_at(row)
        else:
            stage.map.split(X, BLOCK, X, width, SHIFT).reorder(X, C, BLOCK, Y).vectorize(X, lanes).unroll(X)
            if net.layers[index + 1].kernel == 1:
                stage.map.compute_at(blocks[index + 1])
            else:
                stage.map.compute_at(row).store_at(tile)
            if not stage.edge:
                stage.map.never_partition_all()
            stage.sums.compute_at(blocks[index])
        _schedule_sums(stage, lanes)


def _schedule_sums(stage: Stage, lanes: int) -> None:
    shape, sums, registers, taps = stage.shape, stage.sums, stage.registers, stage.taps
    count = -(-stage.layer.outputs // shape.channels) * shape.channels
    sums.bound(C, 0, count).split(C, OUTER, INNER, shape.channels).split(X, BLOCK, X, shape.vectors * lanes, SHIFT)
    sums.reorder(X, INNER, OUTER, BLOCK, Y).vectorize(X, lanes).unroll(X).unroll(INNER).never_partition_all()
    registers.compute_at(sums, OUTER).vectorize(X, lanes).unroll(X).unroll(C).never_partition_all()
    update = registers.update().reorder(X, C, taps.x, taps.y, taps.z)
    update.vectorize(X, lanes).unroll(X).unroll(C)


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
        shapes.append(_shape(layer.outputs, registers, multiple))
    return shapes[::-1]


def _shape(outputs: int, registers: int, multiple: int) -> Shape:
    """The shape that takes the fewest cycles for each vector; `multiple`, unless 0, must hold whole numbers of it.

    A pass over one tap takes two multiply-adds or two loads in a cycle (vectors of pixels count twice, because they
    cross cache lines), five instructions of any kind, and at least the four cycles that a sum takes.
    """

    def cost(shape: Shape) -> float:
        products, loads = shape.channels * shape.vectors, shape.channels + 2 * shape.vectors
        instructions = products + shape.channels + shape.vectors + 6
        cycles = max(products / 2, loads / 2, instructions / 5, 4) + 0.7
        return -(-outputs // shape.channels) * cycles / shape.vectors

    most = registers - 6 if registers == 32 else registers - 4
    choices = [Shape(c, v) for v in range(1, 9) for c in range(1, min(outputs, most // v) + 1)]
    return min((shape for shape in choices if multiple % shape.vectors == 0), key=cost)


def _width(net: ManyLayers, stages: Stages) -> int:
    """Low pixels across a tile: what the cache holds, and within that where the least of the blocks is wasted."""
    lines = [layer.inputs * (layer.kernel + 1) for layer in net.layers if layer.kernel > 1]
    most = max(min(CACHE // (4 * sum(lines)), WIDEST), 8 * net.reach(0), 64)

    def cost(width: int) -> float:
        total = 0.0
        for index, (layer, stage) in enumerate(zip(net.layers, stages.stages, strict=True), start=1):
            block = stage.shape.vectors * stages.lanes
            total += -(-(width + 2 * net.reach(index)) // block) * block * layer.convolution.weight.size
        return total / width

    return min(range(most // 2, most + 1), key=cost)


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


def _buffer(array: NDArray[Any], arrays: list[NDArray[Any]]) -> hl.Buffer:
    """An array as a Halide buffer, which keeps no reference of its own."""
    arrays.append(np.array(array, order="C"))
    return hl.Buffer(arrays[-1])
