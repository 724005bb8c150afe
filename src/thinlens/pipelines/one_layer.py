"""One convolution, a pixel shuffle, one way to choose among channels: fused from stored bytes to stored bytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import halide as hl
import numpy as np
from numpy.typing import NDArray

from thinlens.program.ops import Padding, Score

from .color import bicubic_sum, luma
from .picture import Picture
from .softmax import weighted_sum

X, Y, C, I, J = (hl.Var(name) for name in ("x", "y", "c", "i", "j"))


@dataclass(frozen=True)
class OneLayer:
    """What the fused form needs to know of a program.

    `weight` is `(maps * scale**2, kernel, kernel)`; the maps of a high pixel become one value by `choice`.
    """

    weight: NDArray[Any]
    bias: NDArray[Any] | None
    padding: Padding
    scale: int
    choice: Literal["maximum"] | Score

    @property
    def maps(self) -> int:
        """Channels after the pixel shuffle."""
        return len(self.weight) // self.scale**2

    @property
    def kernel(self) -> int:
        """Side of the kernels in pixels."""
        return self.weight.shape[-1]


@dataclass(frozen=True)
class Stages:
    """The stages of a fused pipeline, in the order of the flow; `arrays` keeps the weights alive."""

    padded: hl.Func
    chroma: hl.Func | None
    rows: hl.Func | None
    maps: hl.Func
    high: hl.Func
    line: hl.Func
    output: hl.Func
    arrays: list[NDArray[Any]]


def algorithm(layer: OneLayer, picture: Picture, source: hl.ImageParam) -> Stages:
    """The stages in float32; the output is `(W * channels * scale, H * scale)` as stored."""
    s, channels = layer.scale, picture.channels
    weight, bias, arrays = _weights(layer)
    width, height = picture.width(source), picture.height(source)

    def value(x: hl.Expr, y: hl.Expr, c: int) -> hl.Expr:
        return picture.decode(picture.element(source, x, y, c), integer=False)

    def gray(x: hl.Expr, y: hl.Expr) -> hl.Expr:
        return value(x, y, 0) if channels == 1 else luma([value(x, y, c) for c in range(3)], integer=False)

    padded, maps, high = hl.Func("padded"), hl.Func("maps"), hl.Func("high")
    inside = (X >= 0) & (X < width) & (Y >= 0) & (Y < height)
    padded[X, Y] = gray(X, Y) if layer.padding == "edge" else hl.select(inside, gray(X, Y), hl.f32(0))
    taps = hl.RDom([(0, layer.kernel), (0, layer.kernel)])
    radius = layer.kernel // 2
    maps[X, Y, J, I, C] = bias[C, J, I] if bias else hl.f32(0)
    maps[X, Y, J, I, C] += weight[C, taps.x, taps.y, J, I] * padded[X + taps.x - radius, Y + taps.y - radius]
    if layer.choice == "maximum":
        largest = maps[X, Y, J, I, 0]
        for c in range(1, layer.maps):
            largest = hl.max(largest, maps[X, Y, J, I, c])
        high[X, Y, J, I] = largest
    else:
        high[X, Y, J, I] = weighted_sum(lambda c: hl.Expr(maps[X, Y, J, I, c]), layer.maps, layer.choice)

    chroma, rows = None, None
    column = X // channels
    result = high[column // s, Y, column % s, I]
    if channels == 3:
        chroma, rows = hl.Func("chroma"), hl.Func("rows")
        chroma[X, Y, C] = hl.mux(C, [value(X, Y, c) for c in range(3)]) - gray(X, Y)
        rows[X, Y, C, I] = bicubic_sum(lambda t: hl.Expr(chroma[X, Y + t, C]), I, s, integer=False)
        across = bicubic_sum(lambda t: hl.Expr(rows[column // s + t, Y, X % 3, I]), column % s, s, False)
        result = result + across
    line, output = hl.Func("line"), hl.Func("output")
    line[X, Y, I] = picture.encode(result, integer=False)
    output[X, Y] = line[X, Y // s, Y % s]
    return Stages(padded, chroma, rows, maps, high, line, output, arrays)


def _weights(layer: OneLayer) -> tuple[hl.Buffer, hl.Buffer | None, list[NDArray[Any]]]:
    """Weights as `[map, x, y, j, i]` and bias as `[map, j, i]`, the map innermost: those of one tap lie together."""
    s, k = layer.scale, layer.kernel
    weight = layer.weight.reshape(layer.maps, s, s, k, k).transpose(1, 2, 3, 4, 0).copy()
    if layer.bias is None:
        return hl.Buffer(weight), None, [weight]
    bias = layer.bias.reshape(layer.maps, s, s).transpose(1, 2, 0).copy()
    return hl.Buffer(weight), hl.Buffer(bias), [weight, bias]


def schedule(layer: OneLayer, picture: Picture, stages: Stages, tasks: hl.Expr, height: hl.Expr) -> None:
    """Blocks of low rows in parallel; per vector of low pixels and sub-pixel, all maps in registers.

    Only the last stage knows where the picture ends: all before it compute whole vectors, so that a pixel is computed
    by the same instructions wherever it lies.
    """
    s, block, vector = layer.scale, 8, 32
    yb, yi, yl, i, task = hl.Var("yb"), hl.Var("yi"), hl.Var("yl"), hl.Var("i"), hl.Var("task")
    blocks = (height + block - 1) // block
    output, line, high, maps = stages.output, stages.line, stages.high, stages.maps
    guard, whole = hl.TailStrategy.GuardWithIf, hl.TailStrategy.RoundUp
    output.split(Y, yb, yi, block * s, guard).split(yb, task, yb, (blocks + tasks - 1) // tasks, guard)
    output.split(yi, yl, i, s, guard).vectorize(X, 64 // picture.dtype.itemsize, hl.TailStrategy.PredicateStores)
    output.parallel(task)

    output.never_partition([task, yb, yl, i])

    xo, xi, j = hl.Var("xo"), hl.Var("xi"), hl.Var("j")
    line.compute_at(output, yl).bound(I, 0, s)
    if picture.channels == 1:
        line.split(X, xi, j, s, whole).split(xi, xo, xi, vector, whole).reorder(j, xi, I, xo, Y).unroll(j).vectorize(xi)
    else:
        c = hl.Var("c")
        line.split(X, xi, c, 3, whole).split(xi, xi, j, s, whole).split(xi, xo, xi, vector, whole)
        line.reorder(c, j, xi, I, xo, Y).unroll(c).unroll(j).vectorize(xi)
    high.compute_at(line, I).vectorize(X, vector)
    maps.compute_at(high, J).vectorize(X, vector).unroll(C)
    update = maps.update()
    rx, ry = maps.rvars(0)
    if layer.maps <= 12:
        update.reorder(C, X, rx, ry).vectorize(X, vector).unroll(C)
    else:
        co, ci = hl.Var("co"), hl.Var("ci")
        update.split(C, co, ci, 12).reorder(ci, X, rx, ry, co).vectorize(X, vector).unroll(ci)
    stages.padded.compute_at(output, yb).vectorize(X, 16)
    if stages.chroma is not None and stages.rows is not None:
        stages.chroma.compute_at(output, yb).bound(C, 0, 3).reorder(C, X, Y).unroll(C).vectorize(X, 16)
        stages.rows.compute_at(output, yl).bound(C, 0, 3).bound(I, 0, s).reorder(I, X, C, Y).unroll(I).vectorize(X, 16)
