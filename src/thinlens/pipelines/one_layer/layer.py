"""What the float32 and the fixed-point form of one-layer programs share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import halide as hl
from numpy.typing import NDArray

from ...program import (
    AddChroma,
    Convolution,
    Logit,
    Luma,
    Padding,
    PixelShuffle,
    Program,
    ReduceMax,
    RoundingShiftRight,
    SoftmaxSum,
)
from ..frame import Frame, X, Y, schedule_blocks, schedule_chroma, schedule_line


@dataclass(frozen=True)
class OneLayer:
    """What a fused form needs to know of a program.

    `weight` is `(channels * scale**2, kernel, kernel)`; the channels of a high-resolution pixel become one value by
    `choice`. `shift` is that of the final rounding in integer arithmetic, None in float arithmetic.
    """

    weight: NDArray[Any]
    bias: NDArray[Any] | None
    padding: Padding
    scale: int
    choice: Literal["maximum"] | Logit
    shift: int | None

    @property
    def channels(self) -> int:
        """Channels after the pixel shuffle."""
        return len(self.weight) // self.scale**2

    @property
    def kernel(self) -> int:
        """Side of the kernels in pixels."""
        return self.weight.shape[-1]


def match(program: Program) -> OneLayer | None:
    """The program as one layer, if it is one: luma → convolution → shuffle → choice → shift → chroma."""
    ops = list(program.ops)
    if program.takes_features or [max(op.operands()) for op in ops] != list(range(len(ops))):
        return None
    if program.channels == 3:
        if not isinstance(ops[0], Luma) or not isinstance(ops[-1], AddChroma) or ops[-1].picture != 0:
            return None
        ops = ops[1:-1]
    shift = None
    if program.integer:
        last = ops.pop()
        if not isinstance(last, RoundingShiftRight) or (last.minimum, last.maximum) != (-32768, 32767):
            return None
        shift = last.shift
    match ops:
        case [Convolution() as layer, PixelShuffle(scale=scale)]:
            choice = "maximum"
        case [Convolution() as layer, PixelShuffle(scale=scale), ReduceMax()]:
            choice = "maximum"
        case [Convolution() as layer, PixelShuffle(scale=scale), SoftmaxSum(logit=choice)]:
            pass
        case _:
            return None
    if layer.pad_value is not None or layer.weight_scale is not None or layer.padding == "reflect":
        return None
    return OneLayer(layer.weight[:, 0], layer.bias, layer.padding, scale, choice, shift)


def padded(layer: OneLayer, frame: Frame) -> hl.Func:
    """The luma `[x, y]`, padded as the layer wants it."""
    result = hl.Func("padded")
    gray = hl.Expr(frame.gray[X, Y])
    result[X, Y] = gray if layer.padding == "edge" else hl.select(frame.inside, gray, hl.cast(gray.type(), 0))
    return result


def schedule(frame: Frame, vector: int, block: int, tasks: hl.Expr) -> tuple[hl.LoopLevel, hl.LoopLevel]:
    """Blocks of `block` low-resolution rows in parallel, `vector` low-resolution pixels of a line at a time.

    Only the output knows where the picture ends: all before it compute whole vectors, so that a pixel is computed by
    the same instructions wherever it lies. Returns where to compute what a block needs, and what a group of rows needs.
    """
    picture, output = frame.picture, frame.output
    yb, ys = schedule_blocks(output, picture, frame.source, frame.scale, frame.row_group, block, tasks)
    schedule_line(frame, vector)
    frame.line.compute_at(output, ys)
    if picture.channels == 3:
        schedule_chroma(frame, 32 if frame.integer else 16)
        frame.gray.compute_at(output, yb)
        frame.chroma.compute_at(output, yb)
        frame.rows.compute_at(output, ys)
    return hl.LoopLevel(output, yb), hl.LoopLevel(output, ys)
