"""Programs of one convolution, a pixel shuffle and one way to choose among channels, fused from bytes to bytes.

Here is what their float and integer forms share; what they do not is in one_layer_float and one_layer_integer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import halide as hl
from numpy.typing import NDArray

from ..program import Logit, Padding
from .frame import GUARD, Frame, X, Y, schedule_chroma, schedule_line


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
    choice: Literal["maximum"] | Logit
    shift: int | None

    @property
    def maps(self) -> int:
        """Channels after the pixel shuffle."""
        return len(self.weight) // self.scale**2

    @property
    def kernel(self) -> int:
        """Side of the kernels in pixels."""
        return self.weight.shape[-1]


def padded(layer: OneLayer, frame: Frame) -> hl.Func:
    """The luma `[x, y]`, outside the picture as the layer wants it."""
    result = hl.Func("padded")
    gray = hl.Expr(frame.gray[X, Y])
    result[X, Y] = gray if layer.padding == "edge" else hl.select(frame.inside, gray, hl.cast(gray.type(), 0))
    return result


def schedule(frame: Frame, vector: int, block: int, tasks: hl.Expr) -> tuple[hl.LoopLevel, hl.LoopLevel]:
    """Blocks of `block` low rows in parallel, `vector` low pixels of a line at a time.

    Only the output knows where the picture ends: all before it compute whole vectors, so that a pixel is computed by
    the same instructions wherever it lies. Returns where to compute what a block needs, and what `step` rows need.
    """
    s, picture, step = frame.scale, frame.picture, frame.step
    output = frame.output
    task, yb, yi, ys, i = (hl.Var(name) for name in ("task", "yb", "yi", "ys", "i"))
    blocks = (picture.height(frame.source) + block - 1) // block
    output.split(Y, yb, yi, block * s, GUARD).split(yb, task, yb, (blocks + tasks - 1) // tasks, GUARD)
    output.split(yi, ys, i, s * step, GUARD).parallel(task).never_partition([task, yb, ys, i])
    output.vectorize(X, 64 // picture.dtype.itemsize, hl.TailStrategy.PredicateStores)

    schedule_line(frame, vector)
    frame.line.compute_at(output, ys)
    if picture.channels == 3:
        schedule_chroma(frame, 32 if frame.integer else 16)
        frame.gray.compute_at(output, yb)
        frame.chroma.compute_at(output, yb)
        frame.rows.compute_at(output, ys)
    return hl.LoopLevel(output, yb), hl.LoopLevel(output, ys)
