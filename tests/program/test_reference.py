"""The NumPy interpreter against independent formulations of each operation."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thinlens.data.degrade import upscale_bicubic
from thinlens.program import (
    ChannelMaximum,
    Convolution,
    Luma,
    PixelShuffle,
    Program,
    Recolor,
    RoundShift,
    SoftmaxSum,
    reference,
)

SIZES = [(1, 1), (1, 5), (4, 1), (7, 9)]


def planes(channels: int, size: tuple[int, int], seed: int = 0) -> Any:
    return np.random.default_rng(seed).normal(0, 1, (channels, *size)).astype(np.float32)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("padding", ["zero", "edge"])
@pytest.mark.parametrize("kernel", [1, 3, 5, 7])
def test_convolution_is_a_sum_over_neighbours(size: tuple[int, int], padding: Any, kernel: int) -> None:
    source, radius = planes(2, size), kernel // 2
    weight, bias = planes(3, (2, kernel**2), 1).reshape(3, 2, kernel, kernel), planes(1, (1, 3), 2).reshape(3)
    result = reference.convolution(source, Convolution(0, weight, bias, padding))
    height, width = size
    expected = np.zeros((3, height, width))
    for c, y, x, j, v, u in np.ndindex(3, height, width, 2, kernel, kernel):
        row, column = y + v - radius, x + u - radius
        if padding == "edge":
            row, column = min(max(row, 0), height - 1), min(max(column, 0), width - 1)
        if 0 <= row < height and 0 <= column < width:
            expected[c, y, x] += float(weight[c, j, v, u]) * float(source[j, row, column])
    np.testing.assert_allclose(result, expected + bias[:, None, None], atol=2e-5)


@pytest.mark.parametrize("size", SIZES)
def test_against_torch(size: tuple[int, int]) -> None:
    torch = pytest.importorskip("torch")
    functional = torch.nn.functional
    source = planes(1, size)
    weight = planes(12, (1, 25), 3).reshape(12, 1, 5, 5) * np.float32(0.2)
    convolved = reference.convolution(source, Convolution(0, weight))
    expected = functional.conv2d(torch.from_numpy(source)[None], torch.from_numpy(weight), padding=2)
    np.testing.assert_allclose(convolved, expected[0].numpy(), atol=1e-5)

    shuffled = reference.evaluate(PixelShuffle(0, 2), [convolved])
    expected = functional.pixel_shuffle(expected, 2)[0]
    np.testing.assert_allclose(shuffled, expected.numpy(), atol=1e-5)

    largest = reference.evaluate(ChannelMaximum(0), [shuffled])
    np.testing.assert_allclose(largest, expected.amax(0, keepdim=True).numpy(), atol=1e-5)

    value, query, key = expected.split(1)
    summed = reference.evaluate(SoftmaxSum(0, "query*key"), [shuffled])
    np.testing.assert_allclose(summed, value.numpy(), atol=1e-5)  # one channel: its softmax is 1
    wide = np.concatenate([shuffled] * 2)
    value, query, key = torch.from_numpy(wide).split(2)
    softmax = (query * key).softmax(0)
    np.testing.assert_allclose(
        reference.evaluate(SoftmaxSum(0, "query*key"), [wide]),
        (value * softmax).sum(0, keepdim=True).numpy(),
        atol=1e-5,
    )
    value, key = torch.from_numpy(wide).split(3)
    np.testing.assert_allclose(
        reference.evaluate(SoftmaxSum(0, "key"), [wide]),
        (value * key.softmax(0)).sum(0, keepdim=True).numpy(),
        atol=1e-5,
    )


def test_softmax_of_huge_scores_is_finite() -> None:
    source = np.array([1, 2, 1e4, -1e4], np.float32).reshape(4, 1, 1)
    assert reference.evaluate(SoftmaxSum(0, "key"), [source]).item() == 1


@pytest.mark.parametrize("scale", [1, 2, 3, 4])
def test_shuffle_by_its_definition(scale: int) -> None:
    source = planes(2 * scale**2, (3, 4))
    result = reference.evaluate(PixelShuffle(0, scale), [source])
    assert result.shape == (2, 3 * scale, 4 * scale)
    for c, y, x, i, j in np.ndindex(2, 3, 4, scale, scale):
        assert result[c, scale * y + i, scale * x + j] == source[c * scale**2 + i * scale + j, y, x]


@given(st.integers(-(2**31), 2**31 - 1 - 2**30), st.integers(1, 31))
def test_round_shift_is_the_nearest_quotient_upwards_at_ties(value: int, shift: int) -> None:
    result = reference.evaluate(RoundShift(0, shift), [np.array([[[value]]], np.int64)]).item()
    exact = Fraction(value, 2**shift) + Fraction(1, 2)
    assert result == min(max(exact.numerator // exact.denominator, -32768), 32767)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_bicubic_against_the_resizing_of_degrade(scale: int) -> None:
    """Away from the border, where one repeats the edge and the other mirrors, they are one filter."""
    source = planes(1, (12, 11))
    result = reference.bicubic(source, scale)[0]
    expected = upscale_bicubic(source[0], scale)
    inside = slice(2 * scale, -2 * scale)
    np.testing.assert_allclose(result[inside, inside], expected[inside, inside], atol=1e-5)
    np.testing.assert_allclose(reference.bicubic_taps(scale).sum(axis=1), 1, atol=1e-12)
    np.testing.assert_array_equal(reference.bicubic_taps(scale)[::-1, ::-1], reference.bicubic_taps(scale))


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_bicubic_of_a_cubic_polynomial_is_quadratically_exact(scale: int) -> None:
    """Keys' kernel reproduces polynomials up to the second degree: the sampled parabola comes out as itself."""
    x = np.arange(12, dtype=np.float64)
    fine = (np.arange(12 * scale) + 0.5) / scale - 0.5
    source = (x**2 - 3 * x + 1)[None, None].astype(np.float32)
    result = reference.bicubic(source, scale)[0, 0]
    inside = slice(2 * scale, -2 * scale)
    np.testing.assert_allclose(result[inside], (fine**2 - 3 * fine + 1)[inside], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_integer_bicubic_keeps_flat_areas_and_follows_the_float_one(scale: int) -> None:
    flat = np.full((1, 4, 4), 255 << 6, np.int32)
    assert np.abs(reference.bicubic(flat, scale) - flat.max()).max() <= 8
    source = np.random.default_rng(0).integers(-(255 << 6), 255 << 6, (2, 9, 8), dtype=np.int32)
    exact = reference.bicubic(source.astype(np.float64), scale)
    assert np.abs(reference.bicubic(source, scale) - exact).max() <= 16  # of 64 in a level


def test_luma() -> None:
    rgb = np.array([[1, 0, 0, 1, 0.5], [0, 1, 0, 1, 0.5], [0, 0, 1, 1, 0.5]], np.float32)[:, None]
    np.testing.assert_allclose(reference.luma(rgb)[0, 0], [0.299, 0.587, 0.114, 1, 0.5], atol=1e-6)
    levels = np.random.default_rng(0).integers(0, 256, (3, 20, 20), dtype=np.int32)
    levels[:, 0, 0], levels[:, 0, 1] = 255, 0
    result = reference.luma(levels << 6)
    exact = np.tensordot([0.299, 0.587, 0.114], levels, axes=1)[None]
    assert np.abs(result / 64 - exact).max() <= 0.5 + 1e-4
    assert (result[0, 0, 0], result[0, 0, 1]) == (255 << 6, 0)


def test_recolor_of_gray_is_the_luma_and_of_its_own_luma_bicubic() -> None:
    gray = np.repeat(planes(1, (5, 6)), 3, axis=0)
    luma = planes(1, (10, 12), 1)
    np.testing.assert_allclose(
        reference.evaluate(Recolor(1, 0, 2), [gray, luma]), np.repeat(luma, 3, axis=0), atol=1e-5
    )
    rgb = planes(3, (5, 6), 2)
    enlarged = reference.bicubic(reference.luma(rgb), 2)
    np.testing.assert_allclose(
        reference.evaluate(Recolor(1, 0, 2), [rgb, enlarged]), reference.bicubic(rgb, 2), atol=1e-5
    )


def identity(scale: int = 2) -> Program:
    weight = np.zeros((scale**2, 1, 3, 3), np.float32)
    weight[:, :, 1, 1] = 1
    return Program("nearest", (Convolution(0, weight), PixelShuffle(1, scale)))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (1, 1, 3), (4, 3, 3)])
