"""One convolution, a pixel shuffle, one way to choose among channels: fused from stored bytes to stored bytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import halide as hl
import numpy as np
from numpy.typing import NDArray

from ..program.ops import Padding, Score
from .color import bicubic_sum, luma
from .picture import Picture
from .softmax import weighted_sum

X, Y, C, ROW, COLUMN = (hl.Var(name) for name in ("x", "y", "c", "row", "column"))


@dataclass(frozen=True)
class OneLayer:
    """What the fused form needs to know of a program.

    `weight` is `(maps * scale**2, kernel, kernel)`; the maps of a high pixel become one value by `choice`.
    `shift` is that of the final rounding in integer arithmetic, None in float arithmetic.
    """

    weight: NDArray[Any]
    bias: NDArray[Any] | None
    padding: Padding
    scale: int
    choice: Literal["maximum"] | Score
    shift: int | None

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
    weight, bias = _weights(layer)
    weights, biases = hl.Buffer(weight), hl.Buffer(bias)
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
    maps[X, Y, COLUMN, ROW, C] = biases[C, COLUMN, ROW]
    maps[X, Y, COLUMN, ROW, C] += (
        weights[C, taps.x, taps.y, COLUMN, ROW] * padded[X + taps.x - radius, Y + taps.y - radius]
    )
    if layer.choice == "maximum":
        largest = maps[X, Y, COLUMN, ROW, 0]
        for c in range(1, layer.maps):
            largest = hl.max(largest, maps[X, Y, COLUMN, ROW, c])
        high[X, Y, COLUMN, ROW] = largest
    else:
        high[X, Y, COLUMN, ROW] = weighted_sum(lambda c: hl.Expr(maps[X, Y, COLUMN, ROW, c]), layer.maps, layer.choice)

    chroma, rows = None, None
    low, side = X // channels // s, X // channels % s
    result = high[low, Y, side, ROW]
    if channels == 3:
        chroma, rows = hl.Func("chroma"), hl.Func("rows")
        chroma[X, Y, C] = hl.mux(C, [value(X, Y, c) for c in range(3)]) - gray(X, Y)
        rows[X, Y, C, ROW] = bicubic_sum(lambda t: hl.Expr(chroma[X, Y + t, C]), ROW, s, integer=False)
        across = bicubic_sum(lambda t: hl.Expr(rows[low + t, Y, X % 3, ROW]), side, s, False)
        result = result + across
    line, output = hl.Func("line"), hl.Func("output")
    line[X, Y, ROW] = picture.encode(result, integer=False)
    output[X, Y] = line[X, Y // s, Y % s]
    return Stages(padded, chroma, rows, maps, high, line, output, [weight, bias])


def _blocks(layer: OneLayer) -> tuple[int, int]:
    """How many blocks of how many maps: with two vectors of each, a block's sums stay in 24 of 32 registers."""
    number = -(-layer.maps // 12)
    return number, -(-layer.maps // number)


def _weights(layer: OneLayer) -> tuple[NDArray[Any], NDArray[Any]]:
    """Weights as `[map, x, y, column, row]`, bias as `[map, column, row]` for Halide, zeros after the last map.

    The map is innermost, so that the weights of one tap lie together.
    """
    s, k = layer.scale, layer.kernel
    number, size = _blocks(layer)
    weight = np.zeros((s, s, k, k, number * size), np.float32)
    weight[..., : layer.maps] = layer.weight.reshape(layer.maps, s, s, k, k).transpose(1, 2, 3, 4, 0)
    bias = np.zeros((s, s, number * size), np.float32)
    if layer.bias is not None:
        bias[..., : layer.maps] = layer.bias.reshape(layer.maps, s, s).transpose(1, 2, 0)
    return weight, bias


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
    line.compute_at(output, yl).bound(ROW, 0, s)
    if picture.channels == 1:
        line.split(X, xi, j, s, whole).split(xi, xo, xi, vector, whole).reorder(j, xi, ROW, xo, Y).unroll(j).vectorize(
            xi
        )
    else:
        c = hl.Var("c")
        line.split(X, xi, c, 3, whole).split(xi, xi, j, s, whole).split(xi, xo, xi, vector, whole)
        line.reorder(c, j, xi, ROW, xo, Y).unroll(c).unroll(j).vectorize(xi)
    high.compute_at(line, ROW).vectorize(X, vector)
    maps.compute_at(high, COLUMN).vectorize(X, vector).unroll(C)
    update = maps.update()
    rx, ry = maps.rvars(0)
    part, inner = hl.Var("part"), hl.Var("inner")
    update.split(C, part, inner, _blocks(layer)[1]).reorder(inner, X, rx, ry, part)
    update.vectorize(X, vector).unroll(inner)
    stages.padded.compute_at(output, yb).vectorize(X, 16)
    if stages.chroma is not None and stages.rows is not None:
        stages.chroma.compute_at(output, yb).bound(C, 0, 3).reorder(C, X, Y).unroll(C).vectorize(X, 16)
        stages.rows.compute_at(output, yl).bound(C, 0, 3).bound(ROW, 0, s).reorder(ROW, X, C, Y).unroll(ROW).vectorize(
            X, 16
        )
