"""The operations a program is made of, and the program itself.

A program is a list of operations in the order they run. Value 0 is the picture, value k is the result of operation
k (counted from 1); every operation names the values it reads. A value is a stack of planes `(channels, H, W)`, float32
in a float program and int32 in an integer one. This is the only form in which pipelines and exporters see a network.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

Padding: TypeAlias = Literal["zero", "edge"]
Score: TypeAlias = Literal["key", "key*key", "query*key"]
Function: TypeAlias = Literal["relu", "prelu", "tanh", "sigmoid", "softplus"]

FRACTION_BITS = 6
"""An integer program sees the picture as int32, 8-bit levels times 2**FRACTION_BITS, and answers in the same unit."""


@dataclass(frozen=True, eq=False)
class Convolution:
    """Correlate with odd square kernels; the result has the size of the source.

    `weight` is `(out, in, kernel, kernel)` float32, or int16 in an integer program; `bias` is `(out,)` of float32 or
    int32. In a quantized layer `weight` is int8 and stands for weight · `step`, one `step` for each output, `(out,)`
    float32; its source is a Quantize. Outside the picture the source is zero, or `outside`, one value `(in,)` float32
    for each channel, or repeats its edge.
    """

    source: int
    weight: NDArray[np.float32] | NDArray[np.int16] | NDArray[np.int8]
    bias: NDArray[np.float32] | NDArray[np.int32] | None = None
    padding: Padding = "zero"
    outside: NDArray[np.float32] | None = None
    step: NDArray[np.float32] | None = None


@dataclass(frozen=True, eq=False)
class Activation:
    """Apply a function to every value: max(v, 0), v < 0 ? slope·v : v, tanh(v), 1/(1 + exp(-v)) or log(1 + exp(v)).

    `slope` is `(channels,)` float32, for prelu only.
    """

    source: int
    function: Function
    slope: NDArray[np.float32] | None = None


@dataclass(frozen=True, eq=False)
class Addition:
    """The sum of two values of the same size; a value of one channel is added to every channel of the other."""

    source: int
    other: int


@dataclass(frozen=True, eq=False)
class Quantize:
    """Round to 256 levels: `(clip(rint(value · (factor / step)) + zero, 0, 255) - zero) · step`, halves to even.

    `zero` is the level of 0, for all channels or, `(channels,)` uint8, for each. A `factor`, `(channels,)` float32
    above 0, gives each channel levels as fine as it needs; the result stays multiplied by it. A pipeline may keep the
    level, a byte, in the place of the value.
    """

    source: int
    step: float
    zero: int | NDArray[np.uint8]
    factor: NDArray[np.float32] | None = None

    @property
    def levels_per_unit(self) -> NDArray[np.float32]:
        """What a value is multiplied by to get its level: `(channels,)`, or one number for all."""
        factor = np.ones(1, np.float32) if self.factor is None else self.factor
        return (factor.astype(np.float64) / self.step).astype(np.float32)


@dataclass(frozen=True, eq=False)
class PixelShuffle:
    """Rearrange channel c·scale² + i·scale + j at (y, x) to channel c at (scale·y + i, scale·x + j)."""

    source: int
    scale: int


@dataclass(frozen=True, eq=False)
class ChannelMaximum:
    """The largest of all channels, as one channel (eSR-MAX)."""

    source: int


@dataclass(frozen=True, eq=False)
class SoftmaxSum:
    """Sum of values weighted by the softmax of their scores over the channels, as one channel.

    The channels of the source are all values, then (for the score "query*key") all queries, then all keys
    (eSR-TM, eSR-TR; eSR-CNN has the score "key*key", the key squared).
    """

    source: int
    score: Score


@dataclass(frozen=True, eq=False)
class RoundShift:
    """Integers only: `clip((value + 2**(shift-1)) >> shift, low, high)`, the way back from products to levels."""

    source: int
    shift: int
    low: int = -32768
    high: int = 32767


@dataclass(frozen=True, eq=False)
class Luma:
    """Full-range BT.601 luma of a three-channel RGB source, as one channel."""

    source: int


@dataclass(frozen=True, eq=False)
class Recolor:
    """RGB with the luma of `source` and the chroma of `picture`, bicubically enlarged (a = -0.5, edges repeated).

    Blue, red and green minus luma are linear in chroma, so this is `luma + bicubic(picture - Luma(picture))`.
    """

    source: int
    picture: int
    scale: int


Op: TypeAlias = (
    Convolution
    | Activation
    | Addition
    | PixelShuffle
    | ChannelMaximum
    | SoftmaxSum
    | RoundShift
    | Quantize
    | Luma
    | Recolor
)
OPS: tuple[type[Op], ...] = get_args(Op)


def sources(op: Op) -> tuple[int, ...]:
    """The values an operation reads."""
    match op:
        case Recolor():
            return (op.source, op.picture)
        case Addition():
            return (op.source, op.other)
        case _:
            return (op.source,)


@dataclass(frozen=True, eq=False)
class Program:
    """An immutable network: its published id, its operations, where it comes from.

    `uint8`, where present, is the integer or quantized program baked from this one: it takes its place for uint8
    pictures.
    Scale, halo and channels are derived from the operations, never stored. Raises ValueError, naming the operation,
    if the operations do not fit together.
    """

    name: str
    ops: tuple[Op, ...]
    uint8: Program | None = None
    provenance: Mapping[str, str] = field(default_factory=dict[str, str])

    def __post_init__(self) -> None:
        from .validate import validate

        for op in self.ops:
            for item in fields(op):
                value = getattr(op, item.name)
                if isinstance(value, np.ndarray):
                    owned = np.array(value, order="C")
                    owned.setflags(write=False)
                    object.__setattr__(op, item.name, owned)
        validate(self)

    @cached_property
    def scale(self) -> int:
        """How many times larger the result is, along each side."""
        from .validate import value_types

        return value_types(self)[-1].scale

    @cached_property
    def halo(self) -> int:
        """How many picture pixels beyond a pixel's own can change the result there, in each direction."""
        from .validate import value_types

        return value_types(self)[-1].halo

    @cached_property
    def channels(self) -> int:
        """Channels of the picture: 1 (luma) or 3 (RGB)."""
        from .validate import picture_channels

        return picture_channels(self.ops)

    @cached_property
    def integer(self) -> bool:
        """Whether the arithmetic is in int32 rather than float32."""
        return any(isinstance(op, Convolution) and op.weight.dtype == np.int16 for op in self.ops)

    @cached_property
    def quantized(self) -> bool:
        """Whether a layer has weights of int8 on sources of 256 levels."""
        return any(isinstance(op, Convolution) and op.weight.dtype == np.int8 for op in self.ops)

    @cached_property
    def color(self) -> Program:
        """The program for RGB pictures: luma through this one, chroma through bicubic; itself if it takes RGB."""
        if self.channels == 3:
            return self
        shifted = tuple(renumbered(op, lambda value: value + 1) for op in self.ops)
        ops = (Luma(0), *shifted, Recolor(len(shifted) + 1, 0, self.scale))
        return Program(self.name, ops, self.uint8.color if self.uint8 else None, self.provenance)


def renumbered(op: Op, number: Callable[[int], int]) -> Op:
    """The operation with its sources under other numbers."""
    match op:
        case Addition():
            return replace(op, source=number(op.source), other=number(op.other))
        case Recolor():
            return replace(op, source=number(op.source), picture=number(op.picture))
        case _:
            return replace(op, source=number(op.source))
