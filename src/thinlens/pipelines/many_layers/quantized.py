"""Chains of layers in int8: quantized feature maps times int8 weights, four products at a time.

Processors have an instruction for the sum of four such products (x86 vpdpbusd), so feature maps hold the bytes of four
channels side by side: `[byte, x, y, group]`. Only the first layer, which sees the picture, computes in float32: it has
few products, and the luma of RGB has more than 256 values. Sums of some channels of some vectors of pixels stay in
registers; from there a sum goes through scale, bias and activation in float32 to the byte that the next layer reads,
which takes 7 to 20 operations for each 16 bytes written. benchmarks/results/speed.md has what was measured.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import halide as hl
import numpy as np
from numpy.typing import NDArray

from ...program import FakeQuantize, Program
from .. import frame as frames
from ..activation import activate
from ..constants import Constants
from ..form import Form
from ..frame import SHIFT, C, Frame, X, Y
from ..picture import Picture
from . import chain
from .chain import Layer, ManyLayers

BYTE, GROUP, BLOCK, OUTER, INNER, VECTOR = (
    hl.Var(name) for name in ("byte", "group", "block", "outer", "inner", "vector")
)
WIDTH = 640
"""Low-resolution pixels across a tile, so that its feature maps fit the second-level cache."""
TANH_RANGE = 5.0
"""Beyond it, tanh is within 9.1e-5 of ±1."""
TANH_UPPER = (0.00066223079, 0.10200628, 0.99983699)
TANH_LOWER = (0.0127184, 0.43484696, 1.0)
"""tanh(v) = v · upper(v²) / lower(v²) for |v| ≤ TANH_RANGE, highest powers first; the largest error is 5.4e-5."""


@dataclass(frozen=True)
class Stage:
    """A layer: its sums, int32 but in the first, and its quantized values for the layer that reads it (the last: none).

    `edged` is the result with edges repeated, if that layer wants them.
    """

    layer: Layer
    taps: hl.RDom
    sums: hl.Func
    quantized: hl.Func | None
    edged: hl.Func | None


@dataclass(frozen=True)
class Stages:
    """The layers between the stages of their frame.

    `picture[x, y]` is what the first layer sees. `offset[byte, x]` is how far the nearest column of the picture
    is from x, int8: a map, because to compare 64 bytes is one instruction, but to compare 64 columns is many.
    """

    frame: Frame
    picture: hl.Func
    offset: hl.Func
    layers: list[Stage]
    constants: Constants

    @property
    def output(self) -> hl.Func:
        """The last stage."""
        return self.frame.output


def match(program: Program) -> ManyLayers | None:
    """A chain whose first layer has float weights, and all others, one at least, int8 weights."""
    net = chain.match(program)
    if net is None or len(net.layers) < 2:
        return None
    first, *others = net.layers
    quantized = first.quantization is None and all(layer.convolution.weight.dtype == np.int8 for layer in others)
    return net if quantized and all(layer.convolution.pad_value is None for layer in net.layers) else None


def algorithm(net: ManyLayers, picture: Picture, source: hl.ImageParam, target: hl.Target) -> Stages:
    """The stages; the output is `(W * channels * scale, H * scale)` as stored."""
    frame = frames.begin(picture, source, net.scale, integer=False)
    stages = Stages(frame, hl.Func("picture"), hl.Func("offset"), [], Constants())
    stages.offset[BYTE, X] = hl.i8(hl.clamp(hl.clamp(X, 0, picture.width(source) - 1) - X, -128, 127))
    gray = hl.Expr(frame.gray[X, Y])
    bare = net.layers[0].kernel == 1 or net.layers[0].repeats_edges
    stages.picture[X, Y] = gray if bare else hl.select(frame.inside, gray, hl.f32(0))
    below = None
    for layer, reader in zip(net.layers[:-1], net.layers[1:], strict=True):
        stage = _first(layer, stages) if below is None else _stage(layer, _spread(layer), below, stages)
        value = _requantized(layer, _quantization(reader), stage.sums, stages)
        quantized = hl.Func("quantized")
        channel = GROUP * 4 + BYTE
        used = hl.select(channel < layer.outputs, value(channel), hl.u8(0)) if layer.outputs % 4 else value(channel)
        quantized[BYTE, X, Y, GROUP] = _padded(used, reader, stages)
        edged = _edged(quantized, reader.kernel // 2, stages) if reader.repeats_edges else None
        stages.layers.append(Stage(layer, stage.taps, stage.sums, quantized, edged))
        below = edged or quantized
    last = net.layers[-1]
    assert below is not None
    stage = _stage(last, _spread(last, _order(last, net.scale)), below, stages)
    stages.layers.append(stage)
    values = _values(last, net.scale, stage.sums, stages)
    frames.finish(frame, chain.upscaled(net, frame, values, coarse=True), frames.float_element(picture))
    return stages


def _quantization(layer: Layer) -> FakeQuantize:
    assert layer.quantization is not None
    return layer.quantization


def _zero_points(layer: Layer) -> NDArray[np.uint8]:
    """The zero point of each channel that a layer reads, in whole groups."""
    zero_points = np.zeros(_in_groups(layer.inputs), np.uint8)
    zero_points[: layer.inputs] = _quantization(layer).zero_point
    return zero_points


def _padded(value: hl.Expr, reader: Layer, stages: Stages) -> hl.Expr:
    """The quantized value, outside the picture the zero point where the layer that reads it wants zeros there."""
    if reader.kernel == 1 or reader.repeats_edges:
        return value
    zero_points = stages.constants.buffer(_zero_points(reader))
    return hl.select(stages.frame.inside, value, hl.u8(zero_points[GROUP * 4 + BYTE]))


def _edged(quantized: hl.Func, radius: int, stages: Stages) -> hl.Func:
    """The quantized values with edge columns repeated for `radius` pixels: a column beside the picture comes from a
    shifted vector. To repeat the rows is up to the layer that reads them."""
    edged, value = hl.Func("edged"), hl.Expr(quantized[BYTE, X, Y, GROUP])
    for d in range(1, radius + 1):
        for offset in (d, -d):
            value = hl.select(stages.offset[BYTE, X] == hl.i8(offset), quantized[BYTE, X + offset, Y, GROUP], value)
    edged[BYTE, X, Y, GROUP] = value
    return edged


def _first(layer: Layer, stages: Stages) -> Stage:
    """The sums of the first layer, `[x, y, c]` float32."""
    op, radius = layer.convolution, layer.kernel // 2
    weight = np.zeros((layer.kernel, layer.kernel, _in_groups(layer.outputs)), np.float32)
    weight[..., : layer.outputs] = op.weight[:, 0].transpose(1, 2, 0)
    weights, sums = stages.constants.buffer(weight), hl.Func("sums")
    taps = hl.RDom([(0, layer.kernel), (0, layer.kernel)])
    sums[X, Y, C] = hl.f32(0)
    sums[X, Y, C] += stages.picture[X + taps.x - radius, Y + taps.y - radius] * weights[C, taps.x, taps.y]
    return Stage(layer, taps, sums, None, None)


def _stage(layer: Layer, weight: NDArray[np.int8], below: hl.Func, stages: Stages) -> Stage:
    """The sums of a layer, `[x, y, c]` int32: weights are `[group, y, x, c, byte]`, C order."""
    weights, sums, radius = stages.constants.buffer(weight), hl.Func("sums"), layer.kernel // 2
    taps = hl.RDom([(0, 4), (0, weight.shape[2]), (0, weight.shape[1]), (0, weight.shape[0])])
    row = Y + taps.z - radius
    if layer.repeats_edges:
        row = chain.nearest_row(taps.z, radius, stages.frame, stages.constants, taps.z)
    value = below[taps.x, X + taps.y - radius, row, taps.w]
    sums[X, Y, C] = hl.i32(0)
    sums[X, Y, C] += hl.i32(value) * hl.i32(weights[taps.x, C, taps.y, taps.z, taps.w])
    return Stage(layer, taps, sums, None, None)


def _line(layer: Layer) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What a sum is multiplied by, and what is added then, to get the value of the convolution; one for each output."""
    op = layer.convolution
    bias = np.zeros(layer.outputs) if op.bias is None else op.bias.astype(np.float64)
    if op.weight_scale is None:
        return np.ones(layer.outputs), bias
    factor = op.weight_scale.astype(np.float64) * _quantization(layer).scale
    return factor, bias - factor * (op.weight.sum(axis=(2, 3), dtype=np.int64) @ _zero_points(layer)[: layer.inputs])


