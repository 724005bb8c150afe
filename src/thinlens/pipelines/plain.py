"""Any program, one operation after the other, each result a whole stack of planes in memory: correct, not fast."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import halide as hl
import numpy as np

from ..program import (
    Activation,
    Add,
    AddChroma,
    Convolution,
    FakeQuantize,
    Lookup,
    Luma,
    Multiply,
    Operation,
    PixelShuffle,
    PointSample,
    Program,
    ReduceMax,
    Rescale,
    RoundingShiftRight,
    ShiftAndSum,
    Slice,
    SoftmaxSum,
    Upsample,
    missing,
)
from .activation import activate, fake_quantize
from .color import bicubic_taps_of, luma, taps_sum
from .constants import Constants
from .form import Form
from .picture import Picture
from .processor import Processor
from .softmax import weighted_sum
from .tables import plain as tables

X, Y, C = hl.Var("x"), hl.Var("y"), hl.Var("c")


@dataclass(frozen=True)
class Planes:
    """A value of a program: `planes[x, y, c]` float32 or int32, defined inside the picture only."""

    planes: hl.Func
    channels: int
    width: hl.Expr
    height: hl.Expr

    def at(self, x: hl.Expr, y: hl.Expr, c: hl.Expr | int) -> hl.Expr:
        """The value at (x, y), edges repeated."""
        return hl.Expr(self.planes[hl.clamp(x, 0, self.width - 1), hl.clamp(y, 0, self.height - 1), c])

    def reflected(self, x: hl.Expr, y: hl.Expr, c: hl.Expr | int) -> hl.Expr:
        """The value at (x, y), reflected at the edges."""
        return hl.Expr(self.planes[tables.reflected(x, self.width), tables.reflected(y, self.height), c])


@dataclass(frozen=True)
class Plain:
    """The stages of a program, the picture first, and the weights they read."""

    output: hl.Func
    integer: bool
    values: list[Planes]
    parts: list[hl.Func]
    constants: Constants


def match(program: Program) -> Program:
    """Every program."""
    return program


def algorithm(program: Program, picture: Picture, source: hl.ImageParam, processor: Processor) -> Plain:
    """The program as stages; the output is `(W * channels * scale, H * scale)` as stored."""
    integer = program.integer
    decoded = hl.Func("picture")
    decoded[X, Y, C] = picture.decode(picture.element(source, X, Y, C), integer)
    width, height = picture.width(source), picture.height(source)
    plain = Plain(hl.Func("output"), integer, [Planes(decoded, picture.channels, width, height)], [], Constants())
    for op, kind in zip(program.ops, program.value_types[1:], strict=True):
        result = plain.constants.stage(type(op).__name__)
        value = Planes(result, kind.channels, width * kind.scale, height * kind.scale)
        _define(result, op, plain)
        plain.values.append(value)
    last = plain.values[-1]
    plain.output[X, Y] = picture.encode(last.planes[X // last.channels, Y, X % last.channels], integer)
    return plain


def schedule(program: Program, plain: Plain, processor: Processor, tasks: hl.Expr) -> None:
    """Every stage on its own, rows in parallel, vectors along x."""
    task, guard = hl.Var("task"), hl.TailStrategy.GuardWithIf
    rows = (plain.values[-1].height + tasks - 1) // tasks  # for all stages: those of fewer rows take fewer tasks
    for stage in [*(value.planes for value in plain.values), *plain.parts]:
        stage.compute_root().split(Y, task, Y, rows, guard).parallel(task).vectorize(X, 16)
        for index in range(stage.num_update_definitions()):
            stage.update(index).split(Y, task, Y, rows, guard).parallel(task).vectorize(X, 16)
    plain.output.split(Y, task, Y, rows, guard).parallel(task).vectorize(X, 16, guard)


def _define(result: hl.Func, op: Operation, plain: Plain) -> None:
    define = DEFINE.get(type(op))
    if define is None:
        raise missing("pipeline", op)
    define(result, op, plain, *(plain.values[number] for number in op.operands()))


def _activate(result: hl.Func, op: Activation, plain: Plain, source: Planes) -> None:
    slope = None if op.slope is None else plain.constants.buffer(op.slope)
    result[X, Y, C] = activate(source.planes[X, Y, C], op.function, None if slope is None else slope[C])


def _add(result: hl.Func, op: Add, plain: Plain, *terms: Planes) -> None:
    first, second = (term.planes[X, Y, C if term.channels > 1 else 0] for term in terms)
    result[X, Y, C] = first + second


def _fake_quantize(result: hl.Func, op: FakeQuantize, plain: Plain, source: Planes) -> None:
    zero_points, scales = (
        plain.constants.buffer(np.broadcast_to(np.asarray(array, np.float32), source.channels))
        for array in (op.zero_point, op.inverse_scale)
    )
    result[X, Y, C] = fake_quantize(source.planes[X, Y, C], op, scales[C], zero_points[C])


def _shuffle(result: hl.Func, op: PixelShuffle, plain: Plain, source: Planes) -> None:
    s = op.scale
    result[X, Y, C] = source.planes[X // s, Y // s, C * s * s + (Y % s) * s + X % s]


def _reduce_max(result: hl.Func, op: ReduceMax, plain: Plain, source: Planes) -> None:
    result[X, Y, C] = hl.maximum(source.planes[X, Y, hl.RDom([(0, source.channels)]).x])


def _softmax_sum(result: hl.Func, op: SoftmaxSum, plain: Plain, source: Planes) -> None:
    result[X, Y, C] = weighted_sum(lambda k: source.planes[X, Y, k], source.channels, op.logit)


def _shift_right(result: hl.Func, op: RoundingShiftRight, plain: Plain, source: Planes) -> None:
    rounded = (hl.i64(source.planes[X, Y, C]) + (1 << op.shift - 1)) >> op.shift
    result[X, Y, C] = hl.i32(hl.clamp(rounded, op.minimum, op.maximum))


def _luma(result: hl.Func, op: Luma, plain: Plain, source: Planes) -> None:
    result[X, Y, C] = luma([source.planes[X, Y, k] for k in range(3)], plain.integer)


def _convolve(result: hl.Func, op: Convolution, plain: Plain, source: Planes) -> None:
    weight = plain.constants.buffer(
        op.weight if op.weight_scale is None else op.weight * op.weight_scale[:, None, None, None]
    )
    radius = op.weight.shape[2] // 2
    taps = hl.RDom([(0, op.weight.shape[2]), (0, op.weight.shape[3]), (0, source.channels)])
    x, y = X + taps.x - radius, Y + taps.y - radius
    tap = source.reflected(x, y, taps.z) if op.padding == "reflect" else source.at(x, y, taps.z)
    kind = tap.type()
    if op.padding == "zero":
        inside = (x >= 0) & (x < source.width) & (y >= 0) & (y < source.height)
        padded = hl.cast(kind, 0) if op.pad_value is None else plain.constants.buffer(op.pad_value)[taps.z]
        tap = hl.select(inside, tap, padded)
    if op.bias is None:
        result[X, Y, C] = hl.cast(kind, 0)
    else:
        bias = plain.constants.buffer(op.bias)
        result[X, Y, C] = bias[C]
    result[X, Y, C] += hl.cast(kind, weight[taps.x, taps.y, taps.z, C]) * tap


def _add_chroma(result: hl.Func, op: AddChroma, plain: Plain, source: Planes, picture: Planes) -> None:
    integer = plain.integer
    chroma, enlarged = plain.constants.stage("chroma"), plain.constants.stage("enlarged")
    rgb = [picture.planes[X, Y, k] for k in range(3)]
    chroma[X, Y, C] = picture.planes[X, Y, C] - luma(rgb, integer)
    difference = Planes(chroma, 3, picture.width, picture.height)
    taps = bicubic_taps_of(op.scale, integer)
    plain.parts.append(chroma)
    _upsample(enlarged, Upsample(0, taps, taps), plain, difference)
    plain.parts.append(enlarged)
    result[X, Y, C] = source.planes[X, Y, 0] + enlarged[X, Y, C]


def _upsample(result: hl.Func, op: Upsample, plain: Plain, source: Planes) -> None:
    s, integer, rows = op.scale, plain.integer, plain.constants.stage("rows")
    rows[X, Y, C] = taps_sum(lambda t: source.at(X, Y // s + t, C), Y % s, op.down, integer)
    lines = Planes(rows, source.channels, source.width, source.height * s)
    result[X, Y, C] = taps_sum(lambda t: lines.at(X // s + t, Y, C), X % s, op.across, integer)
    plain.parts.append(rows)


def _lookup(result: hl.Func, op: Lookup, plain: Plain, source: Planes) -> None:
    table, offsets = plain.constants.buffer(op.table), plain.constants.buffer(op.offsets)
    patterns, indices, _ = op.offsets.shape
    outputs = op.table.shape[2]
    every = hl.RDom([(0, patterns)])
    pattern, output = (every.x, C) if op.summed else (C // outputs, C % outputs)
    levels: list[hl.Expr] = []
    for index in range(indices):
        channel, y, x = (offsets[axis, index, pattern] for axis in range(3))
        channel = hl.clamp(channel, 0, source.channels - 1)
        if op.border == "reflect":
            levels.append(tables.level(source.reflected(X + x, Y + y, channel)))
        else:
            levels.append(tables.level(source.at(X + x, Y + y, channel)))
    corners = tables.simplex(op, levels) if op.interpolation == "simplex" else [(tables.row(op, levels), hl.Expr(1))]
    shared = 0 if len(op.table) == 1 else pattern
    last = op.table.shape[1] - 1
    total: hl.Expr = sum((hl.i32(table[output, hl.clamp(r, 0, last), shared]) * w for r, w in corners), hl.Expr(0))
    if op.summed:
        result[X, Y, C] = 0
        result[X, Y, C] += total
    else:
        result[X, Y, C] = total


def _shift_and_sum(result: hl.Func, op: ShiftAndSum, plain: Plain, source: Planes) -> None:
    s = op.scale
    width, height = source.width * s, source.height * s
    shifts, sub_pixels = plain.constants.buffer(tables.shifts(op)), plain.constants.buffer(tables.sub_pixels(op))
    maps = hl.RDom([(0, op.maps), (0, op.rotations)])
    k, rotation = maps.x, maps.y
    y, x = Y - shifts[0, k, rotation], X - shifts[1, k, rotation]
    if op.border == "reflect":
        y, x = tables.reflected(y, height), tables.reflected(x, width)
    else:  # a step is a low-resolution pixel: sub-pixels stay what they are
        y = hl.clamp(y // s, 0, source.height - 1) * s + Y % s
        x = hl.clamp(x // s, 0, source.width - 1) * s + X % s
    value = (rotation * op.maps + k) * s * s + hl.clamp(sub_pixels[x % s, y % s, rotation], 0, s * s - 1)
    value = hl.clamp(value, 0, source.channels - 1)
    result[X, Y, C] = hl.cast(source.planes.type(), 0)
    result[X, Y, C] += source.planes[x // s, y // s, value]


def _rescale(result: hl.Func, op: Rescale, plain: Plain, source: Planes) -> None:
    result[X, Y, C] = tables.rescaled(source.planes[X, Y, C], op)


def _point_sample(result: hl.Func, op: PointSample, plain: Plain, source: Planes, offsets: Planes) -> None:
    group, s, bound = C // (source.channels // op.groups), op.scale, hl.f32(op.bound)
    centers = plain.constants.buffer(op.centers)

    def place(position: hl.Var, channel: hl.Expr) -> tuple[hl.Expr, hl.Expr]:
        """The pixel at or before the place that is read, and how far behind it that is."""
        offset = hl.clamp(offsets.planes[X, Y, channel], -bound, bound) + centers[position % s]
        return position // s + hl.i32(hl.floor(offset)), offset - hl.floor(offset)

    (column, x), (row, y) = place(X, group), place(Y, group + op.groups)
    upper, lower = (source.at(column, r, C) * (hl.f32(1) - x) + source.at(column + 1, r, C) * x for r in (row, row + 1))
    result[X, Y, C] = upper * (hl.f32(1) - y) + lower * y


def _multiply(result: hl.Func, op: Multiply, plain: Plain, source: Planes, other: Planes) -> None:
    result[X, Y, C] = source.planes[X, Y, C] * other.planes[X, Y, C]


def _slice(result: hl.Func, op: Slice, plain: Plain, source: Planes) -> None:
    result[X, Y, C] = source.planes[X, Y, C + op.start]


DEFINE: dict[type[Operation], Callable[..., None]] = {
    Convolution: _convolve,
    Activation: _activate,
    Add: _add,
    FakeQuantize: _fake_quantize,
    PixelShuffle: _shuffle,
    Upsample: _upsample,
    ReduceMax: _reduce_max,
    SoftmaxSum: _softmax_sum,
    RoundingShiftRight: _shift_right,
    Luma: _luma,
    AddChroma: _add_chroma,
    Lookup: _lookup,
    ShiftAndSum: _shift_and_sum,
    Rescale: _rescale,
    PointSample: _point_sample,
    Multiply: _multiply,
    Slice: _slice,
}
"""How each operation is written in Halide: given its result, itself, the stages so far and what it reads."""


FORM = Form(match, algorithm, schedule)
