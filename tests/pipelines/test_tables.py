"""Programs of tables: pipelines against the reference, bit by bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import processors
from thinlens.kernels import Compiled
from thinlens.kernels.host import processor_of
from thinlens.pipelines import build
from thinlens.program import Add, Lookup, Program, Rescale, ShiftAndSum, reference

TARGETS = {"host": None, **{name: processors.HERE[name] for name in ("SSE4.1", "AVX2") if name in processors.HERE}}
SIZES = [(1, 1), (1, 40), (37, 1), (2, 3), (5, 7), (33, 70)]


def table(rows: int, outputs: int, tables: int = 1) -> Any:
    return np.random.default_rng(rows + outputs).integers(-127, 128, (tables, rows, outputs), np.int8)


def rotations(pixels: Any, number: int = 4) -> Any:
    turn = ShiftAndSum(0, 1)
    return np.array([[(0, *turn.rotate(y, x, r)) for y, x in pixels] for r in range(number)], np.int32)


def pair(scale: int, maps: int = 9, step: int = 1, pixels: Any = ((0, 0), (1, 0)), number: int = 4) -> Program:
    """EC-LUT, or with one map SR-LUT-V."""
    ops = (
        Lookup(0, table(65536, maps * scale**2), rotations(pixels, number)),
        ShiftAndSum(1, scale, maps, step, number),
        Rescale(2, 3, 0),
    )
    return Program(f"pair {scale} {maps} {step}", ops)


def four(scale: int) -> Program:
    """SR-LUT-S."""
    ops = (
        Lookup(0, table(17**4, scale**2), rotations(((0, 0), (0, 1), (1, 0), (1, 1))), 16, "simplex"),
        ShiftAndSum(1, scale, 1, 1, 4),
        Rescale(2, 263177, 15),
    )
    return Program(f"four {scale}", ops)


def layers(scale: int, hidden: int, kernel: int = 3) -> Program:
    """Tables of single values, summed: a hidden layer of 64 levels, then patches."""
    window = range(-(kernel // 2), kernel // 2 + 1)
    first = np.array([[(0, y, x)] for y in window for x in window], np.int32)
    second = np.array([[(c, 0, 0)] for c in range(hidden)], np.int32)
    outputs = 9 * scale**2
    ops = (
        Lookup(0, 8 * table(256, hidden, kernel**2).astype(np.int16), first, border="edge", summed=True),
        Rescale(1, 4, 0, 0, 255 << 6),
        Lookup(2, table(64, outputs, hidden).astype(np.int16), second, 4, summed=True),
        Lookup(0, 4 * table(256, outputs).astype(np.int16), np.zeros((1, 1, 3), np.int32)),
        Add(3, 4),
        ShiftAndSum(5, scale, 9, scale, border="edge"),
        Rescale(6, 2, 0, -32768, 32767),
    )
    return Program(f"layers {scale} {hidden}", ops)


PAIRS = [
    pair(2),
    pair(3),
    pair(4, step=2),
    pair(2, step=2),
    pair(3, step=2),
    pair(3, step=3),
    pair(4, step=4),
    pair(2, 1),
    pair(1),
]
PROGRAMS = [*PAIRS, four(2), four(4), layers(2, 8), layers(3, 5, 5), layers(4, 16)]


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)
def test_every_pixel_is_that_of_the_reference(program: Program, target: str) -> None:
    compiled = Compiled(program, processor_of(TARGETS[target]))
    random = np.random.default_rng(0)
    for size in SIZES:
        for shape in (size, (*size, 3)):
            picture = random.integers(0, 256, shape, np.uint8)
            np.testing.assert_array_equal(compiled(picture, threads=2), reference.run(program, picture))


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)
def test_the_plain_form_computes_them_too(program: Program, monkeypatch: pytest.MonkeyPatch, uncached: None) -> None:
    monkeypatch.setattr(build, "FORMS", build.FORMS[-1:])
    picture = np.random.default_rng(1).integers(0, 256, (9, 14), np.uint8)
    for shape in ((9, 14), (1, 1)):
        cut = picture[: shape[0], : shape[1]]
        np.testing.assert_array_equal(Compiled(program)(cut), reference.run(program, cut))
