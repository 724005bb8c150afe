"""The operations that a program is made of.

A program is a list of operations in the order they run. Value 0 is the picture, value k is the result of operation
k (counted from 1); every operation names the values it reads. A value is a stack of planes `(channels, H, W)`, float32
in a float program and int32 in an integer one; color_ops has those whose size does not depend on the picture's, and
color tables. This is the only form in which pipelines and exporters see a network.

An operation says here what it means, what its fields hold, and what type its result has.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import isfinite
from typing import ClassVar, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .color_ops import COLOR_OPERATIONS
from .operation import Arithmetic, Operand, Operation, ValueType, check_grows, check_vector
from .sampling_ops import Multiply, PointSample, Slice
from .table_ops import Lookup, Rescale, ShiftAndSum

Padding: TypeAlias = Literal["zero", "edge"]
Reflection: TypeAlias = Literal["reflect"]
Logit: TypeAlias = Literal["key", "key*key", "query*key"]
Function: TypeAlias = Literal["relu", "prelu", "tanh", "sigmoid", "softplus"]

FRACTION_BITS = 6
"""An integer program sees the picture as int32, 8-bit values times 2**FRACTION_BITS, and answers in the same unit."""
BICUBIC_HALO = 2
UPSAMPLE_UNIT = 2**15
"""What 1 is among the integer weights of Upsample."""
LUMA_WEIGHTS = (0.299, 0.587, 0.114)
"""Full-range BT.601: Y = 0.299 R + 0.587 G + 0.114 B (ITU-R BT.601-7, 2.5.1)."""
FLOAT: tuple[Arithmetic, ...] = ("float",)
INTEGER: tuple[Arithmetic, ...] = ("integer",)


@dataclass(frozen=True, eq=False)
class Convolution(Operation):
    """Correlate with odd square kernels; the result has the size of the source.

    `weight` is `(out, in, kernel, kernel)` float32, or int16 in an integer program; `bias` is `(out,)` of float32 or
    int32. In a quantized layer `weight` is int8 and stands for weight · `weight_scale`, one scale for each output,
    `(out,)` float32; its source is a FakeQuantize. The source is padded with zeros, with `pad_value`, one value `(in,)`
    float32 for each channel, or with its edge; or it is reflected, without repeating the edge.
    """

    source: Operand
    weight: NDArray[np.float32] | NDArray[np.int16] | NDArray[np.int8]
    bias: NDArray[np.float32] | NDArray[np.int32] | None = None
    padding: Padding | Reflection = "zero"
    pad_value: NDArray[np.float32] | None = None
    weight_scale: NDArray[np.float32] | None = None

    def picture_channels(self) -> int:
        self._check_weight()
        return self.weight.shape[1]

    def result(self, *inputs: ValueType) -> ValueType:
        (source,) = inputs
        self._check_weight()
        outputs, channels, kernel, _ = self.weight.shape
        if channels != source.channels:
            raise ValueError(f"weight takes {channels} channels, its source has {source.channels}")
        if self.bias is not None:
            wanted = np.dtype(np.int32 if self.weight.dtype == np.int16 else np.float32)
            if self.bias.shape != (outputs,) or self.bias.dtype != wanted:
                raise ValueError(f"bias must be ({outputs},) {wanted}, got {self.bias.shape} {self.bias.dtype}")
        if (self.weight_scale is None) == (self.weight.dtype == np.int8):
            raise ValueError("int8 weights need a weight_scale for each output, others have none")
        check_vector("weight_scale", self.weight_scale, outputs)
        check_vector("pad_value", self.pad_value, channels)
        if self.pad_value is not None and (self.padding != "zero" or self.weight.dtype == np.int16):
            raise ValueError("pad_value needs padding zero and float weights")
        for array in (self.weight, self.bias):
            if array is not None and not np.isfinite(array).all():
                raise ValueError("weights must be finite")
        return source.widened(kernel // 2).with_channels(outputs)

    def _check_weight(self) -> None:
        weight = self.weight
        if weight.ndim != 4 or weight.shape[2] != weight.shape[3] or weight.shape[2] % 2 == 0:
            raise ValueError(f"weight must be (out, in, kernel, kernel) with an odd kernel, got {weight.shape}")
        if weight.size == 0:
            raise ValueError(f"weight must not be empty, got {weight.shape}")


@dataclass(frozen=True, eq=False)
class Activation(Operation):
    """Apply a function to every value: max(v, 0), v < 0 ? slope·v : v, tanh(v), 1/(1 + exp(-v)) or log(1 + exp(v)).

    `slope` is `(channels,)` float32, for prelu only.
    """

    arithmetic: ClassVar[tuple[Arithmetic, ...]] = FLOAT
    source: Operand
    function: Function
    slope: NDArray[np.float32] | None = None

    def result(self, *inputs: ValueType) -> ValueType:
        (source,) = inputs
        if (self.slope is None) == (self.function == "prelu"):
            raise ValueError("prelu needs a slope for each channel, other functions have none")
        check_vector("slope", self.slope, source.channels)
        return source


@dataclass(frozen=True, eq=False)
class Add(Operation):
    """The sum of two values of the same size; a value of one channel is added to every channel of the other."""

    source: Operand
    other: Operand

    def result(self, *inputs: ValueType) -> ValueType:
        first, second = inputs
        alike = first.channels == second.channels or 1 in (first.channels, second.channels)
        if (first.scale, first.extent) != (second.scale, second.extent) or not alike:
            raise ValueError(
                f"cannot add {second.channels} channels × {second.size} to {first.channels} channels × {first.size}"
            )
        wider = first if first.reach >= second.reach else second
        return wider.with_channels(max(first.channels, second.channels))


@dataclass(frozen=True, eq=False)
class FakeQuantize(Operation):
    """Quantize to 8 bits and back: `(clip(rint(value · (factor / scale)) + zero_point, 0, 255) - zero_point) · scale`.

    Halves are rounded to even. `zero_point` is the quantized value of 0, for all channels or, `(channels,)` uint8, for
    each. A `factor`, `(channels,)` float32 above 0, gives each channel quantized values as fine as it needs; the result
    stays multiplied by it. A pipeline may keep the quantized value, a byte, in the place of the value.
    """

    arithmetic: ClassVar[tuple[Arithmetic, ...]] = FLOAT
    source: Operand
    scale: float
    zero_point: int | NDArray[np.uint8]
    factor: NDArray[np.float32] | None = None

    @property
    def inverse_scale(self) -> NDArray[np.float32]:
        """What a value is multiplied by to get its quantized value: `(channels,)`, or one number for all."""
        factor = np.ones(1, np.float32) if self.factor is None else self.factor
        return (factor.astype(np.float64) / self.scale).astype(np.float32)

    def result(self, *inputs: ValueType) -> ValueType:
        (source,) = inputs
        if not isfinite(self.scale) or self.scale <= 0:
            raise ValueError(f"scale must be a number above 0, got {self.scale}")
        if isinstance(self.zero_point, np.ndarray):
            if self.zero_point.shape != (source.channels,):
                raise ValueError(f"zero_point must be ({source.channels},) uint8, got {self.zero_point.shape} uint8")
        elif not 0 <= self.zero_point <= 255:
            raise ValueError(f"zero_point must be in 0…255, got {self.zero_point}")
        check_vector("factor", self.factor, source.channels)
        if self.factor is not None and self.factor.min() <= 0:
            raise ValueError("factor must be above 0")
        return source


@dataclass(frozen=True, eq=False)
class PixelShuffle(Operation):
    """Rearrange channel c·scale² + i·scale + j at (y, x) to channel c at (scale·y + i, scale·x + j)."""

    source: Operand
    scale: int

    def result(self, *inputs: ValueType) -> ValueType:
        (source,) = inputs
        if self.scale < 1 or source.channels % self.scale**2:
            raise ValueError(f"{source.channels} channels do not shuffle by {self.scale}")
        extent = source.extent and tuple(length * self.scale for length in source.extent)
        return ValueType(source.channels // self.scale**2, source.scale * self.scale, source.reach, extent)


@dataclass(frozen=True, eq=False)
class Upsample(Operation):
    """Enlarge every channel by filters along one axis and then along the other, the edge repeated.

    `down` and `across` are `(scale, taps)`, the same odd number of taps: for each sub-pixel position the weights of the
    pixels around, down first. They are float32, or int32 in units of 2**-15 in an integer program, where each product
    is rounded to the unit of the source, halves up, before they are added.
    """

    source: Operand
    down: NDArray[np.float32] | NDArray[np.int32]
    across: NDArray[np.float32] | NDArray[np.int32]

    @property
    def scale(self) -> int:
        """How many times larger the result is."""
        return len(self.down)

    def result(self, *inputs: ValueType) -> ValueType:
        (source,) = inputs
        check_grows(source)
        down, across = self.down, self.across
        if down.shape != across.shape or down.dtype != across.dtype:
            raise ValueError(
                f"down and across must be alike, got {down.shape} {down.dtype} and {across.shape} {across.dtype}"
            )
        if down.ndim != 2 or down.shape[0] < 1 or down.shape[1] % 2 == 0:
            raise ValueError(f"down must be (scale, taps) with an odd number of taps, got {down.shape}")
        limit = UPSAMPLE_UNIT if down.dtype == np.int32 else np.inf
        for array in (down, across):
            if not np.isfinite(array).all() or np.abs(array).max() > limit:
                raise ValueError("weights must be finite, and integers from -32768 to 32768")
        widened = source.widened(down.shape[1] // 2)
        return ValueType(source.channels, source.scale * self.scale, widened.reach)


@dataclass(frozen=True, eq=False)
class ReduceMax(Operation):
    """The largest of all channels, as one channel (eSR-MAX)."""

    source: Operand

    def result(self, *inputs: ValueType) -> ValueType:
        (source,) = inputs
        return source.with_channels(1)


@dataclass(frozen=True, eq=False)
class SoftmaxSum(Operation):
    """Sum of values weighted by the softmax of their logits over the channels, as one channel.

    The channels of the source are all values, then (for the logit "query*key") all queries, then all keys
    (eSR-TM, eSR-TR; eSR-CNN has the logit "key*key", the key squared).
    """

    arithmetic: ClassVar[tuple[Arithmetic, ...]] = FLOAT
    source: Operand
    logit: Logit

    def result(self, *inputs: ValueType) -> ValueType:
        (source,) = inputs
        parts = 3 if self.logit == "query*key" else 2
        if source.channels % parts:
            raise ValueError(f"{source.channels} channels are not {parts} equal groups")
        return source.with_channels(1)


@dataclass(frozen=True, eq=False)
class RoundingShiftRight(Operation):
    """`clip((value + 2**(shift-1)) >> shift, minimum, maximum)`: from the scale of products back to that of values."""

    arithmetic: ClassVar[tuple[Arithmetic, ...]] = INTEGER
    source: Operand
    shift: int
    minimum: int = -32768
    maximum: int = 32767

    def result(self, *inputs: ValueType) -> ValueType:
        (source,) = inputs
        if not 1 <= self.shift <= 31 or self.minimum >= self.maximum:
            raise ValueError(
                f"shift {self.shift} must be in 1…31 and minimum {self.minimum} below maximum {self.maximum}"
            )
        return source


@dataclass(frozen=True, eq=False)
class Luma(Operation):
    """Full-range BT.601 luma of a three-channel RGB source, as one channel."""

    source: Operand

    def picture_channels(self) -> int:
        return 3

    def result(self, *inputs: ValueType) -> ValueType:
        (source,) = inputs
        if source.channels != 3:
            raise ValueError(f"needs 3 channels, got {source.channels}")
        return source.with_channels(1)


@dataclass(frozen=True, eq=False)
class AddChroma(Operation):
    """RGB with the luma of `source` and the chroma of `picture`, bicubically enlarged (a = -0.5, edges repeated).

    Blue, red and green minus luma are linear in chroma, so this is `luma + bicubic(picture - Luma(picture))`.
    """

    source: Operand
    picture: Operand
    scale: int

    def picture_channels(self) -> int:
        return 3

    def result(self, *inputs: ValueType) -> ValueType:
        source, picture = inputs
        fits = source.extent is None and picture.extent is None and source.scale == picture.scale * self.scale
        if source.channels != 1 or picture.channels != 3 or not fits:
            raise ValueError(f"needs one luma channel at {self.scale} times the size of an RGB picture")
        return ValueType(3, source.scale, max(source.reach, picture.reach + Fraction(BICUBIC_HALO, picture.scale)))


OPERATIONS: tuple[type[Operation], ...] = (
    Convolution,
    Activation,
    Add,
    PixelShuffle,
    Upsample,
    ReduceMax,
    SoftmaxSum,
    RoundingShiftRight,
    FakeQuantize,
    Luma,
    AddChroma,
    Lookup,
    ShiftAndSum,
    Rescale,
    PointSample,
    Multiply,
    Slice,
    *COLOR_OPERATIONS,
)
"""All operations there are, as files name them."""
