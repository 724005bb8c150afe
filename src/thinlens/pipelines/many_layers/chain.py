"""What the float32 and the quantized form of chains of layers share: the chain, what follows it, and the tiles.

No feature map is ever whole in memory. The picture is cut into tiles, each so wide that the lines of all feature maps
which are needed at a time stay in the second-level cache; within a tile the layers go down line by line, one after the
other, and keep just the lines that the next layer still reads. So only the sides of a tile are computed twice, and its
first lines.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeVar

import halide as hl
import numpy as np

from ...program import (
    Activation,
    Add,
    AddChroma,
    Convolution,
    FakeQuantize,
    Function,
    Logit,
    Luma,
    Operation,
    PixelShuffle,
    Program,
    ReduceMax,
    SoftmaxSum,
)
from ..activation import activate
from ..constants import Constants
from ..frame import GUARD, SHIFT, WHOLE, Frame, X, Y
from ..softmax import weighted_sum

Kind = TypeVar("Kind", FakeQuantize, Convolution, Activation, PixelShuffle)
WIDEST = 1024
"""Low-resolution pixels across a tile."""
LOWEST, HIGHEST = 32, 192
"""Low-resolution rows of a tile, at least and at most."""


@dataclass(frozen=True)
class Layer:
    """A convolution, the quantization of its source, if it has one, and the activation after it."""

    convolution: Convolution
    quantization: FakeQuantize | None
    activation: Activation | None

    @property
    def inputs(self) -> int:
        """Channels of the source."""
        return self.convolution.weight.shape[1]

    @property
    def outputs(self) -> int:
        """Channels of the result."""
        return self.convolution.weight.shape[0]

    @property
    def kernel(self) -> int:
        """Side of the kernels in pixels."""
        return self.convolution.weight.shape[2]

    @property
    def repeats_edges(self) -> bool:
        """Whether it reads beyond the picture and finds its edges there."""
        return self.kernel > 1 and self.convolution.padding == "edge"


@dataclass(frozen=True)
class ManyLayers:
    """A chain of layers, the last of which has no activation, and how its feature maps become the luma of
    high-resolution pixels.

    The picture is added to the last layer's feature maps if `residual`; they are shuffled, unless `scale` is 1, go
    through the function `after`, if there is one, and become one channel by `choice`.
    """

    layers: tuple[Layer, ...]
    residual: bool
    scale: int
    after: Function | None
    choice: Literal["maximum"] | Logit

    def reach(self, index: int) -> int:
        """How many pixels around a tile the result of layer `index` (the picture: 0) is needed."""
        return sum(layer.kernel // 2 for layer in self.layers[index:])


def match(program: Program) -> ManyLayers | None:
    """The program as a chain of layers, if it is one."""
    ops, value = list(program.ops), 0
    if program.integer or program.takes_features:
        return None
    if program.channels == 3:
        match ops:
            case [Luma(source=0), *between, AddChroma(source=last, picture=0)] if last == len(ops) - 1:
                ops, value = between, 1
            case _:
                return None
    start, layers = value, list[Layer]()
    while ops and isinstance(ops[0], FakeQuantize | Convolution):
        quantization = _take(ops, FakeQuantize, value)
        value += quantization is not None
        convolution = _take(ops, Convolution, value)
        if convolution is None or convolution.padding == "reflect":
            return None
        activation = _take(ops, Activation, value + 1)
        layers.append(Layer(convolution, quantization, activation))
        value += 1 if activation is None else 2
    if not layers or layers[-1].activation is not None:
        return None
    residual = bool(ops) and isinstance(ops[0], Add)
    if residual:
        addition = ops.pop(0)
        assert isinstance(addition, Add)
        if {addition.source, addition.other} != {start, value}:
            return None
        value += 1
    shuffle = _take(ops, PixelShuffle, value)
    value += shuffle is not None
    after = _take(ops, Activation, value)
    value += after is not None
    if len(ops) > 1 or (after is not None and after.function == "prelu"):
        return None
    choice: Literal["maximum"] | Logit = "maximum"
    for op in ops:
        if not isinstance(op, ReduceMax | SoftmaxSum) or op.source != value:
            return None
        choice = op.logit if isinstance(op, SoftmaxSum) else "maximum"
    scale = shuffle.scale if shuffle else 1
    if not ops and layers[-1].outputs != scale**2:
        return None
    return ManyLayers(tuple(layers), residual, scale, after.function if after else None, choice)


def _take(ops: list[Operation], kind: type[Kind], source: int) -> Kind | None:
    """The next operation, taken off the list, if it is of this kind and reads this value."""
    if ops and isinstance(op := ops[0], kind) and op.source == source:
        del ops[0]
        return op
    return None


def upscaled(
    net: ManyLayers, frame: Frame, last: Callable[[hl.Expr, int, hl.Expr], hl.Expr], coarse: bool = False
) -> Callable[[hl.Expr, hl.Expr], hl.Expr]:
    """From the last layer to the luma of high-resolution pixels, as `frame.finish` wants it.

    `last(x, channel, column)` is the layer's result for that sub-pixel column in sub-pixel row ROW of low-resolution
    row Y.
    Where `coarse`, a softmax is good enough for 8 bits.
    """
    channels = net.layers[-1].outputs // net.scale**2

    def result(x: hl.Expr, column: hl.Expr) -> hl.Expr:
        values = [last(x, c, column) for c in range(channels)]
        if net.residual:
            values = [value + frame.gray[x, Y] for value in values]
        if net.after is not None:
            values = [activate(value, net.after, None) for value in values]
        if net.choice != "maximum":
            return weighted_sum(values.__getitem__, channels, net.choice, coarse)
        largest = values[0]
        for value in values[1:]:
            largest = hl.max(largest, value)
        return largest

    return result


def nearest_row(tap: hl.Expr | int, radius: int, frame: Frame, constants: Constants, loop: hl.Expr) -> hl.Expr:
    """The row of the picture that is nearest to the row of a tap.

    For a pixel of the picture it is never more than the radius of the kernel away, and no other matters. Halide is to
    see nothing but that: it cannot keep lines from row to row if their range is anything less simple. So it must not
    know what is added, which is zero: an entry of an array at `loop`, the variable of a loop over taps or ROW.
    """
    inside = hl.clamp(Y + tap - radius, 0, frame.picture.height(frame.source) - 1)
    unknown = constants.buffer(np.zeros(max(2 * radius + 1, frame.scale), np.int32))[loop]
    return hl.clamp(inside + unknown, Y - radius, Y + radius)


def schedule_tiles(frame: Frame, width: int, tasks: hl.Expr) -> tuple[hl.LoopLevel, hl.LoopLevel]:
    """Tiles of `width` low-resolution pixels in parallel, down each one low-resolution row at a time.

    Returns where to keep what a tile needs, and where to compute what a row needs.
    """
    s, picture, output = frame.scale, frame.picture, frame.output
    strip, band, tile, task, row, y, i = (hl.Var(name) for name in ("strip", "band", "tile", "task", "row", "yl", "i"))
    strips = (picture.width(frame.source) + width - 1) // width
    height = picture.height(frame.source)
    wanted = height * strips // (4 * (os.cpu_count() or 1))  # four tiles for each thread, unless that makes them flat
    wanted = hl.clamp(wanted, LOWEST, HIGHEST)
    bands = ((height + wanted - 1) // wanted + 1) // 2 * 2  # an even number, so that two threads end together
    rows = (height + bands - 1) // bands
    output.split(X, strip, X, width * s * picture.channels, GUARD)
    output.split(Y, y, i, s, WHOLE).split(y, band, row, rows, SHIFT).reorder(X, i, row, strip, band)
    output.fuse(strip, band, tile).split(tile, task, tile, (strips * bands + tasks - 1) // tasks, GUARD).parallel(task)
    output.vectorize(X, 64 // picture.dtype.itemsize, hl.TailStrategy.PredicateStores).never_partition_all()
    return hl.LoopLevel(output, tile), hl.LoopLevel(output, row)
