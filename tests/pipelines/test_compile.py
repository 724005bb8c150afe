"""Pipelines against the NumPy reference: every form, every kind of picture, any size, stride and number of threads."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import processors
from equivalence.tolerances import FLOAT, INTEGER, LEVELS
from programs import convolution, float_program, integer_program, picture
from thinlens.kernels import Compiled, compile
from thinlens.kernels.host import processor_of
from thinlens.pipelines.build import choose
from thinlens.pipelines.one_layer import fixed_point, float32
from thinlens.program import (
    AddChroma,
    Convolution,
    Luma,
    PixelShuffle,
    Program,
    ReduceMax,
    RoundingShiftRight,
    bicubic,
    reference,
    shifted_bicubic,
)

SIZES = [(1, 1), (1, 70), (67, 1), (2, 3), (18, 33), (35, 129)]
FUSED = [
    float_program("maximum", 2, 3, 2),
    float_program("none", 3, 5, 1, padding="edge"),
    float_program("key", 3, 5, 3, bias=True),
    float_program("query*key", 4, 1, 16),
    float_program("query*key", 2, 7, 4),
    integer_program(2, 3, 2),
    integer_program(2, 5, 1, padding="edge", bias=True),
    integer_program(3, 7, 3, bias=True),
    integer_program(4, 3, 5),
    integer_program(2, 3, 2, bits=12),
    integer_program(3, 5, 4, bits=13, bias=True),
]


def wide() -> Program:
    """An integer program whose weights do not fit two bytes with the sign in each."""
    weight = np.full((4, 1, 1, 1), 32_767, np.int16)
    ops = (Convolution(0, weight), PixelShuffle(1, 2), RoundingShiftRight(2, 15))
    return Program("wide", ops)


PLAIN = [
    Program(
        "two layers",
        (convolution(0, 3, 1, 3, bias=True), convolution(1, 8, 3, 5, "edge"), PixelShuffle(2, 2), ReduceMax(3)),
    ),
    Program("after the shuffle", (convolution(0, 4, 1, 3), PixelShuffle(1, 2), convolution(2, 1, 1, 3))),
    Program("RGB", (convolution(0, 12, 3, 3), PixelShuffle(1, 2))),
    Program("luma of luma", (Luma(0), convolution(1, 4, 1, 1), PixelShuffle(2, 2), AddChroma(3, 0, 2))),
    Program("same size", (convolution(0, 2, 1, 3), ReduceMax(1))),
    wide(),
    replace(integer_program(2, 3, 2, bits=5).uint8, name="few bits"),  # type: ignore[type-var]
]


def names(program: Program) -> str:
    return program.name + ("_integer" if program.uint8 else "")


def check(program: Program, source: np.ndarray[Any, Any], **options: Any) -> np.ndarray[Any, Any]:
    wanted = reference.run(program, source)
    result = compile(program)(source, **options)
    assert result.dtype == wanted.dtype and result.shape == wanted.shape
    exact = source.dtype == np.uint8 and (program.uint8 is not None or program.integer)
    limit = INTEGER if exact else FLOAT if source.dtype == np.float32 else LEVELS
    assert np.abs(wanted.astype(np.float64) - result).max() <= limit
    return result


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("color", [False, True], ids=["luma", "RGB"])
@pytest.mark.parametrize("program", FUSED, ids=names)
def test_fused(program: Program, color: bool, dtype: Any) -> None:
    for seed, (height, width) in enumerate(SIZES):
        check(program, picture(height, width, color, dtype, seed))


@pytest.mark.parametrize("program", PLAIN, ids=names)
def test_plain(program: Program) -> None:
    for color in (False, True) if program.channels == 1 else (True,):
        for dtype in (np.uint8,) if program.integer else (np.uint8, np.uint16, np.float32):
            for height, width in ((1, 1), (7, 20)):
                check(program, picture(height, width, color, dtype))


@pytest.mark.parametrize("program", [FUSED[1], PLAIN[0], bicubic(2), shifted_bicubic(3, (0.2, -0.2))], ids=names)
@pytest.mark.parametrize("bits", [10, 12, 16])
def test_fewer_bits_than_their_type_has(program: Program, bits: int, uncached: None) -> None:
    source = picture(31, 45, False, np.uint16) >> (16 - bits)
    wanted = reference.run(program, source, bits)
    result = compile(program)(source, bits=bits)
    assert result.dtype == np.uint16 and np.abs(wanted.astype(int) - result).max() <= LEVELS
    assert result.max() < 2**bits
    with pytest.raises(ValueError, match="bits are 9 to 16 of uint16"):
        compile(program)(picture(8, 8, False, np.uint8), bits=10)


def test_which_programs_are_fused() -> None:
    assert all(choose(program)[0] is float32.FORM for program in FUSED)
    assert all(choose(program.color)[0] is float32.FORM for program in FUSED)
    assert all(choose(program.uint8)[0] is fixed_point.FORM for program in FUSED if program.uint8)
    one_layer = (fixed_point.FORM, float32.FORM)
    fused = [program.name for program in PLAIN if choose(program)[0] in one_layer]
    assert fused == ["luma of luma"]


@pytest.mark.slow
@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("kernel", [1, 3, 5, 7])
def test_many_shapes(scale: int, kernel: int) -> None:
    random = np.random.default_rng(scale * 10 + kernel)
    size = int(random.integers(1, 201)), int(random.integers(1, 301))
    for choice, channels in (("none", 1), ("maximum", 7), ("key", 13), ("query*key", 16 if kernel < 7 else 5)):
        program = float_program(choice, scale, kernel, channels, seed=kernel)
        check(program, picture(*size, False, np.float32))
        check(program, picture(40, 61, True, np.uint8))
    for channels, bits in ((2, 6), (16, 12)):
        program = integer_program(scale, kernel, channels, bits, bias=channels == 2, seed=kernel)
        check(program, picture(*size, False, np.uint8))
        check(program, picture(40, 61, True, np.uint8))


@pytest.mark.parametrize("program", [FUSED[4], FUSED[5], FUSED[10], PLAIN[0]], ids=names)
@pytest.mark.parametrize("color", [False, True], ids=["luma", "RGB"])
def test_the_same_whatever_the_tiling_and_the_threads(program: Program, color: bool) -> None:
    for dtype in (np.uint8, np.float32):
        source = picture(61, 150, color, dtype)
        compiled = compile(program)
        whole = compiled(source)
        for threads in (1, 2, 3, 64):
            assert np.array_equal(compiled(source, threads=threads), whole)
        scale, halo = program.scale, 10
        for top, left, bottom, right in ((0, 0, 40, 60), (13, 29, 48, 131), (30, 75, 61, 150), (17, 40, 19, 41)):
            above, before = max(top - halo, 0), max(left - halo, 0)
            tile = compiled(source[above : bottom + halo, before : right + halo])
            inner = tile[(top - above) * scale :, (left - before) * scale :]
            wanted = whole[top * scale : bottom * scale, left * scale : right * scale]
            assert np.array_equal(inner[: wanted.shape[0], : wanted.shape[1]], wanted)


@pytest.mark.parametrize("color", [False, True], ids=["luma", "RGB"])
def test_any_stride(color: bool) -> None:
    program = FUSED[0]
    source = picture(24, 40, color, np.uint8)
    compiled = compile(program)
    for view in (
        source[::-1],
        source[:, ::-1],
        source[::3, ::2],
        source.swapaxes(0, 1),
        source[3:, 5:30],
        np.asfortranarray(source),
        np.broadcast_to(source[:1], source.shape),
        *((source[..., ::-1],) if color else ()),
    ):
        assert np.array_equal(compiled(view), compiled(view.copy()))


def test_read_only_and_unaligned_pictures() -> None:
    source = picture(9, 31, False, np.uint16)
    compiled = compile(FUSED[0])
    wanted = compiled(source)
    source.setflags(write=False)
    assert np.array_equal(compiled(source), wanted)
    shifted = np.frombuffer(b"\0" + source.tobytes(), np.uint8)[1:].view(np.uint16).reshape(source.shape)
    assert not shifted.flags.aligned and np.array_equal(compiled(shifted), wanted)


def test_out() -> None:
    source = picture(20, 30, True, np.uint8)
    compiled = compile(FUSED[5])
    wanted = compiled(source)
    frame = np.zeros((44, 70, 3), np.uint8)
    inside = frame[2:42, 5:65]
    assert compiled(source, inside) is inside
    assert np.array_equal(inside, wanted)
    inside[...] = 0
    assert not frame.any()
    mirrored = np.zeros((40, 60, 3), np.uint8)[:, ::-1]
    compiled(source, mirrored)
    assert np.array_equal(mirrored, wanted)


def test_out_may_overlap_the_picture() -> None:
    frame = np.zeros((40, 60), np.uint8)
    frame[:20, :30] = picture(20, 30, False, np.uint8)
    wanted = compile(FUSED[0])(frame[:20, :30].copy())
    compile(FUSED[0])(frame[:20, :30], frame)
    assert np.array_equal(frame, wanted)


def test_float_results_are_not_clipped() -> None:
    result = check(FUSED[0], picture(20, 20, False, np.float32))
    assert result.min() < 0 or result.max() > 1


def test_compile_keeps_what_it_has() -> None:
    program = float_program("maximum", 2, 3, 1, seed=5)
    assert compile(program) is compile(float_program("maximum", 2, 3, 1, seed=5))
    assert compile(program) is not compile(float_program("maximum", 2, 3, 1, seed=6))
    assert compile(program) is not compile(float_program("maximum", 2, 3, 1, padding="edge", seed=5))


@pytest.mark.parametrize(
    ("source", "options", "error", "message"),
    [
        (np.zeros((4, 4)), {}, TypeError, "a picture must be uint8, uint16 or float32, got float64"),
        (np.zeros((4, 4), ">u2"), {}, TypeError, "a picture must be uint8, uint16 or float32, got >u2"),
        (np.zeros((4, 4), bool), {}, TypeError, "a picture must be uint8, uint16 or float32, got bool"),
        (np.zeros((4, 4, 4), np.uint8), {}, ValueError, r"\(H, W\) luma or \(H, W, 3\) RGB, got shape \(4, 4, 4\)"),
        (np.zeros(4, np.uint8), {}, ValueError, r"\(H, W\) luma or \(H, W, 3\) RGB, got shape \(4,\)"),
        (np.zeros((0, 4), np.uint8), {}, ValueError, r"at least one pixel, got shape \(0, 4\)"),
        (np.full((4, 4), np.nan, np.float32), {}, ValueError, "must not hold NaN or infinity"),
        (np.full((4, 4), -np.inf, np.float32), {}, ValueError, "must not hold NaN or infinity"),
        (np.zeros((4, 4), np.uint8), {"threads": 0}, ValueError, "threads must be at least 1, got 0"),
        (np.zeros((4, 4), np.uint8), {"out": np.zeros((8, 9), np.uint8)}, ValueError, r"out must be .* got \(8, 9\)"),
        (np.broadcast_to(np.uint8(0), (40_000, 20_000)), {}, ValueError, "more than 2\\*\\*31 elements: enlarge it"),
    ],
)
def test_bad_pictures(source: Any, options: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        compile(FUSED[0])(source, **options)


def test_pictures_that_the_program_does_not_take() -> None:
    with pytest.raises(ValueError, match=r"RGB takes \(H, W, 3\) RGB pictures"):
        compile(PLAIN[2])(np.zeros((4, 4), np.uint8))
    with pytest.raises(ValueError, match="wide is an integer program: it takes uint8 pictures, got uint16"):
        compile(wide())(np.zeros((4, 4), np.uint16))


@pytest.mark.parametrize("processor", processors.HERE)
@pytest.mark.parametrize("program", [FUSED[4], FUSED[5]], ids=names)
def test_other_processors(program: Program, processor: str) -> None:
    compiled = Compiled(program, processor_of(processors.HERE[processor]))
    for color in (False, True):
        for dtype in (np.uint8, np.float32):
            source = picture(29, 90, color, dtype)
            whole = compiled(source)
            limit = FLOAT if dtype == np.float32 else INTEGER if program.uint8 else LEVELS
            assert np.abs(whole.astype(np.float64) - reference.run(program, source)).max() <= limit
            right = compiled(source[:, 40:])
            assert np.array_equal(right[:, 20:], whole[:, 100:])


def test_targets_by_name() -> None:
    with pytest.raises(ValueError, match="'x87' is not a Halide target, as x86-64-linux-avx2-fma or arm-64-linux"):
        compile(FUSED[0], "x87")
    assert compile(FUSED[0], "x86-64-linux") is compile(FUSED[0], "x86-64-linux")
    assert compile(FUSED[0], "x86-64-linux") is not compile(FUSED[0])