def _requantized(layer: Layer, op: FakeQuantize, sums: hl.Func, stages: Stages) -> Callable[[hl.Expr], hl.Expr]:
    """From the sums to the quantized value of a channel that the next layer reads.

    Halves are rounded up, not to even: a conversion that truncates does it at no cost. Where the activation is a line
    on each side of zero, both lines are in units of quantized values and the larger of the two is the result.
    """
    (factor, start), halves = _line(layer), np.zeros(layer.outputs) + op.zero_point + 0.5
    units = np.zeros(layer.outputs) + op.inverse_scale
    function = None if layer.activation is None else layer.activation.function

    def channels(values: NDArray[Any], channel: hl.Expr) -> hl.Expr:
        spread = np.zeros(_in_groups(layer.outputs), np.float32)
        spread[: layer.outputs] = values
        return stages.constants.buffer(spread)[channel]

    def line(factors: NDArray[Any], starts: NDArray[Any], channel: hl.Expr) -> hl.Expr:
        return hl.f32(sums[X, Y, channel]) * channels(factors, channel) + channels(starts, channel)

    def linear(slope: NDArray[Any] | float, channel: hl.Expr) -> hl.Expr:
        return line(factor * slope * units, start * slope * units + halves, channel)

    def quantized(channel: hl.Expr) -> hl.Expr:
        if function is None:
            value = linear(1, channel)
        elif function == "relu":
            value = hl.max(linear(1, channel), channels(halves, channel))
        elif function == "prelu":
            assert layer.activation is not None and layer.activation.slope is not None
            slope = layer.activation.slope
            above, below = linear(1, channel), linear(slope, channel)
            value = (
                hl.max(above, below) if slope.max() <= 1 else hl.select(above < channels(halves, channel), below, above)
            )
        else:
            exact = line(factor, start, channel)
            result = _tanh(exact) if function == "tanh" else activate(exact, function, None)
            value = result * channels(units, channel) + channels(halves, channel)
        return hl.u8(hl.min(hl.u32(hl.max(hl.i32(value), 0)), hl.u32(255)))

    return quantized


