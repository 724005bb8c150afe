"""A float program in fixed point: weights of int8 or int16, 32-bit sums, nearly the same picture."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from ..program import FRACTION_BITS, Convolution, PixelShuffle, Program, ReduceMax, RoundingShiftRight

PEAK = 255 << FRACTION_BITS
"""The largest value of an integer program's picture."""
MOST_BITS = 16
"""More fraction bits in the weights than this would change nothing at 8 bits."""
LEAST_BITS = 6
"""Weights of int8 with fewer fraction bits than this cost more than 0.02 dB."""


def to_fixed_point(program: Program, weight_bits: Literal[8, 16] = 8) -> Program:
    """The integer program of a convolution, a pixel shuffle and, maybe, a channel maximum (eSR-MAX, bicubic).

    Weights get as many fraction bits as fit `weight_bits` and keep every possible sum in int32; those that would have
    fewer than 6 in int8 become int16. Their rounding keeps the sum of each filter, so flat areas keep their level. The
    largest sum is rounded back to 1/64 of a level. Before the final rounding to 8 bits, a result differs from the
    float program's by less than 255 · taps / 2**bits levels, plus 1/128: with int16 a few hundredths, with int8
    about one in noise. On Set5 a trained eSR-MAX_s2_K3_C2 lost 0.006 dB with int8 and 0.004 with int16, which takes
    the processor twice the multiply instructions. Beyond ±512 8-bit values a result is clipped. In color, integer
    arithmetic takes the luma in whole 8-bit values, which may change a channel by one more. Raises ValueError for other
    programs.
    Attach the result with `dataclasses.replace(program, uint8=to_fixed_point(program))`.
    """
    reason = supports(program)
    if reason is not None:
        raise ValueError(reason)
    convolution, *others = program.ops
    layer = cast(Convolution, convolution)
    weight, bias, bits = next(_fixed(layer, weight_bits))
    fixed = Convolution(0, weight, bias, layer.padding)
    return Program(program.name, (fixed, *others, RoundingShiftRight(len(program.ops), bits)), None, program.provenance)


def supports(program: Program) -> str | None:
    """None, or why the program has no fixed-point form."""
    convolution, *others = program.ops
    chain = all(op.operands() == (index,) for index, op in enumerate(program.ops))
    if (
        not isinstance(convolution, Convolution)
        or program.integer
        or not chain
        or not all(isinstance(op, PixelShuffle | ReduceMax) for op in others)
    ):
        names = ", ".join(type(op).__name__ for op in program.ops)
        return (
            f"{program.name} has no fixed-point form: "
            f"that takes one float Convolution, then PixelShuffle and ReduceMax, not {names}"
        )
    if convolution.pad_value is not None:
        return f"{program.name} has no fixed-point form: that pads with zeros or edges, not with a pad_value"
    if next(_fixed(convolution, 16), None) is None:
        return f"{program.name} has no fixed-point form: its weights are too large for 32-bit sums"
    return None


def _fixed(
    convolution: Convolution, weight_bits: int
) -> Iterator[tuple[NDArray[np.int16], NDArray[np.int32] | None, int]]:
    """Integer weights and bias that fit, and their number of fraction bits: the most first."""
    exact = convolution.weight.astype(np.float64)
    for most, least in ((weight_bits, LEAST_BITS), (16, 1)):
        for bits in range(MOST_BITS, least - 1, -1):
            weight = round_keeping_sums(exact * 2**bits)
            bias = None if convolution.bias is None else np.rint(convolution.bias.astype(np.float64) * PEAK * 2**bits)
            if _fits(weight, bias, bits, most):
                yield weight.astype(np.int16), None if bias is None else bias.astype(np.int32), bits


def _fits(weight: NDArray[Any], bias: NDArray[Any] | None, bits: int, weight_bits: int) -> bool:
    """Whether the weights are of so many bits and no picture takes a sum out of int32, the half for rounding included.

    Every partial sum, the bias added first or last, lies between the two extremes too.
    """
    start = np.zeros(1) if bias is None else bias
    highest = np.maximum(start, 0) + PEAK * np.maximum(weight, 0).sum(axis=(1, 2, 3)) + (1 << bits - 1)
    lowest = np.minimum(start, 0) + PEAK * np.minimum(weight, 0).sum(axis=(1, 2, 3))
    whole, int32 = np.iinfo(f"int{weight_bits}"), np.iinfo(np.int32)
    return bool(
        weight.min() >= whole.min
        and weight.max() <= whole.max
        and lowest.min() >= int32.min
        and highest.max() <= int32.max
    )


def round_keeping_sums(weight: NDArray[np.float64]) -> NDArray[np.float64]:
    """Round each filter `weight[i]` such that its sum is the nearest whole number to the exact sum.

    The weights nearest to the next whole number are rounded up, as many as the sum needs; each moves by less than 1.
    """
    rows = weight.reshape(len(weight), -1)
    floors = np.floor(rows)
    missing = np.rint(rows.sum(axis=1)) - floors.sum(axis=1)
    rank = np.argsort(np.argsort(floors - rows, axis=1, kind="stable"), axis=1)
    return (floors + (rank < missing[:, None])).reshape(weight.shape)
