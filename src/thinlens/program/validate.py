"""Do the operations of a program fit together? And what follows from them: channels, scale and halo of every value."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import ceil, isfinite
from typing import get_args

import numpy as np

from .ops import (
    Activation,
    Addition,
    ChannelMaximum,
    Convolution,
    Function,
    Luma,
    Op,
    PixelShuffle,
    Program,
    Quantize,
    Recolor,
    RoundShift,
    Score,
    SoftmaxSum,
    sources,
)

BICUBIC_HALO = 2
FLOAT_ONLY: dict[type[Op], str] = {SoftmaxSum: "a softmax", Activation: "an activation", Quantize: "Quantize"}


@dataclass(frozen=True)
class ValueType:
    """What is known of a value before it is computed: reach is the halo in picture pixels, before rounding up."""

    channels: int
    scale: int
    reach: Fraction

    @property
    def halo(self) -> int:
        return ceil(self.reach)


def picture_channels(ops: tuple[Op, ...]) -> int:
    """Channels that the operations reading value 0 expect."""
    for op in ops:
        if 0 in sources(op):
            if isinstance(op, Convolution):
                _check_weight(op)
                return op.weight.shape[1]
            return 3 if isinstance(op, Luma | Recolor) else 1
    raise ValueError("no operation of the program reads the picture (value 0)")


def value_types(program: Program) -> list[ValueType]:
    """The type of every value, the picture first. Raises ValueError at the first operation that does not fit."""
    types = [ValueType(picture_channels(program.ops), 1, Fraction(0))]
    for index, op in enumerate(program.ops, start=1):
        for source in sources(op):
            if not 0 <= source < index:
                raise ValueError(
                    f"operation {index} ({type(op).__name__}) reads value {source}, which is not before it"
                )
        try:
            types.append(_result(op, [types[source] for source in sources(op)]))
        except ValueError as error:
            raise ValueError(f"operation {index} ({type(op).__name__}) of {program.name}: {error}") from None
    return types


def validate(program: Program) -> None:
    """Raise ValueError, with the operation and the reason, unless the program can run."""
    if not program.ops:
        raise ValueError(f"program {program.name!r} has no operations")
    result = value_types(program)[-1]
    wanted = program.channels
    if wanted not in (1, 3):
        raise ValueError(f"{program.name} takes {wanted} channels; a picture has 1 (luma) or 3 (RGB)")
    if result.channels != wanted:
        raise ValueError(f"{program.name} returns {result.channels} channels for a picture of {wanted}")
    _check_arithmetic(program)
    if program.uint8 is not None:
        inner = program.uint8
        fits = inner.scale == program.scale and inner.channels == program.channels
        if not fits or not (inner.integer or inner.quantized):
            raise ValueError(
                f"{program.name}: its uint8 program must be integer or quantized, with the same scale and channels"
            )


def _check_arithmetic(program: Program) -> None:
    """Integer operations among themselves, float operations among themselves, bytes as weights on levels only."""
    weights = {op.weight.dtype == np.int16 for op in program.ops if isinstance(op, Convolution)}
    if len(weights) > 1:
        raise ValueError(f"{program.name} mixes integer and float weights")
    if not program.integer and any(isinstance(op, RoundShift) for op in program.ops):
        raise ValueError(f"{program.name}: RoundShift needs integer weights")
    for op in program.ops:
        if program.integer and isinstance(op, SoftmaxSum | Activation | Quantize):
            raise ValueError(f"{program.name}: {FLOAT_ONLY[type(op)]} has no integer form")
        levels = op.source > 0 and isinstance(program.ops[op.source - 1], Quantize)
        if isinstance(op, Convolution) and op.weight.dtype == np.int8 and not levels:
            raise ValueError(f"{program.name}: a convolution with int8 weights must read a Quantize")


def _result(op: Op, inputs: list[ValueType]) -> ValueType:
    source = inputs[0]
    match op:
        case Convolution():
            return _convolution(op, source)
        case Activation():
            _check_activation(op, source)
            return source
        case Addition():
            return _addition(source, inputs[1])
        case Quantize():
            _check_levels(op, source)
            return source
        case PixelShuffle():
            if op.scale < 1 or source.channels % op.scale**2:
                raise ValueError(f"{source.channels} channels do not shuffle by {op.scale}")
            return ValueType(source.channels // op.scale**2, source.scale * op.scale, source.reach)
        case ChannelMaximum():
            return ValueType(1, source.scale, source.reach)
        case SoftmaxSum():
            if op.score not in get_args(Score):
                raise ValueError(f"score must be one of {', '.join(get_args(Score))}, got {op.score!r}")
            parts = 3 if op.score == "query*key" else 2
            if source.channels % parts:
                raise ValueError(f"{source.channels} channels are not {parts} equal groups")
            return ValueType(1, source.scale, source.reach)
        case RoundShift():
            if not 1 <= op.shift <= 31 or op.low >= op.high:
                raise ValueError(f"shift {op.shift} must be in 1…31 and low {op.low} below high {op.high}")
            return source
        case Luma():
            if source.channels != 3:
                raise ValueError(f"needs 3 channels, got {source.channels}")
            return ValueType(1, source.scale, source.reach)
        case Recolor():
            picture = inputs[1]
            if source.channels != 1 or picture.channels != 3 or source.scale != picture.scale * op.scale:
                raise ValueError(f"needs one luma channel at {op.scale} times the size of an RGB picture")
            return ValueType(3, source.scale, max(source.reach, picture.reach + Fraction(BICUBIC_HALO, picture.scale)))


def _convolution(op: Convolution, source: ValueType) -> ValueType:
    _check_weight(op)
    outputs, inputs, kernel, _ = op.weight.shape
    if inputs != source.channels:
        raise ValueError(f"weight takes {inputs} channels, its source has {source.channels}")
    if op.bias is not None:
        wanted = np.dtype(np.int32 if op.weight.dtype == np.int16 else np.float32)
        if op.bias.shape != (outputs,) or op.bias.dtype != wanted:
            raise ValueError(f"bias must be ({outputs},) {wanted}, got {op.bias.shape} {op.bias.dtype}")
    if op.padding not in ("zero", "edge"):
        raise ValueError(f"padding must be zero or edge, got {op.padding!r}")
    if (op.step is None) == (op.weight.dtype == np.int8):
        raise ValueError("int8 weights need a step for each output, others have none")
    _check_vector("step", op.step, outputs)
    _check_vector("outside", op.outside, inputs)
    if op.outside is not None and (op.padding == "edge" or op.weight.dtype == np.int16):
        raise ValueError("outside needs padding zero and float weights")
    for array in (op.weight, op.bias):
        if array is not None and not np.isfinite(array).all():
            raise ValueError("weights must be finite")
    return ValueType(outputs, source.scale, source.reach + Fraction(kernel // 2, source.scale))


def _addition(first: ValueType, second: ValueType) -> ValueType:
    if first.scale != second.scale or (
        first.channels != second.channels and 1 not in (first.channels, second.channels)
    ):
        raise ValueError(
            f"cannot add {second.channels} channels × {second.scale} to {first.channels} channels × {first.scale}"
        )
    return ValueType(max(first.channels, second.channels), first.scale, max(first.reach, second.reach))


def _check_activation(op: Activation, source: ValueType) -> None:
    if op.function not in get_args(Function):
        raise ValueError(f"function must be one of {', '.join(get_args(Function))}, got {op.function!r}")
    if (op.slope is None) == (op.function == "prelu"):
        raise ValueError("prelu needs a slope for each channel, other functions have none")
    _check_vector("slope", op.slope, source.channels)


def _check_levels(op: Quantize, source: ValueType) -> None:
    if not isinstance(op.step, float) or not isfinite(op.step) or op.step <= 0:
        raise ValueError(f"step must be a number above 0, got {op.step}")
    if isinstance(op.zero, np.ndarray):
        if op.zero.shape != (source.channels,) or op.zero.dtype != np.uint8:
            raise ValueError(f"zero must be ({source.channels},) uint8, got {op.zero.shape} {op.zero.dtype}")
    elif not 0 <= op.zero <= 255:
        raise ValueError(f"zero must be a level in 0…255, got {op.zero}")
    _check_vector("factor", op.factor, source.channels)
    if op.factor is not None and op.factor.min() <= 0:
        raise ValueError("factor must be above 0")


def _check_vector(name: str, vector: np.ndarray | None, length: int) -> None:
    """A vector of float32, one finite number for each channel, where it is given."""
    if vector is None:
        return
    if vector.shape != (length,) or vector.dtype != np.float32:
        raise ValueError(f"{name} must be ({length},) float32, got {vector.shape} {vector.dtype}")
    if not np.isfinite(vector).all():
        raise ValueError(f"{name} must be finite")


def _check_weight(op: Convolution) -> None:
    if op.weight.ndim != 4 or op.weight.shape[2] != op.weight.shape[3] or op.weight.shape[2] % 2 == 0:
        raise ValueError(f"weight must be (out, in, kernel, kernel) with an odd kernel, got {op.weight.shape}")
    if op.weight.size == 0 or op.weight.dtype not in (np.float32, np.int16, np.int8):
        raise ValueError(
            f"weight must be float32, int16 or int8 and not empty, got {op.weight.dtype} {op.weight.shape}"
        )