def _tanh(value: hl.Expr) -> hl.Expr:
    """tanh within 2e-4, a fortieth of a quantization step from -1 to 1."""
    inside = hl.clamp(value, hl.f32(-TANH_RANGE), hl.f32(TANH_RANGE))
    square = inside * inside
    upper, lower = ((hl.f32(a) * square + hl.f32(b)) * square + hl.f32(c) for a, b, c in (TANH_UPPER, TANH_LOWER))
    return inside * upper * hl.fast_inverse(lower)


def _values(layer: Layer, scale: int, sums: hl.Func, stages: Stages) -> Callable[[hl.Expr, int, hl.Expr], hl.Expr]:
    """The last layer's result, as `chain.upscaled` wants it, of its sums, which are in another order."""
    order, channels = _order(layer, scale), layer.outputs // scale**2
    factors, starts = np.zeros((2, _in_groups(layer.outputs)), np.float32)
    factors[: layer.outputs], starts[: layer.outputs] = (array[order] for array in _line(layer))
    factor, start = stages.constants.buffer(factors), stages.constants.buffer(starts)

    def value(x: hl.Expr, c: int, column: hl.Expr) -> hl.Expr:
        channel = (frames.ROW * channels + c) * scale + column
        return hl.f32(sums[x, Y, channel]) * factor[channel] + start[channel]

    return value


def _order(layer: Layer, scale: int) -> NDArray[np.intp]:
    """The outputs of the last layer row of sub-pixels by row, which are needed together."""
    return np.arange(layer.outputs).reshape(-1, scale, scale).transpose(1, 0, 2).ravel()


def _spread(layer: Layer, order: NDArray[np.intp] | None = None) -> NDArray[np.int8]:
    """Weights as `[group, y, x, c, byte]`, outputs in this order."""
    weight = layer.convolution.weight if order is None else layer.convolution.weight[order]
    outputs, inputs, kernel, _ = weight.shape
    spread = np.zeros((_in_groups(outputs), _in_groups(inputs), kernel, kernel), np.int8)
    spread[:outputs, :inputs] = weight
    return spread.reshape(len(spread), -1, 4, kernel, kernel).transpose(1, 3, 4, 0, 2).copy()


