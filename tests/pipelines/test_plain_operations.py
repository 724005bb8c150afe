"""The operations of many-layer networks in the form that every program has, against the NumPy reference."""

from __future__ import annotations

from typing import Any, get_args

import numpy as np
import pytest

from equivalence.tolerances import FLOAT, LEVELS
from programs import convolution, picture
from thinlens.kernels import compile
from thinlens.pipelines.activation import activate
from thinlens.program import (
    Activation,
    Add,
    Convolution,
    FakeQuantize,
    Function,
    PixelShuffle,
    Program,
    SoftmaxSum,
    reference,
)

SLOPE = np.linspace(-0.3, 1.5, 3).astype(np.float32)


def bytes_of(op: Convolution) -> Convolution:
    """The layer with weights of a byte."""
    step = (np.abs(op.weight).max((1, 2, 3)) / 127).astype(np.float32)
    weight = np.rint(op.weight / step[:, None, None, None]).astype(np.int8)
    return Convolution(op.source, weight, op.bias, op.padding, op.pad_value, step)


PROGRAMS = [
    *(
        Program(function, (convolution(0, 3, 1, 3), Activation(1, function, slope), convolution(2, 1, 3, 3)))
        for function in get_args(Function)
        for slope in ([SLOPE] if function == "prelu" else [None])
    ),
    Program(
        "outside",
        (
            convolution(0, 2, 1, 1, bias=True),
            Convolution(1, convolution(0, 4, 2, 5).weight, None, "zero", np.array([0.25, -2], np.float32)),
            PixelShuffle(2, 2),
        ),
    ),
    Program("residual", (convolution(0, 4, 1, 3), Add(0, 1), Add(2, 1), PixelShuffle(3, 2))),
    Program("reflecting layer", (convolution(0, 4, 1, 5, "reflect", bias=True), PixelShuffle(1, 2))),
    Program(
        "reflecting layers",
        (convolution(0, 3, 1, 3), Activation(1, "relu"), convolution(2, 4, 3, 5, "reflect"), PixelShuffle(3, 2)),
    ),
    Program("squared keys", (convolution(0, 16, 1, 3), PixelShuffle(1, 2), SoftmaxSum(2, "key*key"))),
    Program(
        "levels",
        (
            FakeQuantize(0, 1 / 255, 0),
            bytes_of(convolution(1, 3, 1, 3, "edge", bias=True)),
            Activation(2, "prelu", SLOPE),
            FakeQuantize(3, 0.03, 77),
            bytes_of(convolution(4, 4, 3, 3)),
            PixelShuffle(5, 2),
        ),
    ),
]


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)
def test_operations(program: Program) -> None:
    for color in (False, True):
        for dtype in (np.uint8, np.float32):
            for height, width in ((1, 1), (7, 20)):
                source = picture(height, width, color, dtype)
                difference = compile(program)(source).astype(np.float64) - reference.run(program, source)
                assert np.abs(difference).max() <= (FLOAT if dtype == np.float32 else LEVELS)


@pytest.mark.parametrize("function", get_args(Function))
def test_functions_over_their_whole_range(function: Function) -> None:
    import halide as hl

    values = np.concatenate([np.linspace(-12, 12, 100_001), np.geomspace(1e-30, 1e30, 999), -np.geomspace(1e-30, 1e30)])
    values = values.astype(np.float32)
    x, result = hl.Var("x"), hl.Func("result")
    result[x] = activate(hl.Buffer(values)[x], function, hl.f32(0.25))
    slope: Any = np.array([0.25], np.float32) if function == "prelu" else None
    wanted = reference.activation(Activation(0, function, slope), values[None, None])[0, 0]
    found = np.asarray(result.vectorize(x, 16).realize([len(values)]))
    assert np.abs(found - wanted).max() <= 1e-6 * np.maximum(1, np.abs(wanted)).max()
    inner = np.abs(values) < 12
    assert np.abs(found - wanted)[inner].max() <= 1e-6
