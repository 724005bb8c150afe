"""Enlarging along one axis after the other: pipelines equal the reference, which equals the two-dimensional one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from programs import picture
from thinlens.kernels import Compiled
from thinlens.pipelines import axes, plain
from thinlens.pipelines.build import choose
from thinlens.program import PixelShuffle, Program, Upsample, bicubic, reference, shifted_bicubic

SHIFTS = [(0.0, 0.0), (0.125, 0.0), (0.125, -0.125)]


@pytest.mark.parametrize("shift", SHIFTS)
@pytest.mark.parametrize("scale", [2, 3])
def test_pipelines_equal_the_reference(scale: int, shift: tuple[float, float], uncached: None) -> None:
    program = shifted_bicubic(scale, shift)
    compiled = Compiled(program)
    assert choose(program)[0] is axes.FORM and program.uint8 is not None and choose(program.uint8)[0] is axes.FORM
    for height, width in ((1, 1), (1, 70), (67, 1), (18, 33), (35, 129)):
        source = picture(height, width, False, np.uint8)
        found = compiled(source, threads=1)
        assert np.array_equal(found, reference.run(program, source)) and np.array_equal(found, compiled(source))
    for dtype, bits, limit in ((np.uint16, 10, 1), (np.float32, None, 2e-6)):
        source = picture(18, 33, False, dtype)
        source = source >> 6 if bits else source
        wanted = reference.run(program, source, bits)
        assert np.abs(compiled(source, bits=bits).astype(float) - wanted).max() <= limit


@pytest.mark.parametrize("shift", SHIFTS)
def test_integers_are_within_a_level_of_floats(shift: tuple[float, float]) -> None:
    program = shifted_bicubic(2, shift)
    source = np.random.default_rng(1).choice(np.array([0, 255], np.uint8), (40, 60))
    exact = reference.run(program, source.astype(np.float32) / np.float32(255)).clip(0, 1) * 255
    assert np.abs(reference.run(program, source) - exact).max() <= 0.6
    flat = np.full((9, 9), 200, np.uint8)
    assert (reference.run(program, flat) == 200).all()


def test_without_a_shift_it_is_the_other_program() -> None:
    source = picture(20, 31, False, np.float32)
    assert np.allclose(reference.run(shifted_bicubic(3), source), reference.run(bicubic(3), source), atol=1e-6)


def test_what_it_means() -> None:
    """Each result is made of the taps around its own pixel: down first."""
    down = np.array([[0, 1, 0], [0.5, 0.5, 0]], np.float32)
    across = np.array([[0, 1, 0], [0, 0, 1]], np.float32)
    found = reference.run(Program("taps", (Upsample(0, down, across),)), np.array([[1, 2], [5, 8]], np.float32) / 8)
    assert (found * 8).tolist() == [[1, 2, 2, 2], [1, 2, 2, 2], [5, 8, 8, 8], [3, 5, 5, 5]]


def test_other_programs_take_the_plain_form() -> None:
    taps = np.array([[0, 2**15, 0], [2**15, -(2**15), 2**15]], np.int32)
    steep = Program("steep", (Upsample(0, taps, taps),))
    two = Program(
        "two", (Upsample(0, *[np.ones((1, 1), np.float32)] * 2), Upsample(1, *[np.ones((2, 1), np.float32)] * 2))
    )
    for program in (steep, two):
        assert choose(program)[0] is plain.FORM
        source = picture(9, 14, False, np.uint8)
        assert np.array_equal(Compiled(program)(source), reference.run(program, source))


@pytest.mark.parametrize(
    ("down", "across", "message"),
    [
        (np.ones((2, 3), np.float32), np.ones((2, 5), np.float32), "must be alike"),
        (np.ones((2, 3), np.float32), np.ones((2, 3), np.int32), "must be alike"),
        (np.ones((2, 2), np.float32), np.ones((2, 2), np.float32), "odd number of taps"),
        (np.full((2, 3), 32769, np.int32), np.ones((2, 3), np.int32), "-32768 to 32768"),
        (np.full((2, 3), np.nan, np.float32), np.ones((2, 3), np.float32), "finite"),
    ],
)
def test_operations_that_are_refused(down: Any, across: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Program("bad", (Upsample(0, down, across),))


def test_integers_and_floats_do_not_mix() -> None:
    ones = np.ones((1, 1), np.float32)
    taps = np.full((2, 1), 2**15, np.int32)
    with pytest.raises(ValueError, match="mixes integer and float"):
        Program("mixed", (Upsample(0, taps, taps), Upsample(1, ones, ones)))
    assert Program("whole", (Upsample(0, taps, taps), PixelShuffle(1, 1))).integer