def _in_groups(channels: int) -> int:
    """Channels in whole groups of four."""
    return -(-channels // 4) * 4


def schedule(net: ManyLayers, stages: Stages, target: hl.Target, tasks: hl.Expr) -> None:
    """Each layer a tile at a time, in blocks of pixels and of channels."""
    frame = stages.frame
    lanes = target.natural_vector_size(hl.Int(32))
    sums_kept = 24 if lanes == 16 or target.arch == hl.TargetArch.ARM else 8
    tile, row = chain.schedule_tiles(frame, net, WIDTH, tasks)
    frames.schedule_chroma(frame, lanes)
    if frame.picture.channels == 1 and net.residual:
        frame.gray.compute_at(row).store_at(tile).vectorize(X, lanes)
    if frame.picture.channels == 3:
        frame.gray.compute_at(row).store_at(tile)
        frame.chroma.compute_at(row).store_at(tile)
        frame.rows.compute_at(row)
    if any(stage.edged for stage in stages.layers):
        stages.offset.compute_at(tile).bound(BYTE, 0, 4).vectorize(BYTE).vectorize(X, lanes)
    stages.picture.compute_at(row).store_at(tile).vectorize(X, lanes)
    _schedule_last(net, stages, lanes, sums_kept, row)
    extent = WIDTH + 8 * lanes  # the last layer's blocks are rounded up
    for stage, reader in zip(stages.layers[-2::-1], net.layers[:0:-1], strict=True):
        extent = _schedule_quantized(stage, reader, extent, lanes, sums_kept, tile, row)


def _schedule_quantized(
    stage: Stage, reader: Layer, extent: int, lanes: int, sums_kept: int, tile: hl.LoopLevel, row: hl.LoopLevel
) -> int:
    """The bytes of a layer a row at a time, `extent` pixels or fewer; returns what of the layer below that takes."""
    assert stage.quantized is not None
    quantized, count = stage.quantized, _in_groups(stage.layer.outputs)
    channels = _block(count)
    vectors = max(min(sums_kept // channels, 4), 1)
    extent += reader.kernel // 2 * (4 if stage.edged else 2) + lanes * vectors
    for func in (quantized, stage.edged) if stage.edged else (quantized,):
        # An odd number of vectors: groups would else compete for the same places in the cache.
        func.bound_storage(X, (extent // lanes // 2 * 2 + 1) * lanes).reorder_storage(BYTE, X, GROUP, Y)
        func.compute_at(row).bound(BYTE, 0, 4).bound(GROUP, 0, count // 4)
    # Shifted inwards, not rounded up: a first layer would take float32 from memory that nothing has written, and where
    # that happens to hold denormal numbers it takes many times as long.
    quantized.split(GROUP, OUTER, INNER, channels // 4).split(X, BLOCK, X, lanes * vectors, SHIFT)
    quantized.split(X, VECTOR, X, lanes).reorder(BYTE, X, VECTOR, INNER, OUTER, BLOCK, Y).never_partition_all()
    quantized.unroll(BYTE).vectorize(X).unroll(INNER).unroll(VECTOR)
    _schedule_sums(stage, lanes, channels, hl.LoopLevel(quantized, OUTER))
    if stage.edged is not None:
        stage.edged.vectorize(BYTE).vectorize(X, lanes).never_partition_all()
    (stage.edged or quantized).store_at(tile)
    return extent


def _schedule_last(net: ManyLayers, stages: Stages, lanes: int, sums_kept: int, row: hl.LoopLevel) -> None:
    stage, frame = stages.layers[-1], stages.frame
    count = _in_groups(stage.layer.outputs)
    together = count if count <= 16 else stage.layer.outputs // net.scale
    vectors = max(min(sums_kept // together, 4), 1)
    block, _ = frames.schedule_line(frame, lanes * vectors)
    frame.line.compute_at(row).never_partition_all()
    if together == count:
        frame.line.unroll(frames.ROW)
    else:
        block = frames.ROW
    _schedule_sums(stage, lanes, together, hl.LoopLevel(frame.line, block))


def _schedule_sums(stage: Stage, lanes: int, channels: int, level: hl.LoopLevel) -> None:
    sums, taps = stage.sums, stage.taps
    sums.compute_at(level).split(X, VECTOR, X, lanes).reorder(X, VECTOR, C, Y)
    sums.vectorize(X).unroll(C).unroll(VECTOR)
    update = sums.update().split(X, VECTOR, X, lanes)
    if stage.layer.quantization is None:
        update.reorder(X, VECTOR, C, taps.x, taps.y, Y)
    else:
        update.reorder(taps.x, X, VECTOR, C, taps.y, taps.z, taps.w, Y).atomic().vectorize(taps.x)
    update.vectorize(X).unroll(C).unroll(VECTOR)
    if stage.layer.kernel == 3:
        update.unroll(taps.x if stage.layer.quantization is None else taps.y)


def _block(count: int) -> int:
    """Channels computed together: a part of `count`."""
    return max(size for size in (4, 8, 12) if count % size == 0)


FORM = Form(match, algorithm, schedule)
