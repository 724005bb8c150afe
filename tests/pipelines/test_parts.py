"""Kernels of transposed convolutions are computed without their zeros."""

import numpy as np
import pytest

from thinlens import nets
from thinlens.pipelines.many_layers import Layer
from thinlens.pipelines.parts import parts_of
from thinlens.program import Convolution


def last_layer(scale: int) -> Layer:
    program = nets.lower(nets.build(nets.parse(f"FSRCNN_s{scale}_D5_S2_M0")))
    convolution = [op for op in program.ops if isinstance(op, Convolution)][-1]
    return Layer(convolution, None, None)


@pytest.mark.parametrize(("scale", "count"), [(2, 4), (3, 1), (4, 9)])
def test_the_parts_hold_every_tap_once_and_no_zero(scale: int, count: int) -> None:
    layer = last_layer(scale)
    parts = parts_of(layer, scale**2)
    assert len(parts) == count
    if count == 1:
        return
    taken = np.zeros((scale, scale, layer.kernel, layer.kernel), int)
    for part in parts:
        down, right, rows, columns = (np.array(r) for r in (part.down, part.right, part.rows, part.columns))
        taken[np.ix_(down, right, rows, columns)] += 1
    assert taken.sum() == 81
    np.testing.assert_array_equal(taken.astype(bool), (layer.convolution.weight != 0).any(1).reshape(taken.shape))


def test_all_outputs_at_a_time_or_one_part() -> None:
    assert [part.whole for part in parts_of(last_layer(4), 8)] == [True]


def test_a_layer_of_zeros_is_one_part() -> None:
    layer = Layer(Convolution(0, np.zeros((4, 1, 3, 3), np.float32), None, "zero"), None, None)
    assert [part.whole for part in parts_of(layer, 4)] == [True]
