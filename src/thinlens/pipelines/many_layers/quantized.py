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
from ..processor import Packing, Processor
from ..softmax import reciprocal
from . import chain
from .chain import Layer, ManyLayers

PART, GROUP, BLOCK, OUTER, INNER, VECTOR = (
    hl.Var(name) for name in ("part", "group", "block", "outer", "inner", "vector")
)
WIDEST = 640
"""Low-resolution pixels across a tile, at most: wider ones were no quicker."""
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

    `picture[x, y]` is what the first layer sees. `offset[part, x]` is how far the nearest column of the picture
    is from x, in as many bits as quantized values have: a map, because to compare 64 bytes is one instruction, but to
    compare 64 columns is many.
    """

    frame: Frame
    packing: Packing
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


def algorithm(net: ManyLayers, picture: Picture, source: hl.ImageParam, processor: Processor) -> Stages:
    """The stages; the output is `(W * channels * scale, H * scale)` as stored."""
    frame = frames.begin(picture, source, net.scale, integer=False)
    packing = processor.packing
    stages = Stages(frame, packing, hl.Func("picture"), hl.Func("offset"), [], Constants())
    nearest = hl.clamp(X, 0, picture.width(source) - 1)
    stages.offset[PART, X] = hl.cast(_signed(packing), hl.clamp(nearest - X, -128, 127))
    gray = hl.Expr(frame.gray[X, Y])
    bare = net.layers[0].kernel == 1 or net.layers[0].repeats_edges
    stages.picture[X, Y] = gray if bare else hl.select(frame.inside, gray, hl.f32(0))
    below = None
    for layer, reader in zip(net.layers[:-1], net.layers[1:], strict=True):
        stage = _first(layer, stages) if below is None else _stage(layer, None, below, stages)
        value = _requantized(layer, _quantization(reader), stage.sums, stages)
        quantized = stages.constants.stage("quantized")
        channel = GROUP * packing.size + PART
        used = value(channel)
        if layer.outputs % 4:
            used = hl.select(channel < layer.outputs, used, hl.cast(packing.type, 0))
        quantized[PART, X, Y, GROUP] = _padded(used, reader, stages)
        edged = _edged(quantized, reader.kernel // 2, stages) if reader.repeats_edges else None
        stages.layers.append(Stage(layer, stage.taps, stage.sums, quantized, edged))
        below = edged or quantized
    last = net.layers[-1]
    assert below is not None
    stage = _stage(last, _order(last, net.scale), below, stages)
    stages.layers.append(stage)
    values = _values(last, net.scale, stage.sums, stages)
    frames.finish(frame, chain.upscaled(net, frame, values, coarse=True), frames.float_element(picture))
    return stages


def _quantization(layer: Layer) -> FakeQuantize:
    assert layer.quantization is not None
    return layer.quantization


def _zero_points(layer: Layer) -> NDArray[np.int64]:
    """The zero point of each channel that a layer reads."""
    zero_points = np.zeros(layer.inputs, np.int64)
    zero_points[: layer.inputs] = _quantization(layer).zero_point
    return zero_points


def _padded(value: hl.Expr, reader: Layer, stages: Stages) -> hl.Expr:
    """The quantized value, outside the picture the zero point where the layer that reads it wants zeros there."""
    if reader.kernel == 1 or reader.repeats_edges:
        return value
    packing = stages.packing
    stored = np.zeros(_in_groups(reader.inputs), packing.dtype)
    stored[: reader.inputs] = _zero_points(reader) - packing.offset
    return hl.select(stages.frame.inside, value, stages.constants.buffer(stored)[GROUP * packing.size + PART])


def _edged(quantized: hl.Func, radius: int, stages: Stages) -> hl.Func:
    """The quantized values with edge columns repeated for `radius` pixels: a column beside the picture comes from a
    shifted vector. To repeat the rows is up to the layer that reads them."""
    edged, value = stages.constants.stage("edged"), hl.Expr(quantized[PART, X, Y, GROUP])
    for distance in range(1, radius + 1):
        for offset in (distance, -distance):
            here = stages.offset[PART, X] == hl.cast(_signed(stages.packing), offset)
            value = hl.select(here, quantized[PART, X + offset, Y, GROUP], value)
    edged[PART, X, Y, GROUP] = value
    return edged


def _signed(packing: Packing) -> hl.Type:
    return hl.Int(packing.type.bits())


def _first(layer: Layer, stages: Stages) -> Stage:
    """The sums of the first layer, `[x, y, c]` float32."""
    op, radius = layer.convolution, layer.kernel // 2
    weight = np.zeros((layer.kernel, layer.kernel, _in_groups(layer.outputs)), np.float32)
    weight[..., : layer.outputs] = op.weight[:, 0].transpose(1, 2, 0)
    weights, sums = stages.constants.buffer(weight), stages.constants.stage("sums")
    taps = hl.RDom([(0, layer.kernel), (0, layer.kernel)])
    sums[X, Y, C] = hl.f32(0)
    sums[X, Y, C] += stages.picture[X + taps.x - radius, Y + taps.y - radius] * weights[C, taps.x, taps.y]
    return Stage(layer, taps, sums, None, None)


def _stage(layer: Layer, order: NDArray[np.intp] | None, below: hl.Func, stages: Stages) -> Stage:
    """The sums of a layer, `[x, y, c]` int32, its outputs in this order.

    What packing takes from each quantized value is added again where a sum begins, so sums are the same everywhere.
    """
    packing = stages.packing
    weight = _spread(layer, order, packing)
    start = packing.offset * weight.sum(axis=(0, 1, 2, 4), dtype=np.int32)
    weights, starts = stages.constants.buffer(weight), stages.constants.buffer(start)
    sums, radius = stages.constants.stage("sums"), layer.kernel // 2
    taps = hl.RDom([(0, packing.size), (0, weight.shape[2]), (0, weight.shape[1]), (0, weight.shape[0])])
    row = Y + taps.w - radius
    if layer.repeats_edges:
        row = chain.nearest_row(taps.w, radius, stages.frame, stages.constants, taps.w)
    value = below[taps.x, X + taps.y - radius, row, taps.z]
    sums[X, Y, C] = starts[C] if packing.offset else hl.i32(0)
    sums[X, Y, C] += hl.i32(value) * hl.i32(weights[taps.x, C, taps.y, taps.z, taps.w])
    return Stage(layer, taps, sums, None, None)


def _line(layer: Layer) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What a sum is multiplied by, and what is added then, to get the value of the convolution; one for each output."""
    op = layer.convolution
    bias = np.zeros(layer.outputs) if op.bias is None else op.bias.astype(np.float64)
    if op.weight_scale is None:
        return np.ones(layer.outputs), bias
    factor = op.weight_scale.astype(np.float64) * _quantization(layer).scale
    return factor, bias - factor * (op.weight.sum(axis=(2, 3), dtype=np.int64) @ _zero_points(layer))