def test_layouts_and_dtypes(dtype: Any, shape: tuple[int, ...]) -> None:
    """Nearest-neighbour enlargement gives every level of every dtype back, in the layout it came in."""
    draw = np.random.default_rng(0)
    picture: Any = draw.random(shape, np.float32) if dtype == np.float32 else draw.integers(0, 256, shape).astype(dtype)
    picture = picture * 257 if dtype == np.uint16 else picture
    if len(shape) == 3:
        picture[:] = picture[..., :1]  # gray, so that bicubic chroma stays nothing
    result = reference.run(identity(), picture.astype(dtype))
    assert result.dtype == dtype and result.flags["C_CONTIGUOUS"]
    expected = picture.repeat(2, axis=0).repeat(2, axis=1)
    np.testing.assert_allclose(result, expected, atol=1e-6 if dtype == np.float32 else 0)


def test_clipping_at_the_end_only() -> None:
    weight = np.array([-1, 2, 0, 0.5], np.float32).reshape(4, 1, 1, 1)
    program = Program("x", (Convolution(0, weight), PixelShuffle(1, 2)))
    assert reference.run(program, np.array([[200]], np.uint8)).tolist() == [[0, 255], [0, 100]]
    assert reference.run(program, np.array([[0.75]], np.float32)).tolist() == [[-0.75, 1.5], [0, 0.375]]


