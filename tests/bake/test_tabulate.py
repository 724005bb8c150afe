"""Tables against the programs that they are made of, which are their oracle."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from programs import convolution, float_program
from thinlens.bake import tabulate
from thinlens.bake.tabulate import LARGEST_ENTRY, rescale_for, supports, unit_of
from thinlens.program import (
    Activation,
    Add,
    Convolution,
    Lookup,
    Operation,
    PixelShuffle,
    Program,
    ShiftAndSum,
    reference,
)
from thinlens.program.table_reference import lookup, shift_and_sum

PAIR, SQUARE = ((0, 0), (1, 0)), ((0, 0), (0, 1), (1, 0), (1, 1))


def network(scale: int, pixels: Any = PAIR, maps: int = 9, step: int = 1, turns: int = 4, seed: int = 0) -> Program:
    """Layers of 8 features on each turn of the picture, as nets.lower makes them; results around the first pixel."""
    random = np.random.default_rng(seed)
    shuffle = ShiftAndSum(0, scale, maps, step, turns)
    outputs = maps * scale**2
    taps, middle, last = (random.normal(0, 0.4, shape) for shape in ((8, len(pixels)), (8, 8), (outputs, 8)))
    taps[0], middle[0], last[:, 0] = [1, *[0.01] * (len(pixels) - 1)], np.eye(8)[0], 1  # the first pixel goes through
    biases = [random.normal(0, 0.1, len(weight)).astype(np.float32) for weight in (taps, middle, last)]
    ops: list[Operation] = []
    results: list[int] = []
    for turn in range(turns):
        first = np.zeros((8, 1, 3, 3), np.float32)
        for tap, pixel in zip(taps.T, pixels, strict=True):
            y, x = shuffle.rotate(*pixel, turn)
            first[:, 0, 1 + y, 1 + x] = tap
        places = shuffle.places()[turn]
        start = len(ops)
        ops += [
            Convolution(0, first, biases[0], "reflect"),
            Activation(start + 1, "relu"),
            Convolution(start + 2, middle[:, :, None, None].astype(np.float32), biases[1]),
            Activation(start + 3, "tanh"),
            Convolution(
                start + 4,
                (last[places, :, None, None] / (turns * maps)).astype(np.float32),
                biases[2][places] / np.float32(turns * maps),
            ),
        ]
        results.append(len(ops))
    total = results[0]
    for result in results[1:]:
        ops.append(Add(total, result))
        total = len(ops)
    ops.append(PixelShuffle(total, scale) if maps == 1 else ShiftAndSum(total, scale, maps, step))
    return Program(f"network {scale} {len(pixels)} {maps} {step} {turns}", tuple(ops))


PROGRAMS = [
    network(2),
    network(4, step=4),
    network(3, turns=2),
    network(2, turns=1),
    network(2, maps=1),
    network(2, ((0, 0),)),
    network(3, ((0, 0), (1, 1))),
]


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)
def test_every_picture_is_the_networks_but_for_rounding(program: Program) -> None:
    table = tabulate(program)
    assert table.integer and table.scale == program.scale and table.halo <= program.halo
    attached = replace(program, uint8=table)
    turns = sum(isinstance(op, Add) for op in program.ops) + 1
    op = table.ops[0]
    assert isinstance(op, Lookup) and op.table.shape[:2] == (1, 256 ** op.offsets.shape[1]) and len(op.offsets) == turns
    rescale: Any = table.ops[2]
    unit = unit_of(rescale.multiplier, rescale.shift)
    entries = turns * table.ops[1].values()["maps"]
    random = np.random.default_rng(1)
    for size in [(1, 1), (1, 9), (6, 1), (13, 8)]:
        picture = random.integers(0, 256, size, np.uint8)
        exact = np.clip(reference.run(program, picture.astype(np.float32) * np.float32(1 / 255)) * 255, 0, 255)
        difference = reference.run(attached, picture) - exact
        assert np.abs(difference).max() <= entries * unit / 2 + 0.5 + 1 / 64
    assert np.sqrt((difference**2).mean()) <= np.sqrt((entries * unit**2 + 1) / 12) * 1.5


@pytest.mark.parametrize("pixels", [SQUARE[:3], SQUARE], ids=["three", "four"])
def test_samples_of_more_pixels_are_exact_at_samples(pixels: Any) -> None:
    program = network(2, pixels, maps=1)
    table = tabulate(program)
    op = table.ops[0]
    assert isinstance(op, Lookup) and op.interpolation == "simplex"
    assert (op.interval, op.table.shape[1]) == {3: (8, 33**3), 4: (16, 17**4)}[len(pixels)]
    random = np.random.default_rng(1)
    for picture in (
        random.integers(0, 256 // op.interval, (9, 8)) * op.interval,
        np.full((5, 5), 255),  # the sample behind 255 is that of the level 256
    ):
        exact = np.clip(reference.run(program, picture.astype(np.float32) / np.float32(255)) * 255, 0, 255)
        assert np.abs(reference.run(table, picture.astype(np.uint8)) - exact).max() < 3.5
    smooth = np.add.outer(np.arange(30), 3 * np.arange(20)).astype(np.uint8)
    exact = np.clip(reference.run(program, smooth.astype(np.float32) / np.float32(255)) * 255, 0, 255)
    assert np.sqrt(((reference.run(table, smooth) - exact) ** 2).mean()) < 1


def test_the_largest_sum_fits_sixteen_bits() -> None:
    """What the docstring says: 36 entries of 127, or four that come times sixteen."""
    pair = tabulate(network(2))
    for table, sums in ((pair, 4572), (tabulate(network(2, SQUARE, maps=1)), 8128)):
        op, shuffle, _ = table.ops
        assert isinstance(op, Lookup) and isinstance(shuffle, ShiftAndSum) and np.abs(op.table).max() <= LARGEST_ENTRY
        full = replace(op, table=np.full_like(op.table, LARGEST_ENTRY))
        source = np.random.default_rng(0).integers(0, 256, (1, 5, 6), np.int32) << 6
        result = shift_and_sum(shuffle, lookup(full, source))
        assert (result == sums).all() and sums < 2**15


@pytest.mark.parametrize("unit", [1e-3, 0.02, 1 / 64, 0.7, 2.0, 30.0])
@pytest.mark.parametrize("interval", [1, 16])
def test_the_unit_is_as_fine_as_said(unit: float, interval: int) -> None:
    multiplier, shift = rescale_for(unit, interval)
    assert 1 <= multiplier <= 1 << 15 and 0 <= shift <= 31
    assert unit <= unit_of(multiplier, shift, interval) <= unit * (1 + 2**-14)


def test_what_does_not_become_a_table() -> None:
    chains = "does not become a table: that takes one, two or four chains of layers"
    good = network(2)
    assert supports(good) is None
    with pytest.raises(ValueError, match=f"^maximum_s2_K3_C1 {chains[:25]}.*shuffled, or shifted and summed$"):
        tabulate(float_program("maximum", 2, 3, 1))
    two = Program("two", (convolution(0, 3, 1, 3), convolution(1, 4, 3, 3), PixelShuffle(2, 2)))
    assert chains in str(supports(two))
    wide = Program("wide", (convolution(0, 4, 1, 3, "edge"), PixelShuffle(1, 2)))
    assert str(supports(wide)).endswith("it sees 9 pixels, a table is indexed by 1 to 4")
    zeros = Program("zeros", (convolution(0, 4, 1, 3), PixelShuffle(1, 2)))
    assert "padded with zeros, which are no levels" in str(supports(zeros))
    ops = list(good.ops)
    for index in (5, 7, 9):  # the first, the middle and the last layer of the second turn
        layer: Any = ops[index]
        other = [*ops[:index], replace(layer, weight=layer.weight * np.float32(1.01)), *ops[index + 1 :]]
        reason = str(supports(Program("other", tuple(other))))
        assert reason.endswith("its chain 2 is not the first one on the picture turned by 90°")
    assert supports(tabulate(good)) is not None
