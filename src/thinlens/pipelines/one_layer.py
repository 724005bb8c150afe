"""Programs of one convolution, a pixel shuffle and one way to choose among channels, fused from bytes to bytes.

Here is what their float and integer forms share: the picture on its way in, luma to the layer and chroma past it, and
lines of stored elements on the way out. What lies between is in one_layer_float and one_layer_integer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import halide as hl
from numpy.typing import NDArray

from ..program import FRACTION_BITS
from ..program.ops import Padding, Score
from ..program.reference import LUMA_WEIGHTS_16
from .color import bicubic_sum, luma
from .picture import Picture

X, Y, C, ROW, COLUMN = (hl.Var(name) for name in ("x", "y", "c", "row", "column"))
"""ROW and COLUMN are those of a sub-pixel: high pixels are indexed by a low pixel and these."""
GUARD, WHOLE = hl.TailStrategy.GuardWithIf, hl.TailStrategy.RoundUp


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
class Frame:
    """The stages around a layer, in the order of the flow.

    `gray[x, y]` is the luma with edges repeated, `padded[x, y]` with the layer's padding: float32, or levels in uint8
    in integer arithmetic. `rows[x, y, c, row]` is the chroma, enlarged along y. `line[x, y, row]` holds stored
    elements, RGB interleaved, of the high rows of `step` low rows, which are computed together.
    """

    layer: OneLayer
    picture: Picture
    source: hl.ImageParam
    step: int
    gray: hl.Func
    padded: hl.Func
    chroma: hl.Func
    rows: hl.Func
    line: hl.Func
    output: hl.Func


def begin(layer: OneLayer, picture: Picture, source: hl.ImageParam, step: int) -> Frame:
    """The stages before the layer; those after it are declared, not defined."""
    gray, padded, chroma, rows, line, output = (
        hl.Func(name) for name in ("gray", "padded", "chroma", "rows", "line", "output")
    )
    integer = layer.shift is not None
    levels = [picture.element(source, X, Y, c) for c in range(picture.channels)]
    values = levels if integer else [picture.decode(level, integer=False) for level in levels]
    if picture.channels == 1:
        gray[X, Y] = values[0]
    elif not integer:
        gray[X, Y] = luma(values, integer=False)
    else:
        products = [hl.u32(level) * hl.u32(weight) for level, weight in zip(levels, LUMA_WEIGHTS_16, strict=True)]
        gray[X, Y] = hl.u8((products[0] + products[1] + products[2] + (1 << 15)) >> 16)

    inside = (X >= 0) & (X < picture.width(source)) & (Y >= 0) & (Y < picture.height(source))
    outside = hl.cast(gray.type(), 0)
    padded[X, Y] = gray[X, Y] if layer.padding == "edge" else hl.select(inside, gray[X, Y], outside)

    if picture.channels == 3:
        if integer:
            difference = (hl.mux(C, [hl.i16(level) for level in levels]) - hl.i16(gray[X, Y])) << FRACTION_BITS
        else:
            difference = hl.mux(C, values) - gray[X, Y]
        chroma[X, Y, C] = difference
        rows[X, Y, C, ROW] = bicubic_sum(lambda t: hl.Expr(chroma[X, Y + t, C]), ROW, layer.scale, integer)
    return Frame(layer, picture, source, step, gray, padded, chroma, rows, line, output)


def finish(frame: Frame, high: Callable[[hl.Expr, hl.Expr], hl.Expr], element: Callable[..., hl.Expr]) -> None:
    """The stages after the layer.

    `high(x, column)` is the layer's result in low row Y, sub-pixel row ROW; `element(high)` or, in color,
    `element(high, chroma)` is what to store.
    """
    s, channels, step = frame.layer.scale, frame.picture.channels, frame.step
    x, column = X // channels // s, X // channels % s
    if channels == 1:
        frame.line[X, Y, ROW] = element(high(x, column))
    else:
        integer = frame.layer.shift is not None
        chroma = bicubic_sum(
            lambda t: hl.Expr(frame.rows[x + t, Y * step + ROW // s, X % 3, ROW % s]), column, s, integer
        )
        frame.line[X, Y, ROW] = element(high(x, column), chroma)
    frame.output[X, Y] = frame.line[X, Y // (s * step), Y % (s * step)]


def schedule(frame: Frame, vector: int, block: int, tasks: hl.Expr) -> tuple[hl.LoopLevel, hl.LoopLevel]:
    """Blocks of `block` low rows in parallel, `vector` low pixels of a line at a time.

    Only the output knows where the picture ends: all before it compute whole vectors, so that a pixel is computed by
    the same instructions wherever it lies. Returns where to compute what a block needs, and what `step` rows need.
    """
    s, picture, step = frame.layer.scale, frame.picture, frame.step
    output, line = frame.output, frame.line
    task, yb, yi, ys, i = (hl.Var(name) for name in ("task", "yb", "yi", "ys", "i"))
    blocks = (picture.height(frame.source) + block - 1) // block
    output.split(Y, yb, yi, block * s, GUARD).split(yb, task, yb, (blocks + tasks - 1) // tasks, GUARD)
    output.split(yi, ys, i, s * step, GUARD).parallel(task).never_partition([task, yb, ys, i])
    output.vectorize(X, 64 // picture.dtype.itemsize, hl.TailStrategy.PredicateStores)

    xo, xi, j, c = (hl.Var(name) for name in ("xo", "xi", "j", "c"))
    line.compute_at(output, ys).bound(ROW, 0, s * step)
    if picture.channels == 1:
        line.split(X, xi, j, s, WHOLE).split(xi, xo, xi, vector, WHOLE).reorder(j, xi, ROW, xo, Y)
    else:
        line.split(X, xi, c, 3, WHOLE).split(xi, xi, j, s, WHOLE).split(xi, xo, xi, vector, WHOLE)
        line.reorder(c, j, xi, ROW, xo, Y).unroll(c)
        width = 32 if frame.layer.shift is not None else 16
        frame.gray.compute_at(output, yb).vectorize(X, width)
        frame.chroma.compute_at(output, yb).bound(C, 0, 3).reorder(C, X, Y).unroll(C).vectorize(X, width)
        frame.rows.compute_at(output, ys).bound(C, 0, 3).bound(ROW, 0, s).reorder(ROW, X, C, Y).unroll(ROW)
        frame.rows.vectorize(X, width)
    line.unroll(j).vectorize(xi)
    return hl.LoopLevel(output, yb), hl.LoopLevel(output, ys)