def _requantized(layer: Layer, op: FakeQuantize, sums: hl.Func, stages: Stages) -> Callable[[hl.Expr], hl.Expr]:
    """From the sums to the quantized value of a channel that the next layer reads.

    Halves are rounded up, not to even: a conversion that truncates does it at no cost. Where the activation is a line
    on each side of zero, both lines are in units of quantized values and the larger of the two is the result.
    """
    packing = stages.packing
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
        clipped = hl.min(hl.u32(hl.max(hl.i32(value), 0)), hl.u32(255))
        return hl.cast(packing.type, hl.i32(clipped) - packing.offset if packing.offset else clipped)

    return quantized


def _tanh(value: hl.Expr) -> hl.Expr:
    """tanh within 2e-4, a fortieth of a quantization step from -1 to 1."""
    inside = hl.clamp(value, hl.f32(-TANH_RANGE), hl.f32(TANH_RANGE))
    square = inside * inside
    upper, lower = ((hl.f32(a) * square + hl.f32(b)) * square + hl.f32(c) for a, b, c in (TANH_UPPER, TANH_LOWER))
    return inside * upper * reciprocal(lower)


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


def _spread(layer: Layer, order: NDArray[np.intp] | None, packing: Packing) -> NDArray[Any]:
    """Weights as `[y, group, x, c, part]`, outputs in this order."""
    weight = layer.convolution.weight if order is None else layer.convolution.weight[order]
    outputs, inputs, kernel, _ = weight.shape
    shape = (_in_groups(outputs), _in_groups(inputs, packing), kernel, kernel)
    spread = np.zeros(shape, packing.weight_dtype)
    spread[:outputs, :inputs] = weight
    return spread.reshape(len(spread), -1, packing.size, kernel, kernel).transpose(3, 1, 4, 0, 2).copy()


