"""What both look-ups share: the eight weights of a cell's corners, blocks of pixels, and their way out.

A block of some pixels of a row goes through stages that stay in the cache: the position of each color in the table,
vectors along x; the number of its cell and the weights of the cell's corners; then pixel by pixel the sum of entries
times weights, one vector of all channels; then, vectors along x again, the elements to store.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import halide as hl
import numpy as np

from ...program import Interpolation
from ..picture import Picture

X, Y, C, CORNER = (hl.Var(name) for name in ("x", "y", "c", "corner"))
GUARD = hl.TailStrategy.GuardWithIf
CORNERS = tuple(np.ndindex(2, 2, 2))
"""The corners of a cell, 0 or 1 for red, green and blue; blue changes first."""


@dataclass(frozen=True)
class Stages:
    """The stages of a look-up and what they read, in the order of the flow.

    `position[x, y, c]` is where a color lies along each axis of the table; `cell[x, y]`, where its cell begins in the
    table, and `weights[corner, x, y]` follow from it. `sums[c, x, y]` has all channels of a pixel and a fourth,
    `elements[c, x, y]` the same as they are stored, `line[c, x, y]` three of them.
    """

    picture: Picture
    inputs: list[Any]
    position: hl.Func
    cell: hl.Func
    weights: hl.Func
    sums: hl.Func
    elements: hl.Func
    line: hl.Func
    output: hl.Func

    @property
    def source(self) -> hl.ImageParam:
        """The picture: the first of the inputs."""
        source: hl.ImageParam = self.inputs[0]
        return source


def finish(elements: hl.Func) -> tuple[hl.Func, hl.Func]:
    """The line and the output `(W * 3, H)` of elements."""
    line, output = hl.Func("line"), hl.Func("output")
    line[C, X, Y] = elements[C, X, Y]
    output[X, Y] = line[X % 3, X // 3, Y]
    return line, output


def schedule(stages: Stages, block: int, tasks: hl.Expr) -> None:
    """All but the sums: rows in parallel, `block` pixels at a time."""
    task, xi, fused, output = hl.Var("task"), hl.Var("xi"), hl.Var("fused"), stages.output
    rows = (stages.picture.height(stages.source) + tasks - 1) // tasks
    output.split(Y, task, Y, rows, GUARD).parallel(task)
    output.split(X, X, xi, 3 * block, GUARD).vectorize(xi)
    stages.line.compute_at(output, X).bound(C, 0, 3).bound_extent(X, block)
    stages.line.reorder(C, X).unroll(C).vectorize(X, block)
    stages.elements.compute_at(output, X).bound(C, 0, 4).bound_extent(X, block)
    stages.elements.fuse(C, X, fused).vectorize(fused, 64 // stages.picture.dtype.itemsize)
    stages.position.compute_at(output, X).bound(C, 0, 3).bound_extent(X, block)
    stages.position.reorder(C, X).unroll(C).vectorize(X, block)
    stages.cell.compute_at(output, X).bound_extent(X, block).vectorize(X, block)
    stages.weights.compute_at(output, X).bound(CORNER, 0, len(CORNERS)).bound_extent(X, block)
    stages.weights.reorder(CORNER, X).unroll(CORNER).vectorize(X, block)
    stages.sums.compute_at(output, X).bound(C, 0, 4).bound_extent(X, block)


def tetrahedral(fractions: Sequence[hl.Expr], one: hl.Expr) -> list[hl.Expr]:
    """The weights of all corners, four of which are 0, by the fractions of red, green and blue."""
    result: list[hl.Expr] = []
    for corner in CORNERS:
        least, largest = one, hl.cast(one.type(), 0)
        for fraction, side in zip(fractions, corner, strict=True):
            if side:
                least = hl.min(least, fraction)
            else:
                largest = hl.max(largest, fraction)
        result.append(hl.max(least - largest, hl.cast(one.type(), 0)))
    return result


def trilinear(
    fractions: Sequence[hl.Expr], one: hl.Expr, product: Callable[[hl.Expr, hl.Expr], hl.Expr]
) -> list[hl.Expr]:
    """The weights of all corners, whose sum is exactly `one` in integers, given how two fractions are multiplied."""
    red, green, blue = fractions
    both = product(red, green)
    result: list[hl.Expr] = []
    for weight in (one - red - green + both, green - both, red - both, both):
        upper = product(weight, blue)
        result += [weight - upper, upper]
    return result


def weigh(
    interpolation: Interpolation,
    fractions: Sequence[hl.Expr],
    one: hl.Expr,
    product: Callable[[hl.Expr, hl.Expr], hl.Expr],
) -> list[hl.Expr]:
    """The weights of all corners of a cell, in the order of `CORNERS`."""
    return trilinear(fractions, one, product) if interpolation == "trilinear" else tetrahedral(fractions, one)


def place(cell: hl.Expr) -> hl.Expr:
    """Where a cell begins in a table. Halide is not to know its bounds: it would clamp it once more for every pixel."""
    return hl.reinterpret(hl.Int(32), hl.reinterpret(hl.UInt(32), cell))


def element(picture: Picture, source: hl.ImageParam, c: hl.Expr | int) -> hl.Expr:
    """The element of a channel at (X, Y), the last pixel of a row repeated."""
    return source[hl.clamp(X, 0, picture.width(source) - 1) * 3 + c, Y]


def table_parameter(kind: hl.Type) -> hl.ImageParam:
    """A table as a kernel reads it, all of its elements in a row: so the place of an entry is found once."""
    table = hl.ImageParam(kind, 1, "table")
    table.dim(0).set_min(0).set_stride(1)
    return table
