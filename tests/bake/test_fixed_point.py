"""Programs in fixed point: near the float program, exact in int32, and only where there is such a form."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import numpy as np
import pytest

from thinlens.bake import to_fixed_point
from thinlens.bake.fixed_point import PEAK, round_keeping_sums
from thinlens.program import (
    Convolution,
    Luma,
    Operation,
    PixelShuffle,
    Program,
    ReduceMax,
    RoundingShiftRight,
    SoftmaxSum,
    reference,
)


def maximum(scale: int, kernel: int, channels: int, seed: int = 0, bias: bool = False) -> Program:
    """An eSR-MAX whose filters add up to 1, as trained ones nearly do."""
    draw = np.random.default_rng(seed)
    weight = draw.normal(0, 1 / kernel**2, (channels * scale**2, 1, kernel, kernel))
    weight[:, 0, kernel // 2, kernel // 2] += 1 - weight.sum(axis=(1, 2, 3))
    shift = draw.normal(0, 0.05, len(weight)).astype(np.float32) if bias else None
    convolution = Convolution(0, weight.astype(np.float32), shift, "edge")
    tail: tuple[Operation, ...] = (ReduceMax(2),) if channels > 1 else ()
    return Program(f"eSR-MAX_s{scale}_K{kernel}_C{channels}", (convolution, PixelShuffle(1, scale), *tail))


def smooth_picture(height: int, width: int) -> Any:
    y, x = np.mgrid[:height, :width]
    color = [128 + 120 * np.sin(y / 5 + x / 7), 128 + 100 * np.cos(x / 3), 255 * (x > y)]
    return np.stack(color, axis=-1).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize(("kernel", "channels"), [(1, 1), (3, 1), (3, 2), (5, 4), (7, 2)])
@pytest.mark.parametrize("bias", [False, True])
def test_within_a_level_of_float(scale: int, kernel: int, channels: int, bias: bool) -> None:
    program = maximum(scale, kernel, channels, bias=bias)
    fixed = replace(program, uint8=to_fixed_point(program, 16))
    noise = np.random.default_rng(1).integers(0, 256, (23, 31, 3), dtype=np.uint8)
    for picture in (noise, noise[..., 0], smooth_picture(40, 50), smooth_picture(40, 50)[..., 1]):
        expected = reference.run(program, picture).astype(int)
        result = reference.run(fixed, picture).astype(int)
        # In color the integer luma is in whole levels, which the float program's is not.
        most, share = (1, 0.03) if picture.ndim == 2 else (2, 0.2)
        assert np.abs(result - expected).max() <= most
        assert (result != expected).mean() < share


@pytest.mark.parametrize("gain", [0.01, 0.5, 1, 1.9, 8, 60, 1500])
@pytest.mark.parametrize("kernel", [1, 3, 7])
@pytest.mark.parametrize("weight_bits", [8, 16])
def test_no_picture_overflows(gain: float, kernel: int, weight_bits: Literal[8, 16]) -> None:
    """The pictures that drive each filter to its extremes give in int32 what int64 gives, bit for bit."""
    draw = np.random.default_rng(kernel)
    weight = draw.normal(0, 1, (4, 1, kernel, kernel))
    weight = (weight * gain / np.abs(weight).sum(axis=(1, 2, 3)).max()).astype(np.float32)
    program = Program("x", (Convolution(0, weight, np.full(4, gain, np.float32)), PixelShuffle(1, 2)))
    fixed = to_fixed_point(program, weight_bits)
    convolution, _, shift = fixed.ops
    assert (
        isinstance(convolution, Convolution) and isinstance(shift, RoundingShiftRight) and convolution.bias is not None
    )
    exact = convolution.weight.astype(np.int64)
    for row, bias in zip(exact[:, 0], convolution.bias.astype(np.int64), strict=True):
        for sign in (1, -1):
            picture = np.where(sign * row > 0, 255, 0).astype(np.uint8)
            total = int((row * (picture.astype(np.int64) << 6)).sum() + bias)
            assert total >= -(2**31) and total + (1 << shift.shift - 1) < 2**31
    for seed in range(3):
        picture = np.random.default_rng(seed).choice(np.array([0, 255], np.uint8), (kernel, kernel))
        padded = np.pad(picture.astype(np.int64) << 6, kernel // 2)
        windows = np.lib.stride_tricks.sliding_window_view(padded, (kernel, kernel))
        sums = np.einsum("yxvu,cvu->cyx", windows, exact[:, 0]) + convolution.bias.astype(np.int64)[:, None, None]
        levels = (np.clip((sums + (1 << shift.shift - 1)) >> shift.shift, -32768, 32767) + 32) >> 6
        expected = reference.evaluate(PixelShuffle(0, 2), [levels.clip(0, 255)])[0]
        np.testing.assert_array_equal(reference.run(fixed, picture), expected)


def test_the_bits_are_as_many_as_fit() -> None:
    """One more bit would leave int16 or int32."""
    for seed in range(20):
        program = maximum(2, 3, 2, seed)
        fixed = to_fixed_point(program, 16)
        convolution, shift = fixed.ops[0], fixed.ops[-1]
        assert isinstance(convolution, Convolution) and isinstance(shift, RoundingShiftRight)
        assert shift.shift >= 12
        weight = 2 * convolution.weight.astype(np.int64)
        sums = [PEAK * np.abs(np.where(sign * weight > 0, weight, 0)).sum(axis=(1, 2, 3)).max() for sign in (1, -1)]
        assert shift.shift == 16 or np.abs(weight).max() > 32700 or max(sums) > 2**31 * 0.99


def test_int8_where_it_has_six_fraction_bits() -> None:
    for gain, most, bits in ((0.4, 127, 8), (0.9, 127, 7), (1.5, 127, 6), (2.5, 32767, 13)):
        weight = np.full((4, 1, 1, 1), gain, np.float32)
        convolution, _, shift = to_fixed_point(Program("x", (Convolution(0, weight), PixelShuffle(1, 2)))).ops
        assert isinstance(convolution, Convolution) and isinstance(shift, RoundingShiftRight)
        assert shift.shift == bits and convolution.weight.max() == np.rint(gain * 2**bits) <= most


@pytest.mark.parametrize("channels", [1, 2])
def test_int8_keeps_photographs_within_a_level(channels: int) -> None:
    program = maximum(2, 3, channels)
    picture = smooth_picture(40, 50)[..., 1]
    expected = reference.run(program, picture).astype(int)
    result = reference.run(to_fixed_point(program), picture).astype(int)
    assert np.abs(result - expected).max() <= 1


@pytest.mark.parametrize("weight_bits", [8, 16])
def test_flat_areas_keep_their_level(weight_bits: Literal[8, 16]) -> None:
    for seed in range(5):
        program = maximum(3, 7, 1, seed)
        fixed = to_fixed_point(program, weight_bits)
        for level in (0, 1, 37, 128, 254, 255):
            picture = np.full((4, 4), level, np.uint8)
            np.testing.assert_array_equal(reference.run(fixed, picture), np.full((12, 12), level))


def test_rounding_keeps_sums_and_moves_no_weight_by_one() -> None:
    weight = np.random.default_rng(0).normal(0, 50, (64, 1, 5, 5))
    rounded = round_keeping_sums(weight)
    assert np.array_equal(rounded, np.rint(rounded))
    assert np.abs(rounded - weight).max() < 1
    np.testing.assert_array_equal(rounded.sum(axis=(1, 2, 3)), np.rint(weight.sum(axis=(1, 2, 3))))
    whole = np.arange(-4.0, 5).reshape(1, 1, 3, 3)
    np.testing.assert_array_equal(round_keeping_sums(whole), whole)


def test_name_padding_and_provenance_stay() -> None:
    program = replace(maximum(2, 3, 2), provenance={"data": "seed 0"})
    fixed = to_fixed_point(program)
    assert (fixed.name, fixed.provenance, fixed.integer) == (program.name, program.provenance, True)
    assert isinstance(fixed.ops[0], Convolution) and fixed.ops[0].padding == "edge"
    with_both = replace(program, uint8=fixed)
    assert with_both.color.uint8 is not None and with_both.color.uint8.integer


FLOAT = Convolution(0, np.full((8, 1, 3, 3), 0.1, np.float32))


@pytest.mark.parametrize(
    "ops",
    [
        (FLOAT, PixelShuffle(1, 2), SoftmaxSum(2, "key")),
        (FLOAT, Convolution(1, np.ones((4, 8, 1, 1), np.float32)), PixelShuffle(2, 2)),
        (Convolution(0, np.ones((4, 1, 3, 3), np.int16)), PixelShuffle(1, 2)),
        (FLOAT, PixelShuffle(1, 2), ReduceMax(1)),
        (Luma(0), Convolution(1, np.ones((12, 1, 1, 1), np.float32)), PixelShuffle(2, 2)),
        (Convolution(0, np.ones((4, 1, 3, 3), np.float32), None, "zero", np.ones(1, np.float32)), PixelShuffle(1, 2)),
    ],
    ids=["softmax", "two layers", "integer already", "no chain", "color", "pad value"],
)
def test_programs_without_a_fixed_point_form(ops: tuple[Operation, ...]) -> None:
    with pytest.raises(ValueError, match="x has no fixed-point form"):
        to_fixed_point(Program("x", ops))


def test_weights_out_of_all_range() -> None:
    huge = Convolution(0, np.full((4, 1, 3, 3), 1e5, np.float32))
    with pytest.raises(ValueError, match="too large for 32-bit sums"):
        to_fixed_point(Program("x", (huge, PixelShuffle(1, 2))))