def _in_groups(channels: int, packing: Packing | None = None) -> int:
    """Channels in whole groups: of a packing, or of the four sums that are computed together at least."""
    size = 4 if packing is None else packing.size
    return -(-channels // size) * size


@dataclass(frozen=True)
class _Place:
    """Where things are computed, and how many at a time: `sums` vectors of `lanes` sums stay in registers."""

    lanes: int
    sums: int
    tile: hl.LoopLevel
    row: hl.LoopLevel


def schedule(net: ManyLayers, stages: Stages, processor: Processor, tasks: hl.Expr) -> None:
    """Each layer a tile at a time, in blocks of pixels and of channels."""
    frame, lanes = stages.frame, processor.lanes
    width = _width(net, stages, processor)
    tile, row = chain.schedule_tiles(frame, width, tasks)
    # 12 sums, 3 vectors of pixels and a weight fill 16 registers, and a sum goes to the stack: where that lies across
    # two pages, a thread was seen to take 2.5 times as long
    place = _Place(lanes, 24 if processor.registers == 32 else 11, tile, row)
    frames.schedule_chroma(frame, lanes)
    if frame.picture.channels == 1 and net.residual:
        frame.gray.compute_at(row).store_at(tile).vectorize(X, lanes)
    if frame.picture.channels == 3:
        frame.gray.compute_at(row).store_at(tile)
        frame.chroma.compute_at(row).store_at(tile)
        frame.rows.compute_at(row)
    if any(stage.edged for stage in stages.layers):
        _vectorized(stages.offset.compute_at(tile), stages.packing, lanes)
    stages.picture.compute_at(row).store_at(tile).vectorize(X, lanes)
    _schedule_last(net, stages, place)
    extent = width + 8 * lanes  # the last layer's blocks are rounded up
    for stage, reader in zip(stages.layers[-2::-1], net.layers[:0:-1], strict=True):
        extent = _schedule_quantized(stage, stages.packing, reader, extent, place)


def _width(net: ManyLayers, stages: Stages, processor: Processor) -> int:
    """Low-resolution pixels across a tile, so that the second-level cache holds its lines."""
    size = stages.packing.dtype.itemsize
    column = sum(size * _in_groups(layer.inputs) * (layer.kernel + 1) for layer in net.layers[1:])
    return min(max(processor.room // column, 16 * net.reach(0), 64), WIDEST) // 32 * 32


def _schedule_quantized(stage: Stage, packing: Packing, reader: Layer, extent: int, place: _Place) -> int:
    """The quantized values of a layer a row at a time, `extent` pixels or fewer; returns what of the layer below that
    takes."""
    assert stage.quantized is not None
    quantized, count, lanes = stage.quantized, _in_groups(stage.layer.outputs), place.lanes
    channels, vectors = _block(count, place.sums)
    extent += reader.kernel // 2 * (4 if stage.edged else 2) + lanes * vectors
    for func in (quantized, stage.edged) if stage.edged else (quantized,):
        # An odd number of vectors: groups would else compete for the same places in the cache.
        func.bound_storage(X, (extent // lanes // 2 * 2 + 1) * lanes).reorder_storage(PART, X, GROUP, Y)
        func.compute_at(place.row).bound(PART, 0, packing.size).bound(GROUP, 0, count // packing.size)
    # Shifted inwards, not rounded up: a first layer would take float32 from memory that nothing has written, and where
    # that happens to hold denormal numbers it takes many times as long.
    quantized.split(GROUP, OUTER, INNER, channels // packing.size).split(X, BLOCK, X, lanes * vectors, SHIFT)
    quantized.split(X, VECTOR, X, lanes).reorder(PART, X, VECTOR, INNER, OUTER, BLOCK, Y).never_partition_all()
    quantized.unroll(PART).vectorize(X).unroll(INNER).unroll(VECTOR)
    _schedule_sums(stage, place, hl.LoopLevel(quantized, OUTER))
    if stage.edged is not None:
        _vectorized(stage.edged, packing, lanes).never_partition_all()
    (stage.edged or quantized).store_at(place.tile)
    return extent


def _vectorized(func: hl.Func, packing: Packing, lanes: int) -> hl.Func:
    """Whole vectors of quantized values, parts and all."""
    return func.bound(PART, 0, packing.size).vectorize(PART).vectorize(X, lanes)


def _schedule_last(net: ManyLayers, stages: Stages, place: _Place) -> None:
    stage, frame = stages.layers[-1], stages.frame
    count = _in_groups(stage.layer.outputs)
    together = count if count <= min(place.sums, 16) else stage.layer.outputs // net.scale
    vectors = max(min(place.sums // together, 4), 1)
    block, _ = frames.schedule_line(frame, place.lanes * vectors)
    frame.line.compute_at(place.row).never_partition_all()
    if together == count:
        frame.line.unroll(frames.ROW)
    else:
        block = frames.ROW
    _schedule_sums(stage, place, hl.LoopLevel(frame.line, block))


def _schedule_sums(stage: Stage, place: _Place, level: hl.LoopLevel) -> None:
    sums, taps, lanes = stage.sums, stage.taps, place.lanes
    sums.compute_at(level).split(X, VECTOR, X, lanes).reorder(X, VECTOR, C, Y)
    sums.vectorize(X).unroll(C).unroll(VECTOR)
    update = sums.update().split(X, VECTOR, X, lanes)
    if stage.layer.quantization is None:
        update.reorder(X, VECTOR, C, taps.x, taps.y, Y)
    else:
        # to find a row takes some instructions: once for all groups of channels, but where there are 32 registers the
        # other order was 4 % quicker in the last layers of ×4
        outer = (taps.w, taps.z) if place.sums > 11 else (taps.z, taps.w)
        update.reorder(taps.x, X, VECTOR, C, taps.y, *outer, Y).atomic().vectorize(taps.x)
    update.vectorize(X).unroll(C).unroll(VECTOR)
    if stage.layer.kernel == 3 and stage.layer.quantization is None:
        update.unroll(taps.x)
    elif stage.layer.kernel == 3 and place.sums > 11:  # products of several taps are added first, in yet more registers
        update.unroll(taps.y)


def _block(count: int, most: int) -> tuple[int, int]:
    """Channels, a part of `count`, and vectors of pixels computed together: the most sums, then the fewest loads."""
    blocks = [(size, min(most // size, 4)) for size in (4, 8, 12) if count % size == 0 and size <= most]
    return max(blocks, key=lambda block: (block[0] * block[1], -sum(block)))


FORM = Form(match, algorithm, schedule, disguised=True)
