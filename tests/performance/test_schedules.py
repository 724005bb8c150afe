"""Every fused schedule must win against the same program run operation by operation; slow, for it measures time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from time import perf_counter

import numpy as np
import pytest

from programs import convolution, float_program, integer_program, picture, quantized_program
from thinlens.kernels import Compiled
from thinlens.pipelines import build, plain
from thinlens.program import Activation, Convolution, FakeQuantize, PixelShuffle, PointSample, Program

MANY_LAYERS = Program(
    "many_layers",
    (
        convolution(0, 8, 1, 3, bias=True),
        Activation(1, "relu"),
        convolution(2, 8, 8, 3, "edge", bias=True),
        Activation(3, "tanh"),
        convolution(4, 4, 8, 3),
        PixelShuffle(5, 2),
    ),
)
QUANTIZED = Program(
    "many_layers_quantized",
    (
        convolution(0, 8, 1, 3, "edge", bias=True),
        Activation(1, "relu"),
        FakeQuantize(2, 1 / 64, 0),
        replace(quantized_program(2, 8, "edge").ops[4], source=3),
        PixelShuffle(4, 2),
    ),
)
PROGRAMS = [
    float_program("maximum", 2, 3, 2),
    float_program("query*key", 2, 5, 4),
    integer_program(2, 3, 2),
    MANY_LAYERS,
    QUANTIZED,
]


def seconds(run: Callable[[], object]) -> float:
    """The best of a few runs: what else the machine does can only add."""
    run()
    times: list[float] = []
    for _ in range(5):
        start = perf_counter()
        run()
        times.append(perf_counter() - start)
    return min(times)


@pytest.mark.slow
@pytest.mark.usefixtures("uncached")
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name + "_integer" * bool(program.uint8))
@pytest.mark.parametrize("color", [False, True], ids=["luma", "RGB"])
def test_fused_is_faster_than_plain(program: Program, color: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    low = picture(270, 480, color, np.uint8)
    fused, by_operation = Compiled(program), Compiled(program)
    fused(low)
    monkeypatch.setattr(build, "FORMS", (plain.FORM,))
    by_operation(low)
    slow = seconds(lambda: by_operation(low, threads=1))
    fast = seconds(lambda: fused(low, threads=1))
    assert np.abs(fused(low).astype(int) - by_operation(low)).max() <= 1
    assert fast * 2 < slow


@pytest.mark.slow
@pytest.mark.usefixtures("uncached")
def test_sampling_together_is_faster_than_plain(monkeypatch: pytest.MonkeyPatch) -> None:
    weight = np.random.default_rng(0).normal(0, 0.1, (32, 32, 1, 1)).astype(np.float32)
    program = Program("sampling", (Convolution(0, weight), PixelShuffle(1, 2), PointSample(0, 2, 4, 2, 4.0)))
    maps = np.random.default_rng(1).random((90, 160, 32), np.float32)
    fused, by_operation = Compiled(program), Compiled(program)
    fused(maps)
    monkeypatch.setattr(build, "FORMS", (plain.FORM,))
    by_operation(maps)
    slow = seconds(lambda: by_operation(maps, threads=1))
    fast = seconds(lambda: fused(maps, threads=1))
    assert np.abs(fused(maps) - by_operation(maps)).max() <= 1e-5
    assert fast * 2 < slow
