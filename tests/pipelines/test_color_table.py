"""Look-ups in color tables against the reference: each dtype, interpolation, size, class of processors."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import processors
from equivalence.tolerances import FLOAT, LEVELS
from loops import loops
from programs import float_program, picture
from tables import identity_table, network_program, random_table, statistics_program
from thinlens.kernels import Compiled, TableLookUp, prediction
from thinlens.kernels.host import processor_of
from thinlens.pipelines.build import look_up_assembly
from thinlens.pipelines.color_table import packing
from thinlens.pipelines.color_table.kind import LookUp
from thinlens.pipelines.processor import Processor
from thinlens.program import ColorTable, Convolution, Interpolation, Program, Thumbnail, reference

DTYPES = (np.uint8, np.uint16, np.float32)
INTERPOLATIONS: tuple[Interpolation, ...] = ("trilinear", "tetrahedral")
SIZES = [(1, 1), (1, 31), (3, 32), (5, 33), (7, 200)]
TOLERANCE = {np.dtype(np.uint8): LEVELS, np.dtype(np.uint16): LEVELS, np.dtype(np.float32): FLOAT}


def wanted(
    source: NDArray[Any], table: NDArray[np.float32], interpolation: Interpolation, upper: float = 1
) -> NDArray[Any]:
    """What the reference makes of a picture."""
    peak = np.float32(1 if source.dtype == np.float32 else np.iinfo(source.dtype).max)
    planes = np.moveaxis(source.astype(np.float32) / peak, -1, 0)
    result = np.moveaxis(reference.evaluate(ColorTable(0, 1, interpolation, upper), [planes, table]), 0, -1)
    if source.dtype == np.float32:
        return result
    return np.clip(np.floor(result * peak + np.float32(0.5)), 0, peak).astype(source.dtype)


def apart(found: NDArray[Any], expected: NDArray[Any]) -> float:
    assert found.shape == expected.shape and found.dtype == expected.dtype
    return float(np.abs(found.astype(np.float64) - expected).max())


@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", [2, 3, 17, 33, 64])
def test_equals_the_reference(size: int, dtype: Any, interpolation: Interpolation) -> None:
    table = random_table(size)
    for shape, upper in product(SIZES, (1.0, 1.0001)):
        source = picture(*shape, True, dtype)
        found = TableLookUp(table, interpolation, (upper,) * 3)(source)  # type: ignore[arg-type]
        assert apart(found, wanted(source, table, interpolation, upper)) <= TOLERANCE[source.dtype]


@pytest.mark.parametrize("name", processors.HERE)
def test_on_each_class_of_processors(name: str) -> None:
    table, processor = random_table(9), processor_of(processors.HERE[name])
    for dtype, interpolation in product(DTYPES, INTERPOLATIONS):
        source = picture(9, 70, True, dtype)
        found = TableLookUp(table, interpolation, processor=processor)(source)
        assert apart(found, wanted(source, table, interpolation)) <= TOLERANCE[source.dtype]


@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
def test_every_gray_and_every_level_of_a_channel_stays_itself(interpolation: Interpolation) -> None:
    for dtype, size in product((np.uint8, np.uint16), (2, 7, 33, 256)):
        levels = np.arange(np.iinfo(dtype).max + 1, dtype=dtype)[None]
        zeros = np.zeros_like(levels)
        for channels in ((levels,) * 3, (levels, zeros, zeros), (zeros, levels, zeros), (zeros, zeros, levels)):
            source = np.stack(channels, axis=-1)
            np.testing.assert_array_equal(TableLookUp(identity_table(size), interpolation)(source), source)


def test_tables_beyond_fixed_point_are_looked_up_in_float() -> None:
    table, source = random_table(9, 5), picture(20, 40, True, np.uint8)
    assert not packing.fits_fixed_point(table) and packing.fits_fixed_point(table / 10)
    assert apart(TableLookUp(table)(source), wanted(source, table, "trilinear")) <= 1


def test_axes_with_ends_of_their_own() -> None:
    """Colors beyond the ends are clamped to them, in floats too."""
    table, lower, upper = random_table(5), (-0.5, 0, 0.25), (0.5, 2, 0.75)
    source = np.random.default_rng(0).uniform(-1, 2, (9, 40, 3)).astype(np.float32)
    inside = (np.clip(source, lower, upper) - lower) / (np.array(upper) - lower)
    expected = wanted(inside.astype(np.float32), table, "trilinear")
    assert apart(TableLookUp(table, "trilinear", upper, lower)(source), expected) <= FLOAT
    bytes_ = picture(9, 40, True, np.uint8)
    inside = (np.clip(bytes_ / 255, lower, upper) - lower) / (np.array(upper) - lower)
    expected = wanted(inside.astype(np.float32), table, "trilinear")
    found = TableLookUp(table, "trilinear", upper, lower)(bytes_)
    assert apart(found, np.clip(np.floor(expected * 255 + 0.5), 0, 255).astype(np.uint8)) <= 1


@pytest.mark.parametrize("dtype", DTYPES)
def test_gray_stays_gray(dtype: Any) -> None:
    table, gray = random_table(9), picture(9, 40, False, dtype)
    colors = wanted(
        np.repeat(gray[..., None], 3, axis=2).astype(np.float32)
        / (1 if dtype == np.float32 else np.float32(np.iinfo(dtype).max)),
        table,
        "trilinear",
    )
    luma = colors @ np.array([0.299, 0.587, 0.114], np.float32)
    if dtype != np.float32:
        luma = np.clip(np.floor(luma * np.iinfo(dtype).max + 0.5), 0, np.iinfo(dtype).max).astype(dtype)
    assert apart(TableLookUp(table)(gray), luma) <= TOLERANCE[gray.dtype]


def test_any_strides_threads_and_place() -> None:
    table, source = random_table(5), picture(64, 99, True, np.uint8)
    look_up = TableLookUp(table, "tetrahedral")
    expected = look_up(source)
    for view in (source[::-1], source[:, ::-1], source[::2, ::3], source.transpose(1, 0, 2), source[:1]):
        np.testing.assert_array_equal(look_up(view), look_up(view.copy()))
    for threads in (1, 2, 5):
        np.testing.assert_array_equal(look_up(source, threads=threads), expected)
    for top in (0, 10, 50):  # in bands as in one piece
        np.testing.assert_array_equal(look_up(source[top : top + 13]), expected[top : top + 13])
    out = np.zeros((64, 99, 3), np.uint8)
    assert look_up(source, out) is out
    np.testing.assert_array_equal(out, expected)
    np.testing.assert_array_equal(look_up(out, out), look_up(expected))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("make", [statistics_program, network_program])
def test_adaptive_programs(make: Any, dtype: Any) -> None:
    program = make()
    for shape in ((1, 1), (20, 61), (300, 200)):
        source = picture(*shape, True, dtype, seed=1)
        assert apart(Compiled(program)(source), reference.run(program, source)) <= max(TOLERANCE[source.dtype], 2e-5)


def test_predictions_are_those_of_the_reference() -> None:
    source = picture(50, 70, True, np.uint8)
    for program in (statistics_program(), network_program()):
        values: list[Any] = [np.moveaxis(source.astype(np.float32) / np.float32(255), -1, 0)]
        for op in program.ops[:-1]:
            values.append(reference.evaluate(op, values))
        found = prediction.predict(program, lambda size: prediction.thumbnail(source, size))
        np.testing.assert_allclose(found.table, values[-1], atol=1e-5)
        np.testing.assert_allclose(found.weights, values[-2][:, 0, 0], atol=1e-5)


def test_gray_thumbnails_have_three_channels_alike() -> None:
    gray = picture(50, 70, False, np.uint16)
    color = prediction.thumbnail(np.repeat(gray[..., None], 3, axis=2), 8)
    np.testing.assert_array_equal(prediction.thumbnail(gray, 8), color)
    assert color.shape == (3, 8, 8) and color.dtype == np.float32


def test_what_has_no_pipeline_is_said_in_one_sentence() -> None:
    program = statistics_program()
    source = picture(9, 9, True, np.uint8)
    smooth = Convolution(0, np.eye(3, dtype=np.float32)[..., None, None])
    moved = (*program.ops[:-1], smooth, ColorTable(5, 4))
    with pytest.raises(ValueError, match="^Convolution has no pipeline beside a color table$"):
        Compiled(Program("x", moved))(source)
    again = (*program.ops, ColorTable(5, 4))
    with pytest.raises(ValueError, match="ColorTable has no pipeline"):
        Compiled(Program("x", again))(source)
    assert isinstance(program.ops[0], Thumbnail) and not float_program("maximum", 2, 3, 2).adaptive


def test_packed_tables_by_their_definition() -> None:
    table = random_table(4)
    packed = packing.fixed_point(table)
    assert packed.shape == (4, 9, 2, 4, 2) and packed.ctypes.data % packing.ALIGNMENT == 0
    levels = np.rint(table * np.float32(255 * 32)).astype(np.int16)
    for red, green, blue, upper, channel, right in np.ndindex(4, 3, 3, 2, 4, 2):
        entry = levels[red, green + upper, blue + right, channel] if channel < 3 else 0
        assert packed[red, green * 3 + blue, upper, channel, right] == entry
    padded = packing.float32(table)
    np.testing.assert_array_equal(padded.reshape(4, 4, 4, 4)[..., :3], table)
    assert not padded[:, 3].any()


@pytest.mark.parametrize(
    ("target", "product"),
    [("AVX2", "vpmaddwd"), ("AVX-512", "vpmaddwd"), ("ARM", r"smull2? v\d+\.4s")],
)
def test_corners_are_multiplied_by_one_instruction(target: str, product: str) -> None:
    names = processors.X86 | {"ARM": "arm-64-linux"}
    written = look_up_assembly(LookUp(np.dtype(np.uint8), "tetrahedral", True), Processor(names[target]))
    found = loops(written, product)
    assert found and all(loop.products >= 8 and not loop.counts.keys() & {"cmovl", "csel"} for loop in found)
