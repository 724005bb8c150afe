"""The NumPy interpreter against independent formulations of each operation."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thinlens.data.degrade import upscale_bicubic
from thinlens.program import (
    Activation,
    Add,
    AddChroma,
    Convolution,
    FakeQuantize,
    Luma,
    PixelShuffle,
    Program,
    ReduceMax,
    RoundingShiftRight,
    SoftmaxSum,
    reference,
)

SIZES = [(1, 1), (1, 5), (4, 1), (7, 9)]


def planes(channels: int, size: tuple[int, int], seed: int = 0) -> Any:
    return np.random.default_rng(seed).normal(0, 1, (channels, *size)).astype(np.float32)


def bounced(place: int, length: int) -> int:
    """To and fro between the ends, which come once each time."""
    while not 0 <= place < length:
        place = 0 if length == 1 else -place if place < 0 else 2 * (length - 1) - place
    return place


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("padding", ["zero", "outside", "edge", "reflect"])
@pytest.mark.parametrize("kernel", [1, 3, 5, 7])
def test_convolution_is_a_sum_over_neighbours(size: tuple[int, int], padding: Any, kernel: int) -> None:
    source, radius = planes(2, size), kernel // 2
    weight, bias = planes(3, (2, kernel**2), 1).reshape(3, 2, kernel, kernel), planes(1, (1, 3), 2).reshape(3)
    outside = np.array([0.5, -3], np.float32) if padding == "outside" else np.zeros(2, np.float32)
    pad_value = outside if padding == "outside" else None
    op = Convolution(0, weight, bias, "zero" if padding == "outside" else padding, pad_value)
    result = reference.convolution(op, source)
    height, width = size
    expected = np.zeros((3, height, width))
    for c, y, x, j, v, u in np.ndindex(3, height, width, 2, kernel, kernel):
        row, column = y + v - radius, x + u - radius
        if padding == "edge":
            row, column = min(max(row, 0), height - 1), min(max(column, 0), width - 1)
        elif padding == "reflect":
            row, column = (bounced(place, length) for place, length in ((row, height), (column, width)))
        inside = 0 <= row < height and 0 <= column < width
        expected[c, y, x] += float(weight[c, j, v, u]) * float(source[j, row, column] if inside else outside[j])
    np.testing.assert_allclose(result, expected + bias[:, None, None], atol=2e-5)


@pytest.mark.parametrize("size", SIZES)
def test_against_torch(size: tuple[int, int]) -> None:
    torch = pytest.importorskip("torch")
    functional = torch.nn.functional
    source = planes(1, size)
    weight = planes(12, (1, 25), 3).reshape(12, 1, 5, 5) * np.float32(0.2)
    convolved = reference.convolution(Convolution(0, weight), source)
    expected = functional.conv2d(torch.from_numpy(source)[None], torch.from_numpy(weight), padding=2)
    np.testing.assert_allclose(convolved, expected[0].numpy(), atol=1e-5)

    shuffled = reference.evaluate(PixelShuffle(0, 2), [convolved])
    expected = functional.pixel_shuffle(expected, 2)[0]
    np.testing.assert_allclose(shuffled, expected.numpy(), atol=1e-5)

    largest = reference.evaluate(ReduceMax(0), [shuffled])
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

    np.testing.assert_allclose(
        reference.evaluate(SoftmaxSum(0, "key*key"), [wide]),
        (value * (key**2).softmax(0)).sum(0, keepdim=True).numpy(),
        atol=1e-5,
    )


def test_weights_of_a_byte_stand_for_their_multiple_of_the_step() -> None:
    levels = np.random.default_rng(3).integers(-128, 128, (3, 2, 3, 3), dtype=np.int8)
    step, bias = np.array([0.01, 0.5, 2], np.float32), np.array([1, 2, 3], np.float32)
    weight = levels * step[:, None, None, None]
    source = planes(2, (6, 5))
    result = reference.convolution(Convolution(0, levels, bias, "edge", weight_scale=step), source)
    expected = reference.convolution(Convolution(0, weight, bias, "edge"), source)
    np.testing.assert_allclose(result, expected, rtol=1e-5)


FUNCTIONS: dict[Any, Any] = {
    "relu": lambda v: v if v > 0 else 0,
    "prelu": lambda v: v if v > 0 else 0.25 * v,
    "tanh": math.tanh,
    "sigmoid": lambda v: 1 / (1 + math.exp(-v)),
    "softplus": lambda v: math.log1p(math.exp(v)),
}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_activations_of_each_value(function: Any) -> None:
    source = np.concatenate([np.linspace(-9, 9, 73), [0, 1e-6, -1e-6, 80, -80]]).astype(np.float32)[None, None]
    slope = np.array([0.25], np.float32) if function == "prelu" else None
    result = reference.evaluate(Activation(0, function, slope), [source])
    expected = np.vectorize(FUNCTIONS[function], otypes=[np.float64])(source.astype(np.float64))
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, expected, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_activations_of_huge_values_are_finite(function: Any) -> None:
    source = np.array([1e30, -1e30], np.float32).reshape(1, 1, 2)
    slope = np.array([0.25], np.float32) if function == "prelu" else None
    with np.errstate(over="raise", invalid="raise"):
        assert np.isfinite(reference.evaluate(Activation(0, function, slope), [source])).all()


def test_each_channel_has_its_slope() -> None:
    source = np.array([-1, 1], np.float32).reshape(1, 1, 2).repeat(3, axis=0)
    slope = np.array([0.1, -2, 3], np.float32)
    result = reference.evaluate(Activation(0, "prelu", slope), [source])
    np.testing.assert_array_equal(result[:, 0], np.stack([-slope, np.ones(3, np.float32)], axis=1))


def test_addition_gives_one_channel_to_all() -> None:
    one, three, other = planes(1, (4, 5)), planes(3, (4, 5), 1), planes(3, (4, 5), 2)
    for index in np.ndindex(3, 4, 5):
        assert reference.evaluate(Add(1, 2), [one, three, other])[index] == three[index] + other[index]
        for op in (Add(0, 1), Add(1, 0)):
            assert reference.evaluate(op, [one, three])[index] == one[0][index[1:]] + three[index]


@pytest.mark.parametrize(("step", "zero"), [(1.0, 0), (0.0625, 128), (0.007, 3), (3.0, 255)])
def test_quantize_takes_the_nearest_of_256_levels(step: float, zero: int) -> None:
    source = np.random.default_rng(4).normal(0, 200 * step, (2, 30, 40)).astype(np.float32)
    levels = (np.arange(256) - zero) * np.float32(step)
    nearest = levels[np.abs(source[..., None] - levels.astype(np.float64)).argmin(axis=-1)]
    result = reference.evaluate(FakeQuantize(0, step, zero), [source])
    assert result.dtype == np.float32 and len(np.unique(result)) > 40
    np.testing.assert_allclose(result, nearest, rtol=1e-6)
    np.testing.assert_array_equal(reference.evaluate(FakeQuantize(0, step, zero), [result]), result)


def test_each_channel_has_its_level_of_zero() -> None:
    source, zero = planes(3, (6, 7), 5), np.array([0, 100, 255], np.uint8)
    result = reference.evaluate(FakeQuantize(0, 0.0123, zero), [source])  # type: ignore[arg-type]
    for channel, level in enumerate(zero.tolist()):
        alone = reference.evaluate(FakeQuantize(0, 0.0123, level), [source[channel : channel + 1]])
        np.testing.assert_array_equal(result[channel : channel + 1], alone)
    assert result.dtype == np.float32 and result[0].min() == 0 and result[2].max() == 0


def test_quantize_takes_halves_to_even() -> None:
    source = np.array([-1.25, -0.75, -0.25, 0.25, 0.75, 1.25, 90, -90], np.float32).reshape(1, 1, 8)
    result = reference.evaluate(FakeQuantize(0, 0.5, 101), [source])
    assert result.ravel().tolist() == [-1, -1, 0, 0, 1, 1, 77, -50.5]


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
    result = reference.evaluate(RoundingShiftRight(0, shift), [np.array([[[value]]], np.int64)]).item()
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
        reference.evaluate(AddChroma(1, 0, 2), [gray, luma]), np.repeat(luma, 3, axis=0), atol=1e-5
    )
    rgb = planes(3, (5, 6), 2)
    enlarged = reference.bicubic(reference.luma(rgb), 2)
    np.testing.assert_allclose(
        reference.evaluate(AddChroma(1, 0, 2), [rgb, enlarged]), reference.bicubic(rgb, 2), atol=1e-5
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
    with pytest.raises(ValueError, match="is an integer program: it takes uint8 pictures"):
        reference.run(inner, np.array([[50]], np.uint16))


@settings(max_examples=30)
@given(st.integers(1, 6), st.integers(1, 6), st.sampled_from([2, 3, 4]), st.integers(0, 2**32 - 1))
def test_luma_alone_is_the_gray_picture_in_color(height: int, width: int, scale: int, seed: int) -> None:
    """A gray picture as RGB comes out as the luma picture does, three times."""
    draw = np.random.default_rng(seed)
    weight = draw.normal(0, 0.3, (2 * scale**2, 1, 3, 3)).astype(np.float32)
    program = Program("x", (Convolution(0, weight), PixelShuffle(1, scale), ReduceMax(2)))
    gray = draw.random((height, width), np.float32)
    color = reference.run(program, np.repeat(gray[..., None], 3, axis=2))
    np.testing.assert_allclose(color, np.repeat(reference.run(program, gray)[..., None], 3, axis=2), atol=1e-5)


def test_luma_op_needs_no_wrapper() -> None:
    rgb = np.random.default_rng(0).random((4, 4, 3), np.float32)
    program = identity().color
    assert isinstance(program.ops[0], Luma)
    np.testing.assert_array_equal(reference.run(program, rgb), reference.run(identity(), rgb))


def residual(scale: int = 2, channels: int = 4) -> Program:
    """A network of the form of ECBSR: layers, an activation, the picture added to all sub-pixels."""
    draw = np.random.default_rng(5)

    def layer(source: int, outputs: int, inputs: int) -> Convolution:
        return Convolution(source, draw.normal(0, 0.3, (outputs, inputs, 3, 3)).astype(np.float32), padding="edge")

    slope = draw.random(channels, np.float32)
    head = (layer(0, channels, 1), Activation(1, "prelu", slope), layer(2, scale**2, channels))
    return Program("residual", (*head, Add(3, 0), PixelShuffle(4, scale)))


@pytest.mark.parametrize("scale", [2, 3])
def test_the_color_form_adds_the_luma_where_the_network_adds_the_picture(scale: int) -> None:
    gray = np.random.default_rng(6).random((7, 8), np.float32)
    color = reference.run(residual(scale), np.repeat(gray[..., None], 3, axis=2))
    expected = np.repeat(reference.run(residual(scale), gray)[..., None], 3, axis=2)
    np.testing.assert_allclose(color, expected, atol=1e-5)


def test_uint8_pictures_go_through_the_quantized_program() -> None:
    """In it the layers see levels: with a coarse step the picture changes, for uint8 pictures only."""
    weight = np.full((4, 1, 1, 1), 100, np.int8)
    layer = Convolution(1, weight, weight_scale=np.full(4, 0.01, np.float32))
    inner = Program("x", (FakeQuantize(0, 0.25, 0), layer, PixelShuffle(2, 2)))
    program = Program("x", identity().ops, uint8=inner)
    assert reference.run(program, np.array([[100]], np.uint8)).tolist() == [[128, 128]] * 2
    assert reference.run(program, np.array([[100]], np.uint16)).tolist() == [[100, 100]] * 2
    assert reference.run(program, np.full((1, 1, 3), 100, np.uint8)).tolist() == [[[128] * 3] * 2] * 2
