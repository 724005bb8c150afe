"""Point sampling of feature maps, alone or with the layers that predict its offsets (DySample [Liu2023]), in one pass.

All channels of a pixel lie side by side, so a corner is one contiguous load for all channels of a group, and the four
corners and their weights are found once for the group. That happens for a block of pixels at a time: neither offsets
nor coordinates are ever stored at full size.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import halide as hl
import numpy as np
from numpy.typing import NDArray

from ...program import Activation, Convolution, Multiply, Operation, PixelShuffle, PointSample, Program, Slice
from ..activation import activate
from ..constants import Constants
from ..form import Form
from ..picture import Picture
from ..processor import Processor

X, Y, C, K, AXIS = (hl.Var(name) for name in ("x", "y", "c", "k", "axis"))
"""K counts groups and, within them, sub-pixels row by row; AXIS is 0 for x, 1 for y."""
BLOCK = 32
"""Pixels of the source whose offsets are computed together."""
GUARD, WHOLE = hl.TailStrategy.GuardWithIf, hl.TailStrategy.RoundUp
Kind = TypeVar("Kind", bound=Operation)


@dataclass(frozen=True)
class Predictor:
    """A layer from the channels of a pixel to two numbers for each group and sub-pixel: `weight` `(2, K, in)`, `bias`
    `(2, K)`."""

    weight: NDArray[np.float32]
    bias: NDArray[np.float32]


@dataclass(frozen=True)
class Sampling:
    """What is sampled: `channels` channels from `start` on; by offsets that are channels from `offsets` on, as before a
    pixel shuffle, or that `predictor` gives, times the sigmoid of what `scope` gives, if there is one."""

    op: PointSample
    start: int
    channels: int
    offsets: int = 0
    predictor: Predictor | None = None
    scope: Predictor | None = None

    @property
    def places(self) -> int:
        """Different places that a pixel of the source is read at: groups times sub-pixels."""
        return self.op.groups * self.op.scale**2

    def lanes(self, processor: Processor) -> int:
        """Places that are found at a time; layers can give a few too many, the picture cannot."""
        return _divisor(self.places, processor.lanes) if self.predictor is None else processor.lanes


@dataclass(frozen=True)
class Stages:
    """The sums of the predictors, the offsets, where to read, and the result."""

    sums: list[hl.Func]
    places: hl.Func
    output: hl.Func
    constants: Constants


def match(program: Program) -> Sampling | None:
    """The program as point sampling of its picture, if it is that and nothing else."""
    op = program.ops[-1]
    if not program.takes_features or not isinstance(op, PointSample) or op.scale > 4:
        return None
    source = _slice(program, op.source)
    if source is None:
        return None
    used = {len(program.ops), op.source, op.offsets}
    found = _offsets(program, op, used)
    everything = used | {index for index, each in enumerate(program.ops, start=1) if _whole(each, program)} | {0}
    if found is None or everything != set(range(len(program.ops) + 1)):
        return None
    offsets, predictor, scope = found
    return Sampling(op, source.start, source.stop - source.start, offsets, predictor, scope)


def _offsets(
    program: Program, op: PointSample, used: set[int]
) -> tuple[int, Predictor | None, Predictor | None] | None:
    """Where the offsets come from: the first channel, or the layers that predict them; notes the values on the way."""
    shuffled = _get(program, op.offsets, PixelShuffle)
    value = op.offsets if shuffled is None else shuffled.source
    used.add(value)
    if shuffled is not None and shuffled.scale == op.scale and (given := _slice(program, value)) is not None:
        return given.start, None, None
    before = shuffled is None and op.scale > 1  # style "pl": the layers read what was shuffled before
    product, scope = _get(program, value, Multiply), None
    if product is not None:
        gate = _get(program, product.other, Activation)
        if gate is None or gate.function != "sigmoid":
            return None
        used |= {product.source, product.other, gate.source}
        value, scope = product.source, _predictor(program, gate.source, op, before, used)
        if scope is None:
            return None
    predictor = _predictor(program, value, op, before, used)
    return None if predictor is None else (0, predictor, scope)


def _predictor(program: Program, value: int, op: PointSample, before: bool, used: set[int]) -> Predictor | None:
    """A 1×1 convolution of all of the picture as what it gives for each group and sub-pixel of a pixel.

    After a pixel shuffle each sub-pixel has channels of its own, so the weights of a pixel are zero for the others.
    """
    layer, squared = _get(program, value, Convolution), op.scale**2
    if layer is None or layer.weight.shape[2] != 1 or layer.weight.dtype != np.float32:
        return None
    source = layer.source
    weight, outputs = layer.weight[:, :, 0, 0], len(layer.weight)
    bias = np.zeros(outputs, np.float32) if layer.bias is None else layer.bias.astype(np.float32)
    if before:
        shuffle = _get(program, source, PixelShuffle)
        if shuffle is None or shuffle.scale != op.scale:
            return None
        used.add(source)
        source = shuffle.source
        weight = np.einsum("oc,kl->okcl", weight, np.eye(squared)).reshape(outputs * squared, -1)
        bias = bias.repeat(squared)
    if source != 0 and not _whole(program.ops[source - 1], program):
        return None
    used.add(source)
    shape = (2, op.groups * squared)
    return Predictor(weight.reshape(*shape, -1).astype(np.float32), bias.reshape(shape))


def _slice(program: Program, value: int) -> Slice | None:
    """A value that is some channels of the picture."""
    if value == 0:
        return Slice(0, program.channels, 0, program.channels)
    op = _get(program, value, Slice)
    return op if op is not None and op.source == 0 else None


def _whole(op: Operation, program: Program) -> bool:
    return isinstance(op, Slice) and op.source == 0 and op.stop - op.start == program.channels


def _get(program: Program, value: int, kind: type[Kind]) -> Kind | None:
    """The operation whose result a value is, if it is of this kind."""
    op = program.ops[value - 1] if value > 0 else None
    return op if isinstance(op, kind) else None


def algorithm(net: Sampling, picture: Picture, source: hl.ImageParam, processor: Processor) -> Stages:
    """The stages; the output is `(W * channels * scale, H * scale)` as stored."""
    constants, sums = Constants(), list[hl.Func]()
    spare = -net.places % net.lanes(processor)
    op, s, width, height = net.op, net.op.scale, picture.width(source), picture.height(source)

    def predicted(predictor: Predictor) -> hl.Expr:
        weight = constants.buffer(np.pad(predictor.weight.transpose(2, 0, 1), ((0, 0), (0, 0), (0, spare))))
        bias = constants.buffer(np.pad(predictor.bias, ((0, 0), (0, spare))))
        result, inputs = constants.stage("sums"), hl.RDom([(0, picture.channels)])
        result[K, AXIS, X, Y] = bias[K, AXIS]
        result[K, AXIS, X, Y] += weight[K, AXIS, inputs.x] * picture.element(source, X, Y, inputs.x)
        sums.append(result)
        return hl.Expr(result[K, AXIS, X, Y])

    def offset(axis: int) -> hl.Expr:
        if not sums:
            return picture.element(source, X, Y, K + net.offsets + axis * net.places)
        value = sums[0][K, axis, X, Y]
        return value if net.scope is None else value * activate(sums[1][K, axis, X, Y], "sigmoid", None)

    for predictor in (net.predictor, net.scope):
        if predictor is not None:
            predicted(predictor)

    # a place is counted from the pixel that it lies in: so it is the same number wherever a band begins
    columns, rows = np.tile(op.centers, s), op.centers.repeat(s)
    near, weights = list[hl.Expr](), list[list[hl.Expr]]()
    for axis, (position, centers, size) in enumerate(((X, columns, width), (Y, rows, height))):
        center = constants.buffer(np.pad(np.tile(centers, op.groups), (0, spare)))[K]
        place = hl.clamp(offset(axis), hl.f32(-op.bound), hl.f32(op.bound)) + center
        first = hl.floor(place)
        index, part = position + hl.i32(first), place - first
        near += [hl.clamp(index, 0, size - 1), hl.clamp(index + 1, 0, size - 1)]
        weights.append([hl.f32(1) - part, part])
    places, output = constants.stage("places"), hl.Func("output")
    left, right, above, below = near
    products = [y * x for y in weights[1] for x in weights[0]]
    places[K, X, Y] = (left * picture.channels, right * picture.channels, above, below, *products)

    channel, column = X % net.channels, X // net.channels
    group = channel // (net.channels // op.groups)
    k = (group * s + Y % s) * s + column % s
    found = [places[k, column // s, Y // s][index] for index in range(8)]
    last, bottom = picture.channels * (width - 1), height - 1
    columns_read = [hl.unsafe_promise_clamped(found[index], 0, last) for index in (0, 1)]
    rows_read = [hl.unsafe_promise_clamped(found[index], 0, bottom) for index in (2, 3)]
    corners = [source[c + (channel + net.start), r] for r in rows_read for c in columns_read]
    terms = [corner * weight for corner, weight in zip(corners, found[4:], strict=True)]
    output[X, Y] = (terms[0] + terms[1]) + (terms[2] + terms[3])
    return Stages(sums, places, output, constants)


def schedule(net: Sampling, stages: Stages, processor: Processor, tasks: hl.Expr) -> None:
    """Rows of the source in parallel, within them blocks of pixels: first where to read, then all channels of a group
    of a pixel together."""
    output, s, lanes = stages.output, net.op.scale, net.lanes(processor)
    each = net.channels // net.op.groups
    pixel, j, group, block, task, row, i = (
        hl.Var(name) for name in ("pixel", "j", "group", "block", "task", "row", "i")
    )
    output.split(Y, row, i, s, WHOLE)
    height = output.output_buffer().dim(1).extent() // s
    output.split(row, task, row, (height + tasks - 1) // tasks, GUARD)
    output.split(X, pixel, X, net.channels, WHOLE).split(X, group, X, each, WHOLE)
    output.split(pixel, pixel, j, s, WHOLE).split(pixel, block, pixel, BLOCK, GUARD)
    output.reorder(X, group, j, pixel, i, block, row, task).parallel(task)
    output.vectorize(X, _divisor(each, processor.lanes), WHOLE).unroll(group).unroll(j)
    places = stages.places.compute_at(output, block)
    places.bound(K, 0, net.places + -net.places % lanes).vectorize(K, lanes, WHOLE)
    for sums in stages.sums:
        inputs = sums.rvars(0)[0]
        sums.compute_at(output, block).bound(AXIS, 0, 2).vectorize(K, lanes, WHOLE)
        update = sums.update().split(X, X, pixel, 4, GUARD).reorder(K, AXIS, pixel, inputs, X)
        update.vectorize(K, lanes, WHOLE).unroll(AXIS).unroll(pixel)


def _divisor(number: int, most: int) -> int:
    """The largest divisor of a number that is not above `most`."""
    return next(size for size in range(most, 0, -1) if number % size == 0)


FORM = Form(match, algorithm, schedule)
