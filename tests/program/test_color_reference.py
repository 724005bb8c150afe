"""The operations of color tables against values computed by hand and independent formulations."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from thinlens.program import (
    ColorStatistics,
    ColorTable,
    Convolution,
    InstanceNorm,
    MixTables,
    Program,
    StridedConvolution,
    Thumbnail,
    color_reference,
    dump,
    load,
    reference,
    save,
)
from thinlens.program.color_ops import FEATURES
from thinlens.program.color_reference import hue


def random(*shape: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).random(shape, np.float32)


def identity_table(size: int) -> Any:
    steps = np.linspace(0, 1, size, dtype=np.float32)
    return np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1)


def adaptive_program(size: int = 5, interpolation: Any = "trilinear") -> Program:
    """A thumbnail, a strided layer, statistics beside it, tables mixed by both: the form that released models have."""
    tables = np.stack([identity_table(size), random(size, size, size, 3, seed=3) - np.float32(0.5)])
    weights = random(2, FEATURES, 1, 1, seed=4) * np.float32(0.01)
    return Program(
        "adaptive",
        (
            Thumbnail(0, 8),
            ColorStatistics(1),
            Convolution(2, weights, np.array([1, 0.1], np.float32)),
            MixTables(3, tables),
            ColorTable(0, 4, interpolation),
        ),
    )


def test_a_thumbnail_by_hand() -> None:
    source = np.arange(16, dtype=np.float32).reshape(1, 4, 4).repeat(3, axis=0)
    half = reference.evaluate(Thumbnail(0, 2), [source])
    assert half[0].tolist() == [[2.5, 4.5], [10.5, 12.5]]  # the mean of each 2 × 2
    double = reference.evaluate(Thumbnail(0, 8), [source])
    assert double[0, 0].tolist() == [0, 0.25, 0.75, 1.25, 1.75, 2.25, 2.75, 3]  # edges repeated
    third = reference.evaluate(Thumbnail(0, 1), [source[:, :3, :3]])
    assert third[0].tolist() == [[5]]  # the pixel in the middle: nothing is averaged


@pytest.mark.parametrize("shape", [(1, 1), (7, 300), (256, 256), (511, 13)])
def test_thumbnails_and_strided_layers_against_torch(shape: tuple[int, int]) -> None:
    torch = pytest.importorskip("torch")
    functional = torch.nn.functional
    source = random(3, *shape)
    wanted = functional.interpolate(torch.from_numpy(source)[None], (32, 32), mode="bilinear", align_corners=False)
    found = reference.evaluate(Thumbnail(0, 32), [source])
    np.testing.assert_allclose(found, wanted[0].numpy(), atol=2e-5)
    for kernel, stride, padding in ((3, 2, 1), (8, 1, 0), (5, 3, 2)):
        weight, bias = random(4, 3, kernel, kernel, seed=1) - np.float32(0.5), random(4, seed=2)
        op = StridedConvolution(0, weight, bias, stride, padding)
        tensors = [torch.from_numpy(array.copy()) for array in (found, weight, bias)]
        layer = functional.conv2d(tensors[0][None], *tensors[1:], stride=stride, padding=padding)
        np.testing.assert_allclose(reference.evaluate(op, [found]), layer[0].numpy(), atol=1e-4)


def test_instance_norm_by_hand() -> None:
    source = np.array([[[1, 3], [5, 7]], [[2, 2], [2, 2]]], np.float32)
    op = InstanceNorm(0, np.array([2, 9], np.float32), np.array([10, -1], np.float32), 4.0)
    result = reference.evaluate(op, [source])  # means 4 and 2, variances 5 and 0: divided by 3 and by 2
    np.testing.assert_allclose(result[0], [[8, 10 - 2 / 3], [10 + 2 / 3, 12]], rtol=1e-6)
    assert (result[1] == -1).all()


def test_statistics_of_21_grays() -> None:
    """Then the quantiles are the grays themselves, and there is no color at all."""
    grays = np.random.default_rng(0).permutation(21).astype(np.float32) / 20
    result = reference.evaluate(ColorStatistics(0), [np.stack([grays.reshape(3, 7)] * 3)])
    assert result.shape == (FEATURES, 1, 1) == (132, 1, 1) and result.dtype == np.float32
    levels = np.arange(1, 20) / 20
    np.testing.assert_allclose(result[:114, 0, 0], [*levels, *levels, *levels, *levels, *[0] * 38], atol=1e-6)
    np.testing.assert_allclose(result[114:122, 0, 0], 0, atol=1e-6)
    np.testing.assert_allclose(result[122:126, 0, 0], np.array([5, 5, 5, 6]) / 21, atol=1e-6)
    assert not result[126:].any()


def test_statistics_of_four_colors() -> None:
    """Black, blue (luma 0.114), a dark orange and white, by hand; what exceeds [0, 1] is cut off."""
    colors = np.array([[0, 0, 0], [0, 0, 1], [0.8, 0.4, 0], [1, 1.5, 1]], np.float32)
    result = reference.evaluate(ColorStatistics(0), [colors.T.reshape(3, 2, 2)])[:, 0, 0]
    red, green, blue, luma, chroma, saturation = result[:114].reshape(6, 19)
    np.testing.assert_allclose(red[[9, 18]], [0.4, 0.8 + 0.2 * 0.85], atol=1e-6)  # sorted 0 0 .8 1 at 1.5 and at 2.85
    np.testing.assert_allclose(green[[9, 18]], [0.2, 0.4 + 0.6 * 0.85], atol=1e-6)
    np.testing.assert_allclose(blue[[0, 18]], [0, 1], atol=1e-6)
    orange = 0.299 * 0.8 + 0.587 * 0.4
    np.testing.assert_allclose(luma[9], (0.114 + orange) / 2, atol=1e-6)
    np.testing.assert_allclose([chroma[9], saturation[9]], [0.4, 0.5], atol=1e-6)
    few, many = 1 / (1 + 0.04), 1 / (2 + 0.04)
    np.testing.assert_allclose(result[114:118], [-0.114 * many, (0.8 - orange) * few, 0, 0], atol=1e-6)
    np.testing.assert_allclose(result[118:122], [(1 - 0.114) * many, -orange * few, 0, 0], atol=1e-6)
    np.testing.assert_allclose(result[122:126], [0.5, 0.25, 0, 0.25], atol=1e-6)
    np.testing.assert_allclose(result[126:], [0.1, 0.1, 0, 0, 0.25, 0], atol=1e-6)  # orange lies between red and yellow


def test_hues_are_those_of_hsv() -> None:
    import colorsys

    colors = random(3, 50)
    wanted = [6 * colorsys.rgb_to_hsv(*color)[0] for color in colors.T.tolist()]
    np.testing.assert_allclose(hue(colors), wanted, atol=1e-5)
    assert hue(np.full((3, 1), 0.3, np.float32)).tolist() == [0]


def test_mixed_tables() -> None:
    tables = random(2, 3, 3, 3, 3)
    weights = np.array([0.5, -2], np.float32).reshape(2, 1, 1)
    np.testing.assert_allclose(
        reference.evaluate(MixTables(0, tables), [weights]), 0.5 * tables[0] - 2 * tables[1], atol=1e-6
    )


def test_axes_of_a_table_are_red_green_blue() -> None:
    """A table of two entries a side whose entry says where it lies: 4 · red + 2 · green + blue."""
    table = np.zeros((2, 2, 2, 3), np.float32)
    for red, green, blue in np.ndindex(2, 2, 2):
        table[red, green, blue] = [4 * red + 2 * green + blue, 7, -blue]
    source = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 0.5, 0.25], [9, 0, -1]], np.float32).T[:, None]
    for interpolation in ("trilinear", "tetrahedral"):
        result = reference.evaluate(ColorTable(0, 1, interpolation), [source, table])  # type: ignore[arg-type]
        np.testing.assert_allclose(result[0, 0], [4, 2, 1, 5.25, 4], atol=1e-6)
        assert (result[1] == 7).all()
        np.testing.assert_allclose(result[2, 0], [0, 0, -1, -0.25, 0], atol=1e-6)


def test_between_corners_by_hand() -> None:
    """One corner of the cell is 1, all others 0: the weight of that corner at (0.5, 0.25, 0.75)."""
    source = np.array([0.5, 0.25, 0.75], np.float32).reshape(3, 1, 1)
    ways = {(0, 0, 0): 0.25, (0, 0, 1): 0.25, (1, 0, 1): 0.25, (1, 1, 1): 0.25}  # blue first, then red, then green
    for corner in np.ndindex(2, 2, 2):
        table = np.zeros((2, 2, 2, 3), np.float32)
        table[corner] = 1
        red, green, blue = (part if side else 1 - part for part, side in zip((0.5, 0.25, 0.75), corner, strict=True))
        trilinear = reference.evaluate(ColorTable(0, 1), [source, table])
        np.testing.assert_allclose(trilinear.ravel(), [red * green * blue] * 3, atol=1e-6)
        tetrahedral = reference.evaluate(ColorTable(0, 1, "tetrahedral"), [source, table])
        np.testing.assert_allclose(tetrahedral.ravel(), [ways.get(corner, 0)] * 3, atol=1e-6)


@pytest.mark.parametrize("size", [2, 5, 33])
def test_both_give_linear_functions_exactly_and_entries_as_they_are(size: int) -> None:
    source = random(3, 20, 30)
    matrix = random(3, 3, seed=1)
    table = identity_table(size) @ matrix.T
    for interpolation in ("trilinear", "tetrahedral"):
        op = ColorTable(0, 1, interpolation)  # type: ignore[arg-type]
        np.testing.assert_allclose(
            reference.evaluate(op, [source, table]), np.tensordot(matrix, source, axes=1), atol=1e-5
        )
        entries = random(size, size, size, 3, seed=2)
        found = reference.evaluate(op, [np.moveaxis(identity_table(size).reshape(1, -1, 3), -1, 0), entries])
        np.testing.assert_allclose(np.moveaxis(found, 0, -1).reshape(entries.shape), entries, atol=1e-5)


def test_trilinear_against_torch_and_the_last_entry_beyond_one() -> None:
    """As in the published code, whose cells are 1.0001/32 wide."""
    torch = pytest.importorskip("torch")
    table, source = random(33, 33, 33, 3), random(3, 11, 13, seed=1)
    volume = torch.from_numpy(table).permute(3, 0, 1, 2)[None]
    for upper in (1.0, 1.0001):
        grid = torch.from_numpy(source / np.float32(upper) * 2 - 1).permute(1, 2, 0).flip(-1)[None, None]
        wanted = torch.nn.functional.grid_sample(volume, grid, align_corners=True)[0, :, 0]
        found = reference.evaluate(ColorTable(0, 1, upper=upper), [source, table])
        np.testing.assert_allclose(found, wanted.numpy(), atol=1e-5)


def test_what_follows_from_the_operations(tmp_path: Any) -> None:
    program = adaptive_program()
    assert (program.scale, program.halo, program.channels, program.adaptive) == (1, 0, 3, True)
    assert program.color is program
    assert dump(program).splitlines() == [
        "adaptive: 3 channels, ×1, halo 0",
        "1 = Thumbnail(source=0, size=8) → 3 × [8×8]",
        "2 = ColorStatistics(source=1) → 132 × [1×1]",
        "3 = Convolution(source=2, weight=float32[2×132×1×1], bias=float32[2], padding=zero) → 2 × [1×1]",
        "4 = MixTables(source=3, tables=float32[2×5×5×5×3]) → 3 × [5×5×5]",
        "5 = ColorTable(source=0, table=4, interpolation=trilinear, upper=1.0) → 3 × 1",
    ]
    save(program, tmp_path / "x.safetensors")
    assert dump(load(tmp_path / "x.safetensors")) == dump(program)
    kinds = program.value_types
    assert [kind.table for kind in kinds] == [False, False, False, False, True, False]
    assert kinds[1].widened(3) == kinds[1] and kinds[0].widened(3).reach == Fraction(3)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_the_whole_picture_decides(dtype: Any) -> None:
    program = adaptive_program()
    picture = random(20, 30, 3) * np.float32(1 if dtype == np.float32 else np.iinfo(dtype).max)
    result = reference.run(program, picture.astype(dtype))
    assert result.shape == picture.shape and result.dtype == dtype
    darker = picture.astype(dtype).copy()
    darker[10:] //= 4
    assert (reference.run(program, darker)[:10] != result[:10]).any()


CASES: list[tuple[Any, str]] = [
    ((Thumbnail(0, 0),), "size must be at least 1, got 0"),
    ((Thumbnail(0, 8),), r"x returns a value of fixed extent, \[8×8\], not a picture"),
    ((StridedConvolution(0, random(3, 3, 3, 3)),), "needs planes of fixed extent, as a Thumbnail gives"),
    ((Thumbnail(0, 2), StridedConvolution(1, random(3, 3, 3, 3))), r"a kernel of 3 does not fit into \[2×2\]"),
    ((Thumbnail(0, 2), InstanceNorm(1, random(3), random(2), 1e-5)), r"bias must be \(3,\) float32"),
    (
        (Thumbnail(0, 2), MixTables(1, random(3, 2, 2, 2, 3))),
        r"3 tables need 3 channels × \[1×1\], got 3 channels × \[",
    ),
    ((Thumbnail(0, 1), MixTables(1, random(3, 2, 3, 2, 3))), r"tables must be \(N, size, size, size, 3\)"),
    ((Thumbnail(0, 1), ColorTable(0, 1)), "table must be a color table, value 1 is planes"),
    (
        (Thumbnail(0, 1), MixTables(1, random(3, 2, 2, 2, 3)), Convolution(2, random(3, 3, 1, 1))),
        "source must be planes, value 2 is a color table",
    ),
    ((Thumbnail(0, 1), MixTables(1, random(3, 2, 2, 2, 3)), ColorTable(0, 2, upper=0.5)), "upper must be at least 1"),
]


@pytest.mark.parametrize(("ops", "message"), CASES)
def test_what_does_not_fit_is_refused(ops: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Program("x", ops)


def test_steady_grays() -> None:
    """Halved cells look like the table itself; grays rise at most as fast as is said, and no others are moved more."""
    random = np.random.default_rng(4)
    table = (lattice(5) + random.normal(0, 0.15, (5, 5, 5, 3))).astype(np.float32)
    finer = color_reference.halved(table)
    colors = random.random((3, 9, 9)).astype(np.float32)
    trilinear = ColorTable(0, 1, "trilinear")
    expected = color_reference.color_table(trilinear, colors, table)
    np.testing.assert_allclose(color_reference.color_table(trilinear, colors, finer), expected, atol=1e-5)
    made = color_reference.steady(table, 1.9)
    rises = np.diff(np.einsum("iiic->ic", made), axis=0)
    assert rises.min() >= -1e-6 and rises.max() <= 1.9 / 8 + 1e-6
    moved, grays = np.abs(made - finer), np.abs(np.einsum("iiic->ic", made - finer))
    assert moved.max() <= grays.max() + 1e-6
    calm = lattice(5).astype(np.float32)
    np.testing.assert_allclose(color_reference.steady(calm, 1.9), color_reference.halved(calm), atol=1e-6)
    assert color_reference.steady(table, None) is table


def lattice(size: int) -> Any:
    """The table that changes nothing."""
    axis = np.linspace(0, 1, size)
    return np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1)
