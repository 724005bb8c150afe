"""Operations that do not fit together are refused with their number and the reason; the rest is derived from them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from thinlens.program import (
    Activation,
    Add,
    AddChroma,
    Convolution,
    FakeQuantize,
    Luma,
    Operation,
    PixelShuffle,
    Program,
    ReduceMax,
    RoundingShiftRight,
    SoftmaxSum,
    reference,
)


def weight(outputs: int, inputs: int = 1, kernel: int = 3, dtype: Any = np.float32) -> Any:
    return np.ones((outputs, inputs, kernel, kernel), dtype)


def vector(*values: float, dtype: Any = np.float32) -> Any:
    return np.array(values, dtype)


SHUFFLE = PixelShuffle(1, 2)
LEVELS = FakeQuantize(0, 0.1, 0)
BYTES = weight(4, dtype=np.int8)
STEP = vector(1, 1, 1, 1)


@pytest.mark.parametrize(
    ("ops", "message"),
    [
        ((), "has no operations"),
        ((PixelShuffle(1, 2),), "no operation of the program reads the picture"),
        ((Convolution(0, weight(4)), PixelShuffle(2, 2)), r"operation 2 \(PixelShuffle\) reads value 2"),
        ((Convolution(0, weight(4)), PixelShuffle(-1, 2)), "reads value -1"),
        ((Convolution(0, weight(4, kernel=2)), SHUFFLE), "odd kernel"),
        ((Convolution(0, weight(4, kernel=0)), SHUFFLE), "odd kernel"),
        ((Convolution(0, np.ones((4, 1, 3, 5), np.float32)), SHUFFLE), "odd kernel"),
        ((Convolution(0, np.ones(4, np.float32)), SHUFFLE), "odd kernel"),
        ((Convolution(0, weight(0)), ReduceMax(1)), "not be empty"),
        ((Convolution(0, weight(4, dtype=np.float64)), SHUFFLE), "float32, int16 or int8"),
        ((Convolution(0, weight(4, dtype=np.int32)), SHUFFLE), "float32, int16 or int8"),
        ((Convolution(0, weight(4)), Convolution(1, weight(4, 3)), SHUFFLE), "takes 3 channels, its source has 4"),
        ((Convolution(0, weight(4), np.ones(3, np.float32)), SHUFFLE), r"bias must be \(4,\) float32"),
        ((Convolution(0, weight(4), np.ones(4, np.float64)), SHUFFLE), "bias must be"),
        ((Convolution(0, weight(4, dtype=np.int16), np.ones(4, np.float32)), SHUFFLE), r"bias must be \(4,\) int32"),
        ((Convolution(0, weight(4) * np.float32("nan")), SHUFFLE), "weights must be finite"),
        ((Convolution(0, weight(4), np.full(4, np.inf, np.float32)), SHUFFLE), "weights must be finite"),
        ((Convolution(0, weight(4), None, "wrap"), SHUFFLE), "padding must be zero or edge or reflect"),  # type: ignore[arg-type]
        ((Convolution(0, weight(6)), SHUFFLE), "6 channels do not shuffle by 2"),
        ((Convolution(0, weight(4)), PixelShuffle(1, 0)), "do not shuffle by 0"),
        ((Convolution(0, weight(5)), SoftmaxSum(1, "key")), "5 channels are not 2 equal groups"),
        ((Convolution(0, weight(4)), SoftmaxSum(1, "query*key")), "4 channels are not 3 equal groups"),
        (
            (Convolution(0, weight(4)), SoftmaxSum(1, "value")),
            "logit must be one of key, key\\*key, query\\*key, got 'value'",
        ),  # type: ignore[arg-type]
        ((Convolution(0, weight(1, dtype=np.int16)), RoundingShiftRight(1, 0)), "shift 0 must be in 1…31"),
        ((Convolution(0, weight(1, dtype=np.int16)), RoundingShiftRight(1, 4, 5, 5)), "minimum 5 below maximum 5"),
        ((Convolution(0, weight(1)), RoundingShiftRight(1, 4)), "RoundingShiftRight needs integer weights"),
        ((Convolution(0, weight(2, dtype=np.int16)), SoftmaxSum(1, "key")), "SoftmaxSum has no integer form"),
        ((Convolution(0, weight(1)), Convolution(1, weight(1, dtype=np.int16))), "mixes integer and float"),
        ((Convolution(0, weight(1)), Luma(1)), "needs 3 channels, got 1"),
        ((Luma(0), AddChroma(1, 0, 2)), "one luma channel at 2 times the size"),
        ((Convolution(0, weight(5)), SoftmaxSum(1, "key*key")), "5 channels are not 2 equal groups"),
        ((Convolution(0, weight(4), pad_value=vector(1, 1)), SHUFFLE), r"pad_value must be \(1,\) float32, got \(2,\)"),
        (
            (Convolution(0, weight(4), pad_value=vector(1, dtype=np.float64)), SHUFFLE),
            "pad_value must be float32, got float64",
        ),
        ((Convolution(0, weight(4), pad_value=vector(np.nan)), SHUFFLE), "pad_value must be finite"),
        (
            (Convolution(0, weight(4), None, "edge", vector(1)), SHUFFLE),
            "pad_value needs padding zero and float weights",
        ),
        (
            (Convolution(0, weight(4, dtype=np.int16), pad_value=vector(1)), SHUFFLE),
            "pad_value needs padding zero and float weights",
        ),
        (
            (Convolution(0, weight(4), weight_scale=STEP), SHUFFLE),
            "int8 weights need a weight_scale for each output, others have none",
        ),
        ((LEVELS, Convolution(1, BYTES), PixelShuffle(2, 2)), "int8 weights need a weight_scale for each output"),
        (
            (LEVELS, Convolution(1, BYTES, weight_scale=STEP[:3]), PixelShuffle(2, 2)),
            r"weight_scale must be \(4,\) float32, got \(3,\)",
        ),
        (
            (LEVELS, Convolution(1, BYTES, weight_scale=STEP * vector(np.inf)), PixelShuffle(2, 2)),
            "weight_scale must be finite",
        ),
        (
            (Convolution(0, BYTES, weight_scale=STEP), SHUFFLE),
            "a convolution with int8 weights must read a FakeQuantize",
        ),
        ((FakeQuantize(0, 0.0, 0),), "scale must be a number above 0, got 0.0"),
        ((FakeQuantize(0, -1.0, 0),), "scale must be a number above 0, got -1.0"),
        ((FakeQuantize(0, 0.1, 0, np.ones(2, np.float32)),), r"factor must be \(1,\) float32, got \(2,\) float32"),
        ((FakeQuantize(0, 0.1, 0, np.zeros(1, np.float32)),), "factor must be above 0"),
        ((FakeQuantize(0, float("nan"), 0),), "scale must be a number above 0, got nan"),
        ((FakeQuantize(0, float("inf"), 0),), "scale must be a number above 0, got inf"),
        ((FakeQuantize(0, 1.0, 256),), "zero_point must be in 0…255, got 256"),
        ((FakeQuantize(0, 1.0, -1),), "zero_point must be in 0…255, got -1"),
        ((FakeQuantize(0, 1.0, vector(1, 2, dtype=np.uint8)),), r"zero_point must be \(1,\) uint8, got \(2,\) uint8"),
        ((FakeQuantize(0, 1.0, vector(1)),), "zero_point must be a whole number or uint8, got float32"),
        ((FakeQuantize(0, 0.0, vector(1, dtype=np.uint8)),), "scale must be a number above 0, got 0.0"),
        ((Activation(0, "gelu"),), "function must be one of relu, prelu, tanh, sigmoid, softplus, got 'gelu'"),  # type: ignore[arg-type]
        ((Activation(0, "prelu"),), "prelu needs a slope for each channel, other functions have none"),
        ((Activation(0, "relu", vector(1)),), "prelu needs a slope for each channel, other functions have none"),
        ((Activation(0, "prelu", vector(1, 2)),), r"slope must be \(1,\) float32, got \(2,\)"),
        ((Activation(0, "prelu", vector(np.inf)),), "slope must be finite"),
        ((Add(0, 1),), r"operation 1 \(Add\) reads value 1, which is not before it"),
        ((Convolution(0, weight(4)), SHUFFLE, Add(2, 0)), "cannot add 1 channels × 1 to 1 channels × 2"),
        (
            (Convolution(0, weight(4)), Convolution(0, weight(3)), Add(1, 2)),
            "cannot add 3 channels × 1 to 4 channels × 1",
        ),
        ((Convolution(0, weight(1, dtype=np.int16)), Activation(1, "relu")), "Activation has no integer form"),
        ((Convolution(0, weight(1, dtype=np.int16)), FakeQuantize(1, 1.0, 0)), "FakeQuantize has no integer form"),
        ((Convolution(0, weight(4)),), "returns 4 channels for a picture of 1"),
    ],
)
def test_refusals(ops: tuple[Operation, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Program("x", ops)


def test_the_uint8_program_must_fit() -> None:
    float_program = Program("x", (Convolution(0, weight(4)), SHUFFLE))
    larger = Program("x", (Convolution(0, weight(9, dtype=np.int16)), PixelShuffle(1, 3)))
    for wrong in (float_program, larger):
        with pytest.raises(
            ValueError, match="its uint8 program must be integer or quantized, with the same scale and channels"
        ):
            Program("x", float_program.ops, uint8=wrong)


def test_weights_are_copied_and_read_only() -> None:
    own = weight(4)
    program = Program("x", (Convolution(0, own), SHUFFLE))
    own[:] = 7
    assert isinstance(program.ops[0], Convolution)
    assert program.ops[0].weight.max() == 1
    with pytest.raises(ValueError, match="read-only"):
        program.ops[0].weight[0] = 0


def random_weight(outputs: int, inputs: int, kernel: int, seed: int) -> Any:
    return np.random.default_rng(seed).normal(0, 0.3, (outputs, inputs, kernel, kernel)).astype(np.float32)


PROGRAMS = {
    "one layer": (Convolution(0, random_weight(8, 1, 5, 0)), SHUFFLE, ReduceMax(2)),
    "two layers": (
        Convolution(0, random_weight(3, 1, 3, 1)),
        Convolution(1, random_weight(9, 3, 5, 2)),
        PixelShuffle(2, 3),
    ),
    "shuffle between": (
        Convolution(0, random_weight(4, 1, 3, 3)),
        SHUFFLE,
        Convolution(2, random_weight(4, 1, 3, 4)),
        PixelShuffle(3, 2),
    ),
    "residual": (
        Convolution(0, random_weight(3, 1, 3, 6)),
        Activation(1, "tanh"),
        Convolution(2, random_weight(4, 3, 5, 7), None, "zero", np.ones(3, np.float32)),
        Add(0, 3),
        PixelShuffle(4, 2),
    ),
    "a wide branch and a narrow one": (
        Convolution(0, random_weight(4, 1, 7, 8)),
        Convolution(0, random_weight(4, 1, 3, 9)),
        Add(1, 2),
        PixelShuffle(3, 2),
    ),
    "levels": (
        FakeQuantize(0, 1 / 255, 0),
        Convolution(1, np.full((4, 1, 3, 3), 7, np.int8), weight_scale=np.full(4, 0.1, np.float32)),
        PixelShuffle(2, 2),
    ),
    "color": (
        Luma(0),
        Convolution(1, random_weight(4, 1, 1, 5)),
        PixelShuffle(2, 2),
        AddChroma(3, 0, 2),
    ),
}


@pytest.mark.parametrize(
    ("name", "scale", "halo", "channels"),
    [
        ("one layer", 2, 2, 1),
        ("two layers", 3, 3, 1),
        ("shuffle between", 4, 2, 1),
        ("residual", 2, 3, 1),
        ("a wide branch and a narrow one", 2, 3, 1),
        ("levels", 2, 1, 1),
        ("color", 2, 2, 3),
    ],
)
def test_scale_and_halo_are_what_the_arithmetic_does(name: str, scale: int, halo: int, channels: int) -> None:
    """A changed pixel changes the result as far as the halo says and no farther, whole pixels of its size."""
    program = Program(name, PROGRAMS[name])
    assert (program.scale, program.halo, program.channels) == (scale, halo, channels)
    size, middle = 21, 10
    picture = np.random.default_rng(6).random((size, size, 3) if channels == 3 else (size, size), np.float32)
    changed = picture.copy()
    changed[middle, middle, ...] += np.array([0.5, 0, 0], np.float32) if channels == 3 else 0.5
    before, after = reference.run(program, picture), reference.run(program, changed)
    assert before.shape[:2] == (size * scale, size * scale)
    touched = np.abs(after - before)
    touched = touched.max(axis=-1) if channels == 3 else touched
    rows = np.flatnonzero(touched.max(axis=1)) // scale
    columns = np.flatnonzero(touched.max(axis=0)) // scale
    assert (rows.min(), rows.max()) == (middle - halo, middle + halo)
    assert (columns.min(), columns.max()) == (middle - halo, middle + halo)


def test_the_color_program_wraps_the_luma_program() -> None:
    program = Program("x", PROGRAMS["one layer"])
    color = program.color
    assert [type(op).__name__ for op in color.ops] == [
        "Luma", "Convolution", "PixelShuffle", "ReduceMax", "AddChroma",
    ]  # fmt: skip
    assert (color.scale, color.channels, color.halo, color.color) == (2, 3, 2, color)
    assert [(kind.channels, kind.scale) for kind in color.value_types] == [
        (3, 1),
        (1, 1),
        (8, 1),
        (2, 2),
        (1, 2),
        (3, 2),
    ]


def test_the_color_program_moves_both_sources_of_an_addition() -> None:
    color = Program("x", PROGRAMS["residual"]).color
    addition = color.ops[4]
    assert isinstance(addition, Add) and (addition.source, addition.other) == (1, 4)
    assert (color.scale, color.channels, color.halo) == (2, 3, 3)


def test_arithmetic_is_named() -> None:
    assert [Program("x", PROGRAMS[name]).quantized for name in ("levels", "residual")] == [True, False]
    levels, residual = (Program("x", PROGRAMS[name]) for name in ("levels", "residual"))
    assert not levels.integer and not residual.integer
    with_twin = Program("x", PROGRAMS["one layer"], uint8=levels)
    assert with_twin.color.uint8 is not None and with_twin.color.uint8.quantized
