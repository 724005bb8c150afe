"""Look-up, shift-and-sum and rescale against values computed by hand and independent formulations."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import numpy as np
import pytest

from thinlens.program import FRACTION_BITS, Convolution, Lookup, PixelShuffle, Program, Rescale, ShiftAndSum, reference
from thinlens.program import table_picture as drawn
from thinlens.program.table_reference import lookup, reflected, rescale, shift_and_sum, simplex

SIZES = [(1, 1), (1, 4), (3, 1), (5, 7)]
DOWN = np.array([[[0, 0, 0], [0, 1, 0]]], np.int32)


def levels(values: Any) -> Any:
    return np.array(values, np.int32) << FRACTION_BITS


def table(rows: int, outputs: int, tables: int = 1, seed: int = 0) -> Any:
    return np.random.default_rng(seed).integers(-127, 128, (tables, rows, outputs), np.int8)


def test_a_row_for_a_pixel_and_the_one_below() -> None:
    rows = np.zeros((1, 65536, 2), np.int8)
    rows[0, 3 * 256 + 7] = (1, -1)
    rows[0, 7 * 256 + 3] = (2, -2)
    rows[0, 9 * 256 + 3] = (3, -3)
    result = lookup(Lookup(0, rows, DOWN), levels([[[3], [7], [3]]]))
    assert result[:, :, 0].tolist() == [[1, 2, 1], [-1, -2, -1]]  # below the last row is the one before it
    result = lookup(Lookup(0, rows, DOWN), levels([[[3], [7], [9], [3]]]))
    assert result[0, :, 0].tolist() == [1, 0, 3, 0]
    assert lookup(Lookup(0, rows, DOWN, border="edge"), levels([[[3], [7]]]))[0, 0, 0] == 1


def test_levels_are_the_nearest() -> None:
    rows = np.arange(256, dtype=np.int16).reshape(1, 256, 1)
    one = np.zeros((1, 1, 3), np.int32)
    source = np.array([[[-70, 31, 32, 64 * 255 + 31, 64 * 300]]], np.int32)
    assert lookup(Lookup(0, rows, one), source).ravel().tolist() == [0, 0, 1, 255, 255]
    quarter = Lookup(0, rows[:, :64], one, interval=4)
    assert lookup(quarter, levels([[[3, 4, 255]]])).ravel().tolist() == [0, 1, 63]


@pytest.mark.parametrize("summed", [False, True])
def test_each_pattern_has_its_table(summed: bool) -> None:
    rows = table(256, 3, tables=2)
    offsets = np.array([[[1, 0, 0]], [[0, 0, -1]]], np.int32)
    source = np.random.default_rng(1).integers(0, 256, (2, 4, 5))
    result = lookup(Lookup(0, rows, offsets, summed=summed), levels(source))
    left = source[0][:, [1, 0, 1, 2, 3]]
    parts = [np.moveaxis(rows[0].astype(int)[source[1]], -1, 0), np.moveaxis(rows[1].astype(int)[left], -1, 0)]
    np.testing.assert_array_equal(result, sum(parts) if summed else np.concatenate(parts))


def test_simplex_interpolation_by_hand() -> None:
    """Of the levels (20, 12) with samples 16 apart: the remainders 4 and 12, so from (1, 0) by (1, 1) to (2, 1)."""
    rows = table(17**2, 1)
    op = Lookup(0, rows, DOWN, interval=16, interpolation="simplex")
    at = rows[0, :, 0].astype(int).reshape(17, 17)
    assert lookup(op, levels([[[20], [12]]]))[0, 0, 0] == 4 * at[1, 0] + 8 * at[1, 1] + 4 * at[2, 1]
    assert lookup(op, levels([[[255], [255]]]))[0, 0, 0] == at[15, 15] + 15 * at[16, 16]


def test_simplex_interpolation_reproduces_affine_tables_and_is_symmetric() -> None:
    """What is affine in the samples comes out exactly; and the order of the axes does not matter."""
    corners = np.stack(np.meshgrid(*[np.arange(5)] * 3, indexing="ij"), axis=-1)
    affine = (corners @ np.array([3, -5, 2]) + 7).reshape(1, -1, 1).astype(np.int16)
    offsets = np.zeros((1, 3, 3), np.int32)
    index = np.random.default_rng(0).integers(0, 256, (3, 6, 6))
    op = Lookup(0, affine, offsets, interval=64, interpolation="simplex")
    expected = np.tensordot([3, -5, 2], index, axes=1) + 7 * 64
    np.testing.assert_array_equal(simplex(op, affine[0].astype(np.int32), index)[..., 0], expected)
    rows = table(5**3, 2)[0].astype(np.int32)
    result = simplex(op, rows, index)
    for order in permutations(range(3)):
        turned = rows.reshape(5, 5, 5, 2).transpose(*order, 3).reshape(-1, 2)
        np.testing.assert_array_equal(simplex(op, turned, index[list(order)]), result)


def test_reflection_without_repeating_the_edge() -> None:
    assert reflected(np.arange(-4, 8), 4).tolist() == [2, 3, 2, 1, 0, 1, 2, 3, 2, 1, 0, 1]
    assert reflected(np.arange(-3, 4), 1).tolist() == [0] * 7
    np.testing.assert_array_equal(reflected(np.arange(-5, 12), 6), np.pad(np.arange(6), (5, 6), mode="reflect"))


def test_nine_maps_by_hand() -> None:
    """One pixel at scale 2: map 8 (dy = dx = 1) shifted by a high-resolution pixel, the rest by reflection."""
    source = np.zeros((36, 1, 1), np.int32)
    source[32:, 0, 0] = (1, 2, 3, 4)
    assert shift_and_sum(ShiftAndSum(0, 2, 9, 1), source)[0].tolist() == [[4, 3], [2, 1]]
    source[:4, 0, 0] = 100
    assert shift_and_sum(ShiftAndSum(0, 2, 9, 2), source)[0].tolist() == [[101, 102], [103, 104]]
    assert shift_and_sum(ShiftAndSum(0, 2, 1, 1), source[32:])[0].tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scale", [1, 2, 3])
@pytest.mark.parametrize(("maps", "step"), [(1, 1), (9, 1), (9, 3)])
def test_rotations_are_those_of_the_picture(size: tuple[int, int], scale: int, maps: int, step: int) -> None:
    """Four index patterns over one table give what four turned pictures give."""
    if step > 2 * scale:
        pytest.skip("leaves gaps")
    rows = table(65536, maps * scale**2)
    picture = np.random.default_rng(2).integers(0, 256, size)
    total: Any = 0
    for turns in range(4):
        turned = levels(np.rot90(picture, turns)[None])
        high = shift_and_sum(ShiftAndSum(0, scale, maps, step), lookup(Lookup(0, rows, DOWN), turned))
        total = total + np.rot90(high[0], -turns)
    shuffle = ShiftAndSum(1, scale, maps, step, rotations=4)
    offsets = np.array([[[0, 0, 0], [0, *shuffle.rotate(1, 0, turns)]] for turns in range(4)], np.int32)
    assert offsets[:, 1, 1:].tolist() == [[1, 0], [0, -1], [-1, 0], [0, 1]]
    result = shift_and_sum(shuffle, lookup(Lookup(0, rows, offsets), levels(picture[None])))
    np.testing.assert_array_equal(result[0], total)


def test_rescale() -> None:
    source = np.array([[[-3, -2, 1, 2, 5, 100]]], np.int32)
    assert rescale(Rescale(0, 1, 2), source).ravel().tolist() == [-1, 0, 0, 1, 1, 25]
    assert rescale(Rescale(0, 3, 1, -5, 6), source).ravel().tolist() == [-4, -3, 2, 3, 6, 6]
    assert rescale(Rescale(0, 16, 0), source).ravel().tolist() == [-48, -32, 16, 32, 80, 1600]
    assert rescale(Rescale(0, 2**31 - 1, 31), source * 2**20).ravel().tolist() == (source * 2**20).ravel().tolist()


def test_halo_and_scale_are_derived() -> None:
    ops = (Lookup(0, table(65536, 36), DOWN), ShiftAndSum(1, 2, 9, 2), Rescale(2, 16, 0))
    program = Program("t", ops)
    assert (program.scale, program.halo, program.channels, program.integer) == (2, 2, 1, True)
    ops = (Lookup(0, table(65536, 9), DOWN), ShiftAndSum(1, 1, 9, 1), Lookup(2, table(65536, 36), DOWN))
    assert Program("t", (*ops, ShiftAndSum(3, 2, 9, 1))).halo == 4
    picture = np.random.default_rng(0).integers(0, 256, (7, 5, 3), np.uint8)
    assert reference.run(program, picture).shape == (14, 10, 3)


@pytest.mark.parametrize(
    ("ops", "message"),
    [
        (
            [Lookup(0, table(65535, 4), DOWN)],
            "a table indexed by 2 pixels with an interval of 1 has 65536 rows, not 65535",
        ),
        ([Lookup(0, table(16**2, 4), DOWN, 16, "simplex")], "with an interval of 16 has 289 rows, not 256"),
        ([Lookup(0, table(65536, 4)[0], DOWN)], r"table must be \(tables, rows, outputs\)"),
        ([Lookup(0, table(65536, 4), DOWN[0])], r"offsets must be \(patterns, indices, 3\)"),
        ([Lookup(0, table(65536, 4, tables=2), DOWN)], "2 tables do not fit 1 patterns"),
        ([Lookup(0, table(65536, 4), DOWN + 1)], "offsets name channel 1, the source has 1"),
        ([Lookup(0, table(65536, 4), DOWN * 300)], "an indexing pixel 300 away is too far"),
        ([Lookup(0, table(65536, 4), DOWN, 3)], "interval must be a power of two"),
        ([Lookup(0, table(65536, 1100), DOWN)], "a table of 68 MB is too large: at most 64 MB"),
        ([Lookup(0, table(65536, 4), DOWN), ShiftAndSum(1, 2)], "needs 36 channels, got 4"),
        ([Lookup(0, table(65536, 36), DOWN), ShiftAndSum(1, 2, step=5)], "a step of 5 leaves gaps"),
        ([Lookup(0, table(65536, 36), DOWN), ShiftAndSum(1, 2, 4)], "maps 1 or 9"),
        ([Lookup(0, table(65536, 1), DOWN), Rescale(1, 0, 1)], "multiplier 0 in 1…2147483647"),
        (
            [Convolution(0, np.ones((1, 1, 3, 3), np.float32)), Lookup(1, table(65536, 1), DOWN)],
            "mixes integer and float",
        ),
        ([Lookup(0, table(65536, 36), DOWN), PixelShuffle(1, 2)], "returns 9 channels for a picture of 1"),
    ],
)
def test_what_does_not_fit_is_refused(ops: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Program("t", tuple(ops))


def test_a_table_as_a_picture() -> None:
    rows = np.zeros((1, 65536, 2), np.int8)
    rows[0, 3 * 256 + 7] = (100, -50)
    picture = drawn(Lookup(0, rows, DOWN), 0)
    assert picture.shape == (256, 256) and picture[3, 7] == 255 and picture[7, 3] == 128
    assert drawn(Lookup(0, rows, DOWN), 1)[3, 7] == 1
    one = np.zeros((2, 1, 3), np.int32)
    assert drawn(Lookup(0, table(256, 3, tables=2), one)).shape == (256, 6)
    four = Lookup(0, table(17**4, 4), np.zeros((1, 4, 3), np.int32), 16, "simplex")
    assert drawn(four).shape[0] == 17
    with pytest.raises(ValueError, match="outputs 0 to 1, not 2"):
        drawn(Lookup(0, rows, DOWN), 2)
