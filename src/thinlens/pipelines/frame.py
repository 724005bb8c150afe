"""What fused pipelines share: the picture on its way in, luma to the layers and chroma past them, and on its way out.

A pipeline goes from stored elements to stored elements. Between are the layers, which see `Frame.gray` and give the
luma of high-resolution pixels; RGB pictures get their chroma back when those are stored.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import halide as hl

from ..program import FRACTION_BITS
from ..program.reference import LUMA_WEIGHTS_16
from .color import bicubic_sum, luma
from .picture import Picture

X, Y, C, ROW, COLUMN = (hl.Var(name) for name in ("x", "y", "c", "row", "column"))
"""ROW and COLUMN are those of a sub-pixel: high-resolution pixels are indexed by a
low-resolution pixel and these."""
GUARD, WHOLE, SHIFT = hl.TailStrategy.GuardWithIf, hl.TailStrategy.RoundUp, hl.TailStrategy.ShiftInwards


@dataclass(frozen=True)
class Frame:
    """The stages around the layers, in the order of the flow.

    `gray[x, y]` is the luma with edges repeated: float32, or uint8 in integer arithmetic.
    `rows[x, y, c, row]` is the chroma, enlarged along y. `line[x, y, row]` holds stored elements, RGB interleaved, of
    the high-resolution rows of `row_group` low-resolution rows, which are computed together.
    """

    picture: Picture
    source: hl.ImageParam
    scale: int
    integer: bool
    row_group: int
    gray: hl.Func
    chroma: hl.Func
    rows: hl.Func
    line: hl.Func
    output: hl.Func

    @property
    def inside(self) -> hl.Expr:
        """Whether (X, Y) is a pixel of the picture."""
        return (X >= 0) & (X < self.picture.width(self.source)) & (Y >= 0) & (Y < self.picture.height(self.source))


def begin(picture: Picture, source: hl.ImageParam, scale: int, integer: bool, row_group: int = 1) -> Frame:
    """The stages before the layers; those after them are declared, not defined."""
    gray, chroma, rows, line, output = (hl.Func(name) for name in ("gray", "chroma", "rows", "line", "output"))
    elements = [picture.element(source, X, Y, c) for c in range(picture.channels)]
    values = elements if integer else [picture.decode(element, integer=False) for element in elements]
    gray[X, Y] = (
        level(picture, source, X, Y) if integer else values[0] if picture.channels == 1 else luma(values, False)
    )

    if picture.channels == 3:
        if integer:
            difference = (hl.mux(C, [hl.i16(element) for element in elements]) - hl.i16(gray[X, Y])) << FRACTION_BITS
        else:
            difference = hl.mux(C, values) - gray[X, Y]
        chroma[X, Y, C] = difference
        rows[X, Y, C, ROW] = bicubic_sum(lambda t: hl.Expr(chroma[X, Y + t, C]), ROW, scale, integer)
    return Frame(picture, source, scale, integer, row_group, gray, chroma, rows, line, output)


def level(picture: Picture, source: hl.ImageParam, x: hl.Expr, y: hl.Expr) -> hl.Expr:
    """The luma of a uint8 picture at (x, y), edges repeated, rounded to uint8."""
    elements = [picture.element(source, x, y, c) for c in range(picture.channels)]
    if picture.channels == 1:
        return elements[0]
    products = [hl.u32(element) * hl.u32(weight) for element, weight in zip(elements, LUMA_WEIGHTS_16, strict=True)]
    return hl.u8((products[0] + products[1] + products[2] + (1 << 15)) >> 16)


def finish(frame: Frame, upscaled: Callable[[hl.Expr, hl.Expr], hl.Expr], element: Callable[..., hl.Expr]) -> None:
    """The stages after the layers.

    `upscaled(x, column)` is their result in low-resolution row Y, sub-pixel row ROW; `element(result)` or, in color,
    `element(result, chroma)` is what to store.
    """
    s, channels, group = frame.scale, frame.picture.channels, frame.row_group
    x, column = X // channels // s, X // channels % s
    if channels == 1:
        frame.line[X, Y, ROW] = element(upscaled(x, column))
    else:
        chroma = bicubic_sum(
            lambda t: hl.Expr(frame.rows[x + t, Y * group + ROW // s, X % 3, ROW % s]), column, s, frame.integer
        )
        frame.line[X, Y, ROW] = element(upscaled(x, column), chroma)
    frame.output[X, Y] = frame.line[X, Y // (s * group), Y % (s * group)]


def float_element(picture: Picture) -> Callable[..., hl.Expr]:
    """What to store of a float32 result and, in color, its chroma."""

    def element(result: hl.Expr, chroma: hl.Expr | None = None) -> hl.Expr:
        return picture.encode(result if chroma is None else result + chroma, integer=False)

    return element


def schedule_blocks(
    output: hl.Func, picture: Picture, source: hl.ImageParam, scale: int, group: int, block: int, tasks: hl.Expr
) -> tuple[hl.Var, hl.Var]:
    """An output in blocks of `block` low-resolution rows, in parallel, and these in groups of `group` rows.

    Returns the variables of the blocks and of the groups.
    """
    task, yb, yi, ys, i = (hl.Var(name) for name in ("task", "yb", "yi", "ys", "i"))
    blocks = (picture.height(source) + block - 1) // block
    output.split(Y, yb, yi, block * scale, GUARD).split(yb, task, yb, (blocks + tasks - 1) // tasks, GUARD)
    output.split(yi, ys, i, scale * group, GUARD).parallel(task).never_partition([task, yb, ys, i])
    output.vectorize(X, 64 // picture.dtype.itemsize, hl.TailStrategy.PredicateStores)
    return yb, ys


def schedule_line(frame: Frame, vector: int) -> tuple[hl.Var, hl.Var]:
    """A line in blocks of `vector` low-resolution pixels, all elements of a block together.

    Returns the variables of the blocks and of the low-resolution pixels in a block.
    """
    s, line = frame.scale, frame.line
    block, xi, j, c = (hl.Var(name) for name in ("block", "xi", "j", "c"))
    line.bound(ROW, 0, s * frame.row_group)
    if frame.picture.channels == 1:
        line.split(X, xi, j, s, WHOLE).split(xi, block, xi, vector, WHOLE).reorder(j, xi, ROW, block, Y)
    else:
        line.split(X, xi, c, 3, WHOLE).split(xi, xi, j, s, WHOLE).split(xi, block, xi, vector, WHOLE)
        line.reorder(c, j, xi, ROW, block, Y).unroll(c)
    line.unroll(j).vectorize(xi)
    return block, xi


def schedule_chroma(frame: Frame, vector: int) -> None:
    """Vectors along x, channels and sub-pixel rows unrolled; where to compute them is up to the layers."""
    if frame.picture.channels == 3:
        frame.gray.vectorize(X, vector)
        frame.chroma.bound(C, 0, 3).reorder(C, X, Y).unroll(C).vectorize(X, vector)
        frame.rows.bound(C, 0, 3).bound(ROW, 0, frame.scale).reorder(ROW, X, C, Y).unroll(ROW).vectorize(X, vector)
