"""Layers computed a row of their kernels at a time."""

from __future__ import annotations

import numpy as np
import pytest

import thinlens
from thinlens import nets
from thinlens.pipelines.many_layers.chain import Layer
from thinlens.pipelines.many_layers.row_sums import groups_of, match
from thinlens.program import Convolution, PixelShuffle, Program, reference


def last_layer(identifier: str) -> Layer:
    program = nets.lower(nets.build(nets.parse(identifier)))
    convolution = [op for op in program.ops if isinstance(op, Convolution)][-1]
    return Layer(convolution, None, None)


@pytest.mark.parametrize(("scale", "count"), [(2, 2), (3, 1), (4, 3)])
def test_the_groups_hold_every_tap_once_and_no_zero(scale: int, count: int) -> None:
    layer = last_layer(f"FSRCNN_s{scale}_D8_S2_M0")
    groups = groups_of(layer)
    assert len(groups) == count
    taken = np.zeros((scale**2, layer.kernel, layer.kernel), int)
    for group in groups:
        for output, row in group.sums:
            taken[output, row, list(group.columns)] += 1
    assert taken.sum() == 81
    np.testing.assert_array_equal(taken.astype(bool), (layer.convolution.weight != 0).any(1))


def test_which_layers_it_repays() -> None:
    assert [match(last_layer(f"FSRCNN_s{scale}_D8_S2_M0")) is not None for scale in (2, 3, 4)] == [True, False, True]
    for identifier in ("FSRCNN_s2_D7_S2_M0", "ECBSR_s2_M1_C16", "eSR-CNN_s2_C4_D3_S9"):
        assert match(last_layer(identifier)) is None


@pytest.mark.parametrize("padding", ["zero", "edge"])
@pytest.mark.parametrize("zeros", ["none", "scattered", "a whole output", "all"])
def test_zeros_anywhere(padding: str, zeros: str) -> None:
    random = np.random.default_rng(0)
    first = random.normal(0, 0.5, (9, 1, 3, 3)).astype(np.float32)
    last, bias = random.normal(0, 0.1, (4, 9, 5, 5)).astype(np.float32), np.array([0.1, 0.2, 0.3, 0.4], np.float32)
    if zeros == "scattered":
        last *= random.integers(0, 2, (4, 1, 5, 5))
    elif zeros != "none":
        last[0 if zeros == "a whole output" else slice(None)] = 0
    ops = (Convolution(0, first, None, padding), Convolution(1, last, bias, padding), PixelShuffle(2, 2))
    program = Program("zeros", ops)
    picture = random.random((13, 37)).astype(np.float32)
    np.testing.assert_allclose(thinlens.compile(program)(picture), reference.run(program, picture), atol=2e-5)