def test_uint8_pictures_go_through_the_integer_program() -> None:
    double = Convolution(0, np.full((4, 1, 1, 1), 2, np.int16))
    inner = Program("x", (double, PixelShuffle(1, 2)))
    program = Program("x", identity().ops, uint8=inner)
    assert reference.run(program, np.array([[50]], np.uint8)).max() == 100
    assert reference.run(program, np.array([[50]], np.uint16)).max() == 50
    with pytest.raises(ValueError, match="integer program takes uint8"):
        reference.run(inner, np.array([[50]], np.uint16))


@settings(max_examples=30)
@given(st.integers(1, 6), st.integers(1, 6), st.sampled_from([2, 3, 4]), st.integers(0, 2**32 - 1))
def test_luma_alone_is_the_gray_picture_in_color(height: int, width: int, scale: int, seed: int) -> None:
    """A gray picture as RGB comes out as the luma picture does, three times."""
    draw = np.random.default_rng(seed)
    weight = draw.normal(0, 0.3, (2 * scale**2, 1, 3, 3)).astype(np.float32)
    program = Program("x", (Convolution(0, weight), PixelShuffle(1, scale), ChannelMaximum(2)))
    gray = draw.random((height, width), np.float32)
    color = reference.run(program, np.repeat(gray[..., None], 3, axis=2))
    np.testing.assert_allclose(color, np.repeat(reference.run(program, gray)[..., None], 3, axis=2), atol=1e-5)


def test_luma_op_needs_no_wrapper() -> None:
    rgb = np.random.default_rng(0).random((4, 4, 3), np.float32)
    program = identity().color
    assert isinstance(program.ops[0], Luma)
    np.testing.assert_array_equal(reference.run(program, rgb), reference.run(identity(), rgb))
